//! Exact sums of an amount, of one event or of many, and the pairs of words that hold them in a row.
//!
//! Of an amount a row has a pair for its number (48 bits) and sum (80 bits); behind those of all amounts, the totals, a long
//! log's row has a pair for the sum of squares and one for the extremes, as the plan keeps them.

use super::log::Pair;
use crate::features::window::{AmountPlan, MAX_AMOUNT};

/// What is known of an amount over some events. In a row sums wrap; those of 2^26 of the greatest amounts,
/// and of 2^21 of the greatest squares, still fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AmountSums {
    /// Events that have the amount.
    pub(super) n: u64,
    pub(super) sum: i128,
    pub(super) squares: i128,
    /// The extremes; of no event the other way round.
    pub(super) low: i64,
    pub(super) high: i64,
}

impl AmountSums {
    pub(super) const NONE: Self =
        Self { n: 0, sum: 0, squares: 0, low: NO_EXTREMES.0, high: NO_EXTREMES.1 };

    #[inline]
    pub(super) fn of(amount: Option<i64>) -> Self {
        amount.map_or(Self::NONE, |amount| {
            let (sum, squares) = (i128::from(amount), square(amount));
            Self { n: 1, sum, squares, low: amount, high: amount }
        })
    }

    #[inline]
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            n: self.n.wrapping_add(other.n),
            sum: self.sum.wrapping_add(other.sum),
            squares: self.squares.wrapping_add(other.squares),
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }

    /// What the rows of two times differ by, with the extremes of the later row alone.
    #[inline]
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            n: self.n.wrapping_sub(earlier.n),
            sum: self.sum.wrapping_sub(earlier.sum),
            squares: self.squares.wrapping_sub(earlier.squares),
            low: self.low,
            high: self.high,
        }
    }

    /// The number and sum in a row.
    #[inline]
    pub(super) fn totals(plan: &AmountPlan, row: &[Pair]) -> Self {
        row.get(plan.pair).map_or(Self::NONE, |pair| Self {
            n: n_of(*pair),
            sum: sum_of(*pair),
            ..Self::NONE
        })
    }

    /// The sums in a row and in the pairs behind its totals. What is not there reads as nothing.
    #[inline]
    pub(super) fn read(plan: &AmountPlan, row: &[Pair], more: &[Pair]) -> Self {
        let squares = squares(plan, more);
        let (low, high) = extremes(plan, more);
        Self { squares, low, high, ..Self::totals(plan, row) }
    }

    /// Puts number and sum into a row.
    #[inline]
    pub(super) fn write_totals(self, plan: &AmountPlan, row: &mut [Pair]) {
        let [low, high] = pair_of(self.sum);
        put(row, plan.pair, [low, high << N_BITS | self.n & N_MASK]);
    }

    /// Puts squares and extremes into the pairs behind a row's totals.
    #[inline]
    pub(super) fn write_more(self, plan: &AmountPlan, more: &mut [Pair]) {
        if plan.squares {
            put(more, plan.more, pair_of(self.squares));
        }
        if plan.extremes {
            let extremes = [self.low.cast_unsigned(), self.high.cast_unsigned()];
            put(more, plan.extremes_pair(), extremes);
        }
    }

    /// Whether a row can hold the sum.
    pub(super) fn fits(&self) -> bool {
        self.n <= N_MASK && matches!(self.sum >> 79, 0 | -1)
    }
}

/// Of no event: the other way round.
pub(super) const NO_EXTREMES: (i64, i64) = (i64::MAX, i64::MIN);
const N_BITS: u32 = 48;
const N_MASK: u64 = (1 << N_BITS) - 1;

/// Adds an amount to a row's number and sum.
#[inline]
pub(super) fn add(plan: &AmountPlan, amount: i64, row: &mut [Pair]) {
    let Some([low, high]) = row.get_mut(plan.pair) else { return };
    let (sum, is_carried) = low.overflowing_add(amount.cast_unsigned());
    // The upper word of the amount is 0 or, of a negative one, -1.
    let carried = (amount >> 63).wrapping_add(is_carried.into()).cast_unsigned() << N_BITS;
    (*low, *high) = (sum, high.wrapping_add(1).wrapping_add(carried));
}

