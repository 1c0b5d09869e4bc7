//! Rate encoding over history: the rows of a fit are given the rates that were known at their time.
//!
//! A table of everything the fit knows serves all later rows. Given to the fit's own rows it would
//! tell each of them its own label, and a learner would trust that. So they are taken in the order of
//! time, and each sees the labels that had come to be known strictly before it.
//!
//! The table holds the labels of all rows of the fit, by the rule that decides which rows those are:
//! known when test starts. Rows of stop and calibrate may therefore meet a rate that was not whole at
//! their time, as they meet a model that was not; rows of test never do.

use shroff_datasets::{ColumnKind, Text, Values};
use shroff_serve::features::{Program, RateCounts, RateTable};
use shroff_serve::schema::Feature;
use shroff_serve::{RejectReason, Schema};

use crate::config::{Config, FeatureConfig, FeatureInput};
use crate::error::Error;
use crate::events::Events;
use crate::matrix::Matrix;
use crate::scoring;

/// Rows of the overall rate added to each category's own, where the configuration does not say.
///
/// # Source
/// Micci-Barreca (2001) leaves it to the data. 20 is our choice: a category of 20 rows counts as much
/// as the overall rate, and one of a few rows hardly moves away from it.
pub const DEFAULT_SMOOTHING: f64 = 20.0;

/// Encodes the rows of a fit, each rate as it was known at its row's time. Returns the rows that no
/// policy rejects, in their order, and their matrix.
///
/// # Errors
/// An input that was not read.
pub fn encode_fit_rows(
    config: &Config,
    (schema, program): (&Schema, &Program),
    events: &Events,
    rows: &[usize],
) -> Result<(Vec<usize>, Matrix), Error> {
    let mut rates = Vec::new();
    let expanded = config.features.iter().flat_map(|feature| {
        feature.expand().into_iter().map(move |(_, read_as)| (feature, read_as))
    });
    for (position, (config, read_as)) in expanded.enumerate() {
        if read_as == FeatureInput::Rate {
            let feature = &schema.features[position];
            rates.push((position, in_order_of_time(config, feature, events, rows)?));
        }
    }
    let accepted = scoring::accepted(schema, program, events, rows)?;
    let mut accepted = accepted.into_iter().peekable();
    let mut kept = Vec::with_capacity(rows.len());
    for (at, &row) in rows.iter().enumerate() {
        let taken = accepted.next_if_eq(&row).is_some();
        if taken && rates.iter().all(|(_, values)| values[at].is_ok()) {
            kept.push(at);
        }
    }
    let kept_rows: Vec<usize> = kept.iter().map(|&at| rows[at]).collect();
    let mut matrix = scoring::encode(schema, program, events, &kept_rows)?;
    for (feature, values) in rates {
        let values = kept.iter().map(|&at| values[at].unwrap_or(f32::NAN));
        matrix.replace(feature, values);
    }
    Ok((kept_rows, matrix))
}

/// What a feature's configuration says, or the default.
fn smoothing(feature: &FeatureConfig) -> f64 {
    feature.smoothing.unwrap_or(DEFAULT_SMOOTHING)
}

/// The rates by all labels of the given rows.
pub(crate) fn table(
    feature: &FeatureConfig,
    events: &Events,
    rows: &[usize],
) -> Result<RateTable, Error> {
    let categories = Categories::new(&feature.column, events)?;
    let mut counts = RateCounts::new(categories.text.dictionary(), smoothing(feature));
    for &row in rows {
        observe(&mut counts, &categories, events, row);
    }
    Ok(counts.table())
}

/// The values that a rate has in the given rows, each by the labels known before it.
fn in_order_of_time(
    config: &FeatureConfig,
    feature: &Feature,
    events: &Events,
    rows: &[usize],
) -> Result<Vec<Result<f32, RejectReason>>, Error> {
    let categories = Categories::new(&config.column, events)?;
    let mut counts = RateCounts::new(categories.text.dictionary(), smoothing(config));
    // A label that claims to be older than its event is not known before it happens.
    let known_at = |row: usize| events.known_at[row].max(events.times[row]);
    let mut by_known: Vec<usize> = rows.to_vec();
    by_known.sort_unstable_by_key(|&row| (known_at(row), row));
    let mut by_time: Vec<usize> = (0..rows.len()).collect();
    by_time.sort_unstable_by_key(|&at| (events.times[rows[at]], at));
    let mut to_learn = by_known.into_iter().peekable();
    let mut values = vec![Ok(f32::NAN); rows.len()];
    for at in by_time {
        let row = rows[at];
        while let Some(known) = to_learn.next_if(|&known| known_at(known) < events.times[row]) {
            observe(&mut counts, &categories, events, known);
        }
        values[at] = counts.fill(feature, categories.of(row));
    }
    Ok(values)
}

fn observe(counts: &mut RateCounts<'_>, categories: &Categories<'_>, events: &Events, row: usize) {
    let Some(fraud) = events.labels[row] else { return };
    let weight = events.weights.as_ref().map_or(1.0, |weights| weights[row]);
    counts.observe(categories.of(row), fraud, weight);
}

/// The text column of a rate.
struct Categories<'a> {
    column: &'a shroff_datasets::Column,
    text: &'a Text,
}

impl<'a> Categories<'a> {
    fn new(name: &str, events: &'a Events) -> Result<Self, Error> {
        let column = events.column(name, ColumnKind::Text);
        match column.map(|column| (column, column.values())) {
            Some((column, Values::Text(text))) => Ok(Self { column, text }),
            _ => Err(Error::data(format!("column {name:?} was not read as text"))),
        }
    }

    fn of(&self, row: usize) -> Option<u32> {
        (!self.column.is_null(row)).then(|| self.text.codes()[row])
    }
}
