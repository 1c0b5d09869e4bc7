//! What becomes of odd values from the configuration to the numbers of `evaluate`.

use serde_json::{Value, json};
use shroff_serve::{Record, RejectReason, ScoreErrorKind, Scorer, Value as Raw};

use crate::project::{CONFIG, Csv, Project, assert_says, blob, transactions};

/// One column several times over, each time under another policy.
const FEATURES: &str = r#"
[[feature]]
column = "TX_AMOUNT"
name = "learned"
range = [0, 100000]
on_out_of_range = "learned"

[[feature]]
column = "TX_AMOUNT"
name = "as missing by default"
range = [0, 100000]

[[feature]]
column = "TX_AMOUNT"
name = "missing has a default"
range = [0, 100000]
on_missing = { default = -7 }
on_out_of_range = "as_missing"

[[feature]]
column = "TX_AMOUNT"
name = "default"
range = [0, 100000]
on_out_of_range = { default = -9 }

[[feature]]
column = "DISTANCE"
range = [-1, 1000000]
on_out_of_range = "reject"

[[feature]]
column = "CHANNEL"
kind = "category"

[[feature]]
column = "CHANNEL"
name = "unseen is missing"
kind = "category"
on_unseen = "as_missing"

[[feature]]
column = "CHANNEL"
name = "unseen is online"
kind = "category"
on_unseen = { default = "online" }
on_missing = { default = "contactless" }

[[feature]]
column = "CHANNEL"
name = "rate"
kind = "category"
encode = "rate"
on_unseen = "as_missing"
on_missing = { default = 0.5 }

[[feature]]
column = "MERCHANT_CATEGORY"
kind = "category"
on_unseen = "reject"
on_missing = "reject"

[[learner]]
kind = "logistic"
"#;

fn project() -> (Project, Csv) {
    let project = Project::new();
    let start = CONFIG.find("[[feature]]").expect("features");
    project.write("fraud.toml", CONFIG[..start].to_owned() + FEATURES);
    (project, Csv::parse(transactions()))
}

/// Odd values by distance from a row, which policies reject as told: 10 rows in all, 4 rejected.
const ODD: [(usize, &str, &str); 11] = [
    (0, "TX_AMOUNT", ""),
    (1, "TX_AMOUNT", ""),
    (2, "TX_AMOUNT", "-5"),
    (3, "TX_AMOUNT", "200000"),
    (4, "CHANNEL", "telepathy"),
    (5, "CHANNEL", ""),
    (6, "DISTANCE", "1e9"),
    (7, "MERCHANT_CATEGORY", "alchemy"),
    (8, "MERCHANT_CATEGORY", ""),
    (9, "MERCHANT_CATEGORY", "alchemy"),
    (9, "TX_AMOUNT", ""),
];
const REJECTED: [usize; 4] = [6, 7, 8, 9];

fn make_odd(csv: &mut Csv, from: usize) {
    for (offset, column, value) in ODD {
        csv.set(from + offset, column, value);
    }
}

fn counts(missing: u64, unseen: u64, out_of_range: u64) -> Value {
    json!({ "missing": missing, "unseen": unseen, "out_of_range": out_of_range })
}

#[test]
fn each_policy_does_what_it_says() {
    let (project, _) = project();
    let scorer = Scorer::open(project.path(&project.train("logistic"))).expect("an artifact");
    let names: Vec<&str> = scorer.schema().inputs.iter().map(|input| &*input.name).collect();
    assert_eq!(names, ["TX_AMOUNT", "DISTANCE", "CHANNEL", "MERCHANT_CATEGORY"]);
    let number = Raw::Number;
    let plain = [number(50.0), number(10.0), Raw::Text("online"), Raw::Text("travel")];
    let encode = |input: usize, value: Raw<'static>| {
        let mut record = plain;
        record[input] = value;
        let mut row = [0.0; 10];
        match scorer.encode(Record::new(&record), &mut row) {
            Ok(()) => Ok(row),
            Err(error) => match error.kind() {
                ScoreErrorKind::Rejected { feature, reason } => Err((feature.to_string(), *reason)),
                other => panic!("{other}"),
            },
        }
    };
    let amount = |value| encode(0, value).expect("nothing rejects")[..4].to_vec();
    let nan = f32::NAN;
    for (found, expected) in [
        (amount(number(50.0)), [50.0; 4]),
        (amount(Raw::Null), [nan, nan, -7.0, nan]),
        (amount(number(-5.0)), [-5.0, nan, -7.0, -9.0]),
        (amount(number(200_000.0)), [200_000.0, nan, -7.0, -9.0]),
    ] {
        let alike = |(a, b): (&f32, &f32)| a.total_cmp(b).is_eq() || (a.is_nan() && b.is_nan());
        assert!(found.iter().zip(&expected).all(alike), "{found:?}, expected {expected:?}");
    }
    let seen = encode(2, Raw::Text("online")).expect("a row");
    let contactless = encode(2, Raw::Text("contactless")).expect("a row");
    let unseen = encode(2, Raw::Text("telepathy")).expect("a row");
    // The codes of the three channels are 0 to 2, then comes the bucket of all others.
    assert!(seen[5] < 3.0 && (unseen[5] - 3.0).abs() < 1e-9, "{seen:?} {unseen:?}");
    assert!(unseen[6].is_nan());
    assert_eq!(unseen[7].to_bits(), seen[7].to_bits());
    assert_eq!(unseen[8].to_bits(), 0.5_f32.to_bits());
    let missing = encode(2, Raw::Text("")).expect("a row");
    assert!(missing[5].is_nan() && missing[6].is_nan());
    assert_eq!(missing[7].to_bits(), contactless[7].to_bits());
    assert_eq!(missing[8].to_bits(), 0.5_f32.to_bits());
    let rejected = |feature: &str, reason| Err((feature.to_owned(), reason));
    assert_eq!(encode(1, number(1e9)), rejected("DISTANCE", RejectReason::OutOfRange));
    assert_eq!(
        encode(3, Raw::Text("alchemy")),
        rejected("MERCHANT_CATEGORY", RejectReason::Unseen)
    );
    assert_eq!(encode(3, Raw::Null), rejected("MERCHANT_CATEGORY", RejectReason::Missing));
}

