//! Different values and frauds as bytes.

use super::{Clock, MAX_COUNT};
use crate::features::state::bytes::{
    Reader, Unsound, put_fingerprint, put_id, put_number, put_signed,
};
use crate::features::state::frauds::{Fraud, FraudLog};
use crate::features::state::log::NEVER;
use crate::features::state::occurrences::{FirstSeen, Occurrence};
use crate::features::window::{MAX_TIME, MIN_TIME, StreamPlan};

/// For each occurrence where it is: twice the number of events passed since the occurrence before, or where there
/// is no event of its time any more, 1 more than twice its age; then how many occurrences back its value was
/// last, or 0 and the value.
pub(super) fn write_occurrences(
    kept: &[Occurrence],
    times: &[i64],
    clock: &Clock,
    out: &mut Vec<u8>,
) {
    put_number(out, kept.len() as u64);
    let mut at = 0_usize;
    for (number, (entry, back)) in kept.iter().zip(ways_back(kept)).enumerate() {
        let place = times.partition_point(|time| *time < entry.time);
        if times.get(place) == Some(&entry.time) {
            put_number(out, (place.wrapping_sub(at) as u64) << 1);
            at = place;
        } else {
            put_number(out, clock.before(entry.time) << 1 | 1);
        }
        // A previous time that was dropped is found nowhere.
        let earlier = kept.get(number.wrapping_sub(back)).filter(|_| back > 0);
        if earlier.is_some_and(|earlier| earlier.time == entry.previous) {
            put_number(out, back as u64);
        } else {
            put_number(out, 0);
            put_fingerprint(out, entry.value);
        }
    }
}

/// How many occurrences back the value of each stood last; 0 where it did not.
fn ways_back(kept: &[Occurrence]) -> Vec<usize> {
    /// Most that are looked through rather than sorted.
    const FEW: usize = 64;
    if kept.len() <= FEW {
        let way = |(number, entry): (usize, &Occurrence)| {
            let before = kept.get(..number).unwrap_or_default();
            let mut ways = (1..).zip(before.iter().rev());
            ways.find(|(_, last)| last.value == entry.value).map_or(0, |(way, _)| way)
        };
        return kept.iter().enumerate().map(way).collect();
    }
    let mut by_value: Vec<(u64, usize)> =
        kept.iter().enumerate().map(|(number, entry)| (entry.value, number)).collect();
    by_value.sort_unstable();
    let mut ways = vec![0; kept.len()];
    for [(value, earlier), (later_value, later)] in by_value.array_windows() {
        if value == later_value
            && let Some(way) = ways.get_mut(*later)
        {
            *way = later.wrapping_sub(*earlier);
        }
    }
    ways
}

pub(super) fn read_occurrences(
    plan: &StreamPlan,
    times: &[i64],
    clock: &Clock,
    reader: &mut Reader<'_>,
) -> Result<Vec<Occurrence>, Unsound> {
    let n_entries = reader.length(plan.max_events, 2)?;
    let (mut at, mut last) = (0_usize, clock.newest.saturating_sub(plan.horizon));
    let mut entries: Vec<Occurrence> = Vec::with_capacity(n_entries);
    let mut ways = Vec::with_capacity(n_entries);
    for number in 0..n_entries {
        let code = reader.number()?;
        let time = if code & 1 == 0 {
            at = usize::try_from(code >> 1)
                .ok()
                .and_then(|n| at.checked_add(n))
                .unwrap_or(usize::MAX);
            *times.get(at).ok_or("a value after the last event")?
        } else {
            clock.time(clock.newest, (code >> 1).cast_signed().wrapping_neg())?
        };
        let way = usize::try_from(reader.number()?).unwrap_or(usize::MAX);
        let entry = match way {
            0 => Occurrence { time, value: value(reader)?, previous: NEVER },
            back => {
                let earlier = number.checked_sub(back).and_then(|number| entries.get(number));
                let earlier = earlier.ok_or("a value before the first one")?;
                Occurrence { time, value: earlier.value, previous: earlier.time }
            }
        };
        if time < last || entry.previous == time {
            return Err("a value's times are out of order");
        }
        last = time;
        entries.push(entry);
        ways.push(way);
    }
    // Were it another, a value would count twice in one window.
    if ways != ways_back(&entries) {
        return Err("a value stood last elsewhere");
    }
    Ok(entries)
}

