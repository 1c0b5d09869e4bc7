//! Writes a snapshot, state after state.

use std::io::{Seek, SeekFrom, Write};

use super::{ABOUT, FULL_SECTION_BYTES, MAX_SECTION_BYTES, STATES, VERSION};
use crate::artifact::wire::{self, Entry, HEADER_BYTES, SECTION_ENTRY_BYTES, SNAPSHOT};
use crate::error::{Error, ErrorKind};
use crate::features::state::EntityState;
use crate::features::window::{EntityKey, Windows};

/// A snapshot in the making. Until [`finish`](Self::finish) the file is none, so that a job that died leaves
/// nothing that could be mistaken for one.
#[derive(Debug)]
pub struct SnapshotWriter<'w, W> {
    out: W,
    windows: &'w Windows,
    /// The lines of the table so far.
    table: Vec<u8>,
    n_sections: u32,
    /// Where the next section begins.
    offset: u64,
    section: Vec<u8>,
    last: Option<EntityKey>,
}

impl<'w, W: Write + Seek> SnapshotWriter<'w, W> {
    /// Begins a snapshot of the states of these windows, for all events before `as_of` (microseconds since
    /// 1970 UTC), at the beginning of `out`.
    ///
    /// # Errors
    /// What `out` reports.
    pub fn new(mut out: W, windows: &'w Windows, as_of: i64) -> Result<Self, Error> {
        out.write_all(&[0; HEADER_BYTES]).map_err(io)?;
        let section = [&windows.hash()[..], &as_of.to_le_bytes()].concat();
        let (table, last) = (Vec::new(), None);
        let offset = HEADER_BYTES as u64;
        let mut writer = Self { out, windows, table, n_sections: 0, offset, section, last };
        writer.end_section(ABOUT)?;
        Ok(writer)
    }

    /// Adds the state of an entity; each after those of smaller names.
    ///
    /// # Errors
    /// An entity out of order, a state of more than [`MAX_SECTION_BYTES`], what the output reports.
    pub fn push(&mut self, entity: EntityKey, state: &EntityState) -> Result<(), Error> {
        let windows = self.windows;
        self.push_with(entity, state.key(), |section| state.encode(windows, section))
    }

    /// As [`push`](Self::push), for the state of an entity of `key` as the bytes that
    /// [`EntityState::encode`] gave of it. They are not looked into.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_encoded(
        &mut self,
        entity: EntityKey,
        key: usize,
        bytes: &[u8],
    ) -> Result<(), Error> {
        self.push_with(entity, key, |section| section.extend(bytes))
    }

    fn push_with(
        &mut self,
        entity: EntityKey,
        key: usize,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Error> {
        if self.last.replace(entity).is_some_and(|last| last >= entity) {
            let what = "entities should be in ascending order, each once";
            return Err(refused(ErrorKind::Content { what }));
        }
        self.section.extend(entity.to_bits().to_le_bytes());
        // There are at most 16 keys.
        self.section.extend(u32::try_from(key).unwrap_or(u32::MAX).to_le_bytes());
        let place = self.section.len();
        self.section.extend([0; 4]);
        let start = self.section.len();
        encode(&mut self.section);
        let length = u32::try_from(self.section.len().saturating_sub(start)).unwrap_or(u32::MAX);
        let found = self.section.len() as u64;
        if found > MAX_SECTION_BYTES {
            return Err(refused(ErrorKind::TooLarge { limit: MAX_SECTION_BYTES, found }));
        }
        let slot = self.section.get_mut(place..start).unwrap_or_default();
        slot.copy_from_slice(&length.to_le_bytes());
        if self.section.len() >= FULL_SECTION_BYTES { self.end_section(STATES) } else { Ok(()) }
    }

    /// Writes the table and, last of all, the header. Gives the output back, flushed.
    ///
    /// # Errors
    /// What the output reports.
    pub fn finish(mut self) -> Result<W, Error> {
        if !self.section.is_empty() {
            self.end_section(STATES)?;
        }
        self.out.write_all(&self.table).map_err(io)?;
        let length = self.offset.saturating_add(self.table.len() as u64);
        let header = wire::header(&SNAPSHOT, self.n_sections, length, 0, &self.table);
        self.out.seek(SeekFrom::Start(0)).map_err(io)?;
        self.out.write_all(&header).map_err(io)?;
        self.out.flush().map_err(io)?;
        Ok(self.out)
    }

    /// Ends a section before it is full.
    #[cfg(all(test, feature = "store"))]
    pub(crate) fn end_states(&mut self) -> Result<(), Error> {
        self.end_section(STATES)
    }

    fn end_section(&mut self, kind: u32) -> Result<(), Error> {
        if self.n_sections >= SNAPSHOT.max_sections {
            let limit = u64::from(SNAPSHOT.max_sections).saturating_mul(FULL_SECTION_BYTES as u64);
            return Err(refused(ErrorKind::TooLarge { limit, found: self.offset }));
        }
        self.out.write_all(&self.section).map_err(io)?;
        let length = self.section.len() as u64;
        let hash = *blake3::hash(&self.section).as_bytes();
        let (version, required, offset) = (VERSION, true, self.offset);
        self.table.reserve(SECTION_ENTRY_BYTES);
        Entry { kind, version, required, offset, length, hash }.write(&mut self.table);
        self.offset = self.offset.saturating_add(length);
        self.n_sections = self.n_sections.saturating_add(1);
        self.section.clear();
        Ok(())
    }
}

fn io(reason: std::io::Error) -> Error {
    refused(ErrorKind::Write { reason })
}

fn refused(kind: ErrorKind) -> Error {
    Error::from(kind).of_snapshot()
}
