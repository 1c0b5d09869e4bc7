//! The training matrix: rows as the scorer will see them, in the one layout every learner reads.

use std::sync::Arc;

use shroff_serve::model::{MAX_CATEGORIES, MAX_FEATURES, RowType};

/// Rows of model inputs, `n_rows x n_features`, row-major `f32`; NaN is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    row_types: Vec<RowType>,
    feature_names: Vec<Arc<str>>,
    values: Vec<f32>,
}

/// What a learner is given: rows, their labels and, on request, their weights.
#[derive(Debug, Clone, Copy)]
pub struct TrainingSet<'a> {
    /// One row per transaction, in the order of time if there is one.
    pub matrix: &'a Matrix,
    /// `true` is fraud; as many as rows.
    pub labels: &'a [bool],
    /// How much each row counts, finite and 0 or more; as many as rows. Absent: 1 each.
    pub weights: Option<&'a [f64]>,
}

/// Why values are no matrix.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// Too few or too many features.
    #[error("expected 1 to {MAX_FEATURES} features, found {found}")]
    Features {
        /// Number of features.
        found: usize,
    },
    /// A feature with no or too many categories.
    #[error("feature {feature}: expected 1 to {MAX_CATEGORIES} categories, found {found}")]
    Categories {
        /// Position of the feature.
        feature: usize,
        /// Number of its categories.
        found: u32,
    },
    /// Not a whole number of rows.
    #[error("expected a multiple of {n_features} values, found {found}")]
    Shape {
        /// Values in a row.
        n_features: usize,
        /// Number of values.
        found: usize,
    },
    /// A value that is no category of its feature.
    #[error(
        "row {row}, feature {feature}: expected a category code below {n_categories} or NaN, found {found}"
    )]
    Code {
        /// Position of the row.
        row: usize,
        /// Position of the feature.
        feature: usize,
        /// Number of its categories.
        n_categories: u32,
        /// The value.
        found: f32,
    },
}

impl Matrix {
    /// A matrix of these values, row after row, with one type per feature. Numeric values may be
    /// anything; category codes are proved to be codes.
    ///
    /// # Errors
    /// A number of features, of categories or of values that does not fit; a code that is none.
    pub fn new(row_types: Vec<RowType>, values: Vec<f32>) -> Result<Self, MatrixError> {
        let n_features = row_types.len();
        if !(1..=MAX_FEATURES).contains(&n_features) {
            return Err(MatrixError::Features { found: n_features });
        }
        if !values.len().is_multiple_of(n_features) {
            return Err(MatrixError::Shape { n_features, found: values.len() });
        }
        for (feature, row_type) in row_types.iter().enumerate() {
            let RowType::Categorical { n_categories } = *row_type else { continue };
            if !(1..=MAX_CATEGORIES).contains(&(n_categories as usize)) {
                return Err(MatrixError::Categories { feature, found: n_categories });
            }
            for (row, &found) in values.iter().skip(feature).step_by(n_features).enumerate() {
                if !found.is_nan() && category(found).is_none_or(|code| code >= n_categories) {
                    return Err(MatrixError::Code { row, feature, n_categories, found });
                }
            }
        }
        Ok(Self { row_types, feature_names: Vec::new(), values })
    }

    /// The same matrix with names for its features; panics on another number of them.
    pub fn with_feature_names(mut self, names: impl IntoIterator<Item = Arc<str>>) -> Self {
        self.feature_names = names.into_iter().collect();
        assert_eq!(self.feature_names.len(), self.n_features(), "one name per feature");
        self
    }

    /// The names of the features; empty if none were given.
    pub fn feature_names(&self) -> &[Arc<str>] {
        &self.feature_names
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.values.len() / self.row_types.len()
    }

    /// Values in a row.
    pub fn n_features(&self) -> usize {
        self.row_types.len()
    }

    /// The values of row `i`; panics from `n_rows` on.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.n_features()..(i + 1) * self.n_features()]
    }

    /// What each position of a row means.
    pub fn row_types(&self) -> &[RowType] {
        &self.row_types
    }

    /// Puts other values into a numeric feature, one per row from the first on; panics on a feature
    /// that is not there.
    pub(crate) fn replace(&mut self, feature: usize, values: impl Iterator<Item = f32>) {
        assert_eq!(self.row_types[feature], RowType::Numeric, "categories are proved when made");
        let n_features = self.n_features();
        for (slot, value) in self.values.iter_mut().skip(feature).step_by(n_features).zip(values) {
            *slot = value;
        }
    }

    /// A matrix of these rows, in this order; panics on a row that is not there.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut values = Vec::with_capacity(rows.len() * self.n_features());
        for &row in rows {
            values.extend_from_slice(self.row(row));
        }
        let (row_types, feature_names) = (self.row_types.clone(), self.feature_names.clone());
        Self { row_types, feature_names, values }
    }
}

/// The code a value stands for; none when it is missing, negative or not whole.
pub(crate) fn category(value: f32) -> Option<u32> {
    // A float-to-integer cast saturates, so the round trip fails for NaN, fractions and negatives.
    let code = value as u32;
    #[expect(clippy::float_cmp, reason = "a code is exact or it is none")]
    let exact = code as f32 == value;
    exact.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_and_selected_in_order() {
        let row_types = vec![RowType::Numeric, RowType::Categorical { n_categories: 2 }];
        let matrix = Matrix::new(row_types, vec![1.5, 0.0, f32::INFINITY, 1.0, 2.5, 1.0]);
        let matrix = matrix.expect("a sound matrix");
        assert_eq!((matrix.n_rows(), matrix.n_features()), (3, 2));
        assert_eq!(matrix.row(2), [2.5, 1.0]);
        let chosen = matrix.select(&[2, 0]);
        assert_eq!((chosen.row(0), chosen.row(1)), (matrix.row(2), matrix.row(0)));
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        let types = || vec![RowType::Numeric, RowType::Categorical { n_categories: 2 }];
        assert_eq!(Matrix::new(vec![], vec![]), Err(MatrixError::Features { found: 0 }));
        let shape = Matrix::new(types(), vec![0.0; 3]);
        assert_eq!(shape, Err(MatrixError::Shape { n_features: 2, found: 3 }));
        for code in [2.0, -1.0, 0.5, f32::INFINITY] {
            let found = Matrix::new(types(), vec![0.0, 1.0, 0.0, code]);
            assert!(matches!(found, Err(MatrixError::Code { row: 1, feature: 1, .. })), "{code}");
        }
        assert!(Matrix::new(types(), vec![f32::NAN, f32::NAN]).is_ok());
    }
}
