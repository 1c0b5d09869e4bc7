//! A part of the entities, behind a lock of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::entities::{self, Entities};
use crate::features::window::EntityKey;

/// Lines of memory of its own, so that the locks of different threads do not meet in one.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Shard {
    entities: Mutex<Entities>,
    /// Where the table of the entities lay last, for hints alone: so these wait for no lock.
    table: AtomicUsize,
}

impl Shard {
    /// A thread that panicked left at worst an event half counted; the others go on.
    pub(super) fn lock(&self) -> MutexGuard<'_, Entities> {
        self.entities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After entities were put, by whom holds the lock.
    #[inline]
    pub(super) fn tell_table(&self, entities: &Entities) {
        self.table.store(entities.table(), Ordering::Relaxed);
    }

    /// Asks for the lines of the table at which an entity is looked for first.
    #[inline]
    pub(super) fn bring_lines_near(&self, name: EntityKey) {
        match self.table.load(Ordering::Relaxed) {
            0 => {}
            table => entities::first_lines(name, table).bring(),
        }
    }

    #[cfg(test)]
    pub(super) fn knows_its_table(&self) -> bool {
        self.table.load(Ordering::Relaxed) == self.lock().table()
    }
}
