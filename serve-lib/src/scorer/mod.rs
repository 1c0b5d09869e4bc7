//! The scorer: an artifact made ready to judge one transaction at a time.

mod batch;
mod bound;
mod event;
mod explain;
#[cfg(test)]
pub(crate) mod tests;
mod velocity;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

pub use self::bound::Bound;
use self::bound::Holder;
pub use self::explain::{Explanation, Reason};

use crate::Limits;
use crate::artifact::{
    self, Artifact, ArtifactId, Bands, Contents, Expected, GoldenRecord, MAX_ARTIFACT_BYTES,
};
use crate::engine::{Engine, N_TIMED};
use crate::error::{Error, ErrorKind, ScoreError, ScoreErrorKind};
use crate::features::Watch;
use crate::features::state::EntityState;
use crate::record::{BindError, Record, Value};
use crate::schema::Schema;

/// A model ready to score. Immutable and `Send + Sync`: share one between all threads.
///
/// Scoring never locks, allocates, spawns, reads a clock or a file, or panics.
#[derive(Debug)]
pub struct Scorer {
    id: ArtifactId,
    schema_hash: [u8; 32],
    contents: Contents,
    engine: Engine,
    /// Where each column of the windows stands among the inputs.
    window_inputs: Box<[usize]>,
}

/// What the model says of one transaction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The raw score that ranks transactions: a log-odds, or a mean leaf for averaged forests.
    pub margin: f64,
    /// The calibrated probability of fraud, within 0 and 1.
    pub probability: f64,
    /// Position of the band the margin lies in, 0 for the lowest; none when the artifact has no
    /// bands. [`Scorer::band_name`] gives its name.
    pub band: Option<u8>,
}

impl Score {
    /// No score at all, to fill the buffer of a batch with before it is scored.
    pub const UNSET: Self = Self { margin: f64::NAN, probability: f64::NAN, band: None };
}

