//! Parameters found by search: what is tried where, by the job itself; the same choice on any number of
//! threads, after a kill, and whatever the test window holds.

use std::fs;

use serde_json::{Value, json};

use super::naive::{assert_close, number};
use crate::project::{CONFIG, Csv, Finished, Project, assert_says, blob, edited, transactions};

const SHORT: [(&str, &str); 3] = [
    ("label_delay = \"7d\"", "label_delay = \"2d\""),
    ("calibrate = \"7d\"\n", ""),
    ("test = \"7d\"", "test = \"4d\""),
];
const LEARNERS: &str = r#"
[[learner]]
kind = "decision_tree"

[[learner]]
kind = "gbdt"
num_iterations = 30
early_stopping_rounds = 5
"#;
const SEARCH: &str = r#"
[search]
trials = 6
folds = 2
seed = 7

[search.space.decision_tree]
max_depth = { from = 2, to = 9 }

[search.space.gbdt]
learning_rate = { from = 0.05, to = 0.5, log = true }
max_depth = [2, 3, 4]
bagging_fraction = { from = 0.5, to = 1.0 }
"#;

fn config(search: &str) -> String {
    let start = CONFIG.find("[[learner]]").expect("learners");
    edited(&CONFIG[..start], &SHORT) + LEARNERS + search
}

fn project() -> Project {
    let project = Project::new();
    project.write("fraud.toml", config(SEARCH));
    project
}

