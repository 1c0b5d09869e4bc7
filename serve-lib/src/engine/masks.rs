//! Trees of at most 32 leaves, without a walk. A tree's leaves are the bits of a word, leftmost
//! highest; a split whose answer is "right" strikes out the leaves on its left, and when all have
//! answered the highest bit left is the leaf. Which leaves the splits of one feature strike out
//! depends only on where the value ranks among their split values: that is tabulated, for 128
//! trees at a time. So a row costs one ranking and one run of ANDs a feature and block.
//!
//! # Source
//! Lucchese et al. (2015), *QuickScorer*, section 3, for the words; the tables per rank are ours.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "`Model::check` proved that features and children exist; of a key half is taken; a rank is at most the number of cuts or categories, and `build` makes an entry for each"
)]

mod build;

use std::arch::x86_64::*;

use super::cpu::{load_8_f32, load_8_u32, load_16_f32, load_16_u32, store_8_u32};
use super::leaves::{add, add_avx512};
use crate::model::Aggregation;
use crate::schema::category;

/// Most groups of sixteen trees in a block: as many registers hold their words.
const MAX_GROUPS: usize = 8;
/// Leaves of a tree, bits of its word.
const MAX_LEAVES: usize = 32;

/// A forest as tables of words.
#[derive(Debug)]
pub(crate) struct Masks {
    aggregation: Aggregation,
    n_trees: usize,
    blocks: Vec<Block>,
}

/// Up to 128 trees.
#[derive(Debug)]
struct Block {
    n_groups: usize,
    ranked: Vec<Ranked>,
    coded: Vec<Coded>,
    /// Of each ranked feature its pivots, then its cuts, in ascending order, NaN behind them.
    cuts: Vec<Line<f32>>,
    /// `n_groups` entries a rank: the words of sixteen trees each.
    tables: Vec<Line<u32>>,
    /// By group and tree. A place without a tree holds 0, which changes no lane.
    leaves: Vec<[[f64; MAX_LEAVES]; 16]>,
}

/// A line of the cache, so that no load of it touches two.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line<T>([T; 16]);

/// A numeric feature. A cut is the least value that a split sends right; the first is −∞, so that
/// rank 0 is that of a missing value, which is at or above none.
#[derive(Debug)]
struct Ranked {
    feature: usize,
    /// The last cut of each sixteen but the last sixteen: how many of them a value reaches says in
    /// which sixteen cuts to look.
    first_pivots: usize,
    first_cuts: usize,
    first_entry: usize,
}

/// A category feature: code `c` has rank `c + 1`, a missing one 0.
#[derive(Debug)]
struct Coded {
    feature: usize,
    n_categories: usize,
    first_entry: usize,
}

impl Coded {
    #[inline(always)]
    fn rank(&self, value: f32) -> usize {
        category(value).filter(|code| *code < self.n_categories).map_or(0, |code| code + 1)
    }
}

// Every index below was proved when the tables were built: features lie within the row, a rank is
// at most the number of cuts or categories, and each rank has `n_groups` entries.

impl Masks {
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,lzcnt,popcnt")]
    pub(super) fn margin_avx512<const GATHERS: bool>(&self, row: &[f32]) -> f64 {
        let mut lanes = [0.0; 16];
        for block in &self.blocks {
            match block.n_groups {
                1 => block.add_avx512::<1, GATHERS>(row, &mut lanes),
                2 => block.add_avx512::<2, GATHERS>(row, &mut lanes),
                3 => block.add_avx512::<3, GATHERS>(row, &mut lanes),
                4 => block.add_avx512::<4, GATHERS>(row, &mut lanes),
                5 => block.add_avx512::<5, GATHERS>(row, &mut lanes),
                6 => block.add_avx512::<6, GATHERS>(row, &mut lanes),
                7 => block.add_avx512::<7, GATHERS>(row, &mut lanes),
                _ => block.add_avx512::<MAX_GROUPS, GATHERS>(row, &mut lanes),
            }
        }
        self.aggregation.margin(&lanes, self.n_trees)
    }

