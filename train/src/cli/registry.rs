//! `shroff registry`

mod audit;
mod list;
mod upkeep;

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use super::Ending;
use super::retrain::{now, user};
use crate::Error;
use crate::registry::{Event, Registry};

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
        /// File of a secret key to sign the event with, for backends that ask for it
        #[arg(long)]
        key: Option<PathBuf>,
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
        /// File of a secret key to sign the event with, for backends that ask for it
        #[arg(long)]
        key: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
    /// Show the audit trail: what was done with which version, when, by whom and why
    Audit {
        /// The model; default all
        model: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Look everything over: damaged or missing files, aliases that differ from the events, leftovers
    Fsck {
        /// Make right what the events prove, and remove old leftovers
        #[arg(long)]
        repair: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Remove what is of no use: leftovers and, with --keep, old artifacts and snapshots
    Gc {
        #[command(flatten)]
        args: upkeep::GcArgs,
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
        Verb::List { model, common } => {
            list::list(model.as_deref(), common).context("registry list")?;
        }
        Verb::Show { model, version, common } => {
            list::show(model, *version, common).context("registry show")?;
        }
        Verb::Promote { model, version, why, key, common } => {
            let registry = signing(open(common)?, key.as_deref()).context("registry promote")?;
            let event = registry.promote(model, *version, why, &user(), &now());
            print_event(
                model,
                &event.map_err(Error::Registry).context("registry promote")?,
                common,
            )?;
        }
        Verb::Rollback { model, to, why, key, common } => {
            let registry = signing(open(common)?, key.as_deref()).context("registry rollback")?;
            let event = registry.rollback(model, *to, why, &user(), &now());
            print_event(
                model,
                &event.map_err(Error::Registry).context("registry rollback")?,
                common,
            )?;
        }
        Verb::Audit { model, common } => {
            audit::run(model.as_deref(), common).context("registry audit")?;
        }
        Verb::Fsck { repair, common } => {
            return upkeep::fsck(*repair, common).context("registry fsck");
        }
        Verb::Gc { args, common } => upkeep::gc(args, common).context("registry gc")?,
    }
    Ok(Ending::Done)
}

fn open(common: &Common) -> Result<Registry, Error> {
    Ok(Registry::open(&common.registry)?)
}

/// The registry, with the key to sign by, if there is one.
fn signing(registry: Registry, key: Option<&Path>) -> anyhow::Result<Registry> {
    Ok(match key {
        Some(path) => registry.with_signer(super::sign::read_key(path)?),
        None => registry,
    })
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
