//! Labels: when the truth about a transaction became known.

use rand::Rng;
use rand_distr::{Distribution, Exp1};

/// Seconds until the label of a transaction was known, from 1 to seven days.
///
/// A fraud is known once its victim reports it, at the latest when the period of complaint ends. A
/// legitimate transaction is known as such only when that period ended without a report.
pub(super) fn draw_delay_secs<R: Rng>(is_fraud: bool, rng: &mut R) -> u32 {
    if !is_fraud {
        return PERIOD_SECS;
    }
    let exponential: f64 = Exp1.sample(rng);
    // Rounded up: no label is known at the moment of its transaction.
    let delay = (exponential * f64::from(MEAN_REPORT_SECS)).ceil() as u32;
    delay.clamp(1, PERIOD_SECS)
}

/// Mean time until a fraud is reported.
const MEAN_REPORT_SECS: u32 = 2 * 86_400;
/// What nobody reported within this time counts as legitimate.
const PERIOD_SECS: u32 = 7 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::stream::{Purpose, stream};

    #[test]
    fn delays_follow_the_capped_exponential() {
        let mut rng = stream(0, Purpose::Labels, 0);
        let n = 100_000;
        let delays: Vec<u32> = (0..n).map(|_| draw_delay_secs(true, &mut rng)).collect();
        let mean = delays.iter().map(|&delay| f64::from(delay)).sum::<f64>() / f64::from(n);
        // E min(X, c) of an exponential of mean m is m (1 - exp(-c / m)), here with c / m = 3.5;
        // exp(-3.5) = 0.030197.
        let expected = 2.0 * 86_400.0 * (1.0 - 0.030_197);
        assert!((mean - expected).abs() < 0.02 * expected, "mean {mean}, expected {expected}");
        let late = delays.iter().filter(|&&delay| delay == 604_800).count() as f64 / f64::from(n);
        assert!((late - 0.0302).abs() < 0.004, "0.0302 reach the cap, found {late}");
        assert_eq!(draw_delay_secs(false, &mut rng), 604_800);
    }
}
