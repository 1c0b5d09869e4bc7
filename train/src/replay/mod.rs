//! History through the velocity engine: every event asks what is known of its entities just before
//! it, in the order of time, then is observed; labels are learnt when they came to be known.
//!
//! The engine is serve-lib's [`Replay`], the one that a backend's states run on. Entities know nothing of
//! each other, so that they are replayed in parallel, and the values are the same on any number of
//! threads.

mod group;
mod key;
mod packed;
mod states;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;
use shroff_datasets::{Column, Values};
use shroff_serve::features::state::{EntityState, Label, Replay};
use shroff_serve::features::window::{Event, EventError, Windows};

use group::{Entities, NONE};
use key::KeyWindows;
use packed::{Block, Codes, Packer, Row};

pub use states::{States, states};

/// What is replayed: events in any order.
#[derive(Debug)]
pub struct History<'a> {
    /// The columns of [`Windows::columns`], in its order.
    pub columns: Vec<&'a Column>,
    /// Whether each event was a fraud; none where it is not known.
    pub labels: &'a [Option<bool>],
    /// When each label came to be known, microseconds UTC.
    pub known_at: &'a [i64],
}

impl<'a> History<'a> {
    /// The column of this name, by the windows of whose columns these are.
    fn column(&self, windows: &Windows, name: &str) -> &'a Column {
        let position = windows.columns().iter().position(|column| *column.name == *name);
        self.columns[position.expect("windows read what they name")]
    }

    /// The rows in the order of time, as they are replayed.
    fn order(&self, windows: &Windows) -> Vec<u32> {
        let program = windows.program();
        match self.column(windows, &program.time).values() {
            Values::Time(times) => {
                let ids = program.event_id.as_ref().map(|id| self.column(windows, id));
                group::order(times, ids)
            }
            _ => Vec::new(),
        }
    }

    /// The entities of a key.
    fn entities(&self, windows: &Windows, key: usize) -> Entities {
        let columns = windows.key_columns(key).iter().map(|&column| self.columns[column]);
        Entities::new(&columns.collect::<Vec<&'a Column>>(), self.labels.len())
    }

    /// The history as windows see it that read some of its columns.
    fn of(&self, all: &Windows, some: &Windows) -> Self {
        let columns = some.columns().iter().map(|column| self.column(all, &column.name)).collect();
        Self { columns, labels: self.labels, known_at: self.known_at }
    }

    /// What is to be learnt of an event that was a fraud. A label that claims to be older than its event is
    /// not known before it.
    fn fraud(&self, row: usize, event: &Event) -> Label {
        Label { is_fraud: true, known_at: self.known_at[row].max(event.time()) }
    }
}

/// The velocity features of events, `n_rows x n_features`, in the order of the events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Velocity {
    n_features: usize,
    values: Vec<f32>,
    /// What a person should know of the events.
    pub notes: Vec<String>,
}

/// Events without a value of the engine.
#[derive(Debug)]
pub struct ReplayError {
    /// Position of the event.
    pub row: usize,
    /// What is wrong with it.
    pub source: EventError,
}

/// Events that a thread takes at a time, as far as one entity has not more: they and their features fit
/// the second-level cache.
const CHUNK_ROWS: usize = 8_192;

impl Velocity {
    /// The features of an event, NaN where missing; none at all where there are no windows.
    pub fn row(&self, row: usize) -> &[f32] {
        self.values.get(row * self.n_features..(row + 1) * self.n_features).unwrap_or_default()
    }

    /// One feature of all events.
    pub fn feature(&self, feature: usize) -> impl Iterator<Item = f32> {
        self.values.iter().copied().skip(feature).step_by(self.n_features.max(1))
    }

    /// The features of these events, in this order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut values = Vec::with_capacity(rows.len() * self.n_features);
        rows.iter().for_each(|row| values.extend_from_slice(self.row(*row)));
        Self { n_features: self.n_features, values, notes: self.notes.clone() }
    }
}

/// Replays all events.
///
/// Those of one time go by their ids, and of one id by their place. An event whose key has no value is
/// counted nowhere, and its features of that key are missing. A label that claims to be older than its
/// event is not known before it.
///
/// Cost: some tens of nanoseconds a value and thread; memory of eight bytes a value at most, eight an event
/// and column, some twelve an event and key, and the states of as many entities as there are threads.
///
/// # Errors
/// A value of another type than its column, a time outside the years 1 to 9999.
pub fn replay(windows: &Windows, history: &History<'_>) -> Result<Velocity, ReplayError> {
    let n_features = windows.n_features();
    let n_rows = history.labels.len();
    let keys: Vec<KeyWindows> =
        (0..windows.n_keys()).map(|key| KeyWindows::new(windows, key)).collect();
    let of_keys = (0..keys.len()).into_par_iter();
    let ((codes, ranks), of_keys) = rayon::join(
        || (Codes::new(windows, history), ranks(&history.order(windows))),
        || of_keys.map(|key| Chunked::new(history, windows, key)).collect::<Vec<_>>(),
    );
    let mut notes = Vec::new();
    let mut n_odd_amounts = BTreeMap::new();
    let mut values = vec![0.0; n_rows * n_features];
    for (key, of_key) in keys.iter().zip(of_keys) {
        if of_key.entities.n_without() > 0 {
            notes.push(format!(
                "{} of {n_rows} events have no {}: they are counted for none, and their features are \
                 missing",
                of_key.entities.n_without(),
                key.name()
            ));
        }
        let history = history.of(windows, &key.windows);
        let packer = Packer::new(&key.windows, &history, &codes);
        let blocks = packer.pack(&of_key)?;
        for (number, amount) in key.windows.amount_columns().enumerate() {
            let n_odd = blocks.iter().map(|block| block.n_odd_amounts(number)).sum::<u64>();
            n_odd_amounts.insert(key.windows.columns()[amount].name.clone(), n_odd);
        }
        let keyed =
            Keyed { key, packer: &packer, ranks: ranks.as_deref(), of_key, blocks: &blocks };
        keyed.replay(&mut values, n_features);
    }
    let n_odd_amounts: u64 = n_odd_amounts.values().sum();
    if n_odd_amounts > 0 {
        notes.push(format!(
            "{n_odd_amounts} amounts are infinite or beyond what an amount can be, and count as missing"
        ));
    }
    Ok(Velocity { n_features, values, notes })
}

