//! What can go wrong: opening an artifact ([`Error`]) and scoring a record ([`ScoreError`]).

use std::path::PathBuf;
use std::sync::Arc;

use crate::features::state::StateError;
use crate::features::window::EventError;
use crate::model::ModelError;
use crate::schema::SchemaError;

/// Why an artifact, or a snapshot, was refused. Nothing of it has been used.
#[derive(Debug, thiserror::Error)]
#[error("{file} refused{}: {kind}", Place(*section, *offset))]
pub struct Error {
    file: &'static str,
    kind: ErrorKind,
    section: Option<&'static str>,
    offset: Option<u64>,
}

impl Error {
    /// What is wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The section in which it was found.
    pub fn section(&self) -> Option<&'static str> {
        self.section
    }

    /// The byte of the file at which it was found.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }

    pub(crate) fn at(kind: ErrorKind, offset: u64) -> Self {
        Self { offset: Some(offset), ..kind.into() }
    }

    pub(crate) fn within(kind: ErrorKind, section: &'static str) -> Self {
        Self { section: Some(section), ..kind.into() }
    }

    /// The same, with the byte at which it was found.
    pub(crate) fn and_at(self, offset: u64) -> Self {
        Self { offset: Some(offset), ..self }
    }

    /// The same, of a snapshot.
    pub(crate) fn of_snapshot(self) -> Self {
        let kind = match self.kind {
            ErrorKind::Magic => ErrorKind::Header {
                what: "not a shroff snapshot: the first bytes are not its signature",
            },
            kind => kind,
        };
        Self { file: "snapshot", kind, ..self }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { file: "artifact", kind, section: None, offset: None }
    }
}

/// A hash as people compare it.
struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

struct Place(Option<&'static str>, Option<u64>);

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0, self.1) {
            (Some(section), None) => write!(f, " in section {section}"),
            (Some(section), Some(offset)) => write!(f, " in section {section} at byte {offset}"),
            (None, Some(offset)) => write!(f, " at byte {offset}"),
            (None, None) => Ok(()),
        }
    }
}

/// The kinds of [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file could not be read.
    #[error("cannot read {}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// The file could not be written.
    #[error("cannot be written: {reason}")]
    Write {
        /// The system's reason.
        reason: std::io::Error,
    },
    /// The states are those of other windows.
    #[error(
        "expected states of window program {}, found those of {}; publish a snapshot for this model's windows",
        Hex(expected),
        Hex(found)
    )]
    OtherWindows {
        /// The hash of the program at hand.
        expected: [u8; 32],
        /// The hash of the program whose states they are.
        found: [u8; 32],
    },
    /// The file is larger than any artifact may be.
    #[error("expected at most {limit} bytes, found {found}")]
    TooLarge {
        /// Most bytes allowed.
        limit: u64,
        /// The file's size.
        found: u64,
    },
    /// The file does not begin like an artifact.
    #[error("not a shroff artifact: the first bytes are not its signature")]
    Magic,
    /// The file was written by a newer shroff.
    #[error(
        "format version {found} is not one this library reads ({oldest} to {newest}); update the library or publish with an older trainer"
    )]
    FormatVersion {
        /// The file's format version.
        found: u32,
        /// The oldest version this library reads.
        oldest: u32,
        /// The newest version this library reads.
        newest: u32,
    },
    /// The file ends too early or too late, or a length does not add up.
    #[error("{what}: expected {expected}, found {found}")]
    Length {
        /// Which length.
        what: &'static str,
        /// What it should be.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// A field of the header or the section table holds what it must not.
    #[error("{what}")]
    Header {
        /// What is wrong.
        what: &'static str,
    },
    /// The bytes are not those that were written.
    #[error("checksum of the {what} does not match: the file is damaged")]
    Checksum {
        /// Header and table, or the section's content.
        what: &'static str,
    },
    /// A section that must be understood is not.
    #[error(
        "section kind {kind} version {version} is required and unknown to this library; update it"
    )]
    UnknownSection {
        /// The section's kind.
        kind: u32,
        /// Its version.
        version: u16,
    },
    /// A required section is not there.
    #[error("the section is missing")]
    MissingSection,
    /// The section's bytes are not an encoding of its content.
    #[error("the content cannot be decoded: {reason}")]
    Decode {
        /// The codec's reason.
        reason: String,
    },
    /// A code stands for nothing.
    #[error("unknown code {found} for {what}")]
    Code {
        /// What the code should name.
        what: &'static str,
        /// The code.
        found: u64,
    },
    /// The content contradicts itself.
    #[error("{what}")]
    Content {
        /// What is wrong.
        what: &'static str,
    },
    /// The schema or the feature program is not sound.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The model or its calibration is not sound.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The state of an entity is not sound.
    #[error(transparent)]
    State(#[from] StateError),
    /// A golden record does not score as it did where the model was made.
    #[error("golden record {row} should give {expected} but gives {found}")]
    Golden {
        /// Its position.
        row: usize,
        /// What the file promises.
        expected: String,
        /// What this library computes.
        found: String,
    },
    /// The artifact is a draft, which only a trainer may open.
    #[error("this is a draft without golden records; it is not for scoring")]
    Draft,
}

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
        "expected the values of {expected} velocity features, found {found}; `Scorer::windows` gives them for an `event` and the states of its entities, and `score_record_with`, `Bound::score_with` and `Store::score` take them"
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
