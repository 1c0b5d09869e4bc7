//! Candidates that the gate must not let through, and one that it must.

use serde_json::Value;

use crate::project::{CONFIG, Csv, Project, assert_says, edited, many_transactions};

/// The test window of a candidate as of the end of the data begins here, its calibrate window a week
/// and the delay of labels before.
const TEST: &str = "2018-05-19";
const CALIBRATE: &str = "2018-05-05";

/// A champion as of the week before, and then other data and another configuration.
fn champion() -> Project {
    let project = Project::new();
    project.write("transactions.csv", many_transactions());
    project.retrain("--as-of 2018-05-28").expect(0);
    project
}

/// The transactions with the label of each row made of its time, its label and its place.
fn relabelled(label: impl Fn(&str, &str, usize) -> String) -> Csv {
    let mut table = Csv::parse(many_transactions());
    let at = |name: &str| table.header.iter().position(|column| column == name).expect("a column");
    let (time, fraud) = (at("TX_DATETIME"), at("TX_FRAUD"));
    for (place, row) in table.rows.iter_mut().enumerate() {
        row[fraud] = label(&row[time], &row[fraud], place);
    }
    table
}

fn is_fraud(label: &str) -> bool {
    ["1", "true"].contains(&label)
}

#[track_caller]
fn refused(project: &Project) -> Value {
    let run = project.retrain("--skip-checks").expect(5).json();
    assert_eq!(run["verdict"], "keep");
    let record = project.read("registry/models/cards/versions/00000002.json");
    assert_says(&record, &["\"decision\": \"keep\""]);
    run
}

#[test]
fn shuffled_labels_are_refused_and_force_is_in_the_audit_trail() {
    let project = champion();
    // Before the test window every label is that of another row.
    let labels: Vec<String> = {
        let table = Csv::parse(many_transactions());
        let fraud = table.header.iter().position(|column| column == "TX_FRAUD").expect("labels");
        table.rows.iter().map(|row| row[fraud].clone()).collect()
    };
    let shuffled = relabelled(|time, label, place| match time < TEST {
        true => labels[place * 7_919 % labels.len()].clone(),
        false => label.to_owned(),
    });
    project.write("transactions.csv", shuffled.text());
    let run = refused(&project);
    assert_eq!(run["gate"]["finding"], "worse", "{}", run["reason"]);
    assert_says(
        run["reason"].as_str().expect("text"),
        &["worse: average_precision", "margin 0.01"],
    );

    let forced = project.retrain("--skip-checks --force").expect(0).json();
    let flags = ["forced", "is_champion", "already_published"].map(|key| forced[key].clone());
    assert_eq!(flags, [true, true, true]);
    assert_eq!(forced["verdict"], "keep");
    let shown = project.run("registry show cards 2 --registry registry --json").expect(0).json();
    let events = shown["events"].as_array().expect("a list");
    let promoted: Vec<&Value> = events.iter().filter(|event| event["kind"] == "promote").collect();
    assert_eq!(promoted.len(), 1);
    let why = promoted[0]["why"].as_str().expect("text");
    assert_says(why, &["forced, although the gate said: worse"]);
    // Who rolled back since meant it: the same job forces nothing again.
    project.run("registry rollback cards --why worse --registry registry").expect(0);
    let again = project.retrain("--skip-checks --force").expect(0).json();
    assert_eq!((&again["forced"], &again["is_champion"]), (&true.into(), &false.into()));
}

#[test]
fn a_leak_that_vanishes_at_test_is_refused() {
    let project = champion();
    let mut table = relabelled(|_, label, _| label.to_owned());
    let at = |name: &str| table.header.iter().position(|column| column == name).expect("a column");
    let (time, fraud) = (at("TX_DATETIME"), at("TX_FRAUD"));
    table.header.push("REVIEWED".to_owned());
    for row in &mut table.rows {
        let leaks = row[time].as_str() < TEST && is_fraud(&row[fraud]);
        row.push(u8::from(leaks).to_string());
    }
    project.write("transactions.csv", table.text());
    // A tree asks for the leak and then for nothing else.
    let (features, _) = CONFIG.split_once("[[learner]]").expect("learners");
    let leak = "[[feature]]\ncolumn = \"REVIEWED\"\n\n[[learner]]\nkind = \"decision_tree\"\n";
    project.write("fraud.toml", format!("{features}{leak}"));
    let run = refused(&project);
    assert_eq!(run["gate"]["finding"], "worse", "{}", run["reason"]);
}

