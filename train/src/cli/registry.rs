//! `shroff registry`

use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Value, json};

use super::Ending;
use super::retrain::{now, user};
use crate::Error;
use crate::registry::{Event, Listed, Registry};
use crate::report::Table;

/// Verbs of `registry`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// List the versions of a model, or of all models
    List {
        /// The model; default all
        model: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Show a version and what was done with it; default the champion
    Show {
        /// The model
        model: String,
        /// The version
        version: Option<u64>,
        #[command(flatten)]
        common: Common,
    },
    /// Make a version the champion
    Promote {
        /// The model
        model: String,
        /// The version
        version: u64,
        /// Why, for the audit trail
        #[arg(long)]
        why: String,
        #[command(flatten)]
        common: Common,
    },
    /// Go back to the champion before, or to an earlier one
    Rollback {
        /// The model
        model: String,
        /// An earlier champion; default the last one before
        #[arg(long)]
        to: Option<u64>,
        /// Why, for the audit trail
        #[arg(long)]
        why: String,
        #[command(flatten)]
        common: Common,
    },
}

/// Flags of every registry verb.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// Folder of the registry
    #[arg(long, default_value = "registry")]
    registry: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(verb: &Verb) -> anyhow::Result<Ending> {
    match verb {
        Verb::List { model, common } => list(model.as_deref(), common).context("registry list")?,
        Verb::Show { model, version, common } => {
            show(model, *version, common).context("registry show")?;
        }
        Verb::Promote { model, version, why, common } => {
            let event = open(common)?.promote(model, *version, why, &user(), &now());
            print_event(
                model,
                &event.map_err(Error::Registry).context("registry promote")?,
                common,
            )?;
        }
        Verb::Rollback { model, to, why, common } => {
            let event = open(common)?.rollback(model, *to, why, &user(), &now());
            print_event(
                model,
                &event.map_err(Error::Registry).context("registry rollback")?,
                common,
            )?;
        }
    }
    Ok(Ending::Done)
}

fn open(common: &Common) -> Result<Registry, Error> {
    Ok(Registry::open(&common.registry)?)
}

fn list(model: Option<&str>, common: &Common) -> anyhow::Result<()> {
    let registry = open(common)?;
    let models = match model {
        Some(model) => vec![model.to_owned()],
        None => registry.models().map_err(Error::Registry)?,
    };
    let mut versions = Vec::new();
    for model in models {
        let listed = registry.list(&model).map_err(Error::Registry)?;
        versions.extend(listed.into_iter().map(|listed| (model.clone(), listed)));
    }
    if common.json {
        let shown: Vec<Value> =
            versions.iter().map(|(model, listed)| summary(model, listed)).collect();
        return super::print_json(&json!({ "versions": shown }));
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
        cells.push(show("artifact").chars().take(12).collect());
        table.push(cells);
    }
    super::print(&table.to_string())
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
        "created_at": run.created_at,
        "created_by": run.created_by,
    })
}

fn show(model: &str, version: Option<u64>, common: &Common) -> anyhow::Result<()> {
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
        return super::print_json(&json);
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
    let mut events = Table::new(["event", "kind", "at", "by", "why"]);
    for event in &shown.events {
        events.push(vec![
            event.event.to_string(),
            json!(event.kind).as_str().unwrap_or_default().to_owned(),
            event.at.clone(),
            event.by.clone(),
            event.why.clone(),
        ]);
    }
    text.push_str(&format!("{events}\n{}", crate::report::retraining(&json["report"])));
    super::print(&text)
}

fn print_event(model: &str, event: &Event, common: &Common) -> anyhow::Result<()> {
    if common.json {
        return super::print_json(&json!(event));
    }
    super::print(&format!(
        "{model}: version {} is champion (event {}), artifact {}\n",
        event.version, event.event, event.artifact
    ))
}
