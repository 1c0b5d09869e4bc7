//! From the margin to a probability: first the sampling is undone, then a calibrator fitted on rows
//! that were never sampled.

use super::{Aggregation, MAX_CATEGORIES, Model, ModelError, check_count, check_magnitude};

/// Prior correction, then calibration. Both are non-decreasing, so ranking by margin and ranking
/// by probability agree wherever the probability does not tie.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Undoes the sampling and the class weight of the fit.
    pub prior: PriorCorrection,
    /// Maps the corrected log-odds to a probability.
    pub calibrator: Calibrator,
}

/// Undoes what the fit did to the base rate.
///
/// # Source
/// Elkan (2001), *The foundations of cost-sensitive learning*, theorem 2: keeping a share β of the
/// legitimate rows multiplies the odds of fraud by 1/β; a weight w on the frauds multiplies them by w.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum PriorCorrection {
    /// The margin is a log-odds; `shift = ln β − ln w` is added.
    LogOdds {
        /// What is added to the margin.
        shift: f64,
    },
    /// The margin is a probability p, clipped to `[1/(n+2), 1 − 1/(n+2)]`; it becomes
    /// `βp / (βp + w(1 − p))`.
    Averaged {
        /// β: the share of legitimate rows that was kept, above 0 and at most 1.
        kept_share: f64,
        /// w: the weight of a fraud against a legitimate row, above 0.
        fraud_weight: f64,
        /// n: the number of rows fitted, which bounds how sure a leaf may be.
        n_rows: u64,
    },
}

/// A non-decreasing map from log-odds to probability.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Calibrator {
    /// The logistic function alone.
    None,
    /// A logistic curve with its own slope and intercept.
    Platt(Platt),
    /// A monotone step curve, joined by straight lines.
    Isotonic(Isotonic),
}

/// `1 / (1 + exp(−(slope · log_odds + intercept)))`.
///
/// # Source
/// Platt (1999), *Probabilistic outputs for support vector machines*.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Platt {
    /// Above 0.
    pub slope: f64,
    /// In log-odds.
    pub intercept: f64,
}

/// Straight lines between points; constant before the first and after the last.
///
/// # Source
/// Zadrozny & Elkan (2002), *Transforming classifier scores into accurate multiclass probability
/// estimates*.
#[derive(Debug, Clone, PartialEq)]
pub struct Isotonic {
    /// Log-odds, strictly increasing.
    pub x: Vec<f64>,
    /// Probabilities, non-decreasing, within 0 and 1.
    pub y: Vec<f64>,
}

impl Calibration {
    /// The probability of fraud for a margin. Finite margins give a value within 0 and 1.
    pub fn probability(&self, margin: f64) -> f64 {
        self.calibrator.probability(self.prior.log_odds(margin))
    }

    /// Proves that both maps are finite and non-decreasing.
    ///
    /// # Errors
    /// The number that is not as it should be.
    pub fn check(&self) -> Result<(), ModelError> {
        match self.prior {
            PriorCorrection::LogOdds { shift } => check_magnitude("prior shift", shift)?,
            PriorCorrection::Averaged { kept_share, fraud_weight, .. } => {
                if !(1e-30..=1.0).contains(&kept_share) {
                    let what = "kept share of legitimate rows";
                    let expected = "above 0 and at most 1";
                    return Err(ModelError::Range { what, expected, found: kept_share });
                }
                if !(1e-30..=1e30).contains(&fraud_weight) {
                    let (what, expected) = ("fraud weight", "above 0 and at most 1e30");
                    return Err(ModelError::Range { what, expected, found: fraud_weight });
                }
            }
        }
        match &self.calibrator {
            Calibrator::None => Ok(()),
            Calibrator::Platt(Platt { slope, intercept }) => {
                check_magnitude("Platt intercept", *intercept)?;
                if !(*slope > 0.0 && *slope <= 1e30) {
                    let (what, expected) = ("Platt slope", "above 0 and at most 1e30");
                    return Err(ModelError::Range { what, expected, found: *slope });
                }
                Ok(())
            }
            Calibrator::Isotonic(isotonic) => isotonic.check(),
        }
    }
}

impl PriorCorrection {
    /// Whether the correction is the one for the model's margin: averaged forests give
    /// probabilities, all others log-odds.
    pub fn suits(self, model: &Model) -> bool {
        let averaged =
            matches!(model, Model::Forest(forest) if forest.aggregation == Aggregation::Averaged);
        averaged == matches!(self, Self::Averaged { .. })
    }

