//! The forest against a tree grown naively, and on data that is odd, weighted or sampled.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use shroff_serve::model::{Model, Node, RowType, Split, SplitTest, Tree};

use super::super::{NoProgress, fixture};
use super::*;
use crate::matrix::Matrix;

fn grown(fitted: &Fitted) -> &[Tree] {
    let Model::Forest(forest) = &fitted.model else { panic!("expected a forest") };
    &forest.trees
}

fn fit(learner: &Forest, matrix: &Matrix, labels: &[bool], weights: Option<&[f64]>) -> Fitted {
    let data = TrainingSet { matrix, labels, weights };
    learner.fit(&data, &NoProgress).expect("sound data")
}

/// The leaf of a row in a tree grown without any cleverness: every feature, every value, both sides
/// for missing ones, the impurity by its definition.
fn naive_share(matrix: &Matrix, labels: &[bool], rows: &[usize], row: &[f32], depth: usize) -> f64 {
    let gini = |rows: &[usize]| {
        let n = rows.len() as f64;
        let p = rows.iter().filter(|row| labels[**row]).count() as f64 / n;
        n * (1.0 - p * p - (1.0 - p) * (1.0 - p))
    };
    let mut best: Option<(f64, Vec<usize>, bool)> = None;
    if gini(rows) > 0.0 && depth > 0 {
        for feature in 0..matrix.n_features() {
            let mut values: Vec<f32> = rows.iter().map(|row| matrix.row(*row)[feature]).collect();
            let any_missing = values.iter().any(|value| value.is_nan());
            values.retain(|value| !value.is_nan());
            values.sort_by(f32::total_cmp);
            values.dedup();
            for (position, cut) in values.iter().enumerate() {
                for missing_left in [false, true] {
                    let goes_left = |value: f32| {
                        if value.is_nan() { missing_left } else { value <= *cut }
                    };
                    let is_left = |row: &&usize| goes_left(matrix.row(**row)[feature]);
                    let left: Vec<usize> = rows.iter().filter(is_left).copied().collect();
                    let right: Vec<usize> =
                        rows.iter().filter(|row| !is_left(row)).copied().collect();
                    let is_last = position + 1 == values.len();
                    let again = missing_left && (is_last || !any_missing);
                    if left.is_empty() || right.is_empty() || again {
                        continue;
                    }
                    let sum = gini(&left) + gini(&right);
                    if best.as_ref().is_none_or(|best| sum < best.0 - 1e-9) {
                        let side = if goes_left(row[feature]) { left } else { right };
                        best = Some((sum, side, true));
                    } else if best.as_ref().is_some_and(|best| sum < best.0 + 1e-9) {
                        // Two splits as good as each other: the order of features would decide.
                        best = best.map(|(sum, side, _)| (sum, side, false));
                    }
                }
            }
        }
    }
    match best {
        None => rows.iter().filter(|row| labels[**row]).count() as f64 / rows.len() as f64,
        // NaN marks rows below a tie, which no two trees need to break alike.
        Some((_, _, false)) => f64::NAN,
        Some((_, side, true)) => naive_share(matrix, labels, &side, row, depth - 1),
    }
}

#[test]
fn a_tree_of_all_features_is_the_naive_one() {
    let mut random = Pcg64::seed_from_u64(5);
    let mut below = |n: u64| (random.next_u64() >> 33) % n;
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..1_500 {
        let row: [f32; 3] = std::array::from_fn(|_| match below(12) {
            0 => f32::NAN,
            value => value as f32 * 0.37,
        });
        let risk = if row[0].is_nan() { 5 } else { (row[0] * row[1].max(0.0)) as u64 };
        labels.push(below(12) < risk);
        values.extend(row);
    }
    let matrix = Matrix::new(vec![RowType::Numeric; 3], values).expect("a sound matrix");
    let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
    let rows = FitRows::draw(&data, None, 1.0, 0).expect("two classes");
    let columns = Column::learn(&rows, MAX_BINS, 0);
    let learner =
        Forest { max_features: NamedShare::All.into(), max_depth: 5, ..Default::default() };
    let grower = Grower::new(&columns, &rows, learner.rules(3));
    let tree = grower.grow(&[1; 1_500], Pcg64::seed_from_u64(1));

    let all: Vec<usize> = (0..1_500).collect();
    let expected = |row: usize| naive_share(&matrix, &labels, &all, matrix.row(row), 5);
    let compared: Vec<(f64, f64)> = (0..1_500)
        .step_by(5)
        .map(|row| (expected(row), tree.leaf_value(matrix.row(row))))
        .filter(|(expected, _)| !expected.is_nan())
        .collect();
    assert!(compared.len() > 200, "too many ties: {}", compared.len());
    for (expected, found) in compared {
        assert!((expected - found).abs() < 1e-12, "expected {expected}, found {found}");
    }
    // Covers are the rows that come by, gains the fall of the summed squared error.
    for (index, node) in tree.nodes.iter().enumerate() {
        let Node::Split(split) = node else { continue };
        let comes_by = |row: &usize| passes(&tree, matrix.row(*row), index);
        let by: Vec<usize> = all.iter().copied().filter(comes_by).collect();
        assert!((split.cover - by.len() as f64).abs() < 1e-9);
        let squared_error = |rows: &[usize]| {
            let mean = rows.iter().filter(|row| labels[**row]).count() as f64 / rows.len() as f64;
            let error = |row: &usize| f64::from(u8::from(labels[*row])) - mean;
            rows.iter().map(|row| error(row) * error(row)).sum::<f64>()
        };
        let (left, right): (Vec<usize>, Vec<usize>) =
            by.iter().partition(|row| passes(&tree, matrix.row(**row), split.left as usize));
        let expected = squared_error(&by) - squared_error(&left) - squared_error(&right);
        assert!((split.gain - expected).abs() < 1e-9, "{}: {expected}", split.gain);
    }
}

