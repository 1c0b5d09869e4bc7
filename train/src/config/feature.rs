//! `[[feature]]`: one column, parts of a timestamp, a transform or the past of an entity, and the
//! policies for odd values.

use serde::{Deserialize, Serialize};
use shroff_serve::features::{TimePart, TimeUnit};

use super::Duration;
use super::policy::{DefaultScalar, DefaultValue, PolicyConfig, PolicyWord};
use super::velocity::{
    ClosedWord, FilterConfig, KeyConfig, LabelWord, VelocityFeature, WindowLength,
};
use super::words::{ColumnFeature, Encoding, PartName, TransformName, UnitName};
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
    /// `log1p(a)`, `a/b`, `a-b` and `rate(a)` for what is computed. A velocity feature has the name of
    /// its declaration, [`VelocityFeature`](super::VelocityFeature); in a name of its own `{window}`
    /// stands for the window.
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
    /// Least and greatest number expected, of the column, the transform or the velocity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// A category needs so many rows of the fit to get a code of its own; default 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_count: Option<u64>,
    /// At most so many categories get a code, the most frequent ones; default 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_categories: Option<u32>,

    /// Velocity: the column that names the entity whose past is looked at, or several that name it
    /// together. With it goes exactly one of the measures below, `count` to `ratio_to_mean`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyConfig>,
    /// Velocity: the lengths of time looked at, one feature each; `"all"` is all history.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<WindowLength>,
    /// Velocity: `true`, the number of events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<bool>,
    /// Velocity: the sum of an amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<String>,
    /// Velocity: the mean of an amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<String>,
    /// Velocity: the greatest amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Velocity: the least amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// Velocity: the standard deviation of an amount, as of a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<String>,
    /// Velocity: the number of different values of a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<String>,
    /// Velocity: `"label"`, the share of frauds, as far as they were known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<LabelWord>,
    /// Velocity: `true`, the seconds since the latest event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_since_last: Option<bool>,
    /// Velocity: the event's own amount over the mean of those looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio_to_mean: Option<String>,
    /// Velocity: how long before the event the windows end; default at the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// Velocity: `left` (default), strictly earlier events; `right`, the event itself too where
    /// there is no delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<ClosedWord>,
    /// Velocity: which events count, `{ column = "…", is = [ … ] }` or `{ column = "…", at_least = …,
    /// below = … }`; default all.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterConfig>,
    /// Velocity: decimals of the amount; default those of `[columns]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_decimals: Option<u8>,
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
    /// The past of an entity; no column of the same row.
    Velocity,
}

impl FeatureConfig {
    /// The columns of the same row that it reads: one, or the two of a ratio or difference; none for
    /// velocity.
    pub fn operands(&self) -> Vec<&str> {
        match self.columns.as_slice() {
            _ if self.is_velocity() => Vec::new(),
            [] => vec![self.column.as_str()],
            columns => columns.iter().map(String::as_str).collect(),
        }
    }

    /// The features this entry stands for, with their names: one, or one per part or window.
    pub fn expand(&self) -> Vec<(String, FeatureInput)> {
        if self.is_velocity() {
            let named = |velocity: VelocityFeature<'_>| (velocity.name(), FeatureInput::Velocity);
            return self.velocity().into_iter().map(named).collect();
        }
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
        if let Some(key) = &self.key {
            return format!("[[feature]] key = {key}");
        }
        match self.columns.as_slice() {
            [] => format!("[[feature]] column = {:?}", self.column),
            columns => format!("[[feature]] columns = {columns:?}"),
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let fail = |problem: &str| Err(Error::config(format!("{}: {problem}", self.label())));
        let problem = if self.is_velocity() {
            self.velocity_problem()
        } else {
            self.shape_problem().map(str::to_owned)
        };
        if let Some(problem) = problem {
            return fail(&problem);
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
