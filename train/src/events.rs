//! The table of events: one row per transaction, in the order of the source, with its roles and
//! the raw inputs of the features.

use std::collections::HashMap;

use shroff_datasets::time::format_time;
use shroff_datasets::{
    Column, ColumnKind, ColumnRequest, Dataset, JoinCount, Table, TimeRange, Values,
};
use shroff_serve::Value;
use shroff_serve::schema::{Input, InputType};

use crate::config::{ColumnsConfig, Duration};
use crate::error::Error;

/// Events as read, every row of them usable by its time.
#[derive(Debug)]
pub struct Events {
    tables: Vec<(Vec<ColumnRequest>, Table)>,
    /// Where in the source each row stands, for messages; from 0, all files counted through.
    source_rows: Vec<usize>,
    /// When each event happened, microseconds UTC.
    pub times: Vec<i64>,
    /// The label as the data has it; none where it is null.
    pub labels: Vec<Option<bool>>,
    /// When each label became known, microseconds UTC.
    pub known_at: Vec<i64>,
    /// How many rows of the population each row stands for.
    pub weights: Option<Vec<f64>>,
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
    /// weight that is not positive.
    pub fn read(request: &EventsRequest<'_>) -> Result<Self, Error> {
        let source_rows = rows_in_range(request)?;
        let range =
            TimeRange { column: request.columns.time.clone(), from: request.from, to: request.to };
        let mut joined: Vec<JoinCount> = Vec::new();
        let tables = batches(request)
            .into_iter()
            .map(|columns| {
                let (table, counts) = request.source.read_counted(&columns, Some(&range))?;
                for count in counts {
                    if !joined.contains(&count) {
                        joined.push(count);
                    }
                }
                Ok((columns, table))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let mut events = Self {
            tables,
            source_rows,
            times: Vec::new(),
            labels: Vec::new(),
            known_at: Vec::new(),
            weights: None,
            joined,
        };
        events.assign_roles(request)?;
        Ok(events)
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.times.len()
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

    fn assign_roles(&mut self, request: &EventsRequest<'_>) -> Result<(), Error> {
        let columns = request.columns;
        let times = self.times_of(&columns.time).unwrap_or_default();
        if times.is_empty() {
            let range = match (request.from, request.to) {
                (None, None) => String::new(),
                (from, to) => {
                    let show = |bound: Option<i64>| bound.map_or("any".to_owned(), format_time);
                    format!(" with {} from {} to before {}", columns.time, show(from), show(to))
                }
            };
            return Err(Error::data(format!("{}: found no rows{range}", request.source.path())));
        }
        self.times = times.into_iter().flatten().collect();
        self.labels = self.labels_of(&columns.label);
        let label_times = columns.label_time.as_ref().and_then(|name| self.times_of(name));
        let delay = request.label_delay.micros();
        self.known_at = match label_times {
            Some(known) => {
                let default = self.times.iter().map(|time| time.saturating_add(delay));
                known.into_iter().zip(default).map(|(known, time)| known.unwrap_or(time)).collect()
            }
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
            return vec![None; self.times.len()];
        };
        let known = |(row, label): (usize, &bool)| (!column.is_null(row)).then_some(*label);
        labels.iter().enumerate().map(known).collect()
    }

    fn weights_of(&self, path: &str, name: &str) -> Result<Vec<f64>, Error> {
        let column = self.column(name, ColumnKind::Number);
        let Some((column, Values::Number(weights))) = column.map(|c| (c, c.values())) else {
            return Ok(vec![1.0; self.times.len()]);
        };
        let wrong = |(row, weight): &(usize, &f64)| {
            column.is_null(*row) || !weight.is_finite() || **weight <= 0.0
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
        let Some((first, second)) = first_duplicate(column) else { return Ok(()) };
        let value = match column.values() {
            Values::Integer(values) => values[second].to_string(),
            Values::Text(text) => text.value(second).to_owned(),
            _ => String::new(),
        };
        Err(Error::data(format!(
            "{path}: column {id:?}: the id {value} appears twice, in rows {} and {}; every \
             transaction must appear once",
            self.source_row(first),
            self.source_row(second)
        )))
    }
}

/// The rows of the source whose time lies in the range. A row without a time lies in none, and
/// would be lost without a word.
fn rows_in_range(request: &EventsRequest<'_>) -> Result<Vec<usize>, Error> {
    let name = &request.columns.time;
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

/// The positions of the first two rows that share a value; nulls share none.
fn first_duplicate(column: &Column) -> Option<(usize, usize)> {
    fn search<K: Ord + Copy>(column: &Column, keys: &[K]) -> Option<(usize, usize)> {
        let mut rows: Vec<usize> = (0..keys.len()).filter(|row| !column.is_null(*row)).collect();
        rows.sort_unstable_by_key(|&row| (keys[row], row));
        let equal = rows.windows(2).filter(|pair| keys[pair[0]] == keys[pair[1]]);
        equal.map(|pair| (pair[0], pair[1])).min_by_key(|pair| pair.1)
    }
    match column.values() {
        Values::Integer(values) => search(column, values),
        Values::Text(text) => search(column, text.codes()),
        _ => None,
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
    let mut wanted = vec![(&columns.time, ColumnKind::Time), (&columns.label, ColumnKind::Boolean)];
    wanted.extend(columns.label_time.iter().map(|name| (name, ColumnKind::Time)));
    wanted.extend(columns.id.iter().map(|name| (name, ColumnKind::Key)));
    wanted.extend(columns.entity.iter().map(|name| (name, ColumnKind::Key)));
    wanted.extend(columns.weight.iter().map(|name| (name, ColumnKind::Number)));
    wanted.extend(inputs.iter().map(|(name, input)| (name, column_kind(*input))));
    wanted.into_iter().map(|(name, kind)| ColumnRequest::new(name, kind)).collect()
}

/// Everything to be read, each column once a kind. A column that is wanted as two kinds, such as
/// an entity that is also a category, is read in a second batch.
fn batches(request: &EventsRequest<'_>) -> Vec<Vec<ColumnRequest>> {
    let mut batches: Vec<Vec<ColumnRequest>> = Vec::new();
    for column in wanted(request.columns, &request.inputs) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_duplicate_is_the_one_that_comes_first() {
        let ids = Column::new(Values::Integer(vec![5, 3, 9, 3, 5, 3]));
        assert_eq!(first_duplicate(&ids), Some((1, 3)));
        let nulls = Column::with_nulls(Values::Integer(vec![0, 0, 1]), vec![true, true, false]);
        assert_eq!(first_duplicate(&nulls), None);
    }
}
