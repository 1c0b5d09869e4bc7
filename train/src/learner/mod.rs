//! Learners: checked parameters and a training matrix in, a model of serve-lib out. Each adapter
//! keeps its library's types to itself.

mod blend;
mod cover;
mod decision_tree;
mod error;
#[cfg(test)]
mod fixture;
mod forest;
mod gbdt;
mod logistic;
mod max_features;
mod random_forest;
mod sample;
mod tree_input;

use serde::{Deserialize, Serialize};
use shroff_serve::model::{Model, PriorCorrection};

pub use blend::Blend;
pub use decision_tree::{Criterion, DecisionTree};
pub use error::LearnError;
pub use forest::Forest;
pub use gbdt::{Gbdt, GrowPolicy, StopMetric};
pub use logistic::Logistic;
pub(crate) use logistic::MAX_COLUMNS as MAX_LOGISTIC_COLUMNS;
pub use max_features::{MaxFeatures, NamedShare};
pub use random_forest::RandomForest;

use crate::matrix::TrainingSet;

/// One `[[learner]]` of the configuration: `kind` and the parameters of that kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LearnerConfig {
    /// Logistic regression.
    Logistic(Logistic),
    /// One classification tree.
    DecisionTree(DecisionTree),
    /// Averaged trees on bootstrap samples.
    RandomForest(RandomForest),
    /// The same on binned values: for many rows.
    Forest(Forest),
    /// Boosted trees.
    Gbdt(Gbdt),
    /// The mean of several of them.
    Blend(Blend),
}

/// Checked parameters that can be fitted.
pub trait Learner {
    /// The name of the kind, as in the configuration.
    fn kind(&self) -> &'static str;

    /// Whether `fit` takes row weights.
    fn takes_row_weights(&self) -> bool {
        true
    }

    /// Proves that every parameter lies within its range.
    ///
    /// # Errors
    /// The first that does not: its key, what was expected, what was found.
    fn check(&self) -> Result<(), LearnError>;

    /// Fits the model. The same data, parameters and seed give the same model bit for bit, whatever
    /// the number of threads.
    ///
    /// # Errors
    /// Parameters out of range, data that cannot be learnt from, or a failure of the library.
    fn fit(&self, data: &TrainingSet<'_>, progress: &dyn Progress) -> Result<Fitted, LearnError>;

    /// Fits for as long as it helps on the rows of `stop`. A learner that does not work in rounds
    /// fits as ever.
    ///
    /// # Errors
    /// As of [`Self::fit`].
    fn fit_until(
        &self,
        data: &TrainingSet<'_>,
        stop: &TrainingSet<'_>,
        progress: &dyn Progress,
    ) -> Result<Fitted, LearnError> {
        let _ = stop;
        self.fit(data, progress)
    }
}

/// What fitting gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The model, checked against the row types of the training matrix.
    pub model: Model,
    /// Undoes the sampling and the fraud weight of the fit.
    pub prior: PriorCorrection,
    /// Rows fitted, after sampling.
    pub n_rows: usize,
    /// Frauds among them.
    pub n_frauds: usize,
    /// The rounds that were best on `stop`, of a learner that stopped by it; of a blend those of each of its
    /// members that did. Else none.
    pub n_rounds: Vec<usize>,
    /// What a person should know about this fit, such as a solver that stopped early; mostly empty.
    pub notes: Vec<String>,
}

/// Hears how far a fit has come.
pub trait Progress: Sync {
    /// The fit begins and will take this many steps.
    fn start(&self, n_steps: u64);
    /// This many steps more are done.
    fn advance(&self, n: u64);
    /// How well the fit does by now.
    fn tell(&self, what: &dyn std::fmt::Display) {
        let _ = what;
    }
}

/// A [`Progress`] that shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn start(&self, _: u64) {}
    fn advance(&self, _: u64) {}
}

