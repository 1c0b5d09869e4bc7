//! The measures as their definitions read, in quadratic time.

use crate::project::Csv;
use serde_json::Value;

/// Rows with what the model said of them.
pub(super) struct Judged {
    labels: Vec<bool>,
    margins: Vec<f64>,
    probabilities: Vec<f64>,
}

impl Judged {
    /// The labelled rows of a window in a scored file.
    pub(super) fn of(scored: &Csv, window: &Value) -> Self {
        let (margins, probabilities) = (scored.numbers("margin"), scored.numbers("probability"));
        let mut judged = Self { labels: vec![], margins: vec![], probabilities: vec![] };
        for row in scored.rows_in(window) {
            judged.labels.push(scored.is_fraud(row));
            judged.margins.push(margins[row]);
            judged.probabilities.push(probabilities[row]);
        }
        judged
    }

    fn n_rows(&self) -> f64 {
        self.labels.len() as f64
    }

    pub(super) fn n_frauds(&self) -> f64 {
        self.labels.iter().filter(|label| **label).count() as f64
    }

    pub(super) fn mean_probability(&self) -> f64 {
        self.probabilities.iter().sum::<f64>() / self.n_rows()
    }

    pub(super) fn fraud_rate(&self) -> f64 {
        self.n_frauds() / self.n_rows()
    }

    fn margins_of(&self, label: bool) -> Vec<f64> {
        let pairs = self.labels.iter().zip(&self.margins);
        pairs.filter(|(is_fraud, _)| **is_fraud == label).map(|(_, margin)| *margin).collect()
    }

    /// Σ over thresholds, from the highest down, of the gain in recall times the precision.
    pub(super) fn average_precision(&self) -> f64 {
        let mut thresholds = self.margins.clone();
        thresholds.sort_by(f64::total_cmp);
        thresholds.dedup_by(|a, b| a.total_cmp(b).is_eq());
        let (frauds, legitimate) = (self.margins_of(true), self.margins_of(false));
        let (mut sum, mut recall_before) = (0.0, 0.0);
        for threshold in thresholds.into_iter().rev() {
            let above =
                |margins: &[f64]| margins.iter().filter(|m| **m >= threshold).count() as f64;
            let (hits, alarms) = (above(&frauds), above(&legitimate));
            let recall = hits / self.n_frauds();
            sum += (recall - recall_before) * hits / (hits + alarms);
            recall_before = recall;
        }
        sum
    }

    /// The share of pairs of a fraud and a legitimate row that are in order; ties count half.
    fn roc_auc(&self) -> f64 {
        let (frauds, legitimate) = (self.margins_of(true), self.margins_of(false));
        let mut in_order = 0.0;
        for fraud in &frauds {
            for other in &legitimate {
                in_order += match fraud.total_cmp(other) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
            }
        }
        in_order / (frauds.len() * legitimate.len()) as f64
    }

    #[expect(clippy::disallowed_methods, reason = "compared within a tolerance")]
    fn log_loss(&self) -> f64 {
        let loss = |(label, p): (&bool, &f64)| -if *label { p.ln() } else { (-p).ln_1p() };
        self.labels.iter().zip(&self.probabilities).map(loss).sum::<f64>() / self.n_rows()
    }

    fn brier(&self) -> f64 {
        let square = |(label, p): (&bool, &f64)| {
            (f64::from(u8::from(*label)) - p) * (f64::from(u8::from(*label)) - p)
        };
        self.labels.iter().zip(&self.probabilities).map(square).sum::<f64>() / self.n_rows()
    }

    /// The greatest share of frauds at or above a threshold at which at most `limit` of the
    /// legitimate rows are.
    fn recall_at_fpr(&self, limit: f64) -> f64 {
        let (frauds, legitimate) = (self.margins_of(true), self.margins_of(false));
        let share = |margins: &[f64], threshold: f64| {
            margins.iter().filter(|margin| **margin >= threshold).count() as f64
                / margins.len() as f64
        };
        let allowed = frauds.iter().filter(|fraud| share(&legitimate, **fraud) <= limit);
        allowed.map(|fraud| share(&frauds, *fraud)).fold(0.0, f64::max)
    }

    /// Asserts that a report has these measures.
    #[track_caller]
    pub(super) fn assert_reported(&self, report: &Value) {
        for (key, expected) in [
            ("rows", self.n_rows()),
            ("frauds", self.n_frauds()),
            ("base_rate", self.fraud_rate()),
            ("average_precision", self.average_precision()),
            ("roc_auc", self.roc_auc()),
            ("log_loss", self.log_loss()),
            ("brier", self.brier()),
            ("observed_over_expected", self.fraud_rate() / self.mean_probability()),
            ("recall_at_fpr_0.001", self.recall_at_fpr(0.001)),
            ("recall_at_fpr_0.005", self.recall_at_fpr(0.005)),
            ("recall_at_fpr_0.01", self.recall_at_fpr(0.01)),
        ] {
            assert_close(number(&report[key]), expected, key);
        }
    }
}

#[track_caller]
pub(super) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("expected a number, found {value}"))
}

#[track_caller]
pub(super) fn assert_close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-9, "{what}: expected {expected}, found {found}");
}
