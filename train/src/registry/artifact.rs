//! Artifacts: opened and proved, put into place, put back when lost or damaged.

use std::io;

use shroff_serve::Scorer;
use shroff_serve::artifact::ArtifactId;
use shroff_serve::registry::RegistryError as ReadError;

use super::Registry;
use super::error::Error;
use super::publish::same_artifact;
use super::record::VersionRecord;
use super::standing::Standing;
use super::store::Put;

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

    /// Puts back the artifact of a published version, lost or damaged, from what a run with its
    /// key made; then does what is left to do, as [`Registry::complete`].
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
        self.complete(name, record)
    }

    /// Puts an artifact into place. A file there that is not what its name says is renamed to
    /// `….shroff.damaged`, where a person can look at it.
    pub(super) fn put_blob(&self, artifact: &ArtifactId, blob: &[u8]) -> Result<(), Error> {
        let path = self.reader.blob_path(artifact);
        let put = || self.store.put_new(&path, blob, |found| self.check_bytes(artifact, found));
        if put()? == Put::Done {
            return Ok(());
        }
        // Looked at under the lock, or a slower writer would rename what a faster one put there.
        let _lock = self.store.lock(REPAIR_LOCK)?;
        if self.check_blob(artifact).is_err_and(|error| error.is_artifact()) {
            self.store.set_aside(&path)?;
        }
        match put()? {
            Put::Done => Ok(()),
            Put::Taken => Err(Error::Conflict { path }),
        }
    }

    pub(super) fn check_blob(&self, artifact: &ArtifactId) -> Result<(), Error> {
        self.check_bytes(artifact, &self.blob(artifact)?)
    }

    fn blob(&self, artifact: &ArtifactId) -> Result<Vec<u8>, Error> {
        match self.reader.read_blob(artifact) {
            Ok(bytes) => Ok(bytes),
            Err(ReadError::Io { path, source }) if source.kind() == io::ErrorKind::NotFound => {
                Err(Error::BlobMissing { path })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn check_bytes(&self, artifact: &ArtifactId, bytes: &[u8]) -> Result<(), Error> {
        let path = self.reader.blob_path(artifact);
        match (self.check)(bytes) {
            Ok(found) if found == *artifact => Ok(()),
            Ok(found) => Err(Error::WrongArtifact { path, expected: *artifact, found }),
            Err(source) => Err(Error::Artifact { path, source }),
        }
    }
}

/// Not a model's name: those begin with a letter or a digit.
const REPAIR_LOCK: &str = "_repair";
