//! Makes the tables of [`Masks`] of a forest.

use super::super::order::{Order, Strike};
use super::{Block, Coded, Line, MAX_GROUPS, MAX_LEAVES, Masks, Ranked};
use crate::model::{Forest, SplitTest, Tree};
use crate::schema::RowType;

/// Beyond this the tables lie too far from the core, and loading them takes too long.
const MAX_TABLE_BYTES: usize = 16 << 20;

/// A table has an entry for each category, most of them never met when there are more than this.
const MAX_CATEGORIES: usize = 1_024;

/// A split, seen from the feature it asks about.
struct Question<'f> {
    test: &'f SplitTest,
    /// The least value that a split of a number sends right.
    cut: f32,
    default_left: bool,
    /// Place of the tree within its block.
    place: usize,
    /// The leaves that remain when the answer is "right".
    kept: u32,
}

impl Masks {
    /// The tables, unless a tree has more than 32 leaves, a feature too many categories, or they
    /// would grow too large.
    pub(in super::super) fn new(forest: &Forest, row: &[RowType]) -> Option<Self> {
        let most = forest.trees.iter().map(|tree| tree.nodes.len().div_ceil(2)).max();
        if most > Some(MAX_LEAVES) {
            return None;
        }
        // Blocks of about one size, each a multiple of the sixteen lanes.
        let n_groups = forest.trees.len().div_ceil(16);
        let per_block = n_groups.div_ceil(n_groups.div_ceil(MAX_GROUPS));
        let mut bytes_left = MAX_TABLE_BYTES;
        let blocks = forest.trees.chunks(per_block * 16);
        let blocks =
            blocks.map(|trees| Block::new(trees, row, &mut bytes_left)).collect::<Option<_>>()?;
        let (aggregation, n_trees) = (forest.aggregation, forest.trees.len());
        Some(Self { aggregation, n_trees, blocks })
    }
}

impl Block {
    fn new(trees: &[Tree], row: &[RowType], bytes_left: &mut usize) -> Option<Self> {
        let n_groups = trees.len().div_ceil(16);
        let mut block = Self {
            n_groups,
            ranked: Vec::new(),
            coded: Vec::new(),
            cuts: Vec::new(),
            tables: Vec::new(),
            leaves: vec![[[0.0; MAX_LEAVES]; 16]; n_groups],
        };
        let mut by_feature: Vec<Vec<Question<'_>>> = row.iter().map(|_| Vec::new()).collect();
        let mut order = Order::default();
        for (place, tree) in trees.iter().enumerate() {
            order.read(tree);
            number_leaves(
                &order,
                place,
                &mut block.leaves[place / 16][place % 16],
                &mut by_feature,
            );
        }
        let asked = by_feature.iter().zip(row).filter(|(questions, _)| !questions.is_empty());
        let n_ranks = asked.map(|(questions, kind)| match kind.n_categories() {
            Some(n_categories) if n_categories as usize > MAX_CATEGORIES => None,
            Some(n_categories) => Some(n_categories as usize + 1),
            None => Some(questions.len() + 2),
        });
        // At most: equal cuts share a rank.
        let n_entries = n_ranks.sum::<Option<usize>>()? * n_groups;
        *bytes_left = bytes_left.checked_sub(n_entries * size_of::<Line<u32>>())?;
        block.tables.reserve_exact(n_entries);
        for (feature, questions) in by_feature.iter().enumerate() {
            if questions.is_empty() {
                continue;
            }
            match row[feature].n_categories() {
                Some(n_categories) => block.push_coded(feature, n_categories as usize, questions),
                None => block.push_ranked(feature, questions),
            }
        }
        Some(block)
    }

    fn push_ranked(&mut self, feature: usize, questions: &[Question<'_>]) {
        let first_entry = self.tables.len();
        self.push_missing(questions);
        let mut ascending: Vec<u64> = (0..).zip(questions).map(|(at, q)| q.rank_key(at)).collect();
        ascending.sort_unstable();
        let mut words = vec![Line([u32::MAX; 16]); self.n_groups];
        self.tables.extend_from_slice(&words);
        let mut cuts = vec![f32::NEG_INFINITY];
        for alike in ascending.chunk_by(|a, b| a >> 32 == b >> 32) {
            let alike = alike.iter().map(|key| &questions[*key as u32 as usize]);
            let mut cut = f32::NAN;
            for question in alike {
                cut = question.cut;
                question.strike(&mut words);
            }
            cuts.push(cut);
            self.tables.extend_from_slice(&words);
        }
        let first_pivots = self.cuts.len();
        let n_pivots = cuts.len().div_ceil(16) - 1;
        let pivots: Vec<f32> = cuts.chunks_exact(16).take(n_pivots).map(|c| c[15]).collect();
        self.push_cuts(&pivots);
        let first_cuts = self.cuts.len();
        self.push_cuts(&cuts);
        self.ranked.push(Ranked { feature, first_pivots, first_cuts, first_entry });
    }

    fn push_coded(&mut self, feature: usize, n_categories: usize, questions: &[Question<'_>]) {
        let first_entry = self.tables.len();
        self.push_missing(questions);
        for code in 0..n_categories {
            let goes_right = |question: &&Question<'_>| match question.test {
                SplitTest::OneOf(set) => !set.contains(code),
                SplitTest::AtMost(_) => false,
            };
            self.push_words(questions.iter().filter(goes_right));
        }
        self.coded.push(Coded { feature, n_categories, first_entry });
    }

    fn push_missing(&mut self, questions: &[Question<'_>]) {
        self.push_words(questions.iter().filter(|question| !question.default_left));
    }

    fn push_words<'q>(&mut self, going_right: impl Iterator<Item = &'q Question<'q>>) {
        let mut words = vec![Line([u32::MAX; 16]); self.n_groups];
        going_right.for_each(|question| question.strike(&mut words));
        self.tables.extend(words);
    }

    fn push_cuts(&mut self, values: &[f32]) {
        for values in values.chunks(16) {
            let mut cuts = [f32::NAN; 16];
            cuts[..values.len()].copy_from_slice(values);
            self.cuts.push(Line(cuts));
        }
    }
}

impl Question<'_> {
    /// In the order of the cuts, below them the place among the questions: such numbers are sorted in a
    /// fraction of the time that questions take. What is next above 0 is next above −0 too, so that equal cuts
    /// have equal bits.
    fn rank_key(&self, place: u32) -> u64 {
        let bits = self.cut.to_bits();
        let ordered = if self.cut.is_sign_negative() { !bits } else { bits | 1 << 31 };
        u64::from(ordered) << 32 | u64::from(place)
    }

    fn strike(&self, words: &mut [Line<u32>]) {
        words[self.place / 16].0[self.place % 16] &= self.kept;
    }
}

/// Writes down the leaves from left to right, and each split with the leaves on its left.
fn number_leaves<'f>(
    order: &Order<'f>,
    place: usize,
    leaves: &mut [f64; MAX_LEAVES],
    by_feature: &mut [Vec<Question<'f>>],
) {
    leaves[..order.values.len()].copy_from_slice(&order.values);
    for Strike { split, leaves } in &order.strikes {
        // There is a leaf on the right, so `end` is at most 31.
        let kept = !((u32::MAX >> leaves.start) & !(u32::MAX >> leaves.end));
        let (test, default_left) = (&split.test, split.default_left);
        let cut = match test {
            SplitTest::AtMost(value) => value.next_up(),
            SplitTest::OneOf(_) => f32::NAN,
        };
        let question = Question { test, cut, default_left, place, kept };
        by_feature[split.feature_index as usize].push(question);
    }
}
