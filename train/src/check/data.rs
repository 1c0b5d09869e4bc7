//! What a run's data was like: the figures that checks look at, kept in the record for the next run.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use shroff_datasets::time::format_time;
use shroff_datasets::{Column, Values};
use shroff_serve::schema::InputType;

use crate::config::{Config, MICROS_PER_DAY};
use crate::error::Error;
use crate::events::{Events, column_kind};
use crate::pipeline::Prepared;
use crate::program;

/// As many categories of a column are kept, the most frequent ones of test.
const TOP_CATEGORIES: usize = 20;

/// The figures of one run, `data` in its report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataSummary {
    /// Of the events from the start of train to the end of test; absent without times.
    pub rows_per_day: Option<RowsPerDay>,
    /// The newest event before `as_of`, microseconds UTC; absent without times.
    pub newest_event_micros: Option<i64>,
    /// Share of frauds among the labelled rows of each window, unweighted.
    pub fraud_rate: BTreeMap<String, f64>,
    /// The last seven days of test against all labelled rows before them; absent without times.
    pub recent_labels: Option<RecentLabels>,
    /// What each input column holds.
    pub columns: BTreeMap<String, ColumnSummary>,
}

/// Rows per local day, from the first whole day with an event to the last whole day of test.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RowsPerDay {
    /// Number of days.
    pub days: u64,
    /// Mean over all days.
    pub mean: f64,
    /// Least on a day that has any.
    pub min: u64,
    /// The first day with the least.
    pub min_day: String,
    /// Most on a day.
    pub max: u64,
    /// The first day with the most.
    pub max_day: String,
    /// Middle of all days, the lower one of two.
    pub median: u64,
    /// How many days have none.
    pub empty: u64,
    /// The first of them, at most five.
    pub empty_days: Vec<String>,
}

/// Matured labels lately and before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecentLabels {
    /// Labelled rows of the last seven days of test.
    pub rows: u64,
    /// Frauds among them.
    pub frauds: u64,
    /// Labelled rows of all windows before.
    pub rows_before: u64,
    /// Frauds among them.
    pub frauds_before: u64,
}

/// What an input column holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnSummary {
    /// Share of nulls over all windows, labelled rows.
    pub null_rate: f64,
    /// Share of nulls in train.
    pub null_rate_train: f64,
    /// Share of nulls in test.
    pub null_rate_test: f64,
    /// For categories and truth values: share of the rows of test for each of the most frequent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<BTreeMap<String, f64>>,
    /// The same values that are frequent in train, with their share there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories_train: Option<BTreeMap<String, f64>>,
    /// Share of the rows of test whose value is not null and does not occur in train.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen_rate: Option<f64>,
}

impl DataSummary {
    /// The figures of a run that is about to fit.
    pub(crate) fn of(config: &Config, prepared: &Prepared) -> Result<Self, Error> {
        let (events, split) = (&prepared.events, &prepared.split);
        let windows: Vec<(&str, &[usize])> = [
            ("train", split.train.as_slice()),
            ("stop", &split.stop),
            ("calibrate", &split.calibrate),
            ("test", &split.test),
        ]
        .into_iter()
        .filter(|(_, rows)| !rows.is_empty())
        .collect();
        let fraud_rate = |(name, rows): &(&str, &[usize])| {
            ((*name).to_owned(), n_frauds(events, rows) as f64 / rows.len() as f64)
        };
        let mut columns = BTreeMap::new();
        for (name, input_type) in program::inputs(config)? {
            let column = events.column(&name, column_kind(input_type));
            if let Some(column) = column.filter(|_| !columns.contains_key(&name)) {
                columns.insert(name, ColumnSummary::of(column, input_type, &windows));
            }
        }
        Ok(Self {
            rows_per_day: rows_per_day(config, prepared),
            newest_event_micros: events.times.iter().max().copied(),
            fraud_rate: windows.iter().map(fraud_rate).collect(),
            recent_labels: recent_labels(prepared, &windows),
            columns,
        })
    }
}

