//! Gradient-boosted trees on histograms: from values to bins (`bins`), rows in parts (`part`), sums
//! that do not depend on order (`sums`, `histogram`), the best split (`split`), one tree (`grow`,
//! `symmetric`, `tree`), and round after round of them (`objective`, `boost`, `stop`).

pub(in crate::learner) mod bins;
mod boost;
mod config;
mod grow;
mod histogram;
mod objective;
mod part;
mod pool;
mod split;
mod stop;
mod sums;
mod symmetric;
#[cfg(test)]
mod tests;
mod tree;

use shroff_serve::model::{Aggregation, Forest, Model, Node};

use self::bins::FeatureBins;
use self::boost::Boosting;
pub use self::config::{Gbdt, GrowPolicy};
use self::split::{CategoryRules, Rules};
pub use self::stop::StopMetric;
use self::stop::Stopping;
use self::sums::Scale;
use super::sample::FitRows;
use super::{Fitted, LearnError, Learner, Progress};
use crate::matrix::TrainingSet;

const KIND: &str = "gbdt";

impl Learner for Gbdt {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn check(&self) -> Result<(), LearnError> {
        self.check_ranges()
    }

    fn fit(&self, data: &TrainingSet<'_>, progress: &dyn Progress) -> Result<Fitted, LearnError> {
        self.boost(data, None, progress)
    }

    fn fit_until(
        &self,
        data: &TrainingSet<'_>,
        stop: &TrainingSet<'_>,
        progress: &dyn Progress,
    ) -> Result<Fitted, LearnError> {
        self.boost(data, (self.early_stopping_rounds > 0).then_some(stop), progress)
    }
}

impl Gbdt {
    fn boost(
        &self,
        data: &TrainingSet<'_>,
        stop: Option<&TrainingSet<'_>>,
        progress: &dyn Progress,
    ) -> Result<Fitted, LearnError> {
        self.check()?;
        progress.start(self.num_iterations as u64);
        let rows = FitRows::draw(data, self.negative_ratio, self.scale_pos_weight, self.seed)?;
        let rules = self.rules(&rows)?;
        let monotone = rules.monotone.clone();
        let bins = FeatureBins::learn(&rows, self.max_bin, self.seed);
        let average = || objective::start(&rows.labels, &rows.weights);
        let start = if self.boost_from_average { average() } else { 0.0 };
        let mut stopping = stop.map(|stop| {
            let (metric, patience) = (self.early_stopping_metric, self.early_stopping_rounds);
            Stopping::new(stop, &bins, (start, rows.log_odds_shift()), metric, patience)
        });
        let boosting = Boosting::new(self, &bins, &rows, rules, start);
        let (prior, n_rows, n_frauds) = (rows.log_odds_prior(), rows.n_rows(), rows.n_frauds);
        // What boosting needs of the rows it has; their other copies make room.
        drop(rows);
        let trees = boosting.run(stopping.as_mut(), progress);

        let symmetric = self.grow_policy == GrowPolicy::Symmetric;
        let n_rounds = stopping.iter().map(|_| trees.len() / self.num_parallel_tree).collect();
        let forest = Forest { aggregation: Aggregation::Additive { start }, symmetric, trees };
        assert!(is_monotone(&forest, &monotone), "monotone constraints hold in every tree");
        let model = Model::Forest(forest);
        let unsound = |source| LearnError::Unsound { kind: KIND, source };
        model.check(data.matrix.row_types()).map_err(unsound)?;
        let mut notes = Vec::new();
        if self.num_parallel_tree > 1 && !self.draws() {
            notes.push(format!(
                "num_parallel_tree = {}: the trees of a round are all the same, since nothing is drawn \
                 for them; set bagging_fraction or feature_fraction below 1",
                self.num_parallel_tree
            ));
        }
        Ok(Fitted { model, prior, n_rows, n_frauds, n_rounds, notes })
    }

    fn rules(&self, rows: &FitRows<'_>) -> Result<Rules, LearnError> {
        let max_weight = rows.weights.iter().fold(0.0_f64, |max, weight| max.max(*weight));
        let drawn = self.bag_fractions().into_iter().fold(1.0, f64::min);
        let max_weight = max_weight / drawn;
        Ok(Rules {
            scale: Scale::new(max_weight, max_weight * MAX_HESSIAN),
            min_data_in_leaf: self.min_data_in_leaf as i64,
            min_sum_hessian_in_leaf: self.min_sum_hessian_in_leaf,
            lambda_l1: self.lambda_l1,
            lambda_l2: self.lambda_l2,
            max_delta_step: (self.max_delta_step > 0.0).then_some(self.max_delta_step),
            min_gain_to_split: self.min_gain_to_split,
            categories: CategoryRules {
                smooth: self.cat_smooth,
                l2: self.cat_l2,
                max_threshold: self.max_cat_threshold,
                min_data_per_group: self.min_data_per_group as i64,
            },
            monotone: self.monotone(rows.matrix())?,
        })
    }
}

/// The greatest `p (1 - p)`.
const MAX_HESSIAN: f64 = 0.25;

/// Whether in every tree all leaves on the left of a split by a constrained feature say no more, or
/// no less, than those on its right. The sum of such trees is monotone.
fn is_monotone(forest: &Forest, monotone: &[i8]) -> bool {
    forest.trees.iter().all(|tree| {
        // Least and greatest leaf below each node; every child stands after its parent.
        let mut ranges = vec![(0.0, 0.0); tree.nodes.len()];
        tree.nodes.iter().enumerate().rev().all(|(index, node)| {
            let split = match node {
                Node::Leaf { value, .. } => {
                    ranges[index] = (*value, *value);
                    return true;
                }
                Node::Split(split) => split,
            };
            let (left, right) = (ranges[split.left as usize], ranges[split.right as usize]);
            ranges[index] = (f64::min(left.0, right.0), f64::max(left.1, right.1));
            match monotone.get(split.feature_index as usize) {
                Some(1) => left.1 <= right.0,
                Some(-1) => right.1 <= left.0,
                _ => true,
            }
        })
    })
}
