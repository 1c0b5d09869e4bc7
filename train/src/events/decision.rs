//! What was decided at the time: a blocked event never showed whether it was a fraud.

use shroff_datasets::{ColumnKind, ErrorKind, Values};

use super::{Events, EventsRequest};
use crate::config::ColumnsConfig;
use crate::error::Error;

/// How the decision is read: as one of the words that mean blocked, or as a truth value.
pub(super) fn kind(columns: &ColumnsConfig) -> ColumnKind {
    if columns.blocked.is_empty() { ColumnKind::Boolean } else { ColumnKind::Text }
}

/// An error about decisions that are words, with what to do about it.
pub(super) fn explained(error: shroff_datasets::Error, columns: &ColumnsConfig) -> Error {
    let column = match error.kind() {
        ErrorKind::Value { column, .. } | ErrorKind::FileColumnType { column, .. } => Some(column),
        _ => None,
    };
    if column.is_some() && column == columns.decision.as_ref() && columns.blocked.is_empty() {
        return Error::data(format!("{error}; name the decisions that block in [columns] blocked"));
    }
    error.into()
}

impl Events {
    /// Marks the blocked rows and takes their labels away.
    pub(super) fn assign_blocked(&mut self, request: &EventsRequest<'_>) -> Result<(), Error> {
        let columns = request.columns;
        self.blocked = vec![false; self.n_rows()];
        let Some(name) = &columns.decision else { return Ok(()) };
        let column = self.column(name, kind(columns)).ok_or_else(|| {
            Error::data(format!("{}: column {name:?} was not read", request.source.path()))
        })?;
        let mut notes = Vec::new();
        let blocked: Vec<bool> = match column.values() {
            Values::Boolean(values) => values.clone(),
            Values::Text(text) => {
                let words: Vec<bool> =
                    text.dictionary().iter().map(|word| columns.blocked.contains(word)).collect();
                for word in columns.blocked.iter().filter(|word| !text.dictionary().contains(word))
                {
                    notes.push(format!(
                        "no row has the decision {word:?} in column {name:?}, which [columns] \
                         blocked names"
                    ));
                }
                text.codes().iter().map(|code| words[*code as usize]).collect()
            }
            _ => vec![false; self.n_rows()],
        };
        let null = (0..self.n_rows()).map(|row| column.is_null(row));
        self.blocked =
            blocked.into_iter().zip(null).map(|(blocked, null)| blocked && !null).collect();
        for (label, blocked) in self.labels.iter_mut().zip(&self.blocked) {
            if *blocked {
                *label = None;
            }
        }
        self.notes.extend(notes);
        Ok(())
    }
}
