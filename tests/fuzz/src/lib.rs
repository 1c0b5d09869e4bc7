//! The bodies of the fuzz targets, as plain functions of bytes: libFuzzer calls them with what it finds, the
//! tests of the workspace (`tests/hostile/fuzzed.rs`) with a fixed, seeded set. A body panics on what should not be.
#![forbid(unsafe_code)]

mod bases;
mod choices;
pub mod frame;
mod generate;
mod rows;
mod score;
mod section;
mod snapshot;
mod state;

use shroff_serve::Scorer;

pub use bases::{BASES, SNAPSHOT, velocity};
pub use rows::rows;
pub use score::score_anything;
pub use section::{section, seeds as section_seeds};
pub use snapshot::snapshot;
pub use state::{seeds as state_seeds, state};

/// An artifact, as it comes. Tells, like all of them, whether something was opened.
pub fn raw(bytes: &[u8]) -> bool {
    let scorer = Scorer::from_bytes(bytes).or_else(|_| Scorer::from_draft(bytes));
    scorer.inspect(|scorer| score_anything(scorer, bytes)).is_ok()
}

/// An artifact whose lengths, hashes and root are put right first: what is wrong lies behind them.
pub fn rehashed(bytes: &[u8]) -> bool {
    raw(&frame::rehash(bytes, frame::Table::First))
}
