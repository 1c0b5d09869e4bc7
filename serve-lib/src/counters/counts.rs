//! What was counted, as plain numbers.

use std::sync::Arc;

use super::PROBABILITY_EDGES;
use crate::artifact::ArtifactId;

/// The counts of [`Counters`](super::Counters) at one time, since they were made.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Counts {
    /// The model's name.
    pub model: String,
    /// The model's name by content.
    pub artifact: ArtifactId,
    /// What was not scored.
    pub rejected: RejectedCounts,
    /// Odd values of each feature, in the schema's order, of all that was scored or that a policy
    /// rejected.
    pub features: Vec<FeatureCounts>,
    /// Scores by probability: bin `i` holds those above edge `i - 1` and up to edge `i` of
    /// [`PROBABILITY_EDGES`].
    pub bins: [u64; PROBABILITY_EDGES.len() + 1],
    /// The sum of the probabilities, each rounded down to a multiple of 2⁻³².
    pub probability_sum: f64,
    /// Scores by band, from the lowest up; empty when the model has no bands.
    pub bands: Vec<(String, u64)>,
}

/// What was not scored, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RejectedCounts {
    /// A policy rejected a missing value.
    pub missing: u64,
    /// A policy rejected text that is not in the vocabulary.
    pub unseen: u64,
    /// A policy rejected a number out of range.
    pub out_of_range: u64,
    /// A value was of another type than its input, such as text that is no time.
    pub wrong_type: u64,
    /// A row, record or struct was of another length or shape.
    pub wrong_shape: u64,
}

/// Odd values of one feature. A record with several of them is counted once in each; a feature has
/// at most one in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeatureCounts {
    /// The feature's name.
    pub feature: Arc<str>,
    /// A null, NaN or empty text, or what cannot be computed.
    pub missing: u64,
    /// Text that is not in the vocabulary; none for a feature that has no vocabulary.
    pub unseen: Option<u64>,
    /// A number outside the declared range, infinite or too large; none for a feature that is no
    /// such number.
    pub out_of_range: Option<u64>,
}

impl Counts {
    /// How many were scored.
    pub fn scored(&self) -> u64 {
        self.bins.iter().sum()
    }
}