    #[target_feature(enable = "avx2,lzcnt,popcnt")]
    pub(super) fn margin_avx2(&self, row: &[f32]) -> f64 {
        let mut lanes = [0.0; 16];
        for block in &self.blocks {
            match block.n_groups {
                1 => block.add_avx2::<1>(row, &mut lanes),
                2 => block.add_avx2::<2>(row, &mut lanes),
                3 => block.add_avx2::<3>(row, &mut lanes),
                4 => block.add_avx2::<4>(row, &mut lanes),
                5 => block.add_avx2::<5>(row, &mut lanes),
                6 => block.add_avx2::<6>(row, &mut lanes),
                7 => block.add_avx2::<7>(row, &mut lanes),
                _ => block.add_avx2::<MAX_GROUPS>(row, &mut lanes),
            }
        }
        self.aggregation.margin(&lanes, self.n_trees)
    }
}

impl Block {
    /// The words of all groups stay in registers over all features, hence a function per `G`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,lzcnt,popcnt")]
    fn add_avx512<const G: usize, const GATHERS: bool>(&self, row: &[f32], lanes: &mut [f64; 16]) {
        let mut words = [_mm512_set1_epi32(-1); G];
        for ranked in &self.ranked {
            let value = _mm512_set1_ps(row[ranked.feature]);
            let reached =
                |Line(cuts): &Line<f32>| _mm512_cmp_ps_mask::<_CMP_LE_OQ>(load_16_f32(cuts), value);
            let mut sixteen = 0;
            for pivots in &self.cuts[ranked.first_pivots..ranked.first_cuts] {
                sixteen += reached(pivots).count_ones() as usize;
            }
            let within = reached(&self.cuts[ranked.first_cuts + sixteen]).count_ones() as usize;
            let entries = self.entries::<G>(ranked.first_entry, sixteen * 16 + within);
            for (words, Line(entry)) in words.iter_mut().zip(entries) {
                *words = _mm512_and_si512(*words, load_16_u32(entry));
            }
        }
        for coded in &self.coded {
            let entries = self.entries::<G>(coded.first_entry, coded.rank(row[coded.feature]));
            for (words, Line(entry)) in words.iter_mut().zip(entries) {
                *words = _mm512_and_si512(*words, load_16_u32(entry));
            }
        }
        for (words, leaves) in words.iter().zip(&self.leaves) {
            // The rightmost leaf is never struck out, so the number is below 32.
            let numbers = _mm512_lzcnt_epi32(*words);
            add_avx512::<GATHERS>(lanes, leaves.as_flattened(), MAX_LEAVES, numbers);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,lzcnt,popcnt")]
    fn add_avx2<const G: usize>(&self, row: &[f32], lanes: &mut [f64; 16]) {
        let mut words = [[_mm256_set1_epi32(-1); 2]; G];
        for ranked in &self.ranked {
            let value = _mm256_set1_ps(row[ranked.feature]);
            let reached = |Line(cuts): &Line<f32>| {
                let [low, high] = halves(cuts).map(|half| {
                    _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(load_8_f32(half), value))
                });
                (low | high << 8).count_ones() as usize
            };
            let mut sixteen = 0;
            for pivots in &self.cuts[ranked.first_pivots..ranked.first_cuts] {
                sixteen += reached(pivots);
            }
            let within = reached(&self.cuts[ranked.first_cuts + sixteen]);
            let entries = self.entries::<G>(ranked.first_entry, sixteen * 16 + within);
            and_avx2(&mut words, entries);
        }
        for coded in &self.coded {
            let entries = self.entries::<G>(coded.first_entry, coded.rank(row[coded.feature]));
            and_avx2(&mut words, entries);
        }
        for (words, leaves) in words.iter().zip(&self.leaves) {
            let mut halves = [[0; 8]; 2];
            for (half, words) in halves.iter_mut().zip(words) {
                store_8_u32(half, *words);
            }
            let numbers = std::array::from_fn(|tree| halves[tree / 8][tree % 8].leading_zeros());
            add(lanes, leaves.as_flattened(), MAX_LEAVES, &numbers);
        }
    }

    #[inline(always)]
    fn entries<const G: usize>(&self, first: usize, rank: usize) -> &[Line<u32>] {
        &self.tables[first + rank * G..][..G]
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn and_avx2<const G: usize>(words: &mut [[__m256i; 2]; G], entries: &[Line<u32>]) {
    for (words, Line(entry)) in words.iter_mut().zip(entries) {
        for (words, half) in words.iter_mut().zip(halves(entry)) {
            *words = _mm256_and_si256(*words, load_8_u32(half));
        }
    }
}

#[inline(always)]
fn halves<T>(sixteen: &[T; 16]) -> [&[T; 8]; 2] {
    let (halves, _) = sixteen.as_chunks::<8>();
    [&halves[0], &halves[1]]
}
