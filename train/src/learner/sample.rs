//! Which rows are fitted: `negative_ratio` keeps some legitimate rows per fraud, and what that did
//! to the base rate is handed on to be undone.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use shroff_serve::model::PriorCorrection;

use super::LearnError;
use crate::matrix::{Matrix, TrainingSet};

/// The rows a learner fits, in their original order, with their labels and weights.
#[derive(Debug)]
pub(super) struct FitRows<'a> {
    matrix: &'a Matrix,
    rows: Vec<usize>,
    /// `true` is fraud.
    pub(super) labels: Vec<bool>,
    /// Row weight times, for a fraud, `scale_pos_weight`; above 0.
    pub(super) weights: Vec<f64>,
    /// Any weight may differ from 1.
    pub(super) weighted: bool,
    /// β: weight of the legitimate rows kept over the weight of all of them.
    pub(super) kept_share: f64,
    fraud_weight: f64,
    pub(super) n_frauds: usize,
}

impl<'a> FitRows<'a> {
    /// Checks labels and weights, leaves out rows of weight 0 and draws the legitimate rows: exactly
    /// `round(negative_ratio · n_frauds)` of them, at least 2, or all if there are no more.
    ///
    /// # Errors
    /// Lengths that do not fit, a weight that is none, fewer than 2 rows of a class.
    pub(super) fn draw(
        data: &TrainingSet<'a>,
        negative_ratio: Option<f64>,
        scale_pos_weight: f64,
        seed: u64,
    ) -> Result<Self, LearnError> {
        let TrainingSet { matrix, labels, weights } = *data;
        check_length("labels", matrix.n_rows(), labels.len())?;
        if let Some(weights) = weights {
            check_length("weights", matrix.n_rows(), weights.len())?;
            let unsound = |weight: &f64| !(0.0..=1e12).contains(weight);
            if let Some(row) = weights.iter().position(unsound) {
                return Err(LearnError::Weight { row, found: weights[row] });
            }
        }
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let mut rows: Vec<usize> = (0..labels.len()).filter(|&row| weight(row) > 0.0).collect();
        let n_frauds = rows.iter().filter(|&&row| labels[row]).count();
        let n_legitimate = rows.len() - n_frauds;
        if n_frauds < 2 || n_legitimate < 2 {
            return Err(LearnError::TooFewRows { n_frauds, n_legitimate });
        }
        let mut kept_share = 1.0;
        // A float-to-integer cast saturates: any ratio beyond the rows there are keeps them all.
        let wanted =
            negative_ratio.map_or(n_legitimate, |ratio| (ratio * n_frauds as f64).round() as usize);
        if wanted < n_legitimate {
            let legitimate_weight = |rows: &[usize]| -> f64 {
                rows.iter().filter(|&&row| !labels[row]).map(|&row| weight(row)).sum()
            };
            let all = legitimate_weight(&rows);
            let mut choice = Choice::new(wanted.max(2), n_legitimate, seed);
            rows.retain(|&row| labels[row] || choice.take());
            kept_share = legitimate_weight(&rows) / all;
        }
        let label_of_row: Vec<bool> = rows.iter().map(|&row| labels[row]).collect();
        let fraud_factor = |row: usize| if labels[row] { scale_pos_weight } else { 1.0 };
        Ok(Self {
            matrix,
            labels: label_of_row,
            weights: rows.iter().map(|&row| weight(row) * fraud_factor(row)).collect(),
            #[expect(clippy::float_cmp, reason = "exactly 1 is no weight")]
            weighted: weights.is_some() || scale_pos_weight != 1.0,
            kept_share,
            fraud_weight: scale_pos_weight,
            n_frauds,
            rows,
        })
    }

    pub(super) fn n_rows(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn matrix(&self) -> &'a Matrix {
        self.matrix
    }

    /// The values of the `i`-th fitted row.
    pub(super) fn row(&self, i: usize) -> &'a [f32] {
        self.matrix.row(self.rows[i])
    }

    /// The values of one feature.
    pub(super) fn column(&self, feature: usize) -> impl Iterator<Item = f32> + '_ {
        self.rows.iter().map(move |&row| self.matrix.row(row)[feature])
    }

    /// Where the `i`-th fitted row stands in the training set.
    pub(super) fn position(&self, i: usize) -> usize {
        self.rows[i]
    }

    /// For models whose margin is a log-odds.
    pub(super) fn log_odds_prior(&self) -> PriorCorrection {
        PriorCorrection::LogOdds { shift: self.log_odds_shift() }
    }

    /// What undoes the sampling of the fit when added to a log-odds.
    pub(super) fn log_odds_shift(&self) -> f64 {
        libm::log(self.kept_share) - libm::log(self.fraud_weight)
    }

    /// For models whose margin is a mean of leaves.
    pub(super) fn averaged_prior(&self) -> PriorCorrection {
        PriorCorrection::Averaged {
            kept_share: self.kept_share,
            fraud_weight: self.fraud_weight,
            n_rows: self.n_rows() as u64,
        }
    }
}

