//! Events side by side: all that the engine reads of one lies in one place, and those of a chunk of entities
//! lie in few. In a table they are as far apart as can be: an entity's events by time, and what is known of an
//! event by columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;
use shroff_datasets::{Column, Values};
use shroff_serve::Value;
use shroff_serve::features::state::Label;
use shroff_serve::features::window::{Event, EventError, Windows};

use super::group::NONE;
use super::{Chunked, History, ReplayError, group};
use crate::events::value;

/// Rows of a block: their events, where features are few, fit the second-level cache while they are put in the order of
/// chunks.
const BLOCK_ROWS: usize = 1 << 14;
/// Events of a chunk in a block on average, where there are many chunks: fewer would no longer be read
/// one after the other.
const PIECE_ROWS: usize = 64;
/// The word of an amount where there is none: no amount is as little.
const NO_AMOUNT: i64 = i64::MIN;

/// Packs the events of a history.
///
/// An event is words: whether it was fraud, the numbers of its id and of its values; then, two words each, its time,
/// its amounts, the filters that it passes. Its features take its place once they are known, a word each.
pub(super) struct Packer<'a> {
    windows: &'a Windows,
    history: &'a History<'a>,
    /// The numbers of the ids, where there are any, and of each column of values.
    codes: Vec<&'a [u32]>,
    has_id: bool,
    /// The first word of the time.
    time: usize,
    /// Words that an event has, and those that it takes: its features may be more.
    n_read: usize,
    n_words: usize,
}

/// Rows that follow each other, those of a chunk together and in their order.
pub(super) struct Block {
    /// Where the rows of each chunk end.
    ends: Vec<u32>,
    rows: Vec<Row>,
    n_words: usize,
    words: Vec<u32>,
    /// Of each column of amounts how many are infinite or absurd, and packed as none.
    n_odd_amounts: Vec<u64>,
}

/// A row and its entity.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) row: u32,
    pub(super) entity: u32,
}

/// The numbers of ids and values by column: equal for equal values, one less than the word that is packed, so
/// that the number of none is 0.
pub(super) struct Codes(BTreeMap<Arc<str>, Vec<u32>>);

impl Codes {
    pub(super) fn new(windows: &Windows, history: &History<'_>) -> Self {
        let coded: Vec<usize> = coded(windows).collect();
        let code = |column: usize| {
            let name = windows.columns()[column].name.clone();
            (name, group::codes(history.columns[column]))
        };
        Self(coded.into_par_iter().map(code).collect())
    }
}

/// The columns whose values an event has as numbers, in its order.
fn coded(windows: &Windows) -> impl Iterator<Item = usize> {
    windows.id_column().into_iter().chain(windows.value_columns())
}

impl<'a> Packer<'a> {
    /// `codes` are of these columns, and may be of more.
    pub(super) fn new(windows: &'a Windows, history: &'a History<'a>, codes: &'a Codes) -> Self {
        let of_column = |column: usize| codes.0[&windows.columns()[column].name].as_slice();
        let codes: Vec<&[u32]> = coded(windows).map(of_column).collect();
        let time = 1 + codes.len();
        let n_wide = 1 + windows.amount_columns().count() + usize::from(windows.has_filters());
        let n_read = time + 2 * n_wide;
        let n_words = n_read.max(windows.n_features());
        let has_id = windows.id_column().is_some();
        Self { windows, history, codes, has_id, time, n_read, n_words }
    }

    /// Words that an event takes.
    pub(super) fn n_words(&self) -> usize {
        self.n_words
    }

    /// All events, those without an entity where none is read.
    pub(super) fn pack(
        &self,
        of_key: &Chunked,
        block_rows: usize,
    ) -> Result<Vec<Block>, ReplayError> {
        let of_row = of_key.entities.of_row().par_chunks(block_rows).enumerate();
        of_row.map(|(number, of_row)| self.block(number * block_rows, of_row, of_key)).collect()
    }

