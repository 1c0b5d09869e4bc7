//! Alert rates: the share of rows in a band or above, which those who work the alerts feel first.

use serde::{Deserialize, Serialize};
use shroff_serve::artifact::{Bands, Histogram};

use super::{Compare, ShareDrift};

/// The rows in a band and all above it, before and now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BandDrift {
    /// Name of the band.
    pub name: String,
    /// Their share of all rows now, 0 to 1.
    pub data: f64,
    /// Their share before; none where the model's reference does not tell, as in artifacts whose
    /// histogram has no edge there.
    pub reference: Option<f64>,
    /// The greatest difference that is no drift.
    pub limit: Option<f64>,
}

impl BandDrift {
    /// Whether the difference lies beyond its limit.
    pub fn is_beyond(&self) -> bool {
        let before = self.reference.zip(self.limit);
        before.is_some_and(|(reference, limit)| (self.data - reference).abs() > limit)
    }
}

/// Each band but the lowest, from the highest down; `share_from` gives the share of rows with a margin of at
/// least this. A difference counts when it exceeds chance and a part of the rate before.
pub(super) fn drift(
    bands: &Bands,
    margins: &Histogram,
    share_from: impl Fn(f64) -> f64,
    compare: &Compare,
) -> Vec<BandDrift> {
    let (n_reference, n_data) = compare.n_rows;
    let band = |(name, edge): (&String, &f64)| {
        let data = share_from(*edge);
        let known = share_above(margins, *edge).map(|reference| {
            let counts = ((reference * n_reference, n_reference), (data * n_data, n_data));
            let floor = compare.limits.alert_rate * reference;
            (reference, ShareDrift::new(counts.0, counts.1, floor, compare.alpha).limit)
        });
        let (reference, limit) = known.unzip();
        BandDrift { name: name.clone(), data, reference, limit }
    };
    bands.names.iter().skip(1).zip(&bands.edges).rev().map(band).collect()
}

/// The share of a histogram from a value up; none where no bin begins with it.
fn share_above(histogram: &Histogram, from: f64) -> Option<f64> {
    // Bins end with their edge: the last value below is what the histogram must have an edge at.
    let edge = histogram.edges.iter().position(|edge| edge.next_up().total_cmp(&from).is_eq())?;
    let total = histogram.weights.iter().sum::<f64>() + histogram.missing;
    let above: f64 = histogram.weights.iter().skip(edge + 1).sum();
    (total > 0.0).then(|| above / total)
}
