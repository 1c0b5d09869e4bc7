//! One decision tree: linfa finds the structure on class-balanced weights, we take its splits and
//! put the honest probabilities of the fitted rows into its leaves.

mod balanced;
mod pruning;

use linfa::Label;
use linfa::dataset::DatasetBase;
use linfa::traits::Fit;
use linfa_trees::{DecisionTree as LibraryTree, SplitQuality, TreeNode};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};
use shroff_serve::model::{Aggregation, Forest, MAX_DEPTH, Model, Node, Split, Tree};

use self::balanced::Balanced;
use self::pruning::{GrowthLabel, pruned};
use super::cover::passing;
use super::sample::FitRows;
use super::tree_input::TreeInput;
use super::{Fitted, LearnError, Learner, Progress, Ranges};
use crate::matrix::TrainingSet;

/// A classification tree whose leaves hold the weighted share of frauds among the fitted rows.
///
/// The structure is searched with both classes weighing the same in all, since sibling leaves that
/// have the same majority are merged, as the library does, and on rare fraud that would be nearly
/// all of them. A leaf whose classes tie counts as legitimate. Missing values go left.
///
/// Cost: one thread reads every row of every feature once per node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionTree {
    /// Most splits from the root to a leaf, 1 to 64. Default 8, at most 256 leaves: the fewest that
    /// hold the handful of conditions a fraud pattern is made of.
    pub max_depth: usize,
    /// A node of fewer rows is not split. Default 40, twice `min_weight_leaf`.
    pub min_weight_split: f64,
    /// Least weight of a leaf, in legitimate rows of weight 1, where a fraud counts for as many as
    /// there are legitimate rows per fraud (times `scale_pos_weight`), as the search is balanced.
    /// Default 20, as LightGBM's `min_data_in_leaf`.
    pub min_weight_leaf: f64,
    /// A split that lowers the impurity of its node by less is not made; above 0. Default 1e-5, the
    /// library's.
    pub min_impurity_decrease: f64,
    /// What a split should lower. Default `gini`, as everywhere (Breiman et al., 1984).
    pub criterion: Criterion,
    /// Weight of a fraud against a legitimate row, on top of the balancing. Corrected for. Default 1;
    /// less leads the search to fewer and purer fraud leaves, more to wider ones.
    pub scale_pos_weight: f64,
    /// Legitimate rows kept per fraud; absent: all. Corrected for.
    pub negative_ratio: Option<f64>,
    /// Chooses the rows that `negative_ratio` keeps; the tree itself draws nothing. Default 0.
    pub seed: u64,
    /// What reports call this learner; absent: its kind.
    pub name: Option<String>,
}

/// The impurity of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// `1 − Σ p²`.
    #[default]
    Gini,
    /// `−Σ p log₂ p`.
    Entropy,
}

impl Default for DecisionTree {
    fn default() -> Self {
        Self {
            max_depth: 8,
            min_weight_split: 40.0,
            min_weight_leaf: 20.0,
            min_impurity_decrease: 1e-5,
            criterion: Criterion::Gini,
            scale_pos_weight: 1.0,
            negative_ratio: None,
            seed: 0,
            name: None,
        }
    }
}

impl Learner for DecisionTree {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn check(&self) -> Result<(), LearnError> {
        let ranges = Ranges(KIND);
        ranges.count("max_depth", self.max_depth, 1..=MAX_DEPTH)?;
        let (expected, allowed) = ("1 or more", |x| x >= 1.0);
        ranges.number("min_weight_split", self.min_weight_split, allowed, expected)?;
        ranges.number("min_weight_leaf", self.min_weight_leaf, allowed, expected)?;
        let (key, decrease) = ("min_impurity_decrease", self.min_impurity_decrease);
        ranges.number(key, decrease, |x| (1e-12..=1.0).contains(&x), "within 1e-12 and 1")?;
        ranges.scale_pos_weight(self.scale_pos_weight)?;
        ranges.negative_ratio(self.negative_ratio)
    }

