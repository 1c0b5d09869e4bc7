//! Exact sums of an amount, of one event or of many, and the pairs of words that hold them in a row.
//!
//! Of an amount a row has a pair for its number (48 bits) and sum (80 bits), then one for the sum of squares and
//! one for the extremes, as the plan keeps them.

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
    pub(super) const NONE: Self = Self { n: 0, sum: 0, squares: 0, low: i64::MAX, high: i64::MIN };

    #[inline]
    pub(super) fn of(amount: Option<i64>) -> Self {
        amount.map_or(Self::NONE, |amount| {
            let wide = i128::from(amount);
            let squares = wide.wrapping_mul(wide);
            Self { n: 1, sum: wide, squares, low: amount, high: amount }
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

    /// The sums in a row. What the plan does not keep, or a row has not, reads as nothing.
    #[inline]
    pub(super) fn read(plan: &AmountPlan, row: &[Pair]) -> Self {
        let pairs = row.get(plan.pair..).unwrap_or_default();
        let mut sums = Self::NONE;
        let Some((first, mut rest)) = pairs.split_first() else { return sums };
        (sums.n, sums.sum) = (n_of(*first), sum_of(*first));
        if plan.squares
            && let Some((squares, others)) = rest.split_first()
        {
            sums.squares = wide(*squares);
            rest = others;
        }
        if plan.extremes
            && let Some([low, high]) = rest.first()
        {
            (sums.low, sums.high) = (low.cast_signed(), high.cast_signed());
        }
        sums
    }

    /// Puts the sums into a row.
    #[inline]
    pub(super) fn write(self, plan: &AmountPlan, row: &mut [Pair]) {
        let mut pairs = row.get_mut(plan.pair..).unwrap_or_default().iter_mut();
        let [low, high] = pair_of(self.sum);
        pairs.next().into_iter().for_each(|pair| *pair = [low, high << N_BITS | self.n & N_MASK]);
        if plan.squares {
            pairs.next().into_iter().for_each(|pair| *pair = pair_of(self.squares));
        }
        if plan.extremes {
            let extremes = [self.low.cast_unsigned(), self.high.cast_unsigned()];
            pairs.next().into_iter().for_each(|pair| *pair = extremes);
        }
    }

    /// Whether a row can hold the sum.
    pub(super) fn fits(&self) -> bool {
        self.n <= N_MASK && matches!(self.sum >> 79, 0 | -1)
    }
}

const N_BITS: u32 = 48;
const N_MASK: u64 = (1 << N_BITS) - 1;

/// Adds an amount to a row's running totals; its extremes, which are the row's own, stay.
#[inline]
pub(super) fn add(plan: &AmountPlan, amount: i64, row: &mut [Pair]) {
    let mut pairs = row.get_mut(plan.pair..).unwrap_or_default().iter_mut();
    let Some([low, high]) = pairs.next() else { return };
    let (sum, is_carried) = low.overflowing_add(amount.cast_unsigned());
    // The upper word of the amount is 0 or, of a negative one, -1.
    let carried = (amount >> 63).wrapping_add(is_carried.into()).cast_unsigned() << N_BITS;
    (*low, *high) = (sum, high.wrapping_add(1).wrapping_add(carried));
    if plan.squares
        && let Some(squares) = pairs.next()
    {
        let square = i128::from(amount).wrapping_mul(amount.into());
        *squares = pair_of(wide(*squares).wrapping_add(square));
    }
}

/// Makes an event's amount, if it has one, the extremes of a row whose plan keeps them.
#[inline]
pub(super) fn set_extremes(plan: &AmountPlan, amount: Option<i64>, row: &mut [Pair]) {
    if let Some(pair) = row.get_mut(extremes_pair(plan)) {
        let (low, high) = amount.map_or((i64::MAX, i64::MIN), |amount| (amount, amount));
        *pair = [low.cast_unsigned(), high.cast_unsigned()];
    }
}

#[inline]
fn extremes_pair(plan: &AmountPlan) -> usize {
    plan.pair.wrapping_add(if plan.squares { 2 } else { 1 })
}

/// The extremes in a row whose plan keeps them; as [`AmountSums::read`].
#[inline]
pub(super) fn extremes(plan: &AmountPlan, row: &[Pair]) -> (i64, i64) {
    let pair = row.get(extremes_pair(plan));
    pair.map_or((i64::MAX, i64::MIN), |[low, high]| (low.cast_signed(), high.cast_signed()))
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
