//! Merging sibling leaves of one majority, which the library would do by the order of a hash map.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use linfa::Label;
use shroff_serve::model::{Node, Split, Tree};

use super::EMPTY_LEAF;
use super::balanced::Balanced;
use crate::learner::cover::passing;
use crate::learner::sample::FitRows;

/// The label of a fitted row, made so that the library merges no leaves.
///
/// The library gives a leaf whose classes tie the label that its hash map yields first, then merges
/// sibling leaves of equal labels: its tree could differ from run to run. All it does before
/// follows from the sums alone, so we take the tree as grown, and [`pruned`] merges.
///
/// The library hands out no tree as grown, but the labels it compares when it merges are the third
/// copies of a row's: a key of its sums is the first, the label of the leaf the second. So labels are
/// equal by class up to the second copy, and by row from the third on: two leaves share no row.
#[derive(Debug, Default)]
pub(super) struct GrowthLabel {
    fraud: bool,
    row: u32,
    n_copied: u8,
}

impl GrowthLabel {
    /// One per fitted row.
    pub(super) fn of_rows(rows: &FitRows<'_>) -> Vec<Self> {
        let numbered = (0..).zip(&rows.labels);
        numbered.map(|(row, &fraud)| Self { fraud, row, n_copied: 0 }).collect()
    }

    fn compared(&self) -> (Option<u32>, bool) {
        ((self.n_copied > 2).then_some(self.row), self.fraud)
    }
}

impl Label for GrowthLabel {}

impl Clone for GrowthLabel {
    fn clone(&self) -> Self {
        Self { n_copied: self.n_copied.saturating_add(1), ..*self }
    }
}

impl PartialEq for GrowthLabel {
    fn eq(&self, other: &Self) -> bool {
        self.compared() == other.compared()
    }
}

impl Eq for GrowthLabel {}

impl PartialOrd for GrowthLabel {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for GrowthLabel {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compared().cmp(&other.compared())
    }
}

impl Hash for GrowthLabel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.compared().hash(state);
    }
}

/// `grown` without the splits whose leaves all have one majority by balanced weight, as the library
/// prunes. A leaf whose classes tie counts as legitimate.
pub(super) fn pruned(grown: &Tree, rows: &FitRows<'_>, balanced: &Balanced) -> Tree {
    let units = passing(grown, rows, |row| {
        let units = f64::from(balanced.units[row]);
        if rows.labels[row] { [0.0, units] } else { [units, 0.0] }
    });
    // The label of all leaves from here down, if they have but one.
    let mut label = vec![None; grown.nodes.len()];
    // Every child stands after its parent.
    for (index, node) in grown.nodes.iter().enumerate().rev() {
        label[index] = match node {
            Node::Leaf { .. } => {
                let [legitimate, fraud] = units[index];
                Some(fraud > legitimate)
            }
            Node::Split(split) => {
                let left: Option<bool> = label[split.left as usize];
                left.filter(|_| left == label[split.right as usize])
            }
        };
    }
    let mut nodes = vec![EMPTY_LEAF];
    let mut open = vec![(0, 0)];
    while let Some((from, index)) = open.pop() {
        let (Node::Split(split), None) = (&grown.nodes[from], label[from]) else { continue };
        let first_child = nodes.len();
        nodes.extend([EMPTY_LEAF, EMPTY_LEAF]);
        open.extend([(split.right as usize, first_child + 1), (split.left as usize, first_child)]);
        let (left, right) = (first_child as u32, first_child as u32 + 1);
        nodes[index] = Node::Split(Split { left, right, ..split.clone() });
    }
    Tree { nodes }
}

#[cfg(test)]
mod tests {
    use shroff_serve::model::RowType;

    use super::super::{DecisionTree, ScaledInput};
    use super::*;
    use crate::matrix::{Matrix, TrainingSet};

    /// 880 legitimate rows at 0; 20 and 96 frauds at 10; 2 frauds and 18 legitimate rows at -100,
    /// where they tie: a fraud weighs 9 units, a legitimate row 1. Grown: two splits. The tie counts
    /// as legitimate, as do the rows at 0, which leaves the one split between 0 and 10.
    #[test]
    fn a_tie_gives_the_same_tree_every_time() {
        let groups = [
            (880, false, 0.0),
            (20, false, 10.0),
            (96, true, 10.0),
            (2, true, -100.0),
            (18, false, -100.0),
        ];
        let each = || groups.iter().flat_map(|group| std::iter::repeat_n(group, group.0));
        let labels: Vec<bool> = each().map(|group| group.1).collect();
        let values: Vec<f32> = each().map(|group| group.2).collect();
        let matrix = Matrix::new(vec![RowType::Numeric], values).expect("a sound matrix");
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let rows = FitRows::draw(&data, None, 1.0, 0).expect("two classes");
        let units = labels.iter().map(|fraud| if *fraud { 9 } else { 1 }).collect();
        let balanced = Balanced { units, units_per_weight: 1.0 };
        let learner =
            DecisionTree { min_weight_leaf: 1.0, min_weight_split: 2.0, ..Default::default() };
        let input = ScaledInput::learn(&rows);
        for _ in 0..20 {
            let library = learner
                .library_fit(input.matrix(&rows), GrowthLabel::of_rows(&rows), &balanced)
                .expect("sound data");
            let grown = input.convert(library.root_node());
            assert_eq!(grown.nodes.len(), 5, "the library merged leaves");
            let tree = pruned(&grown, &rows, &balanced);
            assert_eq!(tree.nodes.len(), 3);
            let leaves = [-100.0, 0.0, 10.0].map(|value| tree.leaf_index(&[value]));
            assert_eq!(leaves, [1, 1, 2]);
        }
    }
}
