//! Events with their past: what lies before the range asked for is read too, replayed and left out.

use shroff_serve::features::window::Windows;

use super::{Events, EventsRequest};
use crate::error::Error;
use crate::replay::{self, History};

impl Events {
    /// Reads `request` and the events before it that windows reach back to, replays them all, and
    /// keeps those of the request.
    pub(super) fn read_history(
        request: &EventsRequest<'_>,
        windows: &Windows,
    ) -> Result<Self, Error> {
        let reach = windows.horizon_micros();
        let from = request.from.filter(|_| !windows.is_endless());
        let wider =
            EventsRequest { from: from.map(|from| from.saturating_sub(reach)), ..request.clone() };
        let mut events = Self::read_rows(&wider, request.from)?;
        let columns = windows.columns().iter().map(|column| {
            let input = request.inputs.iter().find(|(name, _)| *name == *column.name);
            let read = input.and_then(|(name, input)| events.input(name, *input));
            read.ok_or_else(|| Error::data(format!("column {:?} was not read", &*column.name)))
        });
        let history = History {
            columns: columns.collect::<Result<_, Error>>()?,
            labels: &events.labels,
            known_at: &events.known_at,
        };
        let velocity = replay::replay(windows, &history).map_err(|error| {
            Error::data(format!(
                "{}: row {}: {}",
                request.source.path(),
                events.source_row(error.row),
                error.source
            ))
        })?;
        events.notes.extend(velocity.notes.iter().cloned());
        events.velocity = velocity;
        if let Some(from) = request.from {
            let is_asked = |row: &usize| events.times.get(*row).is_some_and(|time| *time >= from);
            let rows: Vec<usize> = (0..events.n_rows()).filter(is_asked).collect();
            events.keep(&rows);
        }
        Ok(events)
    }

    /// Leaves out all rows but these.
    fn keep(&mut self, rows: &[usize]) {
        if rows.len() == self.n_rows() {
            return;
        }
        fn pick<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| values[row]).collect()
        }
        self.tables.iter_mut().for_each(|(_, table)| *table = table.take(rows));
        self.source_rows = pick(&self.source_rows, rows);
        self.times = pick(&self.times, rows);
        self.labels = pick(&self.labels, rows);
        self.known_at = pick(&self.known_at, rows);
        self.blocked = pick(&self.blocked, rows);
        self.velocity = self.velocity.select(rows);
    }
}
