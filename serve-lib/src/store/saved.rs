//! A store from a snapshot, and back.

use std::io::{Read, Seek, Write};

use super::StateStore;
use crate::error::{Error, ErrorKind};
use crate::features::window::Windows;
use crate::snapshot::{Snapshot, SnapshotWriter};

impl StateStore {
    /// A store of the states of a snapshot, to [catch up](Self::catch_up) with the events since. Of more than about
    /// `max_entities` those go that are idle longest, counted by [`n_evicted`](Self::n_evicted).
    ///
    /// # Errors
    /// A snapshot of other windows, or one that is not as it should be; there is no store of half of it.
    pub fn from_snapshot<R: Read + Seek>(
        windows: Windows,
        snapshot: &mut Snapshot<R>,
        max_entities: usize,
    ) -> Result<Self, Error> {
        let (expected, found) = (*windows.hash(), *snapshot.window_hash());
        if expected != found {
            return Err(Error::from(ErrorKind::OtherWindows { expected, found }).of_snapshot());
        }
        let store = Self::new(windows, snapshot.as_of(), max_entities);
        snapshot.for_each(|state| Ok(store.import(state.entity, state.key, state.bytes)?))?;
        Ok(store)
    }

    /// Writes all states as a snapshot of which `as_of` is to be the time, so that a backend that starts again
    /// need not begin with the trainer's. Gives the output back. Events that are observed meanwhile may be in it or not: observe
    /// none, or catch up with those since `as_of`, which are recognised by their ids.
    ///
    /// # Errors
    /// What the output reports.
    pub fn write_snapshot<W: Write + Seek>(&self, out: W, as_of: i64) -> Result<W, Error> {
        let mut writer = SnapshotWriter::new(out, &self.windows, as_of)?;
        let mut outcome = Ok(());
        self.export(|entity, key, bytes| {
            if outcome.is_ok() {
                outcome = writer.push_encoded(entity, key, bytes);
            }
        });
        outcome?;
        writer.finish()
    }
}
