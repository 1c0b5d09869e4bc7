//! Growing one tree on the gradients of a round.

use rayon::prelude::*;

use super::bins::FeatureBins;
use super::histogram::{Accumulator, Histogram};
use super::part::{Layout, PART_ROWS, Part};
use super::pool::Pool;
use super::split::{Bounds, Candidate, Rules};
use super::sums::Sums;
use super::tree::{BinnedNode, BinnedSplit, BinnedTree};

/// How large a tree may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) num_leaves: usize,
    pub(super) max_depth: usize,
}

/// Grows trees on the same binned rows, one after the other.
#[derive(Debug)]
pub(super) struct Grower {
    pub(super) layout: Layout,
    pub(super) rules: Rules,
    pub(super) size: Size,
    pub(super) is_categorical: Vec<bool>,
    accumulators: Pool<Accumulator>,
    histograms: Pool<Histogram>,
    moved: Pool<Vec<u16>>,
}

/// A tree that grows.
pub(super) struct Growth<'a> {
    pub(super) grower: &'a Grower,
    parts: &'a mut [Part],
    /// The features that this tree may ask for.
    pub(super) in_use: &'a [bool],
    nodes: Vec<BinnedNode>,
    pub(super) leaves: Vec<Leaf>,
}

/// A leaf of a tree that grows, by the number that its rows have in the parts.
#[derive(Debug)]
pub(super) struct Leaf {
    node: usize,
    pub(super) depth: usize,
    pub(super) sums: Sums,
    pub(super) bounds: Bounds,
    /// What it says if it is too small to say something of its own.
    inherited: f64,
    /// Kept while it may be split.
    pub(super) histogram: Option<Histogram>,
}

impl Grower {
    pub(super) fn new(bins: &[FeatureBins], layout: Layout, rules: Rules, size: Size) -> Self {
        let is_categorical = bins.iter().map(FeatureBins::is_categorical).collect();
        Self {
            layout,
            rules,
            size,
            is_categorical,
            accumulators: Pool::default(),
            histograms: Pool::default(),
            moved: Pool::default(),
        }
    }

    /// A tree of one leaf, which holds the rows of leaf 0 of the parts.
    pub(super) fn begin<'a>(&'a self, parts: &'a mut [Part], in_use: &'a [bool]) -> Growth<'a> {
        let n_rows = parts.iter().map(|part| part.leaf(0).len()).sum();
        let (sums, histogram) = self.collect(parts, n_rows, true, |_, _| 0);
        let (bounds, inherited) = (Bounds::NONE, 0.0);
        let root = Leaf { node: 0, depth: 0, sums, bounds, inherited, histogram };
        let nodes = vec![BinnedNode::Leaf(0)];
        Growth { grower: self, parts, in_use, nodes, leaves: vec![root] }
    }

    /// Prepares every part, parts side by side, and adds up the leaf of which `prepare` gives the
    /// number: its sums and, on request, its histogram. `n_rows` is how many rows that touches.
    fn collect(
        &self,
        parts: &mut [Part],
        n_rows: usize,
        with_histogram: bool,
        prepare: impl Fn(&mut Part, &mut [u16]) -> usize + Sync,
    ) -> (Sums, Option<Histogram>) {
        let layout = &self.layout;
        let work = |parts: &mut [Part]| {
            let mut accumulator = self.accumulators.take(|| Accumulator::new(layout));
            let mut moved = self.moved.take(|| vec![0; PART_ROWS]);
            accumulator.begin(layout, with_histogram);
            for part in parts {
                let leaf = prepare(part, &mut moved);
                if with_histogram {
                    accumulator.add(layout, part, part.leaf(leaf));
                } else {
                    accumulator.sums += part.sums(leaf);
                }
            }
            if with_histogram {
                accumulator.finish(layout);
            }
            self.moved.give(moved);
            accumulator
        };
        let n_tasks = n_rows.div_ceil(ROWS_PER_TASK).min(4 * rayon::current_num_threads());
        let mut all = if n_tasks <= 1 {
            work(parts)
        } else {
            let per_task = parts.len().div_ceil(n_tasks);
            let tasks = parts.par_chunks_mut(per_task).map(work);
            let add = |mut a: Accumulator, b: Accumulator| {
                a.sums += b.sums;
                if with_histogram {
                    a.histogram.add(&b.histogram);
                }
                self.accumulators.give(b);
                a
            };
            tasks.reduce_with(add).unwrap_or_else(|| Accumulator::new(layout))
        };
        let sums = all.sums;
        let histogram = with_histogram.then(|| {
            let empty = self.histograms.take(Histogram::default);
            std::mem::replace(&mut all.histogram, empty)
        });
        self.accumulators.give(all);
        (sums, histogram)
    }
}

