//! The states of all entities after the last event, as a backend would have stored them that had observed
//! the events itself.
//!
//! A replay numbers ids and values, because its states are asked and thrown away. These are kept and
//! meet live events, so that every event is read again by its hashes. Entities are replayed in parallel, and
//! of each only its bytes stay.

use std::fmt;
use std::io::{Seek, Write};
use std::ops::Range;

use rayon::prelude::*;
use shroff_serve::features::state::{EntityState, Replay};
use shroff_serve::features::window::{EntityKey, Windows};
use shroff_serve::snapshot::SnapshotWriter;

use super::group::Groups;
use super::{CHUNK_ROWS, History, ReplayError};
use crate::events::value;

/// The states of all entities of all keys, as bytes, in ascending order of the entities.
pub struct States {
    windows: Windows,
    /// The states that a thread made at a time, one after the other.
    chunks: Vec<Vec<u8>>,
    places: Vec<Place>,
}

/// Where the state of an entity is.
struct Place {
    entity: EntityKey,
    key: usize,
    chunk: usize,
    bytes: Range<u32>,
}

/// The states after all events, in whose order they were replayed; labels that become known later are
/// in them and count from then on.
///
/// Cost: for each event and key some tens of nanoseconds and the hashes of its id and values, shared by
/// the threads; memory of the encoded states, 48 bytes an entity and eight an event.
///
/// # Errors
/// As [`replay`](super::replay).
pub fn states(windows: &Windows, history: &History<'_>) -> Result<States, ReplayError> {
    let order = history.order(windows);
    let (mut chunks, mut places) = (Vec::new(), Vec::new());
    for key in 0..windows.n_keys() {
        let entities = history.entities(windows, key);
        let groups = entities.groups(order.as_deref());
        let made = entities.chunks(CHUNK_ROWS).into_par_iter();
        let made = made.map(|entities| encoded(windows, history, key, &groups, entities));
        for (bytes, of_chunk) in made.collect::<Result<Vec<_>, _>>()? {
            let chunk = chunks.len();
            let place = |(entity, bytes)| Place { entity, key, chunk, bytes };
            places.extend(of_chunk.into_iter().map(place));
            chunks.push(bytes);
        }
    }
    places.par_sort_unstable_by_key(|place| place.entity);
    Ok(States { windows: windows.clone(), chunks, places })
}

/// The states of these entities, and where among their bytes each one is.
type Encoded = (Vec<u8>, Vec<(EntityKey, Range<u32>)>);

fn encoded(
    windows: &Windows,
    history: &History<'_>,
    key: usize,
    groups: &Groups,
    entities: Range<usize>,
) -> Result<Encoded, ReplayError> {
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    for entity in entities {
        let rows = groups.of(entity);
        let mut replay = Replay::new(windows, EntityState::new(windows, key));
        let mut name = None;
        for row in rows.iter().map(|row| *row as usize) {
            let value = |column: usize| value(history.columns[column], row);
            let failed = |source| ReplayError { row, source };
            let event = windows.event_alone(value).map_err(failed)?;
            if name.is_none() {
                name = windows.entity_key(key, value).map_err(failed)?;
            }
            let is_fraud = history.labels[row] == Some(true);
            replay.observe(&event, is_fraud.then(|| history.fraud(row, &event)));
        }
        // Numbers that no row has are entities without rows.
        let Some(name) = name else { continue };
        let place = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a chunk is far below 4 GB");
        let start = place(&bytes);
        replay.finish().encode(windows, &mut bytes);
        places.push((name, start..place(&bytes)));
    }
    bytes.shrink_to_fit();
    Ok((bytes, places))
}

impl States {
    /// How many entities there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether no event had an entity.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The windows whose states they are.
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    /// Writes them as a snapshot for all events before `as_of`, microseconds UTC. The same states give the
    /// same bytes. Gives the output back.
    ///
    /// # Errors
    /// What the output reports.
    pub fn write<W: Write + Seek>(&self, out: W, as_of: i64) -> Result<W, shroff_serve::Error> {
        let mut writer = SnapshotWriter::new(out, &self.windows, as_of)?;
        for Place { entity, key, chunk, bytes } in &self.places {
            let bytes = &self.chunks[*chunk][bytes.start as usize..bytes.end as usize];
            writer.push_encoded(*entity, *key, bytes)?;
        }
        writer.finish()
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("States").field("len", &self.len()).finish_non_exhaustive()
    }
}
