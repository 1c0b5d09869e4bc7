//! Velocity features as declared: whose past, what of it, how far back; and the names they get.

mod check;
#[cfg(test)]
mod tests;
mod words;

pub use words::{ClosedWord, FilterConfig, FilterScalar, KeyConfig, LabelWord, WindowLength};

use std::fmt;

use serde::{Deserialize, Serialize};
use shroff_serve::features::window::MAX_WINDOW_MICROS;

use super::{Duration, FeatureConfig};

/// `[velocity]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VelocityConfig {
    /// So many events of an entity are kept exactly, for each `where`; of more, the older ones are put
    /// together, which blurs the edges of windows by less than 1/64 of their distance. Default 512.
    pub max_events: u32,
}

impl Default for VelocityConfig {
    fn default() -> Self {
        Self { max_events: 512 }
    }
}

impl VelocityConfig {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What is computed of the events in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeasureConfig<'a> {
    /// Their number.
    Count,
    /// The sum of an amount.
    Sum(&'a str),
    /// Its mean.
    Mean(&'a str),
    /// The greatest.
    Max(&'a str),
    /// The least.
    Min(&'a str),
    /// Its standard deviation.
    Std(&'a str),
    /// The number of different values of a column.
    Distinct(&'a str),
    /// The share of known frauds.
    FraudRate,
    /// The time since the latest.
    SecondsSinceLast,
    /// The event's own amount over their mean.
    RatioToMean(&'a str),
}

/// One velocity feature: a declaration with one of its windows.
///
/// Its name says all of it that is not the default: `count(CUSTOMER_ID, 7d)`,
/// `mean(TX_AMOUNT by CUSTOMER_ID, 30d)`, `distinct(MERCHANT by DEVICE+IP, all)`,
/// `fraud_rate(TERMINAL_ID, 1d, delay 7d, closed right)`,
/// `sum(TX_AMOUNT by CARD, 1h, where CHANNEL is web or app)`, `max(TX_AMOUNT by CARD, 1d, where 10 <=
/// TX_AMOUNT < 100)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VelocityFeature<'a> {
    /// What else is declared.
    pub config: &'a FeatureConfig,
    /// Whose past.
    pub key: &'a KeyConfig,
    /// What of it.
    pub measure: MeasureConfig<'a>,
    /// How far back.
    pub window: WindowLength,
}

/// In a name, stands for the window.
const WINDOW_PLACE: &str = "{window}";

impl FeatureConfig {
    /// Whether it is declared as velocity: any of the keys that only velocity has.
    pub fn is_velocity(&self) -> bool {
        self.key.is_some() || self.velocity_keys().next().is_some()
    }

    /// The velocity features it stands for, one a window; none where it is of another kind, or not
    /// sound.
    pub fn velocity(&self) -> Vec<VelocityFeature<'_>> {
        let (Some(key), Some((_, measure))) = (&self.key, self.measures().next()) else {
            return Vec::new();
        };
        let feature =
            |window: &WindowLength| VelocityFeature { config: self, key, measure, window: *window };
        self.windows.iter().map(feature).collect()
    }

    /// The measures declared, with their keys.
    fn measures(&self) -> impl Iterator<Item = (&'static str, MeasureConfig<'_>)> {
        use MeasureConfig as Measure;
        fn of<'a>(
            column: &'a Option<String>,
            measure: fn(&'a str) -> Measure<'a>,
        ) -> Option<Measure<'a>> {
            column.as_deref().map(measure)
        }
        [
            ("count", self.count.map(|_| Measure::Count)),
            ("sum", of(&self.sum, Measure::Sum)),
            ("mean", of(&self.mean, Measure::Mean)),
            ("max", of(&self.max, Measure::Max)),
            ("min", of(&self.min, Measure::Min)),
            ("std", of(&self.std, Measure::Std)),
            ("distinct", of(&self.distinct, Measure::Distinct)),
            ("rate", self.rate.map(|_| Measure::FraudRate)),
            ("seconds_since_last", self.seconds_since_last.map(|_| Measure::SecondsSinceLast)),
            ("ratio_to_mean", of(&self.ratio_to_mean, Measure::RatioToMean)),
        ]
        .into_iter()
        .filter_map(|(key, measure)| Some((key, measure?)))
    }

    /// The keys beside `key` that only velocity has and that are set.
    fn velocity_keys(&self) -> impl Iterator<Item = &'static str> {
        let others = [
            ("windows", !self.windows.is_empty()),
            ("delay", self.delay.is_some()),
            ("closed", self.closed.is_some()),
            ("where", self.filter.is_some()),
            ("amount_decimals", self.amount_decimals.is_some()),
        ];
        let others = others.into_iter().filter(|(_, set)| *set).map(|(key, _)| key);
        self.measures().map(|(key, _)| key).chain(others)
    }

    /// What is wrong with a declaration of velocity, looked at alone.
    pub(super) fn velocity_problem(&self) -> Option<String> {
        let Some(key) = &self.key else {
            let found: Vec<&str> = self.velocity_keys().collect();
            return Some(format!(
                "{} belong to velocity, which needs key = \"…\", the column that names the entity \
                 whose past is looked at",
                found.join(", ")
            ));
        };
        let others = [
            ("column", !self.column.is_empty()),
            ("columns", !self.columns.is_empty()),
            ("transform", self.transform.is_some()),
            ("unit", self.unit.is_some()),
            ("kind", self.kind.is_some()),
            ("encode", self.encode.is_some()),
            ("smoothing", self.smoothing.is_some()),
            ("parts", !self.parts.is_empty()),
        ];
        if let Some((other, _)) = others.into_iter().find(|(_, set)| *set) {
            return Some(format!(
                "velocity is of key, a measure and windows and takes no {other}; remove it, or give it \
                 a [[feature]] of its own"
            ));
        }
        key.problem()
            .or_else(|| self.measure_problem())
            .or_else(|| self.windows_problem())
            .or_else(|| self.filter.as_ref().and_then(FilterConfig::problem))
    }

    fn measure_problem(&self) -> Option<String> {
        let measures: Vec<(&str, MeasureConfig<'_>)> = self.measures().collect();
        let [(_, measure)] = measures.as_slice() else {
            let found: Vec<&str> = measures.iter().map(|(key, _)| *key).collect();
            let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
            return Some(format!(
                "expected one measure of count, sum, mean, max, min, std, distinct, rate, \
                 seconds_since_last and ratio_to_mean, found {found}; others take a [[feature]] of \
                 their own"
            ));
        };
        if self.count == Some(false) || self.seconds_since_last == Some(false) {
            return Some("count and seconds_since_last are true, or not there".to_owned());
        }
        match (measure.amount(), self.amount_decimals) {
            (None, Some(_)) => Some("amount_decimals belongs to a measure of an amount".to_owned()),
            (Some(_), Some(7..)) => Some("amount_decimals should be 0 to 6".to_owned()),
            _ if measure.column() == Some("") => {
                Some("the measure's column should have a name".to_owned())
            }
            _ => None,
        }
    }

    fn windows_problem(&self) -> Option<String> {
        if self.windows.is_empty() {
            return Some(
                "expected windows such as [\"1d\", \"7d\", \"30d\"], or [\"all\"] for all history, found \
                 none"
                .to_owned(),
            );
        }
        let too_long = |span: Duration| span.micros() > MAX_WINDOW_MICROS;
        if self.delay.is_some_and(too_long) {
            return Some("delay should be at most 3660d".to_owned());
        }
        for (position, window) in self.windows.iter().enumerate() {
            match window {
                WindowLength::Span(span) if span.micros() == 0 => {
                    return Some("a window should last longer than nothing".to_owned());
                }
                WindowLength::Span(span) if too_long(*span) => {
                    return Some(format!(
                        "a window should last at most 3660d, found {span}; \"all\" is all history"
                    ));
                }
                _ => {}
            }
            if self.windows[..position].contains(window) {
                return Some(format!("windows: {window} appears twice; remove one"));
            }
        }
        match &self.name {
            Some(name) if self.windows.len() > 1 && !name.contains(WINDOW_PLACE) => Some(format!(
                "name = {name:?} would serve {} windows; put {WINDOW_PLACE} in it, or leave it out",
                self.windows.len()
            )),
            _ => None,
        }
    }
}

impl VelocityFeature<'_> {
    /// The name of its own, or that of the declaration.
    pub fn name(&self) -> String {
        let window = self.window.to_string();
        match &self.config.name {
            Some(name) => name.replace(WINDOW_PLACE, &window),
            None => self.to_string(),
        }
    }

    /// The columns it reads, besides those of the roles.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let keys = self.key.columns().iter().map(String::as_str);
        let filter = self.config.filter.iter().map(|filter| filter.column.as_str());
        keys.chain(self.measure.column()).chain(filter)
    }

    /// Which end belongs to its windows.
    pub fn closed(&self) -> ClosedWord {
        self.config.closed.unwrap_or(ClosedWord::Left)
    }
}

impl fmt::Display for VelocityFeature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.measure.word())?;
        if let Some(column) = self.measure.column() {
            write!(f, "{column} by ")?;
        }
        write!(f, "{}, {}", self.key.columns().join("+"), self.window)?;
        if let Some(delay) = self.config.delay.filter(|delay| delay.micros() > 0) {
            write!(f, ", delay {delay}")?;
        }
        if self.closed() == ClosedWord::Right {
            f.write_str(", closed right")?;
        }
        if let Some(filter) = &self.config.filter {
            write!(f, ", where {filter}")?;
        }
        f.write_str(")")
    }
}

impl<'a> MeasureConfig<'a> {
    /// The column it computes on.
    pub fn column(self) -> Option<&'a str> {
        match self {
            Self::Distinct(column) => Some(column),
            _ => self.amount(),
        }
    }

    /// The column, where it is an amount.
    pub fn amount(self) -> Option<&'a str> {
        match self {
            Self::Sum(column)
            | Self::Mean(column)
            | Self::Max(column)
            | Self::Min(column)
            | Self::Std(column)
            | Self::RatioToMean(column) => Some(column),
            Self::Count | Self::Distinct(_) | Self::FraudRate | Self::SecondsSinceLast => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum(_) => "sum",
            Self::Mean(_) => "mean",
            Self::Max(_) => "max",
            Self::Min(_) => "min",
            Self::Std(_) => "std",
            Self::Distinct(_) => "distinct",
            // `rate(…)` is the name of a category's rate.
            Self::FraudRate => "fraud_rate",
            Self::SecondsSinceLast => "seconds_since_last",
            Self::RatioToMean(_) => "ratio_to_mean",
        }
    }
}
