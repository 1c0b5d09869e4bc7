//! Several sources that become one table of events: the fact source, what is joined to it, and a
//! query over both.

use crate::error::{Error, ErrorKind};
use crate::join::{Join, JoinCount, JoinError};
use crate::query::Query;
use crate::read::{ColumnKind, ColumnRequest, TimeRange, refuse_duplicates};
use crate::source::Source;
use crate::table::Table;

/// Where events come from. Reading gives exactly the rows of the fact source, in its order, with
/// columns of other sources joined to them.
///
/// Joins run in their order and may use what joins before them brought. The query, if there is one,
/// runs after them over `events` (the fact source and all that is joined to it) and all sources by
/// their names; its result then is what is read. The row of an event must depend on nothing that was
/// known only later: as-of joins see to it themselves, equi and range joins and queries do as far
/// as their sources do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The sources by their names.
    pub sources: Vec<(String, Source)>,
    /// The name of the source of events.
    pub fact: String,
    /// When an event happened: a column of the fact source, or of what is joined to it. As-of joins
    /// and ranges of time go by it.
    pub time: String,
    /// The joins, in their order.
    pub joins: Vec<Join>,
    /// The query.
    pub query: Option<Query>,
    /// What columns of files without types, such as CSV, hold for the query; others are text there.
    pub kinds: Vec<ColumnRequest>,
}

impl From<Source> for Dataset {
    /// This source and nothing else.
    fn from(source: Source) -> Self {
        let name = "events".to_owned();
        Self {
            sources: vec![(name.clone(), source)],
            fact: name,
            time: String::new(),
            joins: Vec::new(),
            query: None,
            kinds: Vec::new(),
        }
    }
}

impl Dataset {
    /// The source of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn source(&self, name: &str) -> Result<&Source, Error> {
        let found = self.sources.iter().find(|(other, _)| other == name);
        found.map(|(_, source)| source).ok_or_else(|| {
            let available = self.sources.iter().map(|(name, _)| name.clone()).collect();
            JoinError::UnknownSource { name: name.to_owned(), available }.into()
        })
    }

    /// The source of events.
    ///
    /// # Errors
    /// There is none of its name.
    pub fn fact_source(&self) -> Result<&Source, Error> {
        self.source(&self.fact)
    }

    /// The path of the fact source, for messages.
    pub fn path(&self) -> &str {
        self.fact_source().map_or(self.fact.as_str(), |source| source.path.as_str())
    }

    /// [`Source::content_hash`] of a single source; of several, BLAKE3 over theirs in order.
    ///
    /// # Errors
    /// As [`Source::content_hash`].
    pub fn content_hash(&self) -> Result<[u8; 32], Error> {
        if let [(_, source)] = self.sources.as_slice() {
            return source.content_hash();
        }
        let mut hasher = blake3::Hasher::new();
        for (_, source) in &self.sources {
            hasher.update(&source.content_hash()?);
        }
        Ok(*hasher.finalize().as_bytes())
    }

    /// The columns asked for, in that order, of the events in the range, as [`Source::read`] gives
    /// them, with what each join that was needed came to.
    ///
    /// A range bounds what is read of the fact source. With a query only its end does, so that an
    /// event's row does not depend on where the range begins; the result is then cut.
    ///
    /// # Errors
    /// As [`Source::read`], for every source; a column that no source has, or two; a key that is
    /// not unique in an equi join; a query that fails, or loses or duplicates events.
    pub fn read_counted(
        &self,
        columns: &[ColumnRequest],
        rows: Option<&TimeRange>,
    ) -> Result<(Table, Vec<JoinCount>), Error> {
        if self.joins.is_empty() && self.query.is_none() {
            return Ok((self.fact_source()?.read(columns, rows)?, Vec::new()));
        }
        refuse_duplicates(columns)?;
        let offers = self.offers()?;
        if let Some(query) = &self.query {
            return self.ask(query, &offers, columns, rows);
        }
        let (read, counts) = self.join(&offers, columns, rows)?;
        let column = |request: &ColumnRequest| {
            (request.name.clone(), read.of(&request.name, request.kind).clone())
        };
        Ok((Table::new(columns.iter().map(column).collect())?, counts))
    }

    /// [`Dataset::read_counted`] without the counts.
    ///
    /// # Errors
    /// The same.
    pub fn read(
        &self,
        columns: &[ColumnRequest],
        rows: Option<&TimeRange>,
    ) -> Result<Table, Error> {
        Ok(self.read_counted(columns, rows)?.0)
    }

    /// All columns of a source that can become one of ours, with the kind they have in the file;
    /// text in files without types, unless [`Dataset::kinds`] says otherwise for the name `shown`.
    pub(crate) fn natural_columns(
        &self,
        source: &Source,
        known: impl Fn(&str) -> Option<ColumnKind>,
    ) -> Result<Vec<ColumnRequest>, Error> {
        let mut columns = Vec::new();
        for (name, type_name) in source.columns()? {
            let kind = match type_name.as_str() {
                "str" => known(&name).unwrap_or(ColumnKind::Text),
                "cat" | "binary" | "null" => ColumnKind::Text,
                "bool" => ColumnKind::Boolean,
                "f32" | "f64" => ColumnKind::Number,
                // What does not fit an integer is an id, not a quantity.
                "u64" => ColumnKind::Key,
                other if other.starts_with("decimal") => ColumnKind::Number,
                other if other.starts_with(['i', 'u']) => ColumnKind::Integer,
                other if other.starts_with("date") => ColumnKind::Time,
                _ => continue,
            };
            columns.push(ColumnRequest::new(name, kind));
        }
        Ok(columns)
    }

    /// What [`Dataset::kinds`] says of a column.
    pub(crate) fn declared_kind(&self, name: &str) -> Option<ColumnKind> {
        self.kinds.iter().find(|request| request.name == name).map(|request| request.kind)
    }
}

impl From<JoinError> for Error {
    fn from(error: JoinError) -> Self {
        ErrorKind::from(error).into()
    }
}
