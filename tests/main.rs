//! The one integration binary over the whole workspace: each further one would link polars again.
#![forbid(unsafe_code)]

mod bad_input;
mod bench;
mod checks;
mod cli;
mod common;
mod compat;
mod contributions;
mod end_to_end;
mod hostile;
mod hot_reload;
mod init;
mod init_more;
mod joins;
mod licences;
mod measures;
mod project;
mod signed;
mod tidy;
