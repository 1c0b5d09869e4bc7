//! Which engine is the fastest on this machine, by a short measurement.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::ForestEngine;

/// Rows that are timed: few enough for the time of loading to stay small.
pub(crate) const N_TIMED: usize = 16;
/// Who takes half as long again as the fastest for so many rows is not timed on more.
const N_FEW: usize = 4;

/// The engine that takes the least time for the rows; without any, the first. None of none.
pub(super) fn fastest(engines: Vec<ForestEngine>, rows: &[Vec<f32>]) -> Option<ForestEngine> {
    if rows.is_empty() {
        return engines.into_iter().next();
    }
    let timed = |engines: Vec<ForestEngine>, n_rows| -> Vec<(Duration, ForestEngine)> {
        let rows = rows.get(..n_rows).unwrap_or(rows);
        engines.into_iter().map(|engine| (time(&engine, rows), engine)).collect()
    };
    let few = timed(engines, N_FEW);
    let least = few.iter().map(|(time, _)| *time).min()?.saturating_mul(3);
    let near = few.into_iter().filter(|(time, _)| time.saturating_mul(2) <= least);
    let near: Vec<ForestEngine> = near.map(|(_, engine)| engine).collect();
    if near.len() == 1 {
        return near.into_iter().next();
    }
    timed(near, N_TIMED).into_iter().min_by_key(|(time, _)| *time).map(|(_, engine)| engine)
}

/// How long the rows take when tables and nodes are near.
fn time(engine: &ForestEngine, rows: &[Vec<f32>]) -> Duration {
    let pass = || {
        let start = Instant::now();
        for row in rows {
            black_box(engine.margin(black_box(row)));
        }
        start.elapsed()
    };
    // The first pass brings them near.
    pass();
    pass().min(pass())
}
