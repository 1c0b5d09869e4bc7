//! `report.html`: one page that needs nothing else, made of what `metrics.json` holds.
//!
//! It asks no network for anything (its own policy forbids it), escapes whatever stems from the data, holds no
//! clock and no path, and leaves out what is not there: of an old record a shorter page is made.

mod charts;
mod decide;
mod format;
mod parts;
mod render;
mod svg;

use serde_json::Value;

use self::decide::Decide;
use super::evidence::Evidence;

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
    let evidence = serde_json::from_value(report["evidence"].clone()).unwrap_or_default();
    let source = Source { report, evidence: &evidence };
    let page = Page {
        title: source.title(),
        subtitle: source.subtitle(verdict.as_ref()),
        verdict: verdict.map(|verdict| VerdictView {
            class: if verdict.promote { "yes" } else { "no" },
            word: if verdict.promote { "Promote" } else { "Keep the champion" },
            reason: verdict.reason.to_owned(),
        }),
        alerts: parts::alerts(&source),
        figures: parts::figures(&source),
        sections: parts::sections(&source),
    };
    page.render()
}

/// What a page is made of.
struct Source<'a> {
    report: &'a Value,
    evidence: &'a Evidence,
}

impl Source<'_> {
    fn title(&self) -> String {
        self.report["model"].as_str().unwrap_or("model").to_owned()
    }

    fn subtitle(&self, verdict: Option<&PageVerdict<'_>>) -> String {
        let version = verdict.map(|verdict| format!("version {}", verdict.version));
        let learner = self.report["candidate"].as_str().map(str::to_owned);
        let as_of = self.report["as_of"].as_str().map(|time| format!("as of {}", date(time)));
        let parts = [version, learner, as_of].into_iter().flatten();
        parts.collect::<Vec<_>>().join(" · ")
    }

    /// The measures of the model shown: the candidate's, or those of an evaluation.
    fn measures(&self) -> &Value {
        match self.report["candidate"].as_str() {
            Some(candidate) => &self.report["learners"][candidate],
            None => self.report,
        }
    }

    /// The champion's measures on the same rows, if it could be compared.
    fn champion(&self) -> Option<&Value> {
        Some(&self.report["champion"]["test"]).filter(|measures| measures.is_object())
    }
}

/// A time to the day, where it is a midnight.
fn date(time: &str) -> &str {
    time.strip_suffix("T00:00:00Z").unwrap_or(time)
}

struct Page {
    title: String,
    subtitle: String,
    verdict: Option<VerdictView>,
    /// What a reader must know before any number.
    alerts: Vec<String>,
    figures: Vec<Figure>,
    sections: Vec<Section>,
}

struct VerdictView {
    class: &'static str,
    word: &'static str,
    reason: String,
}

/// One number that matters, with what it is beside.
struct Figure {
    name: &'static str,
    value: String,
    note: String,
}

struct Section {
    id: &'static str,
    title: &'static str,
    /// One or two sentences on how to read it.
    intro: String,
    blocks: Vec<Block>,
}

enum Block {
    Chart(Chart),
    Table(TableView),
    Bars(Vec<BarView>),
    Decide(Box<Decide>),
    List(Vec<String>),
}

struct Chart {
    title: &'static str,
    legend: Vec<(&'static str, String)>,
    /// Made by `svg`, which escapes.
    svg: String,
}

/// A table, its first column text.
struct TableView {
    heading: Vec<&'static str>,
    rows: Vec<RowView>,
}

struct RowView {
    class: &'static str,
    cells: Vec<String>,
}

impl RowView {
    fn new(cells: Vec<String>) -> Self {
        Self { class: "", cells }
    }
}

struct BarView {
    name: String,
    /// Width, 0 to 100.
    width: String,
    value: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_with_nothing_in_it_still_makes_a_page() {
        let empty = page(&json!({}), None);
        assert!(
            empty.starts_with("<!doctype html>") && empty.trim_end().ends_with("</html>"),
            "{empty}"
        );
        assert_eq!(empty, page(&json!({}), None));
        // A record of an older release, with a verdict and measures alone.
        let old = json!({
            "model": "cards", "candidate": "gbdt",
            "learners": { "gbdt": { "average_precision": 0.25, "rows": 1000, "frauds": 10 } },
        });
        let verdict = PageVerdict { version: 3, promote: false, reason: "below" };
        let old = page(&old, Some(verdict));
        assert!(old.contains("Keep the champion") && old.contains("0.2500"), "{old}");
        assert!(!old.contains("id=\"slider\""));
    }

    #[test]
    fn nothing_of_the_data_is_markup() {
        let evil = "</script><script>alert(1)</script>";
        let report = json!({
            "model": evil, "candidate": evil, "warnings": [evil],
            "learners": { evil: { "rows": 10, "frauds": 1, "notes": [evil], "size": evil } },
            "windows": { "test": { "from": evil, "to": evil, "rows": 10, "frauds": 1 } },
            "evidence": {
                "days": 1, "alert_margin": 0.5,
                "points": [{
                    "margin": 0.5, "probability": 0.5, "band": evil, "alerts": 1.0,
                    "alerts_per_day": 1.0, "frauds": 1.0, "precision": 1.0, "recall": 1.0,
                    "false_positive_rate": 0.0, "fraud_amount": null, "amount_recall": null,
                    "legitimate_amount": null,
                }],
                "champion_points": [], "calibration": [], "scores": null, "course": [],
                "slices": [{
                    "column": evil, "value": evil, "rows": 10.0, "frauds": 1.0,
                    "average_precision": 1.0, "roc_auc": 1.0, "alert_rate": 0.1, "precision": 1.0,
                    "recall": 1.0, "observed_over_expected": 1.0,
                }],
                "importance": [{ "name": evil, "share": 1.0 }], "drift": null,
            },
        });
        let verdict = PageVerdict { version: 1, promote: true, reason: evil };
        let page = page(&report, Some(verdict));
        assert!(page.contains("id=\"slider\""), "the evidence was not read");
        assert!(!page.contains("<script>alert"), "{page}");
        assert_eq!(page.matches("</script>").count(), 2);
    }
}
