//! Data in: batch sources become typed columns of our own, and a simulator makes card transactions
//! for those who have no data at hand. The only crate that names polars.
//!
//! A [`Source`] is a file or a glob; [`Source::read`] gives the columns asked for as a [`Table`],
//! in the types asked for. A [`Frame`] holds all columns of a source as they are, for tools that
//! add columns to a user's file. [`write_table`] writes a table.
#![forbid(unsafe_code)]

mod convert;
mod csv;
mod error;
mod frame;
mod parquet;
mod read;
pub mod simulate;
mod source;
pub mod table;
pub mod time;
mod write;

pub use error::{Error, ErrorKind};
pub use frame::Frame;
pub use read::{ColumnKind, ColumnRequest, TimeRange};
pub use source::{Format, Source};
pub use table::{Column, Table, Text, Values};
pub use write::write_table;
