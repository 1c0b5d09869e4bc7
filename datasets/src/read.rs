//! Reading the columns asked for, file by file, so that an error names file, column and row and
//! only one file at a time is held as it was stored.

use std::path::Path;

use polars::prelude::{
    AnyValue, BooleanChunked, DataFrame, DataType, Expr, IdxSize, LiteralValue, NewChunkedArray,
    Scalar, TimeUnit,
};
use rayon::prelude::*;

use crate::convert::{Refusal, convert};
use crate::csv;
use crate::error::{Error, ErrorKind};
use crate::parquet::ParquetFile;
use crate::source::{Format, Source};
use crate::table::{Column, Table, Values};
use crate::time::MICROS_PER_DAY;

/// A column to read and what it should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRequest {
    /// Its name.
    pub name: String,
    /// What it should hold.
    pub kind: ColumnKind,
}

impl ColumnRequest {
    /// Asks for this column as this kind.
    pub fn new(name: impl Into<String>, kind: ColumnKind) -> Self {
        Self { name: name.into(), kind }
    }
}

/// What a column should hold. Null, empty text and NaN are null in every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// Numbers, or text that stands for them; infinities are kept. Gives [`Values::Number`].
    Number,
    /// Whole numbers, also when stored as floats (up to 2^53) or text. Gives [`Values::Integer`].
    Integer,
    /// Truth values, 0 and 1, or `true` and `false` in any case. Gives [`Values::Boolean`].
    Boolean,
    /// Text; integers and truth values as they are written. Gives [`Values::Text`].
    Text,
    /// Dates and times of any unit and zone, whole seconds since 1970, or either as text (see
    /// [`parse_time`](crate::time::parse_time)); without a zone UTC. Years 1 to 9999. Gives
    /// [`Values::Time`].
    Time,
    /// Ids, to be compared only. Gives [`Values::Integer`] if every value is a whole number,
    /// written without plus sign or leading zeros if it is text; else [`Values::Text`].
    Key,
}

impl ColumnKind {
    fn expected(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::Boolean => "0 or 1",
            Self::Text => "text",
            Self::Time => "a time such as 2018-04-01 00:00:31 or seconds since 1970",
            Self::Key => "a whole number or text",
        }
    }
}

/// The rows whose time lies in a range. Rows without a time lie in none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeRange {
    /// The column that holds the time; it need not be among those asked for.
    pub column: String,
    /// The first instant of the range in microseconds since 1970, UTC; without it there is none.
    pub from: Option<i64>,
    /// The first instant after the range; without it the range does not end.
    pub to: Option<i64>,
}

impl Source {
    /// Names of the first file's columns, each with the name of its type in the file (`str` for
    /// all columns of a CSV file).
    ///
    /// # Errors
    /// As [`Source::files`], and a file that cannot be read.
    pub fn columns(&self) -> Result<Vec<(String, String)>, Error> {
        let files = self.files_with_format()?;
        let Some((path, format)) = files.first() else { return Ok(Vec::new()) };
        match format {
            Format::Csv => {
                let text = DataType::String.to_string();
                Ok(csv::header(path)?.into_iter().map(|name| (name, text.clone())).collect())
            }
            Format::Parquet => {
                let file = ParquetFile::open(path)?;
                Ok(file.names().into_iter().zip(file.type_names()).collect())
            }
        }
    }

    /// The columns asked for, in that order, of the rows in the range: all files' rows, one file
    /// after the other. Only the values of rows in the range are looked at and can be wrong. A
    /// range without `from` and `to` holds all rows.
    ///
    /// # Errors
    /// As [`Source::files`]; a malformed file; a column that a file does not have or that was
    /// asked for twice; a value that is not what was asked for.
    pub fn read(&self, columns: &[ColumnRequest], rows: Option<&TimeRange>) -> Result<Table, Error> {
        refuse_duplicates(columns)?;
        let rows = rows.filter(|range| range.from.is_some() || range.to.is_some());
        let mut whole: Option<Vec<Column>> = None;
        for (path, format) in self.files_with_format()? {
            let part = match format {
                Format::Csv => Part::of_csv(&path, columns, rows),
                Format::Parquet => Part::of_parquet(&path, columns, rows),
            }?;
            let read = convert_all(&part.frame, columns, |position| {
                Ok((path.as_path(), part.origin.row(position)?))
            })?;
            match &mut whole {
                None => whole = Some(read),
                Some(whole) => append(whole, read, columns)?,
            }
        }
        let names = columns.iter().map(|request| request.name.clone());
        Table::new(names.zip(whole.unwrap_or_default()).collect())
    }
}

