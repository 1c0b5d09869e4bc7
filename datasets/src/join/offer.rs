//! Which source gives which column.

use super::{Join, JoinError};
use crate::error::{Error, list};

/// Where a column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Giver {
    /// The source of events.
    Fact,
    /// The join at this position.
    Join(usize),
}

/// What the fact source and each join offer.
#[derive(Debug)]
pub(crate) struct Offers<'a> {
    pub(crate) fact: &'a str,
    pub(crate) fact_columns: Vec<String>,
    pub(crate) joins: Vec<Offer<'a>>,
}

/// What a join offers.
#[derive(Debug)]
pub(crate) struct Offer<'a> {
    pub(crate) join: &'a Join,
    /// The columns of its source that may be taken, by their own names.
    pub(crate) columns: Vec<String>,
}

impl<'a> Offer<'a> {
    /// What `join` offers of a source with these columns.
    pub(crate) fn new(join: &'a Join, columns: Vec<String>) -> Result<Self, Error> {
        let Some(listed) = &join.columns else {
            let joined_by = join.kind.right_columns();
            let free = columns.into_iter().filter(|name| !joined_by.contains(&name.as_str()));
            return Ok(Self { join, columns: free.collect() });
        };
        match listed.iter().find(|name| !columns.contains(name)) {
            Some(missing) => Err(JoinError::ColumnMissing {
                column: missing.clone(),
                available: vec![format!("{} has {}", join.source, list(&columns))],
            }
            .into()),
            None => Ok(Self { join, columns: listed.clone() }),
        }
    }

    /// The source's own name of the column that is shown under this one.
    pub(crate) fn own_name<'n>(&self, shown: &'n str) -> Option<&'n str> {
        let own = shown.strip_prefix(self.join.prefix.as_str())?;
        self.columns.iter().any(|name| name == own).then_some(own)
    }

    /// The columns under the names by which they are shown.
    pub(crate) fn shown(&self) -> impl Iterator<Item = String> + '_ {
        self.columns.iter().map(|name| format!("{}{name}", self.join.prefix))
    }
}

impl Offers<'_> {
    /// Refuses columns named in the configuration that another source has under the same name.
    pub(crate) fn refuse_clashes(&self) -> Result<(), Error> {
        for offer in self.joins.iter().filter(|offer| offer.join.columns.is_some()) {
            for shown in offer.shown() {
                self.giver(&shown)?;
            }
        }
        Ok(())
    }

    /// Which source gives a column.
    pub(crate) fn giver(&self, column: &str) -> Result<Giver, Error> {
        let in_fact = self.fact_columns.iter().any(|name| name == column);
        let offering = self.joins.iter().enumerate();
        let offering = offering.filter(|(_, offer)| offer.own_name(column).is_some());
        let mut givers = in_fact
            .then_some((Giver::Fact, self.fact))
            .into_iter()
            .chain(offering.map(|(j, offer)| (Giver::Join(j), offer.join.source.as_str())));
        let Some((giver, first)) = givers.next() else { return Err(self.missing(column)) };
        match givers.next() {
            None => Ok(giver),
            Some((_, second)) => Err(JoinError::Clash {
                column: column.to_owned(),
                first: first.to_owned(),
                second: second.to_owned(),
            }
            .into()),
        }
    }

    fn missing(&self, column: &str) -> Error {
        let mut available = vec![format!("{} has {}", self.fact, list(&self.fact_columns))];
        available.extend(self.joins.iter().map(|offer| {
            let shown: Vec<String> = offer.shown().collect();
            format!("{} gives {}", offer.join.source, list(&shown))
        }));
        JoinError::ColumnMissing { column: column.to_owned(), available }.into()
    }
}
