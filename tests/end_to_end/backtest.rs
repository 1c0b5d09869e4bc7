//! The weekly job replayed over history, held against the weekly job itself, dates counted by hand, and
//! runs that were killed.

use std::process::Stdio;

use serde_json::{Value, json};

use super::naive::{assert_close, number};
use crate::project::{CONFIG, Csv, Finished, Project, assert_says, edited, transactions};

/// Windows of days, so that five folds and the days after them fit into the data.
const SHORT: [(&str, &str); 3] = [
    ("label_delay = \"7d\"", "label_delay = \"2d\""),
    ("train = \"28d\"\ncalibrate = \"7d\"", "train = \"14d\"\ncalibrate = \"4d\""),
    ("test = \"7d\"", "test = \"4d\""),
];
const FOLDS: [&str; 5] = ["2018-05-01", "2018-05-05", "2018-05-09", "2018-05-13", "2018-05-17"];
/// Two learners that fit in no time, and what looks back: velocity, and a rate of past labels.
const LEARNERS: &str = r#"
[[feature]]
key = "CUSTOMER_ID"
mean = "TX_AMOUNT"
windows = ["1d", "7d"]

[[feature]]
key = "TERMINAL_ID"
rate = "label"
windows = ["7d", "30d"]
delay = "1d"

[[feature]]
column = "CHANNEL"
name = "channel_rate"
kind = "category"
encode = "rate"

[[learner]]
kind = "logistic"

[[learner]]
kind = "decision_tree"
"#;

fn config() -> String {
    let start = CONFIG.find("[[learner]]").expect("learners");
    edited(&CONFIG[..start], &SHORT) + LEARNERS
}

fn project() -> Project {
    let project = Project::new();
    project.write("fraud.toml", config());
    project
}

fn arguments(out: &str, last: &str) -> String {
    let first = FOLDS[0];
    format!("backtest --config fraud.toml --from {first} --to {last} --every 4d --out {out} --json")
}

fn folds(backtest: &Value) -> &Vec<Value> {
    backtest["folds"].as_array().expect("folds")
}

#[test]
fn a_fold_is_the_weekly_job_of_its_day() {
    let project = project();
    let found = project.run(&arguments("out", "2018-05-18")).expect(0).json();
    let as_ofs: Vec<&str> =
        folds(&found).iter().map(|fold| &fold["as_of"].as_str().expect("a time")[..10]).collect();
    assert_eq!(as_ofs, FOLDS);

    for fold in [&folds(&found)[0], &folds(&found)[3]] {
        let day = &fold["as_of"].as_str().expect("a time")[..10];
        let run = project.run(&format!(
            "retrain --config fraud.toml --registry registry-{day} --as-of {day} --json"
        ));
        let run = run.expect(0).json();
        let report = fold["report"].as_object().expect("a report");
        for key in report.keys() {
            assert_eq!(report[key], run[key], "{day}: {key}");
        }
        assert_eq!(fold["artifact"], run["artifact"], "{day}");
        let candidate = run["candidate"].as_str().expect("a learner");
        for (key, value) in fold["test"].as_object().expect("measures") {
            assert_eq!(value, &run["learners"][candidate][key], "{day}: {key}");
        }
    }
}

