//! What features and margins look like in the calibrate window, for drift to be measured against.

use shroff_serve::artifact::{Bands, Histogram, Reference};

use crate::matrix::Matrix;

/// Bins of a histogram of numbers; of equal weight as far as ties allow.
const N_BINS: usize = 20;

/// Rows without a weight count 1 each. The histogram of margins also ends a bin where a band begins, so
/// that it tells how many rows lay in each.
pub(super) fn reference(
    matrix: &Matrix,
    margins: &[f64],
    weights: Option<&[f64]>,
    bands: Option<&Bands>,
) -> Reference {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let feature = |position: usize| {
        let value = |row: usize| f64::from(matrix.row(row)[position]);
        let values = (0..matrix.n_rows()).map(|row| (value(row), weight(row)));
        match matrix.row_types()[position].n_categories() {
            Some(n_categories) => categories(values, n_categories as usize),
            None => numbers(values, &[]),
        }
    };
    let margins_of = || margins.iter().enumerate().map(|(row, margin)| (*margin, weight(row)));
    // A margin equal to the edge of a band lies above it, one equal to that of a bin below.
    let below = |edge: &f64| edge.next_down();
    let band_edges: Vec<f64> = bands.iter().flat_map(|bands| &bands.edges).map(below).collect();
    Reference {
        n_rows: margins.len() as u64,
        features: (0..matrix.n_features()).map(feature).collect(),
        margin: numbers(margins_of(), &band_edges),
    }
}

/// The bin of a histogram that a value lies in; none for one that is missing.
pub(crate) fn bin(histogram: &Histogram, value: f64) -> Option<usize> {
    let is_category = histogram.edges.is_empty() && histogram.weights.len() != 1;
    match value {
        value if value.is_nan() => None,
        code if is_category => Some(code as usize).filter(|bin| *bin < histogram.weights.len()),
        value => Some(histogram.edges.partition_point(|edge| *edge < value)),
    }
}

fn categories(values: impl Iterator<Item = (f64, f64)>, n_categories: usize) -> Histogram {
    let (edges, weights, missing) = (Vec::new(), vec![0.0; n_categories], 0.0);
    let mut histogram = Histogram { edges, weights, missing };
    for (value, weight) in values {
        match histogram.weights.get_mut(value as usize) {
            Some(sum) if !value.is_nan() => *sum += weight,
            _ => histogram.missing += weight,
        }
    }
    histogram
}

/// Edges at the quantiles, where equal ones make one edge, and at `further` values.
fn numbers(values: impl Iterator<Item = (f64, f64)>, further: &[f64]) -> Histogram {
    let (mut missing, mut present) = (0.0, Vec::new());
    for (value, weight) in values {
        if value.is_nan() {
            missing += weight;
        } else {
            present.push((value, weight));
        }
    }
    // Stable, so that equal values are added up in the order of the rows.
    present.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = present.iter().map(|(_, weight)| weight).sum();
    let greatest = present.last().map_or(f64::NAN, |(value, _)| *value);
    let mut edges: Vec<f64> = Vec::new();
    let (mut passed, mut quantile) = (0.0, 1);
    for (value, weight) in &present {
        passed += weight;
        // The value with which the quantile's share is full: bins end with their edge.
        while quantile < N_BINS && passed >= total * quantile as f64 / N_BINS as f64 {
            quantile += 1;
            if edges.last().is_none_or(|last| last < value) && *value < greatest {
                edges.push(*value);
            }
        }
    }
    edges.extend(further);
    edges.sort_by(f64::total_cmp);
    edges.dedup_by(|a, b| a.total_cmp(b).is_eq());
    let mut weights = vec![0.0; edges.len() + 1];
    for (value, weight) in &present {
        weights[edges.partition_point(|edge| edge < value)] += weight;
    }
    Histogram { edges, weights, missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Histogram {
        numbers(values.into_iter().map(|value| (value, 1.0)), &[])
    }

    #[test]
    fn bins_hold_equal_shares_and_ties_stay_together() {
        let histogram = of((1..=100).map(f64::from).chain([f64::NAN]));
        assert_eq!((histogram.weights, histogram.missing), (vec![5.0; 20], 1.0));
        // 95 zeros and the numbers 1 to 5: one bin of zeros, one of the rest.
        let zeros = of([0.0; 95].into_iter().chain((1..=5).map(f64::from)));
        assert_eq!(zeros.weights, [95.0, 5.0]);
        let constant = of([3.0; 10]);
        assert_eq!((constant.edges.len(), constant.weights), (0, vec![10.0]));
        assert_eq!(of([]).weights, [0.0]);
    }

    #[test]
    fn a_band_begins_with_a_bin() {
        // Twenty bins of five from 1 to 100, and a band from 97 on, which holds four rows.
        let (edge, values) = (97.0_f64, (1..=100).map(|value| (f64::from(value), 1.0)));
        let histogram = numbers(values, &[edge.next_down()]);
        assert_eq!(histogram.weights.len(), 21);
        assert_eq!(histogram.weights[19..], [1.0, 4.0]);
        assert_eq!((bin(&histogram, edge), bin(&histogram, 96.0)), (Some(20), Some(19)));
        assert_eq!(bin(&histogram, f64::NAN), None);
        let codes = Histogram { edges: vec![], weights: vec![1.0, 2.0, 3.0], missing: 0.0 };
        assert_eq!([2.0, 3.0, f64::NAN].map(|code| bin(&codes, code)), [Some(2), None, None]);
    }

    #[test]
    fn a_row_counts_as_many_as_it_stands_for() {
        let copies =
            (1..=40_u8).flat_map(|value| vec![f64::from(value); 1 + usize::from(value % 4)]);
        let weighted = (1..=40_u8).map(|value| (f64::from(value), f64::from(1 + value % 4)));
        assert_eq!(numbers(weighted, &[]), of(copies));
        let codes =
            categories([(0.0, 2.5), (1.0, 1.0), (0.0, 0.5), (f64::NAN, 3.0)].into_iter(), 2);
        assert_eq!((codes.weights, codes.missing), (vec![3.0, 1.0], 3.0));
    }
}
