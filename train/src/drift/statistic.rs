//! The statistics of drift, each with the value that chance alone stays below.

use serde::{Deserialize, Serialize};

/// A statistic beside its limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// What was found, 0 for no difference at all.
    pub value: f64,
    /// The greatest value that is no drift.
    pub limit: f64,
}

impl Test {
    /// Whether the value lies beyond its limit.
    pub fn is_beyond(&self) -> bool {
        self.value > self.limit
    }
}

/// Two samples of one quantity, counted in the same bins. A bin holds as many rows as it is worth
/// among [`effective`](Bins::new) ones.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bins {
    reference: Vec<f64>,
    data: Vec<f64>,
}

/// Rows that a bin should be expected to hold in the smaller sample, for its count to be nearly normal.
///
/// # Source
/// Cochran (1954), *Some methods for strengthening the common χ² tests*.
const MIN_EXPECTED: f64 = 5.0;
/// Rows that each bin counts more than it holds, so that an empty one has a logarithm.
///
/// # Source
/// Jeffreys' prior for shares.
const PRIOR_ROWS: f64 = 0.5;

impl Bins {
    /// Bins of equal number with the weights they hold, scaled to so many rows in all.
    pub(super) fn new(reference: (&[f64], f64), data: (&[f64], f64)) -> Self {
        let scaled = |(weights, n_rows): (&[f64], f64)| {
            let total: f64 = weights.iter().sum();
            let scale = if total > 0.0 { n_rows / total } else { 0.0 };
            weights.iter().map(|weight| weight * scale).collect()
        };
        Self { reference: scaled(reference), data: scaled(data) }
    }

    fn n_rows(&self) -> (f64, f64) {
        (self.reference.iter().sum(), self.data.iter().sum())
    }

    /// Neighbours made one until each should hold enough rows, were both samples of one kind.
    fn merged(&self) -> Self {
        let (n_reference, n_data) = self.n_rows();
        let smaller = n_reference.min(n_data) / (n_reference + n_data);
        let is_full = |reference: f64, data: f64| (reference + data) * smaller >= MIN_EXPECTED;
        let mut merged = Self { reference: Vec::new(), data: Vec::new() };
        let (mut reference, mut data) = (0.0, 0.0);
        for (more_reference, more_data) in self.reference.iter().zip(&self.data) {
            reference += more_reference;
            data += more_data;
            if is_full(reference, data) {
                merged.reference.push(reference);
                merged.data.push(data);
                (reference, data) = (0.0, 0.0);
            }
        }
        // What is left over joins the last one.
        match (merged.reference.last_mut(), merged.data.last_mut()) {
            (Some(last_reference), Some(last_data)) => {
                *last_reference += reference;
                *last_data += data;
            }
            _ => {
                merged.reference.push(reference);
                merged.data.push(data);
            }
        }
        merged
    }

    /// The population stability index: the sum over bins of `(q − p) ln(q / p)`, with the shares `p` of
    /// the reference and `q` of the data, in nats; 0 or more.
    ///
    /// Its limit is `floor` or, where the samples are so small that chance goes beyond it, the
    /// value that chance stays below in all but a share `alpha` of cases: without drift the index is
    /// distributed as `(1/n + 1/m) χ²` with one degree of freedom fewer than there are bins.
    ///
    /// # Source
    /// Yurdakul and Naranjo (2020), *Statistical properties of the population stability index*. The
    /// usual reading, under 0.1 little and above 0.25 much, is Siddiqi (2006), *Credit risk scorecards*.
    pub(super) fn stability(&self, floor: f64, alpha: f64) -> Test {
        let merged = self.merged();
        let (n_reference, n_data) = merged.n_rows();
        let n_bins = merged.reference.len();
        if n_bins < 2 {
            return Test { value: 0.0, limit: floor };
        }
        let share =
            |rows: f64, n_rows: f64| (rows + PRIOR_ROWS) / (n_rows + PRIOR_ROWS * n_bins as f64);
        let pairs = merged.reference.iter().zip(&merged.data);
        let value = pairs
            .map(|(reference, data)| {
                let (p, q) = (share(*reference, n_reference), share(*data, n_data));
                (q - p) * libm::log(q / p)
            })
            .sum();
        let chance = chi_squared_quantile(n_bins - 1, alpha) * (1.0 / n_reference + 1.0 / n_data);
        Test { value, limit: floor.max(chance) }
    }

