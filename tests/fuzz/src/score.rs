//! Whatever opens must score whatever it is given: no panic, finite, within its steps, all engines alike.

use shroff_serve::features::state::EntityState;
use shroff_serve::model::{Forest, Model, Node};
use shroff_serve::{Record, Score, Scorer, Value};

use super::choices::Choices;

/// Scores and explains rows and records made of these bytes.
///
/// # Panics
/// A score that is not finite, a probability that is none, a walk longer than the model says, an engine with
/// other bits than the definition.
pub fn score_anything(scorer: &Scorer, bytes: &[u8]) {
    let n_features = scorer.schema().features.len();
    let mut choices = Choices(bytes.get(bytes.len().saturating_sub(64)..).unwrap_or_default());
    for shift in 0..3 {
        let value = |_| if choices.is_over() { odd(shift) } else { choices.value() };
        let row: Vec<f32> = (0..n_features).map(value).collect();
        let score = scorer.score(&row).expect("the row has the length of the schema");
        check(scorer, score);
        check_against_definition(&scorer.contents().model, &row, score.margin);
        let explained = scorer.explain(&row, 2).expect("the row has the length of the schema");
        let mut numbers = explained.contributions.iter().chain([&explained.base]);
        assert!(numbers.all(|number| number.is_finite()), "{explained:?}");
        assert!(explained.reasons.len() <= 2, "{explained:?}");
    }
    for shift in [0, 3] {
        let inputs = 0..scorer.schema().inputs.len();
        let values: Vec<Value<'_>> =
            inputs.map(|input| ODD_VALUES[(shift + input) % ODD_VALUES.len()]).collect();
        score_record(scorer, Record::new(&values));
    }
    for golden in scorer.contents().golden.iter().take(2) {
        let values: Vec<Value<'_>> = golden.values.iter().map(|value| value.as_value()).collect();
        score_record(scorer, Record::new(&values));
    }
}

/// A wrong type, a rejection or no event is an error, and never a panic.
fn score_record(scorer: &Scorer, record: Record<'_>) {
    let mut velocity = Vec::new();
    if let (Some(windows), Ok(event)) = (scorer.windows(), scorer.event(record)) {
        velocity.resize(windows.n_features(), 0.0);
        let states: Vec<EntityState> = (0..windows.n_keys())
            .map(|key| {
                let mut state = EntityState::new(windows, key);
                state.observe(windows, &event);
                state
            })
            .collect();
        let states: Vec<Option<&EntityState>> = states.iter().map(Some).collect();
        windows.features(&event, &states, &mut velocity);
    }
    if let Ok(score) = scorer.score_record_with(record, &velocity) {
        check(scorer, score);
    }
}

fn check(scorer: &Scorer, score: Score) {
    assert!(score.margin.is_finite(), "{score:?}");
    assert!((0.0..=1.0).contains(&score.probability), "{score:?}");
    assert_eq!(score.band.is_some(), scorer.bands().is_some());
    assert!(score.band.is_none() || !scorer.band_name(score).is_empty(), "{score:?}");
}

/// The margin by the plain definition, and the steps to it.
pub(crate) fn check_against_definition(model: &Model, row: &[f32], margin: f64) {
    let (expected, n_steps) = match model {
        Model::Linear(linear) => (linear.margin(row), linear.terms.len() as u64),
        Model::Forest(forest) => (forest.margin(row), n_steps(forest, row)),
        _ => return,
    };
    assert_eq!(margin.to_bits(), expected.to_bits(), "{margin} is not {expected}");
    assert!(n_steps <= model.max_steps(), "{n_steps} steps, at most {}", model.max_steps());
    assert!(model.max_steps() <= 640_000, "{} steps", model.max_steps());
}

fn n_steps(forest: &Forest, row: &[f32]) -> u64 {
    let mut n_steps = 0;
    for tree in &forest.trees {
        let mut index = 0;
        while let Node::Split(split) = &tree.nodes[index] {
            index = split.child(row[split.feature_index as usize]) as usize;
            n_steps += 1;
        }
    }
    n_steps
}

fn odd(shift: usize) -> f32 {
    [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0][shift % 4]
}

const ODD_VALUES: [Value<'_>; 8] = [
    Value::Null,
    Value::Number(f64::NEG_INFINITY),
    Value::Integer(i64::MAX),
    Value::Text("\0"),
    Value::Time(i64::MIN),
    Value::Bool(true),
    Value::Number(f64::NAN),
    Value::Text("FR"),
];