fn n_frauds(events: &Events, rows: &[usize]) -> u64 {
    rows.iter().filter(|row| events.labels[**row] == Some(true)).count() as u64
}

/// Counts whole days only: the edges of windows may cut one.
fn rows_per_day(config: &Config, prepared: &Prepared) -> Option<RowsPerDay> {
    let offset = i64::from(config.columns.utc_offset.secs) * 1_000_000;
    let day_of = |time: i64| time.saturating_add(offset).div_euclid(MICROS_PER_DAY);
    let windows = prepared.windows.as_ref()?;
    let (from, to) = (windows.train.from, windows.test.to);
    let times: Vec<i64> =
        prepared.events.times.iter().copied().filter(|time| from <= *time && *time < to).collect();
    let first = times.iter().min().copied()?;
    // The day of the first event is whole unless the window begins within it.
    let first = day_of(first).max(day_of(from.saturating_sub(1)).saturating_add(1));
    let last = day_of(to).saturating_sub(1);
    let n_days = usize::try_from(last.checked_sub(first)?.checked_add(1)?).ok()?;
    // More days than rows a hundredfold say nothing about dumps.
    if n_days == 0 || n_days > times.len().saturating_mul(100) {
        return None;
    }
    let mut counts = vec![0_u64; n_days];
    for time in &times {
        let day = usize::try_from(day_of(*time).saturating_sub(first)).ok();
        if let Some(count) = day.and_then(|day| counts.get_mut(day)) {
            *count += 1;
        }
    }
    Some(RowsPerDay::of(&counts, |day| {
        let midnight = first.saturating_add(day as i64).saturating_mul(MICROS_PER_DAY);
        format_time(midnight).chars().take(10).collect()
    }))
}

impl RowsPerDay {
    fn of(counts: &[u64], name: impl Fn(usize) -> String) -> Self {
        let total: u64 = counts.iter().sum();
        let filled = || counts.iter().copied().enumerate().filter(|(_, count)| *count > 0);
        let least = filled().min_by_key(|(_, count)| *count).unwrap_or_default();
        let most = filled().max_by_key(|(day, count)| (*count, std::cmp::Reverse(*day)));
        let most = most.unwrap_or_default();
        let empty = || (0..counts.len()).filter(|day| counts[*day] == 0);
        let mut sorted = counts.to_vec();
        sorted.sort_unstable();
        Self {
            days: counts.len() as u64,
            mean: total as f64 / counts.len().max(1) as f64,
            min: least.1,
            min_day: name(least.0),
            max: most.1,
            max_day: name(most.0),
            median: sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(0),
            empty: empty().count() as u64,
            empty_days: empty().take(5).map(name).collect(),
        }
    }
}

/// None where the split is not by time.
fn recent_labels(prepared: &Prepared, windows: &[(&str, &[usize])]) -> Option<RecentLabels> {
    let events = &prepared.events;
    let recent_from = prepared.windows.as_ref()?.test.to.saturating_sub(7 * MICROS_PER_DAY);
    let mut labels = RecentLabels::default();
    for (name, rows) in windows {
        for &row in *rows {
            let fraud = u64::from(events.labels[row] == Some(true));
            let recent = events.times.get(row).is_some_and(|time| *time >= recent_from);
            if *name == "test" && recent {
                labels.rows += 1;
                labels.frauds += fraud;
            } else {
                labels.rows_before += 1;
                labels.frauds_before += fraud;
            }
        }
    }
    Some(labels)
}

