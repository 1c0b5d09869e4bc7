//! `shroff train`

use std::path::PathBuf;

use anyhow::Context;

use super::Ending;
use super::progress::Terminal;
use crate::config::Config;
use crate::{pipeline, report};

/// Flags of `train`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration, fraud.toml
    #[arg(long)]
    config: PathBuf,
    /// Which learner of the configuration
    #[arg(long)]
    learner: String,
    /// The artifact to write
    #[arg(long)]
    out: PathBuf,
    /// Nothing from this time on is known; default the midnight after the newest event
    #[arg(long, value_parser = super::time)]
    as_of: Option<i64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let progress = Terminal::new();
    let (packaged, mut report) = Config::read(&args.config)
        .and_then(|config| pipeline::train(&config, &args.learner, args.as_of, &progress))
        .context("train")?;
    shroff_datasets::write_bytes(&packaged.bytes, &args.out)
        .map_err(crate::Error::Output)
        .context("train")?;
    drop(progress);
    let id = packaged.scorer.id().to_string();
    if args.json {
        report["artifact"] = id.into();
        super::print_json(&report)?;
    } else {
        let text = report::retraining(&report);
        super::print(&format!("{text}\nartifact {id} in {}\n", args.out.display()))?;
    }
    Ok(Ending::Done)
}
