//! History through the engine: the events of one entity in the order of their times.

use std::collections::BTreeMap;

use super::EntityState;
use crate::features::window::{Event, Windows};

/// What is known of an event's honesty, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// It was fraud.
    pub is_fraud: bool,
    /// Since when that is known, in microseconds since 1970 UTC.
    pub known_at: i64,
}

/// Replays one entity's events, and learns their labels when they are known.
#[derive(Debug)]
pub struct Replay<'w> {
    windows: &'w Windows,
    state: EntityState,
    /// Frauds not known yet, by the time they will be and the order in which they came.
    pending: BTreeMap<(i64, usize), Event>,
    n_pended: usize,
}

impl<'w> Replay<'w> {
    /// The replay of an entity of this key, from its state before the first event.
    pub fn new(windows: &'w Windows, state: EntityState) -> Self {
        Self { windows, state, pending: BTreeMap::new(), n_pended: 0 }
    }

    /// The key's features for the next event, then the event observed. What is known of its label is
    /// seen by the events after `known_at`.
    pub fn next(&mut self, event: &Event, label: Option<Label>, values: &mut [f32]) {
        self.learn_until(event.time());
        self.state.features_then_observe(self.windows, event, values);
        self.learn_later(event, label);
    }

    /// As [`next`](Self::next), for an event whose features nobody asks for.
    pub fn observe(&mut self, event: &Event, label: Option<Label>) {
        self.learn_until(event.time());
        self.state.observe(self.windows, event);
        self.learn_later(event, label);
    }

    /// Goes on with another entity of the same key, of which nothing is known yet.
    pub fn restart(&mut self) {
        self.state.clear();
        self.pending.clear();
    }

    fn learn_later(&mut self, event: &Event, label: Option<Label>) {
        if let Some(label) = label.filter(|label| label.is_fraud) {
            self.pending.insert((label.known_at, self.n_pended), *event);
            self.n_pended = self.n_pended.wrapping_add(1);
        }
    }

    /// The state after the last event; labels known later are in it and count from then on.
    pub fn finish(mut self) -> EntityState {
        self.learn_until(i64::MAX);
        self.state
    }

    fn learn_until(&mut self, time: i64) {
        while let Some(first) = self.pending.first_entry().filter(|first| first.key().0 <= time) {
            let (known_at, _) = *first.key();
            let event = first.remove();
            self.state.learn_label(self.windows, &event, true, known_at);
        }
    }
}
