//! `shroff init`

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::Ending;
use super::progress::Terminal;
use crate::Error;
use crate::init::{Draft, InitOptions, counted, init};
use crate::pipeline::Reporter;

/// Flags of `init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file or glob with labelled rows; only read
    data: String,
    /// The column that says fraud (1, true) or not (0, false)
    #[arg(long)]
    label: String,
    /// The column that says when it happened; without it rows are split by a hash
    #[arg(long)]
    time: Option<String>,
    /// Where to write the configuration
    #[arg(long, default_value = "fraud.toml")]
    out: PathBuf,
    /// Name of the model; default after the data's file
    #[arg(long)]
    name: Option<String>,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let progress = Terminal::new();
    let draft = write(args, &progress).context("init")?;
    drop(progress);
    let out = args.out.display();
    if args.json {
        let mut summary = draft.summary;
        summary["config"] = json!(out.to_string());
        super::print_json(&summary)?;
        return Ok(Ending::Done);
    }
    let count = |key: &str| {
        let value = &draft.summary[key];
        let n = value.as_array().map(Vec::len).or(value.as_object().map(serde_json::Map::len));
        n.unwrap_or_else(|| value.as_u64().unwrap_or(0) as usize)
    };
    let skipped = match count("skipped_rows") {
        0 => String::new(),
        n => format!(
            "{} or more cannot be read as the others are: bad_rows = \"skip\"\n",
            counted(n, "row")
        ),
    };
    super::print(&format!(
        "{}, {}; {} used, {} left out, with the reasons in {out}\n{skipped}\
         next: shroff retrain --config {out}\n",
        counted(count("rows"), "row"),
        counted(count("frauds"), "fraud"),
        counted(count("columns_used"), "column"),
        count("columns_left_out"),
    ))?;
    Ok(Ending::Done)
}

fn write(args: &Args, progress: &Terminal) -> Result<Draft, Error> {
    if args.out.exists() && !args.force {
        let out = args.out.display();
        return Err(Error::Config(format!(
            "{out} is there already; name another --out, or --force"
        )));
    }
    if let Some(name) = &args.name {
        shroff_serve::registry::check_name("model", name)
            .map_err(|error| Error::Config(format!("--name: {error}")))?;
    }
    progress.step("looking at the data");
    let draft = init(&InitOptions {
        data: &args.data,
        label: &args.label,
        time: args.time.as_deref(),
        name: args.name.as_deref(),
        out: &args.out,
    })?;
    shroff_datasets::write_bytes(draft.text.as_bytes(), &args.out).map_err(Error::Output)?;
    Ok(draft)
}
