//! Measures of a fraud model, computed exactly from labels and scores.
//!
//! [`Scored`] proves its input once; [`Ranking`] sorts it once and serves every measure that
//! depends on the order of the scores, thresholds included; [`Order`] is sorted once for any number
//! of weights, as [`bootstrap`] asks for, which says how sure measures are; [`Alerts`] are counted
//! and [`CardDays`] looked at by the day; [`Measures`] is the set that a run records and prints. A
//! weight says how many rows a row stands for: weight 2 is the same as the row twice, weight 0 as no
//! row. Sums run in row order and logarithms come from `libm`, so the same rows give the same bits
//! everywhere.

mod alerts;
mod bands;
pub mod bootstrap;
mod calibration;
mod cards;
mod cost;
mod day;
mod judged;
mod known_compromised;
mod measures;
mod order;
mod probability;
mod ranking;
#[cfg(test)]
pub(crate) mod sample;
mod scored;

pub use alerts::{AlertUnit, Alerts};
pub use bands::{AboveEdge, BandMeasures, band_measures};
pub use calibration::{CALIBRATION_BINS, CalibrationBin, calibration_bins, calibration_error};
pub use cards::CardDays;
pub use cost::{Action, CostPolicy, DeclineCost, Payment, Tier, expected_cost, least_cost_edges};
pub use day::local_day;
pub use judged::Judged;
pub use known_compromised::{CompromiseWindow, known_compromised};
pub use measures::{Budgets, FPR_LIMITS, Measures, PARTIAL_AUC_FPR};
pub use order::{Order, Sweep};
pub use probability::{LOG_LOSS_CLIP, brier, log_loss, observed_over_expected};
pub use ranking::{Ranking, ScoreGroup};
pub use scored::{MAX_ROWS, MetricError, Scored};
