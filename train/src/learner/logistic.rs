//! Logistic regression: linfa's solver on a design matrix that we scale, impute and one-hot code
//! ourselves, because on unscaled heavy-tailed columns the solver returns a useless model in silence.

use linfa::dataset::DatasetBase;
use linfa::traits::Fit;
use linfa_logistic::{FittedLogisticRegression, LogisticRegression};
use ndarray::{Array1, Array2, ShapeBuilder};
use serde::{Deserialize, Serialize};
use shroff_serve::model::{Linear, Model, RowType, Term, sigmoid};

use super::sample::FitRows;
use super::{Fitted, LearnError, Learner, Progress, Ranges};
use crate::matrix::{TrainingSet, category};

/// Logistic regression with an L2 penalty, fitted by L-BFGS in `f64`.
///
/// Numeric features are standardised by the mean and population deviation of the fitted rows; a
/// missing value counts as the mean and, if the fitted rows have any, gets a weight of its own.
/// Categories are one-hot coded, missing included; those not seen get weight 0.
///
/// Cost: the design matrix holds 8 bytes per row and column (1.7 million rows of 30 columns: 400 MB)
/// and one thread reads it twice per step of the solver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logistic {
    /// Weight α of the penalty in `Σ log-loss + α/2 · ‖w‖²`, 0 or more. The bias is not penalised.
    /// Default 1, which is scikit-learn's default `C = 1/α = 1` (its loss is the same sum).
    pub alpha: f64,
    /// Most steps of the solver, 1 to 100,000. Default 200; scikit-learn's 100 is often too few.
    pub max_iterations: u64,
    /// The solver stops when the norm of the gradient, per row, is below this. Default 1e-6, a
    /// hundredth of scikit-learn's, because with 1 fraud in 200 rows 1e-4 is not small.
    pub gradient_tolerance: f64,
    /// Legitimate rows kept per fraud; absent: all. Corrected for.
    pub negative_ratio: Option<f64>,
    /// Not supported here: any value but 1 is refused with advice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_pos_weight: Option<f64>,
    /// Chooses the rows that `negative_ratio` keeps. Default 0.
    pub seed: u64,
    /// What reports call this learner; absent: its kind.
    pub name: Option<String>,
}

impl Default for Logistic {
    fn default() -> Self {
        Self {
            alpha: 1.0,
            max_iterations: 200,
            gradient_tolerance: 1e-6,
            negative_ratio: None,
            scale_pos_weight: None,
            seed: 0,
            name: None,
        }
    }
}

impl Learner for Logistic {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn takes_row_weights(&self) -> bool {
        false
    }

    fn check(&self) -> Result<(), LearnError> {
        let ranges = Ranges(KIND);
        ranges.number("alpha", self.alpha, |x| (0.0..=1e12).contains(&x), "within 0 and 1e12")?;
        ranges.count("max_iterations", self.max_iterations as usize, 1..=100_000)?;
        let (key, tolerance) = ("gradient_tolerance", self.gradient_tolerance);
        ranges.number(key, tolerance, |x| (1e-12..=1.0).contains(&x), "within 1e-12 and 1")?;
        #[expect(clippy::float_cmp, reason = "exactly 1 is no weight")]
        if self.scale_pos_weight.is_some_and(|weight| weight != 1.0) {
            return Err(LearnError::NoWeights { kind: KIND, what: "`scale_pos_weight`" });
        }
        ranges.negative_ratio(self.negative_ratio)
    }

    fn fit(&self, data: &TrainingSet<'_>, progress: &dyn Progress) -> Result<Fitted, LearnError> {
        self.check()?;
        if data.weights.is_some() {
            return Err(LearnError::NoWeights { kind: KIND, what: "row weights" });
        }
        progress.start(1);
        let rows = FitRows::draw(data, self.negative_ratio, 1.0, self.seed)?;
        let design = Design::new(&rows)?;
        let mut notes = Vec::new();
        let solution = self.solve(design.matrix(&rows), &rows.labels, &mut notes)?;
        let model = Model::Linear(design.linear(&solution, &rows));
        let unsound = |source| LearnError::Unsound { kind: KIND, source };
        model.check(rows.matrix().row_types()).map_err(unsound)?;
        progress.advance(1);
        let (n_rows, n_frauds) = (rows.n_rows(), rows.n_frauds);
        Ok(Fitted {
            model,
            prior: rows.log_odds_prior(),
            n_rows,
            n_frauds,
            n_rounds: Vec::new(),
            notes,
        })
    }
}

