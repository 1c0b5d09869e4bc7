//! Every engine gives the bits of the definition, on forests and rows of all kinds.

use super::batch::BatchEngine;
use super::{ForestEngine, Rows};
use crate::model::{
    Aggregation, CategorySet, Forest, Model, Node, RowType, Split, SplitTest, Tree,
};

/// A small linear congruential generator: the test needs variety, not randomness.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// What random forests have in common.
struct Shape {
    row: Vec<RowType>,
    symmetric: bool,
    averaged: bool,
    n_trees: usize,
    n_leaves: usize,
}

/// Few values, so that trees share them; the odd ones are where a comparison may go wrong.
fn split_value(dice: &mut Dice) -> f32 {
    match dice.below(8) {
        0 => dice.pick(&[0.0, -0.0, f32::MIN, f32::MIN_POSITIVE, -1e-45, 1e-45, 3e38, -1.0]),
        _ => (dice.below(300) as f32 - 150.0) / 8.0,
    }
}

fn question(shape: &Shape, dice: &mut Dice) -> Split {
    let feature = dice.below(shape.row.len());
    let test = match shape.row[feature].n_categories() {
        None => SplitTest::AtMost(split_value(dice)),
        Some(n) => SplitTest::OneOf(CategorySet::new(n, (0..n).filter(|_| dice.below(2) == 0))),
    };
    let (feature_index, default_left) = (feature as u32, dice.below(2) == 0);
    Split { feature_index, test, default_left, left: 0, right: 0, cover: 1.0, gain: 1.0 }
}

fn leaf(dice: &mut Dice, averaged: bool) -> Node {
    let value = dice.below(1 << 20) as f64 / 1_500_007.0;
    Node::Leaf { value: if averaged { value } else { value - 0.35 }, cover: 1.0 }
}

/// Splits random leaves until there are enough of them.
fn leaf_wise(shape: &Shape, dice: &mut Dice) -> Tree {
    let mut nodes = vec![leaf(dice, shape.averaged)];
    let mut leaves = vec![(0, 0)];
    for _ in 1..=dice.below(shape.n_leaves) {
        let (index, depth) = leaves.swap_remove(dice.below(leaves.len()));
        let (left, right) = (nodes.len(), nodes.len() + 1);
        if depth < 60 {
            let asked = question(shape, dice);
            nodes[index] = Node::Split(Split { left: left as u32, right: right as u32, ..asked });
            nodes.extend([leaf(dice, shape.averaged), leaf(dice, shape.averaged)]);
            leaves.extend([(left, depth + 1), (right, depth + 1)]);
        } else {
            leaves.push((index, depth));
        }
    }
    Tree { nodes }
}

/// One question for each level.
fn symmetric(shape: &Shape, dice: &mut Dice) -> Tree {
    let depth = dice.below(shape.n_leaves.ilog2() as usize + 2);
    let questions: Vec<Split> = (0..depth).map(|_| question(shape, dice)).collect();
    let n_inner = (1_usize << depth) - 1;
    let inner = (0..n_inner).map(|index| {
        let asked = questions[(index + 1).ilog2() as usize].clone();
        let left = index as u32 * 2 + 1;
        Node::Split(Split { left, right: left + 1, ..asked })
    });
    let mut nodes: Vec<Node> = inner.collect();
    nodes.extend((0..=n_inner).map(|_| leaf(dice, shape.averaged)));
    Tree { nodes }
}

fn forest(shape: &Shape, dice: &mut Dice) -> Forest {
    let grow = if shape.symmetric { symmetric } else { leaf_wise };
    let trees = (0..shape.n_trees).map(|_| grow(shape, dice)).collect();
    let aggregation =
        if shape.averaged { Aggregation::Averaged } else { Aggregation::Additive { start: -0.5 } };
    let forest = Forest { aggregation, symmetric: shape.symmetric, trees };
    Model::Forest(forest.clone()).check(&shape.row).expect("the forest is sound");
    forest
}

/// A row of values that splits use, their neighbours, and odd ones; or of none that is missing.
fn row(shape: &Shape, dice: &mut Dice) -> Vec<f32> {
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.0, f32::MAX, f32::MIN, 0.5];
    let none_odd = dice.below(4) == 0;
    let mut value = |row_type: &RowType| match (dice.below(6), row_type.n_categories()) {
        (0, _) if !none_odd => dice.pick(&odd),
        (1, None) => split_value(dice).next_up(),
        (2, None) => split_value(dice).next_down(),
        (_, None) => split_value(dice),
        (_, Some(n_categories)) => dice.below(n_categories as usize + 2) as f32,
    };
    shape.row.iter().map(&mut value).collect()
}

/// Rows of the longest batch: two blocks, a step of sixteen, and a few.
const N_ROWS: usize = if cfg!(miri) { 81 } else { 150 };

