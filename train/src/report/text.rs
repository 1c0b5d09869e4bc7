//! What `retrain`, `train` and `evaluate` print without `--json`, made from the same JSON.

use serde_json::Value;

use super::{Table, interval};

/// Measures as tables show them: JSON key, heading, digits.
pub(super) const MEASURES: [(&str, &str, usize); 8] = [
    ("average_precision", "avg precision", 4),
    ("roc_auc", "ROC AUC", 4),
    ("log_loss", "log loss", 5),
    ("brier", "Brier", 5),
    ("recall_at_fpr_0.001", "recall@0.1%", 4),
    ("recall_at_fpr_0.005", "recall@0.5%", 4),
    ("recall_at_fpr_0.01", "recall@1%", 4),
    ("observed_over_expected", "obs/exp", 3),
];

/// What the names of the other measures begin with, and the digits they are shown with.
const FURTHER: [(&str, usize); 9] = [
    ("calibration_error", 5),
    ("partial_roc_auc_at_fpr_", 4),
    ("precision_at_", 4),
    ("recall_at_alerts_", 4),
    ("amount_recall_at_", 4),
    ("value_captured_at_", 2),
    ("card_precision_at_", 4),
    ("expected_cost_all_allowed", 2),
    ("expected_cost", 2),
];

/// The names of the other measures in a report, in its order, with their digits.
fn further(report: &Value) -> Vec<(&str, usize)> {
    let digits = |name: &str| FURTHER.iter().find(|(start, _)| name.starts_with(start));
    let names = report.as_object().into_iter().flat_map(|report| report.keys());
    names.filter_map(|name| Some((name.as_str(), digits(name)?.1))).collect()
}

/// The windows and every learner's measures on test.
pub fn retraining(report: &Value) -> String {
    let mut text = String::new();
    if report["honest_in_time"] == false {
        text.push_str(
            "NOT HONEST IN TIME: rows are split by a column or a hash; expect worse on what comes \
             next\n\n",
        );
    }
    let mut windows = Table::new(["window", "from", "to (exclusive)", "rows", "frauds"]);
    for name in ["train", "stop", "calibrate", "test"] {
        let window = &report["windows"][name];
        if window.is_null() {
            continue;
        }
        let mut cells = vec![name.to_owned()];
        cells.extend(["from", "to", "rows", "frauds"].map(|key| plain(&window[key])));
        windows.push(cells);
    }
    let heading = ["learner", "stop AP"].into_iter().chain(MEASURES.map(|(_, heading, _)| heading));
    let mut learners = Table::new(heading.chain(["size"]));
    let mut notes = String::new();
    for (name, learner) in report["learners"].as_object().into_iter().flatten() {
        let mark = if report["candidate"] == *name { " *" } else { "" };
        let mut cells =
            vec![format!("{name}{mark}"), number(&learner["stop_average_precision"], 4)];
        cells.extend(MEASURES.map(|(key, _, digits)| number(&learner[key], digits)));
        cells.push(plain(&learner["size"]));
        learners.push(cells);
        for note in learner["notes"].as_array().into_iter().flatten() {
            notes.push_str(&format!("note: {name}: {}\n", plain(note)));
        }
    }
    let further = further_of_learners(report);
    let how = match report["windows"]["stop"].is_null() {
        true => "listed first",
        false => "chosen on the stop window",
    };
    text.push_str(&format!(
        "{windows}
{learners}* the candidate, {how}; measures are of the test window

{further}{}",
        interval::candidate(report)
    ));
    text.push_str(&searched(&report["search"]));
    let candidate = &report["learners"][plain(&report["candidate"])];
    if candidate["base_rate"].is_f64() {
        let base_rate = number(&candidate["base_rate"], 6);
        text.push_str(&format!("base rate {base_rate}: the average precision of a random order\n"));
    }
    if report["windows"]["calibrate"].is_null() {
        text.push_str("no calibrate window: the models are not calibrated and have no bands\n");
    }
    let rows = |key: &str| report[key].as_u64().unwrap_or(0);
    if rows("dropped_test_rows") > 0 {
        let dropped = rows("dropped_test_rows");
        text.push_str(&format!("{dropped} test rows of known compromised entities are left out\n"));
    }
    for (key, what) in [
        ("duplicate_rows", "rows with a later row of the same id are left out"),
        ("ignored_rows", "rows of no part of the split are left out"),
    ] {
        if rows(key) > 0 {
            text.push_str(&format!("{} {what}\n", rows(key)));
        }
    }
    if rows("unlabelled_rows") > 0 {
        let windows = ["train", "stop", "calibrate", "test"].into_iter();
        let counted = windows.map(|name| (name, &report["windows"][name]["unlabelled"]));
        text.push_str(&unlabelled(counted));
    }
    text.push_str(&notes);
    if report["checks"] == "skipped" {
        text.push_str("checks before training: skipped\n");
    }
    for warning in report["warnings"].as_array().into_iter().flatten() {
        text.push_str(&format!("warning: {}\n", plain(warning)));
    }
    text
}

/// The other measures, a column per learner; empty without any.
fn further_of_learners(report: &Value) -> String {
    let Some(learners) = report["learners"].as_object() else { return String::new() };
    let mut table = Table::new(["measure"].into_iter().chain(learners.keys().map(String::as_str)));
    let Some(first) = learners.values().next() else { return String::new() };
    for (name, digits) in further(first) {
        let cells = learners.values().map(|learner| number(&learner[name], digits));
        table.push([name.to_owned()].into_iter().chain(cells).collect());
    }
    format!("{table}\n")
}

