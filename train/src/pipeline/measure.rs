//! What a model does on rows: its measures, its bands, what its decisions cost.

use serde_json::json;
use shroff_serve::Scorer;

use crate::config::{Config, LOWEST_BAND};
use crate::error::Error;
use crate::metric::{
    Action, BandMeasures, Judged, Measures, MetricError, band_measures, expected_cost,
};
use crate::package::payments;

/// The measures of one model on one set of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Of all rows.
    pub measures: Measures,
    /// From the highest band down; empty for a model without bands.
    pub bands: Vec<BandMeasures>,
}

/// The measures of judged rows, counted and weighed as the configuration says.
///
/// # Errors
/// No rows, or weights that add up to nothing.
pub(crate) fn measured(
    config: &Config,
    scorer: &Scorer,
    judged: &Judged,
) -> Result<Measured, Error> {
    measure(config, scorer, judged).map_err(|error| Error::data(error.to_string()))
}

fn measure(config: &Config, scorer: &Scorer, judged: &Judged) -> Result<Measured, MetricError> {
    let budgets = config.budgets();
    let mut measures = Measures::of(judged, &budgets)?;
    let bands = match scorer.bands() {
        Some(bands) => band_measures(judged, &bands.names, &bands.edges, budgets.unit)?,
        None => Vec::new(),
    };
    if let (Some(policy), true) = (&config.cost, judged.amounts.is_some()) {
        let payments = payments(judged);
        let action = |row: usize| {
            let margin = judged.margins[row];
            let held = bands.iter().find(|b| b.margin_from.is_none_or(|from| margin >= from));
            config.action_in(held.map_or(LOWEST_BAND, |band| &band.name))
        };
        let allowed = expected_cost(policy, &payments, |_| Action::Allow);
        measures.further.insert("expected_cost_all_allowed".to_owned(), json!(allowed));
        if !bands.is_empty() {
            let cost = expected_cost(policy, &payments, action);
            measures.further.insert("expected_cost".to_owned(), json!(cost));
        }
    }
    Ok(Measured { measures, bands })
}
