//! Where edges lie in a log. They move on with the events, so that a search begins where the last one ended.

use super::EventLog;
use super::row::count_of;
use crate::features::window::StreamPlan;

/// Of the first edges the place found when the newest event was observed: where a search begins, which is
/// right from any row.
pub(in crate::features::state) type Hints = [u32; N_HINTS];

pub(super) const N_HINTS: usize = 8;
/// Steps from a hint before the search takes longer ones.
pub(super) const N_NEAR: usize = 4;

/// A row before an edge: its place, and the count up to and with it modulo 2^32.
#[derive(Clone, Copy, Default)]
pub(in crate::features::state) struct Found {
    pub(in crate::features::state) place: usize,
    pub(in crate::features::state) count: u32,
}

impl EventLog {
    /// The last row that is earlier than each edge of an event at this time, and the hints that it makes. They are put
    /// where they will be read: a copy would wait for what was just written.
    #[inline(always)]
    pub(in crate::features::state) fn find(
        &self,
        plan: &StreamPlan,
        time: i64,
        found: &mut [Found],
        hints: &mut Hints,
    ) {
        let (hinted, others) = plan.edges.split_at_checked(N_HINTS).unwrap_or((&plan.edges, &[]));
        let last = self.last(plan);
        let at = |place| Found { place, count: count_of(self.from(place)) };
        let next = found.iter_mut().zip(hints);
        for ((edge, hint), (found, next_hint)) in hinted.iter().zip(&self.hints).zip(next) {
            let bound = edge.bound(time);
            // Nothing is later than an event that came in order.
            let is_all = edge.distance == 0 && self.time_at(last) < bound;
            let place = if is_all { last } else { self.before(plan, bound, last, *hint as usize) };
            (*found, *next_hint) = (at(place), hint_of(place));
        }
        for (edge, found) in others.iter().zip(found.iter_mut().skip(N_HINTS)) {
            *found = at(self.before(plan, edge.bound(time), last, last));
        }
    }

    /// The place of the last row that is earlier than a bound, that of the base where no event is. The
    /// search begins where an edge was found last: most lie there still, or a few events on.
    #[inline(always)]
    fn before(&self, plan: &StreamPlan, bound: i64, last: usize, hint: usize) -> usize {
        let mut at = hint.min(last).max(self.head);
        if self.time_at(at) >= bound {
            return self.before_below(plan, at, bound);
        }
        // How many of the next rows are earlier, which chance decides: a branch would be mispredicted.
        let (mut next, mut n_earlier) = (at, 0_usize);
        for _ in 0..N_NEAR {
            next = next.wrapping_add(self.row_pairs(plan));
            let time = self.pairs.get(next).map_or(i64::MAX, |[time, _]| time.cast_signed());
            n_earlier = n_earlier.wrapping_add((time < bound).into());
        }
        at = at.wrapping_add(n_earlier.wrapping_mul(self.row_pairs(plan)));
        if n_earlier < N_NEAR { at } else { self.before_above(plan, at, bound) }
    }

    /// The place of the last row that is not later than a time, that of the base where every event is.
    pub(super) fn not_after(&self, plan: &StreamPlan, time: i64) -> usize {
        let last = self.last(plan);
        self.before(plan, time.saturating_add(1), last, last)
    }

    /// As [`before`](Self::before), where the row at `above` is not earlier: in steps that grow, as the edge
    /// is likely to be near.
    #[cold]
    #[inline(never)]
    fn before_below(&self, plan: &StreamPlan, above: usize, bound: i64) -> usize {
        let (mut high, mut step) =
            (above.saturating_sub(self.row_pairs(plan)), self.row_pairs(plan));
        while high > self.head {
            let next = high.saturating_sub(step).max(self.head);
            if next == self.head || self.time_at(next) < bound {
                return self.between(plan, next, high, bound);
            }
            (high, step) = (next.saturating_sub(self.row_pairs(plan)), step.saturating_mul(2));
        }
        self.head
    }

    /// As [`before`](Self::before), where the row at `low` is earlier.
    #[inline(never)]
    fn before_above(&self, plan: &StreamPlan, mut low: usize, bound: i64) -> usize {
        let mut step = self.row_pairs(plan);
        loop {
            let next = low.saturating_add(step);
            match self.pairs.get(next) {
                Some([time, _]) if time.cast_signed() < bound => {
                    (low, step) = (next, step.saturating_mul(2));
                }
                Some(_) => {
                    let high = next.saturating_sub(self.row_pairs(plan));
                    return self.between(plan, low, high, bound);
                }
                None => return self.between(plan, low, self.last(plan), bound),
            }
        }
    }

    /// The row at `low` is earlier or the base, the one after `high` is not, where there is one.
    fn between(&self, plan: &StreamPlan, mut low: usize, mut high: usize, bound: i64) -> usize {
        while low < high {
            let n_rows = high.wrapping_sub(low).checked_div(self.row_pairs(plan)).unwrap_or(0);
            let middle = high.wrapping_sub((n_rows / 2).wrapping_mul(self.row_pairs(plan)));
            if self.time_at(middle) < bound {
                low = middle;
            } else {
                high = middle.wrapping_sub(self.row_pairs(plan));
            }
        }
        low
    }
}

/// The hint for an edge at this place.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a log of the most rows has far fewer pairs than 2^32"
)]
pub(super) fn hint_of(place: usize) -> u32 {
    place as u32
}
