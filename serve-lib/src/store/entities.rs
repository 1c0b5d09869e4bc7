//! The entities of one shard.
//!
//! A table in which an entity lies where its name, which is a hash, says, or as near behind as there was room: so the
//! place to look at first can be asked for ahead of time. A table that keeps its hashes apart takes one more step
//! through memory far away.

use crate::features::state::EntityState;
use crate::features::window::EntityKey;
use crate::near;

/// States by the names of their entities.
#[derive(Debug, Default)]
pub(super) struct Entities {
    /// None or a power of two, at least a quarter of them free.
    slots: Vec<Option<Entity>>,
    n_entities: usize,
}

#[derive(Debug)]
pub(super) struct Entity {
    pub(super) name: EntityKey,
    pub(super) state: EntityState,
}

/// Slots of the first table.
const FEWEST_SLOTS: usize = 4;

impl Entities {
    pub(super) fn len(&self) -> usize {
        self.n_entities
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entity> {
        self.slots.iter().flatten()
    }

    /// Asks for the memory of the slot where an entity should lie.
    #[inline]
    pub(super) fn bring_near(&self, name: EntityKey) {
        let slot = first_slot(name, self.slots.len());
        near::bring(self.slots.get(slot..=slot).unwrap_or_default());
    }

    #[inline]
    pub(super) fn get(&self, name: EntityKey) -> Option<&EntityState> {
        let slot = self.slots.get(self.slot(name))?.as_ref();
        slot.map(|entity| &entity.state)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, name: EntityKey) -> Option<&mut EntityState> {
        let slot = self.slot(name);
        let slot = self.slots.get_mut(slot)?.as_mut();
        slot.map(|entity| &mut entity.state)
    }

    /// The state of an entity; where it has none, the one that is made now.
    #[inline]
    pub(super) fn get_or_put(
        &mut self,
        name: EntityKey,
        make: impl FnOnce(&mut Self) -> EntityState,
    ) -> Option<&mut EntityState> {
        let slot = self.slot(name);
        if self.slots.get(slot).is_none_or(Option::is_none) {
            let state = make(self);
            return self.put(name, state);
        }
        let slot = self.slots.get_mut(slot)?.as_mut();
        slot.map(|entity| &mut entity.state)
    }

    /// Puts a state in the place of the entity's own.
    pub(super) fn put(&mut self, name: EntityKey, state: EntityState) -> Option<&mut EntityState> {
        let n_slots = self.slots.len();
        // A quarter is free: the search for an entity that is not there comes to an end, and soon.
        if self.n_entities >= n_slots.saturating_sub(n_slots / 4) {
            self.grow();
        }
        let slot = self.slot(name);
        let slot = self.slots.get_mut(slot)?;
        self.n_entities = self.n_entities.saturating_add(slot.is_none().into());
        Some(&mut slot.insert(Entity { name, state }).state)
    }

    fn grow(&mut self) {
        let mut slots = Vec::new();
        slots.resize_with(self.slots.len().saturating_mul(2).max(FEWEST_SLOTS), || None);
        let old = std::mem::replace(self, Self { slots, n_entities: 0 });
        for Entity { name, state } in old.slots.into_iter().flatten() {
            self.put(name, state);
        }
    }

    /// Keeps the entities of some states.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&EntityState) -> bool) {
        // A slot that was free before: no entity lies beyond it that is looked for from before it on.
        let start = self.slots.iter().position(Option::is_none).unwrap_or(0);
        for slot in &mut self.slots {
            if slot.as_ref().is_some_and(|entity| !stays(&entity.state)) {
                *slot = None;
                self.n_entities = self.n_entities.saturating_sub(1);
            }
        }
        // In the order in which they are looked for, each moves up into the gaps.
        let n_slots = self.slots.len();
        for at in (start..n_slots).chain(0..start) {
            let Some(entity) = self.slots.get_mut(at).and_then(Option::take) else { continue };
            let slot = self.slot(entity.name);
            if let Some(free) = self.slots.get_mut(slot) {
                *free = Some(entity);
            }
        }
    }

    /// The slot of an entity, or the free one that it would take.
    #[inline]
    fn slot(&self, name: EntityKey) -> usize {
        let (before, from) =
            self.slots.split_at_checked(first_slot(name, self.slots.len())).unwrap_or_default();
        let is_it = |slot: &Option<Entity>| slot.as_ref().is_none_or(|entity| entity.name == name);
        match from.iter().position(is_it) {
            Some(slot) => before.len().wrapping_add(slot),
            None => before.iter().position(is_it).unwrap_or(usize::MAX),
        }
    }
}

/// The slot from which on an entity is looked for: by the lower bits of its name, as the shard is by the upper ones.
#[inline]
fn first_slot(name: EntityKey, n_slots: usize) -> usize {
    name.to_bits() as usize & n_slots.wrapping_sub(1)
}
