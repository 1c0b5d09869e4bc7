//! What can go wrong when a registry is read.

use std::io;
use std::path::{Path, PathBuf};

use crate::artifact::ArtifactId;

/// Why a registry could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The name of a model or an alias is not one.
    #[error(
        "{what} name should be 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or a \
         digit, found {found:?}"
    )]
    Name {
        /// Model or alias.
        what: &'static str,
        /// The name, cut to 80 characters.
        found: String,
    },
    /// The registry's path is not a folder.
    #[error("registry should be a folder, found a file at {}", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// A folder or such, where an artifact's file should be.
    #[error("artifact should be a plain file: {}", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The alias is not set.
    #[error(
        "model {model:?} has no alias {alias:?}; publish and promote a version first, or check the \
         names"
    )]
    AliasMissing {
        /// The model.
        model: String,
        /// The alias.
        alias: String,
    },
    /// An alias file holds something else.
    #[error(
        "alias {} should be one line of 64 lower-case hex digits, a space and an event number, \
         found {found:?}; promote a version to write it again", path.display()
    )]
    MalformedAlias {
        /// The file.
        path: PathBuf,
        /// Its first bytes, escaped.
        found: String,
    },
    /// An artifact's file is too large.
    #[error("{} should be at most {expected} bytes, found {found}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        expected: u64,
        /// Bytes found, perhaps more.
        found: u64,
    },
    /// The artifact was refused.
    #[error("{} cannot be used", path.display())]
    Artifact {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<crate::Error>,
    },
    /// The file holds another artifact than its name says.
    #[error("{} should hold artifact {expected}, found {found}", path.display())]
    WrongArtifact {
        /// The file.
        path: PathBuf,
        /// The artifact asked for.
        expected: ArtifactId,
        /// The artifact in the file.
        found: ArtifactId,
    },
    /// The snapshot was refused.
    #[error(
        "{} cannot be used; remove it and make it again with `shroff snapshot`", path.display()
    )]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<crate::Error>,
    },
    /// The file holds the snapshot of another time than its name says.
    #[error(
        "{} should hold the states as of {expected} (microseconds since 1970), found those as of \
         {found}; remove it and make it again with `shroff snapshot`", path.display()
    )]
    WrongSnapshot {
        /// The file.
        path: PathBuf,
        /// The time in its name.
        expected: i64,
        /// The time in the file.
        found: i64,
    },
    /// A file or folder could not be read.
    #[error("could not read {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

pub(super) fn io_error(path: &Path, source: io::Error) -> RegistryError {
    RegistryError::Io { path: path.to_path_buf(), source }
}
