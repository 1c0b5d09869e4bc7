//! A record becomes a row: one step per feature, and the proof that all of them suit the schema.

use super::Step;
use super::outcome::{Unwatched, Watch};
use super::window::Windows;
use crate::error::{RejectReason, ScoreError};
use crate::record::Record;
use crate::schema::{Policy, Schema, SchemaError, category};

/// How the features of a schema are computed, one step each, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// The steps.
    pub steps: Vec<Step>,
    /// Velocity features, each of which one [`Step::Window`] takes; none where there are none.
    pub windows: Option<Windows>,
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
