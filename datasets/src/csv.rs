//! CSV files as columns of text. Values stay as written, so that they can be written back; what
//! they mean is decided in `convert`.
//!
//! Fields are separated by the delimiter and may be quoted with `"` (a quote inside is doubled,
//! line breaks are allowed). Lines end in `\n` or `\r\n`; blank lines are passed over, unless there
//! is only one column, where a blank line is a null. An empty field, quoted or not, is null.
//!
//! Every row has as many fields as the header; any other is bad. So is a row cut in the middle
//! whose missing fields a program has filled up with nothing: the last row of a file, if at least
//! half of its fields, and at least two, are empty up to the end, while the last field of no
//! earlier row, of at least a hundred, is empty.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::csv_record::{Field, Found, find_fields};
use crate::error::{Error, ErrorKind};
use crate::files::InputFile;
use crate::input::Input;
use crate::options::{BadRows, ReadOptions};
use crate::report::BadRow;
use crate::text_batch::{BatchSize, TextBatch};

/// Reads a file from its start to its end.
pub(crate) struct CsvReader {
    path: PathBuf,
    input: Input,
    options: ReadOptions,
    names: Vec<String>,
    /// The fields of the row found last.
    fields: Vec<Field>,
    /// The line the next row starts on, from 1.
    line: usize,
    /// The rows of data before.
    n_rows: usize,
    /// Whether an earlier row's last field is empty.
    may_end_empty: bool,
}

/// The next row, which is not consumed yet.
enum Row {
    Good {
        n_bytes: usize,
        n_lines: usize,
    },
    /// Already passed over.
    Bad {
        line: usize,
        reason: String,
    },
}

impl CsvReader {
    /// Opens a file and reads the header.
    pub(crate) fn open(file: &InputFile, options: &ReadOptions) -> Result<Self, Error> {
        let mut reader = Self {
            path: file.path.clone(),
            input: Input::open(&file.path, options)?,
            options: options.clone(),
            names: Vec::new(),
            fields: Vec::new(),
            line: 1,
            n_rows: 0,
            may_end_empty: false,
        };
        reader.input.fill()?;
        if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = reader.input.pending() {
            return Err(reader.header_error(UTF_16.to_owned()));
        }
        match reader.next_row()? {
            None => {
                let nothing = "expected a header with column names, found nothing";
                return Err(reader.header_error(nothing.to_owned()));
            }
            Some(Row::Bad { line, reason }) => {
                let path = reader.path;
                return Err(ErrorKind::CsvHeader { path, line, reason }.into());
            }
            Some(Row::Good { n_bytes, n_lines }) => {
                let Ok(text) = std::str::from_utf8(&reader.input.pending()[..n_bytes]) else {
                    return Err(reader.header_error(NOT_UTF_8.to_owned()));
                };
                let names = reader.fields.iter().map(|field| field.text(text).into_owned());
                reader.names = names.collect();
                reader.consume(n_bytes, n_lines);
            }
        }
        let mut known = HashSet::new();
        if let Some(column) = reader.names.iter().find(|name| !known.insert(name.as_str())) {
            let (path, column) = (file.path.clone(), column.clone());
            return Err(ErrorKind::FileColumnTwice { path, column }.into());
        }
        Ok(reader)
    }

    /// The names in the header.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Adds the next rows to a batch, only these columns of them, until it is full. Whether there
    /// may be more.
    pub(crate) fn read(
        &mut self,
        columns: &[usize],
        size: BatchSize,
        batch: &mut TextBatch,
    ) -> Result<bool, Error> {
        let mut n_bytes_read = 0;
        while batch.n_rows < size.max_rows && n_bytes_read < size.max_bytes {
            let line = match self.next_row()? {
                None => return Ok(false),
                Some(Row::Bad { line, reason }) => {
                    self.bad_row(line, reason, batch)?;
                    continue;
                }
                Some(Row::Good { n_bytes, n_lines }) => {
                    let line = self.line;
                    let found = self.add(columns, n_bytes, batch)?;
                    n_bytes_read += n_bytes;
                    self.consume(n_bytes, n_lines);
                    if let Some(reason) = found {
                        self.bad_row(line, reason, batch)?;
                        continue;
                    }
                    line
                }
            };
            batch.places.push(self.n_rows, Some(line));
            batch.n_rows += 1;
            self.n_rows += 1;
        }
        Ok(true)
    }

