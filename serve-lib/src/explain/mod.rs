//! What each feature adds to the margin of a row: contributions that, with a base value, sum to it.
//!
//! The plain model is all there is to know; nothing is prepared or kept for it.

mod points;
#[cfg(test)]
mod tests;
mod tree;

use crate::model::{Aggregation, Forest, Linear, Model};
use tree::Walk;

/// A margin taken apart, on its own scale: a log-odds, or the mean leaf of an averaged forest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contributions {
    /// The margin to be expected before anything of the row is known; the same for every row.
    pub(crate) base: f64,
    /// One number per feature, in the order of the row.
    pub(crate) features: Vec<f64>,
}

impl Contributions {
    /// Takes apart the margin of a row of as many values as the model has features.
    pub(crate) fn of(model: &Model, row: &[f32]) -> Self {
        match model {
            Model::Linear(linear) => Self::of_linear(linear, row),
            Model::Forest(forest) => Self::of_forest(forest, row),
        }
    }

    /// What a term adds beyond its mean over the training rows.
    fn of_linear(linear: &Linear, row: &[f32]) -> Self {
        let means = linear.terms.iter().map(|term| term.mean_contribution());
        let features = linear
            .terms
            .iter()
            .zip(row)
            .map(|(term, &value)| term.contribution(value) - term.mean_contribution());
        Self { base: linear.bias + means.sum::<f64>(), features: features.collect() }
    }

    fn of_forest(forest: &Forest, row: &[f32]) -> Self {
        let mut sums = Self { base: 0.0, features: vec![0.0; row.len()] };
        // Points for half as many different features as a path may have; few trees are deep.
        let (mut few, mut some, mut more, mut many, mut most) = (
            Walk::<4>::new(&points::OF_4),
            Walk::<6>::new(&points::OF_6),
            Walk::<12>::new(&points::OF_12),
            Walk::<20>::new(&points::OF_20),
            Walk::<32>::new(&points::OF_32),
        );
        let mut depths = Vec::new();
        for tree in &forest.trees {
            match tree::depth(tree, &mut depths).min(row.len()) {
                0..=8 => few.add(tree, row),
                9..=12 => some.add(tree, row),
                13..=24 => more.add(tree, row),
                25..=40 => many.add(tree, row),
                _ => most.add(tree, row),
            }
        }
        few.finish(&mut sums);
        some.finish(&mut sums);
        more.finish(&mut sums);
        many.finish(&mut sums);
        most.finish(&mut sums);
        match forest.aggregation {
            Aggregation::Additive { start } => sums.base += start,
            Aggregation::Averaged => {
                let n_trees = forest.trees.len() as f64;
                sums.base /= n_trees;
                sums.features.iter_mut().for_each(|sum| *sum /= n_trees);
            }
        }
        sums
    }
}
