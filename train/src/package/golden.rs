//! Golden records: raw records whose scores travel with the model and are checked at every load.
//!
//! No record is a real transaction: each value is taken from another row of the fit, and text that is
//! no category of the model stays out. To these come the values that parsers and floating point like
//! to get wrong.

use rand::RngExt;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use shroff_serve::artifact::{GoldenRecord, OwnedValue};
use shroff_serve::features::{Step, Vocabulary};
use shroff_serve::model::{Model, Node, SplitTest};
use shroff_serve::schema::InputType;
use shroff_serve::{Record, Scorer, Value};

use crate::error::Error;
use crate::events::{Events, value};

/// Records in all.
const N_RECORDS: usize = 128;
/// At most so many stand exactly at a split value, and so many hold one odd value.
const MAX_SPLIT_RECORDS: usize = 32;
const MAX_ODD_RECORDS: usize = 48;
/// Text that no vocabulary holds: a vocabulary's values are at most 256 bytes.
const UNSEEN_TEXT_BYTES: usize = 257;

pub(super) fn golden(
    scorer: &Scorer,
    events: &Events,
    rows: &[usize],
) -> Result<Vec<GoldenRecord>, Error> {
    let columns = events.bind(&scorer.schema().inputs)?;
    // The seed is fixed: the records are part of the bytes that must not change between runs.
    let mut random = Pcg64::seed_from_u64(0);
    let unseen = unseen_text(scorer);
    let mut mixed = || -> Vec<OwnedValue> {
        let drawn = columns.iter().enumerate().map(|(input, column)| {
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
    let mut records = vec![vec![OwnedValue::Null; columns.len()]];
    for (input, odd) in odd_values(scorer).into_iter().take(MAX_ODD_RECORDS) {
        let mut record = mixed();
        record[input] = odd;
        records.push(record);
    }
    for (input, split_value) in split_values(scorer) {
        let mut record = mixed();
        record[input] = OwnedValue::Number(split_value);
        records.push(record);
    }
    while records.len() < N_RECORDS {
        records.push(mixed());
    }
    let golden = |values: Vec<OwnedValue>| {
        let borrowed: Vec<Value<'_>> = values.iter().map(OwnedValue::as_value).collect();
        let outcome = scorer.golden_outcome(Record::new(&borrowed), &[]);
        let expected = outcome.map_err(|source| Error::Score { row: 0, source })?;
        Ok(GoldenRecord { values, states: Vec::new(), expected })
    };
    records.into_iter().map(golden).collect()
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

/// Each input's odd values, the first of every input before the second of any: null, the infinities, both zeros, extreme instants, unseen text.
fn odd_values(scorer: &Scorer) -> Vec<(usize, OwnedValue)> {
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
            _ => vec![OwnedValue::Time(i64::MIN), OwnedValue::Time(i64::MAX)],
        };
        let values = values.into_iter().chain([OwnedValue::Null]).enumerate();
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
