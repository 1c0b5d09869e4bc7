//! Running the joins that the columns asked for need, in their order.

use super::key::codes;
use super::offer::{Giver, Offer, Offers};
use super::{Join, JoinCount, JoinError, JoinKind, asof, equi, range};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::read::{ColumnKind, ColumnRequest, TimeRange};
use crate::report::ReadReport;
use crate::source::Source;
use crate::table::{Column, Values};

/// Columns as they were read, one name perhaps as several kinds.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    columns: Vec<(ColumnRequest, Column)>,
    /// What the source had, and what of it could not be read.
    report: ReadReport,
}

impl Columns {
    /// The column of this name and kind, which must have been asked for.
    pub(crate) fn of(&self, name: &str, kind: ColumnKind) -> &Column {
        let mut columns = self.columns.iter();
        let wanted =
            |(request, _): &&(ColumnRequest, Column)| request.name == name && request.kind == kind;
        &columns.find(wanted).expect("every column needed was asked for").1
    }

    /// Reads columns of a source; one name may be asked for as several kinds.
    fn read(
        source: &Source,
        wanted: &[ColumnRequest],
        rows: Option<&TimeRange>,
    ) -> Result<Self, Error> {
        // A read gives a name once: what is wanted as a second kind is read a second time.
        let mut batches: Vec<Vec<ColumnRequest>> = Vec::new();
        for request in wanted {
            let free = |batch: &&mut Vec<ColumnRequest>| {
                batch.iter().all(|other| other.name != request.name)
            };
            match batches.iter_mut().find(free) {
                Some(batch) => batch.push(request.clone()),
                None => batches.push(vec![request.clone()]),
            }
        }
        // All of them decide over a row, so that every read leaves out the same.
        let mut source = source.clone();
        source.options.judged_by.extend_from_slice(wanted);
        let mut whole = Self::default();
        for batch in batches {
            let (table, report) = source.read_counted(&batch, rows)?;
            let read: Vec<Column> = table.columns().map(|(_, column)| column.clone()).collect();
            whole.columns.extend(batch.into_iter().zip(read));
            whole.report = report;
        }
        Ok(whole)
    }
}

