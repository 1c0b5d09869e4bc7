//! Calibration in parts of the range: bins of equal mass.

use super::Scored;

/// Number of bins of [`calibration_error`].
pub const CALIBRATION_BINS: usize = 10;

/// One bin of rows with neighbouring probabilities.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CalibrationBin {
    /// Weight of its rows.
    pub weight: f64,
    /// Weighted mean of the probabilities.
    pub predicted: f64,
    /// Weighted share of frauds.
    pub observed: f64,
}

/// Rows of [`Scored::of_probabilities`] in at most `n_bins` bins of about equal weight, lowest
/// probability first. Rows of equal probability share a bin, that in which the middle of their weight
/// lies, so no order among them matters and a bin that would be empty is not there.
pub fn calibration_bins(scored: &Scored<'_>, n_bins: usize) -> Vec<CalibrationBin> {
    let mut rows: Vec<(f64, bool, f64)> =
        scored.rows().filter(|row| row.2 > 0.0).map(|(label, p, w)| (p + 0.0, label, w)).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = rows.iter().map(|row| row.2).sum();
    let mut bins: Vec<CalibrationBin> = vec![CalibrationBin::default(); n_bins];
    let mut before = 0.0;
    for same in rows.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let weight: f64 = same.iter().map(|row| row.2).sum();
        let middle = (before + weight / 2.0) / total;
        before += weight;
        let last = n_bins.saturating_sub(1);
        let Some(bin) = bins.get_mut(((middle * n_bins as f64) as usize).min(last)) else { break };
        bin.weight += weight;
        bin.predicted += same[0].0 * weight;
        bin.observed += same.iter().filter(|row| row.1).map(|row| row.2).sum::<f64>();
    }
    bins.retain(|bin| bin.weight > 0.0);
    for bin in &mut bins {
        bin.predicted /= bin.weight;
        bin.observed /= bin.weight;
    }
    bins
}

/// Calibration error, 0 to 1: mean distance between predicted and observed share of frauds over
/// [`CALIBRATION_BINS`] bins of equal mass, weighted by their rows; 0 is perfect. Frauds being rare, it is
/// of the size of the base rate: compare it with that, and look at observed over expected above the
/// edges that decide.
///
/// # Source
/// Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning (2015), for the error
/// and the number of bins; Nixon et al., Measuring Calibration in Deep Learning (2019), for bins of
/// equal mass.
pub fn calibration_error(scored: &Scored<'_>) -> f64 {
    let bins = calibration_bins(scored, CALIBRATION_BINS);
    let total: f64 = bins.iter().map(|bin| bin.weight).sum();
    bins.iter().map(|bin| bin.weight / total * (bin.predicted - bin.observed).abs()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::sample::{Rows, close};

    #[test]
    fn worked_by_hand() {
        let labels = [false, false, true, true];
        let probabilities = [0.1, 0.2, 0.3, 0.9];
        let scored = Scored::of_probabilities(&labels, &probabilities, None).unwrap();
        let bin = |weight, predicted, observed| CalibrationBin { weight, predicted, observed };
        let found = calibration_bins(&scored, 2);
        assert_eq!(found.len(), 2);
        for (found, expected) in found.iter().zip([bin(2.0, 0.15, 0.0), bin(2.0, 0.6, 1.0)]) {
            close(found.predicted, expected.predicted, 1e-15);
            close(found.observed, expected.observed, 1e-15);
            close(found.weight, expected.weight, 0.0);
        }
        // Ten bins hold a row each.
        close(calibration_error(&scored), (0.1 + 0.2 + 0.7 + 0.1) / 4.0, 1e-15);
        // One probability is one bin, whatever the rows: the share of frauds is told exactly.
        let scored = Scored::of_probabilities(&labels, &[0.5; 4], None).unwrap();
        assert_eq!(calibration_bins(&scored, 10), [bin(4.0, 0.5, 0.5)]);
        close(calibration_error(&scored), 0.0, 0.0);
        assert_eq!(calibration_bins(&scored, 0), []);
    }

    #[test]
    fn a_weight_repeats_a_row() {
        let of = |rows: &Rows, weights: Option<&[f64]>| {
            let probabilities: Vec<f64> = rows.scores.iter().map(|s| (s + 3.0) / 7.0).collect();
            let scored = Scored::of_probabilities(&rows.labels, &probabilities, weights).unwrap();
            calibration_error(&scored)
        };
        let rows = Rows::seeded(5, 300);
        let expected = of(&rows.repeated(), None);
        assert!(expected > 0.01);
        close(of(&rows, Some(&rows.weights)), expected, 1e-14);
    }
}
