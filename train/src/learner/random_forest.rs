//! The random forest: smartcore's regressor on 0/1 labels, a probability forest, fitted in chunks of
//! trees, taken out through serde and made our own.

mod wire;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shroff_serve::model::{Aggregation, Forest, MAX_DEPTH, MAX_TREES, Model, Tree};
use smartcore::ensemble::random_forest_regressor::{
    RandomForestRegressor, RandomForestRegressorParameters,
};
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::cover::set_covers;
use super::sample::{FitRows, mix};
use super::tree_input::TreeInput;
use super::{Fitted, LearnError, Learner, MaxFeatures, NamedShare, Progress, Ranges};
use crate::matrix::TrainingSet;

/// The mean of trees that were each grown on a bootstrap sample of the fitted rows, trying some of
/// the features at each split. Missing values go left.
///
/// Row weights and `scale_pos_weight` are chances of being drawn into a bootstrap sample.
///
/// It compares the values themselves, which takes time: [`Forest`](super::Forest) is for many rows.
///
/// Cost: 4 bytes per row and feature, and per thread 8 (the order of every feature) plus about 5 to
/// 10 (the rows of the tree being grown) more; 10 trees are fitted at a time on each thread.
///
/// # Source
/// Breiman (2001), *Random forests*; the means of 0/1 leaves as probabilities: Malley et al. (2012).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomForest {
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
    /// `"all"` or a number.
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

impl Default for RandomForest {
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

impl Learner for RandomForest {
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
        let input = TreeInput::learn(&rows);
        let library_input = LibraryInput::new(&rows, &input)?;
        let chunks = (0..self.n_chunks()).into_par_iter().map(|chunk| {
            let library = self.library_fit(&library_input, chunk)?;
            let mut trees = wire::trees(&library, &input)?;
            drop(library);
            set_covers(&mut trees, &rows);
            progress.advance(trees.len() as u64);
            Ok(trees)
        });
        let chunks: Vec<Vec<Tree>> = chunks.collect::<Result<_, LearnError>>()?;
        let trees = chunks.into_iter().flatten().collect();
        let aggregation = Aggregation::Averaged;
        let model = Model::Forest(Forest { aggregation, symmetric: false, trees });
        let unsound = |source| LearnError::Unsound { kind: KIND, source };
        model.check(rows.matrix().row_types()).map_err(unsound)?;
        let (n_rows, n_frauds, notes) = (rows.n_rows(), rows.n_frauds, Vec::new());
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

const KIND: &str = "random_forest";
/// The library fits on one thread and sorts every feature once per fit, which takes about as long
/// as a tree. The number is fixed, so that the forest does not depend on the number of threads.
const TREES_PER_CHUNK: usize = 10;

type Library = RandomForestRegressor<f32, f64, DenseMatrix<f32>, Vec<f64>>;

struct LibraryInput {
    x: DenseMatrix<f32>,
    y: Vec<f64>,
    weights: Option<Vec<f64>>,
}

impl LibraryInput {
    fn new(rows: &FitRows<'_>, input: &TreeInput) -> Result<Self, LearnError> {
        let n_features = rows.matrix().n_features();
        let mut values = Vec::with_capacity(rows.n_rows() * n_features);
        for feature in 0..n_features {
            values.extend(input.column(rows, feature));
        }
        let x = DenseMatrix::new(rows.n_rows(), n_features, values, true)
            .map_err(|source| library_error(rows.n_rows(), n_features, source))?;
        let y = rows.labels.iter().map(|fraud| f64::from(u8::from(*fraud))).collect();
        let weights = rows.weighted.then(|| rows.weights.clone());
        Ok(Self { x, y, weights })
    }

    fn n_features(&self) -> usize {
        let (_, n_features) = smartcore::linalg::basic::arrays::Array::shape(&self.x);
        n_features
    }
}

impl RandomForest {
    fn n_chunks(&self) -> usize {
        self.n_trees.div_ceil(TREES_PER_CHUNK)
    }

    fn library_fit(&self, input: &LibraryInput, chunk: usize) -> Result<Library, LearnError> {
        let n_features = input.n_features();
        let parameters = RandomForestRegressorParameters {
            // The library counts levels, of which a tree has one more than splits on a path.
            max_depth: Some(self.max_depth as u16 + 1),
            min_samples_leaf: self.min_samples_leaf,
            min_samples_split: self.min_samples_split,
            n_trees: TREES_PER_CHUNK.min(self.n_trees - chunk * TREES_PER_CHUNK),
            m: Some(self.max_features.of(n_features)),
            keep_samples: false,
            // Far from that of any other chunk: the library itself adds the tree's number to it.
            seed: mix(self.seed, chunk as u64 + 1),
        };
        let fitted = match &input.weights {
            Some(weights) => Library::fit_with_weights(&input.x, &input.y, weights, parameters),
            None => Library::fit(&input.x, &input.y, parameters),
        };
        fitted.map_err(|source| library_error(input.y.len(), n_features, source))
    }
}

fn library_error(n_rows: usize, n_features: usize, source: smartcore::error::Failed) -> LearnError {
    LearnError::Library { library: "smartcore", n_rows, n_features, source: source.into() }
}

#[cfg(test)]
mod tests {
    use shroff_serve::model::Node;

