//! The table of events: one row per transaction, in the order of the source, with its roles and
//! the raw inputs of the features.

mod decision;
mod duplicates;

use std::collections::HashMap;

use shroff_datasets::time::format_time;
use shroff_datasets::{
    BadRows, Column, ColumnKind, ColumnRequest, Dataset, JoinCount, ReadReport, Table, TimeRange,
    Values,
};
use shroff_serve::Value;
use shroff_serve::schema::{Input, InputType};

use crate::config::{ColumnsConfig, Duplicates, Duration};
use crate::error::Error;

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
    /// Rows left out because a later row has the same id.
    pub n_duplicates: usize,
    /// Rows of the whole fact source that could not be read and were skipped.
    pub n_skipped: usize,
    /// What a person should know of the data.
    pub notes: Vec<String>,
    /// What each join came to.
    pub joined: Vec<JoinCount>,
}

/// Which events to read.
#[derive(Debug, Clone)]
pub struct EventsRequest<'a> {
    /// Where they are.
    pub source: &'a Dataset,
    /// Which columns play which role.
    pub columns: &'a ColumnsConfig,
    /// How long after an event its label is known, where no label time says otherwise.
    pub label_delay: Duration,
    /// Columns that features read, with their types.
    pub inputs: Vec<(String, InputType)>,
    /// Further columns to be had from [`Events::column`].
    pub further: Vec<ColumnRequest>,
    /// Inclusive start; none for no limit.
    pub from: Option<i64>,
    /// Exclusive end; none for no limit.
    pub to: Option<i64>,
}