const KIND: &str = "logistic";
/// At 1 million rows this many columns are 16 GB.
pub(crate) const MAX_COLUMNS: usize = 2_000;

/// Log-odds of fraud: bias and one weight per column of the design.
struct Solution {
    bias: f64,
    weights: Vec<f64>,
}

impl Logistic {
    fn solve(
        &self,
        x: Array2<f64>,
        labels: &[bool],
        notes: &mut Vec<String>,
    ) -> Result<Solution, LearnError> {
        let n_rows = labels.len() as f64;
        if x.ncols() == 0 {
            notes.push("no feature varies: every row gets the base rate".to_owned());
            let n_frauds = labels.iter().filter(|fraud| **fraud).count() as f64;
            let bias = libm::log(n_frauds / (n_rows - n_frauds));
            return Ok(Solution { bias, weights: Vec::new() });
        }
        let data = DatasetBase::new(x, Array1::from(labels.to_vec()));
        let mut tolerance = self.gradient_tolerance;
        let fitted = loop {
            match self.library_fit(&data, tolerance) {
                Ok(fitted) => break fitted,
                // Close to the optimum rounding can leave the line search no way down.
                Err(_) if tolerance < 1e-3 => tolerance *= 10.0,
                Err(error) => return Err(error),
            }
        };
        let solution = oriented(&fitted);
        let norm = self.gradient_norm(&data.records, labels, &solution) / n_rows;
        if norm.is_nan() || norm >= self.gradient_tolerance {
            notes.push(format!(
                "the solver stopped before it converged: expected a gradient norm per row below \
                 {:e}, found {norm:.1e} (at most {} steps)",
                self.gradient_tolerance, self.max_iterations
            ));
        }
        Ok(solution)
    }

    fn library_fit(
        &self,
        data: &DatasetBase<Array2<f64>, Array1<bool>>,
        tolerance: f64,
    ) -> Result<FittedLogisticRegression<f64, bool>, LearnError> {
        let (n_rows, n_features) = data.records.dim();
        LogisticRegression::default()
            .alpha(self.alpha)
            .max_iterations(self.max_iterations)
            // The library's loss, and with it the gradient, is a sum over rows.
            .gradient_tolerance(tolerance * n_rows as f64)
            .fit(data)
            .map_err(|source| LearnError::Library {
                library: "linfa-logistic",
                n_rows,
                n_features,
                source: source.into(),
            })
    }

    /// Norm of the gradient of the penalised loss, bias included: the library keeps its own to itself.
    fn gradient_norm(&self, x: &Array2<f64>, labels: &[bool], solution: &Solution) -> f64 {
        let mut residuals = vec![solution.bias; labels.len()];
        for (column, weight) in x.columns().into_iter().zip(&solution.weights) {
            residuals.iter_mut().zip(column).for_each(|(sum, value)| *sum += weight * value);
        }
        for (residual, &fraud) in residuals.iter_mut().zip(labels) {
            *residual = sigmoid(*residual) - f64::from(u8::from(fraud));
        }
        let bias: f64 = residuals.iter().sum();
        let mut squares = bias * bias;
        for (column, weight) in x.columns().into_iter().zip(&solution.weights) {
            let slope: f64 = residuals.iter().zip(column).map(|(r, value)| r * value).sum();
            let slope = slope + self.alpha * weight;
            squares += slope * slope;
        }
        squares.sqrt()
    }
}

/// The library's coefficients are those of its "positive" class, which is the larger one, not `true`.
fn oriented(fitted: &FittedLogisticRegression<f64, bool>) -> Solution {
    let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
    let weights = fitted.params().iter().map(|weight| sign * weight).collect();
    Solution { bias: sign * fitted.intercept(), weights }
}

/// How features become columns of the design matrix.
struct Design {
    features: Vec<Coding>,
    n_columns: usize,
}

enum Coding {
    Numeric { mean: f64, scale: f64, value: Option<usize>, missing: Option<usize> },
    Categorical { codes: Vec<Option<usize>>, missing: Option<usize> },
}

