//! What the tree libraries are given in place of missing values and categories, which they do not
//! know, and the way back from their splits to ours.

use shroff_serve::model::{CategorySet, RowType, SplitTest};

use super::sample::FitRows;
use crate::matrix::category;

/// Stands for a missing value: it sorts before all others and so goes left of every split, which is
/// what `default_left` says in our nodes.
pub(super) const MISSING: f32 = f32::MIN;

/// Rows of prior that pull a category's fraud rate toward the base rate: LightGBM's `cat_smooth`.
const SMOOTHING: f64 = 10.0;

/// The order in which a library sees the values of each feature.
///
/// Numbers stay as they are, infinite ones clamped to the greatest finite; categories become their
/// rank by smoothed fraud rate, ties by code, so that one threshold can part risky from safe ones.
/// A category that no fitted row has gets the rank of the base rate.
///
/// # Source
/// Fisher (1958): for two classes the best subset split is one of those in the order of the class
/// rate. Micci-Barreca (2001) for the smoothing.
#[derive(Debug)]
pub(super) struct TreeInput {
    features: Vec<Order>,
}

#[derive(Debug)]
enum Order {
    Numeric,
    Categorical { rank_of_code: Vec<u32>, code_of_rank: Vec<u32> },
}

impl TreeInput {
    pub(super) fn learn(rows: &FitRows<'_>) -> Self {
        let features = rows.matrix().row_types().iter().enumerate();
        let order = |(feature, row_type): (usize, &RowType)| match row_type {
            RowType::Categorical { n_categories } => rank(rows, feature, *n_categories as usize),
            _ => Order::Numeric,
        };
        Self { features: features.map(order).collect() }
    }

    pub(super) fn n_features(&self) -> usize {
        self.features.len()
    }

    /// What the library sees in place of a value.
    pub(super) fn encode(&self, feature: usize, value: f32) -> f32 {
        if value.is_nan() {
            return MISSING;
        }
        match &self.features[feature] {
            Order::Numeric => value.clamp(f32::MIN, f32::MAX),
            Order::Categorical { rank_of_code, .. } => category(value)
                .and_then(|code| rank_of_code.get(code as usize))
                .map_or(MISSING, |rank| *rank as f32),
        }
    }

    /// One feature of the fitted rows as the library sees it.
    pub(super) fn column<'a>(
        &'a self,
        rows: &'a FitRows<'_>,
        feature: usize,
    ) -> impl Iterator<Item = f32> + 'a {
        rows.column(feature).map(move |value| self.encode(feature, value))
    }

    /// The library's `x <= threshold`, exactly, for every `x` that is an `f32`.
    pub(super) fn at_most(&self, feature: usize, threshold: f64) -> SplitTest {
        let nearest = threshold as f32;
        let at_most = f64::from(nearest) <= threshold;
        self.test(feature, if at_most { nearest } else { nearest.next_down() })
    }

    /// The library's `x < threshold`, exactly, for every `x` that is an `f32`.
    pub(super) fn below(&self, feature: usize, threshold: f64) -> SplitTest {
        let nearest = threshold as f32;
        let below = f64::from(nearest) < threshold;
        self.test(feature, if below { nearest } else { nearest.next_down() })
    }

    fn test(&self, feature: usize, split_value: f32) -> SplitTest {
        match &self.features[feature] {
            Order::Numeric => SplitTest::AtMost(split_value.clamp(f32::MIN, f32::MAX)),
            Order::Categorical { code_of_rank, .. } => {
                // Only the missing lie below rank 0; the cast saturates there and at NaN.
                let n_left = if split_value < 0.0 { 0 } else { split_value as usize + 1 };
                let codes = code_of_rank.iter().take(n_left).copied();
                SplitTest::OneOf(CategorySet::new(code_of_rank.len() as u32, codes))
            }
        }
    }
}

