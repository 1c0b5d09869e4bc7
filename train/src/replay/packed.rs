//! Events side by side: all that the engine reads of one lies in one place. The events of an entity lie
//! far apart in a table, and so a processor waits for one place of memory an event rather than for one a column.

use std::sync::Arc;

use rayon::prelude::*;
use shroff_datasets::{Column, Text, Values};
use shroff_serve::Value;
use shroff_serve::features::state::Label;
use shroff_serve::features::window::{Event, Measure, Windows};

use super::{History, ReplayError, group};

/// Events fetched together: the processor waits for all of them at once.
pub(super) const AT_ONCE: usize = 32;
/// Rows that a thread packs at a time.
const CHUNK_ROWS: usize = 4_096;
/// The bit of an event that was fraud; those above it are of columns whose value is null.
const FRAUD_BIT: usize = 0;

/// The events of a history.
pub(super) struct Packed<'a> {
    windows: &'a Windows,
    history: &'a History<'a>,
    /// By the windows' columns.
    columns: Vec<Places<'a>>,
    /// A row is the words of its bits, then a word for each place of a column.
    words: Vec<u64>,
    n_words: usize,
}

/// Where a column lies in a row; nowhere, if it only names entities.
#[derive(Clone, Copy, Default)]
struct Places<'a> {
    value: Option<ValuePlace<'a>>,
    /// Of the id of events and of columns of which different values are counted: a number that is
    /// equal for equal values, 0 for none.
    code: Option<usize>,
}

/// Of time, amounts and filters.
#[derive(Clone, Copy)]
struct ValuePlace<'a> {
    word: usize,
    null_bit: usize,
    kind: Kind<'a>,
}

#[derive(Clone, Copy)]
enum Kind<'a> {
    Time,
    Number,
    Integer,
    Boolean,
    /// Its word is a position in the dictionary.
    Text(&'a Text),
}

/// Events that were fetched.
pub(super) struct Fetched {
    words: Vec<u64>,
    event: Event,
}

impl<'a> Packed<'a> {
    pub(super) fn new(windows: &'a Windows, history: &'a History<'a>) -> Self {
        let names = || windows.columns().iter().map(|column| &column.name);
        let n_values = names().filter(|name| is_valued(windows, name)).count();
        let mut n_words = (FRAUD_BIT + n_values) / 64 + 1;
        let mut next_word = || {
            n_words += 1;
            n_words - 1
        };
        let mut null_bits = FRAUD_BIT + 1..;
        let mut codes = Vec::new();
        let mut columns = Vec::new();
        for (name, column) in names().zip(&history.columns) {
            let mut places = Places::default();
            if is_valued(windows, name) {
                let null_bit = null_bits.next().unwrap_or_default();
                let kind = Kind::of(column.values());
                places.value = Some(ValuePlace { word: next_word(), null_bit, kind });
            }
            if is_coded(windows, name) {
                let word = next_word();
                places.code = Some(word);
                codes.push((word, *column));
            }
            columns.push(places);
        }
        let codes: Vec<(usize, Vec<u32>)> =
            codes.into_par_iter().map(|(word, column)| (word, group::codes(column))).collect();
        let mut words = vec![0; n_words * history.labels.len()];
        let chunks = words.par_chunks_mut(n_words * CHUNK_ROWS).enumerate();
        chunks.for_each(|(chunk, words)| {
            let mut rows = Rows { first: chunk * CHUNK_ROWS, n_words, words };
            rows.put_bits(FRAUD_BIT, |row| history.labels[row] == Some(true));
            for (places, column) in columns.iter().zip(&history.columns) {
                if let Some(place) = places.value {
                    rows.put_values(place, column);
                }
            }
            for (word, codes) in &codes {
                // The number of none wraps to 0.
                rows.put(*word, |row| codes[row].wrapping_add(1).into());
            }
        });
        Self { windows, history, columns, words, n_words }
    }

    /// A place to fetch events to.
    pub(super) fn place(&self) -> Fetched {
        Fetched { words: vec![0; self.n_words * AT_ONCE], event: Event::blank() }
    }

