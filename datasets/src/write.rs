//! Writing tables: whole files or none. The data goes to a temporary file beside the target, which
//! then takes the target's name, so that under that name never a part of a file is seen.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use polars::prelude::{
    self as pl, BooleanChunked, DataFrame, DataType, Float64Chunked, Int64Chunked, IntoColumn,
    IntoSeries, NewChunkedArray, StringChunked, TimeUnit,
};

use crate::convert::convert;
use crate::error::{Error, ErrorKind};
use crate::frame_writer::FrameWriter;
use crate::read::ColumnKind;
use crate::table::{Column, Table, Values};
use crate::time::push_time;

/// Writes a table as CSV or Parquet, as the extension tells. An existing file is replaced. The same
/// table gives the same bytes.
///
/// Times become `YYYY-MM-DD HH:MM:SS[.ffffff]` in CSV and timestamps in microseconds without zone
/// in Parquet, both UTC. Numbers are written with as many digits as bring back the same number.
/// Nulls are empty fields in CSV, where empty text cannot be told from them when read again.
///
/// # Errors
/// An unknown extension, or a file that cannot be written; the target is then as it was.
pub fn write_table(table: &Table, path: &Path) -> Result<(), Error> {
    let columns = table.columns().map(|(name, column)| to_polars(name, column)).collect();
    let frame =
        DataFrame::new(table.n_rows(), columns).map_err(|source| unwritable(path, source))?;
    write_frame(frame, path)
}

/// Writes bytes so that the file is there whole or as it was before.
///
/// # Errors
/// A file that cannot be written.
pub fn write_bytes(bytes: &[u8], path: &Path) -> Result<(), Error> {
    atomically(path, |file| Ok(file.write_all(bytes)?))
}

/// Lets `write` write a file, so that it is there whole or as it was before.
///
/// # Errors
/// A file that cannot be written.
pub fn write_file(
    path: &Path,
    write: impl FnOnce(&File) -> std::io::Result<()>,
) -> Result<(), Error> {
    let (temporary, file) = Temporary::create(path)?;
    write(&file).map_err(|source| ErrorKind::Io { path: path.to_owned(), source })?;
    temporary.publish(&file, path)
}

/// Writes a frame as the extension tells.
pub(crate) fn write_frame(frame: DataFrame, path: &Path) -> Result<(), Error> {
    let mut writer = FrameWriter::create(path)?;
    writer.write_polars(&frame)?;
    writer.finish().map(|_| ())
}

/// Our column as one of polars.
pub(crate) fn to_polars(name: &str, column: &Column) -> pl::Column {
    fn options<T: Copy>(column: &Column, values: &[T]) -> impl Iterator<Item = Option<T>> {
        values.iter().enumerate().map(|(row, value)| (!column.is_null(row)).then_some(*value))
    }
    let name = name.into();
    match column.values() {
        Values::Number(values) => {
            Float64Chunked::from_iter_options(name, options(column, values)).into_column()
        }
        Values::Integer(values) => {
            Int64Chunked::from_iter_options(name, options(column, values)).into_column()
        }
        Values::Boolean(values) => {
            BooleanChunked::from_iter_options(name, options(column, values)).into_column()
        }
        Values::Text(text) => {
            let values =
                (0..column.len()).map(|row| (!column.is_null(row)).then(|| text.value(row)));
            StringChunked::from_iter_options(name, values).into_column()
        }
        Values::Time(values) => Int64Chunked::from_iter_options(name, options(column, values))
            .into_datetime(TimeUnit::Microseconds, None)
            .into_column(),
    }
}

/// The column in a type that CSV can hold: times become text here.
pub(crate) fn csv_column(column: &pl::Column, path: &Path) -> Result<pl::Column, Error> {
    let refuse = || ErrorKind::FileColumnType {
        path: path.to_owned(),
        column: column.name().to_string(),
        expected: "numbers, truth values, text or times of the years 1 to 9999",
        found: column.dtype().to_string(),
    };
    match column.dtype() {
        DataType::Datetime(..) | DataType::Date => {
            let date_only = *column.dtype() == DataType::Date;
            let times =
                convert(column.as_materialized_series(), ColumnKind::Time).map_err(|_| refuse())?;
            let Values::Time(micros) = times.values() else { unreachable!("asked for as time") };
            let texts = micros.iter().enumerate().map(|(row, micros)| {
                (!times.is_null(row)).then(|| {
                    let mut text = String::new();
                    push_time(&mut text, *micros, ' ');
                    text.truncate(if date_only { 10 } else { text.len() });
                    text
                })
            });
            let texts = StringChunked::from_iter_options(column.name().clone(), texts);
            Ok(texts.into_series().into_column())
        }
        DataType::Boolean | DataType::String | DataType::Null | DataType::Decimal(..) => {
            Ok(column.clone())
        }
        dtype if dtype.is_integer() || dtype.is_float() => Ok(column.clone()),
        _ => Err(refuse().into()),
    }
}

