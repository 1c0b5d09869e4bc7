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

/// The leaves of a tree in order; its room is used again for the next tree.
#[derive(Default)]
pub(super) struct Order<'t> {
    /// The values of the leaves from left to right.
    pub(super) values: Vec<f64>,
    /// The strikes of all splits, each after those above it and on its left.
    pub(super) strikes: Vec<Strike<'t>>,
    /// Right children, each with the position of the strike that ends before its first leaf.
    waiting: Vec<(u32, usize)>,
}

impl<'t> Order<'t> {
    #[expect(
        clippy::indexing_slicing,
        reason = "`Model::check` proved that children exist; what waits is the position of a strike"
    )]
    pub(super) fn read(&mut self, tree: &'t Tree) {
        let Self { values, strikes, waiting } = self;
        values.clear();
        strikes.clear();
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
                    let Some((right, strike)) = waiting.pop() else { return };
                    strikes[strike].leaves.end = values.len();
                    index = right;
                }
            }
        }
    }
}
