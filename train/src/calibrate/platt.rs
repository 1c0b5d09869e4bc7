//! Platt's sigmoid, by Newton's method.

use shroff_serve::model::Platt;

use super::{CalibrateError, Sizes, counted};
use crate::metric::Scored;

/// Fits Platt's sigmoid, with his smoothed targets, to the optimum: also on data that a threshold
/// separates. Deterministic.
///
/// # Errors
/// Rows that [`Scored::new`] refuses; only one class; a best slope that is not above 0, since a
/// calibrator must not turn the order of the scores round.
///
/// # Source
/// Platt, Probabilistic Outputs for Support Vector Machines (1999): targets `(N+ + 1) / (N+ + 2)`
/// and `1 / (N- + 2)`. Lin, Lin and Weng, A Note on Platt's Probabilistic Outputs (2007), algorithm
/// 1: Newton steps with backtracking on a form of the loss that neither overflows nor cancels. Here
/// the scores are standardised first, and the last step is taken when its gain is lost in rounding.
pub fn fit_platt(
    log_odds: &[f64],
    labels: &[bool],
    weights: Option<&[f64]>,
) -> Result<Platt, CalibrateError> {
    let scored = Scored::new(labels, log_odds, weights)?;
    let sizes = Sizes::of(&scored)?;
    let fraud_target = (sizes.frauds + 1.0) / (sizes.frauds + 2.0);
    let legitimate_target = 1.0 / (sizes.legitimate + 2.0);

    let (mut total, mut sum) = (0.0, 0.0);
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for (_, x, weight) in counted(&scored) {
        total += weight;
        sum += weight * x;
        (low, high) = (x.min(low), x.max(high));
    }
    if low >= high {
        return Err(CalibrateError::NotIncreasing { slope: 0.0 });
    }
    let mean = sum / total;
    let squares: f64 =
        counted(&scored).map(|(_, x, weight)| weight * (x - mean) * (x - mean)).sum();
    let deviation = (squares / total).sqrt();
    let points: Vec<Point> = counted(&scored)
        .map(|(label, x, weight)| Point {
            x: (x - mean) / deviation,
            target: if label { fraud_target } else { legitimate_target },
            weight,
        })
        .collect();

    let start = (0.0, libm::log((sizes.frauds + 1.0) / (sizes.legitimate + 1.0)));
    let (slope, intercept) = minimise(&points, start)?;
    let platt = Platt { slope: slope / deviation, intercept: intercept - slope * mean / deviation };
    if platt.slope > 0.0 {
        Ok(platt)
    } else {
        Err(CalibrateError::NotIncreasing { slope: platt.slope })
    }
}

/// A row of the logistic fit.
struct Point {
    x: f64,
    target: f64,
    weight: f64,
}

/// Newton's method with backtracking on the weighted cross-entropy; gives slope and intercept.
fn minimise(points: &[Point], start: (f64, f64)) -> Result<(f64, f64), CalibrateError> {
    let (mut slope, mut intercept) = start;
    let mut loss = cross_entropy(points, slope, intercept);
    let mut decrement = f64::NAN;
    let mut damping = LEAST_DAMPING;
    for _ in 0..MAX_STEPS {
        let (mut gradient, mut hessian) = ([0.0; 2], [0.0; 3]);
        for point in points {
            let z = slope * point.x + intercept;
            let e = libm::exp(-z.abs());
            let p = if z >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
            let error = point.weight * (p - point.target);
            let curvature = point.weight * e / ((1.0 + e) * (1.0 + e));
            gradient[0] += error * point.x;
            gradient[1] += error;
            hessian[0] += curvature * point.x * point.x;
            hessian[1] += curvature * point.x;
            hessian[2] += curvature;
        }
        // Where nearly every probability is saturated the step is huge and leads nowhere; more on the
        // diagonal turns it towards the steepest descent, until one gains (Levenberg 1944).
        loop {
            let ridge = damping * (hessian[0] + hessian[2]) + f64::MIN_POSITIVE;
            let [xx, x1, one] = [hessian[0] + ridge, hessian[1], hessian[2] + ridge];
            let determinant = xx * one - x1 * x1;
            let step_slope = (x1 * gradient[1] - one * gradient[0]) / determinant;
            let step_intercept = (x1 * gradient[0] - xx * gradient[1]) / determinant;
            decrement = -(gradient[0] * step_slope + gradient[1] * step_intercept);
            if damping <= LEAST_DAMPING && decrement <= SETTLED * loss {
                // So near the optimum the full step doubles the right digits, but the loss can no
                // longer show it.
                return Ok((slope + step_slope, intercept + step_intercept));
            }
            let gained = backtrack(|size| {
                let to = (slope + size * step_slope, intercept + size * step_intercept);
                let found = cross_entropy(points, to.0, to.1);
                (found < loss - 1e-4 * size * decrement).then_some((to, found))
            });
            match gained {
                Some((to, found)) => {
                    ((slope, intercept), loss) = (to, found);
                    damping = (damping / 1e4).max(LEAST_DAMPING);
                    break;
                }
                None if damping >= MOST_DAMPING => {
                    return Err(CalibrateError::NotConverged { decrement });
                }
                None => damping *= 1e4,
            }
        }
    }
    Err(CalibrateError::NotConverged { decrement })
}

/// The first of the sizes 1, 1/2, 1/4 … that `try_step` takes.
fn backtrack<T>(try_step: impl Fn(f64) -> Option<T>) -> Option<T> {
    let mut size = 1.0;
    // A value that is not finite compares with nothing, so it ends here too.
    while size >= MIN_STEP {
        if let Some(taken) = try_step(size) {
            return Some(taken);
        }
        size /= 2.0;
    }
    None
}