fn all_engines_agree(shape: &Shape, dice: &mut Dice, seen: &mut Vec<&'static str>) {
    let forest = forest(shape, dice);
    let rows: Vec<Vec<f32>> = (0..N_ROWS).map(|_| row(shape, dice)).collect();
    let expected: Vec<u64> = rows.iter().map(|row| forest.margin(row).to_bits()).collect();
    let engines = ForestEngine::all(&forest, &shape.row);
    assert!(engines.iter().any(|engine| engine.name() == "walk"), "it takes every forest");
    for engine in &engines {
        for (row, expected) in rows.iter().zip(&expected) {
            assert_eq!(engine.margin(row).to_bits(), *expected, "{} {row:?}", engine.name());
        }
        let allocated = allocation_counter::measure(|| {
            std::hint::black_box(engine.margin(&rows[0]));
        });
        assert_eq!(allocated.count_total, 0, "{}", engine.name());
        seen.push(engine.name());
    }

    let flat = rows.concat();
    let column = |feature| rows.iter().map(|row| row[feature]).collect();
    let columns: Vec<Vec<f32>> = (0..shape.row.len()).map(column).collect();
    let columns: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
    let layouts = [Rows::ByRow(&flat, shape.row.len()), Rows::ByColumn(&columns)];
    // Every size comes up, though not for every forest.
    let sizes = [dice.below(41), dice.below(41), 64 + dice.below(17), N_ROWS];
    for engine in BatchEngine::all(&forest, &shape.row) {
        for (rows, n_rows) in layouts.iter().flat_map(|rows| sizes.map(|size| (*rows, size))) {
            let first = dice.below(N_ROWS - n_rows + 1);
            let mut margins = [f64::NAN; N_ROWS];
            let margins = &mut margins[..n_rows];
            let allocated = allocation_counter::measure(|| {
                engine.margins(&engines[0], rows, first, margins);
            });
            assert_eq!(allocated.count_total, 0, "{}", engine.name());
            for (margin, expected) in margins.iter().zip(&expected[first..]) {
                assert_eq!(margin.to_bits(), *expected, "{} {n_rows} rows", engine.name());
            }
        }
        seen.push(engine.name());
    }
}

#[test]
fn every_engine_gives_the_bits_of_the_definition() {
    let mut dice = Dice(7);
    let mut seen = Vec::new();
    let numeric = |n: usize| vec![RowType::Numeric; n];
    let mixed = |n: usize| {
        let kind = |at: usize| match at % 5 {
            3 => RowType::Categorical { n_categories: 3 },
            4 => RowType::Categorical { n_categories: 70 },
            _ => RowType::Numeric,
        };
        (0..n).map(kind).collect::<Vec<_>>()
    };
    let (n_features, n_trees, n_leaves): (&[_], &[_], &[_]) = match cfg!(miri) {
        true => (&[5, 33], &[3], &[8, 33]),
        false => (
            &[1, 2, 5, 16, 30, 32, 33, 64, 65, 100, 513],
            &[1, 7, 16, 17, 100, 112, 129, 300],
            &[31, 31, 32, 64, 250],
        ),
    };
    for n_features in n_features.iter().copied() {
        for n_trees in n_trees.iter().copied() {
            for symmetric in [false, true] {
                let averaged = dice.below(3) == 0;
                let n_leaves = dice.pick(n_leaves);
                let row = if dice.below(2) == 0 { numeric(n_features) } else { mixed(n_features) };
                let shape = Shape { row, symmetric, averaged, n_trees, n_leaves };
                all_engines_agree(&shape, &mut dice, &mut seen);
            }
        }
    }
    if cfg!(miri) {
        return;
    }
    // So many splits of one feature that its values take several steps to rank.
    for (row, n_trees) in [(numeric(1), 128), (numeric(2), 260), (mixed(4), 200)] {
        let shape = Shape { row, symmetric: false, averaged: false, n_trees, n_leaves: 32 };
        all_engines_agree(&shape, &mut dice, &mut seen);
    }
    // The tallest tree there may be.
    let shape =
        Shape { row: mixed(9), symmetric: false, averaged: true, n_trees: 3, n_leaves: 900 };
    all_engines_agree(&shape, &mut dice, &mut seen);
    seen.sort_unstable();
    seen.dedup();
    let wide = ["symmetric_avx512", "masks_avx512", "walk_avx512", "blocks_avx512"];
    let gathers = ["symmetric_avx512_gather", "masks_avx512_gather"];
    let narrow = ["symmetric_avx2", "masks_avx2", "blocks_avx2"];
    for engine in wide.into_iter().chain(gathers).chain(narrow) {
        if !seen.contains(&engine) {
            println!("{engine} not compared: this processor lacks what it needs");
        }
    }
}
