//! The snapshot of a run: the states of all entities at the end of its events, with which a backend's store
//! begins.

use std::fs::File;
use std::io;
use std::path::Path;

use shroff_datasets::time::format_time;
use shroff_serve::features::window::Windows;
use shroff_serve::snapshot::Snapshot;

use super::Reporter;
use super::prepare::Plan;
use crate::config::Config;
use crate::error::Error;
use crate::events::Events;
use crate::program;
use crate::registry::{Error as RegistryError, Output, Registry, SnapshotFile};
use crate::replay::States;

/// Puts the snapshot that [`retrain`](super::retrain) would into a registry, without training: the same bytes
/// for the same data, configuration and `as_of`. The folder is made where it is missing.
///
/// # Errors
/// A configuration without velocity features, data that is not as it should be, a registry that cannot
/// be written or has another snapshot in its place.
pub fn publish_snapshot(
    config: &Config,
    registry: &Path,
    as_of: Option<i64>,
    reporter: &dyn Reporter,
) -> Result<SnapshotFile, Error> {
    let windows = windows(config)?;
    let registry = Registry::open_or_create(registry)?;
    let (states, as_of) = states(config, &windows, as_of, reporter)?;
    reporter.step("publishing the snapshot");
    Ok(put(&registry, &config.model.name, &states, as_of)?)
}

/// As [`publish_snapshot`], to a file, in place of one that may be there.
///
/// # Errors
/// As [`publish_snapshot`], of a file.
pub fn write_snapshot(
    config: &Config,
    path: &Path,
    as_of: Option<i64>,
    reporter: &dyn Reporter,
) -> Result<SnapshotFile, Error> {
    let windows = windows(config)?;
    let (states, as_of) = states(config, &windows, as_of, reporter)?;
    reporter.step("writing the snapshot");
    let write = |file: &File| states.write(file, as_of).map(|_| ()).map_err(io::Error::other);
    shroff_datasets::write_file(path, write).map_err(Error::Output)?;
    Ok(SnapshotFile::prove(Snapshot::open(path)?, &windows, path)?)
}

/// Publishes the snapshot of a run; none without velocity features. Where the registry has one of the same time
/// from other data, that one stays, and a note says so.
pub(super) fn of_run(
    registry: &Registry,
    plan: &Plan<'_>,
    states: Option<&States>,
    reporter: &dyn Reporter,
) -> Result<Option<SnapshotFile>, Error> {
    let Some(states) = states else { return Ok(None) };
    reporter.step("publishing the snapshot");
    let (name, as_of) = (&plan.config.model.name, plan.snapshot_as_of()?);
    match put(registry, name, states, as_of) {
        Err(error @ RegistryError::SnapshotTaken { .. }) => {
            reporter.note(&error.to_string());
            Ok(found(registry, name, states.windows(), as_of, reporter))
        }
        put => Ok(Some(put?)),
    }
}

/// The snapshot of a run that was published before. It is not made again, which would take reading
/// everything: a note says how.
pub(super) fn of_published(
    registry: &Registry,
    plan: &Plan<'_>,
    reporter: &dyn Reporter,
) -> Result<Option<SnapshotFile>, Error> {
    let Some(windows) = program::windows(plan.config)? else { return Ok(None) };
    let as_of = plan.snapshot_as_of()?;
    let found = found(registry, &plan.config.model.name, &windows, as_of, reporter);
    if found.is_none() {
        let asked = plan.as_of.map(|as_of| format!(" and --as-of {}", format_time(as_of)));
        reporter.note(&format!(
            "the snapshot of this run is missing, and backends begin with older states or none; \
             `shroff snapshot` with the same --config and --registry{} makes it again",
            asked.unwrap_or_default()
        ));
    }
    Ok(found)
}

fn windows(config: &Config) -> Result<Windows, Error> {
    program::windows(config)?.ok_or_else(|| {
        Error::config(
            "a snapshot holds what velocity features know of entities: expected a [[feature]] with a \
             key, found none; a model without them needs no snapshot",
        )
    })
}

/// The states at the end of the events that a run reads, and that end.
fn states(
    config: &Config,
    windows: &Windows,
    as_of: Option<i64>,
    reporter: &dyn Reporter,
) -> Result<(States, i64), Error> {
    reporter.step("hashing the source");
    let plan = Plan::new(config, as_of)?;
    reporter.step("reading events");
    let states = Events::read_states(&plan.request(Some(windows))?, windows)?;
    Ok((states, plan.snapshot_as_of()?))
}

fn put(
    registry: &Registry,
    name: &str,
    states: &States,
    as_of: i64,
) -> Result<SnapshotFile, RegistryError> {
    let write = |out: &mut dyn Output| states.write(out, as_of).map(|_| ());
    registry.put_snapshot(name, states.windows(), as_of, write)
}

/// The snapshot there is; none, with a note, where it cannot be used.
fn found(
    registry: &Registry,
    name: &str,
    windows: &Windows,
    as_of: i64,
    reporter: &dyn Reporter,
) -> Option<SnapshotFile> {
    registry.find_snapshot(name, windows, as_of).unwrap_or_else(|error| {
        reporter.note(&error.to_string());
        None
    })
}
