//! The log of events as bytes.

use super::{Clock, MAX_COUNT};
use crate::features::state::amounts::AmountSums;
use crate::features::state::bytes::{
    Reader, Unsound, put_id, put_number, put_signed, put_wide, put_wide_signed,
};
use crate::features::state::log::{EventLog, id_of, n_events_between, time_of};
use crate::features::window::{AmountPlan, MAX_AMOUNT, StreamPlan};

/// The number of rows; if there are any, the newest time, how long before it the first one is; the base's
/// count, if it has any its age and sums; then for each row twice the time since the one before, and 1 more for
/// rows that are not of one event with an id and all amounts.
pub(super) fn write(plan: &StreamPlan, log: &EventLog, clock: &Clock, out: &mut Vec<u8>) {
    let n_rows = log.n_kept(plan);
    put_number(out, n_rows as u64);
    if n_rows == 0 {
        return;
    }
    put_signed(out, clock.units(clock.newest));
    let mut last = log.time(plan, 1);
    put_number(out, clock.before(last));
    let mut before = log.row_at(plan, log.base());
    let n_dropped = log.n_up_to(plan, log.base());
    put_number(out, n_dropped);
    if n_dropped > 0 {
        put_number(out, clock.before(log.time(plan, 0)));
        for amount in &plan.amounts {
            write_sums(amount, log.base_sums(plan, amount), out);
        }
    }
    for row in log.rows(plan) {
        let (time, n_of_row) = (time_of(row), n_events_between(row, before));
        let id = plan.has_id.then(|| id_of(row));
        let sums = |amount: &AmountPlan| log.own_sums(plan, amount, (row, before));
        let is_plain =
            n_of_row == 1 && id != Some(0) && plan.amounts.iter().all(|amount| sums(amount).n == 1);
        put_number(out, clock.ahead(last, time) << 1 | u64::from(!is_plain));
        if !is_plain {
            put_number(out, n_of_row);
        }
        id.inspect(|id| put_id(out, *id));
        for amount in &plan.amounts {
            if is_plain {
                put_wide_signed(out, sums(amount).sum);
            } else {
                write_sums(amount, sums(amount), out);
            }
        }
        (last, before) = (time, row);
    }
}

/// A short log, if it can be.
pub(super) fn read(
    plan: &StreamPlan,
    clock: &mut Clock,
    reader: &mut Reader<'_>,
) -> Result<EventLog, Unsound> {
    // A head, an id, and of each amount a byte or more.
    let least_bytes = plan.amounts.len().saturating_add(if plan.has_id { 5 } else { 1 });
    let n_rows = reader.length(plan.max_events, least_bytes)?;
    let mut log = EventLog::for_rows(n_rows);
    if n_rows == 0 {
        return Ok(log);
    }
    let newest_units = reader.signed()?;
    clock.newest = clock.time(0, newest_units)?;
    let floor = clock.newest.saturating_sub(plan.horizon);
    let mut last = clock.time_before(reader)?;
    if last < floor {
        return Err("an event is older than the horizon");
    }
    log.reserve(plan, n_rows.saturating_add(1));
    log.begin(plan);
    let n_dropped = reader.number()?;
    if n_dropped > 0 {
        let time = clock.time_before(reader)?;
        if time >= floor {
            return Err("what was dropped is younger than the horizon");
        }
        log.begin_after(n_dropped, time);
        for amount in &plan.amounts {
            log.set_base_sums(plan, amount, read_sums(amount, n_dropped, reader)?);
        }
    }
    let mut n_kept = 0_u64;
    for _ in 0..n_rows {
        let head = reader.number()?;
        let is_plain = head & 1 == 0;
        last = clock.time(last, (head >> 1).cast_signed())?;
        let n_of_row = if is_plain { 1 } else { reader.number()? };
        let id = if plan.has_id { reader.id()? } else { 0 };
        n_kept = n_kept.saturating_add(n_of_row);
        // A row counts modulo 2^32.
        let is_sound = n_of_row > 0 && n_kept <= u32::MAX.into();
        if !is_sound || n_dropped.saturating_add(n_kept) > MAX_COUNT {
            return Err("a number of events that cannot be");
        }
        if id != 0 && n_of_row > 1 {
            return Err("an id of several events");
        }
        log.push_several(plan, last, id, n_of_row);
        for amount in &plan.amounts {
            let own =
                if is_plain { read_amount(reader)? } else { read_sums(amount, n_of_row, reader)? };
            if !log.add_own_sums(plan, amount, own) {
                return Err("a sum that cannot be");
            }
        }
    }
    if last == clock.newest {
        Ok(log)
    } else {
        Err("the newest time is not that of the last event")
    }
}

/// How many events have the amount; if any do, their sum; and if several do, squares and extremes.
fn write_sums(plan: &AmountPlan, sums: AmountSums, out: &mut Vec<u8>) {
    put_number(out, sums.n);
    if sums.n > 0 {
        put_wide_signed(out, sums.sum);
    }
    if sums.n > 1 && plan.squares {
        put_wide(out, sums.squares.cast_unsigned());
    }
    if sums.n > 1 && plan.extremes {
        put_signed(out, sums.low);
        put_number(out, sums.high.wrapping_sub(sums.low).cast_unsigned());
    }
}

fn read_sums(
    plan: &AmountPlan,
    n_events: u64,
    reader: &mut Reader<'_>,
) -> Result<AmountSums, Unsound> {
    let n = reader.number()?;
    if n > n_events || n > MAX_COUNT {
        return Err("more amounts than events");
    }
    match n {
        0 => return Ok(AmountSums::NONE),
        1 => return read_amount(reader),
        _ => {}
    }
    let (mut sums, wide_n) = (AmountSums { n, ..AmountSums::NONE }, i128::from(n));
    sums.sum = reader.wide_signed()?;
    if sums.sum.unsigned_abs()
        > wide_n.unsigned_abs().saturating_mul(MAX_AMOUNT.unsigned_abs().into())
    {
        return Err("a sum that cannot be");
    }
    if plan.squares {
        sums.squares = reader.wide()?.cast_signed();
    }
    if plan.extremes {
        sums.low = reader.signed()?;
        sums.high =
            sums.low.checked_add_unsigned(reader.number()?).ok_or("an amount that cannot be")?;
        let least = i128::from(sums.low).saturating_mul(wide_n);
        let most = i128::from(sums.high).saturating_mul(wide_n);
        if sums.low < -MAX_AMOUNT || sums.high > MAX_AMOUNT || !(least..=most).contains(&sums.sum) {
            return Err("extremes that do not suit their sum");
        }
    }
    Ok(sums)
}

fn read_amount(reader: &mut Reader<'_>) -> Result<AmountSums, Unsound> {
    let amount = i64::try_from(reader.wide_signed()?).ok();
    let amount = amount.filter(|amount| (-MAX_AMOUNT..=MAX_AMOUNT).contains(amount));
    amount.map(|amount| AmountSums::of(Some(amount))).ok_or("an amount that cannot be")
}
