//! From the configuration and the rows of a fit to a schema and a feature program.

mod windows;

pub use windows::{DEFAULT_AMOUNT_DECIMALS, windows};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shroff_datasets::Values;
use shroff_serve::features::window::{ColumnKind, Windows};
use shroff_serve::features::{Program, Step, TimePart, Transform, Vocabulary};
use shroff_serve::schema::{Feature, Input, InputType, MAX_NAME_BYTES, Policy, Schema};

use crate::config::{
    Config, DefaultScalar, DefaultValue, FeatureConfig, FeatureInput, PolicyConfig, PolicyWord,
};
use crate::error::Error;
use crate::events::Events;
use crate::rate;

/// Rows a category needs to get a code of its own, where the configuration does not say.
pub const DEFAULT_MIN_COUNT: u64 = 10;
/// Most categories that get a code, where the configuration does not say.
pub const DEFAULT_MAX_CATEGORIES: u32 = 255;

/// The columns that features read, with their types, each once, in order of first use; then those that
/// only velocity reads, by name.
///
/// # Errors
/// A column that is read as two types.
pub fn inputs(config: &Config) -> Result<Vec<(String, InputType)>, Error> {
    let mut inputs: Vec<(String, InputType)> = Vec::new();
    let two_types = |column: &str, one: &str, other: &str| {
        Error::config(format!(
            "[[feature]] column = {column:?}: read as {one} and as {other}; a column has one type"
        ))
    };
    for feature in &config.features {
        let read = feature.expand().into_iter().flat_map(|(_, read_as)| {
            feature.operands().into_iter().map(move |column| (column, input_type(read_as)))
        });
        for (column, input_type) in read {
            match inputs.iter().find(|(name, _)| name == column) {
                Some((_, other)) if *other != input_type => {
                    return Err(two_types(column, other.name(), input_type.name()));
                }
                Some(_) => {}
                None => inputs.push((column.to_owned(), input_type)),
            }
        }
    }
    for column in windows(config)?.iter().flat_map(Windows::columns) {
        let own_type = match column.kind {
            ColumnKind::Time => InputType::Time,
            ColumnKind::Number => InputType::Number,
            ColumnKind::Boolean => InputType::Boolean,
            _ => InputType::Key,
        };
        match inputs.iter().find(|(name, _)| *name == *column.name) {
            Some((_, other)) if !column.kind.suits(*other) => {
                return Err(two_types(&column.name, other.name(), own_type.name()));
            }
            Some(_) => {}
            None => inputs.push((column.name.to_string(), own_type)),
        }
    }
    Ok(inputs)
}

/// Learns vocabularies and rates from the given rows and puts the schema and the program together.
/// The rates are those of all labels of these rows, for rows to come; what the rows themselves are
/// given is [`crate::rate::encode_fit_rows`].
///
/// # Errors
/// A default that is no category, or a schema that serve-lib refuses.
pub fn fit(config: &Config, events: &Events, rows: &[usize]) -> Result<(Schema, Program), Error> {
    let inputs = inputs(config)?;
    let windows = windows(config)?;
    let position = |column: &str| inputs.iter().position(|(name, _)| name == column);
    let mut required = BTreeSet::<usize>::new();
    // Without a time nothing is in its past.
    required.extend(windows.iter().filter_map(|windows| position(&windows.program().time)));
    let (mut features, mut steps) = (Vec::new(), Vec::new());
    for feature in &config.features {
        let operands: Vec<usize> = feature.operands().into_iter().filter_map(position).collect();
        for (name, read_as) in feature.expand() {
            let n_velocity =
                steps.iter().filter(|step| matches!(step, Step::Window { .. })).count() as u32;
            let step = fit_step(feature, read_as, &operands, n_velocity, (events, rows))?;
            let policies = Policies::resolve(feature, &step)?;
            if policies.on_missing == Policy::Reject {
                required.extend(&operands);
            }
            features.push(Feature {
                name: name.into(),
                kind: step.row_type(),
                on_missing: policies.on_missing,
                on_unseen: policies.on_unseen,
                on_out_of_range: policies.on_out_of_range,
            });
            steps.push(step);
        }
    }
    let input = |(position, (name, input_type)): (usize, (String, InputType))| Input {
        name: Arc::from(name),
        input_type,
        required: required.contains(&position),
    };
    let inputs = inputs.into_iter().enumerate().map(input).collect();
    let schema = Schema { inputs, features, utc_offset_secs: config.columns.utc_offset.secs };
    let program = Program { steps, windows };
    let sound = schema.check().and_then(|()| program.check(&schema));
    sound.map_err(|error| Error::config(format!("[[feature]] {error}")))?;
    Ok((schema, program))
}

fn input_type(read_as: FeatureInput) -> InputType {
    match read_as {
        FeatureInput::Number
        | FeatureInput::Log1p
        | FeatureInput::Ratio
        | FeatureInput::Difference
        | FeatureInput::Velocity => InputType::Number,
        FeatureInput::Boolean => InputType::Boolean,
        FeatureInput::Category | FeatureInput::Rate => InputType::Text,
        FeatureInput::Part(_) | FeatureInput::TimeDifference(_) => InputType::Time,
    }
}

