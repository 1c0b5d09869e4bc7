//! Events side by side: all that the engine reads of one lies in one place, and those of a chunk of entities
//! lie in few. In a table they are as far apart as can be: an entity's events by time, and what is known of an
//! event by columns.

use std::sync::Arc;

use rayon::prelude::*;
use shroff_datasets::{Column, Text, Values};
use shroff_serve::Value;
use shroff_serve::features::state::Label;
use shroff_serve::features::window::{Event, Measure, Windows};

use super::group::{Entities, NONE};
use super::{Chunks, History, ReplayError, group};

/// Rows of a block: their events fit the second-level cache while they are put in the order of chunks.
const BLOCK_ROWS: usize = 1 << 14;
/// Events of a chunk in a block on average, where there are many chunks: fewer would no longer be read
/// one after the other.
const PIECE_ROWS: usize = 64;
/// The bit of an event that was fraud; those above it are of columns whose value is null.
const FRAUD_BIT: usize = 0;
/// Bits of the half of a word.
const HALF_BITS: usize = u32::BITS as usize;

/// Packs the events of a history.
pub(super) struct Packer<'a> {
    windows: &'a Windows,
    history: &'a History<'a>,
    /// By the windows' columns.
    columns: Vec<Places<'a>>,
    /// The numbers that stand for values, with their half words.
    codes: Vec<(usize, Vec<u32>)>,
    /// An event is its bits and numbers in halves of words, then a word for each value.
    n_words: usize,
}

/// Rows that follow each other, those of a chunk together and in their order.
#[derive(Default)]
pub(super) struct Block {
    /// Where the rows of each chunk end.
    ends: Vec<u32>,
    rows: Vec<Row>,
    words: Vec<u64>,
}

/// A row and its entity.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) row: u32,
    pub(super) entity: u32,
}

/// Where a column lies in a row; nowhere, if it only names entities.
#[derive(Clone, Copy, Default)]
struct Places<'a> {
    value: Option<ValuePlace<'a>>,
    /// Of the id of events and of columns of which different values are counted, the half word of a number
    /// that is equal for equal values, 0 for none.
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

impl<'a> Packer<'a> {
    pub(super) fn new(windows: &'a Windows, history: &'a History<'a>) -> Self {
        let names = || windows.columns().iter().map(|column| &column.name);
        let n_values = names().filter(|name| is_valued(windows, name)).count();
        let n_codes = names().filter(|name| is_coded(windows, name)).count();
        let mut halves = (FRAUD_BIT + n_values) / HALF_BITS + 1..;
        let mut words = (halves.start + n_codes).div_ceil(2)..;
        let mut null_bits = FRAUD_BIT + 1..;
        let mut codes = Vec::new();
        let mut columns = Vec::new();
        for (name, column) in names().zip(&history.columns) {
            let mut places = Places::default();
            if is_valued(windows, name) {
                let null_bit = null_bits.next().unwrap_or_default();
                let (word, kind) = (words.next().unwrap_or_default(), Kind::of(column.values()));
                places.value = Some(ValuePlace { word, null_bit, kind });
            }
            if is_coded(windows, name) {
                places.code = halves.next();
                codes.extend(places.code.map(|half| (half, *column)));
            }
            columns.push(places);
        }
        let n_words = words.start;
        let codes = codes.into_par_iter().map(|(half, column)| (half, group::codes(column)));
        let codes = codes.collect();
        Self { windows, history, columns, codes, n_words }
    }

    /// Words of an event.
    pub(super) fn n_words(&self) -> usize {
        self.n_words
    }

    /// All events whose key has a value, in place of other blocks.
    pub(super) fn pack(&self, entities: &Entities, chunks: &Chunks, blocks: &mut Vec<Block>) {
        let block_rows = BLOCK_ROWS.max(PIECE_ROWS * chunks.entities.len());
        let of_row = entities.of_row().par_chunks(block_rows).enumerate();
        blocks.resize_with(of_row.len(), Block::default);
        of_row.zip(blocks).for_each(|((number, of_row), block)| {
            let used = std::mem::take(block);
            *block = self.block(number * block_rows, of_row, chunks, used);
        });
    }

