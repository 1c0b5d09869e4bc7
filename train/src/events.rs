//! The table of events: one row per transaction, in the order of the source, with its roles and
//! the raw inputs of the features.

mod decision;
mod duplicates;
mod history;
mod read;
mod roles;

pub use read::EventsRequest;
pub(crate) use read::wanted;

use std::collections::HashMap;

use shroff_datasets::{Column, ColumnKind, ColumnRequest, JoinCount, ReadReport, Table, Values};
use shroff_serve::Value;
use shroff_serve::schema::{Input, InputType};

use crate::error::Error;
use crate::replay::Velocity;

/// Events as read, every row of them usable by its time.
#[derive(Debug)]
pub struct Events {
    tables: Vec<(Vec<ColumnRequest>, Table)>,
    /// Where in the source each row stands, for messages; from 0, all files counted through.
    source_rows: Vec<usize>,
    /// When each event happened, microseconds UTC; empty without a time column.
    pub times: Vec<i64>,
    /// The label as the data has it; none where it is null or the event was blocked.
    pub labels: Vec<Option<bool>>,
    /// When each label became known, microseconds UTC; long ago without a time column.
    pub known_at: Vec<i64>,
    /// Whether the event was blocked, so that it has no honest label.
    pub blocked: Vec<bool>,
    /// How many rows of the population each row stands for.
    pub weights: Option<Vec<f64>>,
    /// The velocity features of each row, as far as they were asked for.
    pub velocity: Velocity,
    /// Rows left out because a later row has the same id.
    pub n_duplicates: usize,
    /// Rows of the whole fact source that could not be read and were skipped.
    pub n_skipped: usize,
    /// What a person should know of the data.
    pub notes: Vec<String>,
    /// What each join came to.
    pub joined: Vec<JoinCount>,
}

impl Events {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.source_rows.len()
    }

    /// The row of the source, counted from 1, that a row stands for.
    pub fn source_row(&self, row: usize) -> usize {
        self.source_rows.get(row).copied().unwrap_or(row) + 1
    }

    /// The labels of these rows; null counts as legitimate, so ask for labelled rows only.
    pub fn labels_at(&self, rows: &[usize]) -> Vec<bool> {
        rows.iter().map(|&row| self.labels[row] == Some(true)).collect()
    }

    /// The weights of these rows.
    pub fn weights_at(&self, rows: &[usize]) -> Option<Vec<f64>> {
        self.weights.as_ref().map(|weights| rows.iter().map(|&row| weights[row]).collect())
    }

    /// The columns that hold a schema's inputs, in its order.
    ///
    /// # Errors
    /// An input that was not read.
    pub fn bind(&self, inputs: &[Input]) -> Result<Vec<&Column>, Error> {
        let bind = |input: &Input| {
            self.input(&input.name, input.input_type).ok_or_else(|| {
                Error::data(format!("input {:?} of the model is not in the data", &*input.name))
            })
        };
        inputs.iter().map(bind).collect()
    }

    /// The column that holds an input.
    pub fn input(&self, name: &str, input_type: InputType) -> Option<&Column> {
        self.column(name, column_kind(input_type))
    }

    /// A code per row that is equal for equal values of an entity column; rows without a value get
    /// a code of their own.
    pub fn entity_codes(&self, column: &str) -> Option<Vec<u64>> {
        let column = self.column(column, ColumnKind::Key)?;
        let mut codes: Vec<u64> = match column.values() {
            Values::Integer(values) => values.iter().map(|value| value.cast_unsigned()).collect(),
            Values::Text(text) => text.codes().iter().map(|code| u64::from(*code)).collect(),
            _ => return None,
        };
        if column.null_count() > 0 {
            // Renumber, so that no row without a value meets a row with one.
            let mut known = HashMap::new();
            for (row, code) in codes.iter_mut().enumerate() {
                let next = known.len() as u64 * 2;
                let null = column.is_null(row);
                *code = if null { row as u64 * 2 + 1 } else { *known.entry(*code).or_insert(next) };
            }
        }
        Some(codes)
    }

    /// The column of this name, as it was read for this kind.
    pub fn column(&self, name: &str, kind: ColumnKind) -> Option<&Column> {
        self.tables.iter().find_map(|(requests, table)| {
            let wanted = |request: &ColumnRequest| request.name == name && request.kind == kind;
            requests.iter().any(wanted).then(|| table.column(name)).flatten()
        })
    }
}

/// Says how many rows could not be read, with examples.
pub(crate) fn skipped(report: &ReadReport) -> Option<String> {
    let ReadReport { rows_read, rows_skipped, examples, .. } = report;
    let examples: Vec<String> = examples.iter().map(ToString::to_string).collect();
    (*rows_skipped > 0).then(|| {
        let n_rows = rows_read + rows_skipped;
        let examples = examples.join("; ");
        format!("{rows_skipped} of {n_rows} rows could not be read and are skipped: {examples}")
    })
}

/// The value of a bound column in a row.
#[inline]
pub(crate) fn value(column: &Column, row: usize) -> Value<'_> {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.values() {
        Values::Number(values) => Value::Number(values[row]),
        Values::Integer(values) => Value::Integer(values[row]),
        Values::Boolean(values) => Value::Bool(values[row]),
        Values::Text(text) => Value::Text(text.value(row)),
        Values::Time(values) => Value::Time(values[row]),
    }
}

pub(crate) fn column_kind(input_type: InputType) -> ColumnKind {
    match input_type {
        InputType::Boolean => ColumnKind::Boolean,
        InputType::Text => ColumnKind::Text,
        InputType::Time => ColumnKind::Time,
        InputType::Key => ColumnKind::Key,
        _ => ColumnKind::Number,
    }
}