impl Design {
    fn new(rows: &FitRows<'_>) -> Result<Self, LearnError> {
        let mut n_columns = 0;
        let mut column = |needed: bool| {
            n_columns += usize::from(needed);
            needed.then(|| n_columns - 1)
        };
        let mut features = Vec::new();
        for (feature, row_type) in rows.matrix().row_types().iter().enumerate() {
            let n_missing = rows.column(feature).filter(|value| value.is_nan()).count();
            // A column that is 1 everywhere is the bias once more.
            let some_missing = n_missing > 0 && n_missing < rows.n_rows();
            features.push(if let RowType::Categorical { n_categories } = row_type {
                let mut seen = vec![false; *n_categories as usize];
                rows.column(feature)
                    .filter_map(category)
                    .for_each(|code| seen[code as usize] = true);
                let n_levels =
                    seen.iter().filter(|seen| **seen).count() + usize::from(some_missing);
                let codes = seen.into_iter().map(|seen| column(seen && n_levels > 1)).collect();
                Coding::Categorical { codes, missing: column(some_missing) }
            } else {
                let (mean, scale) = standardise(rows, feature)?;
                let (scale, varies) = scale.map_or((1.0, false), |scale| (scale, true));
                Coding::Numeric {
                    mean,
                    scale,
                    value: column(varies),
                    missing: column(some_missing),
                }
            });
        }
        if n_columns > MAX_COLUMNS {
            let (max_columns, found) = (MAX_COLUMNS, n_columns);
            return Err(LearnError::TooManyColumns { kind: KIND, max_columns, found });
        }
        Ok(Self { features, n_columns })
    }

    /// The design matrix, column by column: the layout that the library's products read fastest.
    fn matrix(&self, rows: &FitRows<'_>) -> Array2<f64> {
        let mut x = Array2::zeros((rows.n_rows(), self.n_columns).f());
        for (feature, coding) in self.features.iter().enumerate() {
            for (row, raw) in rows.column(feature).enumerate() {
                match coding {
                    Coding::Numeric { missing, .. } if raw.is_nan() => {
                        missing.iter().for_each(|column| x[(row, *column)] = 1.0);
                    }
                    Coding::Numeric { mean, scale, value, .. } => {
                        let scaled = (f64::from(raw) - mean) / scale;
                        value.iter().for_each(|column| x[(row, *column)] = scaled);
                    }
                    Coding::Categorical { codes, missing } => {
                        let column = match category(raw) {
                            Some(code) => codes[code as usize],
                            None => *missing,
                        };
                        column.iter().for_each(|column| x[(row, *column)] = 1.0);
                    }
                }
            }
        }
        x
    }

    fn linear(&self, solution: &Solution, rows: &FitRows<'_>) -> Linear {
        let weight = |column: Option<usize>| column.map_or(0.0, |column| solution.weights[column]);
        let terms = self.features.iter().enumerate().map(|(feature, coding)| {
            let mut term = match coding {
                Coding::Numeric { mean, scale, value, missing } => Term::Numeric {
                    weight: weight(*value),
                    mean: *mean,
                    scale: *scale,
                    imputed: *mean,
                    missing_weight: weight(*missing),
                    mean_contribution: 0.0,
                },
                Coding::Categorical { codes, missing } => Term::Categorical {
                    weights: codes.iter().map(|column| weight(*column)).collect(),
                    missing_weight: weight(*missing),
                    mean_contribution: 0.0,
                },
            };
            let sum: f64 = rows.column(feature).map(|value| term.contribution(value)).sum();
            match &mut term {
                Term::Numeric { mean_contribution, .. }
                | Term::Categorical { mean_contribution, .. } => {
                    *mean_contribution = sum / rows.n_rows() as f64;
                }
            }
            term
        });
        Linear { bias: solution.bias, terms: terms.collect() }
    }
}

