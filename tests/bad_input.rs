//! What a user gets wrong: each mistake has its exit code and a message that names the place, what
//! was expected and what was found, and nothing half done is left behind. `data` goes through the ways
//! in which tables are dirty.

mod data;

use shroff_serve::{Record, Scorer, Value};

use crate::project::{CONFIG, Csv, Finished, Project, assert_says, edited, transactions};

/// Asserts that `retrain` stops with this code and words, and that nothing was written.
#[track_caller]
fn refused(project: &Project, arguments: &str, code: i32, parts: &[&str]) -> Finished {
    let before = project.files(".");
    let run = project.retrain(arguments).expect(code);
    assert!(run.stdout.is_empty(), "{run:?}");
    assert!(run.stderr.starts_with("error: retrain: "), "{run:?}");
    assert_eq!(run.stderr.lines().count(), 1, "one line to read: {run:?}");
    assert_says(&run.stderr, parts);
    assert!(project.files(".") == before, "left behind: {:?}", project.files(".").keys());
    run
}

/// A project whose transactions are changed.
fn changed(change: impl FnOnce(&mut Csv)) -> Project {
    let project = Project::new();
    let mut csv = Csv::parse(transactions());
    change(&mut csv);
    project.write("transactions.csv", csv.text());
    project
}

/// A row well inside the train window, counted from 0, whose data row is one more.
const ROW: usize = 9_999;

#[test]
fn a_missing_source() {
    let project = Project::edited(&[("\"transactions.csv\"", "\"dumps/nightly.csv\"")]);
    refused(&project, "", 3, &["dumps/nightly.csv does not exist"]);
    let project = Project::edited(&[("\"transactions.csv\"", "\"dumps/*.csv\"")]);
    refused(&project, "", 3, &["no file matches", "dumps/*.csv"]);
    let project = Project::edited(&[("\"transactions.csv\"", "\"fraud.toml\"")]);
    refused(&project, "", 3, &["fraud.toml", ".csv, .ndjson", ".parquet"]);
}

#[test]
fn an_empty_source() {
    let project = Project::new();
    project.write("transactions.csv", "");
    refused(&project, "", 3, &["transactions.csv is empty (0 bytes)"]);
    let header = transactions().lines().next().expect("a header");
    project.write("transactions.csv", format!("{header}\n"));
    refused(&project, "", 3, &["transactions.csv", "found no rows", "TX_DATETIME"]);
}

#[test]
fn a_file_cut_in_the_middle() {
    let project = Project::new();
    let text = transactions();
    let cut = text.match_indices('\n').nth(ROW).expect("so many lines").0 + 30;
    project.write("transactions.csv", &text[..cut]);
    // The header is line 1, so that the cut row is data row 10,000 on line 10,001.
    refused(
        &project,
        "",
        3,
        &["transactions.csv, line 10001 (data row 10000)", "fields, expected 11"],
    );
}

#[test]
fn a_label_other_than_0_and_1() {
    let project = changed(|csv| csv.set(ROW, "TX_FRAUD", "2"));
    let place = ["transactions.csv", "column \"TX_FRAUD\"", "data row 10000"];
    let run = refused(&project, "", 3, &place);
    assert_says(&run.stderr, &["expected", "0", "1", "found 2"]);
}

#[test]
fn one_class_only() {
    let honest = |csv: &mut Csv, day: &str| {
        let rows = 0..csv.rows.len();
        let times: Vec<bool> = csv.column("TX_DATETIME").iter().map(|time| *time >= day).collect();
        rows.filter(|row| times[*row]).for_each(|row| csv.set(row, "TX_FRAUD", "false"));
    };
    let project = changed(|csv| honest(csv, "2018-05-19"));
    let parts =
        ["window test", "2018-05-19", "2018-05-26", "2699 labelled rows, no fraud among them"];
    refused(&project, "", 3, &parts);
    let project = changed(|csv| honest(csv, "2018-05-05"));
    refused(&project, "", 3, &["window calibrate", "no fraud among them"]);
    let project = changed(|csv| (0..csv.rows.len()).for_each(|row| csv.set(row, "TX_FRAUD", "1")));
    refused(&project, "", 3, &["window train", "all of them frauds"]);
    let project = changed(|csv| (0..csv.rows.len()).for_each(|row| csv.set(row, "TX_FRAUD", "")));
    refused(&project, "", 3, &["window train", "none with a label known in time"]);
}

