//! Why a record was not scored.

use std::sync::Arc;

use super::Hex;
use crate::features::window::EventError;

/// Why a record was not scored. There is never a made-up score in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct ScoreError(ScoreErrorKind);

/// The kinds of [`ScoreError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreErrorKind {
    /// Another number of values than the schema has inputs.
    #[error("expected a record of {expected} values, found {found}")]
    RecordLength {
        /// Inputs of the schema.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// Another number of values than the schema has features.
    #[error("expected a row of {expected} values, found {found}")]
    RowLength {
        /// Features of the schema.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A batch whose parts have lengths that do not fit.
    #[error("expected {expected} {what}, found {found}")]
    BatchLength {
        /// What was counted.
        what: &'static str,
        /// What the schema and the buffer for the scores ask for.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A value of another type than its input.
    #[error("input {input:?}: expected {expected}, found {found}")]
    WrongType {
        /// The input's name.
        input: Arc<str>,
        /// Its type.
        expected: &'static str,
        /// The value's type.
        found: &'static str,
    },
    /// A bound struct serialises otherwise than the sample did that it was bound with.
    #[error(
        "field {field:?}: expected {expected}, found {found}: the value has another shape than the sample it was bound with"
    )]
    Shape {
        /// The field, `outer.inner` within a nested struct.
        field: Arc<str>,
        /// What the sample had.
        expected: &'static str,
        /// What the value has: a shape, or the name of another field.
        found: &'static str,
    },
    /// The scorer is of another model than the counters.
    #[error(
        "expected the scorer of artifact {expected}, for which the counters were made, found that of {found}"
    )]
    OtherModel {
        /// The counters' artifact.
        expected: Arc<str>,
        /// The scorer's.
        found: Arc<str>,
    },
    /// Another number of velocity features than the model has, or none where it has some.
    #[error(
        "expected the values of {expected} velocity features, found {found}; `Scorer::windows` gives them for an `event` and the states of its entities, `score_record_with` and `Bound::score_with` take them, `StateStore::score` does all of it"
    )]
    VelocityLength {
        /// Velocity features of the model.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// An event was asked for by a model without velocity features.
    #[error("the model has no velocity features, so that there is no event to observe")]
    NoWindows,
    /// A store of the states of other windows than the model's.
    #[error(
        "expected a store of window program {}…, found one of {}…; begin a new one with a snapshot for this model's windows",
        Hex(expected),
        Hex(found)
    )]
    OtherWindows {
        /// The beginning of the hash of the model's windows.
        expected: [u8; 8],
        /// The beginning of that of the store's.
        found: [u8; 8],
    },
    /// The values make no event, such as a time that is null.
    #[error(transparent)]
    Event(EventError),
    /// The feature's policy rejects such a value.
    #[error("feature {feature:?}: its policy rejects {reason}")]
    Rejected {
        /// The feature's name.
        feature: Arc<str>,
        /// What it rejects.
        reason: RejectReason,
    },
}

/// What a policy rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// A null or NaN.
    Missing,
    /// Text that is not in the vocabulary.
    Unseen,
    /// A number outside the declared range.
    OutOfRange,
}

impl std::fmt::Display for RejectReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Missing => "a missing value",
            Self::Unseen => "a value it has not seen",
            Self::OutOfRange => "a value out of range",
        })
    }
}

impl From<EventError> for ScoreError {
    fn from(error: EventError) -> Self {
        Self(ScoreErrorKind::Event(error))
    }
}

impl ScoreError {
    /// What went wrong.
    pub fn kind(&self) -> &ScoreErrorKind {
        &self.0
    }

    pub(crate) fn record_length(expected: usize, found: usize) -> Self {
        Self(ScoreErrorKind::RecordLength { expected, found })
    }

    pub(crate) fn batch_length(what: &'static str, expected: usize, found: usize) -> Self {
        Self(ScoreErrorKind::BatchLength { what, expected, found })
    }

    pub(crate) fn velocity(expected: usize, found: usize) -> Self {
        Self(ScoreErrorKind::VelocityLength { expected, found })
    }

    #[cfg(feature = "store")]
    pub(crate) fn other_windows(expected: &[u8; 32], found: &[u8; 32]) -> Self {
        let beginning = |hash: &[u8; 32]| hash.first_chunk().copied().unwrap_or_default();
        let (expected, found) = (beginning(expected), beginning(found));
        Self(ScoreErrorKind::OtherWindows { expected, found })
    }

    pub(crate) fn no_windows() -> Self {
        Self(ScoreErrorKind::NoWindows)
    }

    pub(crate) fn row_length(expected: usize, found: usize) -> Self {
        Self(ScoreErrorKind::RowLength { expected, found })
    }

    pub(crate) fn wrong_type(input: Arc<str>, expected: &'static str, found: &'static str) -> Self {
        Self(ScoreErrorKind::WrongType { input, expected, found })
    }

    pub(crate) fn shape(field: Arc<str>, expected: &'static str, found: &'static str) -> Self {
        Self(ScoreErrorKind::Shape { field, expected, found })
    }

    pub(crate) fn other_model(expected: Arc<str>, found: Arc<str>) -> Self {
        Self(ScoreErrorKind::OtherModel { expected, found })
    }

    pub(crate) fn rejected(feature: Arc<str>, reason: RejectReason) -> Self {
        Self(ScoreErrorKind::Rejected { feature, reason })
    }
}
