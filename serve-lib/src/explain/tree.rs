//! The Shapley values of one tree in one pass over its nodes.
//!
//! A feature's contribution is its Shapley value in the game whose players are the features: a
//! coalition's worth is what the tree says when only its features are known, and at every other
//! split both sides count by their share of the training rows (the *cover*). For a leaf of value
//! `v` below the features of a path, each with the share `z` of the rows that its splits let pass
//! and with `o`, 1 if they let the row pass and else 0, the value of feature `i` is
//!
//! ```text
//! v · (o_i − z_i) · ∫ over t from 0 to 1 of  Π over j ≠ i of (t · o_j + (1 − t) · z_j)
//! ```
//!
//! The integrand is a polynomial in `t`, so that its values at a few points give the integral
//! exactly. They are carried down the tree as products and summed up again from the leaves, each
//! edge taking its own factor out: the work is nodes times points. A product holds no difference,
//! which keeps deep trees as accurate as flat ones.
//!
//! # Source
//! The values: Lundberg, Erion, Chen et al. (2020), *From local explanations to global understanding
//! with explainable AI for trees*, algorithm 2 (TreeSHAP, path-dependent). The integral: Owen (1972),
//! *Multilinear extensions of games*. One pass for all features: Yu, Xu, Bifet, Read (2022), *Linear
//! TreeShap*.

use super::Contributions;
use super::points::Points;
use crate::model::{Node, Split, Tree};

/// Takes trees apart whose paths have at most `2 N` splits. Its room is for one path and all
/// features, and serves every tree.
#[derive(Debug)]
pub(super) struct Walk<'a, const N: usize> {
    points: Points<N>,
    /// The splits above the node at hand, from the root down.
    open: Vec<Open<'a, N>>,
    features: Vec<Feature<N>>,
    base: f64,
}

/// A feature on the way to the node at hand.
#[derive(Debug, Clone, Copy)]
struct Feature<const N: usize> {
    /// What its splits make of the path.
    factor: Factor,
    /// What it adds to all trees so far, at each point.
    found: [f64; N],
}

/// A split whose children are under way.
#[derive(Debug)]
struct Open<'a, const N: usize> {
    split: &'a Split,
    feature: usize,
    row_goes_left: bool,
    /// Share of the training rows that its left child takes, and its right one.
    shares: [f64; 2],
    next: Next,
    /// What the splits above on this feature make of the path.
    above: Factor,
    /// What they and this one make of it, down to the child under way.
    factor: Factor,
    factors: [f64; N],
    /// Share of the rows that come by, all features together.
    cover: f64,
    /// The product of the factors of all features but this one, times the weight, at each point.
    others: [f64; N],
    /// The sum over the leaves below of their value times all factors.
    below: [f64; N],
}

#[derive(Debug, Clone, Copy)]
enum Next {
    Left,
    Right,
    Nothing,
}

/// `at · t + rest · (1 − t)`: what the splits on one feature make of a path. `at` is 1 while they let
/// the row pass, then 0; `rest` is the share of the training rows that they let pass.
#[derive(Debug, Clone, Copy)]
struct Factor {
    at: f64,
    rest: f64,
}

impl<'a, const N: usize> Walk<'a, N> {
    pub(super) fn new(table: &[(f64, f64)]) -> Self {
        Self { points: Points::new(table), open: Vec::new(), features: Vec::new(), base: 0.0 }
    }

    /// Takes a tree apart.
    pub(super) fn add(&mut self, tree: &'a Tree, row: &[f32]) {
        self.features.resize(row.len(), Feature { factor: Factor::ONE, found: [0.0; N] });
        match tree.nodes.first() {
            Some(Node::Split(split)) => self.enter(tree, split, row, 1.0, self.points.weights),
            Some(Node::Leaf { value, .. }) => self.base += value,
            None => {}
        }
        while let Some(open) = self.open.last_mut() {
            let Some(feature) = self.features.get_mut(open.feature) else { return };
            let Some((child, share, takes_row)) = open.next_child() else {
                self.leave();
                continue;
            };
            let Factor { at, rest } = open.above;
            open.factor = Factor { at: if takes_row { at } else { 0.0 }, rest: rest * share };
            open.factors = open.factor.over(&self.points);
            feature.factor = open.factor;
            match tree.nodes.get(child as usize) {
                Some(Node::Leaf { value, .. }) => {
                    self.base += value * open.cover * share;
                    open.add_leaf(*value, feature);
                }
                // Where nothing would be carried down, nothing comes back.
                Some(Node::Split(split)) if open.factor.at + open.factor.rest > 0.0 => {
                    let cover = open.cover * share;
                    let product =
                        each(open.others, &open.factors, |others, factor| others * factor);
                    self.enter(tree, split, row, cover, product);
                }
                _ => {}
            }
        }
    }

