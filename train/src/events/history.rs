//! Events with their past: what lies before the range asked for is read too, replayed and left out.

use shroff_serve::features::window::Windows;

use super::{Events, EventsRequest};
use crate::error::Error;
use crate::replay::{self, History, ReplayError, States};

impl Events {
    /// The rows of `request` and those before it that windows reach back to.
    pub(super) fn read_past(request: &EventsRequest<'_>, windows: &Windows) -> Result<Self, Error> {
        let reach = windows.horizon_micros();
        let from = request.from.filter(|_| !windows.is_endless());
        let wider =
            EventsRequest { from: from.map(|from| from.saturating_sub(reach)), ..request.clone() };
        Self::read_rows(&wider, request.from)
    }

    /// Replays all of these events, and keeps those of the request.
    pub(super) fn replayed(
        mut self,
        request: &EventsRequest<'_>,
        windows: &Windows,
    ) -> Result<Self, Error> {
        let velocity = replay::replay(windows, &self.history(request, windows)?);
        let velocity = velocity.map_err(|error| self.explained(error, request))?;
        self.notes.extend(velocity.notes.iter().cloned());
        self.velocity = velocity;
        if let Some(from) = request.from {
            let is_asked = |row: &usize| self.times.get(*row).is_some_and(|time| *time >= from);
            let rows: Vec<usize> = (0..self.n_rows()).filter(is_asked).collect();
            self.keep(&rows);
        }
        Ok(self)
    }

    /// The states of all entities after all of these events.
    pub(super) fn states(
        &self,
        request: &EventsRequest<'_>,
        windows: &Windows,
    ) -> Result<States, Error> {
        let states = replay::states(windows, &self.history(request, windows)?);
        states.map_err(|error| self.explained(error, request))
    }

    fn history<'e>(
        &'e self,
        request: &EventsRequest<'_>,
        windows: &Windows,
    ) -> Result<History<'e>, Error> {
        let columns = windows.columns().iter().map(|column| {
            let input = request.inputs.iter().find(|(name, _)| *name == *column.name);
            let read = input.and_then(|(name, input)| self.input(name, *input));
            read.ok_or_else(|| Error::data(format!("column {:?} was not read", &*column.name)))
        });
        let columns = columns.collect::<Result<_, Error>>()?;
        Ok(History { columns, labels: &self.labels, known_at: &self.known_at })
    }

    fn explained(&self, error: ReplayError, request: &EventsRequest<'_>) -> Error {
        let row = self.source_row(error.row);
        Error::data(format!("{}: row {row}: {}", request.source.path(), error.source))
    }

    /// Leaves out all rows but these.
    fn keep(&mut self, rows: &[usize]) {
        if rows.len() < self.n_rows() {
            *self = self.select(rows);
        }
    }

    /// These rows, in this order, as if no others had been read.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        fn pick<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| values[row]).collect()
        }
        let tables = self.tables.iter();
        Self {
            tables: tables.map(|(wanted, table)| (wanted.clone(), table.take(rows))).collect(),
            source_rows: pick(&self.source_rows, rows),
            times: pick(&self.times, rows),
            labels: pick(&self.labels, rows),
            known_at: pick(&self.known_at, rows),
            blocked: pick(&self.blocked, rows),
            weights: self.weights.as_ref().map(|weights| pick(weights, rows)),
            velocity: self.velocity.select(rows),
            n_duplicates: self.n_duplicates,
            n_skipped: self.n_skipped,
            notes: self.notes.clone(),
            joined: self.joined.clone(),
        }
    }
}
