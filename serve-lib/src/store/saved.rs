//! A store from a snapshot.

use std::io::{Read, Seek};

use super::StateStore;
use crate::error::{Error, ErrorKind};
use crate::features::window::Windows;
use crate::snapshot::Snapshot;

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
}
