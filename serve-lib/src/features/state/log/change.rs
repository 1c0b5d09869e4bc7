//! How a log changes: events are observed, dropped and put together.

use super::row::{
    add_count, add_squares, count, join, more_mut, set_id, set_time, time_of, widen_second,
};
use super::search::hint_of;
use super::{EventLog, Found, Hints, N_HINTS, NEVER, Pair};
use crate::features::state::Observed;
use crate::features::state::amounts::{self, AmountSums};
use crate::features::window::{AmountPlan, Event, StreamPlan};

/// Rows for which room is made at least.
const FEW_ROWS: usize = 4;

impl EventLog {
    /// `asked` are the hints of a question for this very event, if there was one just before.
    #[inline]
    pub(in crate::features::state) fn observe(
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
                set_id(row, if plan.has_id { event.id() } else { 0 });
                self.put_rest(plan, event, self.last(plan));
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
        let most = plan.max_events.saturating_add(1).saturating_mul(self.row_pairs(plan));
        if self.pairs.len().saturating_sub(self.head) > most {
            self.thin(plan);
        }
        Observed::New
    }

    /// Forgets everything but its room.
    pub(in crate::features::state) fn clear(&mut self) {
        self.pairs.clear();
        (self.n_events, self.head, self.hints, self.is_long) = (0, 0, Hints::default(), false);
    }

    /// A base that stands for nothing.
    pub(in crate::features::state) fn begin(&mut self, plan: &StreamPlan) {
        self.head = self.n_front(plan);
        // Most entities have few events, and some only one.
        let few = self.row_pairs(plan).saturating_mul(FEW_ROWS);
        self.pairs.reserve_exact(self.head.saturating_add(few));
        self.pairs.resize(self.head.wrapping_add(self.row_pairs(plan)), [0; 2]);
        set_time(self.pairs.get_mut(self.head..).unwrap_or_default(), NEVER);
        let more = self.more_of_base_mut(plan);
        plan.amounts.iter().for_each(|amount| AmountSums::NONE.write_more(amount, more));
    }

    /// The base, to be read from bytes: events that were dropped, the last of them at this time.
    pub(in crate::features::state) fn begin_after(&mut self, n_events: u64, time: i64) {
        self.n_events = n_events;
        let base = self.pairs.get_mut(self.head..).unwrap_or_default();
        set_time(base, time);
        add_count(base, n_events);
    }

    /// The sums of an amount of the base.
    pub(in crate::features::state) fn set_base_sums(
        &mut self,
        plan: &StreamPlan,
        amount: &AmountPlan,
        sums: AmountSums,
    ) {
        let more = self.more_of_base_mut(plan);
        sums.write_more(amount, more);
        sums.write_totals(amount, self.pairs.get_mut(self.head..).unwrap_or_default());
    }

    /// Adds the sums of an amount of its own to the newest row. Tells whether the row can hold them.
    pub(in crate::features::state) fn add_own_sums(
        &mut self,
        plan: &StreamPlan,
        amount: &AmountPlan,
        own: AmountSums,
    ) -> bool {
        let (last, is_long) = (self.last(plan), self.is_long);
        let row = self.pairs.get_mut(last..).unwrap_or_default();
        let n_totals = if is_long { plan.total_pairs } else { row.len() };
        let (totals, more) = row.split_at_mut_checked(n_totals).unwrap_or_default();
        let all = AmountSums::read(amount, totals, more).plus(own);
        all.write_totals(amount, totals);
        AmountSums { low: own.low, high: own.high, ..all }.write_more(amount, more);
        all.fits()
    }

    /// A row that is read from bytes: the totals of the last one, time and id its own, and so many events more. Of
    /// several the log becomes a long one.
    pub(in crate::features::state) fn push_several(
        &mut self,
        plan: &StreamPlan,
        time: i64,
        id: u64,
        n_events: u64,
    ) {
        if n_events > 1 && !self.is_long {
            self.lengthen(plan);
        }
        self.n_events = self.n_events.wrapping_add(n_events);
        let row = self.push(plan, time);
        add_count(row, n_events);
        set_id(row, id);
    }

