//! The command line as scripts meet it: exit codes, what goes where, JSON, closed pipes.

use std::process::Stdio;

use serde_json::Value;

use crate::project::{CONFIG, Finished, Project, assert_says, blob, edited};

const VERBS: [&str; 19] = [
    "init", "simulate", "features", "snapshot", "retrain", "train", "backtest", "evaluate",
    "compare", "predict", "explain", "inspect", "verify", "drift", "parity", "keygen", "sign",
    "bench", "registry",
];

#[test]
fn help_and_version_are_results() {
    let project = Project::new();
    for arguments in ["--help", "--version"]
        .into_iter()
        .map(str::to_owned)
        .chain(VERBS.map(|verb| format!("{verb} --help")))
    {
        let run = project.run(&arguments).expect(0);
        assert!(!run.stdout.is_empty() && run.stderr.is_empty(), "{arguments}: {run:?}");
    }
    let help = project.run("--help").stdout;
    assert_says(&help, &VERBS);
    assert_says(&help, &["Exit codes", "5 the answer is no"]);
    let version = project.run("--version").stdout;
    assert_eq!(version, format!("shroff {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_is_exit_2_on_standard_error() {
    let project = Project::new();
    let artifact = project.train("logistic");
    for (arguments, parts) in [
        ("", vec!["Usage"]),
        ("retrian", vec!["retrian", "retrain"]),
        ("retrain", vec!["--config"]),
        ("retrain --config fraud.toml --demo", vec!["--demo", "--config"]),
        (
            "retrain --config fraud.toml --as-of yesterday",
            vec!["--as-of", "yesterday", "2018-08-22"],
        ),
        ("retrain --config fraud.toml --registri x", vec!["--registri", "--registry"]),
        ("retrain --config none.toml", vec!["none.toml"]),
        ("train --config fraud.toml --out x.shroff", vec!["--learner"]),
        (
            "train --config fraud.toml --learner nearest --out x.shroff",
            vec!["\"nearest\"", "logistic, decision_tree, random_forest"],
        ),
        ("evaluate", vec!["<MODEL>"]),
        (
            "evaluate ARTIFACT transactions.csv --window tset",
            vec!["\"tset\"", "train, stop, calibrate, test"],
        ),
        (
            "evaluate ARTIFACT transactions.csv --window test --from 2018-04-01",
            vec!["--window", "--from"],
        ),
        ("predict ARTIFACT transactions.csv", vec!["--out"]),
        ("explain ARTIFACT transactions.csv", vec!["at most 100 rows", "--row or --id"]),
        ("explain ARTIFACT transactions.csv --row 0", vec!["--row: expected 1 to", "found 0"]),
        ("explain ARTIFACT transactions.csv --id -7", vec!["\"-7\", which no row has"]),
        ("explain ARTIFACT transactions.csv --id none", vec!["\"TRANSACTION_ID\"", "no row has"]),
        ("explain ARTIFACT transactions.csv --id 7 --row 7", vec!["--id", "--row"]),
        (
            "predict ARTIFACT transactions.csv --out scored.txt",
            vec!["scored.txt", ".csv", ".parquet"],
        ),
        ("simulate --days 0 --out data", vec!["days is 0", "at least 1"]),
        ("simulate --format xml --out data", vec!["xml", "parquet, csv"]),
        ("registry promote cards 1", vec!["--why"]),
        ("snapshot --config fraud.toml --out x.state --registry r", vec!["--out", "--registry"]),
    ] {
        let run = project.run(&arguments.replace("ARTIFACT", &artifact)).expect(2);
        assert!(run.stdout.is_empty(), "{arguments}: {run:?}");
        assert_says(&run.stderr, &parts);
    }
    let names: Vec<String> = project.files(".").into_keys().collect();
    assert_eq!(names, ["fraud.toml", "logistic.shroff", "transactions.csv"]);
}

#[test]
fn standard_output_holds_the_result_alone() {
    let project = Project::new();
    // Rows without a label are noted, on standard error.
    let delay = ("label_delay = \"7d\"", "label_delay = \"2d\"");
    let known = ("label = \"TX_FRAUD\"\n", "label = \"TX_FRAUD\"\nlabel_time = \"LABEL_TIME\"\n");
    project.write("fraud.toml", edited(CONFIG, &[delay, known]));
    let run = project.retrain("").expect(0);
    assert!(run.json()["unlabelled_rows"].as_u64() > Some(0));
    assert_says(&run.stderr, &["note: "]);
    let artifact = blob("registry", &run.json()["artifact"]);
    for arguments in [
        format!("evaluate {artifact} transactions.csv --window test"),
        format!("inspect {artifact}"),
        format!("verify {artifact}"),
        format!("bench {artifact} --rounds 1"),
        format!("predict {artifact} transactions.csv --out scored.csv"),
        format!("explain {artifact} transactions.csv --row 7"),
        "simulate --days 9 --customers 9 --terminals 9 --out small".to_owned(),
        "registry list --registry registry".to_owned(),
        "registry show cards --registry registry".to_owned(),
        "registry audit --registry registry".to_owned(),
        "registry fsck --registry registry".to_owned(),
        "registry gc --registry registry --dry-run".to_owned(),
    ] {
        let text = project.run(&arguments).expect(0);
        let json = project.run(&format!("{arguments} --json")).expect(0);
        for run in [&text, &json] {
            assert!(!run.stdout.is_empty() && run.stderr.is_empty(), "{arguments}: {run:?}");
            assert!(!run.stdout.contains('\u{1b}'), "{arguments}: colours in a pipe");
        }
        assert!(json.json().is_object() && text.stdout != json.stdout, "{arguments}");
    }
}

#[test]
fn json_has_the_promised_keys() {
    const MEASURES: [&str; 8] = [
        "roc_auc",
        "average_precision",
        "log_loss",
        "brier",
        "recall_at_fpr_0.001",
        "recall_at_fpr_0.005",
        "recall_at_fpr_0.01",
        "observed_over_expected",
    ];
    let project = Project::new();
    let run = project.retrain("").expect(0).json();
    let learners = run["learners"].as_object().expect("an object");
    // In the order of the configuration.
    let expected = ["logistic", "decision_tree", "random_forest"];
    assert_eq!(learners.keys().collect::<Vec<_>>(), expected);
    for (name, key) in learners.keys().flat_map(|name| MEASURES.map(|key| (name, key))) {
        assert!(learners[name][key].is_f64(), "{name}.{key}: {}", learners[name][key]);
    }
    assert_eq!(run["verdict"], "promote");
    let candidate = run["candidate"].as_str().expect("a name");
    assert_eq!(run["artifact"], learners[candidate]["artifact"]);
    assert_eq!(run["artifact"].as_str().map(str::len), Some(64));
    for key in
        ["reason", "as_of", "run_key", "version", "windows", "is_champion", "already_published"]
    {
        assert!(!run[key].is_null(), "{key}");
    }
    let artifact = blob("registry", &run["artifact"]);
    let json = |arguments: &str| project.run(&format!("{arguments} --json")).expect(0).json();
    let evaluated = json(&format!("evaluate {artifact} transactions.csv --window test"));
    for key in MEASURES {
        assert!(evaluated[key].is_f64(), "{key}");
    }
    assert_eq!(evaluated["artifact"], run["artifact"]);
    let verified = json(&format!("verify {artifact}"));
    assert_eq!((&verified["sound"], &verified["artifact"]), (&Value::Bool(true), &run["artifact"]));
    // `train` comes to the same model.
    let trained =
        json(&format!("train --config fraud.toml --learner {candidate} --out own.shroff"));
    assert_eq!(
        trained["learners"][candidate]["average_precision"],
        learners[candidate]["average_precision"]
    );
    assert_eq!(trained["artifact"].as_str().map(str::len), Some(64));
}

#[test]
fn a_reader_that_went_away_has_seen_enough() {
    let project = Project::new();
    let artifact = project.train("logistic");
    for arguments in [
        "--help".to_owned(),
        format!("inspect {artifact}"),
        format!("inspect {artifact} --json"),
        format!("evaluate {artifact} transactions.csv"),
        "retrain --config fraud.toml --registry registry".to_owned(),
        "registry list --registry registry".to_owned(),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = project.command(&arguments);
        let output = command.stdout(writer).stderr(Stdio::piped()).output().expect("it starts");
        let run = Finished::of(output).expect(0);
        let error = run.stderr.lines().find(|line| !line.starts_with("note: "));
        assert_eq!(error, None, "{arguments}");
    }
}

#[test]
fn a_seed_gives_its_own_bytes_and_no_other_does() {
    let project = Project::new();
    for format in ["csv", "parquet"] {
        let simulate = |seed: u32, folder: &str, threads: &str| {
            let sizes = "--days 20 --customers 50 --terminals 60";
            let arguments =
                format!("simulate {sizes} --seed {seed} --format {format} --out {folder}");
            let mut command = project.command(&arguments);
            let output = command.env("RAYON_NUM_THREADS", threads).output().expect("it starts");
            Finished::of(output).expect(0);
            project.files(folder)
        };
        let first = simulate(7, &format!("{format}-a"), "2");
        assert_eq!(first.len(), 3, "transactions, customers, terminals");
        assert!(simulate(7, &format!("{format}-b"), "1") == first, "{format}");
        let other = simulate(8, &format!("{format}-c"), "2");
        assert!(first.iter().all(|(name, bytes)| other[name] != *bytes), "{format}");
    }
}
