//! What can go wrong with a registry: the file, what was expected, what was found, what to do.

use std::io;
use std::path::PathBuf;

use shroff_serve::artifact::ArtifactId;
use shroff_serve::registry::RegistryError as ReadError;

use super::record::RunKey;

/// Why a registry could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The read side refused.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The registry's path is a file.
    #[error(
        "registry should be a folder, found a file at {}; name another path", path.display()
    )]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The registry cannot be made or written.
    #[error(
        "registry {} cannot be written; give this user the right to write there, or name another \
         path", path.display()
    )]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file or folder could not be worked on.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The filesystem cannot put a file into place in one step.
    #[error(
        "could not link {} into place; a registry needs a filesystem with hard links", path.display()
    )]
    Link {
        /// The file to be.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// What was written is not what is read.
    #[error(
        "{} was written with {expected} bytes and reads back otherwise ({found} bytes); check the \
         disk, then run again", path.display()
    )]
    ReadBack {
        /// The file.
        path: PathBuf,
        /// Bytes written.
        expected: usize,
        /// Bytes read.
        found: usize,
    },
    /// A file that is never changed is there with other content.
    #[error(
        "{} should hold what is being published, found other content; move it away if it was \
         changed by hand, then run again", path.display()
    )]
    Conflict {
        /// The file.
        path: PathBuf,
    },
    /// A record or event is not one.
    #[error(
        "{} should hold {expected}; restore it from a backup", path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A record or event is too large.
    #[error("{} should be at most {expected} bytes, found {found}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// A record or event holds another number than its name.
    #[error(
        "{} should hold number {expected}, found {found}; restore it from a backup", path.display()
    )]
    WrongNumber {
        /// The file.
        path: PathBuf,
        /// The number in its name.
        expected: u64,
        /// The number in it.
        found: u64,
    },
    /// An artifact was refused.
    #[error(
        "{} does not hold an artifact that can be used; restore it from a backup, or repeat the run \
         that made it", path.display()
    )]
    Artifact {
        /// The file.
        path: PathBuf,
        /// Why.
        source: super::CheckError,
    },
    /// A snapshot was refused.
    #[error(
        "{} does not hold a snapshot that can be used; check the disk, remove the file, and make it \
         again with `shroff snapshot`", path.display()
    )]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<shroff_serve::Error>,
    },
    /// There is another snapshot of the same windows and time.
    #[error(
        "{} was made from other data as of the same time, and stays; to replace it, remove it and run \
         `shroff snapshot`", path.display()
    )]
    SnapshotTaken {
        /// The file.
        path: PathBuf,
    },
    /// An artifact that a record names is not there.
    #[error(
        "artifact {} is missing; restore it from a backup, or repeat the run that made \
         it", path.display()
    )]
    BlobMissing {
        /// The file.
        path: PathBuf,
    },
    /// A record or event that should be there is not.
    #[error(
        "{} is missing and should hold a record of this registry; restore it from a backup",
        path.display()
    )]
    RecordMissing {
        /// The file.
        path: PathBuf,
    },
    /// The artifact of a version was removed to save space.
    #[error(
        "artifact of version {version} of model {model:?} was removed to save space; repeat the run \
         that made it to put it back"
    )]
    Removed {
        /// The model.
        model: String,
        /// The version.
        version: u64,
    },
    /// Something is wrong that keeps anything from being proved useless.
    #[error("nothing was removed: {} is not as it should be; see `shroff registry fsck`", path.display())]
    NotSound {
        /// The file or folder.
        path: PathBuf,
    },
    /// The bytes are another artifact than the record says.
    #[error(
        "{} should hold artifact {expected}, found {found}; restore it from a backup, or repeat the \
         run that made it", path.display()
    )]
    WrongArtifact {
        /// The file.
        path: PathBuf,
        /// The artifact of the record.
        expected: ArtifactId,
        /// The artifact of the bytes.
        found: ArtifactId,
    },
    /// Two runs with one key made different artifacts.
    #[error(
        "run {run_key} made artifact {expected} as version {version}, found {found} now; the same \
         data, config and code should give the same bytes: report this, and change the config or \
         the date to go on"
    )]
    RunConflict {
        /// The key.
        run_key: RunKey,
        /// The version published earlier.
        version: u64,
        /// Its artifact.
        expected: ArtifactId,
        /// The artifact now.
        found: ArtifactId,
    },
    /// No version of the model was published.
    #[error("model {model:?} has no versions; the registry has {}", one_of(available))]
    ModelMissing {
        /// The model.
        model: String,
        /// The models there are.
        available: Vec<String>,
    },
    /// There is no such version.
    #[error("model {model:?} has no version {version}; it has {}", one_of(available))]
    VersionMissing {
        /// The model.
        model: String,
        /// The version asked for.
        version: u64,
        /// The versions there are.
        available: Vec<u64>,
    },
    /// A change of the champion without a reason.
    #[error("expected a reason for the audit trail, found none; say why the champion changes")]
    WhyMissing,
    /// A roll back to a version that was never champion.
    #[error(
        "version {version} of model {model:?} was not champion before the present one; promote it \
         instead"
    )]
    NeverChampion {
        /// The model.
        model: String,
        /// The version asked for.
        version: u64,
    },
    /// A roll back with nothing to go back to.
    #[error("model {model:?} has no champion before the present one; promote a version instead")]
    NoEarlierChampion {
        /// The model.
        model: String,
    },
    /// Somebody else moved the champion at the same time.
    #[error(
        "champion of model {model:?} was version {expected} and is now version {found}; nothing \
         was done: look again and repeat"
    )]
    ChampionMoved {
        /// The model.
        model: String,
        /// The champion at the start.
        expected: u64,
        /// The champion now.
        found: u64,
    },
    /// An alias to be signed is not set.
    #[error("model {model:?} has no {alias}; publish or promote a version first")]
    AliasUnset {
        /// The model.
        model: String,
        /// The alias.
        alias: &'static str,
    },
    /// An artifact could not be signed.
    #[error("artifact {artifact} could not be signed")]
    Sign {
        /// The artifact.
        artifact: ArtifactId,
        /// Why.
        source: crate::signing::SigningError,
    },
    /// An artifact was signed for an event before, by another key or not at all as it should be.
    #[error(
        "{} is there and is no signature by this key; it is never replaced: to sign with another key, make a          new event by promoting the version again after another, or move the file away", path.display()
    )]
    SignatureTaken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: shroff_serve::signed::SignatureError,
    },
    /// An alias names an event that is not there.
    #[error(
        "alias {} should name an event up to {expected}, found {found}; restore the events from a \
         backup, or remove the alias and promote again", path.display()
    )]
    AliasAhead {
        /// The file.
        path: PathBuf,
        /// The newest event.
        expected: u64,
        /// The event it names.
        found: u64,
    },
}

impl Error {
    /// Whether an artifact is missing or was refused. The run that made it can put it back.
    pub fn is_artifact(&self) -> bool {
        matches!(
            self,
            Self::BlobMissing { .. }
                | Self::Removed { .. }
                | Self::Artifact { .. }
                | Self::WrongArtifact { .. }
        )
    }

    /// Whether a name or a reason should have been another: a matter of usage.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::ModelMissing { .. }
            | Self::VersionMissing { .. }
            | Self::AliasUnset { .. }
            | Self::WhyMissing => true,
            Self::Read(error) => {
                matches!(error, ReadError::Name { .. } | ReadError::AliasMissing { .. })
            }
            _ => false,
        }
    }
}

fn one_of<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "none".into();
    }
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
