//! Looking a registry over: is everything there, whole, and as the events say? What they prove is repaired; what
//! a person has to decide is told.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use shroff_serve::artifact::ArtifactId;
use shroff_serve::registry::AliasTarget;
use shroff_serve::snapshot::Snapshot;

use super::Registry;
use super::artifact::{BlobFile, DAMAGED, REMOVED, with_ending};
use super::error::Error;
use super::gc::Gc;
use super::publish::PAGE;
use super::record::{Alias, Decision, Event, EventKind, VersionRecord};
use super::snapshot::SnapshotName;
use super::standing::Standing;
use super::store::{MAX_JSON_BYTES, first_gap, to_json};

/// Something that was found, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The model it belongs to, where one does.
    pub model: Option<String>,
    /// The file.
    pub path: PathBuf,
    /// What is wrong and what to do.
    pub what: String,
    /// Was it repaired?
    pub repaired: bool,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// A version record or an event is missing, damaged, or not of its number.
    Record,
    /// An artifact is damaged.
    DamagedArtifact,
    /// A record names an artifact that is not there.
    MissingArtifact,
    /// An alias is not what the events say.
    Alias,
    /// A report is not the copy it should be of its record.
    Report,
    /// A snapshot is damaged, or not of its name.
    Snapshot,
    /// A publish was killed before it was done; readers see nothing of it.
    UnfinishedVersion,
    /// An artifact that no record names.
    UnreferencedArtifact,
    /// What a killed writer, or a `gc`, left behind.
    TemporaryFile,
    /// A damaged file that was set aside.
    SetAside,
}

impl FindingKind {
    /// Whether something is wrong, rather than in nobody's way.
    pub fn is_problem(self) -> bool {
        use FindingKind::{SetAside, TemporaryFile, UnfinishedVersion, UnreferencedArtifact};
        !matches!(self, SetAside | TemporaryFile | UnfinishedVersion | UnreferencedArtifact)
    }

    /// Whether a model or its states cannot be loaded.
    pub fn is_artifact(self) -> bool {
        matches!(self, Self::DamagedArtifact | Self::MissingArtifact | Self::Snapshot)
    }
}

/// One look over a registry.
struct Look<'a> {
    registry: &'a Registry,
    repair: bool,
    files: Vec<BlobFile>,
    /// The artifacts that records name, but of removed versions.
    needed: HashSet<ArtifactId>,
    /// Whether all records could be read, so that what none names is known.
    is_sound: bool,
    findings: Vec<Finding>,
}

impl Registry {
    /// Looks over everything: records, events, artifacts, aliases, reports, snapshots, leftovers. With `repair` it
    /// makes right what the events prove: aliases, missing reports, artifacts that a killed `gc` had renamed,
    /// leftovers older than [`Gc::GRACE`]. Nothing else is changed, and no model is promoted.
    ///
    /// What is being published at the same time may be found unfinished.
    ///
    /// # Errors
    /// A folder cannot be listed, or a repair failed. What is wrong with a file is a finding.
    pub fn fsck(&self, repair: bool) -> Result<Vec<Finding>, Error> {
        let mut look = Look {
            registry: self,
            repair,
            files: self.blob_files()?,
            needed: HashSet::new(),
            is_sound: true,
            findings: Vec::new(),
        };
        for model in self.model_names()? {
            look.model(&model)?;
        }
        look.artifacts()?;
        look.leftovers()?;
        Ok(look.findings)
    }
}

