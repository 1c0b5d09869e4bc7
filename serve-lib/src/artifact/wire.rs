//! The only file with byte offsets: the 64-byte header and the section table, of artifacts and of snapshots.

use super::{ArtifactId, MAX_ARTIFACT_BYTES};
use crate::Limits;
use crate::error::{Error, ErrorKind};

/// The format version this library writes. It is not the crate's version.
pub const FORMAT_VERSION: u32 = 1;
/// The oldest format version this library reads.
pub const OLDEST_READABLE_VERSION: u32 = 1;
/// Bytes of the header.
pub const HEADER_BYTES: usize = 64;
/// Bytes of one entry of the section table.
pub const SECTION_ENTRY_BYTES: usize = 64;

/// What tells one kind of file from another.
pub(crate) struct FileKind {
    /// Its first bytes. A byte above 127 and the line ends show damage by a text transfer; 1A ends a
    /// listing on some terminals.
    magic: [u8; 8],
    pub(crate) max_sections: u32,
    /// The flags that may be set.
    flags: u32,
}

const ARTIFACT: FileKind = FileKind {
    magic: [0x89, b'S', b'H', b'R', b'F', 0x0D, 0x0A, 0x1A],
    max_sections: 64,
    flags: DRAFT,
};
/// Its table stands at the end, so that it can be written section by section.
pub(crate) const SNAPSHOT: FileKind = FileKind {
    magic: [0x89, b'S', b'H', b'S', b'T', 0x0D, 0x0A, 0x1A],
    max_sections: 65_536,
    flags: 0,
};
/// Header flag: a draft, without golden records.
const DRAFT: u32 = 1;
/// Section flag: a reader that does not know the section must refuse the artifact.
const REQUIRED: u16 = 1;
/// The bytes of the header that the root covers, before the root itself.
const ROOTED_HEADER_BYTES: usize = 32;

const _: () = assert!(HEADER_BYTES == 8 + 4 + 4 + 8 + 4 + 4 + 32);
const _: () = assert!(SECTION_ENTRY_BYTES == 4 + 2 + 2 + 8 + 8 + 8 + 32);

/// One line of the section table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: u32,
    pub(crate) version: u16,
    pub(crate) required: bool,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) hash: [u8; 32],
}

impl Entry {
    /// Appends its bytes.
    pub(crate) fn write(&self, table: &mut Vec<u8>) {
        table.extend(self.kind.to_le_bytes());
        table.extend(self.version.to_le_bytes());
        table.extend(if self.required { REQUIRED } else { 0 }.to_le_bytes());
        table.extend(self.offset.to_le_bytes());
        table.extend(self.length.to_le_bytes());
        table.extend(0_u64.to_le_bytes());
        table.extend(self.hash);
    }
}

/// What a header says.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) n_sections: u32,
    flags: u32,
    root: [u8; 32],
}

/// Header and table of a file whose frame, root and section hashes are proved.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) id: ArtifactId,
    pub(super) draft: bool,
    pub(super) entries: Vec<Entry>,
}

impl Frame {
    /// The hash of the section of this kind; zeros where there is none.
    pub(super) fn hash_of(&self, kind: u32) -> [u8; 32] {
        let entry = self.entries.iter().find(|entry| entry.kind == kind);
        entry.map_or([0; 32], |entry| entry.hash)
    }
}

/// Lays out sections, given as (kind, version, required, content), one after the other.
pub(super) fn assemble(
    draft: bool,
    sections: &[(u32, u16, bool, Vec<u8>)],
) -> Result<Vec<u8>, Error> {
    let too_large = |found| Error::from(ErrorKind::TooLarge { limit: MAX_ARTIFACT_BYTES, found });
    let table_bytes = sections.len().saturating_mul(SECTION_ENTRY_BYTES);
    let mut offset = HEADER_BYTES.saturating_add(table_bytes) as u64;
    let mut table = Vec::with_capacity(table_bytes);
    for (kind, version, required, content) in sections {
        let length = content.len() as u64;
        let (kind, version, required) = (*kind, *version, *required);
        let hash = *blake3::hash(content).as_bytes();
        Entry { kind, version, required, offset, length, hash }.write(&mut table);
        offset = offset.checked_add(length).ok_or_else(|| too_large(u64::MAX))?;
    }
    if offset > MAX_ARTIFACT_BYTES {
        return Err(too_large(offset));
    }
    let n_sections = u32::try_from(sections.len()).unwrap_or(u32::MAX);
    let mut bytes = header(&ARTIFACT, n_sections, offset, if draft { DRAFT } else { 0 }, &table);
    bytes.extend(table);
    for (.., content) in sections {
        bytes.extend(content);
    }
    Ok(bytes)
}

