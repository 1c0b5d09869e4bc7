//! `parity`: a log as a backend writes it scores the same bits again; a changed bit, another artifact
//! and an unreadable line are told.

use serde::Serialize;
use serde_json::json;
use shroff_serve::record::Timestamp;
use shroff_serve::{Scorer, Value};

use crate::common;
use crate::project::{Project, assert_says};

#[derive(Serialize)]
struct Card<'a> {
    country: Option<&'a str>,
}

#[derive(Serialize)]
struct Payment<'a> {
    id: u64,
    at: Option<Timestamp>,
    card: Card<'a>,
    amount: Option<f64>,
}

/// What a backend logs of a request.
#[derive(Serialize)]
struct Scored<'a> {
    artifact: String,
    id: u64,
    inputs: &'a Payment<'a>,
    margin: Option<f64>,
    probability: Option<f64>,
}

/// A log of `n` requests that this model scored, some of which its policies reject.
fn log(scorer: &Scorer, n: u64) -> Vec<String> {
    let sample = Payment {
        id: 0,
        at: Some(Timestamp(0)),
        card: Card { country: Some("") },
        amount: Some(0.0),
    };
    let bound = scorer.bind(&sample).expect("every input has a field");
    let countries = [Some("FR"), Some("DE"), Some("Atlantis"), None];
    let line = |id: u64| {
        let at = (!id.is_multiple_of(7)).then_some(Timestamp(id as i64 * 7_301_000_017));
        let card = Card { country: countries[id as usize % 4] };
        // Fractions whose shortest form is long.
        let amount = (!id.is_multiple_of(5)).then_some(id as f64 / 7.0);
        let payment = Payment { id, at, card, amount };
        let score = bound.score(&payment).ok();
        let (margin, probability) =
            (score.map(|score| score.margin), score.map(|score| score.probability));
        let artifact = scorer.id().to_string();
        serde_json::to_string(&Scored { artifact, id, inputs: &payment, margin, probability })
            .expect("a log line")
    };
    (1..=n).map(line).collect()
}

#[test]
fn a_log_scores_the_same_bits_again() {
    let project = Project::new();
    let bytes = common::artifact(&common::averaged());
    project.write("model.shroff", &bytes);
    let scorer = Scorer::from_bytes(&bytes).expect("opens");
    let mut lines = log(&scorer, 200);
    assert!(lines.iter().filter(|line| line.contains("\"margin\":null")).count() > 20);
    project.write("log.ndjson", lines.join("\n") + "\n");
    let run = project.run("parity model.shroff log.ndjson log.ndjson --json").expect(0).json();
    assert_eq!((&run["requests"], &run["replayed"]), (&json!(400), &json!(400)));
    assert_eq!((&run["different"], &run["first"]), (&json!(0), &json!([])));

    // The last bit of one score, and one that was rejected after all.
    let mut changed = |line: usize, key: &str, to: serde_json::Value| {
        let mut object: serde_json::Value = serde_json::from_str(&lines[line]).expect("JSON");
        object[key] = to;
        lines[line] = object.to_string();
    };
    let first: serde_json::Value = serde_json::from_str(&log(&scorer, 1)[0]).expect("JSON");
    let probability = first["probability"].as_f64().expect("a score");
    changed(0, "probability", json!(probability.next_up()));
    changed(8, "margin", json!(null));
    changed(8, "probability", json!(null));
    let other = "0123456789abcdef".repeat(4);
    changed(20, "artifact", json!(other));
    project.write("log.ndjson", lines.join("\n"));
    let run = project.run("parity model.shroff log.ndjson --json").expect(5).json();
    assert_eq!((&run["replayed"], &run["different"]), (&json!(199), &json!(2)));
    assert_eq!(run["other_artifacts"], json!({ other.clone(): 1 }));
    assert_eq!((&run["first"][0]["line"], &run["first"][0]["id"]), (&json!(1), &json!(1)));
    assert_eq!(run["first"][1]["line"], json!(9));
    let text = project.run("parity model.shroff log.ndjson").expect(5).stdout;
    let here = probability.to_string();
    assert_says(&text, &["2 different", "log.ndjson, 1", &here, &other, "null"]);

    project.write("log.ndjson", format!("{}\n{{\"artifact\": 7}}\n", log(&scorer, 1)[0]));
    let run = project.run("parity model.shroff log.ndjson").expect(3);
    assert_says(&run.stderr, &["log.ndjson, line 2", "artifact"]);
    project.write("log.ndjson", &lines[20]);
    let run = project.run("parity model.shroff log.ndjson").expect(3);
    assert_says(&run.stderr, &["expected requests that artifact", &other]);
}

#[test]
fn a_model_with_a_past_is_replayed_from_its_logged_values() {
    let project = Project::new();
    let bytes = common::artifact(&common::velocity::velocity());
    project.write("model.shroff", &bytes);
    let scorer = Scorer::from_bytes(&bytes).expect("opens");
    let windows = scorer.windows().expect("velocity features");
    let lines: Vec<String> = scorer
        .contents()
        .golden
        .iter()
        .zip(0_u8..)
        .map(|(golden, n)| {
            let values: Vec<Value<'_>> = golden.values.iter().map(|v| v.as_value()).collect();
            let velocity: Vec<f32> = (0..windows.n_features())
                .map(|feature| match (usize::from(n) + feature) % 5 {
                    0 => f32::NAN,
                    k => (f32::from(n) + 0.1) / k as f32,
                })
                .collect();
            let record = shroff_serve::Record::new(&values);
            let score = scorer.score_record_with(record, &velocity).ok();
            let inputs: Vec<serde_json::Value> = values
                .iter()
                .map(|value| match value {
                    Value::Null => json!(null),
                    Value::Bool(value) => json!(value),
                    Value::Number(value) if value.is_infinite() => json!(value.to_string()),
                    Value::Number(value) => json!(value),
                    Value::Integer(value) | Value::Time(value) => json!(value),
                    Value::Text(value) => json!(value),
                    other => panic!("no golden record holds {other:?}"),
                })
                .collect();
            let (margin, probability) = (score.map(|s| s.margin), score.map(|s| s.probability));
            // serde_json writes an f32 in its own shortest form, as a struct of a backend would.
            let velocity = serde_json::to_string(&velocity).expect("JSON");
            let rest = json!({
                "artifact": scorer.id().to_string(), "inputs": inputs, "margin": margin,
                "probability": probability,
            });
            rest.to_string().replacen('{', &format!("{{\"velocity\":{velocity},"), 1)
        })
        .collect();
    project.write("log.ndjson", lines.join("\n"));
    let run = project.run("parity model.shroff log.ndjson --json").expect(0).json();
    assert_eq!((&run["replayed"], &run["different"]), (&json!(64), &json!(0)));
    // Without them no request can be scored.
    let without = lines[0].replacen("velocity", "speed", 1);
    project.write("log.ndjson", without);
    let run = project.run("parity model.shroff log.ndjson").expect(3);
    assert_says(&run.stderr, &["line 1", "velocity features, found 0"]);
}
