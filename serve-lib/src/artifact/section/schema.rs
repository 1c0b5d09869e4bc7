//! SCHEMA, versions 1 and 2, and PROGRAM, versions 1 to 3.

use serde::{Deserialize, Serialize};

use super::windows::WindowsV1;
use super::{Body, Section};
use crate::error::ErrorKind;
use crate::features::window::Naming;
use crate::features::{Program, RateTable, Step, TimePart, TimeUnit, Transform, Vocabulary};
use crate::schema::{Feature, Input, InputType, Policy, RowType, Schema};

#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct SchemaV1 {
    inputs: Vec<InputV1>,
    features: Vec<FeatureV1>,
    utc_offset_secs: i32,
}

/// The layout of version 1, with ids among the inputs.
#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct SchemaV2(SchemaV1);

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

/// Version 1 with windows, whose ids are hashed by BLAKE3.
#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct ProgramV2 {
    steps: Vec<StepV1>,
    windows: Option<WindowsV1>,
}

/// The layout of version 2, with ids hashed by SipHash.
#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct ProgramV3(ProgramV2);

#[derive(Serialize, Deserialize)]
struct StepV1 {
    code: u16,
    input: u32,
    second_input: u32,
    range: Option<RangeV1>,
    time_part: u16,
    unit: u16,
    vocabulary: Vec<String>,
    rates: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
struct RangeV1 {
    low: f64,
    high: f64,
}

const INPUT_TYPES: [(u16, InputType); 5] = [
    (1, InputType::Number),
    (2, InputType::Boolean),
    (3, InputType::Text),
    (4, InputType::Time),
    // Since version 2.
    (5, InputType::Key),
];
const TIME_PARTS: [(u16, TimePart); 5] = [
    (1, TimePart::Hour),
    (2, TimePart::Weekday),
    (3, TimePart::Weekend),
    (4, TimePart::Night),
    (5, TimePart::DayPart),
];
const TIME_UNITS: [(u16, TimeUnit); 4] =
    [(1, TimeUnit::Seconds), (2, TimeUnit::Minutes), (3, TimeUnit::Hours), (4, TimeUnit::Days)];

impl Body for SchemaV1 {
    type Content = Schema;
    const SECTION: Section = Section::Schema;

    fn suits(schema: &Schema) -> bool {
        !has_keys(schema)
    }

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

impl Body for SchemaV2 {
    type Content = Schema;
    const SECTION: Section = Section::Schema;
    const VERSION: u16 = 2;

    fn suits(schema: &Schema) -> bool {
        has_keys(schema)
    }

    fn from_content(schema: &Schema) -> Self {
        Self(SchemaV1::from_content(schema))
    }

    fn into_content(self) -> Result<Schema, ErrorKind> {
        self.0.into_content()
    }
}

fn has_keys(schema: &Schema) -> bool {
    schema.inputs.iter().any(|input| input.input_type == InputType::Key)
}

impl Body for ProgramV1 {
    type Content = Program;
    const SECTION: Section = Section::Program;

    fn suits(program: &Program) -> bool {
        program.windows.is_none()
    }

