//! One step per feature: read an input, turn it into a number, apply the feature's policies.

use super::outcome::{Outcome, Unwatched, Watch, number};
use super::{RateTable, TimePart, Transform, Vocabulary};
use crate::error::{RejectReason, ScoreError};
use crate::record::{Record, Value};
use crate::schema::{Feature, InputType, Policy, RowType, Schema, SchemaError, category};

/// How the features of a schema are computed, one step each, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// The steps.
    pub steps: Vec<Step>,
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
}

impl Program {
    /// Turns a record into a row. Each value is decided by its own inputs and policies alone, so a
    /// row never depends on an earlier one.
    ///
    /// Cost: a few nanoseconds a number, a hash of its text a category; no allocation.
    ///
    /// # Errors
    /// A record or row of another length, a value of another type, or a policy that rejects.
    pub fn encode(
        &self,
        schema: &Schema,
        record: Record<'_>,
        row: &mut [f32],
    ) -> Result<(), ScoreError> {
        self.encode_watched(schema, record, row, &mut Unwatched)
    }

    /// As [`Program::encode`]; `watch` is told of the odd values, up to one that is rejected.
    pub(crate) fn encode_watched(
        &self,
        schema: &Schema,
        record: Record<'_>,
        row: &mut [f32],
        watch: &mut impl Watch,
    ) -> Result<(), ScoreError> {
        check_record(schema, record)?;
        if row.len() != self.steps.len() {
            return Err(ScoreError::row_length(self.steps.len(), row.len()));
        }
        let steps = self.steps.iter().zip(&schema.features).zip(row).enumerate();
        for (position, ((step, feature), slot)) in steps {
            let odd = |what| watch.odd(position, what);
            *slot = step
                .fill_record(feature, record.values(), schema.utc_offset_secs, odd)
                .map_err(|reason| ScoreError::rejected(feature.name.clone(), reason))?;
        }
        Ok(())
    }

    /// Tells which features have a value that a policy decides on, whatever it decides: for each the
    /// position and what is odd, in the order of the schema. No row is made.
    ///
    /// # Errors
    /// A record of another length, a value of another type.
    pub fn odd_values(
        &self,
        schema: &Schema,
        record: Record<'_>,
        mut odd: impl FnMut(usize, RejectReason),
    ) -> Result<(), ScoreError> {
        check_record(schema, record)?;
        for (position, step) in self.steps.iter().enumerate() {
            let outcome = step.evaluate_record(record.values(), schema.utc_offset_secs);
            if let Err(what) = outcome.sound() {
                odd(position, what);
            }
        }
        Ok(())
    }

    /// Proves that the steps suit the schema: one a feature, inputs of the right type, sound
    /// vocabularies, policies that apply.
    ///
    /// # Errors
    /// What is wrong, and with which feature.
    pub fn check(&self, schema: &Schema) -> Result<(), SchemaError> {
        if self.steps.len() != schema.features.len() {
            return Err(SchemaError::new("program", "should have one step a feature"));
        }
        let mut required = vec![false; schema.inputs.len()];
        for (step, feature) in self.steps.iter().zip(&schema.features) {
            let fail = |problem| Err(SchemaError::new(&feature.name, problem));
            for input in step.inputs() {
                let Some(read) = schema.inputs.get(input) else {
                    return fail("reads an input that is not in the schema");
                };
                if read.input_type != step.input_type() {
                    return fail("reads an input of another type");
                }
                required[input] |= feature.on_missing == Policy::Reject;
            }
            if step.second_input() == Some(step.input()) {
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

fn check_record(schema: &Schema, record: Record<'_>) -> Result<(), ScoreError> {
    let values = record.values();
    if values.len() != schema.inputs.len() {
        return Err(ScoreError::record_length(schema.inputs.len(), values.len()));
    }
    for (input, value) in schema.inputs.iter().zip(values) {
        if !value.fits(input.input_type) {
            let (name, found) = (input.name.clone(), value.type_name());
            return Err(ScoreError::wrong_type(name, input.input_type.name(), found));
        }
    }
    Ok(())
}

impl Step {
    /// The position of the input it reads, of two the first.
    pub fn input(&self) -> usize {
        match self {
            Self::Number { input, .. }
            | Self::Boolean { input }
            | Self::Category { input, .. }
            | Self::TimePart { input, .. }
            | Self::Rate { input, .. } => *input as usize,
            Self::Transform { transform, .. } => transform.inputs().0 as usize,
        }
    }

    /// The position of the second input, for a step that reads two.
    pub fn second_input(&self) -> Option<usize> {
        match self {
            Self::Transform { transform, .. } => transform.inputs().1.map(|input| input as usize),
            _ => None,
        }
    }

    /// The positions of the inputs it reads: one or two.
    pub fn inputs(&self) -> impl Iterator<Item = usize> + use<> {
        [self.input()].into_iter().chain(self.second_input())
    }

    /// The type of the inputs it reads.
    pub fn input_type(&self) -> InputType {
        match self {
            Self::Number { .. } => InputType::Number,
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
                RowType::Categorical { n_categories: TimePart::DAY_PARTS.len() as u32 }
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
                matches!(self, Self::Number { .. } | Self::Transform { .. })
            }
        }
    }

    /// The feature's value in a record, its policies applied; `odd` is told when they are.
    #[inline]
    fn fill_record(
        &self,
        feature: &Feature,
        values: &[Value<'_>],
        utc_offset_secs: i32,
        odd: impl FnOnce(RejectReason),
    ) -> Result<f32, RejectReason> {
        match self.operands(values) {
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

    fn evaluate_record(&self, values: &[Value<'_>], utc_offset_secs: i32) -> Outcome {
        match self.operands(values) {
            (value, None) => self.evaluate(value, utc_offset_secs),
            (first, Some(second)) => self.evaluate_pair(first, second),
        }
    }

    #[inline]
    fn operands<'v>(&self, values: &[Value<'v>]) -> (Value<'v>, Option<Value<'v>>) {
        // An input of a checked program exists; were it not so, it would be missing.
        let value = |input: usize| values.get(input).copied().unwrap_or(Value::Null);
        (value(self.input()), self.second_input().map(value))
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
            (Self::Number { range, .. }, Value::Number(value)) => number(value, *range),
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
