//! From bytes to contents, refusing at the first thing that is not as it should be.

use super::contents::{Contents, ReasonCode};
use super::section::{self, Section};
use super::wire::{self, Frame};
use super::{ArtifactId, GOLDEN_RECORDS, section::Body};
use crate::Limits;
use crate::error::{Error, ErrorKind};
use crate::features::window::Windows;
use crate::limits::MAX_STEPS;

/// A file that was read and proved, golden records aside: those need a scorer.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Its name by content.
    pub id: ArtifactId,
    /// BLAKE3 of the SCHEMA section: artifacts of one schema hash take the same records and rows.
    pub schema_hash: [u8; 32],
    /// A draft holds no golden records and is not for scoring in a backend.
    pub is_draft: bool,
    /// What it holds.
    pub contents: Contents,
}

/// A line of the section table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionInfo {
    /// The section's name, `unknown` for a kind this library does not know.
    pub name: &'static str,
    /// Its kind.
    pub kind: u32,
    /// Its version.
    pub version: u16,
    /// A reader must understand it.
    pub required: bool,
    /// Its length in bytes.
    pub length: u64,
}

/// Reads an artifact: frame and hashes first, then each section, then what sections say of one
/// another. Memory grows with the file, never with what the file claims.
///
/// # Errors
/// What is wrong, in which section and at which byte.
pub fn read(bytes: &[u8]) -> Result<Artifact, Error> {
    read_within(bytes, &Limits::default())
}

/// As [`read`], within limits of one's own.
///
/// # Errors
/// As [`read`], and for what exceeds the limits.
pub fn read_within(bytes: &[u8], limits: &Limits) -> Result<Artifact, Error> {
    let frame = wire::parse(bytes, limits)?;
    read_sections(bytes, frame, limits).map_err(|error| wire::locate(bytes, error))
}

fn read_sections(bytes: &[u8], frame: Frame, limits: &Limits) -> Result<Artifact, Error> {
    let reader = Reader { bytes, frame: &frame };
    reader.refuse_unknown()?;
    let schema = reader.required_either::<section::SchemaV1, section::SchemaV2>()?;
    let program = match reader.optional::<section::ProgramV3>()? {
        None => reader.required_either::<section::ProgramV1, section::ProgramV2>()?,
        Some(program) => program,
    };
    let model = reader.required::<section::ModelV1>()?;
    let calibration = reader.required::<section::CalibrationV1>()?;
    let bands = reader.optional::<section::BandsV1>()?;
    let golden = reader.either::<section::GoldenV1, section::GoldenV2>()?;
    let reasons = reader.optional::<section::ReasonsV1>()?;
    let reference = reader.optional::<section::ReferenceV1>()?;
    let provenance = reader.required::<section::ProvenanceV1>()?;

    if frame.draft == golden.is_some() {
        let what = "golden records should be there exactly when the artifact is no draft";
        return Err(Error::within(ErrorKind::Content { what }, Section::Golden.name()));
    }
    let contents = Contents {
        schema,
        program,
        model,
        calibration,
        bands,
        golden: golden.unwrap_or_default(),
        reasons: reasons.unwrap_or_default(),
        reference,
        provenance,
    };
    check(&contents, frame.draft)?;
    check_steps(&contents, limits)?;
    let schema_hash = frame.hash_of(Section::Schema.kind());
    Ok(Artifact { id: frame.id, schema_hash, is_draft: frame.draft, contents })
}

/// The section table of a file whose frame and hashes are sound.
///
/// # Errors
/// As [`read`], as far as the frame goes.
pub fn sections(bytes: &[u8]) -> Result<Vec<SectionInfo>, Error> {
    let frame = wire::parse(bytes, &Limits::default())?;
    let info = |entry: &wire::Entry| SectionInfo {
        name: section::name(entry.kind),
        kind: entry.kind,
        version: entry.version,
        required: entry.required,
        length: entry.length,
    };
    Ok(frame.entries.iter().map(info).collect())
}

/// No step is counted where any number is allowed.
fn check_steps(contents: &Contents, limits: &Limits) -> Result<(), Error> {
    let limit = limits.max_steps;
    if limit < MAX_STEPS && contents.model.max_steps() > limit {
        let found = contents.model.max_steps();
        let kind = ErrorKind::TooManySteps { limit, found };
        return Err(Error::within(kind, Section::Model.name()));
    }
    Ok(())
}

