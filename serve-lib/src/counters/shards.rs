//! The cells that are counted in, and their shards.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::available_parallelism;

use super::PROBABILITY_EDGES;
use crate::error::{RejectReason, ScoreError, ScoreErrorKind};
use crate::scorer::Score;

/// Why something was not scored.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reason {
    Policy(RejectReason),
    WrongType,
    WrongShape,
}

impl Reason {
    #[inline]
    pub(super) fn of(result: &Result<Score, ScoreError>) -> Option<Self> {
        Some(match result.as_ref().err()?.kind() {
            ScoreErrorKind::Rejected { reason, .. } => Self::Policy(*reason),
            ScoreErrorKind::WrongType { .. } => Self::WrongType,
            _ => Self::WrongShape,
        })
    }
}

/// Which number stands in which cell of a shard: the odd values of each feature, then the rejected
/// by reason, the sum of the probabilities, and the scores by band and bin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells {
    n_features: usize,
    n_bands: usize,
}

const N_ODD: usize = 3;
const N_REASONS: usize = N_ODD + 2;
const N_BINS: usize = PROBABILITY_EDGES.len() + 1;

#[expect(
    clippy::arithmetic_side_effects,
    reason = "at most 4,096 features and 65 bands, as the artifact was proved to have"
)]
impl Cells {
    pub(super) fn new(n_features: usize, n_bands: usize) -> Self {
        Self { n_features, n_bands }
    }

    pub(super) fn n_cells(self) -> usize {
        self.scored(self.n_bands.max(1), 0)
    }

    #[inline]
    pub(super) fn odd(self, feature: usize, what: RejectReason) -> usize {
        feature * N_ODD + what as usize
    }

    #[inline]
    pub(super) fn rejected(self, reason: Reason) -> usize {
        let reason = match reason {
            Reason::Policy(what) => what as usize,
            Reason::WrongType => N_ODD,
            Reason::WrongShape => N_ODD + 1,
        };
        self.n_features * N_ODD + reason
    }

    #[inline]
    fn sum(self) -> usize {
        self.n_features * N_ODD + N_REASONS
    }

    /// The band is 0 where there are none.
    #[inline]
    pub(super) fn scored(self, band: usize, bin: usize) -> usize {
        self.sum() + 1 + band * N_BINS + bin
    }

    pub(super) fn probability_sum(self, shards: &Shards) -> f64 {
        shards.total(self.sum()) as f64 / SUM_UNITS
    }
}

/// Probabilities are summed in whole units of 2⁻³², so that the sum is the same in whatever order. A
/// cell takes four billion certain frauds before it begins again at zero, which is a reset to
/// Prometheus.
const SUM_UNITS: f64 = (1_u64 << 32) as f64;

/// Several rows of the same cells, which add up.
#[derive(Debug)]
pub(super) struct Shards {
    /// As many as a power of two, each in whole lines, so that no two share one.
    shards: Box<[Box<[Line]>]>,
}

/// The cells that one thread, as a rule, counts in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shard<'a> {
    lines: &'a [Line],
}

/// Two cache lines: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line([AtomicU64; 16]);

impl Shards {
    /// One for each processor, or a few more.
    pub(super) fn new(n_cells: usize) -> Self {
        let n_shards = available_parallelism().map_or(1, |n| n.get().next_power_of_two());
        let lines = || (0..n_cells.div_ceil(16)).map(|_| Line::default()).collect();
        Self { shards: (0..n_shards).map(|_| lines()).collect() }
    }

    /// The shard of the thread that asks.
    #[inline]
    pub(super) fn own(&self) -> Shard<'_> {
        let at = thread_number() & self.shards.len().wrapping_sub(1);
        Shard { lines: self.shards.get(at).map(|lines| &**lines).unwrap_or_default() }
    }

    pub(super) fn total(&self, cell: usize) -> u64 {
        let count = |lines| Shard { lines }.cell(cell).map_or(0, |c| c.load(Ordering::Relaxed));
        self.shards.iter().fold(0, |total, lines| total.wrapping_add(count(lines)))
    }
}

impl<'a> Shard<'a> {
    #[inline]
    fn cell(self, cell: usize) -> Option<&'a AtomicU64> {
        self.lines.get(cell / 16)?.0.get(cell % 16)
    }

    #[inline]
    pub(super) fn add(self, cell: usize, amount: u64) {
        if let Some(cell) = self.cell(cell) {
            cell.fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// Counts a score or an error, and passes it on.
    #[inline]
    pub(super) fn count(
        self,
        cells: Cells,
        result: Result<Score, ScoreError>,
    ) -> Result<Score, ScoreError> {
        if let Some(reason) = Reason::of(&result) {
            self.add(cells.rejected(reason), 1);
        }
        if let Ok(Score { probability, band, .. }) = result {
            let bin = PROBABILITY_EDGES.iter().map(|edge| usize::from(probability > *edge)).sum();
            self.add(cells.scored(usize::from(band.unwrap_or(0)), bin), 1);
            self.add(cells.sum(), (probability * SUM_UNITS) as u64);
        }
        result
    }
}

/// Numbers the threads in the order in which they first count. A thread-local without a destructor
/// takes no allocation.
#[inline]
fn thread_number() -> usize {
    static N_THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    let number = NUMBER.try_with(|number| {
        number.get().unwrap_or_else(|| {
            let next = N_THREADS.fetch_add(1, Ordering::Relaxed);
            number.set(Some(next));
            next
        })
    });
    number.unwrap_or(0)
}
