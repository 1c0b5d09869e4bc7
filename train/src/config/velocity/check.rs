//! Velocity features against the rest of the configuration.

use shroff_serve::features::window::MAX_EVENTS;

use super::{ClosedWord, MeasureConfig, VelocityFeature};
use crate::config::Config;
use crate::error::Error;

impl Config {
    pub(in crate::config) fn check_velocity(&self) -> Result<(), Error> {
        let max_events = self.velocity.max_events;
        if !MAX_EVENTS.contains(&max_events) {
            return Err(Error::config(format!(
                "[velocity] max_events: expected {} to {}, found {max_events}",
                MAX_EVENTS.start(),
                MAX_EVENTS.end()
            )));
        }
        if let Some(found @ 7..) = self.columns.amount_decimals {
            return Err(Error::config(format!(
                "[columns] amount_decimals: expected 0 to 6, found {found}"
            )));
        }
        for feature in self.features.iter().flat_map(|feature| feature.velocity()) {
            for column in feature.columns() {
                self.refuse_leak(column)?;
            }
            self.check_labels_in_time(&feature)?;
        }
        crate::program::windows(self).map(|_| ())
    }

    /// A window that holds the event itself, or others as young, would count as legitimate what is
    /// only not known yet.
    fn check_labels_in_time(&self, feature: &VelocityFeature<'_>) -> Result<(), Error> {
        if feature.measure != MeasureConfig::FraudRate || feature.closed() == ClosedWord::Left {
            return Ok(());
        }
        let (delay, label_delay) =
            (feature.config.delay.unwrap_or_default(), self.split.label_delay);
        if delay < label_delay || delay.micros() == 0 {
            let least =
                if label_delay.micros() == 0 { "1s".to_owned() } else { label_delay.to_string() };
            return Err(Error::config(format!(
                "[[feature]] {feature}: with closed = \"right\" a rate needs a delay of at least \
                 [split] label_delay = \"{label_delay}\", found \"{delay}\"; set delay = \"{least}\" or \
                 more, or closed = \"left\""
            )));
        }
        Ok(())
    }
}
