//! Making space: what goes, and in which order, so that a writer or a reader at the same time loses nothing.
//!
//! A version that goes gets its `remove` event first; from then on nobody promotes it. An artifact
//! that nothing needs is renamed, the records are read once more, and only then is it removed, or
//! put back if a record came in between. A writer looks after it wrote its record whether the
//! artifact is there: whichever of the two comes second sees what the other did.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use shroff_serve::artifact::ArtifactId;

use super::Registry;
use super::artifact::{BlobFile, REMOVED, with_ending};
use super::error::Error;
use super::record::{Event, EventKind};
use super::retention::{Census, Model};
use super::standing::Standing;
use super::store::Kept;

/// What may be removed.
#[derive(Debug, Clone)]
pub struct Gc {
    /// How many of the newest versions of each model keep their artifact, and how many of the newest
    /// snapshots of each model and window program stay. None: all.
    pub keep: Option<NonZeroUsize>,
    /// How long something must have been of no use; [`Gc::GRACE`] unless there is reason for another.
    pub grace: Duration,
    /// Only say what would be removed.
    pub dry_run: bool,
    /// Who, for the audit trail.
    pub by: String,
    /// When, RFC 3339, for the audit trail.
    pub at: String,
}

impl Gc {
    /// A day: longer than any job writes one file, and than any backend takes from reading an alias to having
    /// read the artifact.
    pub const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
}

/// A file that was removed, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Removal {
    /// What it is.
    pub kind: RemovalKind,
    /// The model, of an artifact that a version had, or a snapshot.
    pub model: Option<String>,
    /// The version whose artifact it is; the newest, when several share it.
    pub version: Option<u64>,
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RemovalKind {
    /// The artifact of an old version.
    Artifact,
    /// An artifact that no record names: its writer was killed, or its version was removed.
    UnreferencedArtifact,
    /// A snapshot with enough newer ones of the same windows.
    Snapshot,
    /// What a writer that was killed left in `tmp/`.
    TemporaryFile,
}

/// The events of a model, read once, and what they keep. Both are looked at again only when another writer added
/// some.
struct Trail<'a> {
    model: &'a Model,
    events: Vec<Event>,
    /// For how many events it is known what stays.
    n_judged: Option<usize>,
    /// The versions that are kept, and those that were removed before.
    stays: HashSet<u64>,
}

impl<'a> Trail<'a> {
    fn new(model: &'a Model) -> Self {
        let events = model.events.clone();
        Self { model, events, n_judged: None, stays: HashSet::new() }
    }
}

/// What an artifact that is removed was, and of which model and version.
type Whose = (RemovalKind, Option<(String, u64)>);

impl Registry {
    /// Removes what is of no use, or says what it would remove. Records, events and reports stay for ever; so do
    /// damaged files that were set aside.
    ///
    /// # Errors
    /// A record, event or alias is missing or damaged, so that nothing can be proved useless, or a file
    /// could not be written, read or removed. What was not yet removed the next one removes.
    pub fn gc(&self, gc: &Gc) -> Result<Vec<Removal>, Error> {
        let files = self.blob_files()?;
        // After the list: whoever was not in the records by now looks whether its artifact is there.
        let census = self.census()?;
        let needed = census.needed();
        let mut removals = Vec::new();
        // First what takes no space to remove, as there may be none left for an event.
        for (path, kept) in self.temporary_files(gc.grace)? {
            if !gc.dry_run {
                self.store.remove(&path)?;
            }
            removals.push(removal(RemovalKind::TemporaryFile, None, (path, kept.bytes)));
        }
        self.gc_snapshots(gc, &census, &mut removals)?;
        if !gc.dry_run {
            self.finish_removals(&files, &needed)?;
        }
        let useless = self.removable(&files, gc.grace, |id| !needed.contains(id))?;
        let unreferenced = |_: &ArtifactId| (RemovalKind::UnreferencedArtifact, None);
        self.sweep(gc, useless, &unreferenced, &mut removals)?;
        if let Some(keep) = gc.keep {
            self.gc_versions(gc, keep, &files, &census, &mut removals)?;
        }
        Ok(removals)
    }

