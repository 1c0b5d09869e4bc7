//! The leaves of a tree from left to right, and which of them each split strikes out.

use std::ops::Range;

use crate::model::{Node, Split, Tree};

/// A split beside the positions of the leaves on its left, which the answer "right" strikes out.
/// When all splits have answered, the leftmost leaf that remains is the one a row reaches.
///
/// # Source
/// Lucchese et al. (2015), *QuickScorer*, section 3.
pub(super) struct Strike<'t> {
    pub(super) split: &'t Split,
    pub(super) leaves: Range<usize>,
}

/// The values of the leaves from left to right, and the strikes of all splits, each after those
/// above it and on its left.
pub(super) fn strikes(tree: &Tree) -> (Vec<f64>, Vec<Strike<'_>>) {
    let n_splits = tree.nodes.len() / 2;
    let (mut values, mut strikes) =
        (Vec::with_capacity(n_splits + 1), Vec::with_capacity(n_splits));
    // Right children, each with the position of the strike that ends before its first leaf.
    let mut waiting = Vec::new();
    let mut index = 0;
    loop {
        match &tree.nodes[index as usize] {
            Node::Split(split) => {
                waiting.push((split.right, strikes.len()));
                strikes.push(Strike { split, leaves: values.len()..values.len() });
                index = split.left;
            }
            Node::Leaf { value, .. } => {
                values.push(*value);
                let Some((right, strike)) = waiting.pop() else { return (values, strikes) };
                strikes[strike].leaves.end = values.len();
                index = right;
            }
        }
    }
}
