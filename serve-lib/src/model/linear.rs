//! The linear model: scaling, imputation and one-hot coding live inside it, so that a row of plain
//! values goes in and a log-odds comes out.

use super::{MAX_FEATURES, ModelError, RowType, check_count, check_magnitude};
use crate::schema::category;

/// `margin = bias + Σ term(x)`, a log-odds.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// The margin of a row whose every term is 0.
    pub bias: f64,
    /// One term per feature, in the order of the row.
    pub terms: Vec<Term>,
}

/// What one feature adds to the margin.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// `weight · (x − mean) / scale`; a missing value counts as `imputed` and adds `missing_weight`.
    Numeric {
        /// Log-odds per standard deviation.
        weight: f64,
        /// Mean of the training rows.
        mean: f64,
        /// Standard deviation of the training rows, above 0.
        scale: f64,
        /// The value that stands for a missing one.
        imputed: f64,
        /// Log-odds added when the value is missing.
        missing_weight: f64,
        /// Mean contribution over the training rows: what an explanation compares with.
        mean_contribution: f64,
    },
    /// `weights[code]`, or `missing_weight` for a missing value.
    Categorical {
        /// Log-odds of each category.
        weights: Vec<f64>,
        /// Log-odds of a missing value.
        missing_weight: f64,
        /// Mean contribution over the training rows: what an explanation compares with.
        mean_contribution: f64,
    },
}

impl Linear {
    pub(super) fn check(&self, row: &[RowType]) -> Result<(), ModelError> {
        check_count("features of the model", row.len(), 1..=MAX_FEATURES)?;
        check_count("terms of the linear model", self.terms.len(), row.len()..=row.len())?;
        check_magnitude("bias", self.bias)?;
        for (position, (term, row_type)) in self.terms.iter().zip(row).enumerate() {
            match (term, row_type) {
                (
                    Term::Numeric {
                        weight,
                        mean,
                        scale,
                        imputed,
                        missing_weight,
                        mean_contribution,
                    },
                    RowType::Numeric,
                ) => {
                    check_magnitude("weight", *weight)?;
                    check_magnitude("mean", *mean)?;
                    check_magnitude("imputed value", *imputed)?;
                    check_magnitude("weight of a missing value", *missing_weight)?;
                    check_magnitude("mean contribution", *mean_contribution)?;
                    if !(1e-30..=1e30).contains(scale) {
                        return Err(ModelError::Range {
                            what: "scale",
                            expected: "within 1e-30 and 1e30",
                            found: *scale,
                        });
                    }
                }
                (
                    Term::Categorical { weights, missing_weight, mean_contribution },
                    RowType::Categorical { n_categories },
                ) => {
                    let expected = *n_categories as usize;
                    check_count("weights of a category", weights.len(), expected..=expected)?;
                    for weight in weights {
                        check_magnitude("weight of a category", *weight)?;
                    }
                    check_magnitude("weight of a missing value", *missing_weight)?;
                    check_magnitude("mean contribution", *mean_contribution)?;
                }
                (Term::Numeric { .. }, RowType::Categorical { .. }) => {
                    let problem = "numeric where the feature is a category";
                    return Err(ModelError::Term { term: position, problem });
                }
                (Term::Categorical { .. }, RowType::Numeric) => {
                    let problem = "a category where the feature is numeric";
                    return Err(ModelError::Term { term: position, problem });
                }
            }
        }
        Ok(())
    }

    /// The log-odds of a row of `terms.len()` values. Total: an infinite value counts as the
    /// greatest finite one, a code that is no category as missing.
    pub fn margin(&self, row: &[f32]) -> f64 {
        let mut margin = self.bias;
        for (term, &value) in self.terms.iter().zip(row) {
            margin += term.contribution(value);
        }
        margin
    }
}

impl Term {
    /// Its mean contribution over the training rows.
    pub fn mean_contribution(&self) -> f64 {
        match self {
            Self::Numeric { mean_contribution, .. }
            | Self::Categorical { mean_contribution, .. } => *mean_contribution,
        }
    }

    /// What this value adds to the margin.
    pub fn contribution(&self, value: f32) -> f64 {
        match self {
            Self::Numeric { weight, mean, scale, imputed, missing_weight, .. } => {
                if value.is_nan() {
                    return weight * ((imputed - mean) / scale) + missing_weight;
                }
                let value = f64::from(value.clamp(f32::MIN, f32::MAX));
                weight * ((value - mean) / scale)
            }
            Self::Categorical { weights, missing_weight, .. } => category(value)
                .and_then(|code| weights.get(code))
                .copied()
                .unwrap_or(*missing_weight),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Linear {
        Linear {
            bias: -1.0,
            terms: vec![
                Term::Numeric {
                    weight: 2.0,
                    mean: 10.0,
                    scale: 4.0,
                    imputed: 10.0,
                    missing_weight: 0.25,
                    mean_contribution: 0.0,
                },
                Term::Categorical {
                    weights: vec![0.5, -0.5],
                    missing_weight: 0.125,
                    mean_contribution: 0.0,
                },
            ],
        }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "powers of two: the hand calculation is exact")]
    fn margin_is_the_hand_calculation() {
        // -1 + 2·(12-10)/4 + 0.5
        assert_eq!(model().margin(&[12.0, 0.0]), 0.5);
        // -1 + 2·0 + 0.25 + 0.125
        assert_eq!(model().margin(&[f32::NAN, f32::NAN]), -0.625);
        // codes 2, -1 and 0.5 are no categories: -1 + 0 + 0.125
        for code in [2.0, -1.0, 0.5, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(model().margin(&[10.0, code]), -0.875);
        }
        assert!(model().margin(&[f32::INFINITY, 0.0]).is_finite());
    }

    #[test]
    fn unsound_models_are_refused() {
        let row = [RowType::Numeric, RowType::Categorical { n_categories: 2 }];
        assert_eq!(model().check(&row), Ok(()));
        let mut wide = model();
        wide.bias = f64::NAN;
        assert!(matches!(wide.check(&row), Err(ModelError::Magnitude { what: "bias", .. })));
        let swapped = [row[1], row[0]];
        assert!(matches!(model().check(&swapped), Err(ModelError::Term { term: 0, .. })));
        let three = [row[0], RowType::Categorical { n_categories: 3 }];
        assert!(matches!(model().check(&three), Err(ModelError::Count { found: 2, .. })));
    }
}
