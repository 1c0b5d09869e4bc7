//! Reading the columns asked for, file by file, so that an error names file, column and row. Of
//! text files a few thousand rows at a time are held as they were stored, of Parquet one file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use polars::prelude::DataType;

use crate::convert_all::{Place, Stored, convert_all};
use crate::csv::other_delimiter;
use crate::error::{Error, ErrorKind};
use crate::options::BadRows;
use crate::options::ReadOptions;
use crate::parquet::ParquetFile;
use crate::report::ReadReport;
use crate::rows::{ParquetPart, rows_in_range, wanted};
use crate::source::{Format, Source};
use crate::table::{Column, Table, Values};
use crate::text_batch::BatchSize;
use crate::text_file::{self, TextFile};

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

/// What a column should hold. Null, empty text, NaN and the source's
/// [`null_values`](crate::ReadOptions::null_values) are null in every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// Numbers, or text that stands for them; infinities are kept. Gives [`Values::Number`].
    Number,
    /// Whole numbers, also when stored as floats (up to 2^53) or text. Gives [`Values::Integer`].
    Integer,
    /// Truth values, 0 and 1, or `true` and `false` in any case. Gives [`Values::Boolean`].
    Boolean,
    /// Text; numbers and truth values as they are written, whole numbers without a point also when
    /// stored as floats, so that a category is the same in every file. Gives [`Values::Text`].
    Text,
    /// Dates and times of any unit and zone, whole seconds since 1970, or either as text (see
    /// [`parse_time`](crate::time::parse_time)) or in a
    /// [format of the source's own](crate::ReadOptions::time_formats); without a zone UTC. Years 1 to 9999. Gives
    /// [`Values::Time`].
    Time,
    /// Ids, to be compared only. Gives [`Values::Integer`] if every value is a whole number,
    /// written without plus sign or leading zeros if it is text; else [`Values::Text`].
    Key,
}

impl ColumnKind {
    pub(crate) fn expected(self, options: &ReadOptions) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::Boolean => "0 or 1",
            Self::Text => "text",
            Self::Time if !options.time_formats.is_empty() => "a time in the time_format given",
            Self::Time => {
                "a time such as 2018-04-01 00:00:31 or seconds since 1970 (for others set \
                 time_format, such as %m/%d/%Y %H:%M)"
            }
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
    /// all columns of a text file), and of the columns that its folders' names give. An NDJSON file
    /// is walked through for them.
    ///
    /// # Errors
    /// As [`Source::files`], and a file that cannot be read.
    pub fn columns(&self) -> Result<Vec<(String, String)>, Error> {
        let files = self.input_files()?;
        let Some(file) = files.first() else { return Ok(Vec::new()) };
        let text = DataType::String.to_string();
        let (names, mut types) = match file.format {
            Format::Parquet => {
                let parquet = ParquetFile::open(&file.path)?;
                let mut names = parquet.names();
                let types = parquet.type_names().collect();
                text_file::add_keys(file, &mut names)?;
                (names, types)
            }
            Format::Csv | Format::Ndjson => (text_file::names(file, &self.options)?, Vec::new()),
        };
        types.resize(names.len(), text);
        Ok(names.into_iter().zip(types).collect())
    }

    /// By what the fields of the first file, of CSV, seem to be separated instead of the
    /// [delimiter](crate::ReadOptions::delimiter), if its header is one name that holds a semicolon, a
    /// tab, a bar or a comma.
    ///
    /// # Errors
    /// As [`Source::columns`].
    pub fn other_delimiter(&self) -> Result<Option<u8>, Error> {
        let is_csv = self.input_files()?.first().is_some_and(|file| file.format == Format::Csv);
        let names: Vec<String> = self.columns()?.into_iter().map(|(name, _)| name).collect();
        let other = other_delimiter(&names).filter(|_| is_csv);
        Ok(other.and_then(|delimiter| u8::try_from(delimiter).ok()))
    }

    /// The columns asked for, in that order, of the rows in the range: all files' rows, one file
    /// after the other. Only the values of rows in the range are looked at and can be wrong. A
    /// range without `from` and `to` holds all rows.
    ///
    /// With [`BadRows::Skip`](crate::BadRows::Skip), rows are left out that [`Source::read_counted`]
    /// counts.
    ///
    /// # Errors
    /// As [`Source::files`]; a malformed file; a column that a file does not have (an NDJSON file
    /// may lack one if another file has it) or that was asked for twice; a row that cannot be read
    /// or a value that is not what was asked for, unless such rows are skipped.
    pub fn read(
        &self,
        columns: &[ColumnRequest],
        rows: Option<&TimeRange>,
    ) -> Result<Table, Error> {
        Ok(self.read_counted(columns, rows)?.0)
    }

