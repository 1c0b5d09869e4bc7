//! `[[feature]]`: one column, parts of a timestamp or a transform, and the policies for odd values.

use serde::{Deserialize, Serialize};
use shroff_serve::features::{TimePart, TimeUnit};

use crate::error::Error;

/// `[[feature]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureConfig {
    /// The column it is made from; absent where `columns` names two.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub column: String,
    /// The two columns of a `ratio` or a `difference`, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// A number computed from the columns of the same row: `log1p`, `ratio` or `difference`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<TransformName>,
    /// For a difference of two times, what it is counted in: `seconds`, `minutes`, `hours` or
    /// `days`. Without a unit it is one of two numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitName>,
    /// The column's kind: `number` (default), `boolean` or `category`; not with `parts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ColumnFeature>,
    /// What a category becomes: a code of a vocabulary (`code`, the default), or its share of fraud
    /// (`rate`), by the labels that were known before the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encode: Option<Encoding>,
    /// For `encode = "rate"`: so many rows of the overall rate are added to those of each category;
    /// default 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smoothing: Option<f64>,
    /// Parts of a timestamp: `hour`, `weekday`, `weekend`, `night`, `day_part`; one feature each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartName>,
    /// The feature's name; default the column's, with `.part` for a part of a timestamp, and
    /// `log1p(a)`, `a/b`, `a-b` and `rate(a)` for what is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Default `learned`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_missing: Option<PolicyConfig>,
    /// For text not in the vocabulary; default `learned`: the bucket of rare values, or for a rate
    /// that of all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_unseen: Option<PolicyConfig>,
    /// For numbers outside `range` or infinite; default `as_missing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_out_of_range: Option<PolicyConfig>,
    /// Least and greatest number expected, of the column or the transform's result.
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
    /// A category of four: `night` from 00:00, `morning` from 06:00, `afternoon` from 12:00,
    /// `evening` from 18:00.
    #[serde(rename = "day_part")]
    DayPart,
}

/// A row transform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransformName {
    /// `ln(1 + x)`; missing below -1.
    Log1p,
    /// `a / b`; missing where b is 0.
    Ratio,
    /// `a - b`.
    Difference,
}

/// What a difference of two times is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitName {
    /// 1 s.
    Seconds,
    /// 60 s.
    Minutes,
    /// 3,600 s.
    Hours,
    /// 86,400 s.
    Days,
}

/// What a category becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// A code of its own, or that of the rare and unseen.
    Code,
    /// The smoothed share of fraud among its rows.
    Rate,
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
    /// The share of fraud of the column's text.
    Rate,
    /// A part of the column's instant.
    Part(TimePart),
    /// The logarithm of the column's number.
    Log1p,
    /// The ratio of two columns.
    Ratio,
    /// The difference of two columns.
    Difference,
    /// The time between two columns.
    TimeDifference(TimeUnit),
}

impl FeatureConfig {
    /// The columns it reads: one, or the two of a ratio or difference.
    pub fn operands(&self) -> Vec<&str> {
        match self.columns.as_slice() {
            [] => vec![self.column.as_str()],
            columns => columns.iter().map(String::as_str).collect(),
        }
    }

    /// The features this entry stands for, with their names: one, or one per part.
    pub fn expand(&self) -> Vec<(String, FeatureInput)> {
        let column = &self.column;
        if !self.parts.is_empty() {
            let named = |part: &PartName| {
                let (word, part) = part.named();
                (format!("{column}.{word}"), FeatureInput::Part(part))
            };
            return self.parts.iter().map(named).collect();
        }
        let operands = self.operands().join(match self.transform {
            Some(TransformName::Ratio) => "/",
            _ => "-",
        });
        let (name, input) = match (self.transform, self.kind) {
            (Some(TransformName::Log1p), _) => (format!("log1p({column})"), FeatureInput::Log1p),
            (Some(TransformName::Ratio), _) => (operands, FeatureInput::Ratio),
            (Some(TransformName::Difference), _) => {
                let input = self.unit.map(|unit| FeatureInput::TimeDifference(unit.into()));
                (operands, input.unwrap_or(FeatureInput::Difference))
            }
            (None, Some(ColumnFeature::Category)) if self.encode == Some(Encoding::Rate) => {
                (format!("rate({column})"), FeatureInput::Rate)
            }
            (None, Some(ColumnFeature::Category)) => (column.clone(), FeatureInput::Category),
            (None, Some(ColumnFeature::Boolean)) => (column.clone(), FeatureInput::Boolean),
            (None, None | Some(ColumnFeature::Number)) => (column.clone(), FeatureInput::Number),
        };
        vec![(self.name.clone().unwrap_or(name), input)]
    }