/// The place of each row in an order; none if that is the rows' own.
fn ranks(order: &[u32]) -> Option<Vec<u32>> {
    let is_own = (0_u32..).zip(order).all(|(rank, row)| rank == *row);
    if is_own {
        return None;
    }
    let mut ranks = vec![0; order.len()];
    (0_u32..).zip(order).for_each(|(rank, row)| ranks[*row as usize] = rank);
    Some(ranks)
}

/// The entities of a key in parts that a thread takes at a time.
struct Chunked {
    entities: Entities,
    chunks: Vec<Range<usize>>,
    /// The chunk of each entity.
    of_entity: Vec<u32>,
}

impl Chunked {
    fn new(history: &History<'_>, windows: &Windows, key: usize) -> Self {
        let entities = history.entities(windows, key);
        let chunks = entities.chunks(CHUNK_ROWS);
        let numbers = (0_u32..).zip(&chunks);
        let of_entity = numbers.flat_map(|(chunk, of)| of.clone().map(move |_| chunk)).collect();
        Self { entities, chunks, of_entity }
    }
}

/// The events of one key.
struct Keyed<'a> {
    key: &'a KeyWindows,
    packer: &'a Packer<'a>,
    /// The place of each row in the order of time; none where rows are in it.
    ranks: Option<&'a [u32]>,
    of_key: Chunked,
    blocks: &'a [Block],
}

/// Room that a thread uses for one chunk after the other.
#[derive(Default)]
struct Room {
    rows: Vec<Row>,
    words: Vec<u64>,
}

impl Keyed<'_> {
    /// Puts the features of all events into their places among all `values`, `n_features` an event.
    fn replay(&self, values: &mut [f32], n_features: usize) {
        let chunks = (0..self.of_key.chunks.len()).into_par_iter();
        let found = chunks.map_init(Room::default, |room, chunk| self.replay_chunk(chunk, room));
        self.spread(&found.collect::<Vec<_>>(), values, n_features);
    }

    /// Puts what was found by chunk into the order of the rows.
    fn spread(&self, found: &[Vec<f32>], values: &mut [f32], n_features: usize) {
        let Self { key: KeyWindows { features, .. }, of_key, blocks, .. } = self;
        // Where the events of each block begin among those of their chunks.
        let mut next = vec![0_usize; found.len()];
        let starts = blocks.iter().map(|block| {
            let starts = next.clone();
            for (chunk, next) in next.iter_mut().enumerate() {
                *next += block.n_rows(chunk);
            }
            starts
        });
        let starts: Vec<Vec<usize>> = starts.collect();
        // All blocks but the last have as many rows.
        let block_rows = blocks.first().map_or(1, Block::len);
        let values = values.par_chunks_mut(block_rows * n_features);
        let of_rows = of_key.entities.of_row().par_chunks(block_rows);
        values.zip(of_rows).zip(starts).for_each(|((values, of_row), mut next)| {
            for (values, entity) in values.chunks_exact_mut(n_features).zip(of_row) {
                if *entity == NONE {
                    features.iter().for_each(|feature| values[*feature] = f32::NAN);
                    continue;
                }
                let chunk = of_key.of_entity[*entity as usize] as usize;
                let found = &found[chunk][next[chunk] * features.len()..];
                next[chunk] += 1;
                for (feature, found) in features.iter().zip(found) {
                    values[*feature] = *found;
                }
            }
        });
    }

    /// The features of a chunk's events, block after block.
    fn replay_chunk(&self, chunk: usize, room: &mut Room) -> Vec<f32> {
        let Self { key: KeyWindows { windows, .. }, packer, ranks, of_key, blocks } = self;
        let Room { rows, words } = room;
        rows.clear();
        words.clear();
        for (of_rows, of_words) in blocks.iter().map(|block| block.piece(chunk)) {
            rows.extend_from_slice(of_rows);
            words.extend_from_slice(of_words);
        }
        let of_chunk = of_key.chunks[chunk].clone();
        let of_rows = rows.iter().map(|row| row.entity);
        let mut groups = of_key.entities.groups_within(of_chunk.clone(), of_rows);
        let (n_words, n_features) = (packer.n_words(), windows.n_features());
        let mut event = Event::blank();
        let mut values = vec![0.0; rows.len() * n_features];
        let mut replay = Replay::new(windows, EntityState::new(windows, 0));
        for entity in of_chunk {
            let events = groups.of_mut(entity);
            if let Some(ranks) = ranks {
                events.sort_unstable_by_key(|at| ranks[rows[*at as usize].row as usize]);
            }
            replay.restart();
            for at in events.iter().map(|at| *at as usize) {
                let words = &words[at * n_words..][..n_words];
                let label = packer.read(words, rows[at].row as usize, &mut event);
                replay.next(&event, label, &mut values[at * n_features..][..n_features]);
            }
        }
        values
    }
}
