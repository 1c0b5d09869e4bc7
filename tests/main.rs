//! The one integration binary over the whole workspace: each further one would link polars again.
#![forbid(unsafe_code)]

mod licences;
mod tidy;
