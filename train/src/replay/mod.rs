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
use packed::{Block, Codes, Packer, Piece, Row};

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

    /// The rows in the order of time, as they are replayed; none if that is their own.
    fn order(&self, windows: &Windows) -> Option<Vec<u32>> {
        let program = windows.program();
        let Values::Time(times) = self.column(windows, &program.time).values() else { return None };
        let ids = program.event_id.as_ref().map(|id| self.column(windows, id));
        group::order(times, ids)
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
#[derive(Debug, Clone, Default)]
pub struct Velocity {
    n_features: usize,
    /// Events of a block; the last one may have fewer.
    block_rows: usize,
    blocks: Vec<Vec<f32>>,
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
        let Some(number) = row.checked_div(self.block_rows) else { return &[] };
        let at = row % self.block_rows * self.n_features;
        let block = self.blocks.get(number).map_or(&[][..], Vec::as_slice);
        block.get(at..at + self.n_features).unwrap_or_default()
    }

    /// One feature of all events.
    pub fn feature(&self, feature: usize) -> impl Iterator<Item = f32> {
        let rows = self.blocks.iter().flat_map(|block| block.chunks_exact(self.n_features.max(1)));
        rows.map(move |row| row[feature])
    }

    /// The features of these events, in this order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut values = Vec::with_capacity(rows.len() * self.n_features);
        rows.iter().for_each(|row| values.extend_from_slice(self.row(*row)));
        Self {
            n_features: self.n_features,
            block_rows: rows.len(),
            blocks: vec![values],
            notes: self.notes.clone(),
        }
    }
}

/// Replays all events.
///
/// Those of one time go by their ids, and of one id by their place. An event whose key has no value is
/// counted nowhere, and its features of that key are missing. A label that claims to be older than its
/// event is not known before it.
///
/// Cost: some tens of nanoseconds a value and thread; memory of eight bytes a value at most, eight an event and column that
/// a key reads, some twelve an event and key, and the states of as many entities as there are threads.
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
        || (Codes::new(windows, history), history.order(windows).map(ranks)),
        || of_keys.map(|key| Chunked::new(history, windows, key)).collect::<Vec<_>>(),
    );
    let block_rows = packed::block_rows(&of_keys);
    let mut notes = Vec::new();
    let mut n_odd_amounts = BTreeMap::new();
    let mut replayed = Vec::with_capacity(keys.len());
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
        let mut blocks = packer.pack(&of_key, block_rows)?;
        for (number, amount) in key.windows.amount_columns().enumerate() {
            let n_odd = blocks.iter().map(|block| block.n_odd_amounts(number)).sum::<u64>();
            n_odd_amounts.insert(key.windows.columns()[amount].name.clone(), n_odd);
        }
        let keyed = Keyed { key, packer: &packer, ranks: ranks.as_deref(), of_key: &of_key };
        keyed.replay(&mut blocks);
        replayed.push(Replayed { features: &key.features, of_key, blocks });
    }
    let n_odd_amounts: u64 = n_odd_amounts.values().sum();
    if n_odd_amounts > 0 {
        notes.push(format!(
            "{n_odd_amounts} amounts are infinite or beyond what an amount can be, and count as missing"
        ));
    }
    Ok(Velocity { n_features, block_rows, blocks: spread(replayed, n_features, block_rows), notes })
}

/// The place of each row in an order.
fn ranks(order: Vec<u32>) -> Vec<u32> {
    let mut ranks = vec![0; order.len()];
    (0_u32..).zip(order).for_each(|(rank, row)| ranks[row as usize] = rank);
    ranks
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

    /// The chunk of an entity; none where the key has no value.
    fn chunk(&self, entity: u32) -> Option<usize> {
        (entity != NONE).then(|| self.of_entity[entity as usize] as usize)
    }
}

