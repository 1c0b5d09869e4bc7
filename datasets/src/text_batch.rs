//! Rows of a text file, column by column: what the readers of CSV and NDJSON make.

use polars::prelude::{DataFrame, IntoColumn, StringChunkedBuilder};

use crate::error::{Error, ErrorKind};
use crate::report::{Places, ReadReport};

/// So many columns a text file may have; beyond it, what stands for names is data.
pub(crate) const MOST_COLUMNS: usize = 1 << 16;

/// How much of a file is held at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchSize {
    pub(crate) max_rows: usize,
    /// A batch ends with the row that reaches this.
    pub(crate) max_bytes: usize,
}

impl BatchSize {
    /// What a row counts towards `max_bytes`: its bytes in the file, or where they are fewer (a row
    /// may lack most fields) the place that its columns take.
    pub(crate) fn weight(n_bytes: usize, n_columns: usize) -> usize {
        n_bytes.max(n_columns * size_of::<usize>())
    }

    /// Large enough that the work on a batch outweighs its beginning and end.
    pub(crate) const TO_CONVERT: Self = Self { max_rows: 1 << 17, max_bytes: 16 << 20 };
}

/// Rows of one file as text.
#[derive(Debug, Default)]
pub(crate) struct TextBatch {
    pub(crate) n_rows: usize,
    pub(crate) columns: Vec<TextColumn>,
    /// Where each row comes from.
    pub(crate) places: Places,
    /// The rows that were left out.
    pub(crate) report: ReadReport,
}

/// A column of text; empty text is null.
#[derive(Debug, Default, Clone)]
pub(crate) struct TextColumn {
    text: String,
    ends: Vec<usize>,
}

impl TextColumn {
    pub(crate) fn push(&mut self, value: &str) {
        self.text.push_str(value);
        self.ends.push(self.text.len());
    }

    pub(crate) fn repeat(value: &str, n_rows: usize) -> Self {
        let mut column = Self::default();
        (0..n_rows).for_each(|_| column.push(value));
        column
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    fn value(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.text[start..self.ends[row]]
    }

    pub(crate) fn values(&self) -> impl ExactSizeIterator<Item = Option<&str>> {
        (0..self.len()).map(|row| Some(self.value(row)).filter(|value| !value.is_empty()))
    }

    fn take(&self, rows: &[usize]) -> Self {
        let mut taken = Self::default();
        for row in rows {
            taken.push(self.value(*row));
        }
        taken
    }
}

impl TextBatch {
    /// The rows at these positions.
    pub(crate) fn take(self, rows: &[usize]) -> Self {
        Self {
            n_rows: rows.len(),
            columns: self.columns.iter().map(|column| column.take(rows)).collect(),
            places: self.places.take(rows),
            report: self.report,
        }
    }

    /// The rows as a frame of text columns.
    pub(crate) fn frame(&self, names: &[String]) -> Result<DataFrame, Error> {
        let columns = names.iter().zip(&self.columns).map(|(name, column)| {
            let mut builder = StringChunkedBuilder::new(name.as_str().into(), column.len());
            for value in column.values() {
                builder.append_option(value);
            }
            builder.finish().into_column()
        });
        let frame = DataFrame::new(self.n_rows, columns.collect());
        Ok(frame.map_err(|source| ErrorKind::Frame { source: Box::new(source) })?)
    }
}
