//! From stored columns to the columns asked for, all rows at once, with the place of every row that
//! is not what was asked for.

use std::collections::BTreeMap;
use std::path::Path;

use polars::prelude::DataFrame;
use rayon::prelude::*;

use crate::cells::{Cells, Refusal, TextValues, Texts, Wrong};
use crate::convert::convert_cells;
use crate::error::{Error, ErrorKind};
use crate::options::{BadRows, ReadOptions};
use crate::read::ColumnRequest;
use crate::report::ReadReport;
use crate::table::Column;
use crate::text_batch::TextColumn;

/// Rows as polars holds them, or as they were read from text.
pub(crate) enum Stored<'a> {
    Frame(&'a DataFrame),
    Text { names: &'a [String], columns: &'a [TextColumn] },
}

impl Stored<'_> {
    pub(crate) fn n_rows(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.height(),
            Self::Text { columns, .. } => columns.first().map_or(0, TextColumn::len),
        }
    }

    fn type_name(&self, name: &str) -> String {
        match self {
            Self::Frame(frame) => {
                frame.column(name).map(|column| column.dtype().to_string()).unwrap_or_default()
            }
            Self::Text { .. } => "str".to_owned(),
        }
    }

    fn convert(
        &self,
        position: usize,
        request: &ColumnRequest,
        options: &ReadOptions,
        wrong: &mut Wrong,
    ) -> Result<Column, Refusal> {
        let (kind, formats) = (request.kind, options.time_formats.as_slice());
        let nulls = options.null_values.as_slice();
        match self {
            Self::Frame(frame) => {
                let column = frame.column(&request.name).map_err(|_| Refusal::Type)?;
                let cells = Cells::of(column.as_materialized_series(), kind, nulls);
                let cells = cells.map_err(|_| Refusal::Type)?.ok_or(Refusal::Type)?;
                convert_cells(&cells, kind, formats, wrong)
            }
            Self::Text { names, columns } => {
                // Columns are most often in the order of the request.
                let position = match names.get(position) {
                    Some(name) if *name == request.name => Some(position),
                    _ => names.iter().position(|name| *name == request.name),
                };
                let column = position.and_then(|position| columns.get(position));
                let values = TextValues::Read(column.ok_or(Refusal::Type)?);
                let cells = Cells::Texts(Texts { values, nulls });
                convert_cells(&cells, kind, formats, wrong)
            }
        }
    }
}

/// Where a row comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) path: &'a Path,
    /// In the file, from 0.
    pub(crate) row: usize,
    /// In the file, from 1; only text files have lines.
    pub(crate) line: Option<usize>,
}

/// Columns, of which some rows are to be left out.
#[derive(Debug)]
pub(crate) struct Converted {
    pub(crate) columns: Vec<Column>,
    /// Rows with a value that is not what was asked for, in order; null there.
    pub(crate) wrong: Vec<usize>,
    /// The same rows, counted.
    pub(crate) report: ReadReport,
}

impl Converted {
    /// The rows to keep.
    pub(crate) fn good_rows(&self, n_rows: usize) -> Vec<usize> {
        let mut wrong = self.wrong.iter().peekable();
        (0..n_rows).filter(|row| wrong.next_if_eq(&row).is_none()).collect()
    }

    /// The columns without the rows to be left out.
    pub(crate) fn into_good_columns(self, n_rows: usize) -> Vec<Column> {
        if self.wrong.is_empty() {
            return self.columns;
        }
        let rows = self.good_rows(n_rows);
        self.columns.iter().map(|column| column.take_only(&rows)).collect()
    }
}

/// Converts the columns, which must all be there; `place` tells where a row comes from.
pub(crate) fn convert_all<'a>(
    stored: &Stored<'_>,
    requests: &[ColumnRequest],
    options: &ReadOptions,
    place: impl Fn(usize) -> Result<Place<'a>, Error>,
) -> Result<Converted, Error> {
    let skip = options.bad_rows == BadRows::Skip;
    let converted: Vec<_> = requests
        .par_iter()
        .enumerate()
        .map(|(position, request)| {
            let mut wrong = Wrong { skip, ..Wrong::default() };
            (stored.convert(position, request, options, &mut wrong), wrong)
        })
        .collect();
    let mut columns = Vec::with_capacity(requests.len());
    let mut wrong_rows = Vec::new();
    let mut reasons = BTreeMap::new();
    // In the order of the request, so that of several errors always the same one is shown.
    for (request, (column, wrong)) in requests.iter().zip(converted) {
        let (name, expected) = (&request.name, request.kind.expected(options));
        for (position, value) in wrong.positions.iter().zip(&wrong.values) {
            reasons
                .entry(*position)
                .or_insert_with(|| format!("column {name:?}: expected {expected}, found {value}"));
        }
        wrong_rows.extend(wrong.positions);
        columns.push(column.or_else(|refusal| {
            let column = name.clone();
            match refusal {
                Refusal::Type => {
                    let (path, found) = (place(0)?.path.to_owned(), stored.type_name(&column));
                    Err(Error::from(ErrorKind::FileColumnType { path, column, expected, found }))
                }
                Refusal::Value { position, value } => {
                    let Place { path, row, .. } = place(position)?;
                    let (path, row) = (path.to_owned(), row + 1);
                    Err(ErrorKind::Value { path, column, row, expected, value }.into())
                }
            }
        })?);
    }
    wrong_rows.sort_unstable();
    wrong_rows.dedup();
    let mut report = ReadReport::default();
    for position in &wrong_rows {
        let Place { path, row, line } = place(*position)?;
        report.skip(path, (row, line), || reasons.remove(position).unwrap_or_default());
    }
    Ok(Converted { columns, wrong: wrong_rows, report })
}
