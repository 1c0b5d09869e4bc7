//! Different values: where each occurred (limited windows), and where first (all history).

use std::collections::BTreeMap;

use super::log::NEVER;
use crate::features::window::StreamPlan;
#[cfg(feature = "store")]
use crate::near::Span;

/// Occurrences in ascending order of time, at most one of a value and a time. One counts in an interval
/// exactly when its value did not occur earlier in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Occurrences {
    entries: Vec<Occurrence>,
    /// Those before it are dropped.
    head: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Occurrence {
    pub(super) time: i64,
    pub(super) value: u64,
    /// When the value occurred last before; [`NEVER`], or any time dropped since, where it did not.
    pub(super) previous: i64,
}

impl Occurrences {
    pub(super) fn kept(&self) -> &[Occurrence] {
        self.entries.get(self.head..).unwrap_or_default()
    }

    /// Where the newest lie.
    #[cfg(feature = "store")]
    pub(super) fn spans(&self, push: &mut impl FnMut(Span)) {
        const MOST: usize = 48;
        let first = self.kept().len().saturating_sub(MOST);
        push(Span::of(self.kept().get(first..).unwrap_or_default()).and_next());
    }

    /// Those of a state read from bytes.
    pub(super) fn from_kept(entries: Vec<Occurrence>) -> Self {
        Self { entries, head: 0 }
    }

    /// Number of different values at times `from..to`; the former is not below the floor.
    pub(super) fn count(&self, from: i64, to: i64) -> u64 {
        let latest_first = self.kept().iter().rev().take_while(|entry| entry.time >= from);
        latest_first.filter(|entry| entry.time < to && entry.previous < from).count() as u64
    }

    /// Whether a value occurs at times `from..to`.
    pub(super) fn has(&self, value: u64, from: i64, to: i64) -> bool {
        let latest_first = self.kept().iter().rev().skip_while(|entry| entry.time >= to);
        latest_first.take_while(|entry| entry.time >= from).any(|entry| entry.value == value)
    }

    /// An event was observed, newest then the time of the newest; `value` is 0 where it has none.
    pub(super) fn observe(&mut self, plan: &StreamPlan, newest: i64, time: i64, value: u64) {
        let floor = newest.saturating_sub(plan.horizon);
        while self.entries.get(self.head).is_some_and(|entry| entry.time < floor) {
            self.head = self.head.wrapping_add(1);
        }
        if value != 0 && time >= floor {
            self.insert(time, value);
        }
        if self.kept().len() > plan.max_events {
            self.thin(plan, newest);
        }
    }

    fn insert(&mut self, time: i64, value: u64) {
        let (head, kept) = (self.head, self.kept());
        let place = kept.partition_point(|entry| entry.time <= time);
        let (before, after) = kept.split_at_checked(place).unwrap_or_default();
        let previous = before.iter().rfind(|entry| entry.value == value);
        let previous = previous.map_or(NEVER, |entry| entry.time);
        if previous == time {
            return;
        }
        let next = after.iter().position(|entry| entry.value == value);
        let index = head.saturating_add(place);
        let next = next.map(|next| index.saturating_add(next));
        if let Some(next) = next.and_then(|next| self.entries.get_mut(next)) {
            next.previous = time;
        }
        let entry = Occurrence { time, value, previous };
        if self.entries.len() == self.entries.capacity() && head >= (self.entries.len() / 4).max(1)
        {
            self.entries.drain(..head);
            self.head = 0;
            self.entries.insert(place, entry);
        } else {
            self.entries.insert(index, entry);
        }
    }

    /// Of a value's occurrences in one cell the last one stays, the newest quarter aside; then the oldest go
    /// until three quarters are left.
    fn thin(&mut self, plan: &StreamPlan, newest: i64) {
        let n_old = self.kept().len().saturating_sub(plan.max_events / 4);
        let mut next_cells = BTreeMap::new();
        let mut stays = Vec::new();
        for (number, entry) in self.kept().iter().enumerate().rev() {
            let cell = plan.cell(entry.time, newest.saturating_sub(entry.time));
            let next_cell = next_cells.insert(entry.value, cell);
            stays.push(number >= n_old || next_cell != Some(cell));
        }
        let mut flags = stays.into_iter().rev();
        let mut entries = self.kept().to_vec();
        entries.retain(|_| flags.next().unwrap_or(true));
        let too_many =
            entries.len().saturating_sub(plan.max_events.saturating_sub(plan.max_events / 4));
        entries.drain(..too_many);
        let mut last = BTreeMap::new();
        for entry in &mut entries {
            entry.previous = last.insert(entry.value, entry.time).unwrap_or(NEVER);
        }
        (self.entries, self.head) = (entries, 0);
    }
}

/// The first occurrence of each value, by value; at most `max_events`, then further values are not
/// counted. Few keys count them: they lie apart, where the states of others need no room for them.
#[derive(Debug, Clone, Default)]
pub(super) struct FirstSeen(Option<Box<Seen>>);

#[derive(Debug, Clone, Default)]
struct Seen {
    times: Vec<(u64, i64)>,
    /// The latest of the times, or later.
    latest: i64,
}

impl FirstSeen {
    pub(super) fn times(&self) -> &[(u64, i64)] {
        self.0.as_ref().map_or(&[], |seen| &seen.times)
    }

    pub(super) fn from_times(times: Vec<(u64, i64)>) -> Self {
        let latest = times.iter().map(|(_, time)| *time).max();
        Self(latest.map(|latest| Box::new(Seen { times, latest })))
    }

    /// Number of values that first occurred before `to`.
    pub(super) fn count(&self, to: i64) -> u64 {
        match &self.0 {
            Some(seen) if seen.latest < to => seen.times.len() as u64,
            _ => self.times().iter().filter(|(_, time)| *time < to).count() as u64,
        }
    }

    /// Whether a value first occurred before `to`.
    pub(super) fn has(&self, value: u64, to: i64) -> bool {
        let found = self.times().binary_search_by_key(&value, |(value, _)| *value);
        found.is_ok_and(|at| self.times().get(at).is_some_and(|(_, time)| *time < to))
    }

    pub(super) fn observe(&mut self, plan: &StreamPlan, time: i64, value: u64) {
        let Seen { times, latest } = &mut **self.0.get_or_insert_default();
        match times.binary_search_by_key(&value, |(value, _)| *value) {
            Ok(at) => {
                if let Some((_, first)) = times.get_mut(at) {
                    *first = time.min(*first);
                }
            }
            Err(at) if times.len() < plan.max_events => {
                *latest = if times.is_empty() { time } else { time.max(*latest) };
                times.insert(at, (value, time));
            }
            Err(_) => {}
        }
    }
}
