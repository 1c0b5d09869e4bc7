//! `shroff explain`

use anyhow::Context;
use serde_json::{Value, json};
use shroff_datasets::{Column, ColumnKind, ColumnRequest, JoinCount};
use shroff_serve::{Explanation, Record, ScoreErrorKind, Scorer};

use super::Ending;
use super::data::{self, Data, ModelArgs};
use super::progress::Terminal;
use crate::Error;
use crate::events::{self, value};
use crate::pipeline::Reporter;
use crate::replay::Velocity;
use crate::report::Table;

/// Flags of `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// A file or glob with the model's inputs, or a fraud.toml
    data: String,
    /// Only the row at this place, counted from 1; may be given again
    #[arg(long = "row", value_name = "N")]
    rows: Vec<usize>,
    /// Only rows with this value of [columns] id; may be given again
    #[arg(long = "id", allow_hyphen_values = true, conflicts_with = "rows")]
    ids: Vec<String>,
    /// Most reasons shown for a row
    #[arg(long, value_name = "N", default_value_t = 5)]
    top: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Most rows explained without being asked for one by one.
const MAX_ROWS: usize = 100;

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let scorer = args.model.open()?;
    let progress = Terminal::new();
    let rows = explain(args, &scorer, &progress).context("explain")?;
    drop(progress);
    if args.json {
        let artifact = scorer.id().to_string();
        super::print_json(&json!({ "artifact": artifact, "rows": rows }))?;
    } else {
        let blocks: Vec<String> = rows.iter().map(text).collect();
        super::print(&blocks.join("\n"))?;
    }
    Ok(Ending::Done)
}

/// One object for each row that is asked for.
fn explain(args: &Args, scorer: &Scorer, progress: &Terminal) -> Result<Vec<Value>, Error> {
    progress.step("reading");
    let data = Data::new(&args.data, scorer)?;
    let (past, table);
    let (columns, n_rows, velocity): (Vec<&Column>, usize, &Velocity) =
        if scorer.windows().is_some() {
            // What came before a row is a part of why.
            past = data.past(scorer, |note| progress.note(note))?;
            past.notes.iter().for_each(|note| progress.note(note));
            (past.bind(&scorer.schema().inputs)?, past.n_rows(), &past.velocity)
        } else {
            let joined;
            (table, joined) = data.source.read_counted(&data::inputs(scorer), None)?;
            for JoinCount { source, report, .. } in &joined {
                let skipped = events::skipped(report);
                skipped.iter().for_each(|note| progress.note(&format!("{source}: {note}")));
            }
            let columns = table.columns().map(|(_, column)| column);
            (columns.collect(), table.n_rows(), &Velocity::default())
        };
    let rows = chosen(args, &data, n_rows)?;
    progress.step("explaining");
    let explain = |(row, id): (usize, Option<String>)| {
        let values: Vec<_> = columns.iter().map(|column| value(column, row)).collect();
        let (record, velocity) = (Record::new(&values), velocity.row(row));
        let mut report = match scorer.explain_record_with(record, velocity, args.top) {
            Ok(explanation) => describe(scorer, &explanation),
            Err(error) if matches!(error.kind(), ScoreErrorKind::Rejected { .. }) => {
                json!({ "rejected": error.to_string() })
            }
            Err(source) => return Err(Error::Score { row: row + 1, source }),
        };
        report["row"] = json!(row + 1);
        report["id"] = json!(id);
        Ok(report)
    };
    rows.into_iter().map(explain).collect()
}

/// The positions asked for, in the order of the data or of `--row`, with the ids of `--id`.
fn chosen(args: &Args, data: &Data, n_rows: usize) -> Result<Vec<(usize, Option<String>)>, Error> {
    if !args.ids.is_empty() {
        return with_ids(args, data);
    }
    if let Some(found) = args.rows.iter().find(|row| !(1..=n_rows).contains(row)) {
        return Err(Error::Config(format!(
            "--row: expected 1 to {n_rows}, the rows of {}, found {found}",
            args.data
        )));
    }
    if args.rows.is_empty() && n_rows > MAX_ROWS {
        return Err(Error::Config(format!(
            "{}: expected at most {MAX_ROWS} rows to explain, found {n_rows}; choose some with --row \
             or --id",
            args.data
        )));
    }
    let rows = match args.rows.as_slice() {
        [] => (0..n_rows).collect(),
        rows => rows.iter().map(|row| row - 1).collect::<Vec<usize>>(),
    };
    Ok(rows.into_iter().map(|row| (row, None)).collect())
}

