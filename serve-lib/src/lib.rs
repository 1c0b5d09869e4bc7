//! Loads a fraud model and scores one transaction in about a microsecond.
#![forbid(unsafe_code)]

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

pub use error::{Error, ErrorKind, RejectReason, ScoreError, ScoreErrorKind};
pub use record::{Record, Value};
pub use schema::Schema;
pub use scorer::{Score, Scorer};
