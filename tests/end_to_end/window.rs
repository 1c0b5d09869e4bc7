//! Windows: which rows each holds, and what is fitted on which.

use serde_json::{Value, json};

use crate::project::{Csv, Project, as_in_file, edited, transactions};

const SPLIT: &str = "train = \"28d\"\ncalibrate = \"7d\"\ntest = \"7d\"\n";

#[test]
fn windows_hold_the_rows_that_a_count_finds() {
    let project = Project::new();
    let run = project.retrain("").expect(0).json();
    let csv = Csv::parse(transactions());
    let found: Vec<(&str, String)> = ["train", "stop", "calibrate", "test"]
        .map(|name| (name, as_in_file(&run["windows"][name]["from"])))
        .to_vec();
    // From as_of 2018-06-02: 7 days of delay, 7 of test, 7 of delay, 7 of calibrate, 28 of train,
    // of which the last 15 %, 4 days 4 h 48 min, are stop.
    let starts = [
        "2018-04-07 00:00:00",
        "2018-04-30 19:12:00",
        "2018-05-05 00:00:00",
        "2018-05-19 00:00:00",
    ];
    assert!(found.iter().map(|(_, from)| from).eq(&starts), "{found:?}");
    for (name, window) in run["windows"].as_object().expect("windows") {
        let rows = csv.rows_in(window);
        let n_frauds = rows.iter().filter(|row| csv.is_fraud(**row)).count();
        assert_eq!(
            (&window["rows"], &window["frauds"]),
            (&json!(rows.len()), &json!(n_frauds)),
            "{name}"
        );
    }
    assert_eq!(run["unlabelled_rows"], json!(0));
}

#[test]
fn a_label_counts_from_the_time_it_was_known() {
    let project = Project::edited(&[
        ("label = \"TX_FRAUD\"\n", "label = \"TX_FRAUD\"\nlabel_time = \"LABEL_TIME\"\n"),
        ("label_delay = \"7d\"", "label_delay = \"2d\""),
    ]);
    // Some labels are not known at all, and some of those times are.
    let mut csv = Csv::parse(transactions());
    for row in (0..csv.rows.len()).step_by(97) {
        csv.set(row, "TX_FRAUD", "");
    }
    for row in (0..csv.rows.len()).step_by(89) {
        csv.set(row, "LABEL_TIME", "");
    }
    project.write("transactions.csv", csv.text());
    let run = project.retrain("").expect(0).json();
    let windows = &run["windows"];
    let test_start = as_in_file(&windows["test"]["from"]);
    let as_of = as_in_file(&run["as_of"]);
    let (times, labels) = (csv.column("TX_DATETIME"), csv.column("TX_FRAUD"));
    let known_at = csv.column("LABEL_TIME");
    let mut n_unlabelled = 0;
    let mut n_late_frauds = 0;
    for (name, window) in windows.as_object().expect("windows") {
        let cutoff = if name == "test" { &as_of } else { &test_start };
        // Without a time of its own, two days after the event.
        let is_known = |row: &usize| {
            let known = match known_at[*row] {
                "" => two_days_after(times[*row]),
                known => known.to_owned(),
            };
            !labels[*row].is_empty() && known.as_str() < cutoff.as_str()
        };
        let all = csv.rows_in(window);
        let rows: Vec<usize> = all.iter().copied().filter(is_known).collect();
        n_unlabelled += all.len() - rows.len();
        n_late_frauds += all.iter().filter(|row| csv.is_fraud(**row) && !is_known(row)).count();
        let n_frauds = rows.iter().filter(|row| csv.is_fraud(**row)).count();
        assert_eq!(
            (&window["rows"], &window["frauds"]),
            (&json!(rows.len()), &json!(n_frauds)),
            "{name}"
        );
    }
    assert_eq!(run["unlabelled_rows"], json!(n_unlabelled));
    assert!(n_late_frauds > 0, "no fraud was known too late: the test shows nothing");

    // Judged again later, the model's own windows hold the rows they held then.
    for name in ["train", "stop", "calibrate", "test"] {
        let arguments = format!("evaluate cards@champion fraud.toml --window {name} --json");
        let again = project.run(&arguments).expect(0).json();
        let counts = (&again["rows"], &again["frauds"]);
        assert_eq!(counts, (&windows[name]["rows"], &windows[name]["frauds"]), "{name}");
    }
}

