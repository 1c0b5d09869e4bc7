//! `shroff inspect`

use serde_json::{Value, json};
use shroff_datasets::time::format_time;
use shroff_serve::artifact::{self, Contents};
use shroff_serve::model::{Aggregation, Calibrator, Model};
use shroff_serve::schema::{Policy, RowType};

use super::Ending;
use super::data::ModelArgs;
use crate::Error;
use crate::report::{Table, importance};

/// Flags of `inspect`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn inspect(args: &Args) -> anyhow::Result<Ending> {
    let (scorer, path) = args.model.open_at()?;
    let bytes = std::fs::read(&path).map_err(|source| Error::Io { path, source })?;
    let sections = artifact::sections(&bytes).map_err(Error::Artifact)?;
    let mut report = describe(scorer.contents());
    report["artifact"] = json!(scorer.id().to_string());
    let digits = scorer.schema_hash().iter().map(|byte| format!("{byte:02x}"));
    report["schema_hash"] = json!(digits.collect::<String>());
    report["bytes"] = json!(bytes.len());
    report["engine"] = json!(scorer.engine_name());
    report["batch_engine"] = json!(scorer.batch_engine_name());
    let section = |info: &artifact::SectionInfo| json!({ "name": info.name, "version": info.version, "required": info.required, "bytes": info.length });
    report["sections"] = sections.iter().map(section).collect();
    if args.json {
        super::print_json(&report)?;
    } else {
        super::print(&text(&report))?;
    }
    Ok(Ending::Done)
}

fn describe(contents: &Contents) -> Value {
    let provenance = &contents.provenance;
    let inputs: Vec<Value> = contents
        .schema
        .inputs
        .iter()
        .map(|input| {
            json!({ "name": *input.name, "type": input.input_type.name(), "required": input.required })
        })
        .collect();
    let importance = match &contents.model {
        Model::Forest(forest) => importance(forest, contents.schema.features.len()),
        _ => Vec::new(),
    };
    let features: Vec<Value> = contents
        .schema
        .features
        .iter()
        .zip(&contents.program.steps)
        .enumerate()
        .map(|(position, (feature, step))| {
            let importance = importance.get(position);
            json!({
                "name": *feature.name,
                "input": step.input().map(|input| &*contents.schema.inputs[input].name),
                "kind": kind(feature.kind),
                "on_missing": policy(feature.on_missing),
                "on_unseen": policy(feature.on_unseen),
                "on_out_of_range": policy(feature.on_out_of_range),
                "gain": importance.map(|feature| feature.gain),
                "splits": importance.map(|feature| feature.n_splits),
            })
        })
        .collect();
    let windows: Vec<Value> = provenance
        .windows
        .iter()
        .map(|window| {
            let (from, to) = (window.from.map(format_time), window.to.map(format_time));
            json!({ "name": window.name, "from": from, "to": to, "rows": window.rows, "frauds": window.frauds })
        })
        .collect();
    let bands = contents.bands.as_ref().map(|bands| {
        json!({ "names": bands.names, "edges": bands.edges, "assumptions": bands.assumptions })
    });
    let reasons: Vec<Value> = contents
        .reasons
        .iter()
        .map(|reason| {
            let positions = reason.features.iter().map(|&at| at as usize);
            let names = positions.map(|at| json!(*contents.schema.features[at].name));
            json!({ "code": reason.code, "text": reason.text, "features": names.collect::<Value>() })
        })
        .collect();
    json!({
        "model": provenance.model_name,
        "learner": provenance.learner,
        "kind": model_kind(&contents.model),
        "calibration": calibration(&contents.calibration.calibrator),
        "as_of": provenance.as_of.map(format_time),
        "utc_offset_secs": contents.schema.utc_offset_secs,
        "code_version": provenance.code_version,
        "inputs": inputs,
        "features": features,
        "windows": windows,
        "bands": bands,
        "reasons": reasons,
        "golden_records": contents.golden.len(),
        "config": serde_json::from_str::<Value>(&provenance.config).unwrap_or_default(),
        "parameters": serde_json::from_str::<Value>(&provenance.parameters).unwrap_or_default(),
    })
}

fn model_kind(model: &Model) -> String {
    match model {
        Model::Linear(_) => "linear".to_owned(),
        Model::Forest(forest) => {
            let aggregation = match forest.aggregation {
                Aggregation::Averaged => "averaged",
                _ => "additive",
            };
            let n_nodes: usize = forest.trees.iter().map(|tree| tree.nodes.len()).sum();
            format!("{aggregation} forest of {} trees, {n_nodes} nodes", forest.trees.len())
        }
        _ => "unknown".to_owned(),
    }
}

fn calibration(calibrator: &Calibrator) -> String {
    match calibrator {
        Calibrator::None => "none".to_owned(),
        Calibrator::Platt(platt) => {
            format!("Platt, slope {:.4}, intercept {:.4}", platt.slope, platt.intercept)
        }
        Calibrator::Isotonic(isotonic) => format!("isotonic, {} points", isotonic.x.len()),
        _ => "unknown".to_owned(),
    }
}

fn kind(kind: RowType) -> String {
    match kind {
        RowType::Categorical { n_categories } => format!("category of {n_categories}"),
        _ => "number".to_owned(),
    }
}

fn policy(policy: Policy) -> String {
    match policy {
        Policy::Learned => "learned".to_owned(),
        Policy::AsMissing => "as_missing".to_owned(),
        Policy::Default(value) => format!("default {value}"),
        Policy::Reject => "reject".to_owned(),
        _ => "unknown".to_owned(),
    }
}

fn text(report: &Value) -> String {
    let show = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            format!("{:.4}", number.as_f64().unwrap_or(f64::NAN))
        }
        value => value.to_string(),
    };
    let mut text = String::new();
    for key in [
        "artifact",
        "model",
        "learner",
        "kind",
        "engine",
        "batch_engine",
        "calibration",
        "as_of",
        "bytes",
        "golden_records",
    ] {
        text.push_str(&format!("{key:<15} {}\n", show(&report[key])));
    }
    if report["bands"].is_null() {
        text.push_str("bands           none: trained without a calibrate window\n");
    } else {
        let bands = &report["bands"];
        text.push_str(&format!(
            "bands           {} at margins {}\n",
            bands["names"], bands["edges"]
        ));
    }
    for (title, list, keys) in [
        ("\ninputs\n", "inputs", &["name", "type", "required"][..]),
        (
            "\nfeatures\n",
            "features",
            &[
                "name",
                "input",
                "kind",
                "on_missing",
                "on_unseen",
                "on_out_of_range",
                "gain",
                "splits",
            ],
        ),
        ("\nreasons\n", "reasons", &["code", "text", "features"]),
        ("\nwindows\n", "windows", &["name", "from", "to", "rows", "frauds"]),
        ("\nsections\n", "sections", &["name", "version", "required", "bytes"]),
    ] {
        if list == "reasons" && report[list].as_array().is_none_or(Vec::is_empty) {
            continue;
        }
        let mut table = Table::new(keys.iter().copied());
        for item in report[list].as_array().into_iter().flatten() {
            table.push(keys.iter().map(|key| show(&item[*key])).collect());
        }
        text.push_str(&format!("{title}{table}"));
    }
    text
}