    /// Adds the row at the start of the input, or tells what is wrong with it.
    fn add(
        &mut self,
        columns: &[usize],
        n_bytes: usize,
        batch: &mut TextBatch,
    ) -> Result<Option<String>, Error> {
        let (expected, found) = (self.names.len(), self.fields.len());
        if found != expected {
            return Ok(Some(format!("found {found} fields, expected {expected} as in the header")));
        }
        if !self.may_end_empty && self.fields.last().is_some_and(Field::is_empty) {
            let empty = self.fields.iter().rev().take_while(|field| field.is_empty()).count();
            let cut = self.n_rows >= ROWS_THAT_PROVE && empty >= 2 && empty * 2 >= expected;
            if cut && self.nothing_follows(n_bytes)? {
                return Ok(Some(format!("the last row is cut: its last {empty} fields are empty")));
            }
            self.may_end_empty = true;
        }
        let Ok(text) = std::str::from_utf8(&self.input.pending()[..n_bytes]) else {
            return Ok(Some(NOT_UTF_8.to_owned()));
        };
        for (column, position) in batch.columns.iter_mut().zip(columns) {
            // A column that is not in the file stays as it is.
            if let Some(field) = self.fields.get(*position) {
                column.push(&field.text(text));
            }
        }
        Ok(None)
    }

    /// Counts a row that cannot be read, or refuses it.
    fn bad_row(&mut self, line: usize, reason: String, batch: &mut TextBatch) -> Result<(), Error> {
        let row = self.n_rows;
        self.n_rows += 1;
        if self.options.bad_rows == BadRows::Error {
            let (path, line, row) = (self.path.clone(), Some(line), row + 1);
            return Err(ErrorKind::Row(BadRow { path, line, row, reason }).into());
        }
        batch.report.skip(&self.path, (row, Some(line)), || reason);
        Ok(())
    }

    /// Finds the next row.
    fn next_row(&mut self) -> Result<Option<Row>, Error> {
        loop {
            if self.names.len() != 1 {
                self.skip_blank_lines()?;
            }
            let (pending, ended) = (self.input.pending(), self.input.has_ended());
            if pending.is_empty() && ended {
                return Ok(None);
            }
            let delimiter = self.options.delimiter;
            match find_fields(pending, ended, delimiter, &mut self.fields) {
                Found::Row { n_bytes, .. } if n_bytes > self.options.max_record_bytes => {
                    return self.too_long().map(Some);
                }
                Found::Row { n_bytes, n_lines } => return Ok(Some(Row::Good { n_bytes, n_lines })),
                Found::Incomplete if pending.len() > self.options.max_record_bytes => {
                    return self.too_long().map(Some);
                }
                Found::Incomplete => self.input.fill()?,
                // What follows the line may be whole again.
                Found::Unclosed => {
                    return self.skip_line("a quote that is never closed".to_owned()).map(Some);
                }
                Found::Broken { n_bytes, n_lines } => {
                    let line = self.line;
                    self.consume(n_bytes, n_lines);
                    let broken_on = self.line;
                    self.skip_line(String::new())?;
                    let reason = if broken_on == line {
                        "text after a closing quote".to_owned()
                    } else {
                        format!("text after a closing quote on line {broken_on}")
                    };
                    return Ok(Some(Row::Bad { line, reason }));
                }
            }
        }
    }

    fn too_long(&mut self) -> Result<Row, Error> {
        let longest = self.options.max_record_bytes;
        self.skip_line(format!(
            "longer than {longest} bytes (max_record_bytes); is a quote not closed?"
        ))
    }

    fn skip_line(&mut self, reason: String) -> Result<Row, Error> {
        let line = self.line;
        self.input.skip_line()?;
        self.line += 1;
        Ok(Row::Bad { line, reason })
    }

    fn skip_blank_lines(&mut self) -> Result<(), Error> {
        loop {
            match self.input.pending() {
                [b'\n', ..] => self.consume(1, 1),
                [b'\r', b'\n', ..] => self.consume(2, 1),
                [b'\r'] if self.input.has_ended() => self.consume(1, 1),
                [] | [b'\r'] if !self.input.has_ended() => self.input.fill()?,
                _ => return Ok(()),
            }
        }
    }

    /// Whether the file has only line ends after the next so many bytes.
    fn nothing_follows(&mut self, n_bytes: usize) -> Result<bool, Error> {
        loop {
            let after = &self.input.pending()[n_bytes..];
            if after.iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
                return Ok(false);
            }
            if self.input.has_ended() {
                return Ok(true);
            }
            self.input.fill()?;
        }
    }

    fn consume(&mut self, n_bytes: usize, n_lines: usize) {
        self.input.consume(n_bytes);
        self.line += n_lines;
    }

    fn header_error(&self, reason: String) -> Error {
        ErrorKind::CsvHeader { path: self.path.clone(), line: 1, reason }.into()
    }
}

/// So many rows without an empty last field, and one that ends in nothing is no accident of the data.
const ROWS_THAT_PROVE: usize = 100;
const NOT_UTF_8: &str =
    "bytes that are not UTF-8; save the file as UTF-8 or set encoding, for one to windows-1252";
const UTF_16: &str = "the file is in UTF-16; save it as UTF-8";

#[cfg(test)]
mod tests;