impl Look<'_> {
    fn model(&mut self, model: &str) -> Result<(), Error> {
        let registry = self.registry;
        let numbers = registry.version_numbers(model)?;
        let record = |number| registry.read_record(model, number);
        let path = |number| registry.record_path(model, number);
        let (records, all_records) = self.numbered(model, &numbers, record, path)?;
        let numbers = registry.event_numbers(model)?;
        let event = |number| registry.event(model, number);
        let path = |number| registry.event_path(model, number);
        let (events, all_events) = self.numbered(model, &numbers, event, path)?;
        self.is_sound &= all_records && all_events;

        let removed = Standing::from_events(&events).removed;
        let of_events = events.iter().filter(|event| !removed.contains(&event.version));
        self.needed.extend(of_events.map(|event| event.artifact));
        for record in &records {
            if !removed.contains(&record.version) {
                self.needed.insert(record.run.artifact);
                self.artifact_of(model, record)?;
            }
            self.steps_of(model, record, &events, all_events)?;
        }
        if all_events {
            self.aliases(model)?;
        }
        for snapshot in registry.snapshot_names(model)? {
            // One that is gone since it was listed was removed by `gc`.
            if let Err(wrong) = prove(&snapshot)
                && registry.store.kept(&snapshot.path)?.is_some()
            {
                let what = format!("{wrong}; remove it, and make it again with `shroff snapshot`");
                self.add(FindingKind::Snapshot, Some(model), &snapshot.path, what, false);
            }
        }
        Ok(())
    }

    /// Those of the numbered files that can be read, and whether that is all from 1 on.
    fn numbered<T>(
        &mut self,
        model: &str,
        numbers: &[u64],
        read: impl Fn(u64) -> Result<T, Error>,
        path: impl Fn(u64) -> Result<PathBuf, Error>,
    ) -> Result<(Vec<T>, bool), Error> {
        let (mut found, mut is_whole) = (Vec::new(), true);
        if let Some(missing) = first_gap(numbers) {
            let what = format!("number {missing} is missing; restore it from a backup");
            self.add(FindingKind::Record, Some(model), &path(missing)?, what, false);
            is_whole = false;
        }
        for number in numbers {
            match read(*number) {
                Ok(read) => found.push(read),
                Err(error) => {
                    is_whole = false;
                    let path = path(*number)?;
                    self.add(FindingKind::Record, Some(model), &path, chain(&error), false);
                }
            }
        }
        Ok((found, is_whole))
    }

    /// Is the artifact of a version there? Whether it is whole is seen with all of them.
    fn artifact_of(&mut self, model: &str, record: &VersionRecord) -> Result<(), Error> {
        let (registry, id) = (self.registry, record.run.artifact);
        let path = registry.reader.blob_path(&id);
        if registry.store.kept(&path)?.is_some() {
            return Ok(());
        }
        let version = record.version;
        let aside = with_ending(&path, REMOVED);
        let is_aside = self.files.iter().any(|file| file.path == aside);
        let (what, repaired) = if is_aside {
            let what =
                format!("artifact of version {version} was renamed by a `gc` that was killed");
            (what, self.repair && registry.store.rename(&aside, &path)?)
        } else {
            let what = "is missing; restore it from a backup, or repeat the run that made it";
            (format!("artifact of version {version} {what}"), false)
        };
        self.add(FindingKind::MissingArtifact, Some(model), &path, what, repaired);
        Ok(())
    }

    /// Was everything done that follows a version's record?
    fn steps_of(
        &mut self,
        model: &str,
        record: &VersionRecord,
        events: &[Event],
        all_events: bool,
    ) -> Result<(), Error> {
        let (registry, version) = (self.registry, record.version);
        let has = |kind| events.iter().any(|it| it.version == version && it.kind == kind);
        let is_published = has(EventKind::Publish);
        let wanted = record.run.verdict.decision == Decision::Promote;
        let is_decided = !wanted || has(EventKind::Promote) || has(EventKind::Keep);
        if all_events && !(is_published && is_decided) {
            let path = registry.record_path(model, version)?;
            let what = format!(
                "version {version} was not published to the end; repeat the run that made it, or leave it"
            );
            self.add(FindingKind::UnfinishedVersion, Some(model), &path, what, false);
        }
        // Written before the publish event.
        if !is_published {
            return Ok(());
        }
        let path = registry.report_path(model, version)?;
        let expected = to_json(&path, &record.run.report)?;
        // Of the page only that it is there: another release may have made another one.
        let page = path.with_file_name(PAGE);
        let mut missing = Vec::new();
        for path in [&path, &page] {
            if registry.store.kept(path)?.is_none() {
                missing.push(path);
            }
        }
        let found = registry.store.get(&path, MAX_JSON_BYTES).ok().flatten();
        let is_other = !missing.contains(&&path) && found.as_ref() != Some(&expected);
        if is_other {
            let what = "is another than its record holds; move it away, and repair again";
            let what = format!("report of version {version} {what}");
            self.add(FindingKind::Report, Some(model), &path, what, false);
        }
        let repaired = self.repair && !is_other;
        if repaired && !missing.is_empty() {
            registry.put_report(model, record)?;
        }
        for path in missing {
            let what = format!("report of version {version} is missing; its record holds it too");
            self.add(FindingKind::Report, Some(model), path, what, repaired);
        }
        Ok(())
    }

    fn aliases(&mut self, model: &str) -> Result<(), Error> {
        let registry = self.registry;
        for alias in [Alias::Champion, Alias::Challenger] {
            let path = registry.reader.alias_path(model, alias.as_str())?;
            let found = registry.alias_file(model, alias)?;
            // Read after the file: a writer puts the event first.
            let wanted = registry.standing(model)?.target(alias);
            let target = found.as_ref().and_then(|file| file.target);
            self.needed.extend(target.map(|target| target.artifact));
            if target == wanted && found.is_some() == wanted.is_some() {
                continue;
            }
            let text = |target: Option<AliasTarget>| {
                target.map_or("nothing".to_owned(), |target| target.to_string())
            };
            let mut what = match (&found, target) {
                (Some(_), None) => format!("is no alias; the events say {}", text(wanted)),
                _ => format!("names {}; the events say {}", text(target), text(wanted)),
            };
            let mut repaired = false;
            if self.repair {
                match registry.rebuild_aliases(model) {
                    Ok(_) => repaired = true,
                    Err(error @ Error::AliasAhead { .. }) => what = chain(&error),
                    Err(error) => return Err(error),
                }
            }
            self.add(FindingKind::Alias, Some(model), &path, what, repaired);
        }
        Ok(())
    }

    /// Is each artifact whole and of use?
    fn artifacts(&mut self) -> Result<(), Error> {
        let registry = self.registry;
        for file in std::mem::take(&mut self.files) {
            let (path, id) = (&file.path, &file.id);
            match file.ending.as_str() {
                "" => {
                    // Gone since it was listed: a `gc` is at work.
                    let checked = match registry.check_blob(id) {
                        Err(Error::BlobMissing { .. }) => continue,
                        checked => checked,
                    };
                    if let Err(error) = checked {
                        self.add(FindingKind::DamagedArtifact, None, path, chain(&error), false);
                    } else if self.is_sound && !self.needed.contains(id) {
                        let what = "no version has it; `shroff registry gc` removes it when it is old enough";
                        self.add(FindingKind::UnreferencedArtifact, None, path, what.into(), false);
                    }
                }
                // What a version needs was put back with it, if it was to be.
                REMOVED if registry.store.kept(path)?.is_some() => {
                    let place = registry.reader.blob_path(id);
                    let is_useless =
                        !self.needed.contains(id) || registry.store.kept(&place)?.is_some();
                    let repaired = self.repair && self.is_sound && is_useless;
                    if repaired {
                        registry.store.remove(path)?;
                    }
                    let what = "a `gc` that was killed left it";
                    self.add(FindingKind::TemporaryFile, None, path, what.into(), repaired);
                }
                DAMAGED => {
                    let what =
                        "set aside when the artifact was put back; look at it, then remove it";
                    self.add(FindingKind::SetAside, None, path, what.into(), false);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Is something in `tmp/` that nobody writes any more?
    fn leftovers(&mut self) -> Result<(), Error> {
        for (path, _) in self.registry.temporary_files(Gc::GRACE)? {
            if self.repair {
                self.registry.store.remove(&path)?;
            }
            let what = "a writer that was killed left it";
            self.add(FindingKind::TemporaryFile, None, &path, what.into(), self.repair);
        }
        Ok(())
    }

    fn add(
        &mut self,
        kind: FindingKind,
        model: Option<&str>,
        path: &Path,
        what: String,
        repaired: bool,
    ) {
        let (model, path) = (model.map(str::to_owned), path.to_path_buf());
        self.findings.push(Finding { kind, model, path, what, repaired });
    }
}

/// Reads all of a snapshot: its hashes, and whether it is of its name. Its states are decoded by whoever has
/// their windows.
fn prove(name: &SnapshotName) -> Result<(), String> {
    let mut snapshot = Snapshot::open(&name.path).map_err(|error| chain(&error))?;
    snapshot.for_each(|_| Ok(())).map_err(|error| chain(&error))?;
    let windows = blake3::Hash::from_bytes(*snapshot.window_hash()).to_string();
    if (windows.as_str(), snapshot.as_of()) == (name.window_hash.as_str(), name.as_of) {
        return Ok(());
    }
    Err(format!(
        "holds the states of windows {windows} as of {}, not those of its name",
        snapshot.as_of()
    ))
}

/// An error with what it comes from, as the command line prints it.
fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
