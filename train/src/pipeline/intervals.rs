//! Judged rows made ready for resampling: which clusters, which cards, which slices.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shroff_datasets::{ColumnKind, ColumnRequest, Values};

use crate::config::Config;
use crate::error::Error;
use crate::events::Events;
use crate::gate::{Slice, slices, slices_of_numbers};
use crate::learner::Progress;
use crate::metric::bootstrap::{Answers, Bootstrap, Clusters, Measure, Resampled, resample};
use crate::metric::{CardDays, Judged, MetricError};
use crate::report::ClusterKeys;

/// Least days by which rows are clustered unless the configuration asks for it: of fewer a bootstrap
/// knows too little of how days differ.
const MIN_DAYS: usize = 20;

/// The columns that clusters and slices read besides those of the roles.
pub(crate) fn columns(config: &Config, slices: &[String]) -> Vec<ColumnRequest> {
    let clusters = config.evaluate.intervals.further_columns(&config.columns);
    let keys = clusters.map(|name| ColumnRequest::new(name, ColumnKind::Key));
    keys.chain(slices.iter().map(|name| ColumnRequest::new(name, ColumnKind::Text))).collect()
}

/// The ways to cluster judged rows: as declared; else by every entity, and by days where there are
/// many; else each row by itself.
///
/// # Errors
/// A column that was not read.
pub(crate) fn clusters(
    config: &Config,
    events: &Events,
    rows: &[usize],
    judged: &Judged,
) -> Result<Vec<Clusters>, Error> {
    let time = config.columns.time.as_ref();
    let declared = &config.evaluate.intervals.cluster_by;
    let names = if declared.is_empty() { &config.columns.entity } else { declared };
    let mut found = Vec::new();
    for name in names {
        if Some(name) == time {
            found.extend(judged.days.as_ref().map(|days| Clusters::of_days("day", days)));
            continue;
        }
        let codes = events.entity_codes(name);
        let codes = codes.ok_or_else(|| Error::data(format!("column {name:?} was not read")))?;
        let keys: Vec<u64> = rows.iter().map(|row| codes[*row]).collect();
        found.push(match config.alert_entity() == Some(name.as_str()) {
            true => Clusters::of_cards(name, &keys),
            false => Clusters::of_others(name, &keys),
        });
    }
    if declared.is_empty() {
        let days = judged.days.as_ref().map(|days| Clusters::of_days("day", days));
        found.extend(days.filter(|days| days.n_clusters() >= MIN_DAYS));
    }
    if found.is_empty() {
        found.push(Clusters::of_others("row", rows));
    }
    Ok(found)
}

/// For each way to cluster that was resampled, by its name, the key of every judged row.
pub(crate) fn cluster_keys(
    resampled: &Resampled,
    events: &Events,
    rows: &[usize],
    judged: &Judged,
) -> Vec<ClusterKeys> {
    let keys = |(name, _): (&str, usize)| {
        let keys = match (events.entity_codes(name), &judged.days) {
            (Some(codes), _) => rows.iter().map(|row| codes[*row]).collect(),
            // Days before 1970 stay apart from those after.
            (None, Some(days)) if name == "day" => days.iter().map(|day| *day as u64).collect(),
            (None, _) => rows.iter().map(|row| *row as u64).collect(),
        };
        (name.to_owned(), keys)
    };
    resampled.clusters().map(keys).collect()
}

/// Resamples models on the same rows.
///
/// # Errors
/// Scores or weights that cannot be measured.
pub(crate) fn resampled(
    config: &Config,
    clusters: &[Clusters],
    models: &[&Judged],
    progress: &dyn Progress,
) -> Result<Resampled, Error> {
    let Some(first) = models.first() else { return Err(Error::data("no model to resample")) };
    let cards = |judged: &&Judged| -> Result<Option<CardDays>, MetricError> {
        let Some((days, entities)) = judged.days.as_ref().zip(judged.entities.as_ref()) else {
            return Ok(None);
        };
        CardDays::new(days, entities, &judged.labels, &judged.margins).map(Some)
    };
    let of = || {
        let cards = models.iter().map(cards).collect::<Result<Vec<_>, _>>()?;
        let answers = models.iter().zip(&cards).map(|(judged, cards)| Answers {
            margins: &judged.margins,
            probabilities: &judged.probabilities,
            cards: cards.as_ref(),
        });
        let answers: Vec<Answers<'_>> = answers.collect();
        let n_replicates = config.evaluate.intervals.replicates;
        let bootstrap = Bootstrap { n_replicates, seed: Bootstrap::SEED };
        let weights = first.weights.as_deref();
        resample(&first.labels, weights, &answers, clusters, bootstrap, progress)
    };
    of().map_err(|error: MetricError| Error::data(error.to_string()))
}

/// The intervals of a model, by the names of the measures, and how they came about.
pub(crate) fn put_intervals(
    report: &mut Value,
    config: &Config,
    resampled: &Resampled,
    model: usize,
) {
    let settings = &config.evaluate.intervals;
    let intervals: serde_json::Map<String, Value> = Measure::ALL
        .into_iter()
        .filter_map(|measure| {
            let found = resampled.interval(model, measure, settings.confidence)?;
            Some((measure.name().to_owned(), json!(found)))
        })
        .collect();
    let clusters: BTreeMap<&str, usize> = resampled.clusters().collect();
    report["intervals"] = json!(intervals);
    report["bootstrap"] = json!({
        "replicates": settings.replicates, "confidence": settings.confidence,
        "seed": Bootstrap::SEED, "clusters": clusters,
    });
}

/// Cuts judged rows by a column that was read as text; numbers are recognised as such.
///
/// # Errors
/// A column that was not read.
pub(crate) fn cut(
    events: &Events,
    column: &str,
    rows: &[usize],
    labels: &[bool],
    min_frauds: usize,
) -> Result<Vec<Slice>, Error> {
    let not_read = || Error::data(format!("column {column:?} was not read"));
    let read = events.column(column, ColumnKind::Text).ok_or_else(not_read)?;
    let Values::Text(text) = read.values() else { return Err(not_read()) };
    let words = text.dictionary();
    let numbers: Option<Vec<f64>> = words
        .iter()
        .map(|word| word.parse::<f64>().ok().filter(|number| number.is_finite()))
        .collect();
    let code = |row: usize| (!read.is_null(row)).then(|| text.codes()[row] as usize);
    let codes = rows.iter().map(|row| code(*row));
    Ok(match numbers {
        Some(numbers) => {
            let values: Vec<_> = codes.map(|code| code.map(|code| numbers[code])).collect();
            slices_of_numbers(column, &values, labels, min_frauds)
        }
        None => {
            let values: Vec<_> = codes.map(|code| code.map(|code| &words[code])).collect();
            slices(column, &values, labels, min_frauds)
        }
    })
}