/// Refuses a request that names a column twice.
pub(crate) fn refuse_duplicates(columns: &[ColumnRequest]) -> Result<(), Error> {
    for (position, request) in columns.iter().enumerate() {
        if columns[..position].iter().any(|other| other.name == request.name) {
            return Err(ErrorKind::DuplicateColumn { column: request.name.clone() }.into());
        }
    }
    Ok(())
}

/// Converts the columns, which must all be there; `place` tells the file and the row in it, from 0,
/// of a position in the frame.
pub(crate) fn convert_all<'a>(
    frame: &DataFrame,
    columns: &[ColumnRequest],
    place: impl Fn(usize) -> Result<(&'a Path, usize), Error>,
) -> Result<Vec<Column>, Error> {
    let converted: Vec<_> = columns
        .par_iter()
        .map(|request| {
            let column = frame.column(&request.name).map_err(|_| Refusal::Type)?;
            convert(column.as_materialized_series(), request.kind)
        })
        .collect();
    // In the order of the request, so that of several errors always the same one is shown.
    let convert_one = |(request, converted): (&ColumnRequest, Result<Column, Refusal>)| {
        let (column, expected) = (request.name.clone(), request.kind.expected());
        converted.or_else(|refusal| match refusal {
            Refusal::Type => {
                let path = place(0)?.0.to_owned();
                let dtype = frame.column(&column).map(|column| column.dtype().to_string());
                let found = dtype.unwrap_or_default();
                Err(ErrorKind::FileColumnType { path, column, expected, found }.into())
            }
            Refusal::Value { position, value } => {
                let (path, row) = place(position)?;
                let (path, row) = (path.to_owned(), row + 1);
                Err(ErrorKind::Value { path, column, row, expected, value }.into())
            }
        })
    };
    columns.iter().zip(converted).map(convert_one).collect()
}

/// What was read of one file.
struct Part {
    frame: DataFrame,
    origin: Origin,
}

/// Where in the file the rows of a part come from.
enum Origin {
    AllRows,
    /// These positions.
    Rows(Vec<IdxSize>),
    /// The rows for which the predicate holds; counted only if an error has to name one.
    Where(ParquetFile, Expr),
}

impl Origin {
    fn row(&self, position: usize) -> Result<usize, Error> {
        let of = |rows: &[IdxSize]| rows.get(position).map_or(position, |row| *row as usize);
        Ok(match self {
            Self::AllRows => position,
            Self::Rows(rows) => of(rows),
            Self::Where(file, predicate) => of(&file.rows_where(predicate)?),
        })
    }
}

impl Part {
    fn of_csv(
        path: &Path,
        columns: &[ColumnRequest],
        rows: Option<&TimeRange>,
    ) -> Result<Self, Error> {
        let wanted = wanted(columns, rows);
        let frame = csv::read(path, |names| {
            refuse_missing(path, &wanted, names)?;
            let position = |name: &String| names.iter().position(|other| other == name);
            Ok(wanted.iter().filter_map(position).collect())
        })?;
        Self::in_range(path, frame, rows)
    }

    fn of_parquet(
        path: &Path,
        columns: &[ColumnRequest],
        rows: Option<&TimeRange>,
    ) -> Result<Self, Error> {
        let file = ParquetFile::open(path)?;
        let mut wanted = wanted(columns, rows);
        refuse_missing(path, &wanted, &file.names())?;
        let predicate = rows
            .filter(|_| file.is_filterable())
            .and_then(|range| predicate(range, file.dtype(&range.column)?));
        let Some(predicate) = predicate else {
            return Self::in_range(path, file.read(&wanted, None)?, rows);
        };
        wanted.truncate(columns.len());
        let frame = file.read(&wanted, Some(&predicate))?;
        Ok(Self { frame, origin: Origin::Where(file, predicate) })
    }

