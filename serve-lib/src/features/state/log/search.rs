//! Where edges lie in a log. They move on with the events, so that a search begins where the last one ended.

use super::EventLog;
use crate::features::window::StreamPlan;

/// Of the first edges the row found when the newest event was observed: where a search begins, which is right
/// from anywhere.
pub(in crate::features::state) type Hints = [u32; N_HINTS];

const N_HINTS: usize = 8;
/// Steps from a hint before the search takes longer ones.
const N_NEAR: usize = 4;

impl EventLog {
    /// How many of the first `n_events` events are earlier than a bound. The search begins where the
    /// edge of this number was found last: most lie there still, or a few events on. That of an edge without a
    /// hint begins at the end.
    #[inline(always)]
    pub(in crate::features::state) fn n_before(
        &self,
        plan: &StreamPlan,
        n_events: usize,
        bound: i64,
        edge: usize,
    ) -> usize {
        let hint = self.hints.get(edge).map(|hint| (*hint as usize).saturating_sub(self.head));
        let mut low = hint.map_or(n_events, |hint| hint.min(n_events));
        if low > 0 && self.time(plan, low) >= bound {
            return self.n_before_below(plan, low, bound);
        }
        for _ in 0..N_NEAR {
            let next = low.wrapping_add(1);
            if next > n_events || self.time(plan, next) >= bound {
                return low;
            }
            low = next;
        }
        self.n_before_above(plan, low, n_events, bound)
    }

    /// As [`n_before`](Self::n_before), where the event after `high` events is not earlier: in steps that
    /// grow, as the edge is likely to be near.
    #[inline(never)]
    fn n_before_below(&self, plan: &StreamPlan, above: usize, bound: i64) -> usize {
        let (mut high, mut step) = (above.wrapping_sub(1), 1_usize);
        while high > 0 {
            let next = high.saturating_sub(step);
            if next == 0 || self.time(plan, next) < bound {
                return self.between(plan, next, high, bound);
            }
            (high, step) = (next.wrapping_sub(1), step.saturating_mul(2));
        }
        0
    }

    /// As [`n_before`](Self::n_before), where the first `low` are earlier.
    #[inline(never)]
    fn n_before_above(
        &self,
        plan: &StreamPlan,
        mut low: usize,
        n_events: usize,
        bound: i64,
    ) -> usize {
        let mut step = 1_usize;
        while let Some(next) = low.checked_add(step).filter(|next| *next <= n_events) {
            if self.time(plan, next) >= bound {
                return self.between(plan, low, next.wrapping_sub(1), bound);
            }
            (low, step) = (next, step.saturating_mul(2));
        }
        self.between(plan, low, n_events, bound)
    }

    /// The first `low` are earlier, the one after `high` is not, where there is one.
    fn between(&self, plan: &StreamPlan, mut low: usize, mut high: usize, bound: i64) -> usize {
        while low < high {
            let middle = high.wrapping_sub(high.wrapping_sub(low) / 2);
            if self.time(plan, middle) < bound {
                low = middle;
            } else {
                high = middle.wrapping_sub(1);
            }
        }
        low
    }

    /// Where the edges of an event at this time lie.
    pub(in crate::features::state) fn search(&self, plan: &StreamPlan, time: i64) -> Hints {
        let (mut hints, mut n_before) = (Hints::default(), self.n_kept());
        for ((number, edge), hint) in plan.edges.iter().enumerate().zip(&mut hints) {
            n_before = self.n_before(plan, n_before, edge.bound(time), number);
            *hint = self.hint(n_before);
        }
        hints
    }

    /// The hint for an edge that so many events lie before.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "where a search begins: it is right from anywhere"
    )]
    pub(in crate::features::state) fn hint(&self, n_before: usize) -> u32 {
        self.head.wrapping_add(n_before) as u32
    }
}
