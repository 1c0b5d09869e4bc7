//! A row of a log: what is an event's own, and the totals up to and with it.

use crate::features::state::amounts::{self, AmountSums};
use crate::features::state::log::NEVER;
use crate::features::window::{AmountPlan, Event, StreamPlan};

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

/// Adds an event to a row's count, and its amounts to the row's totals.
#[inline]
pub(super) fn count(plan: &StreamPlan, event: &Event, row: &mut [Pair]) {
    add_count(row, 1);
    for amount in &plan.amounts {
        if let Some(own) = event.amount(amount.slot) {
            amounts::add(amount, own, row);
        }
    }
}

/// Adds an event's squares to those behind a row's totals.
#[inline]
pub(super) fn add_squares(plan: &StreamPlan, event: &Event, more: &mut [Pair]) {
    for amount in &plan.amounts {
        if let Some(own) = event.amount(amount.slot) {
            amounts::add_square(amount, own, more);
        }
    }
}

/// The pairs of a long log's row behind its totals.
#[inline]
pub(super) fn more<'r>(plan: &StreamPlan, row: &'r [Pair]) -> &'r [Pair] {
    row.get(plan.total_pairs..plan.long_pairs).unwrap_or_default()
}

#[inline]
pub(super) fn more_mut<'r>(plan: &StreamPlan, row: &'r mut [Pair]) -> &'r mut [Pair] {
    row.get_mut(plan.total_pairs..plan.long_pairs).unwrap_or_default()
}

/// The sums of an amount in a long log's row.
#[inline]
pub(super) fn sums(plan: &StreamPlan, amount: &AmountPlan, row: &[Pair]) -> AmountSums {
    AmountSums::read(amount, row, more(plan, row))
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

/// Puts the second of two rows of a long log in the place of the first, with the extremes of both.
pub(super) fn join(plan: &StreamPlan, rows: &mut [Pair]) {
    widen_second(plan, rows);
    let Some((first, second)) = rows.split_at_mut_checked(plan.long_pairs) else { return };
    first.iter_mut().zip(second).for_each(|(place, pair)| *place = *pair);
    // Of rows put together none is recognised.
    set_id(first, 0);
}

/// Gives the second of two rows of a long log the extremes of both.
pub(super) fn widen_second(plan: &StreamPlan, rows: &mut [Pair]) {
    let Some((first, second)) = rows.split_at_mut_checked(plan.long_pairs) else { return };
    for amount in &plan.amounts {
        let of_first = amounts::extremes(amount, more(plan, first));
        amounts::widen(amount, of_first, more_mut(plan, second));
    }
}
