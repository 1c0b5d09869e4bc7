//! Operating points: what an alarm at a threshold catches, costs in work and money, and lets through.

use serde::{Deserialize, Serialize};
use shroff_serve::Scorer;

use crate::config::Config;
use crate::metric::{Action, Alerts, Judged, Ranking};

/// Steps from one number of rows to ten times as many.
const STEPS_A_DECADE: f64 = 24.0;

/// An alarm at every row with at least this margin. Rows are counted, but where alerts are named: those
/// are of the unit that the configuration counts by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The threshold.
    pub margin: f64,
    /// The calibrated probability at the threshold.
    pub probability: f64,
    /// The band that begins here.
    pub band: Option<String>,
    /// Rows that alarm.
    pub rows: f64,
    /// Alerts they make: the rows, or cases.
    pub alerts: f64,
    /// The same by day; none without time.
    pub alerts_per_day: Option<f64>,
    /// Frauds among the rows.
    pub frauds: f64,
    /// Share of frauds among the rows.
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
    /// Expected cost of all rows when every row that alarms is reviewed and the others are let through; none
    /// without `[cost]`.
    pub cost_if_reviewed: Option<f64>,
    /// The same when every row that alarms is blocked.
    pub cost_if_blocked: Option<f64>,
}

/// Points from the highest threshold down to all rows: at one row, at each of 24 steps to ten times as
/// many, and where a band begins. Rows of one score alarm together, so that their number may be the next
/// greater one. `alerts` are those of the rows, where they are counted by days.
pub(super) fn of(
    config: &Config,
    scorer: &Scorer,
    judged: &Judged,
    ranking: &Ranking,
    alerts: Option<&Alerts>,
) -> Vec<Point> {
    let groups = ranking.groups();
    let total = groups.last().map_or(0.0, |group| group.alarmed());
    let mut positions = Vec::new();
    let mut step = 0.0;
    loop {
        let alarmed = libm::pow(10.0, step / STEPS_A_DECADE);
        let position = groups.partition_point(|group| group.alarmed() < alarmed.min(total));
        positions.push(position.min(groups.len() - 1));
        if alarmed >= total {
            break;
        }
        step += 1.0;
    }
    let bands = scorer.bands();
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

    let money = Money::of(config, judged);
    let point = |position: &usize| {
        let group = groups[*position];
        let above = money.as_ref().map(|money| money.from(group.score));
        let all = money.as_ref().map(|money| money.from(f64::NEG_INFINITY).fraud);
        let (frauds, legitimate) = (ranking.fraud_weight(), ranking.legitimate_weight());
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        let alarmed = alerts.map(|alerts| {
            let above = alerts.ranking().at_or_above(group.score);
            (above.map_or(0.0, |above| above.alarmed()), alerts.n_days() as f64)
        });
        let has_cost = config.cost.is_some();
        Point {
            margin: group.score,
            probability: scorer.contents().calibration.probability(group.score),
            band: edges.iter().find(|(edge, _)| edge == position).map(|(_, name)| (*name).clone()),
            rows: group.alarmed(),
            alerts: alarmed.map_or(group.alarmed(), |(alerts, _)| alerts),
            alerts_per_day: alarmed.map(|(alerts, days)| alerts / days),
            frauds: group.true_positives,
            precision: group.precision(),
            recall: share(group.true_positives, frauds),
            false_positive_rate: share(group.false_positives, legitimate),
            fraud_amount: above.map(|above| above.fraud),
            amount_recall: above.zip(all).and_then(|(above, all)| share(above.fraud, all)),
            legitimate_amount: above.map(|above| above.legitimate),
            cost_if_reviewed: above.filter(|_| has_cost).map(|above| above.cost_if_reviewed),
            cost_if_blocked: above.filter(|_| has_cost).map(|above| above.cost_if_blocked),
        }
    };
    positions.iter().map(point).collect()
}

/// Rows by margin, with the money in them and all above.
struct Money {
    margins: Vec<f64>,
    sums: Vec<Sums>,
    none: Sums,
}

