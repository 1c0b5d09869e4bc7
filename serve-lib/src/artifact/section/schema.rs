//! SCHEMA and PROGRAM, version 1.

use serde::{Deserialize, Serialize};

use super::{Body, Section};
use crate::error::ErrorKind;
use crate::features::{Program, Step, TimePart, Vocabulary};
use crate::schema::{Feature, Input, InputType, Policy, RowType, Schema};

#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct SchemaV1 {
    inputs: Vec<InputV1>,
    features: Vec<FeatureV1>,
    utc_offset_secs: i32,
}

#[derive(Serialize, Deserialize)]
struct InputV1 {
    name: String,
    input_type: u16,
    required: bool,
}

#[derive(Serialize, Deserialize)]
struct FeatureV1 {
    name: String,
    /// 0 for an ordered quantity, else the number of categories.
    n_categories: u32,
    on_missing: PolicyV1,
    on_unseen: PolicyV1,
    on_out_of_range: PolicyV1,
}

#[derive(Serialize, Deserialize)]
struct PolicyV1 {
    code: u16,
    value: f32,
}

#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct ProgramV1 {
    steps: Vec<StepV1>,
}

#[derive(Serialize, Deserialize)]
struct StepV1 {
    code: u16,
    input: u32,
    range: Option<RangeV1>,
    time_part: u16,
    vocabulary: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct RangeV1 {
    low: f64,
    high: f64,
}

const INPUT_TYPES: [(u16, InputType); 4] =
    [(1, InputType::Number), (2, InputType::Boolean), (3, InputType::Text), (4, InputType::Time)];
const TIME_PARTS: [(u16, TimePart); 4] =
    [(1, TimePart::Hour), (2, TimePart::Weekday), (3, TimePart::Weekend), (4, TimePart::Night)];

impl Body for SchemaV1 {
    type Content = Schema;
    const SECTION: Section = Section::Schema;

    fn from_content(schema: &Schema) -> Self {
        let input = |input: &Input| InputV1 {
            name: input.name.to_string(),
            input_type: code_of(&INPUT_TYPES, input.input_type),
            required: input.required,
        };
        let feature = |feature: &Feature| FeatureV1 {
            name: feature.name.to_string(),
            n_categories: feature.kind.n_categories().unwrap_or(0),
            on_missing: feature.on_missing.into(),
            on_unseen: feature.on_unseen.into(),
            on_out_of_range: feature.on_out_of_range.into(),
        };
        Self {
            inputs: schema.inputs.iter().map(input).collect(),
            features: schema.features.iter().map(feature).collect(),
            utc_offset_secs: schema.utc_offset_secs,
        }
    }

    fn into_content(self) -> Result<Schema, ErrorKind> {
        let input = |input: InputV1| {
            let input_type = named(&INPUT_TYPES, input.input_type, "an input type")?;
            Ok(Input { name: input.name.into(), input_type, required: input.required })
        };
        let feature = |feature: FeatureV1| {
            Ok(Feature {
                name: feature.name.into(),
                kind: match feature.n_categories {
                    0 => RowType::Numeric,
                    n_categories => RowType::Categorical { n_categories },
                },
                on_missing: feature.on_missing.try_into()?,
                on_unseen: feature.on_unseen.try_into()?,
                on_out_of_range: feature.on_out_of_range.try_into()?,
            })
        };
        Ok(Schema {
            inputs: self.inputs.into_iter().map(input).collect::<Result<_, ErrorKind>>()?,
            features: self.features.into_iter().map(feature).collect::<Result<_, ErrorKind>>()?,
            utc_offset_secs: self.utc_offset_secs,
        })
    }
}

impl Body for ProgramV1 {
    type Content = Program;
    const SECTION: Section = Section::Program;

    fn from_content(program: &Program) -> Self {
        let step = |step: &Step| {
            let plain = |code, input: &u32| StepV1 {
                code,
                input: *input,
                range: None,
                time_part: 0,
                vocabulary: Vec::new(),
            };
            match step {
                Step::Number { input, range } => {
                    let range = range.map(|(low, high)| RangeV1 { low, high });
                    StepV1 { range, ..plain(1, input) }
                }
                Step::Boolean { input } => plain(2, input),
                Step::Category { input, vocabulary } => {
                    StepV1 { vocabulary: vocabulary.values().to_vec(), ..plain(3, input) }
                }
                Step::TimePart { input, part } => {
                    StepV1 { time_part: code_of(&TIME_PARTS, *part), ..plain(4, input) }
                }
            }
        };
        Self { steps: program.steps.iter().map(step).collect() }
    }

    fn into_content(self) -> Result<Program, ErrorKind> {
        let step = |step: StepV1| {
            let input = step.input;
            match step.code {
                1 => {
                    let range = step.range.map(|range| (range.low, range.high));
                    Ok(Step::Number { input, range })
                }
                2 => Ok(Step::Boolean { input }),
                3 => {
                    let vocabulary = Vocabulary::from_sorted(step.vocabulary);
                    Ok(Step::Category { input, vocabulary })
                }
                4 => {
                    let part = named(&TIME_PARTS, step.time_part, "a part of a timestamp")?;
                    Ok(Step::TimePart { input, part })
                }
                found => Err(ErrorKind::Code { what: "a step", found: found.into() }),
            }
        };
        Ok(Program { steps: self.steps.into_iter().map(step).collect::<Result<_, ErrorKind>>()? })
    }
}

impl From<Policy> for PolicyV1 {
    fn from(policy: Policy) -> Self {
        let (code, value) = match policy {
            Policy::Learned => (1, 0.0),
            Policy::AsMissing => (2, 0.0),
            Policy::Default(value) => (3, value),
            Policy::Reject => (4, 0.0),
        };
        Self { code, value }
    }
}

impl TryFrom<PolicyV1> for Policy {
    type Error = ErrorKind;

    fn try_from(policy: PolicyV1) -> Result<Self, ErrorKind> {
        match policy.code {
            1 => Ok(Self::Learned),
            2 => Ok(Self::AsMissing),
            3 => Ok(Self::Default(policy.value)),
            4 => Ok(Self::Reject),
            found => Err(ErrorKind::Code { what: "a policy", found: found.into() }),
        }
    }
}

/// The code of a value; 0, which names nothing, for one that has none in this version.
fn code_of<T: PartialEq>(codes: &[(u16, T)], value: T) -> u16 {
    codes.iter().find(|(_, named)| *named == value).map_or(0, |(code, _)| *code)
}

fn named<T: Copy>(codes: &[(u16, T)], code: u16, what: &'static str) -> Result<T, ErrorKind> {
    let found = codes.iter().find(|(known, _)| *known == code).map(|(_, value)| *value);
    found.ok_or(ErrorKind::Code { what, found: code.into() })
}
