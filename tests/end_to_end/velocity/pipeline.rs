//! Velocity features in the weekly job and in what is asked of its models.

use serde_json::{Value, json};

use crate::end_to_end::naive::number;
use crate::project::{CONFIG, Csv, Project, assert_says, edited, transactions};

const VELOCITY: &str = r#"
[[feature]]
key = "CUSTOMER_ID"
mean = "TX_AMOUNT"
windows = ["1d", "7d"]

[[feature]]
key = "CUSTOMER_ID"
ratio_to_mean = "TX_AMOUNT"
windows = ["30d"]

[[feature]]
key = "TERMINAL_ID"
rate = "label"
windows = ["7d", "30d"]
delay = "1d"

[[learner]]
kind = "logistic"
"#;
const LOGISTIC: &str = "[[learner]]\nkind = \"logistic\"\n";

pub(super) fn with_velocity() -> Project {
    let project = Project::new();
    project.write("fraud.toml", edited(CONFIG, &[(LOGISTIC, VELOCITY)]));
    project
}

/// The average precision that a report says.
fn precision(report: &Value) -> f64 {
    number(&report["average_precision"])
}

#[test]
fn the_weekly_job_and_its_model_agree_on_the_past() {
    let (raw, project) = (Project::new(), with_velocity());
    let without = raw.retrain("--as-of 2018-06-02").expect(0).json();
    let run = project.retrain("--as-of 2018-06-02").expect(0).json();
    // What is read for the past alone changes no count.
    for key in ["windows", "unlabelled_rows", "ignored_rows", "dropped_test_rows"] {
        assert_eq!(run[key], without[key], "{key}");
    }
    assert_eq!(run["data"]["rows_per_day"], without["data"]["rows_per_day"]);
    let (of, without) = (&run["learners"]["logistic"], &without["learners"]["logistic"]);
    assert!(precision(of) > precision(without) + 0.02, "{of}, {without}");

    project
        .run("train --config fraud.toml --learner logistic --out model.shroff --as-of 2018-06-02")
        .expect(0);
    let evaluated = project.run("evaluate model.shroff transactions.csv --window test --json");
    let evaluated = evaluated.expect(0).json();
    for key in ["average_precision", "roc_auc", "log_loss", "rows", "frauds"] {
        assert_eq!(evaluated[key], of[key], "{key}");
    }

    // Every row of a file is scored with what came before it, in whatever order it stands there.
    let scored = project.predict("model.shroff");
    let mut csv = Csv::parse(transactions());
    csv.rows.reverse();
    project.write("transactions.csv", csv.text());
    let mut backwards = project.predict("model.shroff");
    backwards.rows.reverse();
    assert_eq!(scored.rows, backwards.rows);
}

#[test]
fn explanations_and_timings_know_of_the_past() {
    let project = with_velocity();
    let reason = format!(
        "[[reason]]\ncode = \"R3\"\ntext = \"unlike before\"\nfeatures = [{:?}, {:?}]\n{VELOCITY}",
        "mean(TX_AMOUNT by CUSTOMER_ID, 1d)", "mean(TX_AMOUNT by CUSTOMER_ID, 7d)"
    );
    project.write("fraud.toml", edited(CONFIG, &[(LOGISTIC, &reason)]));
    let artifact = project.train("logistic");
    let scored = project.predict(&artifact);
    let (ids, margins) = (scored.column("TRANSACTION_ID"), scored.numbers("margin"));
    let arguments = format!("explain {artifact} transactions.csv --json --top 9");
    let mut n_reasons = 0;
    for row in (17..margins.len()).step_by(margins.len() / 3) {
        let report = project.run(&format!("{arguments} --row {}", row + 1)).expect(0).json();
        let explained = &report["rows"][0];
        assert_eq!(number(&explained["margin"]).to_bits(), margins[row].to_bits(), "row {row}");
        let by = |days| {
            number(&explained["contributions"][format!("mean(TX_AMOUNT by CUSTOMER_ID, {days})")])
        };
        let reasons = explained["reasons"].as_array().expect("reasons");
        let declared = reasons.iter().find(|reason| reason["code"] == "R3");
        let found = declared.map_or(0.0, |reason| number(&reason["contribution"]));
        assert!((found - (by("1d") + by("7d")).max(0.0)).abs() < 1e-12, "{explained}");
        n_reasons += usize::from(declared.is_some());
        let by_id = project.run(&format!("{arguments} --id {}", ids[row])).expect(0).json();
        assert_eq!(by_id["rows"][0]["contributions"], explained["contributions"]);
    }
    assert!(n_reasons > 0, "no row was unlike before");

    let timed = project.run(&format!("bench {artifact} transactions.csv --rounds 1 --json"));
    let timed = timed.expect(0).json();
    assert_eq!((&timed["rows"], &timed["rejected_rows"]), (&json!(16_384), &json!(0)));
}

#[test]
fn threads_change_no_byte() {
    let project = with_velocity();
    let artifact = |threads: &str| {
        let mut command =
            project.command("train --config fraud.toml --learner logistic --out model.shroff");
        let output = command.env("RAYON_NUM_THREADS", threads).output().expect("it starts");
        crate::project::Finished::of(output).expect(0);
        std::fs::read(project.path("model.shroff")).expect("an artifact")
    };
    let one = artifact("1");
    assert_eq!(one, artifact("3"));
    project.run("verify model.shroff").expect(0);
}

#[test]
fn without_labels_a_rate_knows_of_no_frauds() {
    let project = with_velocity();
    let artifact = project.train("logistic");
    let with = project.predict(&artifact);
    let unlabelled = Csv::parse(transactions()).without("TX_FRAUD");
    project.write("transactions.csv", unlabelled.text());
    let run =
        project.run(&format!("predict {artifact} transactions.csv --out scored.csv")).expect(0);
    assert_says(&run.stderr, &["TX_FRAUD", "know of no frauds"]);
    let without = Csv::parse(&project.read("scored.csv"));
    let (with, without) = (with.numbers("margin"), without.numbers("margin"));
    let n_changed = with.iter().zip(&without).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    assert!(0 < n_changed && n_changed < with.len(), "{n_changed} of {}", with.len());
    project.run(&format!("evaluate {artifact} transactions.csv --json")).expect(3);
}

#[test]
fn a_champion_with_another_past_is_compared_on_the_same_rows() {
    let project = with_velocity();
    project.retrain("--as-of 2018-06-01").expect(0);
    let narrower = edited(
        CONFIG,
        &[(LOGISTIC, VELOCITY), ("windows = [\"1d\", \"7d\"]", "windows = [\"1d\"]")],
    );
    project.write("fraud.toml", edited(&narrower, &[("test = \"7d\"", "test = \"3d\"")]));
    let finished = project.retrain("--as-of 2018-06-02");
    let run = finished.json();
    let champion = &run["champion"]["test"];
    let candidate = &run["learners"][run["candidate"].as_str().expect("a name")];
    assert_eq!(champion["rows"], candidate["rows"], "{}", run["reason"]);
    assert_ne!(champion["average_precision"], json!(null));
}
