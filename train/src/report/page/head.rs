//! The head of a page: what was decided and by how much, what a reader must know, the figures that matter.

use serde_json::Value;

use super::format::{count, decimals, difference, ends, measure, optional, percent, signed_ends};
use super::svg::{Axis, Plot};
use super::view::{Figure, VerdictView};
use super::{PageVerdict, Source};

/// What must be said before any number.
pub(super) fn alerts(source: &Source<'_>) -> Vec<String> {
    let report = source.report;
    let mut alerts = Vec::new();
    if report["honest_in_time"] == false {
        alerts.push(
            "Not honest in time: rows are split by a column or a hash. Expect worse of what comes next."
                .to_owned(),
        );
    }
    if report["checks"] == "skipped" {
        alerts.push("The checks before training were skipped.".to_owned());
    }
    for (who, side) in [("The model", report), ("A", &report["a"]), ("B", &report["b"])] {
        if let Some(rows) = side["rows_in_fitted_windows"].as_f64().filter(|rows| *rows > 0.0) {
            alerts.push(format!(
                "{who} was fitted, chosen or calibrated on windows that hold {} of these rows: expect worse \
                 of it on others.",
                count(rows)
            ));
        }
    }
    let texts = |key: &str| report[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    alerts.extend(texts("warnings").map(str::to_owned));
    alerts
}

/// The verdict, with the comparison that it goes by where the report holds one.
pub(super) fn verdict(report: &Value, verdict: &PageVerdict<'_>) -> VerdictView {
    let gate = &report["gate"];
    let compared = Some(&gate["comparison"]).filter(|comparison| comparison.is_object());
    let champion = report["champion"]["version"].as_u64();
    let champion = champion.map_or("the champion".to_owned(), |v| format!("champion version {v}"));
    let refusals = gate["refusals"].as_array().into_iter().flatten();
    let refusal = |refusal: &Value| {
        let text = |key: &str| refusal[key].as_str().unwrap_or_default().to_owned();
        format!("Refused by [gate] {}: {}", text("limit"), text("reason"))
    };
    VerdictView {
        class: if verdict.promote { "yes" } else { "no" },
        word: if verdict.promote { "Promote" } else { "Keep the champion" },
        reason: match compared {
            Some(compared) => sentence(compared, &champion),
            None => verdict.reason.to_owned(),
        },
        svg: compared.and_then(interval),
        figures: compared.map_or_else(Vec::new, compared_figures),
        // Without a comparison the reason tells of them.
        refusals: refusals.filter(|_| compared.is_some()).map(refusal).collect(),
    }
}

/// What `compare` found of B.
pub(super) fn compared(comparison: &Value) -> VerdictView {
    let compared = Some(comparison).filter(|comparison| comparison.is_object());
    let (class, word) = match comparison["finding"].as_str() {
        Some("better") => ("yes", "B is better"),
        Some("not_worse") => ("yes", "B is not worse"),
        Some("worse") => ("no", "B is worse"),
        _ => ("no", "Cannot tell"),
    };
    VerdictView {
        class,
        word,
        reason: match compared {
            Some(compared) => sentence(compared, "A"),
            None => "Too few clusters have frauds.".to_owned(),
        },
        svg: compared.and_then(interval),
        figures: compared.map_or_else(Vec::new, compared_figures),
        refusals: Vec::new(),
    }
}

/// What a comparison came to, in a sentence.
fn sentence(compared: &Value, other: &str) -> String {
    let by = measure(compared["measure"].as_str().unwrap_or_default()).0;
    match compared["finding"].as_str() {
        Some("better") => format!("Better than {other} by {by}."),
        Some("not_worse") => format!("Not worse than {other} by {by}."),
        Some("worse") => format!("Worse than {other} by {by}."),
        _ => format!("These rows cannot tell whether it is worse than {other} by {by}."),
    }
}

/// The difference with its interval, and how small a one could have been told.
fn compared_figures(compared: &Value) -> Vec<Figure> {
    let (name, digits) = measure(compared["measure"].as_str().unwrap_or_default());
    let show = |key: &str, of: fn(f64, usize) -> String| {
        optional(compared[key].as_f64(), |value| of(value, digits))
    };
    let confidence = compared["confidence"].as_f64().unwrap_or(0.95) * 100.0;
    let by = compared["by"].as_str().unwrap_or_default();
    let interval = signed_ends(compared, digits);
    let interval = interval.map(|ends| format!("{ends}, {} % interval by {by}", round(confidence)));
    let against = format!("{} against {}", show("candidate", decimals), show("champion", decimals));
    vec![
        Figure {
            name: format!("ahead by, {name}"),
            value: show("difference", difference),
            notes: interval.into_iter().chain([against]).collect(),
        },
        Figure::new(
            "margin",
            show("margin", decimals),
            "a loss below it counts as not worse".to_owned(),
        ),
        Figure::new(
            "smallest detectable difference",
            show("smallest_detectable", decimals),
            "a true one of this size is found in 80 of 100 cases".to_owned(),
        ),
    ]
}

/// A percentage without needless digits.
fn round(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}

/// The interval of the difference beside 0 and the margin, which decide.
fn interval(compared: &Value) -> Option<String> {
    let (_, digits) = measure(compared["measure"].as_str()?);
    let [low, high, middle, margin] =
        ["low", "high", "difference", "margin"].map(|key| compared[key].as_f64());
    let (low, high, middle, margin) = (low?, high?, middle?, margin?);
    let (least, greatest) = (low.min(-margin), high.max(0.0));
    // Room for the words beside the marks.
    let room = 0.15 * (greatest - least);
    let axis = Axis::linear("ahead by", least - room, greatest + room, |tick| {
        difference(tick, digits.min(3))
    });
    let mut plot = Plot::strip(axis);
    if margin > 0.0 {
        plot.mark_before(-margin, "worse");
    }
    plot.mark(0.0, "better");
    plot.line("a wide", [(low, 0.35), (high, 0.35)]);
    let ends = signed_ends(compared, digits)?;
    plot.dot("a", (middle, 0.35), &format!("{}: {ends}", difference(middle, digits)));
    Some(plot.svg(&format!(
        "The interval of the difference, {ends}, beside 0, from which on it is better, and minus the \
         margin, below which it is worse"
    )))
}

/// The numbers that matter most, with intervals where the report has them.
pub(super) fn figures(source: &Source<'_>) -> Vec<Figure> {
    let ours = source.ours;
    let mut figures = Vec::new();
    for key in [
        "average_precision",
        "roc_auc",
        "recall_at_fpr_0.01",
        "card_precision_at_100",
        "observed_over_expected",
    ] {
        let Some(value) = ours[key].as_f64() else { continue };
        let (name, digits) = measure(key);
        let mut notes: Vec<String> = ends(&ours["intervals"][key], digits).into_iter().collect();
        if let Some(theirs) = source.theirs.and_then(|theirs| theirs[key].as_f64()) {
            notes.push(format!("{} {}", source.names[1].0, decimals(theirs, digits)));
        } else if let ("average_precision", Some(rate)) = (key, ours["base_rate"].as_f64()) {
            notes.push(format!("random order {}", decimals(rate, 4)));
        }
        figures.push(Figure { name, value: decimals(value, digits), notes });
    }
    if let (Some(frauds), Some(rows)) = (ours["frauds"].as_f64(), ours["rows"].as_f64()) {
        let share = if rows > 0.0 { frauds / rows } else { 0.0 };
        let note = format!("{} of {} rows judged", percent(share), count(rows));
        figures.push(Figure::new("frauds", count(frauds), note));
    }
    figures
}

/// How intervals came about; empty without any.
pub(super) fn resampled(measures: &Value) -> String {
    let bootstrap = &measures["bootstrap"];
    let Some(clusters) = bootstrap["clusters"].as_object() else { return String::new() };
    let by = clusters.iter().map(|(name, n)| format!("{name} ({})", optional(n.as_f64(), count)));
    let by: Vec<String> = by.collect();
    let confidence = round(bootstrap["confidence"].as_f64().unwrap_or(0.95) * 100.0);
    let replicates = optional(bootstrap["replicates"].as_f64(), count);
    let widest = if by.len() > 1 { ", the widest of each" } else { "" };
    format!(
        "Intervals hold the truth in {confidence} of 100 cases: {replicates} resamples by {}{widest}.",
        by.join(", ")
    )
}