    /// The log-odds of fraud among unsampled rows.
    pub fn log_odds(self, margin: f64) -> f64 {
        match self {
            Self::LogOdds { shift } => margin + shift,
            Self::Averaged { kept_share, fraud_weight, n_rows } => {
                let edge = 1.0 / (n_rows as f64 + 2.0);
                let p = margin.clamp(edge, 1.0 - edge);
                libm::log(kept_share * p) - libm::log(fraud_weight * (1.0 - p))
            }
        }
    }
}

impl Calibrator {
    /// The probability of fraud for a log-odds.
    pub fn probability(&self, log_odds: f64) -> f64 {
        match self {
            Self::None => sigmoid(log_odds),
            Self::Platt(Platt { slope, intercept }) => sigmoid(slope * log_odds + intercept),
            Self::Isotonic(isotonic) => isotonic.probability(log_odds),
        }
    }
}

impl Isotonic {
    fn probability(&self, log_odds: f64) -> f64 {
        let above = self.x.partition_point(|x| *x <= log_odds);
        let (Some(&x1), Some(&y1)) = (self.x.get(above), self.y.get(above)) else {
            return self.y.last().copied().unwrap_or(0.0);
        };
        let below = above.checked_sub(1);
        let below = below.and_then(|below| self.x.get(below).zip(self.y.get(below)));
        let Some((&x0, &y0)) = below else { return y1 };
        (y0 + (y1 - y0) * ((log_odds - x0) / (x1 - x0))).clamp(y0, y1)
    }

    fn check(&self) -> Result<(), ModelError> {
        check_count("points of the isotonic curve", self.x.len(), 1..=MAX_CATEGORIES)?;
        check_count("heights of the isotonic curve", self.y.len(), self.x.len()..=self.x.len())?;
        for &x in &self.x {
            check_magnitude("point of the isotonic curve", x)?;
        }
        if let Some([_, found]) = self.x.array_windows().find(|[a, b]| a >= b) {
            let (what, expected) = ("point of the isotonic curve", "above the one before");
            return Err(ModelError::Range { what, expected, found: *found });
        }
        if let Some(&y) = self.y.iter().find(|y| !(0.0..=1.0).contains(*y)) {
            let (what, expected) = ("height of the isotonic curve", "within 0 and 1");
            return Err(ModelError::Range { what, expected, found: y });
        }
        if let Some([_, found]) = self.y.array_windows().find(|[a, b]| a > b) {
            let (what, expected) = ("height of the isotonic curve", "at least the one before");
            return Err(ModelError::Range { what, expected, found: *found });
        }
        Ok(())
    }
}

/// The logistic function `1 / (1 + exp(−x))`, without overflow on either side.
#[inline]
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + libm::exp(-x))
    } else {
        let e = libm::exp(x);
        e / (1.0 + e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "expected {expected}, found {found}");
    }

    #[test]
    fn sampling_is_undone_by_the_hand_calculation() {
        // Odds 1:1 seen after keeping 1 in 9 legitimate rows are odds 1:9, a probability of 0.1.
        let shift = libm::log(1.0 / 9.0);
        let log_odds =
            Calibration { prior: PriorCorrection::LogOdds { shift }, calibrator: Calibrator::None };
        close(log_odds.probability(0.0), 0.1);
        // βp / (βp + w(1 − p)) with β = 0.5, w = 4, p = 0.5: 0.25 / 2.25
        let prior = PriorCorrection::Averaged { kept_share: 0.5, fraud_weight: 4.0, n_rows: 100 };
        let averaged = Calibration { prior, calibrator: Calibrator::None };
        close(averaged.probability(0.5), 1.0 / 9.0);
        // A pure leaf of 98 rows is no surer than 1/100.
        let prior = PriorCorrection::Averaged { kept_share: 1.0, fraud_weight: 1.0, n_rows: 98 };
        close(Calibration { prior, calibrator: Calibrator::None }.probability(0.0), 0.01);
    }

    #[test]
    fn the_isotonic_curve_interpolates_and_is_flat_outside() {
        let curve = Isotonic { x: vec![-2.0, 0.0, 1.0], y: vec![0.1, 0.1, 0.5] };
        assert_eq!(curve.check(), Ok(()));
        for (x, y) in [(-9.0, 0.1), (-2.0, 0.1), (-1.0, 0.1), (0.5, 0.3), (1.0, 0.5), (9.0, 0.5)] {
            close(curve.probability(x), y);
        }
        let falling = Isotonic { x: vec![0.0, 1.0], y: vec![0.5, 0.4] };
        assert!(falling.check().is_err());
    }

    #[test]
    fn the_logistic_function_keeps_its_range() {
        close(sigmoid(0.0), 0.5);
        close(sigmoid(2.0) + sigmoid(-2.0), 1.0);
        for x in [-1e300, -800.0, 800.0, 1e300] {
            assert!((0.0..=1.0).contains(&sigmoid(x)));
        }
    }
}
