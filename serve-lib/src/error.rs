//! What can go wrong: opening an artifact ([`Error`]) and scoring a record ([`ScoreError`]).

mod score;

use std::path::PathBuf;

use crate::features::state::StateError;
use crate::model::ModelError;
use crate::schema::SchemaError;

pub use self::score::{RejectReason, ScoreError, ScoreErrorKind};

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

    /// The same, of a section, with the byte at which it was found.
    pub(crate) fn of_section(self, section: &'static str, offset: u64) -> Self {
        Self { section: Some(section), offset: Some(offset), ..self }
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
    /// The file, or a section of it, is larger than the format or the backend's limits allow.
    #[error("expected at most {limit} bytes, found {found}")]
    TooLarge {
        /// Most bytes allowed.
        limit: u64,
        /// The file's size.
        found: u64,
    },
    /// A row would take more steps than were allowed.
    #[error("expected a model of at most {limit} steps a row, found one of {found}")]
    TooManySteps {
        /// Most steps allowed.
        limit: u64,
        /// Those of the model, at most.
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
