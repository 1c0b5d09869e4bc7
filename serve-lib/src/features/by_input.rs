//! The feature program one input at a time, for values that come in an order of their own and do not
//! stay: text borrowed from a struct is gone when the next field comes.

use super::Program;
use crate::error::{RejectReason, ScoreError};
use crate::record::Value;
use crate::schema::Schema;

/// The features that each input feeds. Derived from a checked program.
#[derive(Debug)]
pub(crate) struct ByInput {
    /// Position in `features` of an input's first; one more at the end.
    starts: Vec<u32>,
    /// Positions of features, those of an input in ascending order.
    features: Vec<u32>,
}

impl ByInput {
    pub(crate) fn new(schema: &Schema, program: &Program) -> Self {
        let (mut starts, mut features) = (vec![0], Vec::with_capacity(program.steps.len()));
        for input in 0..schema.inputs.len() {
            let steps = (0_u32..).zip(&program.steps);
            features.extend(steps.filter(|(_, step)| step.input() == input).map(|(at, _)| at));
            starts.push(features.len() as u32);
        }
        Self { starts, features }
    }
}

/// A row in the making. It is whole when every input was fed once, in whatever order.
pub(crate) struct RowFill<'a> {
    by_input: &'a ByInput,
    schema: &'a Schema,
    program: &'a Program,
    row: &'a mut [f32],
    /// The first feature, in the schema's order, of which that is known.
    rejected: Option<(u32, RejectReason)>,
}

impl<'a> RowFill<'a> {
    /// A row of as many values as the schema has features.
    #[inline]
    pub(crate) fn new(
        by_input: &'a ByInput,
        schema: &'a Schema,
        program: &'a Program,
        row: &'a mut [f32],
    ) -> Self {
        Self { by_input, schema, program, row, rejected: None }
    }

    /// Computes all features of one input; the value's type suits it.
    #[inline]
    pub(crate) fn feed(&mut self, input: u32, value: Value<'_>) {
        let input = input as usize;
        let ByInput { starts, features } = self.by_input;
        for &at in &features[starts[input] as usize..starts[input + 1] as usize] {
            let (step, feature) =
                (&self.program.steps[at as usize], &self.schema.features[at as usize]);
            match step.fill(feature, value, self.schema.utc_offset_secs) {
                Ok(value) => self.row[at as usize] = value,
                Err(reason) => self.reject(at, reason),
            }
        }
    }

    #[cold]
    fn reject(&mut self, feature: u32, reason: RejectReason) {
        if self.rejected.is_none_or(|(first, _)| feature < first) {
            self.rejected = Some((feature, reason));
        }
    }

    /// # Errors
    /// The first feature, in the schema's order, whose policy rejects its value: the very one that
    /// [`Program::encode`] names.
    #[inline]
    pub(crate) fn finish(self) -> Result<(), ScoreError> {
        match self.rejected {
            None => Ok(()),
            Some((feature, reason)) => {
                let name = self.schema.features[feature as usize].name.clone();
                Err(ScoreError::rejected(name, reason))
            }
        }
    }
}