    fn block(
        &self,
        first: usize,
        entities: &[u32],
        of_key: &Chunked,
    ) -> Result<Block, ReplayError> {
        let n_chunks = of_key.chunks.len();
        // Rows without an entity come last, where none is read.
        let chunk = |entity: &u32| of_key.chunk(*entity).unwrap_or(n_chunks);
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
        let words = vec![0; self.n_words * places.len()];
        let mut packed = Rows { first, places, n_words: self.n_words, words };
        packed.put(0, |row| u32::from(self.history.labels[row] == Some(true)));
        for (word, codes) in (1..).zip(&self.codes) {
            // The number of none wraps to 0.
            packed.put(word, |row| codes[row].wrapping_add(1));
        }
        let Self { windows, history, .. } = self;
        let column = |column: usize| history.columns[column];
        let times = column(windows.time_column());
        packed.put_column(self.time, times, |time| Ok(windows.time(time)?.cast_unsigned()))?;
        let mut n_odd_amounts = vec![0; windows.amount_columns().count()];
        for (number, of) in windows.amount_columns().enumerate() {
            packed.put_column(self.time + 2 * (1 + number), column(of), |amount| {
                let (amount, is_odd) = windows.amount(number, amount)?;
                n_odd_amounts[number] += u64::from(is_odd);
                Ok(amount.unwrap_or(NO_AMOUNT).cast_unsigned())
            })?;
        }
        if windows.has_filters() {
            let passed = |row| windows.filters_passed(|of| value(column(of), row));
            packed.put_wide(self.n_read - 2, passed)?;
        }
        let mut rows = vec![Row { row: 0, entity: NONE }; packed.places.len()];
        for ((row, entity), place) in (first..).zip(entities).zip(&packed.places) {
            rows[*place as usize] = Row { row: row as u32, entity: *entity };
        }
        Ok(Block { ends, rows, n_words: self.n_words, words: packed.words, n_odd_amounts })
    }

    /// Puts an event of this row in the place of another; its label where it is to be learnt: only frauds are.
    #[inline]
    pub(super) fn read(&self, words: &[u32], row: usize, event: &mut Event) -> Option<Label> {
        let (narrow, wide) = words[..self.n_read].split_at(self.time);
        let (ids, values) = narrow[1..].split_at(usize::from(self.has_id));
        let id = ids.first().map_or(0, |id| u64::from(*id));
        let (time, rest) = wide.split_at(2);
        let n_filters = 2 * usize::from(self.windows.has_filters());
        let (amounts, filters) = rest.split_at(rest.len() - n_filters);
        let amounts = amounts.chunks_exact(2).map(|amount| wide_of(amount).cast_signed());
        let amounts = amounts.map(|amount| (amount != NO_AMOUNT).then_some(amount));
        let values = values.iter().map(|value| u64::from(*value));
        event.put(wide_of(time).cast_signed(), id, wide_of(filters), amounts, values);
        (words[0] != 0).then(|| self.history.fraud(row, event))
    }
}

/// The number of two words; 0 of none.
#[inline]
fn wide_of(words: &[u32]) -> u64 {
    match words {
        [low, high] => u64::from(*low) | u64::from(*high) << u32::BITS,
        _ => 0,
    }
}

/// Rows of a block, the same for all keys.
pub(super) fn block_rows(of_keys: &[Chunked]) -> usize {
    let n_chunks = of_keys.iter().map(|of_key| of_key.chunks.len()).max().unwrap_or(0);
    BLOCK_ROWS.max(PIECE_ROWS * n_chunks)
}

/// What a block has of one chunk: rows, and their events, in whose place their features are put.
pub(super) struct Piece<'a> {
    pub(super) rows: &'a [Row],
    pub(super) words: &'a mut [u32],
}

