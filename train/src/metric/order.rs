//! Rows sorted by score once, to be weighed again and again.

use rayon::prelude::*;

use super::Scored;

/// The rows in descending order of score, those of equal score in the order they were given.
///
/// What a bootstrap needs: sorting is done once, and every set of weights takes one pass over two
/// small columns. A weight is asked for by *position*, the place in this order; [`rows`](Self::rows)
/// and [`take`](Self::take) turn what is known by row into that order beforehand, so that a pass reads
/// memory from front to back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    rows: Vec<u32>,
    marks: Vec<u8>,
}

/// Marks of a position: a fraud; the last of those with its score.
const FRAUD: u8 = 1;
const LAST_OF_SCORE: u8 = 2;

/// What one pass over an [`Order`] finds; the definitions are those of
/// [`Ranking`](super::Ranking).
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Weight of all frauds.
    pub fraud_weight: f64,
    /// Weight of all legitimate rows.
    pub legitimate_weight: f64,
    /// Area under the ROC curve; absent when a class is.
    pub roc_auc: Option<f64>,
    /// Average precision; absent without frauds.
    pub average_precision: Option<f64>,
    /// Recall at each false-positive rate asked for, in their order; absent when a class is.
    pub recall_at_fpr: Vec<Option<f64>>,
}

impl Order {
    /// Sorts the rows. Their weights play no part, and rows of weight 0 stay. Cost: a sort, on all
    /// threads.
    pub fn new(scored: &Scored<'_>) -> Self {
        let sorted = sorted(scored);
        let is_last = |position: usize| {
            sorted.get(position + 1).is_none_or(|next| next.key != sorted[position].key)
        };
        let mark = |(position, entry): (usize, &Entry)| {
            let last = if is_last(position) { LAST_OF_SCORE } else { 0 };
            last | if entry.is_fraud { FRAUD } else { 0 }
        };
        let marks = sorted.iter().enumerate().map(mark).collect();
        Self { rows: sorted.iter().map(|entry| entry.row).collect(), marks }
    }

    /// Number of rows, at least 1.
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// Which row stands at each position.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Whether no later position has the score of this one.
    pub(super) fn is_last_of_score(&self, position: usize) -> bool {
        self.marks[position] & LAST_OF_SCORE != 0
    }

    /// What is known by row, by position instead.
    ///
    /// # Panics
    /// If `values` are fewer than the rows.
    pub fn take<T: Copy>(&self, values: &[T]) -> Vec<T> {
        self.rows.iter().map(|row| values[*row as usize]).collect()
    }

    /// Weight of the frauds and of the legitimate rows down to each distinct score, highest first:
    /// the points of ROC and precision-recall curves. Scores without any weight repeat the point
    /// before.
    pub fn points(&self, weight: impl Fn(usize) -> f64) -> impl Iterator<Item = (f64, f64)> {
        let (mut frauds, mut legitimate) = (0.0, 0.0);
        self.marks.iter().enumerate().filter_map(move |(position, mark)| {
            let weight = weight(position);
            if mark & FRAUD == 0 {
                legitimate += weight;
            } else {
                frauds += weight;
            }
            (mark & LAST_OF_SCORE != 0).then_some((frauds, legitimate))
        })
    }

    /// The measures of the rows when the one at each position counts `weight(position)`, a finite
    /// number of at least 0. With whole numbers no rounding happens before the last division, as long
    /// as pairs stay below 2^53. Two passes, linear in the rows.
    pub fn sweep(&self, weight: impl Fn(usize) -> f64, fpr_limits: &[f64]) -> Sweep {
        let legitimate_weight: f64 = {
            let legitimate = self.marks.iter().enumerate().filter(|(_, mark)| *mark & FRAUD == 0);
            legitimate.map(|(position, _)| weight(position)).sum()
        };
        // No rate keeps a limit that is no number.
        let limit = |limit: &f64| if limit.is_nan() { f64::NEG_INFINITY } else { *limit };
        let mut limits: Vec<(usize, f64)> = fpr_limits.iter().map(limit).enumerate().collect();
        limits.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut caught = vec![0.0; limits.len()];
        let mut n_passed = 0;
        let (mut ordered, mut precisions) = (0.0, 0.0);
        let (mut above, mut alarmed) = (0.0, 0.0);
        for (frauds, legitimate) in self.points(weight) {
            while let Some((position, limit)) = limits.get(n_passed)
                && legitimate / legitimate_weight > *limit
            {
                caught[*position] = above;
                n_passed += 1;
            }
            ordered += (legitimate - alarmed) * (above + frauds);
            if frauds > above {
                precisions += (frauds - above) * (frauds / (frauds + legitimate));
            }
            (above, alarmed) = (frauds, legitimate);
        }
        let fraud_weight = above;
        limits[n_passed..].iter().for_each(|(position, _)| caught[*position] = fraud_weight);
        let both = fraud_weight > 0.0 && legitimate_weight > 0.0;
        Sweep {
            fraud_weight,
            legitimate_weight,
            roc_auc: both.then(|| ordered / (2.0 * fraud_weight * legitimate_weight)),
            average_precision: (fraud_weight > 0.0).then(|| precisions / fraud_weight),
            recall_at_fpr: caught
                .iter()
                .map(|caught| both.then(|| caught / fraud_weight))
                .collect(),
        }
    }
}