/// Fewer rows are counted sooner than a task for them is begun and its histogram added.
const ROWS_PER_TASK: usize = 1 << 14;

impl Growth<'_> {
    /// Splits, again and again, the leaf that gains most; of equals the first.
    pub(super) fn leafwise(mut self) -> BinnedTree {
        let mut candidates = vec![self.search(0)];
        while self.leaves.len() < self.grower.size.num_leaves {
            let gain = |candidate: &Option<Candidate>| candidate.as_ref().map(|best| best.gain);
            let mut best = 0;
            for leaf in 1..candidates.len() {
                if gain(&candidates[leaf]) > gain(&candidates[best]) {
                    best = leaf;
                }
            }
            let Some(candidate) = candidates[best].take() else { break };
            let is_last = self.leaves.len() + 1 == self.grower.size.num_leaves;
            self.split(best, &candidate, candidate.left_sums.n_rows, is_last);
            candidates[best] = self.search(best);
            candidates.push(self.search(self.leaves.len() - 1));
        }
        self.finish()
    }

    /// The best split of a leaf, if it may have one.
    fn search(&self, leaf: usize) -> Option<Candidate> {
        let Leaf { sums, bounds, histogram, .. } = &self.leaves[leaf];
        self.grower.best_split(self.in_use, &histogram.as_ref()?.bins, *sums, *bounds)
    }

    /// Splits a leaf. The new leaf, the last, is what goes right.
    pub(super) fn split(&mut self, leaf: usize, by: &Candidate, n_left: i64, is_last: bool) {
        let grower = self.grower;
        let rules = &grower.rules;
        let parent = &mut self.leaves[leaf];
        let (sums, depth, bounds) = (parent.sums, parent.depth + 1, parent.bounds);
        let (node, histogram) = (parent.node, parent.histogram.take());
        let output = if rules.is_enough(sums) {
            rules.output(sums, rules.lambda_l2, bounds)
        } else {
            parent.inherited
        };
        let n_right = sums.n_rows - n_left;
        let may_split = |n_rows: i64| {
            !is_last && depth < grower.size.max_depth && n_rows >= 2 * rules.min_data_in_leaf.max(1)
        };
        let with_histogram = histogram.is_some() && may_split(n_left.max(n_right));

        // The smaller child is counted; the other is what remains.
        let right = self.leaves.len();
        let left_is_smaller = n_left <= n_right;
        let goes_left = by.left.table();
        let (smaller_sums, smaller) =
            grower.collect(self.parts, sums.n_rows as usize, with_histogram, |part, moved| {
                part.split(leaf, by.feature, &goes_left, moved);
                if left_is_smaller { leaf } else { right }
            });
        let larger_sums = sums - smaller_sums;
        let larger = match (histogram, &smaller) {
            (Some(mut histogram), Some(smaller)) => {
                histogram.subtract(smaller);
                Some(histogram)
            }
            (histogram, _) => {
                histogram.into_iter().for_each(|used| grower.histograms.give(used));
                None
            }
        };
        let smaller = match smaller {
            Some(unused) if !may_split(n_left.min(n_right)) => {
                grower.histograms.give(unused);
                None
            }
            smaller => smaller,
        };
        let (mut left_part, mut right_part) = ((smaller_sums, smaller), (larger_sums, larger));
        if !left_is_smaller {
            std::mem::swap(&mut left_part, &mut right_part);
        }

        let (left_bounds, right_bounds) =
            rules.child_bounds(by.feature, left_part.0, right_part.0, bounds);
        let (left_node, right_node) = (self.nodes.len(), self.nodes.len() + 1);
        self.nodes[node] = BinnedNode::Split(BinnedSplit {
            feature: by.feature,
            left_bins: by.left,
            left: left_node,
            right: right_node,
            gain: by.gain,
        });
        self.nodes.extend([BinnedNode::Leaf(leaf), BinnedNode::Leaf(right)]);
        let child = |node, (sums, histogram), bounds: Bounds| Leaf {
            node,
            depth,
            sums,
            bounds,
            inherited: output.clamp(bounds.low, bounds.high),
            histogram,
        };
        self.leaves[leaf] = child(left_node, left_part, left_bounds);
        self.leaves.push(child(right_node, right_part, right_bounds));
    }

    /// The tree as it stands.
    pub(super) fn finish(self) -> BinnedTree {
        let rules = &self.grower.rules;
        let output = |leaf: &Leaf| {
            if rules.is_enough(leaf.sums) {
                rules.output(leaf.sums, rules.lambda_l2, leaf.bounds)
            } else {
                leaf.inherited
            }
        };
        let outputs = self.leaves.iter().map(output).collect();
        for used in self.leaves.into_iter().filter_map(|leaf| leaf.histogram) {
            self.grower.histograms.give(used);
        }
        BinnedTree { nodes: self.nodes, outputs }
    }
}
