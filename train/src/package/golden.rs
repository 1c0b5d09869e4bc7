//! Golden records: raw records whose scores travel with the model and are checked at every load.
//!
//! No record is a real transaction: each value is taken from another row of the fit, ids are made up,
//! and text that is no category of the model stays out. To these come the values that parsers and
//! floating point like to get wrong. The pasts of their entities are made up likewise.

mod past;

use rand::RngExt;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use shroff_datasets::time::parse_time;
use shroff_serve::artifact::{GoldenRecord, OwnedValue};
use shroff_serve::features::state::EntityState;
use shroff_serve::features::{Step, Vocabulary};
use shroff_serve::model::{Model, Node, SplitTest};
use shroff_serve::schema::InputType;
use shroff_serve::{Record, ScoreError, Scorer, Value};

use crate::error::Error;
use crate::events::{Events, value};

/// Records in all.
const N_RECORDS: usize = 128;
/// At most so many stand exactly at a split value, and so many hold one odd value.
const MAX_SPLIT_RECORDS: usize = 32;
const MAX_ODD_RECORDS: usize = 48;
/// Text that no vocabulary holds: a vocabulary's values are at most 256 bytes.
const UNSEEN_TEXT_BYTES: usize = 257;
/// As many ids are made up, so that records share them.
const MADE_UP_IDS: i64 = 9;
/// The first and the last second that velocity knows.
const ENDS_OF_TIME: [&str; 2] = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"];

pub(super) fn golden(
    scorer: &Scorer,
    events: &Events,
    rows: &[usize],
) -> Result<Vec<GoldenRecord>, Error> {
    let columns = events.bind(&scorer.schema().inputs)?;
    // The seed is fixed: the records are part of the bytes that must not change between runs.
    let mut random = Pcg64::seed_from_u64(0);
    let unseen = unseen_text(scorer);
    let inputs = &scorer.schema().inputs;
    let mixed = |random: &mut Pcg64| -> Vec<OwnedValue> {
        let drawn = columns.iter().enumerate().map(|(input, column)| {
            if inputs[input].input_type == InputType::Key {
                return OwnedValue::Integer(random.random_range(1..=MADE_UP_IDS));
            }
            match value(column, rows[random.random_range(0..rows.len())]) {
                // Text that no feature knows may be a name or an address: it stays at home.
                Value::Text(text) if !is_known(scorer, input, text) => {
                    OwnedValue::Text(unseen.clone())
                }
                known => known.into(),
            }
        });
        drawn.collect()
    };
    // Of an event without a time nothing is in the past.
    let time = scorer
        .windows()
        .and_then(|windows| inputs.iter().position(|input| input.name == windows.program().time));
    let mut nothing = vec![OwnedValue::Null; columns.len()];
    if let Some(time) = time {
        nothing[time] = OwnedValue::Time(0);
    }
    let mut records = vec![nothing];
    for (input, odd) in odd_values(scorer, time).into_iter().take(MAX_ODD_RECORDS) {
        let mut record = mixed(&mut random);
        record[input] = odd;
        records.push(record);
    }
    for (input, split_value) in split_values(scorer) {
        let mut record = mixed(&mut random);
        record[input] = OwnedValue::Number(split_value);
        records.push(record);
    }
    while records.len() < N_RECORDS {
        records.push(mixed(&mut random));
    }
    let mut golden = |values: Vec<OwnedValue>| {
        let states = match (scorer.windows(), time) {
            (Some(windows), Some(time)) => {
                let past = past::Past { scorer, windows, time };
                past.states(&values, &mut random, mixed)?
            }
            _ => Vec::new(),
        };
        let borrowed: Vec<Value<'_>> = values.iter().map(OwnedValue::as_value).collect();
        let known: Vec<Option<&EntityState>> = states.iter().map(Option::as_ref).collect();
        let expected = scorer.golden_outcome(Record::new(&borrowed), &known).map_err(unscored)?;
        let encoded = |state: &EntityState| {
            let mut bytes = Vec::new();
            scorer.windows().into_iter().for_each(|windows| state.encode(windows, &mut bytes));
            bytes
        };
        let states = known.into_iter().map(|state| state.map(encoded)).collect();
        Ok(GoldenRecord { values, states, expected })
    };
    records.into_iter().map(&mut golden).collect()
}