/// What sections say of one another. Also run before writing, so that nothing unreadable is written.
pub(super) fn check(contents: &Contents, draft: bool) -> Result<(), Error> {
    let within = |section: Section| move |kind: ErrorKind| Error::within(kind, section.name());
    contents.schema.check().map_err(|e| within(Section::Schema)(e.into()))?;
    contents.program.check(&contents.schema).map_err(|e| within(Section::Program)(e.into()))?;
    let row_types = contents.schema.row_types();
    contents.model.check(&row_types).map_err(|e| within(Section::Model)(e.into()))?;
    contents.calibration.check().map_err(|e| within(Section::Calibration)(e.into()))?;
    if !contents.calibration.prior.suits(&contents.model) {
        let what = "the prior correction is of another kind than the model";
        return Err(within(Section::Calibration)(ErrorKind::Content { what }));
    }
    if let Some(what) = contents.bands.as_ref().and_then(|bands| bands.problem()) {
        return Err(within(Section::Bands)(ErrorKind::Content { what }));
    }
    if !draft && !GOLDEN_RECORDS.contains(&contents.golden.len()) {
        let what = "golden records should number 64 to 256";
        return Err(within(Section::Golden)(ErrorKind::Content { what }));
    }
    if let Some(what) = ReasonCode::problem(&contents.reasons, row_types.len()) {
        return Err(within(Section::Reasons)(ErrorKind::Content { what }));
    }
    let n_keys = contents.program.windows.as_ref().map_or(0, Windows::n_keys);
    if contents.golden.iter().any(|golden| golden.states.len() != n_keys) {
        let what = "a golden record should have a state or none for each key of the windows";
        return Err(within(Section::Golden)(ErrorKind::Content { what }));
    }
    if let Some(reference) = &contents.reference {
        let fail = |what| within(Section::Reference)(ErrorKind::Content { what });
        if reference.features.len() != row_types.len() {
            return Err(fail("a reference should have one histogram a feature"));
        }
        for (histogram, row_type) in reference.features.iter().zip(&row_types) {
            histogram.problem(row_type.n_categories()).map_or(Ok(()), |what| Err(fail(what)))?;
        }
        reference.margin.problem(None).map_or(Ok(()), |what| Err(fail(what)))?;
    }
    Ok(())
}

struct Reader<'a> {
    bytes: &'a [u8],
    frame: &'a Frame,
}

impl Reader<'_> {
    fn refuse_unknown(&self) -> Result<(), Error> {
        let unknown = self.frame.entries.iter().find(|entry| {
            let newest = Section::of(entry.kind).map_or(0, Section::version);
            entry.required && !(1..=newest).contains(&entry.version)
        });
        match unknown {
            Some(entry) => {
                let kind = ErrorKind::UnknownSection { kind: entry.kind, version: entry.version };
                Err(Error::within(kind, section::name(entry.kind)))
            }
            None => Ok(()),
        }
    }

    fn required<B: Body>(&self) -> Result<B::Content, Error> {
        self.optional::<B>()?.ok_or_else(|| missing(B::SECTION))
    }

    fn required_either<A: Body, B: Body<Content = A::Content>>(&self) -> Result<A::Content, Error> {
        self.either::<A, B>()?.ok_or_else(|| missing(A::SECTION))
    }

    /// The content of a section that is written in one of two versions.
    fn either<A: Body, B: Body<Content = A::Content>>(&self) -> Result<Option<A::Content>, Error> {
        match self.optional::<A>()? {
            None => self.optional::<B>(),
            content => Ok(content),
        }
    }

    /// The content of a section; none when it is absent or of an optional version unknown here.
    fn optional<B: Body>(&self) -> Result<Option<B::Content>, Error> {
        let section = B::SECTION;
        let entry = self
            .frame
            .entries
            .iter()
            .find(|entry| entry.kind == section.kind() && entry.version == B::VERSION);
        let Some(entry) = entry else { return Ok(None) };
        if entry.required != section.is_required() {
            let what = "the section's required flag is not what its kind asks for";
            return Err(Error::within(ErrorKind::Header { what }, section.name()));
        }
        section::decode::<B>(wire::section_bytes(self.bytes, entry)).map(Some).map_err(
            |(kind, used)| {
                let offset = entry.offset.saturating_add(used as u64);
                Error::from(kind).of_section(section.name(), offset)
            },
        )
    }
}

fn missing(section: Section) -> Error {
    Error::within(ErrorKind::MissingSection, section.name())
}
