//! Missing values, categories, weights, monotone constraints, sampling and early stopping.

use shroff_serve::model::{Node, SplitTest};

use super::super::bins::{BinSet, FeatureBins};
use super::super::objective::Bag;
use super::super::tree::{BinnedNode, BinnedSplit, BinnedTree};
use super::super::{StopMetric, Stopping};
use super::{Gbdt, GrowPolicy, categories, fit, forest, numbers, root, small};
use crate::learner::sample::{FitRows, mix};
use crate::learner::{Learner, LearnerConfig, NoProgress, fixture};
use crate::matrix::TrainingSet;

const POLICIES: [GrowPolicy; 2] = [GrowPolicy::Leafwise, GrowPolicy::Symmetric];

#[test]
fn missing_values_go_where_they_belong() {
    // Values 0 to 3 in turn; 3 is fraud, and so is what is missing in one table, not in the other.
    for (policy, missing_is_fraud) in POLICIES.into_iter().flat_map(|p| [(p, false), (p, true)]) {
        let value = |row: usize| if row.is_multiple_of(5) { f32::NAN } else { (row % 4) as f32 };
        let values: Vec<f32> = (0..400).map(value).collect();
        let fraud = |value: &f32| if value.is_nan() { missing_is_fraud } else { *value > 2.5 };
        let labels: Vec<bool> = values.iter().map(fraud).collect();
        let fitted = fit(&small(policy), &numbers(1, values), &labels, None);
        let split = root(&fitted);
        assert_eq!(split.test, SplitTest::AtMost(2.5));
        assert_eq!(split.default_left, !missing_is_fraud);
    }
    // A table without missing values sends them to the heavier side.
    let values: Vec<f32> = (0..400).map(|row| (row % 4) as f32).collect();
    let labels: Vec<bool> = values.iter().map(|value| *value > 2.5).collect();
    assert!(
        root(&fit(&small(GrowPolicy::Leafwise), &numbers(1, values), &labels, None)).default_left
    );
    // What is missing may be all that matters.
    let values: Vec<f32> =
        (0..400).map(|row| if row % 7 == 0 { f32::NAN } else { (row % 4) as f32 }).collect();
    let labels: Vec<bool> = values.iter().map(|value| value.is_nan()).collect();
    let split =
        root(&fit(&small(GrowPolicy::Leafwise), &numbers(1, values), &labels, None)).clone();
    assert_eq!((split.test, split.default_left), (SplitTest::AtMost(f32::MAX.next_down()), false));
}

#[test]
fn categories_are_parted_by_their_risk() {
    // Codes 2, 5 and 11 of 12 are frauds; code 12 is in no row.
    let codes: Vec<f32> = (0..1_200).map(|row| (row % 12) as f32).collect();
    let labels: Vec<bool> = codes.iter().map(|code| [2.0, 5.0, 11.0].contains(code)).collect();
    for policy in POLICIES {
        let fitted = fit(&small(policy), &categories(13, codes.clone()), &labels, None);
        let SplitTest::OneOf(set) = &root(&fitted).test else { panic!("expected categories") };
        let side: Vec<bool> = (0..12).map(|code| set.contains(code)).collect();
        let risky = side[2];
        let expected: Vec<bool> =
            (0..12).map(|code| if [2, 5, 11].contains(&code) { risky } else { !risky }).collect();
        assert_eq!(side, expected);
        // What was never seen goes with the many, as what is missing does.
        assert_eq!(set.contains(12), !risky);
        assert_eq!(root(&fitted).default_left, !risky);
    }
    // A cap of 2 on the smaller side leaves one of the three with the others.
    let capped = Gbdt { max_cat_threshold: 2, ..small(GrowPolicy::Leafwise) };
    let fitted = fit(&capped, &categories(13, codes), &labels, None);
    let SplitTest::OneOf(set) = &root(&fitted).test else { panic!("expected categories") };
    let n_left = (0..12).filter(|code| set.contains(*code)).count();
    assert!([2, 10].contains(&n_left), "{n_left}");
}

#[test]
fn a_weight_is_as_many_copies() {
    let (matrix, labels) = fixture::transactions(1_500, 5);
    let weights: Vec<f64> = (0..1_500).map(|row| (1 + row % 3) as f64).collect();
    let copies: Vec<usize> =
        (0..1_500).flat_map(|row| std::iter::repeat_n(row, 1 + row % 3)).collect();
    let copied_labels: Vec<bool> = copies.iter().map(|row| labels[*row]).collect();
    for policy in POLICIES {
        let learner = small(policy);
        let weighted = fit(&learner, &matrix, &labels, Some(&weights));
        let copied = fit(&learner, &matrix.select(&copies), &copied_labels, None);
        for row in 0..1_500 {
            let margin = |fitted| forest(fitted).margin(matrix.row(row));
            assert!((margin(&weighted) - margin(&copied)).abs() < 1e-5);
        }
        let cover = |fitted| root(fitted).cover;
        assert!((cover(&weighted) - cover(&copied)).abs() < 1e-6);
    }
}

