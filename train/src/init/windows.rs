//! Windows out of a table's own span of time, wide enough to hold frauds in each.

use crate::config::MICROS_PER_DAY;
use crate::split::{DEFAULT_STOP_SHARE, midnight_after};

const MICROS_PER_HOUR: i64 = MICROS_PER_DAY / 24;
const MICROS_PER_SECOND: i64 = 1_000_000;
/// Frauds that each window should have; fewer make coarse measures.
const ENOUGH_FRAUDS: usize = 50;
/// Frauds that the windows need for calibrate, and for stop, to be worth having.
const FEW_FRAUDS: usize = 8;

/// The windows of `[split]`: lengths in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Windows {
    pub(super) label_delay: i64,
    pub(super) train: i64,
    pub(super) calibrate: Option<i64>,
    pub(super) test: i64,
    /// The default `stop`; else none.
    pub(super) stop: bool,
    /// Labelled rows and frauds, in the order train, stop, calibrate, test.
    pub(super) counts: Vec<(&'static str, usize, usize)>,
}

/// Lays windows over labelled events, sorted by time.
///
/// The label delay is a guess: seven days on a table of eight weeks or more, one day from two weeks
/// on, else none. Test takes the last 20 % of the rows, calibrate the 15 % before, in whole days on a
/// table of two weeks or more, else in hours or seconds. Where a window would have fewer than 50
/// frauds, larger shares are tried, and the layout whose poorest window is richest is taken; with
/// hardly any frauds calibrate is left out, then stop. A few events far off in time do not count
/// for the start of train. None if no layout has both classes in each window.
pub(super) fn propose(events: &[(i64, bool)], newest: i64) -> Option<Windows> {
    let start = start(events)?;
    let as_of = midnight_after(newest, 0);
    let span = newest.saturating_sub(start);
    let unit = [MICROS_PER_DAY, MICROS_PER_HOUR].into_iter().find(|unit| span >= 14 * unit);
    let unit = unit.unwrap_or(MICROS_PER_SECOND);
    let delay = match span / MICROS_PER_DAY {
        56.. => 7 * MICROS_PER_DAY,
        14.. => MICROS_PER_DAY,
        _ => 0,
    };
    const SHARES: [(f64, f64); 5] =
        [(0.2, 0.19), (0.25, 0.25), (0.3, 0.3), (0.4, 0.35), (0.5, 0.4)];
    for (calibrated, stop, least) in
        [(true, true, FEW_FRAUDS), (false, true, FEW_FRAUDS), (false, false, 1)]
    {
        for delay in [delay, 0] {
            let layout = |(test, calibrate): (f64, f64)| {
                let calibrate = calibrated.then_some(calibrate);
                lay(events, (start, as_of), unit, delay, test, calibrate, stop)
            };
            let layouts: Vec<Windows> = SHARES.into_iter().filter_map(layout).collect();
            let poorest = |windows: &Windows| {
                windows.counts.iter().map(|(_, _, frauds)| *frauds).min().unwrap_or(0)
            };
            let rich = layouts.iter().find(|windows| poorest(windows) >= ENOUGH_FRAUDS);
            // The first of the richest.
            let best = rich.or_else(|| layouts.iter().rev().max_by_key(|windows| poorest(windows)));
            if let Some(best) = best.filter(|windows| poorest(windows) >= least) {
                return Some(best.clone());
            }
        }
    }
    None
}

/// Where train begins: at the first event, unless a few lie so far before all others that the table
/// would be twice as long.
fn start(events: &[(i64, bool)]) -> Option<i64> {
    let (first, last) = (events.first()?.0, events.last()?.0);
    let nearly_first = events.get(events.len() / 200)?.0;
    let far = last.saturating_sub(first) / 2 > last.saturating_sub(nearly_first);
    Some(if far { nearly_first } else { first })
}