fn passes(tree: &Tree, row: &[f32], wanted: usize) -> bool {
    let mut index = 0;
    loop {
        if index == wanted {
            return true;
        }
        let Node::Split(split) = &tree.nodes[index] else { return false };
        index = split.child(row[split.feature_index as usize]) as usize;
    }
}

#[test]
fn threads_change_nothing_and_seeds_do() {
    let (matrix, labels) = fixture::transactions(2_000, 2);
    let weights: Vec<f64> = (0..2_000).map(|i| 0.5 + (i % 3) as f64).collect();
    for weights in [None, Some(weights.as_slice())] {
        let fit = |n_threads, seed| {
            let learner = Forest { n_trees: 25, seed, ..Default::default() };
            fixture::on_threads(n_threads, || fit(&learner, &matrix, &labels, weights))
        };
        let one = fit(1, 7);
        assert_eq!(one, fit(2, 7));
        assert_eq!(one, fit(4, 7));
        assert_ne!(one, fit(2, 8));
    }
}

#[test]
fn rows_count_by_their_weight() {
    // Groups that only one feature tells apart; in group g a share of the frauds' weight.
    let n_rows = 4_000;
    let values = (0..n_rows).map(|row| (row % 4) as f32).collect();
    let matrix = Matrix::new(vec![RowType::Numeric], values).expect("a sound matrix");
    let labels: Vec<bool> = (0..n_rows).map(|row| row / 4 % 10 == 0).collect();
    // Group 0: all alike; 1: frauds of weight 3; 2: legitimate rows of weight 3; 3: no legitimate
    // rows that weigh anything.
    let weight = |row: usize| match (row % 4, labels[row]) {
        (1, true) | (2, false) => 3.0,
        (3, false) => 0.0,
        _ => 1.0,
    };
    let weights: Vec<f64> = (0..n_rows).map(weight).collect();
    let fitted = fit(&Forest::default(), &matrix, &labels, Some(&weights));
    let Model::Forest(forest) = &fitted.model else { panic!("expected a forest") };
    // Of 100 frauds and 900 others in each group; the mean of 100 samples of as many rows has a
    // standard error of at most 0.1 · sqrt(0.25 / 1000) = 0.0016.
    for (group, expected) in
        [(0.0, 0.1), (1.0, 300.0 / 1_200.0), (2.0, 100.0 / 2_800.0), (3.0, 1.0)]
    {
        let found = forest.margin(&[group]);
        assert!((found - expected).abs() < 0.005, "{group}: expected {expected}, found {found}");
    }
    let total: f64 = weights.iter().sum();
    for tree in grown(&fitted) {
        let Node::Split(root) = &tree.nodes[0] else { panic!("expected a split") };
        assert!((root.cover - total).abs() < 1e-6);
    }
}

#[test]
fn sampling_and_fraud_weight_are_undone() {
    let (matrix, labels) = fixture::transactions(6_000, 4);
    let learner = Forest {
        n_trees: 50,
        // Leaves that are no mere memory of the rows: the mean is then over fitted rows too.
        min_samples_leaf: 50,
        negative_ratio: Some(8.0),
        scale_pos_weight: 2.0,
        ..Default::default()
    };
    let fitted = fit(&learner, &matrix, &labels, None);
    assert_eq!(fitted.n_rows, 9 * fitted.n_frauds);
    fixture::assert_near_base_rate(&fitted, &matrix, 0.15);
}