impl Events {
    /// Reads the events in the range asked for.
    ///
    /// # Errors
    /// A source that cannot be read, no rows, a null time anywhere, an id that appears twice, a
    /// weight that is not positive; bounds without a time column.
    pub fn read(request: &EventsRequest<'_>) -> Result<Self, Error> {
        let range = time_range(request)?;
        let in_range = range.as_ref().map(|range| rows_in_range(request, range)).transpose()?;
        let mut joined: Vec<JoinCount> = Vec::new();
        let mut tables = batches(request)
            .into_iter()
            .map(|columns| {
                let read = request.source.read_counted(&columns, range.as_ref());
                let (table, counts) =
                    read.map_err(|error| decision::explained(error, request.columns))?;
                for count in counts {
                    let same = |known: &&mut JoinCount| {
                        (&known.source, known.n_rows, known.n_unmatched)
                            == (&count.source, count.n_rows, count.n_unmatched)
                    };
                    match joined.iter_mut().find(same) {
                        Some(known) if known.report.rows_skipped >= count.report.rows_skipped => {}
                        Some(known) => *known = count,
                        None => joined.push(count),
                    }
                }
                Ok((columns, table))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let n_rows = tables.first().map_or(0, |(_, table)| table.n_rows());
        let mut source_rows = in_range.unwrap_or_else(|| (0..n_rows).collect());
        let mut n_duplicates = 0;
        if request.columns.duplicates == Duplicates::KeepLatest {
            let latest = duplicates::latest(request)?;
            if latest.iter().any(|position| *position >= n_rows) {
                return Err(Error::data("the source changed while the job was running"));
            }
            n_duplicates = n_rows - latest.len();
            if n_duplicates > 0 {
                tables.iter_mut().for_each(|(_, table)| *table = table.take(&latest));
                source_rows = latest.iter().map(|&position| source_rows[position]).collect();
            }
        }
        let mut events = Self {
            tables,
            source_rows,
            times: Vec::new(),
            labels: Vec::new(),
            known_at: Vec::new(),
            blocked: Vec::new(),
            weights: None,
            n_duplicates,
            n_skipped: 0,
            notes: Vec::new(),
            joined,
        };
        events.assign_roles(request)?;
        events.count_skipped(request)?;
        Ok(events)
    }

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
            self.column(&input.name, column_kind(input.input_type)).ok_or_else(|| {
                Error::data(format!("input {:?} of the model is not in the data", &*input.name))
            })
        };
        inputs.iter().map(bind).collect()
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

    /// Counts the rows that `bad_rows = "skip"` leaves out, with an example of each kind of fault.
    fn count_skipped(&mut self, request: &EventsRequest<'_>) -> Result<(), Error> {
        for JoinCount { source, report, .. } in &self.joined {
            self.notes.extend(skipped(report).map(|note| format!("{source}: {note}")));
        }
        let source = request.source.fact_source()?;
        if source.options.bad_rows == BadRows::Error {
            return Ok(());
        }
        let report = source.read_counted(&[], None)?.1;
        self.n_skipped = report.rows_skipped;
        self.notes.extend(skipped(&report));
        Ok(())
    }

    fn assign_roles(&mut self, request: &EventsRequest<'_>) -> Result<(), Error> {
        let columns = request.columns;
        if self.n_rows() == 0 {
            let range = match (&columns.time, request.from, request.to) {
                (Some(time), from, to) if from.is_some() || to.is_some() => {
                    let show = |bound: Option<i64>| bound.map_or("any".to_owned(), format_time);
                    format!(" with {time} from {} to before {}", show(from), show(to))
                }
                _ => String::new(),
            };
            return Err(Error::data(format!("{}: found no rows{range}", request.source.path())));
        }
        let times = columns.time.as_ref().and_then(|name| self.times_of(name));
        self.times = times.unwrap_or_default().into_iter().flatten().collect();
        self.labels = self.labels_of(&columns.label);
        self.assign_blocked(request)?;
        let label_times = columns.label_time.as_ref().and_then(|name| self.times_of(name));
        let delay = request.label_delay.micros();
        self.known_at = match label_times {
            Some(known) => {
                let default = self.times.iter().map(|time| time.saturating_add(delay));
                known.into_iter().zip(default).map(|(known, time)| known.unwrap_or(time)).collect()
            }
            None if columns.time.is_none() => vec![i64::MIN; self.n_rows()],
            None => self.times.iter().map(|time| time.saturating_add(delay)).collect(),
        };
        if let Some(id) = &columns.id {
            self.refuse_duplicates(request.source.path(), id)?;
        }
        if let Some(weight) = &columns.weight {
            self.weights = Some(self.weights_of(request.source.path(), weight)?);
        }
        Ok(())
    }

    fn times_of(&self, name: &str) -> Option<Vec<Option<i64>>> {
        self.column(name, ColumnKind::Time).and_then(known_times)
    }

    fn labels_of(&self, name: &str) -> Vec<Option<bool>> {
        let column = self.column(name, ColumnKind::Boolean);
        let Some((column, Values::Boolean(labels))) = column.map(|c| (c, c.values())) else {
            return vec![None; self.n_rows()];
        };
        let known = |(row, label): (usize, &bool)| (!column.is_null(row)).then_some(*label);
        labels.iter().enumerate().map(known).collect()
    }

    fn weights_of(&self, path: &str, name: &str) -> Result<Vec<f64>, Error> {
        let column = self.column(name, ColumnKind::Number);
        let Some((column, Values::Number(weights))) = column.map(|c| (c, c.values())) else {
            return Ok(vec![1.0; self.n_rows()]);
        };
        // Nothing is fitted or measured on a blocked row: it may have no weight, or 0.
        let wrong = |(row, weight): &(usize, &f64)| {
            !self.blocked[*row] && (column.is_null(*row) || !weight.is_finite() || **weight <= 0.0)
        };
        if let Some((row, weight)) = weights.iter().enumerate().find(wrong) {
            let found = if column.is_null(row) { "nothing".to_owned() } else { weight.to_string() };
            return Err(Error::data(format!(
                "{path}: column {name:?}, row {}: expected a weight above 0, found {found}",
                self.source_row(row)
            )));
        }
        Ok(weights.clone())
    }

    fn refuse_duplicates(&self, path: &str, id: &str) -> Result<(), Error> {
        let Some(column) = self.column(id, ColumnKind::Key) else { return Ok(()) };
        let Some((first, second)) = duplicates::first(column) else { return Ok(()) };
        let value = match column.values() {
            Values::Integer(values) => values[second].to_string(),
            Values::Text(text) => text.value(second).to_owned(),
            _ => String::new(),
        };
        Err(Error::data(format!(
            "{path}: column {id:?}: the id {value} appears twice, in rows {} and {}; every \
             transaction must appear once, unless [columns] duplicates = \"keep_latest\"",
            self.source_row(first),
            self.source_row(second)
        )))
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

/// The range asked for; none without a time column, when everything is read.
fn time_range(request: &EventsRequest<'_>) -> Result<Option<TimeRange>, Error> {
    let (from, to) = (request.from, request.to);
    match &request.columns.time {
        Some(column) => Ok(Some(TimeRange { column: column.clone(), from, to })),
        None if from.is_none() && to.is_none() => Ok(None),
        None => Err(Error::config(
            "expected a time column to choose rows by time, found none; set [columns] time, or \
             leave the bounds out",
        )),
    }
}

/// The rows of the source whose time lies in the range. A row without a time lies in none, and
/// would be lost without a word.
fn rows_in_range(request: &EventsRequest<'_>, range: &TimeRange) -> Result<Vec<usize>, Error> {
    let name = &range.column;
    let table = request.source.read(&[ColumnRequest::new(name, ColumnKind::Time)], None)?;
    let times = table.column(name).and_then(known_times).unwrap_or_default();
    let mut rows = Vec::new();
    for (row, time) in times.into_iter().enumerate() {
        let Some(time) = time else {
            return Err(Error::data(format!(
                "{}: column {name:?}, row {}: the time is missing",
                request.source.path(),
                row + 1
            )));
        };
        if request.from.is_none_or(|from| from <= time) && request.to.is_none_or(|to| time < to) {
            rows.push(row);
        }
    }
    Ok(rows)
}

fn known_times(column: &Column) -> Option<Vec<Option<i64>>> {
    let Values::Time(times) = column.values() else { return None };
    let known = |(row, time): (usize, &i64)| (!column.is_null(row)).then_some(*time);
    Some(times.iter().enumerate().map(known).collect())
}

/// The value of a bound column in a row.
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
        _ => ColumnKind::Number,
    }
}

/// The columns of all roles and inputs, in that order, with what they hold; one may come twice.
pub(crate) fn wanted(
    columns: &ColumnsConfig,
    inputs: &[(String, InputType)],
) -> Vec<ColumnRequest> {
    let mut wanted = vec![(&columns.label, ColumnKind::Boolean)];
    wanted.extend(columns.time.iter().map(|name| (name, ColumnKind::Time)));
    wanted.extend(columns.label_time.iter().map(|name| (name, ColumnKind::Time)));
    wanted.extend(columns.id.iter().map(|name| (name, ColumnKind::Key)));
    wanted.extend(columns.entity.iter().map(|name| (name, ColumnKind::Key)));
    wanted.extend(columns.amount.iter().map(|name| (name, ColumnKind::Number)));
    wanted.extend(columns.decision.iter().map(|name| (name, decision::kind(columns))));
    wanted.extend(columns.weight.iter().map(|name| (name, ColumnKind::Number)));
    wanted.extend(inputs.iter().map(|(name, input)| (name, column_kind(*input))));
    wanted.into_iter().map(|(name, kind)| ColumnRequest::new(name, kind)).collect()
}

/// Everything to be read, each column once a kind. A column that is wanted as two kinds, such as
/// an entity that is also a category, is read in a second batch.
fn batches(request: &EventsRequest<'_>) -> Vec<Vec<ColumnRequest>> {
    let mut batches: Vec<Vec<ColumnRequest>> = Vec::new();
    let further = request.further.iter().cloned();
    for column in wanted(request.columns, &request.inputs).into_iter().chain(further) {
        if batches.iter().any(|batch| batch.contains(&column)) {
            continue;
        }
        match batches.iter_mut().find(|batch| batch.iter().all(|other| other.name != column.name)) {
            Some(batch) => batch.push(column),
            None => batches.push(vec![column]),
        }
    }
    batches
}
