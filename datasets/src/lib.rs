//! Data in: batch sources become typed columns of our own, and a simulator makes card transactions
//! for those who have no data at hand. The only crate that names polars.
//!
//! A [`Source`] is a file, a folder or a glob; [`Source::read`] gives the columns asked for as a
//! [`Table`], in the types asked for. A [`Frame`] holds all columns of a source as they are, for
//! tools that add columns to a user's file; [`Source::batches`] and [`FrameWriter`] pass files
//! through that do not fit into memory. A [`Dataset`] makes one table of several sources, by
//! [`join`]s and a [`query`]. [`write_table`] writes a table.
//!
//! ```
//! use shroff_datasets::{ColumnKind, ColumnRequest, Source, Values};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("payments.csv");
//! std::fs::write(&path, "card,at,amount\n7,2018-04-01 00:00:31,9.5\n8,,\n")?;
//! let payments = Source::new(path.to_string_lossy()).read(
//!     &[
//!         ColumnRequest::new("at", ColumnKind::Time),
//!         ColumnRequest::new("card", ColumnKind::Key),
//!         ColumnRequest::new("amount", ColumnKind::Number),
//!     ],
//!     None,
//! )?;
//! assert_eq!(payments.n_rows(), 2);
//! assert_eq!(payments.column("card").unwrap().values(), &Values::Integer(vec![7, 8]));
//! assert!(payments.column("amount").unwrap().is_null(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod batches;
mod cells;
mod convert;
mod convert_all;
mod csv;
mod csv_record;
mod dataset;
mod error;
mod files;
mod frame;
mod frame_writer;
mod input;
pub mod join;
mod ndjson;
mod options;
mod parquet;
pub mod query;
mod read;
mod report;
mod rows;
pub mod simulate;
mod source;
pub mod table;
mod text_batch;
mod text_file;
pub mod time;
mod time_format;
mod write;

pub use batches::Batches;
pub use dataset::Dataset;
pub use error::{Error, ErrorKind};
pub use frame::Frame;
pub use frame_writer::FrameWriter;
pub use join::{Join, JoinCount, JoinKind};
pub use options::{BadRows, Encoding, ReadOptions};
pub use query::Query;
pub use read::{ColumnKind, ColumnRequest, TimeRange};
pub use report::{BadRow, FileReport, ReadReport};
pub use source::{Format, Source};
pub use table::{Column, Table, Text, Values};
pub use time_format::TimeFormat;
pub use write::{write_bytes, write_file, write_table};
