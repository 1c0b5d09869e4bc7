//! `shroff bench`

mod measure;
mod sample;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use serde_json::{Map, Value, json};
use shroff_serve::{Record, Scorer};

use self::measure::{Clock, Latency, rows_per_second};
use self::sample::Sample;
use super::Ending;
use super::data::ModelArgs;
use crate::Error;
use crate::report::Table;

/// Flags of `bench`.
///
/// Times are the lowest of several rounds over all rows in ever another order, and leave out what
/// reading the clock costs: what the model takes when the machine does nothing else. Compare only
/// what was measured on one machine; `mean` is timed without a clock between the calls, as a check.
/// Records come with the values of their velocity features: what is asked of a state is not timed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// A file or glob with the model's inputs, or a fraud.toml, of which the first rows are scored;
    /// without it the values of the artifact's own golden records, mixed and varied so that no row is
    /// like another, with more odd values than usual
    data: Option<String>,
    /// Rounds, of which the best counts
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let (scorer, path) = args.model.open_at()?;
    let report = bench(args, scorer, path).context("bench")?;
    if args.json {
        super::print_json(&report)?;
    } else {
        super::print(&text(&report))?;
    }
    Ok(Ending::Done)
}

fn bench(args: &Args, mut scorer: Scorer, path: PathBuf) -> Result<Value, Error> {
    let bytes = std::fs::read(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
    let memory_bytes = measure::memory_bytes(&bytes)?;
    let load_ms = load_ms(args.rounds, &path)?;

    let sample = Sample::new(args.data.as_deref(), &scorer)?;
    let records = sample.records();
    let n_rows = records.len();
    let (clock, chosen) = (Clock::new(), scorer.engine_name());
    let latency = |call: &dyn Fn(usize)| Latency::of(call, n_rows, args.rounds, clock);
    let record = latency(&|at| {
        let (values, velocity) = &records[at];
        let record = Record::new(black_box(values));
        let _ = black_box(scorer.score_record_with(record, black_box(velocity)));
    });
    let batch: Vec<Value> = measure::thread_counts()
        .map(|threads| {
            let rows = rows_per_second(&scorer, sample.rows(), threads, args.rounds);
            json!({ "threads": threads, "rows_per_second": rows })
        })
        .collect();
    let mut engines = Map::new();
    for engine in scorer.engine_names(false) {
        scorer.force_engine(engine);
        let row = latency(&|at| {
            let _ = black_box(scorer.score(black_box(sample.row(at))));
        });
        engines.insert(engine.to_owned(), row.json());
    }
    // One whose kind of model has no engines to choose from.
    let row = match engines.get(chosen) {
        Some(row) => row.clone(),
        None => latency(&|at| {
            let _ = black_box(scorer.score(black_box(sample.row(at))));
        })
        .json(),
    };
    Ok(json!({
        "artifact": scorer.id().to_string(),
        "model": scorer.contents().provenance.model_name,
        "bytes": bytes.len(),
        "memory_bytes": memory_bytes,
        "load_ms": load_ms,
        "data": args.data,
        "rows": n_rows,
        "rejected_rows": sample.n_rejected(),
        "rounds": args.rounds,
        "clock_overhead_ns": clock.overhead_nanos(),
        "engine": chosen,
        "row": row,
        "record": record.json(),
        "engines": engines,
        "batch_engine": scorer.batch_engine_name(),
        "batch": batch,
    }))
}

/// Milliseconds to read, prove and make ready.
fn load_ms(rounds: u32, path: &PathBuf) -> Result<f64, Error> {
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        black_box(Scorer::open(path)?);
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(best)
}

fn text(report: &Value) -> String {
    let text = |key: &str| report[key].as_str().unwrap_or("-").to_owned();
    let number = |value: &Value, decimals| match value.as_f64() {
        Some(value) => format!("{value:.decimals$}"),
        None => "-".to_owned(),
    };
    let kilobytes = |key: &str| number(&json!(report[key].as_f64().map(|bytes| bytes / 1e3)), 1);
    let rows = match report["data"].as_str() {
        Some(data) => format!("{} rows of {data}", report["rows"]),
        None => format!("{} rows made of the golden records", report["rows"]),
    };
    let mut out = format!(
        "model   {}, artifact {}\nfile    {} kB, in memory {} kB, loaded and verified in {} ms\n\
         rows    {rows}; best of {} rounds, {} ns for the clock subtracted\n\n",
        text("model"),
        text("artifact"),
        kilobytes("bytes"),
        kilobytes("memory_bytes"),
        number(&report["load_ms"], 2),
        report["rounds"],
        number(&report["clock_overhead_ns"], 0),
    );
    let mut calls = Table::new(["nanoseconds a call", "p50", "p99", "p99.9", "mean"]);
    let mut push = |name: String, times: &Value| {
        let cells = measure::KEYS.iter().map(|key| number(&times[*key], 0));
        calls.push(std::iter::once(name).chain(cells).collect());
    };
    push("record".to_owned(), &report["record"]);
    push(format!("row, {} *", text("engine")), &report["row"]);
    for (engine, times) in report["engines"].as_object().into_iter().flatten() {
        if report["engine"] != **engine {
            push(format!("row, {engine}"), times);
        }
    }
    out.push_str(&format!("{calls}* the engine chosen on this machine\n\n"));
    let mut batch = Table::new(["threads", "batch rows/s"]);
    for line in report["batch"].as_array().into_iter().flatten() {
        batch.push(vec![line["threads"].to_string(), number(&line["rows_per_second"], 0)]);
    }
    out.push_str(&batch.to_string());
    out
}
