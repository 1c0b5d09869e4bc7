//! The weight of the fitted rows that comes by each node of a converted tree, found by sending the
//! rows down our own nodes.

use rayon::prelude::*;
use shroff_serve::model::{Node, Tree};

use super::sample::FitRows;

/// Per node, the sum over the fitted rows that come by of `weight(row)`. Leaves are summed in the
/// order of the rows, inner nodes are their two children.
pub(super) fn passing<const N: usize>(
    tree: &Tree,
    rows: &FitRows<'_>,
    weight: impl Fn(usize) -> [f64; N],
) -> Vec<[f64; N]> {
    let mut sums = vec![[0.0; N]; tree.nodes.len()];
    for row in 0..rows.n_rows() {
        let sum = &mut sums[tree.leaf_index(rows.row(row))];
        sum.iter_mut().zip(weight(row)).for_each(|(sum, weight)| *sum += weight);
    }
    // Every child stands after its parent.
    for (index, node) in tree.nodes.iter().enumerate().rev() {
        if let Node::Split(split) = node {
            let (left, right) = (sums[split.left as usize], sums[split.right as usize]);
            sums[index] = std::array::from_fn(|i| left[i] + right[i]);
        }
    }
    sums
}

/// Sets the cover of every node of these trees.
pub(super) fn set_covers(trees: &mut [Tree], rows: &FitRows<'_>) {
    trees.par_iter_mut().for_each(|tree| {
        let sums = passing(tree, rows, |row| [rows.weights[row]]);
        for (node, [sum]) in tree.nodes.iter_mut().zip(sums) {
            match node {
                Node::Leaf { cover, .. } => *cover = sum,
                Node::Split(split) => split.cover = sum,
            }
        }
    });
}
