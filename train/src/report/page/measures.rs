//! Two models, or one, measure by measure.

use serde_json::Value;

use super::Source;
use super::format::{count, decimals, difference, ends, measure, optional, signed_ends};
use super::view::{Block, Cell, RowView, Section, TableView};

/// The measures of a report: those with intervals, and the others, each in its order but the first.
fn keys(measures: &Value) -> (Vec<&str>, Vec<&str>) {
    let numbers = measures.as_object().into_iter().flatten().filter(|(_, value)| value.is_number());
    // What is left out counts rows, or bytes.
    let is_measure = |key: &&str| {
        let counts = ["rows", "frauds", "bytes", "stop_average_precision"].contains(key);
        !counts && !key.ends_with("_rows") && !key.starts_with("rows_")
    };
    let keys = numbers.map(|(key, _)| key.as_str()).filter(is_measure);
    let has_interval = |key: &&str| measures["intervals"][key].is_object();
    let (mut with, without): (Vec<&str>, Vec<&str>) = keys.partition(has_interval);
    // By what models are compared, and last what is the same of all models.
    let place = |key: &&str| match *key {
        "average_precision" => 0,
        "base_rate" => 2,
        _ => 1,
    };
    with.sort_by_key(place);
    if with.is_empty() { (without, Vec::new()) } else { (with, without) }
}

/// A table of the measures with intervals, and folded one of the others.
fn tables<'a>(
    measures: &'a Value,
    heading: &[&'static str],
    row: impl Fn(&'a str) -> RowView,
) -> Vec<Block> {
    let table = |keys: Vec<&'a str>| TableView {
        heading: heading.to_vec(),
        rows: keys.into_iter().map(&row).collect(),
    };
    let (first, others) = keys(measures);
    let summary = format!("{} more measures", others.len());
    let mut blocks = Vec::new();
    blocks.extend((!first.is_empty()).then(|| Block::Table(table(first))));
    blocks.extend((!others.is_empty()).then(|| Block::Folded(summary, table(others))));
    blocks
}

/// With a word on measures that are better where they are less.
fn named(key: &str, name: String) -> Cell {
    let less = ["log_loss", "brier", "calibration_error"].contains(&key);
    let is_cost = key.starts_with("expected_cost");
    Cell::new(name, if less || is_cost { "less is better" } else { "" })
}

/// The model beside the other; where there is none, its measures alone.
pub(super) fn section(source: &Source<'_>) -> Option<Section> {
    let Some(theirs) = source.theirs else { return alone(source.ours) };
    let row = |key: &str| {
        let (name, digits) = measure(key);
        let show = |side: &Value| {
            let value = optional(side[key].as_f64(), |value| decimals(value, digits));
            Cell::new(value, ends(&side["intervals"][key], digits).unwrap_or_default())
        };
        let (own, other) = (source.ours[key].as_f64(), theirs[key].as_f64());
        let by = own.zip(other).map(|(own, other)| own - other);
        let interval = &source.differences[key];
        let by = Cell::new(
            optional(by, |by| difference(by, digits)),
            signed_ends(interval, digits).unwrap_or_default(),
        );
        let is_told = interval["low"].as_f64().is_some_and(|low| low > 0.0)
            || interval["high"].as_f64().is_some_and(|high| high < 0.0);
        RowView::new([named(key, name), show(source.ours), show(theirs), by]).marked(is_told)
    };
    let told = match source.differences.as_object().is_some_and(|found| !found.is_empty()) {
        true => " Marked are differences whose interval does not hold 0.",
        false => "",
    };
    let [(ours, _), (their_name, in_full)] = &source.names;
    Some(Section {
        id: "champion",
        title: match *ours {
            "B" => "B against A",
            _ => "Challenger against champion",
        },
        intro: format!(
            "Compared with {in_full}; both score the same {} rows.{told}",
            optional(theirs["rows"].as_f64(), count)
        ),
        blocks: tables(source.ours, &["measure", *ours, *their_name, "difference"], row),
    })
}

fn alone(ours: &Value) -> Option<Section> {
    let row = |key: &str| {
        let (name, digits) = measure(key);
        let value = optional(ours[key].as_f64(), |value| decimals(value, digits));
        let interval = ends(&ours["intervals"][key], digits).unwrap_or_default();
        RowView::new([named(key, name), Cell::from(value), Cell::from(interval)])
    };
    let blocks = tables(ours, &["measure", "value", "interval"], row);
    (!blocks.is_empty()).then_some(Section {
        id: "measures",
        title: "Measures",
        intro: String::new(),
        blocks,
    })
}
