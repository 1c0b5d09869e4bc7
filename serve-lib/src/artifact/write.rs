//! From contents to bytes. The same contents give the same bytes.

use super::contents::Contents;
use super::section::{self, Body};
use super::{read, wire};
use crate::error::{Error, ErrorKind};

/// The bytes of an artifact for scoring.
///
/// # Errors
/// Contents that [`read`](super::read) would refuse: what cannot be read is never written.
pub fn write(contents: &Contents) -> Result<Vec<u8>, Error> {
    assemble(contents, false)
}

/// The bytes of a draft: schema, features, model and calibration, to be opened by a trainer that
/// computes bands, reference and golden records from it.
///
/// # Errors
/// As [`write()`].
pub fn write_draft(contents: &Contents) -> Result<Vec<u8>, Error> {
    assemble(contents, true)
}

fn assemble(contents: &Contents, draft: bool) -> Result<Vec<u8>, Error> {
    read::check(contents, draft)?;
    let mut sections = vec![
        either::<section::SchemaV1, section::SchemaV2>(&contents.schema)?,
        match section::ProgramV3::suits(&contents.program) {
            false => either::<section::ProgramV1, section::ProgramV2>(&contents.program)?,
            true => encode::<section::ProgramV3>(&contents.program)?,
        },
        encode::<section::ModelV1>(&contents.model)?,
        encode::<section::CalibrationV1>(&contents.calibration)?,
    ];
    if let Some(bands) = &contents.bands {
        sections.push(encode::<section::BandsV1>(bands)?);
    }
    if !draft {
        sections.push(either::<section::GoldenV1, section::GoldenV2>(&contents.golden)?);
    }
    if !contents.reasons.is_empty() {
        sections.push(encode::<section::ReasonsV1>(&contents.reasons)?);
    }
    if let Some(reference) = &contents.reference {
        sections.push(encode::<section::ReferenceV1>(reference)?);
    }
    sections.push(encode::<section::ProvenanceV1>(&contents.provenance)?);
    wire::assemble(draft, &sections)
}

/// In the older of two versions that holds the content.
fn either<A: Body, B: Body<Content = A::Content>>(
    content: &A::Content,
) -> Result<(u32, u16, bool, Vec<u8>), Error> {
    if A::suits(content) { encode::<A>(content) } else { encode::<B>(content) }
}

fn encode<B: Body>(content: &B::Content) -> Result<(u32, u16, bool, Vec<u8>), Error> {
    let section = B::SECTION;
    let bytes = section::encode::<B>(content)
        .map_err(|kind: ErrorKind| Error::within(kind, section.name()))?;
    Ok((section.kind(), B::VERSION, section.is_required(), bytes))
}
