//! `fraud.toml`: what a model is made of. Unknown keys are refused, every default stands here.

mod band;
mod checks;
mod duration;
mod feature;
mod gate;
mod intervals;
mod join;
mod parts;
mod policy;
mod read;
mod reason;
mod search;
mod split;
mod velocity;
mod words;

pub use band::{BandConfig, BandRule, LOWEST_BAND};
pub use checks::{ChecksConfig, ColumnChecks};
pub use duration::{Duration, MICROS_PER_DAY};
pub use feature::{FeatureConfig, FeatureInput};
pub use gate::{GateConfig, WhenUncertain};
pub use intervals::IntervalsConfig;
pub use join::{JoinConfig, JoinWord, OnConfig, QueryConfig};
pub use parts::{PartRule, Shares};
pub use policy::{DefaultScalar, DefaultValue, PolicyConfig, PolicyWord};
pub use reason::ReasonConfig;
pub use search::{BRACKET, Draw, Range, SearchConfig, Space, rungs};
pub use split::{Bounds, Instant, NoWindow, SplitConfig, StopConfig, WindowConfig};
pub use velocity::{
    ClosedWord, FilterConfig, FilterScalar, KeyConfig, LabelWord, MeasureConfig, VelocityConfig,
    VelocityFeature, WindowLength,
};
pub use words::{ColumnFeature, Encoding, PartName, TransformName, UnitName};

use serde::{Deserialize, Serialize};

use crate::learner::LearnerConfig;
use crate::metric::{AlertUnit, CostPolicy};

/// A whole `fraud.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The model.
    pub model: ModelConfig,
    /// The sources, one of them that of events.
    #[serde(rename = "source")]
    pub sources: Vec<SourceConfig>,
    /// How other sources come to the events, in this order.
    #[serde(rename = "join", default, skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<JoinConfig>,
    /// A query that makes the events of the sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<QueryConfig>,
    /// Which columns play which role.
    pub columns: ColumnsConfig,
    /// The windows.
    pub split: SplitConfig,
    /// The features, in the order of the row.
    #[serde(rename = "feature")]
    pub features: Vec<FeatureConfig>,
    /// What groups of features are called in explanations.
    #[serde(rename = "reason", default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<ReasonConfig>,
    /// The learners that compete.
    #[serde(rename = "learner")]
    pub learners: Vec<LearnerConfig>,
    /// Whose parameters are searched, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchConfig>,
    /// What velocity features keep of an entity's past.
    #[serde(default, skip_serializing_if = "VelocityConfig::is_default")]
    pub velocity: VelocityConfig,
    /// How margins become probabilities.
    #[serde(default)]
    pub calibrate: CalibrateConfig,
    /// The bands above the lowest, from the highest down.
    #[serde(rename = "band", default, skip_serializing_if = "Vec::is_empty")]
    pub bands: Vec<BandConfig>,
    /// What decisions cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostPolicy>,
    /// What the evaluation leaves out, and how it counts alerts.
    #[serde(default)]
    pub evaluate: EvaluateConfig,
    /// What a candidate must show to take the champion's place.
    #[serde(default, skip_serializing_if = "GateConfig::is_default")]
    pub gate: GateConfig,
    /// What the data must be like before anything is fitted.
    #[serde(default, skip_serializing_if = "ChecksConfig::is_default")]
    pub checks: ChecksConfig,
}

/// `[model]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Name in the registry: lower-case letters, digits, `.`, `_`, `-`; at most 64.
    pub name: String,
}

/// `[[source]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Its name in messages.
    pub name: String,
    /// A file or a glob, relative to the configuration's folder.
    pub path: String,
    /// Whether its rows are the events; default: those of the first source are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fact: bool,
    /// `csv`, `parquet` or `ndjson`; default: by the file's extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<SourceFormat>,
    /// The character between two fields of a CSV file; default a comma.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// How text files spell characters; default `utf-8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<SourceEncoding>,
    /// How times kept as text are written, such as `%m/%d/%Y %H:%M`, or a list of such; default ISO
    /// 8601 and whole seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_format: Option<TimeFormats>,
    /// Texts that mean null in all columns, such as `NA`, compared as they are written; default only
    /// empty text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub null_values: Vec<String>,
    /// What becomes of rows that cannot be read: `error` (default) or `skip`, counted and shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad_rows: Option<BadRowsWord>,
}

/// How the bytes of a text file stand for characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceEncoding {
    /// With or without a byte order mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO 8859-1.
    #[serde(rename = "latin-1")]
    Latin1,
    /// Latin-1 with the quotation marks and the euro sign of Windows.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

/// What becomes of rows that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BadRowsWord {
    /// The first of them ends the run.
    Error,
    /// They are left out and counted.
    Skip,
}

