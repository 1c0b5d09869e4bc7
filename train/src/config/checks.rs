//! `[checks]`: what the data must be like before anything is fitted on it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Duration;
use crate::error::Error;

/// `[checks]`: limits that stand by themselves, and limits against the previous run's record of the
/// same model. Outside any of them nothing is fitted.
///
/// # Source
/// The defaults are meant to pass every ordinary table and to catch what is broken: a dump that did
/// not come, a feed of chargebacks that stopped, a column that went empty, a category that was
/// renamed. A daily business moves by tens of percent from week to week, a broken feed by orders of
/// magnitude; the factors lie between the two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChecksConfig {
    /// Look at all; default true.
    pub enabled: bool,
    /// The newest event may be so old at `as_of`; default `2d`, a dump of the day before and a day
    /// to spare. Without `--as-of` the newest event sets `as_of`, and is never old.
    pub max_age: Duration,
    /// Days without a row between the first event and the end of test; default none, provided that
    /// fewer than one day in ten is empty and the median day has 20 rows: else empty days are the
    /// habit of the business.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_empty_days: Option<u64>,
    /// Least rows on a day that has any; default no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_rows_per_day: Option<u64>,
    /// Most rows on a day; default no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rows_per_day: Option<u64>,
    /// Mean rows per day may grow or shrink by this factor since the previous run; default 3.
    pub max_rows_change: f64,
    /// Least share of frauds among the labelled rows of a window; default no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_fraud_rate: Option<f64>,
    /// Greatest share of frauds among the labelled rows of a window; default no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_fraud_rate: Option<f64>,
    /// The fraud rate of a window may grow or shrink by this factor since the previous run, and that
    /// of the last seven days of test shrink by it against all days before; default 5. Looked at
    /// only where 50 frauds would be expected, so that chance does not trip it.
    pub max_fraud_rate_change: f64,
    /// Greatest share of nulls in an input column, over all windows; default no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_null_rate: Option<f64>,
    /// The share of nulls of an input column in test may grow by so much since the previous run;
    /// default 0.2.
    pub max_null_rate_increase: f64,
    /// Greatest share of test rows whose category does not occur in train; default no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unseen_rate: Option<f64>,
    /// A category with this share of the rows of test may not have vanished or appeared since the
    /// previous run; default 0.1.
    pub max_category_change: f64,
    /// Limits for single columns, in place of those above.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, ColumnChecks>,
}

/// `[checks.columns.NAME]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColumnChecks {
    /// In place of `max_null_rate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_null_rate: Option<f64>,
    /// In place of `max_null_rate_increase`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_null_rate_increase: Option<f64>,
    /// In place of `max_unseen_rate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unseen_rate: Option<f64>,
    /// In place of `max_category_change`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_category_change: Option<f64>,
}

impl Default for ChecksConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            max_age: Duration::days(2),
            max_empty_days: None,
            min_rows_per_day: None,
            max_rows_per_day: None,
            max_rows_change: 3.0,
            min_fraud_rate: None,
            max_fraud_rate: None,
            max_fraud_rate_change: 5.0,
            max_null_rate: None,
            max_null_rate_increase: 0.2,
            max_unseen_rate: None,
            max_category_change: 0.1,
            columns: BTreeMap::new(),
        }
    }
}

impl ChecksConfig {
    /// Whether nothing differs from the defaults.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Proves every limit to be one, and every column to be an input.
    pub(super) fn check(&self, inputs: &[&str]) -> Result<(), Error> {
        for (key, factor) in [
            ("max_rows_change", self.max_rows_change),
            ("max_fraud_rate_change", self.max_fraud_rate_change),
        ] {
            if !(factor.is_finite() && factor > 1.0) {
                return Err(Error::config(format!(
                    "[checks] {key}: expected a factor above 1, found {factor}"
                )));
            }
        }
        let share = |place: &str, key: &str, share: Option<f64>| match share {
            Some(share) if !(0.0..=1.0).contains(&share) => Err(Error::config(format!(
                "{place} {key}: expected a share from 0 to 1, found {share}"
            ))),
            _ => Ok(()),
        };
        share("[checks]", "min_fraud_rate", self.min_fraud_rate)?;
        share("[checks]", "max_fraud_rate", self.max_fraud_rate)?;
        share("[checks]", "max_null_rate", self.max_null_rate)?;
        share("[checks]", "max_null_rate_increase", Some(self.max_null_rate_increase))?;
        share("[checks]", "max_unseen_rate", self.max_unseen_rate)?;
        share("[checks]", "max_category_change", Some(self.max_category_change))?;
        for (name, column) in &self.columns {
            let place = format!("[checks.columns.{name}]");
            if !inputs.contains(&name.as_str()) {
                return Err(Error::config(format!(
                    "{place}: expected a column that a feature reads ({}), found {name:?}",
                    inputs.join(", ")
                )));
            }
            share(&place, "max_null_rate", column.max_null_rate)?;
            share(&place, "max_null_rate_increase", column.max_null_rate_increase)?;
            share(&place, "max_unseen_rate", column.max_unseen_rate)?;
            share(&place, "max_category_change", column.max_category_change)?;
        }
        Ok(())
    }
}