#[test]
fn limits_hold() {
    let (matrix, labels) = fixture::transactions(3_000, 3);
    let stump = Forest { n_trees: 3, max_depth: 1, ..Default::default() };
    let fitted = fit(&stump, &matrix, &labels, None);
    assert!(grown(&fitted).iter().all(|tree| tree.nodes.len() == 3));
    assert!(fitted.notes.is_empty());
    // 2^26 nodes of an artifact are 6,710 for each of 10,000 trees: more than these need.
    assert_eq!(Forest { n_trees: 10_000, ..Default::default() }.max_nodes(), 6_710);
    let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
    let rows = FitRows::draw(&data, None, 1.0, 0).expect("two classes");
    let columns = Column::learn(&rows, MAX_BINS, 0);
    let rules = Rules { max_nodes: 20, min_samples_leaf: 7, ..Forest::default().rules(5) };
    let tree = Grower::new(&columns, &rows, rules).grow(&[1; 3_000], Pcg64::seed_from_u64(1));
    assert_eq!(tree.nodes.len(), 19);
    for node in &tree.nodes {
        let (Node::Leaf { cover, .. } | Node::Split(Split { cover, .. })) = node;
        assert!(*cover >= 7.0, "{cover}");
    }
}

#[test]
fn odd_columns_break_nothing() {
    let n_rows = 3_000;
    let types = vec![
        RowType::Numeric,
        RowType::Numeric,
        RowType::Numeric,
        RowType::Categorical { n_categories: 50_000 },
        RowType::Categorical { n_categories: 1 },
    ];
    let infinite = [f32::INFINITY, f32::NEG_INFINITY, 3.0, f32::NAN, 0.0];
    let mut values = Vec::new();
    for row in 0..n_rows {
        let code = (row * 7_919 % 50_000) as f32;
        values.extend([1.0, f32::NAN, infinite[row % 5], code, 0.0]);
    }
    let matrix = Matrix::new(types, values).expect("a sound matrix");
    // Fraud is what is +∞ or missing in the third feature, and nothing else.
    let labels: Vec<bool> = (0..n_rows).map(|row| row % 5 == 0 || row % 5 == 3).collect();
    let learner = Forest { max_features: NamedShare::All.into(), ..Default::default() };
    let fitted = fit(&learner, &matrix, &labels, None);
    let Model::Forest(forest) = &fitted.model else { panic!("expected a forest") };
    for (value, expected) in
        infinite.into_iter().chain([f32::MAX]).zip([1.0, 0.0, 0.0, 1.0, 0.0, 1.0])
    {
        let found = forest.margin(&[1.0, f32::NAN, value, f32::NAN, 0.0]);
        assert!((found - expected).abs() < 1e-12, "{value}: expected {expected}, found {found}");
    }
    let splits = grown(&fitted).iter().flat_map(|tree| &tree.nodes).filter_map(|node| match node {
        Node::Split(split) => Some(split),
        Node::Leaf { .. } => None,
    });
    for split in splits {
        assert!(split.feature_index == 2, "nothing to part: {split:?}");
        if let SplitTest::AtMost(value) = split.test {
            assert!(value.is_finite());
        }
    }
}

#[test]
fn categories_go_by_their_fraud_rate_and_rare_ones_together() {
    // Codes 0, 1 and 2 are common, with 10, 0 and 5 frauds of 110 rows; 3 and 4 have a fraud and a
    // legitimate row or two; code 5 is in no row.
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for (code, n_rows, n_frauds) in
        [(0.0, 110, 10), (1.0, 110, 0), (2.0, 110, 5), (3.0, 2, 2), (4.0, 60, 0)]
    {
        values.extend(std::iter::repeat_n(code, n_rows));
        labels.extend((0..n_rows).map(|row| row < n_frauds));
    }
    let matrix = Matrix::new(vec![RowType::Categorical { n_categories: 6 }], values);
    let matrix = matrix.expect("a sound matrix");
    let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
    let rows = FitRows::draw(&data, None, 1.0, 0).expect("two classes");
    let column = &Column::learn(&rows, MAX_BINS, 0)[0];
    assert_eq!(column.last_cut, 4);
    // Rates: 0 of 110, 2 of 62, 5 of 110, 10 of 110.
    let orders: [&[u32]; 4] = [&[1], &[1, 3, 4, 5], &[1, 2, 3, 4, 5], &[0, 1, 2, 3, 4, 5]];
    for (cut, codes) in (1..).zip(orders) {
        let SplitTest::OneOf(set) = column.test(cut) else { panic!("expected categories") };
        let found: Vec<u32> = (0..6).filter(|code| set.contains(*code as usize)).collect();
        assert_eq!(found, codes);
    }
}

#[test]
fn a_feature_may_fill_all_bins() {
    let values = (0..1_000).map(|row| row as f32).collect();
    let matrix = Matrix::new(vec![RowType::Numeric], values).expect("a sound matrix");
    let labels: Vec<bool> = (0..1_000).map(|row| row % 3 == 0).collect();
    let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
    let rows = FitRows::draw(&data, None, 1.0, 0).expect("two classes");
    let column = &Column::learn(&rows, MAX_BINS, 0)[0];
    assert_eq!((column.ranks[0], column.ranks[999], column.last_cut), (1, 254, 254));
    assert_eq!(column.test(254), SplitTest::AtMost(f32::MAX.next_down()));
}
