//! `shroff snapshot`

use std::path::{Path, PathBuf};

use anyhow::Context;
use shroff_datasets::time::format_time;

use super::Ending;
use super::progress::Terminal;
use crate::config::Config;
use crate::pipeline::{publish_snapshot, write_snapshot};
use crate::registry::SnapshotFile;

/// Flags of `snapshot`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration, fraud.toml, with velocity features
    #[arg(long)]
    config: PathBuf,
    /// Folder of the registry; made where it is missing
    #[arg(long, default_value = "registry")]
    registry: PathBuf,
    /// Only events before this time; default the midnight after the newest event
    #[arg(long, value_parser = super::time)]
    as_of: Option<i64>,
    /// Write this file, and nothing into a registry
    #[arg(long, conflicts_with = "registry")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let progress = Terminal::new();
    let written = Config::read(&args.config).and_then(|config| match &args.out {
        Some(path) => write_snapshot(&config, path, args.as_of, &progress),
        None => publish_snapshot(&config, &args.registry, args.as_of, &progress),
    });
    let written = written.context("snapshot")?;
    drop(progress);
    if args.json {
        super::print_json(&written.to_json())?;
    } else {
        super::print(&text(&written))?;
    }
    Ok(Ending::Done)
}

/// The line that tells people of a snapshot, its path from the working folder where it lies below.
pub(super) fn text(snapshot: &SnapshotFile) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path: &Path = &snapshot.path;
    let path = path.strip_prefix(&here).unwrap_or(path).display();
    let as_of = format_time(snapshot.as_of);
    format!("snapshot: {} entities as of {as_of}, in {path}\n", snapshot.entities)
}
