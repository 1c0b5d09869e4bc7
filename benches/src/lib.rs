//! Seeded models of the sizes that are used in earnest, built without training, and rows to score.
#![forbid(unsafe_code)]

pub mod payments;

use shroff_serve::Scorer;
use shroff_serve::artifact::{Contents, GoldenRecord, OwnedValue, Provenance, write, write_draft};
use shroff_serve::features::{Program, Step, Vocabulary};
use shroff_serve::model::{
    Aggregation, Calibration, Calibrator, Forest, Linear, Model, Node, Platt, PriorCorrection,
    RowType, Split, SplitTest, Term, Tree,
};
use shroff_serve::schema::{Feature, Input, InputType, Policy, Schema};
use shroff_serve::{Record, Value};

/// Features of every model; the last [`N_CATEGORICAL`] are categories where the model is linear.
pub const N_FEATURES: usize = 30;
/// Features of the linear model that are categories of [`N_CATEGORIES`] codes.
pub const N_CATEGORICAL: usize = 4;
/// Codes of a category, the one for unseen values included.
pub const N_CATEGORIES: u32 = 50;
/// Share of missing values in rows and records: one in this many.
const ONE_MISSING_IN: u32 = 20;

/// A kind of model to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Logistic regression over 30 features, four of them categories, calibrated by Platt.
    Linear,
    /// 100 averaged trees of 250 leaves, at most 12 splits deep: the shape of a random forest.
    Averaged,
    /// 100 additive trees of 31 leaves, grown leaf-wise: the shape of a gradient-boosted model.
    Boosted,
    /// 500 of them.
    Boosted500,
    /// 100 additive symmetric trees of depth 6.
    Symmetric,
    /// 500 of them.
    Symmetric500,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Linear,
        Self::Averaged,
        Self::Boosted,
        Self::Boosted500,
        Self::Symmetric,
        Self::Symmetric500,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear_30_features",
            Self::Averaged => "averaged_100x250_leaves",
            Self::Boosted => "boosted_100x31_leaves",
            Self::Boosted500 => "boosted_500x31_leaves",
            Self::Symmetric => "symmetric_100x_depth_6",
            Self::Symmetric500 => "symmetric_500x_depth_6",
        }
    }
}

/// A source of seeded numbers, uniform enough to shape trees: SplitMix64.
///
/// # Source
/// Steele, Lea, Flood (2014), *Fast splittable pseudorandom number generators*, figure 17.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall alike for one seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A whole number below `sides`.
    pub fn below(&mut self, sides: u32) -> u32 {
        ((u128::from(self.bits()) * u128::from(sides)) >> 64) as u32
    }

    /// A number of at least 0 and below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The bytes of an artifact of this kind, 64 golden records included; the same at every call.
pub fn artifact(kind: Kind) -> Vec<u8> {
    artifact_of(contents(kind, &mut Dice::new(kind as u64 + 1)), |scorer| records(scorer, 64, 9))
}

/// The bytes of an artifact of these contents, the golden records made for its scorer included.
pub fn artifact_of(
    mut contents: Contents,
    golden: impl FnOnce(&Scorer) -> Vec<Vec<OwnedValue>>,
) -> Vec<u8> {
    let draft = write_draft(&contents).expect("the contents are valid");
    let scorer = Scorer::from_draft(&draft).expect("the draft is valid");
    contents.golden = golden(&scorer)
        .into_iter()
        .map(|values| {
            let borrowed: Vec<Value<'_>> = values.iter().map(OwnedValue::as_value).collect();
            let expected =
                scorer.golden_outcome(Record::new(&borrowed), &[]).expect("the types fit");
            GoldenRecord { values, states: Vec::new(), expected }
        })
        .collect();
    write(&contents).expect("the contents are valid")
}

/// A scorer of this kind.
pub fn scorer(kind: Kind) -> Scorer {
    Scorer::from_bytes(&artifact(kind)).expect("the synthetic artifact is valid")
}

