//! The gate: does a candidate take the champion's place?
//!
//! Both are judged on the same rows, and the interval of their difference decides. With the margin
//! *m*, below which a loss does not matter, and a difference that is above 0 where the candidate is
//! ahead: *better* if the interval lies above 0, *not worse* if above −*m*, *worse* if it lies below
//! −*m*, else the rows *cannot tell*. The first two promote, the third does not, and of the last
//! `when_uncertain` decides. Limits of the configuration must be kept besides.
//!
//! # Source
//! Schuirmann (1987), *A comparison of the two one-sided tests procedure …*, and the non-inferiority
//! margins of clinical trials (ICH E9, 3.3.2): to show that nothing got lost takes an interval that
//! excludes a loss that would matter, not the absence of proof.

mod limit;
mod slice;

pub use limit::{Refusal, refusals};
pub use slice::{MIN_SLICE_FRAUDS, Slice, slices, slices_of_numbers};

use serde::{Deserialize, Serialize};

use crate::config::{GateConfig, WhenUncertain};
use crate::metric::bootstrap::{Measure, Resampled, normal_quantile};
use crate::registry::Decision;

/// What the rows say of two models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The interval of the difference lies above 0.
    Better,
    /// It lies above −margin.
    NotWorse,
    /// It lies below −margin.
    Worse,
    /// None of these.
    CannotTell,
}

impl Finding {
    /// What an interval says; ends above 0 speak for the candidate.
    pub fn of(low: f64, high: f64, margin: f64) -> Self {
        if low > 0.0 {
            Self::Better
        } else if low > -margin || (low >= 0.0 && high <= 0.0) {
            // Without a margin, a model without any difference is not worse either.
            Self::NotWorse
        } else if high < -margin {
            Self::Worse
        } else {
            Self::CannotTell
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::NotWorse => "not worse",
            Self::Worse => "worse",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// Two models on the same rows, by one measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The measure.
    pub measure: Measure,
    /// That of the candidate.
    pub candidate: f64,
    /// That of the champion.
    pub champion: f64,
    /// By how much the candidate is ahead: above 0 is better, also where a smaller measure is.
    pub difference: f64,
    /// Lower end of the interval of `difference`.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How often such an interval holds the truth.
    pub confidence: f64,
    /// The column whose clusters gave it.
    pub by: String,
    /// How much worse still counts as not worse.
    pub margin: f64,
    /// What it comes to.
    pub finding: Finding,
    /// A true difference that would be found in 80 of 100 cases: below it these rows can hardly tell.
    pub smallest_detectable: f64,
}

/// How often the smallest detectable difference is detected.
const POWER: f64 = 0.8;

impl Comparison {
    /// Compares models of a resample; none where the measure is absent of either, or neither more nor
    /// less of it is better.
    pub fn of(
        resampled: &Resampled,
        (candidate, champion): (usize, usize),
        measure: Measure,
        confidence: f64,
        margin: f64,
    ) -> Option<Self> {
        let direction = measure.direction();
        let found = resampled.difference(candidate, champion, measure, confidence)?;
        let (low, high) = match direction {
            1.0 => (found.low, found.high),
            -1.0 => (-found.high, -found.low),
            _ => return None,
        };
        // As far from 0 as the interval reaches, and as the estimate falls short of the truth in so many cases.
        let smallest_detectable =
            (high - low) / 2.0 + normal_quantile(POWER) * found.standard_error;
        Some(Self {
            measure,
            candidate: resampled.estimate(candidate, measure)?,
            champion: resampled.estimate(champion, measure)?,
            difference: direction * found.difference,
            low,
            high,
            confidence,
            by: found.by,
            margin,
            finding: Finding::of(low, high, margin),
            smallest_detectable,
        })
    }

    /// The comparison in a sentence about `champion`, such as "the champion".
    pub fn sentence(&self, champion: &str) -> String {
        let Self { candidate, champion: value, difference, low, high, .. } = self;
        format!(
            "{}: {} {candidate:.4} against {value:.4} of {champion}, difference {difference:+.4} \
             ({:.0} % interval {low:+.4} to {high:+.4} by {}; margin {}, smallest detectable \
             difference {:.4})",
            self.finding.words(),
            self.measure.name(),
            self.confidence * 100.0,
            self.by,
            self.margin,
            self.smallest_detectable
        )
    }
}

/// What a comparison alone decides.
pub fn decision(config: &GateConfig, finding: Finding) -> Decision {
    match (finding, config.when_uncertain) {
        (Finding::Better | Finding::NotWorse, _) => Decision::Promote,
        (Finding::CannotTell, WhenUncertain::Promote) => Decision::Promote,
        (Finding::Worse | Finding::CannotTell, _) => Decision::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_decides() {
        for (low, high, expected) in [
            (0.001, 0.03, Finding::Better),
            (0.0, 0.03, Finding::NotWorse),
            (-0.0099, 0.03, Finding::NotWorse),
            (-0.0099, -0.005, Finding::NotWorse),
            (-0.01, 0.03, Finding::CannotTell),
            (-0.05, -0.0099, Finding::CannotTell),
            (-0.05, -0.0101, Finding::Worse),
            (0.0, 0.0, Finding::NotWorse),
        ] {
            assert_eq!(Finding::of(low, high, 0.01), expected, "{low} {high}");
        }
        assert_eq!(Finding::of(0.0, 0.0, 0.0), Finding::NotWorse);
        assert_eq!(Finding::of(-0.1, 0.1, 0.0), Finding::CannotTell);
    }

    #[test]
    fn uncertainty_is_decided_by_configuration() {
        let keep = GateConfig::default();
        let promote = GateConfig { when_uncertain: WhenUncertain::Promote, ..keep.clone() };
        let decide = |finding| [decision(&keep, finding), decision(&promote, finding)];
        assert_eq!(decide(Finding::Better), [Decision::Promote; 2]);
        assert_eq!(decide(Finding::NotWorse), [Decision::Promote; 2]);
        assert_eq!(decide(Finding::Worse), [Decision::Keep; 2]);
        assert_eq!(decide(Finding::CannotTell), [Decision::Keep, Decision::Promote]);
    }
}
