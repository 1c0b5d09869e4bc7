//! A store from a snapshot, and back.

use std::io::{Read, Seek, Write};
use std::panic::resume_unwind;
use std::thread::{self, Builder};

use super::StateStore;
use crate::error::{Error, ErrorKind};
use crate::features::state::{EntityState, StateError};
use crate::features::window::Windows;
use crate::snapshot::{SavedState, Snapshot, SnapshotWriter};

/// Most threads that prove states: a backend that starts has other work beside.
const MAX_THREADS: usize = 4;

impl StateStore {
    /// A store of the states of a snapshot, to [catch up](Self::catch_up) with the events since. Of more than about
    /// `max_entities` those go that are idle longest, counted by [`n_evicted`](Self::n_evicted).
    ///
    /// Cost: some microseconds a state, shared by up to four threads, as many as the machine has at most; a
    /// backend that serves meanwhile has so many fewer.
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
        let n_threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        snapshot.for_each_section(|states| store.import_all(states, n_threads))?;
        Ok(store)
    }

    /// Proves the states side by side, and puts them into the store one after the other, so that it is the same
    /// however many threads there are; or the place of the first that is not as it should be, and why.
    pub(super) fn import_all(
        &self,
        states: &[SavedState<'_>],
        n_threads: usize,
    ) -> Result<(), (usize, ErrorKind)> {
        let decode =
            |state: &SavedState<'_>| EntityState::decode(&self.windows, state.key, state.bytes);
        let decode = |part: &[SavedState<'_>]| part.iter().map(decode).collect::<Vec<_>>();
        let n_part = states.len().div_ceil(n_threads).max(1);
        let put = |(place, decoded): (usize, Result<EntityState, StateError>)| {
            let state = decoded.map_err(|error| (place, error.into()))?;
            if let Some(saved) = states.get(place) {
                self.put(saved.entity, state);
            }
            Ok(())
        };
        thread::scope(|scope| {
            let mut parts = states.chunks(n_part);
            let own = parts.next().unwrap_or_default();
            // Where no thread is to be had, this one does its part.
            let spawn = |part| (part, Builder::new().spawn_scoped(scope, move || decode(part)));
            let others: Vec<_> = parts.map(spawn).collect();
            (0..).zip(decode(own)).try_for_each(put)?;
            for (number, (part, thread)) in (1..).zip(others) {
                let decoded = match thread {
                    Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                    Err(_) => decode(part),
                };
                let first: usize = n_part.saturating_mul(number);
                (first..).zip(decoded).try_for_each(put)?;
            }
            Ok(())
        })
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
