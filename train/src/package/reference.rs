//! What features and margins look like in the calibrate window, for drift to be measured against.

use shroff_serve::artifact::{Histogram, Reference};

use crate::matrix::Matrix;

/// Bins of a histogram of numbers; equal mass as far as ties allow.
const N_BINS: usize = 20;

pub(super) fn reference(matrix: &Matrix, margins: &[f64]) -> Reference {
    let feature = |position: usize| {
        let values = (0..matrix.n_rows()).map(|row| f64::from(matrix.row(row)[position]));
        match matrix.row_types()[position].n_categories() {
            Some(n_categories) => categories(values, n_categories as usize),
            None => numbers(values.collect()),
        }
    };
    Reference {
        n_rows: margins.len() as u64,
        features: (0..matrix.n_features()).map(feature).collect(),
        margin: numbers(margins.to_vec()),
    }
}

fn categories(values: impl Iterator<Item = f64>, n_categories: usize) -> Histogram {
    let mut histogram = Histogram { edges: Vec::new(), counts: vec![0; n_categories], missing: 0 };
    for value in values {
        match histogram.counts.get_mut(value as usize) {
            Some(count) if !value.is_nan() => *count += 1,
            _ => histogram.missing += 1,
        }
    }
    histogram
}

/// Edges at the quantiles; equal quantiles make one edge.
fn numbers(mut values: Vec<f64>) -> Histogram {
    let n_rows = values.len();
    values.retain(|value| !value.is_nan());
    values.sort_unstable_by(f64::total_cmp);
    let mut edges: Vec<f64> = Vec::new();
    for quantile in 1..N_BINS {
        // The last value of the quantile's share: bins end with their edge.
        let Some(&edge) =
            (values.len() * quantile / N_BINS).checked_sub(1).and_then(|at| values.get(at))
        else {
            continue;
        };
        let new = edges.last().is_none_or(|last| *last < edge);
        if new && values.last().is_some_and(|last| edge < *last) {
            edges.push(edge);
        }
    }
    let mut counts = vec![0_u64; edges.len() + 1];
    for value in &values {
        counts[edges.partition_point(|edge| edge < value)] += 1;
    }
    Histogram { edges, counts, missing: (n_rows - values.len()) as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_equal_shares_and_ties_stay_together() {
        let histogram = numbers((1..=100).map(f64::from).chain([f64::NAN]).collect());
        assert_eq!((histogram.counts, histogram.missing), (vec![5; 20], 1));
        // 95 zeros and the numbers 1 to 5: one bin of zeros, one of the rest.
        let zeros = numbers([0.0; 95].into_iter().chain((1..=5).map(f64::from)).collect());
        assert_eq!(zeros.counts, [95, 5]);
        let constant = numbers(vec![3.0; 10]);
        assert_eq!((constant.edges.len(), constant.counts), (0, vec![10]));
        assert_eq!(numbers(Vec::new()).counts, [0]);
    }
}
