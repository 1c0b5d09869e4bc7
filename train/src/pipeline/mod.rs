//! The weekly job as a readable list of steps.

pub mod backtest;
mod champion;
mod fit;
mod gate;
mod intervals;
mod measure;
mod prepare;
mod retrain;
mod search;
mod snapshot;

pub use backtest::{BacktestOptions, backtest};
pub use fit::{Competitor, Trained};
pub(crate) use intervals::{cluster_keys, clusters, columns, cut, put_intervals, resampled};
pub use measure::Measured;
pub(crate) use measure::measured;
pub use prepare::Prepared;
pub(crate) use prepare::compromised;
pub use retrain::{Outcome, RetrainOptions, retrain, train};
pub use snapshot::{publish_snapshot, write_snapshot};

use crate::learner::Progress;

/// Hears what a long job is doing. Quiet by default; a terminal shows it.
pub trait Reporter: Progress {
    /// A step begins.
    fn step(&self, what: &str);
    /// Something a person should know, that is no error.
    fn note(&self, what: &str);
}

impl Reporter for crate::learner::NoProgress {
    fn step(&self, _: &str) {}
    fn note(&self, _: &str) {}
}
