//! Contributions next to those that other libraries give for the same model, written down by
//! `fixtures/contributions/make.py`.

use std::fs;
use std::path::Path;

use serde_json::Value;
use shroff_serve::Scorer;
use shroff_serve::artifact::Contents;
use shroff_serve::features::{Program, Step, Vocabulary};
use shroff_serve::model::{
    Aggregation, Calibration, Calibrator, CategorySet, Forest, Model, Node, PriorCorrection,
    RowType, Split, SplitTest, Tree,
};
use shroff_serve::schema::{InputType, Schema};

use crate::common::{contents, draft, feature, input};

#[test]
fn lightgbm_says_the_same() {
    compare("lightgbm", 1e-12);
}

/// Its sums are of f32.
#[test]
fn xgboost_says_the_same() {
    compare("xgboost", 1e-5);
}

fn compare(library: &str, tolerance: f64) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/contributions");
    let path = folder.join(library).with_extension("json");
    let text = fs::read_to_string(&path).expect("a fixture");
    let fixture: Value = serde_json::from_str(&text).expect("JSON");
    let scorer = Scorer::from_draft(&draft(&model(&fixture))).expect("the model is sound");
    let rows = list(&fixture["rows"]);
    assert!(rows.len() >= 50);
    for (row, expected) in rows.iter().zip(list(&fixture["contributions"])) {
        let row: Vec<f32> =
            list(row).iter().map(|value| value.as_f64().map_or(f32::NAN, |x| x as f32)).collect();
        let explained = scorer.explain(&row, 3).expect("the row is whole");
        let found = explained.contributions.iter().chain([&explained.base]);
        let expected: Vec<f64> = list(expected).iter().map(number).collect();
        assert_eq!(expected.len(), row.len() + 1);
        for (found, expected) in found.zip(&expected) {
            assert!((found - expected).abs() < tolerance, "{expected}, found {found}: {row:?}");
        }
        // So the walk down the trees is the library's as well.
        let margin: f64 = expected.iter().sum();
        assert!((explained.score.margin - margin).abs() < tolerance, "{row:?}");
    }
}

fn model(fixture: &Value) -> Contents {
    let sizes: Vec<u32> = list(&fixture["n_categories"]).iter().map(whole).collect();
    let (mut inputs, mut features, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for (position, &n_categories) in (0..).zip(&sizes) {
        let name = format!("f{position}");
        let (input_type, row_type, step) = match n_categories {
            0 => {
                let step = Step::Number { input: position, range: None };
                (InputType::Number, RowType::Numeric, step)
            }
            n_categories => {
                let words = (1..n_categories).map(|code| format!("{code:02}")).collect();
                let step = Step::Category { input: position, vocabulary: Vocabulary::new(words) };
                (InputType::Text, RowType::Categorical { n_categories }, step)
            }
        };
        inputs.push(input(&name, input_type, false));
        features.push(feature(&name, row_type));
        steps.push(step);
    }
    let tree = |tree: &Value| Tree { nodes: list(tree).iter().map(|n| node(n, &sizes)).collect() };
    let forest = Forest {
        aggregation: Aggregation::Additive { start: number(&fixture["start"]) },
        symmetric: false,
        trees: list(&fixture["trees"]).iter().map(tree).collect(),
    };
    let schema = Schema { inputs, features, utc_offset_secs: 0 };
    let prior = PriorCorrection::LogOdds { shift: 0.0 };
    let calibration = Calibration { prior, calibrator: Calibrator::None };
    contents(schema, Program { steps, windows: None }, Model::Forest(forest), calibration, "gbdt")
}

fn node(node: &Value, sizes: &[u32]) -> Node {
    let cover = number(&node["cover"]);
    if let Some(value) = node["value"].as_f64() {
        return Node::Leaf { value, cover };
    }
    let feature_index = whole(&node["feature"]);
    let test = match node["one_of"].as_array() {
        Some(codes) => {
            let n_categories = sizes[feature_index as usize];
            SplitTest::OneOf(CategorySet::new(n_categories, codes.iter().map(whole)))
        }
        None => SplitTest::AtMost(number(&node["at_most"]) as f32),
    };
    let default_left = node["default_left"].as_bool().expect("a side");
    let (left, right) = (whole(&node["left"]), whole(&node["right"]));
    Node::Split(Split { feature_index, test, default_left, left, right, cover, gain: 0.0 })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn whole(value: &Value) -> u32 {
    value.as_u64().and_then(|value| value.try_into().ok()).expect("a small whole number")
}
