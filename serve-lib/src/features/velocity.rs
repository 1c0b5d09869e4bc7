//! The velocity features of a program: which inputs of the schema they read, and the proof that all
//! parts suit one another.

use super::program::check_record;
use super::state::EntityState;
use super::window::{EntityKey, Event, Windows};
use super::{Program, Step};
use crate::error::ScoreError;
use crate::record::{Record, Value};
use crate::schema::{Input, InputType, Schema, SchemaError};

impl Program {
    /// Proves that a value is there for each velocity feature.
    #[inline]
    pub(crate) fn check_velocity(&self, velocity: &[f32]) -> Result<(), ScoreError> {
        let expected = self.windows.as_ref().map_or(0, Windows::n_features);
        if velocity.len() == expected {
            return Ok(());
        }
        Err(ScoreError::velocity(expected, velocity.len()))
    }

    /// Where each column of the windows stands among the inputs; empty without windows.
    pub(crate) fn window_inputs(&self, schema: &Schema) -> Box<[usize]> {
        let columns = self.windows.iter().flat_map(Windows::columns);
        // Those of a checked program are all found.
        columns.filter_map(|column| schema.input_index(&column.name)).collect()
    }

    /// The event that a record is, the columns of the windows being at these places among its values.
    ///
    /// # Errors
    /// No windows, a record of another length, a value of another type, or values that make no event.
    pub(crate) fn event(
        &self,
        schema: &Schema,
        window_inputs: &[usize],
        record: Record<'_>,
        named: impl Fn(EntityKey),
    ) -> Result<Event, ScoreError> {
        let windows = self.windows.as_ref().ok_or_else(ScoreError::no_windows)?;
        check_record(schema, record)?;
        let value = |column: usize| {
            let input = window_inputs.get(column);
            input.and_then(|input| record.values().get(*input)).copied()
        };
        Ok(windows.event_for(|column| value(column).unwrap_or(Value::Null), named)?)
    }

    /// The velocity features of a record, given a state for each key; none without windows.
    ///
    /// # Errors
    /// As [`event`](Self::event), windows aside.
    pub(crate) fn velocity(
        &self,
        schema: &Schema,
        window_inputs: &[usize],
        record: Record<'_>,
        states: &[Option<&EntityState>],
    ) -> Result<Vec<f32>, ScoreError> {
        let Some(windows) = &self.windows else { return Ok(Vec::new()) };
        let event = self.event(schema, window_inputs, record, |_| ())?;
        let mut values = vec![f32::NAN; windows.n_features()];
        windows.features(&event, states, &mut values);
        Ok(values)
    }

    /// Proves that windows read inputs of fitting types, that each of their features is one step's, and
    /// that ids are read by windows. Tells which inputs they require: the time.
    pub(super) fn check_windows(&self, schema: &Schema) -> Result<Vec<bool>, SchemaError> {
        let mut is_taken = vec![false; self.windows.as_ref().map_or(0, Windows::n_features)];
        for (step, feature) in self.steps.iter().zip(&schema.features) {
            let Step::Window { feature: position, .. } = step else { continue };
            let fail = |problem| Err(SchemaError::new(&feature.name, problem));
            match is_taken.get_mut(*position as usize) {
                None => return fail("takes a velocity feature that the program has not"),
                Some(true) => return fail("takes the velocity feature of another"),
                Some(is_taken) => *is_taken = true,
            }
        }
        if is_taken.contains(&false) {
            let problem = "a velocity feature of the program is no feature of the schema";
            return Err(SchemaError::new("program", problem));
        }
        let columns = self.windows.as_ref().map_or(&[][..], Windows::columns);
        for column in columns {
            let input = schema.inputs.iter().find(|input| input.name == column.name);
            let problem = match input {
                None => "is read by velocity features and no input of the schema",
                Some(input) if !column.kind.suits(input.input_type) => {
                    "is an input of another type than velocity features read"
                }
                Some(_) => continue,
            };
            return Err(SchemaError::new(&column.name, problem));
        }
        let is_idle = |input: &&Input| {
            let is_read = columns.iter().any(|column| column.name == input.name);
            input.input_type == InputType::Key && !is_read
        };
        if let Some(input) = schema.inputs.iter().find(is_idle) {
            return Err(SchemaError::new(&input.name, "is an id that no velocity feature reads"));
        }
        let time = self.windows.as_ref().map(|windows| &windows.program().time);
        Ok(schema.inputs.iter().map(|input| Some(&input.name) == time).collect())
    }
}
