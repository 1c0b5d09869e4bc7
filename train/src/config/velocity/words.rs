//! The parts of a declaration: keys, windows and filters.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::config::Duration;

/// One column that names an entity, or several that name it together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a column such as \"CUSTOMER_ID\", or a list of them")]
pub enum KeyConfig {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

/// How far back a window reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowLength {
    /// So long.
    Span(Duration),
    /// To the entity's first event.
    All,
}

/// Which end of a window belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClosedWord {
    /// `[t − delay − window, t − delay)`: strictly earlier events.
    Left,
    /// `(t − delay − window, t − delay]`: without a delay the event itself too, and of those at the
    /// same time the ones with a smaller id.
    Right,
}

/// The word `label`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelWord {
    /// What `[columns] label` tells.
    Label,
}

/// `where`: which events count. A null passes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterConfig {
    /// The column looked at.
    pub column: String,
    /// It is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub is: Vec<FilterScalar>,
    /// It is a number not less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// It is a number less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
}

/// A value that `where` names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a text, a whole number or a truth value")]
pub enum FilterScalar {
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
}

impl KeyConfig {
    /// Its columns, as declared.
    pub fn columns(&self) -> &[String] {
        match self {
            Self::One(column) => std::slice::from_ref(column),
            Self::Several(columns) => columns,
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
        let columns = self.columns();
        if columns.is_empty() || columns.iter().any(String::is_empty) {
            return Some("key should name one column or more".to_owned());
        }
        let twice = columns.iter().enumerate().find(|(at, name)| columns[..*at].contains(name));
        twice.map(|(_, name)| format!("key names {name:?} twice; remove one"))
    }
}

impl fmt::Display for KeyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(column) => write!(f, "{column:?}"),
            Self::Several(columns) => write!(f, "{columns:?}"),
        }
    }
}

impl FilterConfig {
    pub(super) fn problem(&self) -> Option<String> {
        let Self { column, is, at_least, below } = self;
        if column.is_empty() {
            return Some("where: expected column = \"…\", the one looked at".to_owned());
        }
        if is.is_empty() == (at_least.is_none() && below.is_none()) {
            return Some(
                "where: expected either is = [ … ], or numbers at_least and below, one or both"
                    .to_owned(),
            );
        }
        let is_boolean = |value: &FilterScalar| matches!(value, FilterScalar::Boolean(_));
        if is.iter().any(is_boolean) && !is.iter().all(is_boolean) {
            return Some(
                "where: is names truth values and others; a column has one kind".to_owned(),
            );
        }
        if is.contains(&FilterScalar::Text(String::new())) {
            return Some("where: empty text is null, which passes nothing; remove it".to_owned());
        }
        let (low, high) = self.bounds();
        // NaN fails too.
        let is_range = low < high;
        (is.is_empty() && !is_range)
            .then(|| format!("where: expected at_least < below, found {low} and {high}"))
    }

    /// The numbers that pass: from the first to below the second.
    pub fn bounds(&self) -> (f64, f64) {
        (self.at_least.unwrap_or(f64::NEG_INFINITY), self.below.unwrap_or(f64::INFINITY))
    }
}

impl fmt::Display for FilterConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = &self.column;
        match (self.at_least, self.below) {
            (Some(low), Some(high)) => write!(f, "{low} <= {column} < {high}"),
            (Some(low), None) => write!(f, "{column} >= {low}"),
            (None, Some(high)) => write!(f, "{column} < {high}"),
            (None, None) => {
                let values: Vec<String> = self.is.iter().map(ToString::to_string).collect();
                write!(f, "{column} is {}", values.join(" or "))
            }
        }
    }
}

impl fmt::Display for FilterScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

impl fmt::Display for WindowLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Span(span) => span.fmt(f),
            Self::All => f.write_str("all"),
        }
    }
}

impl Serialize for WindowLength {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WindowLength {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "all" {
            return Ok(Self::All);
        }
        Duration::parse(&text).map(Self::Span).ok_or_else(|| {
            de::Error::custom(format!(
                "expected a window like \"7d\", \"12h\" or \"10m\", or \"all\", found {text:?}"
            ))
        })
    }
}
