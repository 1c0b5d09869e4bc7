//! Results for people: tables in plain text.
#![doc = include_str!("../../METRICS.md")]

mod backtest;
mod importance;
mod table;
mod text;

pub use backtest::backtest;
pub use importance::{Importance, importance};
pub use table::Table;
pub use text::{evaluation, retraining};
