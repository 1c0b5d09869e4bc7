//! `[[join]]` and `[query]`: how other sources come to the events.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use shroff_datasets::{
    BadRows, ColumnRequest, Dataset, Encoding, Format, Join, JoinKind, Query, ReadOptions, Source,
    TimeFormat,
};

use super::{BadRowsWord, Config, SourceConfig, SourceEncoding, SourceFormat, TimeFormats};
use crate::error::Error;

/// `[[join]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinConfig {
    /// The source to join.
    pub source: String,
    /// How its rows are found.
    pub kind: JoinWord,
    /// Columns that must be equal: for `equi`, where the key must be unique, and `asof`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<OnConfig>,
    /// For `asof`: the column of the source that says from when on a row was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// For `range`: the column of the events that lies in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// For `range`: the column of the source with the least number of a range, included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<String>,
    /// For `range`: the column of the source with the greatest, included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<String>,
    /// The columns to take; default those that features and roles ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// What the names of the columns taken begin with; default nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// How the row of the other source is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JoinWord {
    /// The row of the same key, which must be the only one.
    Equi,
    /// The latest row of the same key that was valid strictly before the event.
    AsOf,
    /// The narrowest range that holds a number of the event.
    Range,
}

/// `"COLUMN"`, `["COLUMN", …]` or `{ COLUMN_OF_EVENTS = "COLUMN_OF_THE_SOURCE", … }`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a column, a list of columns, or { COLUMN_OF_EVENTS = \"COLUMN_OF_THE_SOURCE\" }"
)]
pub enum OnConfig {
    /// One column of the same name on both sides.
    Same(String),
    /// Several columns of the same names on both sides.
    AllSame(Vec<String>),
    /// Columns of other names.
    Pairs(BTreeMap<String, String>),
}

/// `[query]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryConfig {
    /// One SELECT over `events` (the fact source and what is joined to it) and the sources.
    pub sql: String,
}

impl OnConfig {
    fn pairs(&self) -> Vec<(String, String)> {
        let same = |name: &String| (name.clone(), name.clone());
        match self {
            Self::Same(name) => vec![same(name)],
            Self::AllSame(names) => names.iter().map(same).collect(),
            Self::Pairs(pairs) => pairs.iter().map(|(l, r)| (l.clone(), r.clone())).collect(),
        }
    }
}

impl JoinConfig {
    /// The join that this describes.
    ///
    /// # Errors
    /// A key that the kind needs is absent, or one that it does not know is there.
    pub(crate) fn join(&self) -> Result<Join, Error> {
        let word = match self.kind {
            JoinWord::Equi => "equi",
            JoinWord::AsOf => "asof",
            JoinWord::Range => "range",
        };
        let place = format!("[[join]] source = {:?}, kind = {word:?}", self.source);
        let needed = |key: &str, value: &Option<String>| {
            value.clone().ok_or_else(|| Error::config(format!("{place}: needs {key}")))
        };
        let own: &[&str] = match self.kind {
            JoinWord::Equi => &["on"],
            JoinWord::AsOf => &["on", "valid_from"],
            JoinWord::Range => &["value", "lower", "upper"],
        };
        let given = [
            ("on", self.on.is_some()),
            ("valid_from", self.valid_from.is_some()),
            ("value", self.value.is_some()),
            ("lower", self.lower.is_some()),
            ("upper", self.upper.is_some()),
        ];
        if let Some((key, _)) = given.iter().find(|(key, given)| *given && !own.contains(key)) {
            let own = own.join(", ");
            return Err(Error::config(format!("{place}: takes {own}, found {key}")));
        }
        let on = self.on.as_ref().map(OnConfig::pairs).unwrap_or_default();
        if on.is_empty() && (self.kind == JoinWord::Equi || self.on.is_some()) {
            return Err(Error::config(format!("{place}: needs on, with at least one column")));
        }
        let kind = match self.kind {
            JoinWord::Equi => JoinKind::Equi { on },
            JoinWord::AsOf => {
                JoinKind::AsOf { on, valid_from: needed("valid_from", &self.valid_from)? }
            }
            JoinWord::Range => JoinKind::Range {
                value: needed("value", &self.value)?,
                lower: needed("lower", &self.lower)?,
                upper: needed("upper", &self.upper)?,
            },
        };
        Ok(Join {
            source: self.source.clone(),
            kind,
            columns: self.columns.clone(),
            prefix: self.prefix.clone().unwrap_or_default(),
        })
    }
}

