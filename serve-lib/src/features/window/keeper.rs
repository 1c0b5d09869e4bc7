//! An event read for who keeps the states of its entities. They lie in memory far away: it is asked for while the event's
//! other values are hashed.

use super::event::{EntityKey, Event, EventError};
use super::{MAX_KEYS, Windows};
use crate::record::Value;

/// Keeps the states of entities, and may ask for their memory.
pub(crate) trait Keeper {
    /// The entity has just been named.
    fn bring_entity_near(&self, name: EntityKey);
    /// It was named a while ago: its own memory may have come.
    fn bring_state_near(&self, name: EntityKey);
}

/// Keeps none.
impl Keeper for () {
    fn bring_entity_near(&self, _: EntityKey) {}
    fn bring_state_near(&self, _: EntityKey) {}
}

impl Windows {
    /// As [`event`](Self::event), for who keeps the states of its entities.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    #[inline]
    pub(crate) fn event_for<'v>(
        &self,
        value: impl Fn(usize) -> Value<'v>,
        keeper: &impl Keeper,
    ) -> Result<Event, EventError> {
        let mut entities = [None; MAX_KEYS];
        for (key, slot) in self.keys().iter().zip(&mut entities) {
            *slot = self.entity(&key.hash_key, &key.columns, &value)?;
            slot.iter().for_each(|entity| keeper.bring_entity_near(*entity));
        }
        // One after each hash, the others after the last.
        let mut named = entities.iter().flatten();
        let bring_next = || named.next().into_iter().for_each(|it| keeper.bring_state_near(*it));
        let mut event = self.event_with(value, bring_next)?;
        named.for_each(|entity| keeper.bring_state_near(*entity));
        event.entities = entities;
        Ok(event)
    }
}
