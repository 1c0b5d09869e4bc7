//! From replicates to intervals and differences.

use serde::{Deserialize, Serialize};

use super::{Drawn, Measure, Resampled};

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
    /// # Source
    /// See [`ends`].
    pub fn interval(&self, model: usize, measure: Measure, confidence: f64) -> Option<Interval> {
        let estimate = self.estimate(model, measure)?;
        let (least, greatest) = measure.range();
        let of = |drawn: &Drawn| {
            let replicates = drawn.replicates.iter().map(|models| models[model][measure.index()]);
            let (low, high, _) = ends(replicates.collect(), estimate, confidence)?;
            let (low, high) = (low.clamp(least, greatest), high.clamp(least, greatest));
            Some(Interval { low, high, by: drawn.name.clone() })
        };
        widest(self.drawn.iter().filter_map(of), |found| found.high - found.low)
    }

    /// The measure of `model` less that of `other`, with the widest interval; none where the measure
    /// is absent of either or cannot be resampled.
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
            let replicates =
                drawn.replicates.iter().map(|models| models[model][index] - models[other][index]);
            let (low, high, standard_error) = ends(replicates.collect(), difference, confidence)?;
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

/// Both ends of the interval and the standard deviation of the replicates.
fn ends(mut replicates: Vec<f64>, estimate: f64, confidence: f64) -> Option<(f64, f64, f64)> {
    let n_drawn = replicates.len() as f64;
    replicates.retain(|value| !value.is_nan());
    let n = replicates.len() as f64;
    if n < 2.0 || n < LEAST_SHARE * n_drawn {
        return None;
    }
    let mean = replicates.iter().sum::<f64>() / n;
    let squares: f64 = replicates.iter().map(|value| (value - mean) * (value - mean)).sum();
    let standard_error = (squares / (n - 1.0)).sqrt();
    let reach = normal_quantile(0.5 + confidence / 2.0) * standard_error;
    Some((estimate - reach, estimate + reach, standard_error))
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