/// `n_rows` different rows of a scorer's features, one after the other: numbers uniform in 0 to 1,
/// codes uniform, one value in twenty missing.
pub fn rows(scorer: &Scorer, n_rows: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut dice = Dice::new(seed);
    let types = scorer.schema().row_types();
    let mut value = |row_type: &RowType| match row_type.n_categories() {
        _ if dice.below(ONE_MISSING_IN) == 0 => f32::NAN,
        Some(n_categories) => dice.below(n_categories) as f32,
        None => dice.unit() as f32,
    };
    (0..n_rows).map(|_| types.iter().map(&mut value).collect()).collect()
}

/// `n_records` different records, as [`rows`]; one text in fifty is in no vocabulary.
pub fn records(scorer: &Scorer, n_records: usize, seed: u64) -> Vec<Vec<OwnedValue>> {
    let mut dice = Dice::new(seed);
    let inputs = &scorer.schema().inputs;
    let mut value = |input: &Input| match input.input_type {
        _ if dice.below(ONE_MISSING_IN) == 0 => OwnedValue::Null,
        InputType::Text => OwnedValue::Text(category_name(dice.below(N_CATEGORIES))),
        _ => OwnedValue::Number(dice.unit()),
    };
    (0..n_records).map(|_| inputs.iter().map(&mut value).collect()).collect()
}

/// The positions `0..n` in random order, so that no prefetcher guesses the next row.
pub fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut dice = Dice::new(seed);
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        let other = dice.below(last as u32 + 1) as usize;
        order.swap(last, other);
    }
    order
}

fn contents(kind: Kind, dice: &mut Dice) -> Contents {
    let n_categorical = if kind == Kind::Linear { N_CATEGORICAL } else { 0 };
    let (model, prior) = match kind {
        Kind::Linear => {
            let is_category = |position| position >= N_FEATURES - n_categorical;
            let terms = (0..N_FEATURES).map(|position| term(is_category(position), dice));
            let model = Model::Linear(Linear { bias: -4.0, terms: terms.collect() });
            (model, PriorCorrection::LogOdds { shift: -3.0 })
        }
        Kind::Averaged => {
            let trees = (0..100).map(|_| leaf_wise_tree(250, 12, dice)).collect();
            let aggregation = Aggregation::Averaged;
            let forest = Forest { aggregation, symmetric: false, trees };
            let (kept_share, fraud_weight, n_rows) = (0.05, 1.0, 100_000);
            let prior = PriorCorrection::Averaged { kept_share, fraud_weight, n_rows };
            (Model::Forest(forest), prior)
        }
        Kind::Boosted => additive(100, false, dice),
        Kind::Boosted500 => additive(500, false, dice),
        Kind::Symmetric => additive(100, true, dice),
        Kind::Symmetric500 => additive(500, true, dice),
    };
    let calibrator = Calibrator::Platt(Platt { slope: 1.1, intercept: -0.1 });
    contents_of(kind.name(), model, Calibration { prior, calibrator }, n_categorical)
}

