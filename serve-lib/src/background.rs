//! A thread of this library's own, what it tells, and those who ask it for a round and wait until that is done.

use std::any::Any;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What the thread and whoever asks it have in common.
pub(crate) struct Background<S> {
    control: Mutex<Control<S>>,
    changed: Condvar,
}

struct Control<S> {
    /// What the thread tells.
    state: S,
    stop: bool,
    is_running: bool,
    /// Rounds asked for, and how many of them are done.
    n_asked: u64,
    n_done: u64,
}

/// What a thread that waited is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    /// Somebody waits for it.
    pub(crate) is_asked: bool,
    n_asked: u64,
}

impl<S> Background<S> {
    /// Of a thread that is about to run.
    pub(crate) fn new(state: S) -> Self {
        let control = Control { state, stop: false, is_running: true, n_asked: 0, n_done: 0 };
        Self { control: Mutex::new(control), changed: Condvar::new() }
    }

    /// Reads what the thread tells; also whether it runs.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&S, bool) -> R) -> R {
        let control = self.lock();
        read(&control.state, control.is_running)
    }

    /// Changes what the thread tells. Nothing that panics may be done here.
    pub(crate) fn tell<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        change(&mut self.lock().state)
    }

    /// Asks for a round, and waits until one that began afterwards is done, or the thread has ended.
    pub(crate) fn ask<R>(&self, read: impl FnOnce(&S, bool) -> R) -> R {
        let mut control = self.lock();
        control.n_asked = control.n_asked.saturating_add(1);
        let ticket = control.n_asked;
        self.changed.notify_all();
        while control.n_done < ticket && control.is_running {
            control = self.changed.wait(control).unwrap_or_else(PoisonError::into_inner);
        }
        read(&control.state, control.is_running)
    }

    /// Asks the thread to end, and does not wait for it.
    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    /// For the thread: waits until a time, or until somebody asks for a round; none when it is to end.
    pub(crate) fn wait_until(&self, until: Instant) -> Option<Round> {
        let mut control = self.lock();
        loop {
            let now = Instant::now();
            if control.stop {
                return None;
            }
            let is_asked = control.n_asked > control.n_done;
            if is_asked || now >= until {
                return Some(Round { is_asked, n_asked: control.n_asked });
            }
            let wait = until.saturating_duration_since(now);
            let waited = self.changed.wait_timeout(control, wait);
            (control, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// For the thread: a round is done, and whoever asked for it goes on.
    pub(crate) fn done(&self, round: Round) {
        if round.is_asked {
            self.lock().n_done = round.n_asked;
            self.changed.notify_all();
        }
    }

    /// For the thread, when it is dropped: however it ended, nobody waits for it in vain.
    pub(crate) fn ended(&self) {
        self.lock().is_running = false;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Control<S>> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// The mixing step of SplitMix64: numbers that follow one another are spread evenly.
///
/// # Source
/// Steele, Lea and Flood (2014), *Fast splittable pseudorandom number generators*.
pub(crate) fn spread(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
