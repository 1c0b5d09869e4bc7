//! Contributions against Shapley values counted out over every set of features, on small forests of
//! all kinds.

use super::Contributions;
use crate::model::{
    Aggregation, CategorySet, Forest, Linear, Model, Node, RowType, Split, SplitTest, Term, Tree,
};

/// A small linear congruential generator: the test needs variety, not randomness.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// Few features, so that paths ask for the same one again and sets can be counted out.
const ROW: [RowType; 6] = [
    RowType::Numeric,
    RowType::Numeric,
    RowType::Categorical { n_categories: 3 },
    RowType::Numeric,
    RowType::Categorical { n_categories: 70 },
    RowType::Numeric,
];

fn question(dice: &mut Dice) -> Split {
    let feature = dice.below(ROW.len());
    let test = match ROW[feature].n_categories() {
        None => SplitTest::AtMost(dice.below(9) as f32 - 4.0),
        Some(n) => SplitTest::OneOf(CategorySet::new(n, (0..n).filter(|_| dice.below(2) == 0))),
    };
    let (feature_index, default_left) = (feature as u32, dice.below(2) == 0);
    Split { feature_index, test, default_left, left: 0, right: 0, cover: 0.0, gain: 1.0 }
}

fn leaf(dice: &mut Dice) -> Node {
    let value = dice.below(1 << 20) as f64 / f64::from(1 << 20);
    // One leaf in four was reached by no row, and so are some splits above them.
    // A few covers are about as far apart as covers can be.
    let cover = match dice.below(40) {
        0 => 1e28,
        1 => 5e-324,
        some => (some % 4) as f64 * 0.75,
    };
    Node::Leaf { value, cover }
}

/// Covers of splits, from the leaves up.
fn covered(mut nodes: Vec<Node>) -> Tree {
    let cover_of = |node: &Node| match node {
        Node::Leaf { cover, .. } | Node::Split(Split { cover, .. }) => *cover,
    };
    for index in (0..nodes.len()).rev() {
        if let Node::Split(Split { left, right, .. }) = nodes[index] {
            let sum = cover_of(&nodes[left as usize]) + cover_of(&nodes[right as usize]);
            if let Node::Split(split) = &mut nodes[index] {
                split.cover = sum;
            }
        }
    }
    Tree { nodes }
}

/// Splits random leaves.
fn leaf_wise(n_splits: usize, deepest_first: bool, dice: &mut Dice) -> Tree {
    let mut nodes = vec![leaf(dice)];
    let mut leaves = vec![0];
    for _ in 0..n_splits {
        let chosen = if deepest_first { leaves.len() - 1 } else { dice.below(leaves.len()) };
        let index = leaves.swap_remove(chosen);
        let (left, right) = (nodes.len(), nodes.len() + 1);
        let asked = question(dice);
        nodes[index] = Node::Split(Split { left: left as u32, right: right as u32, ..asked });
        nodes.extend([leaf(dice), leaf(dice)]);
        leaves.extend([left, right]);
    }
    covered(nodes)
}

/// One question for each level.
fn symmetric(depth: usize, dice: &mut Dice) -> Tree {
    let questions: Vec<Split> = (0..depth).map(|_| question(dice)).collect();
    let n_inner = (1_usize << depth) - 1;
    let inner = (0..n_inner).map(|index| {
        let asked = questions[(index + 1).ilog2() as usize].clone();
        let left = index as u32 * 2 + 1;
        Node::Split(Split { left, right: left + 1, ..asked })
    });
    let mut nodes: Vec<Node> = inner.collect();
    nodes.extend((0..=n_inner).map(|_| leaf(dice)));
    covered(nodes)
}

fn row(dice: &mut Dice) -> Vec<f32> {
    let value = |row_type: &RowType| match (dice.below(6), row_type.n_categories()) {
        (0, _) => f32::NAN,
        (_, None) => dice.below(11) as f32 - 5.0,
        // One code in so many does not exist.
        (_, Some(n_categories)) => dice.below(n_categories as usize + 1) as f32,
    };
    ROW.iter().map(value).collect()
}

