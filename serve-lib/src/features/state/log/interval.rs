//! What the events of an interval have: those after one row, or all that there ever were, up to another row.

use super::row::{more, sums};
use super::short::{FIRST, WAY_BITS, place_of};
use super::{EventLog, Pair};
use crate::features::state::amounts::{self, AmountSums, NO_EXTREMES};
use crate::features::window::{AmountPlan, StreamPlan};

impl EventLog {
    /// The sums of an amount, extremes aside.
    pub(in crate::features::state) fn sums(
        &self,
        plan: &StreamPlan,
        amount: &AmountPlan,
        (begin, end): (Option<usize>, usize),
    ) -> AmountSums {
        let total = |place: usize| match self.is_long {
            true => sums(plan, amount, self.from(place)),
            false => AmountSums::totals(amount, self.from(place)),
        };
        let difference = total(end).since(begin.map_or(AmountSums::NONE, total));
        if self.is_long {
            return difference;
        }
        // All history has what was dropped.
        let dropped = begin.is_none().then(|| amounts::squares(amount, self.more_of_base(plan)));
        let own = self.amounts(plan, amount, begin.unwrap_or(self.head), end);
        let squares = own.map(amounts::square).fold(dropped.unwrap_or(0), i128::wrapping_add);
        AmountSums { squares, ..difference }
    }

    /// The sums of an amount of what was dropped.
    pub(in crate::features::state) fn base_sums(
        &self,
        plan: &StreamPlan,
        amount: &AmountPlan,
    ) -> AmountSums {
        AmountSums::read(amount, self.from(self.head), self.more_of_base(plan))
    }

    /// The sums of an amount of a row's own events, with the row before it.
    pub(in crate::features::state) fn own_sums(
        &self,
        plan: &StreamPlan,
        amount: &AmountPlan,
        (row, before): (&[Pair], &[Pair]),
    ) -> AmountSums {
        if self.is_long {
            return sums(plan, amount, row).since(sums(plan, amount, before));
        }
        AmountSums::of(amounts::own(amount, row, before))
    }

    /// The least and greatest amount; a walk along the rows.
    pub(in crate::features::state) fn extremes(
        &self,
        plan: &StreamPlan,
        amount: &AmountPlan,
        (begin, end): (Option<usize>, usize),
    ) -> (i64, i64) {
        let dropped = begin.is_none().then(|| amounts::extremes(amount, self.more_of_base(plan)));
        let mut all = dropped.unwrap_or(NO_EXTREMES);
        let mut widen = |(low, high)| all = (all.0.min(low), all.1.max(high));
        let after = begin.unwrap_or(self.head);
        if self.is_long {
            let rows = self.rows_between(plan, after, end).chunks_exact(plan.long_pairs);
            rows.for_each(|row| widen(amounts::extremes(amount, more(plan, row))));
        } else {
            self.amounts(plan, amount, after, end).for_each(|own| widen((own, own)));
        }
        all
    }

    /// The amounts of the events after one row up to another of a short log.
    #[inline]
    pub(super) fn amounts(
        &self,
        plan: &StreamPlan,
        amount: &AmountPlan,
        after: usize,
        to: usize,
    ) -> impl Iterator<Item = i64> {
        let mut before =
            self.pairs.get(after.wrapping_add(amount.pair)).copied().unwrap_or_default();
        self.column(plan, amount.pair, after, to).filter_map(move |pair| {
            let last = std::mem::replace(&mut before, *pair);
            amounts::between(before, last)
        })
    }

    /// One pair of each row after one up to another of a short log.
    #[inline]
    fn column(
        &self,
        plan: &StreamPlan,
        pair: usize,
        after: usize,
        to: usize,
    ) -> impl Iterator<Item = &Pair> {
        let first = after.wrapping_add(plan.short_pairs).wrapping_add(pair);
        let pairs = self.pairs.get(first..=to.wrapping_add(pair)).unwrap_or_default();
        pairs.iter().step_by(plan.short_pairs.max(1))
    }

    /// How many different values the events after one row up to another of a short log have, and whether this is
    /// one of them.
    #[inline]
    pub(in crate::features::state) fn n_distinct(
        &self,
        plan: &StreamPlan,
        word: usize,
        (after, to): (usize, usize),
        value: u64,
    ) -> (u64, bool) {
        let (pair, half) = place_of(plan, word);
        let (mut n_values, mut is_one) = (0_u64, false);
        for (step, [low, high]) in (1..).zip(self.column(plan, pair, after, to)) {
            let word = if half == 0 { *low } else { *high };
            n_values = n_values.wrapping_add((word & FIRST >= step).into());
            is_one |= word >> WAY_BITS == value;
        }
        (n_values, is_one && value != 0)
    }
}
