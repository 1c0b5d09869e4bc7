//! Seeded transactions for the learners' tests: heavy tails, categories, missing values.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use shroff_serve::model::{Calibration, Calibrator, Model, Node, RowType, SplitTest};

use super::Fitted;
use crate::matrix::Matrix;

/// Five features (two heavy-tailed, one with many ties and missing values, two categories) and
/// labels of which about 1 in 20 is a fraud.
pub(super) fn transactions(n_rows: usize, seed: u64) -> (Matrix, Vec<bool>) {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut uniform = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let types = vec![
        RowType::Numeric,
        RowType::Numeric,
        RowType::Numeric,
        RowType::Categorical { n_categories: 6 },
        RowType::Categorical { n_categories: 70 },
    ];
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..n_rows {
        let amount = libm::exp(3.0 + 2.0 * (uniform() + uniform() + uniform() - 1.5));
        let ratio = 1e-6 / (uniform() + 1e-3);
        let count = (6.0 * uniform()).floor();
        let (country, merchant) = ((5.0 * uniform()).floor(), (69.0 * uniform()).floor());
        let risk = 1.2 * (amount / 60.0).min(4.0) + if country >= 4.0 { 1.5 } else { 0.0 }
            - if (20.0..40.0).contains(&merchant) { 1.0 } else { 0.0 };
        let missing = uniform() < 0.1;
        let risk = risk + if missing { 1.0 } else { 0.0 };
        labels.push(uniform() < 1.0 / (1.0 + libm::exp(4.6 - risk)));
        let country = if uniform() < 0.05 { f64::NAN } else { country };
        let count = if missing { f64::NAN } else { count };
        values.extend([amount, ratio, count, country, merchant].map(|value| value as f32));
    }
    (Matrix::new(types, values).expect("a sound matrix"), labels)
}

/// Rows exactly at each split value of the model, at its two neighbours, and at what lies far out.
pub(super) fn rows_at_splits(model: &Model, matrix: &Matrix) -> Matrix {
    let Model::Forest(forest) = model else { panic!("expected a forest") };
    let mut values = Vec::new();
    let mut background = 0;
    let nodes = forest.trees.iter().flat_map(|tree| &tree.nodes);
    for split in
        nodes.filter_map(|node| if let Node::Split(split) = node { Some(split) } else { None })
    {
        let at = match &split.test {
            SplitTest::AtMost(value) => vec![*value, value.next_up(), value.next_down()],
            SplitTest::OneOf(_) => vec![0.0, 5.0, f32::NAN],
        };
        for value in at {
            background = (background + 1) % matrix.n_rows();
            let mut row = matrix.row(background).to_vec();
            row[split.feature_index as usize] = value;
            values.extend(row);
        }
    }
    for far in [f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, f32::NAN, 0.0, -0.0] {
        values.extend([far, far, far, 0.0, 1.0]);
    }
    Matrix::new(matrix.row_types().to_vec(), values).expect("a sound matrix")
}

/// The uncalibrated probability of every row.
pub(super) fn mean_probability(fitted: &Fitted, matrix: &Matrix) -> f64 {
    let map = Calibration { prior: fitted.prior, calibrator: Calibrator::None };
    map.check().expect("a sound correction");
    let margin = |row: usize| match &fitted.model {
        Model::Linear(linear) => linear.margin(matrix.row(row)),
        Model::Forest(forest) => forest.margin(matrix.row(row)),
        _ => panic!("expected a known model"),
    };
    let rows = 0..matrix.n_rows();
    rows.map(|row| map.probability(margin(row))).sum::<f64>() / matrix.n_rows() as f64
}

/// The mean probability over all rows is the share of frauds among them, within this share of it.
pub(super) fn assert_near_base_rate(fitted: &Fitted, matrix: &Matrix, within: f64) {
    let expected = fitted.n_frauds as f64 / matrix.n_rows() as f64;
    let found = mean_probability(fitted, matrix);
    assert!((found / expected - 1.0).abs() < within, "expected {expected}, found {found}");
}

/// What `fit` gives on a pool of this many threads.
pub(super) fn on_threads<T: Send>(n_threads: usize, fit: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
    pool.expect("threads").install(fit)
}
