//! Checks before training as a job at night meets them: faults of data stop a run before anything is
//! fitted, all of them at once; what only a person can judge is a warning.

use serde_json::Value;

use crate::project::{Csv, Project, assert_says, edited, transactions};

/// A project whose transactions are changed.
fn changed(change: impl FnOnce(&mut Csv)) -> Project {
    let project = Project::new();
    let mut csv = Csv::parse(transactions());
    change(&mut csv);
    project.write("transactions.csv", csv.text());
    project
}

/// Sets a column in the rows of a stretch of time, which ends before `to`.
fn set(csv: &mut Csv, (from, to): (&str, &str), column: &str, value: &str) {
    let times: Vec<String> = csv.column("TX_DATETIME").into_iter().map(str::to_owned).collect();
    let within =
        times.iter().enumerate().filter(|(_, time)| from <= time.as_str() && time.as_str() < to);
    within.for_each(|(row, _)| csv.set(row, column, value));
}

#[test]
fn the_record_holds_what_the_data_was_like() {
    let project = Project::new();
    let report = project.retrain("").expect(0).json();
    let data = &report["data"];
    let csv = Csv::parse(transactions());
    let days: Vec<&str> = csv.column("TX_DATETIME").iter().map(|time| &time[..10]).collect();
    let (from, to) = (&report["windows"]["train"]["from"], &report["windows"]["test"]["to"]);
    let bound = |time: &Value| time.as_str().expect("a time")[..10].to_owned();
    let (from, to) = (bound(from), bound(to));
    let mut counts = std::collections::BTreeMap::new();
    for day in days.iter().filter(|day| from.as_str() <= **day && **day < to.as_str()) {
        *counts.entry(*day).or_insert(0_u64) += 1;
    }
    let total: u64 = counts.values().sum();
    let per_day = &data["rows_per_day"];
    assert_eq!(per_day["days"], counts.len());
    assert_eq!(per_day["mean"].as_f64(), Some(total as f64 / counts.len() as f64));
    assert_eq!(per_day["min"].as_u64(), counts.values().min().copied());
    assert_eq!(per_day["max"].as_u64(), counts.values().max().copied());
    assert_eq!(per_day["empty"], 0);
    let window = csv.rows_in(&report["windows"]["test"]);
    let frauds = window.iter().filter(|row| csv.is_fraud(**row)).count();
    assert_eq!(data["fraud_rate"]["test"].as_f64(), Some(frauds as f64 / window.len() as f64));
    let channels = csv.column("CHANNEL");
    let online = window.iter().filter(|row| channels[**row] == "online").count();
    let channel = &data["columns"]["CHANNEL"];
    assert_eq!(channel["categories"]["online"].as_f64(), Some(online as f64 / window.len() as f64));
    assert_eq!(channel["null_rate"], 0.0);
    assert_eq!(data["columns"]["TX_AMOUNT"]["null_rate_test"], 0.0);
}

#[test]
fn faults_are_shown_together_and_nothing_is_published() {
    let project = Project::new();
    project.retrain("--as-of 2018-05-26").expect(0);
    let before = project.registry_files("registry");
    // A week later: a channel is renamed, distances come no more, a dump is missing.
    let mut csv = Csv::parse(transactions());
    set(&mut csv, ("2018-05-05", "2018-05-26"), "DISTANCE", "");
    let renamed: Vec<usize> = csv
        .column("CHANNEL")
        .iter()
        .enumerate()
        .filter(|(_, channel)| **channel == "online")
        .map(|(row, _)| row)
        .collect();
    renamed.into_iter().for_each(|row| csv.set(row, "CHANNEL", "web"));
    let position = csv.position("TX_DATETIME");
    csv.rows.retain(|row| !row[position].starts_with("2018-05-10"));
    project.write("transactions.csv", csv.text());
    let run = project.retrain("").expect(3);
    assert!(run.stdout.is_empty(), "{run:?}");
    assert_says(
        &run.stderr,
        &[
            "4 findings of the checks before training",
            "1 of 49 days have no rows (2018-05-10): expected at most 0 (max_empty_days)",
            "\"DISTANCE\": 1.0000 of the rows of test are null, 0.0599 in version 1",
            "the category \"online\" vanished since version 1",
            "the category \"web\" appeared since version 1",
            "--skip-checks",
        ],
    );
    assert!(project.registry_files("registry") == before, "something was published");
    // Whoever knows better says so, and it is written down.
    let run = project.retrain("--skip-checks");
    assert!(matches!(run.code, Some(0 | 5)), "{run:?}");
    assert_eq!(run.json()["checks"], "skipped");
    // Limits can be changed one by one, or all be turned off.
    let config = project.read("fraud.toml");
    let limits = "[checks]\nmax_empty_days = 1\n[checks.columns.CHANNEL]\nmax_category_change = 1.0\n\
                  [checks.columns.DISTANCE]\nmax_null_rate_increase = 1.0\n";
    for more in [limits, "[checks]\nenabled = false\n"] {
        project.write("fraud.toml", format!("{config}\n{more}"));
        let run = project.run("retrain --config fraud.toml --registry other --json").expect(0);
        assert!(run.json()["checks"].is_null());
    }
}

