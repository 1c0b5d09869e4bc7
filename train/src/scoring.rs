//! History through serve-lib: records are made of the columns and given to the very code that a
//! backend runs.

use rayon::prelude::*;
use shroff_datasets::Column;
use shroff_serve::features::Program;
use shroff_serve::{Record, Schema, Score, Scorer, Value};

use crate::error::Error;
use crate::events::{Events, value};
use crate::matrix::Matrix;

/// Rows a thread takes at a time.
const CHUNK_ROWS: usize = 4_096;

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
                    .encode(schema, Record::new(&record), slots)
                    .map_err(|source| Error::Score { row: events.source_row(row), source })?;
            }
            Ok::<(), Error>(())
        },
    )?;
    Matrix::new(schema.row_types(), values).map_err(|error| Error::data(error.to_string()))
}

/// Scores the given rows as records, in their order.
///
/// # Errors
/// A row that a policy rejects, an input that was not read.
pub fn score(scorer: &Scorer, events: &Events, rows: &[usize]) -> Result<Vec<Score>, Error> {
    let columns = events.bind(&scorer.schema().inputs)?;
    score_columns(scorer, &columns, rows).map_err(|error| match error {
        Error::Score { row, source } => Error::Score { row: events.source_row(row - 1), source },
        other => other,
    })
}

/// Scores rows of columns that stand in the order of the scorer's inputs.
///
/// # Errors
/// A row that a policy rejects.
pub fn score_columns(
    scorer: &Scorer,
    columns: &[&Column],
    rows: &[usize],
) -> Result<Vec<Score>, Error> {
    let chunks: Vec<Vec<Score>> = rows
        .par_chunks(CHUNK_ROWS)
        .map(|rows| {
            let mut record = Vec::with_capacity(columns.len());
            rows.iter()
                .map(|&row| {
                    fill(&mut record, columns, row);
                    scorer
                        .score_record(Record::new(&record))
                        .map_err(|source| Error::Score { row: row + 1, source })
                })
                .collect::<Result<Vec<_>, Error>>()
        })
        .collect::<Result<_, _>>()?;
    Ok(chunks.concat())
}

fn fill<'a>(record: &mut Vec<Value<'a>>, columns: &[&'a Column], row: usize) {
    record.clear();
    record.extend(columns.iter().map(|column| value(column, row)));
}
