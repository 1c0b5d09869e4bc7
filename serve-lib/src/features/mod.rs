//! The feature program: a raw record becomes a row of `f32`. The trainer runs this code over
//! history and the backend runs it on the live request; there is no second implementation.

mod by_input;
mod civil;
mod outcome;
mod program;
mod rate;
pub mod state;
#[cfg(test)]
mod tests;
mod transform;
mod velocity;
mod vocabulary;
pub mod window;

pub(crate) use by_input::{ByInput, RowFill, Waiting};
pub use civil::TimePart;
pub(crate) use outcome::{Unwatched, Watch};
pub use program::{Program, Step};
pub use rate::{RateCounts, RateTable};
pub use transform::{TimeUnit, Transform};
pub use vocabulary::Vocabulary;