impl LearnerConfig {
    /// The learner of these parameters.
    pub fn learner(&self) -> &dyn Learner {
        match self {
            Self::Logistic(learner) => learner,
            Self::DecisionTree(learner) => learner,
            Self::RandomForest(learner) => learner,
            Self::Forest(learner) => learner,
            Self::Gbdt(learner) => learner,
            Self::Blend(learner) => learner,
        }
    }

    /// What reports call it: `name` if given, else the kind.
    pub fn name(&self) -> &str {
        let name = match self {
            Self::Logistic(learner) => &learner.name,
            Self::DecisionTree(learner) => &learner.name,
            Self::RandomForest(learner) => &learner.name,
            Self::Forest(learner) => &learner.name,
            Self::Gbdt(learner) => &learner.name,
            Self::Blend(learner) => &learner.name,
        };
        name.as_deref().unwrap_or_else(|| self.learner().kind())
    }

    /// The same learner for a second fit on more rows: as many rounds as the first one found best,
    /// with nothing to stop by.
    pub fn for_refit(&self, first: &Fitted) -> Self {
        if first.n_rounds.is_empty() {
            return self.clone();
        }
        let mut n_rounds = first.n_rounds.iter();
        let mut refitted = |learner: &Gbdt| match learner.early_stopping_rounds {
            0 => learner.clone(),
            _ => Gbdt {
                num_iterations: n_rounds.next().copied().unwrap_or(learner.num_iterations),
                early_stopping_rounds: 0,
                ..learner.clone()
            },
        };
        match self {
            Self::Gbdt(learner) => Self::Gbdt(refitted(learner)),
            Self::Blend(blend) => Self::Blend(Blend {
                members: blend.members.iter().map(refitted).collect(),
                name: blend.name.clone(),
            }),
            _ => self.clone(),
        }
    }

    /// Whether rows of `stop` decide how many rounds it fits.
    pub fn stops_early(&self) -> bool {
        let stops = |learner: &Gbdt| learner.early_stopping_rounds > 0;
        match self {
            Self::Gbdt(learner) => stops(learner),
            Self::Blend(blend) => blend.members.iter().any(stops),
            _ => false,
        }
    }

    /// The names of its parameters.
    pub fn parameter_names(&self) -> Vec<String> {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(map)) => map.into_iter().map(|(name, _)| name).collect(),
            _ => Vec::new(),
        }
    }

    /// The same learner with some parameters set anew, by their names.
    ///
    /// # Errors
    /// A parameter that it does not have, or out of its range, in words.
    pub fn with(
        &self,
        parameters: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Self, String> {
        let mut json = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (key, value) in parameters {
            json[key] = value.clone();
        }
        let learner: Self = serde_json::from_value(json).map_err(|error| error.to_string())?;
        learner.check().map_err(|error| error.to_string())?;
        Ok(learner)
    }

    /// Proves that every parameter lies within its range.
    ///
    /// # Errors
    /// The first that does not: its key, what was expected, what was found.
    pub fn check(&self) -> Result<(), LearnError> {
        self.learner().check()
    }
}

