//! The write side of the model registry: a folder, no server.
//!
//! ```text
//! tmp/                                             files on their way into place, and locks
//! blobs/b3/<2 hex>/<id>.shroff                     artifacts, immutable, named by content
//! blobs/b3/<2 hex>/<id>.shroff.damaged             what a damaged artifact was, for a person
//! search/<64 hex>.jsonl                            what the search of a run tried, by its run key
//! blobs/b3/<2 hex>/<id>.<event>.minisig            signatures, for backends that ask for them
//! blobs/b3/<2 hex>/<id>.shroff.removed             an artifact that `gc` is about to remove
//! models/<name>/versions/00000042.json             one record a version, never changed
//! models/<name>/reports/00000042/metrics.json      what the run found
//! models/<name>/reports/00000042/report.html       the same as a page for people
//! models/<name>/events/00000137.json               publish, promote, keep, rollback, remove, restore: the audit trail
//! models/<name>/aliases/{champion,challenger}      artifact id and event number
//! models/<name>/snapshots/<64 hex>/<as_of>.state   what entities did before, for windows of this hash; microseconds
//! ```
//!
//! **The events are the truth.** An alias is a copy of what they say, so that a reader need not go
//! through them; it can be lost and is written again from them. Numbers are taken by creating the
//! file, which only one writer can; the loser looks again at what is there now. An alias is
//! replaced only while it is what the writer saw, who otherwise looks again too.
//!
//! **Two seams.** What it writes goes through a `Store` (`put_new`, `get`, `list`, `cas` and a few more), so
//! that one of objects can take the folder's place. The folder asks the filesystem through `Files`,
//! one call an operation, so that tests can make any of them fail.
//!
//! **Killed anywhere**, a publish leaves a longer or shorter beginning of: artifact, version record,
//! report, publish event, promote or keep event, aliases. Each file appears whole, and the alias a
//! reader looks at comes last: it sees the old version or the new. [`Registry::complete`] adds what
//! is missing; an artifact lost or damaged since is put back by the same run
//! ([`Registry::restore`]).
//!
//! **Snapshots** belong to windows and a time and to no version, so that no record names them. A run puts
//! its own into place before it publishes ([`Registry::put_snapshot`]): killed in between, it leaves a
//! snapshot that nobody has a model for yet, and finds it when it is run again. One that is there is never
//! replaced. Nothing refers to older ones, and [`Registry::gc`] removes them.
//!
//! **Space** is made by [`Registry::gc`]; [`Registry::fsck`] with repair clears old leftovers too. What it takes was of no use for a while (the grace),
//! and so is not what a reader found in an alias a moment ago, nor what a writer just put.
//!
//! **Champion and challenger.** A version whose verdict is `keep` becomes the challenger, and so
//! does one to promote whose champion moved since they were compared: a `keep` event says that, and
//! [`Registry::came_to`] what the verdict came to. The challenger is dropped when it, or the same
//! artifact under another number, becomes champion; otherwise it stays when the champion changes.

mod alias;
mod artifact;
mod error;
mod files;
mod folder;
mod fsck;
mod gc;
mod publish;
mod record;
mod retention;
mod sign;
mod snapshot;
mod standing;
mod store;
mod verdict;

#[cfg(test)]
mod tests;

pub use error::Error;
pub use fsck::{Finding, FindingKind};
pub use gc::{Gc, Removal, RemovalKind};
pub use record::{Alias, AsOf, Decision, Event, EventKind, Run, RunKey, Verdict, VersionRecord};
pub use snapshot::{SnapshotFile, SnapshotName};
pub use standing::{Holder, Standing};
pub use store::Output;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use shroff_serve::Scorer;
use shroff_serve::artifact::ArtifactId;
use shroff_serve::registry::Registry as Reader;

use crate::signing::SigningKey;
use folder::Folder;
use record::check_number;
use store::{Store, get_json, numbered, numbers};

/// Why an artifact was refused.
pub type CheckError = Box<dyn std::error::Error + Send + Sync>;

/// Says which artifact some bytes are, having proved that they can be used.
type Check = dyn Fn(&[u8]) -> Result<ArtifactId, CheckError> + Send + Sync;

/// A registry folder, for reading and writing. Several processes may use one at once.
#[derive(Clone)]
pub struct Registry {
    reader: Reader,
    store: Arc<dyn Store>,
    check: Arc<Check>,
    signer: Option<Arc<SigningKey>>,
}

/// A version and the aliases it holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Listed {
    /// Its record.
    pub record: VersionRecord,
    /// What its verdict came to.
    pub verdict: Verdict,
    /// Is it the champion?
    pub champion: bool,
    /// Is it the challenger?
    pub challenger: bool,
    /// Was its artifact removed to save space? The run that made it can put it back.
    pub removed: bool,
}

