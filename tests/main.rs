//! The one integration binary over the whole workspace: each further one would link polars again.
#![forbid(unsafe_code)]

mod common;
mod compat;
mod hostile;
mod licences;
mod tidy;
