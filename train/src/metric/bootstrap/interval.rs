//! From replicates to intervals and differences.

use serde::{Deserialize, Serialize};

use super::{Drawn, Measure, Resampled, Values};

/// Where the true value of a measure may lie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The column whose clusters gave it: that with the widest interval.
    pub by: String,
}

/// How much better one model is than another on the same rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// What was measured.
    pub difference: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Standard deviation of the replicates.
    pub standard_error: f64,
    /// The column whose clusters gave it.
    pub by: String,
}

impl Resampled {
    /// A model's measure on the rows themselves; none where it is absent.
    pub fn estimate(&self, model: usize, measure: Measure) -> Option<f64> {
        let value = self.estimates.get(model)?[measure.index()];
        (!value.is_nan()).then_some(value)
    }

    /// The ways to cluster, with the number of clusters.
    pub fn clusters(&self) -> impl Iterator<Item = (&str, usize)> {
        self.drawn.iter().map(|drawn| (drawn.name.as_str(), drawn.n_clusters))
    }

    /// A model's measure in every replicate of one way to cluster; NaN where it is absent.
    pub fn replicates(&self, clusters: usize, model: usize, measure: Measure) -> Vec<f64> {
        let drawn = self.drawn.get(clusters);
        let replicates = drawn.map_or(&[][..], |drawn| &drawn.replicates);
        replicates.iter().map(|models| models[model][measure.index()]).collect()
    }

    /// The interval of a model's measure, the widest of all ways to cluster; none where the measure
    /// is absent or cannot be resampled.
    ///
    /// The estimate plus and minus Student's quantile times the standard error, on the scale of
    /// log-odds for a measure between 0 and 1 and of logarithms for one above 0, so that no end lies
    /// beyond what the measure can be. Of *G* clusters with frauds, the variance of the replicates is too
    /// small by (*G* − 1) / *G*, and the degrees of freedom are *G* − 1, or fewer where a few clusters
    /// decide this measure: those of Satterthwaite, by the kurtosis of the clusters' influences.
    ///
    /// # Source
    /// Boyd, Eng and Page (2013), *Area under the precision-recall curve: point estimates and
    /// confidence intervals*, for log-odds; Cameron and Miller (2015), *A practitioner's guide to
    /// cluster-robust inference*, for the quantile; Satterthwaite (1946), *An approximate distribution of
    /// estimates of variance components*, for the degrees of freedom.
    pub fn interval(&self, model: usize, measure: Measure, confidence: f64) -> Option<Interval> {
        let estimate = self.estimate(model, measure)?;
        let of = |drawn: &Drawn| {
            let of_replicate = |models: &Vec<Values>| models[model][measure.index()];
            let (_, reach) = drawn.error_and_reach(confidence, of_replicate)?;
            let (low, high) = ends(estimate, reach, measure.range());
            Some(Interval { low, high, by: drawn.name.clone() })
        };
        widest(self.drawn.iter().filter_map(of), |found| found.high - found.low)
    }

    /// The measure of `model` less that of `other`, with the widest interval; none where the measure
    /// is absent of either or cannot be resampled. As [`Resampled::interval`], on the measure's own
    /// scale.
    pub fn difference(
        &self,
        model: usize,
        other: usize,
        measure: Measure,
        confidence: f64,
    ) -> Option<Difference> {
        let difference = self.estimate(model, measure)? - self.estimate(other, measure)?;
        let index = measure.index();
        let of = |drawn: &Drawn| {
            let of_replicate = |models: &Vec<Values>| models[model][index] - models[other][index];
            let (standard_error, reach) = drawn.error_and_reach(confidence, of_replicate)?;
            let (low, high) = (difference - reach, difference + reach);
            Some(Difference { difference, low, high, standard_error, by: drawn.name.clone() })
        };
        widest(self.drawn.iter().filter_map(of), |found| found.high - found.low)
    }
}

/// The first of the widest.
fn widest<T>(found: impl Iterator<Item = T>, width: impl Fn(&T) -> f64) -> Option<T> {
    found.reduce(|best, next| if width(&next) > width(&best) { next } else { best })
}

