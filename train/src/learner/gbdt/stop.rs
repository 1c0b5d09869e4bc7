//! Early stopping: rounds end when the rows of `stop` have gained nothing for a while.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::Progress;
use super::bins::FeatureBins;
use super::part::{Layout, PART_ROWS, Part};
use super::tree::BinnedTree;
use crate::matrix::TrainingSet;
use crate::metric::{Ranking, Scored, log_loss};

/// What should get better on `stop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopMetric {
    /// Area under the curve of precision over recall; greater is better.
    AveragePrecision,
    /// Mean log loss of the uncalibrated probabilities; less is better.
    LogLoss,
}

/// Follows the rows of `stop` from round to round.
pub(super) struct Stopping<'a> {
    data: &'a TrainingSet<'a>,
    parts: Vec<Part>,
    margins: Vec<f64>,
    /// Added to a margin before it becomes a probability: undoes the sampling of the fit.
    shift: f64,
    metric: StopMetric,
    patience: usize,
    n_rounds: usize,
    /// The best round so far and its measure, greater is better.
    best: Option<(usize, f64)>,
}

impl<'a> Stopping<'a> {
    pub(super) fn new(
        data: &'a TrainingSet<'a>,
        bins: &[FeatureBins],
        (start, shift): (f64, f64),
        metric: StopMetric,
        patience: usize,
    ) -> Self {
        let n_rows = data.matrix.n_rows();
        let layout = Layout::new(bins);
        let part = |first: usize| {
            let end = n_rows.min(first + PART_ROWS);
            Part::bin(first, (first..end).map(|row| data.matrix.row(row)), bins, &layout)
        };
        let firsts: Vec<usize> = (0..n_rows).step_by(PART_ROWS).collect();
        let parts = firsts.into_par_iter().map(part).collect();
        let margins = vec![start; n_rows];
        Self { data, parts, margins, shift, metric, patience, n_rounds: 0, best: None }
    }

    /// Adds a tree of the round.
    pub(super) fn add(&mut self, tree: &BinnedTree) {
        let chunks = self.margins.par_chunks_mut(PART_ROWS).zip(&self.parts);
        chunks.for_each(|(margins, part)| {
            for (row, margin) in margins.iter_mut().enumerate() {
                *margin += tree.outputs[tree.leaf(|feature| part.bin_at(feature, row))];
            }
        });
    }

    /// Ends a round; whether it should be the last.
    pub(super) fn is_over(&mut self) -> bool {
        self.n_rounds += 1;
        // Without frauds, or without rows, there is nothing to stop by.
        let Some(measure) = self.measure() else { return false };
        if self.best.is_none_or(|(_, best)| measure > best) {
            self.best = Some((self.n_rounds, measure));
        }
        self.best.is_some_and(|(round, _)| self.n_rounds - round >= self.patience)
    }

    /// The round after which the measure was best; the last without a measure.
    pub(super) fn best_round(&self) -> usize {
        self.best.map_or(self.n_rounds, |(round, _)| round)
    }

    /// The best measure so far, for people.
    pub(super) fn tell(&self, progress: &dyn Progress) {
        let Some((round, measure)) = self.best else { return };
        match self.metric {
            StopMetric::AveragePrecision => {
                progress.tell(&format_args!("average precision {measure:.4} at {round}"));
            }
            StopMetric::LogLoss => {
                progress.tell(&format_args!("log loss {:.5} at {round}", -measure));
            }
        }
    }

    fn measure(&self) -> Option<f64> {
        let TrainingSet { labels, weights, .. } = *self.data;
        match self.metric {
            StopMetric::AveragePrecision => {
                let scored = Scored::new(labels, &self.margins, weights).ok()?;
                Ranking::new(&scored).average_precision()
            }
            StopMetric::LogLoss => {
                let shift = |margin: &f64| 1.0 / (1.0 + libm::exp(-(margin + self.shift)));
                let probabilities: Vec<f64> = self.margins.iter().map(shift).collect();
                let scored = Scored::of_probabilities(labels, &probabilities, weights).ok()?;
                Some(-log_loss(&scored))
            }
        }
    }
}
