//! The heavy side: reads history, fits and judges learners, writes artifacts, keeps the registry.
#![forbid(unsafe_code)]

pub mod calibrate;
pub mod check;
pub mod cli;
pub mod config;
pub mod drift;
mod error;
pub mod events;
pub mod gate;
mod hash;
pub mod init;
pub mod learner;
pub mod matrix;
pub mod metric;
pub mod package;
pub mod parity;
pub mod part;
pub mod pipeline;
pub mod program;
pub mod rate;
pub mod registry;
pub mod replay;
pub mod report;
pub mod scoring;
pub mod signing;
pub mod split;
pub mod threshold;

pub use error::Error;
