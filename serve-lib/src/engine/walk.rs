//! Walks from root to leaf, sixteen trees side by side: while one walk waits for memory, fifteen go
//! on. Takes every forest on every machine.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "`Model::check` proved that features and children exist and bounds how many nodes there are; `push_tree` numbers them, and no walk leaves its tree"
)]

use crate::model::{Aggregation, CategorySet, Forest, Node, SplitTest, Tree};
use crate::schema::category;

/// Walks in flight at once.
const WIDTH: usize = 16;
/// Walks in flight for the few trees that are left over, such as 4 of 100.
const NARROW: usize = 4;
/// Trees whose leaves are kept before they are added up; a multiple of the sixteen lanes, so that
/// tree `i` of a chunk belongs to lane `i mod 16`.
const CHUNK: usize = 256;

/// A forest laid out for walking: children side by side, a leaf its own child.
#[derive(Debug)]
pub(crate) struct Walker {
    aggregation: Aggregation,
    n_trees: usize,
    /// Values of the prepared row: twice a power of two that holds a value per feature.
    n_slots: usize,
    nodes: Vec<FlatNode>,
    /// The value of each node that is a leaf; 0 for the others.
    leaf_values: Vec<f64>,
    /// Of each chunk, its trees in groups of about one depth.
    chunks: Vec<Vec<Group>>,
    category_sets: Vec<CategorySet>,
}

/// Eight bytes, so that eight nodes share a cache line.
#[derive(Debug, Clone, Copy)]
struct FlatNode {
    /// The value to compare with. In a leaf +∞ or NaN, whichever leads back to it; in a category
    /// split a NaN that carries the position of the set among those of its tree, counted from 1.
    split_value: f32,
    /// Slot in the prepared row, 13 bits, over the position of the children as a pair, 19 bits.
    slot_and_pair: u32,
}

const PAIR_BITS: u32 = 19;
/// The bits of a quiet NaN's payload.
const PAYLOAD: u32 = (1 << 22) - 1;

/// Trees that are walked together for as many levels as the deepest has.
#[derive(Debug, Clone)]
struct Group {
    n_trees: usize,
    n_levels: usize,
    /// Where each tree's nodes begin.
    first_nodes: [u32; WIDTH],
    /// Where each tree's category sets begin.
    first_sets: [u32; WIDTH],
    /// The place of each tree within its chunk.
    places: [u8; WIDTH],
}

impl Walker {
    /// Lays out a forest that `Model::check` proved for rows of `n_features` values.
    pub(crate) fn new(forest: &Forest, n_features: usize) -> Self {
        let n_nodes = forest.trees.iter().map(|tree| tree.nodes.len() + 1).sum();
        let mut walker = Self {
            aggregation: forest.aggregation,
            n_trees: forest.trees.len(),
            n_slots: match n_features {
                0..=64 => 128,
                65..=512 => 1_024,
                _ => 8_192,
            },
            nodes: Vec::with_capacity(n_nodes),
            leaf_values: Vec::with_capacity(n_nodes),
            chunks: Vec::new(),
            category_sets: Vec::new(),
        };
        for trees in forest.trees.chunks(CHUNK) {
            let mut laid: Vec<Laid> = trees.iter().map(|tree| walker.push_tree(tree)).collect();
            for (place, tree) in laid.iter_mut().enumerate() {
                tree.place = place as u8;
            }
            laid.sort_by_key(|tree| (tree.depth, tree.place));
            walker.chunks.push(laid.rchunks(WIDTH).map(Group::new).collect());
        }
        walker
    }

    /// The margin of a row, by the canonical sum of [`Forest::margin`].
    #[inline]
    pub(crate) fn margin(&self, row: &[f32]) -> f64 {
        // A buffer on the stack, of the smallest size that holds the row.
        match (self.n_slots, self.category_sets.is_empty()) {
            (128, true) => self.margin_of::<128, false>(row),
            (128, false) => self.margin_of::<128, true>(row),
            (1_024, _) => self.margin_of::<1_024, true>(row),
            _ => self.margin_of::<8_192, true>(row),
        }
    }

    // Not inlined: within one function each call would take the stack of all sizes together.
    #[inline(never)]
    fn margin_of<const SLOTS: usize, const CATEGORIES: bool>(&self, row: &[f32]) -> f64 {
        // A missing value is twice there: below all split values for the splits that send it left,
        // above them for the others. So each step is one comparison.
        let mut slots = [0.0; SLOTS];
        let (left, right) = slots.split_at_mut(SLOTS / 2);
        for ((left, right), &value) in left.iter_mut().zip(right).zip(row) {
            *left = if value.is_nan() { f32::NEG_INFINITY } else { value };
            *right = if value.is_nan() { f32::INFINITY } else { value };
        }
        let mut lanes = [0.0; 16];
        for (chunk, groups) in self.chunks.iter().enumerate() {
            let mut values = [0.0; CHUNK];
            for group in groups {
                if group.n_trees > NARROW {
                    self.walk::<SLOTS, CATEGORIES, WIDTH>(group, &slots, &mut values);
                } else {
                    self.walk::<SLOTS, CATEGORIES, NARROW>(group, &slots, &mut values);
                }
            }
            // Places without a tree hold 0, which changes no lane: a sum that began at 0 is never −0.
            let n_trees = CHUNK.min(self.n_trees - chunk * CHUNK);
            for values in values[..n_trees.next_multiple_of(16)].chunks_exact(16) {
                for (lane, value) in lanes.iter_mut().zip(values) {
                    *lane += value;
                }
            }
        }
        self.aggregation.margin(&lanes, self.n_trees)
    }

