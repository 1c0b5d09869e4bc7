//! Measures by part of the rows: a model good on the whole may fail one channel.

use serde::{Deserialize, Serialize};
use shroff_serve::Scorer;
use shroff_serve::features::{Step, TimePart};

use super::course::ranked;
use crate::gate::{self, MIN_SLICE_FRAUDS};
use crate::matrix::Matrix;
use crate::metric::Judged;

/// Most slices of one feature, those of the most rows.
const MAX_SLICES: usize = 8;

/// The rows with one value of a column or feature, or of one quarter of the amounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// The column or feature.
    pub column: String,
    /// Its value, `low..high` of numbers, `(none)`, or `(other)` of values with few frauds.
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
    /// Share of frauds among the rows that alarm; none without such rows.
    pub precision: Option<f64>,
    /// Share of the frauds that alarm; none without frauds.
    pub recall: Option<f64>,
    /// Frauds over the sum of the probabilities; none where that is 0.
    pub observed_over_expected: Option<f64>,
}

impl Slice {
    /// As the gate and `evaluate --slice` name it.
    pub fn name(&self) -> String {
        format!("{}={}", self.column, self.value)
    }
}

/// By the columns that were asked for, whose slices are given with their names; then by every category
/// and yes-or-no feature of other columns, and by quarters of the amount; all cut by the rules of the
/// gate.
pub(super) fn of(
    scorer: &Scorer,
    matrix: &Matrix,
    judged: &Judged,
    (columns, declared): (&[String], &[gate::Slice]),
    amount: Option<&str>,
    alert_margin: Option<f64>,
) -> Vec<Slice> {
    let found = |column: &str, slices: &[gate::Slice]| -> Vec<Slice> {
        let value_of = |name: &str| Some(name.strip_prefix(column)?.strip_prefix('=')?.to_owned());
        let values = slices.iter().filter_map(|slice| Some((value_of(&slice.name)?, &slice.rows)));
        let of = |(value, rows): (String, &Vec<usize>)| {
            of_rows(judged, column.to_owned(), value, rows, alert_margin)
        };
        values.map(of).collect()
    };
    let mut slices: Vec<Slice> = columns.iter().flat_map(|c| found(c, declared)).collect();
    let contents = scorer.contents();
    let schema = &contents.schema;
    for (position, step) in contents.program.steps.iter().enumerate() {
        let Some(name_of) = namer(step) else { continue };
        let feature = &*schema.features[position].name;
        let input = step.input().and_then(|input| schema.inputs.get(input));
        let is_column = !matches!(step, Step::TimePart { .. });
        if input.is_some_and(|input| is_column && columns.iter().any(|c| *c == *input.name)) {
            continue;
        }
        let codes: Vec<Option<usize>> = (0..matrix.n_rows())
            .map(|row| matrix.row(row)[position])
            .map(|code| (!code.is_nan()).then_some(code as usize))
            .collect();
        let n_codes = codes.iter().flatten().max().map_or(0, |code| code + 1);
        let names: Vec<String> = (0..n_codes).map(name_of).collect();
        let values: Vec<_> = codes.iter().map(|code| code.map(|code| &names[code])).collect();
        let mut parts = gate::slices(feature, &values, &judged.labels, MIN_SLICE_FRAUDS);
        while parts.len() > MAX_SLICES {
            let least = (0..parts.len()).min_by_key(|part| parts[*part].rows.len());
            parts.remove(least.unwrap_or(0));
        }
        // A slice of all rows is the whole.
        if parts.iter().any(|part| part.rows.len() < judged.n_rows()) {
            slices.extend(found(feature, &parts));
        }
    }
    if let (Some(column), Some(amounts)) = (amount, &judged.amounts)
        && columns.iter().all(|other| other != column)
    {
        let amounts: Vec<Option<f64>> = amounts.iter().copied().map(Some).collect();
        let parts = gate::slices_of_numbers(column, &amounts, &judged.labels, MIN_SLICE_FRAUDS);
        slices.extend(found(column, &parts));
    }
    slices
}

/// What a code is called, for features that have few values.
fn namer(step: &Step) -> Option<Box<dyn Fn(usize) -> String + '_>> {
    match step {
        Step::Category { vocabulary, .. } => Some(Box::new(|code| {
            vocabulary.values().get(code).cloned().unwrap_or_else(|| "(rare or new)".to_owned())
        })),
        Step::Boolean { .. } | Step::TimePart { part: TimePart::Weekend | TimePart::Night, .. } => {
            Some(Box::new(|code| if code == 0 { "no" } else { "yes" }.to_owned()))
        }
        _ => None,
    }
}

fn of_rows(
    judged: &Judged,
    column: String,
    value: String,
    members: &[usize],
    alert_margin: Option<f64>,
) -> Slice {
    let ranking = ranked(judged, members);
    let (mut weight, mut frauds, mut alerts, mut caught, mut expected) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for &row in members {
        let own = judged.weight(row);
        let alarms = alert_margin.is_some_and(|edge| judged.margins[row] >= edge);
        weight += own;
        frauds += if judged.labels[row] { own } else { 0.0 };
        alerts += if alarms { own } else { 0.0 };
        caught += if alarms && judged.labels[row] { own } else { 0.0 };
        expected += own * judged.probabilities[row];
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
