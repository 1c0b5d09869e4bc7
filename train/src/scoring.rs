//! History through serve-lib: records are made of the columns and given to the very code that a
//! backend runs.

use rayon::prelude::*;
use shroff_datasets::{Column, ColumnKind};
use shroff_serve::features::Program;
use shroff_serve::schema::Policy;
use shroff_serve::{
    Record, RejectReason, Schema, Score, ScoreError, ScoreErrorKind, Scorer, Value,
};

use crate::config::Config;
use crate::error::Error;
use crate::events::{Events, value};
use crate::matrix::Matrix;
use crate::metric::{Judged, local_day};
use crate::replay::Velocity;

/// Rows a thread takes at a time.
const CHUNK_ROWS: usize = 4_096;
/// Rows scored by one call; their values stay near the core.
const BATCH_ROWS: usize = 512;

/// Encodes the given rows, in their order.
///
/// # Errors
/// A row that a policy rejects, an input that was not read.
pub fn encode(
    schema: &Schema,
    program: &Program,
    events: &Events,
    rows: &[usize],
) -> Result<Matrix, Error> {
    let columns = events.bind(&schema.inputs)?;
    let n_features = schema.features.len();
    let mut values = vec![0.0_f32; rows.len() * n_features];
    values.par_chunks_mut(CHUNK_ROWS * n_features).zip(rows.par_chunks(CHUNK_ROWS)).try_for_each(
        |(values, rows)| {
            let mut record = Vec::with_capacity(columns.len());
            for (slots, &row) in values.chunks_mut(n_features).zip(rows) {
                fill(&mut record, &columns, row);
                program
                    .encode(schema, Record::new(&record), events.velocity.row(row), slots)
                    .map_err(|source| Error::Score { row: events.source_row(row), source })?;
            }
            Ok::<(), Error>(())
        },
    )?;
    Matrix::new(schema.row_types(), values).map_err(|error| Error::data(error.to_string()))
}

/// The rows that no policy rejects, in their order.
///
/// # Errors
/// An input that was not read.
pub fn accepted(
    schema: &Schema,
    program: &Program,
    events: &Events,
    rows: &[usize],
) -> Result<Vec<usize>, Error> {
    let rejects = schema.features.iter().any(|feature| {
        [feature.on_missing, feature.on_unseen, feature.on_out_of_range].contains(&Policy::Reject)
    });
    if !rejects {
        return Ok(rows.to_vec());
    }
    let columns = events.bind(&schema.inputs)?;
    let chunk = |rows: &[usize]| {
        let mut record = Vec::with_capacity(columns.len());
        let mut slots = vec![0.0; schema.features.len()];
        let mut accepted = Vec::with_capacity(rows.len());
        for &row in rows {
            fill(&mut record, &columns, row);
            let velocity = events.velocity.row(row);
            match program.encode(schema, Record::new(&record), velocity, &mut slots) {
                Ok(()) => accepted.push(row),
                Err(error) if is_rejection(&error) => {}
                Err(source) => return Err(Error::Score { row: events.source_row(row), source }),
            }
        }
        Ok(accepted)
    };
    let chunks: Vec<Vec<usize>> =
        rows.par_chunks(CHUNK_ROWS).map(chunk).collect::<Result<_, Error>>()?;
    Ok(chunks.concat())
}

/// How often a feature's policies decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct OddCounts {
    /// A null, NaN or empty text, or a number that cannot be computed.
    pub missing: u64,
    /// Text that the fit did not know.
    pub unseen: u64,
    /// Outside the declared range, or infinite.
    pub out_of_range: u64,
}

/// Counts of odd values in the given rows, one per feature in the schema's order, rejected rows
/// included.
///
/// # Errors
/// An input that was not read.
pub fn odd_values(
    scorer: &Scorer,
    events: &Events,
    rows: &[usize],
) -> Result<Vec<OddCounts>, Error> {
    let (schema, program) = (scorer.schema(), &scorer.contents().program);
    let columns = events.bind(&schema.inputs)?;
    let mut counts = vec![OddCounts::default(); schema.features.len()];
    let mut record = Vec::with_capacity(columns.len());
    for &row in rows {
        fill(&mut record, &columns, row);
        let count = |feature: usize, reason| {
            let counts: &mut OddCounts = &mut counts[feature];
            match reason {
                RejectReason::Missing => counts.missing += 1,
                RejectReason::Unseen => counts.unseen += 1,
                _ => counts.out_of_range += 1,
            }
        };
        program
            .odd_values(schema, Record::new(&record), events.velocity.row(row), count)
            .map_err(|source| Error::Score { row: events.source_row(row), source })?;
    }
    Ok(counts)
}

