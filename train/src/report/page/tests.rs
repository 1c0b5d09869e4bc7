//! Pages of reports that hold little, much, and markup.

use serde_json::{Value, json};

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
    assert!(old.contains("below") && !old.contains("id=\"slider\""));
}

/// A report in which every text is the same.
fn report_of(text: &str) -> Value {
    json!({
        "model": text, "candidate": text, "warnings": [text],
        "learners": { text: {
            "rows": 10, "frauds": 1, "notes": [text], "size": text, "average_precision": 0.5,
            text: 0.5, "intervals": { "average_precision": { "low": 0.4, "high": 0.6, "by": text } },
            "bootstrap": { "confidence": 0.95, "replicates": 9, "clusters": { text: 3 } },
        } },
        "champion": { "version": 1, "test": { "average_precision": 0.45, text: 0.4 } },
        "gate": {
            "finding": "not_worse", "decision": "keep",
            "comparison": {
                "measure": "average_precision", "candidate": 0.5, "champion": 0.45,
                "difference": 0.05, "low": -0.005, "high": 0.105, "confidence": 0.95, "by": text,
                "margin": 0.01, "finding": "not_worse", "smallest_detectable": 0.07,
            },
            "differences": { "average_precision": {
                "difference": 0.05, "low": -0.005, "high": 0.105, "standard_error": 0.03, "by": text,
            } },
            "slices": [{
                "slice": format!("{text}={text}"), "measure": "average_precision", "difference": 0.02,
                "low": -0.1, "high": 0.14, "finding": "cannot_tell",
            }, {
                "slice": "elsewhere", "measure": "average_precision", "difference": -0.2,
                "low": -0.3, "high": -0.1, "finding": "worse",
            }],
            "refusals": [{ "limit": "slices", "reason": text }],
        },
        "windows": { "test": { "from": text, "to": text, "rows": 10, "frauds": 1 } },
        "evidence": {
            "days": 1, "alert_unit": "cases", "alert_margin": 0.5,
            "points": [{
                "margin": 0.5, "probability": 0.5, "band": text, "rows": 2.0, "alerts": 1.0,
                "alerts_per_day": 1.0, "frauds": 1.0, "precision": 1.0, "recall": 1.0,
                "false_positive_rate": 0.0, "fraud_amount": 7.0, "amount_recall": 1.0,
                "legitimate_amount": 3.0, "cost_if_reviewed": 12345.0, "cost_if_blocked": 23456.0,
            }],
            "champion_points": [], "calibration": [], "scores": null, "course": [],
            "slices": [{
                "column": text, "value": text, "rows": 10.0, "frauds": 1.0,
                "average_precision": 1.0, "roc_auc": 1.0, "alert_rate": 0.1, "precision": 1.0,
                "recall": 1.0, "observed_over_expected": 1.0,
            }],
            "importance": [{ "name": text, "share": 1.0 }], "drift": null,
        },
    })
}

#[test]
fn nothing_of_the_data_is_markup() {
    let evil = "</script><script>alert(1)</script>";
    let verdict = PageVerdict { version: 1, promote: true, reason: evil };
    let page = page(&report_of(evil), Some(verdict));
    assert!(page.contains("id=\"slider\""), "the evidence was not read");
    assert!(!page.contains("<script>alert"), "{page}");
    assert_eq!(page.matches("</script>").count(), 2);
}

#[test]
fn the_verdict_comes_first_and_every_slice_once() {
    let verdict = PageVerdict { version: 2, promote: false, reason: "in words" };
    let page = page(&report_of("x"), Some(verdict));
    let mut rest = page.as_str();
    for text in [
        "Keep the champion",
        "Not worse than champion version 1 by average precision.",
        "+0.0500",
        "−0.0050 to +0.1050",
        "0.0700",
        "Refused by [gate] slices: x",
        "<dl class=\"figures\">",
        "0.4000 to 0.6000",
        "Challenger against champion",
        "cases a day",
        "cost if each is reviewed",
        "12,345",
        "id=\"slices\"",
        "x: x",
        "+0.0200",
        "−0.1000 to +0.1400",
        "elsewhere",
    ] {
        rest =
            rest.split_once(text).unwrap_or_else(|| panic!("no {text:?} in its place: {page}")).1;
    }
    assert_eq!(page.matches("<th scope=\"row\">x: x</th>").count(), 1);
}
