//! Threads, odd columns, odd parameters.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use shroff_serve::model::RowType;

use super::{Gbdt, GrowPolicy, fit, forest, small};
use crate::learner::{Learner, fixture};
use crate::matrix::Matrix;

#[test]
fn threads_change_nothing_and_seeds_do() {
    // More rows than a part and a task hold.
    let (matrix, labels) = fixture::transactions(90_000, 2);
    for grow_policy in [GrowPolicy::Leafwise, GrowPolicy::Symmetric] {
        let fit = |n_threads, seed| {
            let bagging_fraction = 0.7;
            let learner =
                Gbdt { num_iterations: 6, grow_policy, bagging_fraction, seed, ..Gbdt::default() };
            fixture::on_threads(n_threads, || fit(&learner, &matrix, &labels, None))
        };
        let one = fit(1, 7);
        assert_eq!(one, fit(2, 7));
        assert_eq!(one, fit(4, 7));
        assert_ne!(one, fit(2, 8));
    }
}

#[test]
fn odd_columns_do_not_break_a_fit() {
    let n_categories = 50_000;
    let mut random = Pcg64::seed_from_u64(11);
    let mut below = |n: u64| (random.next_u64() % n) as f32;
    let types = vec![
        RowType::Numeric,
        RowType::Numeric,
        RowType::Numeric,
        RowType::Numeric,
        RowType::Categorical { n_categories },
        RowType::Categorical { n_categories: 1 },
    ];
    let far = [f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, -0.0, f32::NAN, 1e-45];
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for row in 0..4_000 {
        let (signal, odd) = (below(200), far[below(8) as usize]);
        // Constant, all missing, odd, telling, categories, one category. Every row is there twice.
        for _ in 0..2 {
            values.extend([3.0, f32::NAN, odd, signal, f32::from(row as u16) * 12.0, 0.0]);
            // What is beyond all split values is one and the same.
            labels.push(signal > 180.0 || odd >= f32::MAX);
        }
    }
    let matrix = Matrix::new(types, values).expect("a sound matrix");
    for policy in [GrowPolicy::Leafwise, GrowPolicy::Symmetric] {
        // One row may be a leaf, and nothing holds steps back.
        let learner = Gbdt {
            num_iterations: 60,
            max_depth: Some(6),
            num_leaves: 60,
            lambda_l2: 0.0,
            ..small(policy)
        };
        let fitted = fit(&learner, &matrix, &labels, None);
        for (row, label) in labels.iter().enumerate() {
            let margin = forest(&fitted).margin(matrix.row(row));
            assert!(
                margin.is_finite() && (margin > 0.0) == *label,
                "{policy:?} {row} {:?}: {margin}",
                matrix.row(row)
            );
        }
    }
}

#[test]
fn parameters_out_of_range_are_refused_with_the_range() {
    let base = Gbdt::default;
    for (learner, key, range) in [
        (Gbdt { num_iterations: 0, ..base() }, "num_iterations", "1 to 10000"),
        (Gbdt { num_parallel_tree: 34, ..base() }, "num_parallel_tree", "1 to 33"),
        (Gbdt { num_leaves: 1, ..base() }, "num_leaves", "2 to"),
        (Gbdt { max_bin: 256, ..base() }, "max_bin", "2 to 255"),
        (Gbdt { max_depth: Some(13), ..base() }, "max_depth", "1 to 12"),
        (Gbdt { learning_rate: 0.0, ..base() }, "learning_rate", "0.0001 to 1"),
        (Gbdt { lambda_l2: f64::NAN, ..base() }, "lambda_l2", "0 to 1e9"),
        (Gbdt { neg_bagging_fraction: Some(1.5), ..base() }, "neg_bagging_fraction", "to 1"),
        (
            Gbdt { monotone_constraints: [("x".to_owned(), 2)].into(), ..base() },
            "monotone_constraints",
            "1, -1 or 0",
        ),
    ] {
        let error = learner.check().expect_err(key).to_string();
        assert!(error.contains(key) && error.contains(range), "{error}");
    }
}
