//! Prints the latency of scoring one dense row: median, 99th and 99.9th percentile, in nanoseconds,
//! for every engine that takes the model on this machine; a star marks the one chosen at load. Then
//! the same for batches, in rows a second.
//!
//! Each call is timed alone, because a tail is lost in the mean of a batch. Reading the clock costs
//! about as much as a small model, so the median cost of two readings with nothing between them is
//! measured first and subtracted; what remains is uncertain by the clock's own step. The mean of a
//! batch of calls, timed as a whole, stands beside it as a check that needs no such correction.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::Instant;

use shroff_benches::{Kind, N_FEATURES, artifact, rows, shuffled};
use shroff_serve::{Score, Scorer};

const N_ROWS: usize = 16_384;
/// How often all rows are scored; the first time warms caches and is not counted.
const N_ROUNDS: usize = 16;
/// With 30 features 24 MB.
const N_BATCH: usize = 200_000;
/// Of which the fastest counts.
const N_BATCH_ROUNDS: usize = 5;

fn main() {
    let overhead = clock_overhead_nanos();
    println!("one dense row, nanoseconds; clock overhead of {overhead} ns subtracted");
    println!(
        "{:<24}{:<20}{:>8}{:>8}{:>8}{:>10}{:>12}",
        "model", "engine", "p50", "p99", "p99.9", "max", "batch mean"
    );
    for kind in Kind::ALL {
        let bytes = artifact(kind);
        let start = Instant::now();
        let mut scorer = Scorer::from_bytes(&bytes).expect("the artifact is valid");
        let load = start.elapsed().as_secs_f64() * 1e3;
        let chosen = scorer.engine_name();
        for engine in scorer.engine_names(false) {
            assert!(scorer.force_engine(engine), "the name comes from the scorer");
            let star = if engine == chosen { "*" } else { "" };
            measure(&scorer, kind.name(), &format!("{engine}{star}"), overhead);
        }
        println!("{:<24}loaded in {load:.1} ms", kind.name());
    }
    println!("\nbatches of {N_BATCH} rows on one thread, million rows a second");
    println!("{:<24}{:<20}{:>8}{:>12}", "model", "engine", "by row", "by column");
    for kind in Kind::ALL {
        let mut scorer = Scorer::from_bytes(&artifact(kind)).expect("the artifact is valid");
        let chosen = scorer.batch_engine_name();
        for engine in scorer.engine_names(true) {
            assert!(scorer.force_engine(engine), "the name comes from the scorer");
            let star = if engine == chosen { "*" } else { "" };
            measure_batch(&scorer, kind.name(), &format!("{engine}{star}"));
        }
    }
}

fn measure_batch(scorer: &Scorer, model: &str, engine: &str) {
    let rows: Vec<f32> = rows(scorer, N_BATCH, 12).concat();
    let column = |feature| rows.iter().skip(feature).step_by(N_FEATURES).copied().collect();
    let columns: Vec<Vec<f32>> = (0..N_FEATURES).map(column).collect();
    let columns: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
    let mut scores = vec![Score::UNSET; N_BATCH];
    let mut best = |score: &dyn Fn(&mut [Score])| {
        let secs = (0..N_BATCH_ROUNDS).map(|_| {
            let start = Instant::now();
            score(black_box(&mut scores));
            start.elapsed().as_secs_f64()
        });
        N_BATCH as f64 / secs.fold(f64::INFINITY, f64::min) / 1e6
    };
    let by_row = best(&|scores| scorer.score_rows(&rows, scores).expect("the lengths fit"));
    let by_column = best(&|scores| scorer.score_columns(&columns, scores).expect("they fit"));
    println!("{model:<24}{engine:<20}{by_row:>8.2}{by_column:>12.2}");
}

fn measure(scorer: &Scorer, model: &str, engine: &str, overhead: u64) {
    let rows = rows(scorer, N_ROWS, 11);
    let mut nanos = Vec::with_capacity(N_ROWS * N_ROUNDS);
    let mut batch_nanos = 0;
    for round in 0..=N_ROUNDS {
        let order = shuffled(N_ROWS, round as u64);
        let batch = Instant::now();
        for &position in &order {
            black_box(scorer.score(black_box(&rows[position])).expect("the length is right"));
        }
        let elapsed = batch.elapsed().as_nanos();
        let order = shuffled(N_ROWS, (round + N_ROUNDS + 1) as u64);
        let timed = order.iter().map(|&position| {
            let start = Instant::now();
            black_box(scorer.score(black_box(&rows[position])).expect("the length is right"));
            start.elapsed().as_nanos() as u64
        });
        if round > 0 {
            batch_nanos += elapsed;
            nanos.extend(timed.map(|raw| raw.saturating_sub(overhead)));
        } else {
            timed.for_each(drop);
        }
    }
    nanos.sort_unstable();
    let at = |share: f64| nanos[(share * (nanos.len() - 1) as f64) as usize];
    let mean = batch_nanos as f64 / nanos.len() as f64;
    println!(
        "{model:<24}{engine:<20}{:>8}{:>8}{:>8}{:>10}{mean:>12.1}",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}

/// The median time between two readings of the clock, one right after the other.
fn clock_overhead_nanos() -> u64 {
    let mut nanos: Vec<u64> = (0..100_001)
        .map(|_| {
            let start = Instant::now();
            start.elapsed().as_nanos() as u64
        })
        .collect();
    nanos.sort_unstable();
    nanos[nanos.len() / 2]
}
