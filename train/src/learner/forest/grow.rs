//! One tree: level by level, each node a stretch of rows that a split parts in place.

use std::collections::VecDeque;
use std::ops::Range;

use rand_pcg::Pcg64;
use shroff_serve::model::{Node, Split, Tree};

use super::bootstrap::below;
use super::columns::Column;
use super::split::{Counts, Cut, Draw, Histogram};
use crate::learner::gbdt::bins::MISSING;
use crate::learner::sample::FitRows;

/// When a node is split, and by what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) max_depth: usize,
    pub(super) min_samples_leaf: u64,
    pub(super) min_samples_split: u64,
    /// Features tried at each split.
    pub(super) max_features: usize,
    /// Nodes of a tree. They grow level by level, so that too few of them cut off the lowest.
    pub(super) max_nodes: usize,
}

/// What all trees are grown from.
pub(super) struct Grower<'a> {
    columns: &'a [Column],
    labels: &'a [bool],
    /// None: 1 each.
    weights: Option<&'a [f64]>,
    rules: Rules,
}

/// A tree on its way.
struct Growth<'a> {
    grower: &'a Grower<'a>,
    /// The rows of the bootstrap sample.
    drawn: Stretches,
    /// The other rows: they only count in the cover of each node.
    left_out: Stretches,
    histogram: Histogram,
    /// All features; each node shuffles as many to the front as it tries.
    features: Vec<usize>,
    random: Pcg64,
    nodes: Vec<Node>,
    open: VecDeque<OpenNode>,
}

/// A node that may be split yet.
struct OpenNode {
    index: usize,
    depth: usize,
    drawn: Range<usize>,
    left_out: Range<usize>,
    counts: Counts,
}

/// Rows, those of each node side by side and in their original order.
struct Stretches {
    draws: Vec<Draw>,
    /// Where the right side of a split waits for the left one to be complete.
    right: Vec<Draw>,
}

impl<'a> Grower<'a> {
    pub(super) fn new(columns: &'a [Column], rows: &'a FitRows<'_>, rules: Rules) -> Self {
        let weights = rows.weighted.then_some(rows.weights.as_slice());
        Self { columns, labels: &rows.labels, weights, rules }
    }

    /// A tree on rows that were drawn so often each. Nothing but these and `random` decides.
    pub(super) fn grow(&self, times: &[u32], random: Pcg64) -> Tree {
        let draws = || times.iter().zip(self.labels).enumerate();
        let draws = |drawn: bool| {
            let of_kind = draws().filter(move |(_, (times, _))| (**times > 0) == drawn);
            Stretches::new(of_kind.map(|(row, (times, fraud))| Draw::new(row, *times, *fraud)))
        };
        let mut growth = Growth {
            grower: self,
            drawn: draws(true),
            left_out: draws(false),
            histogram: Histogram::new(),
            features: (0..self.columns.len()).collect(),
            random,
            nodes: Vec::new(),
            open: VecDeque::new(),
        };
        let mut counts = Counts::default();
        growth.drawn.draws.iter().for_each(|draw| counts += draw.counts());
        let (drawn, left_out) = (0..growth.drawn.draws.len(), 0..growth.left_out.draws.len());
        growth.add(OpenNode { index: 0, depth: 0, drawn, left_out, counts });
        while let Some(node) = growth.open.pop_front() {
            if growth.nodes.len() + 2 <= self.rules.max_nodes
                && let Some((feature, cut)) = growth.best_cut(&node)
            {
                growth.split(&node, feature, cut);
            }
        }
        Tree { nodes: growth.nodes }
    }

    fn is_open(&self, node: &OpenNode) -> bool {
        let (n_rows, rules) = (node.counts.n_rows(), &self.rules);
        !node.counts.is_pure()
            && node.depth < rules.max_depth
            && n_rows >= rules.min_samples_split
            && n_rows / 2 >= rules.min_samples_leaf
    }

    fn weight(&self, draws: &[Draw]) -> f64 {
        match self.weights {
            None => draws.len() as f64,
            Some(weights) => draws.iter().map(|draw| weights[draw.row as usize]).sum(),
        }
    }
}

