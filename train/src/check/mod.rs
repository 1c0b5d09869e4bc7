//! Checks before training: is the data what it was, and what it should be? Weekly incidents are
//! mostly faults of data, which a gate cannot see since both models share the bad rows.
//!
//! [`findings`] stop a run before anything is fitted, all of them at once; `warning` is what a
//! person should know and nothing stops for.

mod data;
pub(crate) mod warning;

pub use data::{ColumnSummary, DataSummary, RecentLabels, RowsPerDay};

use shroff_datasets::time::format_time;

use crate::config::{ChecksConfig, MICROS_PER_DAY};

/// Frauds that should be expected before a fraud rate is compared: below, chance moves it.
const MIN_EXPECTED_FRAUDS: f64 = 50.0;
/// Rows of the test window before shares of them are compared.
const MIN_ROWS: u64 = 200;
/// Empty days are a fault only on tables that hardly have any: fewer than this share of days.
const HABITUAL_EMPTY_SHARE: f64 = 0.1;
/// And whose median day has so many rows.
const MIN_MEDIAN_ROWS: u64 = 20;

/// The figures of the previous run, and which version it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Previous {
    /// Its version.
    pub version: u64,
    /// Its figures.
    pub data: DataSummary,
    /// Rows of its test window.
    pub test_rows: u64,
}

/// What lies outside the limits, one line each with the limit and its key; empty is sound.
/// `window_rows` are the labelled rows of each window.
pub fn findings(
    checks: &ChecksConfig,
    data: &DataSummary,
    as_of: Option<i64>,
    window_rows: &[(String, u64)],
    previous: Option<&Previous>,
) -> Vec<String> {
    let mut found = Vec::new();
    if !checks.enabled {
        return found;
    }
    check_age(checks, data, as_of, &mut found);
    check_days(checks, data, previous, &mut found);
    check_frauds(checks, data, window_rows, previous, &mut found);
    let test_rows =
        window_rows.iter().find(|(name, _)| name == "test").map_or(0, |(_, rows)| *rows);
    for (name, column) in &data.columns {
        let limits = Limits::of(checks, name);
        let before = previous.filter(|previous| previous.test_rows >= MIN_ROWS);
        let before = before.filter(|_| test_rows >= MIN_ROWS);
        let before =
            before.and_then(|p| p.data.columns.get(name).map(|column| (p.version, column)));
        check_column(&limits, name, column, before, &mut found);
    }
    found
}

fn check_age(
    checks: &ChecksConfig,
    data: &DataSummary,
    as_of: Option<i64>,
    found: &mut Vec<String>,
) {
    let (Some(newest), Some(as_of)) = (data.newest_event_micros, as_of) else { return };
    let age = as_of.saturating_sub(newest);
    if age > checks.max_age.micros() {
        found.push(format!(
            "the newest event is of {}, {:.1} days before as_of {}: expected at most {} (max_age); \
             is a dump missing?",
            format_time(newest),
            age as f64 / MICROS_PER_DAY as f64,
            format_time(as_of),
            checks.max_age
        ));
    }
}

fn check_days(
    checks: &ChecksConfig,
    data: &DataSummary,
    previous: Option<&Previous>,
    found: &mut Vec<String>,
) {
    let Some(days) = &data.rows_per_day else { return };
    let habitual = days.empty as f64 >= HABITUAL_EMPTY_SHARE * days.days as f64
        || days.median < MIN_MEDIAN_ROWS;
    let allowed = checks.max_empty_days.or((!habitual).then_some(0));
    if let Some(allowed) = allowed
        && days.empty > allowed
    {
        let more = if days.empty > days.empty_days.len() as u64 { ", …" } else { "" };
        found.push(format!(
            "{} of {} days have no rows ({}{more}): expected at most {allowed} (max_empty_days); is \
             a dump missing?",
            days.empty,
            days.days,
            days.empty_days.join(", ")
        ));
    }
    if let Some(least) = checks.min_rows_per_day.filter(|least| days.min < *least) {
        let (min, day) = (days.min, &days.min_day);
        found.push(format!("{min} rows on {day}: expected at least {least} (min_rows_per_day)"));
    }
    if let Some(most) = checks.max_rows_per_day.filter(|most| days.max > *most) {
        let (max, day) = (days.max, &days.max_day);
        found.push(format!("{max} rows on {day}: expected at most {most} (max_rows_per_day)"));
    }
    let before = previous.and_then(|p| p.data.rows_per_day.as_ref().map(|days| (p.version, days)));
    if let Some((version, before)) = before
        && changed(days.mean, before.mean, checks.max_rows_change)
    {
        found.push(format!(
            "{:.1} rows per day, {:.1} in version {version}: expected a change by at most a factor \
             of {} (max_rows_change)",
            days.mean, before.mean, checks.max_rows_change
        ));
    }
}

