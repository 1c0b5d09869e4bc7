//! All columns of a source, kept as they are, for tools that add columns to a user's file.

use std::path::{Path, PathBuf};

use polars::prelude::DataFrame;

use crate::csv;
use crate::error::{Error, ErrorKind};
use crate::parquet::ParquetFile;
use crate::read::{ColumnRequest, convert_all, refuse_duplicates, refuse_missing};
use crate::source::{Format, Source};
use crate::table::{Column, Table};
use crate::write::{to_polars, write_frame};

/// All rows and columns of a source, in memory. Columns of CSV files stay text, so that they are
/// written as they were read.
#[derive(Debug, Clone)]
pub struct Frame {
    frame: DataFrame,
    /// The files and how many rows of the frame come before each.
    files: Vec<(PathBuf, usize)>,
}

impl Frame {
    /// Reads all files of a source, one after the other. Columns are in the first file's order.
    ///
    /// # Errors
    /// As [`Source::files`]; a malformed file; a column of a type that cannot be read; files whose
    /// columns differ in name or type.
    pub fn read(source: &Source) -> Result<Self, Error> {
        let mut whole: Option<DataFrame> = None;
        let mut files = Vec::new();
        for (path, format) in source.files_with_format()? {
            let part = match format {
                Format::Csv => csv::read(&path, |names| Ok((0..names.len()).collect())),
                Format::Parquet => {
                    let file = ParquetFile::open(&path)?;
                    file.read(&file.names(), None)
                }
            }?;
            files.push((path.clone(), whole.as_ref().map_or(0, DataFrame::height)));
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => append(whole, part, &path)?,
            }
        }
        Ok(Self { frame: whole.unwrap_or_default(), files })
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.frame.height()
    }

    /// Names of the columns in order.
    pub fn column_names(&self) -> Vec<String> {
        names(&self.frame)
    }

    /// Columns converted as [`Source::read`] does it.
    ///
    /// # Errors
    /// A column that is not there or asked for twice; a value that is not what was asked for.
    pub fn table(&self, columns: &[ColumnRequest]) -> Result<Table, Error> {
        refuse_duplicates(columns)?;
        let wanted: Vec<String> = columns.iter().map(|request| request.name.clone()).collect();
        refuse_missing(self.place(0).0, &wanted, &self.column_names())?;
        let converted = convert_all(&self.frame, columns, |row| Ok(self.place(row)))?;
        Table::new(wanted.into_iter().zip(converted).collect())
    }

    /// Adds a column after the others.
    ///
    /// # Errors
    /// A column of this name is there already, or this one has another number of rows.
    pub fn with_column(&mut self, name: &str, column: &Column) -> Result<(), Error> {
        let name = name.to_owned();
        if self.column_names().contains(&name) {
            return Err(ErrorKind::DuplicateColumn { column: name }.into());
        }
        let (expected, found) = (self.n_rows(), column.len());
        let refusal = ErrorKind::ColumnLength { column: name.clone(), expected, found };
        if found != expected || self.frame.with_column(to_polars(&name, column)).is_err() {
            return Err(refusal.into());
        }
        Ok(())
    }

    /// Writes all columns as CSV or Parquet, as the extension tells, by the rules of
    /// [`write_table`](crate::write_table).
    ///
    /// # Errors
    /// An unknown extension, a column that the format cannot hold, or a file that cannot be
    /// written; the target is then as it was.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        write_frame(self.frame.clone(), path)
    }

    /// The file a row comes from and its position there.
    fn place(&self, row: usize) -> (&Path, usize) {
        // Of several files that start at the same row, all but the last are without rows.
        let file = self.files.partition_point(|(_, start)| *start <= row);
        match file.checked_sub(1).and_then(|file| self.files.get(file)) {
            Some((path, start)) => (path, row - start),
            None => (Path::new(""), row),
        }
    }
}

fn names(frame: &DataFrame) -> Vec<String> {
    frame.get_column_names().iter().map(|name| name.to_string()).collect()
}

