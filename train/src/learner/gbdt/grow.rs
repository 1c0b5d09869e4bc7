//! Growing one tree on the gradients of a round.

use std::ops::Range;

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

/// How a leaf is split in two.
struct Plan {
    leaf: usize,
    /// The number of what goes right.
    right_leaf: usize,
    /// The sums of both sides, if it is known.
    left: Sums,
    right: Sums,
    /// A leaf too small to be asked keeps no histogram.
    is_known: bool,
    with_histograms: bool,
    /// The smaller one may be split in its turn.
    keep_smaller: bool,
}

impl Plan {
    fn left_is_smaller(&self) -> bool {
        self.left.n_rows <= self.right.n_rows
    }

    /// The leaf to count: the other is what then remains.
    fn counted(&self) -> Option<usize> {
        let smaller = if self.left_is_smaller() { self.leaf } else { self.right_leaf };
        self.with_histograms.then_some(smaller)
    }
}

/// A leaf of a tree that grows, by the number that its rows have in the parts.
#[derive(Debug, Default)]
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

    /// A tree of one leaf, which holds the rows of leaf 0 of the parts once `prepare` was called for
    /// each: then is when the rows of a part are in the cache.
    pub(super) fn begin<'a>(
        &'a self,
        parts: &'a mut [Part],
        in_use: &'a [bool],
        prepare: impl Fn(&mut Part) + Sync,
    ) -> Growth<'a> {
        let n_rows = parts.iter().map(|part| part.n_rows()).sum();
        let root = self.collect(parts, n_rows, &[Some(0)], |part, _, _| prepare(part));
        let root = root.into_iter().flatten().next();
        let sums = root.as_ref().map_or_else(Sums::default, |root| root.total(&self.layout));
        let (bounds, inherited) = (Bounds::NONE, 0.0);
        let root = Leaf { node: 0, depth: 0, sums, bounds, inherited, histogram: root };
        let nodes = vec![BinnedNode::Leaf(0)];
        Growth { grower: self, parts, in_use, nodes, leaves: vec![root] }
    }

    /// The two leaves that a leaf becomes. The smaller was counted; the other is what remains.
    fn children(
        &self,
        plan: &Plan,
        parent: Leaf,
        smaller: Option<Histogram>,
        feature: usize,
    ) -> (Leaf, Leaf) {
        let rules = &self.rules;
        let larger = match (parent.histogram, &smaller) {
            (Some(mut histogram), Some(smaller)) => {
                histogram.subtract(smaller);
                Some(histogram)
            }
            (histogram, _) => {
                histogram.into_iter().for_each(|used| self.histograms.give(used));
                None
            }
        };
        let smaller = match smaller {
            Some(unused) if !plan.keep_smaller => {
                self.histograms.give(unused);
                None
            }
            smaller => smaller,
        };
        let (left, right) =
            if plan.left_is_smaller() { (smaller, larger) } else { (larger, smaller) };
        let (left, right) = ((plan.left, left), (plan.right, right));
        let output = rules.leaf_output(parent.sums, parent.bounds, parent.inherited);
        let middle = if plan.is_known {
            let of = |sums| rules.output(sums, rules.lambda_l2, parent.bounds);
            f64::midpoint(of(plan.left), of(plan.right))
        } else {
            output
        };
        let (below, above) = rules.child_bounds(feature, middle, parent.bounds);
        let child = |(sums, histogram), bounds: Bounds| Leaf {
            node: 0,
            depth: parent.depth + 1,
            sums,
            bounds,
            inherited: output.clamp(bounds.low, bounds.high),
            histogram,
        };
        (child(left, below), child(right, above))
    }

    /// The histograms of these leaves, parts side by side; none where none is asked for. `prepare`
    /// is called for every part before each of them; `n_rows` is how many rows that touches.
    fn collect(
        &self,
        parts: &mut [Part],
        n_rows: usize,
        leaves: &[Option<usize>],
        prepare: impl Fn(&mut Part, usize, &mut [u16]) + Sync,
    ) -> Vec<Option<Histogram>> {
        let layout = &self.layout;
        let work = |parts: &mut [Part]| {
            let mut accumulator = self.accumulators.take(|| Accumulator::new(layout));
            let mut moved = self.moved.take(|| vec![0; PART_ROWS]);
            let count = |(number, leaf): (usize, &Option<usize>)| {
                let Some(leaf) = *leaf else {
                    parts.iter_mut().for_each(|part| prepare(part, number, &mut moved));
                    return None;
                };
                accumulator.begin(layout, self.histograms.take(Histogram::default));
                for part in &mut *parts {
                    prepare(part, number, &mut moved);
                    accumulator.add(layout, part, part.leaf(leaf));
                }
                Some(accumulator.finish(layout))
            };
            let all: Vec<_> = leaves.iter().enumerate().map(count).collect();
            self.moved.give(moved);
            self.accumulators.give(accumulator);
            all
        };
        let n_threads = rayon::current_num_threads();
        // Every task clears and widens a histogram a leaf: more tasks than threads, which even out
        // what parts take, are for leaves of many rows.
        let n_tasks = (n_rows / (leaves.len() * ROWS_PER_HISTOGRAM))
            .clamp(n_threads, 4 * n_threads)
            .min(n_rows.div_ceil(ROWS_PER_TASK));
        if n_tasks <= 1 {
            return work(parts);
        }
        let per_task = parts.len().div_ceil(n_tasks);
        let add = |mut all: Vec<Option<Histogram>>, others: Vec<Option<Histogram>>| {
            for (histogram, other) in all.iter_mut().zip(others) {
                if let (Some(histogram), Some(other)) = (histogram, other) {
                    histogram.add(&other);
                    self.histograms.give(other);
                }
            }
            all
        };
        parts.par_chunks_mut(per_task).map(work).reduce_with(add).unwrap_or_default()
    }
}