/// Least share of the replicates that must have a value.
const LEAST_SHARE: f64 = 0.9;

/// The standard deviation of the replicates, NaN aside; none where too few of them have a value.
fn standard_error(replicates: &[f64]) -> Option<f64> {
    let known = || replicates.iter().filter(|value| !value.is_nan());
    let n = known().count() as f64;
    if n < 2.0 || n < LEAST_SHARE * replicates.len() as f64 {
        return None;
    }
    let mean = known().sum::<f64>() / n;
    let squares: f64 = known().map(|value| (value - mean) * (value - mean)).sum();
    Some((squares / (n - 1.0)).sqrt())
}

/// Both ends of an interval that reaches so far to both sides on the measure's own scale, moved to
/// the scale on which it has no ends: its reach there is that over the slope (the delta method). At
/// an end of the range itself there is no such scale.
fn ends(estimate: f64, reach: f64, (least, greatest): (f64, f64)) -> (f64, f64) {
    if estimate <= least || estimate >= greatest {
        return ((estimate - reach).max(least), (estimate + reach).min(greatest));
    }
    if greatest.is_infinite() {
        let factor = libm::exp(reach / estimate);
        return (estimate / factor, estimate * factor);
    }
    let (odds, factor) =
        (estimate / (1.0 - estimate), libm::exp(reach / (estimate * (1.0 - estimate))));
    let share = |odds: f64| if odds.is_infinite() { 1.0 } else { odds / (1.0 + odds) };
    (share(odds / factor), share(odds * factor))
}

impl Drawn {
    /// The standard error of a value that each replicate has, and how far its interval reaches to each
    /// side; none where too few of them have it.
    fn error_and_reach(
        &self,
        confidence: f64,
        of_replicate: impl Fn(&Vec<Values>) -> f64,
    ) -> Option<(f64, f64)> {
        let values: Vec<f64> = self.replicates.iter().map(of_replicate).collect();
        let standard_error = standard_error(&values)?;
        let n_clusters = self.fraud_draws.n_clusters().max(2) as f64;
        let degrees = self.fraud_draws.degrees(&values);
        let lost = (n_clusters / (n_clusters - 1.0)).sqrt();
        let reach = student_quantile(0.5 + confidence / 2.0, degrees) * lost * standard_error;
        Some((standard_error, reach))
    }
}

/// Degrees of freedom from which on the expansion of Student's quantile is good to six digits.
const MANY_DEGREES: f64 = 60.0;

/// The point below which Student's t with these degrees of freedom, 1 or more, lies with the given
/// probability, 0.5 to 1 exclusive.
///
/// # Source
/// Abramowitz and Stegun 26.7.5, for many degrees and to begin with; the integral of a power of the cosine
/// that 26.7.3 and 26.7.4 are solved by, for few.
fn student_quantile(probability: f64, degrees: f64) -> f64 {
    let (z, n) = (normal_quantile(probability), degrees);
    let s = z * z;
    let first = z * (s + 1.0) / 4.0;
    let second = z * ((5.0 * s + 16.0) * s + 3.0) / 96.0;
    let third = z * (((3.0 * s + 19.0) * s + 17.0) * s - 15.0) / 384.0;
    let fourth = z * ((((79.0 * s + 776.0) * s + 1482.0) * s - 1920.0) * s - 945.0) / 92_160.0;
    let near = z + (first + (second + (third + fourth / n) / n) / n) / n;
    if n >= MANY_DEGREES {
        return near;
    }
    // Of the angle whose tangent is t / sqrt(n), cos^(n - 1) is the density but for its sum.
    let sum = std::f64::consts::PI.sqrt() / 2.0
        * libm::exp(libm::lgamma(n / 2.0) - libm::lgamma((n + 1.0) / 2.0));
    let density = |angle: f64| libm::pow(libm::cos(angle), n - 1.0) / sum;
    let wanted = 2.0 * probability - 1.0;
    let mut angle = libm::atan(near.max(0.0) / n.sqrt());
    // The sum up to an angle bends down: Newton's steps from below never go too far, one from above leads below.
    for _ in 0..50 {
        let step = (wanted - simpson(density, angle)) / density(angle);
        angle += step;
        if step.abs() < 1e-13 {
            break;
        }
    }
    n.sqrt() * libm::tan(angle)
}

