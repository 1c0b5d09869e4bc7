//! Writing a file batch by batch. Which batches the rows came in does not show in its bytes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use polars::io::parquet::write::BatchedWriter;
use polars::polars_utils::compression::ZstdLevel;
use polars::prelude::{
    CsvWriter, DataFrame, DataType, ParquetCompression, ParquetWriter, QuoteStyle, SerWriter,
};

use crate::error::{Error, ErrorKind};
use crate::frame::{Frame, names};
use crate::source::Format;
use crate::write::{Temporary, csv_column, unwritable};

/// Writes frames one after the other into one CSV or Parquet file, by the rules of
/// [`write_table`](crate::write_table). Under its own name the file is seen only once
/// [`FrameWriter::finish`] has come to its end; dropped before, nothing is left of it.
pub struct FrameWriter {
    path: PathBuf,
    temporary: Temporary,
    /// To make the file's contents lasting.
    file: File,
    rows: Rows,
    schema: Option<Vec<(String, DataType)>>,
    n_rows: usize,
}

enum Rows {
    Csv(BufWriter<File>),
    Parquet {
        /// Made when the columns are known.
        writer: Option<Box<BatchedWriter<BufWriter<File>>>>,
        /// Too few rows for a group.
        pending: DataFrame,
    },
}

impl std::fmt::Debug for FrameWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("FrameWriter");
        shown.field("path", &self.path).field("n_rows", &self.n_rows).finish_non_exhaustive()
    }
}

impl FrameWriter {
    /// Begins a file, CSV or Parquet as its extension tells. One that exists stays until the end.
    ///
    /// # Errors
    /// An unknown extension, or a folder in which no file can be made.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let format = Format::to_write(path)?;
        let (temporary, file) = Temporary::create(path)?;
        let rows = match format {
            Format::Parquet => Rows::Parquet { writer: None, pending: DataFrame::empty() },
            Format::Csv | Format::Ndjson => Rows::Csv(BufWriter::new(duplicate(&file, path)?)),
        };
        Ok(Self { path: path.to_owned(), temporary, file, rows, schema: None, n_rows: 0 })
    }

    /// Adds the rows of a frame, whose columns must be those of the first.
    ///
    /// # Errors
    /// Other columns or types, a column that the format cannot hold, or a disk that is full.
    pub fn write_batch(&mut self, frame: &Frame) -> Result<(), Error> {
        self.write_polars(frame.polars())
    }

    pub(crate) fn write_polars(&mut self, frame: &DataFrame) -> Result<(), Error> {
        let types = frame.columns().iter().map(|column| column.dtype().clone());
        let schema: Vec<_> = names(frame).into_iter().zip(types).collect();
        let is_first = self.schema.is_none();
        if *self.schema.get_or_insert_with(|| schema.clone()) != schema {
            let difference = "is given batches of different columns".to_owned();
            return Err(ErrorKind::FilesDiffer { path: self.path.clone(), difference }.into());
        }
        let path = self.path.as_path();
        match &mut self.rows {
            Rows::Csv(file) => {
                let columns = frame.columns().iter().map(|column| csv_column(column, path));
                let columns = columns.collect::<Result<Vec<_>, Error>>()?;
                DataFrame::new(frame.height(), columns)
                    .and_then(|mut frame| {
                        CsvWriter::new(file)
                            .include_header(is_first)
                            .with_quote_style(QuoteStyle::Necessary)
                            .finish(&mut frame)
                    })
                    .map_err(|source| unwritable(path, source))?;
            }
            Rows::Parquet { writer, pending } => {
                if is_first {
                    let file = BufWriter::new(duplicate(&self.file, path)?);
                    *writer = Some(Box::new(begin_parquet(file, frame, path)?));
                    *pending = frame.clone();
                } else {
                    pending.vstack_mut(frame).map_err(|source| unwritable(path, source))?;
                }
                while pending.height() >= ROWS_PER_GROUP {
                    write_group(writer, pending.slice(0, ROWS_PER_GROUP), path)?;
                    let left = pending.height() - ROWS_PER_GROUP;
                    *pending = pending.slice(ROWS_PER_GROUP as i64, left);
                }
            }
        }
        self.n_rows += frame.height();
        Ok(())
    }

    /// Ends the file and gives it its name, in place of one that has it. Gives the number of rows.
    ///
    /// # Errors
    /// A file that cannot be written; under the name is then what was there before.
    pub fn finish(self) -> Result<usize, Error> {
        let path = self.path.as_path();
        match self.rows {
            Rows::Csv(mut file) => {
                file.flush().map_err(|source| ErrorKind::Io { path: path.to_owned(), source })?;
            }
            Rows::Parquet { mut writer, pending } => {
                if writer.is_none() {
                    let file = BufWriter::new(duplicate(&self.file, path)?);
                    writer = Some(Box::new(begin_parquet(file, &pending, path)?));
                }
                if pending.height() > 0 {
                    write_group(&mut writer, pending, path)?;
                }
                if let Some(writer) = writer {
                    writer.finish().map_err(|source| unwritable(path, source))?;
                }
            }
        }
        self.temporary.publish(&self.file, path)?;
        Ok(self.n_rows)
    }
}

