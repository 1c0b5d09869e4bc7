//! The states of all entities in memory, shared by the threads of a backend.
//!
//! Entities lie in shards with a lock each. An event takes the locks of all its entities together, always in the
//! same order: its features never mix two moments.
//!
//! ```
//! use shroff_serve::record::{Record, Value};
//! use shroff_serve::snapshot::Snapshot;
//! use shroff_serve::store::StateStore;
//! use shroff_serve::Scorer;
//!
//! # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1-velocity");
//! let scorer = Scorer::open(format!("{folder}/velocity.shroff"))?;
//! let windows = scorer.windows().expect("this model has velocity features");
//! let mut snapshot = Snapshot::open(format!("{folder}/velocity.state"))?;
//! let store = StateStore::from_snapshot(windows.clone(), &mut snapshot, 2_000_000)?;
//! assert_eq!(store.len(), 8);
//!
//! // What happened since: here nothing, for an hour.
//! let now = snapshot.as_of() + 3_600_000_000;
//! store.catch_up(&[], now);
//! // By id, time, card, terminal, amount, country, whether it is online; or as a bound struct, by `score`.
//! let values = [
//!     Value::Integer(7),
//!     Value::Time(now),
//!     Value::Text("DE-7"),
//!     Value::Integer(2),
//!     Value::Number(40.0),
//!     Value::Text("DE"),
//!     Value::Bool(false),
//! ];
//! let scored = store.score_record(&scorer, Record::new(&values))?;
//! assert_eq!(scored.staleness_micros, 0);
//! assert!(scored.score.probability > 0.0);
//! // Weeks later it turns out to be fraud.
//! assert!(store.learn_label(&scored.event, true, now + 14 * 86_400_000_000));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::MutexGuard;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use crate::features::state::{EntityState, Observed, StateError};
use crate::features::window::{EntityKey, Event, EventError, MAX_KEYS, Windows};
use crate::record::Value;

mod entities;
mod live;
mod saved;
mod shard;
#[cfg(test)]
mod tests;

use entities::Entities;
pub use live::Scored;
use shard::Shard;

/// Shards, one for each first byte of an entity: enough that tens of threads seldom meet.
const N_SHARDS: usize = 256;
/// Of a full shard this share of the entities goes, those first that are idle longest.
const EVICTED_SHARE: usize = 8;

/// The states of entities, by their names.
#[derive(Debug)]
pub struct StateStore {
    windows: Windows,
    shards: Box<[Shard]>,
    max_in_shard: usize,
    as_of: AtomicI64,
    /// The first event that did not come by `catch_up`; `i64::MAX` before.
    live_from: AtomicI64,
    n_evicted: AtomicUsize,
}

impl StateStore {
    /// An empty store, of which history up to `as_of` (microseconds since 1970 UTC) is taken to be known:
    /// the time of the snapshot to be imported, or of the first event there ever was.
    ///
    /// Of more than about `max_entities` those go that are idle longest.
    pub fn new(windows: Windows, as_of: i64, max_entities: usize) -> Self {
        Self {
            windows,
            shards: (0..N_SHARDS).map(|_| Shard::default()).collect(),
            max_in_shard: max_entities.div_ceil(N_SHARDS).max(1),
            as_of: AtomicI64::new(as_of),
            live_from: AtomicI64::new(i64::MAX),
            n_evicted: AtomicUsize::new(0),
        }
    }

    /// The program whose states it holds.
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    /// The number of entities.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether there is no entity.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entities were evicted because there were too many.
    pub fn n_evicted(&self) -> usize {
        self.n_evicted.load(Ordering::Relaxed)
    }

