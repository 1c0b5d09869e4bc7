//! The log of one stream: events by time, each with what there was up to and with it.
//!
//! Because each row holds running totals, an interval is the difference of two rows, an event can be left out by
//! leaving out its row, and what is dropped at the old end stays in the totals. The first row, the
//! *base*, stands for all that was dropped. Where rows are put together, the time is that of the latest.

use super::Observed;
use super::amounts::AmountSums;
use crate::features::window::{Event, StreamPlan};

/// Events in ascending order of time, those of one time in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct EventLog {
    /// The base and the events from `head` on; empty before the first event.
    times: Vec<i64>,
    /// Of each time a row: the count, the id, the sums of each amount; ids and extremes are those of the row
    /// alone, all else running totals.
    rows: Vec<u64>,
    head: usize,
}

/// The time of a base that stands for nothing.
pub(super) const NEVER: i64 = i64::MIN;

impl EventLog {
    pub(super) fn newest(&self) -> Option<i64> {
        self.times.last().copied()
    }

    /// Times of the base and of the events kept.
    #[inline]
    pub(super) fn base_and_times(&self) -> (i64, &[i64]) {
        let kept = self.times.get(self.head..).unwrap_or_default();
        kept.split_first().map_or((NEVER, &[]), |(base, times)| (*base, times))
    }

    /// The row after `n_before` events; that of none is the base.
    #[inline]
    pub(super) fn row(&self, plan: &StreamPlan, n_before: usize) -> &[u64] {
        self.rows_of(plan, n_before, n_before.wrapping_add(1))
    }

    /// The rows `from..to`, counted from the base.
    #[inline]
    pub(super) fn rows_of(&self, plan: &StreamPlan, from: usize, to: usize) -> &[u64] {
        let at = |row: usize| self.head.wrapping_add(row).wrapping_mul(plan.row_words);
        self.rows.get(at(from)..at(to)).unwrap_or_default()
    }

    /// Whether an event of this very time and id is kept.
    pub(super) fn has(&self, plan: &StreamPlan, event: &Event) -> bool {
        let (time, id) = (event.time(), event.id());
        let is_new = self.newest().is_none_or(|newest| newest < time);
        let Some(word) = plan.id_word.filter(|_| id != 0 && !is_new) else { return false };
        let (_, times) = self.base_and_times();
        let to = times.partition_point(|other| *other <= time);
        let from = times.partition_point(|other| *other < time);
        (from..to).any(|event| self.row(plan, event.wrapping_add(1)).get(word) == Some(&id))
    }

    pub(super) fn observe(&mut self, plan: &StreamPlan, event: &Event) -> Observed {
        let time = event.time();
        let Some(newest) = self.newest() else {
            self.begin(plan);
            self.append(plan, event);
            return Observed::New;
        };
        if time > newest {
            self.make_room(plan);
            self.append(plan, event);
            self.expire(plan, time.saturating_sub(plan.horizon));
        } else {
            if time < newest.saturating_sub(plan.horizon) {
                self.add_to_base(plan, event);
                return Observed::TooOld;
            }
            self.make_room(plan);
            self.insert(plan, event);
        }
        if self.n_kept() > plan.max_events {
            self.thin(plan);
        }
        Observed::New
    }

    fn n_kept(&self) -> usize {
        self.times.len().saturating_sub(self.head).saturating_sub(1)
    }

    /// A base that stands for nothing.
    pub(super) fn begin(&mut self, plan: &StreamPlan) {
        self.times.push(NEVER);
        self.rows.resize(plan.row_words, 0);
        plan.amounts.iter().for_each(|amount| AmountSums::NONE.write(amount, &mut self.rows));
    }

    /// Puts a row at the end: the totals of the last one and what `add` makes of them.
    pub(super) fn push(&mut self, plan: &StreamPlan, time: i64, add: impl FnOnce(&mut [u64])) {
        self.times.push(time);
        let last = self.rows.len().saturating_sub(plan.row_words);
        self.rows.extend_from_within(last..);
        let start = self.rows.len().saturating_sub(plan.row_words);
        add(self.rows.get_mut(start..).unwrap_or_default());
    }

    /// Makes room for all rows at once.
    pub(super) fn reserve(&mut self, plan: &StreamPlan, n_rows: usize) {
        self.times.reserve_exact(n_rows);
        self.rows.reserve_exact(n_rows.saturating_mul(plan.row_words));
    }

    /// The base's own time and row, to be read from bytes.
    pub(super) fn base_mut(&mut self) -> (Option<&mut i64>, &mut [u64]) {
        (self.times.last_mut(), &mut self.rows)
    }

    fn append(&mut self, plan: &StreamPlan, event: &Event) {
        self.push(plan, event.time(), |row| {
            count(plan, event, row);
            mark(plan, event, row);
        });
    }