/// What a tree says when only the features of a set are known.
fn worth(tree: &Tree, node: usize, row: &[f32], known: usize) -> f64 {
    let split = match &tree.nodes[node] {
        Node::Leaf { value, .. } => return *value,
        Node::Split(split) => split,
    };
    let feature = split.feature_index as usize;
    if known >> feature & 1 == 1 {
        return worth(tree, split.child(row[feature]) as usize, row, known);
    }
    let children = [split.left as usize, split.right as usize];
    let covers = children.map(|child| match &tree.nodes[child] {
        Node::Leaf { cover, .. } | Node::Split(Split { cover, .. }) => *cover,
    });
    let [left, right] = children.map(|child| worth(tree, child, row, known));
    let sum: f64 = covers.iter().sum();
    // Divided first: the least covers times a value would be rounded to nothing.
    let [to_left, to_right] = covers.map(|cover| if sum == 0.0 { 0.5 } else { cover / sum });
    to_left * left + to_right * right
}

/// The Shapley values by their definition.
fn shapley(tree: &Tree, row: &[f32]) -> Vec<f64> {
    let n = row.len();
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    let worths: Vec<f64> = (0..1 << n).map(|known| worth(tree, 0, row, known)).collect();
    let value = |feature: usize| {
        let without = (0..1_usize << n).filter(|known| known >> feature & 1 == 0);
        let terms = without.map(|known| {
            let size = known.count_ones() as usize;
            let weight = factorial(size) * factorial(n - size - 1) / factorial(n);
            weight * (worths[known | 1 << feature] - worths[known])
        });
        terms.sum()
    };
    (0..n).map(value).collect()
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() < 1e-13, "{what}: expected {expected}, found {found}");
}

#[test]
fn trees_are_taken_apart_as_by_the_definition() {
    let mut dice = Dice(11);
    for round in 0..if cfg!(miri) { 4 } else { 600 } {
        // Deep ones as well: a tree of 40 splits below one another asks for each feature again
        // and again, and needs the most points.
        let tree = match round % 4 {
            0 => symmetric(1 + dice.below(6), &mut dice),
            1 => leaf_wise(9 + round % 33, true, &mut dice),
            _ => leaf_wise(dice.below(24), false, &mut dice),
        };
        let aggregation = Aggregation::Additive { start: 0.0 };
        let (symmetric, trees) = (round % 4 == 0, vec![tree]);
        let model = Model::Forest(Forest { aggregation, symmetric, trees });
        model.check(&ROW).expect("the forest is sound");
        let Model::Forest(forest) = &model else { unreachable!() };
        let tree = &forest.trees[0];
        for _ in 0..3 {
            let row = row(&mut dice);
            let found = Contributions::of(&model, &row);
            close(found.base, worth(tree, 0, &row, 0), "base");
            for (found, expected) in found.features.iter().zip(shapley(tree, &row)) {
                close(*found, expected, &format!("{row:?} {tree:?}"));
            }
        }
    }
}

#[test]
fn a_forest_is_the_sum_or_the_mean_of_its_trees() {
    let mut dice = Dice(12);
    let trees: Vec<Tree> = (0..7).map(|_| leaf_wise(20, false, &mut dice)).collect();
    let model =
        |aggregation| Model::Forest(Forest { aggregation, symmetric: false, trees: trees.clone() });
    let (sum, mean) = (model(Aggregation::Additive { start: -4.5 }), model(Aggregation::Averaged));
    for _ in 0..if cfg!(miri) { 1 } else { 20 } {
        let row = row(&mut dice);
        let each: Vec<Vec<f64>> = trees.iter().map(|tree| shapley(tree, &row)).collect();
        let base: f64 = trees.iter().map(|tree| worth(tree, 0, &row, 0)).sum();
        let (added, averaged) = (Contributions::of(&sum, &row), Contributions::of(&mean, &row));
        close(added.base, base - 4.5, "base of a sum");
        close(averaged.base, base / 7.0, "base of a mean");
        for feature in 0..ROW.len() {
            let expected: f64 = each.iter().map(|values| values[feature]).sum();
            close(added.features[feature], expected, "sum");
            close(averaged.features[feature], expected / 7.0, "mean");
        }
    }
}

