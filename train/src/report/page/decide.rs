//! Where to set the threshold: what the slider shows at each operating point.
//!
//! The page's script computes nothing: it shows the texts that stand ready here for each point, so that it
//! cannot say other numbers than the library.

use serde::Serialize;

use super::Source;
use super::charts::{self, Curves};
use super::format::{NONE, count, decimals, optional, percent};
use super::svg::one;
use crate::report::evidence::Point;

/// The slider with its plots.
pub(super) struct Decide {
    /// Position of the last point.
    pub(super) last: usize,
    /// Position of the point it begins with: where the lowest band begins.
    pub(super) start: usize,
    /// What is shown, with the words and the text to begin with.
    pub(super) shown: Vec<Shown>,
    /// All points as JSON that no markup can hide in.
    pub(super) data: String,
    pub(super) legend: Vec<(&'static str, String)>,
    pub(super) precision_recall: String,
    pub(super) roc: String,
}

/// One number beside the slider.
pub(super) struct Shown {
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) text: String,
}

/// A point as the script reads it: texts by key, and where the rings are.
#[derive(Serialize)]
struct Ready {
    text: Vec<(&'static str, String)>,
    precision_recall: Option<(String, String)>,
    roc: Option<(String, String)>,
}

impl Decide {
    /// None without operating points.
    pub(super) fn of(source: &Source<'_>) -> Option<Self> {
        let points = &source.evidence.points;
        let last = points.len().checked_sub(1)?;
        let is_edge = |point: &&Point| point.band.is_some();
        let lowest = points.iter().rposition(|point| is_edge(&point));
        let alert = source.evidence.alert_margin;
        let by_margin = || points.iter().rposition(|p| alert.is_some_and(|edge| p.margin >= edge));
        let start = lowest.or_else(by_margin).unwrap_or(0);
        let curves = Curves::of(source);
        let (pr, roc) = (charts::precision_recall(&curves), charts::roc(&curves));
        let ready = |point: &Point| Ready {
            text: texts(point),
            precision_recall: point
                .recall
                .map(|recall| (one(pr.at_x(recall)), one(pr.at_y(point.precision)))),
            roc: point
                .false_positive_rate
                .zip(point.recall)
                .map(|(rate, recall)| (one(roc.at_x(rate)), one(roc.at_y(recall)))),
        };
        let ready: Vec<Ready> = points.iter().map(ready).collect();
        let first = &points[start];
        let (mut pr, mut roc) = (pr, roc);
        if let Some(recall) = first.recall {
            pr.ring("ring-pr", (recall, first.precision));
        }
        if let Some((rate, recall)) = first.false_positive_rate.zip(first.recall) {
            roc.ring("ring-roc", (rate, recall));
        }
        let names = |(key, text): (&'static str, String)| Shown { key, name: name(key), text };
        let base = percent(curves.base_rate);
        Some(Self {
            last,
            start,
            shown: texts(first).into_iter().map(names).collect(),
            data: script_json(&ready),
            legend: curves.legend(),
            precision_recall: pr.svg(&format!(
                "Precision by recall, from the highest threshold on the left to all rows on the right; \
                 the base rate is {base}. The table below has the numbers."
            )),
            roc: roc.svg(
                "Recall by false-positive rate, the rate on a logarithmic scale. The table below has \
                 the numbers.",
            ),
        })
    }
}

/// JSON inside a script element: no letter of it can end the element.
fn script_json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_else(|_| "[]".to_owned());
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn name(key: &str) -> &'static str {
    match key {
        "alerts_per_day" => "alerting rows a day",
        "alerts" => "alerts in all",
        "precision" => "precision",
        "recall" => "recall",
        "fraud_amount" => "fraud money caught",
        "amount_recall" => "of all fraud money",
        "legitimate_amount" => "good money alarmed",
        "false_positive_rate" => "of good rows alarmed",
        "margin" => "margin from",
        "probability" => "probability there",
        _ => "band",
    }
}

/// What is shown of a point; what is not known of any point is left out.
fn texts(point: &Point) -> Vec<(&'static str, String)> {
    let mut texts = Vec::new();
    if let Some(per_day) = point.alerts_per_day {
        texts.push(("alerts_per_day", count(per_day)));
    }
    texts.push(("alerts", count(point.alerts)));
    texts.push(("precision", percent(point.precision)));
    texts.push(("recall", optional(point.recall, percent)));
    if let Some(amount) = point.fraud_amount {
        texts.push(("fraud_amount", count(amount.round())));
        texts.push(("amount_recall", optional(point.amount_recall, percent)));
        texts.push(("legitimate_amount", optional(point.legitimate_amount, |a| count(a.round()))));
    }
    texts.push(("false_positive_rate", optional(point.false_positive_rate, percent)));
    texts.push(("margin", decimals(point.margin, 4)));
    texts.push(("probability", percent(point.probability)));
    texts.push(("band", point.band.clone().unwrap_or_else(|| NONE.to_owned())));
    texts
}
