//! Measures by part of the rows: a model good on the whole may fail one channel.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shroff_serve::features::{Step, TimePart};

use super::Rows;
use super::course::ranked;
use crate::error::Error;
use crate::scoring;

/// Least rows of a slice.
const MIN_ROWS: usize = 200;
/// Most slices of one column, those of the most rows.
const MAX_SLICES: usize = 8;

/// The rows with one value of a feature, or of one quarter of the amounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// The feature or column.
    pub column: String,
    /// Its value, or the amounts from the least to the greatest.
    pub value: String,
    /// Rows.
    pub rows: f64,
    /// Frauds.
    pub frauds: f64,
    /// Average precision; none without frauds.
    pub average_precision: Option<f64>,
    /// Area under the ROC curve; none where a class is absent.
    pub roc_auc: Option<f64>,
    /// Share of the rows that alarm.
    pub alert_rate: f64,
    /// Share of frauds among the alerts; none without alerts.
    pub precision: Option<f64>,
    /// Share of the frauds that alarm; none without frauds.
    pub recall: Option<f64>,
    /// Frauds over the sum of the probabilities; none where that is 0.
    pub observed_over_expected: Option<f64>,
}

/// By every category and yes-or-no feature, and by quarters of the amount, of at least 200 rows each.
pub(super) fn of(rows: &Rows<'_>, alert_margin: Option<f64>) -> Result<Vec<Slice>, Error> {
    let contents = rows.scorer.contents();
    let (schema, program) = (&contents.schema, &contents.program);
    let matrix = scoring::encode(schema, program, rows.events, rows.rows)?;
    let mut slices = Vec::new();
    for (position, step) in program.steps.iter().enumerate() {
        let Some(name_of) = namer(step) else { continue };
        let mut members: BTreeMap<Option<u32>, Vec<usize>> = BTreeMap::new();
        for row in 0..matrix.n_rows() {
            let code = matrix.row(row)[position];
            let code = (!code.is_nan()).then_some(code as u32);
            members.entry(code).or_default().push(row);
        }
        let mut parts: Vec<(String, Vec<usize>)> = members
            .into_iter()
            .map(|(code, rows)| (code.map_or("(missing)".to_owned(), &name_of), rows))
            .filter(|(_, rows)| rows.len() >= MIN_ROWS)
            .collect();
        // Stable: of equals the first code.
        parts.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
        parts.truncate(MAX_SLICES);
        // One value alone is the whole.
        if parts.len() > 1 {
            let name = schema.features[position].name.to_string();
            let slice = |(value, members): (String, Vec<usize>)| {
                slice(rows, name.clone(), value, &members, alert_margin)
            };
            slices.extend(parts.into_iter().map(slice));
        }
    }
    slices.extend(by_amount(rows, alert_margin));
    Ok(slices)
}

/// What a code is called, for features that have few values.
fn namer(step: &Step) -> Option<Box<dyn Fn(u32) -> String + '_>> {
    match step {
        Step::Category { vocabulary, .. } => Some(Box::new(|code| {
            let value = vocabulary.values().get(code as usize);
            value.cloned().unwrap_or_else(|| "(rare or new)".to_owned())
        })),
        Step::Boolean { .. } | Step::TimePart { part: TimePart::Weekend | TimePart::Night, .. } => {
            Some(Box::new(|code| if code == 0 { "no" } else { "yes" }.to_owned()))
        }
        _ => None,
    }
}

fn by_amount(rows: &Rows<'_>, alert_margin: Option<f64>) -> Vec<Slice> {
    let Some(amounts) = &rows.amounts else { return Vec::new() };
    let mut order: Vec<usize> = (0..amounts.len()).collect();
    order.sort_by(|a, b| amounts[*a].total_cmp(&amounts[*b]));
    let quarter = order.len().div_ceil(4);
    if quarter < MIN_ROWS {
        return Vec::new();
    }
    let slice = |members: &[usize]| {
        let [low, high] =
            [members.first(), members.last()].map(|row| row.map_or(0.0, |r| amounts[*r]));
        let value = format!("{low:.2} to {high:.2}");
        slice(rows, "amount".to_owned(), value, members, alert_margin)
    };
    order.chunks(quarter).map(slice).collect()
}

fn slice(
    rows: &Rows<'_>,
    column: String,
    value: String,
    members: &[usize],
    alert_margin: Option<f64>,
) -> Slice {
    let ranking = ranked(rows, members);
    let (mut weight, mut frauds, mut alerts, mut caught, mut expected) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for &row in members {
        let own = rows.weight(row);
        let alarms = alert_margin.is_some_and(|edge| rows.margins[row] >= edge);
        weight += own;
        frauds += if rows.labels[row] { own } else { 0.0 };
        alerts += if alarms { own } else { 0.0 };
        caught += if alarms && rows.labels[row] { own } else { 0.0 };
        expected += own * rows.probabilities[row];
    }
    let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    Slice {
        column,
        value,
        rows: weight,
        frauds,
        average_precision: ranking.as_ref().and_then(|ranking| ranking.average_precision()),
        roc_auc: ranking.as_ref().and_then(|ranking| ranking.roc_auc()),
        alert_rate: share(alerts, weight).unwrap_or(0.0),
        precision: share(caught, alerts),
        recall: share(caught, frauds),
        observed_over_expected: share(frauds, expected),
    }
}