    /// The Kolmogorov–Smirnov statistic: the greatest distance of the two distribution functions,
    /// 0 to 1, looked at where bins end. Within bins it may be greater; the test misses that and
    /// never alarms for it.
    ///
    /// Its limit is `floor`, or where that is greater the critical value for both sizes,
    /// `sqrt(−ln(alpha / 2) / 2) · sqrt((n + m) / (n m))`. None when a sample is empty.
    ///
    /// # Source
    /// Smirnov (1948), *Table for estimating the goodness of fit of empirical distributions*.
    pub(super) fn kolmogorov_smirnov(&self, floor: f64, alpha: f64) -> Option<Test> {
        let (n, m) = self.n_rows();
        if n <= 0.0 || m <= 0.0 {
            return None;
        }
        let (mut below_reference, mut below_data, mut value) = (0.0, 0.0, 0.0_f64);
        for (reference, data) in self.reference.iter().zip(&self.data) {
            below_reference += reference / n;
            below_data += data / m;
            value = value.max((below_reference - below_data).abs());
        }
        let chance = (-libm::log(alpha / 2.0) / 2.0).sqrt() * ((n + m) / (n * m)).sqrt();
        Some(Test { value, limit: floor.max(chance) })
    }
}

/// The greatest difference of two shares that chance alone explains in all but a share `alpha` of
/// cases, given the rows of both samples and how many of them count: `z · sqrt(p (1 − p) (1/n + 1/m))`
/// with the share `p` of both together, and half a row more for the step between counts. For an
/// empty sample 1, which no difference exceeds.
///
/// # Source
/// Fleiss, Levin and Paik (2003), *Statistical methods for rates and proportions*, section 3.3: the test
/// of two proportions with Yates' correction.
pub(super) fn share_limit(reference: (f64, f64), data: (f64, f64), alpha: f64) -> f64 {
    let ((count, n), (other_count, m)) = (reference, data);
    if n <= 0.0 || m <= 0.0 {
        return 1.0;
    }
    let p = (count + other_count) / (n + m);
    let inverse = 1.0 / n + 1.0 / m;
    // χ² of one degree of freedom is the square of a normal.
    let z = chi_squared_quantile(1, alpha).sqrt();
    z * (p * (1.0 - p) * inverse).sqrt() + inverse / 2.0
}