fn unscored(source: ScoreError) -> Error {
    Error::Score { row: 0, source }
}

/// Whether the text is a category of a feature that reads this input, or empty.
fn is_known(scorer: &Scorer, input: usize, text: &str) -> bool {
    let reads = scorer.contents().program.steps.iter().filter(|step| step.input() == Some(input));
    text.is_empty() || reads.filter_map(vocabulary).any(|known| known.code(text).is_some())
}

/// The shortest row of tildes that is no category.
fn unseen_text(scorer: &Scorer) -> String {
    let known = |text: &String| {
        let mut vocabularies = scorer.contents().program.steps.iter().filter_map(vocabulary);
        vocabularies.any(|known| known.code(text).is_some())
    };
    let mut texts = (1..).map(|length| "~".repeat(length));
    texts.find(|text| !known(text)).unwrap_or_default()
}

fn vocabulary(step: &Step) -> Option<&Vocabulary> {
    match step {
        Step::Category { vocabulary, .. } => Some(vocabulary),
        Step::Rate { table, .. } => Some(table.values()),
        _ => None,
    }
}

/// Each input's odd values, the first of every input before the second of any: null, the infinities, both
/// zeros, extreme instants, unseen text. The time that velocity goes by stays within the years 1 to 9999.
fn odd_values(scorer: &Scorer, time: Option<usize>) -> Vec<(usize, OwnedValue)> {
    let mut odd = Vec::new();
    for (position, input) in scorer.schema().inputs.iter().enumerate() {
        let values = match input.input_type {
            InputType::Number => vec![
                OwnedValue::Number(f64::INFINITY),
                OwnedValue::Number(-0.0),
                OwnedValue::Number(f64::NEG_INFINITY),
                OwnedValue::Number(f64::NAN),
                OwnedValue::Number(f64::MAX),
                OwnedValue::Integer(i64::MAX),
            ],
            InputType::Boolean => vec![OwnedValue::Bool(true), OwnedValue::Bool(false)],
            InputType::Text => vec![
                OwnedValue::Text("x".repeat(UNSEEN_TEXT_BYTES)),
                OwnedValue::Text(String::new()),
            ],
            InputType::Key => vec![
                OwnedValue::Text("1".to_owned()),
                OwnedValue::Integer(i64::MIN),
                OwnedValue::Text(String::new()),
            ],
            _ if time == Some(position) => ENDS_OF_TIME
                .iter()
                .filter_map(|end| Some(OwnedValue::Time(parse_time(end)?)))
                .collect(),
            _ => vec![OwnedValue::Time(i64::MIN), OwnedValue::Time(i64::MAX)],
        };
        let null = (time != Some(position)).then_some(OwnedValue::Null);
        let values = values.into_iter().chain(null).enumerate();
        odd.extend(values.map(|(rank, value)| (rank, position, value)));
    }
    odd.sort_by_key(|(rank, position, _)| (*rank, *position));
    odd.into_iter().map(|(_, position, value)| (position, value)).collect()
}

/// Values of splits by number, spread over the forest, with the input that reaches each.
fn split_values(scorer: &Scorer) -> Vec<(usize, f64)> {
    let contents = scorer.contents();
    let Model::Forest(forest) = &contents.model else { return Vec::new() };
    let splits: Vec<(usize, f64)> = forest
        .trees
        .iter()
        .flat_map(|tree| &tree.nodes)
        .filter_map(|node| {
            let Node::Split(split) = node else { return None };
            let SplitTest::AtMost(split_value) = split.test else { return None };
            match contents.program.steps.get(split.feature_index as usize) {
                Some(Step::Number { input, .. }) => Some((*input as usize, f64::from(split_value))),
                _ => None,
            }
        })
        .collect();
    let stride = splits.len().div_ceil(MAX_SPLIT_RECORDS).max(1);
    splits.into_iter().step_by(stride).collect()
}
