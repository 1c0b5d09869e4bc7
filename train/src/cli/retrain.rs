//! `shroff retrain`

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};
use shroff_datasets::simulate::Simulation;
use shroff_datasets::time::format_time;

use super::Ending;
use super::progress::Terminal;
use crate::Error;
use crate::config::Config;
use crate::learner::NoProgress;
use crate::pipeline::{Outcome, Reporter, RetrainOptions, retrain, train};
use crate::report;

/// Flags of `retrain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration, fraud.toml
    #[arg(long, required_unless_present = "demo", conflicts_with = "demo")]
    config: Option<PathBuf>,
    /// Simulate transactions into ./demo and train on them, with and without velocity features
    #[arg(long)]
    demo: bool,
    /// Folder of the registry; made where it is missing
    #[arg(long, default_value = "registry")]
    registry: PathBuf,
    /// Nothing from this time on is known; default the midnight after the newest event
    #[arg(long, value_parser = super::time)]
    as_of: Option<i64>,
    /// Fit whatever the checks before training find; the record says so
    #[arg(long)]
    skip_checks: bool,
    /// Make the version champion whatever the gate says; the audit trail tells so
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Where `--demo` puts its data and configuration.
const DEMO_FOLDER: &str = "demo";
const DEMO_CONFIG: &str = include_str!("../../examples/demo.toml");

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let progress = Terminal::new();
    let config = match &args.config {
        Some(path) => path.clone(),
        None => prepare_demo(&progress).context("retrain --demo")?,
    };
    let options = RetrainOptions {
        registry: &args.registry,
        as_of: args.as_of,
        skip_checks: args.skip_checks,
        force: args.force,
        created_at: now(),
        created_by: user(),
    };
    let config = Config::read(&config).context("retrain")?;
    let outcome = retrain(&config, &options, &progress).context("retrain")?;
    let compared = match args.demo && !outcome.already_published {
        true => without_velocity(&config, &outcome, args.as_of, &progress).context("retrain")?,
        false => None,
    };
    drop(progress);
    if args.json {
        let mut json = outcome.to_json();
        if args.demo {
            json["without_velocity"] = json!(compared);
        }
        super::print_json(&json)?;
    } else {
        super::print(&text(&outcome, args))?;
        if let Some(compared) = &compared {
            super::print(&lesson(&outcome, compared))?;
        }
    }
    Ok(if outcome.passed() || outcome.forced { Ending::Done } else { Ending::No })
}

/// What the learner of the published model makes of the same rows without their past: its measures on
/// test. None where a configuration of one's own has no velocity, or nothing else.
fn without_velocity(
    config: &Config,
    outcome: &Outcome,
    as_of: Option<i64>,
    progress: &Terminal,
) -> Result<Option<Value>, Error> {
    let (past, rest): (Vec<_>, Vec<_>) =
        config.features.iter().cloned().partition(|feature| feature.is_velocity());
    if past.is_empty() || rest.is_empty() {
        return Ok(None);
    }
    progress.step("fitting again without velocity features");
    let learner = &outcome.record.run.learner;
    let config = Config { features: rest, ..config.clone() };
    let (_, report) = train(&config, learner, as_of, &NoProgress)?;
    Ok(Some(report["learners"][learner].clone()))
}

/// Says what the past of customers and terminals is worth.
fn lesson(outcome: &Outcome, without: &Value) -> String {
    let run = &outcome.record.run;
    let precision = |measures: &Value| measures["average_precision"].as_f64().unwrap_or(f64::NAN);
    format!(
        "\nwhat came before a payment tells most: {} has an average precision of {:.4} on test, without \
         velocity features {:.4}\n",
        run.learner,
        precision(&run.report["learners"][&run.learner]),
        precision(without)
    )
}

/// Writes the demo's data and, unless one is there, its configuration; returns the latter's path.
fn prepare_demo(progress: &Terminal) -> Result<PathBuf, Error> {
    progress.step("simulating transactions");
    let folder = Path::new(DEMO_FOLDER);
    let simulated = Simulation::demo().run().map_err(|error| Error::Config(error.to_string()))?;
    super::simulate::write(&simulated, folder, "parquet")?;
    let config = folder.join("fraud.toml");
    if !config.exists() {
        shroff_datasets::write_bytes(DEMO_CONFIG.as_bytes(), &config).map_err(Error::Output)?;
    }
    Ok(config)
}

fn text(outcome: &Outcome, args: &Args) -> String {
    let run = &outcome.record.run;
    let version = outcome.record.version;
    let model = run.report["model"].as_str().unwrap_or_default();
    let mut text = report::retraining(&run.report);
    text.push('\n');
    if let Some(snapshot) = &outcome.snapshot {
        text.push_str(&super::snapshot::text(snapshot));
    }
    let done = if outcome.already_published { "already published" } else { "published" };
    text.push_str(&format!("{done}: {model} version {version}, artifact {}\n", run.artifact));
    let verdict = if outcome.passed() { "promote" } else { "keep the champion" };
    text.push_str(&format!("verdict: {verdict}: {}\n", outcome.verdict.reason));
    if outcome.forced {
        text.push_str("made champion all the same: --force\n");
    }
    if (outcome.passed() || outcome.forced) && !outcome.is_champion() {
        text.push_str("another version has become champion since\n");
    }
    if args.demo {
        let registry = args.registry.display();
        let model = format!("demo@{version} --registry {registry}");
        text.push_str(&format!(
            "\nscore with it:\n  \
             cargo run --release -- evaluate {model} demo/fraud.toml --window test\n  \
             cargo run --release -- predict {model} demo/transactions.parquet --out demo/scored.parquet\n  \
             cargo run --release -p shroff-serve --features follow,store --example backend -- {registry}\n"
        ));
    }
    text
}

/// The clock is read for the record's creation time only; nothing that is trained depends on it.
pub(super) fn now() -> String {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let micros = since_1970.map_or(0, |time| i64::try_from(time.as_micros()).unwrap_or(i64::MAX));
    format_time(micros)
}

pub(super) fn user() -> String {
    ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| "unknown".to_owned())
}
