//! Walks from root to leaf, eight trees at a time: while one walk waits for memory, seven go on.

use crate::model::{Aggregation, CategorySet, Forest, Node, SplitTest, Tree};
use crate::schema::category;

/// Walks in flight at once.
const WIDTH: usize = 8;

/// A forest laid out for walking: children side by side, a leaf its own left child.
#[derive(Debug)]
pub(crate) struct Walker {
    aggregation: Aggregation,
    nodes: Vec<FlatNode>,
    /// The value of each node that is a leaf; 0 for the others.
    leaf_values: Vec<f64>,
    roots: Vec<u32>,
    category_sets: Vec<CategorySet>,
}

/// Twelve bytes, so that five nodes share a cache line.
#[derive(Debug, Clone, Copy)]
struct FlatNode {
    /// The value to compare with; +∞ in a leaf, whose test always holds.
    split_value: f32,
    /// The left child; the right one follows it. In a category split the set's position comes
    /// from `category_set` instead of `split_value`.
    left: u32,
    feature: u16,
    flags: u16,
}

/// A missing value goes left.
const DEFAULT_LEFT: u16 = 1;
/// The bits of `split_value` are the position of a category set.
const BY_CATEGORY: u16 = 2;

impl Walker {
    /// Lays out a forest that `Model::check` proved.
    pub(crate) fn new(forest: &Forest) -> Self {
        let n_nodes = forest.trees.iter().map(|tree| tree.nodes.len()).sum();
        let mut walker = Self {
            aggregation: forest.aggregation,
            nodes: Vec::with_capacity(n_nodes),
            leaf_values: Vec::with_capacity(n_nodes),
            roots: Vec::with_capacity(forest.trees.len()),
            category_sets: Vec::new(),
        };
        for tree in &forest.trees {
            walker.push_tree(tree);
        }
        walker
    }

    /// The margin of a row, by the canonical sum of [`Forest::margin`].
    pub(crate) fn margin(&self, row: &[f32]) -> f64 {
        let mut lanes = [0.0; 16];
        for (group, roots) in self.roots.chunks(WIDTH).enumerate() {
            let first_lane = group % 2 * WIDTH;
            let mut cursors = [roots[0]; WIDTH];
            cursors[..roots.len()].copy_from_slice(roots);
            let leaves = if self.category_sets.is_empty() {
                self.walk::<false>(cursors, row)
            } else {
                self.walk::<true>(cursors, row)
            };
            for (lane, &leaf) in lanes[first_lane..][..roots.len()].iter_mut().zip(&leaves) {
                *lane += self.leaf_values[leaf as usize];
            }
        }
        self.aggregation.margin(&lanes, self.roots.len())
    }

    /// Moves every cursor one level down until none moves any more.
    #[inline]
    fn walk<const CATEGORIES: bool>(&self, mut cursors: [u32; WIDTH], row: &[f32]) -> [u32; WIDTH] {
        loop {
            let mut moved = 0;
            for cursor in &mut cursors {
                let node = self.nodes[*cursor as usize];
                let value = row[node.feature as usize];
                let left = if CATEGORIES && node.flags & BY_CATEGORY != 0 {
                    self.in_category_set(node, value)
                } else {
                    value <= node.split_value || value.is_nan() & (node.flags & DEFAULT_LEFT != 0)
                };
                let next = node.left + u32::from(!left);
                moved |= next ^ *cursor;
                *cursor = next;
            }
            if moved == 0 {
                return cursors;
            }
        }
    }

    fn in_category_set(&self, node: FlatNode, value: f32) -> bool {
        let set = &self.category_sets[node.split_value.to_bits() as usize];
        match category(value) {
            Some(code) if code < set.n_categories() as usize => set.contains(code),
            _ => node.flags & DEFAULT_LEFT != 0,
        }
    }

    /// Numbers the nodes of a tree level by level, siblings side by side.
    fn push_tree(&mut self, tree: &Tree) {
        let first = self.nodes.len();
        self.roots.push(first as u32);
        let mut order = vec![0_usize];
        let mut next = 0;
        while let Some(&index) = order.get(next) {
            next += 1;
            let Node::Split(split) = &tree.nodes[index] else { continue };
            order.extend([split.left as usize, split.right as usize]);
        }
        let mut child = first + 1;
        for (position, &index) in order.iter().enumerate() {
            match &tree.nodes[index] {
                Node::Leaf { value, .. } => {
                    let (left, flags) = ((first + position) as u32, DEFAULT_LEFT);
                    let split_value = f32::INFINITY;
                    self.nodes.push(FlatNode { split_value, left, feature: 0, flags });
                    self.leaf_values.push(*value);
                }
                Node::Split(split) => {
                    let default = if split.default_left { DEFAULT_LEFT } else { 0 };
                    let (split_value, flags) = match &split.test {
                        SplitTest::AtMost(value) => (*value, default),
                        SplitTest::OneOf(set) => {
                            let position = self.category_sets.len() as u32;
                            self.category_sets.push(set.clone());
                            (f32::from_bits(position), default | BY_CATEGORY)
                        }
                    };
                    let feature = split.feature_index as u16;
                    self.nodes.push(FlatNode { split_value, left: child as u32, feature, flags });
                    self.leaf_values.push(0.0);
                    child += 2;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Split;

    /// A small linear congruential generator: the test needs variety, not randomness.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u32) -> u32 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as u32 % sides
        }
    }

    /// Grows a tree of random splits over two numbers and a category of 70 codes.
    fn grow(dice: &mut Dice, depth: u32) -> Tree {
        let mut nodes = vec![Node::Leaf { value: 0.0, cover: 1.0 }];
        let mut open = vec![(0_usize, 0)];
        while let Some((index, level)) = open.pop() {
            if level == depth || (level > 0 && dice.roll(5) == 0) {
                let value = f64::from(dice.roll(1_000)) / 7.0;
                nodes[index] = Node::Leaf { value, cover: 1.0 };
                continue;
            }
            let (left, right) = (nodes.len() as u32, nodes.len() as u32 + 1);
            let feature_index = dice.roll(3);
            let test = if feature_index == 2 {
                let codes: Vec<u32> = (0..70).filter(|_| dice.roll(2) == 0).collect();
                SplitTest::OneOf(CategorySet::new(70, codes))
            } else {
                SplitTest::AtMost(dice.roll(10) as f32)
            };
            let default_left = dice.roll(2) == 0;
            let (cover, gain) = (1.0, 1.0);
            nodes[index] =
                Node::Split(Split { feature_index, test, default_left, left, right, cover, gain });
            nodes.extend([const { Node::Leaf { value: 0.0, cover: 1.0 } }; 2]);
            open.extend([(left as usize, level + 1), (right as usize, level + 1)]);
        }
        Tree { nodes }
    }

    #[test]
    fn walking_gives_the_bits_of_the_definition() {
        let mut dice = Dice(7);
        for n_trees in [1, 7, 8, 9, 16, 17, 100] {
            let trees = (0..n_trees).map(|tree| grow(&mut dice, tree % 9)).collect();
            let aggregation = Aggregation::Additive { start: -0.5 };
            let forest = Forest { aggregation, symmetric: false, trees };
            let walker = Walker::new(&forest);
            for _ in 0..200 {
                let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.5, 1e9];
                let row: [f32; 3] = std::array::from_fn(|_| match dice.roll(4) {
                    0 => odd[dice.roll(6) as usize],
                    _ => dice.roll(72) as f32,
                });
                assert_eq!(walker.margin(&row).to_bits(), forest.margin(&row).to_bits(), "{row:?}");
            }
        }
    }
}
