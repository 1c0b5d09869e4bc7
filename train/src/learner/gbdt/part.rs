//! The binned rows in parts of a size that stays in the cache. A part keeps all there is of its rows,
//! so that parts can be worked on side by side and only their sums meet.

use std::ops::Range;

use rayon::prelude::*;

use super::super::sample::FitRows;
use super::bins::{FeatureBins, MAX_BINS};
use super::objective::{Bag, Targets};
use super::sums::{Pair, Scale, Sums};
use super::tree::BinnedTree;

/// Rows of a part: a place in it fits 16 bits, and a column of it the first-level cache.
pub(super) const PART_ROWS: usize = 1 << 15;
/// Features whose histograms of packed words fit half the first-level cache together, so that the
/// rows pass through the other half; their bins fit one register.
pub(super) const GROUP_FEATURES: usize = 8;

/// Where the features stand in histograms and in the rows of parts.
#[derive(Debug)]
pub(super) struct Layout {
    /// Where the bins of each feature begin in a histogram, and where the last end.
    pub(super) first_bin: Vec<usize>,
    /// The features of each group.
    pub(super) groups: Vec<Range<usize>>,
}

/// Rows that follow each other in the fit.
#[derive(Debug)]
pub(super) struct Part {
    /// Position of its first row among all rows of the fit.
    pub(super) first_row: usize,
    /// Per group, the bins of every row, row after row.
    pub(super) groups: Vec<Vec<[u8; GROUP_FEATURES]>>,
    /// Per feature, the bins of every row.
    columns: Vec<Vec<u8>>,
    /// Empty where nothing is fitted to the rows.
    pub(super) targets: Targets,
    /// The gradients of every row in this round, and the same packed.
    pub(super) pairs: Vec<Pair>,
    pub(super) words: Vec<u64>,
    /// The rows of the tree being grown, leaf after leaf, ascending within each.
    rows: Vec<u16>,
    /// Per leaf, where its rows stand in `rows`.
    leaves: Vec<Range<usize>>,
    /// The weight of all rows in each leaf of the tree that was added last.
    pub(super) covers: Vec<f64>,
}

impl Layout {
    pub(super) fn new(bins: &[FeatureBins]) -> Self {
        let mut first_bin = vec![0];
        for feature in bins {
            first_bin.push(first_bin[first_bin.len() - 1] + feature.n_bins());
        }
        // Groups of about the same size, so that none is mostly empty.
        let n_groups = bins.len().div_ceil(GROUP_FEATURES);
        let bound = |group: usize| bins.len() * group / n_groups;
        let groups = (0..n_groups).map(|group| bound(group)..bound(group + 1)).collect();
        Self { first_bin, groups }
    }

    /// Bins of all features together.
    pub(super) fn n_bins(&self) -> usize {
        self.first_bin[self.first_bin.len() - 1]
    }

    pub(super) fn n_features(&self) -> usize {
        self.first_bin.len() - 1
    }

    /// The bins of a feature in a histogram.
    pub(super) fn bins(&self, feature: usize) -> Range<usize> {
        self.first_bin[feature]..self.first_bin[feature + 1]
    }
}

impl Part {
    /// All rows of the fit, binned, with `start` for their margin.
    pub(super) fn bin_all(
        rows: &FitRows<'_>,
        bins: &[FeatureBins],
        layout: &Layout,
        start: f64,
    ) -> Vec<Self> {
        let n_parts = rows.n_rows().div_ceil(PART_ROWS);
        let part = |part: usize| {
            let first_row = part * PART_ROWS;
            let end = rows.n_rows().min(first_row + PART_ROWS);
            let mut part =
                Self::bin(first_row, (first_row..end).map(|row| rows.row(row)), bins, layout);
            let weights = || rows.weights[first_row..end].iter().map(|weight| *weight as f32);
            part.targets = Targets {
                labels: rows.labels[first_row..end].to_vec(),
                weights: rows.weighted.then(|| weights().collect()),
                margins: vec![start; end - first_row],
            };
            part
        };
        (0..n_parts).into_par_iter().map(part).collect()
    }

