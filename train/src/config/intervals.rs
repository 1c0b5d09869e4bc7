//! `[evaluate.intervals]`: how sure measures are.

use serde::{Deserialize, Serialize};

use super::ColumnsConfig;
use crate::error::Error;
use crate::metric::bootstrap::Bootstrap;

/// `[evaluate.intervals]`: measures are taken again on resamples of the rows, in which whole clusters
/// of rows are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntervalsConfig {
    /// How many resamples, 100 to 100,000; default 1000.
    pub replicates: usize,
    /// How often an interval is to hold the truth; default 0.95.
    pub confidence: f64,
    /// Columns whose values make clusters, each by itself; the widest interval is shown. Default every
    /// `[columns] entity`, and the days where there are 20 or more. The time column stands for days.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cluster_by: Vec<String>,
}

const MAX_REPLICATES: usize = 100_000;

impl Default for IntervalsConfig {
    fn default() -> Self {
        Self { replicates: Bootstrap::N_REPLICATES, confidence: 0.95, cluster_by: Vec::new() }
    }
}

impl IntervalsConfig {
    /// Whether nothing differs from the defaults.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Proves the numbers to make sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(100..=MAX_REPLICATES).contains(&self.replicates) {
            return Err(Error::config(format!(
                "[evaluate.intervals] replicates: expected 100 to {MAX_REPLICATES}, found {}",
                self.replicates
            )));
        }
        if !(0.5..1.0).contains(&self.confidence) {
            return Err(Error::config(format!(
                "[evaluate.intervals] confidence: expected a share from 0.5 to below 1, such as 0.95, \
                 found {}",
                self.confidence
            )));
        }
        Ok(())
    }

    /// The columns to cluster by that are no entity and no time.
    pub(crate) fn further_columns<'a>(
        &'a self,
        columns: &'a ColumnsConfig,
    ) -> impl Iterator<Item = &'a String> {
        let further = move |name: &&String| {
            !columns.entity.contains(name) && columns.time.as_ref() != Some(*name)
        };
        self.cluster_by.iter().filter(further)
    }
}
