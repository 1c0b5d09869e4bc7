//! Why a learner gave no model.

use shroff_serve::model::ModelError;

/// Why a learner gave no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// A parameter outside its range.
    #[error("learner {kind}: `{key}` should be {expected}, found {found}")]
    Parameter {
        /// The kind of learner.
        kind: &'static str,
        /// The parameter.
        key: &'static str,
        /// Its range.
        expected: String,
        /// Its value.
        found: String,
    },
    /// Weights given to a learner that cannot use them.
    #[error(
        "learner {kind} does not support {what}: leave them out and use `negative_ratio`, which \
         it offers and which is corrected for"
    )]
    NoWeights {
        /// The kind of learner.
        kind: &'static str,
        /// What it was given.
        what: &'static str,
    },
    /// Labels or weights that are not one per row.
    #[error("expected {expected} {what}, one per row, found {found}")]
    Length {
        /// Which of them.
        what: &'static str,
        /// Number of rows.
        expected: usize,
        /// Their number.
        found: usize,
    },
    /// A weight that is none.
    #[error("row {row}: expected a weight of 0 to 1e12, found {found}")]
    Weight {
        /// Position of the row.
        row: usize,
        /// Its weight.
        found: f64,
    },
    /// Too few rows of a class to learn from.
    #[error(
        "expected at least 2 frauds and 2 legitimate rows with a weight above 0, found \
         {n_frauds} and {n_legitimate}: use a longer training window or check the label"
    )]
    TooFewRows {
        /// Frauds.
        n_frauds: usize,
        /// Legitimate rows.
        n_legitimate: usize,
    },
    /// More rows than the library can count.
    #[error(
        "learner {kind}: expected at most {max_rows} rows, found {found}: set `negative_ratio` \
         or use a shorter training window"
    )]
    TooManyRows {
        /// The kind of learner.
        kind: &'static str,
        /// Most rows.
        max_rows: usize,
        /// Rows to fit.
        found: usize,
    },
    /// Too many columns once categories are one-hot coded.
    #[error(
        "learner {kind}: expected at most {max_columns} columns after one-hot coding, found \
         {found}: lower the cap on the categories of a feature or leave it to a tree learner"
    )]
    TooManyColumns {
        /// The kind of learner.
        kind: &'static str,
        /// Most columns.
        max_columns: usize,
        /// Columns needed.
        found: usize,
    },
    /// A value too large to be scaled.
    #[error(
        "learner {kind}: row {row}, feature {feature}: expected a value within 1e30 in size, \
         found {found}: cap the feature or take its logarithm"
    )]
    Value {
        /// The kind of learner.
        kind: &'static str,
        /// Position of the row.
        row: usize,
        /// Position of the feature.
        feature: usize,
        /// The value.
        found: f32,
    },
    /// The library failed.
    #[error("{library} could not fit {n_rows} rows of {n_features} features")]
    Library {
        /// Its name.
        library: &'static str,
        /// Rows it was given.
        n_rows: usize,
        /// Features it was given.
        n_features: usize,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The library's model is not what it should be.
    #[error("{library}: expected {expected}, found {found}: is it the pinned version?")]
    Layout {
        /// Its name.
        library: &'static str,
        /// How it should be.
        expected: &'static str,
        /// What it was.
        found: String,
    },
    /// The fitted model is not sound.
    #[error("learner {kind} gave a model that is not sound")]
    Unsound {
        /// The kind of learner.
        kind: &'static str,
        /// What is wrong with it.
        source: ModelError,
    },
}
