//! `shroff drift`

use anyhow::Context;
use serde_json::{Value, json};
use shroff_serve::Scorer;

use super::Ending;
use super::data::{Data, ModelArgs};
use super::progress::Terminal;
use crate::Error;
use crate::drift::{Drift, DriftLimits};
use crate::pipeline::Reporter;
use crate::report;

/// Flags of `drift`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// A file or glob with the model's inputs, or a fraud.toml; labels are not needed
    data: String,
    /// Only rows from this time on
    #[arg(long, value_parser = super::time)]
    from: Option<i64>,
    /// Only rows before this time
    #[arg(long, value_parser = super::time)]
    to: Option<i64>,
    /// Population stability index that matters, where rows are many
    #[arg(long, value_parser = share, default_value_t = DriftLimits::default().psi)]
    psi: f64,
    /// Kolmogorov-Smirnov distance that matters, where rows are many
    #[arg(long, value_parser = share, default_value_t = DriftLimits::default().ks)]
    ks: f64,
    /// Probability that a run without drift finds any
    #[arg(long, value_parser = probability, default_value_t = DriftLimits::default().alpha)]
    alpha: f64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let scorer = args.model.open()?;
    let progress = Terminal::new();
    let drift = drift(args, &scorer, &progress).context("drift")?;
    drop(progress);
    let findings = drift.findings();
    if args.json {
        let mut json = serde_json::to_value(&drift)?;
        json["model"] = json!(scorer.contents().provenance.model_name);
        json["artifact"] = json!(scorer.id().to_string());
        json["drifted"] = Value::from(findings.clone());
        super::print_json(&json)?;
    } else {
        super::print(&report::drift(&drift))?;
    }
    Ok(if findings.is_empty() { Ending::Done } else { Ending::No })
}

fn drift(args: &Args, scorer: &Scorer, progress: &Terminal) -> Result<Drift, Error> {
    progress.step("reading events");
    let data = Data::new(&args.data, scorer)?;
    let events = data.rows(scorer, (args.from, args.to), |note| progress.note(note))?;
    events.notes.iter().for_each(|note| progress.note(note));
    progress.step("comparing");
    let rows: Vec<usize> = (0..events.n_rows()).collect();
    let Args { alpha, psi, ks, .. } = *args;
    Drift::of(scorer, &events, &rows, DriftLimits { alpha, psi, ks, ..DriftLimits::default() })
}

fn share(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0);
    value.ok_or_else(|| "expected a number of at least 0, such as 0.1".to_owned())
}

fn probability(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| *value > 0.0 && *value < 1.0);
    value.ok_or_else(|| "expected a probability between 0 and 1, such as 0.01".to_owned())
}
