//! Labels that a policy took away, weights that stand for them, and rows that came twice.

use serde_json::{Value, json};

use super::naive::number;
use crate::project::{CONFIG, Csv, Project, assert_says, edited, transactions};

const LOGISTIC: (&str, &str) = ("[[learner]]\nkind = \"logistic\"\n", "");
const ROLES: (&str, &str) = (
    "amount = \"TX_AMOUNT\"\n",
    "amount = \"TX_AMOUNT\"\ndecision = \"DECISION\"\nblocked = [\"declined\"]\nweight = \"WEIGHT\"\n",
);

#[test]
fn weights_of_a_control_group_bring_the_population_back() {
    let project = Project::new();
    project
        .run("simulate --days 62 --customers 600 --terminals 900 --format csv --out . --block-above 60 --let-through 0.25")
        .expect(0);
    project.write("fraud.toml", edited(CONFIG, &[LOGISTIC, ROLES]));
    let finished = project.retrain("").expect(0);
    let run = finished.json();
    assert_says(&finished.stderr, &["no label known in time"]);
    let csv = Csv::parse(&project.read("transactions.csv"));
    let (decisions, labels) = (csv.column("DECISION"), csv.column("TX_FRAUD"));
    let (weights, scenarios) = (csv.numbers("WEIGHT"), csv.column("TX_FRAUD_SCENARIO"));

    let mut n_unlabelled = 0;
    for (name, window) in run["windows"].as_object().expect("windows") {
        let rows = csv.rows_in(window);
        let n_blocked = rows.iter().filter(|row| decisions[**row] == "declined").count();
        assert_eq!(window["rows"], json!(rows.len() - n_blocked), "{name}");
        let share = n_blocked as f64 / rows.len() as f64;
        let expected = json!({
            "rows": n_blocked, "share": share, "blocked": n_blocked, "null_label": 0,
            "not_known_in_time": 0,
        });
        assert_eq!(window["unlabelled"], expected, "{name}");
        n_unlabelled += n_blocked;
    }
    assert_eq!(run["unlabelled_rows"], json!(n_unlabelled));
    assert!(n_unlabelled > 1_000);

    // The base rate is the weighted one, by a naive sum, and near that of the population.
    let rows = csv.rows_in(&run["windows"]["test"]);
    let sum = |of: &dyn Fn(usize) -> f64| rows.iter().map(|row| of(*row)).sum::<f64>();
    let known = |row: usize| if labels[row].is_empty() { 0.0 } else { 1.0 };
    let fraud = |row: usize| if labels[row] == "true" { 1.0 } else { 0.0 };
    let weighted = sum(&|row| weights[row] * fraud(row)) / sum(&|row| weights[row] * known(row));
    let unweighted = sum(&fraud) / sum(&known);
    let truth = sum(&|row| f64::from(u8::from(scenarios[row] != "0"))) / rows.len() as f64;
    let measures = &run["learners"]["random_forest"];
    assert!((number(&measures["base_rate"]) - weighted).abs() < 1e-12);
    assert!((weighted / truth - 1.0).abs() < 0.2, "weighted {weighted}, truth {truth}");
    assert!(unweighted / truth < 0.75, "unweighted {unweighted}, truth {truth}");

    // What the model expects of all payments, blocked ones too, is what they hold.
    let scored = project.predict(&project.train("random_forest"));
    let probabilities = scored.numbers("probability");
    let calibrate = csv.rows_in(&run["windows"]["calibrate"]);
    let expected = calibrate.iter().map(|row| probabilities[*row]).sum::<f64>();
    let held = calibrate.iter().filter(|row| scenarios[**row] != "0").count() as f64;
    assert!((expected / held - 1.0).abs() < 0.25, "expected {expected} frauds, {held} there");

    // Bands: precision by the weights.
    let seen =
        project.run("evaluate cards@champion fraud.toml --window test --json").expect(0).json();
    assert_eq!(seen["unlabelled"], run["windows"]["test"]["unlabelled"]);
    assert_eq!(seen["rows"], run["windows"]["test"]["rows"]);
    let name = run["candidate"].as_str().expect("a name");
    let scored = project.predict(&project.train(name));
    let bands = scored.column("band");
    for band in seen["bands"].as_array().expect("bands") {
        let inside = |row: usize| if band["name"] == bands[row] { known(row) } else { 0.0 };
        let weight = sum(&|row| inside(row) * weights[row]);
        let precision = sum(&|row| inside(row) * weights[row] * fraud(row)) / weight;
        assert_eq!(number(&band["rows"]).to_bits(), sum(&inside).to_bits());
        if weight > 0.0 {
            assert!((number(&band["precision"]) - precision).abs() < 1e-12, "{band}");
        }
    }

    // Linear models of the library know no weights.
    project.write("fraud.toml", edited(CONFIG, &[ROLES]));
    let refused = project.retrain("").expect(2);
    assert_says(&refused.stderr, &["\"logistic\"", "weight = \"WEIGHT\"", "random_forest"]);
    // A weight is needed where a label counts.
    project.write("fraud.toml", edited(CONFIG, &[LOGISTIC, ROLES]));
    let mut csv = csv.clone();
    let row =
        decisions.iter().skip(9_000).position(|word| *word == "approved").expect("a row") + 9_000;
    csv.set(row, "WEIGHT", "0");
    project.write("transactions.csv", csv.text());
    let refused = project.retrain("").expect(3);
    assert_says(&refused.stderr, &[&format!("row {}", row + 1), "a weight above 0, found 0"]);
}

