//! Champion and candidate: who is promoted, who is not, and what the gate says.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use super::naive::{Judged, assert_close, number};
use crate::project::{
    CONFIG, Csv, DISTANCE, Finished, Project, assert_says, blob, edited, many_transactions,
    transactions,
};

const CHAMPION: &str = "registry/models/cards/aliases/champion";
const CHALLENGER: &str = "registry/models/cards/aliases/challenger";

#[test]
fn an_older_as_of_is_published_and_never_promoted() {
    let project = Project::new();
    project.retrain("").expect(0);
    let champion = project.read(CHAMPION);
    let older = project.retrain("--as-of 2018-05-30").expect(5).json();
    assert_eq!((&older["verdict"], &older["version"]), (&"keep".into(), &2.into()));
    assert_says(text(&older["reason"]), &["2018-05-30", "2018-06-02", "older"]);
    assert_eq!(project.read(CHAMPION), champion);
    let challenger = project.read(CHALLENGER);
    assert!(challenger.starts_with(text(&older["artifact"])), "{challenger}");
    project.run(&format!("verify {}", blob("registry", &older["artifact"]))).expect(0);
}

#[test]
fn a_champion_that_saw_the_test_window_is_not_compared() {
    // Without a delay its calibrate window ends where the test window of the next one is long on.
    let project = Project::edited(&[("label_delay = \"7d\"", "label_delay = \"0d\"")]);
    project.retrain("").expect(0);
    project.write("fraud.toml", CONFIG);
    let kept = project.retrain("").expect(5).json();
    let parts = ["cannot be compared", "calibrate", "2018-05-26", "2018-05-19"];
    assert_says(text(&kept["reason"]), &parts);
}

#[test]
fn a_champion_that_needs_a_column_which_is_gone_is_not_compared() {
    let project = Project::new();
    project.retrain("--as-of 2018-05-28").expect(0);
    project.write("transactions.csv", Csv::parse(transactions()).without("DISTANCE").text());
    project.write("fraud.toml", edited(CONFIG, &[(DISTANCE, "")]));
    let kept = project.retrain("").expect(5).json();
    assert_says(text(&kept["reason"]), &["version 1 cannot be compared", "\"DISTANCE\""]);
}

#[test]
fn the_interval_of_the_difference_on_the_same_rows_decides() {
    let amounts = [
        (DISTANCE, ""),
        ("[[feature]]\ncolumn = \"CHANNEL\"\nkind = \"category\"\n", ""),
        ("[[feature]]\ncolumn = \"TX_DATETIME\"\nparts = [\"hour\", \"weekend\", \"night\"]\n", ""),
    ];
    let hours = [("[[feature]]\ncolumn = \"TX_AMOUNT\"\n", ""), amounts[0], amounts[1]];
    let mut findings = Vec::new();
    // Each reads columns that the other does not.
    for (champion, candidate) in [(amounts, hours), (hours, amounts)] {
        let project = Project::edited(&champion);
        project.write("transactions.csv", many_transactions());
        let first = project.retrain("--as-of 2018-05-28").expect(0).json();
        project.write("fraud.toml", edited(CONFIG, &candidate));
        let second = project.retrain("");
        let code = second.code;
        let second = second.json();

        let window = &second["windows"]["test"];
        let precision = |run: &Value| {
            let scored = project.predict(&blob("registry", &run["artifact"]));
            Judged::of(&scored, window).average_precision()
        };
        let (theirs, ours) = (precision(&first), precision(&second));
        assert_close(number(&second["champion"]["test"]["average_precision"]), theirs, "champion");
        let learner = text(&second["candidate"]);
        assert_close(number(&second["learners"][learner]["average_precision"]), ours, "candidate");
        let found = &second["gate"]["comparison"];
        assert_close(number(&found["difference"]), ours - theirs, "difference");
        let (low, high) = (number(&found["low"]), number(&found["high"]));
        let expected = match () {
            () if low > 0.0 => "better",
            () if low > -0.01 => "not_worse",
            () if high < -0.01 => "worse",
            () => "cannot_tell",
        };
        assert_eq!(text(&found["finding"]), expected);
        let promoted = ["better", "not_worse"].contains(&expected);
        let verdict = if promoted { ("promote", Some(0)) } else { ("keep", Some(5)) };
        assert_eq!((text(&second["verdict"]), code), verdict);
        let words = expected.replace('_', " ");
        let parts = [words.as_str(), &format!("{ours:.4}"), &format!("{theirs:.4}"), "smallest"];
        assert_says(text(&second["reason"]), &parts);
        let alias = if promoted { CHAMPION } else { CHALLENGER };
        assert!(project.read(alias).starts_with(text(&second["artifact"])));

        // `compare` sees what the gate saw, and the record keeps it.
        let (a, b) = (blob("registry", &first["artifact"]), blob("registry", &second["artifact"]));
        let compared = project
            .run(&format!(
                "compare {a} {b} fraud.toml --json --from {} --to {}",
                text(&window["from"]),
                text(&window["to"])
            ))
            .expect(0)
            .json();
        assert_eq!(&compared["comparison"], found);
        let shown = project.run("registry show cards 2 --registry registry --json").expect(0);
        assert_eq!(shown.json()["report"]["gate"], second["gate"]);
        findings.push(promoted);
    }
    assert_eq!(findings, [false, true]);
}

