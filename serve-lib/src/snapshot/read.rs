//! Reads a snapshot, section after section.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{ABOUT, MAX_SECTION_BYTES, STATES, VERSION, name};
use crate::Limits;
use crate::artifact::wire::{self, Entry, HEADER_BYTES, SECTION_ENTRY_BYTES, SNAPSHOT};
use crate::error::{Error, ErrorKind};
use crate::features::window::EntityKey;

/// A snapshot whose header and table are proved. Its states are read on demand.
#[derive(Debug)]
pub struct Snapshot<R = File> {
    source: R,
    path: PathBuf,
    /// Those of states.
    sections: Vec<Entry>,
    window_hash: [u8; 32],
    as_of: i64,
    max_state_bytes: u64,
}

/// The state of an entity as a snapshot has it: proved by
/// [`EntityState::decode`](crate::features::state::EntityState::decode) alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavedState<'a> {
    /// The entity.
    pub entity: EntityKey,
    /// The key it is an entity of.
    pub key: usize,
    /// The state's bytes.
    pub bytes: &'a [u8],
}

impl Snapshot {
    /// Opens a snapshot file.
    ///
    /// # Errors
    /// A file that cannot be read, or a header or table that is not as it should be.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_within(path, &Limits::default())
    }

    /// As [`Snapshot::open`], within limits of one's own.
    ///
    /// # Errors
    /// As [`Snapshot::open`], and for what exceeds the limits; a state that does is refused when it is read.
    pub fn open_within(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, Error> {
        let path = path.as_ref();
        let io = |reason| Error::from(ErrorKind::Io { path: path.to_owned(), reason });
        let file = File::open(path).map_err(|reason| io(reason).of_snapshot())?;
        Self::begin(file, path.to_owned(), limits).map_err(Error::of_snapshot)
    }
}

impl<R: Read + Seek> Snapshot<R> {
    /// As [`Snapshot::open`], for bytes from elsewhere.
    ///
    /// # Errors
    /// As [`Snapshot::open`].
    pub fn read(source: R) -> Result<Self, Error> {
        Self::read_within(source, &Limits::default())
    }

    /// As [`Snapshot::open_within`], for bytes from elsewhere.
    ///
    /// # Errors
    /// As [`Snapshot::open_within`].
    pub fn read_within(source: R, limits: &Limits) -> Result<Self, Error> {
        Self::begin(source, PathBuf::new(), limits).map_err(Error::of_snapshot)
    }

    fn begin(mut source: R, path: PathBuf, limits: &Limits) -> Result<Self, Error> {
        let io = |reason| ErrorKind::Io { path: path.clone(), reason };
        let found = source.seek(SeekFrom::End(0)).map_err(io)?;
        wire::check_size(found, limits.max_snapshot_bytes)?;
        source.seek(SeekFrom::Start(0)).map_err(io)?;
        let mut header_bytes = Vec::with_capacity(HEADER_BYTES);
        source.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut header_bytes).map_err(io)?;
        let header = wire::parse_header(&SNAPSHOT, &header_bytes, found)?;
        let table_bytes = u64::from(header.n_sections).saturating_mul(SECTION_ENTRY_BYTES as u64);
        let table_start = found.saturating_sub(table_bytes);
        if table_start < HEADER_BYTES as u64 {
            let expected = table_bytes.saturating_add(HEADER_BYTES as u64);
            let kind = ErrorKind::Length { what: "section table", expected, found };
            return Err(Error::at(kind, table_start));
        }
        source.seek(SeekFrom::Start(table_start)).map_err(io)?;
        let mut table = Vec::new();
        source.by_ref().take(table_bytes).read_to_end(&mut table).map_err(io)?;
        let (_, sections) = wire::parse_table(&table, &header)?;
        wire::check_root(&header_bytes, &table, &header)?;
        wire::check_layout(&sections, HEADER_BYTES as u64, table_start, name)?;
        let limit = limits.max_section_bytes.min(MAX_SECTION_BYTES);
        sections.iter().try_for_each(|entry| check_entry(entry, limit))?;
        let [about, states @ ..] = &sections[..] else {
            return Err(Error::within(ErrorKind::MissingSection, name(ABOUT)));
        };
        if about.kind != ABOUT || states.iter().any(|entry| entry.kind != STATES) {
            let what = "sections should be ABOUT, then those of states";
            return Err(ErrorKind::Header { what }.into());
        }
        let (sections, window_hash, as_of) = (states.to_vec(), [0; 32], 0);
        let about = about.clone();
        let max_state_bytes = limits.max_state_bytes;
        let mut snapshot = Self { source, path, sections, window_hash, as_of, max_state_bytes };
        let content = snapshot.content(&about)?;
        wire::check_hash(&about, &content, name(ABOUT))?;
        (snapshot.window_hash, snapshot.as_of) = read_about(&content, &about)?;
        Ok(snapshot)
    }

    /// The hash of the window program whose states it holds.
    pub fn window_hash(&self) -> &[u8; 32] {
        &self.window_hash
    }

    /// The exclusive end of the events in it, in microseconds since 1970 UTC.
    pub fn as_of(&self) -> i64 {
        self.as_of
    }

    /// Hands out every state, in ascending order of the entities; how many there were.
    ///
    /// # Errors
    /// A section that is not as it should be, or what `each` reports of a state, with the place of both. States
    /// handed out before were sound.
    pub fn for_each(
        &mut self,
        mut each: impl FnMut(SavedState<'_>) -> Result<(), ErrorKind>,
    ) -> Result<u64, Error> {
        let (mut n_states, mut last) = (0_u64, None);
        for section in self.sections() {
            let section = section?;
            for (offset, state) in section.states_after(last)? {
                each(state).map_err(|kind| state_error(kind, offset))?;
                (n_states, last) = (n_states.saturating_add(1), Some(state.entity));
            }
        }
        Ok(n_states)
    }

    /// Every section of states as it lies in the file.
    pub(crate) fn sections(&mut self) -> impl Iterator<Item = Result<Section, Error>> {
        let max_state_bytes = self.max_state_bytes;
        let entries = self.sections.clone().into_iter();
        entries.map(move |entry| {
            let content = self.content(&entry).map_err(Error::of_snapshot)?;
            Ok(Section { entry, content, max_state_bytes })
        })
    }

    /// The bytes of a section. Its length was proved to lie within the file.
    fn content(&mut self, section: &Entry) -> Result<Vec<u8>, Error> {
        let io = |reason| ErrorKind::Io { path: self.path.clone(), reason };
        self.source.seek(SeekFrom::Start(section.offset)).map_err(io)?;
        let mut content = Vec::with_capacity(usize::try_from(section.length).unwrap_or(0));
        self.source.by_ref().take(section.length).read_to_end(&mut content).map_err(io)?;
        Ok(content)
    }
}