/// The header of a file of this length with this table.
pub(crate) fn header(
    file: &FileKind,
    n_sections: u32,
    length: u64,
    flags: u32,
    table: &[u8],
) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend(file.magic);
    header.extend(FORMAT_VERSION.to_le_bytes());
    header.extend(n_sections.to_le_bytes());
    header.extend(length.to_le_bytes());
    header.extend(flags.to_le_bytes());
    header.extend(0_u32.to_le_bytes());
    header.extend(root(&header, table));
    header
}

/// Proves the frame of a file, each step using only what the steps before it proved: size, magic,
/// version, flags, declared length, table bounds and order, root, section hashes.
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Frame, Error> {
    let found = bytes.len() as u64;
    check_size(found, limits.max_artifact_bytes.min(MAX_ARTIFACT_BYTES))?;
    let header = parse_header(&ARTIFACT, bytes, found)?;
    let (table, entries) = parse_table(bytes.get(HEADER_BYTES..).unwrap_or_default(), &header)?;
    let start = HEADER_BYTES.saturating_add(table.len()) as u64;
    check_layout(&entries, start, found, super::section::name)?;
    let descends = entries.iter().zip(entries.iter().skip(1)).any(|(a, b)| a.kind >= b.kind);
    if descends {
        let what = "sections should be in ascending order of kind";
        return Err(ErrorKind::Header { what }.into());
    }
    for entry in &entries {
        check_size(entry.length, limits.max_section_bytes)
            .map_err(|error| error.of_section(super::section::name(entry.kind), entry.offset))?;
    }
    check_root(bytes, table, &header)?;
    for entry in &entries {
        check_hash(entry, section_bytes(bytes, entry), super::section::name(entry.kind))?;
    }
    let (id, draft) = (ArtifactId::from_bytes(header.root), header.flags & DRAFT != 0);
    Ok(Frame { id, draft, entries })
}

/// A file or a section of so many bytes is within a limit.
pub(crate) fn check_size(found: u64, limit: u64) -> Result<(), Error> {
    if found > limit { Err(ErrorKind::TooLarge { limit, found }.into()) } else { Ok(()) }
}

/// Reads the header at the beginning of these bytes, of a file that is `found` bytes long.
pub(crate) fn parse_header(file: &FileKind, bytes: &[u8], found: u64) -> Result<Header, Error> {
    let mut cursor = Cursor { bytes, position: 0 };
    if cursor.take::<8>("signature")? != file.magic {
        return Err(ErrorKind::Magic.into());
    }
    let version = cursor.u32("format version")?;
    if !(OLDEST_READABLE_VERSION..=FORMAT_VERSION).contains(&version) {
        return Err(ErrorKind::FormatVersion {
            found: version,
            oldest: OLDEST_READABLE_VERSION,
            newest: FORMAT_VERSION,
        }
        .into());
    }
    let n_sections = cursor.u32("section count")?;
    if !(1..=file.max_sections).contains(&n_sections) {
        return Err(header_error(
            "the number of sections should be 1 or more, and no more than such files have",
            12,
        ));
    }
    let total = cursor.u64("file length")?;
    if total != found {
        return Err(Error::at(ErrorKind::Length { what: "file", expected: total, found }, 16));
    }
    let flags = cursor.u32("flags")?;
    if flags & !file.flags != 0 {
        return Err(header_error("an unknown flag is set", 24));
    }
    if cursor.u32("reserved")? != 0 {
        return Err(header_error("the reserved bytes should be zero", 28));
    }
    let root = cursor.take::<32>("root")?;
    Ok(Header { n_sections, flags, root })
}

/// The table at the beginning of these bytes, and what it says.
pub(crate) fn parse_table<'a>(
    bytes: &'a [u8],
    header: &Header,
) -> Result<(&'a [u8], Vec<Entry>), Error> {
    let mut cursor = Cursor { bytes, position: 0 };
    let entries = (0..header.n_sections).map(|_| entry(&mut cursor)).collect::<Result<_, _>>()?;
    Ok((bytes.get(..cursor.position).unwrap_or_default(), entries))
}

