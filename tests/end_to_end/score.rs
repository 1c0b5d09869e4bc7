//! Scores through the finished artifact: measures, added columns, bands, and the row itself.

use serde_json::{Value, json};
use shroff_datasets::{ColumnKind, ColumnRequest, Frame, Source, Values};
use shroff_serve::{Record, Scorer, Value as Raw};
use shroff_train::config::Config;
use shroff_train::events::{Events, EventsRequest};
use shroff_train::{program, scoring};

use super::naive::Judged;
use crate::project::{CONFIG, Csv, Project, assert_says, blob, edited, transactions};

#[test]
fn measures_are_what_their_definitions_give() {
    let project = Project::new();
    let run = project.retrain("").expect(0).json();
    let artifact = blob("registry", &run["artifact"]);
    let judged = Judged::of(&project.predict(&artifact), &run["windows"]["test"]);
    judged.assert_reported(&run["learners"][run["candidate"].as_str().expect("a name")]);
    for data in ["transactions.csv", "fraud.toml"] {
        let arguments = format!("evaluate {artifact} {data} --window test --json");
        judged.assert_reported(&project.run(&arguments).expect(0).json());
    }
    let bounds = "--from 2018-05-19 --to 2018-05-26T00:00:00Z";
    let arguments = format!("evaluate {artifact} transactions.csv {bounds} --json");
    judged.assert_reported(&project.run(&arguments).expect(0).json());
    // The other learners too, each as `train` makes it.
    for (learner, report) in run["learners"].as_object().expect("learners") {
        let artifact = project.train(learner);
        Judged::of(&project.predict(&artifact), &run["windows"]["test"]).assert_reported(report);
    }
}

#[test]
fn retrain_and_evaluate_leave_out_the_same_compromised_customers() {
    let edit =
        ("[[feature]]", "[evaluate]\ndrop_known_compromised = \"CUSTOMER_ID\"\n\n[[feature]]");
    let project = Project::edited(&[edit]);
    let run = project.retrain("").expect(0).json();
    let artifact = blob("registry", &run["artifact"]);
    let arguments = format!("evaluate {artifact} transactions.csv --window test --json");
    let found = project.run(&arguments).expect(0).json();
    let expected = &run["learners"][run["candidate"].as_str().expect("a name")];
    for key in ["rows", "frauds", "average_precision", "roc_auc", "log_loss"] {
        assert_eq!(found[key], expected[key], "{key}");
    }
    let dropped = run["dropped_test_rows"].as_u64().expect("a count");
    assert!(dropped > 0 && found["dropped_rows"] == json!(dropped));
    assert_eq!(found["rows"], run["windows"]["test"]["rows"]);
}

#[test]
fn predict_keeps_every_other_column_as_it_stands() {
    let project = Project::new();
    let artifact = project.train("random_forest");
    // Text that a careless reader would change: zeros, spaces, quotes, commas, another spelling.
    let notes =
        ["007", "1e3", " spaced ", "\"a, b\"", "\"say \"\"hi\"\"\"", "ß €", "", "NaN", "1.50"];
    let noted: Vec<String> = transactions()
        .lines()
        .take(10_000)
        .enumerate()
        .map(|(n, line)| match n {
            0 => format!("{line},NOTE"),
            n => format!("{line},{}", notes[n % notes.len()]),
        })
        .collect();
    project.write("noted.csv", noted.join("\n") + "\n");
    let run =
        project.run(&format!("predict {artifact} noted.csv --out scored.csv --json")).expect(0);
    assert_eq!(run.json()["rows"], json!(9_999));
    let scored = project.read("scored.csv");
    assert_eq!(scored.lines().count(), noted.len());
    for (scored, line) in scored.lines().zip(&noted) {
        let added =
            scored.strip_prefix(line.as_str()).unwrap_or_else(|| panic!("{scored:?} of {line:?}"));
        assert_eq!(added.matches(',').count(), 3, "{added}");
    }
    assert!(scored.starts_with(&format!("{},margin,probability,band\n", noted[0])));
}

