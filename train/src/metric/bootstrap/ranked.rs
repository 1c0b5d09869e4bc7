//! Measures of the order of the scores, for many replicates in one pass over rows sorted once.

use super::measure::Measure;
use super::poisson::{Draws, LANES};
use crate::metric::Order;

/// Rows by score, the highest first, down to the last that is as high as a fraud's: below it nothing
/// changes but the number of legitimate rows, which is known beforehand.
#[derive(Debug)]
pub(super) struct Ranked {
    rows: Vec<u32>,
    is_fraud: Vec<bool>,
    weights: Option<Vec<f64>>,
    steps: Vec<Step>,
}

/// Rows without a fraud, then all rows of one score that a fraud has.
#[derive(Debug, Clone, Copy)]
struct Step {
    n_before: u32,
    n_tied: u32,
}

/// A number in each of the replicates side by side.
pub(super) type Lanes = [f64; LANES];

impl Ranked {
    /// The sorted rows of these labels and weights.
    pub(super) fn new(order: &Order, labels: &[bool], weights: Option<&[f64]>) -> Self {
        let (mut steps, mut n_kept) = (Vec::new(), 0);
        // Where the rows of one score begin, and whether one of them is a fraud.
        let (mut start, mut holds_fraud) = (0, false);
        for (position, row) in order.rows().iter().enumerate() {
            holds_fraud |= labels[*row as usize];
            if order.is_last_of_score(position) {
                if holds_fraud {
                    let n_before = (start - n_kept) as u32;
                    n_kept = position + 1;
                    steps.push(Step { n_before, n_tied: (n_kept - start) as u32 });
                }
                (start, holds_fraud) = (position + 1, false);
            }
        }
        let rows = order.rows()[..n_kept].to_vec();
        let is_fraud = rows.iter().map(|row| labels[*row as usize]).collect();
        let weights = weights.map(|all| rows.iter().map(|row| all[*row as usize]).collect());
        Self { rows, is_fraud, weights, steps }
    }

    /// The clusters of the sorted rows.
    pub(super) fn clusters(&self, codes: &[u32]) -> Vec<u32> {
        self.rows.iter().map(|row| codes[*row as usize]).collect()
    }

    /// Average precision, ROC AUC and the three recalls, in the order of [`Measure::ALL`], given the
    /// clusters of the sorted rows and the weight of all frauds and of all legitimate rows. NaN
    /// where a measure is absent, as [`Ranking`](crate::metric::Ranking) says.
    pub(super) fn measure(
        &self,
        clusters: &[u32],
        draws: &[Draws],
        frauds: &Lanes,
        legitimate: &Lanes,
    ) -> [Lanes; 5] {
        match &self.weights {
            None => self.walk(clusters, draws, frauds, legitimate, |_| 1.0),
            Some(weights) => {
                self.walk(clusters, draws, frauds, legitimate, |position| weights[position])
            }
        }
    }

    fn walk(
        &self,
        clusters: &[u32],
        draws: &[Draws],
        frauds: &Lanes,
        legitimate: &Lanes,
        weight: impl Fn(usize) -> f64,
    ) -> [Lanes; 5] {
        let [mut precision, mut pairs] = [[0.0; LANES]; 2];
        let mut recalls = [[0.0; LANES]; Measure::FPR_LIMITS.len()];
        let [mut caught, mut alarmed] = [[0.0; LANES]; 2];
        let add = |sum: &mut Lanes, position: usize| {
            let (draws, weight) = (&draws[clusters[position] as usize], weight(position));
            for (sum, draw) in sum.iter_mut().zip(draws) {
                *sum += f64::from(*draw) * weight;
            }
        };
        let mut position = 0;
        for step in &self.steps {
            let tied = position + step.n_before as usize;
            (position..tied).for_each(|position| add(&mut alarmed, position));
            let (caught_before, alarmed_before) = (caught, alarmed);
            position = tied + step.n_tied as usize;
            for position in tied..position {
                add(if self.is_fraud[position] { &mut caught } else { &mut alarmed }, position);
            }
            for lane in 0..LANES {
                let gained = caught[lane] - caught_before[lane];
                let beside = alarmed[lane] - alarmed_before[lane];
                pairs[lane] += gained * (legitimate[lane] - alarmed[lane] + beside / 2.0);
                if gained > 0.0 {
                    precision[lane] += gained * (caught[lane] / (caught[lane] + alarmed[lane]));
                }
                let rate = alarmed[lane] / legitimate[lane];
                for (recall, limit) in recalls.iter_mut().zip(Measure::FPR_LIMITS) {
                    if rate <= limit {
                        recall[lane] = caught[lane];
                    }
                }
            }
        }
        for lane in 0..LANES {
            // 0 / 0, and so NaN, without a class: nothing was caught before none alarmed.
            precision[lane] /= frauds[lane];
            pairs[lane] /= frauds[lane] * legitimate[lane];
            for recall in &mut recalls {
                recall[lane] /= if legitimate[lane] > 0.0 { frauds[lane] } else { 0.0 };
            }
        }
        let [first, second, third] = recalls;
        [precision, pairs, first, second, third]
    }
}
