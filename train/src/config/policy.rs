//! `on_missing`, `on_unseen`, `on_out_of_range`: what becomes of odd values.

use serde::{Deserialize, Serialize};

/// What becomes of an odd value: a word, or `{ default = … }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"learned\", \"as_missing\", \"reject\" or { default = … }"
)]
pub enum PolicyConfig {
    /// A policy without a value.
    Word(PolicyWord),
    /// A value to use instead.
    Default(DefaultValue),
}

/// A policy without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyWord {
    /// The model has learnt what it means.
    Learned,
    /// Treated as missing.
    AsMissing,
    /// An error.
    Reject,
}

/// `{ default = 0 }` or `{ default = "web" }`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultValue {
    /// The value.
    pub default: DefaultScalar,
}

/// A number, or a category of the vocabulary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number or a text")]
pub enum DefaultScalar {
    /// A number.
    Number(f64),
    /// A category.
    Text(String),
}
