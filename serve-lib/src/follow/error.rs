//! What keeps a follower from taking a model over.

use std::io;
use std::path::PathBuf;

use crate::artifact::ArtifactId;
use crate::error::{Error, ErrorKind};
use crate::registry::RegistryError;
#[cfg(feature = "signed")]
use crate::signed::SignatureError;

/// Any error of the backend's own.
pub type BackendError = Box<dyn std::error::Error + Send + Sync>;

/// Why a follower did not take over what the alias names, or could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The registry could not be read, or what it holds was refused.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Keys are trusted, and there is no signature for this event.
    #[error(
        "artifact {artifact} is not signed for event {event}: run `shroff sign` for this alias, or promote with \
         --key"
    )]
    Unsigned {
        /// The artifact.
        artifact: ArtifactId,
        /// The event that the alias names.
        event: u64,
    },
    /// The signature was not accepted.
    #[cfg(feature = "signed")]
    #[error("the signature {} cannot be accepted", path.display())]
    Signature {
        /// The signature's file.
        path: PathBuf,
        /// Why.
        source: SignatureError,
    },
    /// Keys are trusted, and the alias went back to an event before one that was accepted, or the same event
    /// now stands for another artifact.
    #[error(
        "the alias names {found}, and {accepted} was accepted before: an event's number only grows. Roll back \
         with `shroff registry rollback --key`, or, if the registry was made anew, remove the follower's cache"
    )]
    Older {
        /// Artifact and event accepted last.
        accepted: String,
        /// Artifact and event found.
        found: String,
    },
    /// A model with other windows than the one before came without the states of its entities.
    #[error(
        "artifact {artifact} has velocity features of window program {windows}, of which there is no snapshot: make \
         one with `shroff snapshot`"
    )]
    NoSnapshot {
        /// The artifact.
        artifact: ArtifactId,
        /// The hash of its windows.
        windows: String,
    },
    /// The snapshot of the model's windows was refused.
    #[error("the snapshot of artifact {artifact} cannot be used")]
    Snapshot {
        /// The artifact.
        artifact: ArtifactId,
        /// Why.
        source: Box<Error>,
    },
    /// The backend refused the model.
    #[error("artifact {artifact} was refused by the backend")]
    Backend {
        /// The artifact.
        artifact: ArtifactId,
        /// Why.
        source: BackendError,
    },
    /// Loading the model, or what the backend does with it, panicked.
    #[error("artifact {artifact} made this program panic: {message}")]
    Panicked {
        /// The artifact.
        artifact: ArtifactId,
        /// What the panic said.
        message: String,
    },
    /// The local cache could not be read or written.
    #[error("could not {action} the follower's cache {}", path.display())]
    Cache {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another process, or a follower of the same alias, uses the cache folder.
    #[error(
        "the follower's cache {} is in use by another process or follower: give each one of its own", path.display()
    )]
    CacheInUse {
        /// The folder.
        path: PathBuf,
    },
    /// At the start neither the registry nor the local cache had a model that can be used.
    #[error("{}; and nothing can be served from the follower's cache: {}", registry.in_full(), cache.in_full())]
    NothingToServe {
        /// What is wrong with the registry, or with what it holds.
        registry: Box<FollowError>,
        /// What is wrong with the cache.
        cache: Box<FollowError>,
    },
    /// The background thread could not be started.
    #[error("could not start the follower's thread")]
    Thread {
        /// The system's reason.
        source: io::Error,
    },
}

impl FollowError {
    /// Whether the same artifact will most likely be refused again: it is then tried ever more seldom.
    pub(super) fn is_lasting(&self) -> bool {
        let is_io = |error: &Error| matches!(error.kind(), ErrorKind::Io { .. });
        match self {
            Self::Registry(RegistryError::Snapshot { source, .. })
            | Self::Snapshot { source, .. } => !is_io(source),
            Self::Registry(error) => {
                use RegistryError::{AliasMissing, Io, MalformedAlias};
                !matches!(error, Io { .. } | MalformedAlias { .. } | AliasMissing { .. })
            }
            Self::NoSnapshot { .. } | Self::Backend { .. } | Self::Panicked { .. } => true,
            _ => false,
        }
    }

    /// The error and what caused it, in one line.
    pub(super) fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
