//! Events from columns, many at once: those of one entity lie far apart, and a processor waits for
//! several places of memory as long as for one.

use std::sync::Arc;

use rayon::prelude::*;
use shroff_datasets::Column;
use shroff_serve::Value;
use shroff_serve::features::state::Label;
use shroff_serve::features::window::{Event, Measure, Windows};

use super::{History, ReplayError, group};
use crate::events::value;

/// Events fetched together.
pub(super) const AT_ONCE: usize = 32;

/// What events are read from.
pub(super) struct Columns<'a> {
    windows: &'a Windows,
    history: &'a History<'a>,
    /// Positions of the columns of times, amounts and filters.
    valued: Vec<usize>,
    /// Ids of events, and columns of which different values are counted, with a number a row that is
    /// equal for equal values.
    numbered: Vec<(usize, Vec<u32>)>,
}

/// The place of events that are fetched.
pub(super) struct Fetched<'a> {
    /// By columns, of each [`AT_ONCE`] events.
    values: Vec<[Value<'a>; AT_ONCE]>,
    numbers: Vec<[u64; AT_ONCE]>,
    frauds: [bool; AT_ONCE],
    event: Event,
}

impl<'a> Columns<'a> {
    pub(super) fn new(windows: &'a Windows, history: &'a History<'a>) -> Self {
        let program = windows.program();
        let is_valued = |name: &Arc<str>| {
            let filters = program.features.iter().filter_map(|feature| feature.filter.as_ref());
            *name == program.time
                || program.amounts.iter().any(|amount| amount.name == *name)
                || filters.map(|filter| &filter.column).any(|column| column == name)
        };
        let is_numbered = |name: &Arc<str>| {
            let mut measures = program.features.iter().map(|feature| &feature.measure);
            program.event_id.as_ref() == Some(name)
                || measures.any(|measure| matches!(measure, Measure::Distinct(of) if of == name))
        };
        let positions = |is_it: &dyn Fn(&Arc<str>) -> bool| -> Vec<usize> {
            let columns = windows.columns().iter().enumerate();
            columns.filter(|(_, column)| is_it(&column.name)).map(|(at, _)| at).collect()
        };
        let numbered = positions(&is_numbered).into_par_iter();
        let numbered = numbered.map(|at| (at, group::codes(history.columns[at]))).collect();
        Self { windows, history, valued: positions(&is_valued), numbered }
    }

    /// A place to fetch events to.
    pub(super) fn place(&self) -> Fetched<'a> {
        Fetched {
            values: vec![[Value::Null; AT_ONCE]; self.windows.columns().len()],
            numbers: vec![[0; AT_ONCE]; self.windows.columns().len()],
            frauds: [false; AT_ONCE],
            event: Event::blank(),
        }
    }

    /// Fetches the events of these rows, at most [`AT_ONCE`].
    pub(super) fn fetch(&self, rows: &[u32], place: &mut Fetched<'a>) {
        for &at in &self.valued {
            let column: &'a Column = self.history.columns[at];
            for (slot, row) in place.values[at].iter_mut().zip(rows) {
                *slot = value(column, *row as usize);
            }
        }
        for (at, numbers) in &self.numbered {
            for (slot, row) in place.numbers[*at].iter_mut().zip(rows) {
                // The number of none wraps to 0.
                *slot = numbers[*row as usize].wrapping_add(1).into();
            }
        }
        for (slot, row) in place.frauds.iter_mut().zip(rows) {
            *slot = self.history.labels[*row as usize] == Some(true);
        }
    }

    /// An event that was fetched, of this row, and its label where it is to be learnt: only frauds are.
    pub(super) fn read<'p>(
        &self,
        place: &'p mut Fetched<'a>,
        at: usize,
        row: usize,
    ) -> Result<(&'p Event, Option<Label>), ReplayError> {
        let Fetched { values, numbers, frauds, event } = place;
        let (value, number) =
            (|column: usize| values[column][at], |column: usize| numbers[column][at]);
        let read = self.windows.read_numbered(event, value, number);
        read.map_err(|source| ReplayError { row, source })?;
        let label = frauds[at].then(|| self.history.fraud(row, event));
        Ok((event, label))
    }
}
