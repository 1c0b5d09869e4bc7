//! Small whole models, one of each kind, with golden records that visit every odd value.

use shroff_serve::artifact::{
    Bands, Contents, GoldenRecord, Histogram, OwnedValue, Provenance, ReasonCode, Reference,
    Window, write, write_draft,
};
use shroff_serve::features::{Program, Step, TimePart, Vocabulary};
use shroff_serve::model::{
    Aggregation, Calibration, Calibrator, CategorySet, Forest, Isotonic, Linear, Model, Node,
    Platt, PriorCorrection, RowType, Split, SplitTest, Term, Tree,
};
use shroff_serve::schema::{Feature, Input, InputType, Policy, Schema};
use shroff_serve::{Record, Scorer, Value};

// Named by their places, for make_golden includes this file from another folder.
#[path = "common/computed.rs"]
mod computed;
#[path = "common/inputs.rs"]
mod inputs;
#[path = "common/velocity.rs"]
pub(crate) mod velocity;

pub(crate) use inputs::AMOUNTS;
use inputs::{BALANCES, COUNTRIES, INSTANTS, ONLINE, SIGNUPS, VISITS};

/// The models by the name of their golden file.
pub(crate) fn models() -> [(&'static str, Contents); 6] {
    [
        ("linear", linear()),
        ("averaged", averaged()),
        ("boosted", boosted()),
        ("computed", computed::computed()),
        ("reasons", reasons()),
        ("velocity", velocity::velocity()),
    ]
}

/// The bytes of an artifact of these contents, golden records included.
pub(crate) fn artifact(contents: &Contents) -> Vec<u8> {
    write(contents).expect("the contents are valid")
}

/// The bytes of a draft of these contents.
pub(crate) fn draft(contents: &Contents) -> Vec<u8> {
    write_draft(contents).expect("the contents are valid")
}

/// A logistic regression with weights for categories and for missing values.
pub(crate) fn linear() -> Contents {
    linear_with_bias(-2.5)
}

/// The same with another bias, by which every margin moves.
pub(crate) fn linear_with_bias(bias: f64) -> Contents {
    let schema = Schema {
        inputs: vec![
            input("amount", InputType::Number, false),
            input("country", InputType::Text, false),
            input("balance", InputType::Number, false),
        ],
        features: vec![
            Feature { on_out_of_range: Policy::Reject, ..feature("amount", RowType::Numeric) },
            feature("country", RowType::Categorical { n_categories: 3 }),
            Feature { on_missing: Policy::Default(0.5), ..feature("balance", RowType::Numeric) },
        ],
        utc_offset_secs: 0,
    };
    let program = Program {
        steps: vec![
            Step::Number { input: 0, range: Some((0.0, 50_000.0)) },
            Step::Category { input: 1, vocabulary: countries() },
            Step::Number { input: 2, range: None },
        ],
        windows: None,
    };
    let number = |weight, mean, scale, missing_weight| Term::Numeric {
        weight,
        mean,
        scale,
        imputed: mean,
        missing_weight,
        mean_contribution: 0.0625,
    };
    let terms = vec![
        number(0.75, 88.5, 103.25, 0.3),
        Term::Categorical {
            weights: vec![-0.2, 0.1, 1.1],
            missing_weight: 0.7,
            mean_contribution: 0.01,
        },
        number(-0.4, 1_200.0, 950.0, 0.0),
    ];
    let calibration = Calibration {
        prior: PriorCorrection::LogOdds { shift: -3.1 },
        calibrator: Calibrator::Platt(Platt { slope: 0.9, intercept: -0.05 }),
    };
    let model = Model::Linear(Linear { bias, terms });
    let contents = contents(schema, program, model, calibration, "logistic");
    with_golden(contents, &[&AMOUNTS, &COUNTRIES, &BALANCES])
}

/// An averaged forest with a split by category and a feature that must not be missing.
pub(crate) fn averaged() -> Contents {
    let odd_is_missing = Policy::AsMissing;
    let schema = Schema {
        inputs: vec![
            input("amount", InputType::Number, false),
            input("country", InputType::Text, false),
            input("at", InputType::Time, true),
        ],
        features: vec![
            Feature { on_out_of_range: odd_is_missing, ..feature("amount", RowType::Numeric) },
            Feature {
                on_unseen: odd_is_missing,
                ..feature("country", RowType::Categorical { n_categories: 3 })
            },
            Feature { on_missing: Policy::Reject, ..feature("hour", RowType::Numeric) },
            Feature { on_missing: Policy::Reject, ..feature("night", RowType::Numeric) },
        ],
        utc_offset_secs: 3_600,
    };
    let program = Program {
        steps: vec![
            Step::Number { input: 0, range: Some((-10.0, 1_000.0)) },
            Step::Category { input: 1, vocabulary: countries() },
            Step::TimePart { input: 2, part: TimePart::Hour },
            Step::TimePart { input: 2, part: TimePart::Night },
        ],
        windows: None,
    };
    let by_amount = SplitTest::AtMost(99.5);
    let by_country = SplitTest::OneOf(CategorySet::new(3, [0, 2]));
    let trees = vec![
        Tree {
            nodes: vec![
                split(0, by_amount, true, 1, 2),
                leaf(0.03125),
                split(1, by_country, false, 3, 4),
                leaf(0.4),
                leaf(0.9),
            ],
        },
        Tree { nodes: vec![split(3, SplitTest::AtMost(0.5), true, 1, 2), leaf(0.1), leaf(0.7)] },
        Tree { nodes: vec![leaf(0.02)] },
    ];
    let forest = Forest { aggregation: Aggregation::Averaged, symmetric: false, trees };
    let prior = PriorCorrection::Averaged { kept_share: 0.05, fraud_weight: 2.0, n_rows: 9_000 };
    let calibration = Calibration { prior, calibrator: Calibrator::None };
    let contents = contents(schema, program, Model::Forest(forest), calibration, "random_forest");
    with_golden(contents, &[&AMOUNTS, &COUNTRIES, &INSTANTS])
}

/// An additive forest of symmetric trees with everything an artifact may hold.
pub(crate) fn boosted() -> Contents {
    let schema = Schema {
        inputs: vec![
            input("amount", InputType::Number, false),
            input("online", InputType::Boolean, false),
            input("visits", InputType::Number, false),
        ],
        features: vec![
            feature("amount", RowType::Numeric),
            feature("online", RowType::Numeric),
            Feature { on_out_of_range: Policy::Reject, ..feature("visits", RowType::Numeric) },
        ],
        utc_offset_secs: -18_000,
    };
    let program = Program {
        steps: vec![
            Step::Number { input: 0, range: None },
            Step::Boolean { input: 1 },
            Step::Number { input: 2, range: Some((0.0, 100.0)) },
        ],
        windows: None,
    };
    let trees = (0_u8..18)
        .map(|round| {
            let step = f32::from(round);
            let questions = [(0, 99.5 + 3.0 * step), (u32::from(round % 2) + 1, 0.5 + step / 9.0)];
            symmetric_tree(questions, round % 3 == 0, f64::from(round) / 37.0)
        })
        .collect();
    let aggregation = Aggregation::Additive { start: -4.2 };
    let forest = Forest { aggregation, symmetric: true, trees };
    let calibration = Calibration {
        prior: PriorCorrection::LogOdds { shift: -0.25 },
        calibrator: Calibrator::Isotonic(Isotonic {
            x: vec![-8.0, -4.5, -3.0, 1.0],
            y: vec![0.0, 0.01, 0.2, 0.95],
        }),
    };
    let mut contents = contents(schema, program, Model::Forest(forest), calibration, "gbdt");
    contents.bands = Some(Bands {
        names: ["low", "watch", "block"].map(str::to_owned).to_vec(),
        edges: vec![-4.2, -3.5],
        assumptions: "50 alerts a day".to_owned(),
    });
    let histogram = |edges: &[f64], weights: &[f64], missing| Histogram {
        edges: edges.to_vec(),
        weights: weights.to_vec(),
        missing,
    };
    contents.reference = Some(Reference {
        n_rows: 1_000,
        features: vec![
            histogram(&[10.0, 100.0], &[500.0, 400.0, 90.0], 10.0),
            histogram(&[0.5], &[700.0, 300.0], 0.0),
            histogram(&[1.0, 5.0], &[100.0, 825.5, 74.5], 0.0),
        ],
        margin: histogram(&[-4.2], &[900.0, 100.0], 0.0),
    });
    with_golden(contents, &[&AMOUNTS, &ONLINE, &VISITS])
}

/// The additive forest with reasons for two of its three features.
pub(crate) fn reasons() -> Contents {
    let reason = |code: &str, text: &str, features: &[u32]| ReasonCode {
        code: code.to_owned(),
        text: text.to_owned(),
        features: features.to_vec(),
    };
    let mut contents = boosted();
    contents.reasons = vec![
        reason("R12", "unusual amount", &[0]),
        reason("R07", "visits unlike a customer's", &[2]),
    ];
    contents
}

fn countries() -> Vocabulary {
    Vocabulary::new(vec!["DE".to_owned(), "FR".to_owned()])
}

pub(crate) fn input(name: &str, input_type: InputType, required: bool) -> Input {
    Input { name: name.into(), input_type, required }
}

pub(crate) fn feature(name: &str, kind: RowType) -> Feature {
    let (on_missing, on_unseen, on_out_of_range) =
        (Policy::Learned, Policy::Learned, Policy::Learned);
    Feature { name: name.into(), kind, on_missing, on_unseen, on_out_of_range }
}

fn leaf(value: f64) -> Node {
    Node::Leaf { value, cover: 8.0 }
}

fn split(feature_index: u32, test: SplitTest, default_left: bool, left: u32, right: u32) -> Node {
    let (cover, gain) = (16.0, 0.5);
    Node::Split(Split { feature_index, test, default_left, left, right, cover, gain })
}

/// Two questions, each a feature and a split value, one a level.
fn symmetric_tree(questions: [(u32, f32); 2], default_left: bool, size: f64) -> Tree {
    let ask = |(feature, value), left| {
        split(feature, SplitTest::AtMost(value), default_left, left, left + 1)
    };
    let mut nodes = vec![ask(questions[0], 1), ask(questions[1], 3), ask(questions[1], 5)];
    nodes.extend([-size, size / 3.0, -size / 7.0, size].map(leaf));
    Tree { nodes }
}

pub(crate) fn contents(
    schema: Schema,
    program: Program,
    model: Model,
    calibration: Calibration,
    learner: &str,
) -> Contents {
    let window = |name: &str, from, to| Window {
        name: name.to_owned(),
        from: Some(from),
        to: Some(to),
        rows: 9_000,
        frauds: 90,
    };
    let provenance = Provenance {
        model_name: "card-fraud".to_owned(),
        as_of: Some(1_747_353_600_000_000),
        windows: vec![window("train", 0, 86_400_000_000), window("test", 172_800_000_000, 1 << 40)],
        data_fingerprint: [7; 32],
        columns: vec![("label".to_owned(), "fraud".to_owned())],
        config: "{}".to_owned(),
        learner: learner.to_owned(),
        parameters: "{}".to_owned(),
        code_version: "0.1.0".to_owned(),
    };
    let (bands, golden, reasons, reference) = (None, Vec::new(), Vec::new(), None);
    Contents { schema, program, model, calibration, bands, golden, reasons, reference, provenance }
}

/// Fills in the golden records: record `i` takes value `i` of each list, which begins again at its
/// end. What they should give comes from a draft that was written and opened.
pub(crate) fn with_golden(mut contents: Contents, inputs: &[&[Value<'_>]]) -> Contents {
    let scorer = Scorer::from_draft(&draft(&contents)).expect("the draft is valid");
    contents.golden = (0..64)
        .map(|position| {
            let values: Vec<Value<'_>> =
                inputs.iter().map(|values| values[position % values.len()]).collect();
            let expected = scorer.golden_outcome(Record::new(&values), &[]).expect("the types fit");
            let values = values.into_iter().map(OwnedValue::from).collect();
            GoldenRecord { values, states: Vec::new(), expected }
        })
        .collect();
    contents
}