/// Readers skip whole groups by their smallest and largest value: a day of payments, or a few.
const ROWS_PER_GROUP: usize = 1 << 17;

fn begin_parquet(
    file: BufWriter<File>,
    frame: &DataFrame,
    path: &Path,
) -> Result<BatchedWriter<BufWriter<File>>, Error> {
    let begin = || {
        ParquetWriter::new(file)
            .with_compression(ParquetCompression::Zstd(Some(ZstdLevel::try_new(1)?)))
            .batched(frame.schema())
    };
    begin().map_err(|source| unwritable(path, source).into())
}

fn write_group(
    writer: &mut Option<Box<BatchedWriter<BufWriter<File>>>>,
    mut group: DataFrame,
    path: &Path,
) -> Result<(), Error> {
    // How the rows came to be must not show in the bytes.
    group.rechunk_mut();
    match writer {
        Some(writer) => {
            writer.write_batch(&group).map_err(|source| unwritable(path, source).into())
        }
        None => Ok(()),
    }
}

/// A second handle on the same file.
fn duplicate(file: &File, path: &Path) -> Result<File, Error> {
    file.try_clone().map_err(|source| ErrorKind::Io { path: path.to_owned(), source }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BadRows, Column, ColumnKind, ColumnRequest, ReadOptions, Source, Values};
    use std::fs;

    fn source(path: &Path) -> Source {
        Source::new(path.to_str().unwrap())
    }

    /// Passes all rows through in batches of this size.
    fn pass(source: &Source, max_rows: usize, out: &Path) -> usize {
        let mut writer = FrameWriter::create(out).unwrap();
        for batch in source.batches(max_rows).unwrap() {
            let mut batch = batch.unwrap();
            assert!(batch.n_rows() <= max_rows);
            let request = [ColumnRequest::new("n", ColumnKind::Number)];
            let table = batch.table(&request).unwrap();
            batch.with_column("again", table.column("n").unwrap()).unwrap();
            writer.write_batch(&batch).unwrap();
            assert!(!out.exists(), "nothing is seen before the end");
        }
        writer.finish().unwrap()
    }

    #[test]
    fn batches_of_any_size_give_the_file_that_the_whole_gives() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("day=1")).unwrap();
        let rows = |range: std::ops::Range<i64>| {
            range.map(|n| format!("{n},\"w,{}\"\n", n % 7)).collect::<String>()
        };
        fs::write(at("day=1/1.csv"), format!("n,w\n{}", rows(0..5))).unwrap();
        fs::write(at("day=1/2.csv"), "w,n\n").unwrap();
        fs::write(at("day=1/3.csv"), format!("n,w\n{}", rows(5..140_000))).unwrap();
        let csv = source(&at("day=1"));
        let mut whole = Frame::read(&csv).unwrap();
        let table = whole.table(&[ColumnRequest::new("n", ColumnKind::Number)]).unwrap();
        whole.with_column("again", table.column("n").unwrap()).unwrap();
        for ending in ["csv", "parquet"] {
            let (expected, out) = (at(&format!("whole.{ending}")), at(&format!("out.{ending}")));
            whole.write(&expected).unwrap();
            for max_rows in [3_001, 1 << 20] {
                assert_eq!(pass(&csv, max_rows, &out), 140_000);
                assert!(fs::read(&out).unwrap() == fs::read(&expected).unwrap(), "{max_rows}");
                fs::remove_file(&out).unwrap();
            }
            let again = Frame::read(&source(&expected)).unwrap();
            assert_eq!(again.column_names(), ["n", "w", "day", "again"]);
        }
        // Parquet read in pieces, in groups of 131,072 rows.
        let mut next = 0.0;
        for batch in source(&at("whole.parquet")).batches(50_000).unwrap() {
            let batch = batch.unwrap();
            let table = batch.table(&[ColumnRequest::new("again", ColumnKind::Number)]).unwrap();
            let Values::Number(values) = table.column("again").unwrap().values() else { panic!() };
            for value in values {
                assert_eq!(value.to_bits(), f64::to_bits(next));
                next += 1.0;
            }
        }
        assert_eq!(next.to_bits(), 140_000_f64.to_bits());
    }

    #[test]
    fn what_is_not_finished_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.csv");
        fs::write(&path, "n\n1\n").unwrap();
        let out = folder.path().join("out.parquet");
        let mut writer = FrameWriter::create(&out).unwrap();
        for batch in source(&path).batches(1).unwrap() {
            writer.write_batch(&batch.unwrap()).unwrap();
        }
        drop(writer);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(FrameWriter::create(&folder.path().join("out.csv.gz")).is_err());
    }

    #[test]
    fn pandas_categories_pass_and_unknown_types_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/dictionary.parquet");
        let error = Source::new(file).batches(2).unwrap().next().unwrap().unwrap_err();
        assert!(error.to_string().contains("found type struct"), "{error}");
        let request = [ColumnRequest::new("browser", ColumnKind::Text)];
        let table = Source::new(file).read(&request, None).unwrap();
        let path = folder.path().join("browser.parquet");
        crate::write_table(&table, &path).unwrap();
        let batches: Vec<_> = source(&path).batches(3).unwrap().map(Result::unwrap).collect();
        let sizes: Vec<_> = batches.iter().map(Frame::n_rows).collect();
        assert_eq!(sizes, [3, 1]);
    }

    #[test]
    fn rows_that_cannot_be_read_are_taken_out_and_places_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.ndjson");
        fs::write(
            &path,
            "{\"n\":1,\"tags\":[1,\"a\"]}\n{\n{\"n\":\"x\"}\n{\"n\":4}\n{\"n\":\"y\"}\n",
        )
        .unwrap();
        let options = ReadOptions { bad_rows: BadRows::Skip, ..ReadOptions::default() };
        let source = Source { options, ..source(&path) };
        let mut frame = Frame::read(&source).unwrap();
        assert_eq!((frame.n_rows(), frame.report().rows_skipped), (4, 1));
        let request = [ColumnRequest::new("n", ColumnKind::Integer)];
        let error = frame.table(&request).unwrap_err().to_string();
        assert!(error.ends_with("data row 3: expected a whole number, found x"), "{error}");
        let table = frame.take_readable(&request).unwrap();
        assert_eq!(table.column("n"), Some(&Column::new(Values::Integer(vec![1, 4]))));
        let report = frame.report();
        assert_eq!((frame.n_rows(), report.rows_read, report.rows_skipped), (2, 2, 3));
        assert_eq!((report.files[0].rows_read, report.examples[2].line), (2, Some(5)));
        let out = folder.path().join("out.csv");
        frame.write(&out).unwrap();
        assert_eq!(fs::read_to_string(out).unwrap(), "n,tags\n1,\"[1,\"\"a\"\"]\"\n4,\n");
    }
}
