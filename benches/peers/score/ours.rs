//! Our side of the comparison of scoring: takes other libraries' trees over, and serves them.
//!
//! `score_ours import TREES ROWS ARTIFACT` writes an artifact of what `trees.py` left in TREES.
//! `score_ours serve ARTIFACT ROWS ORDER SCORES [avx2]` measures it as `drivers/bench.h` does the
//! others', whose head says how to ask; `avx2` leaves AVX-512 alone. One question more is ours:
//! `threads`, how two threads score next to one, and how they do arithmetic that needs no memory.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::{self, Write};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use shroff_benches::N_FEATURES;
use shroff_serve::{Score, Scorer};

mod import;

type Outcome<T> = Result<T, Box<dyn Error>>;

const N_WARM_UP: usize = 20_000;
/// A pass that is shorter is repeated, at most so often, and the fastest counts.
const MEASURED_SECS: f64 = 0.25;
const MOST_PASSES: usize = 5;
const N_LOADS: usize = 5;
/// Passes of one thread and of two, in turn.
const THREAD_PASSES: usize = 7;
/// Steps of the arithmetic, about as long as a pass over the rows.
const N_STEPS: u64 = 25_000_000;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["import", trees, rows, artifact] => {
            let bytes = import::artifact(&fs::read_to_string(trees)?, &numbers(rows)?)?;
            Ok(fs::write(artifact, bytes)?)
        }
        ["serve", artifact, rows, order, scores, more @ ..] => {
            let mut served = Served {
                artifact,
                scorer: Scorer::open(artifact)?,
                rows: numbers(rows)?,
                order: numbers_of(order, u32::from_le_bytes)?.iter().map(|&i| i as usize).collect(),
            };
            if more == ["avx2"] {
                served.leave_avx512_alone();
            }
            served.answer(scores)
        }
        _ => Err("usage: score_ours import|serve ..., as the head of ours.rs says".into()),
    }
}

struct Served<'a> {
    artifact: &'a str,
    scorer: Scorer,
    rows: Vec<f32>,
    order: Vec<usize>,
}

impl Served<'_> {
    fn answer(&mut self, scores: &str) -> Outcome<()> {
        let n_rows = self.order.len();
        if self.rows.len() != n_rows * N_FEATURES {
            return Err("ROWS and ORDER hold different numbers of rows".into());
        }
        let mut batch = vec![Score::UNSET; n_rows];
        self.scorer.score_rows(&self.rows, &mut batch)?;
        let found = (0..n_rows).map(|row| self.score(row)).chain(batch.iter().copied());
        let bytes: Vec<u8> = found.flat_map(|score| score.probability.to_le_bytes()).collect();
        fs::write(scores, bytes)?;
        say(&json!({ "engine": self.scorer.engine_name() }))?;
        for asked in io::stdin().lines() {
            say(&match asked?.as_str() {
                "single" => self.single(),
                "batch" => {
                    let secs = fastest(|| self.scorer.score_rows(&self.rows, &mut batch))?;
                    json!({ "rows_per_s": n_rows as f64 / secs })
                }
                "load" => load(self.artifact)?,
                "threads" => self.threads(),
                other => {
                    return Err(format!("expected single, batch, load or threads: {other}").into());
                }
            })?;
        }
        Ok(())
    }

    #[inline]
    fn score(&self, row: usize) -> Score {
        let values = &self.rows[row * N_FEATURES..][..N_FEATURES];
        self.scorer.score(black_box(values)).expect("the row has all features")
    }

    /// Scores all rows in random order, without a look at the clock.
    fn score_all(&self) {
        for &row in &self.order {
            black_box(self.score(row));
        }
    }

    fn single(&self) -> Value {
        let cost = clock_cost();
        for &row in self.order.iter().take(N_WARM_UP) {
            black_box(self.score(row));
        }
        let timed = self.order.iter().map(|&row| {
            let start = Instant::now();
            black_box(self.score(row));
            start.elapsed().as_nanos() as u64
        });
        let mut nanos: Vec<u64> = timed.collect();
        nanos.sort_unstable();
        let at =
            |share: f64| nanos[(share * (nanos.len() - 1) as f64) as usize].saturating_sub(cost);
        json!({ "p50": at(0.5), "p99": at(0.99), "p999": at(0.999) })
    }

    /// How much two threads do in the time in which one does its part: 2 when neither minds the other.
    fn threads(&self) -> Value {
        let works: [&(dyn Fn() + Sync); 2] = [&|| self.score_all(), &arithmetic];
        // By one thread and by two, in turn, so that all four meet the same machine.
        let mut least = [[f64::INFINITY; 2]; 2];
        for _ in 0..THREAD_PASSES {
            for (work, least) in works.into_iter().zip(&mut least) {
                for (n_threads, least) in (1..).zip(least) {
                    *least = least.min(secs(n_threads, work));
                }
            }
        }
        let [scoring, arithmetic] = least.map(|[one, two]| 2.0 * one / two);
        json!({ "scoring": scoring, "arithmetic": arithmetic })
    }

    /// Takes the fastest of the ways that need no AVX-512.
    fn leave_avx512_alone(&mut self) {
        // The one for many rows is the first that the processor can run, as when a file is opened.
        let many = self.scorer.engine_names(true);
        if let Some(many) = many.into_iter().find(|name| !name.contains("avx512")) {
            assert!(self.scorer.force_engine(many), "the name comes from the scorer");
        }
        let names = self.scorer.engine_names(false);
        let without = names.into_iter().filter(|name| !name.contains("avx512"));
        let timed = without.map(|name| {
            assert!(self.scorer.force_engine(name), "the name comes from the scorer");
            self.score_all();
            let start = Instant::now();
            self.score_all();
            (start.elapsed(), name)
        });
        let (_, best) = timed.min().expect("the walk takes every forest");
        assert!(self.scorer.force_engine(best), "the name comes from the scorer");
    }
}

