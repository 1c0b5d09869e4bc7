//! From the plain trees that `trees.py` writes to an artifact: one model, one split at a time, with
//! nothing rounded. Cover and gain stay at 1, as no score depends on them.

use serde_json::Value;
use shroff_benches::{N_FEATURES, artifact_of, contents_of};
use shroff_serve::artifact::OwnedValue;
use shroff_serve::model::{
    Aggregation, Calibration, Calibrator, Forest, Model, Node, PriorCorrection, Split, SplitTest,
    Tree,
};

use crate::Outcome;

/// As many golden records as the trainer writes.
const N_GOLDEN: usize = 128;

/// The bytes of an artifact of these trees, with golden records taken from the rows.
pub(crate) fn artifact(trees: &str, rows: &[f32]) -> Outcome<Vec<u8>> {
    let saved: Value = serde_json::from_str(trees)?;
    if saved["n_features"] != N_FEATURES {
        return Err(format!("expected 30 features, found {}", saved["n_features"]).into());
    }
    let start = saved["start"].as_f64();
    let aggregation = start.map_or(Aggregation::Averaged, |start| Aggregation::Additive { start });
    let symmetric = saved["symmetric"].as_bool().ok_or("expected symmetric to be true or false")?;
    let trees = list(&saved["trees"])?.iter().map(tree).collect::<Outcome<_>>()?;
    let forest = Forest { aggregation, symmetric, trees };
    // Leaves are taken as sure as the other library takes them.
    let prior = match aggregation {
        Aggregation::Averaged => {
            PriorCorrection::Averaged { kept_share: 1.0, fraud_weight: 1.0, n_rows: u64::MAX }
        }
        _ => PriorCorrection::LogOdds { shift: 0.0 },
    };
    let calibration = Calibration { prior, calibrator: Calibrator::None };
    let contents = contents_of("imported", Model::Forest(forest), calibration, 0);
    let rows = rows.chunks_exact(N_FEATURES).take(N_GOLDEN);
    let golden = rows.map(|row| row.iter().copied().map(owned).collect()).collect();
    Ok(artifact_of(contents, |_| golden))
}

fn owned(value: f32) -> OwnedValue {
    if value.is_nan() { OwnedValue::Null } else { OwnedValue::Number(value.into()) }
}

fn tree(nodes: &Value) -> Outcome<Tree> {
    Ok(Tree { nodes: list(nodes)?.iter().map(node).collect::<Outcome<_>>()? })
}

fn node(node: &Value) -> Outcome<Node> {
    match list(node)?.as_slice() {
        [value] => {
            let value = value.as_f64().ok_or("expected a number as leaf")?;
            Ok(Node::Leaf { value, cover: 1.0 })
        }
        [feature, split, missing_left, left, right] => {
            let split = split.as_f64().ok_or("expected a number as split value")?;
            let split_value = split as f32;
            if f64::from(split_value).to_bits() != split.to_bits() {
                return Err(format!("expected an f32 as split value, found {split}").into());
            }
            Ok(Node::Split(Split {
                feature_index: position(feature)?,
                test: SplitTest::AtMost(split_value),
                default_left: missing_left.as_bool().ok_or("expected a side for missing values")?,
                left: position(left)?,
                right: position(right)?,
                cover: 1.0,
                gain: 1.0,
            }))
        }
        other => Err(format!("expected 1 or 5 values of a node, found {}", other.len()).into()),
    }
}

fn position(value: &Value) -> Outcome<u32> {
    let position = value.as_u64().ok_or_else(|| format!("expected a position, found {value}"))?;
    Ok(u32::try_from(position)?)
}

fn list(value: &Value) -> Outcome<&Vec<Value>> {
    value.as_array().ok_or_else(|| "expected a list of trees, of nodes or of values".into())
}