#[test]
fn calibration_that_is_off_is_refused() {
    let project = champion();
    // The feed of chargebacks stops for the calibrate window, all but a tenth.
    let kept = relabelled(|time, label, place| {
        let lost = (CALIBRATE..TEST).contains(&time) && place % 10 != 0;
        if lost && is_fraud(label) { "0".to_owned() } else { label.to_owned() }
    });
    project.write("transactions.csv", kept.text());
    let gate = "[gate]\nwhen_uncertain = \"promote\"\nmargin = 1.0\n";
    project.write("fraud.toml", format!("{CONFIG}\n{gate}"));
    // Ranked as well as the champion, and nothing else is asked for.
    let run = project.retrain("--skip-checks").expect(0).json();
    let observed = &run["learners"][run["candidate"].as_str().expect("a name")];
    assert!(observed["observed_over_expected"].as_f64().expect("a number") > 2.0, "{observed}");

    let project = champion();
    project.write("transactions.csv", kept.text());
    let limits = format!("{gate}observed_over_expected = [0.5, 2.0]\n");
    project.write("fraud.toml", format!("{CONFIG}\n{limits}"));
    let run = refused(&project);
    let parts = ["refused by [gate] observed_over_expected", "from 0.5 to 2 expected, found"];
    assert_says(run["reason"].as_str().expect("text"), &parts);
    assert_eq!(run["gate"]["refusals"][0]["limit"], "observed_over_expected");
}

#[test]
fn an_equal_candidate_passes_and_what_cannot_be_told_as_configured() {
    let project = Project::new();
    project.retrain("").expect(0);
    // The same model of a source by another name.
    let renamed = edited(CONFIG, &[("name = \"transactions\"", "name = \"payments\"")]);
    project.write("fraud.toml", renamed);
    let equal = project.retrain("").expect(0).json();
    assert_eq!((&equal["version"], &equal["gate"]["finding"]), (&2.into(), &"not_worse".into()));
    assert_eq!(equal["gate"]["comparison"]["difference"], 0.0);

    for (word, code, verdict) in [("keep", 5, "keep"), ("promote", 0, "promote")] {
        let project = champion();
        project.write("fraud.toml", format!("{CONFIG}\n[gate]\nwhen_uncertain = \"{word}\"\n"));
        let run = project.retrain("").expect(code).json();
        assert_eq!(
            (&run["gate"]["finding"], &run["verdict"]),
            (&"cannot_tell".into(), &verdict.into())
        );
    }
}

#[test]
fn limits_hold_for_a_first_version_and_slices_for_the_next() {
    let limit = "\n[gate]\nlimits = { roc_auc = 0.9999 }\n";
    let project = Project::new();
    project.write("fraud.toml", format!("{CONFIG}{limit}"));
    let first = project.retrain("").expect(5).json();
    let parts = ["first version", "refused by [gate] limits: roc_auc: expected at least 0.9999"];
    assert_says(first["reason"].as_str().expect("text"), &parts);
    assert_eq!(first["is_champion"], false);

    let project = champion();
    let slices = "\n[gate]\nslices = [\"CHANNEL\", \"TX_AMOUNT\"]\n";
    project.write("fraud.toml", format!("{CONFIG}{slices}"));
    let run = project.retrain("").json();
    let found = run["gate"]["slices"].as_array().expect("a list");
    assert!(!found.is_empty());
    let test = run["windows"]["test"]["frauds"].as_u64().expect("a number");
    for slice in found {
        let name = slice["slice"].as_str().expect("a name");
        assert!(name.starts_with("CHANNEL=") || name.starts_with("TX_AMOUNT="), "{name}");
        // All slices together miss as seldom as one interval.
        let miss = 1.0 - slice["confidence"].as_f64().expect("a number");
        assert!((miss - 0.05 / found.len() as f64).abs() < 1e-12 || test < 40, "{miss}");
    }
}