/// The value that a χ² with so many degrees of freedom exceeds with probability `alpha`.
fn chi_squared_quantile(n_degrees: usize, alpha: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while chi_squared_survival(n_degrees, high) > alpha {
        high *= 2.0;
    }
    // The distance halves until it is lost in the last bits.
    for _ in 0..80 {
        let middle = low / 2.0 + high / 2.0;
        if chi_squared_survival(n_degrees, middle) > alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// Probability that a χ² with so many degrees of freedom exceeds `x`.
///
/// # Source
/// Abramowitz and Stegun (1964), 26.4.4 and 26.4.5.
fn chi_squared_survival(n_degrees: usize, x: f64) -> f64 {
    let half = x / 2.0;
    // From one or two degrees up, two at a time; each term in the size it is added in.
    let (mut sum, mut term, first) = if n_degrees.is_multiple_of(2) {
        (libm::exp(-half), libm::exp(-half), 2)
    } else {
        let density = libm::exp(-half) / (std::f64::consts::PI * half).sqrt();
        (libm::erfc(half.sqrt()), density, 1)
    };
    let mut degrees = first;
    while degrees + 2 <= n_degrees {
        term *= half / (degrees as f64 / 2.0);
        sum += term;
        degrees += 2;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::sample::close;

    /// R 4.3: `qchisq(alpha, df, lower.tail = FALSE)`, which are also the printed tables.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (n_degrees, alpha, expected) in [
            (1, 0.05, 3.841_459),
            (1, 0.001, 10.827_566),
            (2, 0.01, 9.210_340),
            (5, 0.01, 15.086_272),
            (10, 0.001, 29.588_298),
            (19, 0.05, 30.143_527),
            (20, 0.01, 37.566_235),
        ] {
            close(chi_squared_quantile(n_degrees, alpha) / expected, 1.0, 1e-6);
        }
    }

    #[test]
    fn worked_by_hand() {
        let bins = Bins::new((&[500.0, 300.0, 200.0], 1000.0), (&[200.0, 100.0, 100.0], 400.0));
        // Shares .5 .3 .2 against .5 .25 .25, half a row more in each.
        let p = [500.5 / 1001.5, 300.5 / 1001.5, 200.5 / 1001.5];
        let q = [200.5 / 401.5, 100.5 / 401.5, 100.5 / 401.5];
        let expected: f64 = (0..3).map(|i| (q[i] - p[i]) * libm::log(q[i] / p[i])).sum();
        let found = bins.stability(0.0, 0.01);
        close(found.value, expected, 1e-15);
        close(found.limit, 9.210_340 * (1.0 / 1000.0 + 1.0 / 400.0), 1e-7);
        assert_eq!(bins.stability(0.1, 0.01).limit.to_bits(), 0.1_f64.to_bits());
        let found = bins.kolmogorov_smirnov(0.0, 0.05).unwrap();
        close(found.value, 0.05, 1e-15);
        // 1.3581 is the constant of the printed tables at 5 %.
        close(found.limit, 1.3581 * (1400.0_f64 / 400_000.0).sqrt(), 1e-5);
        assert_eq!(Bins::new((&[1.0], 1.0), (&[0.0], 0.0)).kolmogorov_smirnov(0.1, 0.05), None);
        // 2 of 100 against 12 of 200, z = 1.959964.
        let p: f64 = 14.0 / 300.0;
        let expected = 1.959_964 * (p * (1.0 - p) * 0.015).sqrt() + 0.0075;
        close(share_limit((2.0, 100.0), (12.0, 200.0), 0.05), expected, 1e-8);
    }

    #[test]
    fn thin_bins_are_looked_at_together() {
        let bins =
            Bins::new((&[1.0, 2.0, 40.0, 1.0, 56.0], 100.0), (&[0.0, 3.0, 4.0, 3.0, 90.0], 100.0));
        let merged = bins.merged();
        // The first three together are the first that expect five rows in either.
        assert_eq!((merged.reference, merged.data), (vec![43.0, 57.0], vec![7.0, 93.0]));
    }

    /// Of samples of one distribution, at most about a share alpha goes beyond the limits, whatever
    /// their sizes: what a fixed limit cannot promise.
    #[test]
    fn without_drift_alarms_are_as_rare_as_alpha_says() {
        let mut state = 1_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        for (n, m) in [(60, 40), (1000, 150), (3000, 3000)] {
            let (alpha, n_draws) = (0.05, 1500);
            let (mut alarms_psi, mut alarms_ks) = (0, 0);
            for _ in 0..n_draws {
                // Skewed, so that some of the twenty bins are thin.
                let mut sample = |n: usize| {
                    let mut bins = [0.0; 20];
                    (0..n).for_each(|_| bins[(uniform() * uniform() * 20.0) as usize] += 1.0);
                    bins
                };
                let (reference, data) = (sample(n), sample(m));
                let bins = Bins::new((&reference, n as f64), (&data, m as f64));
                alarms_psi += usize::from(bins.stability(0.0, alpha).is_beyond());
                let ks = bins.kolmogorov_smirnov(0.0, alpha).unwrap();
                alarms_ks += usize::from(ks.is_beyond());
            }
            let share = |alarms: usize| alarms as f64 / f64::from(n_draws);
            // Three standard errors of 1500 draws at 5 % are 1.7 points.
            assert!(share(alarms_psi) < 0.067, "{n} {m}: {}", share(alarms_psi));
            assert!(share(alarms_ks) < 0.067, "{n} {m}: {}", share(alarms_ks));
            // And no limit so wide that it never alarms.
            assert!(share(alarms_psi) > 0.01, "{n} {m}: {}", share(alarms_psi));
        }
    }
}
