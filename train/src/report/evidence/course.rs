//! Measures over time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shroff_datasets::time::format_time;

use crate::config::MICROS_PER_DAY;
use crate::metric::{Judged, Ranking, Scored};

/// More days than these are shown by weeks.
const MAX_DAYS: i64 = 62;

/// A local day, or seven from the first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Period {
    /// The first day, `2018-07-09`.
    pub from: String,
    /// Days in it: 1 or 7, at the end also fewer.
    pub days: i64,
    /// Rows.
    pub rows: f64,
    /// Frauds.
    pub frauds: f64,
    /// Rows that alarm.
    pub alerts: f64,
    /// Frauds among them.
    pub caught: f64,
    /// Share of frauds among the alerts; none without alerts.
    pub precision: Option<f64>,
    /// Share of the frauds that alarm; none without frauds.
    pub recall: Option<f64>,
    /// Average precision; none without frauds.
    pub average_precision: Option<f64>,
}

/// Periods from the first day on, those without rows left out. Alerts are rows of at least this margin;
/// none where there is no such margin.
pub(super) fn of(judged: &Judged, alert_margin: Option<f64>) -> Vec<Period> {
    let Some(days) = &judged.days else { return Vec::new() };
    let (Some(first), Some(last)) = (days.iter().min(), days.iter().max()) else {
        return Vec::new();
    };
    let length = if last - first < MAX_DAYS { 1 } else { 7 };
    let mut periods: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (row, day) in days.iter().enumerate() {
        periods.entry((day - first) / length).or_default().push(row);
    }
    let period = |(number, members): (i64, Vec<usize>)| {
        let from = first + number * length;
        let mut period = Period {
            from: format_time(from * MICROS_PER_DAY).chars().take(10).collect(),
            days: length.min(last - from + 1),
            ..Period::default()
        };
        for &row in &members {
            let (weight, alarms) =
                (judged.weight(row), alert_margin.is_some_and(|edge| judged.margins[row] >= edge));
            period.rows += weight;
            period.frauds += if judged.labels[row] { weight } else { 0.0 };
            period.alerts += if alarms { weight } else { 0.0 };
            period.caught += if alarms && judged.labels[row] { weight } else { 0.0 };
        }
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        period.precision = share(period.caught, period.alerts);
        period.recall = share(period.caught, period.frauds);
        period.average_precision = ranked(judged, &members).and_then(|r| r.average_precision());
        period
    };
    periods.into_iter().map(period).collect()
}

/// The ranking of some of the rows; none where they have no weight.
pub(super) fn ranked(judged: &Judged, members: &[usize]) -> Option<Ranking> {
    let labels: Vec<bool> = members.iter().map(|row| judged.labels[*row]).collect();
    let margins: Vec<f64> = members.iter().map(|row| judged.margins[*row]).collect();
    let weights: Vec<f64> = members.iter().map(|row| judged.weight(*row)).collect();
    Scored::new(&labels, &margins, Some(&weights)).ok().map(|scored| Ranking::new(&scored))
}
