//! A row of a log: what is an event's own, and the totals up to and with it.

use crate::features::state::amounts::{self, AmountSums};
use crate::features::state::log::NEVER;
use crate::features::window::{Event, StreamPlan};

/// Two words that are read and written together.
pub(in crate::features::state) type Pair = [u64; 2];

/// The time of a row.
#[inline]
pub(in crate::features::state) fn time_of(row: &[Pair]) -> i64 {
    row.first().map_or(NEVER, |[time, _]| time.cast_signed())
}

/// The id of a row.
#[inline]
pub(in crate::features::state) fn id_of(row: &[Pair]) -> u64 {
    row.first().map_or(0, |[_, id_and_count]| id_and_count >> u32::BITS)
}

/// How many events there are up to and with one row and not up to another, both kept.
#[inline]
pub(in crate::features::state) fn n_events_between(end: &[Pair], begin: &[Pair]) -> u64 {
    count_of(end).wrapping_sub(count_of(begin)).into()
}

/// The events up to and with a row, modulo 2^32; of no row 0.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the upper half is the id")]
pub(super) fn count_of(row: &[Pair]) -> u32 {
    row.first().map_or(0, |[_, id_and_count]| *id_and_count as u32)
}

/// Adds an event to a row's running totals.
#[inline]
pub(super) fn count(plan: &StreamPlan, event: &Event, row: &mut [Pair]) {
    add_count(row, 1);
    for amount in &plan.amounts {
        if let Some(own) = event.amount(amount.slot) {
            amounts::add(amount, own, row);
        }
    }
}

/// Puts what is an event's own into its row.
#[inline]
pub(super) fn mark(plan: &StreamPlan, event: &Event, row: &mut [Pair]) {
    set_id(row, if plan.has_id { event.id() } else { 0 });
    if plan.has_extremes {
        for amount in plan.amounts.iter().filter(|amount| amount.extremes) {
            amounts::set_extremes(amount, event.amount(amount.slot), row);
        }
    }
}

/// The half of its word that is the count.
const COUNT_MASK: u64 = (1 << u32::BITS) - 1;

#[inline]
pub(super) fn set_time(row: &mut [Pair], time: i64) {
    row.first_mut().into_iter().for_each(|[word, _]| *word = time.cast_unsigned());
}

#[inline]
pub(super) fn add_count(row: &mut [Pair], n_events: u64) {
    if let Some([_, word]) = row.first_mut() {
        *word = *word & !COUNT_MASK | word.wrapping_add(n_events) & COUNT_MASK;
    }
}

#[inline]
pub(super) fn set_id(row: &mut [Pair], id: u64) {
    row.first_mut().into_iter().for_each(|[_, word]| *word = id << u32::BITS | *word & COUNT_MASK);
}

/// Puts the second of two rows in the place of the first, with the extremes of both.
pub(super) fn join(plan: &StreamPlan, rows: &mut [Pair]) {
    let Some((first, second)) = rows.split_at_mut_checked(plan.row_pairs) else { return };
    for amount in plan.amounts.iter().filter(|amount| amount.extremes) {
        let both = widen(AmountSums::read(amount, second), AmountSums::read(amount, first));
        both.write(amount, second);
    }
    first.iter_mut().zip(second).for_each(|(place, pair)| *place = *pair);
    // Of rows put together none is recognised.
    set_id(first, 0);
}

/// The totals of one row with the extremes of both.
pub(super) fn widen(totals: AmountSums, other: AmountSums) -> AmountSums {
    let (low, high) = (totals.low.min(other.low), totals.high.max(other.high));
    AmountSums { low, high, ..totals }
}
