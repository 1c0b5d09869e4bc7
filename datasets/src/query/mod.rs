//! A query over the sources: polars' SQL, with proof that it gives exactly the events.

mod check;
mod error;
#[cfg(test)]
mod tests;

pub use error::{Place, QueryError};

use std::path::Path;

use polars::prelude::{self as pl, DataFrame, IdxCa, IntoLazy, LazyFrame};
use polars::sql::SQLContext;
use sqlparser::ast::{Expr, Ident, SelectItem};

use crate::convert_all::{Place as RowPlace, Stored, convert_all};
use crate::dataset::Dataset;
use crate::error::{Error, ErrorKind};
use crate::join::{Join, JoinCount};
use crate::options::ReadOptions;
use crate::read::{ColumnKind, ColumnRequest, TimeRange};
use crate::table::{Column, Table, Values};
use crate::write::to_polars;

/// The table that joins make of the fact source.
const EVENTS: &str = "events";
/// The number of an event's row, from 0, by which each is found again.
const EVENT_ROW: &str = "event_row";

/// One SELECT that was found to do what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    sql: String,
}

impl Query {
    /// A query, checked as far as that goes without data.
    ///
    /// # Errors
    /// Text that is not one SELECT, with its place. What polars would run as something else: joins
    /// on other conditions than columns that are equal. What would read or write files.
    pub fn new(sql: impl Into<String>) -> Result<Self, Error> {
        let sql = sql.into();
        check::parse(&sql)?;
        Ok(Self { sql })
    }

    /// Its text.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The result, which has a column [`EVENT_ROW`].
    fn run(&self, tables: Vec<(&str, DataFrame)>, fact: &str) -> Result<DataFrame, QueryError> {
        let mut context = SQLContext::new();
        for (name, frame) in tables {
            context.register(name, frame.lazy());
        }
        let failed = |error: pl::PolarsError| {
            // What follows an empty line is polars' own plan.
            let reason = error.to_string();
            let lines: Vec<&str> = reason.lines().take_while(|line| !line.is_empty()).collect();
            let reason = check::excerpt(&lines.join(" "));
            QueryError::Failed { place: check::place_of_quoted(&self.sql, &reason), reason }
        };
        let mut run = |sql: &str| -> Result<(LazyFrame, bool), QueryError> {
            let mut result = context.execute(sql).map_err(failed)?;
            let schema = result.collect_schema().map_err(failed)?;
            let is_numbered = schema.contains(EVENT_ROW);
            Ok((result, is_numbered))
        };
        let (mut result, mut is_numbered) = run(&self.sql)?;
        if !is_numbered && let Some(sql) = self.numbered(fact)? {
            (result, is_numbered) = run(&sql)?;
        }
        if !is_numbered {
            return Err(QueryError::RowsUnknown);
        }
        result.collect().map_err(failed)
    }

    /// The same with the number of the row, where the outermost SELECT reads the events.
    fn numbered(&self, fact: &str) -> Result<Option<String>, QueryError> {
        let mut query = check::parse(&self.sql)?;
        let Some((select, table)) = check::plain_select(&mut query, &[EVENTS, fact]) else {
            return Ok(None);
        };
        let column = Expr::CompoundIdentifier(vec![
            Ident::with_quote('"', table),
            Ident::with_quote('"', EVENT_ROW),
        ]);
        let alias = Ident::with_quote('"', EVENT_ROW);
        select.projection.push(SelectItem::ExprWithAlias { expr: column, alias });
        Ok(Some(query.to_string()))
    }
}

impl Dataset {
    /// The columns asked for of the query's result, in the order of the fact source.
    pub(crate) fn ask(
        &self,
        query: &Query,
        offers: &crate::join::Offers<'_>,
        columns: &[ColumnRequest],
        rows: Option<&TimeRange>,
    ) -> Result<(Table, Vec<JoinCount>), Error> {
        let in_fact = |name: &String| offers.fact_columns.contains(name);
        let until = rows.filter(|rows| in_fact(&rows.column)).map(|rows| TimeRange {
            column: rows.column.clone(),
            from: None,
            to: rows.to,
        });
        let (mut events, fact, mut counts) = self.events(offers, until.as_ref())?;
        let n_rows = events.height();
        let mut tables = Vec::new();
        for (name, source) in &self.sources {
            if *name != self.fact {
                let columns = self.natural_columns(source, |_| None)?;
                let (table, report) = source.read_counted(&columns, None)?;
                tables.push((name.as_str(), frame(&table)?));
                if counts.iter().all(|count| count.source != *name) {
                    let (source, n_rows, n_unmatched) = (name.clone(), 0, 0);
                    counts.push(JoinCount { source, n_rows, n_unmatched, report });
                }
            }
        }
        if self.fact != EVENTS {
            let fact = events.select(fact).map_err(failed)?;
            tables.push((self.fact.as_str(), fact));
        }
        events.rechunk_mut();
        tables.push((EVENTS, events));
        let result = query.run(tables, &self.fact)?;
        let result = in_order(result, n_rows, &self.fact)?;
        let result = in_range(result, rows)?;
        Ok((convert(&result, columns)?, counts))
    }