    /// Reads a live event as [`Windows::event`] does, and meanwhile asks for the memory that tells where its entities'
    /// states lie, so that the question that follows waits less. Waits for no lock.
    ///
    /// # Errors
    /// As [`Windows::event`].
    pub fn event<'v>(&self, value: impl Fn(usize) -> Value<'v>) -> Result<Event, EventError> {
        self.windows.event_for(value, |name| self.bring_lines_near(name))
    }

    /// The values of all features for an event, as [`Windows::features`] gives them.
    pub fn features(&self, event: &Event, values: &mut [f32]) {
        let locked = self.lock(event);
        locked.bring_near(self.windows.n_keys(), event);
        locked.features(&self.windows, event, values);
    }

    /// Counts a live event for all its entities.
    pub fn observe(&self, event: &Event) -> Observed {
        self.note_live(event);
        self.observe_locked(&mut self.lock(event), event)
    }

    /// The values of all features for a live event, then the event observed: no other event of its entities
    /// comes in between.
    pub fn features_then_observe(&self, event: &Event, values: &mut [f32]) -> Observed {
        let mut locked = self.lock(event);
        self.ask_then_observe(&mut locked, &self.windows, event, values)
    }

    /// The values in the order of other windows of the same hash.
    fn ask_then_observe(
        &self,
        locked: &mut Locked<'_>,
        windows: &Windows,
        event: &Event,
        values: &mut [f32],
    ) -> Observed {
        self.note_live(event);
        locked.bring_near(windows.n_keys(), event);
        let mut observed = Observed::Outside;
        for key in 0..windows.n_keys() {
            let ask = |state: &mut EntityState| state.features_then_observe(windows, event, values);
            match event.entity(key).and_then(|entity| self.change(locked, key, entity, ask)) {
                Some(one) => observed = one.max(observed),
                None => windows.features_of_key(key, event, None, values),
            }
        }
        observed
    }

    /// Of all events the first one changes it, and threads only read it from then on.
    fn note_live(&self, event: &Event) {
        if event.time() < self.live_from.load(Ordering::Relaxed) {
            self.live_from.fetch_min(event.time(), Ordering::Relaxed);
        }
    }

    /// The shards of an event's entities, locked in ascending order.
    fn lock(&self, event: &Event) -> Locked<'_> {
        let mut numbers = [usize::MAX; MAX_KEYS];
        let n_keys = self.windows.n_keys().min(MAX_KEYS);
        let (used, _) = numbers.split_at_mut(n_keys);
        for (key, number) in used.iter_mut().enumerate() {
            *number = event.entity(key).map_or(usize::MAX, shard_number);
        }
        used.sort_unstable();
        let mut locked = Locked { numbers, guards: [const { None }; MAX_KEYS] };
        let mut last = usize::MAX;
        for (number, guard) in numbers.into_iter().zip(&mut locked.guards).take(n_keys) {
            if number != last {
                *guard = self.shards.get(number).map(Shard::lock);
            }
            last = number;
        }
        locked
    }

    #[inline]
    fn bring_lines_near(&self, name: EntityKey) {
        self.shards.get(shard_number(name)).inspect(|shard| shard.bring_lines_near(name));
    }

    fn observe_locked(&self, locked: &mut Locked<'_>, event: &Event) -> Observed {
        locked.bring_near(self.windows.n_keys(), event);
        let mut observed = Observed::Outside;
        for key in 0..self.windows.n_keys() {
            let Some(entity) = event.entity(key) else { continue };
            let observe = |state: &mut EntityState| state.observe(&self.windows, event);
            let one = self.change(locked, key, entity, observe);
            observed = one.unwrap_or(Observed::Outside).max(observed);
        }
        observed
    }

    /// Changes the state of an entity, a new one where it has none.
    #[inline]
    fn change<R>(
        &self,
        locked: &mut Locked<'_>,
        key: usize,
        name: EntityKey,
        change: impl FnOnce(&mut EntityState) -> R,
    ) -> Option<R> {
        let entities = locked.entities_mut(name)?;
        let make = |entities: &mut Entities| {
            self.make_room(entities);
            EntityState::new(&self.windows, key)
        };
        let changed = entities.change_or_put(&self.windows, name, make, change);
        self.shards.get(shard_number(name)).inspect(|shard| shard.tell_table(entities));
        changed
    }

    /// Learns the label of an event for all its entities, as [`EntityState::learn_label`]. Tells whether it made a
    /// difference; an entity that is not in the store learns nothing.
    pub fn learn_label(&self, event: &Event, is_fraud: bool, known_at: i64) -> bool {
        let mut changed = false;
        for entity in (0..self.windows.n_keys()).filter_map(|key| event.entity(key)) {
            let Some(shard) = self.shards.get(shard_number(entity)) else { continue };
            let learn = |state: &mut EntityState| {
                state.learn_label(&self.windows, event, is_fraud, known_at)
            };
            changed |= shard.lock().change(&self.windows, entity, learn).unwrap_or(false);
        }
        changed
    }

    /// Counts events of the past, after which history is complete up to `as_of`: from the snapshot's time to the first
    /// live event in the end. Call it as often as need be, in the order of their times, and before labels of
    /// these events. Events that had been observed already are recognised by their ids.
    pub fn catch_up<'e>(&self, events: impl IntoIterator<Item = &'e Event>, as_of: i64) {
        for event in events {
            self.observe_locked(&mut self.lock(event), event);
        }
        self.as_of.fetch_max(as_of, Ordering::Relaxed);
    }

    /// History is complete up to here: the time of the snapshot, or that of the last catching up.
    pub fn as_of(&self) -> i64 {
        self.as_of.load(Ordering::Relaxed)
    }

    /// How much history is missing at a time, in microseconds: from [`as_of`](Self::as_of) to the first live event, or
    /// to that time while there was none; 0 when caught up.
    pub fn staleness(&self, now: i64) -> i64 {
        let live_from = self.live_from.load(Ordering::Relaxed);
        now.min(live_from).saturating_sub(self.as_of()).max(0)
    }

    /// Forgets entities without an event since a time; how many. Nothing is lost by it where no feature is over
    /// all history and the time lies [`Windows::horizon_micros`] before the present.
    pub fn evict_idle_since(&self, time: i64) -> usize {
        let evict = |shard: &Shard| {
            let mut entities = shard.lock();
            let before = entities.len();
            entities
                .retain(|state| state.newest(&self.windows).is_some_and(|newest| newest >= time));
            before.saturating_sub(entities.len())
        };
        self.shards.iter().map(evict).sum()
    }

    /// Of a full shard a share goes.
    fn make_room(&self, entities: &mut Entities) {
        if entities.len() < self.max_in_shard {
            return;
        }
        let newest = |state: &EntityState| state.newest(&self.windows);
        let mut newest: Vec<_> = entities.iter().map(|(_, state)| newest(state)).collect();
        let n_evicted = newest.len().div_ceil(EVICTED_SHARE);
        if newest.is_empty() {
            return;
        }
        let last = n_evicted.saturating_sub(1);
        let (_, limit, _) = newest.select_nth_unstable(last);
        let (limit, before) = (*limit, entities.len());
        let mut n_left = n_evicted;
        entities.retain(|state| {
            let goes = n_left > 0 && state.newest(&self.windows) <= limit;
            n_left = n_left.saturating_sub(usize::from(goes));
            !goes
        });
        self.n_evicted.fetch_add(before.saturating_sub(entities.len()), Ordering::Relaxed);
    }

    /// The bytes of every state, in ascending order of the entities. Each shard is read at one moment, different ones
    /// at different moments.
    pub fn export(&self, mut each: impl FnMut(EntityKey, usize, &[u8])) {
        let mut bytes = Vec::new();
        for shard in &self.shards {
            let entities = shard.lock();
            let mut by_name: Vec<_> = entities.iter().collect();
            by_name.sort_unstable_by_key(|(name, _)| *name);
            for (name, state) in by_name {
                bytes.clear();
                state.encode(&self.windows, &mut bytes);
                each(name, state.key(), &bytes);
            }
        }
    }

    /// Puts a state into the store in the place of the entity's own.
    ///
    /// # Errors
    /// As [`EntityState::decode`].
    pub fn import(&self, entity: EntityKey, key: usize, bytes: &[u8]) -> Result<(), StateError> {
        self.put(entity, EntityState::decode(&self.windows, key, bytes)?);
        Ok(())
    }

    fn put(&self, entity: EntityKey, state: EntityState) {
        if let Some(shard) = self.shards.get(shard_number(entity)) {
            let mut entities = shard.lock();
            if entities.len() >= self.max_in_shard && entities.get(entity).is_none() {
                self.make_room(&mut entities);
            }
            entities.put(&self.windows, entity, state);
            shard.tell_table(&entities);
        }
    }
}