#[test]
fn parquet_is_scored_as_csv_is() {
    let project = Project::new();
    let artifact = project.train("random_forest");
    let expected = project.predict(&artifact);
    let simulate = "simulate --days 62 --customers 200 --terminals 300 --out parquet";
    project.run(simulate).expect(0);
    let arguments = "parquet/transactions.parquet --out scored.parquet";
    project.run(&format!("predict {artifact} {arguments}")).expect(0);
    let source = |name: &str| Source::new(project.path(name).to_string_lossy());
    let names = Frame::read(&source("scored.parquet")).expect("readable").column_names();
    assert_eq!(names, expected.header);
    let read = |kind: ColumnKind, names: &[&str], file: &str| {
        let requests: Vec<_> = names.iter().map(|name| ColumnRequest::new(*name, kind)).collect();
        source(file).read(&requests, None).expect("readable")
    };
    let scored = read(ColumnKind::Number, &["margin", "probability"], "scored.parquet");
    for name in ["margin", "probability"] {
        let column = scored.column(name).expect("asked for");
        assert_eq!(column.values(), &Values::Number(expected.numbers(name)), "{name}");
    }
    for (kind, names) in [
        (ColumnKind::Number, ["TX_AMOUNT", "DISTANCE"]),
        (ColumnKind::Time, ["TX_DATETIME", "LABEL_TIME"]),
        (ColumnKind::Text, ["CHANNEL", "MERCHANT_CATEGORY"]),
        (ColumnKind::Integer, ["TRANSACTION_ID", "CUSTOMER_ID"]),
    ] {
        let before = read(kind, &names, "parquet/transactions.parquet");
        assert_eq!(read(kind, &names, "scored.parquet"), before);
    }
}

