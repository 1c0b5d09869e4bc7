//! Which column says what of an event: its time, label, weight and id.

use shroff_datasets::{Column, ColumnKind, Values};

use super::{Events, EventsRequest, duplicates};
use crate::error::Error;

impl Events {
    pub(super) fn assign_roles(&mut self, request: &EventsRequest<'_>) -> Result<(), Error> {
        let columns = request.columns;
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

    pub(super) fn weights_of(&self, path: &str, name: &str) -> Result<Vec<f64>, Error> {
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

pub(super) fn known_times(column: &Column) -> Option<Vec<Option<i64>>> {
    let Values::Time(times) = column.values() else { return None };
    let known = |(row, time): (usize, &i64)| (!column.is_null(row)).then_some(*time);
    Some(times.iter().enumerate().map(known).collect())
}