    /// Files in `tmp/` that were last written longer than `grace` ago, with their size.
    pub(super) fn temporary_files(&self, grace: Duration) -> Result<Vec<(PathBuf, Kept)>, Error> {
        let folder = self.reader.root().join("tmp");
        let mut found = Vec::new();
        for entry in self.store.list(&folder)? {
            let path = folder.join(&entry.name);
            if entry.is_folder || entry.name.ends_with(".lock") {
                continue;
            }
            let kept = self.store.kept(&path)?.filter(|kept| kept.is_older_than(grace));
            found.extend(kept.map(|kept| (path, kept)));
        }
        found.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        Ok(found)
    }

    /// Finishes what a `gc` that was killed began: artifacts that it had renamed are put back if they are
    /// needed, and otherwise removed. `needed` was found after `files`.
    pub(super) fn finish_removals(
        &self,
        files: &[BlobFile],
        needed: &HashSet<ArtifactId>,
    ) -> Result<(), Error> {
        for file in files.iter().filter(|file| file.ending == REMOVED) {
            let place = self.reader.blob_path(&file.id);
            if needed.contains(&file.id) && self.store.kept(&place)?.is_none() {
                self.store.rename(&file.path, &place)?;
            } else {
                self.store.remove(&file.path)?;
            }
        }
        Ok(())
    }

    /// The artifacts among `files` that `is_useless` and are old enough, with their size.
    fn removable(
        &self,
        files: &[BlobFile],
        grace: Duration,
        is_useless: impl Fn(&ArtifactId) -> bool,
    ) -> Result<Vec<(ArtifactId, u64)>, Error> {
        let mut found = Vec::new();
        for file in files.iter().filter(|file| file.ending.is_empty() && is_useless(&file.id)) {
            let kept = self.store.kept(&file.path)?.filter(|kept| kept.is_older_than(grace));
            found.extend(kept.map(|kept| (file.id, kept.bytes)));
        }
        Ok(found)
    }

    /// Removes artifacts that nothing needed a moment ago, unless something does by now.
    fn sweep(
        &self,
        gc: &Gc,
        useless: Vec<(ArtifactId, u64)>,
        what: &dyn Fn(&ArtifactId) -> Whose,
        removals: &mut Vec<Removal>,
    ) -> Result<(), Error> {
        let mut aside = Vec::new();
        for (id, bytes) in useless {
            let path = self.reader.blob_path(&id);
            let removed = with_ending(&path, REMOVED);
            if gc.dry_run {
                let (kind, version) = what(&id);
                removals.push(removal(kind, version, (path, bytes)));
                continue;
            }
            // Looked at once more, as late as can be: a writer that wants it makes it young.
            let is_old = self.store.kept(&path)?.is_some_and(|kept| kept.is_older_than(gc.grace));
            if is_old && self.store.rename(&path, &removed)? {
                aside.push((id, bytes, path, removed));
            }
        }
        if aside.is_empty() {
            return Ok(());
        }
        let needed = self.census()?.needed();
        for (id, bytes, path, removed) in aside {
            if needed.contains(&id) {
                self.store.rename(&removed, &path)?;
            } else {
                self.store.remove(&removed)?;
                let (kind, version) = what(&id);
                removals.push(removal(kind, version, (path, bytes)));
            }
        }
        Ok(())
    }