/// The integral from 0 on, by Simpson's rule.
fn simpson(of: impl Fn(f64) -> f64, to: f64) -> f64 {
    const N_STEPS: u32 = 200;
    let step = to / f64::from(N_STEPS);
    let inner = (1..N_STEPS).map(|i| f64::from(2 + 2 * (i % 2)) * of(f64::from(i) * step));
    (of(0.0) + inner.sum::<f64>() + of(to)) * step / 3.0
}

/// The point below which a standard normal number lies with the given probability, 0 to 1 exclusive.
///
/// # Source
/// Halley's steps on the distribution function, from Tukey's lambda approximation.
pub fn normal_quantile(probability: f64) -> f64 {
    let tail = 1.0 - probability;
    let mut z = 4.91 * (libm::pow(probability, 0.14) - libm::pow(tail, 0.14));
    for _ in 0..4 {
        let below = 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
        let density = libm::exp(-z * z / 2.0) / (2.0 * std::f64::consts::PI).sqrt();
        let step = (below - probability) / density;
        z -= step / (1.0 + z * step / 2.0);
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_student() {
        // Abramowitz and Stegun, table 26.10.
        for (probability, degrees, expected) in [
            (0.975, 10.0, 2.228),
            (0.975, 30.0, 2.042),
            (0.975, 120.0, 1.980),
            (0.995, 20.0, 2.845),
            (0.95, 60.0, 1.671),
            (0.5, 10.0, 0.0),
            (0.975, 1.0, 12.706),
            (0.995, 1.0, 63.657),
            (0.975, 2.0, 4.303),
            (0.995, 2.0, 9.925),
            // By hand: 0.999 / sqrt(2 x 0.9995 x 0.0005).
            (0.9995, 2.0, 31.5991),
            (0.975, 3.0, 3.182),
            (0.995, 5.0, 4.032),
        ] {
            let found = student_quantile(probability, degrees);
            assert!((found - expected).abs() < 6e-4, "{probability} {degrees}: {found}");
        }
        // Where both ways meet.
        let [few, many] = [0.9995, 0.975]
            .map(|p| student_quantile(p, MANY_DEGREES - 1e-9) - student_quantile(p, MANY_DEGREES));
        assert!(few.abs() < 1e-5 && many.abs() < 1e-6, "{few} {many}");
    }

    #[test]
    fn ends_lie_where_the_measure_can() {
        let close = |(low, high): (f64, f64), expected: (f64, f64)| {
            assert!(
                (low - expected.0).abs() < 1e-4 && (high - expected.1).abs() < 1e-4,
                "{low} {high}"
            );
        };
        // By hand: log-odds of 0.9 are 2.1972, the reach there 0.1 / 0.09.
        close(ends(0.9, 0.1, (0.0, 1.0)), (0.7476, 0.9647));
        close(ends(0.5, 1e9, (0.0, 1.0)), (0.0, 1.0));
        close(ends(1.0, 0.1, (0.0, 1.0)), (0.9, 1.0));
        close(ends(0.0, 0.0, (0.0, 1.0)), (0.0, 0.0));
        // Twice as much and half as much.
        close(ends(3.0, 3.0 * libm::log(2.0), (0.0, f64::INFINITY)), (1.5, 6.0));
    }

    #[test]
    fn quantiles_of_the_normal_distribution() {
        // Abramowitz and Stegun, table 26.1 and 26.5.
        for (probability, expected) in [
            (0.5, 0.0),
            (0.8, 0.841_621_233_572_914_2),
            (0.975, 1.959_963_984_540_054),
            (0.9995, 3.290_526_731_491_692_6),
            (0.025, -1.959_963_984_540_054),
        ] {
            let found = normal_quantile(probability);
            assert!((found - expected).abs() < 1e-9, "{probability}: {found}");
        }
    }
}
