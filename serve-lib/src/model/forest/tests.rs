//! Trees that a person can walk, and trees that are none.

use super::*;

fn leaf(value: f64) -> Node {
    Node::Leaf { value, cover: 1.0 }
}

fn split(feature_index: u32, test: SplitTest, left: u32, right: u32) -> Node {
    let default_left = true;
    Node::Split(Split { feature_index, test, default_left, left, right, cover: 2.0, gain: 1.0 })
}

const ROW: [RowType; 2] = [RowType::Numeric, RowType::Categorical { n_categories: 3 }];

fn tree() -> Tree {
    let codes = SplitTest::OneOf(CategorySet::new(3, [0, 2]));
    Tree {
        nodes: vec![
            split(0, SplitTest::AtMost(1.5), 1, 2),
            leaf(0.25),
            split(1, codes, 3, 4),
            leaf(0.5),
            leaf(1.0),
        ],
    }
}

fn forest(trees: Vec<Tree>) -> Forest {
    Forest { aggregation: Aggregation::Averaged, symmetric: false, trees }
}

#[test]
#[expect(clippy::float_cmp, reason = "powers of two: the hand calculation is exact")]
fn rows_reach_the_leaf_a_person_would_find() {
    let tree = tree();
    let above = f32::from_bits(1.5_f32.to_bits() + 1);
    for (row, leaf) in [
        ([1.5, 1.0], 0.25),
        ([above, 0.0], 0.5),
        ([above, 1.0], 1.0),
        ([above, 2.0], 0.5),
        ([f32::NAN, 1.0], 0.25),
        ([above, f32::NAN], 0.5),
        ([above, 3.0], 0.5),
        ([f32::INFINITY, 1.0], 1.0),
        ([f32::NEG_INFINITY, 1.0], 0.25),
    ] {
        assert_eq!(tree.leaf_value(&row), leaf, "row {row:?}");
    }
    // (0.25 + 1.0) / 2
    let pair = forest(vec![tree, Tree { nodes: vec![leaf(1.0)] }]);
    assert_eq!(pair.margin(&[0.0, 0.0]), 0.625);
}

#[test]
fn every_broken_tree_is_refused() {
    assert_eq!(forest(vec![tree()]).check(&ROW), Ok(()));
    let number = SplitTest::AtMost(0.0);
    let stray = SplitTest::OneOf(CategorySet::from_words(3, vec![0b1000]));
    let broken: Vec<(Vec<Node>, &str)> = vec![
        (vec![split(0, number.clone(), 1, 1), leaf(0.0)], "a child has two parents"),
        (vec![split(0, number.clone(), 0, 1), leaf(0.0)], "a child should stand after its parent"),
        (vec![split(0, number.clone(), 1, 9), leaf(0.0)], "a child lies outside the tree"),
        (vec![leaf(0.0), leaf(0.0)], "no node before it names it as a child"),
        (
            vec![split(2, number.clone(), 1, 2), leaf(0.0), leaf(0.0)],
            "names a feature that is not in the schema",
        ),
        (
            vec![split(1, number, 1, 2), leaf(0.0), leaf(0.0)],
            "a split value where the feature is a category",
        ),
        (
            vec![split(1, stray, 1, 2), leaf(0.0), leaf(0.0)],
            "the category set holds a code that is no category",
        ),
        (
            vec![split(0, SplitTest::AtMost(f32::NAN), 1, 2), leaf(0.0), leaf(0.0)],
            "the split value should be finite and below the greatest f32",
        ),
        (vec![leaf(1.5)], "a leaf of an averaged forest should lie within 0 and 1"),
    ];
    for (nodes, expected) in broken {
        match forest(vec![Tree { nodes }]).check(&ROW) {
            Err(ModelError::Node { problem, .. }) => assert_eq!(problem, expected),
            other => panic!("expected {expected:?}, found {other:?}"),
        }
    }
}

#[test]
fn depth_is_bounded_and_symmetry_is_proved() {
    let chain = |depth: u32| {
        let mut nodes = Vec::new();
        for level in 0..depth {
            nodes.push(split(0, SplitTest::AtMost(0.0), 2 * level + 1, 2 * level + 2));
            nodes.push(leaf(0.0));
        }
        nodes.push(leaf(0.0));
        forest(vec![Tree { nodes }])
    };
    assert_eq!(chain(64).check(&ROW), Ok(()));
    assert!(chain(65).check(&ROW).is_err());
    let lopsided = Forest { symmetric: true, ..forest(vec![tree()]) };
    assert!(lopsided.check(&ROW).is_err());
    let even = Forest { symmetric: true, ..chain(1) };
    assert_eq!(even.check(&ROW), Ok(()));
}
