//! The log of one stream: events by time, each with what there was up to and with it.
//!
//! Because each row holds running totals, an interval is the difference of two rows, an event can be
//! left out by leaving out its row, and what is dropped at the old end stays in the totals. The first
//! row, the *base*, stands for all that was dropped. Where rows are put together, the time is that of
//! the latest. An entity that was not asked for long lies in cold memory: a row has all in one place, and
//! hints remember where intervals began and ended last.

mod search;

#[cfg(feature = "store")]
use super::NEAR_LINES;
use super::Observed;
use super::amounts::{self, AmountSums};
use crate::features::window::{Event, StreamPlan};
pub(super) use search::{Hints, hint_of};

/// Events in ascending order of time, those of one time in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct EventLog {
    /// Rows of the base and of the events, from `head` on; empty before the first event. A row is the
    /// time, the count, the id, the sums of each amount; time, id and extremes are the row's own, all else
    /// running totals.
    words: Vec<u64>,
    /// The place of the base. The place of a row is that of its first word: to look a row up by its number
    /// takes a multiplication, and to number it a division.
    head: usize,
    hints: Hints,
}

/// The time of a base that stands for nothing.
pub(super) const NEVER: i64 = i64::MIN;
const TIME: usize = 0;
const COUNT: usize = 1;

impl EventLog {
    /// The place of the newest row.
    #[inline]
    pub(super) fn last(&self, plan: &StreamPlan) -> usize {
        self.words.len().saturating_sub(plan.row_words)
    }

    #[inline]
    pub(super) fn newest(&self, plan: &StreamPlan) -> Option<i64> {
        self.words.get(self.last(plan)).map(|time| time.cast_signed())
    }

    /// The number of events kept, where some are put together the number of rows.
    pub(super) fn n_kept(&self, plan: &StreamPlan) -> usize {
        let n_words = self.words.len().saturating_sub(self.head);
        n_words.checked_div(plan.row_words).unwrap_or(0).saturating_sub(1)
    }

    /// The place of the base.
    pub(super) fn base(&self) -> usize {
        self.head
    }

    /// The time of the row at a place; [`NEVER`] beyond the end.
    #[inline]
    pub(super) fn time_at(&self, place: usize) -> i64 {
        self.words.get(place).map_or(NEVER, |time| time.cast_signed())
    }

    /// The rows from a place on, one after the other.
    #[inline]
    pub(super) fn from(&self, place: usize) -> &[u64] {
        self.words.get(place..).unwrap_or_default()
    }

    /// The row at a place.
    pub(super) fn row_at(&self, plan: &StreamPlan, place: usize) -> &[u64] {
        self.from(place).get(..plan.row_words).unwrap_or_default()
    }

    /// The rows after one place up to that at another.
    pub(super) fn rows_between(&self, plan: &StreamPlan, after: usize, to: usize) -> &[u64] {
        let end = |place: usize| place.wrapping_add(plan.row_words);
        self.words.get(end(after)..end(to)).unwrap_or_default()
    }

    /// The time of the row after `n_before` events; that of none is the base. [`NEVER`] beyond the end.
    pub(super) fn time(&self, plan: &StreamPlan, n_before: usize) -> i64 {
        self.time_at(self.head.wrapping_add(n_before.wrapping_mul(plan.row_words)))
    }

    /// The times of the events kept.
    pub(super) fn times(&self, plan: &StreamPlan) -> Vec<i64> {
        let times = self.rows(plan).chunks_exact(plan.row_words).filter_map(|row| row.first());
        times.map(|time| time.cast_signed()).collect()
    }

    /// The rows of all events.
    pub(super) fn rows(&self, plan: &StreamPlan) -> &[u64] {
        self.rows_between(plan, self.head, self.last(plan))
    }

    /// Whether an event of this very time and id is kept.
    #[inline]
    pub(super) fn has(&self, plan: &StreamPlan, event: &Event) -> bool {
        self.newest(plan).is_some_and(|newest| newest >= event.time()) && self.holds(plan, event)
    }

    #[inline(never)]
    fn holds(&self, plan: &StreamPlan, event: &Event) -> bool {
        let (time, id) = (event.time(), event.id());
        let Some(word) = plan.id_word.filter(|_| id != 0) else { return false };
        let last = self.before(plan, time.saturating_add(1), usize::MAX);
        let rows = self.rows_between(plan, self.head, last).chunks_exact(plan.row_words).rev();
        let mut of_time = rows.take_while(|row| row.get(TIME) == Some(&time.cast_unsigned()));
        of_time.any(|row| row.get(word) == Some(&id))
    }