    fn from_content(program: &Program) -> Self {
        let step = |step: &Step| {
            let plain = |code, input: &u32| StepV1 {
                code,
                input: *input,
                second_input: 0,
                range: None,
                time_part: 0,
                unit: 0,
                vocabulary: Vec::new(),
                rates: Vec::new(),
            };
            let range_v1 =
                |range: &Option<(f64, f64)>| range.map(|(low, high)| RangeV1 { low, high });
            match step {
                Step::Number { input, range } => {
                    StepV1 { range: range_v1(range), ..plain(1, input) }
                }
                Step::Boolean { input } => plain(2, input),
                Step::Category { input, vocabulary } => {
                    StepV1 { vocabulary: vocabulary.values().to_vec(), ..plain(3, input) }
                }
                Step::TimePart { input, part } => {
                    StepV1 { time_part: code_of(&TIME_PARTS, *part), ..plain(4, input) }
                }
                Step::Transform { transform, range } => {
                    let pair = |code, [first, second]: &[u32; 2]| StepV1 {
                        second_input: *second,
                        ..plain(code, first)
                    };
                    let computed = match transform {
                        Transform::Log1p { input } => plain(5, input),
                        Transform::Ratio { inputs } => pair(6, inputs),
                        Transform::Difference { inputs } => pair(7, inputs),
                        Transform::TimeDifference { inputs, unit } => {
                            StepV1 { unit: code_of(&TIME_UNITS, *unit), ..pair(8, inputs) }
                        }
                    };
                    StepV1 { range: range_v1(range), ..computed }
                }
                Step::Rate { input, table } => StepV1 {
                    vocabulary: table.values().values().to_vec(),
                    rates: table.rates().to_vec(),
                    ..plain(9, input)
                },
                Step::Window { feature, range } => {
                    StepV1 { range: range_v1(range), ..plain(10, feature) }
                }
            }
        };
        Self { steps: program.steps.iter().map(step).collect() }
    }

    fn into_content(self) -> Result<Program, ErrorKind> {
        let step = |step: StepV1| {
            let (input, inputs) = (step.input, [step.input, step.second_input]);
            let range = step.range.map(|range| (range.low, range.high));
            let computed = |transform| Step::Transform { transform, range };
            Ok(match step.code {
                1 => Step::Number { input, range },
                2 => Step::Boolean { input },
                3 => {
                    let vocabulary = Vocabulary::from_sorted(step.vocabulary);
                    Step::Category { input, vocabulary }
                }
                4 => {
                    let part = named(&TIME_PARTS, step.time_part, "a part of a timestamp")?;
                    Step::TimePart { input, part }
                }
                5 => computed(Transform::Log1p { input }),
                6 => computed(Transform::Ratio { inputs }),
                7 => computed(Transform::Difference { inputs }),
                8 => {
                    let unit = named(&TIME_UNITS, step.unit, "a unit of time")?;
                    computed(Transform::TimeDifference { inputs, unit })
                }
                9 => {
                    let values = Vocabulary::from_sorted(step.vocabulary);
                    Step::Rate { input, table: RateTable::from_parts(values, step.rates) }
                }
                10 => Step::Window { feature: input, range },
                found => return Err(ErrorKind::Code { what: "a step", found: found.into() }),
            })
        };
        let steps = self.steps.into_iter().map(step).collect::<Result<_, ErrorKind>>()?;
        Ok(Program { steps, windows: None })
    }
}

impl Body for ProgramV2 {
    type Content = Program;
    const SECTION: Section = Section::Program;
    const VERSION: u16 = 2;

    fn suits(program: &Program) -> bool {
        program.windows.as_ref().is_some_and(|windows| windows.naming() == Naming::Blake3)
    }

    fn from_content(program: &Program) -> Self {
        let ProgramV1 { steps } = ProgramV1::from_content(program);
        Self { steps, windows: program.windows.as_ref().map(WindowsV1::from) }
    }

    fn into_content(self) -> Result<Program, ErrorKind> {
        self.into_program(Naming::Blake3)
    }
}

impl ProgramV2 {
    fn into_program(self, naming: Naming) -> Result<Program, ErrorKind> {
        let Program { steps, .. } = ProgramV1 { steps: self.steps }.into_content()?;
        let windows = self.windows.map(|windows| windows.into_windows(naming)).transpose()?;
        Ok(Program { steps, windows })
    }
}

impl Body for ProgramV3 {
    type Content = Program;
    const SECTION: Section = Section::Program;
    const VERSION: u16 = 3;

    fn suits(program: &Program) -> bool {
        program.windows.as_ref().is_some_and(|windows| windows.naming() == Naming::SipHash)
    }

    fn from_content(program: &Program) -> Self {
        Self(ProgramV2::from_content(program))
    }

    fn into_content(self) -> Result<Program, ErrorKind> {
        self.0.into_program(Naming::SipHash)
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
