//! What a model *is*: plain data, every index proved when it is made, nothing about how it runs fast.

mod calibration;
mod category_set;
mod forest;
mod linear;

pub use calibration::{Calibration, Calibrator, Isotonic, Platt, PriorCorrection, sigmoid};
pub use category_set::CategorySet;
pub use forest::{Aggregation, Forest, Node, Split, SplitTest, Tree};
pub use linear::{Linear, Term};

pub use crate::schema::{MAX_CATEGORIES, MAX_FEATURES, RowType};

/// Most trees in a forest.
pub const MAX_TREES: usize = 10_000;
/// Most nodes in one tree.
pub const MAX_NODES_PER_TREE: usize = 1 << 20;
/// Most nodes in a forest.
pub const MAX_NODES: usize = 1 << 26;
/// Most splits between the root of a tree and any of its leaves.
pub const MAX_DEPTH: usize = 64;
/// Greatest absolute value of a coefficient, a leaf, a mean or a scale. With it a margin over
/// [`MAX_FEATURES`] features, each at most `f32::MAX`, stays finite.
pub const MAX_MAGNITUDE: f64 = 1e30;

/// A fitted model over a row of `f32`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Model {
    /// A weighted sum; its margin is a log-odds.
    Linear(Linear),
    /// Trees; the margin is a log-odds when they are added up and a probability when averaged.
    Forest(Forest),
}

impl Model {
    /// Proves that every index, category and number of the model fits rows of these types.
    ///
    /// # Errors
    /// What does not fit, and where.
    pub fn check(&self, row: &[RowType]) -> Result<(), ModelError> {
        match self {
            Self::Linear(linear) => linear.check(row),
            Self::Forest(forest) => forest.check(row),
        }
    }

    /// How many steps a row takes at most: the terms of a linear model; of a forest the splits above the deepest
    /// leaf of each tree. Velocity features, which are read before, and other engines than the walk, which trade
    /// steps for wider ones, are not in it.
    pub fn max_steps(&self) -> u64 {
        match self {
            Self::Linear(linear) => linear.terms.len() as u64,
            Self::Forest(forest) => forest.trees.iter().map(|tree| tree.depth() as u64).sum(),
        }
    }
}

/// Why a model is not sound.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Number of features, trees, nodes or table entries outside what is allowed.
    #[error("{what}: expected {expected}, found {found}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// What is allowed.
        expected: String,
        /// What was found.
        found: usize,
    },
    /// A number that is not finite, or too large.
    #[error("{what} should be finite and at most 1e30 in size, found {found}")]
    Magnitude {
        /// Which number.
        what: &'static str,
        /// Its value.
        found: f64,
    },
    /// A number outside its range.
    #[error("{what} should be {expected}, found {found}")]
    Range {
        /// Which number.
        what: &'static str,
        /// The range.
        expected: &'static str,
        /// Its value.
        found: f64,
    },
    /// A tree is not a tree, or names something that is not there.
    #[error("tree {tree}, node {node}: {problem}")]
    Node {
        /// The tree.
        tree: usize,
        /// The node within it.
        node: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// A term does not suit the feature at its position.
    #[error("term {term}: {problem}")]
    Term {
        /// The term.
        term: usize,
        /// What is wrong.
        problem: &'static str,
    },
}

/// `value` is finite and within [`MAX_MAGNITUDE`].
pub(crate) fn check_magnitude(what: &'static str, value: f64) -> Result<(), ModelError> {
    if value.is_finite() && value.abs() <= MAX_MAGNITUDE {
        return Ok(());
    }
    Err(ModelError::Magnitude { what, found: value })
}

pub(crate) fn check_count(
    what: &'static str,
    found: usize,
    allowed: std::ops::RangeInclusive<usize>,
) -> Result<(), ModelError> {
    if allowed.contains(&found) {
        return Ok(());
    }
    let expected = if allowed.start() == allowed.end() {
        allowed.start().to_string()
    } else {
        format!("{} to {}", allowed.start(), allowed.end())
    };
    Err(ModelError::Count { what, expected, found })
}
