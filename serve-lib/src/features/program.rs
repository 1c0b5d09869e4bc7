//! One step per feature: read an input, turn it into a number, apply the feature's policies.

use super::outcome::{Outcome, Unwatched, Watch, number};
use super::window::Windows;
use super::{RateTable, TimePart, Transform, Vocabulary};
use crate::error::{RejectReason, ScoreError};
use crate::record::{Record, Value};
use crate::schema::{Feature, InputType, Policy, RowType, Schema, SchemaError, category};

/// How the features of a schema are computed, one step each, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// The steps.
    pub steps: Vec<Step>,
    /// Velocity features, each of which one [`Step::Window`] takes; none where there are none.
    pub windows: Option<Windows>,
}

/// How one feature is computed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// The number itself. Outside `range` (both ends included), or infinite, it is out of range.
    Number {
        /// Position among the inputs.
        input: u32,
        /// The least and greatest value expected.
        range: Option<(f64, f64)>,
    },
    /// 1 for true, 0 for false.
    Boolean {
        /// Position among the inputs.
        input: u32,
    },
    /// The code of the text in a vocabulary.
    Category {
        /// Position among the inputs.
        input: u32,
        /// The values that have a code of their own.
        vocabulary: Vocabulary,
    },
    /// A part of an instant at the schema's offset from UTC.
    TimePart {
        /// Position among the inputs.
        input: u32,
        /// Which part.
        part: TimePart,
    },
    /// A number computed from one input or two. Outside `range`, or infinite, it is out of range.
    Transform {
        /// What is computed, and of what.
        transform: Transform,
        /// The least and greatest result expected.
        range: Option<(f64, f64)>,
    },
    /// The share of fraud among rows of the same text.
    Rate {
        /// Position among the inputs.
        input: u32,
        /// The rates of the values that are known.
        table: RateTable,
    },
    /// The value of a velocity feature. Outside `range`, or infinite, it is out of range.
    Window {
        /// Position among the features of the program's [`windows`](Program::windows).
        feature: u32,
        /// The least and greatest value expected.
        range: Option<(f64, f64)>,
    },
}

impl Program {
    /// Turns a record into a row. Each value is decided by its own inputs and policies alone, so a
    /// row never depends on an earlier one.
    ///
    /// `velocity` has a value for each feature of the program's windows, as
    /// [`Windows::features`] gives them; it is empty where the program has no windows.
    ///
    /// Cost: a few nanoseconds a number, a hash of its text a category; no allocation.
    ///
    /// # Errors
    /// A record, row or velocity of another length, a value of another type, or a policy that
    /// rejects.
    pub fn encode(
        &self,
        schema: &Schema,
        record: Record<'_>,
        velocity: &[f32],
        row: &mut [f32],
    ) -> Result<(), ScoreError> {
        self.encode_watched(schema, record, velocity, row, &mut Unwatched)
    }

    /// As [`Program::encode`]; `watch` is told of the odd values, up to one that is rejected.
    pub(crate) fn encode_watched(
        &self,
        schema: &Schema,
        record: Record<'_>,
        velocity: &[f32],
        row: &mut [f32],
        watch: &mut impl Watch,
    ) -> Result<(), ScoreError> {
        check_record(schema, record)?;
        self.check_velocity(velocity)?;
        if row.len() != self.steps.len() {
            return Err(ScoreError::row_length(self.steps.len(), row.len()));
        }
        let steps = self.steps.iter().zip(&schema.features).zip(row).enumerate();
        for (position, ((step, feature), slot)) in steps {
            let odd = |what| watch.odd(position, what);
            *slot = step
                .fill_record(feature, record.values(), velocity, schema.utc_offset_secs, odd)
                .map_err(|reason| ScoreError::rejected(feature.name.clone(), reason))?;
        }
        Ok(())
    }

    /// Tells which features have a value that a policy decides on, whatever it decides: for each the
    /// position and what is odd, in the order of the schema. No row is made. `velocity` is as
    /// [`encode`](Program::encode) takes it.
    ///
    /// # Errors
    /// A record or velocity of another length, a value of another type.
    pub fn odd_values(
        &self,
        schema: &Schema,
        record: Record<'_>,
        velocity: &[f32],
        mut odd: impl FnMut(usize, RejectReason),
    ) -> Result<(), ScoreError> {
        check_record(schema, record)?;
        self.check_velocity(velocity)?;
        for (position, step) in self.steps.iter().enumerate() {
            let outcome = step.evaluate_record(record.values(), velocity, schema.utc_offset_secs);
            if let Err(what) = outcome.sound() {
                odd(position, what);
            }
        }
        Ok(())
    }

