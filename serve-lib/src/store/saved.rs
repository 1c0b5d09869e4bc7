//! A store from a snapshot, and back.

use std::collections::VecDeque;
use std::io::{Read, Seek, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, Builder};

use super::StateStore;
use crate::error::{Error, ErrorKind};
use crate::features::state::EntityState;
use crate::features::window::{EntityKey, Windows};
use crate::snapshot::{SavedState, Section, Snapshot, SnapshotWriter, out_of_order, state_error};

/// Most threads that prove states: a backend that starts has other work beside.
const MAX_THREADS: usize = 4;
/// Sections of each thread that are read ahead: one that it proves, and one that waits.
const AHEAD_OF_THREAD: usize = 2;

/// Where in the file the states of a section begin, and what they are.
type Proved = Result<(u64, Vec<(EntityKey, EntityState)>), Error>;

impl StateStore {
    /// A store of the states of a snapshot, to [catch up](Self::catch_up) with the events since. Of more than about
    /// `max_entities` those go that are idle longest, counted by [`n_evicted`](Self::n_evicted).
    ///
    /// Cost: some microseconds a state, shared by up to four threads, as many as the machine has at most, beside the
    /// one that asks; a backend that serves meanwhile has so many fewer.
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
        store.import_all(snapshot.sections(), n_threads)?;
        Ok(store)
    }

    /// Proves sections side by side, while this thread reads further ones and puts the states of those that are
    /// proved into the store, in their order: so it is the same however many threads there are, and so is the error, or
    /// the panic.
    pub(super) fn import_all(
        &self,
        sections: impl Iterator<Item = Result<Section, Error>>,
        n_threads: usize,
    ) -> Result<(), Error> {
        let mut last = None;
        let mut put = |proved: Proved| {
            let (offset, states) = proved?;
            if states.first().is_some_and(|(first, _)| last.is_some_and(|last| last >= *first)) {
                return Err(out_of_order(offset));
            }
            for (entity, state) in states {
                self.put(entity, state);
                last = Some(entity);
            }
            Ok(())
        };
        thread::scope(|scope| {
            let spawn = |_| {
                let (to, sections) = mpsc::channel::<Result<Section, Error>>();
                let (proved, from) = mpsc::channel();
                let prove = move || {
                    // Nobody takes what is left after an error.
                    sections.into_iter().all(|section| {
                        let prove = AssertUnwindSafe(|| self.prove(section));
                        proved.send(catch_unwind(prove)).is_ok()
                    })
                };
                Builder::new().spawn_scoped(scope, prove).ok().map(|_| (to, from))
            };
            let threads: Vec<_> = (0..n_threads).map_while(spawn).collect();
            let n_ahead = threads.len().saturating_mul(AHEAD_OF_THREAD);
            let mut turns = threads.iter().cycle();
            let mut waiting = VecDeque::new();
            let next = |waiting: &mut VecDeque<&Receiver<thread::Result<Proved>>>| {
                let proved = waiting.pop_front()?.recv().ok()?;
                Some(proved.unwrap_or_else(|panic| resume_unwind(panic)))
            };
            for section in sections {
                let Some((to, from)) = turns.next() else {
                    // No thread is to be had: this one does it all.
                    put(self.prove(section))?;
                    continue;
                };
                if waiting.len() >= n_ahead {
                    next(&mut waiting).map_or(Ok(()), &mut put)?;
                }
                if to.send(section).is_ok() {
                    waiting.push_back(from);
                }
            }
            std::iter::from_fn(|| next(&mut waiting)).try_for_each(put)
        })
    }

    /// The states of a section, if all of them are as they should be. What went wrong when it was read waits its turn.
    fn prove(&self, section: Result<Section, Error>) -> Proved {
        let section = section?;
        let saved = section.states_after(None)?;
        let start = saved.first().map_or(0, |(offset, _)| *offset);
        let prove = |(offset, saved): (u64, SavedState<'_>)| {
            let state = EntityState::decode(&self.windows, saved.key, saved.bytes);
            Ok((saved.entity, state.map_err(|error| state_error(error.into(), offset))?))
        };
        Ok((start, saved.into_iter().map(prove).collect::<Result<_, Error>>()?))
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
