//! `[gate]`: what a candidate must show to take the champion's place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::metric::bootstrap::Measure;

/// `[gate]`: the candidate is compared with the champion on the same rows of test, by the interval of
/// the difference of one measure. A candidate that is better or not worse is promoted, one that is
/// worse is not; besides, it must keep all limits that are set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// The measure that decides; default `average_precision`.
    pub measure: Measure,
    /// How much worse, absolute, still counts as not worse; default 0.01. Measures of which less is better
    /// have no size of their own and no default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// What becomes of a candidate of which the rows cannot tell whether it is worse; default `keep`.
    pub when_uncertain: WhenUncertain,
    /// Least value of a measure on test; of `log_loss` and `brier` the greatest. Also a first version
    /// must reach it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<Measure, f64>,
    /// Frauds observed over frauds expected must be able to lie between the two: a candidate whose whole
    /// interval lies outside is refused, also a first version. Default no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_over_expected: Option<[f64; 2]>,
    /// The share of test rows above the lowest band may grow or shrink by this factor against the
    /// champion with its own bands; default no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_alert_rate_change: Option<f64>,
    /// Columns by whose values the rows are cut: in none of the slices may the candidate be worse.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<String>,
}

/// What becomes of a candidate when its rows cannot tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenUncertain {
    /// The champion stays.
    #[default]
    Keep,
    /// The candidate, fitted on newer data, takes its place.
    Promote,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            measure: Measure::AveragePrecision,
            margin: None,
            when_uncertain: WhenUncertain::Keep,
            limits: BTreeMap::new(),
            observed_over_expected: None,
            max_alert_rate_change: None,
            slices: Vec::new(),
        }
    }
}

impl GateConfig {
    /// How much worse still counts as not worse.
    pub fn margin(&self) -> f64 {
        self.margin.unwrap_or(0.01)
    }

    /// Whether nothing differs from the defaults.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Proves every limit to be one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let fail = |problem: String| Err(Error::config(format!("[gate] {problem}")));
        if self.measure.direction() == 0.0 {
            let name = self.measure.name();
            return fail(format!(
                "measure: neither more nor less of {name} is better; set another"
            ));
        }
        if self.measure.direction() < 0.0 && self.margin.is_none() {
            let name = self.measure.name();
            return fail(format!(
                "margin: expected how much more of {name} still counts as not worse, such as a twentieth \
                 of the champion's; found none, and 0.01 may be more than all of it"
            ));
        }
        let margin = self.margin();
        if !(margin.is_finite() && margin >= 0.0) {
            return fail(format!("margin: expected a number of at least 0, found {margin}"));
        }
        for (measure, limit) in &self.limits {
            if measure.direction() == 0.0 || !(limit.is_finite() && *limit >= 0.0) {
                let name = measure.name();
                return fail(format!(
                    "limits: expected a measure of which more or less is better, with a limit of at \
                     least 0, found {name} = {limit}"
                ));
            }
        }
        if let Some([low, high]) = self.observed_over_expected
            && !(low >= 0.0 && high.is_finite() && low < high)
        {
            return fail(format!(
                "observed_over_expected: expected a range such as [0.5, 2.0], found [{low}, {high}]"
            ));
        }
        match self.max_alert_rate_change {
            Some(factor) if !(factor.is_finite() && factor > 1.0) => {
                fail(format!("max_alert_rate_change: expected a factor above 1, found {factor}"))
            }
            _ => Ok(()),
        }
    }
}
