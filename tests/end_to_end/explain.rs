//! `explain`: the contributions of a fitted model sum to what `predict` gives, reasons are those of
//! the configuration.

use serde_json::{Value, json};

use crate::project::{Project, assert_says};

const REASONS: &str = r#"[[reason]]
code = "R12"
text = "unusual amount"
features = ["TX_AMOUNT"]

[[reason]]
code = "R07"
text = "odd hours"
features = ["TX_DATETIME.night", "TX_DATETIME.hour"]

[[learner]]
kind = "logistic""#;

const FEATURES: [&str; 6] = [
    "TX_AMOUNT",
    "DISTANCE",
    "CHANNEL",
    "TX_DATETIME.hour",
    "TX_DATETIME.weekend",
    "TX_DATETIME.night",
];

#[test]
fn contributions_sum_to_the_margin_and_to_their_reasons() {
    let project = Project::edited(&[("[[learner]]\nkind = \"logistic\"", REASONS)]);
    for learner in ["logistic", "decision_tree", "random_forest"] {
        let artifact = project.train(learner);
        let scored = project.predict(&artifact);
        let ids = scored.column("TRANSACTION_ID");
        let (margins, probabilities) = (scored.numbers("margin"), scored.numbers("probability"));
        let mut arguments = format!("explain {artifact} transactions.csv --json --top 9");
        (1..=60).for_each(|row| arguments.push_str(&format!(" --row {}", row * 17)));
        let report = project.run(&arguments).expect(0).json();
        let rows = report["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), 60);
        let mut bases: Vec<u64> = Vec::new();
        for (explained, n) in rows.iter().zip(1..) {
            let row = n * 17 - 1;
            assert_eq!(explained["row"], json!(row + 1));
            close(&explained["margin"], margins[row]);
            close(&explained["probability"], probabilities[row]);
            let base = number(&explained["base"]);
            let by = FEATURES.map(|name| number(&explained["contributions"][name]));
            assert_eq!(explained["contributions"].as_object().map(|by| by.len()), Some(6));
            close(&explained["margin"], base + by.iter().sum::<f64>());
            bases.push(base.to_bits());
            // Reasons declared come first, then the features of none; only what speaks for fraud.
            let mut expected = vec![
                (json!("R12"), json!("unusual amount"), by[0]),
                (json!("R07"), json!("odd hours"), by[3] + by[5]),
            ];
            expected.extend([1, 2, 4].map(|at| (json!(FEATURES[at]), Value::Null, by[at])));
            expected.retain(|(.., by)| *by > 0.0);
            expected.sort_by(|a, b| b.2.total_cmp(&a.2));
            let found = explained["reasons"].as_array().expect("reasons");
            assert_eq!(found.len(), expected.len(), "{explained}");
            for (found, (code, text, by)) in found.iter().zip(expected) {
                assert_eq!((&found["code"], &found["text"]), (&code, &text), "{explained}");
                close(&found["contribution"], by);
            }
        }
        bases.dedup();
        assert_eq!(bases.len(), 1, "{learner}: the base is the same for every row");

        // By id, one way and the other, and fewer reasons.
        let id = ids[16];
        let by_id = format!("explain {artifact} transactions.csv --id {id} --top 1");
        let found = project.run(&format!("{by_id} --json")).expect(0).json();
        assert_eq!(found["rows"][0]["id"], json!(id));
        assert_eq!(found["rows"][0]["contributions"], rows[0]["contributions"]);
        assert!(found["rows"][0]["reasons"].as_array().is_some_and(|found| found.len() <= 1));
        let text = project.run(&by_id).expect(0).stdout;
        let margin = format!("margin {:.4}", margins[16]);
        assert_says(&text, &[&format!("row 17, id {id}: {margin}"), "(everything else)"]);
    }
    let inspected = project.run("inspect logistic.shroff --json").expect(0).json();
    let hours = json!({
        "code": "R07", "text": "odd hours", "features": ["TX_DATETIME.hour", "TX_DATETIME.night"],
    });
    assert_eq!(inspected["reasons"][1], hours);
}

#[test]
fn a_rejected_row_has_no_explanation() {
    let strict = ("column = \"DISTANCE\"", "column = \"DISTANCE\"\non_missing = \"reject\"");
    let project = Project::edited(&[strict]);
    let artifact = project.train("logistic");
    let scored = project.predict(&artifact);
    let row = scored.column("margin").iter().position(|m| m.is_empty()).expect("a null") + 1;
    let arguments = format!("explain {artifact} transactions.csv --row {row}");
    let report = project.run(&format!("{arguments} --json")).expect(0).json();
    let expected = "feature \"DISTANCE\": its policy rejects a missing value";
    assert_eq!(report["rows"][0]["rejected"], json!(expected));
    assert_eq!(report["rows"][0]["margin"], Value::Null);
    assert_says(&project.run(&arguments).expect(0).stdout, &[expected, "no score"]);
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[track_caller]
fn close(found: &Value, expected: f64) {
    assert!((number(found) - expected).abs() < 1e-11, "expected {expected}, found {found}");
}
