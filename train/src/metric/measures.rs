//! The set of measures that a run records, prints and hands to the gate.

use serde::{Deserialize, Serialize};

use super::probability::weighted_mean;
use super::{MetricError, Ranking, Scored, brier, log_loss, observed_over_expected};

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
}

impl Measures {
    /// Measures rows given in one order: labels, margins, calibrated probabilities, optional
    /// weights.
    ///
    /// # Errors
    /// As [`Scored::new`] for the margins and [`Scored::of_probabilities`] for the probabilities.
    pub fn of(
        labels: &[bool],
        margins: &[f64],
        probabilities: &[f64],
        weights: Option<&[f64]>,
    ) -> Result<Self, MetricError> {
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
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::sample::{Rows, close};

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
            let found = Measures::of(&labels, &scores, &probabilities, weights).unwrap();
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
                Measures::of(&r.labels, &r.scores, &probabilities, w).unwrap()
            });
        assert_eq!(weighted.roc_auc, copied.roc_auc);
        assert_eq!(weighted.recall_at_fpr_0_01, copied.recall_at_fpr_0_01);
        close(weighted.average_precision.unwrap(), copied.average_precision.unwrap(), 1e-14);
        close(weighted.log_loss, copied.log_loss, 1e-14);
        close(weighted.brier, copied.brier, 1e-14);
    }

    #[test]
    fn json_carries_the_names_of_the_measures() {
        let measures = Measures::of(&[true, true], &[0.1, 0.3], &[0.0, 0.0], None).unwrap();
        let text = serde_json::to_string(&measures).unwrap();
        let keys: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
        assert_eq!(
            keys.join(" "),
            "rows frauds base_rate roc_auc average_precision log_loss brier recall_at_fpr_0.001 \
             recall_at_fpr_0.005 recall_at_fpr_0.01 observed_over_expected"
        );
        assert!(text.contains("\"roc_auc\":null"), "{text}");
        assert_eq!(serde_json::from_str::<Measures>(&text).unwrap(), measures);
    }
}