/// The shards are in the order of their entities.
fn shard_number(entity: EntityKey) -> usize {
    entity.to_bits().to_be_bytes()[0].into()
}

/// The shards that an event needs.
struct Locked<'s> {
    /// In ascending order, one that several entities share several times; `usize::MAX` for none.
    numbers: [usize; MAX_KEYS],
    /// Of one number the first has the lock.
    guards: [Option<MutexGuard<'s, Entities>>; MAX_KEYS],
}

impl Locked<'_> {
    /// Asks for the memory of all that will be read. An entity that was idle lies in memory far away: so the processor
    /// waits for all places at once rather than for one after the other.
    fn bring_near(&self, n_keys: usize, event: &Event) {
        for name in (0..n_keys).filter_map(|key| event.entity(key)) {
            self.entities(name).inspect(|entities| entities.bring_near(name));
        }
    }

    fn features(&self, windows: &Windows, event: &Event, values: &mut [f32]) {
        let mut states = [None; MAX_KEYS];
        for (key, state) in (0..windows.n_keys()).zip(&mut states) {
            *state = event.entity(key).and_then(|entity| self.entities(entity)?.get(entity));
        }
        windows.features(event, &states, values);
    }

    fn entities(&self, entity: EntityKey) -> Option<&Entities> {
        let number = shard_number(entity);
        let at = self.numbers.iter().position(|other| *other == number)?;
        self.guards.get(at)?.as_deref()
    }

    fn entities_mut(&mut self, entity: EntityKey) -> Option<&mut Entities> {
        let number = shard_number(entity);
        let at = self.numbers.iter().position(|other| *other == number)?;
        self.guards.get_mut(at)?.as_deref_mut()
    }
}
