//! `shroff registry list` and `show`

use serde_json::{Value, json};
use shroff_datasets::time::format_time;

use super::audit::events_table;
use super::{Common, open};
use crate::Error;
use crate::registry::{Error as RegistryError, Listed};
use crate::report::Table;

pub(super) fn list(model: Option<&str>, common: &Common) -> anyhow::Result<()> {
    let registry = open(common)?;
    let models = match model {
        Some(model) => vec![model.to_owned()],
        None => registry.model_names().map_err(Error::Registry)?,
    };
    let (mut versions, mut unpublished) = (Vec::new(), Vec::new());
    for name in models {
        let snapshots = registry.snapshot_names(&name).map_err(Error::Registry)?;
        let newest = snapshots.iter().map(|snapshot| snapshot.as_of).max();
        match (registry.list(&name), newest) {
            // Its run was killed before it published, or `shroff snapshot` was all there ever was.
            (Err(RegistryError::ModelMissing { .. }), Some(newest)) => {
                unpublished.push((name, snapshots.len(), format_time(newest)));
            }
            (Err(RegistryError::ModelMissing { .. }), None) if model.is_none() => {}
            (listed, _) => {
                let listed = listed.map_err(Error::Registry)?;
                versions.extend(listed.into_iter().map(|listed| (name.clone(), listed)));
            }
        }
    }
    if common.json {
        let shown: Vec<Value> =
            versions.iter().map(|(model, listed)| summary(model, listed)).collect();
        let snapshot = |(model, n_snapshots, newest): &(String, usize, String)| {
            let (n_snapshots, newest) = (json!(n_snapshots), json!(newest));
            json!({ "model": model, "snapshots": n_snapshots, "newest_snapshot": newest })
        };
        let unpublished: Vec<Value> = unpublished.iter().map(snapshot).collect();
        return crate::cli::print_json(&json!({ "versions": shown, "unpublished": unpublished }));
    }
    let heading =
        ["model", "version", "alias", "as of", "learner", "avg precision", "verdict", "artifact"];
    let mut table = Table::new(heading);
    for (model, listed) in &versions {
        let summary = summary(model, listed);
        let show = |key: &str| match &summary[key] {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            Value::Number(number) if key == "average_precision" => {
                format!("{:.4}", number.as_f64().unwrap_or_default())
            }
            other => other.to_string(),
        };
        let keys =
            ["model", "version", "alias", "as_of", "learner", "average_precision", "verdict"];
        let mut cells: Vec<String> = keys.into_iter().map(show).collect();
        let artifact = if listed.removed { "removed".into() } else { show("artifact") };
        cells.push(artifact.chars().take(12).collect());
        table.push(cells);
    }
    let mut text = table.to_string();
    for (model, n_snapshots, newest) in &unpublished {
        text.push_str(&format!(
            "{model}: no version; snapshots: {n_snapshots}, the newest as of {newest}\n"
        ));
    }
    crate::cli::print(&text)
}

fn summary(model: &str, listed: &Listed) -> Value {
    let run = &listed.record.run;
    let alias = match (listed.champion, listed.challenger) {
        (true, _) => Some("champion"),
        (_, true) => Some("challenger"),
        _ => None,
    };
    json!({
        "model": model,
        "version": listed.record.version,
        "alias": alias,
        "as_of": run.as_of.as_ref().map(|as_of| &as_of.time),
        "learner": run.learner,
        "average_precision": run.report["learners"][&run.learner]["average_precision"],
        "verdict": listed.verdict.decision,
        "reason": listed.verdict.reason,
        "artifact": run.artifact.to_string(),
        "removed": listed.removed,
        "created_at": run.created_at,
        "created_by": run.created_by,
    })
}

pub(super) fn show(model: &str, version: Option<u64>, common: &Common) -> anyhow::Result<()> {
    let registry = open(common)?;
    let version = match version {
        Some(version) => version,
        None => {
            let standing = registry.standing(model).map_err(Error::Registry)?;
            let none = || Error::Config(format!("model {model:?} has no champion; name a version"));
            standing.champion.ok_or_else(none)?.version
        }
    };
    let shown = registry.show(model, version).map_err(Error::Registry)?;
    let mut json = summary(model, &shown.listed);
    json["artifact_path"] = json!(shown.artifact_path.display().to_string());
    json["events"] = json!(shown.events);
    json["report"] = shown.listed.record.run.report.clone();
    if common.json {
        return crate::cli::print_json(&json);
    }
    let mut text = String::new();
    let keys = [
        "model",
        "version",
        "alias",
        "as_of",
        "learner",
        "verdict",
        "reason",
        "artifact",
        "artifact_path",
        "created_at",
        "created_by",
    ];
    for key in keys {
        let value = json[key].as_str().map_or_else(|| json[key].to_string(), str::to_owned);
        text.push_str(&format!("{key:<14} {value}\n"));
    }
    text.push_str("\nevents\n");
    let events = events_table(&shown.events);
    text.push_str(&format!("{events}\n{}", crate::report::retraining(&json["report"])));
    crate::cli::print(&text)
}
