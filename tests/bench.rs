//! `shroff bench`: whatever the model, numbers that can be, in the order that they must have.

use serde_json::Value;

use crate::project::{Project, assert_says};
use crate::tidy::source::repo_root;

#[test]
fn every_golden_model_is_timed_on_rows_of_its_own() {
    let project = Project::new();
    for name in ["v1/linear", "v1/averaged", "v1/boosted", "v1/computed", "v1-velocity/velocity"] {
        let model = repo_root().join(format!("tests/golden/{name}.shroff"));
        let report = project.run(&format!("bench {} --rounds 1 --json", model.display())).expect(0);
        let report = report.json();
        assert!(report["data"].is_null());
        // Golden records visit odd values; a policy of each model rejects some.
        assert_eq!(count(&report["rows"]) + count(&report["rejected_rows"]), 16_384, "{name}");
        assert!(count(&report["rejected_rows"]) > 0, "{name}");
        assert_sound(&report);
    }
}

#[test]
fn a_model_is_timed_on_data() {
    let project = Project::new();
    let artifact = project.train("decision_tree");
    let arguments = format!("bench {artifact} transactions.csv --rounds 2");
    let report = project.run(&format!("{arguments} --json")).expect(0).json();
    assert_eq!((&report["data"], count(&report["rows"])), (&"transactions.csv".into(), 16_384));
    assert_sound(&report);
    let text = project.run(&arguments).expect(0).stdout;
    assert_says(&text, &["16384 rows of transactions.csv", "p99.9", "rows/s", "record", "row, "]);
    project.write("transactions.csv", "TX_AMOUNT\n1.5\n");
    let run = project.run(&arguments).expect(3);
    assert_says(&run.stderr, &["bench", "transactions.csv"]);
}

#[track_caller]
fn assert_sound(report: &Value) {
    let number = |value: &Value| {
        let number = value.as_f64().unwrap_or_else(|| panic!("a number, found {value}: {report}"));
        assert!(number > 0.0 && number.is_finite(), "{report}");
        number
    };
    for key in ["bytes", "load_ms", "rounds"] {
        number(&report[key]);
    }
    if cfg!(target_os = "linux") {
        number(&report["memory_bytes"]);
    }
    let engines = report["engines"].as_object().expect("engines by name");
    let chosen = report["engine"].as_str().expect("the chosen one");
    assert!(engines.contains_key(chosen) && engines[chosen] == report["row"], "{report}");
    for times in engines.values().chain([&report["record"]]) {
        let [p50, p99, p999] = ["p50_ns", "p99_ns", "p99.9_ns"].map(|key| number(&times[key]));
        assert!(p50 <= p99 && p99 <= p999 && number(&times["mean_ns"]) > 0.0, "{report}");
    }
    let batch = report["batch"].as_array().expect("a list by threads");
    let threads: Vec<u64> = batch.iter().map(|line| count(&line["threads"])).collect();
    assert!(threads[0] == 1 && threads.is_sorted_by(|a, b| a < b), "{threads:?}");
    batch.iter().for_each(|line| assert!(number(&line["rows_per_second"]) > 0.0));
}

fn count(value: &Value) -> u64 {
    value.as_u64().expect("a whole number")
}
