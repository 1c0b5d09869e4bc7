//! Which rows of a file are read: all, or those of a range of time. Where the file stores the time
//! in a type that orders alike, polars leaves the other rows unread; else they are dropped after
//! the time, and before anything else, is converted.

use std::collections::HashSet;
use std::path::Path;

use polars::prelude::{
    AnyValue, BooleanChunked, DataFrame, DataType, Expr, IdxSize, IntoColumn, LiteralValue,
    NewChunkedArray, Scalar, StringChunked, TimeUnit,
};

use crate::convert_all::{Place, Stored, convert_all};
use crate::error::{Error, ErrorKind};
use crate::files::InputFile;
use crate::options::ReadOptions;
use crate::parquet::ParquetFile;
use crate::read::{ColumnKind, ColumnRequest, TimeRange, refuse_missing};
use crate::report::ReadReport;
use crate::table::Values;
use crate::text_batch::TextBatch;
use crate::text_file::add_keys;
use crate::time::MICROS_PER_DAY;

/// What was read of one Parquet file.
pub(crate) struct ParquetPart {
    pub(crate) frame: DataFrame,
    pub(crate) report: ReadReport,
    origin: Origin,
}

/// Where in the file the rows of a part come from.
enum Origin {
    AllRows,
    /// These positions.
    Rows(Vec<usize>),
    /// The rows for which the predicate holds; counted only if an error has to name one.
    Where(ParquetFile, Expr, std::sync::OnceLock<Vec<IdxSize>>),
}

impl ParquetPart {
    /// Reads the columns asked for, of the rows in the range.
    pub(crate) fn read(
        input: &InputFile,
        columns: &[ColumnRequest],
        rows: Option<&TimeRange>,
        options: &ReadOptions,
    ) -> Result<Self, Error> {
        let path = &input.path;
        let file = ParquetFile::open(path)?;
        let mut available = file.names();
        add_keys(input, &mut available)?;
        let mut names = wanted(columns, rows);
        refuse_missing(path, &names, &available)?;
        let is_key = |name: &String| input.keys.iter().any(|(key, _)| key == name);
        let predicate = rows
            .filter(|_| file.is_filterable() && columns.iter().any(|one| !is_key(&one.name)))
            .and_then(|range| predicate(range, file.dtype(&range.column)?));
        if predicate.is_some() {
            names = wanted(columns, None);
        }
        let (keys, own): (Vec<_>, Vec<_>) = names.into_iter().partition(is_key);
        let mut frame = match own.as_slice() {
            [] => DataFrame::empty_with_height(file.n_rows()?),
            own => file.read(own, predicate.as_ref())?,
        };
        add_key_columns(&mut frame, input, &keys)?;
        if let Some(predicate) = predicate {
            let origin = Origin::Where(file, predicate, std::sync::OnceLock::new());
            return Ok(Self { frame, report: ReadReport::default(), origin });
        }
        let Some(range) = rows else {
            return Ok(Self { frame, report: ReadReport::default(), origin: Origin::AllRows });
        };
        let place = |row| Ok(Place { path, row, line: None });
        let (kept, report) = positions_in_range(&Stored::Frame(&frame), range, options, place)?;
        let mut mask = vec![false; frame.height()];
        kept.iter().for_each(|row| mask[*row] = true);
        let mask = BooleanChunked::from_slice("keep".into(), &mask);
        let frame = frame.filter(&mask);
        let frame = frame.map_err(|source| ErrorKind::Frame { source: Box::new(source) })?;
        Ok(Self { frame, report, origin: Origin::Rows(kept) })
    }

    /// The position in the file, from 0, of a row of the frame.
    pub(crate) fn row(&self, position: usize) -> Result<usize, Error> {
        Ok(match &self.origin {
            Origin::AllRows => position,
            Origin::Rows(rows) => rows.get(position).copied().unwrap_or(position),
            Origin::Where(file, predicate, rows) => {
                if rows.get().is_none() {
                    let _ = rows.set(file.rows_where(predicate)?);
                }
                let row = rows.get().and_then(|rows| rows.get(position));
                row.map_or(position, |row| *row as usize)
            }
        })
    }
}