/// One way to write a time, or several, tried in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a time format such as \"%m/%d/%Y %H:%M\", or a list of them"
)]
pub enum TimeFormats {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

/// The format of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceFormat {
    /// Comma-separated values with a header line.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// One JSON object a line.
    Ndjson,
}

/// `[columns]`: only `label` is required, and `time` unless the split is by column or hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnsConfig {
    /// Unique per row; without it the row number serves and duplicates are not looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Rows with the same id: `error` (default), or `keep_latest`.
    #[serde(default, skip_serializing_if = "Duplicates::is_error")]
    pub duplicates: Duplicates,
    /// `keep_latest`: the row with the greatest value of this column stays, of equals the later one;
    /// without it the later row stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicates_by: Option<String>,
    /// When the event happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// 1 fraud, 0 legitimate, null not known.
    pub label: String,
    /// When the label became known; null, or no such column: `time + label_delay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_time: Option<String>,
    /// The money at stake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
    /// Decimal places of the amounts that velocity features sum; default 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_decimals: Option<u8>,
    /// Cards, customers, accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entity: Vec<String>,
    /// What was decided at the time. A blocked row has no honest label: whatever its label says, it
    /// counts as not labelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// The decisions that mean blocked; without them the decision is a truth value, true is blocked.
    /// No decision is not blocked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<String>,
    /// How many rows of the population a row stands for. A row that a policy would have blocked, but
    /// let through to learn from, has the inverse of the share let through; a blocked row needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// East of UTC, `+02:00`; defines hour, night, weekday and day. Default `+00:00`.
    #[serde(default, skip_serializing_if = "UtcOffset::is_zero")]
    pub utc_offset: UtcOffset,
}

/// What to do with rows that share an id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// Refuse them.
    #[default]
    Error,
    /// Keep the latest: dumps that overlap hold a row more than once.
    KeepLatest,
}

impl Duplicates {
    fn is_error(&self) -> bool {
        *self == Self::Error
    }
}

/// `[calibrate]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CalibrateConfig {
    /// Default `auto`.
    pub method: CalibrationMethod,
}

/// How the calibrator is fitted on the calibrate window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CalibrationMethod {
    /// Isotonic from 1,000 frauds up, else Platt.
    #[default]
    Auto,
    /// A logistic curve.
    Platt,
    /// A monotone curve.
    Isotonic,
    /// Prior correction alone.
    None,
}

/// `[evaluate]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateConfig {
    /// An entity column: test rows of entities whose fraud was known by then are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_known_compromised: Option<String>,
    /// What one alert is: `cases`, an entity on a day with its best score, or `rows`; default `cases`
    /// with an entity column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_unit: Option<AlertUnit>,
    /// The entity column that cases and cards are counted by; default the first of `[columns] entity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_entity: Option<String>,
    /// Budgets of alerts a day that measures are taken at, Card Precision too; default `[100]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts_per_day: Vec<u32>,
    /// How sure the measures are.
    #[serde(skip_serializing_if = "IntervalsConfig::is_default")]
    pub intervals: IntervalsConfig,
}

/// Seconds east of UTC, written `+hh:mm` or `-hh:mm`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UtcOffset {
    /// Seconds east of UTC.
    pub secs: i32,
}

impl UtcOffset {
    fn is_zero(&self) -> bool {
        self.secs == 0
    }

    fn parse(text: &str) -> Option<Self> {
        let (sign, rest) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        if !two_digits(hours) || !two_digits(minutes) {
            return None;
        }
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours <= 18 && minutes < 60).then_some(Self { secs: sign * (hours * 60 + minutes) * 60 })
    }
}

impl std::fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.secs < 0 { '-' } else { '+' };
        let minutes = self.secs.abs() / 60;
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl Serialize for UtcOffset {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcOffset {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("expected an offset like \"+02:00\", found {text:?}"))
        })
    }
}

impl Config {
    /// The resolved configuration as JSON, without paths: what a run is known by.
    pub fn canonical_json(&self) -> String {
        let mut config = self.clone();
        for source in &mut config.sources {
            source.path = String::new();
        }
        serde_json::to_string(&config).expect("a configuration has no keys that JSON cannot hold")
    }

    /// The roles and names of the columns, for the artifact's provenance.
    pub fn column_roles(&self) -> Vec<(String, String)> {
        let columns = &self.columns;
        let one = |role: &str, name: &Option<String>| {
            name.iter().map(|name| (role.to_owned(), name.clone())).collect::<Vec<_>>()
        };
        let mut roles = one("id", &columns.id);
        roles.extend(one("time", &columns.time));
        roles.push(("label".to_owned(), columns.label.clone()));
        roles.extend(one("label_time", &columns.label_time));
        roles.extend(one("amount", &columns.amount));
        roles.extend(columns.entity.iter().map(|name| ("entity".to_owned(), name.clone())));
        roles.extend(one("decision", &columns.decision));
        roles.extend(one("weight", &columns.weight));
        roles
    }
}