/// Mean and population deviation of the values that are there; no deviation if they are all alike.
fn standardise(rows: &FitRows<'_>, feature: usize) -> Result<(f64, Option<f64>), LearnError> {
    let too_large = |value: f32| value.abs() > 1e30;
    if let Some(i) = rows.column(feature).position(too_large) {
        let (row, found) = (rows.position(i), rows.row(i)[feature]);
        return Err(LearnError::Value { kind: KIND, row, feature, found });
    }
    let present = || rows.column(feature).filter(|value| !value.is_nan()).map(f64::from);
    let Some(first) = present().next() else { return Ok((0.0, None)) };
    let n = present().count() as f64;
    // Differences from one of the values first: alike values then have deviation 0 exactly, and
    // the mean is known before squares are summed, so that nothing cancels.
    let mean = first + present().map(|value| value - first).sum::<f64>() / n;
    let variance = present().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n;
    let deviation = variance.sqrt();
    Ok((mean, (deviation > 1e-30).then_some(deviation)))
}

#[cfg(test)]
mod tests {
    use super::super::{NoProgress, fixture};
    use super::*;
    use crate::matrix::Matrix;

    #[test]
    fn every_row_has_the_librarys_own_probability() {
        let (matrix, labels) = fixture::transactions(3_000, 1);
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let learner = Logistic::default();
        let fitted = learner.fit(&data, &NoProgress).expect("sound data");
        assert_eq!(fitted.notes, Vec::<String>::new());
        let Model::Linear(linear) = &fitted.model else { panic!("expected a linear model") };

        let rows = FitRows::draw(&data, None, 1.0, 0).expect("two classes");
        let x = Design::new(&rows).expect("few columns").matrix(&rows);
        let theirs = DatasetBase::new(x, Array1::from(labels.clone()));
        let library = learner.library_fit(&theirs, learner.gradient_tolerance).expect("sound data");
        let probabilities = library.predict_probabilities(&theirs.records);
        for (row, probability) in probabilities.iter().enumerate() {
            let fraud = if library.labels().pos.class { *probability } else { 1.0 - probability };
            let ours = sigmoid(linear.margin(matrix.row(row)));
            assert!((ours - fraud).abs() < 1e-12, "row {row}: expected {fraud}, found {ours}");
        }
        // At the optimum of an unpenalised bias the mean probability is the share of frauds.
        let mean = fixture::mean_probability(&fitted, &matrix);
        let share = fitted.n_frauds as f64 / 3_000.0;
        assert!((mean - share).abs() < 1e-5, "expected {share}, found {mean}");
    }

    #[test]
    fn sampling_is_undone() {
        let (matrix, labels) = fixture::transactions(6_000, 2);
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let learner = Logistic { negative_ratio: Some(4.0), ..Default::default() };
        let fitted = learner.fit(&data, &NoProgress).expect("sound data");
        assert_eq!(fitted.n_rows, 5 * fitted.n_frauds);
        fixture::assert_near_base_rate(&fitted, &matrix, 0.15);
    }

    #[test]
    fn constant_and_unseen_columns_weigh_nothing() {
        let types =
            vec![RowType::Numeric, RowType::Categorical { n_categories: 3 }, RowType::Numeric];
        let mut values = Vec::new();
        for i in 0..40 {
            values.extend([0.1, (i % 2) as f32, if i % 4 == 0 { f32::NAN } else { i as f32 }]);
        }
        let matrix = Matrix::new(types, values).expect("a sound matrix");
        let labels: Vec<bool> = (0..40).map(|i| i % 4 == 0).collect();
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: None };
        let fitted = Logistic::default().fit(&data, &NoProgress).expect("sound data");
        let Model::Linear(linear) = fitted.model else { panic!("expected a linear model") };
        let Term::Numeric { weight, scale, .. } = linear.terms[0] else { panic!() };
        assert_eq!((weight.to_bits(), scale.to_bits()), (0, 1.0_f64.to_bits()));
        let Term::Categorical { weights, .. } = &linear.terms[1] else { panic!() };
        assert!(weights[0] > 0.0 && weights[1] < 0.0 && weights[2].to_bits() == 0);
        // Every fraud, and nothing else, lacks the third feature.
        let Term::Numeric { missing_weight, .. } = linear.terms[2] else { panic!() };
        assert!(missing_weight > 1.0, "{missing_weight}");
    }

    #[test]
    fn weights_are_refused_with_advice() {
        let (matrix, labels) = fixture::transactions(100, 3);
        let weights = vec![1.0; 100];
        let data = TrainingSet { matrix: &matrix, labels: &labels, weights: Some(&weights) };
        let error = Logistic::default().fit(&data, &NoProgress).expect_err("weights").to_string();
        assert!(error.contains("negative_ratio"), "{error}");
    }
}