    /// Writes the value of the leaf at which each of a group's first `W` trees ends to its place.
    #[inline(always)]
    fn walk<const SLOTS: usize, const CATEGORIES: bool, const W: usize>(
        &self,
        group: &Group,
        slots: &[f32; SLOTS],
        values: &mut [f64; CHUNK],
    ) {
        let mut cursors = [1_u32; W];
        for _ in 0..group.n_levels {
            for (tree, cursor) in cursors.iter_mut().enumerate() {
                // Within the tree by construction: checked all the same, which costs next to nothing.
                let node = self.nodes[(group.first_nodes[tree] + *cursor) as usize];
                let slot = (node.slot_and_pair >> PAIR_BITS) as usize & (SLOTS - 1);
                let value = slots[slot];
                let left = if CATEGORIES && node.split_value.is_nan() {
                    self.in_category_set(node, group.first_sets[tree], value, slot < SLOTS / 2)
                } else {
                    value <= node.split_value
                };
                let pair = node.slot_and_pair & ((1 << PAIR_BITS) - 1);
                *cursor = pair * 2 + u32::from(!left);
            }
        }
        for (tree, cursor) in cursors.into_iter().enumerate() {
            let leaf = (group.first_nodes[tree] + cursor) as usize;
            values[group.places[tree] as usize] = self.leaf_values[leaf];
        }
    }

    #[inline(never)]
    fn in_category_set(&self, node: FlatNode, first: u32, value: f32, default_left: bool) -> bool {
        let number = node.split_value.to_bits() & PAYLOAD;
        if number == 0 {
            // A leaf that is a right child.
            return false;
        }
        let set = &self.category_sets[(first + number - 1) as usize];
        match category(value) {
            Some(code) if code < set.n_categories() as usize => set.contains(code),
            _ => default_left,
        }
    }

    /// Numbers the nodes of a tree level by level, siblings side by side: pair `p` stands at `2p`
    /// and `2p + 1`. The root is the right one of pair 0, whose left one is never used.
    fn push_tree(&mut self, tree: &Tree) -> Laid {
        let first_node = self.nodes.len() as u32;
        let first_set = self.category_sets.len() as u32;
        let mut order = vec![(0_usize, 0_usize)];
        let mut next = 0;
        while let Some(&(index, depth)) = order.get(next) {
            next += 1;
            let Node::Split(split) = &tree.nodes[index] else { continue };
            order.extend([(split.left as usize, depth + 1), (split.right as usize, depth + 1)]);
        }
        self.push_node(f32::INFINITY, 0, 0, 0.0);
        // At most 2^20 nodes in a tree, so fewer than 2^19 pairs and sets.
        let mut children = 1;
        for (position, &(index, _)) in (1_u32..).zip(&order) {
            match &tree.nodes[index] {
                Node::Leaf { value, .. } => {
                    let back = if position % 2 == 0 { f32::INFINITY } else { f32::NAN };
                    self.push_node(back, 0, position / 2, *value);
                }
                Node::Split(split) => {
                    let split_value = match &split.test {
                        SplitTest::AtMost(value) => *value,
                        SplitTest::OneOf(set) => {
                            self.category_sets.push(set.clone());
                            let number = self.category_sets.len() as u32 - first_set;
                            f32::from_bits(f32::NAN.to_bits() | number)
                        }
                    };
                    let side = if split.default_left { 0 } else { self.n_slots as u32 / 2 };
                    self.push_node(split_value, split.feature_index + side, children, 0.0);
                    children += 1;
                }
            }
        }
        let depth = order.last().map_or(0, |&(_, depth)| depth);
        Laid { depth, place: 0, first_node, first_set }
    }

    fn push_node(&mut self, split_value: f32, slot: u32, pair: u32, leaf_value: f64) {
        self.nodes.push(FlatNode { split_value, slot_and_pair: slot << PAIR_BITS | pair });
        self.leaf_values.push(leaf_value);
    }
}

/// A tree whose nodes are in place.
#[derive(Debug, Clone, Copy)]
struct Laid {
    depth: usize,
    place: u8,
    first_node: u32,
    first_set: u32,
}

impl Group {
    /// The trees, from the shallowest to the deepest; too few are filled up by the first.
    fn new(trees: &[Laid]) -> Self {
        let tree = |at: usize| *trees.get(at).unwrap_or(&trees[0]);
        Self {
            n_trees: trees.len(),
            n_levels: trees.last().map_or(0, |tree| tree.depth),
            first_nodes: std::array::from_fn(|at| tree(at).first_node),
            first_sets: std::array::from_fn(|at| tree(at).first_set),
            places: std::array::from_fn(|at| tree(at).place),
        }
    }
}
