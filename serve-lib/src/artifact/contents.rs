//! What an artifact holds, in plain types.

use std::collections::BTreeSet;

use crate::error::RejectReason;
use crate::features::Program;
use crate::features::state::{EntityState, StateError};
use crate::features::window::Windows;
use crate::model::{Calibration, Model};
use crate::record::Value;
use crate::schema::{MAX_NAME_BYTES, Schema};

/// Longest text of a reason, in bytes.
const MAX_TEXT_BYTES: usize = 1_024;

/// Everything a score depends on, and where it came from.
#[derive(Debug, Clone)]
pub struct Contents {
    /// Inputs and features.
    pub schema: Schema,
    /// How inputs become features.
    pub program: Program,
    /// What the learner found.
    pub model: Model,
    /// From margin to probability.
    pub calibration: Calibration,
    /// Names for ranges of the margin; absent without a calibrate window.
    pub bands: Option<Bands>,
    /// Records with the scores they must give; empty in a draft.
    pub golden: Vec<GoldenRecord>,
    /// What groups of features are called in explanations; empty when nothing is declared.
    pub reasons: Vec<ReasonCode>,
    /// What features and margins looked like in the calibrate window; absent without one.
    pub reference: Option<Reference>,
    /// Where the model came from.
    pub provenance: Provenance,
}

/// Ranges of the margin, from the lowest up.
#[derive(Debug, Clone, PartialEq)]
pub struct Bands {
    /// One name more than there are edges.
    pub names: Vec<String>,
    /// Strictly increasing margins; a margin equal to an edge lies above it.
    pub edges: Vec<f64>,
    /// How the edges were chosen, in words.
    pub assumptions: String,
}

/// A record and what scoring it must give, bit for bit.
#[derive(Debug, Clone)]
pub struct GoldenRecord {
    /// One value per input.
    pub values: Vec<OwnedValue>,
    /// For each key of the windows the state of the record's entity, as
    /// [`EntityState::encode`] gives it; none for an entity of which nothing is known. Empty without windows.
    pub states: Vec<Option<Vec<u8>>>,
    /// The score or the rejection.
    pub expected: Expected,
}

/// A [`Value`] that owns its text.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum OwnedValue {
    /// Nothing is known.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
    /// Microseconds since 1970-01-01T00:00:00 UTC.
    Time(i64),
}

/// What a golden record must give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expected {
    /// A score with these very bits.
    Score {
        /// The margin.
        margin: f64,
        /// The probability.
        probability: f64,
    },
    /// A rejection by the policy of the feature at this position.
    Rejected {
        /// Position of the feature.
        feature: u32,
        /// Why.
        reason: RejectReason,
    },
}

/// A group of features under one name, for those who must say why a transaction was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonCode {
    /// Its name, `R12`; unique, and 1 to 256 bytes long.
    pub code: String,
    /// What it says, in words: 1 to 1,024 bytes.
    pub text: String,
    /// Positions of its features in the row, strictly ascending; no feature is in two groups.
    pub features: Vec<u32>,
}

/// Histograms of the calibrate window, which is never down-sampled.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Rows counted.
    pub n_rows: u64,
    /// One histogram per feature, in the schema's order.
    pub features: Vec<Histogram>,
    /// The margins.
    pub margin: Histogram,
}

/// How values are spread. Each counts with the weight of its row, so that rows which stand for
/// others, such as those that a policy let through, give the spread of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Strictly increasing; bin `i` holds `edges[i-1] < x <= edges[i]`. Empty for a category.
    pub edges: Vec<f64>,
    /// Weight of the values in each bin, of which there is one more than edges; for a category per
    /// code.
    pub weights: Vec<f64>,
    /// Weight of missing values.
    pub missing: f64,
}

/// Where a model came from. Nothing here depends on a clock, a host, a path or a thread count.
#[derive(Debug, Clone, PartialEq)]
pub struct Provenance {
    /// The model's name.
    pub model_name: String,
    /// The exclusive end of the data, in microseconds; none for data without time.
    pub as_of: Option<i64>,
    /// The windows that were used, in the order of time.
    pub windows: Vec<Window>,
    /// BLAKE3 over the contents of the sources.
    pub data_fingerprint: [u8; 32],
    /// The data's columns by role (`label`, `time`, `amount`, `id`, `entity`, `weight`), in order.
    pub columns: Vec<(String, String)>,
    /// The resolved configuration as JSON, without paths and thread counts.
    pub config: String,
    /// The learner's name.
    pub learner: String,
    /// The learner's parameters as JSON.
    pub parameters: String,
    /// Version of the trainer.
    pub code_version: String,
}

