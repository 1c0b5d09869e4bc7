//! Many dense rows at once, into the caller's buffer.

use super::{Score, Scorer};
use crate::error::ScoreError;
use crate::schema::MAX_FEATURES;

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
        for (score, row) in scores.iter_mut().zip(rows.chunks_exact(n_features)) {
            *score = self.score_whole(row);
        }
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
        // A row on the stack, of the smallest size that holds it.
        match columns.len() {
            0..=64 => self.score_columns_by::<64>(columns, scores),
            65..=512 => self.score_columns_by::<512>(columns, scores),
            _ => self.score_columns_by::<MAX_FEATURES>(columns, scores),
        }
        Ok(())
    }

    // Not inlined: within one function each call would take the stack of all sizes together.
    #[inline(never)]
    fn score_columns_by<const N: usize>(&self, columns: &[&[f32]], scores: &mut [Score]) {
        let mut row = [0.0; N];
        let row = &mut row[..columns.len()];
        for (position, score) in scores.iter_mut().enumerate() {
            for (value, column) in row.iter_mut().zip(columns) {
                *value = column[position];
            }
            *score = self.score_whole(row);
        }
    }

    fn n_features(&self) -> usize {
        self.schema().features.len()
    }
}

fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), ScoreError> {
    if expected == found { Ok(()) } else { Err(ScoreError::batch_length(what, expected, found)) }
}