/// A model of [`N_FEATURES`] features with all that belongs to it but golden records; the last
/// `n_categorical` features are categories of [`N_CATEGORIES`] codes, the others numbers.
pub fn contents_of(
    name: &str,
    model: Model,
    calibration: Calibration,
    n_categorical: usize,
) -> Contents {
    let is_category = |position: usize| position >= N_FEATURES - n_categorical;
    let (mut inputs, mut features, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for position in 0..N_FEATURES {
        let (input_type, row_type) = if is_category(position) {
            (InputType::Text, RowType::Categorical { n_categories: N_CATEGORIES })
        } else {
            (InputType::Number, RowType::Numeric)
        };
        let input = u32::try_from(position).expect("there are 30 features");
        steps.push(if is_category(position) {
            let values = (0..N_CATEGORIES - 1).map(category_name).collect();
            Step::Category { input, vocabulary: Vocabulary::new(values) }
        } else {
            Step::Number { input, range: None }
        });
        let name: std::sync::Arc<str> = format!("feature_{position}").into();
        inputs.push(Input { name: name.clone(), input_type, required: false });
        let learned = Policy::Learned;
        let (on_missing, on_unseen, on_out_of_range) = (learned, learned, learned);
        features.push(Feature { name, kind: row_type, on_missing, on_unseen, on_out_of_range });
    }
    Contents {
        schema: Schema { inputs, features, utc_offset_secs: 0 },
        program: Program { steps, windows: None },
        model,
        calibration,
        bands: None,
        golden: Vec::new(),
        reasons: Vec::new(),
        reference: None,
        provenance: Provenance {
            model_name: name.to_owned(),
            as_of: None,
            windows: Vec::new(),
            data_fingerprint: [0; 32],
            columns: Vec::new(),
            config: "{}".to_owned(),
            learner: "synthetic".to_owned(),
            parameters: "{}".to_owned(),
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
        },
    }
}

fn category_name(code: u32) -> String {
    format!("merchant_{code:02}")
}

fn term(is_category: bool, dice: &mut Dice) -> Term {
    let weight = dice.unit() - 0.5;
    if is_category {
        let weights = (0..N_CATEGORIES).map(|_| dice.unit() - 0.5).collect();
        return Term::Categorical { weights, missing_weight: weight, mean_contribution: 0.0 };
    }
    let (mean, scale, imputed) = (0.5, 0.29, 0.5);
    Term::Numeric { weight, mean, scale, imputed, missing_weight: 0.1, mean_contribution: 0.0 }
}

fn additive(n_trees: usize, symmetric: bool, dice: &mut Dice) -> (Model, PriorCorrection) {
    let mut tree =
        |_| if symmetric { symmetric_tree(6, dice) } else { leaf_wise_tree(31, 64, dice) };
    let trees = (0..n_trees).map(&mut tree).collect();
    let aggregation = Aggregation::Additive { start: -4.0 };
    let forest = Forest { aggregation, symmetric, trees };
    (Model::Forest(forest), PriorCorrection::LogOdds { shift: 0.0 })
}

/// One question for each level.
fn symmetric_tree(depth: usize, dice: &mut Dice) -> Tree {
    let mut nodes = vec![leaf(dice)];
    let mut level = vec![0];
    for _ in 0..depth {
        let asked = question(dice);
        let children = level.iter().map(|&index| grow(&mut nodes, index, asked.clone(), dice));
        level = children.collect::<Vec<_>>().into_iter().flatten().collect();
    }
    Tree { nodes }
}

/// Splits random leaves that lie less deep than `max_depth` until there are `n_leaves`: uneven
/// depths, as learners that split the best leaf first give them.
fn leaf_wise_tree(n_leaves: usize, max_depth: usize, dice: &mut Dice) -> Tree {
    let mut nodes = vec![leaf(dice)];
    let (mut open, mut n_made) = (vec![(0, 0)], 1);
    while n_made < n_leaves && !open.is_empty() {
        let chosen = dice.below(open.len() as u32) as usize;
        let (index, depth) = open.swap_remove(chosen);
        let asked = question(dice);
        let children = grow(&mut nodes, index, asked, dice);
        n_made += 1;
        if depth + 1 < max_depth {
            open.extend(children.map(|child| (child, depth + 1)));
        }
    }
    Tree { nodes }
}

/// A random question, as yet without children.
fn question(dice: &mut Dice) -> Split {
    Split {
        feature_index: dice.below(N_FEATURES as u32),
        test: SplitTest::AtMost(dice.unit() as f32),
        default_left: dice.below(2) == 0,
        left: 0,
        right: 0,
        cover: 1.0,
        gain: 1.0,
    }
}

/// Makes a leaf a split of two new leaves, and gives their positions.
fn grow(nodes: &mut Vec<Node>, index: usize, asked: Split, dice: &mut Dice) -> [usize; 2] {
    let children = [nodes.len(), nodes.len() + 1];
    let [left, right] = children.map(|child| child as u32);
    nodes[index] = Node::Split(Split { left, right, ..asked });
    nodes.extend([leaf(dice), leaf(dice)]);
    children
}

fn leaf(dice: &mut Dice) -> Node {
    Node::Leaf { value: dice.unit() / 10.0, cover: 1.0 }
}
