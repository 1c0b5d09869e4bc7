//! Alerts as a team counts them, and what a budget of them catches.

use std::collections::HashMap;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use super::scored::{MetricError, Scored, same_length};
use super::{Judged, Ranking, ScoreGroup};

/// What counts as one alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertUnit {
    /// One entity on one day.
    Cases,
    /// Every row.
    Rows,
}

/// What may be alerted over some days, ranked: rows, or cases.
///
/// A *case* is one entity on one local day: its score is the best of its rows, it is a fraud when one of
/// its rows is, and it weighs what its best row weighs, the heaviest of equals. A team that is called by
/// cases looks at a card once a day, however often it alarms.
///
/// A budget is a mean over the days: a threshold stays the same from day to day, so some days bring
/// more alerts than others. With weights, alerts and days are those of the population that the rows
/// stand for.
#[derive(Debug, Clone, PartialEq)]
pub struct Alerts {
    ranking: Ranking,
    n_days: usize,
}

impl Alerts {
    /// The alerts of judged rows, by their margin; none without a time, nor of cases without an entity.
    ///
    /// # Errors
    /// As [`Scored::new`].
    pub fn of(judged: &Judged, unit: AlertUnit) -> Result<Option<Self>, MetricError> {
        let Some(days) = &judged.days else { return Ok(None) };
        let weights = judged.weights.as_deref();
        let scored = Scored::new(&judged.labels, &judged.margins, weights)?;
        match (unit, &judged.entities) {
            (AlertUnit::Rows, _) => Self::of_rows(&scored, days).map(Some),
            (AlertUnit::Cases, Some(entities)) => Self::of_cases(&scored, days, entities).map(Some),
            (AlertUnit::Cases, None) => Ok(None),
        }
    }

    /// Every row is an alert of its own. `days` holds each row's local day; the days of the window are
    /// those that hold a row.
    ///
    /// # Errors
    /// Columns of unequal length.
    pub fn of_rows(scored: &Scored<'_>, days: &[i64]) -> Result<Self, MetricError> {
        same_length("days", scored.n_rows(), days.len())?;
        Ok(Self { ranking: Ranking::new(scored), n_days: n_distinct(days) })
    }