    /// In its place, behind those of its time.
    fn insert(&mut self, plan: &StreamPlan, event: &Event) {
        let (_, times) = self.base_and_times();
        let n_before = times.partition_point(|other| *other <= event.time());
        let row = self.row(plan, n_before).to_vec();
        let index = self.head.saturating_add(n_before).saturating_add(1);
        let word = index.saturating_mul(plan.row_words);
        self.times.insert(index, event.time());
        self.rows.splice(word..word, row);
        let later = self.rows.get_mut(word..).unwrap_or_default();
        later.chunks_exact_mut(plan.row_words).for_each(|row| count(plan, event, row));
        mark(plan, event, later);
    }

    fn add_to_base(&mut self, plan: &StreamPlan, event: &Event) {
        if let Some(base) = self.times.get_mut(self.head) {
            *base = event.time().max(*base);
        }
        let word = self.head.saturating_mul(plan.row_words);
        let rows = self.rows.get_mut(word..).unwrap_or_default();
        rows.chunks_exact_mut(plan.row_words).for_each(|row| count(plan, event, row));
        for amount in &plan.amounts {
            let own = AmountSums::of(event.amount(amount.slot));
            widen(AmountSums::read(amount, rows), own).write(amount, rows);
        }
    }

    /// Drops what is older than the floor into the base.
    fn expire(&mut self, plan: &StreamPlan, floor: i64) {
        let words = plan.row_words;
        while self.times.get(self.head.wrapping_add(1)).is_some_and(|time| *time < floor) {
            let start = self.head.wrapping_mul(words);
            let rows = self.rows.get_mut(start..).unwrap_or_default();
            if let Some((base, next)) = rows.split_at_mut_checked(words) {
                for amount in plan.amounts.iter().filter(|amount| amount.extremes) {
                    let dropped = AmountSums::read(amount, base);
                    widen(AmountSums::read(amount, next), dropped).write(amount, next);
                }
            }
            self.head = self.head.wrapping_add(1);
        }
    }

    /// Frees what was dropped instead of growing, where that is at least a quarter.
    fn make_room(&mut self, plan: &StreamPlan) {
        let is_full = self.times.len() == self.times.capacity();
        if is_full && self.head >= (self.times.len() / 4).max(1) {
            self.rows.drain(..self.head.saturating_mul(plan.row_words));
            self.times.drain(..self.head);
            self.head = 0;
        }
    }

    /// Puts together the rows of one cell, the newest quarter aside. Leaves three quarters at most: the
    /// cells are half of `max_events` at most.
    fn thin(&mut self, plan: &StreamPlan) {
        let (words, newest) = (plan.row_words, self.newest().unwrap_or(NEVER));
        let (base, times) = self.base_and_times();
        let n_old = times.len().saturating_sub(plan.max_events / 4);
        let cell = |time: i64| plan.cell(time, newest.saturating_sub(time));
        let mut kept: Vec<i64> = Vec::with_capacity(plan.max_events);
        let mut rows = Vec::with_capacity(self.rows.capacity());
        rows.extend_from_slice(self.row(plan, 0));
        let old_rows = self.rows_of(plan, 1, times.len().saturating_add(1));
        let mut last_cell = None;
        for ((number, time), row) in times.iter().enumerate().zip(old_rows.chunks_exact(words)) {
            let start = rows.len();
            rows.extend_from_slice(row);
            let own_cell = (number < n_old).then(|| cell(*time));
            if own_cell.is_some() && own_cell == last_cell {
                join(plan, rows.get_mut(start.saturating_sub(words)..).unwrap_or_default());
                rows.truncate(start);
                kept.pop();
            }
            kept.push(*time);
            last_cell = own_cell;
        }
        self.times.clear();
        self.times.push(base);
        self.times.extend(kept);
        (self.rows, self.head) = (rows, 0);
    }
}

/// Adds an event to a row's running totals.
#[inline]
fn count(plan: &StreamPlan, event: &Event, row: &mut [u64]) {
    if let Some(count) = row.first_mut() {
        *count = count.wrapping_add(1);
    }
    for amount in &plan.amounts {
        let sums = AmountSums::read(amount, row);
        let own = AmountSums::of(event.amount(amount.slot));
        // The extremes of a row are not those of the rows after it.
        AmountSums { low: sums.low, high: sums.high, ..sums.plus(own) }.write(amount, row);
    }
}

/// Puts what is an event's own into its row.
#[inline]
fn mark(plan: &StreamPlan, event: &Event, row: &mut [u64]) {
    if let Some(id) = plan.id_word.and_then(|word| row.get_mut(word)) {
        *id = event.id();
    }
    for amount in plan.amounts.iter().filter(|amount| amount.extremes) {
        let own = AmountSums::of(event.amount(amount.slot));
        let totals = AmountSums::read(amount, row);
        AmountSums { low: own.low, high: own.high, ..totals }.write(amount, row);
    }
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