impl ColumnSummary {
    fn of(column: &Column, input_type: InputType, windows: &[(&str, &[usize])]) -> Self {
        let rows_of = |name: &str| {
            windows.iter().find(|(window, _)| *window == name).map_or(&[][..], |(_, rows)| rows)
        };
        let nulls = |rows: &[usize]| rows.iter().filter(|row| column.is_null(**row)).count();
        let rate = |rows: &[usize]| nulls(rows) as f64 / rows.len().max(1) as f64;
        let (train, test) = (rows_of("train"), rows_of("test"));
        let n_rows: usize = windows.iter().map(|(_, rows)| rows.len()).sum();
        let n_nulls: usize = windows.iter().map(|(_, rows)| nulls(rows)).sum();
        let mut summary = Self {
            null_rate: n_nulls as f64 / n_rows.max(1) as f64,
            null_rate_train: rate(train),
            null_rate_test: rate(test),
            ..Self::default()
        };
        if matches!(input_type, InputType::Text | InputType::Boolean) {
            let (in_train, in_test) = (counts(column, train), counts(column, test));
            let unseen = in_test.iter().filter(|(value, _)| !in_train.contains_key(*value));
            let n_unseen: usize = unseen.map(|(_, count)| count).sum();
            summary.unseen_rate = Some(n_unseen as f64 / test.len().max(1) as f64);
            summary.categories = Some(top(&in_test, test.len()));
            summary.categories_train = Some(top(&in_train, train.len()));
        }
        summary
    }
}

fn counts<'a>(column: &'a Column, rows: &[usize]) -> BTreeMap<&'a str, usize> {
    let known = || rows.iter().filter(|row| !column.is_null(**row));
    match column.values() {
        Values::Text(text) => {
            let mut counts = vec![0_usize; text.dictionary().len()];
            known().for_each(|row| counts[text.codes()[*row] as usize] += 1);
            let counted = text.dictionary().iter().map(String::as_str).zip(counts);
            counted.filter(|(_, count)| *count > 0).collect()
        }
        Values::Boolean(values) => {
            let n_true = known().filter(|row| values[**row]).count();
            let counted = [("true", n_true), ("false", known().count() - n_true)];
            counted.into_iter().filter(|(_, count)| *count > 0).collect()
        }
        _ => BTreeMap::new(),
    }
}

fn top(counts: &BTreeMap<&str, usize>, n_rows: usize) -> BTreeMap<String, f64> {
    let mut values: Vec<(&str, usize)> = counts.iter().map(|(value, n)| (*value, *n)).collect();
    // Stable: of equally frequent ones the first in byte order.
    values.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let kept: BTreeSet<&str> =
        values.iter().take(TOP_CATEGORIES).map(|(value, _)| *value).collect();
    let share =
        |(value, count): (&str, usize)| (value.to_owned(), count as f64 / n_rows.max(1) as f64);
    values.into_iter().filter(|(value, _)| kept.contains(value)).map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_by_hand() {
        let days = RowsPerDay::of(&[4, 0, 1, 7, 1, 0], |day| format!("day {day}"));
        let expected = RowsPerDay {
            days: 6,
            mean: 13.0 / 6.0,
            min: 1,
            min_day: "day 2".to_owned(),
            max: 7,
            max_day: "day 3".to_owned(),
            // 0 0 1 1 4 7
            median: 1,
            empty: 2,
            empty_days: vec!["day 1".to_owned(), "day 5".to_owned()],
        };
        assert_eq!(days, expected);
    }

    #[test]
    fn columns_are_counted_by_hand() {
        let text = ["a", "b", "a", "", "c", "c", "b", "c"].into_iter().collect();
        let null = |row: usize| row == 3;
        let column = Column::with_nulls(Values::Text(text), (0..8).map(null).collect());
        let windows: [(&str, &[usize]); 2] = [("train", &[0, 1, 2, 3]), ("test", &[4, 5, 6, 7])];
        let found = ColumnSummary::of(&column, InputType::Text, &windows);
        let share = |values: &[(&str, f64)]| {
            Some(values.iter().map(|(value, share)| ((*value).to_owned(), *share)).collect())
        };
        let expected = ColumnSummary {
            null_rate: 0.125,
            null_rate_train: 0.25,
            null_rate_test: 0.0,
            categories: share(&[("b", 0.25), ("c", 0.75)]),
            categories_train: share(&[("a", 0.5), ("b", 0.25)]),
            unseen_rate: Some(0.75),
        };
        assert_eq!(found, expected);
    }
}