impl Growth<'_> {
    /// Adds a leaf, which is split later if it may be.
    fn add(&mut self, node: OpenNode) {
        let weight = |rows: &Stretches, of_node: &Range<usize>| {
            self.grower.weight(&rows.draws[of_node.clone()])
        };
        let cover = weight(&self.drawn, &node.drawn) + weight(&self.left_out, &node.left_out);
        self.nodes.push(Node::Leaf { value: node.counts.fraud_share(), cover });
        if self.grower.is_open(&node) {
            self.open.push_back(node);
        }
    }

    /// The best cut by some features chosen at random and, as long as there is none, by further
    /// ones.
    fn best_cut(&mut self, node: &OpenNode) -> Option<(usize, Cut)> {
        let Rules { max_features, min_samples_leaf, .. } = self.grower.rules;
        let draws = &self.drawn.draws[node.drawn.clone()];
        let mut best: Option<(usize, Cut)> = None;
        for tried in 0..self.features.len() {
            if tried >= max_features && best.is_some() {
                break;
            }
            let chosen = tried + below(&mut self.random, self.features.len() - tried);
            self.features.swap(tried, chosen);
            let feature = self.features[tried];
            let Column { ranks, last_cut, .. } = &self.grower.columns[feature];
            let cut =
                self.histogram.best_cut(draws, ranks, *last_cut, node.counts, min_samples_leaf);
            if let Some(cut) = cut
                && best.is_none_or(|(_, best)| cut.score > best.score)
            {
                best = Some((feature, cut));
            }
        }
        best
    }

    fn split(&mut self, node: &OpenNode, feature: usize, cut: Cut) {
        let column = &self.grower.columns[feature];
        let goes_left = |row: u32| {
            let rank = column.ranks[row as usize];
            if rank == MISSING { cut.missing_left } else { rank <= cut.last_left }
        };
        let drawn = self.drawn.part(node.drawn.clone(), goes_left);
        let left_out = self.left_out.part(node.left_out.clone(), goes_left);
        let (left, depth) = (self.nodes.len(), node.depth + 1);
        let Node::Leaf { cover, .. } = self.nodes[node.index] else {
            unreachable!("a node is split once")
        };
        self.nodes[node.index] = Node::Split(Split {
            feature_index: feature as u32,
            test: column.test(cut.last_left),
            default_left: cut.missing_left,
            left: left as u32,
            right: left as u32 + 1,
            cover,
            gain: cut.score / node.counts.n_rows() as f64,
        });
        let [left_drawn, right_drawn] = drawn;
        let [left_left_out, right_left_out] = left_out;
        self.add(OpenNode {
            index: left,
            depth,
            drawn: left_drawn,
            left_out: left_left_out,
            counts: cut.left,
        });
        self.add(OpenNode {
            index: left + 1,
            depth,
            drawn: right_drawn,
            left_out: right_left_out,
            counts: node.counts - cut.left,
        });
    }
}

impl Stretches {
    fn new(draws: impl Iterator<Item = Draw>) -> Self {
        let draws: Vec<Draw> = draws.collect();
        Self { right: vec![Draw::default(); draws.len()], draws }
    }

    /// Parts a node's stretch; the two sides.
    fn part(
        &mut self,
        of_node: Range<usize>,
        goes_left: impl Fn(u32) -> bool,
    ) -> [Range<usize>; 2] {
        let draws = &mut self.draws[of_node.clone()];
        let right = &mut self.right[..draws.len()];
        let (mut n_left, mut n_right) = (0, 0);
        for i in 0..draws.len() {
            let draw = draws[i];
            // Written to both sides, kept on one: no branch that could be guessed wrong.
            draws[n_left] = draw;
            right[n_right] = draw;
            let left = goes_left(draw.row);
            n_left += usize::from(left);
            n_right += usize::from(!left);
        }
        draws[n_left..].copy_from_slice(&right[..n_right]);
        let middle = of_node.start + n_left;
        [of_node.start..middle, middle..of_node.end]
    }
}
