//! Forests: trees of splits `x <= split_value` or `category in set`, compared in `f32`.

#[cfg(test)]
mod tests;

use super::{
    CategorySet, MAX_DEPTH, MAX_FEATURES, MAX_NODES, MAX_NODES_PER_TREE, MAX_TREES, ModelError,
    RowType, check_count, check_magnitude,
};
use crate::schema::category;

/// Trees whose leaves are added up or averaged.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    /// What becomes of the leaves.
    pub aggregation: Aggregation,
    /// All trees are symmetric: every node of one depth asks the same question.
    pub symmetric: bool,
    /// The trees.
    pub trees: Vec<Tree>,
}

/// How the leaves a row reaches become its margin.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Aggregation {
    /// `start + Σ leaf`, a log-odds.
    Additive {
        /// The margin before the first tree.
        start: f64,
    },
    /// `Σ leaf / n_trees`, a probability; leaves lie within 0 and 1.
    Averaged,
}

/// One tree: node 0 is the root and every child stands after its parent.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// A node of a tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// The end of a path.
    Leaf {
        /// What the tree says.
        value: f64,
        /// Weight of the training rows that ended here.
        cover: f64,
    },
    /// A question and two children.
    Split(Split),
}

/// An inner node.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Position in the row.
    pub feature_index: u32,
    /// The question; rows for which it holds go left.
    pub test: SplitTest,
    /// Where rows with a missing value go.
    pub default_left: bool,
    /// The node for rows that pass the test.
    pub left: u32,
    /// The node for the others.
    pub right: u32,
    /// Weight of the training rows that came by.
    pub cover: f64,
    /// How much the split improved the learner's criterion, 0 or more, in the learner's own unit.
    pub gain: f64,
}

/// The question of an inner node.
#[derive(Debug, Clone, PartialEq)]
pub enum SplitTest {
    /// `x <= split_value`.
    AtMost(f32),
    /// The category's code is in the set.
    OneOf(CategorySet),
}

impl Forest {
    /// The log-odds or mean leaf of a row, one tree at a time: the definition that every faster
    /// engine must equal bit for bit.
    ///
    /// Tree `i` is added to lane `i mod 16` of sixteen `f64` sums; the lanes are then folded in
    /// halves: `0..8 += 8..16`, `0..4 += 4..8`, `0..2 += 2..4`, `0 += 1`.
    pub fn margin(&self, row: &[f32]) -> f64 {
        let mut lanes = [0.0; 16];
        for trees in self.trees.chunks(16) {
            for (lane, tree) in lanes.iter_mut().zip(trees) {
                *lane += tree.leaf_value(row);
            }
        }
        self.aggregation.margin(&lanes, self.trees.len())
    }

    pub(super) fn check(&self, row: &[RowType]) -> Result<(), ModelError> {
        check_count("features of the model", row.len(), 1..=MAX_FEATURES)?;
        check_count("trees", self.trees.len(), 1..=MAX_TREES)?;
        let n_nodes = self.trees.iter().map(|tree| tree.nodes.len()).sum();
        check_count("nodes of the forest", n_nodes, 1..=MAX_NODES)?;
        if let Aggregation::Additive { start } = self.aggregation {
            check_magnitude("start value", start)?;
        }
        for (position, tree) in self.trees.iter().enumerate() {
            tree.check(position, row, self.aggregation)?;
            if self.symmetric && !tree.is_symmetric() {
                let problem = "asks another question than its neighbours in a symmetric forest";
                return Err(ModelError::Node { tree: position, node: 0, problem });
            }
        }
        Ok(())
    }
}

impl Aggregation {
    /// Folds the sixteen lanes of the canonical sum into the margin.
    #[inline]
    pub fn margin(self, lanes: &[f64; 16], n_trees: usize) -> f64 {
        let mut lanes = *lanes;
        for half in [8, 4, 2, 1] {
            let (low, high) = lanes.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(high) {
                *low += *high;
            }
        }
        self.margin_of_sum(lanes[0], n_trees)
    }

    /// The margin of leaves whose canonical sum this is.
    #[inline]
    pub(crate) fn margin_of_sum(self, sum: f64, n_trees: usize) -> f64 {
        match self {
            Self::Additive { start } => start + sum,
            Self::Averaged => sum / n_trees as f64,
        }
    }
}

impl Tree {
    /// The value of the leaf a row reaches.
    pub fn leaf_value(&self, row: &[f32]) -> f64 {
        match self.nodes.get(self.leaf_index(row)) {
            Some(Node::Leaf { value, .. }) => *value,
            // No such end of a path.
            Some(Node::Split(_)) | None => f64::NAN,
        }
    }

