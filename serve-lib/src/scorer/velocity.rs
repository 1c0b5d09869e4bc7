//! Scoring with an entity's past: the event that a record is, and the values of its velocity features.

use super::{Score, Scorer};
use crate::error::ScoreError;
use crate::features::window::{EntityKey, Event, Windows};
use crate::features::{Unwatched, Watch};
use crate::record::Record;
use crate::schema::MAX_FEATURES;

impl Scorer {
    /// The model's velocity features; none when it scores a record by itself.
    ///
    /// With them, a score takes three steps and a fourth: the [`event`](Scorer::event) of the record,
    /// [`Windows::features`] with the states of its entities, [`score_record_with`](Scorer::score_record_with)
    /// those values; afterwards each state observes the event, whatever was decided about it.
    pub fn windows(&self) -> Option<&Windows> {
        self.contents.program.windows.as_ref()
    }

    /// The event that a record is to the velocity features: its time, its entities and what they count.
    /// Allocates nothing.
    ///
    /// # Errors
    /// A model without velocity features, a record of another length, a value of another type, a time
    /// that is null or outside the years 1 to 9999.
    pub fn event(&self, record: Record<'_>) -> Result<Event, ScoreError> {
        self.event_for(record, |_| ())
    }

    /// As [`event`](Self::event), by [`Windows::event_for`].
    pub(crate) fn event_for(
        &self,
        record: Record<'_>,
        named: impl Fn(EntityKey),
    ) -> Result<Event, ScoreError> {
        self.contents.program.event(&self.contents.schema, &self.window_inputs, record, named)
    }

    /// As [`Scorer::score_record`], with the values of the velocity features: one for each, in the order in
    /// which [`Windows::features`] gives them, NaN for missing.
    ///
    /// # Errors
    /// As [`Scorer::score_record`], and for another number of velocity features.
    pub fn score_record_with(
        &self,
        record: Record<'_>,
        velocity: &[f32],
    ) -> Result<Score, ScoreError> {
        self.score_record_watched(record, velocity, &mut Unwatched)
    }

    /// As [`Scorer::score_record_with`]; `watch` is told of the odd values, up to one that is rejected.
    pub(crate) fn score_record_watched<W: Watch>(
        &self,
        record: Record<'_>,
        velocity: &[f32],
        watch: &mut W,
    ) -> Result<Score, ScoreError> {
        // A row on the stack, of the smallest size that holds it, spares the caller a scratch object.
        match self.contents.schema.features.len() {
            0..=64 => self.score_on_stack::<64, W>(record, velocity, watch),
            65..=512 => self.score_on_stack::<512, W>(record, velocity, watch),
            _ => self.score_on_stack::<MAX_FEATURES, W>(record, velocity, watch),
        }
    }

    /// As [`Scorer::encode`], with the values of the velocity features.
    ///
    /// # Errors
    /// As [`Scorer::encode`], and for another number of velocity features.
    pub fn encode_with(
        &self,
        record: Record<'_>,
        velocity: &[f32],
        row: &mut [f32],
    ) -> Result<(), ScoreError> {
        self.contents.program.encode(&self.contents.schema, record, velocity, row)
    }
}