/// Adds the columns that the folders' names give, as text.
pub(crate) fn add_key_columns(
    frame: &mut DataFrame,
    input: &InputFile,
    keys: &[String],
) -> Result<(), Error> {
    for (key, value) in input.keys.iter().filter(|(key, _)| keys.contains(key)) {
        let value = (!value.is_empty()).then_some(value.as_str());
        let values = std::iter::repeat_n(value, frame.height());
        let column = StringChunked::from_iter_options(key.as_str().into(), values).into_column();
        frame
            .with_column(column)
            .map_err(|source| ErrorKind::Frame { source: Box::new(source) })?;
    }
    Ok(())
}

/// The rows of a batch that lie in the range, if there is one.
pub(crate) fn rows_in_range(
    path: &Path,
    batch: TextBatch,
    names: &[String],
    rows: Option<&TimeRange>,
    options: &ReadOptions,
) -> Result<TextBatch, Error> {
    let Some(range) = rows else { return Ok(batch) };
    let stored = Stored::Text { names, columns: &batch.columns };
    let (kept, report) = positions_in_range(&stored, range, options, |position| {
        let (row, line) = batch.places.get(position);
        Ok(Place { path, row, line })
    })?;
    let mut batch = if kept.len() == batch.n_rows { batch } else { batch.take(&kept) };
    batch.report.merge(report);
    Ok(batch)
}

/// The positions of the rows that lie in the range. Rows whose time cannot be read are in none.
fn positions_in_range<'a>(
    stored: &Stored<'_>,
    range: &TimeRange,
    options: &ReadOptions,
    place: impl Fn(usize) -> Result<Place<'a>, Error>,
) -> Result<(Vec<usize>, ReadReport), Error> {
    let request = [ColumnRequest::new(&range.column, ColumnKind::Time)];
    let mut converted = convert_all(stored, &request, options, place)?;
    let times = converted.columns.swap_remove(0);
    let Values::Time(micros) = times.values() else { unreachable!("asked for as time") };
    let is_inside = |(row, micros): &(usize, &i64)| {
        !times.is_null(*row)
            && range.from.is_none_or(|from| **micros >= from)
            && range.to.is_none_or(|to| **micros < to)
    };
    let kept = micros.iter().enumerate().filter(is_inside).map(|(row, _)| row).collect();
    Ok((kept, converted.report))
}

