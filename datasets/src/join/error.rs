//! Why sources could not be joined.

/// Why sources could not be joined: columns, keys and rows by their names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// A join names a source that is not there.
    #[error("no source is called {name:?}; there are {}", available.join(", "))]
    UnknownSource {
        /// The name.
        name: String,
        /// The sources present.
        available: Vec<String>,
    },
    /// Two sources offer a column of one name.
    #[error(
        "column {column:?} is in both {first} and {second}; give the [[join]] of {second} a prefix, \
         or the columns to take"
    )]
    Clash {
        /// The column.
        column: String,
        /// The source that comes first.
        first: String,
        /// The one joined to it.
        second: String,
    },
    /// No source offers a column.
    #[error("column {column:?} is not there; {}", available.join("; "))]
    ColumnMissing {
        /// The column asked for.
        column: String,
        /// What each source has.
        available: Vec<String>,
    },
    /// A join needs a column that only a later join, or itself, brings.
    #[error(
        "the [[join]] of {source_name} needs column {column:?}, which no source before it has; \
         joins run in their order"
    )]
    TooLate {
        /// The joined source.
        source_name: String,
        /// The column.
        column: String,
    },
    /// Two rows of the joined source share a key.
    #[error(
        "{source_name}: the key {key} appears twice, in rows {first} and {second}; an equi join \
         would duplicate events: keep one row a key, or join with kind = \"asof\""
    )]
    KeyTwice {
        /// The joined source.
        source_name: String,
        /// The key as `COLUMN = value`.
        key: String,
        /// The first of the rows, from 1, all files counted through.
        first: usize,
        /// The second.
        second: usize,
    },
}
