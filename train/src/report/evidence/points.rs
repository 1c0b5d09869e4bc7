//! Operating points: what an alarm at a threshold catches, costs in work, and lets through.

use serde::{Deserialize, Serialize};

use super::Rows;
use crate::metric::Ranking;

/// Steps from one number of alerts to ten times as many.
const STEPS_A_DECADE: f64 = 24.0;

/// An alarm at every row with at least this margin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The threshold.
    pub margin: f64,
    /// The calibrated probability at the threshold.
    pub probability: f64,
    /// The band that begins here.
    pub band: Option<String>,
    /// Rows that alarm.
    pub alerts: f64,
    /// The same by day, rows whatever the unit of alerts is; none without time.
    pub alerts_per_day: Option<f64>,
    /// Frauds among the alerts.
    pub frauds: f64,
    /// Share of frauds among the alerts.
    pub precision: f64,
    /// Share of the frauds that alarm; none without frauds.
    pub recall: Option<f64>,
    /// Share of the legitimate rows that alarm; none without legitimate rows.
    pub false_positive_rate: Option<f64>,
    /// Money in the frauds that alarm; none without amounts.
    pub fraud_amount: Option<f64>,
    /// Its share of the money in all frauds; none without amounts, or without money in frauds.
    pub amount_recall: Option<f64>,
    /// Money in the legitimate rows that alarm; none without amounts.
    pub legitimate_amount: Option<f64>,
}

/// Points from the highest threshold down to all rows: at one alert, at each of 24 steps to ten times as
/// many, and where a band begins. Rows of one score alarm together, so that the number of alerts may
/// be the next greater one.
pub(super) fn of(rows: &Rows<'_>, ranking: &Ranking) -> Vec<Point> {
    let groups = ranking.groups();
    let total = groups.last().map_or(0.0, |group| group.alarmed());
    let mut positions = Vec::new();
    let mut step = 0.0;
    loop {
        let alerts = libm::pow(10.0, step / STEPS_A_DECADE);
        let position = groups.partition_point(|group| group.alarmed() < alerts.min(total));
        positions.push(position.min(groups.len() - 1));
        if alerts >= total {
            break;
        }
        step += 1.0;
    }
    let bands = rows.scorer.bands();
    let edges = bands.iter().flat_map(|bands| bands.edges.iter().zip(bands.names.iter().skip(1)));
    // The lowest score in a band or above: what alarms there is what alarms at its edge.
    let edges: Vec<(usize, &String)> = edges
        .filter_map(|(edge, name)| {
            let above = groups.partition_point(|group| group.score >= *edge);
            Some((above.checked_sub(1)?, name))
        })
        .collect();
    positions.extend(edges.iter().map(|(position, _)| *position));
    positions.sort_unstable();
    positions.dedup();

    let money = money(rows);
    let n_days = rows.n_days();
    let point = |position: &usize| {
        let group = groups[*position];
        let amounts = money.as_ref().map(|money| money.from(group.score));
        let all = money.as_ref().map(|money| money.from(f64::NEG_INFINITY).0);
        let (frauds, legitimate) = (ranking.fraud_weight(), ranking.legitimate_weight());
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        Point {
            margin: group.score,
            probability: rows.scorer.contents().calibration.probability(group.score),
            band: edges.iter().find(|(edge, _)| edge == position).map(|(_, name)| (*name).clone()),
            alerts: group.alarmed(),
            alerts_per_day: n_days.map(|days| group.alarmed() / days as f64),
            frauds: group.true_positives,
            precision: group.precision(),
            recall: share(group.true_positives, frauds),
            false_positive_rate: share(group.false_positives, legitimate),
            fraud_amount: amounts.map(|(fraud, _)| fraud),
            amount_recall: amounts.zip(all).and_then(|((fraud, _), all)| share(fraud, all)),
            legitimate_amount: amounts.map(|(_, legitimate)| legitimate),
        }
    };
    positions.iter().map(point).collect()
}

/// Rows by margin, with the money in them and all above: in frauds, in legitimate rows.
struct Money {
    margins: Vec<f64>,
    sums: Vec<(f64, f64)>,
}

impl Money {
    /// In rows of at least this margin.
    fn from(&self, margin: f64) -> (f64, f64) {
        let n_rows = self.margins.partition_point(|other| *other >= margin);
        n_rows.checked_sub(1).map_or((0.0, 0.0), |last| self.sums[last])
    }
}

fn money(rows: &Rows<'_>) -> Option<Money> {
    let amounts = rows.amounts.as_ref()?;
    let mut order: Vec<usize> = (0..amounts.len()).collect();
    // Stable: equal margins are added in the order of the rows.
    order.sort_by(|a, b| rows.margins[*b].total_cmp(&rows.margins[*a]));
    let mut sum = (0.0, 0.0);
    let add = |row: &usize| {
        let money = amounts[*row] * rows.weight(*row);
        if rows.labels[*row] {
            sum.0 += money;
        } else {
            sum.1 += money;
        }
        sum
    };
    let sums = order.iter().map(add).collect();
    Some(Money { margins: order.iter().map(|row| rows.margins[*row]).collect(), sums })
}
