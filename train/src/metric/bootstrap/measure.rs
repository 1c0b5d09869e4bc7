//! The measures that are resampled, by name.

use serde::{Deserialize, Serialize};

/// A measure with an interval. In JSON, TOML and tables it has the name of [`Measure::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Measure {
    /// Average precision.
    #[serde(rename = "average_precision")]
    AveragePrecision,
    /// Area under the ROC curve.
    #[serde(rename = "roc_auc")]
    RocAuc,
    /// Recall with at most 0.1 % of the legitimate rows alarmed.
    #[serde(rename = "recall_at_fpr_0.001")]
    RecallAtFpr0_001,
    /// Recall with at most 0.5 % of the legitimate rows alarmed.
    #[serde(rename = "recall_at_fpr_0.005")]
    RecallAtFpr0_005,
    /// Recall with at most 1 % of the legitimate rows alarmed.
    #[serde(rename = "recall_at_fpr_0.01")]
    RecallAtFpr0_01,
    /// Card Precision@100.
    #[serde(rename = "card_precision_at_100")]
    CardPrecisionAt100,
    /// Mean log loss.
    #[serde(rename = "log_loss")]
    LogLoss,
    /// Brier score.
    #[serde(rename = "brier")]
    Brier,
    /// Frauds observed over frauds expected.
    #[serde(rename = "observed_over_expected")]
    ObservedOverExpected,
    /// Share of frauds.
    #[serde(rename = "base_rate")]
    BaseRate,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::AveragePrecision,
        Self::RocAuc,
        Self::RecallAtFpr0_001,
        Self::RecallAtFpr0_005,
        Self::RecallAtFpr0_01,
        Self::CardPrecisionAt100,
        Self::LogLoss,
        Self::Brier,
        Self::ObservedOverExpected,
        Self::BaseRate,
    ];
    /// Cards looked at per day by [`Measure::CardPrecisionAt100`].
    pub const CARDS_PER_DAY: u32 = 100;
    pub(super) const FPR_LIMITS: [f64; 3] = [0.001, 0.005, 0.01];

    /// Its key in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::AveragePrecision => "average_precision",
            Self::RocAuc => "roc_auc",
            Self::RecallAtFpr0_001 => "recall_at_fpr_0.001",
            Self::RecallAtFpr0_005 => "recall_at_fpr_0.005",
            Self::RecallAtFpr0_01 => "recall_at_fpr_0.01",
            Self::CardPrecisionAt100 => "card_precision_at_100",
            Self::LogLoss => "log_loss",
            Self::Brier => "brier",
            Self::ObservedOverExpected => "observed_over_expected",
            Self::BaseRate => "base_rate",
        }
    }

    /// 1 where a greater value is better, -1 where a smaller one is, 0 where neither is.
    pub fn direction(self) -> f64 {
        match self {
            Self::LogLoss | Self::Brier => -1.0,
            Self::ObservedOverExpected | Self::BaseRate => 0.0,
            _ => 1.0,
        }
    }

    /// The least and the greatest value it can take.
    pub(super) fn range(self) -> (f64, f64) {
        match self {
            Self::LogLoss | Self::ObservedOverExpected => (0.0, f64::INFINITY),
            _ => (0.0, 1.0),
        }
    }

    /// Position in [`Measure::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Measure;

    #[test]
    fn names_are_those_of_json_and_positions_those_of_all() {
        for (index, measure) in Measure::ALL.into_iter().enumerate() {
            assert_eq!(measure.index(), index);
            assert_eq!(serde_json::to_value(measure).unwrap(), measure.name());
        }
    }
}
