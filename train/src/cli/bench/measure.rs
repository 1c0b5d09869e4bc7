//! How long calls take, how many rows a second, how much memory a model keeps.
//!
//! Rows are visited in an order that changes with every round: the branch predictor would learn one,
//! and a model's path through its trees with it.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use shroff_serve::{Score, Scorer};

use crate::Error;

/// How long one call takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latency {
    p50: u64,
    p99: u64,
    p999: u64,
    mean: f64,
}

/// The names in JSON, in nanoseconds.
pub(super) const KEYS: [&str; 4] = ["p50_ns", "p99_ns", "p99.9_ns", "mean_ns"];

impl Latency {
    /// Calls all of `0..n` in each round, timing each call alone, because a tail is lost in the mean,
    /// and then all together, as a check that needs no correction for the clock. Of each number the
    /// lowest of all rounds: another program can only make it greater.
    pub(super) fn of(call: &dyn Fn(usize), n: usize, rounds: u32, clock: Clock) -> Self {
        let mut best = Self { p50: u64::MAX, p99: u64::MAX, p999: u64::MAX, mean: f64::INFINITY };
        let mut nanos = vec![0; n];
        // The first round warms caches and predictors.
        for round in 0..=2 * u64::from(rounds) {
            let order = shuffled(n, round);
            if round % 2 == 0 {
                let start = Instant::now();
                order.iter().for_each(|&at| call(at));
                let mean = start.elapsed().as_nanos() as f64 / n as f64;
                best.mean = if round > 0 { best.mean.min(mean) } else { best.mean };
                continue;
            }
            for (nanos, &at) in nanos.iter_mut().zip(&order) {
                let start = Instant::now();
                call(at);
                *nanos = start.elapsed().as_nanos() as u64;
            }
            nanos.sort_unstable();
            let at = |share: f64| clock.without(nanos[(share * (n - 1) as f64) as usize]);
            best.p50 = best.p50.min(at(0.5));
            best.p99 = best.p99.min(at(0.99));
            best.p999 = best.p999.min(at(0.999));
        }
        best
    }

    pub(super) fn json(self) -> Value {
        let Self { p50, p99, p999, mean } = self;
        KEYS.into_iter().zip([json!(p50), json!(p99), json!(p999), json!(mean)]).collect()
    }
}

/// What reading the clock costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    overhead_nanos: u64,
}

impl Clock {
    /// The median time between two readings, one right after the other.
    pub(super) fn new() -> Self {
        let gap = |_| Instant::now().elapsed().as_nanos() as u64;
        let mut nanos: Vec<u64> = (0..100_001).map(gap).collect();
        nanos.sort_unstable();
        Self { overhead_nanos: nanos[nanos.len() / 2] }
    }

    pub(super) fn overhead_nanos(self) -> u64 {
        self.overhead_nanos
    }

    /// No call takes no time, whatever a coarse clock says.
    fn without(self, nanos: u64) -> u64 {
        nanos.saturating_sub(self.overhead_nanos).max(1)
    }
}

/// Rows a second when all rows are scored as a batch on each of so many threads at the same time.
pub(super) fn rows_per_second(scorer: &Scorer, rows: &[f32], threads: usize, rounds: u32) -> f64 {
    let n_rows = rows.len() / scorer.schema().features.len();
    let barrier = Barrier::new(threads);
    // Between two meetings of all threads, so that the slowest counts.
    let run = || {
        let mut scores = vec![Score::UNSET; n_rows];
        (0..=rounds).fold(f64::INFINITY, |best, _| {
            barrier.wait();
            let start = Instant::now();
            let _ = scorer.score_rows(black_box(rows), &mut scores);
            black_box(&scores);
            barrier.wait();
            best.min(start.elapsed().as_secs_f64())
        })
    };
    let best = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let best = run();
        others.into_iter().filter_map(|other| other.join().ok()).fold(best, f64::max)
    });
    (threads * n_rows) as f64 / best
}

/// 1, 2, 4, …, and as many threads as there are processors.
pub(super) fn thread_counts() -> impl Iterator<Item = usize> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let doubled = std::iter::successors(Some(1_usize), |n| n.checked_mul(2));
    doubled.take_while(move |n| *n < cores).chain([cores])
}

/// By how much the process's resident memory grows with each of many copies; none where the system
/// does not tell.
pub(super) fn memory_bytes(artifact: &[u8]) -> Result<Option<u64>, Error> {
    // Enough that pages which were free already do not matter.
    const ENOUGH_BYTES: usize = 16 << 20;
    let n_copies = (ENOUGH_BYTES / artifact.len()).clamp(8, 256);
    let Some(before) = resident_bytes() else { return Ok(None) };
    let copies =
        (0..n_copies).map(|_| Scorer::from_bytes(artifact)).collect::<Result<Vec<_>, _>>()?;
    let after = resident_bytes().unwrap_or(before);
    drop(black_box(copies));
    Ok(Some(after.saturating_sub(before) / n_copies as u64))
}

/// As Linux tells it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1_024)
}

fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut dice = Pcg64::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        order.swap(last, dice.next_u64() as usize % (last + 1));
    }
    order
}
