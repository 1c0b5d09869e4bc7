//! The log of one stream: events by time, each with what there was up to and with it.
//!
//! Because each row holds running totals, an interval is the difference of two rows, an event can be
//! left out by leaving out its row, and what is dropped at the old end stays in the totals. The first
//! row, the *base*, stands for all that was dropped. Where rows are put together, the time is that of
//! the latest. An entity that was not asked for long lies in cold memory: a row has all in one place, and
//! hints remember where intervals began and ended last.
//!
//! Every log begins *short*: few rows, each of one event. Squares and extremes are read off the amounts, which are the
//! differences of sums, and different values are looked through, which lie in the rows; only squares and extremes of the
//! base are kept, in front. So it takes up to half the memory of a *long* log, which the 64th event at once makes of
//! it, until it is read from bytes again. As bytes both are the same.

mod change;
mod interval;
mod row;
mod search;
mod short;

use crate::features::window::{Event, MAX_EVENTS, StreamPlan};
#[cfg(feature = "store")]
use crate::near::Span;
pub(super) use row::{Pair, id_of, n_events_between, time_of};
use row::{more, more_mut};
use search::N_HINTS;
pub(super) use search::{Found, Hints};

/// Events in ascending order of time, those of one time in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct EventLog {
    /// Rows of the base and of the events, from `head` on; empty before the first event. A row is the
    /// time and, in one word, id and count; then number and sum of each amount; then in a long log squares and
    /// extremes, in a short one different values. Time, id, extremes and values are the row's own, all else
    /// running totals, the count modulo 2^32. A short log begins with the squares and extremes of its base.
    pairs: Vec<Pair>,
    /// Events up to the last row, those of the base among them.
    n_events: u64,
    /// The place of the base. The place of a row is that of its first pair: to look a row up by its number
    /// takes a multiplication, and to number it a division.
    head: usize,
    hints: Hints,
    is_long: bool,
}

/// Most events of a short log: to look through them takes less than a hundred nanoseconds.
const MOST_SHORT: usize = 63;
/// Rows are put together only in long logs.
const _: () = assert!(MOST_SHORT < *MAX_EVENTS.start() as usize);

/// The time of a base that stands for nothing.
pub(super) const NEVER: i64 = i64::MIN;

impl EventLog {
    /// A log for so many rows, short if it can be, without any event.
    pub(super) fn for_rows(n_rows: usize) -> Self {
        Self { is_long: n_rows > MOST_SHORT, ..Self::default() }
    }

    #[inline]
    pub(super) fn is_long(&self) -> bool {
        self.is_long
    }

    /// Whether it is short and can take no further event.
    #[inline]
    pub(super) fn is_full(&self, plan: &StreamPlan) -> bool {
        // The base is a row too.
        let most = plan.short_pairs.saturating_mul(MOST_SHORT + 1);
        !self.is_long && self.pairs.len().saturating_sub(self.head) >= most
    }

    /// Pairs of a row.
    #[inline]
    fn row_pairs(&self, plan: &StreamPlan) -> usize {
        if self.is_long { plan.long_pairs } else { plan.short_pairs }
    }

    /// Pairs before the rows.
    #[inline]
    fn n_front(&self, plan: &StreamPlan) -> usize {
        if self.is_long { 0 } else { plan.long_pairs.saturating_sub(plan.total_pairs) }
    }

    /// The squares and extremes of the base.
    #[inline]
    fn more_of_base(&self, plan: &StreamPlan) -> &[Pair] {
        if self.is_long {
            more(plan, self.from(self.head))
        } else {
            self.pairs.get(..self.n_front(plan)).unwrap_or_default()
        }
    }

    #[inline]
    fn more_of_base_mut(&mut self, plan: &StreamPlan) -> &mut [Pair] {
        if self.is_long {
            more_mut(plan, self.pairs.get_mut(self.head..).unwrap_or_default())
        } else {
            let n_front = self.n_front(plan);
            self.pairs.get_mut(..n_front).unwrap_or_default()
        }
    }

    /// The place of the newest row.
    #[inline]
    pub(super) fn last(&self, plan: &StreamPlan) -> usize {
        self.pairs.len().saturating_sub(self.row_pairs(plan))
    }

    #[inline]
    pub(super) fn newest(&self, plan: &StreamPlan) -> Option<i64> {
        self.pairs.get(self.last(plan)).map(|[time, _]| time.cast_signed())
    }

    /// The number of events kept, where some are put together the number of rows.
    pub(super) fn n_kept(&self, plan: &StreamPlan) -> usize {
        let n_pairs = self.pairs.len().saturating_sub(self.head);
        n_pairs.checked_div(self.row_pairs(plan)).unwrap_or(0).saturating_sub(1)
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
        self.from(place).get(..self.row_pairs(plan)).unwrap_or_default()
    }

    /// The rows after one place up to that at another.
    fn rows_between(&self, plan: &StreamPlan, after: usize, to: usize) -> &[Pair] {
        let end = |place: usize| place.wrapping_add(self.row_pairs(plan));
        self.pairs.get(end(after)..end(to)).unwrap_or_default()
    }

    /// The time of the row after `n_before` events; that of none is the base. [`NEVER`] beyond the end.
    pub(super) fn time(&self, plan: &StreamPlan, n_before: usize) -> i64 {
        self.time_at(self.head.wrapping_add(n_before.wrapping_mul(self.row_pairs(plan))))
    }

    /// The times of the events kept.
    pub(super) fn times(&self, plan: &StreamPlan) -> Vec<i64> {
        self.rows(plan).map(time_of).collect()
    }

    /// The rows of all events.
    pub(super) fn rows(&self, plan: &StreamPlan) -> std::slice::ChunksExact<'_, Pair> {
        self.rows_between(plan, self.head, self.last(plan)).chunks_exact(self.row_pairs(plan))
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
        let rows =
            self.rows_between(plan, self.head, last).chunks_exact(self.row_pairs(plan)).rev();
        rows.take_while(|row| time_of(row) == time).any(|row| id_of(row) == id)
    }

    /// Where the rows lie at which edges were found last, and those after them that a search reads. What a feature over
    /// all history reads of a base is waited for.
    #[cfg(feature = "store")]
    pub(super) fn spans(&self, plan: &StreamPlan, push: &mut impl FnMut(Span)) {
        /// Of more pairs from the first edge on, only those at the edges.
        const MOST_PAIRS: usize = 96;
        let hinted = || self.hints.iter().zip(&plan.edges).map(|(hint, _)| *hint as usize);
        let all = self.from(hinted().min().unwrap_or(0));
        let is_walked = if self.is_long {
            plan.has_extremes
        } else {
            plan.short_pairs.max(plan.long_pairs) > plan.total_pairs
        };
        if is_walked || all.len() <= MOST_PAIRS {
            let newest = all.get(all.len().saturating_sub(MOST_PAIRS)..).unwrap_or_default();
            push(Span::of(newest).and_next());
        } else {
            let few = self.row_pairs(plan).saturating_mul(search::N_NEAR + 1);
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
}
