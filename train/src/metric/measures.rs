//! The set of measures that a run records, prints and hands to the gate.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::probability::weighted_mean;
use super::{AlertUnit, Alerts, CardDays, Judged, MetricError, Ranking, ScoreGroup, Scored};
use super::{brier, calibration_error, log_loss, observed_over_expected};

/// The measures of one model on one window. The names in JSON are those of the measures; an absent
/// value is null.
///
/// Ranking measures are taken on the margin, since a calibrator may tie what the model told apart;
/// the others on the probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Number of rows, unweighted.
    #[serde(rename = "rows")]
    pub n_rows: usize,
    /// Number of frauds, unweighted.
    #[serde(rename = "frauds")]
    pub n_frauds: usize,
    /// Weighted share of frauds, 0 to 1.
    pub base_rate: f64,
    /// Area under the ROC curve, 0 to 1; absent when a class is.
    pub roc_auc: Option<f64>,
    /// Average precision, 0 to 1; absent without frauds.
    pub average_precision: Option<f64>,
    /// Mean log loss in nats.
    pub log_loss: f64,
    /// Brier score, 0 to 1.
    pub brier: f64,
    /// Greatest recall with at most 0.1 % of the legitimate rows alarmed; absent when a class is.
    #[serde(rename = "recall_at_fpr_0.001")]
    pub recall_at_fpr_0_001: Option<f64>,
    /// Greatest recall with at most 0.5 % of the legitimate rows alarmed; absent when a class is.
    #[serde(rename = "recall_at_fpr_0.005")]
    pub recall_at_fpr_0_005: Option<f64>,
    /// Greatest recall with at most 1 % of the legitimate rows alarmed; absent when a class is.
    #[serde(rename = "recall_at_fpr_0.01")]
    pub recall_at_fpr_0_01: Option<f64>,
    /// Frauds observed over frauds expected; absent when none were expected.
    pub observed_over_expected: Option<f64>,
    /// The measures at budgets, of money and in parts of the range, by their names; null where one is
    /// absent on these rows. `METRICS.md` defines them.
    #[serde(flatten)]
    pub further: Map<String, Value>,
}

/// False-positive rates that measures are taken at.
pub const FPR_LIMITS: [f64; 3] = [0.001, 0.005, 0.01];
/// The rate up to which the partial area under the ROC curve reaches.
pub const PARTIAL_AUC_FPR: f64 = 0.01;

/// How many alerts a team can look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budgets {
    /// What counts as one.
    pub unit: AlertUnit,
    /// Budgets that measures are taken at.
    pub alerts_per_day: Vec<u32>,
}

impl Measures {
    /// Measures judged rows.
    ///
    /// # Errors
    /// As [`Scored::new`] for the margins and [`Scored::of_probabilities`] for the probabilities.
    pub fn of(judged: &Judged, budgets: &Budgets) -> Result<Self, MetricError> {
        let Judged { labels, margins, probabilities, .. } = judged;
        let weights = judged.weights.as_deref();
        let ranking = Ranking::new(&Scored::new(labels, margins, weights)?);
        let scored = Scored::of_probabilities(labels, probabilities, weights)?;
        Ok(Self {
            n_rows: scored.n_rows(),
            n_frauds: scored.n_frauds(),
            base_rate: weighted_mean(&scored, |label, _| f64::from(label)),
            roc_auc: ranking.roc_auc(),
            average_precision: ranking.average_precision(),
            log_loss: log_loss(&scored),
            brier: brier(&scored),
            recall_at_fpr_0_001: ranking.recall_at_fpr(0.001),
            recall_at_fpr_0_005: ranking.recall_at_fpr(0.005),
            recall_at_fpr_0_01: ranking.recall_at_fpr(0.01),
            observed_over_expected: observed_over_expected(&scored),
            further: further(judged, budgets, &ranking, &scored)?,
        })
    }

    /// A measure by its name in JSON; none where it is absent or null.
    pub fn named(&self, name: &str) -> Option<f64> {
        serde_json::to_value(self).ok()?.get(name)?.as_f64()
    }
}

