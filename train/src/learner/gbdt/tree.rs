//! A grown tree over bins, and the same over values.

use shroff_serve::model::{Node, Split, Tree};

use super::bins::{BinSet, FeatureBins, MISSING};

/// A tree over bins: node 0 is the root, children stand after their parent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BinnedTree {
    pub(super) nodes: Vec<BinnedNode>,
    /// What each leaf says, by its number.
    pub(super) outputs: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum BinnedNode {
    /// The number of the leaf.
    Leaf(usize),
    Split(BinnedSplit),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct BinnedSplit {
    pub(super) feature: usize,
    /// The bins that go left, that of missing values among them if they do.
    pub(super) left_bins: BinSet,
    pub(super) left: usize,
    pub(super) right: usize,
    pub(super) gain: f64,
}

impl BinnedTree {
    /// The number of the leaf that a row of bins reaches.
    pub(super) fn leaf(&self, bin: impl Fn(usize) -> u8) -> usize {
        let mut node = 0;
        loop {
            match &self.nodes[node] {
                BinnedNode::Leaf(leaf) => return *leaf,
                BinnedNode::Split(split) => {
                    let goes_left = split.left_bins.contains(bin(split.feature));
                    node = if goes_left { split.left } else { split.right };
                }
            }
        }
    }

    /// The same tree over values; `covers` are those of the leaves by number.
    pub(super) fn to_tree(&self, bins: &[FeatureBins], covers: &[f64]) -> Tree {
        // Every child stands after its parent.
        let mut node_covers = vec![0.0; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().rev() {
            node_covers[index] = match node {
                BinnedNode::Leaf(leaf) => covers[*leaf],
                BinnedNode::Split(split) => node_covers[split.left] + node_covers[split.right],
            };
        }
        let node = |(node, cover): (&BinnedNode, f64)| match node {
            BinnedNode::Leaf(leaf) => Node::Leaf { value: self.outputs[*leaf], cover },
            BinnedNode::Split(split) => Node::Split(Split {
                feature_index: split.feature as u32,
                test: bins[split.feature].test(&split.left_bins),
                default_left: split.left_bins.contains(MISSING),
                left: split.left as u32,
                right: split.right as u32,
                cover,
                gain: split.gain,
            }),
        };
        Tree { nodes: self.nodes.iter().zip(node_covers).map(node).collect() }
    }
}