    /// The node at which a row ends.
    #[expect(
        clippy::indexing_slicing,
        reason = "`Model::check` proved that children and features exist"
    )]
    pub fn leaf_index(&self, row: &[f32]) -> usize {
        let mut index = 0;
        while let Node::Split(split) = &self.nodes[index] {
            index = split.child(row[split.feature_index as usize]) as usize;
        }
        index
    }

    /// The most splits above any leaf; 0 for a tree that is one leaf.
    pub fn depth(&self) -> usize {
        let mut depths = vec![0_usize; self.nodes.len()];
        let mut deepest = 0;
        for (position, node) in self.nodes.iter().enumerate() {
            let Node::Split(split) = node else { continue };
            let below = depths.get(position).map_or(1, |depth| depth.saturating_add(1));
            deepest = below.max(deepest);
            for child in [split.left, split.right] {
                depths.get_mut(child as usize).into_iter().for_each(|depth| *depth = below);
            }
        }
        deepest
    }

    fn check(
        &self,
        tree: usize,
        row: &[RowType],
        aggregation: Aggregation,
    ) -> Result<(), ModelError> {
        check_count("nodes of a tree", self.nodes.len(), 1..=MAX_NODES_PER_TREE)?;
        // Depth of each node once a parent has named it; a second parent is an error.
        let mut depths = vec![None; self.nodes.len()];
        if let Some(root) = depths.first_mut() {
            *root = Some(0_usize);
        }
        for (node, content) in self.nodes.iter().enumerate() {
            let fail = |problem| Err(ModelError::Node { tree, node, problem });
            let Some(depth) = depths.get(node).copied().flatten() else {
                return fail("no node before it names it as a child");
            };
            match content {
                Node::Leaf { value, cover } => {
                    check_magnitude("leaf value", *value)?;
                    check_not_negative("cover", *cover)?;
                    if aggregation == Aggregation::Averaged && !(0.0..=1.0).contains(value) {
                        return fail("a leaf of an averaged forest should lie within 0 and 1");
                    }
                }
                Node::Split(split) => {
                    if let Some(problem) = split.problem(row) {
                        return fail(problem);
                    }
                    check_not_negative("cover", split.cover)?;
                    check_not_negative("gain", split.gain)?;
                    let below = depth.saturating_add(1);
                    if below > MAX_DEPTH {
                        return fail("lies deeper than 64 splits");
                    }
                    for child in [split.left, split.right] {
                        let child = child as usize;
                        if child <= node {
                            return fail("a child should stand after its parent");
                        }
                        match depths.get_mut(child) {
                            None => return fail("a child lies outside the tree"),
                            Some(Some(_)) => return fail("a child has two parents"),
                            Some(slot) => *slot = Some(below),
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Every node of one depth asks the same question and all leaves lie at the same depth.
    fn is_symmetric(&self) -> bool {
        let mut level: Vec<&Node> = self.nodes.first().into_iter().collect();
        while let Some(Node::Split(first)) = level.first() {
            let mut next = Vec::with_capacity(level.len().saturating_mul(2));
            for node in &level {
                match node {
                    Node::Split(split) if split.asks_like(first) => {
                        let children = [split.left, split.right];
                        next.extend(children.iter().filter_map(|&at| self.nodes.get(at as usize)));
                    }
                    _ => return false,
                }
            }
            level = next;
        }
        level.iter().all(|node| matches!(node, Node::Leaf { .. }))
    }
}

impl Split {
    /// The child that a value leads to.
    #[inline]
    pub fn child(&self, value: f32) -> u32 {
        let left = match &self.test {
            SplitTest::AtMost(split_value) => {
                if value.is_nan() {
                    self.default_left
                } else {
                    value <= *split_value
                }
            }
            SplitTest::OneOf(set) => match category(value) {
                Some(code) if code < set.n_categories() as usize => set.contains(code),
                _ => self.default_left,
            },
        };
        if left { self.left } else { self.right }
    }

    fn asks_like(&self, other: &Self) -> bool {
        self.feature_index == other.feature_index
            && self.test == other.test
            && self.default_left == other.default_left
    }

    fn problem(&self, row: &[RowType]) -> Option<&'static str> {
        match (row.get(self.feature_index as usize), &self.test) {
            (None, _) => Some("names a feature that is not in the schema"),
            (Some(RowType::Numeric), SplitTest::AtMost(value)) => {
                // Only then do the greatest finite number and +∞ fall on the same side.
                (!(value.is_finite() && *value < f32::MAX))
                    .then_some("the split value should be finite and below the greatest f32")
            }
            (Some(RowType::Categorical { n_categories }), SplitTest::OneOf(set)) => {
                if set.n_categories() != *n_categories {
                    return Some("the category set has another size than the feature's categories");
                }
                (!set.is_sound()).then_some("the category set holds a code that is no category")
            }
            (Some(RowType::Numeric), SplitTest::OneOf(_)) => {
                Some("a category set where the feature is numeric")
            }
            (Some(RowType::Categorical { .. }), SplitTest::AtMost(_)) => {
                Some("a split value where the feature is a category")
            }
        }
    }
}

fn check_not_negative(what: &'static str, value: f64) -> Result<(), ModelError> {
    check_magnitude(what, value)?;
    if value < 0.0 {
        return Err(ModelError::Range { what, expected: "0 or more", found: value });
    }
    Ok(())
}