/// The measures whose names hold a number or that need more than labels and scores.
fn further(
    judged: &Judged,
    budgets: &Budgets,
    ranking: &Ranking,
    probabilities: &Scored<'_>,
) -> Result<Map<String, Value>, MetricError> {
    let mut found = Map::new();
    let mut put = |name: String, value: Option<f64>| found.insert(name, json!(value));
    put("calibration_error".to_owned(), Some(calibration_error(probabilities)));
    let partial = ranking.partial_roc_auc(PARTIAL_AUC_FPR);
    put(format!("partial_roc_auc_at_fpr_{PARTIAL_AUC_FPR}"), partial);
    let has_amounts = judged.amounts.is_some();
    // Where nothing may alarm, nothing is caught.
    let margin = |group: Option<&ScoreGroup>| group.map_or(f64::INFINITY, |group| group.score);
    for limit in FPR_LIMITS {
        put(format!("precision_at_fpr_{limit}"), ranking.precision_at_fpr(limit));
        if has_amounts {
            let from = margin(ranking.lowest_at_fpr(limit));
            // Absent where the recall is: without a legitimate row there is no such rate.
            let recall = ranking.recall_at_fpr(limit).and(judged.amount_recall_from(from));
            put(format!("amount_recall_at_fpr_{limit}"), recall);
        }
    }
    if let Some(alerts) = Alerts::of(judged, budgets.unit)? {
        for budget in &budgets.alerts_per_day {
            let per_day = f64::from(*budget);
            put(format!("recall_at_alerts_{budget}"), alerts.recall_at_budget(per_day));
            put(format!("precision_at_alerts_{budget}"), alerts.precision_at_budget(per_day));
            if has_amounts {
                let from = margin(alerts.lowest_at_budget(per_day));
                let recall = judged.amount_recall_from(from);
                put(format!("amount_recall_at_alerts_{budget}"), recall);
                let value = judged.fraud_amount_from(from);
                put(format!("value_captured_at_alerts_{budget}"), Some(value));
            }
        }
    }
    if let (Some(days), Some(entities)) = (&judged.days, &judged.entities) {
        let cards = CardDays::new(days, entities, &judged.labels, &judged.margins)?;
        for budget in &budgets.alerts_per_day {
            put(format!("card_precision_at_{budget}"), cards.precision_at(*budget));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::sample::{Rows, close};

    fn measures(
        labels: &[bool],
        margins: &[f64],
        probabilities: &[f64],
        weights: Option<&[f64]>,
    ) -> Measures {
        let (labels, margins) = (labels.to_vec(), margins.to_vec());
        let (probabilities, weights) = (probabilities.to_vec(), weights.map(<[f64]>::to_vec));
        let judged = Judged { labels, margins, probabilities, weights, ..Judged::default() };
        let budgets = Budgets { unit: AlertUnit::Rows, alerts_per_day: vec![1] };
        Measures::of(&judged, &budgets).unwrap()
    }

    /// Rows of `Rows::seeded(7, 200)` with probability `1 / (1 + exp(-score))`, in scikit-learn
    /// 1.9.1: `roc_auc_score`, `average_precision_score`, `log_loss`, `brier_score_loss` with
    /// `sample_weight=w`, and `t[f <= limit].max()` of `f, t, _ = roc_curve(y, s, sample_weight=w,
    /// drop_intermediate=False)`.
    #[test]
    fn equals_scikit_learn() {
        let Rows { labels, scores, weights } = Rows::seeded(7, 200);
        let probabilities: Vec<f64> = scores.iter().map(|s| 1.0 / (1.0 + libm::exp(-s))).collect();
        let references = [
            (
                None,
                [0.235, 0.8083715755805869, 0.6198207148811504, 0.7155367130602325],
                [0.2506735729643782, 0.2553191489361702, 0.3191489361702128, 0.43967568961245457],
            ),
            (
                Some(weights.as_slice()),
                [0.22676579925650558, 0.8335435056746532, 0.6368494161165694, 0.6938298703975199],
                [0.24243657844006322, 0.2786885245901639, 0.3770491803278688, 0.4276901829474257],
            ),
        ];
        for (weights, [base_rate, auc, ap, loss], [brier, recall, recall_at_5, ratio]) in references
        {
            let found = measures(&labels, &scores, &probabilities, weights);
            assert_eq!((found.n_rows, found.n_frauds), (200, 47));
            close(found.base_rate, base_rate, 1e-14);
            close(found.roc_auc.unwrap(), auc, 1e-14);
            close(found.average_precision.unwrap(), ap, 1e-14);
            close(found.log_loss, loss, 1e-14);
            close(found.brier, brier, 1e-14);
            close(found.recall_at_fpr_0_001.unwrap(), recall, 1e-14);
            close(found.recall_at_fpr_0_005.unwrap(), recall, 1e-14);
            close(found.recall_at_fpr_0_01.unwrap(), recall, 1e-14);
            close(found.observed_over_expected.unwrap(), ratio, 1e-14);
            let ranking = Ranking::new(&Scored::new(&labels, &scores, weights).unwrap());
            close(ranking.recall_at_fpr(0.05).unwrap(), recall_at_5, 1e-14);
        }
    }

    #[test]
    fn a_weight_repeats_a_row() {
        let rows = Rows::seeded(3, 150);
        let copies = rows.repeated();
        let [weighted, copied] =
            [(&rows, Some(rows.weights.as_slice())), (&copies, None)].map(|(r, w)| {
                let probabilities: Vec<f64> = r.scores.iter().map(|s| (s + 3.0) / 7.0).collect();
                measures(&r.labels, &r.scores, &probabilities, w)
            });
        assert_eq!(weighted.roc_auc, copied.roc_auc);
        assert_eq!(weighted.recall_at_fpr_0_01, copied.recall_at_fpr_0_01);
        close(weighted.average_precision.unwrap(), copied.average_precision.unwrap(), 1e-14);
        close(weighted.log_loss, copied.log_loss, 1e-14);
        close(weighted.brier, copied.brier, 1e-14);
    }

    #[test]
    fn json_carries_the_names_of_the_measures() {
        let measures = measures(&[true, true], &[0.1, 0.3], &[0.0, 0.0], None);
        let text = serde_json::to_string(&measures).unwrap();
        let keys: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
        assert_eq!(
            keys.join(" "),
            "rows frauds base_rate roc_auc average_precision log_loss brier recall_at_fpr_0.001 \
             recall_at_fpr_0.005 recall_at_fpr_0.01 observed_over_expected calibration_error \
             partial_roc_auc_at_fpr_0.01 precision_at_fpr_0.001 precision_at_fpr_0.005 \
             precision_at_fpr_0.01"
        );
        assert!(text.contains("\"roc_auc\":null"), "{text}");
        assert_eq!(serde_json::from_str::<Measures>(&text).unwrap(), measures);
    }
    #[test]
    fn days_entities_and_amounts_add_theirs() {
        // Card 1: a fraud of 30 at 0.9 on day 0, a fraud of 10 at 0.4 on day 1. Card 2: good at 0.6 on
        // both days.
        let judged = Judged {
            labels: vec![true, false, true, false],
            margins: vec![0.9, 0.6, 0.4, 0.6],
            probabilities: vec![0.9, 0.6, 0.4, 0.6],
            weights: None,
            days: Some(vec![0, 0, 1, 1]),
            entities: Some(vec![1, 2, 1, 2]),
            amounts: Some(vec![30.0, 7.0, 10.0, 7.0]),
        };
        for unit in [AlertUnit::Cases, AlertUnit::Rows] {
            let budgets = Budgets { unit, alerts_per_day: vec![1, 2] };
            let found = Measures::of(&judged, &budgets).unwrap();
            for (name, expected) in [
                // Two alerts in two days: 0.9 alone, since both at 0.6 are too many.
                ("recall_at_alerts_1", 0.5),
                ("precision_at_alerts_1", 1.0),
                ("amount_recall_at_alerts_1", 0.75),
                ("value_captured_at_alerts_1", 30.0),
                ("recall_at_alerts_2", 1.0),
                ("precision_at_alerts_2", 0.5),
                ("value_captured_at_alerts_2", 40.0),
                // Card 1 is found on day 0, and card 2 is not on day 1.
                ("card_precision_at_1", 0.5),
                ("card_precision_at_2", 0.25),
                ("amount_recall_at_fpr_0.01", 0.75),
                ("precision_at_fpr_0.01", 1.0),
                ("roc_auc", 0.5),
            ] {
                close(found.named(name).unwrap_or_else(|| panic!("{name}")), expected, 1e-15);
            }
        }
        let budgets = Budgets { unit: AlertUnit::Cases, alerts_per_day: vec![1] };
        let found = Measures::of(&Judged { entities: None, ..judged }, &budgets).unwrap();
        assert_eq!(found.named("recall_at_alerts_1"), None);
        assert_eq!(found.named("card_precision_at_1"), None);
    }
}