/// Fewer rows are counted sooner than a task for them is begun and its histogram added.
const ROWS_PER_TASK: usize = 1 << 14;
/// Rows of which the counting takes ten times as long as clearing and widening a histogram.
const ROWS_PER_HISTOGRAM: usize = 1 << 16;
/// A subtraction takes some ten microseconds, a task a few.
const LEAVES_PER_TASK: usize = 4;

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
            self.split(best..best + 1, &candidate, is_last);
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

    /// Splits these leaves by one question. The new leaves, the last, are what goes right, in the
    /// order of those they come from.
    pub(super) fn split(&mut self, leaves: Range<usize>, by: &Candidate, is_last: bool) {
        let n_leaves = self.leaves.len();
        let first = leaves.start;
        let plans: Vec<Plan> = leaves
            .clone()
            .map(|leaf| self.plan(leaf, n_leaves + leaf - first, by, is_last))
            .collect();
        let counted: Vec<Option<usize>> = plans.iter().map(Plan::counted).collect();
        let n_rows: i64 = self.leaves[leaves].iter().map(|leaf| leaf.sums.n_rows).sum();
        let goes_left = by.left.table();
        let smaller =
            self.grower.collect(self.parts, n_rows as usize, &counted, |part, number, moved| {
                part.split(first + number, by.feature, &goes_left, moved);
            });

        let parents: Vec<Leaf> =
            self.leaves[first..first + plans.len()].iter_mut().map(std::mem::take).collect();
        let grower = self.grower;
        let work = plans.into_par_iter().zip(parents).zip(smaller).with_min_len(LEAVES_PER_TASK);
        let children: Vec<(Plan, usize, Leaf, Leaf)> = work
            .map(|((plan, parent), smaller)| {
                let node = parent.node;
                let (left, right) = grower.children(&plan, parent, smaller, by.feature);
                (plan, node, left, right)
            })
            .collect();
        for (plan, node, mut left, mut right) in children {
            (left.node, right.node) = (self.nodes.len(), self.nodes.len() + 1);
            self.nodes[node] = BinnedNode::Split(BinnedSplit {
                feature: by.feature,
                left_bins: by.left,
                left: left.node,
                right: right.node,
                gain: by.gain,
            });
            self.nodes.extend([BinnedNode::Leaf(plan.leaf), BinnedNode::Leaf(plan.right_leaf)]);
            self.leaves[plan.leaf] = left;
            self.leaves.push(right);
        }
    }

    fn plan(&self, leaf: usize, right_leaf: usize, by: &Candidate, is_last: bool) -> Plan {
        let Leaf { sums, depth, histogram, .. } = &self.leaves[leaf];
        let bins = self.grower.layout.bins(by.feature);
        let bins = histogram.as_ref().map_or(&[][..], |histogram| &histogram.bins[bins]);
        let left = bins.iter().enumerate().filter(|(bin, _)| by.left.contains(*bin as u8));
        let left = left.fold(Sums::default(), |sums, (_, bin)| sums + *bin);
        let right = *sums - left;
        let least = 2 * self.grower.rules.min_data_in_leaf.max(1);
        let may_split =
            |n_rows: i64| !is_last && depth + 1 < self.grower.size.max_depth && n_rows >= least;
        Plan {
            leaf,
            right_leaf,
            left,
            right,
            is_known: histogram.is_some(),
            with_histograms: histogram.is_some() && may_split(left.n_rows.max(right.n_rows)),
            keep_smaller: may_split(left.n_rows.min(right.n_rows)),
        }
    }

    /// The tree as it stands.
    pub(super) fn finish(self) -> BinnedTree {
        let rules = &self.grower.rules;
        // Histograms hold rounded gradients: what a leaf says comes from them in full.
        let n_leaves = self.leaves.len();
        let sums = self
            .parts
            .par_iter()
            .map(|part| (0..n_leaves).map(|leaf| part.sums(leaf)).collect::<Vec<Sums>>());
        let add = |mut all: Vec<Sums>, others: Vec<Sums>| {
            all.iter_mut().zip(others).for_each(|(sums, other)| *sums += other);
            all
        };
        let sums = sums.reduce(|| vec![Sums::default(); n_leaves], add);
        let output =
            |(leaf, sums): (&Leaf, Sums)| rules.leaf_output(sums, leaf.bounds, leaf.inherited);
        let outputs = self.leaves.iter().zip(sums).map(output).collect();
        for used in self.leaves.into_iter().filter_map(|leaf| leaf.histogram) {
            self.grower.histograms.give(used);
        }
        BinnedTree { nodes: self.nodes, outputs }
    }
}
