//! `drift`: silent on what the model was calibrated on, and on fewer rows of it; told of what changed. The
//! figures are those of loops over the scored file.

use serde_json::Value;

use crate::project::{Project, assert_says};

#[test]
fn drift_finds_what_changed_and_nothing_else() {
    let project = Project::new();
    let artifact = project.train("random_forest");
    let windows = project.run(&format!("inspect {artifact} --json")).expect(0).json();
    let windows = windows["windows"].as_array().expect("windows").clone();
    let calibrate = windows.iter().find(|window| window["name"] == "calibrate").expect("there");
    let bound = |key: &str| calibrate[key].as_str().expect("a time").to_owned();
    let (from, to) = (bound("from"), bound("to"));

    // The very rows of the reference: no difference at all.
    let same = format!("drift {artifact} transactions.csv --from {from} --to {to} --json");
    let same = project.run(&same).expect(0).json();
    assert_eq!(same["rows"], same["reference_rows"]);
    for feature in features(&same) {
        let name = &feature["name"];
        assert!(number(&feature["psi"]["value"]).abs() < 1e-12, "{name}");
        assert!(feature["ks"].is_null() || number(&feature["ks"]["value"]) < 1e-12, "{name}");
        assert_eq!(feature["missing"]["data"], feature["missing"]["reference"], "{name}");
    }
    for band in same["bands"].as_array().expect("bands") {
        let (data, before) = (number(&band["data"]), number(&band["reference"]));
        assert!((data - before).abs() < 1e-12, "{band}");
    }

    // Six hundred rows of it, hours and all: within what chance does.
    let scored = project.predict(&artifact);
    let window: Vec<usize> = scored.rows_in(calibrate);
    let mut few = scored.clone();
    few.rows = window.iter().step_by(4).map(|row| scored.rows[*row].clone()).collect();
    for column in ["margin", "probability", "band"] {
        few = few.without(column);
    }
    project.write("few.csv", few.text());
    let quiet = project.run(&format!("drift {artifact} few.csv")).expect(0);
    assert_says(&quiet.stdout, &["no drift", "margin", "block"]);

    // Amounts are thrice what they were, a third of the distances is lost, a channel is new.
    let mut changed = few.clone();
    for row in 0..changed.rows.len() {
        let amount: f64 = few.column("TX_AMOUNT")[row].parse().expect("a number");
        changed.set(row, "TX_AMOUNT", &format!("{:.2}", amount * 3.0));
        if row % 3 == 0 {
            changed.set(row, "DISTANCE", "");
        }
        if row % 4 == 0 {
            changed.set(row, "CHANNEL", "wallet");
        }
    }
    project.write("changed.csv", changed.text());
    let run = project.run(&format!("drift {artifact} changed.csv --json")).expect(5);
    let found = run.json();
    let by_name = |name: &str| {
        let features = features(&found);
        let feature = features.into_iter().find(|feature| feature["name"] == name);
        feature.unwrap_or_else(|| panic!("no {name} in {found}")).clone()
    };
    let drifted = |name: &str| by_name(name)["drifted"].to_string();
    assert_says(&drifted("TX_AMOUNT"), &["psi", "ks"]);
    assert_says(&drifted("DISTANCE"), &["missing"]);
    assert_says(&drifted("CHANNEL"), &["unseen"]);
    assert_eq!(drifted("TX_DATETIME.hour"), "[]");
    let n_rows = changed.rows.len();
    let lost = changed.column("DISTANCE").iter().filter(|value| value.is_empty()).count();
    let missing = number(&by_name("DISTANCE")["missing"]["data"]);
    assert!((missing - lost as f64 / n_rows as f64).abs() < 1e-12);
    let unseen = &by_name("CHANNEL")["unseen"];
    assert_eq!(unseen["rows"], n_rows.div_ceil(4));
    assert_eq!(unseen["examples"][0][0], "wallet");
    let text = project.run(&format!("drift {artifact} changed.csv")).expect(5).stdout;
    assert_says(&text, &["CHANNEL: unseen \"wallet\"", "drift: TX_AMOUNT: psi, ks"]);

    // The share of alerts, counted in the file that predict writes.
    let rerun = project.run(&format!("predict {artifact} changed.csv --out changed2.csv"));
    rerun.expect(0);
    let again = crate::project::Csv::parse(&project.read("changed2.csv"));
    let bands = again.column("band");
    let alerts = bands.iter().filter(|band| **band != "allow").count();
    let lowest = found["bands"].as_array().and_then(|bands| bands.last()).expect("bands");
    assert_eq!(lowest["name"], "review");
    assert!((number(&lowest["data"]) - alerts as f64 / n_rows as f64).abs() < 1e-12);
}

#[test]
fn drift_needs_a_reference_and_sound_limits() {
    let project = Project::edited(&[("calibrate = \"7d\"\n", "")]);
    let artifact = project.train("logistic");
    let run = project.run(&format!("drift {artifact} transactions.csv")).expect(2);
    assert_says(&run.stderr, &["no reference", "[split] calibrate"]);
    let run = project.run(&format!("drift {artifact} transactions.csv --alpha 2")).expect(2);
    assert_says(&run.stderr, &["between 0 and 1"]);
}

fn features(report: &Value) -> Vec<&Value> {
    report["features"].as_array().expect("features").iter().chain([&report["score"]]).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}