fn rank(rows: &FitRows<'_>, feature: usize, n_categories: usize) -> Order {
    let mut weight = vec![0.0; n_categories];
    let mut fraud_weight = vec![0.0; n_categories];
    let (mut all, mut all_fraud) = (0.0, 0.0);
    for (row, value) in rows.column(feature).enumerate() {
        let row_weight = rows.weights[row];
        let row_fraud = if rows.labels[row] { row_weight } else { 0.0 };
        all += row_weight;
        all_fraud += row_fraud;
        if let Some(code) = category(value) {
            weight[code as usize] += row_weight;
            fraud_weight[code as usize] += row_fraud;
        }
    }
    let base_rate = all_fraud / all;
    // As many rows of prior, whatever a row weighs.
    let prior = SMOOTHING * all / rows.n_rows() as f64;
    let rate = |code: usize| {
        if weight[code] > 0.0 {
            (fraud_weight[code] + prior * base_rate) / (weight[code] + prior)
        } else {
            base_rate
        }
    };
    let rates: Vec<f64> = (0..n_categories).map(rate).collect();
    let mut code_of_rank: Vec<u32> = (0..n_categories as u32).collect();
    // A stable sort: ties stay in the order of their codes.
    code_of_rank.sort_by(|a, b| rates[*a as usize].total_cmp(&rates[*b as usize]));
    let mut rank_of_code = vec![0; n_categories];
    for (rank, code) in code_of_rank.iter().enumerate() {
        rank_of_code[*code as usize] = rank as u32;
    }
    Order::Categorical { rank_of_code, code_of_rank }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Matrix, TrainingSet};

    #[test]
    fn thresholds_become_the_greatest_f32_on_the_left() {
        let numeric = TreeInput { features: vec![Order::Numeric] };
        let value = |test| match test {
            SplitTest::AtMost(value) => value,
            SplitTest::OneOf(_) => panic!("expected a number"),
        };
        let tenth = 0.1_f32;
        for threshold in [0.0, 1.5, 0.1, f64::from(tenth), -0.1, 1e-50, -1e-50, 1e38 / 3.0] {
            let at_most = value(numeric.at_most(0, threshold));
            assert!(f64::from(at_most) <= threshold, "{threshold}");
            assert!(f64::from(at_most.next_up()) > threshold, "{threshold}");
            let below = value(numeric.below(0, threshold));
            assert!(f64::from(below) < threshold, "{threshold}");
            assert!(f64::from(below.next_up()) >= threshold, "{threshold}");
        }
        assert!(value(numeric.at_most(0, f64::from(f32::MIN) / 2.0)).is_finite());
    }

    #[test]
    fn categories_are_ranked_by_rate_and_come_back_as_sets() {
        // Code 0: 1 fraud of 2, code 1: none of 4, code 2: unseen, code 3: none of 2; one missing.
        let values = vec![0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 3.0, 3.0, f32::NAN];
        let labels = [true, false, false, false, false, false, false, false, true];
        let types = vec![RowType::Categorical { n_categories: 4 }];
        let matrix = Matrix::new(types, values).expect("a sound matrix");
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let rows = FitRows::draw(&data, None, 1.0, 0).expect("two classes");
        let input = TreeInput::learn(&rows);
        // (0 + 10·2/9)/(4 + 10) < (0 + 10·2/9)/(2 + 10) < 2/9 < (1 + 10·2/9)/(2 + 10)
        let codes = [0.0, 1.0, 2.0, 3.0, f32::NAN];
        let ranks: Vec<f32> = codes.iter().map(|code| input.encode(0, *code)).collect();
        assert_eq!(ranks, [3.0, 0.0, 2.0, 1.0, MISSING]);
        let set = |codes: &[u32]| SplitTest::OneOf(CategorySet::new(4, codes.iter().copied()));
        assert_eq!(input.at_most(0, 0.5), set(&[1]));
        assert_eq!(input.at_most(0, 1.0), set(&[1, 3]));
        assert_eq!(input.below(0, 1.0), set(&[1]));
        assert_eq!(input.below(0, 2.5), set(&[1, 3, 2]));
        assert_eq!(input.at_most(0, f64::from(MISSING) / 2.0), set(&[]));
    }
}