    fn block(&self, first: usize, entities: &[u32], chunks: &Chunks, used: Block) -> Block {
        let n_chunks = chunks.entities.len();
        // Rows without an entity come last, where none is read.
        let chunk = |entity: &u32| match *entity {
            NONE => n_chunks,
            entity => chunks.of_entity[entity as usize] as usize,
        };
        let mut ends = vec![0_u32; n_chunks + 2];
        entities.iter().for_each(|entity| ends[chunk(entity) + 1] += 1);
        for at in 0..=n_chunks {
            ends[at + 1] += ends[at];
        }
        let place = |entity| {
            let next = &mut ends[chunk(entity)];
            *next += 1;
            *next - 1
        };
        let places: Vec<u32> = entities.iter().map(place).collect();
        ends.truncate(n_chunks);
        let Block { mut rows, mut words, .. } = used;
        words.clear();
        words.resize(self.n_words * places.len(), 0);
        let mut packed = Rows { first, places, n_words: self.n_words, words };
        packed.put_bits(FRAUD_BIT, |row| self.history.labels[row] == Some(true));
        for (places, column) in self.columns.iter().zip(&self.history.columns) {
            if let Some(place) = places.value {
                packed.put_values(place, column);
            }
        }
        for (half, codes) in &self.codes {
            // The number of none wraps to 0.
            packed.put_half(*half, |row| codes[row].wrapping_add(1));
        }
        rows.resize(packed.places.len(), Row { row: 0, entity: NONE });
        for ((row, entity), place) in (first..).zip(entities).zip(&packed.places) {
            rows[*place as usize] = Row { row: row as u32, entity: *entity };
        }
        Block { ends, rows, words: packed.words }
    }

    /// Reads an event, of this row, and its label where it is to be learnt: only frauds are.
    pub(super) fn read(
        &self,
        words: &[u64],
        row: usize,
        event: &mut Event,
    ) -> Result<Option<Label>, ReplayError> {
        let value = |column: usize| {
            self.columns[column].value.map_or(Value::Null, |place| place.value(words))
        };
        let half = |half: usize| words[half / 2] >> (HALF_BITS * (half % 2)) & u64::from(u32::MAX);
        let code = |column: usize| self.columns[column].code.map_or(0, half);
        let read = self.windows.read_numbered(event, value, code);
        read.map_err(|source| ReplayError { row, source })?;
        Ok(has_bit(words, FRAUD_BIT).then(|| self.history.fraud(row, event)))
    }
}

impl Block {
    /// How many rows it has, those without an entity too.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many of its rows belong to a chunk.
    pub(super) fn n_rows(&self, chunk: usize) -> usize {
        self.rows_of(chunk).len()
    }

    /// The rows of a chunk, and their events.
    pub(super) fn piece(&self, chunk: usize) -> (&[Row], &[u64]) {
        let rows = self.rows_of(chunk);
        let n_words = self.words.len() / self.rows.len().max(1);
        (&self.rows[rows.clone()], &self.words[rows.start * n_words..rows.end * n_words])
    }

    fn rows_of(&self, chunk: usize) -> std::ops::Range<usize> {
        let start = chunk.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[chunk] as usize
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

/// Rows that are being packed, each into its place.
struct Rows {
    first: usize,
    places: Vec<u32>,
    n_words: usize,
    words: Vec<u64>,
}

impl Rows {
    fn put(&mut self, word: usize, value: impl Fn(usize) -> u64) {
        for (row, place) in (self.first..).zip(&self.places) {
            self.words[*place as usize * self.n_words + word] = value(row);
        }
    }

    fn put_half(&mut self, half: usize, value: impl Fn(usize) -> u32) {
        self.put_within(half / 2, HALF_BITS * (half % 2), |row| value(row).into());
    }

    fn put_bits(&mut self, bit: usize, value: impl Fn(usize) -> bool) {
        self.put_within(bit / 64, bit % 64, |row| value(row).into());
    }

    fn put_within(&mut self, word: usize, shift: usize, value: impl Fn(usize) -> u64) {
        for (row, place) in (self.first..).zip(&self.places) {
            self.words[*place as usize * self.n_words + word] |= value(row) << shift;
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