    /// How messages name it.
    pub(crate) fn label(&self) -> String {
        match self.columns.as_slice() {
            [] => format!("[[feature]] column = {:?}", self.column),
            columns => format!("[[feature]] columns = {columns:?}"),
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let fail = |problem: &str| Err(Error::config(format!("{}: {problem}", self.label())));
        if let Some(problem) = self.shape_problem() {
            return fail(problem);
        }
        let category = self.kind == Some(ColumnFeature::Category);
        let rate = self.encode == Some(Encoding::Rate);
        let day_part = self.parts == [PartName::DayPart];
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
        if rate && (self.min_count.is_some() || self.max_categories.is_some()) {
            return fail("min_count and max_categories belong to codes; smoothing serves a rate");
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
                DefaultScalar::Text(_) if (!category || rate) && !day_part => {
                    return fail("a default for this kind should be a number");
                }
                DefaultScalar::Number(_) if category && !rate => {
                    return fail("a default for a category should be a text");
                }
                DefaultScalar::Number(_) if self.parts.contains(&PartName::DayPart) => {
                    return fail(
                        "a default for day_part should be a text; give it a [[feature]] of its own",
                    );
                }
                DefaultScalar::Number(value) if rate && !(0.0..=1.0).contains(value) => {
                    return fail("a default for a rate should lie within 0 and 1");
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

    /// Keys that do not go together.
    fn shape_problem(&self) -> Option<&'static str> {
        let wanted = match self.transform {
            Some(TransformName::Ratio | TransformName::Difference) => {
                if !self.column.is_empty() || self.columns.len() != 2 {
                    return Some("a ratio or difference is of columns = [\"a\", \"b\"]");
                }
                if self.columns[0] == self.columns[1] {
                    return Some(
                        "a ratio or difference is of two columns, found the same one twice",
                    );
                }
                2
            }
            _ => 1,
        };
        if wanted == 1 && (self.column.is_empty() || !self.columns.is_empty()) {
            return Some("expected column = \"…\"; columns belong to a ratio or difference");
        }
        if self.transform.is_some() && (self.kind.is_some() || !self.parts.is_empty()) {
            return Some("a transform takes neither kind nor parts");
        }
        if !self.parts.is_empty() && (self.kind.is_some() || self.name.is_some()) {
            return Some("parts of a timestamp take neither kind nor name");
        }
        if self.unit.is_some() && self.transform != Some(TransformName::Difference) {
            return Some("unit belongs to transform = \"difference\" of two times");
        }
        if self.encode.is_some() && self.kind != Some(ColumnFeature::Category) {
            return Some("encode belongs to kind = \"category\"");
        }
        match self.smoothing {
            Some(_) if self.encode != Some(Encoding::Rate) => {
                Some("smoothing belongs to encode = \"rate\"")
            }
            Some(smoothing) if !(0.0..=1e9).contains(&smoothing) => {
                Some("smoothing should be a number of rows, 0 to 1e9")
            }
            _ => None,
        }
    }
}

impl PartName {
    fn named(self) -> (&'static str, TimePart) {
        match self {
            Self::Hour => ("hour", TimePart::Hour),
            Self::Weekday => ("weekday", TimePart::Weekday),
            Self::Weekend => ("weekend", TimePart::Weekend),
            Self::Night => ("night", TimePart::Night),
            Self::DayPart => ("day_part", TimePart::DayPart),
        }
    }
}

impl From<UnitName> for TimeUnit {
    fn from(unit: UnitName) -> Self {
        match unit {
            UnitName::Seconds => Self::Seconds,
            UnitName::Minutes => Self::Minutes,
            UnitName::Hours => Self::Hours,
            UnitName::Days => Self::Days,
        }
    }
}
