//! smartcore keeps its nodes private: serde is the only door out. The mirror of its layout is for
//! the pinned version alone; parity tests stand guard over it.

use serde::{Deserialize, Serialize};
use shroff_serve::model::{Node, Split, Tree};

use crate::learner::LearnError;
use crate::learner::tree_input::TreeInput;

/// The trees of a fitted regressor as ours, covers still empty; gains are the library's decrease of
/// the summed squared error.
///
/// JSON with numbers that survive the round trip, one chunk of trees at a time: about 150 bytes a
/// node, read straight into the mirror.
pub(super) fn trees(library: &impl Serialize, input: &TreeInput) -> Result<Vec<Tree>, LearnError> {
    let written = serde_json::to_vec(library).map_err(layout)?;
    let regressor: Regressor = serde_json::from_slice(&written).map_err(layout)?;
    regressor.forest_regressor.trees.iter().map(|tree| convert(tree, input)).collect()
}

#[derive(Deserialize)]
struct Regressor {
    forest_regressor: LibraryForest,
}

#[derive(Deserialize)]
struct LibraryForest {
    trees: Vec<LibraryTree>,
}

#[derive(Deserialize)]
struct LibraryTree {
    nodes: Vec<LibraryNode>,
}

/// Rows with `x <= split_value` go to the true child; a leaf has no children.
#[derive(Deserialize)]
struct LibraryNode {
    output: f64,
    split_feature: usize,
    split_value: Option<f64>,
    split_score: Option<f64>,
    true_child: Option<u32>,
    false_child: Option<u32>,
}

fn convert(tree: &LibraryTree, input: &TreeInput) -> Result<Tree, LearnError> {
    let node = |node: &LibraryNode| match (node.true_child, node.false_child, node.split_value) {
        // A value without children is a split that was found but not made.
        (None, None, _) => Ok(Node::Leaf { value: node.output, cover: 0.0 }),
        (Some(left), Some(right), Some(threshold)) if node.split_feature < input.n_features() => {
            Ok(Node::Split(Split {
                feature_index: node.split_feature as u32,
                test: input.at_most(node.split_feature, threshold),
                default_left: true,
                left,
                right,
                cover: 0.0,
                gain: node.split_score.unwrap_or(0.0).max(0.0),
            }))
        }
        _ => Err(layout("a split without its value, feature or one of its children")),
    };
    let nodes = tree.nodes.iter().map(node).collect::<Result<Vec<_>, _>>()?;
    without_idle_splits(&nodes)
}

/// The library goes on splitting nodes that are pure: where every leaf below a node says the same,
/// the node becomes that leaf. No prediction changes by a bit and most of the nodes vanish.
fn without_idle_splits(nodes: &[Node]) -> Result<Tree, LearnError> {
    let broken = || layout("a child that is missing or stands before its parent");
    // Per node the one value of all leaves below it, if there is only one.
    let mut only_value: Vec<Option<f64>> = vec![None; nodes.len()];
    for (index, node) in nodes.iter().enumerate().rev() {
        only_value[index] = match node {
            Node::Leaf { value, .. } => Some(*value),
            Node::Split(split) => {
                let (left, right) = (split.left as usize, split.right as usize);
                if left.min(right) <= index || left.max(right) >= nodes.len() {
                    return Err(broken());
                }
                let same = |a: &f64, b: f64| a.to_bits() == b.to_bits();
                only_value[left].filter(|left| only_value[right].is_some_and(|b| same(left, b)))
            }
        };
    }
    let mut kept = vec![EMPTY_LEAF];
    let mut open = vec![(0, 0)];
    while let Some((from, to)) = open.pop() {
        let node: &Node = nodes.get(from).ok_or_else(broken)?;
        kept[to] = match (node, only_value[from]) {
            (_, Some(value)) => Node::Leaf { value, cover: 0.0 },
            (Node::Leaf { .. }, None) => node.clone(),
            (Node::Split(split), None) => {
                let (left, right) = (kept.len(), kept.len() + 1);
                kept.extend([EMPTY_LEAF, EMPTY_LEAF]);
                open.extend([(split.right as usize, right), (split.left as usize, left)]);
                Node::Split(Split { left: left as u32, right: right as u32, ..split.clone() })
            }
        };
    }
    Ok(Tree { nodes: kept })
}

const EMPTY_LEAF: Node = Node::Leaf { value: 0.0, cover: 0.0 };

fn layout(found: impl std::fmt::Display) -> LearnError {
    let expected = "the serialised trees of a fitted forest";
    LearnError::Layout { library: "smartcore", expected, found: found.to_string() }
}

#[cfg(test)]
mod tests {
    use shroff_serve::model::SplitTest;

    use super::*;

    #[test]
    fn splits_between_equal_leaves_vanish() {
        let leaf = |value| Node::Leaf { value, cover: 0.0 };
        let split = |left, right| {
            let test = SplitTest::AtMost(f32::from(left as u8));
            let (default_left, cover, gain) = (true, 0.0, 0.0);
            Node::Split(Split { feature_index: 0, test, default_left, left, right, cover, gain })
        };
        // 0 -> (1 -> (3: 0, 4 -> (5: 0, 6: 0)), 2: 0.5): all below node 1 is 0
        let nodes =
            [split(1, 2), split(3, 4), leaf(0.5), leaf(0.0), split(5, 6), leaf(0.0), leaf(0.0)];
        let tree = without_idle_splits(&nodes).expect("a sound tree");
        assert_eq!(tree.nodes, [split(1, 2), leaf(0.0), leaf(0.5)]);
        assert!(without_idle_splits(&[split(0, 1), leaf(0.0)]).is_err());
        assert!(without_idle_splits(&[split(1, 9), leaf(0.0)]).is_err());
        assert!(without_idle_splits(&[]).is_err());
    }
}
