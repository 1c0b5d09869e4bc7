//! What can go wrong while data is read or written, in words a person can act on.

use std::path::{Path, PathBuf};

use crate::report::BadRow;

/// Why data could not be read or written: file, column, row and value where they are known.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] ErrorKind);

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }
}

/// The kinds of [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A column was asked for that the data does not have.
    #[error("column {column:?} is not there; the data has {}", list(available))]
    ColumnMissing {
        /// The column asked for.
        column: String,
        /// The columns present.
        available: Vec<String>,
    },
    /// A column holds another type than asked for.
    #[error("column {column:?} should hold {expected} but holds {found}")]
    ColumnType {
        /// The column.
        column: String,
        /// The type asked for.
        expected: &'static str,
        /// The type found.
        found: String,
    },
    /// Columns of one table differ in length.
    #[error("column {column:?} has {found} rows where {expected} were expected")]
    ColumnLength {
        /// The column.
        column: String,
        /// Rows of the first column.
        expected: usize,
        /// Rows of this one.
        found: usize,
    },
    /// Two columns share a name.
    #[error("column {column:?} appears twice")]
    DuplicateColumn {
        /// The column.
        column: String,
    },
    /// Tables with different numbers of columns cannot be appended.
    #[error("{found} columns where {expected} were expected")]
    ColumnCount {
        /// Columns of the first table.
        expected: usize,
        /// Columns of the second.
        found: usize,
    },
    /// A file could not be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// There is no such file.
    #[error("{} does not exist", path.display())]
    FileMissing {
        /// The file.
        path: PathBuf,
    },
    /// A file of no bytes: a dump that has not been written yet, more often than no data.
    #[error("{} is empty (0 bytes)", path.display())]
    FileEmpty {
        /// The file.
        path: PathBuf,
    },
    /// A pattern that stands for no file at all.
    #[error("no file matches {pattern:?}")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// A pattern that cannot be understood.
    #[error("file pattern {pattern:?}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A format that can be read but not written.
    #[error("{}: only CSV and Parquet are written, uncompressed; expected a name that ends in .csv, .parquet or .pq", path.display())]
    ReadOnlyFormat {
        /// The file.
        path: PathBuf,
    },
    /// A folder without any file in a known format.
    #[error("{} holds no file that ends in .csv, .ndjson, .jsonl, .parquet or .pq", path.display())]
    FolderEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The extension does not tell the format.
    #[error("{}: expected a name that ends in .csv, .ndjson, .jsonl (each also with .gz or .zst), .parquet or .pq", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// A file is not what its format prescribes.
    #[error("{} is not readable as {format}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The format it was taken for.
        format: &'static str,
        /// The reader's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Columns do not make a table.
    #[error("columns that do not fit together")]
    Frame {
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Data could not be put in the format of the file.
    #[error("{} could not be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The writer's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The header of a CSV file is malformed.
    #[error("{}, line {line}: {reason}", path.display())]
    CsvHeader {
        /// The file.
        path: PathBuf,
        /// Line in the file, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A row of a text file cannot be read.
    #[error("{0}")]
    Row(BadRow),
    /// The fields seem to be separated by another character.
    #[error(
        "{}: expected several columns, found one named {header:?}; is the delimiter {delimiter:?}?",
        path.display()
    )]
    Delimiter {
        /// The file.
        path: PathBuf,
        /// The first line, shortened.
        header: String,
        /// What it seems to be separated by.
        delimiter: char,
    },
    /// Compressed data ends too early or is damaged.
    #[error("{}: the compressed data is cut short or damaged; fetch the file again", path.display())]
    Compressed {
        /// The file.
        path: PathBuf,
        /// The decoder's reason.
        source: std::io::Error,
    },
    /// An option of a source makes no sense.
    #[error("{option}: expected {expected}, found {found}")]
    ReadOption {
        /// The option.
        option: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A file has a column that the name of one of its folders gives too.
    #[error(
        "{}: column {column:?} is in the file and in the folder's name; rename one of them",
        path.display()
    )]
    HiveColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A file lacks a column that was asked for.
    #[error("{}: column {column:?} is not there; the file has {}", path.display(), list(available))]
    FileColumnMissing {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The columns present.
        available: Vec<String>,
    },
    /// Two columns of a file share a name.
    #[error("{}: column {column:?} appears twice", path.display())]
    FileColumnTwice {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A column of a file has a type from which the one asked for cannot be made.
    #[error("{}, column {column:?}: expected {expected}, found type {found}", path.display())]
    FileColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// What was asked for.
        expected: &'static str,
        /// The file's type.
        found: String,
    },
    /// One value of a column is not what was asked for.
    #[error("{}, column {column:?}, data row {row}: expected {expected}, found {value}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Row of data in this file, from 1; the header of a CSV file is not counted.
        row: usize,
        /// What was asked for.
        expected: &'static str,
        /// The value, shortened.
        value: String,
    },
    /// The files of one source do not fit together.
    #[error(
        "{} {difference} (all columns are kept here, so all files must have the same; read them one \
         at a time)",
        path.display()
    )]
    FilesDiffer {
        /// The file that differs from the first.
        path: PathBuf,
        /// In what it differs.
        difference: String,
    },
    /// Sources could not be joined.
    #[error(transparent)]
    Join(#[from] crate::join::JoinError),
    /// A query could not be run.
    #[error(transparent)]
    Query(#[from] crate::query::QueryError),
}

/// Names with commas between them; of very many the first.
pub(crate) fn list(names: &[String]) -> String {
    const MOST: usize = 50;
    match names.get(..MOST) {
        Some(first) if names.len() > MOST => {
            format!("{}, … ({} in all)", first.join(", "), names.len())
        }
        _ => names.join(", "),
    }
}

impl ErrorKind {
    /// The system's error about a file; one that is not there gets its own kind.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::NotFound {
            return Self::FileMissing { path: path.to_owned() };
        }
        Self::Io { path: path.to_owned(), source }
    }
}