#[test]
fn an_absent_column() {
    for (from, to, name) in [
        ("column = \"TX_AMOUNT\"", "column = \"AMOUNT\"", "\"AMOUNT\""),
        ("label = \"TX_FRAUD\"", "label = \"FRAUD\"", "\"FRAUD\""),
        ("time = \"TX_DATETIME\"", "time = \"DATETIME\"", "\"DATETIME\""),
        ("id = \"TRANSACTION_ID\"", "id = \"ID\"", "\"ID\""),
        ("entity = [\"CUSTOMER_ID\"]", "entity = [\"CARD\"]", "\"CARD\""),
    ] {
        let project = Project::edited(&[(from, to)]);
        let columns = ["transactions.csv", name, "is not there", "TRANSACTION_ID, TX_DATETIME"];
        refused(&project, "", 3, &columns);
    }
}

#[test]
fn a_column_of_another_type() {
    let project = changed(|csv| csv.set(ROW, "TX_AMOUNT", "12,5".replace(',', ";").as_str()));
    let place = ["transactions.csv", "column \"TX_AMOUNT\"", "data row 10000"];
    let run = refused(&project, "", 3, &place);
    assert_says(&run.stderr, &["expected a number, found 12;5"]);
    // A whole column of text is found by its first value in the windows.
    let project =
        Project::edited(&[("column = \"CHANNEL\"\nkind = \"category\"", "column = \"CHANNEL\"")]);
    let first = Csv::parse(transactions())
        .column("TX_DATETIME")
        .iter()
        .position(|time| *time >= "2018-04-07");
    let row = format!("data row {}", first.expect("a row") + 1);
    refused(&project, "", 3, &["column \"CHANNEL\"", &row, "expected a number"]);
    // Parquet tells the type of the column itself.
    let project = Project::new();
    project.run("simulate --days 62 --customers 20 --terminals 30 --out .").expect(0);
    let edits = [
        ("transactions.csv", "transactions.parquet"),
        ("column = \"CHANNEL\"", "column = \"LABEL_TIME\""),
    ];
    project.write("fraud.toml", edited(CONFIG, &edits));
    let parts =
        ["transactions.parquet", "column \"LABEL_TIME\"", "expected text, found type datetime"];
    refused(&project, "", 3, &parts);
}

#[test]
fn a_time_that_is_none() {
    let project = changed(|csv| csv.set(ROW, "TX_DATETIME", "2018-02-30 12:00:00"));
    let place =
        ["transactions.csv", "column \"TX_DATETIME\"", "data row 10000", "2018-02-30 12:00:00"];
    let run = refused(&project, "", 3, &place);
    assert_says(&run.stderr, &["expected"]);
    let project = changed(|csv| csv.set(ROW, "TX_DATETIME", ""));
    refused(&project, "", 3, &["transactions.csv", "\"TX_DATETIME\"", "row 10000", "missing"]);
}

#[test]
fn values_that_a_policy_rejects_in_every_row() {
    let amount = "column = \"TX_AMOUNT\"\n";
    let reject = format!("{amount}range = [-2, -1]\non_out_of_range = \"reject\"\n");
    let project = Project::edited(&[(amount, &reject)]);
    refused(&project, "", 3, &["every row of fit is rejected", "on_out_of_range"]);
}

#[test]
fn an_id_that_appears_twice() {
    let project = changed(|csv| csv.set(ROW + 7, "TRANSACTION_ID", "9999"));
    let parts = ["transactions.csv", "\"TRANSACTION_ID\"", "id 9999", "rows 10000 and 10007"];
    refused(&project, "", 3, &parts);
}

#[test]
fn a_window_without_rows() {
    let split = "test = { from = 2018-06-09, to = 2018-06-16 }\n";
    let project = Project::edited(&[("test = \"7d\"\n", split)]);
    let parts = ["window test", "2018-06-09", "2018-06-16", "found no rows", "2018-06-01"];
    refused(&project, "--as-of 2018-06-30", 3, &parts);
    let project = Project::edited(&[("test = \"7d\"\n", "test = \"0d\"\n")]);
    refused(&project, "", 2, &["[split] test: empty"]);
}

#[test]
fn an_as_of_before_the_data() {
    let parts = ["transactions.csv", "found no rows", "TX_DATETIME", "to before 2017-06-01"];
    refused(&Project::new(), "--as-of 2017-06-01", 3, &parts);
}

