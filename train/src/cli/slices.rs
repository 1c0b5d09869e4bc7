//! Flags of the verbs that say how sure measures are, and of what.

use crate::Error;
use crate::config::Config;
use crate::events::Events;
use crate::gate::{MIN_SLICE_FRAUDS, Slice};
use crate::pipeline;

/// Slices and resamples.
#[derive(Debug, clap::Args)]
pub(super) struct SliceArgs {
    /// Also measure the rows by each value of this column; may be given more than once
    #[arg(long = "slice", value_name = "COLUMN")]
    pub(super) columns: Vec<String>,
    /// Values with fewer frauds are one slice together
    #[arg(long, value_name = "N", default_value_t = MIN_SLICE_FRAUDS)]
    min_slice_frauds: usize,
    /// How many resamples intervals are made of; default as configured, 1000
    #[arg(long, value_name = "N")]
    replicates: Option<usize>,
}

impl SliceArgs {
    /// Takes over the settings of intervals.
    pub(super) fn intervals(&self, config: &mut Config) -> Result<(), Error> {
        if let Some(replicates) = self.replicates {
            config.evaluate.intervals.replicates = replicates;
        }
        config.evaluate.intervals.check()
    }

    /// The slices of judged rows, by one column after the other.
    pub(super) fn of(
        &self,
        events: &Events,
        rows: &[usize],
        labels: &[bool],
    ) -> Result<Vec<Slice>, Error> {
        let mut slices = Vec::new();
        for column in &self.columns {
            slices.extend(pipeline::cut(events, column, rows, labels, self.min_slice_frauds)?);
        }
        Ok(slices)
    }
}
