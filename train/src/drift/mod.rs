//! Drift: are features, scores and alerts still what they were in the calibrate window, whose histograms
//! the artifact carries?
//!
//! A fixed limit alarms for nothing on few rows, and a test alone alarms for next to nothing on many. Here a
//! change counts when it is both large enough to matter and larger than chance explains for the number
//! of rows on both sides; see `statistic.rs` for the formulas. Chance is shared out among all tests of a
//! run (Bonferroni), so that a run without drift gives any alarm at all with a probability of at
//! most [`DriftLimits::alpha`], if rows are independent; those of one card are not quite, which the
//! floors are for.

mod bands;
mod statistic;
mod values;

use serde::{Deserialize, Serialize};
use shroff_serve::Scorer;
use shroff_serve::artifact::{Histogram, Reference};

pub use bands::BandDrift;
pub use statistic::Test;
use statistic::{Bins, share_limit};
pub use values::UnseenValues;

use crate::error::Error;
use crate::events::Events;
use crate::matrix::Matrix;
use crate::package::bin;
use crate::scoring;

/// What counts as drift. A change is drift when it exceeds both its floor and chance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DriftLimits {
    /// Probability of any false alarm in a run, 0 to 1. Default 0.01.
    pub alpha: f64,
    /// Least population stability index that matters. Default 0.1, the custom of the trade.
    pub psi: f64,
    /// Least Kolmogorov–Smirnov distance that matters, a share of the rows. Default 0.1: a tenth of
    /// them moved.
    pub ks: f64,
    /// Least change of a share of missing or unseen values that matters. Default 0.01.
    pub share: f64,
    /// Least relative change of an alert rate that matters. Default 0.25: a quarter more work, or less.
    pub alert_rate: f64,
}

impl Default for DriftLimits {
    fn default() -> Self {
        Self { alpha: 0.01, psi: 0.1, ks: 0.1, share: 0.01, alert_rate: 0.25 }
    }
}

/// Some rows beside the reference of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Rows compared.
    pub rows: usize,
    /// Rows left out, because a policy rejects them; the reference has none of those either.
    pub rejected_rows: usize,
    /// Rows of the reference.
    pub reference_rows: u64,
    /// What counts.
    pub limits: DriftLimits,
    /// The features, in the order of the schema.
    pub features: Vec<FeatureDrift>,
    /// The score, by its margin.
    pub score: FeatureDrift,
    /// The share of rows in each band or above, from the highest down.
    pub bands: Vec<BandDrift>,
}

/// One quantity beside its reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureDrift {
    /// Name of the feature; of the score `margin`.
    pub name: String,
    /// Population stability index over the bins of the reference, missing values being a bin.
    pub psi: Test,
    /// Kolmogorov–Smirnov distance of the values that are not missing; none for a category, which has
    /// no order, and where all are missing.
    pub ks: Option<Test>,
    /// The share of missing values.
    pub missing: ShareDrift,
    /// Text outside the vocabulary; none for features that have none.
    pub unseen: Option<UnseenValues>,
    /// What is beyond its limit: `psi`, `ks`, `missing`, `unseen`.
    pub drifted: Vec<String>,
}

/// A share of rows, before and now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShareDrift {
    /// In the reference, 0 to 1.
    pub reference: f64,
    /// In the rows, 0 to 1.
    pub data: f64,
    /// The greatest difference that is no drift.
    pub limit: f64,
}

impl ShareDrift {
    /// Of counts among rows; a difference up to `floor` never counts.
    fn new(reference: (f64, f64), data: (f64, f64), floor: f64, alpha: f64) -> Self {
        let share = |(count, n_rows): (f64, f64)| if n_rows > 0.0 { count / n_rows } else { 0.0 };
        let limit = floor.max(share_limit(reference, data, alpha));
        Self { reference: share(reference), data: share(data), limit }
    }

    /// Whether the difference lies beyond its limit.
    pub fn is_beyond(&self) -> bool {
        (self.data - self.reference).abs() > self.limit
    }
}

impl Drift {
    /// Compares rows with the reference of a model. Rows count with their weights, as those of
    /// the reference do; the limits then take the number of rows without weights that would tell as
    /// much, `(Σw)² / Σw²` (Kish 1965), for the data, and all rows of the reference.
    ///
    /// # Errors
    /// A model without a reference, an input that was not read, or no rows but rejected ones.
    pub fn of(
        scorer: &Scorer,
        events: &Events,
        rows: &[usize],
        limits: DriftLimits,
    ) -> Result<Self, Error> {
        let contents = scorer.contents();
        let Some(reference) = &contents.reference else {
            return Err(Error::Config(
                "the model has no reference to compare with: it was trained without a calibrate \
                 window; set [split] calibrate and train again"
                    .to_owned(),
            ));
        };
        let (schema, program) = (&contents.schema, &contents.program);
        let accepted = scoring::accepted(schema, program, events, rows)?;
        if accepted.is_empty() {
            return Err(Error::data(format!(
                "expected rows to compare, found {} of which policies of the model's features \
                 reject all",
                rows.len()
            )));
        }
        let matrix = scoring::encode(schema, program, events, &accepted)?;
        let scores = scoring::score(scorer, events, &accepted)?;
        let margins: Vec<f64> = scores.iter().map(|score| score.margin).collect();
        let drift =
            Self::of_encoded((scorer, reference), events, &accepted, (&matrix, &margins), limits);
        Ok(Self { rejected_rows: rows.len() - accepted.len(), ..drift })
    }

