//! What is kept of an entity's past: for each filter a log of its events, immutable to questions.
//!
//! [`EntityState`] is one entity of one key. Ask first ([`Windows::features`]), observe afterwards:
//! an event closed right counts itself. It is a plain value without locks or clocks; as bytes it fits a
//! row of any store.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::arithmetic_side_effects)
)]

mod amounts;
mod bytes;
mod codec;
mod few;
mod frauds;
mod log;
mod occurrences;
mod replay;
#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;

use super::window::{Event, MAX_TIME, MIN_TIME, StreamPlan, Windows};
#[cfg(feature = "store")]
use crate::near::Span;
use few::Few;
use frauds::FraudLog;
use log::{EventLog, Hints};
use occurrences::{FirstSeen, Occurrence, Occurrences};

pub use codec::StateError;
pub use replay::{Label, Replay};

/// Places in memory of one entity that are asked for ahead of a question: the log of one stream, or some five of its edges,
/// and lists of different values and of frauds. What lies at others, which few have, is waited for.
#[cfg(feature = "store")]
pub(crate) const N_SPANS: usize = 7;

/// The past of one entity, as far as the features of one key need it.
///
/// Memory is bounded by the program: at most `max_events` rows for each filter, of 16 bytes and
/// 16 to 48 an amount; and at most `max_events` different values and frauds. Until it has 64 events at once, its rows
/// are of 16 bytes, 16 an amount and 16 for every two columns of different values.
#[derive(Debug, Clone)]
pub struct EntityState {
    key: usize,
    streams: Few<Stream>,
}

/// The events that pass one filter.
#[derive(Debug, Clone, Default)]
struct Stream {
    events: EventLog,
    /// One for each column of which different values are counted.
    distinct: Few<Distinct>,
    frauds: FraudLog,
}

#[derive(Debug, Clone, Default)]
struct Distinct {
    /// Beside a long log; the rows of a short one have the values.
    windowed: Option<Box<Occurrences>>,
    ever: FirstSeen,
}

/// What became of an observed event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Observed {
    /// No feature of the key counts such an event.
    Outside,
    /// It had been observed before: an event of its id and time is still kept by itself. Nothing changed.
    Duplicate,
    /// It is older than the horizon before the newest: it adds to all-history counts alone.
    TooOld,
    /// It is counted.
    New,
}

impl EntityState {
    /// An entity of which nothing is known yet. The key is a position below [`Windows::n_keys`].
    pub fn new(windows: &Windows, key: usize) -> Self {
        let plans = windows.keys().get(key).map_or(&[][..], |key| &key.streams);
        Self { key, streams: plans.iter().map(Stream::new).collect() }
    }

    /// The key it is an entity of.
    pub fn key(&self) -> usize {
        self.key
    }

    /// The time of the newest event; none while there is none.
    pub fn newest(&self, windows: &Windows) -> Option<i64> {
        let plans = windows.keys().get(self.key).map_or(&[][..], |key| &key.streams);
        let newest =
            plans.iter().zip(self.streams.iter()).map(|(plan, stream)| stream.events.newest(plan));
        newest.max().flatten()
    }

    /// Counts an event; those that were declined too. Events may come late, at a cost that grows with
    /// the number of newer ones kept.
    ///
    /// Cost: tens of nanoseconds amortised, however many events the entity has. The program must be the
    /// one it was made for.
    pub fn observe(&mut self, windows: &Windows, event: &Event) -> Observed {
        self.observe_asked(windows, event, |_, _, _| false)
    }

    /// As [`Windows::features_of_key`], then as [`observe`](Self::observe), in less time than one after the other.
    pub fn features_then_observe(
        &mut self,
        windows: &Windows,
        event: &Event,
        values: &mut [f32],
    ) -> Observed {
        self.observe_asked(windows, event, |stream, plan, hints| {
            stream.features(plan, event, values, hints);
            true
        })
    }

    /// Asks every stream, which tells whether hints were put, and observes the event where it belongs.
    fn observe_asked(
        &mut self,
        windows: &Windows,
        event: &Event,
        mut ask: impl FnMut(&Stream, &StreamPlan, &mut Hints) -> bool,
    ) -> Observed {
        let plans = windows.keys().get(self.key).map_or(&[][..], |key| &key.streams);
        let is_kept = |(plan, stream): (&StreamPlan, &Stream)| {
            plan.takes(event.filters()) && stream.events.has(plan, event)
        };
        let is_known = plans.iter().zip(self.streams.iter()).any(is_kept);
        let mut each = |(plan, stream): (&StreamPlan, &mut Stream)| {
            let mut hints = Hints::default();
            let asked = ask(stream, plan, &mut hints).then_some(&hints);
            if is_known {
                Observed::Duplicate
            } else if plan.takes(event.filters()) {
                stream.observe(plan, event, asked)
            } else {
                Observed::Outside
            }
        };
        let streams = plans.iter().zip(self.streams.iter_mut());
        streams.fold(Observed::Outside, |observed, stream| each(stream).max(observed))
    }