#[test]
fn bands_follow_from_margins_and_edges() {
    let project = Project::new();
    let artifact = project.train("logistic");
    let inspected = project.run(&format!("inspect {artifact} --json")).expect(0).json();
    let bands = &inspected["bands"];
    let edges: Vec<f64> =
        bands["edges"].as_array().expect("edges").iter().filter_map(Value::as_f64).collect();
    let names = bands["names"].as_array().expect("names");
    assert_eq!(names, &["allow", "review", "block"].map(Value::from));
    let scored = project.predict(&artifact);
    let mut counts = [0_u64; 3];
    for (margin, found) in scored.numbers("margin").into_iter().zip(scored.column("band")) {
        let band = edges.iter().filter(|edge| margin >= **edge).count();
        assert_eq!(
            found,
            names[band].as_str().expect("a name"),
            "margin {margin}, edges {edges:?}"
        );
        counts[band] += 1;
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    // At most 1 % of the legitimate rows of calibrate in review or above, at most 0.1 % in block.
    let rows = scored.rows_in(
        &inspected["windows"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|w| w["name"] == "calibrate")
            .expect("a window")
            .clone(),
    );
    let legitimate: Vec<usize> = rows.into_iter().filter(|row| !scored.is_fraud(*row)).collect();
    let margins = scored.numbers("margin");
    for (edge, limit) in edges.iter().zip([0.01, 0.001]) {
        let alarms = legitimate.iter().filter(|row| margins[**row] >= *edge).count();
        assert!(
            alarms as f64 <= limit * legitimate.len() as f64,
            "{alarms} of {}",
            legitimate.len()
        );
    }
    let evaluated =
        project.run(&format!("evaluate {artifact} transactions.csv --json")).expect(0).json();
    let found: Vec<u64> = evaluated["bands"]
        .as_array()
        .expect("bands")
        .iter()
        .rev()
        .filter_map(|band| band["rows"].as_u64())
        .collect();
    assert_eq!(found, counts);
}

#[test]
fn without_a_calibrate_window_there_are_no_bands_and_it_is_said() {
    let project = Project::edited(&[("calibrate = \"7d\"\n", "")]);
    let run = project.retrain("").expect(0);
    assert_says(&run.stderr, &["no bands", "calibrate"]);
    let artifact = blob("registry", &run.json()["artifact"]);
    let inspected = project.run(&format!("inspect {artifact} --json")).expect(0).json();
    let sections: Vec<&str> = inspected["sections"]
        .as_array()
        .expect("sections")
        .iter()
        .filter_map(|section| section["name"].as_str())
        .collect();
    assert!(sections.contains(&"GOLDEN") && inspected["bands"].is_null());
    assert!(!sections.contains(&"BANDS") && !sections.contains(&"REFERENCE"), "{sections:?}");
    let scored = project.predict(&artifact);
    // Empty text, quoted to be told from a null.
    assert!(scored.column("band").iter().all(|band| band.trim_matches('"').is_empty()));
    let evaluated = project.run(&format!("evaluate {artifact} transactions.csv")).expect(0);
    assert_says(&evaluated.stdout, &["no bands"]);
}

#[test]
fn sampling_is_undone_with_and_without_calibration() {
    let no_calibrate = [("calibrate = \"7d\"\n", "")];
    for (learner, edits) in ["logistic", "decision_tree", "random_forest", "forest", "gbdt"]
        .into_iter()
        .flat_map(|learner| [(learner, no_calibrate.as_slice()), (learner, &[])])
    {
        let start = CONFIG.find("[[learner]]").expect("learners");
        let learners = format!("[[learner]]\nkind = \"{learner}\"\nnegative_ratio = 5\n");
        let project = Project::new();
        project.write("fraud.toml", edited(&CONFIG[..start], edits) + &learners);
        let run = project.retrain("").expect(0).json();
        let scored = project.predict(&blob("registry", &run["artifact"]));
        let judged = Judged::of(&scored, &run["windows"]["test"]);
        // Uncorrected the mean would be near 1 in 6, some 20 times the rate.
        let ratio = judged.mean_probability() / judged.fraud_rate();
        assert!((0.6..1.6).contains(&ratio), "{learner} {edits:?}: {ratio}");
    }
}

#[test]
fn the_rows_of_the_trainer_are_the_rows_of_the_server() {
    let project = Project::new();
    let artifact = project.train("random_forest");
    let scorer = Scorer::open(project.path(&artifact)).expect("a sound artifact");
    // Later data has a channel that training never saw, missing values and odd numbers.
    let mut csv = Csv::parse(transactions());
    csv.rows.truncate(5_000);
    for (row, column, value) in [
        (3, "CHANNEL", "telepathy"),
        (4, "CHANNEL", ""),
        (5, "TX_AMOUNT", ""),
        (6, "TX_AMOUNT", "-0.0"),
        (7, "TX_AMOUNT", "1e300"),
        (8, "TX_AMOUNT", "inf"),
        (9, "DISTANCE", "NaN"),
        (10, "TX_AMOUNT", "16777217"),
    ] {
        csv.set(row, column, value);
    }
    project.write("transactions.csv", csv.text());
    let config = Config::read(&project.path("fraud.toml")).expect("a sound configuration");
    let events = Events::read(&EventsRequest {
        source: &Source::new(project.path("transactions.csv").to_string_lossy()).into(),
        columns: &config.columns,
        label_delay: config.split.label_delay,
        inputs: program::inputs(&config).expect("one type a column"),
        further: Vec::new(),
        windows: None,
        from: None,
        to: None,
    })
    .expect("events");
    let contents = scorer.contents();
    let rows: Vec<usize> = (0..events.n_rows()).collect();
    let matrix =
        scoring::encode(&contents.schema, &contents.program, &events, &rows).expect("rows");
    let scores = scoring::score(&scorer, &events, &rows).expect("scores");

    let names: Vec<&str> = scorer.schema().inputs.iter().map(|input| &*input.name).collect();
    assert_eq!(names, ["TX_AMOUNT", "DISTANCE", "CHANNEL", "TX_DATETIME"]);
    let columns: Vec<Vec<&str>> = names.iter().map(|name| csv.column(name)).collect();
    let mut n_missing = 0;
    for row in rows {
        let number = |text: &str| text.parse().map_or(Raw::Null, Raw::Number);
        let record = [
            number(columns[0][row]),
            number(columns[1][row]),
            Some(columns[2][row]).filter(|text| !text.is_empty()).map_or(Raw::Null, Raw::Text),
            Raw::Time(micros_in_2018(columns[3][row])),
        ];
        n_missing += usize::from(record[1] == Raw::Null);
        let mut encoded = [0.0; 6];
        scorer.encode(Record::new(&record), &mut encoded).expect("a row");
        let bits = |row: &[f32]| -> Vec<u32> { row.iter().map(|value| value.to_bits()).collect() };
        assert_eq!(bits(matrix.row(row)), bits(&encoded), "row {row}: {record:?}");
        let score = scorer.score_record(Record::new(&record)).expect("a score");
        assert_eq!(score.margin.to_bits(), scores[row].margin.to_bits(), "row {row}: {record:?}");
        assert_eq!(score.probability.to_bits(), scores[row].probability.to_bits());
    }
    assert!(n_missing > 100, "{n_missing} payments without a distance");
}

/// `2018-MM-DD hh:mm:ss`, from April to June, by counting days from 2018-04-01.
fn micros_in_2018(text: &str) -> i64 {
    let part = |from: usize, to: usize| text[from..to].parse::<i64>().expect("digits");
    let days_before = [0, 30, 61][usize::try_from(part(5, 7) - 4).expect("from April on")];
    let days = days_before + part(8, 10) - 1;
    let secs = ((days * 24 + part(11, 13)) * 60 + part(14, 16)) * 60 + part(17, 19);
    (1_522_540_800 + secs) * 1_000_000
}
