//! Labels, scores and weights of the same rows, checked once so that no measure has to.

use thiserror::Error;

/// The most rows that are measured together: a position among them fits into 32 bits.
pub const MAX_ROWS: usize = u32::MAX as usize;

/// The rows a measure is taken over: `1 <= n_rows <= MAX_ROWS` labels (`true` = fraud), scores and optional
/// weights.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    labels: &'a [bool],
    scores: &'a [f64],
    weights: Option<&'a [f64]>,
}

impl<'a> Scored<'a> {
    /// Rows with any finite scores, higher meaning more suspect. Without weights every row counts
    /// 1.
    ///
    /// # Errors
    /// No rows, more than [`MAX_ROWS`], unequal lengths, a score that is not finite, a weight that is negative or not
    /// finite, or weights whose sum is 0 or not finite.
    pub fn new(
        labels: &'a [bool],
        scores: &'a [f64],
        weights: Option<&'a [f64]>,
    ) -> Result<Self, MetricError> {
        if labels.is_empty() {
            return Err(MetricError::NoRows);
        }
        if labels.len() > MAX_ROWS {
            return Err(MetricError::TooManyRows { found: labels.len() });
        }
        same_length("scores", labels.len(), scores.len())?;
        if let Some((row, &score)) = scores.iter().enumerate().find(|(_, s)| !s.is_finite()) {
            return Err(MetricError::Score { row, score });
        }
        if let Some(weights) = weights {
            same_length("weights", labels.len(), weights.len())?;
            let bad = weights.iter().enumerate().find(|(_, w)| !(w.is_finite() && **w >= 0.0));
            if let Some((row, &weight)) = bad {
                return Err(MetricError::Weight { row, weight });
            }
            let total: f64 = weights.iter().sum();
            if !(total.is_finite() && total > 0.0) {
                return Err(MetricError::TotalWeight { total });
            }
        }
        Ok(Self { labels, scores, weights })
    }

    /// Rows whose scores are probabilities of fraud, for [`log_loss`](super::log_loss()),
    /// [`brier`](super::brier()) and [`observed_over_expected`](super::observed_over_expected()).
    ///
    /// # Errors
    /// As [`Scored::new`], and a score outside 0 to 1.
    pub fn of_probabilities(
        labels: &'a [bool],
        probabilities: &'a [f64],
        weights: Option<&'a [f64]>,
    ) -> Result<Self, MetricError> {
        let scored = Self::new(labels, probabilities, weights)?;
        match probabilities.iter().enumerate().find(|(_, p)| !(0.0..=1.0).contains(*p)) {
            Some((row, &probability)) => Err(MetricError::Probability { row, probability }),
            None => Ok(scored),
        }
    }

    /// Number of rows, at least 1; rows of weight 0 are counted.
    pub fn n_rows(&self) -> usize {
        self.labels.len()
    }

    /// Number of rows labelled fraud, whatever their weight.
    pub fn n_frauds(&self) -> usize {
        self.labels.iter().filter(|label| **label).count()
    }

    /// Label, score and weight of every row, in order.
    pub fn rows(&self) -> impl Iterator<Item = (bool, f64, f64)> + use<'a> {
        let scored = *self;
        let pairs = scored.labels.iter().zip(scored.scores).enumerate();
        pairs.map(move |(row, (&label, &score))| (label, score, scored.weight(row)))
    }

    /// How much a row counts.
    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }
}

/// Why rows cannot be measured.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum MetricError {
    /// Nothing to measure.
    #[error("expected at least one labelled row, found none; widen the window")]
    NoRows,
    /// More than a position can tell.
    #[error("expected at most {MAX_ROWS} rows, found {found}; measure a part of them")]
    TooManyRows {
        /// Number of rows.
        found: usize,
    },
    /// Two columns of the same rows differ in length.
    #[error("expected {expected} {column}, one per row, found {found}")]
    Length {
        /// Which column.
        column: &'static str,
        /// Number of rows.
        expected: usize,
        /// Number of values.
        found: usize,
    },
    /// A score that has no place in an order.
    #[error("expected a finite score, found {score} at row {row}")]
    Score {
        /// Row, from 0.
        row: usize,
        /// The score found.
        score: f64,
    },
    /// A score that is no probability.
    #[error("expected a probability from 0 to 1, found {probability} at row {row}")]
    Probability {
        /// Row, from 0.
        row: usize,
        /// The value found.
        probability: f64,
    },
    /// A weight that cannot count rows.
    #[error("expected a finite weight of at least 0, found {weight} at row {row}")]
    Weight {
        /// Row, from 0.
        row: usize,
        /// The weight found.
        weight: f64,
    },
    /// Weights that leave nothing, or too much, to measure.
    #[error("expected weights with a finite sum above 0, found a sum of {total}")]
    TotalWeight {
        /// The sum found.
        total: f64,
    },
}

pub(super) fn same_length(
    column: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), MetricError> {
    if expected == found { Ok(()) } else { Err(MetricError::Length { column, expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_measured_is_refused() {
        let refused = |labels: &[bool], scores: &[f64], weights: Option<&[f64]>| {
            Scored::new(labels, scores, weights).unwrap_err().to_string()
        };
        assert!(refused(&[], &[], None).contains("at least one labelled row"));
        assert!(refused(&[true], &[], None).contains("1 scores, one per row, found 0"));
        assert!(refused(&[true], &[f64::NAN], None).contains("found NaN at row 0"));
        assert!(refused(&[true], &[1.0], Some(&[])).contains("1 weights, one per row, found 0"));
        assert!(refused(&[true], &[1.0], Some(&[-1.0])).contains("found -1 at row 0"));
        assert!(refused(&[true], &[1.0], Some(&[0.0])).contains("found a sum of 0"));
        assert!(refused(&[true; 2], &[1.0; 2], Some(&[f64::MAX; 2])).contains("a sum of inf"));

        let found = Scored::of_probabilities(&[true, false], &[1.0, 1.5], None).unwrap_err();
        assert!(found.to_string().contains("found 1.5 at row 1"));
    }
}