    /// Where the memory lies that the next question is likely to read.
    #[cfg(feature = "store")]
    pub(crate) fn spans(&self, windows: &Windows) -> [Span; N_SPANS] {
        let mut spans = [Span::default(); N_SPANS];
        let mut free = spans.iter_mut();
        let mut push = |span| {
            if span != Span::default()
                && let Some(free) = free.next()
            {
                *free = span;
            }
        };
        let plans = windows.keys().get(self.key).map_or(&[][..], |key| &key.streams);
        for (plan, stream) in plans.iter().zip(self.streams.iter()) {
            stream.events.spans(plan, &mut push);
            let windowed = stream.distinct.iter().filter_map(|distinct| distinct.windowed.as_ref());
            windowed.for_each(|occurrences| occurrences.spans(&mut push));
            stream.frauds.spans(&mut push);
        }
        spans
    }

    /// Forgets everything but its room: an entity of the same key of which nothing is known yet.
    fn clear(&mut self) {
        self.streams.iter_mut().for_each(Stream::clear);
    }

    /// Learns whether an event was fraud, and since when that is known. Tells whether it made a
    /// difference.
    ///
    /// The same label again changes nothing, but keeps the earlier of two `known_at`; `false` takes a
    /// fraud back. An event is known by its time and id: frauds of one time without ids count as one.
    /// It should have been observed, before or later: a rate has the events observed below the line. Labels
    /// are kept like events: beyond `max_events` frauds neighbours are put together, and can no longer be
    /// taken back; below the horizon only all-history rates count them.
    pub fn learn_label(
        &mut self,
        windows: &Windows,
        event: &Event,
        is_fraud: bool,
        known_at: i64,
    ) -> bool {
        let plans = windows.keys().get(self.key).map_or(&[][..], |key| &key.streams);
        let known_at = known_at.clamp(MIN_TIME, MAX_TIME);
        let learn = |changed, (plan, stream): (&StreamPlan, &mut Stream)| {
            let Some(labels) = plan.labels.filter(|_| plan.takes(event.filters())) else {
                return changed;
            };
            let newest = stream.events.newest(plan);
            changed
                | if is_fraud {
                    stream.frauds.learn(plan, labels, newest, event, known_at)
                } else {
                    stream.frauds.take_back(event)
                }
        };
        plans.iter().zip(self.streams.iter_mut()).fold(false, learn)
    }
}

impl Stream {
    fn new(plan: &StreamPlan) -> Self {
        let distinct = plan.distinct.iter().map(|_| Distinct::default()).collect();
        Self { events: EventLog::default(), distinct, frauds: FraudLog::default() }
    }

    fn clear(&mut self) {
        self.events.clear();
        self.distinct.iter_mut().for_each(|distinct| *distinct = Distinct::default());
        self.frauds.clear();
    }

    /// Where the values of each word occurred, whichever log it is.
    fn occurrences(&self, plan: &StreamPlan) -> Vec<Cow<'_, [Occurrence]>> {
        let columns = plan.distinct.iter().zip(self.distinct.iter());
        let of_words = columns.filter_map(|(plan_of_it, distinct)| {
            let word = plan_of_it.word?;
            Some(match &distinct.windowed {
                Some(windowed) => Cow::Borrowed(windowed.kept()),
                None if self.events.is_long() => Cow::default(),
                None => Cow::Owned(self.events.occurrences(plan, word)),
            })
        });
        of_words.collect()
    }

    /// Goes on with a long log.
    #[cold]
    #[inline(never)]
    fn lengthen(&mut self, plan: &StreamPlan) {
        for (plan_of_it, distinct) in plan.distinct.iter().zip(self.distinct.iter_mut()) {
            let of_word = plan_of_it.word.map(|word| self.events.occurrences(plan, word));
            distinct.windowed = of_word.map(|kept| Box::new(Occurrences::from_kept(kept)));
        }
        self.events.lengthen(plan);
    }

    /// Where the values of a column occurred, read from bytes: in the rows, or beside a long log where one has no row.
    fn put_occurrences(
        &mut self,
        plan: &StreamPlan,
        (at, word): (usize, usize),
        kept: Vec<Occurrence>,
    ) {
        if self.events.put_occurrences(plan, word, &kept) {
            return;
        }
        if !self.events.is_long() {
            self.lengthen(plan);
        }
        if let Some(distinct) = self.distinct.iter_mut().nth(at) {
            distinct.windowed = Some(Box::new(Occurrences::from_kept(kept)));
        }
    }

    fn observe(&mut self, plan: &StreamPlan, event: &Event, mut asked: Option<&Hints>) -> Observed {
        if self.events.is_full(plan) {
            self.lengthen(plan);
            // They are places in the short log.
            asked = None;
        }
        let observed = self.events.observe(plan, event, asked);
        let newest = self.events.newest(plan).unwrap_or(event.time());
        for (plan_of_it, distinct) in plan.distinct.iter().zip(self.distinct.iter_mut()) {
            let value = event.value(plan_of_it.slot);
            if plan_of_it.ever && value != 0 {
                distinct.ever.observe(plan, event.time(), value);
            }
            if self.events.is_long() && plan_of_it.word.is_some() {
                let occurrences = distinct.windowed.get_or_insert_default();
                occurrences.observe(plan, newest, event.time(), value);
            }
        }
        if let Some(labels) = plan.labels {
            self.frauds.expire(plan, labels, newest);
        }
        observed
    }
}