/// What the events of one key are replayed with.
struct Keyed<'a> {
    key: &'a KeyWindows,
    packer: &'a Packer<'a>,
    /// The place of each row in the order of time; none where rows are in it.
    ranks: Option<&'a [u32]>,
    of_key: &'a Chunked,
}

/// Room that a thread uses for one chunk after the other.
#[derive(Default)]
struct Room {
    rows: Vec<Row>,
    words: Vec<u32>,
    values: Vec<f32>,
}

impl Keyed<'_> {
    /// Puts the features of all events into their places, chunk by chunk.
    fn replay(&self, blocks: &mut [Block]) {
        let chunks = packed::by_chunk(blocks, self.of_key.chunks.len()).into_par_iter();
        let chunks = chunks.zip(&self.of_key.chunks);
        chunks.for_each_init(Room::default, |room, (mut pieces, entities)| {
            self.replay_chunk(entities.clone(), &mut pieces, room);
        });
        let n_features = self.key.windows.n_features();
        blocks.par_iter_mut().for_each(|block| block.keep_features(n_features));
    }

    fn replay_chunk(&self, entities: Range<usize>, pieces: &mut [Piece<'_>], room: &mut Room) {
        let Self { key: KeyWindows { windows, .. }, packer, ranks, of_key } = self;
        let Room { rows, words, values } = room;
        rows.clear();
        words.clear();
        for piece in pieces.iter() {
            rows.extend_from_slice(piece.rows);
            words.extend_from_slice(piece.words);
        }
        let of_rows = rows.iter().map(|row| row.entity);
        let mut groups = of_key.entities.groups_within(entities.clone(), of_rows);
        let (n_words, n_features) = (packer.n_words(), windows.n_features());
        // Each is an event of some entity, so that none is left as it was.
        values.resize(rows.len() * n_features, 0.0);
        let mut event = Event::blank();
        let mut replay = Replay::new(windows, EntityState::new(windows, 0));
        for entity in entities {
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
        let places = pieces.iter_mut().flat_map(|piece| piece.words.chunks_exact_mut(n_words));
        for (features, words) in values.chunks_exact(n_features).zip(places) {
            packed::put_features(features, words);
        }
    }
}

/// The events of one key, replayed.
struct Replayed<'a> {
    /// The positions of the features among those of all keys.
    features: &'a [usize],
    of_key: Chunked,
    blocks: Vec<Block>,
}

/// Puts the features of all keys together, in the order of the rows. One block after the other is freed, so that its
/// memory becomes that of values: new pages would take longer than all else here.
fn spread(replayed: Vec<Replayed<'_>>, n_features: usize, block_rows: usize) -> Vec<Vec<f32>> {
    let (keys, mut by_key): (Vec<_>, Vec<_>) = replayed
        .into_iter()
        .map(|Replayed { features, of_key, blocks }| ((features, of_key), blocks.into_iter()))
        .unzip();
    let n_blocks = by_key.first().map_or(0, ExactSizeIterator::len);
    let of_keys = (0..n_blocks).map(|_| by_key.iter_mut().flat_map(Iterator::next).collect());
    let by_block: Vec<Vec<Block>> = of_keys.collect();
    let together = |(number, blocks): (usize, Vec<Block>)| {
        let first = number * block_rows;
        let n_rows = blocks.first().map_or(0, Block::n_rows);
        let mut values = vec![f32::NAN; n_rows * n_features];
        let mut next: Vec<Vec<u32>> = blocks.iter().map(Block::starts).collect();
        for (row, of_row) in (first..).zip(values.chunks_exact_mut(n_features)) {
            for (((features, of_key), block), next) in keys.iter().zip(&blocks).zip(&mut next) {
                if let Some(chunk) = of_key.chunk(of_key.entities.of_row()[row]) {
                    block.take_features(next[chunk], features, of_row);
                    next[chunk] += 1;
                }
            }
        }
        values
    };
    by_block.into_par_iter().enumerate().map(together).collect()
}
