//! `shroff parity`

use std::fs::File;
use std::io::{BufReader, stdin};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;
use shroff_serve::Scorer;

use super::Ending;
use super::data::ModelArgs;
use super::progress::Terminal;
use crate::Error;
use crate::parity::Parity;
use crate::pipeline::Reporter;
use crate::report;

/// Flags of `parity`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Logs of scored requests, NDJSON; - is standard input
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let scorer = args.model.open()?;
    let progress = Terminal::new();
    let parity = replay(args, &scorer, &progress).context("parity")?;
    drop(progress);
    if args.json {
        let mut json = serde_json::to_value(&parity)?;
        json["artifact"] = json!(scorer.id().to_string());
        super::print_json(&json)?;
    } else {
        super::print(&report::parity(&parity))?;
    }
    Ok(if parity.different == 0 { Ending::Done } else { Ending::No })
}

fn replay(args: &Args, scorer: &Scorer, progress: &Terminal) -> Result<Parity, Error> {
    let mut parity = Parity::default();
    for path in &args.logs {
        let log = path.display().to_string();
        progress.step(&format!("replaying {log}"));
        if path == Path::new("-") {
            parity.replay(scorer, "standard input", stdin().lock())?;
            continue;
        }
        let file = File::open(path).map_err(|error| Error::data(format!("{log}: {error}")))?;
        parity.replay(scorer, &log, BufReader::new(file))?;
    }
    if parity.replayed == 0 {
        let found: Vec<&str> = parity.other_artifacts.keys().map(String::as_str).collect();
        let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
        return Err(Error::data(format!(
            "expected requests that artifact {} scored, found of {} requests none, but those of: \
             {found}",
            scorer.id(),
            parity.requests
        )));
    }
    Ok(parity)
}
