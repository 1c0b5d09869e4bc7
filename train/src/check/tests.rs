//! Each limit by hand: what lies at it passes, what lies beyond is said with its key.

use std::collections::BTreeMap;

use super::*;
use crate::config::{ColumnChecks, Duration};

/// Four weeks of 100 rows a day; train 1,600 rows, test 1,000, with 10 % frauds.
fn sound() -> DataSummary {
    let share = |values: &[(&str, f64)]| {
        Some(values.iter().map(|(value, share)| ((*value).to_owned(), *share)).collect())
    };
    let channel = ColumnSummary {
        null_rate: 0.1,
        null_rate_train: 0.1,
        null_rate_test: 0.1,
        categories: share(&[("web", 0.7), ("shop", 0.25), ("phone", 0.05)]),
        categories_train: share(&[("web", 0.7), ("shop", 0.3)]),
        unseen_rate: Some(0.05),
    };
    DataSummary {
        rows_per_day: Some(RowsPerDay {
            days: 28,
            mean: 100.0,
            min: 80,
            min_day: "2018-04-07".to_owned(),
            max: 120,
            max_day: "2018-04-08".to_owned(),
            median: 100,
            empty: 0,
            empty_days: Vec::new(),
        }),
        newest_event_micros: Some(0),
        fraud_rate: BTreeMap::from([("train".to_owned(), 0.1), ("test".to_owned(), 0.1)]),
        recent_labels: Some(RecentLabels {
            rows: 700,
            frauds: 70,
            rows_before: 1_900,
            frauds_before: 190,
        }),
        columns: BTreeMap::from([("CHANNEL".to_owned(), channel)]),
    }
}

fn rows() -> Vec<(String, u64)> {
    vec![("train".to_owned(), 1_600), ("test".to_owned(), 1_000)]
}

fn found(checks: &ChecksConfig, data: &DataSummary, before: &DataSummary) -> Vec<String> {
    let previous = Previous { version: 3, data: before.clone(), test_rows: 1_000 };
    findings(checks, data, Some(MICROS_PER_DAY), &rows(), Some(&previous))
}

#[track_caller]
fn says(found: &[String], parts: &[&str]) {
    assert_eq!(found.len(), parts.len(), "{found:?}");
    for (found, part) in found.iter().zip(parts) {
        assert!(found.contains(part), "expected {part:?} in {found:?}");
    }
}

#[test]
fn sound_data_passes_and_a_check_that_is_off_finds_nothing() {
    let checks = ChecksConfig::default();
    says(&found(&checks, &sound(), &sound()), &[]);
    let off = ChecksConfig { enabled: false, max_null_rate: Some(0.0), ..checks };
    says(&found(&off, &sound(), &DataSummary::default()), &[]);
}

#[test]
fn absolute_limits() {
    let checks = ChecksConfig {
        max_age: Duration::days(0),
        max_empty_days: Some(0),
        min_rows_per_day: Some(81),
        max_rows_per_day: Some(119),
        min_fraud_rate: Some(0.11),
        max_null_rate: Some(0.05),
        max_unseen_rate: Some(0.04),
        ..Default::default()
    };
    let parts = [
        "1.0 days before as_of 1970-01-02T00:00:00Z: expected at most 0d (max_age)",
        "80 rows on 2018-04-07: expected at least 81 (min_rows_per_day)",
        "120 rows on 2018-04-08: expected at most 119 (max_rows_per_day)",
        "fraud rate 0.100000 in test: expected at least 0.11 (min_fraud_rate)",
        "fraud rate 0.100000 in train: expected at least 0.11 (min_fraud_rate)",
        "column \"CHANNEL\": 0.1000 of the rows are null, expected at most 0.05 (max_null_rate)",
        "column \"CHANNEL\": 0.0500 of the rows of test hold a category that train does not",
    ];
    says(&found(&checks, &sound(), &sound()), &parts);
    let own = ColumnChecks {
        max_null_rate: Some(0.1),
        max_unseen_rate: Some(0.05),
        ..Default::default()
    };
    let columns = BTreeMap::from([("CHANNEL".to_owned(), own)]);
    let checks = ChecksConfig { columns, ..checks };
    says(&found(&checks, &sound(), &sound()), &parts[..5]);
}

