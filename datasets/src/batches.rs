//! A source piece by piece, for files that are larger than memory.

use std::sync::Arc;

use polars::prelude::{DataFrame, DataType};

use crate::error::{Error, ErrorKind};
use crate::files::InputFile;
use crate::frame::{Frame, names};
use crate::options::ReadOptions;
use crate::parquet::ParquetFile;
use crate::report::{Places, ReadReport};
use crate::rows::add_key_columns;
use crate::source::{Format, Source};
use crate::text_batch::BatchSize;
use crate::text_file::{self, TextFile};

impl Source {
    /// All rows and columns in order, at most so many rows at a time and fewer if they are long;
    /// files one after the other, columns in the first file's order. There is always a first
    /// batch, which may be without rows.
    ///
    /// # Errors
    /// As [`Source::files`]. The iterator gives one for a malformed file, a row that cannot be read
    /// unless such rows are skipped, a column of a type that cannot be read, or files whose columns
    /// differ in name or type, and ends with it.
    pub fn batches(&self, max_rows: usize) -> Result<Batches, Error> {
        let files = self.input_files()?;
        // Files of JSON have the columns that any of them has.
        let mut ndjson_names: Vec<String> = Vec::new();
        for file in files.iter().filter(|file| file.format == Format::Ndjson) {
            for name in crate::ndjson::NdjsonReader::all_names(file, &self.options)? {
                if !ndjson_names.contains(&name) {
                    ndjson_names.push(name);
                }
            }
        }
        Ok(Batches {
            files: files.into_iter(),
            ndjson_names,
            options: Arc::new(self.options.clone()),
            size: BatchSize { max_rows: max_rows.max(1), max_bytes: MOST_BYTES },
            file: None,
            schema: None,
            ended: false,
        })
    }
}

/// Neither batches of very long rows nor what is read ahead of Parquet files grow beyond this.
const MOST_BYTES: usize = 64 << 20;

/// The iterator of [`Source::batches`].
pub struct Batches {
    files: std::vec::IntoIter<InputFile>,
    ndjson_names: Vec<String>,
    options: Arc<ReadOptions>,
    size: BatchSize,
    file: Option<(InputFile, OpenFile)>,
    /// Names and types of the first file.
    schema: Option<Vec<(String, DataType)>>,
    ended: bool,
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Batches").field("ended", &self.ended).finish_non_exhaustive()
    }
}

enum OpenFile {
    Text(Box<TextFile>),
    Parquet(ParquetRows),
}

impl Iterator for Batches {
    type Item = Result<Frame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read_next().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl Batches {
    fn read_next(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            if self.file.is_none() {
                let Some(file) = self.files.next() else { return Ok(None) };
                let open = match file.format {
                    Format::Parquet => OpenFile::Parquet(ParquetRows::open(&file)?),
                    Format::Csv | Format::Ndjson => {
                        let text = TextFile::open_all(&file, &self.options, &self.ndjson_names)?;
                        OpenFile::Text(Box::new(text))
                    }
                };
                self.file = Some((file, open));
            }
            let Some((file, open)) = &mut self.file else { return Ok(None) };
            let (frame, places, report) = match open {
                OpenFile::Text(text) => match text.next_batch(self.size)? {
                    Some(batch) => (batch.frame(text.names())?, batch.places, batch.report),
                    None => {
                        self.file = None;
                        continue;
                    }
                },
                OpenFile::Parquet(rows) => match rows.next(file, self.size)? {
                    Some((frame, first)) => {
                        let places = Places::from_row(first, frame.height());
                        (frame, places, ReadReport::default())
                    }
                    None => {
                        self.file = None;
                        continue;
                    }
                },
            };
            let frame = like_first(&mut self.schema, frame, file)?;
            return Ok(Some(Frame::of_file(frame, &file.path, places, report, &self.options)));
        }
    }
}

/// The frame with its columns in the first file's order.
fn like_first(
    schema: &mut Option<Vec<(String, DataType)>>,
    frame: DataFrame,
    file: &InputFile,
) -> Result<DataFrame, Error> {
    let types = |frame: &DataFrame| {
        let types = frame.columns().iter().map(|column| column.dtype().clone());
        names(frame).into_iter().zip(types).collect::<Vec<_>>()
    };
    let Some(first) = schema else {
        *schema = Some(types(&frame));
        return Ok(frame);
    };
    let here = types(&frame);
    if *first == here {
        return Ok(frame);
    }
    let differ = |difference| -> Error {
        ErrorKind::FilesDiffer { path: file.path.clone(), difference }.into()
    };
    for (name, expected) in first.iter() {
        match here.iter().find(|(other, _)| other == name) {
            None => return Err(differ(format!("has no column {name:?}"))),
            Some((_, found)) if found != expected => {
                return Err(differ(format!(
                    "has {found} in column {name:?} where the first file has {expected}"
                )));
            }
            Some(_) => {}
        }
    }
    if let Some((name, _)) =
        here.iter().find(|(name, _)| !first.iter().any(|(other, _)| other == name))
    {
        return Err(differ(format!("has a column {name:?} that the first file lacks")));
    }
    let order: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
    frame.select(order).map_err(|source| differ(source.to_string()))
}

/// The rows of a Parquet file, read some way ahead.
struct ParquetRows {
    file: ParquetFile,
    keys: Vec<String>,
    /// The first row of each group, then the number of rows.
    group_starts: Vec<usize>,
    bytes_per_row: usize,
    ahead: DataFrame,
    /// The row that follows those read ahead.
    next_row: usize,
    started: bool,
}

impl ParquetRows {
    fn open(input: &InputFile) -> Result<Self, Error> {
        let file = ParquetFile::open(&input.path)?;
        let mut available = file.names();
        text_file::add_keys(input, &mut available)?;
        let (mut n_rows, mut n_bytes, mut group_starts) = (0, 0, vec![0]);
        for (rows, bytes) in file.row_groups()? {
            n_rows += rows;
            n_bytes += bytes;
            group_starts.push(n_rows);
        }
        let bytes_per_row = n_bytes.checked_div(n_rows).unwrap_or(0).max(1);
        let keys = input.keys.iter().map(|(key, _)| key.clone()).collect();
        let ahead = DataFrame::empty();
        Ok(Self { file, keys, group_starts, bytes_per_row, ahead, next_row: 0, started: false })
    }

    /// The next rows, and which is the first of them.
    fn next(
        &mut self,
        input: &InputFile,
        size: BatchSize,
    ) -> Result<Option<(DataFrame, usize)>, Error> {
        let n_rows = self.group_starts.last().copied().unwrap_or(0);
        let fitting = (size.max_bytes / self.bytes_per_row).max(1);
        if self.ahead.height() == 0 {
            if self.next_row == n_rows && self.started {
                return Ok(None);
            }
            // Never across groups, and a whole one if it is not too large.
            let group_end = self.group_starts.iter().find(|start| **start > self.next_row);
            let end = group_end.map_or(n_rows, |end| *end);
            let length = (end - self.next_row).min(fitting);
            self.ahead = self.file.read_slice(self.next_row, length)?;
            add_key_columns(&mut self.ahead, input, &self.keys)?;
            self.next_row += length;
            self.started = true;
        }
        let first = self.next_row - self.ahead.height();
        let length = size.max_rows.min(self.ahead.height());
        let batch = self.ahead.slice(0, length);
        self.ahead = self.ahead.slice(length as i64, self.ahead.height() - length);
        Ok(Some((batch, first)))
    }
}