#[test]
fn a_truth_value_blocks_and_its_label_counts_for_nothing() {
    let mut csv = Csv::parse(transactions());
    csv.header.push("STOPPED".to_owned());
    for (row, fields) in csv.rows.iter_mut().enumerate() {
        fields.push(["true", "false", "false", ""][row % 4].to_owned());
    }
    let role = ("amount = \"TX_AMOUNT\"\n", "amount = \"TX_AMOUNT\"\ndecision = \"STOPPED\"\n");
    let project = Project::edited(&[role]);
    project.write("transactions.csv", csv.text());
    let run = project.retrain("").expect(0).json();
    for (name, window) in run["windows"].as_object().expect("windows") {
        let rows = csv.rows_in(window);
        let open = rows.iter().filter(|row| csv.column("STOPPED")[**row] != "true").count();
        assert_eq!(window["rows"], json!(open), "{name}");
    }
    let text = project.run("evaluate cards@champion fraud.toml --window test").expect(0).stdout;
    assert_says(&text, &["rows without a label known in time", "0 null, 0 known too late"]);
    let words = csv.text().replace(",false\n", ",open\n");
    project.write("words.csv", words);
    let refused = project.run("evaluate cards@champion words.csv").expect(3);
    assert_says(&refused.stderr, &["\"STOPPED\"", "found open", "[columns] blocked"]);
    // A word that nobody ever decided is pointed out.
    let named = (
        "amount = \"TX_AMOUNT\"\n",
        "amount = \"TX_AMOUNT\"\ndecision = \"STOPPED\"\nblocked = [\"yes\"]\n",
    );
    project.write("fraud.toml", edited(CONFIG, &[named]));
    let note = project.run("train --config fraud.toml --learner logistic --out m.shroff").expect(0);
    assert_says(&note.stderr, &["no row has the decision \"yes\""]);
}

#[test]
fn the_latest_of_overlapping_dumps_stays() {
    let clean = Project::new();
    let expected = clean.retrain("").expect(0).json();

    // Older versions of some rows stand before the row, and after it.
    let csv = Csv::parse(transactions());
    let mut dumps = Csv { header: csv.header.clone(), rows: Vec::new() };
    dumps.header.push("UPDATED_AT".to_owned());
    let (label, amount) = (csv.position("TX_FRAUD"), csv.position("TX_AMOUNT"));
    let mut n_older = 0;
    for (row, fields) in csv.rows.iter().enumerate() {
        let version = |updated_at: &str| [fields.as_slice(), &[updated_at.to_owned()]].concat();
        let mut older = version("2018-07-01 00:00:00");
        older[label] = String::new();
        older[amount] = "1.00".to_owned();
        if row % 50 == 0 {
            dumps.rows.push(older.clone());
        }
        dumps.rows.push(version("2018-07-02 00:00:00"));
        if row % 70 == 0 {
            dumps.rows.push(older);
        }
        n_older += usize::from(row % 50 == 0) + usize::from(row % 70 == 0);
    }
    let project = Project::new();
    project.write("transactions.csv", dumps.text());
    let refused = project.retrain("").expect(3);
    assert_says(&refused.stderr, &["appears twice, in rows", "keep_latest"]);

    let id = "id = \"TRANSACTION_ID\"\n";
    let keep = "duplicates = \"keep_latest\"\nduplicates_by = \"UPDATED_AT\"\n";
    project.write("fraud.toml", edited(CONFIG, &[(id, &format!("{id}{keep}"))]));
    let run = project.retrain("").expect(0).json();
    for name in ["train", "stop", "calibrate", "test"] {
        assert_eq!(run["windows"][name], expected["windows"][name], "{name}");
    }
    for learner in ["logistic", "decision_tree", "random_forest"] {
        for measure in ["average_precision", "log_loss", "size"] {
            let of = |run: &Value| run["learners"][learner][measure].clone();
            assert_eq!(of(&run), of(&expected), "{learner} {measure}");
        }
    }
    // The events read begin with train: only duplicates from there on are counted.
    let found = run["duplicate_rows"].as_u64().expect("a number") as usize;
    assert!(found > 0 && found <= n_older, "{found} of {n_older}");
    let all = project.run("evaluate cards@champion fraud.toml --json").expect(0).json();
    assert_eq!((&all["duplicate_rows"], &all["rows"]), (&json!(n_older), &json!(csv.rows.len())));

    // Without a column the later row of the file stays: each 70th row has lost its label.
    project.write(
        "fraud.toml",
        edited(CONFIG, &[(id, &format!("{id}duplicates = \"keep_latest\"\n"))]),
    );
    let last = project.run("evaluate cards@champion fraud.toml --json").expect(0).json();
    assert_eq!(last["unlabelled"]["null_label"], json!(csv.rows.len().div_ceil(70)));
}