#[test]
fn monotone_constraints_hold_everywhere() {
    // The risk falls with the first feature although it may only rise, and waves with the second.
    let rows = 0..3_000_u32;
    let values: Vec<f32> =
        rows.clone().flat_map(|row| [(row * 7 % 100) as f32, (row * 13 % 97) as f32]).collect();
    let fraud = |row: u32| {
        let (first, second) = (row * 7 % 100, row * 13 % 97);
        (row * 31 % 100) < 40 - first / 3 + 20 * (second / 10 % 2)
    };
    let labels: Vec<bool> = rows.map(fraud).collect();
    let names = ["first", "second"].map(std::sync::Arc::from);
    let matrix = numbers(2, values).with_feature_names(names);
    for policy in POLICIES {
        let learner = Gbdt {
            num_iterations: 30,
            monotone_constraints: [("first".to_owned(), 1), ("second".to_owned(), -1)].into(),
            ..small(policy)
        };
        let fitted = fit(&learner, &matrix, &labels, None);
        let free = fit(
            &Gbdt { monotone_constraints: Default::default(), ..learner },
            &matrix,
            &labels,
            None,
        );
        let mut falls_freely = false;
        for other in 0..97 {
            for value in 0..100 {
                let margin =
                    |fitted, first, second| forest(fitted).margin(&[first as f32, second as f32]);
                assert!(margin(&fitted, value, other) <= margin(&fitted, value + 1, other));
                assert!(margin(&fitted, value, other) >= margin(&fitted, value, other + 1));
                falls_freely |= margin(&free, value, other) > margin(&free, value + 1, other);
            }
        }
        assert!(falls_freely);
    }
    let unknown =
        Gbdt { monotone_constraints: [("third".to_owned(), 1)].into(), ..Gbdt::default() };
    let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
    let error = unknown.fit(&data, &NoProgress).expect_err("no such feature").to_string();
    assert!(error.contains("first, second") && error.contains("third"), "{error}");
}

#[test]
fn sampling_and_fraud_weight_keep_the_base_rate() {
    let (matrix, labels) = fixture::transactions(8_000, 4);
    let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
    let base = Gbdt { num_iterations: 40, learning_rate: 0.1, ..Default::default() };
    for learner in [
        Gbdt { negative_ratio: Some(8.0), scale_pos_weight: 2.0, ..base.clone() },
        Gbdt { neg_bagging_fraction: Some(0.3), feature_fraction: 0.6, ..base.clone() },
        Gbdt { bagging_fraction: 0.5, ..base },
    ] {
        let fitted = learner.fit(&data, &NoProgress).expect("sound data");
        fixture::assert_near_base_rate(&fitted, &matrix, 0.1);
        // Every row counts in the covers, drawn or not.
        let Node::Split(split) = &forest(&fitted).trees[5].nodes[0] else { panic!("no split") };
        let total = FitRows::draw(&data, learner.negative_ratio, learner.scale_pos_weight, 0)
            .expect("two classes")
            .weights
            .iter()
            .sum::<f64>();
        assert!((split.cover - total).abs() < 1e-6, "{} {total}", split.cover);
    }
}

#[test]
fn rounds_end_when_nothing_is_gained() {
    let matrix = numbers(1, vec![0.0, 0.0, 1.0, 1.0]);
    let labels = [false, false, true, true];
    let stop = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
    let rows = FitRows::draw(&stop, None, 1.0, 0).expect("two classes");
    let bins = FeatureBins::learn(&rows, 255, 0);
    let mut left_bins = BinSet::default();
    left_bins.insert(1);
    let tree = |left: f64, right: f64| BinnedTree {
        nodes: vec![
            BinnedNode::Split(BinnedSplit { feature: 0, left_bins, left: 1, right: 2, gain: 1.0 }),
            BinnedNode::Leaf(0),
            BinnedNode::Leaf(1),
        ],
        outputs: vec![left, right],
    };
    // Right, better, wrong, wrong: two rounds after the second the best is known.
    let rounds = [tree(-1.0, 1.0), tree(-1.0, 1.0), tree(0.5, -0.5), tree(3.0, -3.0)];
    let ends = |stopping: &mut Stopping<'_>, tree: &BinnedTree| {
        stopping.add(tree);
        stopping.is_over()
    };
    let mut log_loss = Stopping::new(&stop, &bins, (0.0, 0.0), StopMetric::LogLoss, 2);
    let over: Vec<bool> = rounds.iter().map(|tree| ends(&mut log_loss, tree)).collect();
    assert_eq!((over, log_loss.best_round()), (vec![false, false, false, true], 2));
    // The order is perfect from the first round on, and never better.
    let metric = StopMetric::AveragePrecision;
    let mut precision = Stopping::new(&stop, &bins, (0.0, 0.0), metric, 2);
    let over: Vec<bool> = rounds.iter().map(|tree| ends(&mut precision, tree)).collect();
    assert_eq!((over, precision.best_round()), (vec![false, false, true, true], 1));
}

