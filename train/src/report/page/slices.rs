//! The model by part of the rows, and the challenger against the champion there.

use serde_json::Value;

use super::format::{NONE, count, decimals, ends, optional, percent, signed_ends};
use super::format::{difference, measure};
use super::view::{Block, Cell, RowView, Section, TableView};
use super::{Source, list};
use crate::report::evidence::Slice;

/// One table of all slices: what the model does in each, with the intervals of `evaluate --slice` and the
/// comparisons of the gate where these looked at the same slice.
pub(super) fn section(source: &Source<'_>) -> Option<Section> {
    let slices = &source.evidence.slices;
    let compared = &source.compared;
    let found_of =
        |name: &str| compared.iter().find(|(of, _)| *of == name).map(|(_, found)| *found);
    let measured_of =
        |name: &str| list(&source.report["slices"]).find(|slice| slice["slice"] == *name);
    let row = |slice: &Slice| {
        let name = slice.name();
        let intervals = measured_of(&name).map_or(&Value::Null, |slice| &slice["intervals"]);
        let with_interval = |key: &str, value: Option<f64>, digits: usize| {
            let note = ends(&intervals[key], digits).unwrap_or_default();
            Cell::new(optional(value, |value| decimals(value, digits)), note)
        };
        let observed = slice.observed_over_expected;
        let mut cells = vec![
            Cell::from(format!("{}: {}", slice.column, slice.value)),
            Cell::from(count(slice.rows)),
            Cell::from(count(slice.frauds)),
            with_interval("average_precision", slice.average_precision, 4),
            with_interval("roc_auc", slice.roc_auc, 4),
        ];
        let found = found_of(&name).unwrap_or(&Value::Null);
        cells.extend((!compared.is_empty()).then(|| ahead(found)));
        cells.extend([
            Cell::from(percent(slice.alert_rate)),
            Cell::from(optional(slice.precision, percent)),
            Cell::from(optional(slice.recall, percent)),
            with_interval("observed_over_expected", observed, 2),
        ]);
        RowView { class: "", cells }.marked(found["finding"] == "worse")
    };
    let mut rows: Vec<RowView> = slices.iter().map(row).collect();
    // A slice that was compared on other rows stands by itself.
    let is_shown = |name: &str| slices.iter().any(|slice| slice.name() == name);
    for (name, found) in compared.iter().filter(|(name, _)| !is_shown(name)) {
        let mut cells = vec![Cell::from(*name)];
        cells.extend([NONE; 4].map(Cell::from));
        cells.push(ahead(found));
        cells.extend([NONE; 4].map(Cell::from));
        rows.push(RowView { class: "", cells }.marked(found["finding"] == "worse"));
    }
    if rows.is_empty() {
        return None;
    }
    let mut heading = vec!["slice", "rows", "frauds", "average precision", "ROC AUC"];
    heading.extend((!compared.is_empty()).then_some("ahead by"));
    heading.extend(["rows alarmed", "precision", "recall", "obs/exp"]);
    let mut intro = "Average precision depends on how many frauds there are: compare a slice with \
                     itself last week rather than with its neighbour."
        .to_owned();
    if let Some((_, first)) = compared.first() {
        let by = measure(first["measure"].as_str().unwrap_or_default()).0;
        intro.push_str(&format!(
            " Ahead by compares {by} with {}, with {} % intervals.",
            source.names[1].1,
            (first["confidence"].as_f64().unwrap_or(0.95) * 1e4).round() / 1e2
        ));
    }
    let table = TableView { heading, rows };
    Some(Section { id: "slices", title: "Slices", intro, blocks: vec![Block::Table(table)] })
}

/// The difference to the other model, with its interval.
fn ahead(found: &Value) -> Cell {
    let digits = found["measure"].as_str().map_or(4, |key| measure(key).1);
    let by = optional(found["difference"].as_f64(), |by| difference(by, digits));
    Cell::new(by, signed_ends(found, digits).unwrap_or_default())
}
