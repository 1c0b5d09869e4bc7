//! The log of one stream: events by time, each with what there was up to and with it.
//!
//! Because each row holds running totals, an interval is the difference of two rows, an event can be
//! left out by leaving out its row, and what is dropped at the old end stays in the totals. The first
//! row, the *base*, stands for all that was dropped. Where rows are put together, the time is that of
//! the latest. An entity that was not asked for long lies in cold memory: a row has all in one place, and
//! hints remember where intervals began and ended last.

mod row;
mod search;

use super::Observed;
use super::amounts::AmountSums;
use crate::features::window::{Event, StreamPlan};
#[cfg(feature = "store")]
use crate::near::Span;
pub(super) use row::{Pair, id_of, n_events_between, time_of};
use row::{add_count, count, join, mark, set_id, set_time, widen};
pub(super) use search::{Found, Hints};
use search::{N_HINTS, hint_of};

/// Events in ascending order of time, those of one time in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct EventLog {
    /// Rows of the base and of the events, from `head` on; empty before the first event. A row is the
    /// time and, in one word, id and count; then the sums of each amount. Time, id and extremes are the row's
    /// own, all else running totals, the count modulo 2^32.
    pairs: Vec<Pair>,
    /// Events up to the last row, those of the base among them.
    n_events: u64,
    /// The place of the base. The place of a row is that of its first pair: to look a row up by its number
    /// takes a multiplication, and to number it a division.
    head: usize,
    hints: Hints,
}

/// The time of a base that stands for nothing.
pub(super) const NEVER: i64 = i64::MIN;

impl EventLog {
    /// The place of the newest row.
    #[inline]
    pub(super) fn last(&self, plan: &StreamPlan) -> usize {
        self.pairs.len().saturating_sub(plan.row_pairs)
    }

    #[inline]
    pub(super) fn newest(&self, plan: &StreamPlan) -> Option<i64> {
        self.pairs.get(self.last(plan)).map(|[time, _]| time.cast_signed())
    }

    /// The number of events kept, where some are put together the number of rows.
    pub(super) fn n_kept(&self, plan: &StreamPlan) -> usize {
        let n_pairs = self.pairs.len().saturating_sub(self.head);
        n_pairs.checked_div(plan.row_pairs).unwrap_or(0).saturating_sub(1)
    }

    /// The place of the base.
    pub(super) fn base(&self) -> usize {
        self.head
    }

    /// The time of the row at a place; [`NEVER`] beyond the end.
    #[inline]
    pub(super) fn time_at(&self, place: usize) -> i64 {
        self.pairs.get(place).map_or(NEVER, |[time, _]| time.cast_signed())
    }

    /// The pairs from a place on: a row and those after it.
    #[inline]
    pub(super) fn from(&self, place: usize) -> &[Pair] {
        self.pairs.get(place..).unwrap_or_default()
    }

    /// All events up to and with the row at a place.
    #[inline]
    pub(super) fn n_up_to(&self, plan: &StreamPlan, place: usize) -> u64 {
        let n_later = n_events_between(self.from(self.last(plan)), self.from(place));
        self.n_events.wrapping_sub(n_later)
    }

    /// The row at a place.
    pub(super) fn row_at(&self, plan: &StreamPlan, place: usize) -> &[Pair] {
        self.from(place).get(..plan.row_pairs).unwrap_or_default()
    }

    /// The rows after one place up to that at another.
    pub(super) fn rows_between(&self, plan: &StreamPlan, after: usize, to: usize) -> &[Pair] {
        let end = |place: usize| place.wrapping_add(plan.row_pairs);
        self.pairs.get(end(after)..end(to)).unwrap_or_default()
    }

    /// The time of the row after `n_before` events; that of none is the base. [`NEVER`] beyond the end.
    pub(super) fn time(&self, plan: &StreamPlan, n_before: usize) -> i64 {
        self.time_at(self.head.wrapping_add(n_before.wrapping_mul(plan.row_pairs)))
    }

    /// The times of the events kept.
    pub(super) fn times(&self, plan: &StreamPlan) -> Vec<i64> {
        self.rows(plan).map(time_of).collect()
    }

