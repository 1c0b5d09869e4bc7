//! Where edges lie in a log. They move on with the events, so that a search begins where the last one ended.

use super::EventLog;
use crate::features::window::StreamPlan;

/// Of the first edges the place found when the newest event was observed: where a search begins, which is
/// right from any row.
pub(in crate::features::state) type Hints = [u32; N_HINTS];

const N_HINTS: usize = 8;
/// Steps from a hint before the search takes longer ones.
const N_NEAR: usize = 4;

impl EventLog {
    /// The place of the last row that is earlier than a bound, that of the base where no event is. The
    /// search begins where the edge of this number was found last: most lie there still, or a few events
    /// on. That of an edge without a hint begins at the end.
    #[inline(always)]
    pub(in crate::features::state) fn before(
        &self,
        plan: &StreamPlan,
        bound: i64,
        edge: usize,
    ) -> usize {
        let last = self.last(plan);
        let hint = self.hints.get(edge).map_or(last, |hint| *hint as usize);
        let mut at = hint.min(last).max(self.head);
        if at > self.head && self.time_at(at) >= bound {
            return self.before_below(plan, at, bound);
        }
        for _ in 0..N_NEAR {
            let next = at.wrapping_add(plan.row_words);
            match self.words.get(next) {
                Some(time) if time.cast_signed() < bound => at = next,
                _ => return at,
            }
        }
        self.before_above(plan, at, bound)
    }

    /// As [`before`](Self::before), where the row at `above` is not earlier: in steps that grow, as the edge
    /// is likely to be near.
    #[inline(never)]
    fn before_below(&self, plan: &StreamPlan, above: usize, bound: i64) -> usize {
        let (mut high, mut step) = (above.saturating_sub(plan.row_words), plan.row_words);
        while high > self.head {
            let next = high.saturating_sub(step).max(self.head);
            if next == self.head || self.time_at(next) < bound {
                return self.between(plan, next, high, bound);
            }
            (high, step) = (next.saturating_sub(plan.row_words), step.saturating_mul(2));
        }
        self.head
    }

    /// As [`before`](Self::before), where the row at `low` is earlier.
    #[inline(never)]
    fn before_above(&self, plan: &StreamPlan, mut low: usize, bound: i64) -> usize {
        let mut step = plan.row_words;
        loop {
            let next = low.saturating_add(step);
            match self.words.get(next) {
                Some(time) if time.cast_signed() < bound => {
                    (low, step) = (next, step.saturating_mul(2));
                }
                Some(_) => {
                    let high = next.saturating_sub(plan.row_words);
                    return self.between(plan, low, high, bound);
                }
                None => return self.between(plan, low, self.last(plan), bound),
            }
        }
    }

    /// The row at `low` is earlier or the base, the one after `high` is not, where there is one.
    fn between(&self, plan: &StreamPlan, mut low: usize, mut high: usize, bound: i64) -> usize {
        while low < high {
            let n_rows = high.wrapping_sub(low).checked_div(plan.row_words).unwrap_or(0);
            let middle = high.wrapping_sub((n_rows / 2).wrapping_mul(plan.row_words));
            if self.time_at(middle) < bound {
                low = middle;
            } else {
                high = middle.wrapping_sub(plan.row_words);
            }
        }
        low
    }

    /// Where the edges of an event at this time lie.
    pub(in crate::features::state) fn search(&self, plan: &StreamPlan, time: i64) -> Hints {
        let mut hints = Hints::default();
        for ((number, edge), hint) in plan.edges.iter().enumerate().zip(&mut hints) {
            *hint = hint_of(self.before(plan, edge.bound(time), number));
        }
        hints
    }
}

/// The hint for an edge at this place.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a log of the most rows has far fewer words than 2^32"
)]
pub(in crate::features::state) fn hint_of(place: usize) -> u32 {
    place as u32
}
