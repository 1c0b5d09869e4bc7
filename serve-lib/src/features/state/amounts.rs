//! Exact sums of an amount, of one event or of many, and the words that hold them in a row.

use crate::features::window::AmountPlan;

/// What is known of an amount over some events. Sums wrap; those of 2^21 of the greatest amounts squared
/// still fit.
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

    /// The sums in a row. Words that the plan does not keep read as nothing.
    #[inline]
    pub(super) fn read(plan: &AmountPlan, row: &[u64]) -> Self {
        let words = row.get(plan.word..).unwrap_or_default();
        let mut sums = Self::NONE;
        let Some(([n, sum_low, sum_high], mut rest)) = words.split_first_chunk() else {
            return sums;
        };
        (sums.n, sums.sum) = (*n, wide(*sum_low, *sum_high));
        if plan.squares
            && let Some(([low, high], others)) = rest.split_first_chunk()
        {
            sums.squares = wide(*low, *high);
            rest = others;
        }
        if plan.extremes
            && let Some([low, high]) = rest.first_chunk()
        {
            (sums.low, sums.high) = (low.cast_signed(), high.cast_signed());
        }
        sums
    }

    /// Puts the sums into a row.
    #[inline]
    pub(super) fn write(self, plan: &AmountPlan, row: &mut [u64]) {
        let words = row.get_mut(plan.word..).unwrap_or_default();
        let Some((place, rest)) = words.split_first_chunk_mut() else { return };
        let [sum_low, sum_high] = words_of(self.sum);
        *place = [self.n, sum_low, sum_high];
        let n_square_words = if plan.squares { 2 } else { 0 };
        let Some((squares, rest)) = rest.split_at_mut_checked(n_square_words) else { return };
        squares.iter_mut().zip(words_of(self.squares)).for_each(|(place, word)| *place = word);
        if plan.extremes
            && let Some(place) = rest.first_chunk_mut()
        {
            *place = [self.low.cast_unsigned(), self.high.cast_unsigned()];
        }
    }
}

/// Adds an amount to a row's running totals; its extremes, which are the row's own, stay.
#[inline]
pub(super) fn add(plan: &AmountPlan, amount: i64, row: &mut [u64]) {
    let words = row.get_mut(plan.word..).unwrap_or_default();
    let Some(([n, low, high], rest)) = words.split_first_chunk_mut() else { return };
    *n = n.wrapping_add(1);
    [*low, *high] = words_of(wide(*low, *high).wrapping_add(amount.into()));
    if plan.squares
        && let Some([low, high]) = rest.first_chunk_mut()
    {
        let square = i128::from(amount).wrapping_mul(amount.into());
        [*low, *high] = words_of(wide(*low, *high).wrapping_add(square));
    }
}

/// Makes an event's amount, if it has one, the extremes of a row whose plan keeps them.
#[inline]
pub(super) fn set_extremes(plan: &AmountPlan, amount: Option<i64>, row: &mut [u64]) {
    let words = row.get_mut(extremes_word(plan)..).and_then(|words| words.first_chunk_mut());
    if let Some(place) = words {
        let (low, high) = amount.map_or((i64::MAX, i64::MIN), |amount| (amount, amount));
        *place = [low.cast_unsigned(), high.cast_unsigned()];
    }
}

#[inline]
fn extremes_word(plan: &AmountPlan) -> usize {
    plan.word.wrapping_add(if plan.squares { 5 } else { 3 })
}

/// The extremes in a row whose plan keeps them; as [`AmountSums::read`].
#[inline]
pub(super) fn extremes(plan: &AmountPlan, row: &[u64]) -> (i64, i64) {
    let words = row.get(extremes_word(plan)..).and_then(|words| words.first_chunk());
    words.map_or((i64::MAX, i64::MIN), |[low, high]| (low.cast_signed(), high.cast_signed()))
}

/// How many events have the amount, and its sum, in a row; as [`AmountSums::read`].
#[inline]
pub(super) fn n_and_sum(plan: &AmountPlan, row: &[u64]) -> (u64, i128) {
    let words = row.get(plan.word..).and_then(|words| words.first_chunk());
    words.map_or((0, 0), |[n, low, high]| (*n, wide(*low, *high)))
}

#[inline]
fn wide(low: u64, high: u64) -> i128 {
    (u128::from(high) << 64 | u128::from(low)).cast_signed()
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a word takes its half of the bits")]
fn words_of(wide: i128) -> [u64; 2] {
    let bits = wide.cast_unsigned();
    [bits as u64, (bits >> 64) as u64]
}