fn two_days_after(time: &str) -> String {
    let (month, day) = (&time[5..7], time[8..10].parse::<u32>().expect("a day"));
    let days_in_month = if month == "05" { 31 } else { 30 };
    let (month, day) = match day + 2 {
        later if later > days_in_month => {
            (month.parse::<u32>().expect("a month") + 1, later - days_in_month)
        }
        later => (month.parse().expect("a month"), later),
    };
    format!("2018-{month:02}-{day:02}{}", &time[10..])
}

#[test]
fn what_is_fitted_on_which_window() {
    let predictions = |split: &str| {
        let project = Project::edited(&[(SPLIT, split)]);
        let run = project.retrain("").expect(0).json();
        let learners = ["logistic", "decision_tree", "random_forest"].map(|learner| {
            let scored = project.predict(&project.train(learner));
            scored.column("margin").join("\n") + &scored.column("probability").join("\n")
        });
        (learners, run)
    };
    let calibrate_and_test = "calibrate = { from = 2018-05-05, to = 2018-05-12 }\n\
        test = { from = \"2018-05-19\", to = \"2018-05-26T00:00:00Z\" }\n";
    let explicit = |train: &str| predictions(&format!("{train}{calibrate_and_test}"));
    let (default, run) = predictions(SPLIT);

    // The same windows, spelt out; without `from` train begins with the first event.
    let (spelt, _) = explicit("train = { from = 2018-04-07, to = 2018-05-05 }\n");
    assert!(spelt == default, "explicit bounds of the same windows");
    let (open, open_run) = explicit("train = { to = 2018-05-05 }\n");
    assert!(open != default);
    assert_eq!(
        open_run["windows"]["train"]["from"].as_str().map(|from| &from[..10]),
        Some("2018-04-01")
    );

    // The choice made, train and stop are fitted together ...
    let whole = "train = { from = 2018-04-07, to = 2018-05-05 }\nstop = \"none\"\n";
    let (together, no_stop) = explicit(whole);
    assert!(together == default, "refit is a fit of train and stop");
    // ... or, told otherwise, the fit of train alone stays.
    let (kept, kept_run) = predictions(&format!("{SPLIT}refit = false\n"));
    let alone = "train = { from = 2018-04-07, to = \"2018-04-30T19:12:00Z\" }\nstop = \"none\"\n";
    let (alone, _) = explicit(alone);
    assert!(kept == alone, "without refit, the fit of train alone");
    assert!(kept != default);

    // The candidate is the best on stop; without one, the first learner listed.
    let stop =
        |run: &Value, learner: &str| run["learners"][learner]["stop_average_precision"].as_f64();
    for run in [&run, &kept_run] {
        let best = ["logistic", "decision_tree", "random_forest"]
            .into_iter()
            .max_by(|a, b| stop(run, a).partial_cmp(&stop(run, b)).expect("numbers"));
        assert_eq!(run["candidate"].as_str(), best);
    }
    assert_eq!(run["candidate"], "decision_tree", "not the first one listed");
    assert_eq!(no_stop["candidate"], "logistic");
    assert_eq!(stop(&no_stop, "logistic"), None);
    assert!(no_stop["windows"]["stop"].is_null());
}

#[test]
fn a_stop_window_of_its_own_lies_between_train_and_calibrate() {
    let split = edited(SPLIT, &[("train = \"28d\"\n", "train = \"21d\"\nstop = \"7d\"\n")]);
    let project = Project::edited(&[(SPLIT, &split)]);
    let windows = project.retrain("").expect(0).json()["windows"].clone();
    let bounds =
        |name: &str| [as_in_file(&windows[name]["from"]), as_in_file(&windows[name]["to"])];
    assert_eq!(bounds("train"), ["2018-04-07 00:00:00", "2018-04-28 00:00:00"]);
    assert_eq!(bounds("stop"), ["2018-04-28 00:00:00", "2018-05-05 00:00:00"]);
}