#[test]
fn the_best_rounds_are_kept_and_fitted_again() {
    let (matrix, labels) = fixture::transactions(4_000, 8);
    let (stop_matrix, stop_labels) = fixture::transactions(1_500, 9);
    let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
    let stop = TrainingSet { matrix: &stop_matrix, labels: &stop_labels, weights: None };
    let alone = Gbdt { early_stopping_rounds: 10, learning_rate: 0.3, ..Gbdt::default() };
    let parallel = Gbdt { num_parallel_tree: 3, bagging_fraction: 0.5, ..alone.clone() };
    for learner in [alone, parallel] {
        let fitted = learner.fit_until(&data, &stop, &NoProgress).expect("sound data");
        let [n_rounds] = fitted.n_rounds[..] else { panic!("stopped by rounds") };
        assert_eq!(forest(&fitted).trees.len(), n_rounds * learner.num_parallel_tree);
        assert!(n_rounds + 10 < learner.num_iterations, "{n_rounds}");
        let again = LearnerConfig::Gbdt(learner).for_refit(&fitted);
        let refitted = again.learner().fit_until(&data, &stop, &NoProgress).expect("sound data");
        assert_eq!((refitted.n_rounds, &refitted.model), (vec![], &fitted.model));
    }
}

/// Every leaf against a sum over the rows of its tree's bag that reach it, at the margins of the rounds
/// before.
#[test]
fn trees_of_a_round_share_its_margins_and_its_step() {
    let (matrix, labels) = fixture::transactions(3_000, 5);
    let (n_parallel, fractions) = (4, [0.5, 0.8]);
    let alike = fit(&Gbdt { num_parallel_tree: 2, ..Gbdt::default() }, &matrix, &labels, None);
    assert!(alike.notes[0].contains("bagging_fraction"), "{:?}", alike.notes);
    for policy in POLICIES {
        let learner = Gbdt {
            num_parallel_tree: n_parallel,
            neg_bagging_fraction: Some(fractions[0]),
            pos_bagging_fraction: Some(fractions[1]),
            seed: 11,
            ..small(policy)
        };
        let fitted = fit(&learner, &matrix, &labels, None);
        let trees = &forest(&fitted).trees;
        assert_eq!(trees.len(), learner.num_iterations * n_parallel);
        let n_frauds = labels.iter().filter(|label| **label).count() as f64;
        let mut margins = vec![libm::log(n_frauds / (3_000.0 - n_frauds)); 3_000];
        for (round, of_round) in trees.chunks(n_parallel).enumerate() {
            let mut steps = vec![0.0; 3_000];
            for (parallel, tree) in of_round.iter().enumerate() {
                let seed = mix(learner.seed, (round * n_parallel + parallel) as u64);
                let bag = Bag { seed, fractions };
                let mut sums = vec![(0.0, 0.0); tree.nodes.len()];
                for (row, label) in
                    labels.iter().enumerate().filter(|(row, y)| bag.holds(*row, **y))
                {
                    let weight = 1.0 / fractions[usize::from(*label)];
                    let p = 1.0 / (1.0 + libm::exp(-margins[row]));
                    let sum = &mut sums[tree.leaf_index(matrix.row(row))];
                    sum.0 += weight * (p - f64::from(u8::from(*label)));
                    sum.1 += weight * p * (1.0 - p);
                }
                for (node, (gradient, hessian)) in tree.nodes.iter().zip(sums) {
                    let Node::Leaf { value, .. } = node else { continue };
                    let step = -gradient / (hessian + learner.lambda_l2);
                    let expected = learner.learning_rate * step / n_parallel as f64;
                    assert!(
                        hessian == 0.0 || (value - expected).abs() < 1e-6,
                        "{value} {expected}"
                    );
                }
                for (row, step) in steps.iter_mut().enumerate() {
                    let Node::Leaf { value, .. } = tree.nodes[tree.leaf_index(matrix.row(row))]
                    else {
                        panic!("no leaf")
                    };
                    *step += value;
                }
            }
            assert!(of_round.windows(2).all(|pair| pair[0] != pair[1]), "{policy:?} {round}");
            margins.iter_mut().zip(steps).for_each(|(margin, step)| *margin += step);
        }
    }
}