/// Money in the rows that alarm, and the expected cost of all rows.
#[derive(Clone, Copy, Default)]
struct Sums {
    fraud: f64,
    legitimate: f64,
    cost_if_reviewed: f64,
    cost_if_blocked: f64,
}

impl Money {
    /// None without amounts.
    fn of(config: &Config, judged: &Judged) -> Option<Self> {
        judged.amounts.as_ref()?;
        let mut order: Vec<usize> = (0..judged.n_rows()).collect();
        // Stable: equal margins are added in the order of the rows.
        order.sort_by(|a, b| judged.margins[*b].total_cmp(&judged.margins[*a]));
        let cost = |action: Action, row: usize| {
            let policy = config.cost.as_ref();
            let (is_fraud, amount) = (judged.labels[row], judged.amount(row));
            judged.weight(row) * policy.map_or(0.0, |policy| policy.of(action, is_fraud, amount))
        };
        let allowed = (0..judged.n_rows()).map(|row| cost(Action::Allow, row)).sum();
        let none = Sums { cost_if_reviewed: allowed, cost_if_blocked: allowed, ..Sums::default() };
        let mut sums = none;
        let add = |row: &usize| {
            let money = judged.amount(*row) * judged.weight(*row);
            let of_class = if judged.labels[*row] { &mut sums.fraud } else { &mut sums.legitimate };
            *of_class += money;
            let allowed = cost(Action::Allow, *row);
            sums.cost_if_reviewed += cost(Action::Review, *row) - allowed;
            sums.cost_if_blocked += cost(Action::Block, *row) - allowed;
            sums
        };
        let sums = order.iter().map(add).collect();
        let margins = order.iter().map(|row| judged.margins[*row]).collect();
        Some(Self { margins, sums, none })
    }

    /// Of an alarm at this margin.
    fn from(&self, margin: f64) -> Sums {
        let n_rows = self.margins.partition_point(|other| *other >= margin);
        n_rows.checked_sub(1).map_or(self.none, |last| self.sums[last])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::sample::close;
    use crate::metric::{Payment, expected_cost};
    use crate::package::payments;

    /// Beside the sums over all payments that `expected_cost` takes.
    #[test]
    fn what_an_alarm_costs_is_the_sum_over_payments() {
        let text = "[model]\nname = \"m\"\n[[source]]\nname = \"s\"\npath = \"s.csv\"\n[columns]\n\
            time = \"t\"\nlabel = \"y\"\namount = \"a\"\n[split]\ntrain = \"7d\"\ncalibrate = \"7d\"\n\
            test = \"7d\"\n[[feature]]\ncolumn = \"x\"\n[[learner]]\nkind = \"logistic\"\n[cost]\n\
            loss_rate = 0.9\nreview_cost = 3.0\nreview_catch_rate = 0.8\n\
            false_decline_cost = { fixed = 5.0, share = 0.1 }\n";
        let config = Config::parse(text).unwrap();
        let judged = Judged {
            labels: (0..60).map(|row| row % 7 == 3).collect(),
            margins: (0..60).map(|row| f64::from(row * 37 % 23)).collect(),
            probabilities: vec![0.1; 60],
            weights: Some((0..60).map(|row| 1.0 + f64::from(row % 3)).collect()),
            days: None,
            entities: None,
            amounts: Some((0..60).map(|row| f64::from(row * 13 % 50)).collect()),
        };
        let money = Money::of(&config, &judged).unwrap();
        let payments: Vec<Payment> = payments(&judged);
        let policy = config.cost.unwrap();
        for edge in [-1.0, 3.0, 3.5, 22.0, 99.0] {
            let cost = |action| {
                expected_cost(&policy, &payments, |row| {
                    if judged.margins[row] >= edge { action } else { Action::Allow }
                })
            };
            let found = money.from(edge);
            close(found.cost_if_reviewed, cost(Action::Review), 1e-9);
            close(found.cost_if_blocked, cost(Action::Block), 1e-9);
            close(found.fraud, judged.fraud_amount_from(edge), 1e-9);
        }
    }
}