#[test]
fn a_run_that_lost_the_race_keeps_the_champion() {
    let project = Project::new();
    project.retrain("").expect(0);
    // As if killed before its promotion, while another run without a champion went on.
    fs::remove_file(project.path("registry/models/cards/events/00000002.json")).expect("removed");
    fs::remove_file(project.path(CHAMPION)).expect("removed");
    project.write("fraud.toml", edited(CONFIG, &[("max_depth = 8", "max_depth = 7")]));
    let other = project.retrain("").expect(0).json();
    assert_eq!((&other["version"], &other["verdict"]), (&2.into(), &"promote".into()));

    project.write("fraud.toml", CONFIG);
    let lost = project.retrain("").expect(5).json();
    assert_eq!((&lost["version"], &lost["verdict"]), (&1.into(), &"keep".into()));
    let parts = ["first version", "champion moved to version 2 since it was compared"];
    assert_says(text(&lost["reason"]), &parts);
    assert!(project.read(CHAMPION).starts_with(text(&other["artifact"])));
    assert!(project.read(CHALLENGER).starts_with(text(&lost["artifact"])));
    let before = project.registry_files("registry");
    assert_eq!(project.retrain("").expect(5).json(), lost);
    let said = project.run("retrain --config fraud.toml --registry registry").expect(5).stdout;
    assert_says(&said, &["verdict: keep the champion: first version", "moved to version 2"]);
    assert!(project.registry_files("registry") == before);
    let shown = project.run("registry show cards 1 --registry registry --json").expect(0).json();
    assert_eq!((&shown["verdict"], &shown["reason"]), (&lost["verdict"], &lost["reason"]));
    let record = project.read("registry/models/cards/versions/00000001.json");
    assert_says(&record, &["\"decision\": \"promote\""]);
}

#[test]
fn runs_at_once_leave_no_version_without_a_verdict() {
    let project = Project::new();
    let start = |depth: usize| {
        let config = edited(CONFIG, &[("max_depth = 8", &format!("max_depth = {depth}"))]);
        project.write(&format!("{depth}.toml"), config);
        let arguments = format!("retrain --config {depth}.toml --registry registry --json");
        let mut command = project.command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    };
    let started: Vec<_> = (5..8).map(start).collect();
    let mut versions = Vec::new();
    for child in started {
        let finished = Finished::of(child.wait_with_output().expect("it ends"));
        let code = finished.code;
        let run = finished.json();
        let shown = format!("registry show cards {} --registry registry --json", run["version"]);
        let shown = project.run(&shown).expect(0).json();
        assert_eq!((&shown["verdict"], &shown["reason"]), (&run["verdict"], &run["reason"]));
        let events = shown["events"].as_array().expect("a list");
        let promoted = events.iter().any(|event| event["kind"] == "promote");
        let challenger = events.iter().any(|event| event["alias"] == "challenger");
        match text(&run["verdict"]) {
            "promote" => assert_eq!((code, promoted, challenger), (Some(0), true, false)),
            // A slower run does not take the place of a newer challenger.
            _ => assert_eq!((code, promoted), (Some(5), false)),
        }
        versions.push(run["version"].as_u64().expect("a number"));
    }
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3]);
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("expected text, found {value}"))
}