/// Sum of `-t ln p - (1 - t) ln(1 - p)`, written so that large scores neither overflow nor cancel.
fn cross_entropy(points: &[Point], slope: f64, intercept: f64) -> f64 {
    let loss = |point: &Point| {
        let z = slope * point.x + intercept;
        let away = if z >= 0.0 { 1.0 - point.target } else { point.target };
        point.weight * (away * z.abs() + libm::log1p(libm::exp(-z.abs())))
    };
    points.iter().map(loss).sum()
}

/// Lin, Lin and Weng's limits; a fit takes about ten steps.
const MAX_STEPS: usize = 100;
const MIN_STEP: f64 = 1e-10;
/// Shares of the Hessian's trace put on its diagonal: the least keeps it invertible, beyond the most
/// nothing is left of Newton's step.
const LEAST_DAMPING: f64 = 1e-12;
const MOST_DAMPING: f64 = 1e4;
/// Share of the loss below which a promised gain drowns in the rounding of its sum.
const SETTLED: f64 = 1e-12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_pure_rows_far_away_still_have_an_optimum() {
        // One leaf with 2,670 legitimate rows and 13 frauds, one with 7 frauds and nothing else: the
        // fit passes through two points, so its optimum is where both mean targets are met.
        let (low, high) = (libm::log(0.002454 / 0.997546), libm::log(0.999906 / 0.000094));
        let mut log_odds = vec![low; 2_683];
        log_odds.extend([high; 7]);
        let labels: Vec<bool> = (0..2_690).map(|row| row >= 2_670).collect();
        let platt = fit_platt(&log_odds, &labels, None).unwrap();
        let probability = |x: f64| 1.0 / (1.0 + libm::exp(-(platt.slope * x + platt.intercept)));
        // Targets: (20 + 1) / (20 + 2) for a fraud, 1 / (2670 + 2) for a legitimate row.
        let (fraud, legitimate) = (21.0 / 22.0, 1.0 / 2672.0);
        let mean = (13.0 * fraud + 2670.0 * legitimate) / 2683.0;
        assert!((probability(low) - mean).abs() < 1e-9, "{}", probability(low));
        assert!((probability(high) - fraud).abs() < 1e-9, "{}", probability(high));
    }
    use crate::metric::sample::{Rows, close};

    #[test]
    fn through_two_scores_is_known_in_closed_form() {
        // Score 0: 1 fraud, 3 legitimate; score 2: 3 frauds, 1 legitimate. Targets 5/6 and 1/6,
        // whose means are (5/6 + 3/6) / 4 = 1/3 and 2/3. Two parameters meet two means: logit(1/3)
        // = -ln 2, logit(2/3) = ln 2.
        let x = [0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 2.0];
        let y = [true, false, false, false, true, true, true, false];
        let platt = fit_platt(&x, &y, None).unwrap();
        close(platt.slope, std::f64::consts::LN_2, 1e-13);
        close(platt.intercept, -std::f64::consts::LN_2, 1e-13);
    }

    #[test]
    fn no_gradient_is_left() {
        for seed in 0..20 {
            let rows = Rows::seeded(seed, 300);
            for weights in [None, Some(rows.weights.as_slice())] {
                let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
                let size = |label: bool| -> f64 {
                    (0..300).filter(|&i| rows.labels[i] == label).map(weight).sum()
                };
                // Far from standard scores: wide apart and off centre.
                let x: Vec<f64> = rows.scores.iter().map(|s| 40.0 * s + 1e4).collect();
                let platt = fit_platt(&x, &rows.labels, weights).unwrap();
                let (mut gradient, mut along) = (0.0, 0.0);
                for (i, x) in x.iter().enumerate() {
                    let target = match rows.labels[i] {
                        true => (size(true) + 1.0) / (size(true) + 2.0),
                        false => 1.0 / (size(false) + 2.0),
                    };
                    let p = 1.0 / (1.0 + libm::exp(-(platt.slope * x + platt.intercept)));
                    gradient += weight(i) * (p - target);
                    along += weight(i) * (p - target) * rows.scores[i];
                }
                close(gradient / 300.0, 0.0, 1e-11);
                close(along / 300.0, 0.0, 1e-11);
            }
        }
    }

    #[test]
    fn settles_on_separated_and_extreme_scores() {
        // With one row a side the targets are 2/3 and 1/3: the line runs through -ln 2 at -1 and ln
        // 2 at 1.
        let platt = fit_platt(&[-1.0, 1.0], &[false, true], None).unwrap();
        close(platt.slope, std::f64::consts::LN_2, 1e-13);
        close(platt.intercept, 0.0, 1e-13);

        // A million to one, far apart: p must reach the targets 2/3 and 1/(n + 2).
        let n = 1_000_000;
        let x: Vec<f64> = (0..=n).map(|i| if i < n { -700.0 } else { 700.0 }).collect();
        let y: Vec<bool> = (0..=n).map(|i| i == n).collect();
        let platt = fit_platt(&x, &y, None).unwrap();
        let logit = |p: f64| libm::log(p / (1.0 - p));
        close(platt.slope * 700.0 + platt.intercept, logit(2.0 / 3.0), 1e-6);
        close(platt.slope * -700.0 + platt.intercept, logit(1.0 / (n as f64 + 2.0)), 1e-6);
    }
}
