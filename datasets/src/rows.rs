//! Which rows of a file are read: all, or those of a range of time. Where the file stores the time
//! in a type that orders alike, polars leaves the other rows unread; else they are dropped after
//! the time, and before anything else, is converted.

use std::path::Path;

use polars::prelude::{
    AnyValue, BooleanChunked, DataFrame, DataType, Expr, IdxSize, LiteralValue, NewChunkedArray,
    Scalar, TimeUnit,
};

use crate::csv;
use crate::error::{Error, ErrorKind};
use crate::parquet::ParquetFile;
use crate::read::{ColumnKind, ColumnRequest, TimeRange, convert_all, refuse_missing};
use crate::table::Values;
use crate::time::MICROS_PER_DAY;

/// What was read of one file.
pub(crate) struct Part {
    pub(crate) frame: DataFrame,
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
    pub(crate) fn of_csv(
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

    pub(crate) fn of_parquet(
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

    /// The position in the file, from 0, of a row of the frame.
    pub(crate) fn row(&self, position: usize) -> Result<usize, Error> {
        self.origin.row(position)
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
    use polars::prelude::{
        Column, Int64Chunked, IntoColumn, IntoSeries, ParquetWriter, Series, TimeZone,
    };
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