impl SourceConfig {
    /// Where the files are and how they are read. `judged_by` are the columns whose values decide
    /// which rows `bad_rows = "skip"` leaves out.
    ///
    /// # Errors
    /// An option that cannot be.
    pub(crate) fn source(&self, judged_by: &[ColumnRequest]) -> Result<Source, Error> {
        let refused = |error: &dyn std::fmt::Display| {
            Error::config(format!("[[source]] name = {:?}: {error}", self.name))
        };
        let format = self.format.map(|format| match format {
            SourceFormat::Csv => Format::Csv,
            SourceFormat::Parquet => Format::Parquet,
            SourceFormat::Ndjson => Format::Ndjson,
        });
        let mut options = ReadOptions::default();
        if let Some(delimiter) = self.delimiter {
            let byte = u8::try_from(delimiter);
            options.delimiter = byte.map_err(|_| {
                refused(&format!("delimiter: expected an ASCII character, found {delimiter:?}"))
            })?;
        }
        options.encoding = match self.encoding {
            None | Some(SourceEncoding::Utf8) => Encoding::Utf8,
            Some(SourceEncoding::Latin1) => Encoding::Latin1,
            Some(SourceEncoding::Windows1252) => Encoding::Windows1252,
        };
        let formats = match &self.time_format {
            None => &[][..],
            Some(TimeFormats::One(format)) => std::slice::from_ref(format),
            Some(TimeFormats::Several(formats)) => formats,
        };
        let formats = formats.iter().map(|format| TimeFormat::new(format));
        options.time_formats = formats.collect::<Result<_, _>>().map_err(|e| refused(&e))?;
        options.null_values.clone_from(&self.null_values);
        if self.bad_rows == Some(BadRowsWord::Skip) {
            options.bad_rows = BadRows::Skip;
            options.judged_by = judged_by.to_vec();
        }
        options.validate().map_err(|error| refused(&error))?;
        Ok(Source { path: self.path.clone(), format, options })
    }
}

impl Config {
    /// The sources, joins and query as one table of events.
    ///
    /// # Errors
    /// No fact source, or two; sources of one name; a join of a source that is not there or that
    /// lacks a key; a query that is refused.
    pub fn dataset(&self) -> Result<Dataset, Error> {
        let facts: Vec<&SourceConfig> = self.sources.iter().filter(|source| source.fact).collect();
        let fact = match (facts.as_slice(), self.sources.first()) {
            ([], None) => {
                return Err(Error::config("expected at least one [[source]], found none"));
            }
            ([], Some(first)) => first,
            ([fact], _) => fact,
            ([first, second, ..], _) => {
                return Err(Error::config(format!(
                    "[[source]]: expected one with fact = true, found {:?} and {:?}",
                    first.name, second.name
                )));
            }
        };
        super::read::unique("[[source]]", self.sources.iter().map(|source| source.name.clone()))?;
        let mut joins = Vec::new();
        for join in &self.joins {
            if join.source == fact.name || self.sources.iter().all(|s| s.name != join.source) {
                let names = self.sources.iter().filter(|source| source.name != fact.name);
                let names: Vec<&str> = names.map(|source| source.name.as_str()).collect();
                return Err(Error::config(format!(
                    "[[join]]: expected a [[source]] beside the fact source ({}), found {:?}",
                    names.join(", "),
                    join.source
                )));
            }
            if join.kind == JoinWord::AsOf && self.columns.time.is_none() {
                return Err(Error::config(format!(
                    "[[join]] source = {:?}: kind = \"asof\" needs [columns] time",
                    join.source
                )));
            }
            joins.push(join.join()?);
        }
        let query = self.query.as_ref().map(|query| Query::new(query.sql.as_str())).transpose();
        let query = query.map_err(|error| Error::config(error.to_string()))?;
        if query.is_none() {
            let joined: BTreeSet<&str> = joins.iter().map(|join| join.source.as_str()).collect();
            let idle = |source: &&SourceConfig| {
                source.name != fact.name && !joined.contains(source.name.as_str())
            };
            if let Some(idle) = self.sources.iter().find(idle) {
                return Err(Error::config(format!(
                    "[[source]] name = {:?}: used by no [[join]] and no [query]; the events are those \
                     of {:?}",
                    idle.name, fact.name
                )));
            }
        }
        let kinds = self.kinds()?;
        let source = |source: &SourceConfig| Ok((source.name.clone(), source.source(&kinds)?));
        Ok(Dataset {
            sources: self.sources.iter().map(source).collect::<Result<_, Error>>()?,
            fact: fact.name.clone(),
            time: self.columns.time.clone().unwrap_or_default(),
            joins,
            query,
            kinds,
        })
    }

    /// What the roles and the features say that columns hold, each column once.
    fn kinds(&self) -> Result<Vec<ColumnRequest>, Error> {
        let mut kinds: Vec<ColumnRequest> = Vec::new();
        let inputs = crate::program::inputs(self)?;
        for request in crate::events::wanted(&self.columns, &inputs) {
            if kinds.iter().all(|known| known.name != request.name) {
                kinds.push(request);
            }
        }
        Ok(kinds)
    }
}