impl Dataset {
    /// What each source offers.
    pub(crate) fn offers(&self) -> Result<Offers<'_>, Error> {
        let names = |source: &Source| -> Result<Vec<String>, Error> {
            Ok(source.columns()?.into_iter().map(|(name, _)| name).collect())
        };
        let fact_columns = names(self.fact_source()?)?;
        let mut joins = Vec::new();
        for join in &self.joins {
            joins.push(Offer::new(join, names(self.source(&join.source)?)?)?);
        }
        let offers = Offers { fact: &self.fact, fact_columns, joins };
        offers.refuse_clashes()?;
        Ok(offers)
    }

    /// The columns asked for, of the fact source and of those joined to it.
    pub(crate) fn join(
        &self,
        offers: &Offers<'_>,
        columns: &[ColumnRequest],
        rows: Option<&TimeRange>,
    ) -> Result<(Columns, Vec<JoinCount>), Error> {
        let plan = self.plan(offers, columns)?;
        let mut columns = Columns::read(self.fact_source()?, &plan.of_fact, rows)?;
        let mut counts = Vec::new();
        for (offer, taken) in offers.joins.iter().zip(&plan.of_joins) {
            if taken.columns.is_empty() {
                continue;
            }
            // What became known after the last event asked for cannot be the row of any.
            let known = match &offer.join.kind {
                JoinKind::AsOf { valid_from, .. } => rows
                    .and_then(|rows| rows.to)
                    .map(|to| TimeRange { column: valid_from.clone(), from: None, to: Some(to) }),
                _ => None,
            };
            let (matches, right) = self.matches(offer, &columns, taken, known.as_ref())?;
            let n_unmatched = matches.iter().filter(|row| row.is_none()).count();
            let source = offer.join.source.clone();
            let (n_rows, report) = (matches.len(), right.report.clone());
            counts.push(JoinCount { source, n_rows, n_unmatched, report });
            for (shown, own) in &taken.columns {
                let column = right.of(&own.name, own.kind).take_or_null(&matches);
                columns.columns.push((ColumnRequest::new(shown, own.kind), column));
            }
        }
        Ok((columns, counts))
    }

    /// The row of the joined source for each event, and its columns.
    fn matches(
        &self,
        offer: &Offer<'_>,
        left: &Columns,
        Taken { columns: taken, number }: &Taken,
        rows: Option<&TimeRange>,
    ) -> Result<(Vec<Option<usize>>, Columns), Error> {
        let (name, kind, number) = (&offer.join.source, &offer.join.kind, *number);
        let source = self.source(name)?;
        let mut wanted: Vec<ColumnRequest> = taken.iter().map(|(_, own)| own.clone()).collect();
        let mut want = |name: &str, kind| push(&mut wanted, ColumnRequest::new(name, kind));
        kind.on().iter().for_each(|(_, right)| want(right, ColumnKind::Key));
        match kind {
            JoinKind::Equi { .. } => {}
            JoinKind::AsOf { valid_from, .. } => want(valid_from, ColumnKind::Time),
            JoinKind::Range { lower, upper, .. } => {
                want(lower, number);
                want(upper, number);
            }
        }
        let right = Columns::read(source, &wanted, rows)?;
        let keys = |n| {
            let side =
                |columns: &'_ Columns, of: fn(&(String, String)) -> &String| -> Vec<Column> {
                    let names = kind.on().iter().map(of);
                    names.map(|name| columns.of(name, ColumnKind::Key).clone()).collect()
                };
            let (l, r) = (side(left, |on| &on.0), side(&right, |on| &on.1));
            codes(&l.iter().collect::<Vec<_>>(), &r.iter().collect::<Vec<_>>(), n)
        };
        let matches = match kind {
            JoinKind::Equi { on } => {
                let (l, r) = keys((0, 0));
                equi::matches(&l, &r)
                    .map_err(|(first, second)| key_twice(name, on, &right, first, second))?
            }
            JoinKind::AsOf { valid_from, .. } => {
                let times = instants(left.of(&self.time, ColumnKind::Time));
                let from = instants(right.of(valid_from, ColumnKind::Time));
                let (l, r) = keys((times.len(), from.len()));
                asof::matches(&l, &times, &r, &from)
            }
            JoinKind::Range { value, lower, upper } => {
                let (lower, upper) = (right.of(lower, number), right.of(upper, number));
                let (values, ranges) = range::scaled(left.of(value, number), lower, upper);
                range::matches(&values, &ranges)
            }
        };
        Ok((matches, right))
    }

    fn plan(&self, offers: &Offers<'_>, columns: &[ColumnRequest]) -> Result<Plan, Error> {
        let mut wanted = Vec::new();
        columns.iter().for_each(|request| push(&mut wanted, request.clone()));
        let mut of_joins: Vec<Taken> = offers.joins.iter().map(|_| Taken::default()).collect();
        // From the last join on, for a join may need what one before it brings.
        for (position, offer) in offers.joins.iter().enumerate().rev() {
            for request in &wanted {
                if offers.giver(&request.name)? == Giver::Join(position)
                    && let Some(own) = offer.own_name(&request.name)
                {
                    let own = ColumnRequest::new(own, request.kind);
                    of_joins[position].columns.push((request.name.clone(), own));
                }
            }
            if of_joins[position].columns.is_empty() {
                continue;
            }
            let number = self.number_kind(offer.join)?;
            of_joins[position].number = number;
            for need in self.needs(&offer.join.kind, number) {
                match offers.giver(&need.name)? {
                    Giver::Join(giver) if giver >= position => {
                        return Err(JoinError::TooLate {
                            source_name: offer.join.source.clone(),
                            column: need.name,
                        }
                        .into());
                    }
                    _ => push(&mut wanted, need),
                }
            }
        }
        let mut of_fact = Vec::new();
        for request in wanted {
            if offers.giver(&request.name)? == Giver::Fact {
                of_fact.push(request);
            }
        }
        Ok(Plan { of_fact, of_joins })
    }

    /// The columns of events that a join needs.
    fn needs(&self, kind: &JoinKind, number: ColumnKind) -> Vec<ColumnRequest> {
        let on = kind.on().iter().map(|(left, _)| ColumnRequest::new(left, ColumnKind::Key));
        let time = || ColumnRequest::new(&self.time, ColumnKind::Time);
        match kind {
            JoinKind::Equi { .. } => on.collect(),
            JoinKind::AsOf { .. } => on.chain([time()]).collect(),
            JoinKind::Range { value, .. } => vec![ColumnRequest::new(value, number)],
        }
    }

    /// How the numbers of a range join are read: as integers where floats would not tell the ends
    /// of the ranges apart. Values beyond all ranges match none either way.
    fn number_kind(&self, join: &Join) -> Result<ColumnKind, Error> {
        let JoinKind::Range { lower, upper, .. } = &join.kind else {
            return Ok(ColumnKind::Number);
        };
        let ends = |kind| [lower, upper].map(|name| ColumnRequest::new(name, kind));
        let source = self.source(&join.source)?;
        let read = source.read(&ends(ColumnKind::Number), None)?;
        let inexact = |(_, column): (&str, &Column)| match column.values() {
            Values::Number(values) => {
                values.iter().any(|value| value.is_finite() && value.abs() >= EXACT)
            }
            _ => false,
        };
        let integers =
            read.columns().any(inexact) && source.read(&ends(ColumnKind::Integer), None).is_ok();
        Ok(if integers { ColumnKind::Integer } else { ColumnKind::Number })
    }
}

/// What is to be read of each source.
struct Plan {
    of_fact: Vec<ColumnRequest>,
    of_joins: Vec<Taken>,
}

/// What is taken of a joined source.
struct Taken {
    /// The names to show and what to read for them; none if the join is not needed.
    columns: Vec<(String, ColumnRequest)>,
    /// How the numbers of a range join are read.
    number: ColumnKind,
}

impl Default for Taken {
    fn default() -> Self {
        Self { columns: Vec::new(), number: ColumnKind::Number }
    }
}

/// From 2^53 on a float no longer tells every integer from the next.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn push(wanted: &mut Vec<ColumnRequest>, request: ColumnRequest) {
    if !wanted.contains(&request) {
        wanted.push(request);
    }
}

fn instants(column: &Column) -> Vec<Option<i64>> {
    let Values::Time(times) = column.values() else { return vec![None; column.len()] };
    let rows = times.iter().enumerate();
    rows.map(|(row, time)| (!column.is_null(row)).then_some(*time)).collect()
}

fn key_twice(
    source: &str,
    on: &[(String, String)],
    right: &Columns,
    first: usize,
    second: usize,
) -> Error {
    let part = |(_, name): &(String, String)| {
        let column = right.of(name, ColumnKind::Key);
        let value = match column.values() {
            Values::Integer(values) => values[second].to_string(),
            Values::Text(text) => text.value(second).to_owned(),
            _ => String::new(),
        };
        format!("{name} = {value}")
    };
    let key: Vec<String> = on.iter().map(part).collect();
    JoinError::KeyTwice {
        source_name: source.to_owned(),
        key: key.join(", "),
        first: first + 1,
        second: second + 1,
    }
    .into()
}
