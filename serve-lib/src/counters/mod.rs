//! Counts of what is scored, for those who watch over a model: odd values per feature, rejected
//! records, how probabilities and bands are spread.
//!
//! Counting is a way in of its own; who does not count pays nothing for it. [`Counters`] are made for
//! one [`Scorer`], shared like it, and score as it does, to the bit. They never wait: each thread adds
//! to a shard of its own as a rule, so that threads do not pass a cache line to and fro.
//!
//! ```
//! use shroff_serve::counters::{Counters, prometheus};
//! use shroff_serve::{Record, Scorer, Value};
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
//! let scorer = Scorer::open(path)?;
//! let counters = Counters::new(&scorer);
//! let mut score = |amount, country| {
//!     let values = [Value::Number(amount), Value::Text(country), Value::Null];
//!     counters.score_record(&scorer, Record::new(&values))
//! };
//! score(191.75, "FR")?;
//! score(20.0, "Atlantis")?;
//! score(-1.0, "FR").unwrap_err(); // a policy of this model rejects an amount out of range
//!
//! let counts = counters.snapshot();
//! assert_eq!((counts.scored(), counts.rejected.out_of_range), (2, 1));
//! assert_eq!(counts.features[0].out_of_range, Some(1));
//! assert_eq!(counts.features[1].unseen, Some(1));
//! assert_eq!((&*counts.features[2].feature, counts.features[2].missing), ("balance", 3));
//!
//! // What GET /metrics answers.
//! let text = prometheus(&[counts]).to_string();
//! assert!(text.contains("# TYPE shroff_probability histogram\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod counts;
mod prometheus;
mod shards;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use self::counts::{Counts, FeatureCounts, RejectedCounts};
pub use self::prometheus::prometheus;
use self::shards::{Cells, Reason, Shards};
use crate::artifact::ArtifactId;
use crate::error::{RejectReason, ScoreError};
use crate::features::Watch;
use crate::record::Record;
use crate::schema::MAX_FEATURES;
use crate::scorer::{Bound, Score, Scorer};

/// The upper ends, included, of the bins in which probabilities are counted; one more bin lies above
/// the last. Fixed, so that models can be compared and histograms added up. They are close where
/// frauds are rare, and where a decision is near.
pub const PROBABILITY_EDGES: [f64; 16] = [
    0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 0.95,
    0.99,
];

/// Counts what one [`Scorer`] scores; see the [module](self). `Send + Sync`: share them beside it.
///
/// A score takes 20 to 35 ns more than uncounted, and neither locks nor allocates. Each shard, one a
/// processor, takes 8 bytes times three a feature and 17 a band.
#[derive(Debug)]
pub struct Counters {
    id: ArtifactId,
    model: String,
    /// Each with the odd values it may have.
    features: Vec<FeatureCounts>,
    bands: Vec<String>,
    cells: Cells,
    shards: Shards,
}

impl Counters {
    /// Counters of this scorer's model, all at zero.
    pub fn new(scorer: &Scorer) -> Self {
        let contents = scorer.contents();
        let features = contents.schema.features.iter().zip(&contents.program.steps);
        let features: Vec<FeatureCounts> = features
            .map(|(feature, step)| FeatureCounts {
                feature: feature.name.clone(),
                missing: 0,
                unseen: step.can_be(RejectReason::Unseen).then_some(0),
                out_of_range: step.can_be(RejectReason::OutOfRange).then_some(0),
            })
            .collect();
        let bands = contents.bands.as_ref().map_or_else(Vec::new, |bands| bands.names.clone());
        let cells = Cells::new(features.len(), bands.len());
        let shards = Shards::new(cells.n_cells());
        let model = contents.provenance.model_name.clone();
        Self { id: scorer.id(), model, features, bands, cells, shards }
    }

    /// As [`Scorer::score`]. Of a dense row only missing values (NaN) can be told.
    ///
    /// # Errors
    /// As [`Scorer::score`], and for another model's scorer.
    pub fn score(&self, scorer: &Scorer, row: &[f32]) -> Result<Score, ScoreError> {
        self.check(scorer)?;
        let result = scorer.score(row);
        let shard = self.shards.own();
        if result.is_ok() {
            for (feature, _) in row.iter().enumerate().filter(|(_, value)| value.is_nan()) {
                shard.add(self.cells.odd(feature, RejectReason::Missing), 1);
            }
        }
        shard.count(self.cells, result)
    }

    /// As [`Scorer::score_record`].
    ///
    /// # Errors
    /// As [`Scorer::score_record`], and for another model's scorer.
    pub fn score_record(&self, scorer: &Scorer, record: Record<'_>) -> Result<Score, ScoreError> {
        self.score_record_with(scorer, record, &[])
    }

    /// As [`Scorer::score_record_with`].
    ///
    /// # Errors
    /// As [`Scorer::score_record_with`], and for another model's scorer.
    pub fn score_record_with(
        &self,
        scorer: &Scorer,
        record: Record<'_>,
        velocity: &[f32],
    ) -> Result<Score, ScoreError> {
        self.check(scorer)?;
        self.watched(|odd| {
            let result = scorer.score_record_watched(record, velocity, odd);
            if let Some(Reason::Policy(_)) = Reason::of(&result) {
                // Encoding ended at the value that is rejected: look at all of them.
                odd.n_found = 0;
                let contents = scorer.contents();
                let tell = |feature, what| odd.odd(feature, what);
                contents.program.odd_values(&contents.schema, record, velocity, tell)?;
            }
            result
        })
    }

