//! How probabilities and margins are spread, beside what happened.

use serde::{Deserialize, Serialize};
use shroff_serve::counters::PROBABILITY_EDGES;

use crate::metric::Judged;

/// Bins of margins, of equal width.
const N_SCORE_BINS: usize = 40;
/// The normal quantile of a 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// Rows whose probability lies in a bin: those that backends count in, `from < p <= to`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbabilityBin {
    /// Exclusive start; the first bin holds 0 too.
    pub from: f64,
    /// Inclusive end.
    pub to: f64,
    /// Rows in it.
    pub rows: f64,
    /// Frauds in it.
    pub frauds: f64,
    /// Mean probability.
    pub predicted: f64,
    /// Share of frauds.
    pub observed: f64,
    /// Lower end of the 95 % interval of the share, as of independent rows.
    pub observed_lower: f64,
    /// Upper end of it.
    pub observed_upper: f64,
}

/// A histogram of margins for either class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreBins {
    /// The least margin.
    pub from: f64,
    /// The greatest.
    pub to: f64,
    /// Frauds in bins of equal width.
    pub frauds: Vec<f64>,
    /// Legitimate rows in them.
    pub legitimate: Vec<f64>,
}

/// Bins that hold rows, from the lowest up.
pub(super) fn calibration(judged: &Judged) -> Vec<ProbabilityBin> {
    let n_bins = PROBABILITY_EDGES.len() + 1;
    let mut bins = vec![(0.0, 0.0, 0.0, 0_u64); n_bins];
    for (row, probability) in judged.probabilities.iter().enumerate() {
        let weight = judged.weight(row);
        let bin = &mut bins[PROBABILITY_EDGES.partition_point(|edge| edge < probability)];
        bin.0 += weight;
        bin.1 += if judged.labels[row] { weight } else { 0.0 };
        bin.2 += weight * probability;
        bin.3 += 1;
    }
    let edge = |position: usize| PROBABILITY_EDGES.get(position).copied().unwrap_or(1.0);
    let shown = |(position, bin): (usize, &(f64, f64, f64, u64))| {
        let (weight, frauds, sum, n_rows) = *bin;
        if weight <= 0.0 {
            return None;
        }
        let observed = frauds / weight;
        // The interval takes rows, not what they stand for.
        let (observed_lower, observed_upper) = wilson(observed, n_rows as f64);
        Some(ProbabilityBin {
            from: position.checked_sub(1).map_or(0.0, edge),
            to: edge(position),
            rows: weight,
            frauds,
            predicted: sum / weight,
            observed,
            observed_lower,
            observed_upper,
        })
    };
    bins.iter().enumerate().filter_map(shown).collect()
}

/// The 95 % interval of a share of `n` independent rows.
///
/// # Source
/// Wilson (1927), *Probable inference, the law of succession, and statistical inference*.
fn wilson(share: f64, n: f64) -> (f64, f64) {
    let z2 = Z * Z;
    let middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    // Rounding must not put the share itself outside.
    ((middle - half).clamp(0.0, share), (middle + half).clamp(share, 1.0))
}

pub(super) fn scores(judged: &Judged) -> Option<ScoreBins> {
    let from = judged.margins.iter().copied().min_by(f64::total_cmp)?;
    let to = judged.margins.iter().copied().max_by(f64::total_cmp)?;
    let (mut frauds, mut legitimate) = (vec![0.0; N_SCORE_BINS], vec![0.0; N_SCORE_BINS]);
    for (row, margin) in judged.margins.iter().enumerate() {
        let place = if to > from { (margin - from) / (to - from) } else { 0.0 };
        let bin = ((place * N_SCORE_BINS as f64) as usize).min(N_SCORE_BINS - 1);
        let class = if judged.labels[row] { &mut frauds } else { &mut legitimate };
        class[bin] += judged.weight(row);
    }
    Some(ScoreBins { from, to, frauds, legitimate })
}

#[cfg(test)]
mod tests {
    use super::wilson;
    use crate::metric::sample::close;

    /// statsmodels 0.14: `proportion_confint(5, 50, method="wilson")` and of 0 of 20.
    #[test]
    fn wilson_is_that_of_the_books() {
        let (lower, upper) = wilson(0.1, 50.0);
        close(lower, 0.043_475_5, 1e-6);
        close(upper, 0.213_602_3, 1e-6);
        let (lower, upper) = wilson(0.0, 20.0);
        close(lower, 0.0, 1e-12);
        close(upper, 0.161_125_2, 1e-6);
    }
}