/// As-of 2 June: test 27 to 30 May, train and stop 27 April to 24 May.
fn retrain(project: &Project, registry: &str, threads: &str) -> Finished {
    let arguments =
        format!("retrain --config fraud.toml --registry {registry} --as-of 2018-06-02 --json");
    let mut command = project.command(&arguments);
    Finished::of(command.env("RAYON_NUM_THREADS", threads).output().expect("it starts")).expect(0)
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

#[test]
fn halving_keeps_the_best_and_the_best_of_all_folds_is_fitted() {
    let project = project();
    let run = retrain(&project, "registry", "2").json();
    assert_eq!(run["search"]["folds"][0]["train"]["from"], json!("2018-05-01T00:00:00Z"));
    for name in ["decision_tree", "gbdt"] {
        let search = &run["search"]["learners"][name];
        let tried = list(&search["tried"]);
        let scores = |fold: usize| -> Vec<(usize, f64)> {
            let of = |(trial, tried): (usize, &Value)| {
                Some((trial, tried["average_precision"].get(fold)?.as_f64().expect("a number")))
            };
            tried.iter().enumerate().filter_map(of).collect()
        };
        // All six on the newest fold, the better three on the next.
        let (mut first, second) = (scores(0), scores(1));
        assert_eq!((first.len(), second.len()), (6, 3), "{search}");
        first.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let mut kept: Vec<usize> = first[..3].iter().map(|(trial, _)| *trial).collect();
        kept.sort_unstable();
        assert_eq!(second.iter().map(|(trial, _)| *trial).collect::<Vec<_>>(), kept, "{search}");
        let mean = |trial: usize| {
            let of = |fold| number(&tried[trial]["average_precision"][fold]);
            (of(0) + of(1)) / 2.0
        };
        let chosen = search["chosen"].as_u64().expect("a trial") as usize;
        assert!(kept.iter().all(|trial| mean(*trial) <= mean(chosen)), "{search}");
        assert_close(number(&search["average_precision"]), mean(chosen), name);
        assert_eq!(search["parameters"], tried[chosen]["parameters"]);
        assert_eq!(tried[0]["parameters"], json!({}));
    }

    // What is published was fitted with what was chosen.
    let artifact = blob("registry", &run["artifact"]);
    let inspected = project.run(&format!("inspect {artifact} --json")).expect(0).json();
    let parameters = inspected.to_string().replace('\\', "");
    let chosen = &run["search"]["learners"][run["candidate"].as_str().expect("a name")];
    for (key, value) in chosen["parameters"].as_object().expect("parameters") {
        assert_says(&parameters, &[&format!("\"{key}\":{value}")]);
    }
}

#[test]
fn a_fold_scores_what_the_job_scores_on_its_windows() {
    let project = project();
    let run = retrain(&project, "registry", "2").json();
    // The newest fold is judged on the last four days of stop; before them are two days of delay and what
    // is left of 28 days less two such windows: train of 18 days. Labels are known two days later.
    let small = edited(&config(""), &[("train = \"28d\"", "train = \"18d\"")]);
    for (fold, as_of) in [(0, "2018-05-27"), (1, "2018-05-23")] {
        project.write("small.toml", &small);
        let alone = project
            .run(&format!("retrain --config small.toml --registry r{fold} --as-of {as_of} --json"))
            .expect(0)
            .json();
        let windows = &run["search"]["folds"][fold];
        assert_eq!(windows["test"]["from"], alone["windows"]["test"]["from"]);
        assert_eq!(windows["train"]["to"], alone["windows"]["stop"]["to"]);
        for name in ["decision_tree", "gbdt"] {
            let tried = &run["search"]["learners"][name]["tried"][0]["average_precision"];
            match tried.get(fold) {
                Some(found) => {
                    assert_eq!(found, &alone["learners"][name]["average_precision"], "{name}");
                }
                // Halved away, but not before the first fold.
                None => assert!(fold > 0, "{name}"),
            }
        }
    }
}

#[test]
fn the_blend_of_the_best_trials_competes() {
    let project = project();
    project.write("fraud.toml", edited(&config(SEARCH), &[("folds = 2", "folds = 2\nblend = 2")]));
    let run = retrain(&project, "registry", "2").json();
    assert_eq!(run["search"]["learners"]["decision_tree"]["blend"], Value::Null);
    let search = &run["search"]["learners"]["gbdt"];
    let mean = |trial: &Value| {
        let found = trial["average_precision"].as_array().filter(|found| found.len() == 2)?;
        Some(found.iter().map(number).sum::<f64>() / 2.0)
    };
    let tried = list(&search["tried"]).iter();
    let mut best: Vec<(f64, &Value)> = tried.filter_map(|of| Some((mean(of)?, of))).collect();
    best.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let trials: Vec<&Value> = best[..2].iter().map(|(_, of)| &of["trial"]).collect();
    assert_eq!(list(&search["blend"]["trials"]).iter().collect::<Vec<_>>(), trials);

    // Declared by hand, and judged by the job on the windows of each fold.
    let mut declared = "\n[[learner]]\nkind = \"blend\"\n".to_owned();
    for (_, of) in &best[..2] {
        declared += "[[learner.members]]\nnum_iterations = 30\nearly_stopping_rounds = 5\n";
        for (key, value) in of["parameters"].as_object().expect("parameters") {
            declared += &format!("{key} = {value}\n");
        }
    }
    let start = CONFIG.find("[[learner]]").expect("learners");
    let small = edited(&CONFIG[..start], &SHORT) + &declared;
    project.write("small.toml", edited(&small, &[("train = \"28d\"", "train = \"18d\"")]));
    let judged = [(0, "2018-05-27"), (1, "2018-05-23")].map(|(fold, as_of)| {
        let arguments =
            format!("retrain --config small.toml --registry b{fold} --as-of {as_of} --json");
        let alone = project.run(&arguments).expect(0).json();
        number(&alone["learners"]["blend"]["average_precision"])
    });
    let blend = number(&search["blend"]["average_precision"]);
    assert_close(blend, (judged[0] + judged[1]) / 2.0, "blend");

    // What is better is what is fitted.
    let is_better = blend > number(&search["average_precision"]);
    assert_eq!(search["learner"]["kind"], json!(if is_better { "blend" } else { "gbdt" }));
    let artifact = blob("registry", &run["learners"]["gbdt"]["artifact"]);
    let inspected = project.run(&format!("inspect {artifact} --json")).expect(0).json();
    let provenance = inspected.to_string().replace('\\', "");
    assert_eq!(provenance.contains("\"kind\":\"blend\""), is_better);
}

#[test]
fn the_choice_depends_on_the_seed_and_on_no_test_row() {
    let project = project();
    let first = retrain(&project, "first", "2");
    assert_eq!(retrain(&project, "one-thread", "1").stdout, first.stdout);
    let search = first.json()["search"].take();

    // Everything from the first test row on is turned around: labels, amounts, channels.
    let mut csv = Csv::parse(transactions());
    let rows: Vec<usize> = (0..csv.rows.len())
        .filter(|row| csv.column("TX_DATETIME")[*row] >= "2018-05-27")
        .collect::<Vec<_>>();
    assert!(rows.len() > 1_000);
    let labels = ["false", "true"];
    for (n, row) in rows.into_iter().enumerate() {
        csv.set(row, "TX_FRAUD", labels[usize::from(n % 3 == 0)]);
        csv.set(row, "TX_AMOUNT", &format!("{}.5", n % 700));
        csv.set(row, "CHANNEL", "pigeon");
    }
    project.write("transactions.csv", csv.text());
    let checks = "\n[checks]\nenabled = false\n";
    project.write("fraud.toml", config(SEARCH) + checks);
    let other = retrain(&project, "other-test", "2").json();
    assert_ne!(other["learners"], first.json()["learners"]);
    assert_eq!(other["search"], search);

    project.write("transactions.csv", transactions());
    project.write("fraud.toml", edited(&config(SEARCH), &[("seed = 7", "seed = 8")]));
    let seeded = retrain(&project, "other-seed", "2").json();
    assert_ne!(seeded["search"]["learners"]["gbdt"]["tried"], search["learners"]["gbdt"]["tried"]);
}

#[test]
fn a_killed_search_goes_on_and_the_clock_is_repeated_by_trials() {
    let project = project();
    let whole = retrain(&project, "whole", "2").stdout;
    let (name, log) = project.files("whole/search").into_iter().next().expect("a log");
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    // Six and three fits of each learner.
    assert_eq!(lines.len(), 18);
    // Killed within the eighth line.
    let mut torn = lines[..7].concat();
    torn.extend(&lines[7][..20]);
    fs::create_dir_all(project.path("killed/search")).expect("a folder");
    project.write(&format!("killed/search/{name}"), torn);
    assert_eq!(retrain(&project, "killed", "2").stdout, whole);
    let gone_on = &project.files("killed/search")[&name];
    assert!(gone_on.starts_with(&lines[..7].concat()));
    assert_eq!(gone_on.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count(), 19);

    // By the clock at least one bracket of 16 is tried, here no more.
    let of = |budget: &str| {
        project.write("fraud.toml", edited(&config(SEARCH), &[("trials = 6", budget)]));
        retrain(&project, &budget.replace([' ', '=', '.'], ""), "2").json()["search"].take()
    };
    let by_clock = of("minutes = 0.00001");
    assert_eq!(by_clock["learners"]["gbdt"]["trials"], json!(16));
    assert_eq!(of("trials = 16"), by_clock);
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let project = project();
    for (edit, parts) in [
        (("folds = 2", "fold = 2"), ["unknown field `fold`", "did you mean `folds`?"]),
        (("trials = 6", ""), ["[search]", "either trials or minutes"]),
        (("trials = 6", "trials = 0"), ["[search] trials", "found 0"]),
        (("max_depth = [2, 3, 4]", "max_depht = [2]"), ["space.gbdt max_depht", "\"max_depth\"?"]),
        (("max_depth = [2, 3, 4]", "max_depth = [2, 99]"), ["space.gbdt max_depth", "99"]),
        (("from = 0.05, to", "form = 0.05, to"), ["unknown field `form`", "did you mean `from`?"]),
        (("space.gbdt", "space.gdbt"), ["expected a learner (decision_tree, gbdt)", "\"gdbt\""]),
        (("folds = 2", "folds = 9"), ["train and stop are 28.0 days", "9 windows of 4d"]),
        (
            ("folds = 2", "folds = 2\nblend = 4"),
            ["[search] blend: expected 2 to 3", "left of 6 trials on the last of 2 folds, found 4"],
        ),
        (
            (
                "[search.space.decision_tree]\nmax_depth = { from = 2, to = 9 }",
                "[search.space.decision_tree]",
            ),
            ["[search]: there is nothing to draw for \"decision_tree\"", "or leave it out"],
        ),
        (
            ("folds = 2", "folds = 2\nblend = 2\nlearners = [\"decision_tree\"]"),
            ["[search] blend", "kind \"gbdt\" that is searched"],
        ),
    ] {
        project.write("fraud.toml", edited(&config(SEARCH), &[edit]));
        let refused = project.retrain("--as-of 2018-06-02").expect(2);
        assert_says(&refused.stderr, &parts);
    }
}
