//! The fitted rows feature by feature, each value a byte in the order in which splits part them.

use rayon::prelude::*;
use shroff_serve::model::SplitTest;

use crate::learner::gbdt::bins::{BinSet, FeatureBins, MISSING};
use crate::learner::sample::FitRows;

/// Rows of prior that pull a category's fraud rate toward the base rate: LightGBM's `cat_smooth`.
const SMOOTHING: f64 = 10.0;
/// Categories of fewer rows count as one: LightGBM's `min_data_per_group`. Each on its own would
/// tell the label of its few rows.
const MIN_ROWS_OF_CATEGORY: u32 = 100;

/// One feature of all fitted rows.
pub(super) struct Column {
    /// Per row the rank of its bin; 0 is missing. Bins of numbers keep their order, those of
    /// categories ascend by smoothed fraud rate, rare ones sharing a rank.
    pub(super) ranks: Vec<u8>,
    /// The last rank that a split can have on its left: above it nothing, or only infinite values.
    pub(super) last_cut: u8,
    bins: FeatureBins,
    rank_of_bin: Vec<u8>,
}

impl Column {
    /// All features of these rows, in at most this many bins and one of missing values.
    pub(super) fn learn(rows: &FitRows<'_>, max_bins: usize, seed: u64) -> Vec<Self> {
        let bins = FeatureBins::learn(rows, max_bins, seed);
        let columns = bins.into_par_iter().enumerate();
        columns.map(|(feature, bins)| Self::new(rows, feature, bins)).collect()
    }

    fn new(rows: &FitRows<'_>, feature: usize, bins: FeatureBins) -> Self {
        let mut ranks: Vec<u8> = rows.column(feature).map(|value| bins.bin(value)).collect();
        if !bins.is_categorical() {
            let rank_of_bin = (0..bins.n_bins()).map(|bin| bin as u8).collect();
            return Self { ranks, last_cut: (bins.n_bins() - 2) as u8, bins, rank_of_bin };
        }
        let rank_of_bin = by_fraud_rate(rows, &ranks, bins.n_bins());
        ranks.iter_mut().for_each(|rank| *rank = rank_of_bin[usize::from(*rank)]);
        let last_cut = rank_of_bin.iter().max().copied().unwrap_or(0);
        Self { ranks, last_cut, bins, rank_of_bin }
    }

    /// The question whose answer is yes for the ranks from 1 to `cut`.
    pub(super) fn test(&self, cut: u8) -> SplitTest {
        let mut left = BinSet::default();
        for (bin, rank) in (0..=u8::MAX).zip(&self.rank_of_bin) {
            if (1..=cut).contains(rank) {
                left.insert(bin);
            }
        }
        self.bins.test(&left)
    }
}

/// The rank of each bin by its fraud rate, pulled toward that of all rows; ties by bin. The last
/// bin, that of all other categories, takes those of few rows in.
fn by_fraud_rate(rows: &FitRows<'_>, bins: &[u8], n_bins: usize) -> Vec<u8> {
    let others = n_bins - 1;
    let mut n_rows = vec![0_u32; n_bins];
    bins.iter().for_each(|bin| n_rows[usize::from(*bin)] += 1);
    let own = |bin: usize| if n_rows[bin] < MIN_ROWS_OF_CATEGORY { others } else { bin };
    let mut weights = vec![[0.0; 2]; n_bins];
    let mut total = [0.0; 2];
    for ((&bin, &fraud), &weight) in bins.iter().zip(&rows.labels).zip(&rows.weights) {
        total[usize::from(fraud)] += weight;
        if bin != MISSING {
            weights[own(usize::from(bin))][usize::from(fraud)] += weight;
        }
    }
    let all = total[0] + total[1];
    // As many rows of prior, whatever a row weighs.
    let prior = SMOOTHING * all / rows.n_rows() as f64;
    let rate = |bin: usize| {
        let [legitimate, fraud] = weights[bin];
        (fraud + prior * total[1] / all) / (legitimate + fraud + prior)
    };
    let mut order: Vec<usize> = (1..n_bins).filter(|bin| own(*bin) == *bin).collect();
    order.sort_by(|a, b| rate(*a).total_cmp(&rate(*b)));
    let mut rank_of_bin = vec![MISSING; n_bins];
    for (rank, bin) in (1..).zip(order) {
        rank_of_bin[bin] = rank;
    }
    for bin in 1..n_bins {
        rank_of_bin[bin] = rank_of_bin[own(bin)];
    }
    rank_of_bin
}