/// Scores the given rows as records, in their order.
///
/// # Errors
/// A row that a policy rejects, an input that was not read.
pub fn score(scorer: &Scorer, events: &Events, rows: &[usize]) -> Result<Vec<Score>, Error> {
    let columns = events.bind(&scorer.schema().inputs)?;
    let refuse = |row, source| Err(Error::Score { row: events.source_row(row), source });
    let scores = in_batches(scorer, &columns, &events.velocity, rows, refuse)?;
    Ok(scores.into_iter().flatten().collect())
}

/// Scores rows of columns that stand in the order of the scorer's inputs, with their velocity
/// features; none for a row that a policy rejects.
///
/// # Errors
/// A column of another type than its input.
pub fn score_columns(
    scorer: &Scorer,
    columns: &[&Column],
    velocity: &Velocity,
    rows: &[usize],
) -> Result<Vec<Option<Score>>, Error> {
    let refuse = |row, source| match is_rejection(&source) {
        true => Ok(()),
        false => Err(Error::Score { row: row + 1, source }),
    };
    in_batches(scorer, columns, velocity, rows, refuse)
}

/// Encodes and scores some rows at a time; none for a row that has no score, unless `refuse` makes
/// an error of it.
fn in_batches(
    scorer: &Scorer,
    columns: &[&Column],
    velocity: &Velocity,
    rows: &[usize],
    refuse: impl Fn(usize, ScoreError) -> Result<(), Error> + Sync,
) -> Result<Vec<Option<Score>>, Error> {
    let n_features = scorer.schema().features.len();
    let chunk = |rows: &[usize]| {
        let mut record = Vec::with_capacity(columns.len());
        let mut values = vec![0.0; BATCH_ROWS * n_features];
        let mut batch = vec![Score::UNSET; BATCH_ROWS];
        let mut scores = Vec::with_capacity(rows.len());
        for rows in rows.chunks(BATCH_ROWS) {
            // Rows without a score leave no gap among the values.
            let (mut n_encoded, mut is_encoded) = (0, Vec::with_capacity(rows.len()));
            for &row in rows {
                fill(&mut record, columns, row);
                let slots = &mut values[n_encoded * n_features..][..n_features];
                let past = velocity.row(row);
                let encoded = scorer.encode_with(Record::new(&record), past, slots);
                is_encoded.push(encoded.is_ok());
                match encoded {
                    Ok(()) => n_encoded += 1,
                    Err(error) => refuse(row, error)?,
                }
            }
            let batch = &mut batch[..n_encoded];
            let scored = scorer.score_rows(&values[..n_encoded * n_features], batch);
            scored.or_else(|error| refuse(rows[0], error))?;
            let mut batch = batch.iter();
            let score = |is_encoded| if is_encoded { batch.next().copied() } else { None };
            scores.extend(is_encoded.into_iter().map(score));
        }
        Ok(scores)
    };
    let chunks: Vec<Vec<Option<Score>>> =
        rows.par_chunks(CHUNK_ROWS).map(chunk).collect::<Result<_, Error>>()?;
    Ok(chunks.concat())
}

/// Scored rows with all that measures ask of them.
pub fn judged(config: &Config, events: &Events, rows: &[usize], scores: &[Score]) -> Judged {
    let offset = i64::from(config.columns.utc_offset.secs) * 1_000_000;
    let has_time = events.times.len() == events.n_rows();
    let at = |codes: Vec<u64>| rows.iter().map(|row| codes[*row]).collect();
    let amount = config.columns.amount.as_ref();
    let amounts = amount.and_then(|name| events.column(name, ColumnKind::Number));
    Judged {
        labels: events.labels_at(rows),
        margins: scores.iter().map(|score| score.margin).collect(),
        probabilities: scores.iter().map(|score| score.probability).collect(),
        weights: events.weights_at(rows),
        days: has_time
            .then(|| rows.iter().map(|row| local_day(events.times[*row], offset)).collect()),
        entities: config.alert_entity().and_then(|name| events.entity_codes(name)).map(at),
        amounts: amounts.map(|column| rows.iter().map(|row| amount_at(column, *row)).collect()),
    }
}

/// The money at stake in a row: none where it is missing, and none in a refund.
fn amount_at(column: &Column, row: usize) -> f64 {
    match value(column, row) {
        Value::Number(amount) if amount.is_finite() && amount > 0.0 => amount,
        _ => 0.0,
    }
}

fn is_rejection(error: &ScoreError) -> bool {
    matches!(error.kind(), ScoreErrorKind::Rejected { .. })
}

fn fill<'a>(record: &mut Vec<Value<'a>>, columns: &[&'a Column], row: usize) {
    record.clear();
    record.extend(columns.iter().map(|column| value(column, row)));
}