    /// As [`Bound::score_like`].
    ///
    /// # Errors
    /// As [`Bound::score_like`], and for a type bound to another model's scorer.
    pub fn score_bound<T, U>(&self, bound: &Bound<'_, T>, value: &U) -> Result<Score, ScoreError>
    where
        T: Serialize + ?Sized,
        U: Serialize + ?Sized,
    {
        self.score_bound_with(bound, value, &[])
    }

    /// As [`Bound::score_like_with`].
    ///
    /// # Errors
    /// As [`Bound::score_like_with`], and for a type bound to another model's scorer.
    pub fn score_bound_with<T, U>(
        &self,
        bound: &Bound<'_, T>,
        value: &U,
        velocity: &[f32],
    ) -> Result<Score, ScoreError>
    where
        T: Serialize + ?Sized,
        U: Serialize + ?Sized,
    {
        self.check(bound.scorer())?;
        self.watched(|odd| bound.score_watched(value, velocity, odd))
    }

    /// The counts so far. Scoring goes on meanwhile: of transactions just being counted some numbers
    /// may tell and others not yet; whatever ended before is there, each once.
    pub fn snapshot(&self) -> Counts {
        let total = |cell| self.shards.total(cell);
        let odd = |feature, what| total(self.cells.odd(feature, what));
        let features = self.features.iter().enumerate().map(|(at, kinds)| FeatureCounts {
            feature: kinds.feature.clone(),
            missing: odd(at, RejectReason::Missing),
            unseen: kinds.unseen.map(|_| odd(at, RejectReason::Unseen)),
            out_of_range: kinds.out_of_range.map(|_| odd(at, RejectReason::OutOfRange)),
        });
        let rejected = |reason| total(self.cells.rejected(reason));
        let mut counts = Counts {
            model: self.model.clone(),
            artifact: self.id,
            rejected: RejectedCounts {
                missing: rejected(Reason::Policy(RejectReason::Missing)),
                unseen: rejected(Reason::Policy(RejectReason::Unseen)),
                out_of_range: rejected(Reason::Policy(RejectReason::OutOfRange)),
                wrong_type: rejected(Reason::WrongType),
                wrong_shape: rejected(Reason::WrongShape),
            },
            features: features.collect(),
            bins: [0; PROBABILITY_EDGES.len() + 1],
            probability_sum: self.cells.probability_sum(&self.shards),
            bands: self.bands.iter().map(|name| (name.clone(), 0)).collect(),
        };
        // A cell for each band and bin: one addition counts a score in both.
        for band in 0..self.bands.len().max(1) {
            for (bin, in_bin) in counts.bins.iter_mut().enumerate() {
                let count = total(self.cells.scored(band, bin));
                *in_bin = in_bin.wrapping_add(count);
                if let Some((_, in_band)) = counts.bands.get_mut(band) {
                    *in_band = in_band.wrapping_add(count);
                }
            }
        }
        counts
    }

    /// Another model's features and bands would be counted under the names of this one's.
    #[inline]
    fn check(&self, scorer: &Scorer) -> Result<(), ScoreError> {
        if scorer.id() == self.id { Ok(()) } else { Err(self.other_model(scorer)) }
    }

    #[cold]
    fn other_model(&self, scorer: &Scorer) -> ScoreError {
        ScoreError::other_model(self.id.to_string().into(), scorer.id().to_string().into())
    }

    /// Scores, and counts what came of it.
    #[inline]
    fn watched(
        &self,
        score: impl FnOnce(&mut Odd<'_>) -> Result<Score, ScoreError>,
    ) -> Result<Score, ScoreError> {
        // Room on the stack for an odd value a feature, in the sizes of the rows.
        match self.features.len() {
            0..=64 => self.watched_on_stack::<64>(score),
            65..=512 => self.watched_on_stack::<512>(score),
            _ => self.watched_on_stack::<MAX_FEATURES>(score),
        }
    }

    // Not inlined: within one function each call would take the stack of all sizes together.
    #[inline(never)]
    fn watched_on_stack<const N: usize>(
        &self,
        score: impl FnOnce(&mut Odd<'_>) -> Result<Score, ScoreError>,
    ) -> Result<Score, ScoreError> {
        let mut found = [0; N];
        let mut odd = Odd { cells: self.cells, found: &mut found, n_found: 0 };
        let result = score(&mut odd);
        let n_found = odd.n_found;
        let shard = self.shards.own();
        // What is not even of the right type tells nothing of its values.
        if !matches!(Reason::of(&result), Some(Reason::WrongType | Reason::WrongShape)) {
            found.iter().take(n_found).for_each(|cell| shard.add(usize::from(*cell), 1));
        }
        shard.count(self.cells, result)
    }
}

/// The odd values of one record, kept until it is known to be one.
struct Odd<'a> {
    cells: Cells,
    found: &'a mut [u16],
    n_found: usize,
}

impl Watch for Odd<'_> {
    #[inline]
    fn odd(&mut self, feature: usize, what: RejectReason) {
        // There is room for one value a feature, and each is told once.
        let cell = u16::try_from(self.cells.odd(feature, what));
        if let (Some(free), Ok(cell)) = (self.found.get_mut(self.n_found), cell) {
            *free = cell;
            self.n_found = self.n_found.wrapping_add(1);
        }
    }
}
