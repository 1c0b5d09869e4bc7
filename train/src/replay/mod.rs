//! History through the velocity engine: every event asks what is known of its entities just before
//! it, in the order of time, then is observed; labels are learnt when they came to be known.
//!
//! The engine is serve-lib's [`Replay`], the one that a backend's states run on. Entities know nothing of
//! each other, so that they are replayed in parallel, and the values are the same on any number of
//! threads.

mod group;
mod packed;
mod states;

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;
use shroff_datasets::{Column, Values};
use shroff_serve::features::state::{EntityState, Label, Replay};
use shroff_serve::features::window::{Event, EventError, Windows};

use group::Groups;
use packed::{AT_ONCE, Packed};

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
    /// The rows in the order of time, as they are replayed.
    fn order(&self, windows: &Windows) -> Vec<u32> {
        let of_name = |name: &str| {
            let position = windows.columns().iter().position(|column| *column.name == *name)?;
            self.columns.get(position).copied()
        };
        let program = windows.program();
        match of_name(&program.time).map(Column::values) {
            Some(Values::Time(times)) => {
                group::order(times, program.event_id.as_ref().and_then(|id| of_name(id)))
            }
            _ => Vec::new(),
        }
    }

    /// The entities of a key, each with its rows in this order.
    fn groups(&self, windows: &Windows, key: usize, order: &[u32]) -> Groups {
        let columns = windows.key_columns(key).iter().map(|&column| self.columns[column]);
        Groups::new(&columns.collect::<Vec<&'a Column>>(), order)
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

/// Events that a thread takes at a time, as far as one entity has not more.
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
/// Cost: some tens of nanoseconds a value and thread; memory of four bytes a value, four an event and
/// key, eight an event and column, and the states of as many entities as there are threads.
///
/// # Errors
/// A value of another type than its column, a time outside the years 1 to 9999.
pub fn replay(windows: &Windows, history: &History<'_>) -> Result<Velocity, ReplayError> {
    let n_features = windows.n_features();
    let n_rows = history.labels.len();
    let order = history.order(windows);
    let packed = Packed::new(windows, history);
    let mut notes = Vec::new();
    // Every value belongs to one entity, and so to one thread: nothing is waited for.
    let missing = |_| AtomicU32::new(f32::NAN.to_bits());
    let values: Vec<AtomicU32> = (0..n_rows * n_features).into_par_iter().map(missing).collect();
    let mut n_odd_amounts = 0;
    let keys = (0..windows.n_keys()).into_par_iter();
    let groups = keys.map(|key| history.groups(windows, key, &order));
    for (key, groups) in groups.collect::<Vec<_>>().into_iter().enumerate() {
        if groups.n_without() > 0 {
            notes.push(format!(
                "{} of {n_rows} events have no {}: they are counted for none, and their features are \
                 missing",
                groups.n_without(),
                key_name(windows, key)
            ));
        }
        let chunks = groups.chunks(CHUNK_ROWS);
        let features = features_of(windows, key);
        let entities = Entities { windows, events: &packed, groups, key, features };
        let n_odd = chunks
            .into_par_iter()
            .map(|chunk| entities.replay(chunk, &values))
            .sum::<Result<u64, ReplayError>>()?;
        // Those of the first key are those of all, but for events without it.
        n_odd_amounts = n_odd_amounts.max(n_odd);
    }
    if n_odd_amounts > 0 {
        notes.push(format!(
            "{n_odd_amounts} amounts are infinite or beyond what an amount can be, and count as missing"
        ));
    }
    let values = values.into_iter().map(|bits| f32::from_bits(bits.into_inner())).collect();
    Ok(Velocity { n_features, values, notes })
}

/// The entities of one key.
struct Entities<'a> {
    windows: &'a Windows,
    events: &'a Packed<'a>,
    groups: Groups,
    key: usize,
    /// The positions of the key's features.
    features: Vec<usize>,
}

impl Entities<'_> {
    /// Replays some of them; the number of amounts that are none.
    fn replay(&self, entities: Range<usize>, values: &[AtomicU32]) -> Result<u64, ReplayError> {
        let Self { windows, events, groups, key, features } = self;
        let n_features = windows.n_features();
        let mut place = events.place();
        let mut found = vec![f32::NAN; n_features * AT_ONCE];
        let mut n_odd_amounts = 0;
        let mut replay = Replay::new(windows, EntityState::new(windows, *key));
        let mut entity = entities.start;
        let mut n_left = groups.rows(entity).len();
        for rows in groups.rows_of(entities).chunks(AT_ONCE) {
            events.fetch(rows, &mut place);
            let places = found.chunks_exact_mut(n_features);
            for ((at, row), found) in rows.iter().enumerate().zip(places) {
                while n_left == 0 {
                    entity += 1;
                    n_left = groups.rows(entity).len();
                    replay.restart();
                }
                let (event, label) = events.read(&mut place, at, *row as usize)?;
                replay.next(event, label, found);
                n_odd_amounts += u64::from(event.n_odd_amounts());
                n_left -= 1;
            }
            for (row, found) in rows.iter().zip(found.chunks_exact(n_features)) {
                let of_row = &values[*row as usize * n_features..][..n_features];
                for &feature in features {
                    of_row[feature].store(found[feature].to_bits(), Ordering::Relaxed);
                }
            }
        }
        Ok(n_odd_amounts)
    }
}

/// The positions of the features of a key.
fn features_of(windows: &Windows, key: usize) -> Vec<usize> {
    let columns: Vec<&str> = key_columns(windows, key).collect();
    let features = windows.program().features.iter().enumerate();
    let of_key = features.filter(|(_, feature)| {
        feature.key.len() == columns.len()
            && feature.key.iter().all(|column| columns.contains(&&**column))
    });
    of_key.map(|(position, _)| position).collect()
}

fn key_columns(windows: &Windows, key: usize) -> impl Iterator<Item = &str> {
    windows.key_columns(key).iter().map(|&column| &*windows.columns()[column].name)
}

fn key_name(windows: &Windows, key: usize) -> String {
    key_columns(windows, key).collect::<Vec<_>>().join("+")
}
