//! Buffers that are used again, since fresh memory costs more than filling it.

use std::sync::{Mutex, PoisonError};

#[derive(Debug)]
pub(super) struct Pool<T> {
    free: Mutex<Vec<T>>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { free: Mutex::new(Vec::new()) }
    }
}

impl<T> Pool<T> {
    pub(super) fn take(&self, make: impl FnOnce() -> T) -> T {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(make)
    }

    pub(super) fn give(&self, used: T) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(used);
    }
}
