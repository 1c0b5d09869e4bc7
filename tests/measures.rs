//! Measures next to those of scikit-learn on the same rows, written down by `fixtures/measures/make.py`.

use std::path::Path;

use serde_json::Value;
use shroff_train::metric::{CardDays, Ranking, ScoreGroup, Scored, brier, log_loss};

#[test]
fn scikit_learn_says_the_same() {
    let fixture = fixture();
    let sets = fixture["sets"].as_array().expect("sets");
    assert_eq!(sets.iter().filter(|set| set["tied"] == true).count(), 1);
    assert_eq!(sets.len(), 2);
    for set in sets {
        let labels = labels(set);
        let (margins, probabilities) = (numbers(&set["margins"]), numbers(&set["probabilities"]));
        let weights = numbers(&set["weights"]);
        for (key, weights) in [("unweighted", None), ("weighted", Some(weights.as_slice()))] {
            let expected = &set[key];
            let ranking = Ranking::new(&Scored::new(&labels, &margins, weights).expect("rows"));
            let scored = Scored::of_probabilities(&labels, &probabilities, weights).expect("rows");
            close(ranking.roc_auc(), &expected["roc_auc"], "roc_auc");
            close(ranking.average_precision(), &expected["average_precision"], "average_precision");
            close(Some(log_loss(&scored)), &expected["log_loss"], "log_loss");
            close(Some(brier(&scored)), &expected["brier"], "brier");
            for (limit, area) in
                numbers(&fixture["partial_fprs"]).iter().zip(list(&expected["partial_roc_auc"]))
            {
                close(ranking.partial_roc_auc(*limit), area, "partial_roc_auc");
            }
            for (position, limit) in numbers(&fixture["fprs"]).into_iter().enumerate() {
                let at = |key: &str| &expected[key][position];
                close(ranking.recall_at_fpr(limit), at("recall_at_fpr"), "recall_at_fpr");
                close(ranking.precision_at_fpr(limit), at("precision_at_fpr"), "precision_at_fpr");
            }
            for at in list(&expected["at_thresholds"]) {
                let group = ranking.at_or_above(at[0].as_f64().expect("a threshold"));
                close(group.map(ScoreGroup::precision), &at[1], "precision");
                let recall = group.map(|group| group.true_positives / ranking.fraud_weight());
                close(recall, &at[2], "recall");
            }
        }
    }
}

#[test]
fn card_precision_is_that_of_its_definition() {
    let fixture = fixture();
    let set = fixture["sets"].as_array().and_then(|sets| sets.iter().find(|s| s["tied"] == false));
    let set = set.expect("a set without ties");
    let whole = |key: &str| -> Vec<i64> {
        list(&set[key]).iter().map(|value| value.as_i64().expect("a whole number")).collect()
    };
    let cards =
        CardDays::new(&whole("days"), &whole("entities"), &labels(set), &numbers(&set["margins"]));
    let cards = cards.expect("rows");
    for (k, expected) in list(&fixture["budgets"]).iter().zip(list(&set["card_precision"])) {
        let k = k.as_u64().expect("a budget") as u32;
        close(cards.precision_at(k), expected, "card precision");
    }
}

fn fixture() -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/measures");
    let text = std::fs::read_to_string(folder.join("scikit_learn.json")).expect("a fixture");
    serde_json::from_str(&text).expect("JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|number| number.as_f64().expect("a number")).collect()
}

fn labels(set: &Value) -> Vec<bool> {
    list(&set["labels"]).iter().map(|label| *label == true).collect()
}

#[track_caller]
fn close(found: Option<f64>, expected: &Value, what: &str) {
    match (found, expected.as_f64()) {
        (None, None) => {}
        (Some(found), Some(expected)) if (found - expected).abs() <= 1e-9 => {}
        _ => panic!("{what}: expected {expected}, found {found:?}"),
    }
}
