//! The follower's thread: when to look, what to swap, what to free.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::error::FollowError;
use super::pursuit::{Found, Pursuit};
use super::status::Report;
use super::{Prepare, Status};
use crate::background::{Background, spread};

/// What requests, whoever asks for the status, and the thread have in common.
pub(super) struct Shared<M> {
    /// Lock-free: all that requests see.
    pub(super) current: ArcSwap<M>,
    thread: Background<Report>,
}

pub(super) fn start<P: Prepare>(
    pursuit: Pursuit<P>,
    model: P::Model,
    report: Report,
) -> Result<Arc<Shared<P::Model>>, FollowError> {
    let shared =
        Arc::new(Shared { current: ArcSwap::from_pointee(model), thread: Background::new(report) });
    let of_thread = Running(Arc::clone(&shared));
    let thread = thread::Builder::new().name("shroff-follow".into());
    let spawned = thread.spawn(move || of_thread.run(pursuit));
    spawned.map_err(|source| FollowError::Thread { source })?;
    Ok(shared)
}

impl<M> Shared<M> {
    pub(super) fn status(&self) -> Status {
        self.thread.read(|report, is_running| report.at(Instant::now(), is_running))
    }

    pub(super) fn refresh(&self) -> Status {
        self.thread.ask(|report, is_running| report.at(Instant::now(), is_running))
    }

    pub(super) fn stop(&self) {
        self.thread.stop();
    }
}

/// The thread's own hold of what is shared: however the thread ends, it is told.
struct Running<M>(Arc<Shared<M>>);

impl<M> Drop for Running<M> {
    fn drop(&mut self) {
        self.0.thread.ended();
    }
}

impl<M: Send + Sync + 'static> Running<M> {
    fn run<P: Prepare<Model = M>>(self, mut pursuit: Pursuit<P>) {
        let shared = &*self.0;
        let (mut retired, mut jitter) = (Retired::default(), Jitter::new());
        let mut next = later(Instant::now(), jitter.around(pursuit.interval()));
        loop {
            let until = retired.again_at(Instant::now()).map_or(next, |again| again.min(next));
            let Some(round) = shared.thread.wait_until(until) else { return };
            let now = Instant::now();
            if round.is_asked || now >= next {
                self.poll(&mut pursuit, now, round.is_asked, &mut retired);
                next = later(Instant::now(), jitter.around(pursuit.interval()));
            }
            retired.free();
            shared.thread.done(round);
        }
    }

    fn poll<P: Prepare<Model = M>>(
        &self,
        pursuit: &mut Pursuit<P>,
        now: Instant,
        at_once: bool,
        retired: &mut Retired<M>,
    ) {
        let shared = &*self.0;
        let found = pursuit.poll(now, at_once);
        // The cache comes first: what is served now is not forgotten by a crash a moment later.
        let cache_error = pursuit.keep().err().map(|error| error.in_full());
        let mut error = None;
        let mut new = None;
        match found {
            Ok(Found::Same(target)) => new = Some((target, false)),
            Ok(Found::New(target, model)) => {
                let model = Arc::new(model);
                retired.push(shared.current.swap(Arc::clone(&model)));
                new = Some((target, true));
                error = pursuit.swapped(&model).err();
            }
            Ok(Found::Refused) => {
                shared.thread.tell(|report| report.cache_error = cache_error);
                return;
            }
            Err(failed) => error = Some(failed),
        }
        let error = error.map(|error| error.in_full());
        let now = Instant::now();
        shared.thread.tell(|report| {
            if let Some((target, is_new)) = new {
                (report.serving, report.confirmed_at) = (target, Some(now));
                report.from_cache = false;
                if is_new {
                    report.serving_from = now;
                    report.n_models = report.n_models.saturating_add(1);
                }
            }
            report.n_failures = report.n_failures.saturating_add(u64::from(error.is_some()));
            (report.error, report.cache_error) = (error, cache_error);
        });
    }
}

/// Models that were replaced while requests still had them. Freed here and not by the last request, which would
/// wait for it.
struct Retired<M> {
    models: Vec<Arc<M>>,
    pause: Duration,
}

impl<M> Default for Retired<M> {
    fn default() -> Self {
        Self { models: Vec::new(), pause: SHORTEST_PAUSE }
    }
}

impl<M> Retired<M> {
    fn push(&mut self, model: Arc<M>) {
        // Somebody keeps them for good: they are theirs.
        if self.models.len() >= MAX_RETIRED {
            self.models.remove(0);
        }
        self.models.push(model);
        self.pause = SHORTEST_PAUSE;
    }

    fn free(&mut self) {
        self.models.retain(|model| Arc::strong_count(model) > 1);
    }

    /// When to look again; none when all are free.
    fn again_at(&mut self, now: Instant) -> Option<Instant> {
        if self.models.is_empty() {
            return None;
        }
        let pause = self.pause;
        self.pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        Some(later(now, pause))
    }
}

/// Numbers that differ between the processes of a fleet: counted from a random start, and spread.
struct Jitter(u64);

impl Jitter {
    fn new() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    /// From four fifths to six fifths of an interval.
    fn around(&mut self, interval: Duration) -> Duration {
        self.0 = self.0.wrapping_add(1);
        let mixed = spread(self.0);
        let share = 0.8 + 0.4 * (f64::from((mixed >> 40) as u32) / f64::from(1_u32 << 24));
        Duration::try_from_secs_f64(interval.as_secs_f64() * share).unwrap_or(interval)
    }
}

fn later(now: Instant, pause: Duration) -> Instant {
    now.checked_add(pause.max(SHORTEST_PAUSE)).unwrap_or(now)
}

/// Of a thread that waits for requests to end.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
const MAX_RETIRED: usize = 8;