    /// Opens a split that the product of all factors above has come to.
    fn enter(&mut self, tree: &Tree, split: &'a Split, row: &[f32], cover: f64, product: [f64; N]) {
        let feature = split.feature_index as usize;
        let above = self.features.get(feature).map_or(Factor::ONE, |feature| feature.factor);
        let others = if above.is_one() {
            product
        } else {
            each(product, &above.over(&self.points), |all, factor| all / divisor(factor))
        };
        let value = row.get(feature).copied().unwrap_or(f32::NAN);
        self.open.push(Open {
            split,
            feature,
            row_goes_left: split.child(value) == split.left,
            shares: shares(tree, split),
            next: Next::Left,
            above,
            factor: above,
            factors: [0.0; N],
            cover,
            others,
            below: [0.0; N],
        });
    }

    /// Ends the split at the end of the path: its leaves are leaves of the one above as well.
    fn leave(&mut self) {
        let Some(Open { feature, above, below, .. }) = self.open.pop() else { return };
        if let Some(feature) = self.features.get_mut(feature) {
            feature.factor = above;
            if !above.is_one() {
                // The splits above on this feature shall not count for these leaves: those below did.
                feature.add(-above.gain(), &below, &above.over(&self.points));
            }
        }
        let Some(parent) = self.open.last_mut() else { return };
        parent.below = each(parent.below, &below, |sum, below| sum + below);
        if let Some(feature) = self.features.get_mut(parent.feature) {
            feature.add(parent.factor.gain(), &below, &parent.factors);
        }
    }

    /// Adds what was found to the contributions.
    pub(super) fn finish(self, sums: &mut Contributions) {
        sums.base += self.base;
        for (sum, feature) in sums.features.iter_mut().zip(&self.features) {
            *sum += feature.found.iter().sum::<f64>();
        }
    }
}

impl<const N: usize> Open<'_, N> {
    /// The next child, its share of the rows, and whether the row goes there.
    fn next_child(&mut self) -> Option<(u32, f64, bool)> {
        let [left, right] = self.shares;
        let (next, child) = match self.next {
            Next::Left => (Next::Right, (self.split.left, left, self.row_goes_left)),
            Next::Right => (Next::Nothing, (self.split.right, right, !self.row_goes_left)),
            Next::Nothing => return None,
        };
        self.next = next;
        Some(child)
    }

    fn add_leaf(&mut self, value: f64, feature: &mut Feature<N>) {
        let values = each(self.others, &self.factors, |others, factor| value * others * factor);
        self.below = each(self.below, &values, |sum, value| sum + value);
        let gain = value * self.factor.gain();
        feature.found = each(feature.found, &self.others, |found, others| found + gain * others);
    }
}

impl<const N: usize> Feature<N> {
    /// Adds what it adds to leaves, given as their value times all factors.
    fn add(&mut self, gain: f64, products: &[f64; N], factors: &[f64; N]) {
        let others = each(*products, factors, |product, factor| product / divisor(factor));
        self.found = each(self.found, &others, |found, others| found + gain * others);
    }
}

impl Factor {
    /// Of a feature that nothing was asked of, or nothing that turned rows away.
    const ONE: Self = Self { at: 1.0, rest: 1.0 };

    fn is_one(self) -> bool {
        self.at.min(self.rest) >= 1.0
    }

    /// What its feature adds to a leaf, over the value times all other factors.
    fn gain(self) -> f64 {
        self.at - self.rest
    }

    /// Its value at each point.
    fn over<const N: usize>(self, points: &Points<N>) -> [f64; N] {
        each(points.at, &points.rest, |t, rest| self.at * t + self.rest * rest)
    }
}

/// By value, so that the compiler sees that nothing overlaps, and makes vectors of it.
#[inline(always)]
fn each<const N: usize>(mut a: [f64; N], b: &[f64; N], f: impl Fn(f64, f64) -> f64) -> [f64; N] {
    a.iter_mut().zip(b).for_each(|(a, b)| *a = f(*a, *b));
    a
}

/// Where a factor is 0, so are the products that hold it, and shall stay it.
fn divisor(factor: f64) -> f64 {
    factor.max(f64::MIN_POSITIVE)
}

/// How the training rows went left and right. Where none came by, half and half.
fn shares(tree: &Tree, split: &Split) -> [f64; 2] {
    let cover = |child: u32| match tree.nodes.get(child as usize) {
        Some(Node::Leaf { cover, .. } | Node::Split(Split { cover, .. })) => *cover,
        None => 0.0,
    };
    let (left, right) = (cover(split.left), cover(split.right));
    // Of their sum rather than of the parent's cover: it need not be the same to the last bit, and
    // in a file it may be anything.
    let sum = left + right;
    if sum > 0.0 { [left / sum, right / sum] } else { [0.5, 0.5] }
}

/// The most splits above any leaf, at most 64. `depths` is room that is used again.
pub(super) fn depth(tree: &Tree, depths: &mut Vec<u8>) -> usize {
    depths.clear();
    depths.resize(tree.nodes.len(), 0);
    let mut deepest = 0;
    for (position, node) in tree.nodes.iter().enumerate() {
        let Node::Split(split) = node else { continue };
        let below = depths.get(position).map_or(1, |depth| depth.saturating_add(1));
        deepest = deepest.max(below);
        for child in [split.left, split.right] {
            if let Some(depth) = depths.get_mut(child as usize) {
                *depth = below;
            }
        }
    }
    usize::from(deepest)
}
