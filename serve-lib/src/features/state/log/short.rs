//! Short logs: what a long one has in words of its own is read off the rows of few events.
//!
//! A row of a short log has a word for each column of which different values are counted in limited windows: the value,
//! and how many rows back the value was last, [`FIRST`] where it is in no row before. So the value is the first of
//! its kind in an interval exactly when that way leads out of it. The word of no value is 0.

use super::row::more_mut;
use super::{EventLog, NEVER, Pair, time_of};
use crate::features::state::amounts;
use crate::features::state::occurrences::Occurrence;
use crate::features::window::{Event, StreamPlan};

pub(super) const WAY_BITS: u32 = 16;
/// A way longer than any, in all its bits.
pub(super) const FIRST: u64 = (1 << WAY_BITS) - 1;

/// The pair of a row that has a value's word, and which half it is.
#[inline]
pub(super) fn place_of(plan: &StreamPlan, word: usize) -> (usize, usize) {
    (plan.total_pairs.wrapping_add(word / 2), word % 2)
}

#[inline]
fn word_of(plan: &StreamPlan, row: &[Pair], word: usize) -> u64 {
    let (pair, half) = place_of(plan, word);
    row.get(pair).and_then(|pair| pair.get(half)).copied().unwrap_or(0)
}

impl EventLog {
    fn set_word(&mut self, plan: &StreamPlan, row: usize, word: usize, to: u64) {
        let (pair, half) = place_of(plan, word);
        let pair = self.pairs.get_mut(row.wrapping_add(pair));
        pair.and_then(|pair| pair.get_mut(half)).into_iter().for_each(|word| *word = to);
    }

    /// Puts an event's values into its row of a short log.
    #[inline]
    pub(super) fn put_values(&mut self, plan: &StreamPlan, event: &Event, row: usize) {
        if !self.is_long && plan.short_pairs > plan.total_pairs {
            for distinct in &plan.distinct {
                if let Some(word) = distinct.word {
                    self.put_value(plan, row, word, event.value(distinct.slot));
                }
            }
        }
    }

    #[inline]
    fn put_value(&mut self, plan: &StreamPlan, row: usize, word: usize, value: u64) {
        let packed =
            if value == 0 { 0 } else { value << WAY_BITS | self.way(plan, row, word, value) };
        self.set_word(plan, row, word, packed);
    }

    /// How many rows before this one the last row with the value is.
    #[inline]
    fn way(&self, plan: &StreamPlan, row: usize, word: usize, value: u64) -> u64 {
        let (mut earlier, mut way) = (row.wrapping_sub(plan.short_pairs), 1);
        while earlier > self.head && earlier < row {
            if word_of(plan, self.from(earlier), word) >> WAY_BITS == value {
                return way;
            }
            (earlier, way) = (earlier.wrapping_sub(plan.short_pairs), way.wrapping_add(1));
        }
        FIRST
    }

    /// After a row was put between others: the ways of those behind it. Ways that lead out of the log still do.
    pub(super) fn mend_ways(&mut self, plan: &StreamPlan, row: usize) {
        if self.is_long {
            return;
        }
        let words = plan.distinct.iter().filter_map(|distinct| distinct.word);
        for word in words {
            let put = word_of(plan, self.from(row), word) >> WAY_BITS;
            let later = (row..self.pairs.len()).step_by(plan.short_pairs.max(1));
            for (distance, later) in (0..).zip(later).skip(1) {
                let packed = word_of(plan, self.from(later), word);
                let (value, way) = (packed >> WAY_BITS, packed & FIRST);
                // Ways over the new row, if not to it.
                if packed == 0 || way < distance {
                    continue;
                }
                let way = if value == put { distance } else { FIRST.min(way.wrapping_add(1)) };
                self.set_word(plan, later, word, value << WAY_BITS | way);
            }
        }
    }

    /// Squares and extremes of the base of a short log take in those of the row that is about to be the base.
    pub(super) fn widen_front(&mut self, plan: &StreamPlan) {
        for amount in &plan.amounts {
            let next = self.head.wrapping_add(plan.short_pairs);
            let own = self.amounts(plan, amount, self.head, next).next();
            if let Some(own) = own {
                let more = self.more_of_base_mut(plan);
                amounts::add_square(amount, own, more);
                amounts::widen(amount, (own, own), more);
            }
        }
    }

    /// Makes a short log long, in its own room if that suffices.
    pub(in crate::features::state) fn lengthen(&mut self, plan: &StreamPlan) {
        let (short, room) = (self.clone(), self.pairs.capacity());
        self.clear();
        self.is_long = true;
        // For as many rows as the short one had room for.
        self.reserve(plan, room.checked_div(plan.short_pairs).unwrap_or(0));
        self.take_rows_of(&short, plan);
    }

    /// Puts all of a short log into a long one without any event.
    fn take_rows_of(&mut self, short: &Self, plan: &StreamPlan) {
        self.n_events = short.n_events;
        let mut before = short.from(short.head);
        let Some(totals) = before.get(..plan.total_pairs) else { return };
        self.reserve(plan, short.n_kept(plan).saturating_add(1));
        self.pairs.extend_from_slice(totals);
        self.pairs.extend_from_slice(short.more_of_base(plan));
        for row in short.rows(plan) {
            let next = self.push(plan, time_of(row));
            next.iter_mut().zip(row).take(plan.total_pairs).for_each(|(to, pair)| *to = *pair);
            let more = more_mut(plan, next);
            for amount in &plan.amounts {
                let own = amounts::own(amount, row, before);
                own.inspect(|own| amounts::add_square(amount, *own, more));
                amounts::set_extremes(amount, own, more);
            }
            before = row;
        }
    }

    /// Where the values of one word of a short log occurred.
    pub(in crate::features::state) fn occurrences(
        &self,
        plan: &StreamPlan,
        word: usize,
    ) -> Vec<Occurrence> {
        let occurrence = |(number, row): (usize, &[Pair])| {
            let (time, packed) = (time_of(row), word_of(plan, row, word));
            // A way out of the log leads to no event.
            let way = usize::try_from(packed & FIRST).unwrap_or(usize::MAX);
            let earlier = number.checked_sub(way).filter(|earlier| *earlier > 0);
            let previous = earlier.map_or(NEVER, |earlier| self.time(plan, earlier));
            let entry = Occurrence { time, value: packed >> WAY_BITS, previous };
            // Of one time there is one.
            (packed != 0 && previous != time).then_some(entry)
        };
        (1..).zip(self.rows(plan)).filter_map(occurrence).collect()
    }

    /// Puts where a word's values occurred into the rows of a short log, if each has one; if not, some may be there.
    pub(in crate::features::state) fn put_occurrences(
        &mut self,
        plan: &StreamPlan,
        word: usize,
        kept: &[Occurrence],
    ) -> bool {
        if self.is_long {
            return false;
        }
        let mut row = self.head;
        for Occurrence { time, value, .. } in kept {
            // Different values of one time have a row each.
            row = row.wrapping_add(plan.short_pairs);
            while self.time_at(row) < *time && row < self.pairs.len() {
                row = row.wrapping_add(plan.short_pairs);
            }
            if self.time_at(row) != *time {
                return false;
            }
            self.put_value(plan, row, word, *value);
        }
        true
    }
}
