//! The frauds of one stream: when they happened, and since when that is known.

use super::log::NEVER;
use crate::features::window::{Event, LabelPlan, StreamPlan};
#[cfg(feature = "store")]
use crate::near::Span;

/// Frauds in ascending order of time, and of id.
#[derive(Debug, Clone, Default)]
pub(super) struct FraudLog {
    entries: Vec<Fraud>,
    /// The total before the first entry: those that were dropped, which no rate asks for.
    base: u64,
    /// The latest of the times since when a fraud is known, or later.
    latest_known: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fraud {
    pub(super) time: i64,
    pub(super) known_at: i64,
    /// 0 where it has none, [`Fraud::SEVERAL`] where frauds are put together.
    pub(super) id: u64,
    /// All frauds up to and with this one and the base.
    pub(super) total: u64,
}

impl Fraud {
    /// The id of no event.
    pub(super) const SEVERAL: u64 = u64::MAX;
}

impl FraudLog {
    pub(super) fn base_and_entries(&self) -> (u64, &[Fraud]) {
        (self.base, &self.entries)
    }

    pub(super) fn from_entries(entries: Vec<Fraud>) -> Self {
        let latest_known = entries.iter().map(|fraud| fraud.known_at).max().unwrap_or(NEVER);
        Self { entries, base: 0, latest_known }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where the newest lie.
    #[cfg(feature = "store")]
    pub(super) fn spans(&self, push: &mut impl FnMut(Span)) {
        const MOST: usize = 48;
        let first = self.entries.len().saturating_sub(MOST);
        push(Span::of(self.entries.get(first..).unwrap_or_default()).and_next());
    }

    /// Forgets everything but its room.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        (self.base, self.latest_known) = (0, 0);
    }

    /// Frauds at times `from..to` that are known before `known`; from [`NEVER`] on all before `to`.
    pub(super) fn count(&self, from: i64, to: i64, known: i64) -> u64 {
        let until = self.entries.partition_point(|fraud| fraud.time < to);
        let begin = self.entries.partition_point(|fraud| fraud.time < from);
        let n_frauds = self.total_before(until).saturating_sub(self.total_before(begin));
        if self.latest_known < known {
            return n_frauds;
        }
        let within = self.entries.get(begin..until).unwrap_or_default();
        let mut before = self.total_before(begin);
        within.iter().fold(n_frauds, |n_frauds, fraud| {
            let weight = fraud.total.saturating_sub(before);
            before = fraud.total;
            if fraud.known_at < known { n_frauds } else { n_frauds.saturating_sub(weight) }
        })
    }

    /// Whether the event is a fraud that is known before `known`.
    pub(super) fn knows(&self, event: &Event, known: i64) -> bool {
        let found = self.find(event).and_then(|at| self.entries.get(at));
        found.is_some_and(|fraud| fraud.known_at < known)
    }

    fn total_before(&self, n_before: usize) -> u64 {
        let last = n_before.checked_sub(1).and_then(|last| self.entries.get(last));
        last.map_or(self.base, |fraud| fraud.total)
    }

    pub(super) fn learn(
        &mut self,
        plan: &StreamPlan,
        labels: LabelPlan,
        newest: Option<i64>,
        event: &Event,
        known_at: i64,
    ) -> bool {
        // Those of one time by their ids: the bytes do not tell in which order they were learnt.
        let key = (event.time(), event.id());
        let place = self.entries.partition_point(|fraud| (fraud.time, fraud.id) <= key);
        if let Some(known) = self.find(event).and_then(|at| self.entries.get_mut(at)) {
            let is_earlier = known_at < known.known_at;
            known.known_at = known_at.min(known.known_at);
            return is_earlier;
        }
        if !labels.ever && newest.is_some_and(|at| event.time() < at.saturating_sub(plan.horizon)) {
            return false;
        }
        let (time, id, total) = (event.time(), event.id(), self.total_before(place));
        self.entries.insert(place, Fraud { time, known_at, id, total });
        let later = self.entries.get_mut(place..).unwrap_or_default();
        later.iter_mut().for_each(|fraud| fraud.total = fraud.total.saturating_add(1));
        let is_only = self.entries.len() == 1;
        self.latest_known = if is_only { known_at } else { known_at.max(self.latest_known) };
        newest.inspect(|newest| self.expire(plan, labels, *newest));
        if self.entries.len() > plan.max_events {
            self.thin(plan, newest);
        }
        true
    }

    pub(super) fn take_back(&mut self, event: &Event) -> bool {
        let Some(at) = self.find(event) else { return false };
        let before = self.total_before(at);
        let taken = self.entries.remove(at).total.saturating_sub(before);
        let later = self.entries.get_mut(at..).unwrap_or_default();
        later.iter_mut().for_each(|fraud| fraud.total = fraud.total.saturating_sub(taken));
        true
    }

    fn find(&self, event: &Event) -> Option<usize> {
        let from = self.entries.partition_point(|fraud| fraud.time < event.time());
        let mut of_time = self.entries.iter().enumerate().skip(from);
        let is_it = |(_, fraud): &(usize, &Fraud)| fraud.time == event.time();
        of_time.by_ref().take_while(is_it).find(|(_, f)| f.id == event.id()).map(|(at, _)| at)
    }

    /// Drops what lies below the horizon, unless a rate is over all history.
    #[inline]
    pub(super) fn expire(&mut self, plan: &StreamPlan, labels: LabelPlan, newest: i64) {
        let floor = newest.saturating_sub(plan.horizon);
        if !labels.ever && self.entries.first().is_some_and(|fraud| fraud.time < floor) {
            let n_gone = self.entries.partition_point(|fraud| fraud.time < floor);
            self.base = self.total_before(n_gone);
            self.entries.drain(..n_gone);
        }
    }

    /// Puts together the frauds of one cell, the newest quarter aside, known when the last of them is.
    fn thin(&mut self, plan: &StreamPlan, newest: Option<i64>) {
        let last = self.entries.last().map(|fraud| fraud.time);
        let newest = newest.or(last).unwrap_or_default();
        let n_old = self.entries.len().saturating_sub(plan.max_events / 4);
        let mut kept: Vec<Fraud> = Vec::with_capacity(self.entries.len());
        let mut last_cell = None;
        for (number, fraud) in self.entries.iter().enumerate() {
            let cell =
                (number < n_old).then(|| plan.cell(fraud.time, newest.saturating_sub(fraud.time)));
            match kept.last_mut().filter(|_| cell.is_some() && cell == last_cell) {
                Some(before) => {
                    let known_at = fraud.known_at.max(before.known_at);
                    *before = Fraud { known_at, id: Fraud::SEVERAL, ..*fraud };
                }
                None => kept.push(*fraud),
            }
            last_cell = cell;
        }
        self.entries = kept;
    }
}
