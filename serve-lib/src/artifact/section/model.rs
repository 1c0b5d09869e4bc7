//! MODEL and CALIBRATION, version 1.

use serde::{Deserialize, Serialize};

use super::{Body, Section, wire_length};
use crate::error::ErrorKind;
use crate::model::{
    Aggregation, Calibration, Calibrator, CategorySet, Forest, Isotonic, Linear, Model, Node,
    Platt, PriorCorrection, Split, SplitTest, Term, Tree,
};

const LENGTHS: ErrorKind = ErrorKind::Content {
    what: "the columns of a forest should have an entry for each of its nodes, splits or leaves",
};
const UNUSED: ErrorKind =
    ErrorKind::Content { what: "a number that the model has no use for should be 0" };

/// One of the two is there.
#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct ModelV1 {
    linear: Option<LinearV1>,
    forest: Option<ForestV1>,
}

#[derive(Serialize, Deserialize)]
struct LinearV1 {
    bias: f64,
    terms: Vec<TermV1>,
}

/// A category's term has `weights` and zeros in the numeric fields.
#[derive(Serialize, Deserialize)]
struct TermV1 {
    code: u16,
    weights: Vec<f64>,
    mean: f64,
    scale: f64,
    imputed: f64,
    missing_weight: f64,
    mean_contribution: f64,
}

/// Nodes of all trees, one tree after the other. Columns whose names begin with `split_` have one
/// entry a split and `leaf_` one a leaf, in node order.
#[derive(Serialize, Deserialize)]
struct ForestV1 {
    aggregation: u16,
    start: f64,
    symmetric: bool,
    nodes_per_tree: Vec<u32>,
    is_split: Vec<bool>,
    cover: Vec<f64>,
    split_feature_index: Vec<u32>,
    /// 0 for a category split.
    split_value: Vec<f32>,
    /// Number of categories of the split's set, 0 for a split by value.
    split_n_categories: Vec<u32>,
    /// The sets of all category splits, one after the other, each `ceil(n_categories / 64)` words.
    split_category_words: Vec<u64>,
    split_default_left: Vec<bool>,
    split_left: Vec<u32>,
    split_right: Vec<u32>,
    split_gain: Vec<f64>,
    leaf_value: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct CalibrationV1 {
    prior: u16,
    prior_shift: f64,
    prior_kept_share: f64,
    prior_fraud_weight: f64,
    prior_n_rows: u64,
    calibrator: u16,
    platt_slope: f64,
    platt_intercept: f64,
    isotonic_x: Vec<f64>,
    isotonic_y: Vec<f64>,
}

impl Body for ModelV1 {
    type Content = Model;
    const SECTION: Section = Section::Model;
    const REFUSES_OTHER_FORMS: bool = true;

    fn from_content(model: &Model) -> Self {
        match model {
            Model::Linear(linear) => Self { linear: Some(linear.into()), forest: None },
            Model::Forest(forest) => Self { linear: None, forest: Some(forest.into()) },
        }
    }

    fn into_content(self) -> Result<Model, ErrorKind> {
        match (self.linear, self.forest) {
            (Some(linear), None) => {
                let terms =
                    linear.terms.into_iter().map(Term::try_from).collect::<Result<_, _>>()?;
                Ok(Model::Linear(Linear { bias: linear.bias, terms }))
            }
            (None, Some(forest)) => forest.try_into().map(Model::Forest),
            _ => Err(ErrorKind::Content { what: "a model should be linear or a forest" }),
        }
    }
}

impl From<&Linear> for LinearV1 {
    fn from(linear: &Linear) -> Self {
        let term = |term: &Term| match term {
            Term::Numeric { weight, mean, scale, imputed, missing_weight, mean_contribution } => {
                TermV1 {
                    code: 1,
                    weights: vec![*weight],
                    mean: *mean,
                    scale: *scale,
                    imputed: *imputed,
                    missing_weight: *missing_weight,
                    mean_contribution: *mean_contribution,
                }
            }
            Term::Categorical { weights, missing_weight, mean_contribution } => TermV1 {
                code: 2,
                weights: weights.clone(),
                mean: 0.0,
                scale: 0.0,
                imputed: 0.0,
                missing_weight: *missing_weight,
                mean_contribution: *mean_contribution,
            },
        };
        Self { bias: linear.bias, terms: linear.terms.iter().map(term).collect() }
    }
}

impl TryFrom<TermV1> for Term {
    type Error = ErrorKind;