#[test]
fn an_unknown_key() {
    for (from, to, parts) in [
        (
            "label_delay =",
            "label_dely =",
            ["line 16", "`label_dely`", "did you mean `label_delay`?"],
        ),
        (
            "[[learner]]",
            "[evalute]\n[[learner]]",
            ["line ", "`evalute`", "did you mean `evaluate`?"],
        ),
        ("n_trees", "n_tree", ["line ", "`n_tree`", "did you mean `n_trees`?"]),
        (
            "kind = \"category\"",
            "kind = \"categroy\"",
            ["line ", "`categroy`", "did you mean `category`?"],
        ),
    ] {
        let run = refused(&Project::edited(&[(from, to)]), "", 2, &parts);
        assert_says(&run.stderr, &["fraud.toml"]);
    }
}

#[test]
fn a_registry_that_cannot_be_written() {
    let project = Project::new();
    project.write("registry", "a file where the folder should be");
    refused(&project, "", 1, &["registry should be a folder, found a file", "name another path"]);
    project.write("file", "");
    let run = project.run("retrain --config fraud.toml --registry file/registry").expect(1);
    assert_says(&run.stderr, &["file/registry cannot be written"]);
    // The same for results: the folder of the file is not there.
    let run = project.run("train --config fraud.toml --learner logistic --out absent/m.shroff");
    assert_says(&run.expect(1).stderr, &["absent/m.shroff"]);
}

#[test]
fn a_damaged_or_newer_artifact() {
    let project = Project::new();
    let name = project.train("logistic");
    let bytes = std::fs::read(project.path(&name)).expect("an artifact");
    let with = |position: usize, change: u8| {
        let mut bytes = bytes.clone();
        bytes[position] ^= change;
        bytes
    };
    // Byte 8 begins the format version, 1 (FORMAT.md, "Header").
    for (damaged, parts) in [
        (bytes[..bytes.len() - 1].to_vec(), vec!["expected", &bytes.len().to_string(), "found"]),
        (bytes[..40].to_vec(), vec!["expected", "found 40"]),
        (Vec::new(), vec!["signature", "found 0"]),
        (with(bytes.len() / 2, 4), vec!["checksum", "damaged", "section "]),
        (with(40, 1), vec!["checksum", "damaged"]),
        (with(8, 3), vec!["format version 2", "(1 to 1)", "update the library"]),
        (transactions().as_bytes().to_vec(), vec!["not a shroff artifact"]),
    ] {
        project.write("damaged.shroff", &damaged);
        let before = project.files(".");
        for verb in [
            "verify MODEL",
            "inspect MODEL",
            "evaluate MODEL transactions.csv",
            "predict MODEL transactions.csv --out scored.csv",
        ] {
            let run = project.run(&verb.replace("MODEL", "damaged.shroff")).expect(4);
            assert!(run.stdout.is_empty(), "{run:?}");
            assert_says(&run.stderr, &["damaged.shroff"]);
            assert_says(&run.stderr, &parts);
        }
        assert!(project.files(".") == before, "{:?}", project.files(".").keys());
    }
    // Data that the sound one cannot score leaves no file either.
    let without = Csv::parse(transactions()).without("DISTANCE");
    project.write("transactions.csv", without.text());
    let before = project.files(".");
    for verb in ["evaluate", "predict --out scored.csv"] {
        let run = project.run(&format!("{verb} {name} transactions.csv")).expect(3);
        assert_says(&run.stderr, &["transactions.csv", "\"DISTANCE\" is not there"]);
    }
    assert!(project.files(".") == before, "{:?}", project.files(".").keys());
}

#[test]
fn a_record_of_another_type() {
    let project = Project::new();
    let scorer = Scorer::open(project.path(&project.train("random_forest"))).expect("sound");
    let sound = [Value::Number(12.5), Value::Null, Value::Text("chip"), Value::Time(0)];
    assert!(scorer.score_record(Record::new(&sound)).is_ok());
    for (position, value, input, expected, found) in [
        (0, Value::Text("12.5"), "\"TX_AMOUNT\"", "number", "text"),
        (1, Value::Bool(true), "\"DISTANCE\"", "number", "boolean"),
        (2, Value::Number(1.0), "\"CHANNEL\"", "text", "number"),
        (3, Value::Integer(0), "\"TX_DATETIME\"", "time", "integer"),
    ] {
        let mut record = sound;
        record[position] = value;
        let error = scorer.score_record(Record::new(&record)).expect_err("another type");
        assert_says(&error.to_string(), &[input, expected, found]);
    }
    let error = scorer.score_record(Record::new(&sound[..3])).expect_err("one value short");
    assert_says(&error.to_string(), &["4", "3"]);
}
