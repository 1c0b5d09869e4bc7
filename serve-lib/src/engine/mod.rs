//! How a model is evaluated: derived from the plain model at load, never stored. Every engine gives
//! the bits of the model's own `margin`, which is the definition.

#[cfg(test)]
mod tests;
mod walk;

#[cfg(test)]
use crate::model::Forest;
use crate::model::{Linear, Model};
use crate::schema::RowType;
use walk::Walker;

/// A model made ready to run.
#[derive(Debug)]
pub(crate) enum Engine {
    Linear(Linear),
    Forest(ForestEngine),
}

/// A way to evaluate a forest.
#[derive(Debug)]
pub(crate) enum ForestEngine {
    Walk(Walker),
}

impl Engine {
    /// Prepares a model that [`Model::check`] proved for rows of these types.
    pub(crate) fn new(model: &Model, row: &[RowType]) -> Self {
        match model {
            Model::Linear(linear) => Self::Linear(linear.clone()),
            Model::Forest(forest) => {
                Self::Forest(ForestEngine::Walk(Walker::new(forest, row.len())))
            }
        }
    }

    /// The margin of a row of as many values as the model has features.
    #[inline]
    pub(crate) fn margin(&self, row: &[f32]) -> f64 {
        match self {
            Self::Linear(linear) => linear.margin(row),
            Self::Forest(forest) => forest.margin(row),
        }
    }
}

impl ForestEngine {
    /// Every engine that takes the forest on this machine.
    #[cfg(test)]
    pub(crate) fn candidates(forest: &Forest, row: &[RowType]) -> Vec<Self> {
        vec![Self::Walk(Walker::new(forest, row.len()))]
    }

    /// The name in reports.
    #[cfg(test)]
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Walk(_) => "walk",
        }
    }

    #[inline]
    pub(crate) fn margin(&self, row: &[f32]) -> f64 {
        match self {
            Self::Walk(walker) => walker.margin(row),
        }
    }
}