    /// `asked` are the hints of a question for this very event, if there was one just before.
    #[inline]
    pub(super) fn observe(
        &mut self,
        plan: &StreamPlan,
        event: &Event,
        asked: Option<Hints>,
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
                self.push(plan, time, |row| {
                    count(plan, event, row);
                    mark(plan, event, row);
                });
                self.expire(plan, time.saturating_sub(plan.horizon));
                self.hints = asked.unwrap_or_else(|| self.search(plan, time));
            }
        }
        // The base is a row too.
        let most = plan.max_events.saturating_add(1).saturating_mul(plan.row_words);
        if self.words.len().saturating_sub(self.head) > most {
            self.thin(plan);
        }
        Observed::New
    }

    /// Words of the newest row and of those at which edges were found last; where extremes are looked for row
    /// by row, a word of each line of memory that holds the newest rows.
    #[cfg(feature = "store")]
    pub(super) fn touch(&self, plan: &StreamPlan) -> u64 {
        const LINE_WORDS: usize = 8;
        let word = |place: u32| self.words.get(place as usize).copied();
        let at_edges = self.hints.iter().zip(&plan.edges).filter_map(|(hint, _)| word(*hint));
        let n_lines =
            if plan.amounts.iter().any(|amount| amount.extremes) { NEAR_LINES } else { 1 };
        let newest = self.words.iter().rev().step_by(LINE_WORDS).take(n_lines);
        at_edges.chain(newest.copied()).fold(0, u64::wrapping_add)
    }

    /// Forgets everything but its room.
    pub(super) fn clear(&mut self) {
        self.words.clear();
        (self.head, self.hints) = (0, Hints::default());
    }

    /// A base that stands for nothing.
    pub(super) fn begin(&mut self, plan: &StreamPlan) {
        self.words.resize(plan.row_words, 0);
        if let Some(time) = self.words.get_mut(TIME) {
            *time = NEVER.cast_unsigned();
        }
        plan.amounts.iter().for_each(|amount| AmountSums::NONE.write(amount, &mut self.words));
    }

    /// Puts a row at the end: the totals of the last one and what `add` makes of them.
    #[inline]
    pub(super) fn push(&mut self, plan: &StreamPlan, time: i64, add: impl FnOnce(&mut [u64])) {
        self.words.extend_from_within(self.last(plan)..);
        let start = self.last(plan);
        let row = self.words.get_mut(start..).unwrap_or_default();
        row.first_mut().into_iter().for_each(|word| *word = time.cast_unsigned());
        add(row);
    }

    /// Makes room for all rows at once.
    pub(super) fn reserve(&mut self, plan: &StreamPlan, n_rows: usize) {
        self.words.reserve_exact(n_rows.saturating_mul(plan.row_words));
    }

    /// The base, to be read from bytes.
    pub(super) fn base_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    /// In its place, behind those of its time.
    fn insert(&mut self, plan: &StreamPlan, event: &Event) {
        let time = event.time();
        let before = self.before(plan, time.saturating_add(1), usize::MAX);
        let mut row = self.row_at(plan, before).to_vec();
        row.first_mut().into_iter().for_each(|word| *word = time.cast_unsigned());
        let place = before.saturating_add(plan.row_words);
        self.words.splice(place..place, row);
        let later = self.words.get_mut(place..).unwrap_or_default();
        later.chunks_exact_mut(plan.row_words).for_each(|row| count(plan, event, row));
        mark(plan, event, later);
    }

    fn add_to_base(&mut self, plan: &StreamPlan, event: &Event) {
        let rows = self.words.get_mut(self.head..).unwrap_or_default();
        if let Some(base) = rows.get_mut(TIME) {
            *base = event.time().max(base.cast_signed()).cast_unsigned();
        }
        rows.chunks_exact_mut(plan.row_words).for_each(|row| count(plan, event, row));
        for amount in &plan.amounts {
            let own = AmountSums::of(event.amount(amount.slot));
            widen(AmountSums::read(amount, rows), own).write(amount, rows);
        }
    }

    /// Drops what is older than the floor into the base.
    #[inline]
    fn expire(&mut self, plan: &StreamPlan, floor: i64) {
        // The newest row stays.
        while self.time_at(self.head.wrapping_add(plan.row_words)) < floor {
            if plan.amounts.iter().any(|amount| amount.extremes) {
                self.widen_next(plan);
            }
            self.head = self.head.wrapping_add(plan.row_words);
        }
    }

    /// Gives the first row after the base the extremes of both.
    fn widen_next(&mut self, plan: &StreamPlan) {
        let rows = self.words.get_mut(self.head..).unwrap_or_default();
        let Some((base, next)) = rows.split_at_mut_checked(plan.row_words) else { return };
        for amount in plan.amounts.iter().filter(|amount| amount.extremes) {
            let dropped = AmountSums::read(amount, base);
            widen(AmountSums::read(amount, next), dropped).write(amount, next);
        }
    }

    /// Frees what was dropped instead of growing, where that is at least a quarter.
    #[inline]
    fn make_room(&mut self, plan: &StreamPlan) {
        let is_full = self.words.len().saturating_add(plan.row_words) > self.words.capacity();
        if is_full && self.head >= (self.words.len() / 4).max(1) {
            self.free_dropped();
        }
    }

    #[inline(never)]
    fn free_dropped(&mut self) {
        self.words.drain(..self.head);
        let n_freed = hint_of(self.head);
        self.hints.iter_mut().for_each(|hint| *hint = hint.saturating_sub(n_freed));
        self.head = 0;
    }

    /// Puts together the rows of one cell, the newest quarter aside. Leaves three quarters at most: the
    /// cells are half of `max_events` at most.
    fn thin(&mut self, plan: &StreamPlan) {
        let newest = self.newest(plan).unwrap_or(NEVER);
        let n_old = self.n_kept(plan).saturating_sub(plan.max_events / 4);
        let mut words = Vec::with_capacity(self.words.capacity());
        words.extend_from_slice(self.row_at(plan, self.head));
        let mut last_cell = None;
        for (number, row) in self.rows(plan).chunks_exact(plan.row_words).enumerate() {
            let time = row.first().map_or(NEVER, |time| time.cast_signed());
            let cell = (number < n_old).then(|| plan.cell(time, newest.saturating_sub(time)));
            let start = words.len();
            words.extend_from_slice(row);
            if cell.is_some() && cell == last_cell {
                let before = start.saturating_sub(plan.row_words);
                join(plan, words.get_mut(before..).unwrap_or_default());
                words.truncate(start);
            }
            last_cell = cell;
        }
        (self.words, self.head) = (words, 0);
    }
}

