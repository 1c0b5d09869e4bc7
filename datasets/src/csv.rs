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
//! earlier row, of at least a hundred, is empty. A row cut within its last field cannot be told
//! from a whole one, since many programs write no line end after the last row.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::csv_record::{Field, Found, find_fields};
use crate::error::{Error, ErrorKind};
use crate::files::InputFile;
use crate::input::Input;
use crate::options::ReadOptions;
use crate::text_batch::{BatchSize, MOST_COLUMNS, TextBatch};

/// Reads a file from its start to its end.
pub(crate) struct CsvReader {
    path: PathBuf,
    input: Input,
    options: ReadOptions,
    names: Vec<String>,
    /// The fields of the row found last, no more of them than there are names.
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
        n_fields: usize,
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
            Some(Row::Good { n_bytes, n_lines, n_fields }) => {
                let Ok(text) = std::str::from_utf8(&reader.input.pending()[..n_bytes]) else {
                    return Err(reader.header_error(NOT_UTF_8.to_owned()));
                };
                let names = reader.fields.iter().map(|field| field.text(text).into_owned());
                let names: Vec<String> = names.collect();
                if let Some(reason) = no_header(&names) {
                    return Err(reader.header_error(reason.to_owned()));
                }
                if n_fields > MOST_COLUMNS {
                    let many = format!("found {n_fields} columns, expected at most {MOST_COLUMNS}");
                    return Err(reader.header_error(many));
                }
                reader.names = names;
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
            let (line, wrong) = match self.next_row()? {
                None => return Ok(false),
                Some(Row::Bad { line, reason }) => (line, Some(reason)),
                Some(Row::Good { n_bytes, n_lines, n_fields }) => {
                    let line = self.line;
                    let wrong = self.add(columns, (n_bytes, n_fields), batch)?;
                    n_bytes_read += BatchSize::weight(n_bytes, columns.len());
                    self.consume(n_bytes, n_lines);
                    (line, wrong)
                }
            };
            let place = (self.n_rows, Some(line));
            self.n_rows += 1;
            match wrong {
                Some(reason) => {
                    batch.report.bad_row(self.options.bad_rows, &self.path, place, reason)?;
                }
                None => {
                    batch.places.push(place.0, place.1);
                    batch.n_rows += 1;
                }
            }
        }
        Ok(true)
    }

    /// Adds the row at the start of the input, or tells what is wrong with it.
    fn add(
        &mut self,
        columns: &[usize],
        (n_bytes, found): (usize, usize),
        batch: &mut TextBatch,
    ) -> Result<Option<String>, Error> {
        let expected = self.names.len();
        if found != expected {
            let hint = match other_delimiter(&self.names) {
                Some(other) => format!("; is the delimiter {other:?}?"),
                None => String::new(),
            };
            return Ok(Some(format!(
                "found {found} fields, expected {expected} as in the header{hint}"
            )));
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
            let most = if self.names.is_empty() { MOST_COLUMNS } else { self.names.len() };
            match find_fields(pending, ended, delimiter, most, &mut self.fields) {
                Found::Row { n_bytes, .. } if n_bytes > self.options.max_record_bytes => {
                    return self.too_long().map(Some);
                }
                Found::Row { n_bytes, n_lines, n_fields } => {
                    return Ok(Some(Row::Good { n_bytes, n_lines, n_fields }));
                }
                Found::Incomplete if pending.len() > self.options.max_record_bytes => {
                    return self.too_long().map(Some);
                }
                Found::Incomplete => self.input.fill()?,
                // What follows the line may be whole again: rows that an unclosed quote has
                // swallowed must not be lost with it.
                Found::Unclosed => {
                    return self.skip_line("a quote that is never closed".to_owned()).map(Some);
                }
                Found::Broken { n_lines } => {
                    let mut reason = "text after a closing quote".to_owned();
                    if n_lines > 0 {
                        reason.push_str(&format!(" on line {}", self.line + n_lines));
                    }
                    return self.skip_line(reason).map(Some);
                }
            }
        }
    }

    fn too_long(&mut self) -> Result<Row, Error> {
        let longest = self.options.max_record_bytes;
        self.skip_line(format!(
            "longer than {longest} bytes, the most a row may have; is a quote not closed?"
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
            // So many blank lines are not held to see what is behind them.
            if self.input.has_ended() || after.len() > self.options.max_record_bytes {
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

/// Why names are none, if so.
fn no_header(names: &[String]) -> Option<&'static str> {
    let any = |wrong: &dyn Fn(&str) -> bool| names.iter().any(|name| wrong(name));
    if any(&|name| name.contains('\0')) {
        return Some(UTF_16);
    }
    any(&|name| name.replace("\r\n", "").contains('\r')).then_some(
        "a carriage return that no line feed follows; save the file with line ends \\n or \\r\\n",
    )
}

/// By what a header of one name seems to be separated.
pub(crate) fn other_delimiter(names: &[String]) -> Option<char> {
    let [header] = names else { return None };
    header.chars().find(|character| ";\t|,".contains(*character))
}

const NOT_UTF_8: &str =
    "bytes that are not UTF-8; save the file as UTF-8 or set encoding, for one to windows-1252";
const UTF_16: &str = "the file is in UTF-16; save it as UTF-8";

#[cfg(test)]
mod tests;
