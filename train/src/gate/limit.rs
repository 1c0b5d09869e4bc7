//! Limits that a candidate must keep, whatever the comparison says.

use serde::Serialize;

use super::Comparison;
use crate::config::GateConfig;
use crate::metric::bootstrap::{Measure, Resampled};

/// A limit that is not kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refusal {
    /// The key of `[gate]`.
    pub limit: &'static str,
    /// What was expected and found.
    pub reason: String,
}

/// The limits that model 0 of a resample does not keep. `alert_rates`, where there is a champion, are those
/// of the candidate and of the champion, each by its own bands, if both have bands; `slices` are the comparisons in each
/// slice.
pub fn refusals(
    config: &GateConfig,
    confidence: f64,
    resampled: &Resampled,
    alert_rates: Option<Option<(f64, f64)>>,
    slices: &[(String, Comparison)],
) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut refuse = |limit, reason| refusals.push(Refusal { limit, reason });
    for (&measure, &limit) in &config.limits {
        let name = measure.name();
        let (word, value) = match measure.direction() {
            1.0 => ("at least", resampled.estimate(0, measure)),
            _ => ("at most", resampled.estimate(0, measure)),
        };
        match value {
            None => refuse("limits", format!("{name}: expected {word} {limit}, found none")),
            Some(value) if (value - limit) * measure.direction() < 0.0 => {
                refuse("limits", format!("{name}: expected {word} {limit}, found {value:.4}"));
            }
            Some(_) => {}
        }
    }
    if let Some([least, greatest]) = config.observed_over_expected {
        let measure = Measure::ObservedOverExpected;
        let expected = format!("frauds observed over expected: from {least} to {greatest}");
        match resampled.interval(0, measure, confidence) {
            None => refuse("observed_over_expected", format!("{expected} expected, found none")),
            Some(found) if found.high < least || found.low > greatest => {
                let value = resampled.estimate(0, measure).unwrap_or(f64::NAN);
                let (low, high) = (found.low, found.high);
                let reason =
                    format!("{expected} expected, found {value:.3} ({low:.3} to {high:.3})");
                refuse("observed_over_expected", reason);
            }
            Some(_) => {}
        }
    }
    if let (Some(factor), Some(None)) = (config.max_alert_rate_change, alert_rates) {
        let reason = format!(
            "expected alert rates within a factor of {factor}, found a model without bands to alert by"
        );
        refuse("max_alert_rate_change", reason);
    }
    if let (Some(factor), Some(Some((ours, theirs)))) = (config.max_alert_rate_change, alert_rates)
    {
        let change = (ours / theirs).max(theirs / ours);
        // Of two rates of 0 it is no number, and no change.
        if change > factor {
            let (ours, theirs) = (ours * 100.0, theirs * 100.0);
            refuse(
                "max_alert_rate_change",
                format!(
                    "expected alert rates within a factor of {factor}, found {ours:.3} % of the rows, \
                     the champion's {theirs:.3} %"
                ),
            );
        }
    }
    for (slice, comparison) in slices {
        if comparison.finding == super::Finding::Worse {
            refuse("slices", format!("{slice}: {}", comparison.sentence("the champion")));
        }
    }
    refusals
}
