//! `shroff evaluate`

use anyhow::Context;
use serde_json::{Value, json};
use shroff_serve::schema::InputType;
use shroff_serve::{Score, Scorer};

use super::Ending;
use super::data::{Data, ModelArgs};
use super::progress::Terminal;
use crate::Error;
use crate::events::{Events, EventsRequest};
use crate::pipeline::{self, Reporter};
use crate::{report, scoring};

/// Flags of `evaluate`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// A file or glob with the model's inputs and the label, or a fraud.toml
    data: String,
    /// Only rows from this time on
    #[arg(long, value_parser = super::time, conflicts_with = "window")]
    from: Option<i64>,
    /// Only rows before this time
    #[arg(long, value_parser = super::time, conflicts_with = "window")]
    to: Option<i64>,
    /// Only rows of this window of the model's own training: train, stop, calibrate or test
    #[arg(long)]
    window: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let scorer = args.model.open()?;
    let progress = Terminal::new();
    let report = evaluate(args, &scorer, &progress).context("evaluate")?;
    drop(progress);
    if args.json {
        super::print_json(&report)?;
    } else {
        super::print(&report::evaluation(&report))?;
    }
    Ok(Ending::Done)
}

fn evaluate(args: &Args, scorer: &Scorer, progress: &Terminal) -> Result<Value, Error> {
    progress.step("reading events");
    let data = Data::new(&args.data, scorer)?;
    let (from, to) = bounds(args, scorer)?;
    let config = &data.config;
    // Whether an entity was known to be compromised shows in rows from the start of train on.
    let train_start = named_window(scorer, "train").and_then(|(from, _)| from);
    let drop_column = config.evaluate.drop_known_compromised.as_ref();
    let history_from = match (drop_column, from, train_start) {
        (Some(_), Some(from), Some(train_start)) => Some(from.min(train_start)),
        _ => from,
    };
    let inputs = scorer.schema().inputs.iter();
    let inputs: Vec<(String, InputType)> =
        inputs.map(|input| (input.name.to_string(), input.input_type)).collect();
    let events = Events::read(&EventsRequest {
        source: &data.source,
        columns: &config.columns,
        label_delay: config.split.label_delay,
        inputs,
        from: history_from,
        to,
    })?;
    let within = |row: &usize| from.is_none_or(|from| events.times[*row] >= from);
    let rows: Vec<usize> = (0..events.n_rows()).filter(within).collect();
    let n_rows = rows.len();
    let known_before = known_before(args, scorer);
    let labelled = |row: &usize| {
        events.labels[*row].is_some() && known_before.is_none_or(|at| events.known_at[*row] < at)
    };
    let mut rows: Vec<usize> = rows.into_iter().filter(labelled).collect();
    let n_unlabelled = n_rows - rows.len();
    let n_labelled = rows.len();
    if let Some(column) = drop_column {
        let start = train_start.unwrap_or(i64::MIN);
        let span = (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
        let delay = config.split.label_delay.days_rounded_up();
        let offset = config.columns.utc_offset.secs;
        let dropped = pipeline::compromised(&events, column, start, span, delay, offset)?;
        rows.retain(|row| !dropped[*row]);
    }
    if rows.is_empty() {
        return Err(Error::Data(format!(
            "{}: of {n_rows} rows in the range none is labelled and to be judged",
            data.source.path()
        )));
    }
    progress.step("scoring");
    let scores = scoring::score(scorer, &events, &rows)?;
    let measures = pipeline::measures(&events, &rows, &scores)?;
    let mut report = serde_json::to_value(&measures)
        .map_err(|error| Error::Data(format!("measures cannot be written: {error}")))?;
    report["model"] = json!(scorer.contents().provenance.model_name);
    report["artifact"] = json!(scorer.id().to_string());
    report["unlabelled_rows"] = json!(n_unlabelled);
    report["dropped_rows"] = json!(n_labelled - rows.len());
    report["bands"] = bands(scorer, &events.labels_at(&rows), &scores);
    Ok(report)
}

/// What lies in each band, from the highest down.
fn bands(scorer: &Scorer, labels: &[bool], scores: &[Score]) -> Value {
    let Some(bands) = scorer.bands() else { return json!([]) };
    let mut counts = vec![(0_u64, 0_u64); bands.names.len()];
    for (label, score) in labels.iter().zip(scores) {
        let (rows, frauds) = &mut counts[usize::from(score.band.unwrap_or(0))];
        *rows += 1;
        *frauds += u64::from(*label);
    }
    let band = |(position, (name, (rows, frauds))): (usize, (&String, &(u64, u64)))| {
        let edge = position.checked_sub(1).and_then(|edge| bands.edges.get(edge));
        let precision = (*rows > 0).then(|| *frauds as f64 / *rows as f64);
        json!({
            "name": name, "margin_from": edge, "rows": rows, "frauds": frauds, "precision": precision,
        })
    };
    let mut shown: Vec<Value> = bands.names.iter().zip(&counts).enumerate().map(band).collect();
    shown.reverse();
    json!(shown)
}

fn bounds(args: &Args, scorer: &Scorer) -> Result<(Option<i64>, Option<i64>), Error> {
    let Some(name) = &args.window else { return Ok((args.from, args.to)) };
    named_window(scorer, name).ok_or_else(|| {
        let windows = &scorer.contents().provenance.windows;
        let names: Vec<&str> = windows.iter().map(|window| window.name.as_str()).collect();
        Error::Config(format!(
            "--window: expected a window of the model ({}), found {name:?}",
            names.join(", ")
        ))
    })
}

/// The labels of a named window count as far as they were known when the model was trained: those
/// of test by its as-of, the others by the start of test.
fn known_before(args: &Args, scorer: &Scorer) -> Option<i64> {
    match args.window.as_deref()? {
        "test" => scorer.contents().provenance.as_of,
        _ => named_window(scorer, "test")?.0,
    }
}

fn named_window(scorer: &Scorer, name: &str) -> Option<(Option<i64>, Option<i64>)> {
    let windows = &scorer.contents().provenance.windows;
    windows.iter().find(|window| window.name == name).map(|window| (window.from, window.to))
}
