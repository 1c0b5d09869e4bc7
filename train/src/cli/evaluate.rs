//! `shroff evaluate`

use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Value, json};
use shroff_serve::Scorer;

use super::Ending;
use super::data::ModelArgs;
use super::progress::Terminal;
use super::rows::{Chosen, RowArgs};
use super::slices::SliceArgs;
use crate::Error;
use crate::metric::Judged;
use crate::metric::bootstrap::Clusters;
use crate::pipeline::{self, Reporter};
use crate::report::{Evidence, Shown};
use crate::{report, scoring};

/// Flags of `evaluate`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    slices: SliceArgs,
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
        super::write_page(&report::page(&report, None), path).context("evaluate")?;
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
    let further = |config: &_| pipeline::columns(config, &args.slices.columns);
    let mut chosen = args.rows.choose(scorer, further, progress)?;
    args.slices.intervals(&mut chosen.data.config)?;
    let Chosen { data, events, rows, .. } = &chosen;
    let config = &data.config;
    progress.step("scoring");
    let odd = scoring::odd_values(scorer, events, rows)?;
    let n_judged = rows.len();
    let rows = scoring::accepted(scorer.schema(), &scorer.contents().program, events, rows)?;
    if rows.is_empty() {
        return Err(chosen.all_rejected());
    }
    let scores = scoring::score(scorer, events, &rows)?;
    let judged = scoring::judged(config, events, &rows, &scores);
    let measured = pipeline::measured(config, scorer, &judged)?;
    let mut report = serde_json::to_value(&measured.measures)
        .map_err(|error| Error::Data(format!("measures cannot be written: {error}")))?;
    progress.step("resampling");
    let clusters = pipeline::clusters(config, events, &rows, &judged)?;
    let resampled = pipeline::resampled(config, &clusters, &[&judged], progress)?;
    pipeline::put_intervals(&mut report, config, &resampled, 0);
    report["model"] = json!(scorer.contents().provenance.model_name);
    report["artifact"] = json!(scorer.id().to_string());
    for (key, count) in chosen.counts.as_object().into_iter().flatten() {
        report[key] = count.clone();
    }
    if let Some(honest) = chosen.honest_in_time() {
        report["honest_in_time"] = json!(honest);
    }
    report["rows_in_fitted_windows"] =
        json!(chosen.seen_in_training("the model", scorer, &rows, progress));
    report["rejected_rows"] = json!(n_judged - rows.len());
    let names = scorer.schema().features.iter().map(|feature| feature.name.to_string());
    report["inputs"] = names.zip(odd).map(|(name, counts)| (name, json!(counts))).collect();
    report["bands"] = json!(measured.bands);
    let slices = args.slices.of(events, &rows, &judged.labels)?;
    if args.report.is_some() {
        progress.step("looking at the rows");
        report["evidence"] = json!(Evidence::of(&Shown {
            config,
            scorer,
            events,
            rows: &rows,
            judged: &judged,
            slice_columns: &args.slices.columns,
            slices: &slices,
        })?);
    }
    if !args.slices.columns.is_empty() {
        let of = |part: &Judged, clusters: &[Clusters]| {
            let measured = pipeline::measured(config, scorer, part)?;
            let mut report = serde_json::to_value(&measured.measures)
                .map_err(|error| Error::Data(format!("measures cannot be written: {error}")))?;
            let resampled = pipeline::resampled(config, clusters, &[part], progress)?;
            pipeline::put_intervals(&mut report, config, &resampled, 0);
            Ok::<Value, Error>(report)
        };
        progress.step("resampling slices");
        let parts = slices.iter().map(|slice| {
            let clusters: Vec<Clusters> =
                clusters.iter().map(|clusters| clusters.take(&slice.rows)).collect();
            let mut report = of(&judged.take(&slice.rows), &clusters)?;
            report["slice"] = json!(slice.name);
            Ok::<Value, Error>(report)
        });
        report["slices"] = json!(parts.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(report)
}