    /// Removes the artifacts of versions that retention does not keep.
    fn gc_versions(
        &self,
        gc: &Gc,
        keep: NonZeroUsize,
        files: &[BlobFile],
        census: &Census,
        removals: &mut Vec<Removal>,
    ) -> Result<(), Error> {
        // An artifact goes with the last version that has it.
        let mut kept = HashSet::new();
        let mut leaving = Vec::new();
        for model in &census.models {
            let (versions, events) = (&model.versions, &model.events);
            let stays = self.kept_versions(&model.name, versions, events, (keep, gc.grace))?;
            let removed = Standing::from_events(events).removed;
            for (version, artifact) in versions.iter().filter(|(it, _)| !removed.contains(it)) {
                if stays.contains(version) {
                    kept.insert(*artifact);
                } else {
                    leaving.push((model, *version, *artifact));
                }
            }
            kept.extend(&model.aliased);
        }
        let mut old = self.removable(files, gc.grace, |id| {
            !kept.contains(id) && leaving.iter().any(|(_, _, artifact)| artifact == id)
        })?;
        leaving.retain(|(_, _, artifact)| old.iter().any(|(id, _)| id == artifact));
        if !gc.dry_run {
            let mut trail: Option<Trail<'_>> = None;
            for (model, version, artifact) in &leaving {
                let trail = match &mut trail {
                    Some(trail) if trail.model.name == model.name => trail,
                    other => other.insert(Trail::new(model)),
                };
                self.append_remove(gc, keep, trail, (*version, *artifact))?;
            }
            // Without those that were promoted in the last moment.
            let needed = self.census()?.needed();
            old.retain(|(id, _)| !needed.contains(id));
        }
        let of_version = |id: &ArtifactId| {
            let newest = leaving.iter().rev().find(|(_, _, artifact)| artifact == id);
            (
                RemovalKind::Artifact,
                newest.map(|(model, version, _)| (model.name.clone(), *version)),
            )
        };
        self.sweep(gc, old, &of_version, removals)
    }

    /// The event that a version's artifact is removed, unless what happened since keeps it.
    fn append_remove(
        &self,
        gc: &Gc,
        keep: NonZeroUsize,
        trail: &mut Trail<'_>,
        (version, artifact): (u64, ArtifactId),
    ) -> Result<(), Error> {
        let Trail { model, events, n_judged, stays } = trail;
        let added = self.append_event(&model.name, events, |number, events| {
            if *n_judged != Some(events.len()) {
                let rule = (keep, gc.grace);
                *stays = self.kept_versions(&model.name, &model.versions, events, rule)?;
                stays.extend(Standing::from_events(events).removed);
                *n_judged = Some(events.len());
            }
            Ok((!stays.contains(&version)).then(|| Event {
                event: number,
                kind: EventKind::Remove,
                version,
                artifact,
                alias: None,
                at: gc.at.clone(),
                by: gc.by.clone(),
                why: format!("the newest {keep} versions are kept"),
            }))
        })?;
        // Its own event keeps no other version and removes none.
        *n_judged = n_judged.map(|n_judged| n_judged + usize::from(added.is_some()));
        Ok(())
    }

    /// Removes snapshots with enough newer ones of the same windows. Those count that have been there for the
    /// grace: a backend may have listed the others' predecessors a moment ago.
    fn gc_snapshots(
        &self,
        gc: &Gc,
        census: &Census,
        removals: &mut Vec<Removal>,
    ) -> Result<(), Error> {
        let Some(keep) = gc.keep else { return Ok(()) };
        for model in &census.models {
            let (mut n_newer, mut windows) = (0, String::new());
            for snapshot in self.snapshot_names(&model.name)?.into_iter().rev() {
                if snapshot.window_hash != windows {
                    (n_newer, windows) = (0, snapshot.window_hash);
                }
                let kept = self.store.kept(&snapshot.path)?;
                let Some(kept) = kept.filter(|kept| kept.is_older_than(gc.grace)) else { continue };
                n_newer += 1;
                if n_newer <= keep.get() {
                    continue;
                }
                if !gc.dry_run {
                    self.store.remove(&snapshot.path)?;
                }
                let model = Some(model.name.clone());
                let (path, bytes) = (snapshot.path, kept.bytes);
                let (kind, version) = (RemovalKind::Snapshot, None);
                removals.push(Removal { kind, model, version, path, bytes });
            }
        }
        Ok(())
    }
}

fn removal(
    kind: RemovalKind,
    version: Option<(String, u64)>,
    (path, bytes): (PathBuf, u64),
) -> Removal {
    let (model, version) = version.unzip();
    Removal { kind, model, version, path, bytes }
}