/// Ranges of parameters, for `check` of the learners.
struct Ranges(&'static str);

impl Ranges {
    fn number(
        &self,
        key: &'static str,
        found: f64,
        allowed: impl Fn(f64) -> bool,
        expected: &'static str,
    ) -> Result<(), LearnError> {
        if found.is_finite() && allowed(found) {
            return Ok(());
        }
        Err(self.refuse(key, expected.to_owned(), found.to_string()))
    }

    fn count(
        &self,
        key: &'static str,
        found: usize,
        allowed: std::ops::RangeInclusive<usize>,
    ) -> Result<(), LearnError> {
        if allowed.contains(&found) {
            return Ok(());
        }
        let expected = format!("{} to {}", allowed.start(), allowed.end());
        Err(self.refuse(key, expected, found.to_string()))
    }

    fn negative_ratio(&self, found: Option<f64>) -> Result<(), LearnError> {
        let expected = "a number of legitimate rows per fraud, above 0";
        found.map_or(Ok(()), |found| self.number("negative_ratio", found, |x| x > 0.0, expected))
    }

    fn scale_pos_weight(&self, found: f64) -> Result<(), LearnError> {
        let expected = "a weight within 1e-6 and 1e6";
        self.number("scale_pos_weight", found, |x| (1e-6..=1e6).contains(&x), expected)
    }

    fn refuse(&self, key: &'static str, expected: String, found: String) -> LearnError {
        LearnError::Parameter { kind: self.0, key, expected, found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<LearnerConfig, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn the_kind_chooses_the_learner_and_unknown_keys_are_refused() {
        let forest = read(r#"{"kind": "random_forest", "n_trees": 7, "max_features": "all"}"#);
        let forest = forest.expect("known keys");
        let expected =
            RandomForest { n_trees: 7, max_features: NamedShare::All.into(), ..Default::default() };
        assert_eq!(forest, LearnerConfig::RandomForest(expected));
        assert_eq!(forest.name(), "random_forest");
        let named = read(r#"{"kind": "logistic", "name": "baseline", "negative_ratio": 20}"#);
        assert_eq!(named.expect("known keys").name(), "baseline");
        assert!(read(r#"{"kind": "logistic", "n_trees": 7}"#).is_err());
        assert!(read(r#"{"kind": "nearest"}"#).is_err());
        let written = serde_json::to_string(&forest).expect("plain data");
        assert_eq!(read(&written).expect("as written"), forest);
    }

    #[test]
    fn parameters_out_of_range_name_their_key() {
        for (json, key) in [
            (r#"{"kind": "logistic", "alpha": -1.0}"#, "alpha"),
            (r#"{"kind": "logistic", "scale_pos_weight": 2.0}"#, "scale_pos_weight"),
            (r#"{"kind": "logistic", "negative_ratio": 0.0}"#, "negative_ratio"),
            (r#"{"kind": "decision_tree", "max_depth": 65}"#, "max_depth"),
            (r#"{"kind": "decision_tree", "min_impurity_decrease": 0.0}"#, "min_impurity_decrease"),
            (r#"{"kind": "random_forest", "n_trees": 0}"#, "n_trees"),
            (r#"{"kind": "random_forest", "max_features": 0}"#, "max_features"),
            (r#"{"kind": "random_forest", "scale_pos_weight": 0.0}"#, "scale_pos_weight"),
            (r#"{"kind": "forest", "n_trees": 10001}"#, "n_trees"),
            (r#"{"kind": "forest", "max_depth": 65}"#, "max_depth"),
            (r#"{"kind": "forest", "max_features": 0}"#, "max_features"),
            (r#"{"kind": "forest", "min_samples_leaf": 0}"#, "min_samples_leaf"),
            (r#"{"kind": "forest", "min_samples_split": 1}"#, "min_samples_split"),
            (r#"{"kind": "forest", "negative_ratio": -1.0}"#, "negative_ratio"),
        ] {
            let error = read(json).expect("known keys").check().expect_err(json).to_string();
            assert!(error.contains(key), "{json}: {error}");
        }
    }

    #[test]
    fn features_that_never_vary_give_the_base_rate() {
        use shroff_serve::model::RowType;

        let types =
            vec![RowType::Numeric, RowType::Categorical { n_categories: 2 }, RowType::Numeric];
        let values = [3.0, 1.0, f32::NAN].repeat(50);
        let matrix = crate::matrix::Matrix::new(types, values).expect("a sound matrix");
        let labels: Vec<bool> = (0..50).map(|i| i % 10 == 0).collect();
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        for kind in ["logistic", "decision_tree", "random_forest", "forest"] {
            let config = read(&format!(r#"{{"kind": "{kind}"}}"#)).expect("known keys");
            let fitted = config.learner().fit(&data, &NoProgress).expect("two classes");
            // Each tree of a forest has the base rate of its own bootstrap sample.
            let within = if kind.ends_with("forest") { 0.15 } else { 1e-9 };
            fixture::assert_near_base_rate(&fitted, &matrix, within);
        }
    }
}