/// All that is known of one version.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Shown {
    /// The version and its aliases.
    pub listed: Listed,
    /// Its events, oldest first.
    pub events: Vec<Event>,
    /// Where its artifact is.
    pub artifact_path: PathBuf,
}

impl Registry {
    /// The registry in the folder `root`, made if it is not there, and proved writable.
    ///
    /// # Errors
    /// `root` is a file, or cannot be made or written.
    pub fn open_or_create(root: impl AsRef<Path>) -> Result<Self, Error> {
        let root = absolute(root.as_ref())?;
        let folder = Folder::new(&root);
        folder.create()?;
        Self::over(root, Arc::new(folder))
    }

    /// The registry in the folder `root`, which must be there; it may be read-only until
    /// something is published.
    ///
    /// # Errors
    /// `root` is missing, or not a folder.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, Error> {
        let root = absolute(root.as_ref())?;
        let folder = Folder::new(&root);
        Self::over(root, Arc::new(folder))
    }

    /// The registry whose files `store` keeps.
    fn over(root: PathBuf, store: Arc<dyn Store>) -> Result<Self, Error> {
        Ok(Self { reader: Reader::open(root)?, store, check: Arc::new(open_scorer), signer: None })
    }

    /// Proves artifacts by `check`, which says which artifact some bytes are, rather than by opening
    /// a scorer, which also runs the golden rows.
    #[must_use]
    pub fn with_check<F>(mut self, check: F) -> Self
    where
        F: Fn(&[u8]) -> Result<ArtifactId, CheckError> + Send + Sync + 'static,
    {
        self.check = Arc::new(check);
        self
    }

    /// The read side, as a backend has it.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Where the run of this key writes down what its search tried. Nothing refers to the file: without it
    /// a repeated run searches again.
    pub fn search_path(&self, key: &RunKey) -> PathBuf {
        self.reader.root().join("search").join(format!("{key}.jsonl"))
    }

    /// The names of the models of which a version was published, in order.
    ///
    /// # Errors
    /// A folder cannot be listed.
    pub fn models(&self) -> Result<Vec<String>, Error> {
        // Of a run that was killed there may be a snapshot and no version.
        let mut published = Vec::new();
        for name in self.model_names()? {
            if !self.version_numbers(&name)?.is_empty() {
                published.push(name);
            }
        }
        Ok(published)
    }

    /// The names of the models of which anything is there, in order.
    ///
    /// # Errors
    /// A folder cannot be listed.
    pub fn model_names(&self) -> Result<Vec<String>, Error> {
        let found = self.store.list(&self.reader.root().join("models"))?;
        let folders = found.into_iter().filter(|entry| entry.is_folder).map(|entry| entry.name);
        let mut names: Vec<_> =
            folders.filter(|name| self.reader.model_path(name).is_ok()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// All versions of a model, oldest first.
    ///
    /// # Errors
    /// No version was ever published, or a record cannot be read.
    pub fn list(&self, name: &str) -> Result<Vec<Listed>, Error> {
        let records = self.records(name)?;
        if records.is_empty() {
            return Err(Error::ModelMissing { model: name.into(), available: self.models()? });
        }
        let events = self.events(name)?;
        Ok(records.into_iter().map(|record| Listed::new(record, &events)).collect())
    }

    /// All that is known of one version.
    ///
    /// # Errors
    /// There is no such version, or a record cannot be read.
    pub fn show(&self, name: &str, version: u64) -> Result<Shown, Error> {
        let record = self.record(name, version)?;
        let mut events = self.events(name)?;
        let artifact_path = self.reader.blob_path(&record.run.artifact);
        let listed = Listed::new(record, &events);
        events.retain(|event| event.version == version);
        Ok(Shown { listed, events, artifact_path })
    }

    /// The audit trail of a model: all its events, oldest first.
    ///
    /// # Errors
    /// Nothing was ever published of it, or as [`Registry::events`].
    pub fn audit(&self, name: &str) -> Result<Vec<Event>, Error> {
        let events = self.events(name)?;
        // A first run that was killed left a version without an event.
        if events.is_empty() && self.version_numbers(name)?.is_empty() {
            return Err(Error::ModelMissing { model: name.into(), available: self.models()? });
        }
        Ok(events)
    }

    /// All events of a model, oldest first; none when nothing was published of it.
    ///
    /// # Errors
    /// A name that is not one, or an event that cannot be read.
    pub fn events(&self, name: &str) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        self.read_newer_events(name, &mut events)?;
        Ok(events)
    }

    /// Adds the events after those that were read before: they never change.
    fn read_newer_events(&self, name: &str, events: &mut Vec<Event>) -> Result<(), Error> {
        let last = events.last().map_or(0, |event| event.event);
        for number in self.event_numbers(name)?.into_iter().filter(|number| *number > last) {
            events.push(self.event(name, number)?);
        }
        Ok(())
    }

    /// Champion and challenger, as the events say.
    ///
    /// # Errors
    /// As [`Registry::events`].
    pub fn standing(&self, name: &str) -> Result<Standing, Error> {
        Ok(Standing::from_events(&self.events(name)?))
    }

    /// The version an earlier run with the same key published, if there is one.
    ///
    /// # Errors
    /// A name that is not one, or a record that cannot be read.
    pub fn find_run(&self, name: &str, key: &RunKey) -> Result<Option<VersionRecord>, Error> {
        Ok(self.records(name)?.into_iter().find(|record| record.run.run_key == *key))
    }

    /// The newest version whose `as_of` is not later than this, if there is one; of models without
    /// time the newest version.
    ///
    /// # Errors
    /// As [`Registry::find_run`].
    pub fn newest_before(
        &self,
        name: &str,
        as_of: Option<i64>,
    ) -> Result<Option<VersionRecord>, Error> {
        let mut records = self.records(name)?;
        let as_of_of = |record: &VersionRecord| record.run.as_of.as_ref().map(|as_of| as_of.micros);
        records.retain(|record| as_of_of(record) <= as_of);
        Ok(records.into_iter().max_by_key(|record| (as_of_of(record), record.version)))
    }

    /// One version's record.
    ///
    /// # Errors
    /// There is no such version, or its record cannot be read.
    pub fn record(&self, name: &str, version: u64) -> Result<VersionRecord, Error> {
        let available = self.version_numbers(name)?;
        if !available.contains(&version) {
            return Err(Error::VersionMissing { model: name.into(), version, available });
        }
        self.read_record(name, version)
    }

    fn records(&self, name: &str) -> Result<Vec<VersionRecord>, Error> {
        let mut records = Vec::new();
        self.read_newer_records(name, &mut records)?;
        Ok(records)
    }

    /// As [`read_newer_events`](Self::read_newer_events), of version records.
    fn read_newer_records(
        &self,
        name: &str,
        records: &mut Vec<VersionRecord>,
    ) -> Result<(), Error> {
        let last = records.last().map_or(0, |record| record.version);
        for number in self.version_numbers(name)?.into_iter().filter(|number| *number > last) {
            records.push(self.read_record(name, number)?);
        }
        Ok(())
    }

    fn read_record(&self, name: &str, number: u64) -> Result<VersionRecord, Error> {
        let path = self.record_path(name, number)?;
        let record: VersionRecord = self.numbered_file(&path)?;
        check_number(&path, number, record.version)?;
        Ok(record)
    }

    fn event(&self, name: &str, number: u64) -> Result<Event, Error> {
        let path = self.event_path(name, number)?;
        let event: Event = self.numbered_file(&path)?;
        check_number(&path, number, event.event)?;
        Ok(event)
    }

    fn numbered_file<T: DeserializeOwned>(&self, path: &Path) -> Result<T, Error> {
        get_json(self.store.as_ref(), path)?
            .ok_or_else(|| Error::RecordMissing { path: path.to_path_buf() })
    }

    fn version_numbers(&self, name: &str) -> Result<Vec<u64>, Error> {
        numbers(self.store.as_ref(), &self.reader.model_path(name)?.join("versions"))
    }

    fn event_numbers(&self, name: &str) -> Result<Vec<u64>, Error> {
        numbers(self.store.as_ref(), &self.reader.model_path(name)?.join("events"))
    }

    fn record_path(&self, name: &str, number: u64) -> Result<PathBuf, Error> {
        Ok(self.reader.model_path(name)?.join("versions").join(numbered(number)))
    }

    fn event_path(&self, name: &str, number: u64) -> Result<PathBuf, Error> {
        Ok(self.reader.model_path(name)?.join("events").join(numbered(number)))
    }

    fn report_path(&self, name: &str, number: u64) -> Result<PathBuf, Error> {
        let folder = self.reader.model_path(name)?.join("reports").join(format!("{number:08}"));
        Ok(folder.join("metrics.json"))
    }
}

impl Listed {
    fn new(record: VersionRecord, events: &[Event]) -> Self {
        let standing = Standing::from_events(events);
        let holds = |holder: &Option<Holder>| {
            holder.as_ref().is_some_and(|holder| holder.version == record.version)
        };
        let (champion, challenger) = (holds(&standing.champion), holds(&standing.challenger));
        let verdict = verdict::came_to(&record, events);
        let removed = standing.removed.contains(&record.version);
        Self { record, verdict, champion, challenger, removed }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("root", &self.reader.root()).finish_non_exhaustive()
    }
}

fn open_scorer(bytes: &[u8]) -> Result<ArtifactId, CheckError> {
    Ok(Scorer::from_bytes(bytes)?.id())
}

/// Paths are made absolute once, so that a change of the working folder does not move them.
fn absolute(root: &Path) -> Result<PathBuf, Error> {
    let failed = |source| Error::Io { action: "find", path: root.to_path_buf(), source };
    std::path::absolute(root).map_err(failed)
}