/// A seeded choice of exactly `wanted` out of `remaining` things that come by one at a time.
///
/// # Source
/// Knuth, *The Art of Computer Programming* 2, §3.4.2, algorithm S.
pub(super) struct Choice {
    wanted: u64,
    remaining: u64,
    random: Pcg64,
}

impl Choice {
    pub(super) fn new(wanted: usize, remaining: usize, seed: u64) -> Self {
        let random = Pcg64::seed_from_u64(seed);
        Self { wanted: wanted as u64, remaining: remaining as u64, random }
    }

    /// Whether to keep the next one.
    pub(super) fn take(&mut self) -> bool {
        // The high half of the product is uniform below `remaining`, to within 2^-64 · remaining.
        let drawn = (u128::from(self.random.next_u64()) * u128::from(self.remaining)) >> 64;
        let keep = drawn < u128::from(self.wanted);
        self.remaining -= 1;
        self.wanted -= u64::from(keep);
        keep
    }
}

/// A number that looks random, of a seed and a position: what is drawn for the one has nothing to do
/// with the next.
///
/// # Source
/// The output function of SplitMix64: Steele, Lea and Flood (2014).
#[inline]
pub(super) fn mix(seed: u64, position: u64) -> u64 {
    let mut mixed = seed.wrapping_add(position.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), LearnError> {
    if expected == found {
        return Ok(());
    }
    Err(LearnError::Length { what, expected, found })
}

#[cfg(test)]
mod tests {
    use shroff_serve::model::RowType;

    use super::*;

    fn matrix(n_rows: usize) -> Matrix {
        let values = (0..n_rows).map(|row| row as f32).collect();
        Matrix::new(vec![RowType::Numeric], values).expect("a sound matrix")
    }

    #[test]
    fn exactly_the_ratio_is_kept_in_order_and_evenly() {
        let (matrix, labels) = (matrix(1_000), (0..1_000).map(|i| i % 50 == 7).collect::<Vec<_>>());
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let drawn = |seed| FitRows::draw(&data, Some(10.0), 1.0, seed).expect("two classes");
        let rows = drawn(3);
        // 20 frauds, 200 of 980 legitimate rows
        assert_eq!((rows.n_rows(), rows.n_frauds), (220, 20));
        assert!((rows.kept_share - 200.0 / 980.0).abs() < 1e-15);
        assert!(rows.rows.is_sorted());
        assert_eq!(rows.rows, drawn(3).rows);
        assert_ne!(rows.rows, drawn(4).rows);
        // The expected number of legitimate rows from the first half is 100, its deviation 6.3.
        let first_half = rows.rows.iter().filter(|&&row| row < 500 && !labels[row]).count();
        assert!((75..=125).contains(&first_half), "{first_half}");
        let all = FitRows::draw(&data, Some(49.0), 1.0, 3).expect("two classes");
        assert_eq!((all.n_rows(), all.kept_share.to_bits()), (1_000, 1.0_f64.to_bits()));
    }

    #[test]
    fn weights_count_in_the_kept_share_and_zero_drops_a_row() {
        let matrix = matrix(8);
        let labels = [true, true, false, false, false, false, false, true];
        let weights = [1.0, 1.0, 5.0, 5.0, 5.0, 5.0, 0.0, 0.0];
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: Some(&weights) };
        let rows = FitRows::draw(&data, Some(1.0), 3.0, 0).expect("two classes");
        // 2 of the 4 legitimate rows that weigh anything: 10 of 20
        assert_eq!((rows.n_rows(), rows.n_frauds), (4, 2));
        assert!((rows.kept_share - 0.5).abs() < 1e-15);
        assert_eq!(rows.weights.iter().filter(|weight| **weight > 4.0).count(), 2);
        assert!((rows.weights.iter().sum::<f64>() - (2.0 * 3.0 + 2.0 * 5.0)).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_learnt_from_is_refused() {
        let matrix = matrix(4);
        let draw = |labels: &[bool], weights: Option<&[f64]>| {
            let data = TrainingSet { matrix: &matrix, labels, weights };
            FitRows::draw(&data, None, 1.0, 0).expect_err("unsound data").to_string()
        };
        assert!(draw(&[false; 4], None).contains("found 0 and 4"));
        assert!(draw(&[true, false], None).contains("expected 4 labels"));
        let labels = [true, true, false, false];
        assert!(draw(&labels, Some(&[1.0, 1.0, f64::NAN, 1.0])).contains("row 2"));
        assert!(draw(&labels, Some(&[1.0, 1.0, 0.0, 1.0])).contains("found 2 and 1"));
    }
}