    /// Proves that the steps suit the schema: one a feature, inputs of the right type, sound
    /// vocabularies, policies that apply; and that windows read inputs of fitting types and each
    /// feature of them is one step's.
    ///
    /// # Errors
    /// What is wrong, and with which feature.
    pub fn check(&self, schema: &Schema) -> Result<(), SchemaError> {
        if self.steps.len() != schema.features.len() {
            return Err(SchemaError::new("program", "should have one step a feature"));
        }
        let mut required = self.check_windows(schema)?;
        for (step, feature) in self.steps.iter().zip(&schema.features) {
            let fail = |problem| Err(SchemaError::new(&feature.name, problem));
            for input in step.inputs() {
                let read = schema.inputs.get(input).zip(required.get_mut(input));
                let Some((read, required)) = read else {
                    return fail("reads an input that is not in the schema");
                };
                if read.input_type != step.input_type() {
                    return fail("reads an input of another type");
                }
                *required |= feature.on_missing == Policy::Reject;
            }
            if step.second_input().is_some() && step.second_input() == step.input() {
                return fail("reads the same input twice");
            }
            if feature.kind != step.row_type() {
                return fail("is of another kind, or has other categories, than its step gives");
            }
            if let Some(problem) = step.problem() {
                return fail(problem);
            }
            if let Some(n_categories) = step.row_type().n_categories() {
                let stray = [feature.on_missing, feature.on_unseen].into_iter().any(|policy| {
                    matches!(policy, Policy::Default(code)
                        if category(code).is_none_or(|c| c >= n_categories as usize))
                });
                if stray {
                    return fail("a default is no code of its categories");
                }
            }
        }
        match schema.inputs.iter().zip(required).find(|(input, needed)| input.required != *needed) {
            Some((input, _)) => {
                let problem = "is required exactly when a feature rejects its missing values";
                Err(SchemaError::new(&input.name, problem))
            }
            None => Ok(()),
        }
    }
}

/// Proves that a record has a value of the right type for each input.
pub(super) fn check_record(schema: &Schema, record: Record<'_>) -> Result<(), ScoreError> {
    let values = record.values();
    if values.len() != schema.inputs.len() {
        return Err(ScoreError::record_length(schema.inputs.len(), values.len()));
    }
    for (input, value) in schema.inputs.iter().zip(values) {
        if !value.fits(input.input_type) {
            let (name, found) = (input.name.clone(), value.misfit(input.input_type));
            return Err(ScoreError::wrong_type(name, input.input_type.name(), found));
        }
    }
    Ok(())
}

impl Step {
    /// The position of the input it reads, of two the first; none for a velocity feature.
    pub fn input(&self) -> Option<usize> {
        Some(match self {
            Self::Number { input, .. }
            | Self::Boolean { input }
            | Self::Category { input, .. }
            | Self::TimePart { input, .. }
            | Self::Rate { input, .. } => *input as usize,
            Self::Transform { transform, .. } => transform.inputs().0 as usize,
            Self::Window { .. } => return None,
        })
    }

    /// The position of the second input, for a step that reads two.
    pub fn second_input(&self) -> Option<usize> {
        match self {
            Self::Transform { transform, .. } => transform.inputs().1.map(|input| input as usize),
            _ => None,
        }
    }

    /// The positions of the inputs it reads: one or two; none for a velocity feature.
    pub fn inputs(&self) -> impl Iterator<Item = usize> + use<> {
        self.input().into_iter().chain(self.second_input())
    }

    /// The type of the inputs it reads; a velocity feature is a number.
    pub fn input_type(&self) -> InputType {
        match self {
            Self::Number { .. } | Self::Window { .. } => InputType::Number,
            Self::Boolean { .. } => InputType::Boolean,
            Self::Category { .. } | Self::Rate { .. } => InputType::Text,
            Self::TimePart { .. } => InputType::Time,
            Self::Transform { transform, .. } => transform.input_type(),
        }
    }

    /// What the feature's value means to a model.
    pub fn row_type(&self) -> RowType {
        match self {
            Self::Category { vocabulary, .. } => {
                RowType::Categorical { n_categories: vocabulary.n_categories() }
            }
            Self::TimePart { part: TimePart::DayPart, .. } => {
                RowType::Categorical { n_categories: TimePart::N_DAY_PARTS }
            }
            _ => RowType::Numeric,
        }
    }

    /// Whether its values may be odd in this way.
    pub(crate) fn can_be(&self, what: RejectReason) -> bool {
        match what {
            RejectReason::Missing => true,
            RejectReason::Unseen => matches!(self, Self::Category { .. } | Self::Rate { .. }),
            RejectReason::OutOfRange => {
                matches!(self, Self::Number { .. } | Self::Transform { .. } | Self::Window { .. })
            }
        }
    }