/// Adds an amount's square to the sum behind a row's totals, where the plan keeps it.
#[inline]
pub(super) fn add_square(plan: &AmountPlan, amount: i64, more: &mut [Pair]) {
    if plan.squares
        && let Some(squares) = more.get_mut(plan.more)
    {
        *squares = pair_of(wide(*squares).wrapping_add(square(amount)));
    }
}

/// The sum of squares behind a row's totals, 0 where the plan does not keep it.
#[inline]
pub(super) fn squares(plan: &AmountPlan, more: &[Pair]) -> i128 {
    more.get(plan.more).filter(|_| plan.squares).map_or(0, |pair| wide(*pair))
}

#[inline]
pub(super) fn square(amount: i64) -> i128 {
    i128::from(amount).wrapping_mul(amount.into())
}

/// Makes an event's amount, if it has one, the extremes behind its row's totals, where the plan keeps them.
#[inline]
pub(super) fn set_extremes(plan: &AmountPlan, amount: Option<i64>, more: &mut [Pair]) {
    if plan.extremes {
        let (low, high) = amount.map_or(NO_EXTREMES, |amount| (amount, amount));
        put(more, plan.extremes_pair(), [low.cast_unsigned(), high.cast_unsigned()]);
    }
}

/// Makes the extremes behind a row's totals, where the plan keeps them, those of others too.
#[inline]
pub(super) fn widen(plan: &AmountPlan, others: (i64, i64), more: &mut [Pair]) {
    if plan.extremes {
        let (low, high) = extremes(plan, more);
        let both = [low.min(others.0), high.max(others.1)].map(i64::cast_unsigned);
        put(more, plan.extremes_pair(), both);
    }
}

/// The extremes behind a row's totals, of none where the plan does not keep them.
#[inline]
pub(super) fn extremes(plan: &AmountPlan, more: &[Pair]) -> (i64, i64) {
    let pair = more.get(plan.extremes_pair()).filter(|_| plan.extremes);
    pair.map_or(NO_EXTREMES, |[low, high]| (low.cast_signed(), high.cast_signed()))
}

/// The amount of a row of one event, with the row before it, if the event has it.
#[inline]
pub(super) fn own(plan: &AmountPlan, row: &[Pair], before: &[Pair]) -> Option<i64> {
    between(row.get(plan.pair).copied()?, before.get(plan.pair).copied()?)
}

/// The amount of the one event that two rows differ by, if it has it.
#[inline]
pub(super) fn between(end: Pair, begin: Pair) -> Option<i64> {
    (n_between(end, begin) > 0).then(|| sum_of_few(end, begin))
}

#[inline]
fn put(pairs: &mut [Pair], at: usize, pair: Pair) {
    pairs.get_mut(at).into_iter().for_each(|slot| *slot = pair);
}

/// How many events the totals of two rows differ by.
#[inline]
pub(super) fn n_between([_, end]: Pair, [_, begin]: Pair) -> u64 {
    end.wrapping_sub(begin) & N_MASK
}

/// Their sum.
#[inline]
pub(super) fn sum_between(end: Pair, begin: Pair) -> i128 {
    sum_of(end).wrapping_sub(sum_of(begin))
}

/// As [`sum_between`] where no more than [`FEW`] events lie between: their sum fits 64 bits, so that it is
/// the difference of the lower words.
#[inline]
pub(super) fn sum_of_few([end, _]: Pair, [begin, _]: Pair) -> i64 {
    end.wrapping_sub(begin).cast_signed()
}

/// So many of the greatest amounts sum up to less than 2^63.
pub(super) const FEW: u64 = 1_023;
const _: () = assert!(FEW as i128 * (MAX_AMOUNT as i128) < i64::MAX as i128);

#[inline]
fn n_of([_, high]: Pair) -> u64 {
    high & N_MASK
}

#[inline]
fn sum_of([low, high]: Pair) -> i128 {
    i128::from(high.cast_signed() >> N_BITS) << 64 | i128::from(low)
}

#[inline]
fn wide([low, high]: Pair) -> i128 {
    (u128::from(high) << 64 | u128::from(low)).cast_signed()
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a word takes its half of the bits")]
fn pair_of(wide: i128) -> Pair {
    let bits = wide.cast_unsigned();
    [bits as u64, (bits >> 64) as u64]
}