/// Work that needs nothing but a core, and of it much, as scoring does: chains that do not wait for one another.
fn arithmetic() {
    let mut states: [u64; 8] = black_box([1, 2, 3, 4, 5, 6, 7, 8]);
    for _ in 0..N_STEPS {
        for state in &mut states {
            *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        }
    }
    black_box(states);
}

/// The time in which so many threads do the same work, each all of it.
fn secs(n_threads: usize, work: &(dyn Fn() + Sync)) -> f64 {
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(work);
        }
    });
    start.elapsed().as_secs_f64()
}

/// The shortest time of some passes, in seconds.
fn fastest<E>(mut pass: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let (mut least, mut total) = (f64::INFINITY, 0.0);
    for _ in 0..MOST_PASSES {
        let start = Instant::now();
        pass()?;
        let secs = start.elapsed().as_secs_f64();
        least = least.min(secs);
        total += secs;
        if total >= MEASURED_SECS {
            break;
        }
    }
    Ok(least)
}

/// The median time to open the artifact, which is to read, prove and try it.
fn load(artifact: &str) -> Outcome<Value> {
    let mut millis = Vec::new();
    for _ in 0..N_LOADS {
        let start = Instant::now();
        let scorer = Scorer::open(artifact)?;
        millis.push(start.elapsed().as_secs_f64() * 1e3);
        drop(scorer);
    }
    millis.sort_by(f64::total_cmp);
    Ok(json!({ "load_ms": millis[N_LOADS / 2] }))
}

/// The time between two readings of the clock with nothing between them, the median of many.
fn clock_cost() -> u64 {
    let reading = |_| {
        let start = Instant::now();
        start.elapsed().as_nanos() as u64
    };
    let mut nanos: Vec<u64> = (0..100_001).map(reading).collect();
    nanos.sort_unstable();
    nanos[nanos.len() / 2]
}

fn say(answer: &Value) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{answer}")?;
    out.flush()
}

fn numbers(path: &str) -> Outcome<Vec<f32>> {
    numbers_of(path, f32::from_le_bytes)
}

/// All numbers of a file of little-endian four-byte numbers.
fn numbers_of<T>(path: &str, number: fn([u8; 4]) -> T) -> Outcome<Vec<T>> {
    let bytes = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(bytes.as_chunks().0.iter().map(|bytes| number(*bytes)).collect())
}
