//! `shroff init` and then `retrain`, unedited, where the configuration needs times in formats of
//! their own, rows that are skipped, or a split by hash.

use std::fmt::Write;

use crate::project::{Finished, Project, assert_says};

/// An empty folder to work in.
fn folder() -> Project {
    let project = Project::new();
    std::fs::remove_file(project.path("fraud.toml")).expect("the configuration");
    project
}

/// `init` and `retrain` on the result.
#[track_caller]
fn through(project: &Project, arguments: &str) -> (String, Finished) {
    project.run(&format!("init {arguments} --force")).expect(0);
    (project.read("fraud.toml"), project.retrain("").expect(0))
}

/// Applications: 1,200 rows, every sixth a fraud, with `extra` in front of each line.
fn applications(header: &str, extra: impl Fn(u32) -> String) -> String {
    let mut text = format!("{header},income,branch,fraud\n");
    for n in 0..1_200_u32 {
        let fraud = (n * 5 + n / 6) % 6 == 0;
        let income = n * 7 % 500 + if fraud { 0 } else { 80 };
        let branch = ["north", "south", "west"][(n * 11 % 3) as usize];
        let _ = writeln!(text, "{},{income},{branch},{}", extra(n), u8::from(fraud));
    }
    text
}

#[test]
fn without_a_time_rows_are_split_by_the_hash_of_the_id() {
    let project = folder();
    project.write("a.csv", applications("application_id", |n| format!("A{n}")));
    let (config, run) = through(&project, "a.csv --label fraud");
    assert_says(&config, &["by_hash = \"application_id\"", "train = 0.6", "not\n# honest in time"]);
    assert_says(
        &config,
        &["# left out: application_id", "column = \"branch\"\nkind = \"category\""],
    );
    assert!(run.json()["windows"]["test"]["rows"].as_u64() > Some(100));
}

#[test]
fn times_of_another_shape_and_stray_values() {
    let project = folder();
    let at = |n: u32| format!("1/{}/2021 {}:05", n / 40 + 1, n % 24);
    let text = applications("when,score", |n| {
        format!(
            "{},{}",
            at(n),
            if n == 700 { "n/a".to_owned() } else { (n * 13 % 100).to_string() }
        )
    });
    project.write("a.csv", text);
    let (config, run) = through(&project, "a.csv --label fraud --time when");
    assert_says(
        &config,
        &["time_format = \"%m/%d/%Y %H:%M\"", "bad_rows = \"skip\"", "# 1 row or more"],
    );
    // The stray value costs its row wherever the model reads the file, and is counted.
    let run = run.json();
    let artifact = crate::project::blob("registry", &run["artifact"]);
    let scored = format!("predict {artifact} fraud.toml --out scored.csv --json");
    let scored = project.run(&scored).expect(0).json();
    assert_eq!((scored["rows"].as_u64(), scored["skipped_rows"].as_u64()), (Some(1_199), Some(1)));
    assert!(run["windows"]["test"]["from"].as_str().is_some_and(|from| from.starts_with("2021-")));
}

#[test]
fn words_for_null_and_another_delimiter() {
    let project = folder();
    let score = |n: u32| match n % 20 {
        3 => "NA".to_owned(),
        7 => "?".to_owned(),
        _ => (n * 13 % 100).to_string(),
    };
    let text = applications("score", score).replace(',', ";");
    project.write("a.csv", &text);
    let found = project.run("init a.csv --label fraud --force").expect(0);
    assert_says(&found.stdout, &["1200 rows, 200 frauds; 3 columns used, 0 left out"]);
    let (config, _) = through(&project, "a.csv --label fraud");
    assert_says(
        &config,
        &["delimiter = \";\"", "null_values = [\"NA\", \"?\"]  # found", "column = \"score\"\n\n"],
    );
    assert!(!config.contains("bad_rows"), "{config}");
    // One column alone; rows that cannot be read are said at once.
    let text: String = text.lines().map(|line| line.split_once(';').expect("fields").1).fold(
        String::new(),
        |text, line| {
            text + &line.replace(";north", "").replace(";south", "").replace(";west", "") + "\n"
        },
    );
    project.write("a.csv", text.replace("income;branch", "income") + "1;2;3\n");
    let found = project.run("init a.csv --label fraud --force").expect(0);
    assert_says(
        &found.stdout,
        &["1 column used, 0 left out", "\n1 row or more cannot be read as the others are"],
    );
    // Nothing that can be read, and times in two forms.
    project.write("a.csv", "a,b\n1\n2\n");
    let found = project.run("init a.csv --label b --force").expect(3);
    assert_says(
        &found.stderr,
        &["none of the 2 rows can be read: a.csv, line 2 (data row 1): found 1"],
    );
    let two_forms = |n: u32| match n % 2 {
        0 => format!("2021-01-{:02}", n % 28 + 1),
        _ => format!("01/{:02}/2021", n % 28 + 1),
    };
    project.write("a.csv", applications("when", two_forms));
    let found = project.run("init a.csv --label fraud --time when --force").expect(3);
    let parts = ["times of more than one form, such as \"2021-01-01\" and \"01/02/2021\""];
    assert_says(&found.stderr, &parts);
}

#[test]
fn the_card_sample_without_its_time() {
    let Ok(folder_of_data) = std::env::var("SHROFF_DATA") else {
        println!("skipped: SHROFF_DATA is not set");
        return;
    };
    let project = folder();
    let path = format!("{folder_of_data}/ulb/creditcard_sample.parquet");
    let (config, _) = through(&project, &format!("{path} --label Class"));
    assert_says(&config, &["by_hash = \"Time\""]);
    // As it was found: times in American order, and its last line cut in the middle.
    let path = format!("{folder_of_data}/ecommerce/fraud_data.csv");
    let (config, _) =
        through(&project, &format!("{path} --label class --time purchase_time --name web"));
    assert_says(&config, &["time_format = \"%m/%d/%Y %H:%M\"", "bad_rows = \"skip\""]);
}