/// A row among others: by score descending, then by row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// The order of the score upside down: see [`key`].
    pub(super) key: u64,
    pub(super) row: u32,
    pub(super) is_fraud: bool,
}

/// All rows, sorted; the same on any number of threads, since no two are equal.
pub(super) fn sorted(scored: &Scored<'_>) -> Vec<Entry> {
    let entry = |(row, (is_fraud, score, _)): (usize, (bool, f64, f64))| Entry {
        key: key(score),
        // `Scored` has no more rows than that.
        row: row as u32,
        is_fraud,
    };
    let mut entries: Vec<Entry> = scored.rows().enumerate().map(entry).collect();
    entries.par_sort_unstable_by_key(|entry| (entry.key, entry.row));
    entries
}

/// A number that is smaller the greater the score; -0.0 and 0.0 have the same.
pub(super) fn key(score: f64) -> u64 {
    // Adding 0.0 turns -0.0 into 0.0. Bits of positive numbers are in order, those of negative ones
    // in the opposite order and with the sign set.
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { bits } else { !bits & (u64::MAX >> 1) }
}

/// The score of a key.
pub(super) fn score(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key } else { !key & (u64::MAX >> 1) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Ranking;
    use crate::metric::sample::{Rows, close};

    #[test]
    fn keys_are_in_the_order_of_scores() {
        let scores =
            [f64::MAX, 7.5, 1.0, f64::MIN_POSITIVE, 5e-324, 0.0, -5e-324, -1.0, -2.5, f64::MIN];
        for pair in scores.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
        for number in scores {
            assert_eq!(score(key(number)).to_bits(), number.to_bits());
        }
        assert_eq!(key(-0.0), key(0.0));
    }

    #[test]
    fn rows_of_one_score_keep_their_order() {
        let scores = [0.5, 2.0, 0.5, 2.0, -1.0];
        let labels = [false, true, true, false, true];
        let order = Order::new(&Scored::new(&labels, &scores, None).unwrap());
        assert_eq!(order.rows(), [1, 3, 0, 2, 4]);
        assert_eq!(order.take(&[10, 11, 12, 13, 14]), [11, 13, 10, 12, 14]);
        let points: Vec<_> = order.points(|_| 1.0).collect();
        assert_eq!(points, [(1.0, 1.0), (2.0, 2.0), (3.0, 2.0)]);
    }

    #[test]
    fn a_sweep_equals_a_ranking_of_its_weights() {
        let limits = [0.05, 0.0, 1.0, 0.2, f64::NAN];
        for seed in 0..30 {
            let Rows { labels, scores, weights } = Rows::seeded(seed, 200);
            let scored = Scored::new(&labels, &scores, Some(&weights)).unwrap();
            let order = Order::new(&scored);
            let by_position = order.take(&weights);
            let swept = order.sweep(|position| by_position[position], &limits);
            let ranking = Ranking::new(&scored);
            close(swept.fraud_weight, ranking.fraud_weight(), 0.0);
            close(swept.legitimate_weight, ranking.legitimate_weight(), 0.0);
            close(swept.roc_auc.unwrap(), ranking.roc_auc().unwrap(), 1e-15);
            close(swept.average_precision.unwrap(), ranking.average_precision().unwrap(), 1e-14);
            let recalls = limits.map(|limit| ranking.recall_at_fpr(limit));
            assert_eq!(swept.recall_at_fpr, recalls);
        }
    }

    #[test]
    fn absent_classes() {
        let scored = Scored::new(&[true, false], &[1.0, 2.0], None).unwrap();
        let order = Order::new(&scored);
        let of = |weights: [f64; 2]| {
            let swept = order.sweep(|position| weights[order.rows()[position] as usize], &[0.1]);
            (swept.roc_auc, swept.average_precision, swept.recall_at_fpr)
        };
        assert_eq!(of([1.0, 0.0]), (None, Some(1.0), vec![None]));
        assert_eq!(of([0.0, 1.0]), (None, None, vec![None]));
        assert_eq!(of([0.0, 0.0]), (None, None, vec![None]));
        assert_eq!(of([1.0, 1.0]), (Some(0.0), Some(0.5), vec![Some(0.0)]));
    }
}
