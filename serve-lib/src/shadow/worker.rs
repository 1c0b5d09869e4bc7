//! The buffer between the requests and the challenger, and the thread at its end.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use super::counts::Counts;
use crate::background::{Background, panic_text};
use crate::error::ScoreError;
use crate::scorer::{Score, Scorer};

/// How often the buffer is taken. It is looked at rather than signalled: waking a thread would cost the request more
/// than all the rest.
pub const PAUSE: Duration = Duration::from_millis(10);

/// A transaction that the champion has scored.
pub(super) struct Sample<T> {
    pub(super) champion: Arc<Scorer>,
    pub(super) score: Score,
    pub(super) transaction: T,
}

pub(super) struct Shared<T> {
    /// Never waited for by a request, and held by the thread only as long as it takes to exchange two pointers.
    waiting: Mutex<Vec<Sample<T>>>,
    capacity: usize,
    n_offered: AtomicU64,
    n_dropped: AtomicU64,
    thread: Background<Counts>,
}

pub(super) fn start<T, F>(
    challenger: Arc<Scorer>,
    budget: Duration,
    capacity: usize,
    score: F,
) -> io::Result<Arc<Shared<T>>>
where
    T: Send + 'static,
    F: FnMut(&T) -> Result<Score, ScoreError> + Send + 'static,
{
    let shared = Arc::new(Shared {
        waiting: Mutex::new(Vec::with_capacity(capacity)),
        capacity,
        n_offered: AtomicU64::new(0),
        n_dropped: AtomicU64::new(0),
        thread: Background::new(Counts::new(challenger.id())),
    });
    let running = Running(Arc::clone(&shared));
    let budget = Budget { each_second: budget, left: budget, since: Instant::now() };
    thread::Builder::new()
        .name("shroff-shadow".into())
        .spawn(move || running.run(&challenger, budget, score))?;
    Ok(shared)
}

impl<T> Shared<T> {
    /// Puts a sample into the buffer, or drops it at once.
    pub(super) fn put(&self, sample: Sample<T>) {
        self.n_offered.fetch_add(1, Ordering::Relaxed);
        let waiting = match self.waiting.try_lock() {
            Ok(waiting) => Some(waiting),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        // The buffer was made with this capacity: it never grows here.
        match waiting.filter(|waiting| waiting.len() < self.capacity) {
            Some(mut waiting) => waiting.push(sample),
            None => {
                self.n_dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Exchanges the buffer for an empty one. It asks for the lock rather than waiting for it: whoever releases a
    /// lock that is waited for has to wake the thread that waits, and a request has better things to do.
    fn take(&self, empty: &mut Vec<Sample<T>>) {
        loop {
            let mut waiting = match self.waiting.try_lock() {
                Ok(waiting) => waiting,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    thread::yield_now();
                    continue;
                }
            };
            std::mem::swap(&mut *waiting, empty);
            return;
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.with_offers(self.thread.read(|counts, _| counts.clone()))
    }

    pub(super) fn settle(&self) -> Counts {
        self.with_offers(self.thread.ask(|counts, _| counts.clone()))
    }

    pub(super) fn stop(&self) {
        self.thread.stop();
    }

    fn with_offers(&self, mut counts: Counts) -> Counts {
        counts.n_offered = self.n_offered.load(Ordering::Relaxed);
        counts.n_dropped = self.n_dropped.load(Ordering::Relaxed);
        counts.flips.sort_by_key(|flip| std::cmp::Reverse(flip.count));
        counts
    }
}

/// The thread's own hold of what is shared: however the thread ends, nobody waits for it in vain.
struct Running<T>(Arc<Shared<T>>);

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.thread.ended();
    }
}

impl<T: Send + 'static> Running<T> {
    fn run<F>(self, challenger: &Scorer, mut budget: Budget, mut score: F)
    where
        F: FnMut(&T) -> Result<Score, ScoreError>,
    {
        let shared = &*self.0;
        let mut taken = Vec::with_capacity(shared.capacity);
        while let Some(round) = shared.thread.wait_until(later(PAUSE)) {
            shared.take(&mut taken);
            for sample in taken.drain(..) {
                let began = Instant::now();
                if !round.is_asked && !budget.is_left(began) {
                    shared.thread.tell(|counts| {
                        counts.n_over_budget = counts.n_over_budget.saturating_add(1);
                    });
                    continue;
                }
                let scored = catch_unwind(AssertUnwindSafe(|| score(&sample.transaction)));
                budget.spend(began.elapsed());
                let scored = match scored {
                    Ok(Ok(score)) => Ok(score),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(panic) => Err(format!("panicked: {}", panic_text(&*panic))),
                };
                let champion = (&*sample.champion, sample.score);
                shared.thread.tell(|counts| {
                    counts.begin(champion.0.id());
                    match scored {
                        Ok(score) => counts.compare(champion, (challenger, score)),
                        Err(failure) => {
                            counts.n_failed = counts.n_failed.saturating_add(1);
                            counts.last_failure = Some(failure);
                        }
                    }
                });
            }
            shared.thread.done(round);
        }
    }
}

fn later(pause: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(pause).unwrap_or(now)
}

/// The time that may be spent, given anew each second.
struct Budget {
    each_second: Duration,
    left: Duration,
    since: Instant,
}

impl Budget {
    fn is_left(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            (self.left, self.since) = (self.each_second, now);
        }
        !self.left.is_zero()
    }

    fn spend(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }
}
