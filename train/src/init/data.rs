//! The data of which nothing is known yet: read leniently, by the delimiter and the words for null
//! that are found in it.

use std::path::PathBuf;

use shroff_datasets::{BadRows, ColumnKind, ColumnRequest, Format, Source};

use super::look::Look;
use crate::error::Error;

/// A source, with the options by which it is best read, and its columns.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) source: Source,
    pub(super) looks: Vec<Look>,
    pub(super) n_rows: usize,
    /// Rows that cannot be read, whatever their columns hold.
    pub(super) n_unreadable: usize,
}

impl Data {
    pub(super) fn read(path: &str) -> Result<Self, Error> {
        let (mut source, n_unreadable) = lenient(path)?;
        let (mut looks, mut n_rows) = Look::at(&source)?;
        let mut null_values: Vec<String> = Vec::new();
        for word in looks.iter().flat_map(|look| &look.null_words) {
            if !null_values.contains(word) {
                null_values.push(word.clone());
            }
        }
        if !null_values.is_empty() {
            // They are null in all columns, so all are looked at again.
            source.options.null_values = null_values;
            (looks, n_rows) = Look::at(&source)?;
        }
        Ok(Self { source, looks, n_rows, n_unreadable })
    }
}

/// Where it is text, rows that cannot be read are left out, and counted here. All of its columns are
/// text then, so that no value decides over its row.
fn lenient(path: &str) -> Result<(Source, usize), Error> {
    let mut source = Source::new(path);
    let is_parquet = |file: &PathBuf| matches!(Format::of_path(file), Ok(Format::Parquet));
    if source.files()?.iter().any(is_parquet) {
        return Ok((source, 0));
    }
    source.options.bad_rows = BadRows::Skip;
    if let Some(delimiter) = source.other_delimiter()? {
        source.options.delimiter = delimiter;
    }
    let first = source.columns()?.into_iter().next();
    let first: Vec<ColumnRequest> =
        first.map(|(name, _)| ColumnRequest::new(name, ColumnKind::Text)).into_iter().collect();
    let report = source.read_counted(&first, None)?.1;
    match report.examples.first() {
        Some(example) if report.rows_read == 0 => {
            let n_rows = report.rows_skipped;
            Err(Error::data(format!("none of the {n_rows} rows can be read: {example}")))
        }
        _ => Ok((source, report.rows_skipped)),
    }
}