    use super::super::{NoProgress, fixture};
    use super::*;

    #[test]
    fn every_row_has_the_librarys_own_mean() {
        let (matrix, labels) = fixture::transactions(3_000, 1);
        for weights in [None, Some((0..3_000).map(|i| 1.0 + (i % 3) as f64).collect::<Vec<f64>>())]
        {
            let data =
                TrainingSet { matrix: &matrix, labels: &labels, weights: weights.as_deref() };
            let learner = RandomForest { n_trees: 23, ..Default::default() };
            let fitted = learner.fit(&data, &NoProgress).expect("sound data");
            let Model::Forest(forest) = &fitted.model else { panic!("expected a forest") };
            assert_eq!(forest.trees.len(), 23);

            let rows = FitRows::draw(&data, None, 1.0, 0).expect("two classes");
            let input = TreeInput::learn(&rows);
            let library_input = LibraryInput::new(&rows, &input).expect("a matrix");
            let chunks: Vec<Library> = (0..learner.n_chunks())
                .map(|chunk| learner.library_fit(&library_input, chunk).expect("sound data"))
                .collect();
            let tested = fixture::rows_at_splits(&fitted.model, &matrix);
            for sample in [&matrix, &tested] {
                let mut values = Vec::new();
                for row in 0..sample.n_rows() {
                    let encoded = sample.row(row).iter().enumerate();
                    values.extend(encoded.map(|(feature, value)| input.encode(feature, *value)));
                }
                let x = DenseMatrix::new(sample.n_rows(), 5, values, false).expect("a matrix");
                let mut expected = vec![0.0; sample.n_rows()];
                for (library, n_trees) in chunks.iter().zip([10.0, 10.0, 3.0]) {
                    let means = library.predict(&x).expect("a fitted forest");
                    expected.iter_mut().zip(means).for_each(|(sum, mean)| *sum += n_trees * mean);
                }
                for (row, sum) in expected.iter().enumerate() {
                    let (expected, found) = (sum / 23.0, forest.margin(sample.row(row)));
                    assert!((found - expected).abs() < 1e-12, "{:?}: {found}", sample.row(row));
                }
            }
            let total: f64 = rows.weights.iter().sum();
            for tree in &forest.trees {
                let Node::Split(root) = &tree.nodes[0] else { panic!("expected a split") };
                assert!((root.cover - total).abs() < 1e-6 && root.gain > 0.0);
            }
        }
    }

    #[test]
    fn threads_change_nothing_and_seeds_do() {
        let (matrix, labels) = fixture::transactions(800, 2);
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let fit = |n_threads, seed| {
            let learner = RandomForest { n_trees: 25, seed, ..Default::default() };
            fixture::on_threads(n_threads, || learner.fit(&data, &NoProgress).expect("sound data"))
        };
        let one = fit(1, 7);
        assert_eq!(one, fit(2, 7));
        assert_ne!(one, fit(2, 8));
    }

    #[test]
    fn depth_counts_splits() {
        let (matrix, labels) = fixture::transactions(800, 3);
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let learner = RandomForest { n_trees: 3, max_depth: 1, ..Default::default() };
        let fitted = learner.fit(&data, &NoProgress).expect("sound data");
        let Model::Forest(forest) = &fitted.model else { panic!("expected a forest") };
        assert!(forest.trees.iter().all(|tree| tree.nodes.len() == 3));
    }

    #[test]
    fn sampling_and_fraud_weight_are_undone() {
        let (matrix, labels) = fixture::transactions(6_000, 4);
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let learner = RandomForest {
            n_trees: 50,
            // Leaves that are no mere memory of the rows: the mean is then over fitted rows too.
            min_samples_leaf: 50,
            negative_ratio: Some(8.0),
            scale_pos_weight: 2.0,
            ..Default::default()
        };
        let fitted = learner.fit(&data, &NoProgress).expect("sound data");
        assert_eq!(fitted.n_rows, 9 * fitted.n_frauds);
        fixture::assert_near_base_rate(&fitted, &matrix, 0.15);
    }
}
