//! Measures that are sums over rows, divided: one sum per cluster is all they need.

use super::poisson::{Draws, LANES};
use super::ranked::Lanes;
use crate::metric::LOG_LOSS_CLIP;

/// What the rows of one cluster add up to, each counting its weight.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    /// Weight of the legitimate rows.
    pub(super) legitimate: f64,
    /// Weight of the frauds.
    pub(super) frauds: f64,
    log_loss: f64,
    brier: f64,
    /// Of the probabilities: frauds expected.
    expected: f64,
}

impl Sums {
    /// The sums of each cluster.
    pub(super) fn of(
        clusters: &[u32],
        n_clusters: usize,
        labels: &[bool],
        probabilities: &[f64],
        weights: Option<&[f64]>,
    ) -> Vec<Self> {
        let mut sums = vec![Self::default(); n_clusters];
        for (row, (&cluster, &label)) in clusters.iter().zip(labels).enumerate() {
            let (sum, probability) = (&mut sums[cluster as usize], probabilities[row]);
            let weight = weights.map_or(1.0, |weights| weights[row]);
            let clipped = probability.clamp(LOG_LOSS_CLIP, 1.0 - LOG_LOSS_CLIP);
            let distance = probability - f64::from(label);
            let loss = if label { libm::log(clipped) } else { libm::log1p(-clipped) };
            if label {
                sum.frauds += weight;
            } else {
                sum.legitimate += weight;
            }
            sum.log_loss -= weight * loss;
            sum.brier += weight * distance * distance;
            sum.expected += weight * probability;
        }
        sums
    }

    /// The weight of all frauds and of all legitimate rows in each replicate.
    pub(super) fn totals(sums: &[Self], draws: &[Draws]) -> (Lanes, Lanes) {
        (total(sums, draws, |sum| sum.frauds), total(sums, draws, |sum| sum.legitimate))
    }

    /// Log loss, Brier score, observed over expected and base rate; NaN where there is none.
    pub(super) fn measure(
        sums: &[Self],
        draws: &[Draws],
        frauds: &Lanes,
        legitimate: &Lanes,
    ) -> [Lanes; 4] {
        let log_loss = total(sums, draws, |sum| sum.log_loss);
        let brier = total(sums, draws, |sum| sum.brier);
        let expected = total(sums, draws, |sum| sum.expected);
        let per = |sum: &Lanes, by: &dyn Fn(usize) -> f64| {
            std::array::from_fn(|lane| match by(lane) {
                by if by > 0.0 => sum[lane] / by,
                _ => f64::NAN,
            })
        };
        let rows = |lane: usize| frauds[lane] + legitimate[lane];
        [
            per(&log_loss, &rows),
            per(&brier, &rows),
            per(frauds, &|lane| expected[lane]),
            per(frauds, &rows),
        ]
    }
}

fn total(sums: &[Sums], draws: &[Draws], of: impl Fn(&Sums) -> f64) -> Lanes {
    let mut total = [0.0; LANES];
    for (sum, draws) in sums.iter().zip(draws) {
        let sum = of(sum);
        for (total, draw) in total.iter_mut().zip(draws) {
            *total += f64::from(*draw) * sum;
        }
    }
    total
}
