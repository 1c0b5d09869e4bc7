//! How a model is evaluated: derived from the plain model at load, never stored. Every engine gives
//! the bits of the model's own `margin`, which is the definition.

mod walk;

use crate::model::{Linear, Model};
use walk::Walker;

/// A model made ready to run.
#[derive(Debug)]
pub(crate) enum Engine {
    Linear(Linear),
    Forest(Walker),
}

impl Engine {
    /// Prepares a model that [`Model::check`] proved for rows of `n_features` values.
    pub(crate) fn new(model: &Model) -> Self {
        match model {
            Model::Linear(linear) => Self::Linear(linear.clone()),
            Model::Forest(forest) => Self::Forest(Walker::new(forest)),
        }
    }

    /// The margin of a row of as many values as the model has features.
    #[inline]
    pub(crate) fn margin(&self, row: &[f32]) -> f64 {
        match self {
            Self::Linear(linear) => linear.margin(row),
            Self::Forest(walker) => walker.margin(row),
        }
    }
}
