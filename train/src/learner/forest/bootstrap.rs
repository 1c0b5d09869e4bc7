//! Bootstrap samples: as many draws as there are rows, each row by its weight.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

use crate::learner::sample::FitRows;

/// Draws rows with replacement.
pub(super) struct Bootstrap {
    n_rows: usize,
    /// None: every row has the same chance.
    weights: Option<Guide>,
}

/// Finds the row that a point on the line of all weights falls into, in a step or two.
///
/// # Source
/// Chen and Asau (1974), the method of guide tables; Devroye (1986), *Non-Uniform Random Variate
/// Generation*, III.2.4.
struct Guide {
    /// Where each row's part of the line ends.
    ends: Vec<f64>,
    /// Of as many equal parts of the line as there are rows, the row at the beginning of each.
    first_rows: Vec<u32>,
}

impl Bootstrap {
    pub(super) fn new(rows: &FitRows<'_>) -> Self {
        let weights = rows.weighted.then(|| Guide::new(&rows.weights));
        Self { n_rows: rows.n_rows(), weights }
    }

    /// How often each row is drawn.
    pub(super) fn draw(&self, random: &mut Pcg64) -> Vec<u32> {
        let mut times = vec![0; self.n_rows];
        for _ in 0..self.n_rows {
            let row = match &self.weights {
                None => below(random, self.n_rows),
                Some(guide) => guide.row(random),
            };
            times[row] += 1;
        }
        times
    }
}

impl Guide {
    fn new(weights: &[f64]) -> Self {
        let mut total = 0.0;
        let mut ends = Vec::with_capacity(weights.len());
        for weight in weights {
            total += weight;
            ends.push(total);
        }
        let mut row = 0;
        let first_row = |part: usize| {
            let start = total * (part as f64 / weights.len() as f64);
            while row + 1 < ends.len() && ends[row] <= start {
                row += 1;
            }
            row as u32
        };
        let first_rows = (0..weights.len()).map(first_row).collect();
        Self { ends, first_rows }
    }

    fn row(&self, random: &mut Pcg64) -> usize {
        let share = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let n_rows = self.ends.len();
        let part = (share * n_rows as f64) as usize;
        let mut row = self.first_rows[part.min(n_rows - 1)] as usize;
        let point = share * self.ends[n_rows - 1];
        while row + 1 < n_rows && self.ends[row] <= point {
            row += 1;
        }
        row
    }
}

/// A number below `n`, uniform to within 2^-64 · n.
pub(super) fn below(random: &mut Pcg64, n: usize) -> usize {
    ((u128::from(random.next_u64()) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use rand_pcg::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn rows_are_drawn_by_weight() {
        // One row outweighs many, most weigh next to nothing, and a third of the weight is last.
        let mut weights = vec![1e-9; 10_000];
        (weights[0], weights[5_000], weights[9_999]) = (3.0, 1.0, 2.0);
        let bootstrap = Bootstrap { n_rows: 10_000, weights: Some(Guide::new(&weights)) };
        let times = bootstrap.draw(&mut Pcg64::seed_from_u64(1));
        assert_eq!(times.iter().sum::<u32>(), 10_000);
        // The deviation of a binomial count of 10,000 draws is at most 50.
        for (row, expected) in [(0, 5_000.0), (5_000, 10_000.0 / 6.0), (9_999, 10_000.0 / 3.0)] {
            assert!((f64::from(times[row]) - expected).abs() < 200.0, "{row}: {}", times[row]);
        }
        let bootstrap = Bootstrap { n_rows: 10_000, weights: None };
        let times = bootstrap.draw(&mut Pcg64::seed_from_u64(1));
        assert_eq!(times.iter().sum::<u32>(), 10_000);
        // A row is left out with a chance of 1/e; the deviation of that count is 31.
        let left_out = times.iter().filter(|times| **times == 0).count();
        assert!((3_550..=3_810).contains(&left_out), "{left_out}");
    }
}