    /// The rows of a whole file that lie in the range.
    fn in_range(path: &Path, frame: DataFrame, rows: Option<&TimeRange>) -> Result<Self, Error> {
        let Some(range) = rows else { return Ok(Self { frame, origin: Origin::AllRows }) };
        let request = [ColumnRequest::new(&range.column, ColumnKind::Time)];
        let times = convert_all(&frame, &request, |position| Ok((path, position)))?.swap_remove(0);
        let Values::Time(micros) = times.values() else { unreachable!("asked for as time") };
        let keep: Vec<bool> = micros
            .iter()
            .enumerate()
            .map(|(row, micros)| {
                !times.is_null(row)
                    && range.from.is_none_or(|from| *micros >= from)
                    && range.to.is_none_or(|to| *micros < to)
            })
            .collect();
        let kept = (0..).zip(&keep).filter(|(_, keep)| **keep).map(|(row, _)| row).collect();
        let mask = BooleanChunked::from_slice("keep".into(), &keep);
        let frame = frame.filter(&mask).map_err(|source| ErrorKind::Unreadable {
            path: path.to_owned(),
            format: "a table",
            source: Box::new(source),
        })?;
        Ok(Self { frame, origin: Origin::Rows(kept) })
    }
}

/// Names of the columns asked for, then the range's if it is not among them.
fn wanted(columns: &[ColumnRequest], rows: Option<&TimeRange>) -> Vec<String> {
    let mut names: Vec<String> = columns.iter().map(|request| request.name.clone()).collect();
    if let Some(range) = rows
        && !names.contains(&range.column)
    {
        names.push(range.column.clone());
    }
    names
}

/// Refuses names that are not among those of the file.
pub(crate) fn refuse_missing(
    path: &Path,
    wanted: &[String],
    available: &[String],
) -> Result<(), Error> {
    match wanted.iter().find(|name| !available.contains(name)) {
        None => Ok(()),
        Some(name) => Err(ErrorKind::FileColumnMissing {
            path: path.to_owned(),
            column: name.clone(),
            available: available.to_vec(),
        }
        .into()),
    }
}

/// The range in terms of the column as it is stored, if it is stored as something that orders alike.
fn predicate(range: &TimeRange, dtype: &DataType) -> Option<Expr> {
    // How many stored units an instant is, rounded up: `from` and `to` are both compared with the
    // first unit not before them. Nanoseconds are finer, and need no rounding.
    let bound = |micros: i64| -> Option<Scalar> {
        let units = |micros_per_unit: i64| {
            micros.div_euclid(micros_per_unit) + i64::from(micros.rem_euclid(micros_per_unit) > 0)
        };
        Some(match dtype {
            DataType::Datetime(unit, zone) => {
                let count = match unit {
                    TimeUnit::Nanoseconds => micros.saturating_mul(1_000),
                    TimeUnit::Microseconds => micros,
                    TimeUnit::Milliseconds => units(1_000),
                };
                Scalar::new_datetime(count, *unit, zone.clone())
            }
            // An i64 of microseconds has far fewer days than an i32 can count.
            DataType::Date => Scalar::new_date(i32::try_from(units(MICROS_PER_DAY)).ok()?),
            // Beside a u64 polars would compare as floats.
            DataType::UInt64 => return None,
            dtype if dtype.is_integer() => {
                Scalar::new(DataType::Int64, AnyValue::Int64(units(1_000_000)))
            }
            _ => return None,
        })
    };
    let column = || Expr::Column(range.column.as_str().into());
    let literal = |scalar| Expr::Literal(LiteralValue::Scalar(scalar));
    let mut predicate = column().is_not_null();
    if let Some(from) = range.from {
        predicate = predicate.and(column().gt_eq(literal(bound(from)?)));
    }
    if let Some(to) = range.to {
        predicate = predicate.and(column().lt(literal(bound(to)?)));
    }
    Some(predicate)
}

/// Adds the columns of a further file. Keys of one kind in one file and of another in the next
/// become text.
fn append(
    whole: &mut [Column],
    more: Vec<Column>,
    columns: &[ColumnRequest],
) -> Result<(), Error> {
    for ((column, mut more), request) in whole.iter_mut().zip(more).zip(columns) {
        match (column.values(), more.values()) {
            (Values::Integer(_), Values::Text(_)) => *column = column.integers_as_text(),
            (Values::Text(_), Values::Integer(_)) => more = more.integers_as_text(),
            _ => {}
        }
        column.append(more).map_err(|(expected, found)| ErrorKind::ColumnType {
            column: request.name.clone(),
            expected,
            found: found.to_owned(),
        })?;
    }
    Ok(())
}
