//! Isotonic regression, by pooling adjacent violators.

use std::cmp::Ordering;

use shroff_serve::model::Isotonic;

use super::{CalibrateError, Sizes, counted};
use crate::metric::Scored;

/// Fits the non-decreasing function closest to the labels in weighted squares, by pooling adjacent
/// violators.
///
/// Equal scores are pooled first. Probabilities are moved into `[1/(n+2), 1 - 1/(n+2)]` for `n`
/// rows: no finite window proves that fraud is impossible, and log loss stays finite. Of each level
/// stretch only the ends are kept. A model whose scores do not rise with fraud gives a level line
/// at the base rate. Cost: a sort.
///
/// # Errors
/// Rows that [`Scored::new`] refuses; only one class.
///
/// # Source
/// Zadrozny and Elkan, Transforming Classifier Scores into Accurate Multiclass Probability
/// Estimates (2002); the points kept are those of scikit-learn's `IsotonicRegression`.
pub fn fit_isotonic(
    log_odds: &[f64],
    labels: &[bool],
    weights: Option<&[f64]>,
) -> Result<Isotonic, CalibrateError> {
    let scored = Scored::new(labels, log_odds, weights)?;
    let sizes = Sizes::of(&scored)?;
    // As in a ranking: -0.0 becomes 0.0, and the stable sort sums weights of equal scores in row
    // order.
    let mut rows: Vec<_> = counted(&scored).map(|(l, x, w)| (x + 0.0, l, w)).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut ties: Vec<Block> = Vec::new();
    for (x, label, weight) in rows {
        let row = Block { first: x, last: x, frauds: weight * f64::from(label), weight };
        match ties.last_mut() {
            Some(tie) if tie.last.total_cmp(&x) == Ordering::Equal => *tie = tie.joined(&row),
            _ => ties.push(row),
        }
    }

    let mut blocks: Vec<Block> = Vec::new();
    for mut block in ties {
        while let Some(before) = blocks.pop_if(|before| before.mean() >= block.mean()) {
            block = before.joined(&block);
        }
        blocks.push(block);
    }

    let clip = 1.0 / (sizes.frauds + sizes.legitimate + 2.0);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    // Blocks that the clamp made equal are one stretch.
    let level = |block: &Block| block.mean().clamp(clip, 1.0 - clip);
    for stretch in blocks.chunk_by(|a, b| level(a) >= level(b)) {
        let [block, ..] = stretch else { continue };
        x.push(block.first);
        y.push(level(block));
        if let Some(end) = stretch.last().filter(|end| end.last > block.first) {
            x.push(end.last);
            y.push(level(block));
        }
    }
    Ok(Isotonic { x, y })
}

/// A stretch of scores with one probability.
struct Block {
    first: f64,
    last: f64,
    frauds: f64,
    weight: f64,
}

impl Block {
    fn mean(&self) -> f64 {
        self.frauds / self.weight
    }

    /// This block and the one that follows it as one.
    fn joined(&self, next: &Self) -> Self {
        Self {
            first: self.first,
            last: next.last,
            frauds: self.frauds + next.frauds,
            weight: self.weight + next.weight,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::sample::{Rows, close};

    #[test]
    fn worked_by_hand() {
        // Scores 1..6 with labels 0 1 0 0 1 1: 2, 3 and 4 pool to 1/3. Ends clipped by 1/8.
        let y = [false, true, false, false, true, true];
        let found = fit_isotonic(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &y, None).unwrap();
        let third = 1.0 / 3.0;
        assert_eq!(found.x, [1.0, 2.0, 4.0, 5.0, 6.0]);
        assert_eq!(found.y, [0.125, third, third, 0.875, 0.875]);

        // Means 0, 1/9, 8/9 and 1. Six rows of weight below 1 still count six, so the clip is 1/8
        // and takes in the inner two: two level stretches are left.
        let x = [1.0, 2.0, 2.0, 3.0, 3.0, 4.0];
        let w = [0.5, 0.0625, 0.5, 0.5, 0.0625, 0.5];
        let y = [false, true, false, true, false, true];
        let found = fit_isotonic(&x, &y, Some(&w)).unwrap();
        assert_eq!(
            found,
            Isotonic { x: vec![1.0, 2.0, 3.0, 4.0], y: vec![0.125, 0.125, 0.875, 0.875] }
        );
    }

    #[test]
    fn equals_the_min_max_formula() {
        for seed in 0..30 {
            let rows = Rows::seeded(seed, 150);
            let found = fit_isotonic(&rows.scores, &rows.labels, Some(&rows.weights)).unwrap();
            assert!(found.x.is_sorted_by(|a, b| a < b) && found.y.is_sorted());
            let mut scores: Vec<f64> =
                (0..150).filter(|&i| rows.weights[i] > 0.0).map(|i| rows.scores[i]).collect();
            scores.sort_by(f64::total_cmp);
            scores.dedup();
            let mean = |from: f64, to: f64| {
                let (mut frauds, mut total) = (0.0, 0.0);
                for i in (0..150).filter(|&i| (from..=to).contains(&rows.scores[i])) {
                    frauds += rows.weights[i] * f64::from(rows.labels[i]);
                    total += rows.weights[i];
                }
                frauds / total
            };
            let clip = 1.0 / (rows.weights.iter().sum::<f64>() + 2.0);
            for (at, &score) in scores.iter().enumerate() {
                // The fit at a score: the greatest, over starts at or below it, of the least mean
                // to an end at or above.
                let least = |from: f64| {
                    scores[at..].iter().map(|&to| mean(from, to)).fold(f64::INFINITY, f64::min)
                };
                let fit = scores[..=at].iter().map(|&from| least(from)).fold(0.0, f64::max);
                close(interpolate(&found, score), fit.clamp(clip, 1.0 - clip), 1e-14);
            }
        }
    }

    fn interpolate(line: &Isotonic, x: f64) -> f64 {
        let after = line.x.partition_point(|point| *point <= x);
        if after == 0 || after == line.x.len() {
            return line.y[after.saturating_sub(1)];
        }
        let share = (x - line.x[after - 1]) / (line.x[after] - line.x[after - 1]);
        line.y[after - 1] + share * (line.y[after] - line.y[after - 1])
    }
}
