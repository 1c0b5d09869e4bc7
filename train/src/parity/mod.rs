//! Parity: do the requests that a backend scored and logged score the same bits here?
//!
//! The log is NDJSON, one object for each scored request, which a backend writes with serde_json:
//!
//! | key | holds |
//! |---|---|
//! | `artifact` | the artifact that scored it: [`Scorer::id`] as text |
//! | `inputs` | the raw request: the struct that was bound, as it serialises, or a list of values in the order of the schema's inputs |
//! | `velocity` | models with velocity features: the values that were given to `score_with`, one `f32` each, null for NaN |
//! | `margin`, `probability` | the score as f64 in their shortest form, which is what serde_json writes; both null where a policy rejected the request |
//! | `id` | optional, anything: shown beside a difference |
//!
//! Further keys are passed by. Inputs are found by name as [`Bound`](shroff_serve::Bound) finds them: a field of the
//! whole name, `outer.inner` of a nested struct, or the only `inner` of the name. JSON has no NaN and no infinity:
//! NaN is null, which scores alike; an infinite number is logged as the text `inf` or `-inf`. An `f32` field
//! of a request must be logged as the f64 it widens to (declare it `f64`), for its own shortest form is another f64.
//!
//! The values of velocity features are logged as they went into the score. So parity proves what
//! encodes and scores them, not the store that the values came from.

mod line;

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Serialize;
use shroff_serve::{Record, ScoreErrorKind, Scorer, Value};

use crate::error::Error;
use line::Line;

/// Differences shown one by one.
pub const N_SHOWN: usize = 10;

/// What replaying logs came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Parity {
    /// Requests in the logs.
    pub requests: u64,
    /// Of them scored by this artifact, and replayed.
    pub replayed: u64,
    /// Of these not the same to the bit.
    pub different: u64,
    /// The first of them, at most [`N_SHOWN`].
    pub first: Vec<Difference>,
    /// Requests that other artifacts scored, by id; they are not replayed.
    pub other_artifacts: BTreeMap<String, u64>,
}

/// A request that scores otherwise here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The log it is in.
    pub log: String,
    /// Its line, counted from 1.
    pub line: u64,
    /// Its own name for itself, if it has one.
    pub id: Option<serde_json::Value>,
    /// What was logged.
    pub logged: Outcome,
    /// What it comes to here.
    pub replayed: Outcome,
}

/// A score, or none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The margin; none where a policy rejects the request.
    pub margin: Option<f64>,
    /// The probability; none where a policy rejects the request.
    pub probability: Option<f64>,
    /// Why there is no score, as far as it is known.
    pub rejected: Option<String>,
}

impl Outcome {
    fn bits(&self) -> (Option<u64>, Option<u64>) {
        (self.margin.map(f64::to_bits), self.probability.map(f64::to_bits))
    }
}

impl Parity {
    /// Replays a log, line by line; empty lines are passed by.
    ///
    /// # Errors
    /// A log that cannot be read, a line that is no object of the form above, or inputs that do not fit
    /// the model's, with the line.
    pub fn replay(&mut self, scorer: &Scorer, log: &str, lines: impl BufRead) -> Result<(), Error> {
        let own = scorer.id().to_string();
        for (position, text) in (1..).zip(lines.lines()) {
            let at = |problem: String| Error::data(format!("{log}, line {position}: {problem}"));
            let text = text.map_err(|error| at(error.to_string()))?;
            if text.trim().is_empty() {
                continue;
            }
            let line = Line::parse(&text).map_err(at)?;
            self.requests += 1;
            if line.artifact != own {
                *self.other_artifacts.entry(line.artifact).or_default() += 1;
                continue;
            }
            let values = line.values(&scorer.schema().inputs).map_err(at)?;
            let velocity = line.velocity();
            let replayed = outcome(scorer, &values, &velocity).map_err(at)?;
            drop(values);
            self.replayed += 1;
            let logged =
                Outcome { margin: line.margin, probability: line.probability, rejected: None };
            if logged.bits() != replayed.bits() {
                self.different += 1;
                if self.first.len() < N_SHOWN {
                    let (log, line, id) = (log.to_owned(), position, line.id);
                    self.first.push(Difference { log, line, id, logged, replayed });
                }
            }
        }
        Ok(())
    }
}

fn outcome(scorer: &Scorer, values: &[Value<'_>], velocity: &[f32]) -> Result<Outcome, String> {
    match scorer.score_record_with(Record::new(values), velocity) {
        Ok(score) => Ok(Outcome {
            margin: Some(score.margin),
            probability: Some(score.probability),
            rejected: None,
        }),
        Err(error) if matches!(error.kind(), ScoreErrorKind::Rejected { .. }) => {
            Ok(Outcome { margin: None, probability: None, rejected: Some(error.to_string()) })
        }
        Err(error) => Err(error.to_string()),
    }
}
