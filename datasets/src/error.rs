//! What can go wrong while data is read or written, in words a person can act on.

use std::path::{Path, PathBuf};

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
    #[error("column {column:?} is not there; the data has {}", available.join(", "))]
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
    /// The extension does not tell the format.
    #[error("{}: expected a name that ends in .csv, .parquet or .pq", path.display())]
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
    /// Data could not be put in the format of the file.
    #[error("{} could not be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The writer's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A CSV file is malformed.
    #[error("{}, line {line}: {reason}", path.display())]
    CsvSyntax {
        /// The file.
        path: PathBuf,
        /// Line in the file, from 1.
        line: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// A row of a CSV file has more or fewer fields than the header.
    #[error(
        "{}, line {line} (data row {row}): found {found} fields, expected {expected} as in the header",
        path.display()
    )]
    CsvWidth {
        /// The file.
        path: PathBuf,
        /// Line in the file on which the row starts, from 1.
        line: usize,
        /// Row of data, from 1, the header not counted.
        row: usize,
        /// Fields of the header.
        expected: usize,
        /// Fields of this row.
        found: usize,
    },
    /// A file lacks a column that was asked for.
    #[error("{}: column {column:?} is not there; the file has {}", path.display(), available.join(", "))]
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
    #[error("{} {difference} (the files of one source must have the same columns)", path.display())]
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

impl ErrorKind {
    /// The system's error about a file; one that is not there gets its own kind.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::NotFound {
            return Self::FileMissing { path: path.to_owned() };
        }
        Self::Io { path: path.to_owned(), source }
    }
}