fn fit_step(
    feature: &FeatureConfig,
    read_as: FeatureInput,
    operands: &[usize],
    velocity: u32,
    (events, rows): (&Events, &[usize]),
) -> Result<Step, Error> {
    let operand = |at: usize| operands.get(at).copied().unwrap_or_default() as u32;
    let (input, inputs) = (operand(0), [operand(0), operand(1)]);
    let range = feature.range.map(|[low, high]| (low, high));
    let computed = |transform| Step::Transform { transform, range };
    Ok(match read_as {
        FeatureInput::Number => Step::Number { input, range },
        FeatureInput::Boolean => Step::Boolean { input },
        FeatureInput::Category => {
            Step::Category { input, vocabulary: fit_vocabulary(feature, events, rows)? }
        }
        FeatureInput::Rate => Step::Rate { input, table: rate::table(feature, events, rows)? },
        FeatureInput::Part(part) => Step::TimePart { input, part },
        FeatureInput::Log1p => computed(Transform::Log1p { input }),
        FeatureInput::Ratio => computed(Transform::Ratio { inputs }),
        FeatureInput::Difference => computed(Transform::Difference { inputs }),
        FeatureInput::TimeDifference(unit) => computed(Transform::TimeDifference { inputs, unit }),
        FeatureInput::Velocity => Step::Window { feature: velocity, range },
    })
}

/// The most frequent values, of equally frequent ones the first in byte order. Values too long for
/// a vocabulary count as rare.
fn fit_vocabulary(
    feature: &FeatureConfig,
    events: &Events,
    rows: &[usize],
) -> Result<Vocabulary, Error> {
    let column = events
        .column(&feature.column, shroff_datasets::ColumnKind::Text)
        .ok_or_else(|| Error::data(format!("column {:?} was not read as text", feature.column)))?;
    let Values::Text(text) = column.values() else { return Ok(Vocabulary::default()) };
    let mut counts = vec![0_u64; text.dictionary().len()];
    for &row in rows.iter().filter(|row| !column.is_null(**row)) {
        counts[text.codes()[row] as usize] += 1;
    }
    let min_count = feature.min_count.unwrap_or(DEFAULT_MIN_COUNT).max(1);
    let counted: BTreeMap<&str, u64> =
        text.dictionary().iter().map(String::as_str).zip(counts).collect();
    let mut frequent: Vec<(&str, u64)> = counted
        .into_iter()
        .filter(|(value, count)| *count >= min_count && value.len() <= MAX_NAME_BYTES)
        .collect();
    // Stable: equal counts stay in byte order.
    frequent.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    frequent.truncate(feature.max_categories.unwrap_or(DEFAULT_MAX_CATEGORIES) as usize);
    Ok(Vocabulary::new(frequent.into_iter().map(|(value, _)| value.to_owned()).collect()))
}

struct Policies {
    on_missing: Policy,
    on_unseen: Policy,
    on_out_of_range: Policy,
}

impl Policies {
    fn resolve(feature: &FeatureConfig, step: &Step) -> Result<Self, Error> {
        let resolve = |policy: &Option<PolicyConfig>, default| {
            match policy {
            None => Ok(default),
            Some(PolicyConfig::Word(PolicyWord::Learned)) => Ok(Policy::Learned),
            Some(PolicyConfig::Word(PolicyWord::AsMissing)) => Ok(Policy::AsMissing),
            Some(PolicyConfig::Word(PolicyWord::Reject)) => Ok(Policy::Reject),
            Some(PolicyConfig::Default(DefaultValue { default })) => match (default, step) {
                (DefaultScalar::Number(value), _) => Ok(Policy::Default(*value as f32)),
                (DefaultScalar::Text(value), Step::Category { vocabulary, .. }) => {
                    vocabulary.code(value).map(|code| Policy::Default(code as f32)).ok_or_else(|| {
                        Error::config(format!(
                            "{}: the default {value:?} is no category of the training rows, which \
                             have {}",
                            feature.label(),
                            vocabulary.values().join(", ")
                        ))
                    })
                }
                (DefaultScalar::Text(value), Step::TimePart { part: TimePart::DayPart, .. }) => {
                    let code = TimePart::DAY_PARTS.iter().position(|part| part == value);
                    code.map(|code| Policy::Default(code as f32)).ok_or_else(|| {
                        let known = TimePart::DAY_PARTS.join(", ");
                        let label = feature.label();
                        Error::config(format!("{label}: the default {value:?} is none of {known}"))
                    })
                }
                // The configuration's own check refuses it before.
                (DefaultScalar::Text(_), _) => Ok(Policy::Learned),
            },
        }
        };
        Ok(Self {
            on_missing: resolve(&feature.on_missing, Policy::Learned)?,
            on_unseen: resolve(&feature.on_unseen, Policy::Learned)?,
            on_out_of_range: resolve(&feature.on_out_of_range, default_policy(step))?,
        })
    }
}

/// Out of range, a number is treated as missing; other features know no range.
fn default_policy(step: &Step) -> Policy {
    match step {
        Step::Number { .. } | Step::Transform { .. } | Step::Window { .. } => Policy::AsMissing,
        _ => Policy::Learned,
    }
}
