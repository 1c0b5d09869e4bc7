//! From log-odds to honest probabilities: Platt's sigmoid and isotonic regression.
//!
//! Both are fitted on the calibrate window, on log-odds that the prior correction has already
//! moved. A weight says how many rows a row stands for; where a formula asks for the number of
//! rows, the sum of the weights is taken, but never less than the number of rows that carry one.
//! Rows of weight 0 play no part.

mod isotonic;
mod platt;

pub use isotonic::fit_isotonic;
pub use platt::fit_platt;

use thiserror::Error;

use crate::metric::{MetricError, Scored};

/// A way to calibrate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// [`fit_platt`]
    Platt,
    /// [`fit_isotonic`]
    Isotonic,
}

/// Frauds from which [`choose`] trusts isotonic regression, which overfits small windows.
///
/// # Source
/// Niculescu-Mizil and Caruana, Predicting Good Probabilities with Supervised Learning (2005):
/// isotonic is as good as Platt or better from about 1,000 points. Frauds are the scarce ones here,
/// so they are what is counted.
pub const ISOTONIC_MIN_FRAUDS: usize = 1_000;

/// The method for `[calibrate] method = "auto"`, by the number of frauds to be fitted on.
pub fn choose(n_frauds: usize) -> Method {
    if n_frauds >= ISOTONIC_MIN_FRAUDS { Method::Isotonic } else { Method::Platt }
}

/// Why a calibrator cannot be fitted.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum CalibrateError {
    /// The rows themselves are at fault.
    #[error(transparent)]
    Rows(#[from] MetricError),
    /// One class has no rows.
    #[error(
        "expected frauds and legitimate rows to calibrate on, found {n_frauds} frauds and \
         {n_legitimate} legitimate rows of weight above 0; widen the calibrate window"
    )]
    OneClass {
        /// Number of frauds.
        n_frauds: usize,
        /// Number of legitimate rows.
        n_legitimate: usize,
    },
    /// Higher scores do not mean more fraud.
    #[error(
        "expected scores that rise with fraud, found a slope of {slope} on the calibrate window: \
         the model does not tell fraud apart there; look at its ROC AUC, or set \
         [calibrate] method = \"none\""
    )]
    NotIncreasing {
        /// The best slope, 0 when all scores are equal.
        slope: f64,
    },
    /// The optimum was not reached, which only extreme values can cause.
    #[error(
        "expected the sigmoid to settle within 100 Newton steps, found a decrement of \
         {decrement}; look for extreme log-odds or weights"
    )]
    NotConverged {
        /// Twice the loss that the last step still promised to save.
        decrement: f64,
    },
}

/// Numbers of rows as the formulas want them.
struct Sizes {
    frauds: f64,
    legitimate: f64,
}

impl Sizes {
    fn of(scored: &Scored<'_>) -> Result<Self, CalibrateError> {
        // [legitimate, fraud]
        let (mut rows, mut weight) = ([0_usize; 2], [0.0_f64; 2]);
        for (label, _, w) in counted(scored) {
            rows[usize::from(label)] += 1;
            weight[usize::from(label)] += w;
        }
        let [n_legitimate, n_frauds] = rows;
        if n_legitimate == 0 || n_frauds == 0 {
            return Err(CalibrateError::OneClass { n_frauds, n_legitimate });
        }
        Ok(Self {
            frauds: weight[1].max(n_frauds as f64),
            legitimate: weight[0].max(n_legitimate as f64),
        })
    }
}

fn counted<'a>(scored: &Scored<'a>) -> impl Iterator<Item = (bool, f64, f64)> + use<'a> {
    scored.rows().filter(|row| row.2 > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::sample::{Rows, close};
    use shroff_serve::model::Isotonic;

    #[test]
    fn the_method_follows_the_number_of_frauds() {
        assert_eq!((choose(999), choose(1_000)), (Method::Platt, Method::Isotonic));
    }

    #[test]
    fn a_useless_model_is_refused_by_platt_and_levelled_by_isotonic() {
        let (x, y) = ([-1.0, 0.0, 1.0, 2.0], [true, true, false, false]);
        let found = fit_platt(&x, &y, None).unwrap_err();
        assert!(matches!(found, CalibrateError::NotIncreasing { slope } if slope < 0.0), "{found}");
        let found = fit_platt(&[0.5; 4], &y, None).unwrap_err();
        assert_eq!(found, CalibrateError::NotIncreasing { slope: 0.0 });
        let level = fit_isotonic(&x, &y, None).unwrap();
        assert_eq!(level, Isotonic { x: vec![-1.0, 2.0], y: vec![0.5, 0.5] });
        let point = fit_isotonic(&[0.5; 4], &y, None).unwrap();
        assert_eq!(point, Isotonic { x: vec![0.5], y: vec![0.5] });

        let one = CalibrateError::OneClass { n_frauds: 0, n_legitimate: 1 };
        assert_eq!(fit_platt(&[1.0, 2.0], &[true, false], Some(&[0.0, 1.0])), Err(one.clone()));
        assert_eq!(fit_isotonic(&[1.0, 2.0], &[true, false], Some(&[0.0, 1.0])), Err(one));
    }

    #[test]
    fn a_weight_repeats_a_row() {
        // No weight is a fraction, so both forms have the same sizes.
        let rows = Rows::seeded(5, 200);
        let copies = rows.repeated();
        let weights = Some(rows.weights.as_slice());
        let isotonic = fit_isotonic(&rows.scores, &rows.labels, weights).unwrap();
        assert_eq!(isotonic, fit_isotonic(&copies.scores, &copies.labels, None).unwrap());
        let platt = fit_platt(&rows.scores, &rows.labels, weights).unwrap();
        let twin = fit_platt(&copies.scores, &copies.labels, None).unwrap();
        close(platt.slope, twin.slope, 1e-12);
        close(platt.intercept, twin.intercept, 1e-12);
    }

    /// Rows of `Rows::seeded(7, 200)`, with its weights, in scikit-learn 1.9.1, where n is the sum
    /// of w: `_sigmoid_calibration(s, y, w)` (which gives -slope, -intercept within its tolerance)
    /// and `IsotonicRegression(out_of_bounds="clip", y_min=1/(n+2), y_max=1-1/(n+2)).fit(s, y,
    /// sample_weight=w)`.
    #[test]
    fn equals_scikit_learn() {
        let rows = Rows::seeded(7, 200);
        let weights = Some(rows.weights.as_slice());
        let platt = fit_platt(&rows.scores, &rows.labels, None).unwrap();
        close(platt.slope, 0.8289968045029672, 1e-5);
        close(platt.intercept, -1.7815173322464046, 1e-5);
        let platt = fit_platt(&rows.scores, &rows.labels, weights).unwrap();
        close(platt.slope, 0.974542468535814, 1e-5);
        close(platt.intercept, -1.9999185770115644, 1e-5);

        let isotonic = fit_isotonic(&rows.scores, &rows.labels, weights).unwrap();
        assert_eq!(isotonic.x, [-2.5, -1.0, -0.75, -0.5, -0.25, 1.5, 1.75, 2.5, 2.75, 3.25]);
        let y = [
            [0.0036900369003690036; 2],
            [0.05263157894736842; 2],
            [0.26; 2],
            [0.40476190476190477; 2],
            [0.996309963099631; 2],
        ];
        for (found, expected) in isotonic.y.iter().zip(y.as_flattened()) {
            close(*found, *expected, 1e-15);
        }
    }
}