    fn try_from(term: TermV1) -> Result<Self, ErrorKind> {
        let TermV1 { code, weights, mean, scale, imputed, missing_weight, mean_contribution } =
            term;
        match (code, weights.as_slice()) {
            (1, &[weight]) => Ok(Self::Numeric {
                weight,
                mean,
                scale,
                imputed,
                missing_weight,
                mean_contribution,
            }),
            (1, _) => Err(ErrorKind::Content { what: "a numeric term should have one weight" }),
            (2, _) if [mean, scale, imputed].map(f64::to_bits) != [0; 3] => Err(UNUSED),
            (2, _) => Ok(Self::Categorical { weights, missing_weight, mean_contribution }),
            (found, _) => Err(ErrorKind::Code { what: "a term", found: found.into() }),
        }
    }
}

impl From<&Forest> for ForestV1 {
    fn from(forest: &Forest) -> Self {
        let (aggregation, start) = match forest.aggregation {
            Aggregation::Additive { start } => (1, start),
            Aggregation::Averaged => (2, 0.0),
        };
        let n_nodes = forest.trees.iter().map(|tree| tree.nodes.len()).sum();
        // Half of the nodes, and one more a tree, are leaves.
        let n_splits = n_nodes / 2;
        let mut wire = Self {
            aggregation,
            start,
            symmetric: forest.symmetric,
            nodes_per_tree: forest.trees.iter().map(|tree| wire_length(tree.nodes.len())).collect(),
            is_split: Vec::with_capacity(n_nodes),
            cover: Vec::with_capacity(n_nodes),
            split_feature_index: Vec::with_capacity(n_splits),
            split_value: Vec::with_capacity(n_splits),
            split_n_categories: Vec::with_capacity(n_splits),
            split_category_words: Vec::new(),
            split_default_left: Vec::with_capacity(n_splits),
            split_left: Vec::with_capacity(n_splits),
            split_right: Vec::with_capacity(n_splits),
            split_gain: Vec::with_capacity(n_splits),
            leaf_value: Vec::with_capacity(n_nodes.saturating_sub(n_splits)),
        };
        for node in forest.trees.iter().flat_map(|tree| &tree.nodes) {
            match node {
                Node::Leaf { value, cover } => {
                    wire.is_split.push(false);
                    wire.cover.push(*cover);
                    wire.leaf_value.push(*value);
                }
                Node::Split(split) => wire.push_split(split),
            }
        }
        wire
    }
}

impl ForestV1 {
    fn push_split(&mut self, split: &Split) {
        self.is_split.push(true);
        self.cover.push(split.cover);
        self.split_feature_index.push(split.feature_index);
        let (value, n_categories, words) = match &split.test {
            SplitTest::AtMost(value) => (*value, 0, &[][..]),
            SplitTest::OneOf(set) => (0.0, set.n_categories(), set.words()),
        };
        self.split_value.push(value);
        self.split_n_categories.push(n_categories);
        self.split_category_words.extend(words);
        self.split_default_left.push(split.default_left);
        self.split_left.push(split.left);
        self.split_right.push(split.right);
        self.split_gain.push(split.gain);
    }
}

impl TryFrom<ForestV1> for Forest {
    type Error = ErrorKind;