/// The difference that the documentation allows, where trees are of very different sizes.
#[test]
fn contributions_sum_to_the_margin() {
    let mut dice = Dice(14);
    let (n_rounds, n_trees) = if cfg!(miri) { (1, 20) } else { (20, 200) };
    for _ in 0..n_rounds {
        let mut trees: Vec<Tree> = (0..n_trees).map(|_| leaf_wise(40, false, &mut dice)).collect();
        let mut allowed = 0.0;
        for tree in &mut trees {
            let size = [1e-20, 1.0, -1.0, 1e6, -1e6, 1e20][dice.below(6)];
            let mut greatest = 0.0_f64;
            for node in &mut tree.nodes {
                if let Node::Leaf { value, .. } = node {
                    *value *= size;
                    greatest = greatest.max(value.abs());
                }
            }
            allowed += 1e-12 * greatest;
        }
        let aggregation = Aggregation::Additive { start: -4.5 };
        let forest = Forest { aggregation, symmetric: false, trees };
        let model = Model::Forest(forest.clone());
        for _ in 0..n_rounds {
            let row = row(&mut dice);
            let Contributions { base, features } = Contributions::of(&model, &row);
            let sum = base + features.iter().sum::<f64>();
            assert!((sum - forest.margin(&row)).abs() <= allowed, "{sum}: {row:?}");
        }
    }
}

/// A tree with many features on each of its paths of 64 splits: too many sets to count, but what
/// is known of all trees must hold.
#[test]
fn the_deepest_tree_sums_to_its_margin() {
    let mut dice = Dice(13);
    let mut nodes = Vec::new();
    for level in 0..64_u32 {
        let asked =
            Split { feature_index: level, test: SplitTest::AtMost(0.0), ..question(&mut dice) };
        nodes.push(Node::Split(Split { left: 2 * level + 1, right: 2 * level + 2, ..asked }));
        nodes.push(leaf(&mut dice));
    }
    nodes.push(Node::Leaf { value: 1.0, cover: 1.0 });
    let aggregation = Aggregation::Additive { start: 0.25 };
    let forest = Forest { aggregation, symmetric: false, trees: vec![covered(nodes)] };
    let model = Model::Forest(forest.clone());
    model.check(&[RowType::Numeric; 64]).expect("the forest is sound");
    let mut bases = Vec::new();
    for one_in in [2, 3, 9, 1_000_000] {
        let row: Vec<f32> =
            (0..64).map(|_| if dice.below(one_in) == 0 { -1.0 } else { 1.0 }).collect();
        let Contributions { base, features } = Contributions::of(&model, &row);
        close(base + features.iter().sum::<f64>(), forest.margin(&row), "sum");
        bases.push(base.to_bits());
    }
    bases.dedup();
    assert_eq!(bases.len(), 1, "the base knows nothing of the row");
}

#[test]
fn a_linear_model_is_taken_apart_by_hand() {
    let model = Model::Linear(Linear {
        bias: -1.0,
        terms: vec![
            Term::Numeric {
                weight: 2.0,
                mean: 10.0,
                scale: 4.0,
                imputed: 8.0,
                missing_weight: 0.25,
                mean_contribution: 0.5,
            },
            Term::Categorical {
                weights: vec![0.5, -0.5],
                missing_weight: 0.125,
                mean_contribution: 0.0625,
            },
        ],
    });
    // −1 + 0.5 + 0.0625; 2 · (12 − 10)/4 − 0.5; −0.5 − 0.0625
    let known = Contributions { base: -0.4375, features: vec![0.5, -0.5625] };
    assert_eq!(Contributions::of(&model, &[12.0, 1.0]), known);
    // 2 · (8 − 10)/4 + 0.25 − 0.5; 0.125 − 0.0625
    let missing = Contributions { base: -0.4375, features: vec![-1.25, 0.0625] };
    assert_eq!(Contributions::of(&model, &[f32::NAN, f32::NAN]), missing);
}
