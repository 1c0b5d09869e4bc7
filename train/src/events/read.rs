//! Reading events: the rows of a range, each column in the type it is asked for.

use shroff_datasets::time::format_time;
use shroff_datasets::{
    BadRows, ColumnKind, ColumnRequest, Dataset, JoinCount, Table, TimeRange, Values,
};
use shroff_serve::features::window::Windows;
use shroff_serve::schema::InputType;

use super::roles::known_times;
use super::{Events, column_kind, decision, duplicates, skipped};
use crate::config::{ColumnsConfig, Duplicates, Duration};
use crate::error::Error;
use crate::replay::{States, Velocity};

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
    /// The velocity features to be computed, whose columns are all among the inputs. For them the
    /// events before the range are read too, as far as they reach, and left out again.
    pub windows: Option<&'a Windows>,
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
        match request.windows {
            None => Self::read_rows(request, request.from)?.weighted(request),
            Some(windows) => {
                Self::read_past(request, windows)?.replayed(request, windows)?.weighted(request)
            }
        }
    }

    /// As [`read`](Self::read), with the states of all entities after the last of the events, as far back as
    /// windows reach; no states without windows.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_with_states(request: &EventsRequest<'_>) -> Result<(Self, Option<States>), Error> {
        let Some(windows) = request.windows else { return Ok((Self::read(request)?, None)) };
        let past = Self::read_past(request, windows)?;
        let states = past.states(request, windows)?;
        Ok((past.replayed(request, windows)?.weighted(request)?, Some(states)))
    }

    /// The states alone that [`read_with_states`](Self::read_with_states) gives for these windows.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_states(request: &EventsRequest<'_>, windows: &Windows) -> Result<States, Error> {
        let past = Self::read_past(request, windows)?;
        if past.n_rows() == 0 {
            return Err(no_rows(request));
        }
        past.states(request, windows)
    }

    fn weighted(mut self, request: &EventsRequest<'_>) -> Result<Self, Error> {
        if self.n_rows() == 0 {
            return Err(no_rows(request));
        }
        if let Some(weight) = &request.columns.weight {
            self.weights = Some(self.weights_of(request.source.path(), weight)?);
        }
        Ok(self)
    }

    /// The rows of a request with their roles. Of duplicates only those are counted that lie in
    /// `counted_from` and after.
    pub(super) fn read_rows(
        request: &EventsRequest<'_>,
        counted_from: Option<i64>,
    ) -> Result<Self, Error> {
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
            if latest.len() < n_rows {
                n_duplicates = left_out(&tables, &latest, request.columns, counted_from);
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
            velocity: Velocity::default(),
            n_duplicates,
            n_skipped: 0,
            notes: Vec::new(),
            joined,
        };
        events.assign_roles(request)?;
        events.count_skipped(request)?;
        Ok(events)
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
}

fn no_rows(request: &EventsRequest<'_>) -> Error {
    let range = match (&request.columns.time, request.from, request.to) {
        (Some(time), from, to) if from.is_some() || to.is_some() => {
            let show = |bound: Option<i64>| bound.map_or("any".to_owned(), format_time);
            format!(" with {time} from {} to before {}", show(from), show(to))
        }
        _ => String::new(),
    };
    Error::data(format!("{}: found no rows{range}", request.source.path()))
}

/// How many rows from a time on are not among those that stay.
fn left_out(
    tables: &[(Vec<ColumnRequest>, Table)],
    stay: &[usize],
    columns: &ColumnsConfig,
    from: Option<i64>,
) -> usize {
    let n_rows = tables.first().map_or(0, |(_, table)| table.n_rows());
    let time = columns.time.as_ref().and_then(|time| {
        tables.iter().find_map(|(_, table)| table.column(time).map(|column| column.values()))
    });
    let (Some(from), Some(Values::Time(times))) = (from, time) else { return n_rows - stay.len() };
    let counts = |row: &usize| times[*row] >= from;
    (0..n_rows).filter(counts).count() - stay.iter().copied().filter(counts).count()
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

/// The columns of all roles and inputs, in that order, with what they hold; one may come twice. A label
/// without a name is not read.
pub(crate) fn wanted(
    columns: &ColumnsConfig,
    inputs: &[(String, InputType)],
) -> Vec<ColumnRequest> {
    let label = Some(&columns.label).filter(|label| !label.is_empty());
    let mut wanted: Vec<_> = label.map(|label| (label, ColumnKind::Boolean)).into_iter().collect();
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
