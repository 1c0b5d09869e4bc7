//! `shroff predict`

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;
use shroff_datasets::{
    Column, Dataset, Frame, FrameWriter, JoinCount, ReadReport, Table, Text, Values,
};
use shroff_serve::{Score, Scorer};

use super::Ending;
use super::data::{Data, ModelArgs, inputs};
use super::progress::Terminal;
use crate::Error;
use crate::events;
use crate::pipeline::Reporter;
use crate::replay::Velocity;
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
    let Counts { rows, rejected_rows, skipped } =
        predict(args, &scorer, &progress).context("predict")?;
    let skipped_rows = skipped.rows_skipped;
    events::skipped(&skipped).iter().for_each(|note| progress.note(note));
    if rejected_rows > 0 {
        progress.note(&format!(
            "{rejected_rows} rows are rejected by a policy of a feature and have no score"
        ));
    }
    drop(progress);
    let out = args.out.display().to_string();
    if args.json {
        let artifact = scorer.id().to_string();
        super::print_json(&json!({
            "rows": rows, "rejected_rows": rejected_rows, "skipped_rows": skipped_rows, "out": out,
            "artifact": artifact,
        }))?;
    } else {
        super::print(&format!("{} rows scored, in {out}\n", rows - rejected_rows))?;
    }
    Ok(Ending::Done)
}

/// What became of the rows.
#[derive(Debug, Default)]
struct Counts {
    /// Written.
    rows: usize,
    /// Of them rejected by a policy: they keep their place with nulls for a score.
    rejected_rows: usize,
    /// Among what was read, those not written, because they could not be read and
    /// `bad_rows = "skip"`.
    skipped: ReadReport,
}

/// Scores everything.
fn predict(args: &Args, scorer: &Scorer, progress: &Terminal) -> Result<Counts, Error> {
    // Said before an hour of scoring rather than after.
    shroff_datasets::Format::of_path(&args.out).map_err(Error::Output)?;
    progress.step("reading");
    let told = Data::new(&args.data, scorer)?;
    let data = &told.source;
    let target = args.out.canonicalize().ok();
    let files = data.fact_source()?.files()?;
    if target.is_some() && files.iter().any(|file| file.canonicalize().ok() == target) {
        return Err(Error::Config(format!(
            "--out: {} is read from; name another file",
            args.out.display()
        )));
    }
    let mut writer = FrameWriter::create(&args.out).map_err(Error::Output)?;
    let mut counts = Counts::default();
    if scorer.windows().is_some() {
        // What came before a row decides its score: all of it is read at once.
        let mut frame = Frame::read(data.fact_source()?)?;
        refuse_added(args, &frame)?;
        let events = told.past(scorer, |note| progress.note(note))?;
        events.notes.iter().for_each(|note| progress.note(note));
        refuse_other_rows(args, data, frame.n_rows(), events.n_rows())?;
        progress.step("scoring");
        counts.rows = events.n_rows();
        let columns = events.bind(&scorer.schema().inputs)?;
        counts.rejected_rows = add_scores(scorer, &mut frame, &columns, &events.velocity)?;
        counts.skipped = frame.report().clone();
        writer.write_batch(&frame).map_err(Error::Output)?;
    } else if data.joins.is_empty() && data.query.is_none() {
        progress.step("scoring");
        // A bounded number of rows at a time: a file of any size passes through.
        for frame in data.fact_source()?.batches(BATCH_ROWS)? {
            let mut frame = frame?;
            refuse_added(args, &frame)?;
            let table = frame.take_readable(&inputs(scorer))?;
            counts.rows += table.n_rows();
            counts.rejected_rows += add_scores_of(scorer, &mut frame, &table)?;
            counts.skipped.merge(frame.report().clone());
            writer.write_batch(&frame).map_err(Error::Output)?;
        }
    } else {
        let mut frame = Frame::read(data.fact_source()?)?;
        refuse_added(args, &frame)?;
        let (table, joined) = data.read_counted(&inputs(scorer), None)?;
        for JoinCount { source, report, .. } in &joined {
            events::skipped(report)
                .iter()
                .for_each(|note| progress.note(&format!("{source}: {note}")));
        }
        refuse_other_rows(args, data, frame.n_rows(), table.n_rows())?;
        progress.step("scoring");
        counts.rows = table.n_rows();
        counts.rejected_rows = add_scores_of(scorer, &mut frame, &table)?;
        counts.skipped = frame.report().clone();
        writer.write_batch(&frame).map_err(Error::Output)?;
    }
    writer.finish().map_err(Error::Output)?;
    Ok(counts)
}

/// Rows held at a time.
const BATCH_ROWS: usize = 131_072;

fn refuse_added(args: &Args, frame: &Frame) -> Result<(), Error> {
    match frame.column_names().into_iter().find(|name| ADDED.contains(&&**name)) {
        Some(name) => Err(Error::Data(format!(
            "{}: has a column {name:?} already; {} are added, so rename or drop it",
            args.data,
            ADDED.join(", ")
        ))),
        None => Ok(()),
    }
}

fn refuse_other_rows(
    args: &Args,
    data: &Dataset,
    expected: usize,
    found: usize,
) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Data(format!(
        "{}: expected the {expected} rows of {} after joins and query, found {found}",
        args.data,
        data.path()
    )))
}

/// As [`add_scores`], of the inputs in `table`.
fn add_scores_of(scorer: &Scorer, frame: &mut Frame, table: &Table) -> Result<usize, Error> {
    let columns: Vec<&Column> = table.columns().map(|(_, column)| column).collect();
    add_scores(scorer, frame, &columns, &Velocity::default())
}

/// Adds the scores of all rows of these inputs; the number of rows that a policy rejects.
fn add_scores(
    scorer: &Scorer,
    frame: &mut Frame,
    columns: &[&Column],
    velocity: &Velocity,
) -> Result<usize, Error> {
    let rows: Vec<usize> = (0..frame.n_rows()).collect();
    let scores = scoring::score_columns(scorer, columns, velocity, &rows)?;
    let number = |of: fn(&Score) -> f64| {
        Values::Number(scores.iter().map(|score| score.as_ref().map_or(0.0, of)).collect())
    };
    let bands: Text =
        scores.iter().map(|score| score.map_or("", |score| scorer.band_name(score))).collect();
    let without_band = scores.iter().map(|score| score.is_none_or(|s| s.band.is_none())).collect();
    let rejected: Vec<bool> = scores.iter().map(Option::is_none).collect();
    let n_rejected = rejected.iter().filter(|rejected| **rejected).count();
    let columns = [
        Column::with_nulls(number(|score| score.margin), rejected.clone()),
        Column::with_nulls(number(|score| score.probability), rejected),
        Column::with_nulls(Values::Text(bands), without_band),
    ];
    for (name, column) in ADDED.into_iter().zip(&columns) {
        frame.with_column(name, column)?;
    }
    Ok(n_rejected)
}