/// What a search of parameters chose, a line a learner; nothing where there was none.
fn searched(search: &Value) -> String {
    let n_folds = search["folds"].as_array().map_or(0, Vec::len);
    let mut text = String::new();
    for (name, found) in search["learners"].as_object().into_iter().flatten() {
        let parameters = found["parameters"].as_object().into_iter().flatten();
        let parameters: Vec<String> =
            parameters.map(|(key, value)| format!("{key} = {value}")).collect();
        let chosen = match parameters.is_empty() {
            true => "as configured".to_owned(),
            false => parameters.join(", "),
        };
        text.push_str(&format!(
            "search: {name}: average precision {} on {n_folds} folds, the best of {} trials: {chosen}\n",
            number(&found["average_precision"], 4),
            plain(&found["trials"])
        ));
        if found["blend"].is_object() {
            let mean = &found["blend"]["average_precision"];
            let is_better = mean.as_f64() > found["average_precision"].as_f64();
            text.push_str(&format!(
                "search: {name}: average precision {} of the blend of trials {}, which is {}\n",
                number(mean, 4),
                found["blend"]["trials"],
                if is_better { "chosen" } else { "not better" }
            ));
        }
    }
    text
}

/// The measures of one model and what lies in its bands.
pub fn evaluation(report: &Value) -> String {
    let heading = interval::heading(report);
    let mut measures = Table::new(["measure", "value", &heading]);
    let mut push = |key: &str, digits: usize| {
        let value = number(&report[key], digits);
        measures.push(vec![key.to_owned(), value, interval::interval(report, key)]);
    };
    for key in ["rows", "frauds"] {
        push(key, 0);
    }
    push("base_rate", 6);
    for (key, _, digits) in MEASURES {
        push(key, digits);
    }
    for (key, digits) in further(report) {
        push(key, digits);
    }
    let mut text = format!("{measures}{}", interval::resampled(report));
    if report["rejected_rows"].as_u64().is_some_and(|rows| rows > 0) {
        let rejected = plain(&report["rejected_rows"]);
        text.push_str(&format!("{rejected} rows that a policy rejects are left out\n"));
    }
    text.push_str(&odd_values(report));
    if report["unlabelled_rows"].as_u64() > Some(0) {
        text.push_str(&unlabelled([("left out", &report["unlabelled"])].into_iter()));
    }
    text.push_str(&interval::slices(report));
    let bands = report["bands"].as_array().map(Vec::as_slice).unwrap_or_default();
    if bands.is_empty() {
        text.push_str("\nThe model has no bands.\n");
        return text;
    }
    text.push_str(&format!("\n{}", bands_table(bands)));
    text
}

/// Each band, and what it and those above it catch together.
fn bands_table(bands: &[Value]) -> Table {
    const HELD: [(&str, &str, usize); 2] =
        [("precision", "precision", 4), ("observed_over_expected", "obs/exp", 3)];
    const AND_ABOVE: [(&str, &str, usize); 6] = [
        ("precision", "and above: precision", 4),
        ("recall", "recall", 4),
        ("false_positive_rate", "FPR", 5),
        ("alerts_per_day", "alerts/day", 1),
        ("observed_over_expected", "obs/exp", 3),
        ("amount_recall", "amount recall", 4),
    ];
    let heading = ["band", "margin from", "rows", "frauds"].into_iter();
    let heading = heading.chain(HELD.map(|(_, heading, _)| heading));
    let mut table = Table::new(heading.chain(AND_ABOVE.map(|(_, heading, _)| heading)));
    for band in bands {
        let mut cells = vec![
            plain(&band["name"]),
            number(&band["margin_from"], 4),
            plain(&band["rows"]),
            plain(&band["frauds"]),
        ];
        cells.extend(HELD.map(|(key, _, digits)| number(&band[key], digits)));
        cells.extend(AND_ABOVE.map(|(key, _, digits)| number(&band["and_above"][key], digits)));
        table.push(cells);
    }
    table
}

/// The features that had odd values to decide on; empty where there were none.
fn odd_values(report: &Value) -> String {
    let mut table = Table::new(["feature", "missing", "unseen", "out of range"]);
    let mut any = false;
    for (name, counts) in report["inputs"].as_object().into_iter().flatten() {
        let counts = ["missing", "unseen", "out_of_range"].map(|key| &counts[key]);
        if counts.iter().any(|count| **count != 0) {
            table.push([name.clone()].into_iter().chain(counts.map(plain)).collect());
            any = true;
        }
    }
    if any { format!("\n{table}") } else { String::new() }
}

/// One line on the rows without a label that counts, by window and by reason.
fn unlabelled<'a>(counted: impl Iterator<Item = (&'a str, &'a Value)>) -> String {
    let (mut places, mut reasons) = (Vec::new(), [0; 3]);
    for (name, counts) in counted {
        let count = |key: &str| counts[key].as_u64().unwrap_or(0);
        if count("rows") > 0 {
            let percent = counts["share"].as_f64().unwrap_or(0.0) * 100.0;
            places.push(format!("{name} {} ({percent:.1} %)", count("rows")));
        }
        for (sum, key) in reasons.iter_mut().zip(["null_label", "not_known_in_time", "blocked"]) {
            *sum += count(key);
        }
    }
    let [null, late, blocked] = reasons;
    format!(
        "rows without a label known in time: {}; {null} null, {late} known too late, {blocked} \
         blocked\n",
        places.join(", ")
    )
}

pub(super) fn number(value: &Value, digits: usize) -> String {
    value.as_f64().map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}

pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