    /// Takes from each column as nodes ask for it: every entry is some node's, and what a node has no use for
    /// is 0, so that a forest is written in one way only.
    fn try_from(wire: ForestV1) -> Result<Self, ErrorKind> {
        let aggregation = match wire.aggregation {
            1 => Aggregation::Additive { start: wire.start },
            2 if wire.start.to_bits() != 0 => return Err(UNUSED),
            2 => Aggregation::Averaged,
            found => return Err(ErrorKind::Code { what: "an aggregation", found: found.into() }),
        };
        let n_nodes = wire.is_split.len();
        let n_splits = wire.is_split.iter().filter(|is_split| **is_split).count();
        let n_leaves = n_nodes.saturating_sub(n_splits);
        let columns_of_splits = [
            wire.split_feature_index.len(),
            wire.split_value.len(),
            wire.split_n_categories.len(),
            wire.split_default_left.len(),
            wire.split_left.len(),
            wire.split_right.len(),
            wire.split_gain.len(),
        ];
        if (wire.cover.len(), wire.leaf_value.len()) != (n_nodes, n_leaves)
            || columns_of_splits.iter().any(|length| *length != n_splits)
        {
            return Err(LENGTHS);
        }
        let mut nodes = wire.is_split.iter().zip(&wire.cover);
        let mut leaves = wire.leaf_value.iter();
        let mut tests = wire.split_value.iter().zip(&wire.split_n_categories);
        let mut words = wire.split_category_words.as_slice();
        let mut splits = wire
            .split_feature_index
            .iter()
            .zip(&wire.split_default_left)
            .zip(wire.split_left.iter().zip(&wire.split_right))
            .zip(&wire.split_gain);
        let mut next_node = || -> Result<Node, ErrorKind> {
            let (&is_split, &cover) = nodes.next().ok_or(LENGTHS)?;
            if !is_split {
                let &value = leaves.next().ok_or(LENGTHS)?;
                return Ok(Node::Leaf { value, cover });
            }
            let (((&feature_index, &default_left), (&left, &right)), &gain) =
                splits.next().ok_or(LENGTHS)?;
            let test = match tests.next().ok_or(LENGTHS)? {
                (&value, 0) => SplitTest::AtMost(value),
                (value, _) if value.to_bits() != 0 => return Err(UNUSED),
                (_, &n_categories) => {
                    let n_words = n_categories.div_ceil(64) as usize;
                    let (set, rest) = words.split_at_checked(n_words).ok_or(LENGTHS)?;
                    words = rest;
                    SplitTest::OneOf(CategorySet::from_words(n_categories, set.to_vec()))
                }
            };
            Ok(Node::Split(Split { feature_index, test, default_left, left, right, cover, gain }))
        };
        let mut trees = Vec::with_capacity(wire.nodes_per_tree.len());
        let mut n_left = n_nodes;
        for &n_of_tree in &wire.nodes_per_tree {
            // The room made is that of nodes that are there.
            n_left = n_left.checked_sub(n_of_tree as usize).ok_or(LENGTHS)?;
            let mut nodes = Vec::with_capacity(n_of_tree as usize);
            for _ in 0..n_of_tree {
                nodes.push(next_node()?);
            }
            trees.push(Tree { nodes });
        }
        if n_left > 0 || !words.is_empty() {
            return Err(LENGTHS);
        }
        Ok(Self { aggregation, symmetric: wire.symmetric, trees })
    }
}

impl Body for CalibrationV1 {
    type Content = Calibration;
    const SECTION: Section = Section::Calibration;

    fn from_content(calibration: &Calibration) -> Self {
        let mut wire = Self {
            prior: 1,
            prior_shift: 0.0,
            prior_kept_share: 0.0,
            prior_fraud_weight: 0.0,
            prior_n_rows: 0,
            calibrator: 0,
            platt_slope: 0.0,
            platt_intercept: 0.0,
            isotonic_x: Vec::new(),
            isotonic_y: Vec::new(),
        };
        match calibration.prior {
            PriorCorrection::LogOdds { shift } => wire.prior_shift = shift,
            PriorCorrection::Averaged { kept_share, fraud_weight, n_rows } => {
                wire.prior = 2;
                wire.prior_kept_share = kept_share;
                wire.prior_fraud_weight = fraud_weight;
                wire.prior_n_rows = n_rows;
            }
        }
        match &calibration.calibrator {
            Calibrator::None => {}
            Calibrator::Platt(platt) => {
                wire.calibrator = 1;
                wire.platt_slope = platt.slope;
                wire.platt_intercept = platt.intercept;
            }
            Calibrator::Isotonic(isotonic) => {
                wire.calibrator = 2;
                wire.isotonic_x.clone_from(&isotonic.x);
                wire.isotonic_y.clone_from(&isotonic.y);
            }
        }
        wire
    }

    fn into_content(self) -> Result<Calibration, ErrorKind> {
        let prior = match self.prior {
            1 => PriorCorrection::LogOdds { shift: self.prior_shift },
            2 => PriorCorrection::Averaged {
                kept_share: self.prior_kept_share,
                fraud_weight: self.prior_fraud_weight,
                n_rows: self.prior_n_rows,
            },
            found => {
                return Err(ErrorKind::Code { what: "a prior correction", found: found.into() });
            }
        };
        let calibrator = match self.calibrator {
            0 => Calibrator::None,
            1 => Calibrator::Platt(Platt {
                slope: self.platt_slope,
                intercept: self.platt_intercept,
            }),
            2 => Calibrator::Isotonic(Isotonic { x: self.isotonic_x, y: self.isotonic_y }),
            found => return Err(ErrorKind::Code { what: "a calibrator", found: found.into() }),
        };
        Ok(Calibration { prior, calibrator })
    }
}