    /// The feature's value in a record, its policies applied; `odd` is told when they are.
    #[inline]
    fn fill_record(
        &self,
        feature: &Feature,
        values: &[Value<'_>],
        velocity: &[f32],
        utc_offset_secs: i32,
        odd: impl FnOnce(RejectReason),
    ) -> Result<f32, RejectReason> {
        match self.operands(values, velocity) {
            (value, None) => self.fill(feature, value, utc_offset_secs, odd),
            (first, Some(second)) => self.fill_pair(feature, first, second, odd),
        }
    }

    /// The value of a feature of one input, its policies applied. The type was proved before.
    ///
    /// Every row is made by this and [`Step::fill_pair`]: of a record and of a bound struct, in
    /// training and in serving.
    ///
    /// # Errors
    /// Why a policy rejects the value.
    #[inline(always)]
    pub(super) fn fill(
        &self,
        feature: &Feature,
        value: Value<'_>,
        utc_offset_secs: i32,
        odd: impl FnOnce(RejectReason),
    ) -> Result<f32, RejectReason> {
        self.evaluate(value, utc_offset_secs).settle(feature, odd)
    }

    /// The value of a feature of two inputs, its policies applied. The types were proved before.
    ///
    /// # Errors
    /// Why a policy rejects the value.
    #[inline]
    pub(super) fn fill_pair(
        &self,
        feature: &Feature,
        first: Value<'_>,
        second: Value<'_>,
        odd: impl FnOnce(RejectReason),
    ) -> Result<f32, RejectReason> {
        self.evaluate_pair(first, second).settle(feature, odd)
    }

    fn evaluate_record(
        &self,
        values: &[Value<'_>],
        velocity: &[f32],
        utc_offset_secs: i32,
    ) -> Outcome {
        match self.operands(values, velocity) {
            (value, None) => self.evaluate(value, utc_offset_secs),
            (first, Some(second)) => self.evaluate_pair(first, second),
        }
    }

    #[inline]
    fn operands<'v>(
        &self,
        values: &[Value<'v>],
        velocity: &[f32],
    ) -> (Value<'v>, Option<Value<'v>>) {
        // An input of a checked program exists; were it not so, it would be missing.
        let value = |input: usize| values.get(input).copied().unwrap_or(Value::Null);
        match (self.input(), self.window_operand(velocity)) {
            (Some(input), _) => (value(input), self.second_input().map(value)),
            (None, operand) => (operand, None),
        }
    }

    /// The number that the step of a velocity feature takes; null for any other step.
    #[inline]
    pub(super) fn window_operand(&self, velocity: &[f32]) -> Value<'static> {
        let Self::Window { feature, .. } = self else { return Value::Null };
        velocity.get(*feature as usize).map_or(Value::Null, |value| Value::Number((*value).into()))
    }

    #[inline(never)]
    fn evaluate_pair(&self, first: Value<'_>, second: Value<'_>) -> Outcome {
        match self {
            Self::Transform { transform, range } => number(transform.of(first, second), *range),
            _ => Outcome::Missing,
        }
    }

    /// Types were proved before, so any other combination is a null.
    #[inline(always)]
    fn evaluate(&self, value: Value<'_>, utc_offset_secs: i32) -> Outcome {
        match (self, value) {
            (Self::Number { range, .. } | Self::Window { range, .. }, Value::Number(value)) => {
                number(value, *range)
            }
            (Self::Number { range, .. }, Value::Integer(value)) => number(value as f64, *range),
            (Self::Boolean { .. }, Value::Bool(value)) => {
                Outcome::Value(f32::from(u8::from(value)))
            }
            // Batch sources cannot tell empty text from nothing, so neither does a live request.
            (Self::Category { .. }, Value::Text("")) => Outcome::Missing,
            (Self::Category { vocabulary, .. }, Value::Text(value)) => match vocabulary.code(value)
            {
                Some(code) => Outcome::Value(code as f32),
                None => Outcome::Unseen { other: vocabulary.other() as f32 },
            },
            (Self::TimePart { part, .. }, Value::Time(micros)) => {
                Outcome::Value(part.of(micros, utc_offset_secs))
            }
            (Self::Transform { transform, range }, value) => {
                number(transform.of(value, Value::Null), *range)
            }
            (Self::Rate { .. }, Value::Text("")) => Outcome::Missing,
            (Self::Rate { table, .. }, Value::Text(value)) => table.evaluate(value),
            _ => Outcome::Missing,
        }
    }

    fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Number { range: Some((low, high)), .. }
            | Self::Window { range: Some((low, high)), .. }
            | Self::Transform { range: Some((low, high)), .. } => {
                let sound = low.is_finite() && high.is_finite() && low <= high;
                (!sound).then_some("the range should be finite, its least value first")
            }
            Self::Category { vocabulary, .. } => vocabulary.problem(),
            Self::Rate { table, .. } => table.problem(),
            _ => None,
        }
    }
}