fn append(whole: &mut DataFrame, part: DataFrame, path: &Path) -> Result<(), Error> {
    let differ = |difference| ErrorKind::FilesDiffer { path: path.to_owned(), difference };
    let (expected, found) = (names(whole), names(&part));
    if let Some(name) = expected.iter().find(|name| !found.contains(name)) {
        return Err(differ(format!("has no column {name:?}")).into());
    }
    if let Some(name) = found.iter().find(|name| !expected.contains(name)) {
        return Err(differ(format!("has a column {name:?} that the first file lacks")).into());
    }
    let part = part.select(&expected).map_err(|source| differ(source.to_string()))?;
    for (first, column) in whole.columns().iter().zip(part.columns()) {
        if first.dtype() != column.dtype() {
            let (name, first, here) = (first.name(), first.dtype(), column.dtype());
            let difference =
                format!("has {here} in column {name:?} where the first file has {first}");
            return Err(differ(difference).into());
        }
    }
    whole.vstack_mut(&part).map_err(|source| differ(source.to_string()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColumnKind, Values, write_table};
    use std::fs;

    fn source(path: &Path) -> Source {
        Source::new(path.to_str().unwrap())
    }

    #[test]
    fn columns_are_added_and_the_others_stay_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("1.csv"), "id,amount\n007,1.50\nx,\n").unwrap();
        fs::write(at("2.csv"), "amount,id\n+3,\"a,b\"\n").unwrap();
        let mut frame = Frame::read(&source(&at("?.csv"))).unwrap();
        assert_eq!((frame.n_rows(), frame.column_names()), (3, vec!["id".into(), "amount".into()]));

        let table = frame.table(&[ColumnRequest::new("amount", ColumnKind::Number)]).unwrap();
        let expected =
            Column::with_nulls(Values::Number(vec![1.5, 0.0, 3.0]), vec![false, true, false]);
        assert_eq!(table.column("amount"), Some(&expected));
        let error = frame.table(&[ColumnRequest::new("id", ColumnKind::Integer)]).unwrap_err();
        let place = at("1.csv").display().to_string();
        assert_eq!(
            error.to_string(),
            format!("{place}, column \"id\", data row 2: expected a whole number, found x")
        );
        let error = frame.table(&[ColumnRequest::new("amount", ColumnKind::Boolean)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{place}, column \"amount\", data row 1: expected 0 or 1, found 1.50")
        );

        let score =
            Column::with_nulls(Values::Number(vec![0.1, 1e-7, 0.0]), vec![false, false, true]);
        frame.with_column("score", &score).unwrap();
        let error = frame.with_column("score", &score).unwrap_err();
        assert_eq!(error.to_string(), "column \"score\" appears twice");
        let error = frame.with_column("short", &score.take(&[0])).unwrap_err();
        assert_eq!(error.to_string(), "column \"short\" has 1 rows where 3 were expected");
        assert_eq!(frame.column_names(), ["id", "amount", "score"]);
        frame.write(&at("out.csv")).unwrap();
        assert_eq!(
            fs::read_to_string(at("out.csv")).unwrap(),
            "id,amount,score\n007,1.50,0.1\nx,,1e-7\n\"a,b\",+3,\n"
        );
        frame.write(&at("out.parquet")).unwrap();
        let again = Frame::read(&source(&at("out.parquet"))).unwrap();
        let request = [ColumnRequest::new("score", ColumnKind::Number)];
        assert_eq!(again.table(&request).unwrap().column("score"), Some(&score));
    }

    #[test]
    fn an_error_names_the_file_and_its_own_row() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("1.csv"), "a,b\n0,0\n1,0\n").unwrap();
        fs::write(at("2.csv"), "a,b\n").unwrap();
        fs::write(at("3.csv"), "a,b\n1,0\n2,0\n").unwrap();
        let frame = Frame::read(&source(&at("*.csv"))).unwrap();
        let error = frame.table(&[ColumnRequest::new("a", ColumnKind::Boolean)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{}, column \"a\", data row 2: expected 0 or 1, found 2",
                at("3.csv").display()
            )
        );
    }

    #[test]
    fn files_with_other_columns_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let table =
            |name: &str, values| Table::new(vec![(name.to_owned(), Column::new(values))]).unwrap();
        write_table(&table("a", Values::Integer(vec![1])), &at("1.parquet")).unwrap();
        let difference = |other: Table| {
            write_table(&other, &at("2.parquet")).unwrap();
            let error = Frame::read(&source(&at("*.parquet"))).unwrap_err().to_string();
            error.replace(&at("2.parquet").display().to_string(), "FILE")
        };
        let rule = "(the files of one source must have the same columns)";
        assert_eq!(
            difference(table("b", Values::Integer(vec![1]))),
            format!("FILE has no column \"a\" {rule}")
        );
        assert_eq!(
            difference(table("a", Values::Number(vec![1.0]))),
            format!("FILE has f64 in column \"a\" where the first file has i64 {rule}")
        );
    }
}
