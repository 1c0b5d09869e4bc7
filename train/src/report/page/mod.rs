//! `report.html`: one page that needs nothing else, made of what `metrics.json` holds; that of a comparison; and
//! that of a backtest, made of `backtest.json`.
//!
//! It asks no network for anything (its own policy forbids it), escapes whatever stems from the data, holds no
//! clock and no path, and leaves out what is not there: of an old record a shorter page is made.

mod backtest;
mod charts;
mod decide;
mod format;
mod head;
mod measures;
mod parts;
mod slices;
mod svg;
#[cfg(test)]
mod tests;
mod view;

use serde_json::Value;

use self::view::Page;
use super::evidence::Evidence;

pub use backtest::backtest_page;

/// What the gate said, for the head of the page.
#[derive(Debug, Clone, Copy)]
pub struct PageVerdict<'a> {
    /// The version judged.
    pub version: u64,
    /// Whether it was to be promoted.
    pub promote: bool,
    /// Why.
    pub reason: &'a str,
}

/// The page of a report as `retrain`, with its verdict, or `evaluate` makes it. The same report gives
/// the same bytes.
pub fn page(report: &Value, verdict: Option<PageVerdict<'_>>) -> String {
    let evidence = evidence(report);
    let source = Source::of(report, &evidence);
    let version = verdict.map(|verdict| format!("version {}", verdict.version));
    let learner = report["candidate"].as_str().map(str::to_owned);
    let as_of = report["as_of"].as_str().map(|time| format!("as of {}", date(time)));
    let subtitle: Vec<String> = [version, learner, as_of].into_iter().flatten().collect();
    let page = Page {
        kind: if verdict.is_some() { "Model report" } else { "Evaluation" },
        title: report["model"].as_str().unwrap_or("model").to_owned(),
        subtitle: subtitle.join(" · "),
        verdict: verdict.map(|verdict| head::verdict(report, &verdict)),
        alerts: head::alerts(&source),
        figures: head::figures(&source),
        figures_note: head::resampled(source.ours),
        sections: parts::sections(&source),
    };
    page.document()
}

/// The page of a report as `compare` makes it: B against A.
pub fn comparison_page(report: &Value) -> String {
    let evidence = evidence(report);
    let source = Source::of_comparison(report, &evidence);
    let name = |side: &str| report[side]["model"].as_str().unwrap_or(side).to_owned();
    let (a, b) = (name("a"), name("b"));
    let page = Page {
        kind: "Comparison",
        title: format!("{b} against {a}"),
        subtitle: format!("B is {b}, A is {a}"),
        verdict: Some(head::compared(&report["comparison"])),
        alerts: head::alerts(&source),
        figures: head::figures(&source),
        figures_note: head::resampled(source.ours),
        sections: parts::sections(&source),
    };
    page.document()
}

fn evidence(report: &Value) -> Evidence {
    serde_json::from_value(report["evidence"].clone()).unwrap_or_default()
}

/// What a page is made of.
struct Source<'a> {
    report: &'a Value,
    evidence: &'a Evidence,
    /// The measures of the model shown.
    ours: &'a Value,
    /// Those of another on the same rows, where there is one that could be compared.
    theirs: Option<&'a Value>,
    /// What both are called, in short and in full.
    names: [(&'static str, String); 2],
    /// Ours less theirs, by measure, with intervals; null without any.
    differences: &'a Value,
    /// Slices of the comparison, by their names.
    compared: Vec<(&'a str, &'a Value)>,
}

impl<'a> Source<'a> {
    fn of(report: &'a Value, evidence: &'a Evidence) -> Self {
        let ours = match report["candidate"].as_str() {
            Some(candidate) => &report["learners"][candidate],
            None => report,
        };
        let theirs = Some(&report["champion"]["test"]).filter(|measures| measures.is_object());
        let own = if theirs.is_some() { "challenger" } else { "model" };
        let champion = report["champion"]["version"].as_u64();
        let champion = champion.map_or("champion".to_owned(), |v| format!("champion, version {v}"));
        let slices = list(&report["gate"]["slices"]);
        Self {
            report,
            evidence,
            ours,
            theirs,
            names: [(own, own.to_owned()), ("champion", champion)],
            differences: &report["gate"]["differences"],
            compared: slices.map(|slice| (name_of(slice), slice)).collect(),
        }
    }

    fn of_comparison(report: &'a Value, evidence: &'a Evidence) -> Self {
        let slices = list(&report["slices"]);
        let name = |side: &str| report[side]["model"].as_str().unwrap_or_default();
        Self {
            report,
            evidence,
            ours: &report["b"],
            theirs: Some(&report["a"]),
            names: [("B", format!("B, {}", name("b"))), ("A", format!("A, {}", name("a")))],
            differences: &report["differences"],
            compared: slices.map(|slice| (name_of(slice), &slice["comparison"])).collect(),
        }
    }
}

fn list(values: &Value) -> impl Iterator<Item = &Value> {
    values.as_array().into_iter().flatten()
}

/// Of a slice.
fn name_of(slice: &Value) -> &str {
    slice["slice"].as_str().unwrap_or_default()
}

/// A time to the day, where it is a midnight.
fn date(time: &str) -> &str {
    time.strip_suffix("T00:00:00Z").unwrap_or(time)
}