/// Adds an event to a row's running totals.
#[inline]
fn count(plan: &StreamPlan, event: &Event, row: &mut [u64]) {
    if let Some(count) = row.get_mut(COUNT) {
        *count = count.wrapping_add(1);
    }
    for amount in &plan.amounts {
        if let Some(own) = event.amount(amount.slot) {
            amounts::add(amount, own, row);
        }
    }
}

/// Puts what is an event's own into its row.
#[inline]
fn mark(plan: &StreamPlan, event: &Event, row: &mut [u64]) {
    if let Some(id) = plan.id_word.and_then(|word| row.get_mut(word)) {
        *id = event.id();
    }
    for amount in plan.amounts.iter().filter(|amount| amount.extremes) {
        amounts::set_extremes(amount, event.amount(amount.slot), row);
    }
}

/// The events up to and with a row; of no row none.
#[inline]
pub(super) fn n_events(row: &[u64]) -> u64 {
    row.get(COUNT).copied().unwrap_or(0)
}

/// Sets them.
pub(super) fn set_n_events(row: &mut [u64], n_events: u64) {
    row.get_mut(COUNT).into_iter().for_each(|count| *count = n_events);
}

/// Puts the second of two rows in the place of the first, with the extremes of both.
fn join(plan: &StreamPlan, rows: &mut [u64]) {
    let Some((first, second)) = rows.split_at_mut_checked(plan.row_words) else { return };
    for amount in plan.amounts.iter().filter(|amount| amount.extremes) {
        let both = widen(AmountSums::read(amount, second), AmountSums::read(amount, first));
        both.write(amount, second);
    }
    first.iter_mut().zip(second).for_each(|(place, word)| *place = *word);
    // Of rows put together none is recognised.
    if let Some(id) = plan.id_word.and_then(|word| first.get_mut(word)) {
        *id = 0;
    }
}

/// The totals of one row with the extremes of both.
fn widen(totals: AmountSums, other: AmountSums) -> AmountSums {
    let (low, high) = (totals.low.min(other.low), totals.high.max(other.high));
    AmountSums { low, high, ..totals }
}