#[test]
fn a_feed_of_labels_that_stopped_is_found_within_the_run() {
    // One row in ten is a fraud until the feed stops; one in three hundred comes after.
    let project = changed(|csv| {
        let times: Vec<String> = csv.column("TX_DATETIME").into_iter().map(str::to_owned).collect();
        for (row, time) in times.iter().enumerate() {
            let every = if time.as_str() < "2018-05-19" { 10 } else { 300 };
            csv.set(row, "TX_FRAUD", if row % every == 0 { "true" } else { "false" });
        }
    });
    let run = project.retrain("").expect(3);
    assert_says(
        &run.stderr,
        &["1 finding", "in the last seven days of test", "do the labels still come?"],
    );
}

#[test]
fn an_old_newest_event_and_limits_of_its_own() {
    let project = Project::new();
    let run = project.retrain("--as-of 2018-06-05").expect(3);
    assert_says(&run.stderr, &["the newest event is of 2018-06-01", "(max_age)"]);
    let config = project.read("fraud.toml");
    project.write("fraud.toml", format!("{config}\n[checks]\nmax_age = \"7d\"\n"));
    project.retrain("--as-of 2018-06-05").expect(0);
    for (limits, parts) in [
        ("min_rows_per_day = 100000", vec!["(min_rows_per_day)"]),
        ("min_fraud_rate = 0.5", vec!["in train", "in test", "(min_fraud_rate)"]),
    ] {
        project.write("fraud.toml", format!("{config}\n[checks]\n{limits}\n"));
        assert_says(&project.retrain("").expect(3).stderr, &parts);
    }
    for (limits, part) in [
        ("max_nul_rate = 0.5", "did you mean `max_null_rate`?"),
        ("max_null_rate = 1.5", "expected a share from 0 to 1"),
        ("max_rows_change = 1.0", "expected a factor above 1"),
        ("[checks.columns.COLOUR]", "expected a column that a feature reads"),
    ] {
        project.write("fraud.toml", format!("{config}\n[checks]\n{limits}\n"));
        assert_says(&project.retrain("").expect(2).stderr, &[part]);
    }
}

#[test]
fn what_a_person_should_know_is_a_warning() {
    // A column that holds the label, and one that holds nothing.
    let mut csv = Csv::parse(transactions());
    for (row, fraud) in csv
        .column("TX_FRAUD")
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .into_iter()
        .enumerate()
    {
        csv.set(row, "TX_FRAUD_SCENARIO", if fraud == "true" { "9" } else { "0" });
        csv.set(row, "MERCHANT_CATEGORY", "7");
    }
    let columns = "[[feature]]\ncolumn = \"TX_FRAUD_SCENARIO\"\n\
                   [[feature]]\ncolumn = \"MERCHANT_CATEGORY\"\n[[learner]]";
    let project = Project::new();
    project.write("transactions.csv", csv.text());
    let config = project.read("fraud.toml");
    project.write("fraud.toml", edited(&config, &[("[[learner]]", columns)]));
    let run = project.retrain("").expect(0);
    let parts = [
        "the test window has",
        "feature \"TX_FRAUD_SCENARIO\" alone has a ROC AUC of 1.0000",
        "feature \"MERCHANT_CATEGORY\" is constant: 7 in all",
    ];
    assert_says(&run.stderr, &parts);
    let report = run.json();
    let warnings: Vec<&str> =
        report["warnings"].as_array().expect("an array").iter().filter_map(Value::as_str).collect();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    for (warning, part) in warnings.iter().zip(parts) {
        assert_says(warning, &[part]);
    }
}
