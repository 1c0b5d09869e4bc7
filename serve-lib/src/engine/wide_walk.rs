//! Walks of sixteen trees a register: sixteen loads fetch their nodes, and one comparison takes all
//! a level further. For forests without category splits.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "`Model::check` proved that features and children exist and bounds how many nodes there are; no walk leaves its tree"
)]

use std::arch::x86_64::*;

use super::cpu::{load_16_u32, store_16_u32};
use super::question::{FEATURE_BITS, Values512, feature_and_bound};
use crate::model::{Aggregation, Forest, Node, Tree};

/// Groups of trees whose walks are under way at once: none waits for another, so that a few hide
/// how long each step takes.
const MAX_GROUPS: usize = 16;
/// Behind those of a node's feature, the bits that are the way to its children.
const WAY_BITS: u32 = 19;

/// A forest laid out for walking in registers.
#[derive(Debug)]
pub(crate) struct WideWalk {
    aggregation: Aggregation,
    n_trees: usize,
    n_features: usize,
    /// Level by level, siblings side by side. A node is its bound below its feature, with the sign's
    /// bit, and how far behind it its children are: first the one of the answer no. A leaf is its own
    /// first child, whose answer is no: nothing is above ∞.
    nodes: Vec<u64>,
    /// The value of each node that is a leaf; 0 for the others.
    leaf_values: Vec<f64>,
    groups: Vec<Group>,
}

/// Sixteen trees; a place without a tree holds a leaf of 0, which changes no lane.
#[derive(Debug)]
struct Group {
    n_levels: usize,
    roots: [u32; 16],
}

impl WideWalk {
    /// Lays out a forest that `Model::check` proved for rows of `n_features` values, if it is without
    /// category splits.
    pub(super) fn new(forest: &Forest, n_features: usize) -> Option<Self> {
        let n_nodes = forest.trees.iter().map(|tree| tree.nodes.len()).sum::<usize>() + 1;
        let mut walk = Self {
            aggregation: forest.aggregation,
            n_trees: forest.trees.len(),
            n_features,
            nodes: Vec::with_capacity(n_nodes),
            leaf_values: Vec::with_capacity(n_nodes),
            groups: Vec::with_capacity(forest.trees.len().div_ceil(16)),
        };
        walk.push(f32::INFINITY, 0, 0.0);
        let mut order = Vec::new();
        for trees in forest.trees.chunks(16) {
            let mut group = Group { n_levels: 0, roots: [0; 16] };
            for (root, tree) in group.roots.iter_mut().zip(trees) {
                *root = walk.nodes.len() as u32;
                group.n_levels = group.n_levels.max(walk.push_tree(tree, &mut order)?);
            }
            walk.groups.push(group);
        }
        Some(walk)
    }

    /// Gives the number of levels.
    fn push_tree(&mut self, tree: &Tree, order: &mut Vec<(u32, usize)>) -> Option<usize> {
        order.clear();
        order.push((0, 0));
        let mut next = 0;
        while let Some(&(index, level)) = order.get(next) {
            match &tree.nodes[index as usize] {
                Node::Leaf { value, .. } => self.push(f32::INFINITY, 0, *value),
                Node::Split(split) => {
                    let (feature, bound) = feature_and_bound(split)?;
                    // No longer than there are splits before it, so below 2^19.
                    let way = (order.len() - next) as u32;
                    self.push(bound, feature | way << FEATURE_BITS, 0.0);
                    let (left, right) = ((split.left, level + 1), (split.right, level + 1));
                    // Where missing goes right, yes means left.
                    order.extend(if split.default_left { [left, right] } else { [right, left] });
                }
            }
            next += 1;
        }
        order.last().map(|&(_, level)| level)
    }

    fn push(&mut self, bound: f32, feature_and_way: u32, leaf_value: f64) {
        self.nodes.push(u64::from(feature_and_way) << 32 | u64::from(bound.to_bits()));
        self.leaf_values.push(leaf_value);
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    pub(super) fn margin_avx512(&self, row: &[f32]) -> f64 {
        match self.n_features {
            0..=32 => self.sum_avx512::<32>(row),
            33..=64 => self.sum_avx512::<64>(row),
            _ => self.sum_avx512::<0>(row),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn sum_avx512<const IN_REGISTERS: usize>(&self, row: &[f32]) -> f64 {
        let values = Values512::<IN_REGISTERS>::new(row);
        let mut lanes = [0.0; 16];
        for groups in self.groups.chunks(MAX_GROUPS) {
            let mut cursors = [[0; 16]; MAX_GROUPS];
            let cursors = &mut cursors[..groups.len()];
            let mut n_levels = 0;
            for (cursors, group) in cursors.iter_mut().zip(groups) {
                *cursors = group.roots;
                n_levels = n_levels.max(group.n_levels);
            }
            for _ in 0..n_levels {
                for cursors in cursors.iter_mut() {
                    self.step_avx512(&values, cursors);
                }
            }
            for cursors in cursors {
                for (lane, cursor) in lanes.iter_mut().zip(cursors) {
                    *lane += self.leaf_values[*cursor as usize];
                }
            }
        }
        self.aggregation.margin(&lanes, self.n_trees)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn step_avx512<const IN_REGISTERS: usize>(
        &self,
        values: &Values512<'_, IN_REGISTERS>,
        cursors: &mut [u32; 16],
    ) {
        // Plain loads: where it was measured, gathers made the whole walk take 2.2 times as long.
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] =
            cursors.map(|cursor| self.nodes[cursor as usize].cast_signed());
        let low = _mm512_setr_epi64(a, b, c, d, e, f, g, h);
        let high = _mm512_setr_epi64(i, j, k, l, m, n, o, p);
        let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        let one = _mm512_set1_epi32(1);
        let bound = _mm512_castsi512_ps(_mm512_permutex2var_epi32(low, even, high));
        let feature_and_way = _mm512_permutex2var_epi32(low, _mm512_or_si512(even, one), high);
        let yes = values.above(feature_and_way, bound);
        let way = _mm512_and_si512(
            _mm512_srli_epi32::<FEATURE_BITS>(feature_and_way),
            _mm512_set1_epi32((1 << WAY_BITS) - 1),
        );
        let no = _mm512_add_epi32(load_16_u32(cursors), way);
        store_16_u32(cursors, _mm512_mask_add_epi32(no, yes, no, one));
    }
}
