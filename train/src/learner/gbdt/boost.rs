//! Boosting: round after round a tree on the gradients of what the trees before it left over.

use rayon::prelude::*;
use shroff_serve::model::Tree;

use super::super::Progress;
use super::super::sample::{Choice, FitRows, mix};
use super::bins::FeatureBins;
use super::grow::{Grower, Size};
use super::objective::{Bag, Targets};
use super::part::{Layout, PART_ROWS, Part};
use super::split::Rules;
use super::stop::Stopping;
use super::tree::BinnedTree;
use super::{Gbdt, GrowPolicy};

/// A fit on its way.
pub(super) struct Boosting<'a> {
    config: &'a Gbdt,
    bins: &'a [FeatureBins],
    grower: Grower,
    parts: Vec<Part>,
    targets: Vec<Targets>,
}

impl<'a> Boosting<'a> {
    /// `start` is the margin before the first tree.
    pub(super) fn new(
        config: &'a Gbdt,
        bins: &'a [FeatureBins],
        rows: &FitRows<'_>,
        rules: Rules,
        start: f64,
    ) -> Self {
        let size = Size { num_leaves: config.num_leaves, max_depth: config.depth() };
        let layout = Layout::new(bins);
        let parts = Part::bin_all(rows, bins, &layout);
        let grower = Grower::new(bins, layout, rules, size);
        let targets = rows.labels.chunks(PART_ROWS).zip(rows.weights.chunks(PART_ROWS));
        let targets = targets.map(|(labels, weights)| Targets {
            labels: labels.to_vec(),
            weights: rows.weighted.then(|| weights.iter().map(|weight| *weight as f32).collect()),
            margins: vec![start; labels.len()],
        });
        let targets = targets.collect();
        Self { config, bins, grower, parts, targets }
    }

    /// Runs all rounds, or until `stopping` ends them; the trees up to the best round.
    pub(super) fn run(
        mut self,
        mut stopping: Option<&mut Stopping<'_>>,
        progress: &dyn Progress,
    ) -> Vec<Tree> {
        let mut trees = Vec::new();
        for round in 0..self.config.num_iterations {
            let bag = Bag {
                seed: mix(self.config.seed, round as u64),
                fractions: self.config.bag_fractions(),
            };
            let tree = self.tree(bag);
            let covers = self.add(&tree, bag);
            trees.push(tree.to_tree(self.bins, &covers));
            progress.advance(1);
            if let Some(stopping) = &mut stopping {
                let is_over = stopping.is_over(&tree);
                stopping.tell(progress);
                if is_over {
                    break;
                }
            }
        }
        if let Some(stopping) = stopping {
            trees.truncate(stopping.best_round());
        }
        trees
    }

    fn tree(&mut self, bag: Bag) -> BinnedTree {
        let scale = self.grower.rules.scale;
        self.parts.par_iter_mut().zip(&self.targets).for_each(|(part, targets)| {
            let first_row = part.first_row;
            targets.gradients(scale, bag, first_row, &mut part.pairs, &mut part.words);
            if bag.is_all() {
                part.begin();
            } else {
                part.begin_with(|row| bag.holds(first_row + row, targets.labels[row]));
            }
        });
        let in_use = self.features_in_use(bag.seed);
        let growth = self.grower.begin(&mut self.parts, &in_use);
        let mut tree = match self.config.grow_policy {
            GrowPolicy::Leafwise => growth.leafwise(),
            GrowPolicy::Symmetric => growth.symmetric(),
        };
        tree.outputs.iter_mut().for_each(|output| *output *= self.config.learning_rate);
        tree
    }

    fn features_in_use(&self, seed: u64) -> Vec<bool> {
        let n_features = self.grower.layout.n_features();
        let wanted = (n_features as f64 * self.config.feature_fraction).round().max(1.0);
        let mut choice = Choice::new(wanted as usize, n_features, seed);
        (0..n_features).map(|_| choice.take()).collect()
    }

    /// Adds the tree to the margins; gives the weight of all rows in each leaf.
    fn add(&mut self, tree: &BinnedTree, bag: Bag) -> Vec<f64> {
        let of_parts = self.parts.par_iter().zip(&mut self.targets).map(|(part, targets)| {
            let mut covers = vec![0.0; tree.outputs.len()];
            for (leaf, output) in tree.outputs.iter().enumerate() {
                let rows = part.leaf(leaf).iter().map(|row| usize::from(*row));
                covers[leaf] = targets.weight(rows.clone());
                rows.for_each(|row| targets.margins[row] += output);
            }
            if !bag.is_all() {
                for row in 0..part.n_rows() {
                    if !bag.holds(part.first_row + row, targets.labels[row]) {
                        let leaf = tree.leaf(|feature| part.bin_at(feature, row));
                        covers[leaf] += targets.weight(std::iter::once(row));
                        targets.margins[row] += tree.outputs[leaf];
                    }
                }
            }
            covers
        });
        let of_parts: Vec<Vec<f64>> = of_parts.collect();
        let mut covers = vec![0.0; tree.outputs.len()];
        for part in of_parts {
            covers.iter_mut().zip(part).for_each(|(sum, cover)| *sum += cover);
        }
        covers
    }
}