    /// The joined table with numbered rows, and which of its columns the fact source has.
    fn events(
        &self,
        offers: &crate::join::Offers<'_>,
        rows: Option<&TimeRange>,
    ) -> Result<(DataFrame, Vec<String>, Vec<JoinCount>), Error> {
        let declared = |name: &str| self.declared_kind(name);
        let mut wanted = self.natural_columns(self.fact_source()?, declared)?;
        let mut fact: Vec<String> = wanted.iter().map(|column| column.name.clone()).collect();
        fact.push(EVENT_ROW.to_owned());
        for offer in &offers.joins {
            let Join { source, prefix, .. } = offer.join;
            let shown = |name: &str| format!("{prefix}{name}");
            let natural = self
                .natural_columns(self.source(source)?, |name| self.declared_kind(&shown(name)))?;
            let offered = natural.into_iter().filter(|column| offer.columns.contains(&column.name));
            wanted
                .extend(offered.map(|column| ColumnRequest::new(shown(&column.name), column.kind)));
        }
        let reserved = |name, what| QueryError::Reserved { name, what };
        if wanted.iter().any(|column| column.name == EVENT_ROW) {
            return Err(reserved(EVENT_ROW, "column").into());
        }
        if self.fact != EVENTS && self.sources.iter().any(|(name, _)| name == EVENTS) {
            return Err(reserved(EVENTS, "source").into());
        }
        let (read, counts) = self.join(offers, &wanted, rows)?;
        let column = |request: &ColumnRequest| {
            to_polars(&request.name, read.of(&request.name, request.kind))
        };
        let mut columns: Vec<pl::Column> = wanted.iter().map(column).collect();
        let n_rows = columns.first().map_or(0, pl::Column::len);
        let numbers = Column::new(Values::Integer((0_i64..).take(n_rows).collect()));
        columns.push(to_polars(EVENT_ROW, &numbers));
        Ok((DataFrame::new(n_rows, columns).map_err(failed)?, fact, counts))
    }
}

fn frame(table: &Table) -> Result<DataFrame, Error> {
    let columns = table.columns().map(|(name, column)| to_polars(name, column)).collect();
    DataFrame::new(table.n_rows(), columns).map_err(failed)
}

/// The result in the order of the events, each of which it must have once.
fn in_order(result: DataFrame, n_rows: usize, fact: &str) -> Result<DataFrame, Error> {
    let request = [ColumnRequest::new(EVENT_ROW, ColumnKind::Integer)];
    let numbers = convert(&result, &request)?;
    let mut places: Vec<Option<usize>> = vec![None; n_rows];
    let mut is_repeated = vec![false; n_rows];
    let mut n_foreign = 0;
    if let Some(column) = numbers.column(EVENT_ROW)
        && let Values::Integer(values) = column.values()
    {
        for (place, value) in values.iter().enumerate() {
            let row = usize::try_from(*value).ok().filter(|_| !column.is_null(place));
            match row.and_then(|row| Some((row, places.get_mut(row)?))) {
                None => n_foreign += 1,
                Some((row, Some(_))) => is_repeated[row] = true,
                Some((_, slot)) => *slot = Some(place),
            }
        }
    }
    let found: Vec<pl::IdxSize> =
        places.iter().flatten().filter_map(|place| pl::IdxSize::try_from(*place).ok()).collect();
    if found.len() != n_rows || n_foreign > 0 || is_repeated.contains(&true) {
        return Err(QueryError::Rows {
            fact: fact.to_owned(),
            expected: n_rows,
            found: result.height(),
            lost: n_rows - found.len(),
            repeated: is_repeated.iter().filter(|repeated| **repeated).count(),
            first_lost: places.iter().position(Option::is_none).map(|row| row + 1),
            first_repeated: is_repeated.iter().position(|repeated| *repeated).map(|row| row + 1),
        }
        .into());
    }
    result.take(&IdxCa::from_vec("".into(), found)).map_err(failed)
}

/// The rows in the range; one without a time lies in none.
fn in_range(result: DataFrame, rows: Option<&TimeRange>) -> Result<DataFrame, Error> {
    let Some(range) = rows.filter(|rows| rows.from.is_some() || rows.to.is_some()) else {
        return Ok(result);
    };
    let times = convert(&result, &[ColumnRequest::new(&range.column, ColumnKind::Time)])?;
    let Some(column) = times.column(&range.column) else { return Ok(result) };
    let Values::Time(values) = column.values() else { return Ok(result) };
    let within = |(row, time): (usize, &i64)| {
        let lies =
            range.from.is_none_or(|from| from <= *time) && range.to.is_none_or(|to| *time < to);
        (lies && !column.is_null(row)).then(|| pl::IdxSize::try_from(row).ok()).flatten()
    };
    let kept: Vec<pl::IdxSize> = values.iter().enumerate().filter_map(within).collect();
    result.take(&IdxCa::from_vec("".into(), kept)).map_err(failed)
}

fn convert(result: &DataFrame, columns: &[ColumnRequest]) -> Result<Table, Error> {
    let names = result.get_column_names();
    for request in columns {
        if !names.iter().any(|name| name.as_str() == request.name) {
            let own = names.iter().filter(|name| name.as_str() != EVENT_ROW);
            let available = own.map(|name| name.to_string()).collect();
            return Err(
                QueryError::ColumnMissing { column: request.name.clone(), available }.into()
            );
        }
    }
    let place = |row| Ok(RowPlace { path: Path::new("[query] sql"), row, line: None });
    let converted =
        convert_all(&Stored::Frame(result), columns, &ReadOptions::default(), place)?.columns;
    Table::new(columns.iter().map(|request| request.name.clone()).zip(converted).collect())
}

fn failed(error: pl::PolarsError) -> Error {
    QueryError::Failed { place: None, reason: error.to_string() }.into()
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        ErrorKind::from(error).into()
    }
}
