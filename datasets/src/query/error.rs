//! Why a query was refused or failed.

use std::fmt;

use crate::error::list;

/// A place in the text of a query, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The character in it.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a query was refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The text is not SQL.
    #[error("[query] sql{}: {reason}", at(.place))]
    Syntax {
        /// Where.
        place: Option<Place>,
        /// The parser's reason.
        reason: String,
    },
    /// The text is SQL that would not do what it says, or that reaches beyond the sources.
    #[error("[query] sql{}: {reason}, found {found}; {advice}", at(.place))]
    Refused {
        /// Where.
        place: Option<Place>,
        /// What is wrong with it.
        reason: &'static str,
        /// The words in question.
        found: String,
        /// What to do instead.
        advice: &'static str,
    },
    /// The query could not be run.
    #[error("[query] sql{}: {reason}", at(.place))]
    Failed {
        /// Where, if a name in the reason tells.
        place: Option<Place>,
        /// The reason.
        reason: String,
    },
    /// A source or column has a name that the query keeps for itself.
    #[error("{name:?} is a name that a [query] keeps for itself; rename the {what}")]
    Reserved {
        /// The name.
        name: &'static str,
        /// What has it.
        what: &'static str,
    },
    /// The result does not tell which event a row is.
    #[error(
        "[query] sql: the result has no column event_row, so nobody can tell whether events were lost \
         or duplicated; read events in the outermost SELECT, or hand event_row on"
    )]
    RowsUnknown,
    /// The result has other rows than the fact source.
    #[error(
        "[query] sql: expected each of the {expected} rows of {fact} once, found {found} rows: {lost} \
         are lost, {repeated} appear more than once{}; a query adds columns, so use LEFT JOIN on a \
         unique key, and [split] or --from and --to rather than WHERE or LIMIT",
        first(.first_lost, .first_repeated)
    )]
    Rows {
        /// The fact source.
        fact: String,
        /// Its rows.
        expected: usize,
        /// Rows of the result.
        found: usize,
        /// Rows of the fact source that the result does not have.
        lost: usize,
        /// Rows of the fact source that it has more than once.
        repeated: usize,
        /// The first row lost, from 1.
        first_lost: Option<usize>,
        /// The first row repeated, from 1.
        first_repeated: Option<usize>,
    },
    /// A column was asked for that the result does not have.
    #[error("column {column:?} is not in the result of the query, which has {}", list(available))]
    ColumnMissing {
        /// The column.
        column: String,
        /// The result's columns.
        available: Vec<String>,
    },
}

fn at(place: &Option<Place>) -> String {
    place.map_or(String::new(), |place| format!(", {place}"))
}

fn first(lost: &Option<usize>, repeated: &Option<usize>) -> String {
    match (lost, repeated) {
        (Some(row), _) => format!(" (row {row} is the first lost)"),
        (None, Some(row)) => format!(" (row {row} is the first repeated)"),
        (None, None) => String::new(),
    }
}