/// A window of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// `train`, `stop`, `calibrate` or `test`.
    pub name: String,
    /// Inclusive start in microseconds; none when the split is not by time.
    pub from: Option<i64>,
    /// Exclusive end in microseconds.
    pub to: Option<i64>,
    /// Labelled rows.
    pub rows: u64,
    /// Of them frauds.
    pub frauds: u64,
}

impl GoldenRecord {
    /// The states, each of its key.
    ///
    /// # Errors
    /// Bytes that are no state of these windows.
    pub(crate) fn decoded_states(
        &self,
        windows: Option<&Windows>,
    ) -> Result<Vec<Option<EntityState>>, StateError> {
        let Some(windows) = windows else { return Ok(Vec::new()) };
        let decoded = self.states.iter().enumerate().map(|(key, bytes)| {
            bytes.as_ref().map(|bytes| EntityState::decode(windows, key, bytes)).transpose()
        });
        decoded.collect()
    }
}

impl OwnedValue {
    /// The value, borrowed.
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(value) => Value::Number(*value),
            Self::Integer(value) => Value::Integer(*value),
            Self::Text(value) => Value::Text(value),
            Self::Time(value) => Value::Time(*value),
        }
    }
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(value) => Self::Number(value),
            Value::Integer(value) => Self::Integer(value),
            Value::Text(value) => Self::Text(value.to_owned()),
            Value::Time(value) => Self::Time(value),
        }
    }
}

impl Bands {
    /// The position of the band a margin lies in, 0 for the lowest.
    pub fn index(&self, margin: f64) -> usize {
        self.edges.partition_point(|edge| *edge <= margin)
    }

    pub(super) fn problem(&self) -> Option<&'static str> {
        if self.edges.is_empty() || self.edges.len() > 64 {
            return Some("bands should have 1 to 64 edges");
        }
        if self.names.len() != self.edges.len().saturating_add(1) {
            return Some("bands should have one name more than edges");
        }
        if self.names.iter().any(|name| name.is_empty() || name.len() > 256) {
            return Some("a band's name should have 1 to 256 bytes");
        }
        let increasing = self.edges.iter().zip(self.edges.iter().skip(1)).all(|(a, b)| a < b);
        if !increasing || self.edges.iter().any(|edge| !edge.is_finite()) {
            return Some("band edges should be finite and strictly increasing");
        }
        None
    }
}

impl ReasonCode {
    /// What is wrong with these groups of so many features.
    pub(super) fn problem(reasons: &[Self], n_features: usize) -> Option<&'static str> {
        let mut codes = BTreeSet::new();
        let mut is_taken = vec![false; n_features];
        for Self { code, text, features } in reasons {
            if code.is_empty() || code.len() > MAX_NAME_BYTES {
                return Some("a reason's code should have 1 to 256 bytes");
            }
            if !codes.insert(code) {
                return Some("a reason's code appears twice");
            }
            if text.is_empty() || text.len() > MAX_TEXT_BYTES {
                return Some("a reason's text should have 1 to 1024 bytes");
            }
            if features.is_empty() {
                return Some("a reason should have a feature");
            }
            if features.iter().zip(features.iter().skip(1)).any(|(a, b)| a >= b) {
                return Some("a reason's features should ascend");
            }
            for &feature in features {
                match is_taken.get_mut(feature as usize) {
                    None => return Some("a reason names a feature that is not in the schema"),
                    Some(true) => return Some("a feature is in two reasons"),
                    Some(is_taken) => *is_taken = true,
                }
            }
        }
        None
    }
}

impl Histogram {
    pub(super) fn problem(&self, categories: Option<u32>) -> Option<&'static str> {
        let expected = match categories {
            Some(n_categories) if self.edges.is_empty() => n_categories as usize,
            Some(_) => return Some("a category's histogram should have no edges"),
            None => self.edges.len().saturating_add(1),
        };
        if self.weights.len() != expected {
            return Some("a histogram has another number of weights than of bins");
        }
        let is_weight = |weight: &f64| weight.is_finite() && *weight >= 0.0;
        if !self.weights.iter().chain([&self.missing]).all(is_weight) {
            return Some("weights of a histogram should be finite and 0 or more");
        }
        let increasing = self.edges.iter().zip(self.edges.iter().skip(1)).all(|(a, b)| a < b);
        if !increasing || self.edges.iter().any(|edge| !edge.is_finite()) {
            return Some("histogram edges should be finite and strictly increasing");
        }
        None
    }
}