fn check_frauds(
    checks: &ChecksConfig,
    data: &DataSummary,
    window_rows: &[(String, u64)],
    previous: Option<&Previous>,
    found: &mut Vec<String>,
) {
    let factor = checks.max_fraud_rate_change;
    for (name, rate) in &data.fraud_rate {
        if let Some(least) = checks.min_fraud_rate.filter(|least| rate < least) {
            found.push(format!(
                "fraud rate {rate:.6} in {name}: expected at least {least} (min_fraud_rate)"
            ));
        }
        if let Some(most) = checks.max_fraud_rate.filter(|most| rate > most) {
            found.push(format!(
                "fraud rate {rate:.6} in {name}: expected at most {most} (max_fraud_rate)"
            ));
        }
        let before = previous.and_then(|p| Some((p.version, *p.data.fraud_rate.get(name)?)));
        let rows = window_rows.iter().find(|(window, _)| window == name).map_or(0, |(_, n)| *n);
        if let Some((version, before)) = before
            && before.max(*rate) * rows as f64 >= MIN_EXPECTED_FRAUDS
            && changed(*rate, before, factor)
        {
            found.push(format!(
                "fraud rate {rate:.6} in {name}, {before:.6} in version {version}: expected a change \
                 by at most a factor of {factor} (max_fraud_rate_change); do the labels still come?"
            ));
        }
    }
    let Some(labels) = data.recent_labels.filter(|labels| labels.rows > 0) else { return };
    let before = labels.frauds_before as f64 / labels.rows_before.max(1) as f64;
    let rate = labels.frauds as f64 / labels.rows as f64;
    if before * labels.rows as f64 >= MIN_EXPECTED_FRAUDS && rate * factor < before {
        found.push(format!(
            "fraud rate {rate:.6} in the last seven days of test ({} of {} rows), {before:.6} before: \
             expected it to fall by at most a factor of {factor} (max_fraud_rate_change); do the \
             labels still come?",
            labels.frauds, labels.rows
        ));
    }
}

/// The limits of one column.
struct Limits {
    max_null_rate: Option<f64>,
    max_null_rate_increase: f64,
    max_unseen_rate: Option<f64>,
    max_category_change: f64,
}

impl Limits {
    fn of(checks: &ChecksConfig, name: &str) -> Self {
        let own = checks.columns.get(name).cloned().unwrap_or_default();
        Self {
            max_null_rate: own.max_null_rate.or(checks.max_null_rate),
            max_null_rate_increase: own
                .max_null_rate_increase
                .unwrap_or(checks.max_null_rate_increase),
            max_unseen_rate: own.max_unseen_rate.or(checks.max_unseen_rate),
            max_category_change: own.max_category_change.unwrap_or(checks.max_category_change),
        }
    }
}

fn check_column(
    limits: &Limits,
    name: &str,
    column: &ColumnSummary,
    previous: Option<(u64, &ColumnSummary)>,
    found: &mut Vec<String>,
) {
    if let Some(most) = limits.max_null_rate.filter(|most| column.null_rate > *most) {
        let rate = column.null_rate;
        found.push(format!(
            "column {name:?}: {rate:.4} of the rows are null, expected at most {most} (max_null_rate)"
        ));
    }
    let unseen = column.unseen_rate.unwrap_or(0.0);
    if let Some(most) = limits.max_unseen_rate.filter(|most| unseen > *most) {
        found.push(format!(
            "column {name:?}: {unseen:.4} of the rows of test hold a category that train does not, \
             expected at most {most} (max_unseen_rate)"
        ));
    }
    let Some((version, before)) = previous else { return };
    let (now, then) = (column.null_rate_test, before.null_rate_test);
    if now - then > limits.max_null_rate_increase {
        found.push(format!(
            "column {name:?}: {now:.4} of the rows of test are null, {then:.4} in version {version}: \
             expected at most {} more (max_null_rate_increase)",
            limits.max_null_rate_increase
        ));
    }
    let (Some(now), Some(then)) = (&column.categories, &before.categories) else { return };
    let share = limits.max_category_change;
    for (from, to, what) in [(then, now, "vanished"), (now, then, "appeared")] {
        for (value, share_there) in from.iter().filter(|(_, there)| **there >= share) {
            // The lists are long enough that what is not among them has at most a twentieth.
            if to.contains_key(value) {
                continue;
            }
            found.push(format!(
                "column {name:?}: the category {value:?} {what} since version {version} (share of \
                 test {share_there:.4}): expected it to stay (max_category_change {share}); was it \
                 renamed?"
            ));
        }
    }
}

/// Whether one of two figures is more than `factor` times the other.
fn changed(now: f64, before: f64, factor: f64) -> bool {
    now > before * factor || before > now * factor
}

#[cfg(test)]
mod tests;
