//! Histograms: the sums of a leaf's rows per bin of every feature.

use super::bins::MAX_BINS;
use super::part::{GROUP_FEATURES, Layout, Part};
use super::sums::{BLOCK_ROWS, Sums};

/// Rows whose bins are copied together before they are counted: the copies wait for memory side by
/// side, which the counting does not.
const GATHERED_ROWS: usize = 64;

/// Sums per bin of all features, by [`Layout`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Histogram {
    pub(super) bins: Vec<Sums>,
}

impl Histogram {
    /// Empties it, for so many bins.
    fn reset(&mut self, n_bins: usize) {
        self.bins.clear();
        self.bins.resize(n_bins, Sums::default());
    }

    /// The sums over all rows, which are those of any feature's bins.
    pub(super) fn total(&self, layout: &Layout) -> Sums {
        self.bins[layout.bins(0)].iter().fold(Sums::default(), |sums, bin| sums + *bin)
    }

    /// Adds another: the histogram of all rows is the sum of those of its parts.
    pub(super) fn add(&mut self, other: &Self) {
        self.bins.iter_mut().zip(&other.bins).for_each(|(bin, other)| *bin += *other);
    }

    /// Takes another away: what remains of a leaf is its other child.
    pub(super) fn subtract(&mut self, other: &Self) {
        self.bins.iter_mut().zip(&other.bins).for_each(|(bin, other)| *bin = *bin - *other);
    }
}

/// Adds up rows.
#[derive(Debug)]
pub(super) struct Accumulator {
    /// Per group and feature, packed sums of the block.
    packed: Vec<[[u64; MAX_BINS]; GROUP_FEATURES]>,
    words: Vec<u64>,
    n_packed: usize,
    histogram: Histogram,
}

impl Accumulator {
    pub(super) fn new(layout: &Layout) -> Self {
        Self {
            packed: vec![[[0; MAX_BINS]; GROUP_FEATURES]; layout.groups.len()],
            words: Vec::with_capacity(BLOCK_ROWS),
            n_packed: 0,
            histogram: Histogram::default(),
        }
    }

    /// Begins to add up rows, into this histogram.
    pub(super) fn begin(&mut self, layout: &Layout, histogram: Histogram) {
        self.histogram = histogram;
        self.histogram.reset(layout.n_bins());
    }

    /// Adds these rows of a part.
    pub(super) fn add(&mut self, layout: &Layout, part: &Part, mut rows: &[u16]) {
        while !rows.is_empty() {
            if self.n_packed == BLOCK_ROWS {
                self.widen(layout);
            }
            let (block, rest) = rows.split_at(rows.len().min(BLOCK_ROWS - self.n_packed));
            rows = rest;
            self.n_packed += block.len();
            let words = match part.words_in_a_row(block) {
                Some(words) => words,
                None => {
                    self.words.clear();
                    self.words.extend(block.iter().map(|row| part.words[usize::from(*row)]));
                    &self.words
                }
            };
            for ((packed, group), features) in
                self.packed.iter_mut().zip(&part.groups).zip(&layout.groups)
            {
                add_group(packed, group, features.len(), block, words);
            }
        }
    }

    /// The histogram of all rows added since the beginning.
    pub(super) fn finish(&mut self, layout: &Layout) -> Histogram {
        self.widen(layout);
        std::mem::take(&mut self.histogram)
    }

    fn widen(&mut self, layout: &Layout) {
        self.n_packed = 0;
        for (packed, features) in self.packed.iter_mut().zip(&layout.groups) {
            for (packed, feature) in packed.iter_mut().zip(features.clone()) {
                let bins = &mut self.histogram.bins[layout.bins(feature)];
                for (bin, packed) in bins.iter_mut().zip(packed) {
                    *bin += Sums::widen(*packed);
                    *packed = 0;
                }
            }
        }
    }
}

/// [`count`] for the number of features of a group, known to the compiler.
fn add_group(
    packed: &mut [[u64; MAX_BINS]; GROUP_FEATURES],
    group: &[[u8; GROUP_FEATURES]],
    n_features: usize,
    rows: &[u16],
    words: &[u64],
) {
    macro_rules! by_number {
        ($($n:literal)*) => {
            match n_features {
                $($n => count::<$n>(packed, group, rows, words),)*
                _ => unreachable!("a group has 1 to 8 features"),
            }
        };
    }
    by_number!(1 2 3 4 5 6 7 8);
}

#[inline(never)]
fn count<const N_FEATURES: usize>(
    packed: &mut [[u64; MAX_BINS]; GROUP_FEATURES],
    group: &[[u8; GROUP_FEATURES]],
    rows: &[u16],
    words: &[u64],
) {
    let mut gathered = [[0; GROUP_FEATURES]; GATHERED_ROWS];
    for (rows, words) in rows.chunks(GATHERED_ROWS).zip(words.chunks(GATHERED_ROWS)) {
        for (bins, &row) in gathered.iter_mut().zip(rows) {
            *bins = group[usize::from(row)];
        }
        for (bins, word) in gathered.iter().zip(words) {
            for feature in 0..N_FEATURES {
                let packed = &mut packed[feature][usize::from(bins[feature])];
                *packed = packed.wrapping_add(*word);
            }
        }
    }
}