/// A section of states of which nothing is proved yet.
#[derive(Debug)]
pub(crate) struct Section {
    entry: Entry,
    content: Vec<u8>,
    max_state_bytes: u64,
}

impl Section {
    /// Its states, with the place of each in the file, once its hash is proved. Entities are in ascending order, from
    /// behind the last one of the section before where that is known.
    pub(crate) fn states_after(
        &self,
        mut last: Option<EntityKey>,
    ) -> Result<Vec<(u64, SavedState<'_>)>, Error> {
        wire::check_hash(&self.entry, &self.content, name(STATES)).map_err(Error::of_snapshot)?;
        let mut rest = Rest { bytes: &self.content, section: &self.entry };
        let mut states = Vec::new();
        while !rest.bytes.is_empty() {
            let offset = rest.offset();
            let state = rest.state().map_err(Error::of_snapshot)?;
            if last.replace(state.entity).is_some_and(|last| last >= state.entity) {
                return Err(out_of_order(offset));
            }
            let (limit, found) = (self.max_state_bytes, state.bytes.len() as u64);
            if found > limit {
                return Err(state_error(ErrorKind::TooLarge { limit, found }, offset));
            }
            states.push((offset, state));
        }
        Ok(states)
    }
}

/// What is wrong with the state at this place in the file.
pub(crate) fn state_error(kind: ErrorKind, offset: u64) -> Error {
    Error::from(kind).of_section(name(STATES), offset).of_snapshot()
}

/// Of an entity that does not come after the one before it.
pub(crate) fn out_of_order(offset: u64) -> Error {
    let what = "entities should be in ascending order, each once";
    state_error(ErrorKind::Content { what }, offset)
}

fn check_entry(entry: &Entry, limit: u64) -> Result<(), Error> {
    let fail = |kind| Err(Error::from(kind).of_section(name(entry.kind), entry.offset));
    if !matches!(entry.kind, ABOUT | STATES) || entry.version != VERSION {
        return fail(ErrorKind::UnknownSection { kind: entry.kind, version: entry.version });
    }
    if !entry.required {
        let what = "the section's required flag is not what its kind asks for";
        return fail(ErrorKind::Header { what });
    }
    if entry.length > limit {
        return fail(ErrorKind::TooLarge { limit, found: entry.length });
    }
    if entry.length == 0 {
        return fail(ErrorKind::Length { what: "section content", expected: 1, found: 0 });
    }
    Ok(())
}

fn read_about(content: &[u8], section: &Entry) -> Result<([u8; 32], i64), Error> {
    let mut rest = Rest { bytes: content, section };
    let (hash, as_of) = (rest.array("window-program hash")?, rest.array("as_of")?);
    if rest.bytes.is_empty() {
        return Ok((hash, i64::from_le_bytes(as_of)));
    }
    let (expected, found) = (40, section.length);
    let kind = ErrorKind::Length { what: "section content", expected, found };
    Err(Error::from(kind).of_section(name(ABOUT), section.offset))
}

/// What is yet to be read of a section.
struct Rest<'a> {
    bytes: &'a [u8],
    section: &'a Entry,
}

impl<'a> Rest<'a> {
    fn state(&mut self) -> Result<SavedState<'a>, Error> {
        let offset = self.offset();
        let entity = EntityKey::from_bits(u128::from_le_bytes(self.array("entity")?));
        let key = u32::from_le_bytes(self.array("key")?) as usize;
        let length = u32::from_le_bytes(self.array("length of a state")?);
        let Some(entity) = entity else {
            let what = "no entity is named 0";
            return Err(self.error(ErrorKind::Content { what }, offset));
        };
        Ok(SavedState { entity, key, bytes: self.take(length as usize, "state")? })
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        let bytes = self.take(N, what)?;
        Ok(bytes.first_chunk().copied().unwrap_or([0; N]))
    }

    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], Error> {
        let Some((bytes, rest)) = self.bytes.split_at_checked(length) else {
            let (expected, found) = (length as u64, self.bytes.len() as u64);
            return Err(self.error(ErrorKind::Length { what, expected, found }, self.offset()));
        };
        self.bytes = rest;
        Ok(bytes)
    }

    /// Where in the file the next byte stands.
    fn offset(&self) -> u64 {
        let end = self.section.offset.saturating_add(self.section.length);
        end.saturating_sub(self.bytes.len() as u64)
    }

    fn error(&self, kind: ErrorKind, offset: u64) -> Error {
        Error::from(kind).of_section(name(self.section.kind), offset)
    }
}
