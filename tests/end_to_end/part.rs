//! Splits without time: by a column and by a hash.

use serde_json::{Value, json};

use crate::project::{CONFIG, Csv, Project, assert_says, blob, edited, transactions};

const TIMED: &str =
    "[split]\nlabel_delay = \"7d\"\ntrain = \"28d\"\ncalibrate = \"7d\"\ntest = \"7d\"\n";
const HASHED: &str =
    "[split]\nby_hash = \"TRANSACTION_ID\"\ntrain = 0.5\ncalibrate = 0.2\ntest = 0.25\n";
const NO_TIME: (&str, &str) = ("time = \"TX_DATETIME\"\n", "");
/// The random forest fits slowest and shows nothing here.
const FOREST: (&str, &str) = (
    "[[learner]]\nkind = \"random_forest\"\nn_trees = 10\nmax_depth = 8\nnegative_ratio = 20\n",
    "",
);

fn config(split: &str) -> String {
    edited(CONFIG, &[(TIMED, split), NO_TIME, FOREST])
}

/// The hash of an id as a point: the first eight bytes as a fraction of 2^64.
fn point(id: &str) -> f64 {
    let hash = blake3::hash(id.as_bytes());
    let bytes = hash.as_bytes().iter().take(8).rev();
    bytes.fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)) as f64 / 2.0 / (1_u64 << 63) as f64
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("expected text, found {value}"))
}

#[test]
fn a_hash_puts_the_same_id_into_the_same_part() {
    let project = Project::new();
    project.write("fraud.toml", config(HASHED));
    let finished = project.retrain("").expect(0);
    assert_says(&finished.stderr, &["NOT HONEST IN TIME", "the hash of \"TRANSACTION_ID\""]);
    let run = finished.json();
    assert_eq!((&run["honest_in_time"], &run["as_of"]), (&json!(false), &Value::Null));

    // 15 % of train's 0.5 are stop; the last 0.05 belong to no part.
    let csv = Csv::parse(transactions());
    let points: Vec<f64> = csv.column("TRANSACTION_ID").into_iter().map(point).collect();
    let parts =
        [("train", 0.0, 0.425), ("stop", 0.425, 0.5), ("calibrate", 0.5, 0.7), ("test", 0.7, 0.95)];
    for (name, from, to) in parts {
        let within = |row: &usize| from <= points[*row] && points[*row] < to;
        let rows: Vec<usize> = (0..points.len()).filter(within).collect();
        let n_frauds = rows.iter().filter(|row| csv.is_fraud(**row)).count();
        let window = &run["windows"][name];
        let found = (&window["rows"], &window["frauds"], &window["from"], &window["to"]);
        assert_eq!(found, (&json!(rows.len()), &json!(n_frauds), &Value::Null, &Value::Null));
        // The same rule finds them again.
        let again = project
            .run(&format!("evaluate cards@champion transactions.csv --window {name} --json"));
        let (code, stderr, again) = (again.code, again.stderr.clone(), again.json());
        assert_eq!((code, &again["rows"]), (Some(0), &json!(rows.len())));
        assert_eq!((&again["frauds"], &again["honest_in_time"]), (&json!(n_frauds), &json!(false)));
        assert_says(&stderr, &["NOT HONEST IN TIME"]);
        if name == "test" {
            let candidate = &run["learners"][text(&run["candidate"])];
            assert_eq!(again["average_precision"], candidate["average_precision"]);
        }
    }
    let ignored = points.iter().filter(|point| **point >= 0.95).count();
    assert_eq!(run["ignored_rows"], json!(ignored));
    let shown = project.run("registry show cards --registry registry").expect(0).stdout;
    assert_says(&shown, &["cards"]);
    project.run(&format!("inspect {}", blob("registry", &run["artifact"]))).expect(0);

    // Other rows around it and another order change no row's part.
    let mut turned = csv.clone();
    turned.rows.reverse();
    turned.rows.truncate(20_000);
    project.write("turned.csv", turned.text());
    let again =
        project.run("evaluate cards@champion turned.csv --window test --json").expect(0).json();
    let points: Vec<f64> = turned.column("TRANSACTION_ID").into_iter().map(point).collect();
    let expected = points.iter().filter(|point| (0.7..0.95).contains(*point)).count();
    assert_eq!(again["rows"], json!(expected));

    // Bounds and an as-of need a time.
    let refused =
        project.run("evaluate cards@champion transactions.csv --from 2018-05-01").expect(2);
    assert_says(&refused.stderr, &["time column", "[columns] time"]);
    let known = "\n[evaluate]\ndrop_known_compromised = \"CUSTOMER_ID\"\n";
    project.write("fraud.toml", config(HASHED) + known);
    let refused = project.retrain("").expect(2);
    assert_says(&refused.stderr, &["drop_known_compromised", "expected windows in time"]);
    project.write("fraud.toml", config(HASHED));
    let refused = project.retrain("--as-of 2018-05-01").expect(2);
    assert_says(&refused.stderr, &["--as-of", "the hash of \"TRANSACTION_ID\""]);
}