/// Writes the file under a temporary name and then gives it its own.
fn atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> pl::PolarsResult<()>,
) -> Result<(), Error> {
    let (temporary, file) = Temporary::create(path)?;
    let mut file = BufWriter::new(file);
    write(&mut file).map_err(|source| unwritable(path, source))?;
    file.flush().map_err(|source| ErrorKind::Io { path: path.to_owned(), source })?;
    temporary.publish(file.get_ref(), path)
}

/// A file that is deleted when this is dropped, if it still has that name.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// A new file whose name no other writer uses, hidden from globs.
    pub(crate) fn create(target: &Path) -> Result<(Self, File), Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".{name}.{}-{count}.tmp", std::process::id());
        let path = target.with_file_name(name);
        let file = File::options().write(true).create_new(true).open(&path);
        let file = file.map_err(|source| ErrorKind::Io { path: target.to_owned(), source })?;
        Ok((Self { path }, file))
    }

    /// Gives the file, to which all is written, the target's name.
    pub(crate) fn publish(self, file: &File, target: &Path) -> Result<(), Error> {
        let io = |source| ErrorKind::Io { path: target.to_owned(), source };
        // Else a crash soon after could leave the name with nothing behind it.
        file.sync_all().map_err(io)?;
        fs::rename(&self.path, target).map_err(io)?;
        sync_folder(target).map_err(io)?;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After success the name is free already.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

pub(crate) fn unwritable(path: &Path, source: pl::PolarsError) -> ErrorKind {
    ErrorKind::Unwritable { path: path.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColumnRequest, Source};

    fn sample() -> Table {
        let nulls = || vec![false, true, false, false];
        let columns = vec![
            ("number", Values::Number(vec![0.1 + 0.2, 0.0, f64::MIN_POSITIVE, -1e300])),
            ("integer", Values::Integer(vec![i64::MIN, 0, -1, i64::MAX])),
            ("boolean", Values::Boolean(vec![true, false, false, true])),
            (
                "text, \"quoted\"",
                Values::Text(["a,b", "", "c\"d\r\ne", "f\r"].into_iter().collect()),
            ),
            ("time", Values::Time(vec![1_522_540_831_000_000, 0, -1, 1_522_540_800_000_000])),
        ];
        let columns =
            columns.into_iter().map(|(name, v)| (name.to_owned(), Column::with_nulls(v, nulls())));
        Table::new(columns.collect()).unwrap()
    }

    fn requests() -> Vec<ColumnRequest> {
        use ColumnKind::{Boolean, Integer, Number, Text, Time};
        let kinds = [Number, Integer, Boolean, Text, Time];
        let table = sample();
        table.columns().zip(kinds).map(|((name, _), kind)| ColumnRequest::new(name, kind)).collect()
    }

    fn source(path: &Path) -> Source {
        Source::new(path.to_str().unwrap())
    }

    #[test]
    fn what_is_written_is_read_back_bit_for_bit_and_twice_the_same() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["table.csv", "table.parquet"] {
            let path = folder.path().join(name);
            write_table(&sample(), &path).unwrap();
            assert_eq!(source(&path).read(&requests(), None).unwrap(), sample(), "{name}");
            let first = fs::read(&path).unwrap();
            write_table(&sample(), &path).unwrap();
            assert_eq!(fs::read(&path).unwrap(), first, "{name}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
    }

    #[test]
    fn csv_as_a_person_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        write_table(&sample().take(&[0, 1, 2]), &path).unwrap();
        let expected = "number,integer,boolean,text, quoted,time\n\
            0.30000000000000004,-9223372036854775808,true,\"a,b\",2018-04-01 00:00:31\n\
            ,,,,\n\
            2.2250738585072014e-308,-1,false,\"c\"\"d\r\ne\",1969-12-31 23:59:59.999999\n";
        let expected = expected.replace("text, quoted", "\"text, \"\"quoted\"\"\"");
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn parquet_times_are_timestamps_without_zone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.pq");
        write_table(&sample(), &path).unwrap();
        let columns = source(&path).columns().unwrap();
        let types: Vec<&str> = columns.iter().map(|(_, dtype)| dtype.as_str()).collect();
        assert_eq!(types, ["f64", "i64", "bool", "str", "datetime[μs]"]);
    }

    #[test]
    fn one_column_keeps_its_nulls_and_no_rows_stay_none() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["one.csv", "one.parquet"] {
            let path = folder.path().join(name);
            for rows in [[1, 0, 1].as_slice(), &[]] {
                let table = sample().take(rows);
                let column = table.column("number").unwrap().clone();
                let table = Table::new(vec![("number".to_owned(), column)]).unwrap();
                write_table(&table, &path).unwrap();
                assert_eq!(source(&path).read(&requests()[..1], None).unwrap(), table, "{name}");
            }
        }
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        fs::write(&path, "old").unwrap();
        let error = atomically(&path, |file| {
            file.write_all(b"half").unwrap();
            Err(pl::PolarsError::NoData("of no use".into()))
        });
        assert!(matches!(error.unwrap_err().kind(), ErrorKind::Unwritable { .. }));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = write_table(&sample(), &folder.path().join("table.txt")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnknownFormat { .. }));
    }
}