#[test]
fn evaluate_counts_odd_values_and_predict_scores_no_rejected_row() {
    let (project, mut csv) = project();
    let artifact = project.train("logistic");
    let clean =
        project.run(&format!("evaluate {artifact} transactions.csv --json")).expect(0).json();
    let n_rows = csv.rows.len();
    assert_eq!((&clean["rows"], &clean["rejected_rows"]), (&json!(n_rows), &json!(0)));
    make_odd(&mut csv, 20_000);
    let no_distance = csv.column("DISTANCE").iter().filter(|cell| cell.is_empty()).count();
    project.write("odd.csv", csv.text());
    let odd = project.run(&format!("evaluate {artifact} odd.csv --json")).expect(0).json();
    assert_eq!((&odd["rows"], &odd["rejected_rows"]), (&json!(n_rows - 4), &json!(4)));
    for (feature, expected) in [
        ("learned", counts(3, 0, 2)),
        ("as missing by default", counts(3, 0, 2)),
        ("default", counts(3, 0, 2)),
        ("DISTANCE", counts(no_distance as u64, 0, 1)),
        ("CHANNEL", counts(1, 1, 0)),
        ("unseen is online", counts(1, 1, 0)),
        ("rate", counts(1, 1, 0)),
        ("MERCHANT_CATEGORY", counts(1, 2, 0)),
    ] {
        assert_eq!(odd["inputs"][feature], expected, "{feature}");
    }
    assert_eq!(odd["inputs"].as_object().map(serde_json::Map::len), Some(10));
    let text = project.run(&format!("evaluate {artifact} odd.csv")).expect(0).stdout;
    assert_says(&text, &["4 rows that a policy rejects", "out of range", "MERCHANT_CATEGORY"]);

    let arguments = format!("predict {artifact} odd.csv --out scored.csv --json");
    let run = project.run(&arguments).expect(0);
    assert_says(&run.stderr, &["4 rows are rejected by a policy"]);
    assert_eq!(run.json()["rejected_rows"], json!(4));
    assert_eq!(run.json()["rows"], json!(n_rows));
    let scored = Csv::parse(&project.read("scored.csv"));
    let empty: Vec<usize> = scored
        .column("margin")
        .iter()
        .zip(scored.column("probability"))
        .zip(scored.column("band"))
        .enumerate()
        .filter(|(_, ((margin, probability), band))| {
            assert_eq!(margin.is_empty(), probability.is_empty());
            assert_eq!(margin.is_empty(), band.is_empty());
            margin.is_empty()
        })
        .map(|(row, _)| row)
        .collect();
    assert_eq!(empty, REJECTED.map(|offset| 20_000 + offset));
}

#[test]
fn rejected_rows_are_fitted_and_judged_by_nobody() {
    let (project, mut csv) = project();
    let first = project.retrain("").expect(0).json();
    let in_window = |name: &str| csv.rows_in(&first["windows"][name])[100];
    let places = ["train", "stop", "calibrate", "test"].map(in_window);
    for place in places {
        make_odd(&mut csv, place);
    }
    project.write("transactions.csv", csv.text());
    let run = project.run("retrain --config fraud.toml --registry other --json").expect(0);
    assert_says(&run.stderr, &["8 rows of fit are left out", "4 rows of test are left out"]);
    let report = run.json();
    let expected = json!({ "fit": 8, "stop": 4, "calibrate": 4, "test": 4 });
    assert_eq!(report["rejected_rows"], expected);
    let artifact = blob("other", &report["artifact"]);
    let arguments = format!("evaluate {artifact} transactions.csv --window test --json");
    let found = project.run(&arguments).expect(0).json();
    assert_eq!(found["rejected_rows"], json!(4));
    let n_test = report["windows"]["test"]["rows"].as_u64().expect("a count");
    assert_eq!(found["rows"], json!(n_test - 4));
    for key in ["rows", "frauds", "average_precision", "log_loss"] {
        assert_eq!(found[key], report["learners"]["logistic"][key], "{key}");
    }
    // The champion of clean data and the candidate are compared on rows that both accept.
    let again = project.run("retrain --config fraud.toml --registry registry --json");
    let again = again.json();
    assert_eq!(again["champion"]["test"]["rows"], json!(n_test - 4));
}
