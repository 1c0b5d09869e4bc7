//! `[[feature]]`: one column, or parts of a timestamp, and the policies for odd values.

use serde::{Deserialize, Serialize};
use shroff_serve::features::TimePart;

use crate::error::Error;

/// `[[feature]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureConfig {
    /// The column it is made from.
    pub column: String,
    /// The column's kind: `number` (default), `boolean` or `category`; not with `parts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ColumnFeature>,
    /// Parts of a timestamp: `hour`, `weekday`, `weekend`, `night`; one feature each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartName>,
    /// The feature's name; default the column's, with `.part` for a part of a timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Default `learned`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_missing: Option<PolicyConfig>,
    /// For text not in the vocabulary; default `learned`, the bucket of rare values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_unseen: Option<PolicyConfig>,
    /// For numbers outside `range` or infinite; default `as_missing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_out_of_range: Option<PolicyConfig>,
    /// Least and greatest number expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// A category needs so many rows of the fit to get a code of its own; default 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_count: Option<u64>,
    /// At most so many categories get a code, the most frequent ones; default 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_categories: Option<u32>,
}

/// How a column becomes a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnFeature {
    /// A quantity.
    Number,
    /// True or false.
    Boolean,
    /// Text out of a vocabulary.
    Category,
}

/// A part of a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartName {
    /// 0 to 23.
    Hour,
    /// 0 (Monday) to 6.
    Weekday,
    /// Saturday or Sunday.
    Weekend,
    /// Before 07:00.
    Night,
}

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

/// One value of the row: what it is called, what it reads and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureInput {
    /// The column's number.
    Number,
    /// The column's truth value.
    Boolean,
    /// The column's text.
    Category,
    /// A part of the column's instant.
    Part(TimePart),
}

impl FeatureConfig {
    /// The features this entry stands for, with their names: one, or one per part.
    pub fn expand(&self) -> Vec<(String, FeatureInput)> {
        if self.parts.is_empty() {
            let input = match self.kind {
                None | Some(ColumnFeature::Number) => FeatureInput::Number,
                Some(ColumnFeature::Boolean) => FeatureInput::Boolean,
                Some(ColumnFeature::Category) => FeatureInput::Category,
            };
            return vec![(self.name.clone().unwrap_or_else(|| self.column.clone()), input)];
        }
        let named = |part: &PartName| {
            let (word, part) = match part {
                PartName::Hour => ("hour", TimePart::Hour),
                PartName::Weekday => ("weekday", TimePart::Weekday),
                PartName::Weekend => ("weekend", TimePart::Weekend),
                PartName::Night => ("night", TimePart::Night),
            };
            (format!("{}.{word}", self.column), FeatureInput::Part(part))
        };
        self.parts.iter().map(named).collect()
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let fail = |problem: &str| {
            Err(Error::config(format!("[[feature]] column = {:?}: {problem}", self.column)))
        };
        let category = self.kind == Some(ColumnFeature::Category);
        if !self.parts.is_empty() && (self.kind.is_some() || self.name.is_some()) {
            return fail("parts of a timestamp take neither kind nor name");
        }
        let is_number =
            self.parts.is_empty() && matches!(self.kind, None | Some(ColumnFeature::Number));
        if !is_number && (self.range.is_some() || self.on_out_of_range.is_some()) {
            return fail("range and on_out_of_range belong to numbers");
        }
        if !category
            && (self.on_unseen.is_some()
                || self.min_count.is_some()
                || self.max_categories.is_some())
        {
            return fail("on_unseen, min_count and max_categories belong to categories");
        }
        if self.on_missing == Some(PolicyConfig::Word(PolicyWord::AsMissing)) {
            return fail("on_missing is one of \"learned\", \"reject\" and { default = … }");
        }
        if let Some([low, high]) = self.range
            && !(low.is_finite() && high.is_finite() && low <= high)
        {
            return fail("range should be [least, greatest], both finite");
        }
        for policy in
            [&self.on_missing, &self.on_unseen, &self.on_out_of_range].into_iter().flatten()
        {
            let PolicyConfig::Default(DefaultValue { default }) = policy else { continue };
            match default {
                DefaultScalar::Text(_) if !category => {
                    return fail("a default for this kind should be a number");
                }
                DefaultScalar::Number(_) if category => {
                    return fail("a default for a category should be a text");
                }
                DefaultScalar::Number(value) if !(*value as f32).is_finite() => {
                    return fail("a default should be finite");
                }
                _ => {}
            }
        }
        match self.max_categories {
            Some(0) => fail("max_categories should be 1 or more"),
            Some(found) if found as usize >= shroff_serve::schema::MAX_CATEGORIES => {
                fail("max_categories should be below 1048576")
            }
            _ => Ok(()),
        }
    }
}