#[test]
fn windows_and_known_labels_are_those_of_a_calendar() {
    // A payment of 4 May whose label came to be known on the 10th, all others two days after.
    let mut csv = Csv::parse(transactions());
    csv.header.push("KNOWN".to_owned());
    csv.rows.iter_mut().for_each(|row| row.push(String::new()));
    let times = csv.column("TX_DATETIME");
    let late = times.iter().position(|time| time.starts_with("2018-05-04 1")).expect("a row");
    csv.set(late, "KNOWN", "2018-05-10 00:00:00");
    let project = Project::new();
    let role = ("label = \"TX_FRAUD\"\n", "label = \"TX_FRAUD\"\nlabel_time = \"KNOWN\"\n");
    project.write("fraud.toml", edited(&config(), &[role]));
    project.write("transactions.csv", csv.text());
    let found = project.run(&arguments("out", FOLDS[4])).expect(0).json();

    // Back from as-of: delay 2, test 4, delay 2, calibrate 4, train 14, its last 15 % (50.4 h) stop.
    let windows = &folds(&found)[2]["report"]["windows"];
    for (name, from, to) in [
        ("train", "2018-04-13T00:00:00Z", "2018-04-24T21:36:00Z"),
        ("stop", "2018-04-24T21:36:00Z", "2018-04-27T00:00:00Z"),
        ("calibrate", "2018-04-27T00:00:00Z", "2018-05-01T00:00:00Z"),
        ("test", "2018-05-03T00:00:00Z", "2018-05-07T00:00:00Z"),
    ] {
        let window = &windows[name];
        assert_eq!((&window["from"], &window["to"]), (&json!(from), &json!(to)), "{name}");
    }
    // The late label is of the window that holds 4 May, and known to the last fold alone.
    for (fold, window, not_known) in
        [(2, "test", 1), (3, "calibrate", 1), (4, "stop", 0), (4, "train", 0)]
    {
        let window = &folds(&found)[fold]["report"]["windows"][window];
        assert_eq!(window["unlabelled"]["not_known_in_time"], json!(not_known), "fold {fold}");
        let n_rows = csv.rows_in(window).len();
        assert_eq!(window["rows"], json!(n_rows - not_known), "fold {fold}");
    }
}

