//! Test rows of entities that were already known to be compromised, which an honest measure leaves
//! out.
//!
//! A card whose fraud has come to light is blocked: it would not have sent the rows that follow, so
//! catching them again is no merit.

use std::collections::HashMap;
use std::hash::Hash;

use super::scored::same_length;
use super::{MetricError, local_day};

/// When labels count as known. Times are microseconds UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompromiseWindow {
    /// Start of the train window; its day is the first whose frauds count.
    pub train_start: i64,
    /// First moment of the test window.
    pub test_start: i64,
    /// End of the test window, exclusive.
    pub test_end: i64,
    /// Whole days until a label is known.
    pub delay_days: u32,
    /// Local time minus UTC, in microseconds; decides where a day begins.
    pub utc_offset_micros: i64,
}

impl CompromiseWindow {
    fn day(&self, time: i64) -> i64 {
        local_day(time, self.utc_offset_micros)
    }
}

/// Which rows to drop from the test window, one flag per row given; rows outside it are never
/// flagged.
///
/// The rows are all from the start of train to the end of test, the delay between them included, in
/// any order: time, a code for the entity, and the label, `None` where nobody knows it. A row
/// without an entity gets a code of its own. A test row on local day `T` is dropped if its entity
/// had a fraud on any day from the first of train to `T - delay_days - 1`, so a fraud of the test
/// window itself counts too once it is old enough. Cost: linear in the rows.
///
/// # Errors
/// Columns of unequal length.
///
/// # Source
/// Le Borgne et al., Reproducible Machine Learning for Credit Card Fraud Detection,
/// `get_train_test_set`.
pub fn known_compromised<K: Copy + Eq + Hash>(
    times: &[i64],
    entities: &[K],
    labels: &[Option<bool>],
    window: &CompromiseWindow,
) -> Result<Vec<bool>, MetricError> {
    same_length("entities", times.len(), entities.len())?;
    same_length("labels", times.len(), labels.len())?;

    // The earliest fraud decides: if any is old enough, it is.
    let first_day = window.day(window.train_start);
    let mut first_fraud: HashMap<K, i64> = HashMap::new();
    for ((&time, &entity), &label) in times.iter().zip(entities).zip(labels) {
        let day = window.day(time);
        if label == Some(true) && day >= first_day {
            first_fraud.entry(entity).and_modify(|first| *first = day.min(*first)).or_insert(day);
        }
    }
    let drop = times.iter().zip(entities).map(|(&time, entity)| {
        let known_until = window.day(time) - i64::from(window.delay_days) - 1;
        (window.test_start..window.test_end).contains(&time)
            && first_fraud.get(entity).is_some_and(|first| *first <= known_until)
    });
    Ok(drop.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::day::DAY_MICROS;

    const HOUR: i64 = 3_600_000_000;

    /// Train days 0..7, delay days 7..14, test days 14..21, as in the book.
    fn book(utc_offset_micros: i64) -> CompromiseWindow {
        CompromiseWindow {
            train_start: -utc_offset_micros,
            test_start: 14 * DAY_MICROS - utc_offset_micros,
            test_end: 21 * DAY_MICROS - utc_offset_micros,
            delay_days: 7,
            utc_offset_micros,
        }
    }

    #[test]
    fn a_fraud_counts_from_eight_days_after_it() {
        // One fraud on day `fraud` and one row on day `test`, both at noon: is the second dropped?
        let dropped = |fraud: i64, test: i64| {
            let times = [fraud * DAY_MICROS + 12 * HOUR, test * DAY_MICROS + 12 * HOUR];
            let labels = [Some(true), Some(false)];
            let flags = known_compromised(&times, &[5_u32, 5], &labels, &book(0)).unwrap();
            assert!(!flags[0]);
            flags[1]
        };
        assert!(dropped(6, 14)); // the last day of train, the first of test
        assert!(!dropped(7, 14) && dropped(7, 15)); // inside the delay: a day later
        assert!(dropped(0, 20) && !dropped(-1, 20)); // before train nothing counts
        assert!(!dropped(6, 13) && !dropped(6, 21)); // rows outside test stay
        assert!(dropped(12, 20) && !dropped(13, 20));
    }

    #[test]
    fn equals_a_loop_over_all_pairs() {
        let mut state = 1_u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % n
        };
        // Eastern and western offsets, and a delay short enough for frauds inside test to count.
        for (offset, delay_days) in [(0, 7), (5 * HOUR + HOUR / 2, 2), (-8 * HOUR, 0)] {
            let window = CompromiseWindow { delay_days, ..book(offset) };
            let n_rows = 600;
            let times: Vec<i64> = (0..n_rows)
                .map(|_| below(25 * 86_400) as i64 * 1_000_000 - 2 * DAY_MICROS)
                .collect();
            let entities: Vec<u64> = (0..n_rows).map(|_| below(60)).collect();
            let labels: Vec<Option<bool>> = (0..n_rows)
                .map(|_| [Some(true), None, Some(false)][below(12).min(2) as usize])
                .collect();
            let day = |time: i64| ((time + offset) as f64 / DAY_MICROS as f64).floor() as i64;

            let mut expected = vec![false; n_rows];
            for i in (0..n_rows).filter(|&i| (14..21).contains(&day(times[i]))) {
                for j in (0..n_rows).filter(|&j| entities[j] == entities[i]) {
                    let known = (0..day(times[i]) - i64::from(delay_days)).contains(&day(times[j]));
                    expected[i] |= labels[j] == Some(true) && known;
                }
            }
            assert!(expected.contains(&true));
            assert_eq!(known_compromised(&times, &entities, &labels, &window).unwrap(), expected);
        }
    }

    #[test]
    fn unequal_columns_are_refused() {
        let found = known_compromised(&[0, 1], &[1_u32, 2], &[None], &book(0)).unwrap_err();
        assert_eq!(found.to_string(), "expected 2 labels, one per row, found 1");
    }
}
