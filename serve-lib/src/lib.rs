//! Loads a fraud model and scores one transaction in about a microsecond.
//!
//! A model arrives as one file, an [artifact], published by the trainer. A backend opens it into a
//! [`Scorer`], shares that between its threads, and asks it about one transaction at a time:
//!
//! ```
//! use shroff_serve::Scorer;
//!
//! #[derive(serde::Serialize)]
//! struct Payment<'a> {
//!     id: u64,
//!     country: &'a str,
//!     amount: f64,
//!     balance: Option<i64>,
//! }
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
//! let scorer = Scorer::open(path)?;
//! let inputs: Vec<&str> = scorer.schema().inputs.iter().map(|input| &*input.name).collect();
//! assert_eq!(inputs, ["amount", "country", "balance"]);
//!
//! // Once, at start, with any payment: each input takes the field of its name.
//! let payment = Payment { id: 7, country: "FR", amount: 191.75, balance: Some(250) };
//! let bound = scorer.bind(&payment)?;
//!
//! // This model is linear, so that its margin can be checked by hand:
//! // −2.5 + 0.75 · (191.75 − 88.5)/103.25 + 0.1 − 0.4 · (250 − 1200)/950 = −1.25
//! let score = bound.score(&payment)?;
//! assert!((score.margin + 1.25).abs() < 1e-12);
//! // Undoing the sampling of the fit adds −3.1, calibration scales: 1 / (1 + exp(0.9 · 4.35 + 0.05))
//! assert!((score.probability - 0.018_614_9).abs() < 1e-6);
//!
//! // An amount outside the range it was trained on: this model's policy is to reject it.
//! let error = bound.score(&Payment { amount: -1.0, ..payment }).unwrap_err();
//! assert_eq!(error.to_string(), "feature \"amount\": its policy rejects a value out of range");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Bound`] says what a field may be. Without a struct there are [`Scorer::score_record`], one
//! [`Value`] per input in the schema's order, and [`Scorer::score`] for a row made elsewhere.
//!
//! # The contract
//!
//! **Opening refuses or proves.** Every byte of the file is hashed, every index and number of the
//! model checked, and 64 or more golden records must score the very bits they scored where the model
//! was made. Whatever is wrong is an [`Error`], and nothing of the file has been used.
//!
//! **Scoring never does I/O, takes a lock, reads a clock, spawns, allocates or panics.** A
//! [`Scorer`] is immutable and `Send + Sync`; what it needs besides itself lies on the stack. The same record
//! should give the same bits on every machine, thread and day; golden records check it at load.
//!
//! **There is no made-up score.** A record of another length, a struct of another shape than the
//! one bound, a value of another type, or a value that a feature's declared policy rejects is a
//! [`ScoreError`]. Everything else, nulls, text never seen and infinities included, is scored the way
//! the model learnt.
//!
//! **One definition, run twice.** The trainer makes its rows with the [feature program](features) of
//! this crate, so that there is no second one to drift away from it.
//!
//! A higher margin is more suspicious; the probability is calibrated, and ties where the
//! calibration curve is flat: rank by [`Score::margin`], weigh costs by [`Score::probability`].
#![deny(unsafe_code)]

pub mod artifact;
mod engine;
mod error;
pub mod features;
pub mod model;
pub mod record;
#[cfg(feature = "registry")]
pub mod registry;
pub mod schema;
mod scorer;
pub mod snapshot;
#[cfg(feature = "store")]
pub mod store;

pub use error::{Error, ErrorKind, RejectReason, ScoreError, ScoreErrorKind};
pub use record::{BindError, BindErrorKind, Record, Value};
pub use schema::Schema;
pub use scorer::{Bound, Score, Scorer};
