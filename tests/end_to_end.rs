//! The weekly job from a file of transactions to a promoted artifact, held against independent truth:
//! byte comparison, counts and measures computed naively from the CSV files.

mod backtest;
mod bands;
mod drift;
mod encoders;
mod explain;
mod gate;
mod label;
mod naive;
mod page;
mod parity;
mod part;
mod policies;
mod published;
mod rate;
mod refused;
mod repeat;
mod score;
mod search;
mod upkeep;
mod velocity;
mod window;
