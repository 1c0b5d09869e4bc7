//! The sections: their kinds, and their wire structs, which are frozen once released. A change is a
//! new version of one section beside the old one, never a new field in an old struct.

mod evidence;
mod golden;
mod model;
mod schema;
mod windows;

pub(super) use evidence::{BandsV1, GoldenV1, ProvenanceV1, ReasonsV1, ReferenceV1};
pub(super) use golden::GoldenV2;
pub(super) use model::{CalibrationV1, ModelV1};
pub(super) use schema::{ProgramV1, ProgramV2, ProgramV3, SchemaV1, SchemaV2};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::{self, Undecoded};
use crate::error::ErrorKind;

/// A section this library knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Schema,
    Program,
    Model,
    Calibration,
    Bands,
    Golden,
    Reasons,
    Reference,
    Provenance,
}

impl Section {
    const ALL: [Self; 9] = [
        Self::Schema,
        Self::Program,
        Self::Model,
        Self::Calibration,
        Self::Bands,
        Self::Golden,
        Self::Reasons,
        Self::Reference,
        Self::Provenance,
    ];

    pub(super) fn of(kind: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.kind() == kind)
    }

    /// The number in the section table.
    pub(super) fn kind(self) -> u32 {
        match self {
            Self::Schema => 1,
            Self::Program => 2,
            Self::Model => 3,
            Self::Calibration => 4,
            Self::Bands => 5,
            Self::Golden => 6,
            Self::Reasons => 7,
            Self::Reference => 8,
            Self::Provenance => 9,
        }
    }

    /// The newest version that this library knows, and writes where an older one will not do.
    pub(super) fn version(self) -> u16 {
        match self {
            Self::Program => 3,
            Self::Schema | Self::Golden => 2,
            _ => 1,
        }
    }

    pub(super) fn is_required(self) -> bool {
        !matches!(self, Self::Bands | Self::Reasons | Self::Reference)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Schema => "SCHEMA",
            Self::Program => "PROGRAM",
            Self::Model => "MODEL",
            Self::Calibration => "CALIBRATION",
            Self::Bands => "BANDS",
            Self::Golden => "GOLDEN",
            Self::Reasons => "REASONS",
            Self::Reference => "REFERENCE",
            Self::Provenance => "PROVENANCE",
        }
    }
}

pub(super) fn name(kind: u32) -> &'static str {
    Section::of(kind).map_or("unknown", Section::name)
}

/// A wire struct and what it stands for.
pub(super) trait Body: Serialize + DeserializeOwned {
    type Content;
    const SECTION: Section;
    const VERSION: u16 = 1;
    /// [`into_content`](Self::into_content) refuses what would be written otherwise, so that this need not be
    /// found out by writing it: worth the care where a section is large.
    const REFUSES_OTHER_FORMS: bool = false;

    /// Whether this is the version in which such content is written: the oldest that holds it.
    fn suits(_content: &Self::Content) -> bool {
        true
    }

    fn from_content(content: &Self::Content) -> Self;
    fn into_content(self) -> Result<Self::Content, ErrorKind>;
}

pub(super) fn encode<B: Body>(content: &B::Content) -> Result<Vec<u8>, ErrorKind> {
    codec::encode(&B::from_content(content))
}

/// The content of a section. Writing it again must give the same bytes, so that nothing can hide
/// in fields the content does not use.
pub(super) fn decode<B: Body>(bytes: &[u8]) -> Result<B::Content, Undecoded> {
    let whole = |kind| (kind, 0);
    let content = codec::decode::<B>(bytes)?.into_content().map_err(whole)?;
    if !B::suits(&content) {
        let what = "the section is of another version than its content asks for";
        return Err(whole(ErrorKind::Content { what }));
    }
    let is_canonical = || codec::is_written_as(&B::from_content(&content), bytes);
    debug_assert!(!B::REFUSES_OTHER_FORMS || is_canonical(), "another form was not refused");
    if !B::REFUSES_OTHER_FORMS && !is_canonical() {
        let what = "the section is not in its canonical form";
        return Err(whole(ErrorKind::Content { what }));
    }
    Ok(content)
}

/// A length as the wire has it. Contents are checked before writing, so none is near the limit.
fn wire_length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