fn lay(
    events: &[(i64, bool)],
    (start, as_of): (i64, i64),
    unit: i64,
    label_delay: i64,
    test_share: f64,
    calibrate_share: Option<f64>,
    stop: bool,
) -> Option<Windows> {
    // The length that reaches back over a share of the events before an end, in whole units.
    let back = |end: i64, share: f64| {
        let (from, to) = (before(events, start), before(events, end));
        let position = to.checked_sub(((to - from) as f64 * share).ceil() as usize)?;
        let length = end.checked_sub(events.get(position)?.0)?;
        Some((length.checked_add(unit - 1)? / unit * unit).max(unit))
    };
    let test_to = as_of.checked_sub(label_delay)?;
    let test = back(test_to, test_share)?;
    let fit_to = test_to.checked_sub(test)?.checked_sub(label_delay)?;
    let calibrate = match calibrate_share {
        Some(share) => Some(back(fit_to, share)?),
        None => None,
    };
    let train_to = fit_to.checked_sub(calibrate.unwrap_or(0))?;
    let train = (train_to.checked_sub(start)?.checked_add(unit - 1)? / unit).checked_mul(unit)?;
    let secs = train / MICROS_PER_SECOND;
    let stop_length = (secs as f64 * DEFAULT_STOP_SHARE) as i64 * MICROS_PER_SECOND;
    let stop_from = if stop { train_to.checked_sub(stop_length)? } else { train_to };
    let mut spans = vec![("train", train_to.checked_sub(train)?, stop_from)];
    if stop {
        spans.push(("stop", stop_from, train_to));
    }
    if calibrate.is_some() {
        spans.push(("calibrate", train_to, fit_to));
    }
    spans.push(("test", test_to - test, test_to));
    let mut counts = Vec::new();
    for (name, from, to) in spans {
        let rows = events.get(before(events, from)..before(events, to))?;
        let frauds = rows.iter().filter(|(_, label)| *label).count();
        if frauds == 0 || frauds == rows.len() {
            return None;
        }
        counts.push((name, rows.len(), frauds));
    }
    Some(Windows { label_delay, train, calibrate, test, stop, counts })
}

/// How many events happened before a time.
fn before(events: &[(i64, bool)], time: i64) -> usize {
    events.partition_point(|(other, _)| *other < time)
}

/// A span as the configuration writes it.
pub(super) fn span_text(micros: i64) -> String {
    for (unit, letter) in
        [(MICROS_PER_DAY, 'd'), (MICROS_PER_HOUR, 'h'), (60 * MICROS_PER_SECOND, 'm')]
    {
        if micros % unit == 0 {
            return format!("{}{letter}", micros / unit);
        }
    }
    format!("{}s", micros / MICROS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many days of 100 events, one hour apart in the daytime, of which every tenth is fraud.
    fn table(days: i64) -> Vec<(i64, bool)> {
        let event =
            |n: i64| (n / 100 * MICROS_PER_DAY + n % 100 * 600 * MICROS_PER_SECOND, n % 10 == 0);
        (0..days * 100).map(event).collect()
    }

    #[test]
    fn windows_follow_the_span_and_the_shares() {
        let events = table(100);
        let windows = propose(&events, events[events.len() - 1].0).unwrap();
        // As of day 100: test is 20 % of the 93 days before 93, 18.6, in whole days 19: 74 to 92.
        // Before 67: 19 % are 12.7 days, 13: 54 to 66. Train: 54 days, of which 45.9 without stop.
        let day = MICROS_PER_DAY;
        assert_eq!((windows.label_delay, windows.train), (7 * day, 54 * day));
        assert_eq!((windows.calibrate, windows.test), (Some(13 * day), 19 * day));
        let total: usize = windows.counts.iter().take(2).map(|(_, rows, _)| rows).sum();
        assert_eq!(total, 5_400);
        assert_eq!(windows.counts[2..], [("calibrate", 1_300, 130), ("test", 1_900, 190)]);
        assert_eq!(span_text(windows.test), "19d");
        assert_eq!((span_text(90_000_000_000), span_text(7_000_000)), ("25h".into(), "7s".into()));
    }

    #[test]
    fn outliers_and_poor_tables() {
        let mut events = table(100);
        let expected = propose(&events, events[events.len() - 1].0).unwrap();
        // Five events of 1900 among ten thousand.
        for n in 0..5 {
            events.insert(0, (-25_000 * MICROS_PER_DAY - n, false));
        }
        let found = propose(&events, events[events.len() - 1].0).unwrap();
        assert!((found.train - expected.train).abs() <= MICROS_PER_DAY, "{found:?}");
        // One class only, and nothing at all.
        let honest: Vec<(i64, bool)> =
            table(30).into_iter().map(|(time, _)| (time, false)).collect();
        assert_eq!(propose(&honest, honest[honest.len() - 1].0), None);
        assert_eq!(propose(&[], 0), None);
        // Twelve frauds: neither calibrate nor, in the end, stop is worth having.
        let few: Vec<(i64, bool)> =
            table(30).into_iter().enumerate().map(|(n, (time, _))| (time, n % 250 == 9)).collect();
        let found = propose(&few, few[few.len() - 1].0).unwrap();
        assert_eq!((found.calibrate, found.stop), (None, false));
    }
}