#[test]
fn a_champion_without_time_is_compared_under_the_same_rule_only() {
    let project = Project::new();
    project.write("fraud.toml", config(HASHED));
    project.retrain("").expect(0);
    // Next week's data under the same rule.
    let mut csv = Csv::parse(transactions());
    csv.rows.truncate(21_000);
    project.write("transactions.csv", csv.text());
    let second = project.retrain("").json();
    assert_says(text(&second["reason"]), &["average_precision", "champion version 1"]);
    assert!(second["gate"]["comparison"]["low"].is_f64(), "{}", second["gate"]);

    let shifted = HASHED.replace("train = 0.5", "train = 0.55");
    project.write("fraud.toml", config(&shifted));
    let kept = project.retrain("").expect(5).json();
    let parts = ["cannot be compared", "train 0.4250", "train 0.4675", "may have been fitted"];
    assert_says(text(&kept["reason"]), &parts);

    // Windows in time, and a champion whose rows lie anywhere in time.
    project.write("fraud.toml", edited(CONFIG, &[FOREST]));
    let kept = project.retrain("").expect(5).json();
    assert_says(text(&kept["reason"]), &["cannot be compared", "not split by time"]);
}

#[test]
fn a_column_says_the_part_and_stop_is_cut_by_hash() {
    let mut csv = Csv::parse(transactions());
    let words = ["train", "train", "test", "train", "calibrate", "hold", "train", ""];
    csv.header.push("PART".to_owned());
    for (row, fields) in csv.rows.iter_mut().enumerate() {
        fields.push(words[row % words.len()].to_owned());
    }
    let project = Project::new();
    project.write("transactions.csv", csv.text());
    project.write("fraud.toml", config("[split]\ncolumn = \"PART\"\n"));
    let run = project.retrain("").expect(0).json();
    let (ids, parts) = (csv.column("TRANSACTION_ID"), csv.column("PART"));
    let is_stop = |row: usize| parts[row] == "train" && point(ids[row]) >= 0.85;
    let part = |row: usize| if is_stop(row) { "stop" } else { parts[row] };
    for name in ["train", "stop", "calibrate", "test"] {
        let n_rows = (0..ids.len()).filter(|row| part(*row) == name).count();
        assert_eq!(run["windows"][name]["rows"], json!(n_rows), "{name}");
    }
    let n_ignored = parts.iter().filter(|part| ["hold", ""].contains(*part)).count();
    assert_eq!(run["ignored_rows"], json!(n_ignored));

    // Without an id the row's own content is hashed: the order of rows changes nothing.
    let no_id = config("[split]\ncolumn = \"PART\"\n").replace("id = \"TRANSACTION_ID\"\n", "");
    project.write("fraud.toml", &no_id);
    let stop = |project: &Project, registry: &str| {
        let run = format!("retrain --config fraud.toml --registry {registry} --json");
        project.run(&run).expect(0).json()["windows"]["stop"].clone()
    };
    let before = stop(&project, "before");
    csv.rows.reverse();
    project.write("transactions.csv", csv.text());
    assert_eq!(before, stop(&project, "after"));
    let (found, n_train) = (before["rows"].as_f64().expect("a number"), ids_of_train(&csv));
    assert!((found / n_train - 0.15).abs() < 0.02, "{found} of {n_train}");

    // A word misspelt in the whole column.
    project.write("transactions.csv", csv.text().replace(",test\n", ",Test\n"));
    let refused = project.retrain("").expect(3);
    assert_says(&refused.stderr, &["window test", "column \"PART\"", "no rows", "\"Test\""]);
}

fn ids_of_train(csv: &Csv) -> f64 {
    csv.column("PART").into_iter().filter(|part| *part == "train").count() as f64
}

#[test]
fn a_row_without_a_value_to_hash_is_refused() {
    let project = Project::new();
    let mut csv = Csv::parse(transactions());
    csv.set(4, "TRANSACTION_ID", "");
    project.write("transactions.csv", csv.text());
    project.write("fraud.toml", config(HASHED));
    let refused = project.retrain("").expect(3);
    assert_says(&refused.stderr, &["\"TRANSACTION_ID\", row 5", "missing"]);
}
