//! Rate encoding: a category becomes its share of fraud, smoothed towards that of all rows.
//!
//! [`RateCounts`] learns from labels one at a time and can be asked in between, so that a trainer
//! gives each row of its fit the rate that was known then. [`RateTable`] is what it knew at the end.
//!
//! # Source
//! D. Micci-Barreca, *A preprocessing scheme for high-cardinality categorical attributes in
//! classification and prediction problems* (2001), equation 4 with the weight `n / (n + m)`; for the
//! order in time, L. Prokhorenkova et al., *CatBoost: unbiased boosting with categorical features*
//! (2018), section 3.2.

use super::Vocabulary;
use super::outcome::Outcome;
use crate::error::RejectReason;
use crate::schema::{Feature, MAX_NAME_BYTES};

/// The rate of each known value, and the one for all others.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RateTable {
    values: Vocabulary,
    /// In the order of the values, each within 0 and 1; the last is that of unseen text.
    rates: Vec<f32>,
}

impl RateTable {
    /// The values as they stand in a file; [`Program::check`](super::Program::check) proves them.
    pub(crate) fn from_parts(values: Vocabulary, rates: Vec<f32>) -> Self {
        Self { values, rates }
    }

    /// The values that have a rate of their own.
    pub fn values(&self) -> &Vocabulary {
        &self.values
    }

    /// One rate per value in the order of their codes, and as the last that of unseen text: the
    /// rate of all rows together.
    pub fn rates(&self) -> &[f32] {
        &self.rates
    }

    #[inline]
    pub(super) fn evaluate(&self, value: &str) -> Outcome {
        let rate = |code: u32| self.rates.get(code as usize).copied();
        if let Some(rate) = self.values.code(value).and_then(rate) {
            return Outcome::Value(rate);
        }
        let other = self.rates.last().copied().unwrap_or(f32::NAN);
        Outcome::Unseen { other }
    }

    pub(super) fn problem(&self) -> Option<&'static str> {
        if self.rates.len() != self.values.n_categories() as usize {
            return Some("should have one rate a value and one for unseen text");
        }
        if !self.rates.iter().all(|rate| (0.0..=1.0).contains(rate)) {
            return Some("a rate should lie within 0 and 1");
        }
        self.values.problem()
    }
}

/// Frauds and rows by category, of the labels known so far.
///
/// The rate of a category is `(frauds + m·p) / (rows + m)`, where `m` is the smoothing and `p` the
/// rate of all rows. A category of which no label is known is unseen, for which `learned` means `p`.
/// While no label at all is known there is no rate, and each value is missing.
#[derive(Debug, Clone)]
pub struct RateCounts<'a> {
    values: &'a [String],
    smoothing: f64,
    categories: Vec<Count>,
    all: Count,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    rows: f64,
    frauds: f64,
}

impl Count {
    fn add(&mut self, fraud: bool, weight: f64) {
        self.rows += weight;
        self.frauds += if fraud { weight } else { 0.0 };
    }
}

impl<'a> RateCounts<'a> {
    /// Nothing known yet of these values, each of which is there once; a category is known by its
    /// position. `smoothing` is counted in rows, finite and 0 or more.
    pub fn new(values: &'a [String], smoothing: f64) -> Self {
        let (categories, all) = (vec![Count::default(); values.len()], Count::default());
        Self { values, smoothing, categories, all }
    }

    /// A label came to be known, of a row that stands for `weight` rows, which is above 0. A row
    /// without a category counts among all rows. A position that is none counts as no category.
    pub fn observe(&mut self, category: Option<u32>, fraud: bool, weight: f64) {
        self.all.add(fraud, weight);
        if let Some(count) = category.and_then(|code| self.categories.get_mut(code as usize)) {
            count.add(fraud, weight);
        }
    }

    /// The value that the feature has by what is known now, its policies applied.
    ///
    /// # Errors
    /// Why a policy rejects the value.
    pub fn fill(&self, feature: &Feature, category: Option<u32>) -> Result<f32, RejectReason> {
        self.evaluate(category).decide(feature)
    }

    /// What is known now, for rows to come.
    pub fn table(&self) -> RateTable {
        let known = self.values.iter().zip(&self.categories);
        let mut known: Vec<(&str, f32)> = known
            .filter(|(value, count)| count.rows > 0.0 && has_rate(value))
            .map(|(value, count)| (value.as_str(), self.rate(*count)))
            .collect();
        known.sort_unstable_by_key(|(value, _)| *value);
        let values = known.iter().map(|(value, _)| (*value).to_owned()).collect();
        let rates = known.iter().map(|(_, rate)| *rate).chain([self.rate(Count::default())]);
        RateTable { rates: rates.collect(), values: Vocabulary::from_sorted(values) }
    }

    fn evaluate(&self, category: Option<u32>) -> Outcome {
        let known = |code: u32| {
            let code = code as usize;
            Some((self.values.get(code)?.as_str(), *self.categories.get(code)?))
        };
        match category.and_then(known) {
            None | Some(("", _)) => Outcome::Missing,
            _ if self.all.rows <= 0.0 => Outcome::Missing,
            Some((value, count)) if count.rows > 0.0 && has_rate(value) => {
                Outcome::Value(self.rate(count))
            }
            Some(_) => Outcome::Unseen { other: self.rate(Count::default()) },
        }
    }

    /// Of an empty count, or one that smoothing leaves with nothing, the rate of all rows.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a rate is rounded to the precision of a row"
    )]
    fn rate(&self, count: Count) -> f32 {
        let prior = if self.all.rows > 0.0 { self.all.frauds / self.all.rows } else { 0.0 };
        if count.rows <= 0.0 {
            return prior as f32;
        }
        let rate = (count.frauds + self.smoothing * prior) / (count.rows + self.smoothing);
        rate as f32
    }
}

/// Whether a value may stand in a table; a longer one stays unseen.
fn has_rate(value: &str) -> bool {
    !value.is_empty() && value.len() <= MAX_NAME_BYTES
}