#[test]
fn what_a_killed_run_left_is_gone_on_with() {
    let project = project();
    let run = |out: &str, last: &str, threads: &str| {
        let mut command = project.command(&arguments(out, last));
        let output = command.env("RAYON_NUM_THREADS", threads).output().expect("it starts");
        Finished::of(output).expect(0)
    };
    let whole = run("whole", FOLDS[4], "2").stdout;
    let expected = project.files("whole");
    assert_eq!(expected.len(), 2 * FOLDS.len() + 2, "{:?}", expected.keys());

    // Killed after its first fold.
    let mut process = project
        .command(&arguments("killed", FOLDS[4]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    // Names alone: files on their way into place come and go.
    let has_result = || {
        let folds = std::fs::read_dir(project.path("killed/folds"));
        let mut names = folds.into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.any(|name| name.to_string_lossy().ends_with(".json"))
    };
    while !has_result() && process.try_wait().expect("a process").is_none() {
        std::thread::yield_now();
    }
    process.kill().expect("killed");
    process.wait().expect("ended");
    let again = run("killed", FOLDS[4], "1");
    assert_eq!(again.stdout, whole);
    assert_says(&again.stderr, &["of 5 folds were done before"]);
    let mut found = project.files("killed");
    found.retain(|name, _| expected.contains_key(name));
    assert!(found == expected, "a killed run leaves other bytes");

    // Ended earlier, then a model damaged, a result cut short, one lost.
    run("longer", FOLDS[2], "2");
    let damaged = |day: &str, extension: &str| {
        let names = project.files("longer").into_keys();
        let mut named = names.filter(|name| name.contains(day) && name.ends_with(extension));
        project.path("longer").join(named.next().expect("a file"))
    };
    std::fs::write(damaged(FOLDS[0], "shroff"), b"no model").expect("written");
    std::fs::write(damaged(FOLDS[1], "json"), b"{\"key\": ").expect("written");
    std::fs::remove_file(damaged(FOLDS[2], "json")).expect("removed");
    assert_eq!(run("longer", FOLDS[4], "2").stdout, whole);
    assert!(project.files("longer") == expected, "a repaired run leaves other bytes");
    // Other parameters are other folds, beside these.
    project.write("fraud.toml", edited(&config(), &[("\"7d\", \"30d\"", "\"7d\"")]));
    run("longer", FOLDS[0], "2");
    assert_eq!(project.files("longer").len(), expected.len() + 2);
}

#[test]
fn earlier_models_are_scored_on_later_days() {
    let project = project();
    let found = project.run(&arguments("out", FOLDS[4])).expect(0).json();
    let (first, last) = (&folds(&found)[0], &folds(&found)[4]);
    let name = project.files("out").into_keys().find(|name| name.contains("05-01-"));
    let name = name.expect("a model").replace(".json", ".shroff");
    let windows = &last["report"]["windows"]["test"];
    let [from, to] = ["from", "to"].map(|key| windows[key].as_str().expect("a time"));
    let evaluated = project
        .run(&format!("evaluate out/{name} transactions.csv --from {from} --to {to} --json"));
    let evaluated = evaluated.expect(0).json();
    let earlier = &last["earlier"][0];
    assert_eq!(earlier["as_of"], first["as_of"]);
    for key in ["rows", "frauds", "average_precision", "roc_auc", "log_loss"] {
        assert_eq!(earlier["test"][key], evaluated[key], "{key}");
    }
    assert_eq!(earlier["fresh"], last["test"]);

    // What the summary says of average precision, by hand from the folds.
    let precision = |measures: &Value| number(&measures["average_precision"]);
    let own: Vec<f64> = folds(&found).iter().map(|fold| precision(&fold["test"])).collect();
    let mean = own.iter().sum::<f64>() / 5.0;
    assert_close(number(&found["measures"]["average_precision"]["mean"]), mean, "mean");
    let ages: Vec<f64> = found["ages"].as_array().expect("ages").iter().map(age).collect();
    assert_eq!(ages, [-6.0, -2.0, 2.0, 6.0, 10.0]);
    let oldest = precision(&earlier["test"]) - precision(&last["test"]);
    assert_close(number(&found["ages"][4]["change"]["average_precision"]), oldest, "oldest");
    // Days from two after as-of on; every 8 days: half of them are scored by a model one fold older.
    let of =
        |window: usize, model: usize| precision(&folds(&found)[window]["earlier"][model]["test"]);
    let older = (of(3, 0) - of(3, 1) + of(4, 1) - of(4, 2)) / 2.0;
    let interval = &found["retrain_every"][1];
    assert_eq!((&interval["days"], &interval["n"]), (&json!(8.0), &json!(2)));
    assert_close(number(&interval["change"]["average_precision"]), older / 2.0, "every 8 days");

    let text = project.run(&arguments("out", FOLDS[4]).replace(" --json", "")).expect(0).stdout;
    assert_says(&text, &["2018-05-17", "mean", "how models age", "retrain every"]);
    let page = project.read("out/report.html");
    let signed = |change: f64| format!("{change:+.4}").replace('-', "−");
    let numbers = [format!("{mean:.4}"), signed(oldest), signed(older / 2.0)];
    assert_says(&page, &["How often to retrain", "How models age", "2018-05-17"]);
    assert_says(&page, &numbers.each_ref().map(String::as_str));
}

fn age(age: &Value) -> f64 {
    number(&age["days_after_as_of"])
}

#[test]
fn what_cannot_be_replayed_is_refused() {
    let project = project();
    let backtest = |arguments: &str| {
        project.run(&format!("backtest --config fraud.toml --out out {arguments}"))
    };
    let refused = backtest("--from 2018-05-09 --to 2018-05-01").expect(2);
    assert_says(&refused.stderr, &["--from 2018-05-09", "--to 2018-05-01"]);
    let refused = backtest("--from 2018-05-01 --to 2018-05-09 --every 0d").expect(2);
    assert_says(&refused.stderr, &["expected a span above 0"]);
    let refused = backtest("--from 2018-05-01 --to 2018-07-30").expect(2);
    assert_says(&refused.stderr, &["newest event", "end earlier"]);
    // Too early a fold is named.
    let refused = backtest("--from 2018-04-12 --to 2018-05-01").expect(3);
    assert_says(&refused.stderr, &["fold as of 2018-04-12", "window train"]);
    let bounds = "test = { from = 2018-05-03, to = 2018-05-07 }";
    project.write("fraud.toml", edited(&config(), &[("test = \"4d\"", bounds)]));
    let refused = backtest("--from 2018-05-09 --to 2018-05-09").expect(2);
    assert_says(&refused.stderr, &["[split] test", "duration"]);
}
