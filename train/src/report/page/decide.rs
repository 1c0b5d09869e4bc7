//! Where to set the threshold: what the slider shows at each operating point.
//!
//! The page's script computes nothing: it shows the texts that stand ready here for each point, so that it
//! cannot say other numbers than the library.

use serde::Serialize;

use super::Source;
use super::charts::{self, Curves};
use super::format::{NONE, count, decimals, optional, percent};
use super::svg::{Plot, one};
use super::view::{Block, Chart, RowView, Section, TableView};
use crate::metric::AlertUnit;
use crate::report::evidence::Point;

/// Rows of the table of thresholds.
const MAX_TABLE_POINTS: usize = 14;

/// The slider with its plots.
#[derive(Debug)]
pub(super) struct Decide {
    /// Position of the last point.
    pub(super) last: usize,
    /// Position of the point it begins with: where the lowest band begins.
    pub(super) start: usize,
    /// What is shown, with the words and the text to begin with.
    pub(super) shown: Vec<Shown>,
    /// All points as JSON that no markup can hide in.
    pub(super) data: String,
    pub(super) charts: Vec<Chart>,
}

/// One number beside the slider.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) text: String,
}

/// A point as the script reads it: texts by key, and where the rings are, by their ids.
#[derive(Serialize)]
struct Ready {
    text: Vec<(&'static str, String)>,
    rings: Vec<(&'static str, String, String)>,
}

/// A plot with the ring that the slider moves, and where a point lies in it.
struct Ringed {
    id: &'static str,
    plot: Plot,
    place: fn(&Point) -> Option<(f64, f64)>,
}

/// The slider, and a table of some of its points.
pub(super) fn section(source: &Source<'_>) -> Option<Section> {
    let decide = Decide::of(source)?;
    let evidence = source.evidence;
    let points = &evidence.points;
    let every = points.len().div_ceil(MAX_TABLE_POINTS).max(1);
    let shown = points.iter().enumerate();
    let shown = shown.filter(|(n, point)| n % every == 0 || point.band.is_some());
    let keys: Vec<&str> =
        texts(evidence.alert_unit, &points[0]).iter().map(|(key, _)| *key).collect();
    let keys: Vec<&str> = TABLE.into_iter().filter(|key| keys.contains(key)).collect();
    let row = |(_, point): (usize, &Point)| {
        let texts = texts(evidence.alert_unit, point);
        let cell = |key: &&str| {
            let text = texts.iter().find(|(of, _)| of == key).map(|(_, text)| text.clone());
            match text {
                Some(text) if *key == "band" && text == NONE => String::new(),
                text => text.unwrap_or_default(),
            }
        };
        RowView::new(keys.iter().map(cell)).marked(point.band.is_some())
    };
    let rows = shown.map(row).collect();
    let heading = keys.iter().map(|key| name(evidence.alert_unit, key)).collect();
    let mut intro =
        "Every row scored at the threshold or higher alarms. Move it, and see what that \
                     catches and what it costs."
            .to_owned();
    if evidence.alert_unit == AlertUnit::Cases {
        intro.push_str(" A case is one entity on one day, however many of its rows alarm.");
    }
    if points[0].cost_if_reviewed.is_some() {
        intro.push_str(
            " Expected costs are those of all rows by [cost], when each row that alarms is reviewed, or \
             each is blocked.",
        );
    }
    let table = TableView { heading, rows };
    let blocks = vec![Block::Decide(Box::new(decide)), Block::Table(table)];
    Some(Section { id: "threshold", title: "Where to set the threshold", intro, blocks })
}

/// What of a point stands in the table.
const TABLE: [&str; 10] = [
    "band",
    "alerts_per_day",
    "alerts",
    "precision",
    "recall",
    "amount_recall",
    "cost_if_reviewed",
    "cost_if_blocked",
    "false_positive_rate",
    "margin",
];

impl Decide {
    /// None without operating points.
    fn of(source: &Source<'_>) -> Option<Self> {
        let points = &source.evidence.points;
        let unit = source.evidence.alert_unit;
        let last = points.len().checked_sub(1)?;
        let is_edge = |point: &&Point| point.band.is_some();
        let lowest = points.iter().rposition(|point| is_edge(&point));
        let alert = source.evidence.alert_margin;
        let by_margin = || points.iter().rposition(|p| alert.is_some_and(|edge| p.margin >= edge));
        let start = lowest.or_else(by_margin).unwrap_or(0);
        let curves = Curves::of(source);
        let mut ringed = vec![
            Ringed {
                id: "ring-pr",
                plot: charts::precision_recall(&curves),
                place: |point| Some((point.recall?, point.precision)),
            },
            Ringed {
                id: "ring-roc",
                plot: charts::roc(&curves),
                place: |point| point.false_positive_rate.zip(point.recall),
            },
        ];
        ringed.extend(charts::cost(points).map(|plot| Ringed {
            id: "ring-cost",
            plot,
            place: |point| Some((point.rows, point.cost_if_reviewed?)),
        }));
        let ready = |point: &Point| Ready {
            text: texts(unit, point),
            rings: ringed
                .iter()
                .filter_map(|Ringed { id, plot, place }| {
                    let (x, y) = place(point)?;
                    Some((*id, one(plot.at_x(x)), one(plot.at_y(y))))
                })
                .collect(),
        };
        let ready: Vec<Ready> = points.iter().map(ready).collect();
        let first = &points[start];
        for Ringed { id, plot, place } in &mut ringed {
            if let Some(place) = place(first) {
                plot.ring(id, place);
            }
        }
        let base = percent(curves.base_rate);
        let whiskers = if curves.has_intervals() { ", with intervals at three rates" } else { "" };
        let says = [
            (
                "Precision and recall",
                curves.legend(source, "average_precision", "base rate"),
                format!(
                    "Precision by recall, from the highest threshold on the left to all rows on the right; \
                     the base rate is {base}. The table below has the numbers."
                ),
            ),
            (
                "ROC",
                curves.legend(source, "roc_auc", "random order"),
                format!(
                    "Recall by false-positive rate, the rate on a logarithmic scale{whiskers}. The table \
                     below has the numbers."
                ),
            ),
            (
                "Expected cost",
                [("a", "each reviewed"), ("b", "each blocked")]
                    .map(|(class, name)| (class, name.to_owned()))
                    .to_vec(),
                "Expected cost of all rows by the number of rows that alarm. The table below has the \
                 numbers."
                    .to_owned(),
            ),
        ];
        let chart = |(ringed, (title, legend, says)): (&Ringed, (&'static str, Vec<_>, String))| {
            Chart { title, legend, svg: ringed.plot.svg(&says) }
        };
        let charts = ringed.iter().zip(says).map(chart).collect();
        let names =
            |(key, text): (&'static str, String)| Shown { key, name: name(unit, key), text };
        Some(Self {
            last,
            start,
            shown: texts(unit, first).into_iter().map(names).collect(),
            data: script_json(&ready),
            charts,
        })
    }
}

/// JSON inside a script element: no letter of it can end the element.
fn script_json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_else(|_| "[]".to_owned());
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn name(unit: AlertUnit, key: &str) -> &'static str {
    match (key, unit) {
        ("alerts_per_day", AlertUnit::Cases) => "cases a day",
        ("alerts_per_day", AlertUnit::Rows) => "alerts a day",
        ("alerts", AlertUnit::Cases) => "cases in all",
        ("alerts", AlertUnit::Rows) => "alerts in all",
        ("rows", _) => "rows alarmed",
        ("precision", _) => "precision",
        ("recall", _) => "recall",
        ("fraud_amount", _) => "fraud money caught",
        ("amount_recall", _) => "of all fraud money",
        ("legitimate_amount", _) => "good money alarmed",
        ("cost_if_reviewed", _) => "cost if each is reviewed",
        ("cost_if_blocked", _) => "cost if each is blocked",
        ("false_positive_rate", _) => "of good rows alarmed",
        ("margin", _) => "margin from",
        ("probability", _) => "probability there",
        _ => "band",
    }
}

/// What is shown of a point; what is not known of any point is left out.
fn texts(unit: AlertUnit, point: &Point) -> Vec<(&'static str, String)> {
    let money = |amount: f64| count(amount.round());
    let mut texts = Vec::new();
    if let Some(per_day) = point.alerts_per_day {
        texts.push(("alerts_per_day", count(per_day)));
    }
    texts.push(("precision", percent(point.precision)));
    texts.push(("recall", optional(point.recall, percent)));
    if let Some(cost) = point.cost_if_reviewed {
        texts.push(("cost_if_reviewed", money(cost)));
        texts.push(("cost_if_blocked", optional(point.cost_if_blocked, money)));
    }
    texts.push(("alerts", count(point.alerts)));
    if unit == AlertUnit::Cases {
        texts.push(("rows", count(point.rows)));
    }
    if let Some(amount) = point.fraud_amount {
        texts.push(("fraud_amount", money(amount)));
        texts.push(("amount_recall", optional(point.amount_recall, percent)));
        texts.push(("legitimate_amount", optional(point.legitimate_amount, money)));
    }
    texts.push(("false_positive_rate", optional(point.false_positive_rate, percent)));
    texts.push(("margin", decimals(point.margin, 4)));
    texts.push(("probability", percent(point.probability)));
    texts.push(("band", point.band.clone().unwrap_or_else(|| NONE.to_owned())));
    texts
}
