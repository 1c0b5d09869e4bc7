//! The best split of a node by one feature.

use std::ops::{AddAssign, Sub};

use crate::learner::gbdt::bins::{MAX_BINS, MISSING};

/// Rows and the frauds among them, each of 32 bits in one word: sums are exact, so their order
/// does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts(u64);

/// A fitted row with the times it was drawn and its label.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Draw {
    pub(super) row: u32,
    times_and_label: u32,
}

/// A way to part a node by a feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    /// Ranks from 1 to this one go left.
    pub(super) last_left: u8,
    pub(super) missing_left: bool,
    pub(super) left: Counts,
    /// The decrease of the Gini impurity, times a number that is the same for all cuts of a node.
    pub(super) score: f64,
}

/// What each rank of a feature holds of a node. Empty between two searches.
pub(super) struct Histogram {
    counts: [Counts; MAX_BINS],
    /// The ranks that hold anything, a bit each.
    held: [u64; MAX_BINS / 64],
}

/// From so many rows on it is cheaper to look through all ranks than to note each row's.
const MANY_ROWS: usize = 128;

impl Counts {
    pub(super) fn n_rows(self) -> u64 {
        self.0 & u64::from(u32::MAX)
    }

    pub(super) fn n_frauds(self) -> u64 {
        self.0 >> 32
    }

    pub(super) fn is_pure(self) -> bool {
        self.n_frauds() == 0 || self.n_frauds() == self.n_rows()
    }

    pub(super) fn fraud_share(self) -> f64 {
        self.n_frauds() as f64 / self.n_rows() as f64
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Draw {
    /// `times` should be below 2^31.
    pub(super) fn new(row: usize, times: u32, fraud: bool) -> Self {
        Self { row: row as u32, times_and_label: times << 1 | u32::from(fraud) }
    }

    pub(super) fn counts(self) -> Counts {
        let times = u64::from(self.times_and_label >> 1);
        Counts(times | (times * u64::from(self.times_and_label & 1)) << 32)
    }
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self { counts: [Counts::default(); MAX_BINS], held: [0; MAX_BINS / 64] }
    }

    /// The best cut of these rows with at least `min_rows` on either side: the greatest score, of
    /// equals the first. `total` counts the rows.
    pub(super) fn best_cut(
        &mut self,
        draws: &[Draw],
        ranks: &[u8],
        last_cut: u8,
        total: Counts,
        min_rows: u64,
    ) -> Option<Cut> {
        self.fill(draws, ranks);
        let missing = self.take(MISSING);
        let mut best: Option<Cut> = None;
        let mut left = Counts::default();
        let mut rank = self.next_held();
        while let Some(this) = rank {
            left += self.take(this);
            rank = self.next_held();
            // Halfway to the next value here: of what lies between nothing is known.
            let last_left = rank.map_or(last_cut, |next| this + (next - this - 1) / 2);
            if this > last_cut {
                continue;
            }
            for missing_left in [false, true] {
                if missing_left && missing.n_rows() == 0 {
                    continue;
                }
                let mut left = left;
                if missing_left {
                    left += missing;
                }
                let n_left = left.n_rows();
                if n_left < min_rows || total.n_rows() - n_left < min_rows {
                    continue;
                }
                let score = score(left, total);
                if best.is_none_or(|best| score > best.score) {
                    best = Some(Cut { last_left, missing_left, left, score });
                }
            }
        }
        if missing.n_rows() == 0 {
            // Values missing later on go with most of the rows.
            let go = |cut: Cut| 2 * cut.left.n_rows() >= total.n_rows();
            best = best.map(|cut| Cut { missing_left: go(cut), ..cut });
        }
        best
    }

    fn fill(&mut self, draws: &[Draw], ranks: &[u8]) {
        if draws.len() < MANY_ROWS {
            for draw in draws {
                let rank = ranks[draw.row as usize];
                self.counts[usize::from(rank)] += draw.counts();
                self.held[usize::from(rank / 64)] |= 1 << (rank % 64);
            }
        } else {
            for draw in draws {
                self.counts[usize::from(ranks[draw.row as usize])] += draw.counts();
            }
            for (held, counts) in self.held.iter_mut().zip(self.counts.chunks(64)) {
                let bit = |(rank, counts): (usize, &Counts)| u64::from(counts.0 > 0) << rank;
                *held = counts.iter().enumerate().map(bit).sum();
            }
        }
    }

    /// The lowest rank that holds anything.
    fn next_held(&self) -> Option<u8> {
        let word = self.held.iter().position(|held| *held > 0)?;
        Some((64 * word) as u8 + self.held[word].trailing_zeros() as u8)
    }

    /// What a rank holds, which is then empty.
    fn take(&mut self, rank: u8) -> Counts {
        self.held[usize::from(rank / 64)] &= !(1 << (rank % 64));
        std::mem::take(&mut self.counts[usize::from(rank)])
    }
}

/// With n rows and f frauds in all, and n₁ and f₁ of them on the left,
/// `f₁²/n₁ + f₂²/n₂ - f²/n = (f₁ n - f n₁)² / (n n₁ n₂)`, here without the `n` below the line: half
/// the decrease of the rows' summed Gini impurity, and of their summed squared error all of it.
fn score(left: Counts, total: Counts) -> f64 {
    // Counts are below 2^31, so no product leaves 63 bits.
    let cross = (left.n_frauds() * total.n_rows()).abs_diff(total.n_frauds() * left.n_rows());
    let right_rows = total.n_rows() - left.n_rows();
    (cross as f64) * (cross as f64) / (left.n_rows() as f64 * right_rows as f64)
}