    /// Bins rows of which the first stands at `first_row`, at most [`PART_ROWS`] of them.
    pub(super) fn bin<'a>(
        first_row: usize,
        rows: impl ExactSizeIterator<Item = &'a [f32]>,
        bins: &[FeatureBins],
        layout: &Layout,
    ) -> Self {
        let n_rows = rows.len();
        let mut groups = vec![vec![[0; GROUP_FEATURES]; n_rows]; layout.groups.len()];
        for (row, values) in rows.enumerate() {
            for (group, features) in groups.iter_mut().zip(&layout.groups) {
                for (bin, feature) in group[row].iter_mut().zip(features.clone()) {
                    *bin = bins[feature].bin(values[feature]);
                }
            }
        }
        let column = |feature: usize, group: usize| {
            let lane = feature - layout.groups[group].start;
            groups[group].iter().map(move |row| row[lane]).collect()
        };
        let columns = layout.groups.iter().enumerate().flat_map(|(group, features)| {
            features.clone().map(move |feature| column(feature, group))
        });
        let columns = columns.collect();
        Self {
            first_row,
            groups,
            columns,
            targets: Targets::default(),
            pairs: vec![Pair::default(); n_rows],
            words: vec![0; n_rows],
            rows: Vec::new(),
            leaves: Vec::new(),
            covers: Vec::new(),
        }
    }

    pub(super) fn n_rows(&self) -> usize {
        self.pairs.len()
    }

    /// The bin of a row.
    pub(super) fn bin_at(&self, feature: usize, row: usize) -> u8 {
        self.columns[feature][row]
    }

    /// Takes the gradients of the margins so far, for the trees of a round.
    pub(super) fn take_gradients(&mut self, scale: Scale, bag: Bag) {
        let Self { first_row, targets, pairs, words, .. } = self;
        targets.gradients(scale, bag, *first_row, pairs, words);
    }

    /// Begins a tree on those gradients: the rows of the bag are those of leaf 0.
    pub(super) fn begin(&mut self, bag: Bag) {
        let Self { first_row, targets, pairs, rows, leaves, .. } = self;
        rows.clear();
        rows.extend((0..pairs.len()).map(|row| row as u16));
        if !bag.is_all() {
            let is_in = |row: usize| bag.holds(*first_row + row, targets.labels[row]);
            rows.retain(|row| is_in(usize::from(*row)));
        }
        leaves.clear();
        leaves.push(0..rows.len());
    }

    /// Adds to the margins the tree that was grown last, on the rows of this bag.
    pub(super) fn add(&mut self, tree: &BinnedTree, bag: Bag) {
        let mut covers = std::mem::take(&mut self.covers);
        covers.clear();
        covers.resize(tree.outputs.len(), 0.0);
        let Targets { labels, weights, margins } = &mut self.targets;
        let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| f64::from(weights[row]));
        for (leaf, (output, cover)) in tree.outputs.iter().zip(&mut covers).enumerate() {
            let rows = self.rows[self.leaves[leaf].clone()].iter().map(|row| usize::from(*row));
            *cover = match weights {
                None => rows.len() as f64,
                Some(_) => rows.clone().map(weight).sum(),
            };
            rows.for_each(|row| margins[row] += output);
        }
        if !bag.is_all() {
            for row in 0..labels.len() {
                if !bag.holds(self.first_row + row, labels[row]) {
                    let leaf = tree.leaf(|feature| self.columns[feature][row]);
                    covers[leaf] += weight(row);
                    margins[row] += tree.outputs[leaf];
                }
            }
        }
        self.covers = covers;
    }

    /// The rows of a leaf, ascending.
    pub(super) fn leaf(&self, leaf: usize) -> &[u16] {
        &self.rows[self.leaves[leaf].clone()]
    }

    /// The packed words of these ascending rows, if none is missing between the first and the last.
    pub(super) fn words_in_a_row(&self, rows: &[u16]) -> Option<&[u64]> {
        let (first, last) = (usize::from(*rows.first()?), usize::from(*rows.last()?));
        (last - first + 1 == rows.len()).then(|| &self.words[first..=last])
    }

    /// The sums over the rows of a leaf, in full.
    pub(super) fn sums(&self, leaf: usize) -> Sums {
        let mut sums = Sums::default();
        self.leaf(leaf).iter().for_each(|row| sums.add_row(self.pairs[usize::from(*row)]));
        sums
    }

    /// Parts the rows of a leaf: those that go left stay, the others become those of a new leaf, the
    /// last. `moved` is room for [`PART_ROWS`].
    pub(super) fn split(
        &mut self,
        leaf: usize,
        feature: usize,
        goes_left: &[bool; MAX_BINS],
        moved: &mut [u16],
    ) {
        let range = self.leaves[leaf].clone();
        let column = &self.columns[feature];
        let rows = &mut self.rows[range.clone()];
        let moved = &mut moved[..rows.len()];
        let (mut n_left, mut n_right) = (0, 0);
        for at in 0..moved.len() {
            // Both are written and one counts, since a branch would be mispredicted.
            let row = rows[at];
            let left = goes_left[usize::from(column[usize::from(row)])];
            rows[n_left] = row;
            moved[n_right] = row;
            n_left += usize::from(left);
            n_right += usize::from(!left);
        }
        rows[n_left..].copy_from_slice(&moved[..n_right]);
        self.leaves[leaf] = range.start..range.start + n_left;
        self.leaves.push(range.start + n_left..range.end);
    }
}