    /// The rows of all events.
    pub(super) fn rows(&self, plan: &StreamPlan) -> std::slice::ChunksExact<'_, Pair> {
        self.rows_between(plan, self.head, self.last(plan)).chunks_exact(plan.row_pairs)
    }

    /// Whether an event of this very time and id is kept.
    #[inline]
    pub(super) fn has(&self, plan: &StreamPlan, event: &Event) -> bool {
        self.newest(plan).is_some_and(|newest| newest >= event.time()) && self.holds(plan, event)
    }

    #[inline(never)]
    fn holds(&self, plan: &StreamPlan, event: &Event) -> bool {
        let (time, id) = (event.time(), event.id());
        if !plan.has_id || id == 0 {
            return false;
        }
        let last = self.not_after(plan, time);
        let rows = self.rows_between(plan, self.head, last).chunks_exact(plan.row_pairs).rev();
        rows.take_while(|row| time_of(row) == time).any(|row| id_of(row) == id)
    }

    /// `asked` are the hints of a question for this very event, if there was one just before.
    #[inline]
    pub(super) fn observe(
        &mut self,
        plan: &StreamPlan,
        event: &Event,
        asked: Option<&Hints>,
    ) -> Observed {
        let time = event.time();
        match self.newest(plan) {
            Some(newest) if time <= newest => {
                if time < newest.saturating_sub(plan.horizon) {
                    self.add_to_base(plan, event);
                    return Observed::TooOld;
                }
                self.make_room(plan);
                self.insert(plan, event);
            }
            newest => {
                if newest.is_none() {
                    self.begin(plan);
                }
                self.make_room(plan);
                let row = self.push(plan, time);
                count(plan, event, row);
                mark(plan, event, row);
                self.n_events = self.n_events.wrapping_add(1);
                self.expire(plan, time.saturating_sub(plan.horizon));
                match asked {
                    Some(hints) => self.hints = *hints,
                    None => {
                        let mut found = [Found::default(); N_HINTS];
                        let mut hints = self.hints;
                        self.find(plan, time, &mut found, &mut hints);
                        self.hints = hints;
                    }
                }
            }
        }
        // The base is a row too.
        let most = plan.max_events.saturating_add(1).saturating_mul(plan.row_pairs);
        if self.pairs.len().saturating_sub(self.head) > most {
            self.thin(plan);
        }
        Observed::New
    }

    /// Where the rows lie at which edges were found last, and those after them.
    #[cfg(feature = "store")]
    pub(super) fn spans(&self, plan: &StreamPlan, push: &mut impl FnMut(Span)) {
        /// Of more pairs from the first edge on, only those at the edges.
        const MOST_PAIRS: usize = 96;
        let hinted = || self.hints.iter().zip(&plan.edges).map(|(hint, _)| *hint as usize);
        let all = self.from(hinted().min().unwrap_or(0));
        if plan.has_extremes || all.len() <= MOST_PAIRS {
            let newest = all.get(all.len().saturating_sub(MOST_PAIRS)..).unwrap_or_default();
            push(Span::of(newest).and_next());
        } else {
            let few = plan.row_pairs.saturating_mul(2);
            let span = |place: usize| {
                let rows = self.from(place);
                Span::of(rows.get(..few).unwrap_or(rows))
            };
            let mut last = span(self.last(plan)).and_next();
            // Edges of ascending distance lie in descending places.
            for hint in hinted() {
                let earlier = span(hint);
                last = earlier.joined(last).unwrap_or_else(|| {
                    push(last);
                    earlier
                });
            }
            push(last);
        }
    }

    /// Forgets everything but its room.
    pub(super) fn clear(&mut self) {
        self.pairs.clear();
        (self.n_events, self.head, self.hints) = (0, 0, Hints::default());
    }

    /// A base that stands for nothing.
    pub(super) fn begin(&mut self, plan: &StreamPlan) {
        self.pairs.resize(plan.row_pairs, [0; 2]);
        set_time(&mut self.pairs, NEVER);
        plan.amounts.iter().for_each(|amount| AmountSums::NONE.write(amount, &mut self.pairs));
    }

    /// The base, to be read from bytes: events that were dropped, the last of them at this time.
    pub(super) fn begin_after(&mut self, n_events: u64, time: i64) -> &mut [Pair] {
        self.n_events = n_events;
        set_time(&mut self.pairs, time);
        add_count(&mut self.pairs, n_events);
        &mut self.pairs
    }

    /// A row that is read from bytes: the totals of the last one, time and id its own, and so many events more.
    pub(super) fn push_several(
        &mut self,
        plan: &StreamPlan,
        time: i64,
        id: u64,
        n_events: u64,
    ) -> &mut [Pair] {
        self.n_events = self.n_events.wrapping_add(n_events);
        let row = self.push(plan, time);
        add_count(row, n_events);
        set_id(row, id);
        row
    }

    /// Puts a row at the end: the time, and the totals of the last one.
    #[inline]
    fn push(&mut self, plan: &StreamPlan, time: i64) -> &mut [Pair] {
        let start = self.last(plan);
        // Pair by pair, as they are few: fewer instructions than to copy any number.
        for place in start..self.pairs.len() {
            let pair = self.pairs.get(place).copied().unwrap_or_default();
            self.pairs.push(pair);
        }
        let start = self.last(plan);
        let row = self.pairs.get_mut(start..).unwrap_or_default();
        set_time(row, time);
        row
    }

    /// Makes room for all rows at once.
    pub(super) fn reserve(&mut self, plan: &StreamPlan, n_rows: usize) {
        self.pairs.reserve_exact(n_rows.saturating_mul(plan.row_pairs));
    }

    /// In its place, behind those of its time.
    fn insert(&mut self, plan: &StreamPlan, event: &Event) {
        let time = event.time();
        let before = self.not_after(plan, time);
        let mut row = self.row_at(plan, before).to_vec();
        set_time(&mut row, time);
        let place = before.saturating_add(plan.row_pairs);
        self.pairs.splice(place..place, row);
        let later = self.pairs.get_mut(place..).unwrap_or_default();
        later.chunks_exact_mut(plan.row_pairs).for_each(|row| count(plan, event, row));
        mark(plan, event, later);
        self.n_events = self.n_events.wrapping_add(1);
    }

    fn add_to_base(&mut self, plan: &StreamPlan, event: &Event) {
        let rows = self.pairs.get_mut(self.head..).unwrap_or_default();
        let time = time_of(rows).max(event.time());
        set_time(rows, time);
        rows.chunks_exact_mut(plan.row_pairs).for_each(|row| count(plan, event, row));
        for amount in &plan.amounts {
            let own = AmountSums::of(event.amount(amount.slot));
            widen(AmountSums::read(amount, rows), own).write(amount, rows);
        }
        self.n_events = self.n_events.wrapping_add(1);
    }

    /// Drops what is older than the floor into the base.
    #[inline]
    fn expire(&mut self, plan: &StreamPlan, floor: i64) {
        // The newest row stays.
        while self.time_at(self.head.wrapping_add(plan.row_pairs)) < floor {
            if plan.has_extremes {
                self.widen_next(plan);
            }
            self.head = self.head.wrapping_add(plan.row_pairs);
        }
    }

    /// Gives the first row after the base the extremes of both.
    fn widen_next(&mut self, plan: &StreamPlan) {
        let rows = self.pairs.get_mut(self.head..).unwrap_or_default();
        let Some((base, next)) = rows.split_at_mut_checked(plan.row_pairs) else { return };
        for amount in plan.amounts.iter().filter(|amount| amount.extremes) {
            let dropped = AmountSums::read(amount, base);
            widen(AmountSums::read(amount, next), dropped).write(amount, next);
        }
    }

    /// Frees what was dropped instead of growing, where that is at least a quarter.
    #[inline]
    fn make_room(&mut self, plan: &StreamPlan) {
        let is_full = self.pairs.len().saturating_add(plan.row_pairs) > self.pairs.capacity();
        if is_full && self.head >= (self.pairs.len() / 4).max(1) {
            self.free_dropped();
        }
    }

    #[inline(never)]
    fn free_dropped(&mut self) {
        self.pairs.drain(..self.head);
        let n_freed = hint_of(self.head);
        self.hints.iter_mut().for_each(|hint| *hint = hint.saturating_sub(n_freed));
        self.head = 0;
    }

    /// Puts together the rows of one cell, the newest quarter aside. Leaves three quarters at most: the
    /// cells are half of `max_events` at most.
    fn thin(&mut self, plan: &StreamPlan) {
        let newest = self.newest(plan).unwrap_or(NEVER);
        let n_old = self.n_kept(plan).saturating_sub(plan.max_events / 4);
        let mut pairs = Vec::with_capacity(self.pairs.capacity());
        pairs.extend_from_slice(self.row_at(plan, self.head));
        let mut last_cell = None;
        for (number, row) in self.rows(plan).enumerate() {
            let time = time_of(row);
            let cell = (number < n_old).then(|| plan.cell(time, newest.saturating_sub(time)));
            let start = pairs.len();
            pairs.extend_from_slice(row);
            if cell.is_some() && cell == last_cell {
                let before = start.saturating_sub(plan.row_pairs);
                join(plan, pairs.get_mut(before..).unwrap_or_default());
                pairs.truncate(start);
            }
            last_cell = cell;
        }
        (self.pairs, self.head) = (pairs, 0);
    }
}
