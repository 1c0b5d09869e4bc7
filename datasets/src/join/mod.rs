//! Joins of the table of events with other sources. Each finds at most one row of the other source
//! for an event, so that events are neither lost nor duplicated; unmatched events stay, with nulls.

mod asof;
#[cfg(test)]
mod dataset_tests;
mod equi;
mod error;
mod key;
mod offer;
mod range;
mod run;

pub use error::JoinError;
pub(crate) use offer::Offers;

use crate::report::ReadReport;

/// A source to join, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// The name of the source to join.
    pub source: String,
    /// How its rows are found.
    pub kind: JoinKind,
    /// The columns to take; without them those asked for that the source has, apart from the
    /// columns by which it is joined.
    pub columns: Option<Vec<String>>,
    /// What the names of all columns taken begin with; empty for nothing.
    pub prefix: String,
}

/// How the row of the other source is found. Columns of the events come first in every pair; null
/// matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinKind {
    /// The row of the same key, which must be the only one.
    Equi {
        /// Columns that must be equal.
        on: Vec<(String, String)>,
    },
    /// The latest row of the same key that was valid strictly before the event; of equal ones the
    /// later row.
    AsOf {
        /// Columns that must be equal; there may be none.
        on: Vec<(String, String)>,
        /// The column of the other source that says from when on a row was known.
        valid_from: String,
    },
    /// The narrowest range that holds a number of the event, both ends included; of equally narrow
    /// ones the later row. Numbers above 2^53 must be whole, and are then compared as integers.
    Range {
        /// The column of the events.
        value: String,
        /// The column with the least number of a range.
        lower: String,
        /// The column with the greatest.
        upper: String,
    },
}

impl JoinKind {
    /// The columns that must be equal.
    pub(crate) fn on(&self) -> &[(String, String)] {
        match self {
            Self::Equi { on } | Self::AsOf { on, .. } => on,
            Self::Range { .. } => &[],
        }
    }

    /// The columns of the other source by which it is joined.
    pub(crate) fn right_columns(&self) -> Vec<&str> {
        let on = self.on().iter().map(|(_, right)| right.as_str());
        match self {
            Self::Equi { .. } => on.collect(),
            Self::AsOf { valid_from, .. } => on.chain([valid_from.as_str()]).collect(),
            Self::Range { lower, upper, .. } => vec![lower, upper],
        }
    }
}

/// What a join came to, or a source that only the query reads and to which no events are joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinCount {
    /// The name of the joined source.
    pub source: String,
    /// Events that were joined.
    pub n_rows: usize,
    /// Those for which the source has no row.
    pub n_unmatched: usize,
    /// What was read of the source, and left out under [`BadRows::Skip`](crate::BadRows::Skip).
    pub report: ReadReport,
}

#[cfg(test)]
pub(crate) mod tests {
    use rand_pcg::Pcg32;
    use rand_pcg::rand_core::Rng;

    /// Small random numbers for comparisons with naive loops.
    pub(crate) struct Draws(Pcg32);

    impl Draws {
        pub(crate) fn new(seed: u64) -> Self {
            Self(Pcg32::new(seed, 0))
        }

        /// A number below `end`.
        pub(crate) fn below(&mut self, end: usize) -> usize {
            self.0.next_u32() as usize % end
        }

        /// A number below `end`, or null, one time in six.
        pub(crate) fn unless_null(&mut self, end: usize) -> Option<usize> {
            (self.below(6) > 0).then(|| self.below(end))
        }
    }
}
