//! The weekly job from a file of transactions to a promoted artifact, held against independent truth:
//! byte comparison, counts and measures computed naively from the CSV files.

mod encoders;
mod explain;
mod gate;
mod label;
mod naive;
mod part;
mod policies;
mod published;
mod rate;
mod repeat;
mod score;
mod upkeep;
mod velocity;
mod window;