/// Proves that header and table are those that were written; the first bytes of the file are the header.
pub(crate) fn check_root(bytes: &[u8], table: &[u8], header: &Header) -> Result<(), Error> {
    if root(bytes.get(..ROOTED_HEADER_BYTES).unwrap_or_default(), table) == header.root {
        return Ok(());
    }
    Err(ErrorKind::Checksum { what: "header and section table" }.into())
}

/// Proves that a section's content is that which was written.
pub(crate) fn check_hash(entry: &Entry, content: &[u8], name: &'static str) -> Result<(), Error> {
    if *blake3::hash(content).as_bytes() == entry.hash {
        return Ok(());
    }
    let kind = ErrorKind::Checksum { what: "section's content" };
    Err(Error::from(kind).of_section(name, entry.offset))
}

/// The error with the place of its section, where it has no other.
pub(crate) fn locate(bytes: &[u8], error: Error) -> Error {
    let (Some(section), None) = (error.section(), error.offset()) else { return error };
    let header = parse_header(&ARTIFACT, bytes, bytes.len() as u64);
    let table = header
        .and_then(|header| parse_table(bytes.get(HEADER_BYTES..).unwrap_or_default(), &header));
    let is_it = |entry: &&Entry| super::section::name(entry.kind) == section;
    let found = table.ok().and_then(|(_, entries)| Some(entries.iter().find(is_it)?.offset));
    match found {
        Some(offset) => error.and_at(offset),
        None => error,
    }
}

/// The content of a section whose bounds [`parse`] proved.
pub(super) fn section_bytes<'a>(bytes: &'a [u8], entry: &Entry) -> &'a [u8] {
    let end = entry.offset.saturating_add(entry.length);
    let range = usize::try_from(entry.offset).ok().zip(usize::try_from(end).ok());
    range.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default()
}

fn root(header: &[u8], table: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header);
    hasher.update(table);
    *hasher.finalize().as_bytes()
}

fn entry(cursor: &mut Cursor<'_>) -> Result<Entry, Error> {
    let kind = cursor.u32("section kind")?;
    let version = u16::from_le_bytes(cursor.take("section version")?);
    let at = cursor.position as u64;
    let flags = u16::from_le_bytes(cursor.take("section flags")?);
    if flags & !REQUIRED != 0 {
        return Err(header_error("an unknown section flag is set", at));
    }
    let offset = cursor.u64("section offset")?;
    let length = cursor.u64("section length")?;
    let at = cursor.position as u64;
    if cursor.u64("reserved")? != 0 {
        return Err(header_error("the reserved bytes of a section should be zero", at));
    }
    let hash = cursor.take("section hash")?;
    Ok(Entry { kind, version, required: flags & REQUIRED != 0, offset, length, hash })
}

/// Sections follow one another from `start` to `total` without gap or overlap: a file has one meaning.
pub(crate) fn check_layout(
    entries: &[Entry],
    start: u64,
    total: u64,
    name: fn(u32) -> &'static str,
) -> Result<(), Error> {
    let mut expected = start;
    for entry in entries {
        let fail = |kind| Error::from(kind).of_section(name(entry.kind), expected);
        if entry.offset != expected {
            let what = "section offset";
            return Err(fail(ErrorKind::Length { what, expected, found: entry.offset }));
        }
        expected =
            expected.checked_add(entry.length).filter(|end| *end <= total).ok_or_else(|| {
                let rest = total.saturating_sub(entry.offset);
                let (what, found) = ("section length", entry.length);
                fail(ErrorKind::Length { what, expected: rest, found })
            })?;
    }
    if expected != total {
        let what = "end of the last section";
        return Err(ErrorKind::Length { what, expected: total, found: expected }.into());
    }
    Ok(())
}

fn header_error(what: &'static str, offset: u64) -> Error {
    Error::at(ErrorKind::Header { what }, offset)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Cursor<'_> {
    /// The next `N` bytes, or an error that names the thing that could not be read.
    fn take<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let Some(chunk) = rest.first_chunk::<N>() else {
            let (expected, found) = (N as u64, rest.len() as u64);
            return Err(Error::at(
                ErrorKind::Length { what, expected, found },
                self.position as u64,
            ));
        };
        self.position = self.position.saturating_add(N);
        Ok(*chunk)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, Error> {
        self.take(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, Error> {
        self.take(what).map(u64::from_le_bytes)
    }
}
