//! What can go wrong while data is read, in words a person can act on.

use std::path::PathBuf;

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
}