#[test]
fn empty_days_are_a_fault_where_they_are_no_habit() {
    let with = |empty: u64, median: u64| {
        let mut data = sound();
        let days = data.rows_per_day.as_mut().unwrap();
        (days.empty, days.median) = (empty, median);
        days.empty_days = vec!["2018-04-10".to_owned()];
        data
    };
    let checks = ChecksConfig::default();
    let one = ["1 of 28 days have no rows (2018-04-10): expected at most 0 (max_empty_days)"];
    says(&found(&checks, &with(1, 20), &sound()), &one);
    says(&found(&checks, &with(1, 19), &sound()), &[]);
    says(&found(&checks, &with(2, 20), &sound()), &["2 of 28 days"]);
    // 3 of 28 are more than one in ten.
    says(&found(&checks, &with(3, 20), &sound()), &[]);
    let strict = ChecksConfig { max_empty_days: Some(2), ..checks };
    says(&found(&strict, &with(3, 20), &sound()), &["3 of 28 days"]);
}

#[test]
fn a_run_is_compared_with_the_one_before() {
    let checks = ChecksConfig::default();
    let mut now = sound();
    now.rows_per_day.as_mut().unwrap().mean = 300.0;
    says(&found(&checks, &now, &sound()), &[]);
    now.rows_per_day.as_mut().unwrap().mean = 301.0;
    says(&found(&checks, &now, &sound()), &["301.0 rows per day, 100.0 in version 3"]);
    says(&found(&checks, &sound(), &now), &["100.0 rows per day, 301.0 in version 3"]);

    // Fifty frauds expected: 1,000 rows of test at .05 before.
    let rate = |rate: f64| {
        let mut data = sound();
        data.fraud_rate = BTreeMap::from([("test".to_owned(), rate)]);
        data
    };
    let part = ["fraud rate 0.009900 in test, 0.050000 in version 3"];
    says(&found(&checks, &rate(0.0099), &rate(0.05)), &part);
    says(&found(&checks, &rate(0.01), &rate(0.05)), &[]);
    says(&found(&checks, &rate(0.001), &rate(0.049)), &[]);
    says(&found(&checks, &rate(0.3), &rate(0.05)), &["fraud rate 0.300000 in test"]);

    let mut now = sound();
    let column = now.columns.get_mut("CHANNEL").unwrap();
    column.null_rate_test = 0.31;
    column.categories =
        Some(BTreeMap::from([("online".to_owned(), 0.7), ("shop".to_owned(), 0.3)]));
    let parts = [
        "0.3100 of the rows of test are null, 0.1000 in version 3",
        "the category \"web\" vanished since version 3 (share of test 0.7000)",
        "the category \"online\" appeared since version 3 (share of test 0.7000)",
    ];
    says(&found(&checks, &now, &sound()), &parts);
    let own = ColumnChecks {
        max_null_rate_increase: Some(0.22),
        max_category_change: Some(0.8),
        ..Default::default()
    };
    let columns = BTreeMap::from([("CHANNEL".to_owned(), own)]);
    says(&found(&ChecksConfig { columns, ..checks }, &now, &sound()), &[]);
    // A first run has nothing to be compared with.
    let first = findings(&ChecksConfig::default(), &now, Some(MICROS_PER_DAY), &rows(), None);
    says(&first, &[]);
}

#[test]
fn labels_that_stopped_show_within_the_run() {
    let checks = ChecksConfig::default();
    let with = |rows: u64, frauds: u64| {
        let mut data = sound();
        let labels = data.recent_labels.as_mut().unwrap();
        (labels.rows, labels.frauds) = (rows, frauds);
        data
    };
    // A fifth of 10 % of 700 rows are 14 frauds.
    says(&found(&checks, &with(700, 14), &sound()), &[]);
    let part =
        ["fraud rate 0.018571 in the last seven days of test (13 of 700 rows), 0.100000 before"];
    says(&found(&checks, &with(700, 13), &sound()), &part);
    // Of 499 rows fewer than fifty frauds are expected.
    says(&found(&checks, &with(499, 0), &sound()), &[]);
}
