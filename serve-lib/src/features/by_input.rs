//! The feature program one input at a time, for values that come in an order of their own and do not
//! stay: text borrowed from a struct is gone when the next field comes.

use super::{Program, Step};
use crate::error::{RejectReason, ScoreError};
use crate::record::Value;
use crate::schema::{Feature, Schema};

/// The features that each input feeds. Derived from a checked program.
#[derive(Debug)]
pub(crate) struct ByInput {
    targets: Vec<Target>,
    /// Positions of features, those of an input in ascending order.
    features: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    /// The feature at this position, which is the usual case.
    One(u32),
    /// Those between these places of [`ByInput::features`].
    Several { from: u32, to: u32 },
}

impl ByInput {
    pub(crate) fn new(schema: &Schema, program: &Program) -> Self {
        let (mut targets, mut features) = (Vec::new(), Vec::with_capacity(program.steps.len()));
        for input in 0..schema.inputs.len() {
            let from = features.len() as u32;
            let steps = (0_u32..).zip(&program.steps);
            features.extend(steps.filter(|(_, step)| step.input() == input).map(|(at, _)| at));
            targets.push(match features[from as usize..] {
                [only] => Target::One(only),
                _ => Target::Several { from, to: features.len() as u32 },
            });
        }
        Self { targets, features }
    }
}

/// A row in the making. It is whole when every input was fed once, in whatever order.
pub(crate) struct RowFill<'a> {
    targets: &'a [Target],
    by_input: &'a [u32],
    steps: &'a [Step],
    features: &'a [Feature],
    utc_offset_secs: i32,
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
        Self {
            targets: &by_input.targets,
            by_input: &by_input.features,
            steps: &program.steps,
            features: &schema.features,
            utc_offset_secs: schema.utc_offset_secs,
            row,
            rejected: None,
        }
    }

    /// Computes all features of one input; the value's type suits it.
    // Inlined where the kind of value is known, most of a step falls away.
    #[inline(always)]
    pub(crate) fn feed(&mut self, input: u32, value: Value<'_>) {
        match self.targets[input as usize] {
            Target::One(feature) => self.fill(feature, value),
            Target::Several { from, to } => self.fill_several(from, to, value),
        }
    }

    #[inline(always)]
    fn fill(&mut self, at: u32, value: Value<'_>) {
        let (step, feature) = (&self.steps[at as usize], &self.features[at as usize]);
        match step.fill(feature, value, self.utc_offset_secs) {
            Ok(value) => self.row[at as usize] = value,
            Err(reason) => self.reject(at, reason),
        }
    }

    #[inline(never)]
    fn fill_several(&mut self, from: u32, to: u32, value: Value<'_>) {
        let by_input = self.by_input;
        for &at in &by_input[from as usize..to as usize] {
            self.fill(at, value);
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
                let name = self.features[feature as usize].name.clone();
                Err(ScoreError::rejected(name, reason))
            }
        }
    }
}