impl Scorer {
    /// Reads an artifact file, proves it whole and scores its golden records.
    ///
    /// ```
    /// use shroff_serve::{ErrorKind, Scorer};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
    /// let scorer = Scorer::open(path)?;
    /// assert_eq!((scorer.schema().features.len(), scorer.engine_name()), (3, "linear"));
    ///
    /// // One flipped bit, wherever it is.
    /// let mut bytes = std::fs::read(path)?;
    /// bytes[5_000] ^= 1;
    /// let error = Scorer::from_bytes(&bytes).unwrap_err();
    /// assert!(matches!(error.kind(), ErrorKind::Checksum { .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A file that cannot be read, or anything in it that is not as it should be.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_within(path, &Limits::default())
    }

    /// As [`Scorer::open`], within limits of one's own.
    ///
    /// # Errors
    /// As [`Scorer::open`], and for what exceeds the limits.
    pub fn open_within(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, Error> {
        let path = path.as_ref();
        let limit = limits.max_artifact_bytes.min(MAX_ARTIFACT_BYTES);
        let io = |reason| ErrorKind::Io { path: path.to_owned(), reason };
        let file = File::open(path).map_err(io)?;
        let found = file.metadata().map_err(io)?.len();
        if found > limit {
            return Err(ErrorKind::TooLarge { limit, found }.into());
        }
        // The whole file goes into memory first, so that what is hashed is what is parsed. It may
        // have grown since it was asked for its length, or be a device that has none.
        let mut bytes = Vec::with_capacity(usize::try_from(found).unwrap_or(0));
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
        Self::from_bytes_within(&bytes, limits)
    }

    /// As [`Scorer::open`], for bytes from elsewhere.
    ///
    /// # Errors
    /// Anything in the bytes that is not as it should be.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::from_bytes_within(bytes, &Limits::default())
    }

    /// As [`Scorer::from_bytes`], within limits of one's own.
    ///
    /// # Errors
    /// As [`Scorer::from_bytes`], and for what exceeds the limits.
    pub fn from_bytes_within(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        let artifact = artifact::read_within(bytes, limits)?;
        if artifact.is_draft {
            return Err(ErrorKind::Draft.into());
        }
        let scorer = Self::new(artifact);
        for (row, golden) in scorer.contents.golden.iter().enumerate() {
            scorer.check_golden(row, golden).map_err(|error| artifact::locate(bytes, error))?;
        }
        Ok(scorer)
    }

    /// Opens a draft, which has no golden records yet. For trainers only.
    ///
    /// # Errors
    /// Anything in the bytes that is not as it should be.
    pub fn from_draft(bytes: &[u8]) -> Result<Self, Error> {
        artifact::read(bytes).map(Self::new)
    }

    fn new(artifact: Artifact) -> Self {
        let Artifact { id, schema_hash, contents, .. } = artifact;
        let row = contents.schema.row_types();
        let window_inputs = contents.program.window_inputs(&contents.schema);
        let engine = Engine::new(&contents.model, &row, &golden_rows(&contents, &window_inputs));
        Self { id, schema_hash, contents, engine, window_inputs }
    }

    /// Scores a dense row: one `f32` per feature in the schema's order, NaN for missing, category
    /// codes as numbers. A category code that does not exist counts as missing, an infinite number
    /// as the greatest finite one.
    ///
    /// ```
    /// # use shroff_serve::Scorer;
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
    /// # let scorer = Scorer::open(path)?;
    /// // amount, country 1 of the vocabulary (FR), balance: the margin of the front page.
    /// let score = scorer.score(&[191.75, 1.0, 250.0])?;
    /// assert!((score.margin + 1.25).abs() < 1e-12);
    /// let error = scorer.score(&[191.75]).unwrap_err();
    /// assert_eq!(error.to_string(), "expected a row of 3 values, found 1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A row of another length than the schema has features.
    #[inline]
    pub fn score(&self, row: &[f32]) -> Result<Score, ScoreError> {
        let expected = self.contents.schema.features.len();
        if row.len() != expected {
            return Err(ScoreError::row_length(expected, row.len()));
        }
        Ok(self.score_of(self.engine.margin(row)))
    }

    #[inline]
    fn score_of(&self, margin: f64) -> Score {
        let probability = self.contents.calibration.probability(margin);
        // At most 64 edges: the position fits.
        let band = self.contents.bands.as_ref();
        let band = band.and_then(|bands| u8::try_from(bands.index(margin)).ok());
        Score { margin, probability, band }
    }

    /// Scores a raw record: one value per input in the schema's order.
    ///
    /// ```
    /// # use shroff_serve::Scorer;
    /// use shroff_serve::{Record, Value};
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
    /// # let scorer = Scorer::open(path)?;
    /// // By name, for values that come as a map.
    /// let mut values = vec![Value::Null; scorer.schema().inputs.len()];
    /// for (name, value) in [("country", Value::Text("FR")), ("amount", Value::Number(191.75))] {
    ///     values[scorer.schema().input_index(name).ok_or("not an input")?] = value;
    /// }
    /// // The balance is null, for which this model's policy puts in 0.5:
    /// // −2.5 + 0.75 + 0.1 − 0.4 · (0.5 − 1200)/950
    /// let score = scorer.score_record(Record::new(&values))?;
    /// assert!((score.margin + 1.144_947_368).abs() < 1e-9);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A record of another length, a value of another type than its input, a value that a
    /// feature's policy rejects, or a model with velocity features: those take
    /// [`score_record_with`](Scorer::score_record_with).
    pub fn score_record(&self, record: Record<'_>) -> Result<Score, ScoreError> {
        self.score_record_with(record, &[])
    }

    /// Binds a type to this scorer by a sample of it: every input of the schema takes the field of
    /// its name, whatever its place. See [`Bound`] for what a field may be.
    ///
    /// # Errors
    /// A shape that cannot be bound, an input without a field, or a field of another type.
    pub fn bind<T: Serialize + ?Sized>(&self, sample: &T) -> Result<Bound<'_, T>, BindError> {
        Bound::new(Holder::Borrowed(self), sample)
    }

    /// As [`Scorer::bind`], for a binding that lives as long as it likes: it keeps the scorer.
    ///
    /// # Errors
    /// As [`Scorer::bind`].
    pub fn bind_shared<T: Serialize + ?Sized>(
        self: &Arc<Self>,
        sample: &T,
    ) -> Result<Bound<'static, T>, BindError> {
        Bound::new(Holder::Shared(Arc::clone(self)), sample)
    }

    // Not inlined: within one function each call would take the stack of all sizes together.
    #[inline(never)]
    fn score_on_stack<const N: usize, W: Watch>(
        &self,
        record: Record<'_>,
        velocity: &[f32],
        watch: &mut W,
    ) -> Result<Score, ScoreError> {
        let mut row = [0.0; N];
        let row = &mut row[..self.contents.schema.features.len()];
        let (schema, program) = (&self.contents.schema, &self.contents.program);
        program.encode_watched(schema, record, velocity, row, watch)?;
        self.score(row)
    }

    /// Turns a record into the dense row that [`Scorer::score`] takes, in the caller's buffer: to keep
    /// what a score was made of, or to score models of one [`Scorer::schema_hash`] from one row.
    ///
    /// ```
    /// # use shroff_serve::{Record, Scorer, Value};
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
    /// # let scorer = Scorer::open(path)?;
    /// let mut row = [0.0; 3];
    /// let values = [Value::Integer(20), Value::Text("FR"), Value::Null];
    /// scorer.encode(Record::new(&values), &mut row)?;
    /// assert_eq!(row, [20.0, 1.0, 0.5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Scorer::score_record`], and for a buffer of another length than the schema has features.
    pub fn encode(&self, record: Record<'_>, row: &mut [f32]) -> Result<(), ScoreError> {
        self.encode_with(record, &[], row)
    }

    /// The artifact's name by content.
    pub fn id(&self) -> ArtifactId {
        self.id
    }

    /// BLAKE3 of the schema as it stands in the artifact: models of one schema hash take the same
    /// records and rows.
    pub fn schema_hash(&self) -> &[u8; 32] {
        &self.schema_hash
    }

    /// What goes in.
    pub fn schema(&self) -> &Schema {
        &self.contents.schema
    }

    /// Everything the artifact holds.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// How the model is evaluated on this machine, for reports: one of several ways, chosen by a
    /// short measurement when the artifact was opened, that give the same bits.
    pub fn engine_name(&self) -> &'static str {
        self.engine.name()
    }

    /// As [`Self::engine_name`], for many rows in one call; chosen by what the processor can do.
    pub fn batch_engine_name(&self) -> &'static str {
        self.engine.batch_name()
    }

    /// The names that [`Self::force_engine`] takes, for one row or else for many; for benches.
    #[doc(hidden)]
    pub fn engine_names(&self, batch: bool) -> Vec<&'static str> {
        Engine::names(&self.contents.model, &self.contents.schema.row_types(), batch)
    }

    /// Evaluates the model in the named way, if that is one; for benches.
    #[doc(hidden)]
    pub fn force_engine(&mut self, name: &str) -> bool {
        self.engine.force(&self.contents.model, &self.contents.schema.row_types(), name)
    }

    /// The bands, from the lowest up.
    pub fn bands(&self) -> Option<&Bands> {
        self.contents.bands.as_ref()
    }

    /// The name of the band a score lies in; empty when the artifact has no bands.
    pub fn band_name(&self, score: Score) -> &str {
        let bands = self.contents.bands.as_ref().zip(score.band);
        bands
            .and_then(|(bands, band)| bands.names.get(usize::from(band)))
            .map_or("", String::as_str)
    }

    /// What scoring this record gives, in the terms of a golden record, with a state for each key of the
    /// windows; none without windows.
    ///
    /// # Errors
    /// A record of another length, with a value of another type or without the time that velocity
    /// features need: such a record cannot be golden.
    pub fn golden_outcome(
        &self,
        record: Record<'_>,
        states: &[Option<&EntityState>],
    ) -> Result<Expected, ScoreError> {
        let (schema, program) = (&self.contents.schema, &self.contents.program);
        let velocity = program.velocity(schema, &self.window_inputs, record, states)?;
        match self.score_record_with(record, &velocity) {
            Ok(Score { margin, probability, .. }) => Ok(Expected::Score { margin, probability }),
            Err(error) => match error.kind() {
                ScoreErrorKind::Rejected { feature, reason } => {
                    // The name stems from this schema, so it is found.
                    let feature = self.schema().feature_index(feature).unwrap_or_default();
                    let feature = u32::try_from(feature).unwrap_or(u32::MAX);
                    Ok(Expected::Rejected { feature, reason: *reason })
                }
                _ => Err(error),
            },
        }
    }

    fn check_golden(&self, row: usize, golden: &GoldenRecord) -> Result<(), Error> {
        let values: Vec<Value<'_>> = golden.values.iter().map(|value| value.as_value()).collect();
        let states = golden
            .decoded_states(self.windows())
            .map_err(|error| Error::within(error.into(), "GOLDEN"))?;
        let states: Vec<Option<&EntityState>> = states.iter().map(Option::as_ref).collect();
        let found = self.golden_outcome(Record::new(&values), &states);
        let alike = match (golden.expected, &found) {
            (
                Expected::Score { margin, probability },
                Ok(Expected::Score { margin: found_margin, probability: found_probability }),
            ) => {
                margin.to_bits() == found_margin.to_bits()
                    && probability.to_bits() == found_probability.to_bits()
            }
            (expected, Ok(found)) => expected == *found,
            (_, Err(_)) => false,
        };
        if alike {
            return Ok(());
        }
        let found = match found {
            Ok(outcome) => format!("{outcome:?}"),
            Err(error) => error.to_string(),
        };
        let expected = format!("{:?}", golden.expected);
        Err(Error::within(ErrorKind::Golden { row, expected, found }, "GOLDEN"))
    }
}

/// The first golden records as dense rows, but for those that a policy rejects.
fn golden_rows(contents: &Contents, window_inputs: &[usize]) -> Vec<Vec<f32>> {
    let (schema, program) = (&contents.schema, &contents.program);
    let rows = contents.golden.iter().take(N_TIMED).map(|golden| {
        let values: Vec<Value<'_>> = golden.values.iter().map(|value| value.as_value()).collect();
        let record = Record::new(&values);
        // A state that is none is refused when its record is checked.
        let states = golden.decoded_states(program.windows.as_ref()).ok()?;
        let states: Vec<Option<&EntityState>> = states.iter().map(Option::as_ref).collect();
        let velocity = program.velocity(schema, window_inputs, record, &states).ok()?;
        let mut row = vec![0.0; schema.features.len()];
        program.encode(schema, record, &velocity, &mut row).is_ok().then_some(row)
    });
    rows.flatten().collect()
}

/// Shared between threads without a lock.
const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<Scorer>();
};
