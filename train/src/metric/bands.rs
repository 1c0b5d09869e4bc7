//! What lies in each band of a model, and what its edge would catch.

use serde::Serialize;

use super::{AlertUnit, Alerts, Judged, MetricError, Ranking, Scored, observed_over_expected};

/// One band. Rows and frauds are counted as they are; everything else is that of the population the
/// weights stand for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BandMeasures {
    /// Its name.
    pub name: String,
    /// The lowest margin in it; absent for the lowest band.
    pub margin_from: Option<f64>,
    /// Rows in it.
    pub rows: usize,
    /// Frauds in it.
    pub frauds: usize,
    /// Share of frauds in it; absent when it is empty.
    pub precision: Option<f64>,
    /// Frauds in it over those expected by the probabilities; absent when it is empty.
    pub observed_over_expected: Option<f64>,
    /// This band and those above it together; absent for the lowest band.
    pub and_above: Option<AboveEdge>,
}

/// What an alarm from a band's edge upwards would catch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AboveEdge {
    /// Share of frauds among the rows; absent where there are none.
    pub precision: Option<f64>,
    /// Share of all frauds that lie there; absent without frauds.
    pub recall: Option<f64>,
    /// Share of all legitimate rows that lie there; absent without such rows.
    pub false_positive_rate: Option<f64>,
    /// Mean number of alerts a day, by the unit that alerts are counted in; absent without a time.
    pub alerts_per_day: Option<f64>,
    /// Frauds over those expected by the probabilities; absent where there are no rows.
    pub observed_over_expected: Option<f64>,
    /// Share of the money in frauds; absent without amounts.
    pub amount_recall: Option<f64>,
    /// Money in frauds; absent without amounts.
    pub value_captured: Option<f64>,
}

/// The bands from the highest down. `names` are from the lowest up, one more than there are `edges`,
/// which ascend; a margin equal to an edge lies above it.
///
/// # Errors
/// As [`Scored::new`] and [`Scored::of_probabilities`].
pub fn band_measures(
    judged: &Judged,
    names: &[String],
    edges: &[f64],
    unit: AlertUnit,
) -> Result<Vec<BandMeasures>, MetricError> {
    let weights = judged.weights.as_deref();
    let ranking = Ranking::new(&Scored::new(&judged.labels, &judged.margins, weights)?);
    let alerts = Alerts::of(judged, unit)?;
    let ratio = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    let above = |edge: f64| -> Result<AboveEdge, MetricError> {
        let group = ranking.at_or_above(edge);
        let (frauds, legitimate) =
            group.map_or((0.0, 0.0), |group| (group.true_positives, group.false_positives));
        let rows = rows_within(judged, edge, f64::INFINITY);
        let has_amounts = judged.amounts.is_some();
        Ok(AboveEdge {
            precision: group.map(|group| group.precision()),
            recall: ratio(frauds, ranking.fraud_weight()),
            false_positive_rate: ratio(legitimate, ranking.legitimate_weight()),
            alerts_per_day: alerts.as_ref().map(|alerts| alerts.per_day_at(edge)),
            observed_over_expected: expected(judged, &rows)?,
            amount_recall: judged.amount_recall_from(edge),
            value_captured: has_amounts.then(|| judged.fraud_amount_from(edge)),
        })
    };
    let mut bands = Vec::with_capacity(names.len());
    for (position, name) in names.iter().enumerate().rev() {
        let edge = position.checked_sub(1).and_then(|before| edges.get(before)).copied();
        let next = edges.get(position).copied().unwrap_or(f64::INFINITY);
        let rows = rows_within(judged, edge.unwrap_or(f64::NEG_INFINITY), next);
        let weight: f64 = rows.iter().map(|row| judged.weight(*row)).sum();
        let frauds = rows.iter().filter(|row| judged.labels[**row]);
        let fraud_weight: f64 = frauds.clone().map(|row| judged.weight(*row)).sum();
        bands.push(BandMeasures {
            name: name.clone(),
            margin_from: edge,
            rows: rows.len(),
            frauds: frauds.count(),
            precision: ratio(fraud_weight, weight),
            observed_over_expected: expected(judged, &rows)?,
            and_above: edge.map(above).transpose()?,
        });
    }
    Ok(bands)
}

/// The rows with a margin from `from` to below `to`.
fn rows_within(judged: &Judged, from: f64, to: f64) -> Vec<usize> {
    let within = |row: &usize| judged.margins[*row] >= from && judged.margins[*row] < to;
    (0..judged.n_rows()).filter(within).collect()
}

fn expected(judged: &Judged, rows: &[usize]) -> Result<Option<f64>, MetricError> {
    if rows.is_empty() {
        return Ok(None);
    }
    let Judged { labels, probabilities, weights, .. } = judged.take(rows);
    let scored = Scored::of_probabilities(&labels, &probabilities, weights.as_deref())?;
    Ok(observed_over_expected(&scored))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::sample::close;

    #[test]
    fn worked_by_hand() {
        // Margins 3 fraud | 2 fraud, good (counts thrice) | 1 good, good, fraud.
        let judged = Judged {
            labels: vec![true, true, false, false, false, true],
            margins: vec![3.0, 2.0, 2.0, 1.0, 1.0, 1.0],
            probabilities: vec![0.8, 0.4, 0.4, 0.1, 0.1, 0.1],
            weights: Some(vec![1.0, 1.0, 3.0, 1.0, 1.0, 1.0]),
            days: Some(vec![0, 0, 0, 1, 1, 1]),
            entities: None,
            amounts: Some(vec![10.0, 20.0, 5.0, 5.0, 5.0, 30.0]),
        };
        let names = ["allow", "review", "block"].map(str::to_owned);
        let found = band_measures(&judged, &names, &[2.0, 3.0], AlertUnit::Rows).unwrap();
        let [block, review, allow] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((block.name.as_str(), block.margin_from), ("block", Some(3.0)));
        assert_eq!((review.rows, review.frauds), (2, 1));
        close(review.precision.unwrap(), 1.0 / 4.0, 1e-15);
        close(review.observed_over_expected.unwrap(), 1.0 / (4.0 * 0.4), 1e-15);
        let above = review.and_above.as_ref().unwrap();
        close(above.precision.unwrap(), 2.0 / 5.0, 1e-15);
        close(above.recall.unwrap(), 2.0 / 3.0, 1e-15);
        close(above.false_positive_rate.unwrap(), 3.0 / 5.0, 1e-15);
        close(above.alerts_per_day.unwrap(), 2.5, 1e-15);
        close(above.observed_over_expected.unwrap(), 2.0 / (0.8 + 4.0 * 0.4), 1e-15);
        close(above.amount_recall.unwrap(), 0.5, 1e-15);
        close(above.value_captured.unwrap(), 30.0, 1e-15);
        assert_eq!((allow.rows, allow.margin_from, &allow.and_above), (3, None, &None));

        // A band that no row reaches.
        let found = band_measures(&judged, &names, &[2.0, 9.0], AlertUnit::Cases).unwrap();
        let above = found[0].and_above.as_ref().unwrap();
        assert_eq!((found[0].rows, found[0].precision, above.precision), (0, None, None));
        assert_eq!((above.recall, above.alerts_per_day), (Some(0.0), None));
    }
}
