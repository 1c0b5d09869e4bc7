//! A live request in one call: what is known of its entities, its score, and the event observed.

use serde::Serialize;

use super::StateStore;
use crate::error::ScoreError;
use crate::features::state::Observed;
use crate::features::window::{Event, MAX_WINDOW_FEATURES};
use crate::record::Record;
use crate::scorer::{Bound, Score, Scorer};

/// The score of an event that was then observed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// What the model says.
    pub score: Score,
    /// The event, by which the store learns its label.
    pub event: Event,
    /// What became of it: a [`Duplicate`](Observed::Duplicate) was scored again and counts once.
    pub observed: Observed,
    /// How much history was missing, in microseconds: 0 once the store has
    /// [caught up](StateStore::catch_up). What to do with such a score is the backend's choice.
    pub staleness_micros: i64,
}

impl StateStore {
    /// Scores a record with what the store knows of its entities before it, then observes it. Allocates as
    /// states grow, and takes a lock for each entity.
    ///
    /// The event is observed whatever its score, a rejection by a policy included: what is done about it is
    /// decided later, and the trainer counts all of them. Where the record is no event, nothing is observed.
    ///
    /// # Errors
    /// As [`Scorer::event`] and [`Scorer::score_record`], and for a model of other windows than the store's.
    pub fn score_record(&self, scorer: &Scorer, record: Record<'_>) -> Result<Scored, ScoreError> {
        let event = scorer.event_for(record, |name| self.bring_lines_near(name))?;
        self.score_event(scorer, event, |velocity| scorer.score_record_with(record, velocity))
    }

    /// As [`score_record`](Self::score_record), for a value of a bound type.
    ///
    /// # Errors
    /// As [`score_record`](Self::score_record), and for a value of another shape than the sample.
    pub fn score<T: Serialize + ?Sized>(
        &self,
        bound: &Bound<'_, T>,
        value: &T,
    ) -> Result<Scored, ScoreError> {
        self.score_like(bound, value)
    }

    /// As [`score`](Self::score), for the types that [`Bound::score_like`] takes.
    ///
    /// # Errors
    /// As [`score`](Self::score).
    pub fn score_like<T: Serialize + ?Sized, U: Serialize + ?Sized>(
        &self,
        bound: &Bound<'_, T>,
        value: &U,
    ) -> Result<Scored, ScoreError> {
        let event = bound.event_like_for(value, |name| self.bring_lines_near(name))?;
        self.score_event(bound.scorer(), event, |velocity| bound.score_like_with(value, velocity))
    }

    fn score_event(
        &self,
        scorer: &Scorer,
        event: Event,
        score: impl FnOnce(&[f32]) -> Result<Score, ScoreError>,
    ) -> Result<Scored, ScoreError> {
        let windows = scorer.windows().ok_or_else(ScoreError::no_windows)?;
        if windows.hash() != self.windows.hash() {
            return Err(ScoreError::other_windows(windows.hash(), self.windows.hash()));
        }
        let mut velocity = [f32::NAN; MAX_WINDOW_FEATURES];
        let velocity = velocity.get_mut(..windows.n_features()).unwrap_or_default();
        // The model's own windows: those of the store may declare the same in another order.
        let observed = self.ask_then_observe(&mut self.lock(&event), windows, &event, velocity);
        let (score, staleness_micros) = (score(velocity)?, self.staleness(event.time()));
        Ok(Scored { score, event, observed, staleness_micros })
    }
}
