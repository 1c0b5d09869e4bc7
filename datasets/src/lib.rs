//! Data in: batch sources become typed columns of our own, and a simulator makes card transactions
//! for those who have no data at hand. The only crate that names polars.
#![forbid(unsafe_code)]

mod error;
pub mod table;

pub use error::{Error, ErrorKind};
pub use table::{Column, Table, Text, Values};
