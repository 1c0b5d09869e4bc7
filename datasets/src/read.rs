//! Reading the columns asked for, file by file, so that an error names file, column and row and
//! only one file at a time is held as it was stored.

use std::path::Path;

use polars::prelude::{DataFrame, DataType};
use rayon::prelude::*;

use crate::cells::Refusal;
use crate::convert::convert;
use crate::csv;
use crate::error::{Error, ErrorKind};
use crate::parquet::ParquetFile;
use crate::rows::Part;
use crate::source::{Format, Source};
use crate::table::{Column, Table, Values};

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
    pub fn read(
        &self,
        columns: &[ColumnRequest],
        rows: Option<&TimeRange>,
    ) -> Result<Table, Error> {
        refuse_duplicates(columns)?;
        let rows = rows.filter(|range| range.from.is_some() || range.to.is_some());
        let mut whole: Option<Vec<Column>> = None;
        for (path, format) in self.files_with_format()? {
            let part = match format {
                Format::Csv => Part::of_csv(&path, columns, rows),
                Format::Parquet => Part::of_parquet(&path, columns, rows),
            }?;
            let read = convert_all(&part.frame, columns, |position| {
                Ok((path.as_path(), part.row(position)?))
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

/// Adds the columns of a further file. Keys of one kind in one file and of another in the next
/// become text.
fn append(whole: &mut [Column], more: Vec<Column>, columns: &[ColumnRequest]) -> Result<(), Error> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, write_table};
    use std::fs;

    /// A folder of files, and the columns of those that match a pattern, or the error without the
    /// folder's name.
    struct Files(tempfile::TempDir);

    impl Files {
        fn new(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (name, contents) in files {
                fs::write(folder.path().join(name), contents).unwrap();
            }
            Self(folder)
        }

        fn read(&self, pattern: &str, columns: &[(&str, ColumnKind)]) -> Result<Table, String> {
            let columns: Vec<_> =
                columns.iter().map(|(name, kind)| ColumnRequest::new(*name, *kind)).collect();
            let path = self.0.path().join(pattern);
            let read = Source::new(path.to_str().unwrap()).read(&columns, None);
            let folder = format!("{}/", self.0.path().display());
            read.map_err(|error| error.to_string().replace(&folder, ""))
        }
    }

    #[test]
    fn columns_come_in_the_order_asked_for_and_files_in_theirs() {
        let files = Files::new(&[("2.csv", "a,b\n3,x\n"), ("1.csv", "b,c,a\n,0,1\ny,0,2\n")]);
        let table =
            files.read("*.csv", &[("a", ColumnKind::Integer), ("b", ColumnKind::Text)]).unwrap();
        let b = Column::with_nulls(
            Values::Text(["", "y", "x"].into_iter().collect()),
            vec![true, false, false],
        );
        let a = Column::new(Values::Integer(vec![1, 2, 3]));
        assert_eq!(table, Table::new(vec![("a".into(), a), ("b".into(), b)]).unwrap());
        assert_eq!(files.read("1.csv", &[]).unwrap(), Table::default());
    }

    #[test]
    fn keys_of_two_kinds_become_text() {
        let files = Files::new(&[
            ("1.csv", "card\n12\n\n"),
            ("2.csv", "card\n007\n"),
            ("3.csv", "card\n12\n"),
        ]);
        let read = |pattern| files.read(pattern, &[("card", ColumnKind::Key)]).unwrap();
        let integers = Values::Integer(vec![12, 0, 12]);
        assert_eq!(
            read("[13].csv").column("card"),
            Some(&Column::with_nulls(integers, vec![false, true, false]))
        );
        let texts = Values::Text(["12", "", "007", "12"].into_iter().collect());
        assert_eq!(
            read("*.csv").column("card"),
            Some(&Column::with_nulls(texts, vec![false, true, false, false]))
        );
    }

    #[test]
    fn errors_name_file_column_row_value_and_what_was_expected() {
        let files = Files::new(&[("1.csv", "label,x\n1,0\n"), ("2.csv", "label,x\n0,1\n2,a\n")]);
        let x = Column::new(Values::Number(vec![0.5, f64::NAN, 0.25]));
        let label = Column::new(Values::Text(["0", "1", "maybe"].into_iter().collect()));
        let table = Table::new(vec![("x".into(), x), ("label".into(), label)]).unwrap();
        write_table(&table, &files.0.path().join("3.parquet")).unwrap();

        let error = |pattern, columns| files.read(pattern, columns).unwrap_err();
        assert_eq!(
            error("*.csv", &[("label", ColumnKind::Boolean), ("x", ColumnKind::Number)]),
            "2.csv, column \"label\", data row 2: expected 0 or 1, found 2"
        );
        assert_eq!(
            error("*.csv", &[("x", ColumnKind::Number), ("label", ColumnKind::Boolean)]),
            "2.csv, column \"x\", data row 2: expected a number, found a"
        );
        assert_eq!(
            error("3.parquet", &[("label", ColumnKind::Number)]),
            "3.parquet, column \"label\", data row 3: expected a number, found maybe"
        );
        assert_eq!(
            error("3.parquet", &[("x", ColumnKind::Text)]),
            "3.parquet, column \"x\": expected text, found type f64"
        );
        assert_eq!(
            error("3.parquet", &[("card", ColumnKind::Key)]),
            "3.parquet: column \"card\" is not there; the file has x, label"
        );
        assert_eq!(
            error("1.csv", &[("card", ColumnKind::Key)]),
            "1.csv: column \"card\" is not there; the file has label, x"
        );
        assert_eq!(
            error("1.csv", &[("x", ColumnKind::Key), ("x", ColumnKind::Text)]),
            "column \"x\" appears twice"
        );
        fs::write(files.0.path().join("4.parquet"), "a,b\n1,2\n").unwrap();
        assert_eq!(
            error("4.parquet", &[("a", ColumnKind::Key)]),
            "4.parquet is not readable as Parquet"
        );
    }

    #[test]
    fn names_and_types_of_the_first_file() {
        let files = Files::new(&[("1.csv", "a,\"b c\"\n1,2\n")]);
        let path = files.0.path().join("*.csv");
        let columns = Source::new(path.to_str().unwrap()).columns().unwrap();
        let expected = [("a", "str"), ("b c", "str")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(columns, expected);
        let error = Source::new("no.csv").columns().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::FileMissing { .. }));
    }
}
