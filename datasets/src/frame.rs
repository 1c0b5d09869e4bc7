//! All columns of a source, kept as they are, for tools that add columns to a user's file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars::prelude::{BooleanChunked, DataFrame, NewChunkedArray};

use crate::convert_all::{Converted, Place, Stored, convert_all};
use crate::error::{Error, ErrorKind};
use crate::options::{BadRows, ReadOptions};
use crate::read::{ColumnRequest, refuse_duplicates, refuse_missing};
use crate::report::{Places, ReadReport};
use crate::source::Source;
use crate::table::{Column, Table};
use crate::write::{to_polars, write_frame};

/// Rows of a source with all their columns: the whole source, or a [batch](Source::batches) of it.
/// Columns of text files stay text, so that they are written as they were read.
#[derive(Debug, Clone)]
pub struct Frame {
    frame: DataFrame,
    /// The files in order and what of them is here.
    parts: Vec<Part>,
    report: ReadReport,
    options: Arc<ReadOptions>,
}

/// Rows of one file.
#[derive(Debug, Clone)]
struct Part {
    path: PathBuf,
    /// The position in the frame of the first.
    start: usize,
    places: Places,
}

impl Frame {
    /// Reads all files of a source, one after the other. Columns are in the first file's order.
    ///
    /// # Errors
    /// As [`Source::batches`].
    pub fn read(source: &Source) -> Result<Self, Error> {
        const AT_ONCE: usize = 1 << 17;
        let mut batches = source.batches(AT_ONCE)?;
        let mut whole = match batches.next() {
            Some(first) => first?,
            None => return Err(ErrorKind::NoMatch { pattern: source.path.clone() }.into()),
        };
        for batch in batches {
            let batch = batch?;
            let start = whole.n_rows();
            whole
                .frame
                .vstack_mut(&batch.frame)
                .map_err(|source| ErrorKind::Frame { source: Box::new(source) })?;
            whole.parts.extend(
                batch.parts.into_iter().map(|part| Part { start: start + part.start, ..part }),
            );
            whole.report.merge(batch.report);
        }
        Ok(whole)
    }

    /// Rows of one file.
    pub(crate) fn of_file(
        frame: DataFrame,
        path: &Path,
        places: Places,
        mut report: ReadReport,
        options: &Arc<ReadOptions>,
    ) -> Self {
        report.read(path, frame.height());
        let parts = vec![Part { path: path.to_owned(), start: 0, places }];
        Self { frame, parts, report, options: Arc::clone(options) }
    }

    /// What was read and left out.
    pub fn report(&self) -> &ReadReport {
        &self.report
    }

    pub(crate) fn polars(&self) -> &DataFrame {
        &self.frame
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
    /// A column that is not there or asked for twice; a value that is not what was asked for, also
    /// if bad rows are to be skipped: see [`Frame::take_readable`].
    pub fn table(&self, columns: &[ColumnRequest]) -> Result<Table, Error> {
        let options = ReadOptions { bad_rows: BadRows::Error, ..ReadOptions::clone(&self.options) };
        Table::new(named(columns, self.convert(columns, &options)?.columns))
    }

    /// As [`Frame::table`], but if the source's bad rows are to be skipped, rows with a value that
    /// is not what was asked for are taken out of the frame and counted in its report.
    ///
    /// # Errors
    /// As [`Frame::table`].
    pub fn take_readable(&mut self, columns: &[ColumnRequest]) -> Result<Table, Error> {
        let mut converted = self.convert(columns, &self.options)?;
        if !converted.wrong.is_empty() {
            let kept = converted.good_rows(self.n_rows());
            for file in &mut self.report.files {
                let wrong = converted.report.files.iter().find(|other| other.path == file.path);
                file.rows_read -= wrong.map_or(0, |wrong| wrong.rows_skipped);
            }
            self.report.rows_read -= converted.wrong.len();
            self.report.merge(std::mem::take(&mut converted.report));
            self.keep(&kept)?;
        }
        let n_rows = self.n_rows() + converted.wrong.len();
        Table::new(named(columns, converted.into_good_columns(n_rows)))
    }

    fn convert(
        &self,
        columns: &[ColumnRequest],
        options: &ReadOptions,
    ) -> Result<Converted, Error> {
        refuse_duplicates(columns)?;
        let wanted: Vec<String> = columns.iter().map(|request| request.name.clone()).collect();
        refuse_missing(self.place(0).path, &wanted, &self.column_names())?;
        convert_all(&Stored::Frame(&self.frame), columns, options, |row| Ok(self.place(row)))
    }

    /// Leaves only these rows, in order.
    fn keep(&mut self, rows: &[usize]) -> Result<(), Error> {
        let mut mask = vec![false; self.n_rows()];
        rows.iter().for_each(|row| mask[*row] = true);
        let mut start = 0;
        for position in 0..self.parts.len() {
            let end = self.parts.get(position + 1).map_or(mask.len(), |next| next.start);
            let part = &mut self.parts[position];
            let kept: Vec<usize> = (part.start..end).filter(|row| mask[*row]).collect();
            let kept: Vec<usize> = kept.iter().map(|row| row - part.start).collect();
            part.places = part.places.take(&kept);
            part.start = start;
            start += kept.len();
        }
        self.frame = self
            .frame
            .filter(&BooleanChunked::from_slice("keep".into(), &mask))
            .map_err(|source| ErrorKind::Frame { source: Box::new(source) })?;
        Ok(())
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

    /// Where a row comes from.
    fn place(&self, row: usize) -> Place<'_> {
        // Of several parts that start at the same row, all but the last are without rows.
        let part = self.parts.partition_point(|part| part.start <= row);
        match part.checked_sub(1).and_then(|part| self.parts.get(part)) {
            Some(part) => {
                let (row, line) = part.places.get(row - part.start);
                Place { path: &part.path, row, line }
            }
            None => Place { path: Path::new(""), row, line: None },
        }
    }
}

fn named(requests: &[ColumnRequest], columns: Vec<Column>) -> Vec<(String, Column)> {
    requests.iter().map(|request| request.name.clone()).zip(columns).collect()
}

pub(crate) fn names(frame: &DataFrame) -> Vec<String> {
    frame.get_column_names().iter().map(|name| name.to_string()).collect()
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
        let rule = "(all columns are kept here, so all files must have the same; read them one at a \
                    time)";
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