    /// The same of rows that no policy rejects, which are encoded and scored already; `reference` is
    /// that of the model.
    pub(crate) fn of_encoded(
        (scorer, reference): (&Scorer, &Reference),
        events: &Events,
        rows: &[usize],
        (matrix, margins): (&Matrix, &[f64]),
        limits: DriftLimits,
    ) -> Self {
        let schema = scorer.schema();
        let weights = events.weights_at(rows);
        let weight = |row: usize| weights.as_ref().map_or(1.0, |weights| weights[row]);
        let counted = |histogram: &Histogram, value: &dyn Fn(usize) -> f64| {
            let mut spread = Histogram { missing: 0.0, ..histogram.clone() };
            spread.weights.fill(0.0);
            for row in 0..rows.len() {
                match bin(histogram, value(row)) {
                    Some(bin) => spread.weights[bin] += weight(row),
                    None => spread.missing += weight(row),
                }
            }
            spread
        };
        let (sum, squares) = (0..rows.len())
            .map(weight)
            .fold((0.0, 0.0), |(sum, squares), weight| (sum + weight, squares + weight * weight));
        let n_rows = (reference.n_rows as f64, sum * sum / squares);
        let alpha = limits.alpha / n_tests(reference, scorer) as f64;
        let compare = Compare { n_rows, limits, alpha };

        let mut features = Vec::with_capacity(schema.features.len());
        for (position, histogram) in reference.features.iter().enumerate() {
            let data = counted(histogram, &|row| f64::from(matrix.row(row)[position]));
            let mut drift = compare.spread(&schema.features[position].name, histogram, &data);
            drift.unseen = values::unseen(scorer, events, rows, &weight, position, &compare);
            let beyond = drift.unseen.as_ref().is_some_and(UnseenValues::is_beyond);
            drift.drifted.extend(beyond.then(|| "unseen".to_owned()));
            features.push(drift);
        }
        let spread = counted(&reference.margin, &|row| margins[row]);
        let score = compare.spread("margin", &reference.margin, &spread);
        let bands = scorer.bands().map_or_else(Vec::new, |bands| {
            let share = |edge: f64| {
                let above = |row: &usize| margins[*row] >= edge;
                (0..rows.len()).filter(above).map(weight).sum::<f64>() / sum
            };
            bands::drift(bands, &reference.margin, share, &compare)
        });
        Self {
            rows: rows.len(),
            rejected_rows: 0,
            reference_rows: reference.n_rows,
            limits,
            features,
            score,
            bands,
        }
    }

    /// Everything that drifted, in words: `feature: what`.
    pub fn findings(&self) -> Vec<String> {
        let spreads = self.features.iter().chain([&self.score]);
        let spreads = spreads.filter(|spread| !spread.drifted.is_empty());
        let bands = self.bands.iter().filter(|band| band.is_beyond());
        spreads
            .map(|spread| format!("{}: {}", spread.name, spread.drifted.join(", ")))
            .chain(bands.map(|band| format!("{}: alert rate", band.name)))
            .collect()
    }
}

/// How many tests share the probability of a false alarm: index and missing values of every
/// feature and the score, distances of those with an order, vocabularies, bands.
fn n_tests(reference: &Reference, scorer: &Scorer) -> usize {
    let spreads = reference.features.len() + 1;
    spreads * 3 + scorer.bands().map_or(0, |bands| bands.edges.len())
}

/// What all comparisons of a run have in common.
#[derive(Debug, Clone, Copy)]
struct Compare {
    /// Of the reference and of the data.
    n_rows: (f64, f64),
    limits: DriftLimits,
    /// Probability of a false alarm in one test.
    alpha: f64,
}

impl Compare {
    /// A quantity in both samples, counted in the same bins.
    fn spread(&self, name: &str, reference: &Histogram, data: &Histogram) -> FeatureDrift {
        let (n_reference, n_data) = self.n_rows;
        let missing = |histogram: &Histogram, n_rows: f64| {
            let total = histogram.weights.iter().sum::<f64>() + histogram.missing;
            (if total > 0.0 { n_rows * histogram.missing / total } else { 0.0 }, n_rows)
        };
        let missing_rows = (missing(reference, n_reference), missing(data, n_data));
        let with_missing = |histogram: &Histogram| {
            let weights = histogram.weights.iter().chain([&histogram.missing]);
            weights.copied().collect::<Vec<f64>>()
        };
        let all = (with_missing(reference), with_missing(data));
        let psi = Bins::new((&all.0, n_reference), (&all.1, n_data))
            .stability(self.limits.psi, self.alpha);
        let is_ordered = !reference.edges.is_empty() || reference.weights.len() == 1;
        let present = (n_reference - missing_rows.0.0, n_data - missing_rows.1.0);
        let ks = is_ordered.then(|| {
            Bins::new((&reference.weights, present.0), (&data.weights, present.1))
                .kolmogorov_smirnov(self.limits.ks, self.alpha)
        });
        let (ks, missing) = (ks.flatten(), self.share(missing_rows.0, missing_rows.1));
        let beyond = [
            ("psi", psi.is_beyond()),
            ("ks", ks.is_some_and(|ks| ks.is_beyond())),
            ("missing", missing.is_beyond()),
        ];
        let drifted =
            beyond.into_iter().filter(|(_, beyond)| *beyond).map(|(what, _)| what.to_owned());
        let drifted = drifted.collect();
        FeatureDrift { name: name.to_owned(), psi, ks, missing, unseen: None, drifted }
    }

    fn share(&self, reference: (f64, f64), data: (f64, f64)) -> ShareDrift {
        ShareDrift::new(reference, data, self.limits.share, self.alpha)
    }
}
