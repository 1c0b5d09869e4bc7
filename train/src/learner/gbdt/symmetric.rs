//! Symmetric trees: one question for all leaves of a depth.

use super::bins::{BinSet, MISSING};
use super::grow::Growth;
use super::split::{Candidate, Order, Scan, best_of_features};
use super::sums::Sums;
use super::tree::BinnedTree;

impl Growth<'_> {
    /// Splits all leaves, again and again, by the question that gains most over all of them.
    ///
    /// A leaf that the question would leave with too small a side gains nothing by it and says on
    /// both sides what it said before, unless a side is large enough to speak for itself.
    pub(super) fn symmetric(mut self) -> BinnedTree {
        let max_depth = self.grower.size.max_depth;
        for depth in 1..=max_depth {
            let n_features = self.grower.layout.n_features();
            let best = best_of_features(n_features, |feature| self.best_for_all(feature));
            let Some(candidate) = best else { break };
            self.split(0..self.leaves.len(), &candidate, depth == max_depth);
        }
        self.finish()
    }

    fn histogram(&self, leaf: usize, feature: usize) -> &[Sums] {
        let bins = self.grower.layout.bins(feature);
        self.leaves[leaf].histogram.as_ref().map_or(&[], |histogram| &histogram.bins[bins])
    }

    /// The best split of all leaves by one feature.
    fn best_for_all(&self, feature: usize) -> Option<Candidate> {
        let grower = self.grower;
        let rules = &grower.rules;
        if !self.in_use[feature] {
            return None;
        }
        let n_bins = grower.layout.bins(feature).len();
        let mut all = vec![Sums::default(); n_bins];
        let mut total = Sums::default();
        for (number, leaf) in self.leaves.iter().enumerate() {
            total += leaf.sums;
            all.iter_mut().zip(self.histogram(number, feature)).for_each(|(a, b)| *a += *b);
        }
        let has_missing = all[usize::from(MISSING)].n_rows > 0;
        let is_categorical = grower.is_categorical[feature];
        let order = Order::new(rules, is_categorical, &all);
        let monotone = rules.monotone.get(feature).copied().unwrap_or(0);
        // By side of missing values and number of bins on the left.
        let mut gains = [vec![0.0; order.bins.len() + 1], vec![0.0; order.bins.len() + 1]];
        for (number, leaf) in self.leaves.iter().enumerate() {
            let bins = self.histogram(number, feature);
            if bins.is_empty() {
                continue;
            }
            let unsplit = rules.leaf_score(leaf.sums, leaf.bounds);
            let visit = |n_left: usize, missing_left: bool, _, score: f64| {
                gains[usize::from(missing_left)][n_left] += score - unsplit;
            };
            let (total, bounds) = (leaf.sums, leaf.bounds);
            let order = &order;
            let scan = Scan { order, bins, total, bounds, monotone, has_missing, empty_bins: true };
            rules.each_split(&scan, visit);
        }
        let mut best: Option<(bool, usize, f64)> = None;
        for (missing_left, gains) in [false, true].into_iter().zip(&gains) {
            for (n_left, &gain) in gains.iter().enumerate().filter(|(_, gain)| gain.is_finite()) {
                if gain > best.map_or(rules.min_gain_to_split.max(0.0), |best| best.2) {
                    best = Some((missing_left, n_left, gain));
                }
            }
        }
        let (missing_left, n_left, gain) = best?;
        let sums = |left: &BinSet| {
            let mut sums = Sums::default();
            let bins = all.iter().enumerate().filter(|(bin, _)| left.contains(*bin as u8));
            bins.for_each(|(_, bin)| sums += *bin);
            sums
        };
        let is_unknown = |bin: u8| is_categorical && all[usize::from(bin)].n_rows == 0;
        let heavier_left =
            2 * sums(&order.left(n_left, false, |_| false, n_bins)).hessian >= total.hessian;
        let default_left = if has_missing { missing_left } else { heavier_left };
        let left = order.left(n_left, default_left, is_unknown, n_bins);
        Some(Candidate { gain, feature, left_sums: sums(&left), left })
    }
}
