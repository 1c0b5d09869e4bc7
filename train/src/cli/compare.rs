//! `shroff compare`

use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Value, json};
use shroff_serve::Scorer;
use shroff_serve::features::window::Windows;

use super::Ending;
use super::data::ModelArgs;
use super::progress::Terminal;
use super::rows::{Chosen, RowArgs};
use super::slices::SliceArgs;
use crate::Error;
use crate::gate::Comparison;
use crate::metric::Judged;
use crate::metric::bootstrap::{Clusters, Measure, Resampled};
use crate::pipeline::{self, Reporter};
use crate::report::{Evidence, Shown, operating_points};
use crate::{report, scoring};

/// Flags of `compare`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model that decides: an artifact file, or NAME@champion and the like
    a: String,
    /// The model that might take its place
    b: String,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    slices: SliceArgs,
    /// How much worse still counts as not worse; default as configured, 0.01
    #[arg(long)]
    margin: Option<f64>,
    /// Folder of the registry, for NAME@…
    #[arg(long, default_value = "registry")]
    registry: PathBuf,
    /// Also write a page to look at: one HTML file that needs nothing else
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let open =
        |model: &String| ModelArgs { model: model.clone(), registry: args.registry.clone() }.open();
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let progress = Terminal::new();
    let mut report = compare(args, &a, &b, &progress).context("compare")?;
    if let Some(path) = &args.report {
        super::write_page(&report::comparison_page(&report), path).context("compare")?;
        report.as_object_mut().and_then(|report| report.remove("evidence"));
    }
    drop(progress);
    if args.json {
        super::print_json(&report)?;
    } else {
        super::print(&report::comparison(&report))?;
    }
    Ok(Ending::Done)
}

fn compare(args: &Args, a: &Scorer, b: &Scorer, progress: &Terminal) -> Result<Value, Error> {
    let further = |config: &_| pipeline::columns(config, &args.slices.columns);
    let mut chosen = args.rows.choose(a, further, progress)?;
    args.slices.intervals(&mut chosen.data.config)?;
    if let Some(margin) = args.margin {
        chosen.data.config.gate.margin = Some(margin);
        chosen.data.config.gate.check()?;
    }
    let Chosen { data, events, rows, .. } = &chosen;
    let config = &data.config;
    // B may read what A does not.
    let [of_a, of_b] = [a, b].map(|scorer| scorer.windows().map(Windows::program));
    let shared = of_a == of_b && events.bind(&b.schema().inputs).is_ok();
    let read = if shared { None } else { Some(chosen.read_again(b)?) };
    let events_of_b = read.as_ref().unwrap_or(events);
    progress.step("scoring");
    let accept = |scorer: &Scorer, events: &_, rows: &[usize]| {
        scoring::accepted(scorer.schema(), &scorer.contents().program, events, rows)
    };
    let rows = accept(b, events_of_b, &accept(a, events, rows)?)?;
    if rows.is_empty() {
        return Err(chosen.all_rejected());
    }
    let judge = |scorer: &Scorer, events: &_| {
        let scores = scoring::score(scorer, events, &rows)?;
        Ok::<Judged, Error>(scoring::judged(config, events, &rows, &scores))
    };
    let sides = [judge(a, events)?, judge(b, events_of_b)?];
    progress.step("resampling");
    let clusters = pipeline::clusters(config, events, &rows, &sides[0])?;
    let found = pipeline::resampled(config, &clusters, &[&sides[0], &sides[1]], progress)?;

    let confidence = config.evaluate.intervals.confidence;
    let mut report = json!({
        "rows": rows.len(),
        "frauds": sides[0].labels.iter().filter(|label| **label).count(),
    });
    for (key, name, model, scorer, judged) in
        [("a", &args.a, 0, a, &sides[0]), ("b", &args.b, 1, b, &sides[1])]
    {
        let measured = pipeline::measured(config, scorer, judged)?;
        let mut side = serde_json::to_value(&measured.measures)
            .map_err(|error| Error::Data(format!("measures cannot be written: {error}")))?;
        pipeline::put_intervals(&mut side, config, &found, model);
        side["model"] = json!(name);
        side["artifact"] = json!(scorer.id().to_string());
        side["rows_in_fitted_windows"] =
            json!(chosen.seen_in_training(&format!("{name:?}"), scorer, &rows, progress));
        report[key] = side;
    }
    for (key, count) in chosen.counts.as_object().into_iter().flatten() {
        report[key] = count.clone();
    }
    if let Some(honest) = chosen.honest_in_time() {
        report["honest_in_time"] = json!(honest);
    }
    report["rejected_rows"] = json!(chosen.rows.len() - rows.len());
    report["differences"] = differences(&found, confidence);
    let gate = &config.gate;
    let of = |found: &Resampled, confidence| {
        Comparison::of(found, (1, 0), gate.measure, confidence, gate.margin())
    };
    report["comparison"] = json!(of(&found, confidence));
    let slices = args.slices.of(events, &rows, &sides[0].labels)?;
    if args.report.is_some() {
        progress.step("looking at the rows");
        let evidence = Evidence::of(&Shown {
            config,
            scorer: b,
            events: events_of_b,
            rows: &rows,
            judged: &sides[1],
            clusters: &pipeline::cluster_keys(&found, events, &rows, &sides[1]),
            slice_columns: &args.slices.columns,
            slices: &slices,
        })?;
        let champion_points = operating_points(config, a, &sides[0])?;
        report["evidence"] = json!(Evidence { champion_points, ..evidence });
    }
    if !args.slices.columns.is_empty() {
        progress.step("resampling slices");
        let parts = slices.iter().map(|slice| {
            let clusters: Vec<Clusters> =
                clusters.iter().map(|clusters| clusters.take(&slice.rows)).collect();
            let sides = [sides[0].take(&slice.rows), sides[1].take(&slice.rows)];
            let found = pipeline::resampled(config, &clusters, &[&sides[0], &sides[1]], progress)?;
            let frauds = sides[0].labels.iter().filter(|label| **label).count();
            Ok::<Value, Error>(json!({
                "slice": slice.name, "rows": slice.rows.len(), "frauds": frauds,
                "comparison": of(&found, confidence),
                "differences": differences(&found, confidence),
            }))
        });
        report["slices"] = json!(parts.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(report)
}

/// B less A, by measure.
fn differences(found: &Resampled, confidence: f64) -> Value {
    let of = |measure: Measure| {
        let difference = found.difference(1, 0, measure, confidence)?;
        Some((measure.name().to_owned(), json!(difference)))
    };
    Value::Object(Measure::ALL.into_iter().filter_map(of).collect())
}
