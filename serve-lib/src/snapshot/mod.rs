//! A snapshot: the states of all entities as of a time, one file. The trainer publishes it with a model; a
//! backend's store begins with it.
//!
//! It has the header and the section table of an [artifact](crate::artifact), with a signature of its own and the
//! table at the end, so that it is written and read section by section: a thousand states or so are in memory at a
//! time, and some thousands while a store is made of them, however many there are. Every byte is covered by a hash;
//! what is wrong is an [`Error`](crate::Error) that names section and byte, and nothing of that section has been
//! used.
//!
//! A snapshot is of a *window program*, not of a model: whoever has the same windows takes it.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::panic
    )
)]

mod read;
#[cfg(test)]
mod tests;
mod write;

use crate::limits::MAX_STATES_BYTES;

pub use read::{SavedState, Snapshot};
#[cfg(feature = "store")]
pub(crate) use read::{Section, out_of_order, state_error};
pub use write::SnapshotWriter;

/// Most bytes a section may have, and with it a state.
pub const MAX_SECTION_BYTES: u64 = MAX_STATES_BYTES;
/// A section ends with the state that makes it as long as this.
const FULL_SECTION_BYTES: usize = 1 << 20;

/// What the snapshot is: the window-program hash (32 bytes), then `as_of` (i64).
const ABOUT: u32 = 1;
/// States: for each its entity (u128), its key (u32), its length (u32) and its bytes.
const STATES: u32 = 2;
/// The version of both.
const VERSION: u16 = 1;

fn name(kind: u32) -> &'static str {
    match kind {
        ABOUT => "ABOUT",
        STATES => "STATES",
        _ => "unknown",
    }
}
