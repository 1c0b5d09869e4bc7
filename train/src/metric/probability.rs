//! Measures of probabilities: how far they lie from what happened.
//!
//! They take rows of [`Scored::of_probabilities`]; for other scores their values mean nothing.

use super::Scored;

/// [`log_loss`] moves probabilities into `[LOG_LOSS_CLIP, 1 - LOG_LOSS_CLIP]`, so that one certain
/// mistake costs 34.5 rather than infinity.
pub const LOG_LOSS_CLIP: f64 = 1e-15;

/// Weighted mean of `-ln p` over frauds and `-ln(1 - p)` over legitimate rows, in nats; 0 is
/// perfect.
pub fn log_loss(scored: &Scored<'_>) -> f64 {
    weighted_mean(scored, |label, probability| {
        let p = probability.clamp(LOG_LOSS_CLIP, 1.0 - LOG_LOSS_CLIP);
        if label { -libm::log(p) } else { -libm::log1p(-p) }
    })
}

/// Brier score: weighted mean of the squared distance between probability and label, 0 to 1; 0 is
/// perfect.
pub fn brier(scored: &Scored<'_>) -> f64 {
    weighted_mean(scored, |label, probability| {
        let distance = probability - f64::from(label);
        distance * distance
    })
}

/// Weight of the frauds over the weighted sum of the probabilities: above 1 the model promised too
/// few frauds, below 1 too many. `None` when it promised none at all.
pub fn observed_over_expected(scored: &Scored<'_>) -> Option<f64> {
    let (mut observed, mut expected) = (0.0, 0.0);
    for (label, probability, weight) in scored.rows() {
        observed += weight * f64::from(label);
        expected += weight * probability;
    }
    let ratio = observed / expected;
    ratio.is_finite().then_some(ratio)
}

/// Mean of `value(label, probability)`; the total weight is above 0 by construction of [`Scored`].
pub(super) fn weighted_mean(scored: &Scored<'_>, value: impl Fn(bool, f64) -> f64) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (label, probability, weight) in scored.rows() {
        sum += weight * value(label, probability);
        total += weight;
    }
    sum / total
}

#[cfg(test)]
mod tests {
    use std::f64::consts::LN_2;

    use super::*;
    use crate::metric::sample::close;

    #[test]
    fn worked_by_hand() {
        let (labels, probabilities) = ([true, false, false], [0.5, 0.25, 0.0]);
        let scored = Scored::of_probabilities(&labels, &probabilities, None).unwrap();
        // -ln 0.5 = ln 2, -ln 0.75 = 0.2876820724517809, the last row costs nothing.
        close(log_loss(&scored), (LN_2 + 0.2876820724517809) / 3.0, 1e-14);
        close(brier(&scored), (0.25 + 0.0625) / 3.0, 1e-15);
        close(observed_over_expected(&scored).unwrap(), 1.0 / 0.75, 1e-15);

        let weights = [3.0, 2.0, 5.0];
        let scored = Scored::of_probabilities(&labels, &probabilities, Some(&weights)).unwrap();
        close(log_loss(&scored), (3.0 * LN_2 + 2.0 * 0.2876820724517809) / 10.0, 1e-15);
        close(brier(&scored), (3.0 * 0.25 + 2.0 * 0.0625) / 10.0, 1e-15);
        close(observed_over_expected(&scored).unwrap(), 3.0 / (1.5 + 0.5), 1e-15);
    }

    #[test]
    fn certain_mistakes_stay_finite() {
        let labels = [true, false];
        let scored = Scored::of_probabilities(&labels, &[0.0, 1.0], None).unwrap();
        // -ln 1e-15 = 34.538776394910684; 1 - (1 - 1e-15) rounds to 9 * 2^-53, so the second row
        // costs 53 ln 2 - 2 ln 3 = 34.5395759923409.
        close(log_loss(&scored), (34.538776394910684 + 34.5395759923409) / 2.0, 1e-13);
        close(brier(&scored), 1.0, 1e-15);
        let scored = Scored::of_probabilities(&labels, &[0.0, 0.0], None).unwrap();
        assert_eq!(observed_over_expected(&scored), None);
    }
}
