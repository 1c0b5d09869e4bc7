//! `shroff predict`

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;
use shroff_datasets::{Column, ColumnRequest, Frame, Text, Values};
use shroff_serve::Scorer;

use super::Ending;
use super::data::{Data, ModelArgs};
use super::progress::Terminal;
use crate::Error;
use crate::events::column_kind;
use crate::pipeline::Reporter;
use crate::scoring;

/// Flags of `predict`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// A file or glob with the model's inputs, or a fraud.toml
    data: String,
    /// The file to write, CSV or Parquet by its extension: all columns, and margin, probability, band
    #[arg(long)]
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The columns that scoring adds.
const ADDED: [&str; 3] = ["margin", "probability", "band"];

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let scorer = args.model.open()?;
    let progress = Terminal::new();
    let rows = predict(args, &scorer, &progress).context("predict")?;
    drop(progress);
    let out = args.out.display().to_string();
    if args.json {
        let artifact = scorer.id().to_string();
        super::print_json(&json!({ "rows": rows, "out": out, "artifact": artifact }))?;
    } else {
        super::print(&format!("{rows} rows scored, in {out}\n"))?;
    }
    Ok(Ending::Done)
}

fn predict(args: &Args, scorer: &Scorer, progress: &Terminal) -> Result<usize, Error> {
    // Said before an hour of scoring rather than after.
    shroff_datasets::Format::of_path(&args.out).map_err(Error::Output)?;
    progress.step("reading");
    let data = Data::new(&args.data, scorer)?.source;
    let mut frame = Frame::read(data.fact_source()?)?;
    if let Some(name) = frame.column_names().into_iter().find(|name| ADDED.contains(&&**name)) {
        return Err(Error::Data(format!(
            "{}: has a column {name:?} already; {} are added, so rename or drop it",
            args.data,
            ADDED.join(", ")
        )));
    }
    let inputs = &scorer.schema().inputs;
    let requests: Vec<ColumnRequest> = inputs
        .iter()
        .map(|input| ColumnRequest::new(&*input.name, column_kind(input.input_type)))
        .collect();
    let is_joined = !data.joins.is_empty() || data.query.is_some();
    let table = if is_joined { data.read(&requests, None)? } else { frame.table(&requests)? };
    if table.n_rows() != frame.n_rows() {
        return Err(Error::Data(format!(
            "{}: expected the {} rows of {} after joins and query, found {}",
            args.data,
            frame.n_rows(),
            data.path(),
            table.n_rows()
        )));
    }
    progress.step("scoring");
    let columns: Vec<&Column> = table.columns().map(|(_, column)| column).collect();
    let rows: Vec<usize> = (0..table.n_rows()).collect();
    let scores = scoring::score_columns(scorer, &columns, &rows)?;
    progress.step("writing");
    let margins = scores.iter().map(|score| score.margin).collect();
    let probabilities = scores.iter().map(|score| score.probability).collect();
    let bands: Text = scores.iter().map(|score| scorer.band_name(*score)).collect();
    let without_band = scores.iter().map(|score| score.band.is_none()).collect();
    let columns = [
        Column::new(Values::Number(margins)),
        Column::new(Values::Number(probabilities)),
        Column::with_nulls(Values::Text(bands), without_band),
    ];
    for (name, column) in ADDED.into_iter().zip(&columns) {
        frame.with_column(name, column)?;
    }
    frame.write(&args.out).map_err(Error::Output)?;
    Ok(scores.len())
}