    /// Puts a row at the end: the time, and the totals of the last one.
    #[inline]
    pub(super) fn push(&mut self, plan: &StreamPlan, time: i64) -> &mut [Pair] {
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
    pub(in crate::features::state) fn reserve(&mut self, plan: &StreamPlan, n_rows: usize) {
        let n_pairs = n_rows.saturating_mul(self.row_pairs(plan));
        self.pairs.reserve_exact(n_pairs.saturating_add(self.n_front(plan)));
    }

    /// In its place, behind those of its time.
    fn insert(&mut self, plan: &StreamPlan, event: &Event) {
        let time = event.time();
        let before = self.not_after(plan, time);
        let mut row = self.row_at(plan, before).to_vec();
        set_time(&mut row, time);
        set_id(&mut row, if plan.has_id { event.id() } else { 0 });
        let place = before.saturating_add(self.row_pairs(plan));
        self.pairs.splice(place..place, row);
        self.count_from(plan, event, place);
        self.put_extremes(plan, event, place);
        self.put_values(plan, event, place);
        self.mend_ways(plan, place);
    }

    /// Adds an event to the totals of all rows from a place on.
    fn count_from(&mut self, plan: &StreamPlan, event: &Event, place: usize) {
        let row_pairs = self.row_pairs(plan);
        let rows = self.pairs.get_mut(place..).unwrap_or_default().chunks_exact_mut(row_pairs);
        for row in rows {
            count(plan, event, row);
            if self.is_long {
                add_squares(plan, event, more_mut(plan, row));
            }
        }
        self.n_events = self.n_events.wrapping_add(1);
    }

    /// Puts what an event has beside its totals into its row, the newest.
    #[inline]
    fn put_rest(&mut self, plan: &StreamPlan, event: &Event, place: usize) {
        if self.is_long && plan.long_pairs > plan.total_pairs {
            let row = self.pairs.get_mut(place..).unwrap_or_default();
            add_squares(plan, event, more_mut(plan, row));
            self.put_extremes(plan, event, place);
        }
        self.put_values(plan, event, place);
    }

    /// In a long log.
    #[inline]
    fn put_extremes(&mut self, plan: &StreamPlan, event: &Event, place: usize) {
        if self.is_long && plan.has_extremes {
            let more = more_mut(plan, self.pairs.get_mut(place..).unwrap_or_default());
            for amount in &plan.amounts {
                amounts::set_extremes(amount, event.amount(amount.slot), more);
            }
        }
    }

    fn add_to_base(&mut self, plan: &StreamPlan, event: &Event) {
        let base = self.pairs.get_mut(self.head..).unwrap_or_default();
        let time = time_of(base).max(event.time());
        set_time(base, time);
        self.count_from(plan, event, self.head);
        let is_long = self.is_long;
        let more = self.more_of_base_mut(plan);
        if !is_long {
            add_squares(plan, event, more);
        }
        for amount in &plan.amounts {
            if let Some(own) = event.amount(amount.slot) {
                amounts::widen(amount, (own, own), more);
            }
        }
    }

    /// Drops what is older than the floor into the base.
    #[inline]
    fn expire(&mut self, plan: &StreamPlan, floor: i64) {
        // The newest row stays.
        while self.time_at(self.head.wrapping_add(self.row_pairs(plan))) < floor {
            if plan.long_pairs > plan.total_pairs {
                self.widen_next(plan);
            }
            self.head = self.head.wrapping_add(self.row_pairs(plan));
        }
    }

    /// Gives the first row after the base, which is about to take its place, the squares and extremes of both.
    fn widen_next(&mut self, plan: &StreamPlan) {
        if !self.is_long {
            return self.widen_front(plan);
        }
        // Squares are running totals.
        if plan.has_extremes {
            widen_second(plan, self.pairs.get_mut(self.head..).unwrap_or_default());
        }
    }

    /// Frees what was dropped instead of growing, where that is at least a quarter. Grows by half: so rooms are
    /// five sixths full on average.
    #[inline]
    fn make_room(&mut self, plan: &StreamPlan) {
        let n_pairs = self.pairs.len();
        if n_pairs.saturating_add(self.row_pairs(plan)) > self.pairs.capacity() {
            self.make_room_now(plan);
        }
    }

    #[cold]
    #[inline(never)]
    fn make_room_now(&mut self, plan: &StreamPlan) {
        let (n_pairs, n_front) = (self.pairs.len(), self.n_front(plan));
        let n_dropped = self.head.saturating_sub(n_front);
        if n_dropped < (n_pairs / 4).max(1) {
            let few = self.row_pairs(plan).saturating_mul(FEW_ROWS);
            return self.pairs.reserve_exact((n_pairs / 2).max(few));
        }
        self.pairs.drain(n_front..self.head);
        let n_freed = hint_of(n_dropped);
        self.hints.iter_mut().for_each(|hint| *hint = hint.saturating_sub(n_freed));
        self.head = n_front;
    }

    /// Puts together the rows of one cell of a long log, the newest quarter aside. Leaves three quarters at most:
    /// the cells are half of `max_events` at most.
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
                let before = start.saturating_sub(plan.long_pairs);
                join(plan, pairs.get_mut(before..).unwrap_or_default());
                pairs.truncate(start);
            }
            last_cell = cell;
        }
        (self.pairs, self.head) = (pairs, 0);
    }
}
