//! The random forest on binned values: from values to ordered bins (`columns`), the rows of each
//! tree (`bootstrap`), the best split of a node (`split`), one tree (`grow`), all of them here.

mod bootstrap;
mod columns;
mod grow;
mod split;
#[cfg(test)]
mod tests;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shroff_serve::model::{self, Aggregation, MAX_DEPTH, MAX_NODES, MAX_NODES_PER_TREE, MAX_TREES};

use self::bootstrap::Bootstrap;
use self::columns::Column;
use self::grow::{Grower, Rules};
use super::sample::{FitRows, mix};
use super::{Fitted, LearnError, Learner, MaxFeatures, NamedShare, Progress, Ranges};
use crate::matrix::TrainingSet;

/// The mean of trees that were each grown on a bootstrap sample of the fitted rows, trying some of
/// the features at each split.
///
/// Values are binned once: 255 bins a feature, cut so that frauds have their share of them. Each
/// split learns the side of missing values. The commonest 254 categories of a feature are put in
/// the order of their fraud rate once, and then split like numbers; all others, and those of fewer
/// than 100 rows, count as one.
///
/// Row weights and `scale_pos_weight` are chances of being drawn into a bootstrap sample.
///
/// Cost: a byte per row and feature and 17 per row (12 more with weights), and on each thread 20
/// per row more; time grows with the rows, the depth and `max_features`.
///
/// # Source
/// Breiman (2001), *Random forests*; the means of leaves' fraud shares as probabilities: Malley et
/// al. (2012). Categories in one order for the whole fit: Wright and König (2019), *Splitting on
/// categorical predictors in random forests*.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Forest {
    /// Number of trees, 1 to 10,000. Default 100, as in scikit-learn.
    pub n_trees: usize,
    /// Most splits from the root to a leaf, 1 to 64. Default 20: deep enough for the pure leaves
    /// that a forest averages, and bounds the size of the artifact (Le Borgne et al., *Fraud
    /// Detection Handbook*, chapter 5, uses 20 too).
    pub max_depth: usize,
    /// Fewest rows of a bootstrap sample in a leaf. Default 1, as in scikit-learn.
    pub min_samples_leaf: usize,
    /// A node of fewer rows of a bootstrap sample is not split. Default 2, as in scikit-learn.
    pub min_samples_split: usize,
    /// Features tried at each split: `"sqrt"` (default, Breiman's choice for classification),
    /// `"all"` or a number. Where none of them parts the rows, further ones are tried.
    pub max_features: MaxFeatures,
    /// Weight of a fraud against a legitimate row. Corrected for. Default 1.
    pub scale_pos_weight: f64,
    /// Legitimate rows kept per fraud; absent: all. Corrected for.
    pub negative_ratio: Option<f64>,
    /// Seed of the bootstrap, of the features tried and of `negative_ratio`. Default 0.
    pub seed: u64,
    /// What reports call this learner; absent: its kind.
    pub name: Option<String>,
}

const KIND: &str = "forest";
/// Bins of a feature beside that of missing values: all that a byte can tell apart.
const MAX_BINS: usize = 255;
/// Frauds and rows of a node are counted, and multiplied, in 64 bits.
const MAX_ROWS: usize = i32::MAX as usize;

impl Default for Forest {
    fn default() -> Self {
        Self {
            n_trees: 100,
            max_depth: 20,
            min_samples_leaf: 1,
            min_samples_split: 2,
            max_features: NamedShare::Sqrt.into(),
            scale_pos_weight: 1.0,
            negative_ratio: None,
            seed: 0,
            name: None,
        }
    }
}

impl Learner for Forest {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn check(&self) -> Result<(), LearnError> {
        let ranges = Ranges(KIND);
        ranges.count("n_trees", self.n_trees, 1..=MAX_TREES)?;
        ranges.count("max_depth", self.max_depth, 1..=MAX_DEPTH)?;
        ranges.count("min_samples_leaf", self.min_samples_leaf, 1..=usize::MAX)?;
        ranges.count("min_samples_split", self.min_samples_split, 2..=usize::MAX)?;
        self.max_features.check(&ranges)?;
        ranges.scale_pos_weight(self.scale_pos_weight)?;
        ranges.negative_ratio(self.negative_ratio)
    }

    fn fit(&self, data: &TrainingSet<'_>, progress: &dyn Progress) -> Result<Fitted, LearnError> {
        self.check()?;
        progress.start(self.n_trees as u64);
        let rows = FitRows::draw(data, self.negative_ratio, self.scale_pos_weight, self.seed)?;
        let (n_rows, n_frauds) = (rows.n_rows(), rows.n_frauds);
        if n_rows > MAX_ROWS {
            return Err(LearnError::TooManyRows { kind: KIND, max_rows: MAX_ROWS, found: n_rows });
        }
        let columns = Column::learn(&rows, MAX_BINS, self.seed);
        let bootstrap = Bootstrap::new(&rows);
        let grower = Grower::new(&columns, &rows, self.rules(columns.len()));
        let trees = (0..self.n_trees as u64).into_par_iter().map(|tree| {
            let mut random = Pcg64::seed_from_u64(mix(self.seed, tree + 1));
            let drawn = bootstrap.draw(&mut random);
            let tree = grower.grow(&drawn, random);
            progress.advance(1);
            tree
        });
        let trees: Vec<model::Tree> = trees.collect();
        let notes = self.notes(&trees);
        let aggregation = Aggregation::Averaged;
        let model = model::Model::Forest(model::Forest { aggregation, symmetric: false, trees });
        let unsound = |source| LearnError::Unsound { kind: KIND, source };
        model.check(rows.matrix().row_types()).map_err(unsound)?;
        Ok(Fitted {
            model,
            prior: rows.averaged_prior(),
            n_rows,
            n_frauds,
            n_rounds: Vec::new(),
            notes,
        })
    }
}

impl Forest {
    fn rules(&self, n_features: usize) -> Rules {
        Rules {
            max_depth: self.max_depth,
            min_samples_leaf: self.min_samples_leaf as u64,
            min_samples_split: self.min_samples_split as u64,
            max_features: self.max_features.of(n_features),
            max_nodes: self.max_nodes(),
        }
    }

    /// What an artifact can hold.
    fn max_nodes(&self) -> usize {
        MAX_NODES_PER_TREE.min(MAX_NODES / self.n_trees)
    }

    fn notes(&self, trees: &[model::Tree]) -> Vec<String> {
        let max_nodes = self.max_nodes();
        // A split adds two nodes.
        let n_full = trees.iter().filter(|tree| tree.nodes.len() + 2 > max_nodes).count();
        if n_full == 0 {
            return Vec::new();
        }
        vec![format!(
            "{n_full} of {} trees stopped at {max_nodes} nodes, all that an artifact can hold: \
             raise min_samples_leaf, or lower n_trees or max_depth",
            trees.len()
        )]
    }
}
