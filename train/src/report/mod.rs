//! Results for people: tables in plain text.

mod table;
mod text;

pub use table::Table;
pub use text::{evaluation, retraining};
