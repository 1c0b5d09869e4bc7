//! Made-up pasts of the entities of a golden record: events of mixed values before it, some of them
//! known to be frauds.

use rand::RngExt;
use rand_pcg::Pcg64;
use shroff_serve::artifact::OwnedValue;
use shroff_serve::features::state::EntityState;
use shroff_serve::features::window::{Event, Windows};
use shroff_serve::{Record, Scorer, Value};

use super::unscored;
use crate::config::MICROS_PER_DAY;
use crate::error::Error;

/// Most events of an entity.
const MAX_EVENTS: usize = 12;
/// In place of all history.
const ENDLESS_MICROS: i64 = 365 * MICROS_PER_DAY;
/// 0001-01-01T00:00:00 UTC, before which no event is.
const FIRST_MICROS: i64 = -62_135_596_800_000_000;

/// What pasts are made of.
pub(super) struct Past<'a> {
    pub(super) scorer: &'a Scorer,
    pub(super) windows: &'a Windows,
    /// Position of the time among the inputs.
    pub(super) time: usize,
}

impl Past<'_> {
    /// A state for each key, some of them none; `mixed` draws the values of an earlier record.
    pub(super) fn states(
        &self,
        values: &[OwnedValue],
        random: &mut Pcg64,
        mixed: impl Fn(&mut Pcg64) -> Vec<OwnedValue>,
    ) -> Result<Vec<Option<EntityState>>, Error> {
        let now = self.event(values)?.time();
        let mut state = |key: usize| {
            let n_events = random.random_range(0..=MAX_EVENTS);
            if n_events == 0 {
                return Ok(None);
            }
            let mut state = EntityState::new(self.windows, key);
            for _ in 0..n_events {
                let mut earlier = mixed(random);
                earlier[self.time] = OwnedValue::Time(self.earlier(now, random));
                let event = self.event(&earlier)?;
                state.observe(self.windows, &event);
                if random.random_range(0..4) == 0 {
                    let known_at = event.time() + random.random_range(0..7 * MICROS_PER_DAY);
                    state.learn_label(self.windows, &event, true, known_at);
                }
            }
            Ok(Some(state))
        };
        (0..self.windows.n_keys()).map(&mut state).collect()
    }

    /// A time in the window of some feature, or exactly at its edge.
    fn earlier(&self, now: i64, random: &mut Pcg64) -> i64 {
        let features = &self.windows.program().features;
        let feature = &features[random.random_range(0..features.len())];
        let window = feature.window_micros.unwrap_or(ENDLESS_MICROS);
        let within = match random.random_range(0..4) {
            0 => window,
            _ => random.random_range(0..=window),
        };
        (now - feature.delay_micros - within).max(FIRST_MICROS)
    }

    fn event(&self, values: &[OwnedValue]) -> Result<Event, Error> {
        let values: Vec<Value<'_>> = values.iter().map(OwnedValue::as_value).collect();
        self.scorer.event(Record::new(&values)).map_err(unscored)
    }
}