    /// As [`Source::read`], with the counts of the rows read and left out.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn read_counted(
        &self,
        columns: &[ColumnRequest],
        rows: Option<&TimeRange>,
    ) -> Result<(Table, ReadReport), Error> {
        refuse_duplicates(columns)?;
        let judged = self.judged_columns(columns)?;
        let (read, report) = self.read_columns(&[columns, &judged].concat(), rows)?;
        let names = columns.iter().map(|request| request.name.clone());
        Ok((Table::new(names.zip(read).collect())?, report))
    }

    /// The columns of `options.judged_by` that the files have and that are not asked for as the same
    /// kind.
    fn judged_columns(&self, columns: &[ColumnRequest]) -> Result<Vec<ColumnRequest>, Error> {
        if self.options.bad_rows == BadRows::Error || self.options.judged_by.is_empty() {
            return Ok(Vec::new());
        }
        let present = self.columns()?;
        let is_new = |judge: &&ColumnRequest| {
            present.iter().any(|(name, _)| *name == judge.name) && !columns.contains(*judge)
        };
        Ok(self.options.judged_by.iter().filter(is_new).cloned().collect())
    }

    /// Reads columns, of which one may be asked for as several kinds.
    fn read_columns(
        &self,
        columns: &[ColumnRequest],
        rows: Option<&TimeRange>,
    ) -> Result<(Vec<Column>, ReadReport), Error> {
        let rows = rows.filter(|range| range.from.is_some() || range.to.is_some());
        let mut whole = Whole { columns, read: None, report: ReadReport::default() };
        let mut lacking = Lacking::default();
        for file in self.input_files()? {
            if file.format == Format::Parquet {
                let part = ParquetPart::read(&file, columns, rows, &self.options)?;
                whole.report.merge(part.report.clone());
                whole.add(&Stored::Frame(&part.frame), &self.options, |position| {
                    Ok(Place { path: &file.path, row: part.row(position)?, line: None })
                })?;
                lacking.everything_found = true;
                continue;
            }
            let wanted = wanted(columns, rows);
            let mut text = TextFile::open(&file, &self.options, &wanted)?;
            // While one batch is converted, another thread reads the next.
            std::thread::scope(|scope| -> Result<(), Error> {
                let (sender, batches) = std::sync::mpsc::sync_channel(1);
                let text = &mut text;
                scope.spawn(move || {
                    loop {
                        let next = text.next_batch(BatchSize::TO_CONVERT).transpose();
                        let is_last = !matches!(next, Some(Ok(_)));
                        if sender.send(next).is_err() || is_last {
                            break;
                        }
                    }
                });
                for batch in batches.into_iter().flatten() {
                    let batch = rows_in_range(&file.path, batch?, &wanted, rows, &self.options)?;
                    whole.report.merge(batch.report);
                    let stored = Stored::Text { names: &wanted, columns: &batch.columns };
                    whole.add(&stored, &self.options, |position| {
                        let (row, line) = batch.places.get(position);
                        Ok(Place { path: &file.path, row, line })
                    })?;
                }
                Ok(())
            })?;
            lacking.add(&file.path, &text);
        }
        lacking.refuse()?;
        Ok((whole.read.unwrap_or_default(), whole.report))
    }
}

/// What was read so far.
struct Whole<'a> {
    columns: &'a [ColumnRequest],
    read: Option<Vec<Column>>,
    report: ReadReport,
}

impl Whole<'_> {
    /// Converts and adds rows of one file.
    fn add<'p>(
        &mut self,
        stored: &Stored<'_>,
        options: &ReadOptions,
        place: impl Fn(usize) -> Result<Place<'p>, Error>,
    ) -> Result<(), Error> {
        let mut converted = convert_all(stored, self.columns, options, &place)?;
        let n_rows = stored.n_rows();
        if n_rows > 0 {
            self.report.read(place(0)?.path, n_rows - converted.wrong.len());
        }
        self.report.merge(std::mem::take(&mut converted.report));
        let read = converted.into_good_columns(n_rows);
        match &mut self.read {
            None => self.read = Some(read),
            Some(whole) => append(whole, read, self.columns)?,
        }
        Ok(())
    }
}

/// Columns that the NDJSON files read so far lack in every row.
#[derive(Default)]
struct Lacking {
    /// The first file and what it has instead.
    first: Option<(PathBuf, Vec<String>)>,
    columns: Vec<String>,
    everything_found: bool,
}

impl Lacking {
    fn add(&mut self, path: &Path, text: &TextFile) {
        let missing: Vec<String> = text.missing().map(str::to_owned).collect();
        if self.first.is_none() {
            let has = text.names().iter().filter(|name| !missing.contains(name));
            let has = has.chain(text.others()).cloned().collect();
            self.first = Some((path.to_owned(), has));
            self.columns = missing;
        } else {
            self.columns.retain(|column| missing.contains(column));
        }
    }

    /// A field that no row of any file has is a mistake in its name, rather than null throughout.
    fn refuse(self) -> Result<(), Error> {
        match (self.first, self.columns.into_iter().next()) {
            (Some((path, available)), Some(column)) if !self.everything_found => {
                Err(ErrorKind::FileColumnMissing { path, column, available }.into())
            }
            _ => Ok(()),
        }
    }
}

/// Refuses a request that names a column twice.
pub(crate) fn refuse_duplicates(columns: &[ColumnRequest]) -> Result<(), Error> {
    let mut known = HashSet::new();
    match columns.iter().find(|request| !known.insert(request.name.as_str())) {
        Some(request) => Err(ErrorKind::DuplicateColumn { column: request.name.clone() }.into()),
        None => Ok(()),
    }
}

/// Refuses names that are not among those of the file.
pub(crate) fn refuse_missing(
    path: &Path,
    wanted: &[String],
    available: &[String],
) -> Result<(), Error> {
    let known: HashSet<&String> = available.iter().collect();
    let missing = wanted.iter().find(|name| !known.contains(name));
    if missing.is_some()
        && let Some(delimiter) = other_delimiter(available)
    {
        let header = available.iter().flat_map(|name| name.chars()).take(60).collect();
        return Err(ErrorKind::Delimiter { path: path.to_owned(), header, delimiter }.into());
    }
    match missing {
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
mod tests;