/// Names of the columns asked for, each once, then the range's if it is not among them.
pub(crate) fn wanted(columns: &[ColumnRequest], rows: Option<&TimeRange>) -> Vec<String> {
    let mut known = HashSet::new();
    let new = columns.iter().filter(|request| known.insert(request.name.as_str()));
    let mut names: Vec<String> = new.map(|request| request.name.clone()).collect();
    if let Some(range) = rows
        && !names.contains(&range.column)
    {
        names.push(range.column.clone());
    }
    names
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;
    use polars::prelude::{Column, Int64Chunked, IntoSeries, ParquetWriter, Series, TimeZone};
    use std::fs::File;

    const DAY: i64 = MICROS_PER_DAY;

    /// Instants around two midnights, one of them negative, and nulls, over and over.
    fn instants() -> Vec<Option<i64>> {
        let around =
            |middle: i64| [-1_000_001, -1, 0, 1, 999, 1_000, 1_000_000].map(|by| middle + by);
        let some = around(-DAY).into_iter().chain(around(17_622 * DAY)).map(Some);
        let once: Vec<_> = some.chain([None]).collect();
        once.iter().cycle().take(3_000).copied().collect()
    }

    /// The instants as a stored column, rounded down to what its type can tell.
    fn stored(instants: &[Option<i64>], dtype: &DataType) -> Column {
        let counts = instants.iter().map(|micros| {
            micros.map(|micros| match dtype {
                DataType::Datetime(TimeUnit::Nanoseconds, _) => micros * 1_000 + 7,
                DataType::Datetime(TimeUnit::Milliseconds, _) => micros.div_euclid(1_000),
                DataType::Datetime(..) => micros,
                DataType::Date => micros.div_euclid(DAY),
                _ => micros.div_euclid(1_000_000),
            })
        });
        let counts = Int64Chunked::from_iter_options("at".into(), counts).into_series();
        let physical =
            if *dtype == DataType::Date { counts.cast(&DataType::Int32).unwrap() } else { counts };
        physical.strict_cast(dtype).unwrap().into_column()
    }

    fn write(columns: Vec<Column>, path: &Path) -> Source {
        let mut frame = DataFrame::new(columns[0].len(), columns).unwrap();
        let writer = ParquetWriter::new(File::create(path).unwrap());
        writer.with_row_group_size(Some(500)).finish(&mut frame).unwrap();
        Source::new(path.to_str().unwrap())
    }

    fn numbered(n_rows: usize) -> Column {
        Series::from_iter(0..n_rows as i64).with_name("n".into()).into_column()
    }

    #[test]
    fn filtering_in_the_file_equals_filtering_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let instants = instants();
        let request = [
            ColumnRequest::new("n", ColumnKind::Integer),
            ColumnRequest::new("at", ColumnKind::Time),
        ];
        let bounds = [-DAY, -DAY + 1, 17_622 * DAY, 17_622 * DAY + 1_000, i64::MIN, i64::MAX];
        let datetime = |unit, zone| DataType::Datetime(unit, zone);
        for dtype in [
            datetime(TimeUnit::Nanoseconds, None),
            datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)),
            datetime(TimeUnit::Milliseconds, None),
            DataType::Date,
            DataType::Int64,
            DataType::Int32,
            DataType::Float64,
            DataType::String,
        ] {
            let columns = vec![stored(&instants, &dtype), numbered(instants.len())];
            let source = write(columns, &folder.path().join("rows.parquet"));
            let whole = source.read(&request, None).unwrap();
            let at = whole.column("at").unwrap();
            let Values::Time(micros) = at.values() else { panic!("time stays time") };
            for from in bounds {
                for to in bounds.map(Some).into_iter().chain([None]) {
                    let inside = |row: &usize| {
                        !at.is_null(*row)
                            && micros[*row] >= from
                            && to.is_none_or(|to| micros[*row] < to)
                    };
                    let rows: Vec<usize> = (0..whole.n_rows()).filter(inside).collect();
                    let range = TimeRange { column: "at".into(), from: Some(from), to };
                    let read = source.read(&request, Some(&range)).unwrap();
                    assert_eq!(read, whole.take(&rows), "{dtype} {from} {to:?}");
                    let without = source.read(&request[..1], Some(&range)).unwrap();
                    assert_eq!(without.column("n"), read.column("n"), "{dtype} {from} {to:?}");
                }
            }
            let all = TimeRange { column: "at".into(), from: None, to: None };
            assert_eq!(source.read(&request, Some(&all)).unwrap(), whole);
        }
    }

    #[test]
    fn an_error_names_the_row_of_the_file_and_rows_outside_are_not_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let seconds: Vec<Option<i64>> = (0..2_000).map(|second| Some(second * 1_000_000)).collect();
        let words = (0..2_000).map(|row| if row % 700 == 699 { "bad" } else { "1" });
        let words = Series::from_iter(words).with_name("n".into()).into_column();
        let request = [ColumnRequest::new("n", ColumnKind::Number)];
        for dtype in [DataType::Int64, DataType::Float64] {
            let columns = vec![stored(&seconds, &dtype), words.clone()];
            let path = folder.path().join("rows.parquet");
            let source = write(columns, &path);
            let range = |from: i64, to: i64| TimeRange {
                column: "at".into(),
                from: Some(from * 1_000_000),
                to: Some(to * 1_000_000),
            };
            assert_eq!(source.read(&request, Some(&range(700, 1_399))).unwrap().n_rows(), 699);
            assert_eq!(
                source.read(&request, Some(&range(700, 1_400))).unwrap_err().to_string(),
                format!(
                    "{}, column \"n\", data row 1400: expected a number, found bad",
                    path.display()
                )
            );
        }
    }

    #[test]
    fn a_csv_file_is_filtered_by_the_time_its_text_stands_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let rows = "at,n\n1970-01-01,bad\n1970-01-02,1\n,bad\n172799,2\n172800,bad\n";
        std::fs::write(&path, rows).unwrap();
        let range = TimeRange { column: "at".into(), from: Some(DAY), to: Some(2 * DAY) };
        let request = [ColumnRequest::new("n", ColumnKind::Number)];
        let table = Source::new(path.to_str().unwrap()).read(&request, Some(&range)).unwrap();
        let expected = crate::Column::new(Values::Number(vec![1.0, 2.0]));
        assert_eq!(table.column("n"), Some(&expected));
        let later = TimeRange { to: None, ..range };
        let error = Source::new(path.to_str().unwrap()).read(&request, Some(&later)).unwrap_err();
        assert!(error.to_string().ends_with("data row 5: expected a number, found bad"), "{error}");
    }
}
