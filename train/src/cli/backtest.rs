//! `shroff backtest`

use std::path::PathBuf;

use anyhow::Context;

use super::Ending;
use super::progress::Terminal;
use crate::config::{Config, Duration};
use crate::pipeline::{BacktestOptions, backtest};
use crate::report;

/// Flags of `backtest`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration, fraud.toml, with windows as durations
    #[arg(long)]
    config: PathBuf,
    /// As-of of the first run
    #[arg(long, value_parser = super::time)]
    from: i64,
    /// No run has a later as-of
    #[arg(long, value_parser = super::time)]
    to: i64,
    /// From one run to the next
    #[arg(long, value_parser = every, default_value = "7d")]
    every: Duration,
    /// Folder of the runs, their summary and its page, report.html; a run that it holds is not made again
    #[arg(long, default_value = "backtest")]
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let progress = Terminal::new();
    let config = Config::read(&args.config).context("backtest")?;
    let options =
        BacktestOptions { from: args.from, to: args.to, every: args.every, out: &args.out };
    let found = backtest(&config, &options, &progress).context("backtest")?;
    drop(progress);
    if args.json {
        super::print_json(&serde_json::to_value(&found)?)?;
    } else {
        super::print(&report::backtest(&found))?;
    }
    Ok(Ending::Done)
}

fn every(text: &str) -> Result<Duration, String> {
    let found = Duration::parse(text).filter(|every| every.micros() > 0);
    found.ok_or_else(|| "expected a span above 0 like 7d, 12h or 2w".to_owned())
}
