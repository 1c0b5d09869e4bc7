//! Events side by side: all that the engine reads of one lies in one place, and those of a chunk of entities
//! lie in few. In a table they are as far apart as can be: an entity's events by time, and what is known of an
//! event by columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;
use shroff_serve::features::state::Label;
use shroff_serve::features::window::{Event, EventError, Windows};

use super::group::NONE;
use super::{Chunked, History, ReplayError, group};
use crate::events::value;

/// Rows of a block: their events fit the second-level cache while they are put in the order of chunks.
const BLOCK_ROWS: usize = 1 << 14;
/// Events of a chunk in a block on average, where there are many chunks: fewer would no longer be read
/// one after the other.
const PIECE_ROWS: usize = 64;
/// The word of an amount where there is none: no amount is as little.
const NO_AMOUNT: i64 = i64::MIN;
/// Bits of the half of a word.
const HALF_BITS: usize = u32::BITS as usize;

/// Packs the events of a history.
///
/// An event is halves of words: whether it was fraud, the numbers of its id and of its values; then words: its
/// time, its amounts, the filters that it passes.
pub(super) struct Packer<'a> {
    windows: &'a Windows,
    history: &'a History<'a>,
    /// The numbers of the ids, where there are any, and of each column of values.
    codes: Vec<&'a [u32]>,
    has_id: bool,
    /// The word of the time.
    time: usize,
    n_words: usize,
}

/// Rows that follow each other, those of a chunk together and in their order.
pub(super) struct Block {
    /// Where the rows of each chunk end.
    ends: Vec<u32>,
    rows: Vec<Row>,
    words: Vec<u64>,
    /// Of each column of amounts how many are infinite or absurd, and packed as none.
    n_odd_amounts: Vec<u64>,
}

/// A row and its entity.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) row: u32,
    pub(super) entity: u32,
}

/// The numbers of ids and values by column: equal for equal values, one less than the half that is packed, so
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
        let time = (1 + codes.len()).div_ceil(2);
        Self {
            windows,
            history,
            codes,
            has_id: windows.id_column().is_some(),
            time,
            n_words: time
                + 1
                + windows.amount_columns().count()
                + usize::from(windows.has_filters()),
        }
    }

    /// Words of an event.
    pub(super) fn n_words(&self) -> usize {
        self.n_words
    }

    /// All events, those without an entity where none is read.
    pub(super) fn pack(&self, of_key: &Chunked) -> Result<Vec<Block>, ReplayError> {
        let block_rows = BLOCK_ROWS.max(PIECE_ROWS * of_key.chunks.len());
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
        let chunk = |entity: &u32| match *entity {
            NONE => n_chunks,
            entity => of_key.of_entity[entity as usize] as usize,
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
        let words = vec![0; self.n_words * places.len()];
        let mut packed = Rows { first, places, n_words: self.n_words, words };
        packed.put_half(0, |row| u32::from(self.history.labels[row] == Some(true)));
        for (half, codes) in (1..).zip(&self.codes) {
            // The number of none wraps to 0.
            packed.put_half(half, |row| codes[row].wrapping_add(1));
        }
        let Self { windows, history, .. } = self;
        let column = |column: usize| history.columns[column];
        let times = column(windows.time_column());
        packed.put(self.time, |row| Ok(windows.time(value(times, row))?.cast_unsigned()))?;
        let mut n_odd_amounts = vec![0; windows.amount_columns().count()];
        for (number, of) in windows.amount_columns().enumerate() {
            let amounts = column(of);
            packed.put(self.time + 1 + number, |row| {
                let (amount, is_odd) = windows.amount(number, value(amounts, row))?;
                n_odd_amounts[number] += u64::from(is_odd);
                Ok(amount.unwrap_or(NO_AMOUNT).cast_unsigned())
            })?;
        }
        if windows.has_filters() {
            let passed = |row| windows.filters_passed(|of| value(column(of), row));
            packed.put(self.n_words - 1, passed)?;
        }
        let mut rows = vec![Row { row: 0, entity: NONE }; packed.places.len()];
        for ((row, entity), place) in (first..).zip(entities).zip(&packed.places) {
            rows[*place as usize] = Row { row: row as u32, entity: *entity };
        }
        Ok(Block { ends, rows, words: packed.words, n_odd_amounts })
    }

    /// Puts an event of this row in the place of another; its label where it is to be learnt: only frauds are.
    #[inline]
    pub(super) fn read(&self, words: &[u64], row: usize, event: &mut Event) -> Option<Label> {
        let half = |half: usize| words[half / 2] >> (HALF_BITS * (half % 2)) & u64::from(u32::MAX);
        let n_ids = usize::from(self.has_id);
        let id = if self.has_id { half(1) } else { 0 };
        let values = (1 + n_ids..=self.codes.len()).map(half);
        let (time, rest) = (words[self.time].cast_signed(), &words[self.time + 1..]);
        let (amounts, filters) = match self.windows.has_filters() {
            true => rest.split_at(rest.len() - 1),
            false => (rest, &[][..]),
        };
        let amounts = amounts.iter().map(|word| word.cast_signed());
        let amounts = amounts.map(|amount| (amount != NO_AMOUNT).then_some(amount));
        event.put(time, id, filters.first().copied().unwrap_or(0), amounts, values);
        (half(0) != 0).then(|| self.history.fraud(row, event))
    }
}

impl Block {
    /// How many rows it has, those without an entity too.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many of a column's amounts are infinite or absurd.
    pub(super) fn n_odd_amounts(&self, number: usize) -> u64 {
        self.n_odd_amounts[number]
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

/// Rows that are being packed, each into its place.
struct Rows {
    first: usize,
    places: Vec<u32>,
    n_words: usize,
    words: Vec<u64>,
}

impl Rows {
    fn put(
        &mut self,
        word: usize,
        mut value: impl FnMut(usize) -> Result<u64, EventError>,
    ) -> Result<(), ReplayError> {
        for (row, place) in (self.first..).zip(&self.places) {
            let value = value(row).map_err(|source| ReplayError { row, source })?;
            self.words[*place as usize * self.n_words + word] = value;
        }
        Ok(())
    }

    fn put_half(&mut self, half: usize, value: impl Fn(usize) -> u32) {
        let (word, shift) = (half / 2, HALF_BITS * (half % 2));
        for (row, place) in (self.first..).zip(&self.places) {
            self.words[*place as usize * self.n_words + word] |= u64::from(value(row)) << shift;
        }
    }
}
