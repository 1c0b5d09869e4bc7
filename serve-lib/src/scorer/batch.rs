//! Many dense rows at once, into the caller's buffer.

use super::{Score, Scorer};
use crate::engine::Rows;
use crate::error::ScoreError;

/// Margins that lie on the stack between the model and the calibration.
const AT_ONCE: usize = 512;

impl Scorer {
    /// Scores `n_rows x n_features` values, row after row, each as [`Scorer::score`] does, into
    /// `scores`, one for each row. Allocates nothing.
    ///
    /// ```
    /// use shroff_serve::{Score, Scorer};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
    /// let scorer = Scorer::open(path)?;
    /// let n_features = scorer.schema().features.len();
    /// let rows = vec![0.5; 3 * n_features];
    /// let mut scores = [Score::UNSET; 3];
    /// scorer.score_rows(&rows, &mut scores)?;
    /// assert_eq!(scores[2], scorer.score(&rows[2 * n_features..])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Values that are not as many as the rows have; no score is written then.
    pub fn score_rows(&self, rows: &[f32], scores: &mut [Score]) -> Result<(), ScoreError> {
        let n_features = self.n_features();
        let what = "values, a row of all features for each score";
        check_length(what, scores.len().saturating_mul(n_features), rows.len())?;
        self.score_all(Rows::ByRow(rows, n_features), scores);
        Ok(())
    }

    /// As [`Scorer::score_rows`], for a column per feature in the schema's order.
    ///
    /// ```
    /// # use shroff_serve::{Score, Scorer};
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
    /// # let scorer = Scorer::open(path)?;
    /// let (amounts, countries, balances) = ([191.75, 20.0], [1.0, f32::NAN], [250.0, 0.0]);
    /// let mut scores = [Score::UNSET; 2];
    /// scorer.score_columns(&[&amounts, &countries, &balances], &mut scores)?;
    /// assert!((scores[0].margin + 1.25).abs() < 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Another number of columns than the schema has features, or a column of another length than
    /// `scores`; no score is written then.
    pub fn score_columns(
        &self,
        columns: &[&[f32]],
        scores: &mut [Score],
    ) -> Result<(), ScoreError> {
        check_length("columns, one for each feature", self.n_features(), columns.len())?;
        for column in columns {
            let what = "values in each column, one for each score";
            check_length(what, scores.len(), column.len())?;
        }
        self.score_all(Rows::ByColumn(columns), scores);
        Ok(())
    }

    fn score_all(&self, rows: Rows<'_>, scores: &mut [Score]) {
        let mut margins = [0.0; AT_ONCE];
        for (part, scores) in scores.chunks_mut(AT_ONCE).enumerate() {
            let margins = &mut margins[..scores.len()];
            self.engine.margins(rows, part * AT_ONCE, margins);
            for (score, margin) in scores.iter_mut().zip(margins) {
                *score = self.score_of(*margin);
            }
        }
    }

    fn n_features(&self) -> usize {
        self.schema().features.len()
    }
}

fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), ScoreError> {
    if expected == found { Ok(()) } else { Err(ScoreError::batch_length(what, expected, found)) }
}
