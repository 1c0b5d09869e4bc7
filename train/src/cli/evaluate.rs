//! `shroff evaluate`

use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Value, json};
use shroff_serve::Scorer;
use shroff_serve::schema::InputType;

use super::Ending;
use super::data::{Data, ModelArgs};
use super::progress::Terminal;
use crate::Error;
use crate::config::Config;
use crate::events::{Events, EventsRequest};
use crate::part::{self, Part, Parts};
use crate::pipeline::{self, Reporter};
use crate::report::Evidence;
use crate::split::labelled;
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
    /// Also write a page to look at: one HTML file that needs nothing else
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let scorer = args.model.open()?;
    let progress = Terminal::new();
    let mut report = evaluate(args, &scorer, &progress).context("evaluate")?;
    if let Some(path) = &args.report {
        let page = report::page(&report, None);
        shroff_datasets::write_bytes(page.as_bytes(), path)
            .map_err(Error::Output)
            .context("evaluate")?;
        report.as_object_mut().and_then(|report| report.remove("evidence"));
    }
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
    let own_parts = own_parts(args, scorer)?;
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
    let request = EventsRequest {
        source: &data.source,
        columns: &config.columns,
        label_delay: config.split.label_delay,
        inputs,
        further: own_parts.as_ref().map_or(Vec::new(), |(own, _)| part::columns(own)),
        windows: scorer.windows(),
        from: history_from,
        to,
    };
    let events = Events::read(&request)?;
    events.notes.iter().for_each(|note| progress.note(note));
    let rows: Vec<usize> = match &own_parts {
        None => {
            let within = |row: &usize| from.is_none_or(|from| events.times[*row] >= from);
            (0..events.n_rows()).filter(within).collect()
        }
        Some((own, part)) => {
            progress.note(
                "NOT HONEST IN TIME: the model was split by a column or a hash, so it may have been \
                 fitted on rows later than these",
            );
            let rule = own.split.part_rule();
            let parts = rule.map(|rule| Parts::new(own, rule, &request.inputs, &events));
            parts.transpose()?.map_or(Vec::new(), |parts| parts.rows(*part))
        }
    };
    let n_rows = rows.len();
    let (mut rows, unlabelled) = labelled(&events, &rows, known_before(args, scorer));
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
    let odd = scoring::odd_values(scorer, &events, &rows)?;
    let n_judged = rows.len();
    let rows = scoring::accepted(scorer.schema(), &scorer.contents().program, &events, &rows)?;
    if rows.is_empty() {
        return Err(Error::Data(format!(
            "{}: all {n_judged} rows are rejected by policies of the model's features",
            data.source.path()
        )));
    }
    let scores = scoring::score(scorer, &events, &rows)?;
    let measured = pipeline::measures(config, scorer, &events, &rows, &scores)?;
    let mut report = serde_json::to_value(&measured.measures)
        .map_err(|error| Error::Data(format!("measures cannot be written: {error}")))?;
    report["model"] = json!(scorer.contents().provenance.model_name);
    report["artifact"] = json!(scorer.id().to_string());
    report["unlabelled_rows"] = json!(unlabelled.n_rows());
    report["unlabelled"] = unlabelled.to_json();
    report["duplicate_rows"] = json!(events.n_duplicates);
    if args.window.is_some() {
        report["honest_in_time"] = json!(own_parts.is_none());
    }
    let seen = seen_in_training(scorer, &events, &rows);
    if seen > 0 && args.window.is_none() {
        progress.note(&format!(
            "{seen} of {} rows lie in the windows that the model was fitted on: it knows their answers",
            rows.len()
        ));
    }
    report["rows_in_fitted_windows"] = json!(seen);
    report["dropped_rows"] = json!(n_labelled - n_judged);
    report["rejected_rows"] = json!(n_judged - rows.len());
    let names = scorer.schema().features.iter().map(|feature| feature.name.to_string());
    report["inputs"] = names.zip(odd).map(|(name, counts)| (name, json!(counts))).collect();
    report["bands"] = json!(measured.bands);
    if args.report.is_some() {
        progress.step("looking at the rows");
        report["evidence"] = json!(Evidence::of(scorer, &events, &rows, &scores, config)?);
    }
    Ok(report)
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

/// How many rows lie where the model was fitted, chosen or calibrated.
fn seen_in_training(scorer: &Scorer, events: &Events, rows: &[usize]) -> usize {
    let windows = scorer.contents().provenance.windows.iter();
    let spans: Vec<(i64, i64)> = windows
        .filter(|window| window.name != "test")
        .filter_map(|window| Some((window.from?, window.to?)))
        .collect();
    // Without a time column no row lies in a span.
    let time = |row: usize| events.times.get(row).copied();
    let seen = |row: &&usize| {
        time(**row).is_some_and(|time| spans.iter().any(|(from, to)| *from <= time && time < *to))
    };
    rows.iter().filter(seen).count()
}

/// With `--window`, the model's own configuration and the part asked for, when the model was split by
/// a column or a hash: the same rule finds the rows again.
fn own_parts(args: &Args, scorer: &Scorer) -> Result<Option<(Config, Part)>, Error> {
    let part = Part::ALL.into_iter().find(|part| args.window.as_deref() == Some(part.name()));
    let Some(part) = part else { return Ok(None) };
    if scorer.contents().provenance.as_of.is_some() {
        return Ok(None);
    }
    let own = super::data::remembered(scorer, "--window")?;
    Ok(own.split.part_rule().is_some().then_some((own, part)))
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
