//! Results for people: tables in plain text, and the page.
#![doc = include_str!("../../METRICS.md")]

mod backtest;
mod drift;
mod evidence;
mod importance;
mod interval;
mod page;
mod parity;
mod table;
mod text;

pub use backtest::backtest;
pub use drift::drift;
pub use evidence::{
    Evidence, Importance as FeatureImportance, Period, Point, ProbabilityBin, ScoreBins, Shown,
    Slice, operating_points,
};
pub use importance::{Importance, importance};
pub use interval::comparison;
pub use page::{PageVerdict, backtest_page, comparison_page, page};
pub use parity::parity;
pub use table::Table;
pub use text::{evaluation, retraining};
