//! Degrees of freedom: how well the spread of the replicates is known.
//!
//! A standard error is made of what the clusters with frauds contribute. Where a few of them contribute
//! most (the area under the ROC curve hangs on the cards that a model does not see), another sample would
//! have another spread, and an interval has to reach further.

use super::poisson::{Draws, LANES};

/// How often each cluster with frauds was drawn in every replicate.
#[derive(Debug, Clone)]
pub(super) struct FraudDraws {
    n_clusters: usize,
    /// By block of [`LANES`] replicates and by cluster; of no cluster where there are too many.
    blocks: Vec<Vec<Draws>>,
}

impl FraudDraws {
    /// So many clusters with frauds, and their draws by block; empty blocks of draws that were not kept.
    pub(super) fn new(n_clusters: usize, blocks: Vec<Vec<Draws>>) -> Self {
        Self { n_clusters, blocks }
    }

    /// How many clusters with frauds there are.
    pub(super) fn n_clusters(&self) -> usize {
        self.n_clusters
    }

    /// The degrees of freedom of the standard deviation of these values, one a replicate and NaN where there is
    /// none. At least 1 and, of *n* clusters with frauds, at most *n* − 1.
    ///
    /// They are those of the chi-squared distribution with the mean and variance that the sum of the
    /// squared influences has, where these have kurtosis *k* about 0: 2 *n* / (*k* − 1). A cluster's
    /// influence is the covariance of the values with its draws; what the number of replicates adds to its
    /// square and fourth power is taken off. Of *n* clusters *k* is at most *n*: where one alone decides,
    /// two degrees are left, which is too many. Where draws were not kept there are *n* − 1.
    ///
    /// # Source
    /// Satterthwaite (1946), *An approximate distribution of estimates of variance components*; Efron
    /// (2014), *Estimation and accuracy after model selection*, for the covariance.
    pub(super) fn degrees(&self, values: &[f64]) -> f64 {
        let known = || values.iter().filter(|value| !value.is_nan());
        let n_values = known().count() as f64;
        let mean = known().sum::<f64>() / n_values;
        let centred = |value: f64| if value.is_nan() { 0.0 } else { value - mean };
        let mut influences = vec![0.0; self.blocks.first().map_or(0, Vec::len)];
        let mut variance = 0.0;
        for (block, values) in self.blocks.iter().zip(values.chunks(LANES)) {
            let mut lanes = [0.0; LANES];
            lanes.iter_mut().zip(values).for_each(|(lane, value)| *lane = centred(*value));
            variance += lanes.iter().map(|lane| lane * lane).sum::<f64>();
            for (influence, draws) in influences.iter_mut().zip(block) {
                let products = lanes.iter().zip(draws).map(|(lane, draw)| lane * f64::from(*draw));
                *influence += products.sum::<f64>();
            }
        }
        // A draw's variance is 1.
        let noise = variance / n_values / n_values;
        influences.iter_mut().for_each(|influence| *influence /= n_values);
        let most = self.n_clusters.saturating_sub(1).max(1) as f64;
        of_influences(&influences, noise).min(most)
    }
}

/// The degrees of freedom of the sum of squared influences, each known up to noise of this variance: two
/// and more, infinitely many where they are more alike than chance would have it.
fn of_influences(influences: &[f64], noise: f64) -> f64 {
    let n = influences.len() as f64;
    let squares = || influences.iter().map(|influence| influence * influence);
    let fourths = squares().map(|square| square * square).sum::<f64>();
    let squares = squares().sum::<f64>() - n * noise;
    let fourths = fourths - 6.0 * noise * squares - 3.0 * n * noise * noise;
    let spread = n * fourths / (squares * squares) - 1.0;
    if squares > 0.0 && spread > 0.0 { (2.0 * n / spread).max(2.0) } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::bootstrap::poisson;

    #[test]
    fn degrees_of_known_influences() {
        // Kurtosis 3, as of the normal distribution: as many as there are.
        let third = [0.0, 0.0, 1.0, 0.0, 0.0, -1.0];
        assert!((of_influences(&third, 0.0) - 6.0).abs() < 1e-12);
        // By hand: kurtosis 5, 10 / (5 - 1). One alone counts.
        let single = [0.0, 0.0, 3.0, 0.0, 0.0];
        assert!((of_influences(&single, 0.0) - 2.5).abs() < 1e-12);
        assert!(of_influences(&[1.0, -1.0, 1.0, -1.0], 0.0).is_infinite());
        assert!(of_influences(&[1.0, 1.0, 1.0], 2.0).is_infinite());
    }

    /// A sum over clusters of what each contributes, so that influences are known beforehand.
    #[test]
    fn degrees_of_replicates() {
        let contributions: Vec<f64> =
            (0..60).map(|c| if c < 4 { 5.0 } else { 1.0 } * f64::from(1 - 2 * (c % 2))).collect();
        let expected = of_influences(&contributions, 0.0);
        let blocks: Vec<Vec<Draws>> = (0..400).map(|block| poisson::draw(60, 5, block)).collect();
        let mut values = Vec::new();
        for block in &blocks {
            values.extend((0..LANES).map(|lane| {
                let drawn = block.iter().zip(&contributions);
                drawn.map(|(draws, own)| f64::from(draws[lane]) * own).sum::<f64>()
            }));
        }
        let draws = FraudDraws::new(60, blocks);
        let found = draws.degrees(&values);
        assert!((found / expected - 1.0).abs() < 0.05, "{found} {expected}");
        // Fewer replicates tell it less well, and do not shift it.
        let mean = (0..40).map(|part| {
            let few = FraudDraws::new(60, draws.blocks[10 * part..10 * (part + 1)].to_vec());
            few.degrees(&values[10 * LANES * part..10 * LANES * (part + 1)])
        });
        let mean = mean.sum::<f64>() / 40.0;
        assert!((mean / expected - 1.0).abs() < 0.2, "{mean} {expected}");
        let not_kept = FraudDraws::new(60, vec![Vec::new(); 400]);
        assert!((not_kept.degrees(&values) - 59.0).abs() < 1e-12);
        values.iter_mut().step_by(7).for_each(|value| *value = f64::NAN);
        let found = draws.degrees(&values);
        assert!((found / expected - 1.0).abs() < 0.05, "{found} {expected}");
    }
}
