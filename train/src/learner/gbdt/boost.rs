//! Boosting: round after round a tree on the gradients of what the trees before it left over.

use rayon::prelude::*;
use shroff_serve::model::Tree;

use super::super::Progress;
use super::super::sample::{Choice, FitRows, mix};
use super::bins::FeatureBins;
use super::grow::{Grower, Size};
use super::objective::Bag;
use super::part::{Layout, Part};
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
        let parts = Part::bin_all(rows, bins, &layout, start);
        let grower = Grower::new(bins, layout, rules, size);
        Self { config, bins, grower, parts }
    }

    /// Runs all rounds, or until `stopping` ends them; the trees up to the best round.
    pub(super) fn run(
        mut self,
        mut stopping: Option<&mut Stopping<'_>>,
        progress: &dyn Progress,
    ) -> Vec<Tree> {
        let n_parallel = self.config.num_parallel_tree;
        let mut trees = Vec::new();
        // The margins take in a tree when the next one begins, while a part is at hand for both.
        let mut last: Option<(BinnedTree, Bag)> = None;
        for round in 0..self.config.num_iterations {
            for parallel in 0..n_parallel {
                let bag = Bag {
                    seed: mix(self.config.seed, (round * n_parallel + parallel) as u64),
                    fractions: self.config.bag_fractions(),
                };
                let tree = self.tree(last.as_ref(), bag, parallel == 0);
                if let Some((last, _)) = &last {
                    trees.push(last.to_tree(self.bins, &self.covers(last)));
                }
                if let Some(stopping) = &mut stopping {
                    stopping.add(&tree);
                }
                last = Some((tree, bag));
            }
            progress.advance(1);
            if let Some(stopping) = &mut stopping {
                let is_over = stopping.is_over();
                stopping.tell(progress);
                if is_over {
                    break;
                }
            }
        }
        if let Some((last, bag)) = last {
            self.parts.par_iter_mut().for_each(|part| part.add(&last, bag));
            trees.push(last.to_tree(self.bins, &self.covers(&last)));
        }
        if let Some(stopping) = stopping {
            trees.truncate(stopping.best_round() * n_parallel);
        }
        trees
    }

    /// Adds the last tree to the margins and grows another, on new gradients if it is the first of its
    /// round.
    fn tree(
        &mut self,
        last: Option<&(BinnedTree, Bag)>,
        bag: Bag,
        is_first_of_round: bool,
    ) -> BinnedTree {
        let scale = self.grower.rules.scale;
        let in_use = self.features_in_use(bag.seed);
        let growth = self.grower.begin(&mut self.parts, &in_use, |part| {
            if let Some((tree, of_bag)) = last {
                part.add(tree, *of_bag);
            }
            if is_first_of_round {
                part.take_gradients(scale, bag);
            }
            part.begin(bag);
        });
        let mut tree = match self.config.grow_policy {
            GrowPolicy::Leafwise => growth.leafwise(),
            GrowPolicy::Symmetric => growth.symmetric(),
        };
        let rate = self.config.learning_rate / self.config.num_parallel_tree as f64;
        tree.outputs.iter_mut().for_each(|output| *output *= rate);
        tree
    }

    /// The weight of all rows in each leaf of the tree that was added last.
    fn covers(&self, tree: &BinnedTree) -> Vec<f64> {
        let mut covers = vec![0.0; tree.outputs.len()];
        for part in &self.parts {
            covers.iter_mut().zip(&part.covers).for_each(|(sum, cover)| *sum += cover);
        }
        covers
    }

    fn features_in_use(&self, seed: u64) -> Vec<bool> {
        let n_features = self.grower.layout.n_features();
        let wanted = (n_features as f64 * self.config.feature_fraction).round().max(1.0);
        let mut choice = Choice::new(wanted as usize, n_features, seed);
        (0..n_features).map(|_| choice.take()).collect()
    }
}
