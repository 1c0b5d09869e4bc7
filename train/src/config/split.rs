//! `[split]`: the windows `train | stop | calibrate | delay | test | delay | as_of`, or parts by a
//! column or a hash.

use serde::{Deserialize, Deserializer, Serialize};
use shroff_datasets::time::{format_time, parse_time};

use super::Duration;

/// `[split]`: durations are counted back from `as_of`, or windows give `from` and `to`; or rows go to
/// parts by a column or by a hash, which is not honest in time (see [`PartRule`](super::PartRule)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitConfig {
    /// How long after an event its label is known; default none.
    #[serde(default)]
    pub label_delay: Duration,
    /// A column that says which part a row belongs to: `train`, `stop`, `calibrate` or `test`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// A column whose hash says which part a row belongs to; the windows are then shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hash: Option<String>,
    /// The window that learners fit; absent only with `column`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<WindowConfig>,
    /// The window that chooses among learners; default the last 15 % of train's time;
    /// `"none"`: the first learner listed is the candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopConfig>,
    /// The window that feeds calibration, bands and reference histograms; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrate: Option<WindowConfig>,
    /// The window that judges, read once; absent only with `column`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<WindowConfig>,
    /// Fit again on train and stop once the choice is made; default true.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub refit: bool,
}

impl SplitConfig {
    /// Whether some rows choose among learners; in time they do unless told not to.
    pub fn has_stop(&self) -> bool {
        !matches!(self.stop, Some(StopConfig::None(_)))
    }
}

fn yes() -> bool {
    true
}

/// A span counted back from the window after it, or explicit bounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum WindowConfig {
    /// Its length.
    Length(Duration),
    /// From when to when.
    Bounds(Bounds),
    /// The share of all rows, above 0 and at most 1, with `by_hash`.
    Share(f64),
}

/// Explicit bounds of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Inclusive; default the first event (only for `train`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Instant>,
    /// Exclusive.
    pub to: Instant,
}

/// `stop`: a window, or none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum StopConfig {
    /// `"none"`
    None(NoWindow),
    /// A window of its own between train and calibrate.
    Window(WindowConfig),
}

/// The word `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoWindow {
    /// No such window.
    None,
}

/// A point in time: a date, a timestamp, or whole seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    /// Microseconds since 1970-01-01T00:00:00 UTC.
    pub micros: i64,
}

impl Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_time(self.micros))
    }
}

/// What TOML may hold where a window or an instant stands. Going by way of this value keeps the
/// error about the key that is wrong, which untagged enums lose.
fn toml_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<toml::Value, D::Error> {
    toml::Value::deserialize(deserializer)
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml_value(deserializer)?;
        let micros = match &value {
            toml::Value::Integer(secs) => secs.checked_mul(1_000_000),
            toml::Value::String(text) => parse_time(text),
            toml::Value::Datetime(datetime) => parse_time(&datetime.to_string()),
            _ => None,
        };
        micros.map(|micros| Self { micros }).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "expected a time like \"2018-07-25\" or \"2018-07-25T12:00:00Z\", found {value}"
            ))
        })
    }
}

impl<'de> Deserialize<'de> for WindowConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml_value(deserializer)?;
        let custom = |error: toml::de::Error| serde::de::Error::custom(error.message());
        match value {
            toml::Value::String(_) => value.try_into().map(Self::Length).map_err(custom),
            toml::Value::Table(_) => value.try_into().map(Self::Bounds).map_err(custom),
            toml::Value::Float(share) => Ok(Self::Share(share)),
            other => Err(serde::de::Error::custom(format!(
                "expected a span like \"7d\", {{ from = …, to = … }}, or with by_hash a share like \
                 0.2, found {other}"
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for StopConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml_value(deserializer)?;
        if value.as_str() == Some("none") {
            return Ok(Self::None(NoWindow::None));
        }
        let custom = |error: toml::de::Error| serde::de::Error::custom(error.message());
        value.try_into().map(Self::Window).map_err(custom)
    }
}