/// The pieces of all blocks by chunk.
pub(super) fn by_chunk(blocks: &mut [Block], n_chunks: usize) -> Vec<Vec<Piece<'_>>> {
    let n_blocks = blocks.len();
    let mut by_chunk: Vec<Vec<Piece<'_>>> =
        (0..n_chunks).map(|_| Vec::with_capacity(n_blocks)).collect();
    for Block { ends, rows, n_words, words, .. } in blocks {
        let (mut start, mut rows, mut words) = (0, rows.as_slice(), words.as_mut_slice());
        for (end, of_chunk) in ends.iter().zip(&mut by_chunk) {
            let n_rows = (end - start) as usize;
            let (of_rows, later_rows) = rows.split_at(n_rows);
            let (of_words, later_words) = words.split_at_mut(n_rows * *n_words);
            of_chunk.push(Piece { rows: of_rows, words: of_words });
            (start, rows, words) = (*end, later_rows, later_words);
        }
    }
    by_chunk
}

/// Puts features into the place of their event.
#[inline]
pub(super) fn put_features(features: &[f32], words: &mut [u32]) {
    words.iter_mut().zip(features).for_each(|(word, feature)| *word = feature.to_bits());
}

impl Block {
    /// How many rows it has, those without an entity too.
    pub(super) fn n_rows(&self) -> usize {
        self.words.len() / self.n_words
    }

    /// How many of a column's amounts are infinite or absurd.
    pub(super) fn n_odd_amounts(&self, number: usize) -> u64 {
        self.n_odd_amounts[number]
    }

    /// The place of the first row of each chunk.
    pub(super) fn starts(&self) -> Vec<u32> {
        [0].into_iter().chain(self.ends.iter().copied()).collect()
    }

    /// Takes the features that were [put](put_features) in the place of a row's event to these positions of a row.
    #[inline]
    pub(super) fn take_features(&self, place: u32, positions: &[usize], row: &mut [f32]) {
        let words = &self.words[place as usize * self.n_words..][..self.n_words];
        let words = positions.iter().zip(words);
        words.for_each(|(position, word)| row[*position] = f32::from_bits(*word));
    }

    /// Frees all but the features, once they have been put into the place of each event.
    pub(super) fn keep_features(&mut self, n_features: usize) {
        self.rows = Vec::new();
        if n_features < self.n_words {
            let n_rows = self.n_rows();
            for row in 0..n_rows {
                let start = row * self.n_words;
                self.words.copy_within(start..start + n_features, row * n_features);
            }
            self.words.truncate(n_rows * n_features);
            self.words.shrink_to_fit();
            self.n_words = n_features;
        }
    }
}

/// Rows that are being packed, each into its place.
struct Rows {
    first: usize,
    places: Vec<u32>,
    n_words: usize,
    words: Vec<u32>,
}

impl Rows {
    fn put(&mut self, word: usize, value: impl Fn(usize) -> u32) {
        for (row, place) in (self.first..).zip(&self.places) {
            self.words[*place as usize * self.n_words + word] = value(row);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a word takes its half of the bits")]
    fn put_wide(
        &mut self,
        word: usize,
        mut value: impl FnMut(usize) -> Result<u64, EventError>,
    ) -> Result<(), ReplayError> {
        for (row, place) in (self.first..).zip(&self.places) {
            let value = value(row).map_err(|source| ReplayError { row, source })?;
            let words = &mut self.words[*place as usize * self.n_words + word..][..2];
            (words[0], words[1]) = (value as u32, (value >> u32::BITS) as u32);
        }
        Ok(())
    }

    /// Of a column whose values are of one kind, as most are, none is asked which it is.
    fn put_column(
        &mut self,
        word: usize,
        column: &Column,
        mut of: impl FnMut(Value<'_>) -> Result<u64, EventError>,
    ) -> Result<(), ReplayError> {
        match column.values() {
            _ if column.null_count() > 0 => self.put_wide(word, |row| of(value(column, row))),
            Values::Time(times) => self.put_wide(word, |row| of(Value::Time(times[row]))),
            Values::Number(numbers) => self.put_wide(word, |row| of(Value::Number(numbers[row]))),
            _ => self.put_wide(word, |row| of(value(column, row))),
        }
    }
}
