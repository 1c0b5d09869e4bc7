//! Scored rows with all that measures ask of them.

/// The labelled rows a model is judged on, in the order of their events; every column there is has a
/// value for each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// `true` is fraud.
    pub labels: Vec<bool>,
    /// The model's score, which ranks.
    pub margins: Vec<f64>,
    /// The calibrated probability of fraud, 0 to 1.
    pub probabilities: Vec<f64>,
    /// How many rows of the population each stands for; absent: one.
    pub weights: Option<Vec<f64>>,
    /// The local day, days since 1970-01-01; absent without a time.
    pub days: Option<Vec<i64>>,
    /// A code for the entity that alerts are counted by, one of its own for a row without; absent without
    /// an entity column.
    pub entities: Option<Vec<u64>>,
    /// The money at stake, at least 0: a missing or negative amount is 0; absent without such a column.
    pub amounts: Option<Vec<f64>>,
}

impl Judged {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.labels.len()
    }

    /// How many rows of the population a row stands for.
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[row])
    }

    /// The money at stake in a row; 0 without amounts.
    pub fn amount(&self, row: usize) -> f64 {
        self.amounts.as_ref().map_or(0.0, |amounts| amounts[row])
    }

    /// Money in the frauds that an alarm at this margin would catch, each counted by its weight: of all
    /// frauds at negative infinity.
    pub fn fraud_amount_from(&self, margin: f64) -> f64 {
        let caught = |row: &usize| self.labels[*row] && self.margins[*row] >= margin;
        (0..self.n_rows()).filter(caught).map(|row| self.weight(row) * self.amount(row)).sum()
    }

    /// Share of the money in frauds that an alarm at this margin would catch, 0 to 1. `None` without
    /// amounts, or where frauds hold no money.
    pub fn amount_recall_from(&self, margin: f64) -> Option<f64> {
        let total = self.fraud_amount_from(f64::NEG_INFINITY);
        (total > 0.0).then(|| self.fraud_amount_from(margin) / total)
    }

    /// The rows whose positions are given, in that order.
    pub fn take(&self, rows: &[usize]) -> Self {
        fn at<T: Copy>(rows: &[usize], values: &[T]) -> Vec<T> {
            rows.iter().map(|row| values[*row]).collect()
        }
        Self {
            labels: at(rows, &self.labels),
            margins: at(rows, &self.margins),
            probabilities: at(rows, &self.probabilities),
            weights: self.weights.as_ref().map(|values| at(rows, values)),
            days: self.days.as_ref().map(|values| at(rows, values)),
            entities: self.entities.as_ref().map(|values| at(rows, values)),
            amounts: self.amounts.as_ref().map(|values| at(rows, values)),
        }
    }
}
