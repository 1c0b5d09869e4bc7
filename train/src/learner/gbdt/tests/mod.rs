//! What boosting should do, against sums in `f64`, a naive search and truths made by hand.

mod behaviour;
mod naive;
mod robust;
mod sums;

use shroff_serve::model::{Forest, Model, Node, RowType, Split};

use super::{Gbdt, GrowPolicy};
use crate::learner::{Fitted, Learner, NoProgress};
use crate::matrix::{Matrix, TrainingSet};

/// A small fit: few rounds, no floors.
fn small(grow_policy: GrowPolicy) -> Gbdt {
    Gbdt {
        num_iterations: 3,
        learning_rate: 0.5,
        grow_policy,
        num_leaves: 6,
        max_depth: Some(3),
        min_data_in_leaf: 1,
        min_sum_hessian_in_leaf: 0.0,
        lambda_l2: 1.0,
        min_data_per_group: 1,
        ..Default::default()
    }
}

fn fit(learner: &Gbdt, matrix: &Matrix, labels: &[bool], weights: Option<&[f64]>) -> Fitted {
    learner.fit(&TrainingSet { matrix, labels, weights }, &NoProgress).expect("sound data")
}

fn forest(fitted: &Fitted) -> &Forest {
    match &fitted.model {
        Model::Forest(forest) => forest,
        _ => panic!("expected a forest"),
    }
}

/// The root of the first tree.
fn root(fitted: &Fitted) -> &Split {
    match &forest(fitted).trees[0].nodes[0] {
        Node::Split(split) => split,
        Node::Leaf { .. } => panic!("expected a split"),
    }
}

fn numbers(n_features: usize, values: Vec<f32>) -> Matrix {
    Matrix::new(vec![RowType::Numeric; n_features], values).expect("a sound matrix")
}

fn categories(n_categories: u32, codes: Vec<f32>) -> Matrix {
    Matrix::new(vec![RowType::Categorical { n_categories }], codes).expect("a sound matrix")
}