    fn fit(&self, data: &TrainingSet<'_>, progress: &dyn Progress) -> Result<Fitted, LearnError> {
        self.check()?;
        progress.start(1);
        let rows = FitRows::draw(data, self.negative_ratio, self.scale_pos_weight, self.seed)?;
        let balanced = Balanced::new(&rows, self.scale_pos_weight)?;
        let input = ScaledInput::learn(&rows);
        let labels = GrowthLabel::of_rows(&rows);
        let library = self.library_fit(input.matrix(&rows), labels, &balanced)?;
        let mut tree = pruned(&input.convert(library.root_node()), &rows, &balanced);
        settle(&mut tree, &rows, &balanced);
        let mut notes = Vec::new();
        if tree.nodes.len() == 1 {
            notes.push("no split was worth making: every row gets the base rate".to_owned());
        }
        let aggregation = Aggregation::Averaged;
        let model = Model::Forest(Forest { aggregation, symmetric: false, trees: vec![tree] });
        let unsound = |source| LearnError::Unsound { kind: KIND, source };
        model.check(rows.matrix().row_types()).map_err(unsound)?;
        progress.advance(1);
        let (n_rows, n_frauds) = (rows.n_rows(), rows.n_frauds);
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

const KIND: &str = "decision_tree";

impl DecisionTree {
    fn library_fit<L: Label>(
        &self,
        x: Array2<f64>,
        labels: Vec<L>,
        balanced: &Balanced,
    ) -> Result<LibraryTree<f64, L>, LearnError> {
        let weights = balanced.units.iter().map(|units| *units as f32).collect();
        let (n_rows, n_features) = x.dim();
        let data = DatasetBase::new(x, Array1::from(labels)).with_weights(weights);
        LibraryTree::params()
            .max_depth(Some(self.max_depth))
            // Compared with a number of rows, whatever its name.
            .min_weight_split(self.min_weight_split as f32)
            // At least one unit: an empty side would end the library's search in a panic.
            .min_weight_leaf((self.min_weight_leaf * balanced.units_per_weight).max(1.0) as f32)
            .min_impurity_decrease(self.min_impurity_decrease)
            .split_quality(match self.criterion {
                Criterion::Gini => SplitQuality::Gini,
                Criterion::Entropy => SplitQuality::Entropy,
            })
            .fit(&data)
            .map_err(|source| LearnError::Library {
                library: "linfa-trees",
                n_rows,
                n_features,
                source: source.into(),
            })
    }
}

/// [`TreeInput`] with each feature multiplied by a power of two, which is exact, until no two of its
/// values are closer than the 1e-5 within which the library takes them for one.
struct ScaledInput {
    input: TreeInput,
    scales: Vec<f64>,
}

impl ScaledInput {
    fn learn(rows: &FitRows<'_>) -> Self {
        let input = TreeInput::learn(rows);
        let scale = |feature| {
            let mut values: Vec<f32> = input.column(rows, feature).collect();
            values.sort_unstable_by(f32::total_cmp);
            let gaps = values.windows(2).map(|pair| f64::from(pair[1]) - f64::from(pair[0]));
            let least = gaps.filter(|gap| *gap > 0.0).fold(f64::INFINITY, f64::min);
            let mut scale = 1.0;
            while least * scale < 2e-5 {
                scale *= 2.0;
            }
            scale
        };
        let scales = (0..rows.matrix().n_features()).map(scale).collect();
        Self { input, scales }
    }

    fn matrix(&self, rows: &FitRows<'_>) -> Array2<f64> {
        Array2::from_shape_fn((rows.n_rows(), self.scales.len()), |(row, feature)| {
            self.encode(feature, rows.row(row)[feature])
        })
    }

    fn encode(&self, feature: usize, value: f32) -> f64 {
        f64::from(self.input.encode(feature, value)) * self.scales[feature]
    }

    /// The library's splits as our nodes, covers and leaves still empty; gains are impurity
    /// decreases of the node alone. The library predicts by `x < t`, whatever its documentation says.
    fn convert<L: Label>(&self, root: &TreeNode<f64, L>) -> Tree {
        let mut nodes = vec![EMPTY_LEAF];
        let mut open = vec![(root, 0)];
        while let Some((node, index)) = open.pop() {
            let children = node.children();
            let [Some(left), Some(right)] = children.as_slice() else { continue };
            if node.is_leaf() {
                continue;
            }
            let (feature, threshold, decrease) = node.split();
            let first_child = nodes.len();
            nodes.extend([EMPTY_LEAF, EMPTY_LEAF]);
            nodes[index] = Node::Split(Split {
                feature_index: feature as u32,
                test: self.input.below(feature, threshold / self.scales[feature]),
                default_left: true,
                left: first_child as u32,
                right: first_child as u32 + 1,
                cover: 0.0,
                gain: decrease.max(0.0),
            });
            open.extend([(right.as_ref(), first_child + 1), (left.as_ref(), first_child)]);
        }
        Tree { nodes }
    }
}

const EMPTY_LEAF: Node = Node::Leaf { value: 0.0, cover: 0.0 };

/// Fills in what the fitted rows say: leaves and covers from their weights, gains by the share of
/// the balanced weight that comes by. A leaf that no row reaches has its parent's probability.
fn settle(tree: &mut Tree, rows: &FitRows<'_>, balanced: &Balanced) {
    let sums = passing(tree, rows, |row| {
        let weight = rows.weights[row];
        [weight, if rows.labels[row] { weight } else { 0.0 }, f64::from(balanced.units[row])]
    });
    let mut probabilities = vec![0.0; sums.len()];
    for (index, node) in tree.nodes.iter_mut().enumerate() {
        let [weight, fraud_weight, units] = sums[index];
        if weight > 0.0 {
            probabilities[index] = (fraud_weight / weight).clamp(0.0, 1.0);
        }
        match node {
            Node::Leaf { value, cover } => {
                (*value, *cover) = (probabilities[index], weight);
            }
            Node::Split(split) => {
                split.cover = weight;
                split.gain *= units / sums[0][2];
                for child in [split.left, split.right] {
                    probabilities[child as usize] = probabilities[index];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use linfa::traits::Predict;

    use super::super::{NoProgress, fixture};
    use super::*;
    use crate::matrix::Matrix;

    fn tree_of(fitted: &Fitted) -> &Tree {
        let Model::Forest(forest) = &fitted.model else { panic!("expected a forest") };
        &forest.trees[0]
    }

    /// Walks the library's tree by its public accessors and ours by its nodes, side by side.
    fn assert_same_path(
        tree: &Tree,
        root: &TreeNode<f64, bool>,
        theirs: &[f64],
        ours: &[f32],
    ) -> bool {
        let (mut index, mut node) = (0, root);
        while !node.is_leaf() {
            let Node::Split(split) = &tree.nodes[index] else {
                panic!("ours ends first: {ours:?}")
            };
            let (feature, threshold, _) = node.split();
            let left = theirs[feature] < threshold;
            let child = split.child(ours[split.feature_index as usize]);
            assert_eq!(child == split.left, left, "row {ours:?}, node {index}");
            index = child as usize;
            node = node.children()[usize::from(!left)].as_deref().expect("an inner node");
        }
        assert!(matches!(tree.nodes[index], Node::Leaf { .. }), "theirs ends first: {ours:?}");
        node.prediction().expect("a leaf")
    }

    #[test]
    fn every_row_reaches_the_librarys_own_leaf() {
        let (matrix, labels) = fixture::transactions(3_000, 1);
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let learner = DecisionTree { min_weight_leaf: 5.0, ..Default::default() };
        let fitted = learner.fit(&data, &NoProgress).expect("sound data");
        let tree = tree_of(&fitted);
        assert!(tree.nodes.len() > 20, "{}", tree.nodes.len());

        let rows = FitRows::draw(&data, None, 1.0, 0).expect("two classes");
        let balanced = Balanced::new(&rows, 1.0).expect("few rows");
        let input = ScaledInput::learn(&rows);
        let library = learner
            .library_fit(input.matrix(&rows), labels.clone(), &balanced)
            .expect("sound data");
        let tested = fixture::rows_at_splits(&fitted.model, &matrix);
        for sample in [&matrix, &tested] {
            let encoded = Array2::from_shape_fn((sample.n_rows(), 5), |(row, feature)| {
                input.encode(feature, sample.row(row)[feature])
            });
            let predicted = library.predict(&encoded);
            for row in 0..sample.n_rows() {
                let theirs = encoded.row(row).to_vec();
                let label = assert_same_path(tree, library.root_node(), &theirs, sample.row(row));
                assert_eq!(label, predicted[row]);
            }
        }
        // Leaves hold plain shares and the covers of the fitted rows: recount them naively, and
        // the majority by balanced weight is the library's label.
        for (index, node) in tree.nodes.iter().enumerate() {
            let Node::Leaf { value, cover } = node else { continue };
            let here: Vec<usize> =
                (0..3_000).filter(|&row| tree.leaf_index(matrix.row(row)) == index).collect();
            let frauds = here.iter().filter(|&&row| labels[row]).count();
            assert!((value - frauds as f64 / here.len() as f64).abs() < 1e-12);
            assert!((cover - here.len() as f64).abs() < 1e-9);
            let units = |fraud| -> u64 {
                let of_class = here.iter().filter(|&&row| labels[row] == fraud);
                of_class.map(|&row| u64::from(balanced.units[row])).sum()
            };
            let encoded: Vec<f64> =
                (0..5).map(|feature| input.encode(feature, matrix.row(here[0])[feature])).collect();
            let theirs = library.predict(&Array2::from_shape_vec((1, 5), encoded).expect("a row"));
            assert_eq!(theirs[0], units(true) > units(false));
        }
    }

    #[test]
    fn tiny_differences_and_small_weights_count() {
        // Values 1e-7 apart, which the library alone takes for one.
        let values: Vec<f32> = (0..200).map(|i| i as f32 * 1e-7).collect();
        let matrix = Matrix::new(vec![shroff_serve::model::RowType::Numeric], values);
        let matrix = matrix.expect("a sound matrix");
        let labels: Vec<bool> = (0..200).map(|i| i >= 150).collect();
        let weights: Vec<f64> = (0..200).map(|i| if i < 10 { 1e-9 } else { 1.0 }).collect();
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: Some(&weights) };
        let fitted = DecisionTree::default().fit(&data, &NoProgress).expect("sound data");
        let tree = tree_of(&fitted);
        for (row, fraud) in labels.iter().enumerate() {
            let expected = if *fraud { 1.0_f64 } else { 0.0 };
            assert_eq!(tree.leaf_value(matrix.row(row)).to_bits(), expected.to_bits());
        }
    }

    #[test]
    fn sampling_and_fraud_weight_are_undone() {
        let (matrix, labels) = fixture::transactions(6_000, 2);
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let learner =
            DecisionTree { negative_ratio: Some(8.0), scale_pos_weight: 3.0, ..Default::default() };
        let fitted = learner.fit(&data, &NoProgress).expect("sound data");
        assert_eq!(fitted.n_rows, 9 * fitted.n_frauds);
        fixture::assert_near_base_rate(&fitted, &matrix, 0.15);
        let again = fixture::on_threads(1, || learner.fit(&data, &NoProgress).expect("sound data"));
        assert_eq!(fitted, again);
    }
}