fn with_ids(args: &Args, data: &Data) -> Result<Vec<(usize, Option<String>)>, Error> {
    let Some(name) = &data.config.columns.id else {
        let problem = "--id: expected a model or configuration with [columns] id, found none";
        return Err(Error::Config(format!("{problem}; choose with --row")));
    };
    // Read by itself: a feature may read the column as something else.
    let (table, _) =
        data.source.read_counted(&[ColumnRequest::new(name.clone(), ColumnKind::Key)], None)?;
    let Some((_, column)) = table.columns().next() else { return Ok(Vec::new()) };
    let id = |row: usize| match value(column, row) {
        shroff_serve::Value::Integer(id) => id.to_string(),
        shroff_serve::Value::Text(id) => id.to_owned(),
        _ => String::new(),
    };
    let found: Vec<(usize, Option<String>)> = (0..table.n_rows())
        .map(|row| (row, id(row)))
        .filter(|(_, id)| args.ids.contains(id))
        .map(|(row, id)| (row, Some(id)))
        .collect();
    let is_found = |id: &&String| found.iter().any(|(_, known)| known.as_ref() == Some(*id));
    match args.ids.iter().find(|id| !is_found(id)) {
        Some(id) => {
            let problem = format!("--id: expected a value of {name:?} in {}", args.data);
            Err(Error::Config(format!("{problem}, found {id:?}, which no row has")))
        }
        None => Ok(found),
    }
}

fn describe(scorer: &Scorer, explanation: &Explanation<'_>) -> Value {
    let score = explanation.score;
    let reasons = explanation.reasons.iter().map(|reason| {
        let text = Some(reason.text).filter(|text| !text.is_empty());
        json!({ "code": reason.code, "text": text, "contribution": reason.contribution })
    });
    let names = scorer.schema().features.iter().map(|feature| feature.name.to_string());
    let contributions = names.zip(&explanation.contributions).map(|(name, by)| (name, json!(by)));
    json!({
        "row": null,
        "id": null,
        "margin": score.margin,
        "probability": score.probability,
        "band": score.band.map(|_| scorer.band_name(score)),
        "base": explanation.base,
        "reasons": reasons.collect::<Value>(),
        "contributions": contributions.collect::<Value>(),
    })
}

fn text(row: &Value) -> String {
    let number = |value: &Value| format!("{:.4}", value.as_f64().unwrap_or(f64::NAN));
    let mut text = format!("row {}", row["row"]);
    if let Some(id) = row["id"].as_str() {
        text.push_str(&format!(", id {id}"));
    }
    if let Some(problem) = row["rejected"].as_str() {
        return format!("{text}: no score: {problem}\n");
    }
    let (margin, probability) = (number(&row["margin"]), number(&row["probability"]));
    text.push_str(&format!(": margin {margin}, probability {probability}"));
    if let Some(band) = row["band"].as_str() {
        text.push_str(&format!(", band {band}"));
    }
    let mut table = Table::new(["reason", "adds to the margin"]);
    table.push(vec!["(before anything is known)".to_owned(), number(&row["base"])]);
    let mut rest = row["margin"].as_f64().unwrap_or(0.0) - row["base"].as_f64().unwrap_or(0.0);
    for reason in row["reasons"].as_array().into_iter().flatten() {
        let words = [&reason["code"], &reason["text"]].into_iter().filter_map(Value::as_str);
        table.push(vec![words.collect::<Vec<_>>().join(" "), number(&reason["contribution"])]);
        rest -= reason["contribution"].as_f64().unwrap_or(0.0);
    }
    table.push(vec!["(everything else)".to_owned(), format!("{rest:.4}")]);
    format!("{text}\n{table}")
}
