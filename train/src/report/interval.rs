//! How sure measures are: intervals, differences of two models, slices.

use serde_json::Value;

use super::Table;
use super::text::{MEASURES, number, plain};

/// Digits of a measure in tables.
fn digits(name: &str) -> usize {
    let known = MEASURES.iter().find(|(key, ..)| *key == name);
    known.map_or(if name == "base_rate" { 6 } else { 4 }, |(_, _, digits)| *digits)
}

/// The interval of a measure, as `0.1234 to 0.2345`; empty without one.
pub(super) fn interval(report: &Value, name: &str) -> String {
    ends(&report["intervals"][name], digits(name))
}

fn ends(interval: &Value, digits: usize) -> String {
    match (interval["low"].as_f64(), interval["high"].as_f64()) {
        (Some(low), Some(high)) => format!("{low:.digits$} to {high:.digits$}"),
        _ => String::new(),
    }
}

/// What intervals are called in headings.
pub(super) fn heading(report: &Value) -> String {
    let confidence = report["bootstrap"]["confidence"].as_f64().unwrap_or(0.95);
    format!("{} % interval", (confidence * 1e4).round() / 1e2)
}

/// How intervals came about, in a line; empty without any.
pub(super) fn resampled(report: &Value) -> String {
    let Some(clusters) = report["bootstrap"]["clusters"].as_object() else { return String::new() };
    let by: Vec<String> =
        clusters.iter().map(|(name, n)| format!("{name} ({})", plain(n))).collect();
    let replicates = plain(&report["bootstrap"]["replicates"]);
    format!("intervals of {replicates} resamples by {}, the widest shown\n", by.join(", "))
}

/// Slices with their measures; empty without any.
pub(super) fn slices(report: &Value) -> String {
    let Some(slices) = report["slices"].as_array() else { return String::new() };
    let shown = ["average_precision", "roc_auc", "recall_at_fpr_0.01", "observed_over_expected"];
    let mut headings = vec!["slice", "rows", "frauds"];
    let interval_heading = heading(report);
    for name in shown {
        let heading = MEASURES.iter().find(|(key, ..)| *key == name);
        headings.extend([heading.map_or(name, |(_, heading, _)| heading), &interval_heading]);
    }
    let mut table = Table::new(headings);
    for slice in slices {
        let mut cells = ["slice", "rows", "frauds"].map(|key| plain(&slice[key])).to_vec();
        for name in shown {
            cells.extend([number(&slice[name], digits(name)), interval(slice, name)]);
        }
        table.push(cells);
    }
    format!("\n{table}")
}

/// Two models, measure by measure, and the verdict on the second.
pub fn comparison(report: &Value) -> String {
    let (a, b) = (&report["a"], &report["b"]);
    let mut text = format!(
        "A  {}, artifact {}\nB  {}, artifact {}\n{} rows, {} frauds\n\n",
        plain(&a["model"]),
        plain(&a["artifact"]),
        plain(&b["model"]),
        plain(&b["artifact"]),
        plain(&report["rows"]),
        plain(&report["frauds"])
    );
    let interval_heading = heading(a);
    let mut table = Table::new(["measure", "A", "B", "B - A", &interval_heading, "by"]);
    for (name, difference) in report["differences"].as_object().into_iter().flatten() {
        if name == "base_rate" {
            continue;
        }
        let digits = digits(name);
        table.push(vec![
            name.clone(),
            number(&a[name], digits),
            number(&b[name], digits),
            signed(&difference["difference"], digits),
            signed_ends(difference, digits),
            plain(&difference["by"]),
        ]);
    }
    text.push_str(&format!("{table}{}", resampled(a)));
    if let Some(slices) = report["slices"].as_array() {
        let measure = plain(&report["comparison"]["measure"]);
        let mut table = Table::new([
            "slice",
            "rows",
            "frauds",
            "A",
            "B",
            "B ahead by",
            &interval_heading,
            "B is",
        ]);
        for slice in slices {
            let found = &slice["comparison"];
            let mut cells = ["slice", "rows", "frauds"].map(|key| plain(&slice[key])).to_vec();
            cells.extend([number(&found["champion"], 4), number(&found["candidate"], 4)]);
            cells.extend([signed(&found["difference"], 4), signed_ends(found, 4)]);
            cells.push(finding(found));
            table.push(cells);
        }
        text.push_str(&format!("\n{measure} by slice\n{table}"));
    }
    let found = &report["comparison"];
    text.push_str(&format!("\nB is {}\n", verdict(found)));
    text
}

/// What a comparison says, and how small a difference it could have told.
fn verdict(found: &Value) -> String {
    if found.is_null() {
        return "cannot tell: too few clusters have frauds".to_owned();
    }
    format!(
        "{}: by {}, margin {}, smallest detectable difference {}",
        finding(found),
        plain(&found["measure"]),
        plain(&found["margin"]),
        number(&found["smallest_detectable"], 4)
    )
}

fn finding(found: &Value) -> String {
    plain(&found["finding"]).replace('_', " ")
}

/// The candidate's measures on test with their intervals and, where there is a champion to compare
/// with, its own and the difference.
pub(super) fn candidate(report: &Value) -> String {
    let candidate = &report["learners"][plain(&report["candidate"])];
    let Some(intervals) = candidate["intervals"].as_object() else { return String::new() };
    let differences = report["gate"]["differences"].as_object().filter(|found| !found.is_empty());
    let interval_heading = heading(candidate);
    let mut headings = vec!["candidate on test", "value", &interval_heading];
    if differences.is_some() {
        headings.extend(["champion", "difference", &interval_heading]);
    }
    let mut table = Table::new(headings);
    for name in intervals.keys() {
        let digits = digits(name);
        let mut cells =
            vec![name.clone(), number(&candidate[name], digits), interval(candidate, name)];
        if let Some(differences) = differences {
            let difference = differences.get(name).unwrap_or(&Value::Null);
            cells.push(number(&report["champion"]["test"][name], digits));
            cells.extend([signed(&difference["difference"], digits)]);
            cells.push(signed_ends(difference, digits));
        }
        table.push(cells);
    }
    format!("{table}{}\n", resampled(candidate))
}

fn signed(value: &Value, digits: usize) -> String {
    value.as_f64().map_or("-".to_owned(), |value| format!("{value:+.digits$}"))
}

fn signed_ends(interval: &Value, digits: usize) -> String {
    match (interval["low"].as_f64(), interval["high"].as_f64()) {
        (Some(low), Some(high)) => format!("{low:+.digits$} to {high:+.digits$}"),
        _ => String::new(),
    }
}
