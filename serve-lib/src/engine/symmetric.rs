//! Symmetric trees without category splits: every level asks all rows the same question, so that a
//! leaf's number is the answers in binary, and sixteen trees answer by one comparison.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "`Model::check` proved that children exist; a leaf number has a bit for each level, and each group as many leaves as such numbers; sixteen trees have places below sixteen"
)]

use std::arch::x86_64::*;

use super::cpu::{
    gather_8_f32, load_8_f32, load_8_u32, load_16_f32, load_16_u32, load_up_to_8, store_8_u32,
};
use super::leaves::{add, add_avx512};
use super::question::{NEGATE, Values512, feature_and_bound};
use crate::model::{Aggregation, Forest, Node, Split, Tree};

/// Deeper trees have too many leaves to be stored for all sixteen of a group.
const MAX_DEPTH: usize = 10;

/// A symmetric forest laid out by levels.
#[derive(Debug)]
pub(crate) struct Symmetric {
    aggregation: Aggregation,
    n_trees: usize,
    n_features: usize,
    groups: Vec<Group>,
}

/// Sixteen trees.
#[derive(Debug)]
struct Group {
    levels: Vec<Level>,
    /// As many for each tree as the deepest of the group has.
    leaves: Vec<f64>,
}

/// One question of each tree. In two lines of the cache, so that no load touches a third.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Level {
    /// The feature, and [`NEGATE`].
    feature: [u32; 16],
    bound: [f32; 16],
}

impl Symmetric {
    /// Lays out a forest that `Model::check` proved for rows of `n_features` values, if it is
    /// symmetric, not too deep and without category splits.
    pub(super) fn new(forest: &Forest, n_features: usize) -> Option<Self> {
        if !forest.symmetric {
            return None;
        }
        let groups = forest.trees.chunks(16).map(Group::new).collect::<Option<_>>()?;
        let (aggregation, n_trees) = (forest.aggregation, forest.trees.len());
        Some(Self { aggregation, n_trees, n_features, groups })
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    pub(super) fn margin_avx512<const GATHERS: bool>(&self, row: &[f32]) -> f64 {
        match self.n_features {
            0..=32 => self.sum_avx512::<32, GATHERS>(row),
            33..=64 => self.sum_avx512::<64, GATHERS>(row),
            _ => self.sum_avx512::<0, GATHERS>(row),
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn margin_avx2(&self, row: &[f32]) -> f64 {
        match self.n_features {
            0..=32 => self.sum_avx2::<32>(row),
            _ => self.sum_avx2::<0>(row),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    fn sum_avx512<const IN_REGISTERS: usize, const GATHERS: bool>(&self, row: &[f32]) -> f64 {
        let values = Values512::<IN_REGISTERS>::new(row);
        let mut lanes = [0.0; 16];
        for group in &self.groups {
            let mut numbers = _mm512_setzero_si512();
            let mut bit = _mm512_set1_epi32(1);
            for level in &group.levels {
                let above = values.above(load_16_u32(&level.feature), load_16_f32(&level.bound));
                numbers = _mm512_mask_or_epi32(numbers, above, numbers, bit);
                bit = _mm512_add_epi32(bit, bit);
            }
            add_avx512::<GATHERS>(&mut lanes, &group.leaves, group.n_leaves(), numbers);
        }
        self.aggregation.margin(&lanes, self.n_trees)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn sum_avx2<const IN_REGISTERS: usize>(&self, row: &[f32]) -> f64 {
        let part = |at: usize| load_up_to_8(row.get(at * 8..).unwrap_or_default());
        let parts: [__m256; 4] = std::array::from_fn(part);
        let negate = _mm256_set1_epi32(NEGATE as i32);
        let mut lanes = [0.0; 16];
        for group in &self.groups {
            let mut numbers = [_mm256_setzero_si256(); 2];
            let mut bit = _mm256_set1_epi32(1);
            for level in &group.levels {
                let (features, _) = level.feature.as_chunks::<8>();
                let (bounds, _) = level.bound.as_chunks::<8>();
                for ((numbers, feature), bound) in numbers.iter_mut().zip(features).zip(bounds) {
                    let feature = load_8_u32(feature);
                    let value = if IN_REGISTERS == 32 {
                        // Bits 3 and 4 of the feature, as the signs by which a blend chooses.
                        let bit_3 = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(feature));
                        let bit_4 = _mm256_castsi256_ps(_mm256_slli_epi32::<27>(feature));
                        let [a, b, c, d] =
                            parts.map(|part| _mm256_permutevar8x32_ps(part, feature));
                        let low = _mm256_blendv_ps(a, b, bit_3);
                        let high = _mm256_blendv_ps(c, d, bit_3);
                        _mm256_blendv_ps(low, high, bit_4)
                    } else {
                        gather_8_f32(row, _mm256_andnot_si256(negate, feature))
                    };
                    let sign = _mm256_castsi256_ps(_mm256_and_si256(feature, negate));
                    let value = _mm256_xor_ps(value, sign);
                    let above = _mm256_cmp_ps::<_CMP_GT_OQ>(value, load_8_f32(bound));
                    let bits = _mm256_and_si256(_mm256_castps_si256(above), bit);
                    *numbers = _mm256_or_si256(*numbers, bits);
                }
                bit = _mm256_add_epi32(bit, bit);
            }
            let mut stored = [[0; 8]; 2];
            for (stored, numbers) in stored.iter_mut().zip(numbers) {
                store_8_u32(stored, numbers);
            }
            let numbers = std::array::from_fn(|tree| stored[tree / 8][tree % 8]);
            add(&mut lanes, &group.leaves, group.n_leaves(), &numbers);
        }
        self.aggregation.margin(&lanes, self.n_trees)
    }
}

impl Group {
    fn new(trees: &[Tree]) -> Option<Self> {
        let paths: Vec<Vec<&Split>> = trees.iter().map(leftmost_path).collect();
        let depth = paths.iter().map(Vec::len).max().unwrap_or_default();
        if depth > MAX_DEPTH {
            return None;
        }
        // A question nobody asked: nothing is above ∞.
        let mut levels = vec![Level { feature: [0; 16], bound: [f32::INFINITY; 16] }; depth];
        let mut leaves = vec![0.0; 16 << depth];
        for (place, (tree, path)) in trees.iter().zip(&paths).enumerate() {
            for (level, split) in levels.iter_mut().zip(path) {
                (level.feature[place], level.bound[place]) = feature_and_bound(split)?;
            }
            // The answers of the first level are the lowest bit.
            for (number, leaf) in leaves[place << depth..][..1 << path.len()].iter_mut().enumerate()
            {
                *leaf = leaf_value(tree, number);
            }
        }
        Some(Self { levels, leaves })
    }

    /// A leaf's number has a bit for each level.
    #[inline]
    fn n_leaves(&self) -> usize {
        1 << self.levels.len()
    }
}

fn leftmost_path(tree: &Tree) -> Vec<&Split> {
    let (mut path, mut index) = (Vec::new(), 0);
    while let Node::Split(split) = &tree.nodes[index] {
        path.push(split);
        index = split.left as usize;
    }
    path
}

/// The leaf to which these answers lead, the first in the lowest bit.
fn leaf_value(tree: &Tree, mut answers: usize) -> f64 {
    let mut index = 0;
    loop {
        match &tree.nodes[index] {
            Node::Leaf { value, .. } => return *value,
            Node::Split(split) => {
                // Where missing goes right, yes means left.
                let right = (answers & 1 == 1) == split.default_left;
                index = if right { split.right } else { split.left } as usize;
                answers >>= 1;
            }
        }
    }
}