    /// Fetches the events of these rows, at most [`AT_ONCE`].
    pub(super) fn fetch(&self, rows: &[u32], place: &mut Fetched) {
        for (place, row) in place.words.chunks_exact_mut(self.n_words).zip(rows) {
            let start = *row as usize * self.n_words;
            place.copy_from_slice(&self.words[start..start + self.n_words]);
        }
    }

    /// An event that was fetched, of this row, and its label where it is to be learnt: only frauds are.
    pub(super) fn read<'p>(
        &self,
        place: &'p mut Fetched,
        at: usize,
        row: usize,
    ) -> Result<(&'p Event, Option<Label>), ReplayError> {
        let Fetched { words, event } = place;
        let words = &words[at * self.n_words..(at + 1) * self.n_words];
        let value = |column: usize| {
            self.columns[column].value.map_or(Value::Null, |place| place.value(words))
        };
        let code = |column: usize| self.columns[column].code.map_or(0, |word| words[word]);
        let read = self.windows.read_numbered(event, value, code);
        read.map_err(|source| ReplayError { row, source })?;
        let label = has_bit(words, FRAUD_BIT).then(|| self.history.fraud(row, event));
        Ok((event, label))
    }
}

fn is_valued(windows: &Windows, name: &Arc<str>) -> bool {
    let program = windows.program();
    let mut filters = program.features.iter().filter_map(|feature| feature.filter.as_ref());
    program.time == *name
        || program.amounts.iter().any(|amount| amount.name == *name)
        || filters.any(|filter| filter.column == *name)
}

fn is_coded(windows: &Windows, name: &Arc<str>) -> bool {
    let program = windows.program();
    let mut measures = program.features.iter().map(|feature| &feature.measure);
    program.event_id.as_ref() == Some(name)
        || measures.any(|measure| matches!(measure, Measure::Distinct(of) if of == name))
}

#[inline]
fn has_bit(words: &[u64], bit: usize) -> bool {
    words[bit / 64] >> (bit % 64) & 1 == 1
}

/// Rows that are being packed.
struct Rows<'w> {
    first: usize,
    n_words: usize,
    words: &'w mut [u64],
}

impl Rows<'_> {
    fn put(&mut self, word: usize, value: impl Fn(usize) -> u64) {
        for (row, words) in (self.first..).zip(self.words.chunks_exact_mut(self.n_words)) {
            words[word] = value(row);
        }
    }

    fn put_bits(&mut self, bit: usize, value: impl Fn(usize) -> bool) {
        for (row, words) in (self.first..).zip(self.words.chunks_exact_mut(self.n_words)) {
            words[bit / 64] |= u64::from(value(row)) << (bit % 64);
        }
    }

    fn put_values(&mut self, place: ValuePlace<'_>, column: &Column) {
        let word = place.word;
        match column.values() {
            Values::Time(values) | Values::Integer(values) => {
                self.put(word, |row| values[row].cast_unsigned());
            }
            Values::Number(values) => self.put(word, |row| values[row].to_bits()),
            Values::Boolean(values) => self.put(word, |row| values[row].into()),
            Values::Text(text) => self.put(word, |row| text.codes()[row].into()),
        }
        if column.null_count() > 0 {
            self.put_bits(place.null_bit, |row| column.is_null(row));
        }
    }
}

impl<'a> Kind<'a> {
    fn of(values: &'a Values) -> Self {
        match values {
            Values::Time(_) => Self::Time,
            Values::Number(_) => Self::Number,
            Values::Integer(_) => Self::Integer,
            Values::Boolean(_) => Self::Boolean,
            Values::Text(text) => Self::Text(text),
        }
    }
}

impl<'a> ValuePlace<'a> {
    #[inline]
    fn value(self, words: &[u64]) -> Value<'a> {
        if has_bit(words, self.null_bit) {
            return Value::Null;
        }
        let word = words[self.word];
        match self.kind {
            Kind::Time => Value::Time(word.cast_signed()),
            Kind::Number => Value::Number(f64::from_bits(word)),
            Kind::Integer => Value::Integer(word.cast_signed()),
            Kind::Boolean => Value::Bool(word != 0),
            Kind::Text(text) => Value::Text(&text.dictionary()[word as usize]),
        }
    }
}
