//! The weights on which the structure of a decision tree is searched.

use super::KIND;
use crate::learner::LearnError;
use crate::learner::sample::FitRows;

/// Weights for the search, in whole units: their sums are exact in the library's `f32`, so nothing
/// depends on the order of adding and no side of a split is emptier than its weight says.
///
/// Without row weights the units of a fraud and of a legitimate row have no common divisor, which
/// makes ties rare: a leaf ties only if its number of frauds is a multiple of the units of a
/// legitimate row (112 at 67,000 rows, 4 at 1.7 million) and its number of legitimate rows the one
/// that matches. What a tie then means, `pruning` says.
pub(super) struct Balanced {
    /// One per fitted row.
    pub(super) units: Vec<u32>,
    /// Units of a legitimate row of weight 1, before rounding.
    pub(super) units_per_weight: f64,
}

impl Balanced {
    pub(super) fn new(rows: &FitRows<'_>, scale_pos_weight: f64) -> Result<Self, LearnError> {
        let n_rows = rows.n_rows();
        let too_many = LearnError::TooManyRows { kind: KIND, max_rows: MAX_ROWS, found: n_rows };
        if n_rows > MAX_ROWS {
            return Err(too_many);
        }
        let total = |fraud: bool| -> f64 {
            let of_class =
                rows.labels.iter().zip(&rows.weights).filter(|(label, _)| **label == fraud);
            of_class.map(|(_, weight)| weight).sum()
        };
        let (legitimate, frauds) = (total(false), total(true));
        // Frauds weigh as much as legitimate rows, then `scale_pos_weight` times as much.
        let fraud_factor = scale_pos_weight * legitimate / frauds;
        // Each row may be rounded up by a unit, and a tenth is left for making units coprime.
        let spare = MAX_TOTAL as f64 - n_rows as f64;
        let units_per_weight = 0.9 * spare / (legitimate * (1.0 + scale_pos_weight));
        let units_of = |label: bool, weight: f64| {
            let factor = if label { fraud_factor } else { 1.0 };
            ((weight * factor * units_per_weight).round() as u32).max(1)
        };
        let labels_and_weights = rows.labels.iter().zip(&rows.weights);
        let mut units: Vec<u32> =
            labels_and_weights.map(|(label, weight)| units_of(*label, *weight)).collect();
        let first = |fraud: bool| rows.labels.iter().position(|label| *label == fraud);
        if let (Some(fraud), Some(legitimate)) = (first(true), first(false)) {
            let shared = |nudge: &u32| gcd(units[fraud] + nudge, units[legitimate]) > 1;
            let nudge = (0..).find(|nudge| !shared(nudge)).unwrap_or(0);
            units.iter_mut().zip(&rows.labels).filter(|(_, fraud)| **fraud).for_each(
                |(unit, _)| {
                    *unit += nudge;
                },
            );
        }
        if units.iter().map(|units| u64::from(*units)).sum::<u64>() > MAX_TOTAL {
            return Err(too_many);
        }
        Ok(Self { units, units_per_weight })
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The library sums weights in `f32`, where whole numbers are exact up to this sum.
const MAX_TOTAL: u64 = 1 << 24;
const MAX_ROWS: usize = 1 << 23;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::fixture;
    use crate::matrix::TrainingSet;

    #[test]
    fn classes_weigh_the_same_in_exact_coprime_units() {
        let (matrix, labels) = fixture::transactions(5_000, 5);
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let rows = FitRows::draw(&data, None, 2.0, 0).expect("two classes");
        let balanced = Balanced::new(&rows, 2.0).expect("few rows");
        let total = |fraud| -> u64 {
            let units = labels.iter().zip(&balanced.units).filter(|(label, _)| **label == fraud);
            units.map(|(_, units)| u64::from(*units)).sum()
        };
        assert!(total(true) + total(false) <= MAX_TOTAL);
        let ratio = total(true) as f64 / total(false) as f64;
        assert!((ratio - 2.0).abs() < 1e-3, "expected `scale_pos_weight`, found {ratio}");
        let unit = |fraud| {
            let first = labels.iter().position(|label| *label == fraud);
            balanced.units[first.expect("both classes")]
        };
        assert_eq!(gcd(unit(true), unit(false)), 1);
    }
}
