//! A valid model out of choices: features, trees or terms, a calibration, bands.

use shroff_serve::artifact::{Bands, Contents, Provenance};
use shroff_serve::features::{Program, Step, Vocabulary};
use shroff_serve::model::{
    Aggregation, Calibration, Calibrator, CategorySet, Forest, Isotonic, Linear, MAX_MAGNITUDE,
    Model, Node, Platt, PriorCorrection, RowType, Split, SplitTest, Term, Tree,
};
use shroff_serve::schema::{Feature, Input, InputType, Policy, Schema};

use super::choices::Choices;

/// All of a draft.
pub(crate) fn contents(choices: &mut Choices<'_>) -> Contents {
    let n_features = 1 + choices.below(80);
    let kinds: Vec<RowType> = (0..n_features).map(|_| kind(choices)).collect();
    let model = match choices.below(4) {
        0 => Model::Linear(linear(choices, &kinds)),
        shape => Model::Forest(forest(choices, &kinds, shape)),
    };
    let calibration = calibration(choices, &model);
    let provenance = Provenance {
        model_name: "any".to_owned(),
        as_of: None,
        windows: Vec::new(),
        data_fingerprint: [0; 32],
        columns: Vec::new(),
        config: String::new(),
        learner: String::new(),
        parameters: String::new(),
        code_version: String::new(),
    };
    Contents {
        schema: schema(&kinds),
        program: Program { steps: steps(&kinds), windows: None },
        model,
        calibration,
        bands: bands(choices),
        golden: Vec::new(),
        reasons: Vec::new(),
        reference: None,
        provenance,
    }
}

fn kind(choices: &mut Choices<'_>) -> RowType {
    match choices.byte() {
        n_categories @ 1..=64 => RowType::Categorical { n_categories: n_categories.into() },
        65..=68 => RowType::Categorical { n_categories: 65 + u32::from(choices.byte()) * 4 },
        _ => RowType::Numeric,
    }
}

fn schema(kinds: &[RowType]) -> Schema {
    let named = |position| format!("feature {position}").into();
    let input = |(position, kind): (usize, &RowType)| Input {
        name: named(position),
        input_type: match kind {
            RowType::Categorical { .. } => InputType::Text,
            _ => InputType::Number,
        },
        required: false,
    };
    let feature = |(position, kind): (usize, &RowType)| Feature {
        name: named(position),
        kind: *kind,
        on_missing: Policy::Learned,
        on_unseen: Policy::Learned,
        on_out_of_range: Policy::Learned,
    };
    Schema {
        inputs: kinds.iter().enumerate().map(input).collect(),
        features: kinds.iter().enumerate().map(feature).collect(),
        utc_offset_secs: 0,
    }
}

fn steps(kinds: &[RowType]) -> Vec<Step> {
    let step = |(input, kind): (u32, &RowType)| match kind {
        RowType::Categorical { n_categories } => {
            let values = (1..*n_categories).map(|code| format!("{code:03}")).collect();
            Step::Category { input, vocabulary: Vocabulary::new(values) }
        }
        _ => Step::Number { input, range: None },
    };
    (0..).zip(kinds).map(step).collect()
}

fn linear(choices: &mut Choices<'_>, kinds: &[RowType]) -> Linear {
    let term = |kind: &RowType| match kind.n_categories() {
        Some(n_categories) => Term::Categorical {
            weights: (0..n_categories).map(|_| choices.number(MAX_MAGNITUDE)).collect(),
            missing_weight: choices.number(MAX_MAGNITUDE),
            mean_contribution: choices.number(MAX_MAGNITUDE),
        },
        None => Term::Numeric {
            weight: choices.number(MAX_MAGNITUDE),
            mean: choices.number(MAX_MAGNITUDE),
            scale: choices.number(MAX_MAGNITUDE).abs().max(1e-30),
            imputed: choices.number(MAX_MAGNITUDE),
            missing_weight: choices.number(MAX_MAGNITUDE),
            mean_contribution: choices.number(MAX_MAGNITUDE),
        },
    };
    let terms = kinds.iter().map(term).collect();
    Linear { bias: choices.number(MAX_MAGNITUDE), terms }
}

