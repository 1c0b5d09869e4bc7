//! `shroff features`

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;
use shroff_datasets::{Column, ColumnKind, Table, Values, write_table};

use super::Ending;
use super::progress::Terminal;
use crate::Error;
use crate::config::{Config, FeatureConfig, FeatureInput, PolicyConfig, PolicyWord};
use crate::events::{Events, EventsRequest};
use crate::matrix::Matrix;
use crate::pipeline::Reporter;
use crate::{program, scoring};

/// Flags of `features`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration, fraud.toml
    #[arg(long)]
    config: PathBuf,
    /// Only events before this time; default all
    #[arg(long, value_parser = super::time)]
    as_of: Option<i64>,
    /// The file to write, CSV or Parquet by its extension: id, time, label and every feature by its
    /// name, events in the order of the source. A category is its text: codes and rates are learnt
    /// by a fit
    #[arg(long)]
    out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let progress = Terminal::new();
    let table = features(args, &progress).context("features")?;
    progress.step("writing");
    write_table(&table, &args.out).map_err(Error::Output).context("features")?;
    drop(progress);
    let (rows, columns) = (table.n_rows(), table.columns().count());
    let out = args.out.display().to_string();
    if args.json {
        super::print_json(&json!({ "rows": rows, "columns": columns, "out": out }))?;
    } else {
        super::print(&format!("{rows} events with {columns} columns in {out}\n"))?;
    }
    Ok(Ending::Done)
}

fn features(args: &Args, progress: &Terminal) -> Result<Table, Error> {
    // Said before rather than after.
    shroff_datasets::Format::of_path(&args.out).map_err(Error::Output)?;
    let config = Config::read(&args.config)?;
    progress.step("reading events");
    let windows = program::windows(&config)?;
    let events = Events::read(&EventsRequest {
        source: &config.dataset()?,
        columns: &config.columns,
        label_delay: config.split.label_delay,
        inputs: program::inputs(&config)?,
        further: Vec::new(),
        windows: windows.as_ref(),
        from: None,
        to: args.as_of,
    })?;
    events.notes.iter().for_each(|note| progress.note(note));
    progress.step("computing features");
    let matrix = computed(&config, &events)?;
    let mut columns = Vec::new();
    for feature in &config.features {
        for (name, read_as) in feature.expand() {
            let column = if is_learnt(read_as) {
                events.column(&feature.column, ColumnKind::Text).cloned()
            } else {
                matrix.as_ref().and_then(|matrix| column_of(matrix, &name))
            };
            let missing = || Error::data(format!("column {:?} was not read", feature.column));
            columns.push((name, column.ok_or_else(missing)?));
        }
    }
    // A feature may have the name of the column it takes as it is.
    let mut table: Vec<(String, Column)> = roles(&config, &events);
    table.retain(|(name, _)| columns.iter().all(|(feature, _)| feature != name));
    table.extend(columns);
    Ok(Table::new(table)?)
}

/// Id, time and label.
fn roles(config: &Config, events: &Events) -> Vec<(String, Column)> {
    let roles = &config.columns;
    let role = |name: &Option<String>, kind| {
        let name = name.as_ref()?;
        Some((name.clone(), events.column(name, kind)?.clone()))
    };
    let labels = events.labels.iter().map(|label| label.unwrap_or_default()).collect();
    let unknown = events.labels.iter().map(Option::is_none).collect();
    let label = Column::with_nulls(Values::Boolean(labels), unknown);
    let known = [role(&roles.id, ColumnKind::Key), role(&roles.time, ColumnKind::Time)];
    known.into_iter().flatten().chain([(roles.label.clone(), label)]).collect()
}

fn is_learnt(read_as: FeatureInput) -> bool {
    matches!(read_as, FeatureInput::Category | FeatureInput::Rate)
}

/// All features but those that a fit learns, as the scorer computes them. What a policy would reject
/// is missing: this is for a look. None where all are learnt.
fn computed(config: &Config, events: &Events) -> Result<Option<Matrix>, Error> {
    let is_computed =
        |feature: &&FeatureConfig| feature.expand().iter().all(|(_, read_as)| !is_learnt(*read_as));
    let features: Vec<FeatureConfig> =
        config.features.iter().filter(is_computed).cloned().collect();
    if features.is_empty() {
        return Ok(None);
    }
    let mut config = Config { features, ..config.clone() };
    for feature in &mut config.features {
        for policy in [&mut feature.on_missing, &mut feature.on_out_of_range] {
            *policy = policy.take().filter(|p| *p != PolicyConfig::Word(PolicyWord::Reject));
        }
    }
    let (schema, program) = program::fit(&config, events, &[])?;
    let rows: Vec<usize> = (0..events.n_rows()).collect();
    let names = schema.features.iter().map(|feature| feature.name.clone()).collect::<Vec<_>>();
    let matrix = scoring::encode(&schema, &program, events, &rows)?;
    Ok(Some(matrix.with_feature_names(names)))
}

fn column_of(matrix: &Matrix, name: &str) -> Option<Column> {
    let position = matrix.feature_names().iter().position(|feature| **feature == *name)?;
    let value = |row: usize| f64::from(matrix.row(row)[position]);
    let values: Vec<f64> = (0..matrix.n_rows()).map(value).collect();
    let missing = values.iter().map(|value| value.is_nan()).collect();
    Some(Column::with_nulls(Values::Number(values), missing))
}