fn value(reader: &mut Reader<'_>) -> Result<u64, Unsound> {
    Some(reader.fingerprint()?).filter(|value| *value != 0).ok_or("a value without a hash")
}

/// The number of values, then each with how long before the newest event it occurred first.
pub(super) fn write_first_seen(seen: &FirstSeen, clock: &Clock, out: &mut Vec<u8>) {
    put_number(out, seen.times().len() as u64);
    for (value, time) in seen.times() {
        put_fingerprint(out, *value);
        put_number(out, clock.before(*time));
    }
}

pub(super) fn read_first_seen(
    max_events: usize,
    clock: &Clock,
    reader: &mut Reader<'_>,
) -> Result<FirstSeen, Unsound> {
    let n_values = reader.length(max_events, 7)?;
    let mut times: Vec<(u64, i64)> = Vec::with_capacity(n_values);
    for _ in 0..n_values {
        let value = value(reader)?;
        if times.last().is_some_and(|(last, _)| *last >= value) {
            return Err("values are out of order");
        }
        times.push((value, clock.time_before(reader)?));
    }
    Ok(FirstSeen::from_times(times))
}

/// The number of entries; for each the time since the one before (of the first, since the newest event), how
/// long after it was known in microseconds, how many frauds it stands for, and if it is one its id.
pub(super) fn write_frauds(
    plan: &StreamPlan,
    base: u64,
    frauds: &[Fraud],
    clock: &Clock,
    out: &mut Vec<u8>,
) {
    put_number(out, frauds.len() as u64);
    let (mut last, mut total) = (clock.newest, base);
    for fraud in frauds {
        let n_frauds = fraud.total.wrapping_sub(total);
        put_signed(out, clock.units(fraud.time.wrapping_sub(last)));
        put_signed(out, fraud.known_at.wrapping_sub(fraud.time));
        put_number(out, n_frauds);
        if n_frauds == 1 && plan.has_id {
            put_id(out, fraud.id);
        }
        (last, total) = (fraud.time, fraud.total);
    }
}

pub(super) fn read_frauds(
    plan: &StreamPlan,
    clock: &Clock,
    reader: &mut Reader<'_>,
) -> Result<FraudLog, Unsound> {
    let n_entries = reader.length(plan.max_events, 3)?;
    let (mut last, mut total) = (clock.newest, 0_u64);
    let mut entries: Vec<Fraud> = Vec::with_capacity(n_entries);
    for _ in 0..n_entries {
        let units = reader.signed()?;
        let time = clock.time(last, units)?;
        if units < 0 && !entries.is_empty() {
            return Err("frauds are out of order");
        }
        let known_at = reader.signed()?.checked_add(time);
        let known_at = known_at.filter(|known| (MIN_TIME..=MAX_TIME).contains(known));
        let known_at = known_at.ok_or("a time cannot be meant")?;
        let n_frauds = reader.number()?;
        let id = match n_frauds {
            1 if plan.has_id => reader.id()?,
            1 => 0,
            _ => Fraud::SEVERAL,
        };
        total = total.saturating_add(n_frauds);
        if n_frauds == 0 || total > MAX_COUNT {
            return Err("a number of frauds that cannot be");
        }
        entries.push(Fraud { time, known_at, id, total });
        last = time;
    }
    let of_one = entries.iter().filter(|fraud| fraud.id != Fraud::SEVERAL);
    let mut events: Vec<(i64, u64)> = of_one.map(|fraud| (fraud.time, fraud.id)).collect();
    events.sort_unstable();
    if events.array_windows().any(|[one, other]| one == other) {
        return Err("one event is fraud twice");
    }
    Ok(FraudLog::from_entries(entries))
}
