//! Artifacts: opened and proved, put into place, put back when lost or damaged.

use std::path::{Path, PathBuf};

use shroff_serve::Scorer;
use shroff_serve::artifact::{ArtifactId, MAX_ARTIFACT_BYTES};

use super::error::Error;
use super::publish::same_artifact;
use super::record::{EventKind, VersionRecord};
use super::standing::Standing;
use super::store::Put;
use super::verdict::event_of;
use super::{CheckError, Registry};

/// A file among the artifacts: `<id>.shroff`, with something after that or not.
pub(super) struct BlobFile {
    pub(super) id: ArtifactId,
    /// Empty for the artifact itself, `.removed` for one that is about to be.
    pub(super) ending: String,
    pub(super) path: PathBuf,
}

/// What follows the name of an artifact's file that is about to be removed.
pub(super) const REMOVED: &str = ".removed";
/// What follows the name of a file that was found damaged.
pub(super) const DAMAGED: &str = ".damaged";

impl Registry {
    /// Opens an artifact of this registry.
    ///
    /// # Errors
    /// It is missing, refused, or not the one its name says.
    pub fn scorer(&self, artifact: &ArtifactId) -> Result<Scorer, Error> {
        let bytes = self.blob(artifact)?;
        let path = self.reader.blob_path(artifact);
        let scorer = Scorer::from_bytes(&bytes)
            .map_err(|source| Error::Artifact { path: path.clone(), source: source.into() })?;
        let found = scorer.id();
        if found == *artifact {
            return Ok(scorer);
        }
        Err(Error::WrongArtifact { path, expected: *artifact, found })
    }

    /// Puts back the artifact of a published version, lost, damaged or removed, from what a run with
    /// its key made; then does what is left to do, as [`Registry::complete`].
    ///
    /// # Errors
    /// The run made another artifact than the one published, or as [`Registry::publish`].
    pub fn restore(
        &self,
        name: &str,
        record: &VersionRecord,
        blob: &[u8],
        made: ArtifactId,
    ) -> Result<Standing, Error> {
        same_artifact(record, made)?;
        self.put_blob(&record.run.artifact, blob)?;
        self.append_restore(name, record)?;
        self.complete(name, record)
    }

    /// The event that the artifact of a version is there again, if it had been removed.
    pub(super) fn append_restore(&self, name: &str, record: &VersionRecord) -> Result<(), Error> {
        self.append_event(name, &mut Vec::new(), |number, events| {
            let is_removed = Standing::from_events(events).removed.contains(&record.version);
            let why = "the run that made it was repeated".to_owned();
            Ok(is_removed.then(|| event_of(record, number, EventKind::Restore, None, why)))
        })?;
        Ok(())
    }

    /// Puts an artifact into place. A file there that is not what its name says is replaced, and kept
    /// as `….shroff.damaged`, where a person can look at it.
    pub(super) fn put_blob(&self, artifact: &ArtifactId, blob: &[u8]) -> Result<(), Error> {
        let path = self.reader.blob_path(artifact);
        self.check_bytes(&path, artifact, blob)?;
        loop {
            if self.store.put_new(&path, blob)? == Put::Done {
                return Ok(());
            }
            let Some(found) = self.store.get(&path, MAX_ARTIFACT_BYTES)? else { continue };
            if self.check_bytes(&path, artifact, &found).is_ok() {
                return Err(Error::Conflict { path });
            }
            let aside = with_ending(&path, DAMAGED);
            let before = self.store.get(&aside, MAX_ARTIFACT_BYTES)?;
            self.store.cas(&aside, before.as_deref(), Some(&found))?;
            self.store.cas(&path, Some(&found), Some(blob))?;
        }
    }

    pub(super) fn check_blob(&self, artifact: &ArtifactId) -> Result<(), Error> {
        self.check_bytes(&self.reader.blob_path(artifact), artifact, &self.blob(artifact)?)
    }

    /// Proves that `bytes`, of the file at `path`, are this artifact.
    pub(super) fn check_bytes(
        &self,
        path: &Path,
        artifact: &ArtifactId,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let path = path.to_path_buf();
        match (self.check)(bytes) {
            Ok(found) if found == *artifact => Ok(()),
            Ok(found) => Err(Error::WrongArtifact { path, expected: *artifact, found }),
            Err(source) => Err(Error::Artifact { path, source }),
        }
    }

    /// All files among the artifacts that are named by one, in order; signatures and such are passed over.
    pub(super) fn blob_files(&self) -> Result<Vec<BlobFile>, Error> {
        let root = self.reader.root().join("blobs").join("b3");
        let mut found = Vec::new();
        for shard in self.store.list(&root)?.into_iter().filter(|entry| entry.is_folder) {
            let folder = root.join(&shard.name);
            for entry in self.store.list(&folder)?.into_iter().filter(|entry| !entry.is_folder) {
                let Some((id, ending)) = entry.name.split_once(".shroff") else { continue };
                let Ok(id) = id.parse::<ArtifactId>() else { continue };
                let (path, ending) = (folder.join(&entry.name), ending.to_owned());
                if with_ending(&self.reader.blob_path(&id), &ending) == path {
                    found.push(BlobFile { id, ending, path });
                }
            }
        }
        found.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Ok(found)
    }

    fn blob(&self, artifact: &ArtifactId) -> Result<Vec<u8>, Error> {
        let path = self.reader.blob_path(artifact);
        match self.store.get(&path, MAX_ARTIFACT_BYTES) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(Error::BlobMissing { path }),
            Err(error @ Error::TooLarge { .. }) => {
                Err(Error::Artifact { path, source: CheckError::from(error) })
            }
            Err(error) => Err(error),
        }
    }
}

/// A path with something after its name.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}