/// Shape 1 is symmetric; of the others 3 is averaged.
fn forest(choices: &mut Choices<'_>, kinds: &[RowType], shape: usize) -> Forest {
    let n_trees = 1 + choices.below(40);
    let (symmetric, averaged) = (shape == 1, shape == 3);
    let leaf = |choices: &mut Choices<'_>| {
        let value = if averaged { choices.share() } else { choices.number(MAX_MAGNITUDE) };
        Node::Leaf { value, cover: choices.share() }
    };
    let trees = (0..n_trees)
        .map(|_| {
            let n_levels = choices.below(if symmetric { 9 } else { 65 });
            let questions: Vec<(u32, SplitTest, bool)> =
                (0..n_levels).map(|_| question(choices, kinds)).collect();
            let (mut nodes, mut open, mut next) = (Vec::new(), vec![0], 0);
            // Level by level, so that a child stands after its parent.
            while let Some(&level) = open.get(next) {
                let ends = if symmetric {
                    level == n_levels
                } else {
                    level == 64
                        || open.len() > 400
                        || choices.is_over()
                        || choices.byte().is_multiple_of(8)
                };
                if ends {
                    nodes.push(leaf(choices));
                } else {
                    let (feature_index, test, default_left) =
                        if symmetric { questions[level].clone() } else { question(choices, kinds) };
                    let left = open.len() as u32;
                    open.extend([level + 1; 2]);
                    let (cover, gain) = (choices.share(), 0.5);
                    let (left, right) = (left, left + 1);
                    let split =
                        Split { feature_index, test, default_left, left, right, cover, gain };
                    nodes.push(Node::Split(split));
                }
                next += 1;
            }
            Tree { nodes }
        })
        .collect();
    let aggregation = if averaged {
        Aggregation::Averaged
    } else {
        Aggregation::Additive { start: choices.number(MAX_MAGNITUDE) }
    };
    Forest { aggregation, symmetric, trees }
}

fn question(choices: &mut Choices<'_>, kinds: &[RowType]) -> (u32, SplitTest, bool) {
    let feature = choices.below(kinds.len());
    let test = match kinds[feature].n_categories() {
        Some(n_categories) => {
            let words: [u64; 4] = std::array::from_fn(|_| choices.bits());
            let is_in = |code: &u32| words[*code as usize / 64 % 4] >> (code % 64) & 1 == 1;
            SplitTest::OneOf(CategorySet::new(n_categories, (0..n_categories).filter(is_in)))
        }
        None => {
            let value = choices.value();
            let below = f32::MAX.next_down();
            SplitTest::AtMost(if value.is_nan() { 0.0 } else { value.clamp(f32::MIN, below) })
        }
    };
    (feature as u32, test, choices.flag())
}

fn calibration(choices: &mut Choices<'_>, model: &Model) -> Calibration {
    let averaged = matches!(model, Model::Forest(f) if f.aggregation == Aggregation::Averaged);
    let prior = if averaged {
        PriorCorrection::Averaged {
            kept_share: choices.share().max(1e-30),
            fraud_weight: choices.number(MAX_MAGNITUDE).abs().max(1e-30),
            n_rows: choices.bits(),
        }
    } else {
        PriorCorrection::LogOdds { shift: choices.number(MAX_MAGNITUDE) }
    };
    let calibrator = match choices.below(3) {
        0 => Calibrator::None,
        1 => Calibrator::Platt(Platt {
            slope: choices.number(MAX_MAGNITUDE).abs().max(f64::MIN_POSITIVE),
            intercept: choices.number(MAX_MAGNITUDE),
        }),
        _ => {
            let x = ascending(choices, MAX_MAGNITUDE);
            let mut y: Vec<f64> = x.iter().map(|_| choices.share()).collect();
            y.sort_unstable_by(f64::total_cmp);
            Calibrator::Isotonic(Isotonic { x, y })
        }
    };
    Calibration { prior, calibrator }
}

fn bands(choices: &mut Choices<'_>) -> Option<Bands> {
    if choices.flag() {
        return None;
    }
    let edges = ascending(choices, f64::MAX);
    let names = (0..=edges.len()).map(|band| format!("band {band}")).collect();
    Some(Bands { names, edges, assumptions: String::new() })
}

/// One to ten numbers, each once.
fn ascending(choices: &mut Choices<'_>, most: f64) -> Vec<f64> {
    let n = 1 + choices.below(10);
    let mut numbers: Vec<f64> = (0..n).map(|_| choices.number(most)).collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.dedup_by(|b, a| a >= b);
    numbers
}