    /// Every entity is at most one alert a day. `entities` holds a code for each row's entity; a row
    /// without one gets a code of its own.
    ///
    /// # Errors
    /// Columns of unequal length.
    pub fn of_cases<K: Copy + Eq + Hash>(
        scored: &Scored<'_>,
        days: &[i64],
        entities: &[K],
    ) -> Result<Self, MetricError> {
        same_length("days", scored.n_rows(), days.len())?;
        same_length("entities", scored.n_rows(), entities.len())?;
        let mut cases: HashMap<(i64, K), usize> = HashMap::new();
        let (mut labels, mut scores, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        let keys = days.iter().copied().zip(entities.iter().copied());
        for ((label, score, weight), key) in scored.rows().zip(keys) {
            if weight <= 0.0 {
                continue;
            }
            let case = *cases.entry(key).or_insert(labels.len());
            if case == labels.len() {
                labels.push(label);
                scores.push(score);
                weights.push(weight);
                continue;
            }
            labels[case] |= label;
            if (score, weight) > (scores[case], weights[case]) {
                (scores[case], weights[case]) = (score, weight);
            }
        }
        let cases = Scored::new(&labels, &scores, Some(&weights))?;
        Ok(Self { ranking: Ranking::new(&cases), n_days: n_distinct(days) })
    }

    /// The rows or cases by score.
    pub fn ranking(&self) -> &Ranking {
        &self.ranking
    }

    /// Number of days that hold a row, at least 1.
    pub fn n_days(&self) -> usize {
        self.n_days
    }

    /// The lowest score down to which the days bring at most `per_day` alerts on average; `None` when
    /// the highest score alone brings more.
    pub fn lowest_at_budget(&self, per_day: f64) -> Option<&ScoreGroup> {
        self.ranking.lowest_with_alarms(per_day * self.n_days as f64)
    }

    /// Share of the frauds that a budget of `per_day` alerts catches, 0 to 1: 0 when even the highest
    /// score brings more. `None` without frauds.
    pub fn recall_at_budget(&self, per_day: f64) -> Option<f64> {
        let frauds = self.ranking.fraud_weight();
        let caught = self.lowest_at_budget(per_day).map_or(0.0, |group| group.true_positives);
        (frauds > 0.0).then(|| caught / frauds)
    }

    /// Share of frauds among the alerts of a budget, 0 to 1; `None` when it allows none.
    pub fn precision_at_budget(&self, per_day: f64) -> Option<f64> {
        self.lowest_at_budget(per_day).map(ScoreGroup::precision)
    }

    /// Mean number of alerts a day at a threshold.
    pub fn per_day_at(&self, threshold: f64) -> f64 {
        self.ranking.at_or_above(threshold).map_or(0.0, ScoreGroup::alarmed) / self.n_days as f64
    }
}

fn n_distinct(days: &[i64]) -> usize {
    let mut days = days.to_vec();
    days.sort_unstable();
    days.dedup();
    days.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::sample::close;

    #[test]
    fn worked_by_hand() {
        // Two days. Card 1: day 0 scores 5 and, a fraud, 3; day 1 scores 4. Card 2: day 0 scores 4,
        // day 1, a fraud, 2.
        let labels = [false, true, false, false, true];
        let scores = [5.0, 3.0, 4.0, 4.0, 2.0];
        let (days, cards) = ([0, 0, 1, 0, 1], [1, 1, 1, 2, 2]);
        let scored = Scored::new(&labels, &scores, None).unwrap();
        // Cases: 5 fraud | 4, 4 | 2 fraud.
        let cases = Alerts::of_cases(&scored, &days, &cards).unwrap();
        assert_eq!((cases.n_days(), cases.ranking().groups().len()), (2, 3));
        close(cases.recall_at_budget(0.5).unwrap(), 0.5, 1e-15);
        close(cases.precision_at_budget(0.5).unwrap(), 1.0, 1e-15);
        close(cases.precision_at_budget(1.5).unwrap(), 1.0 / 3.0, 1e-15);
        close(cases.recall_at_budget(2.0).unwrap(), 1.0, 1e-15);
        assert_eq!(cases.recall_at_budget(0.4), Some(0.0));
        assert_eq!(cases.precision_at_budget(0.4), None);
        // Rows: 5 | 4, 4 | 3 fraud | 2 fraud.
        let rows = Alerts::of_rows(&scored, &days).unwrap();
        close(rows.recall_at_budget(2.0).unwrap(), 0.5, 1e-15);
        close(rows.precision_at_budget(2.0).unwrap(), 0.25, 1e-15);
        close(rows.per_day_at(4.0), 1.5, 1e-15);
        close(cases.per_day_at(1.0), 2.0, 1e-15);
        close(rows.per_day_at(6.0), 0.0, 1e-15);

        // The best row of card 1 on day 0 stands for three.
        let weights = [3.0, 1.0, 1.0, 1.0, 1.0];
        let scored = Scored::new(&labels, &scores, Some(&weights)).unwrap();
        let cases = Alerts::of_cases(&scored, &days, &cards).unwrap();
        close(cases.precision_at_budget(2.5).unwrap(), 3.0 / 5.0, 1e-15);
        close(cases.recall_at_budget(2.5).unwrap(), 3.0 / 4.0, 1e-15);
    }

    #[test]
    fn no_frauds_no_recall() {
        let scored = Scored::new(&[false, false], &[1.0, 2.0], None).unwrap();
        let rows = Alerts::of_rows(&scored, &[0, 0]).unwrap();
        assert_eq!((rows.recall_at_budget(1.0), rows.precision_at_budget(1.0)), (None, Some(0.0)));
        let found = Alerts::of_cases(&scored, &[0, 0], &[1]).unwrap_err();
        assert_eq!(found.to_string(), "expected 2 entities, one per row, found 1");
    }
}
