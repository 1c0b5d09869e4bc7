//! The read side of a registry folder: from a model's name and an alias to a scorer.
//!
//! ```text
//! blobs/b3/<first 2 hex>/<id>.shroff          artifacts, immutable, named by content
//! blobs/b3/<first 2 hex>/<id>.<event>.minisig signatures, one for each event that was signed
//! models/<name>/versions/00000042.json        one record per published version
//! models/<name>/events/00000137.json          who moved which alias, when and why
//! models/<name>/aliases/champion              one line: artifact id, a space, event number
//! models/<name>/snapshots/<64 hex>/<as_of>.state  what entities did before, by windows and time
//! ```
//!
//! A backend needs the alias, the blob and, for a model with velocity features, the newest snapshot of its
//! windows; the records are for people and for the trainer.
//! Writers link and rename whole files into place, so a reader meets the old file or the new one.
//! Nothing here writes, locks or waits.
//!
//! ```
//! use shroff_serve::registry::Registry;
//!
//! # let artifact = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
//! # let id = shroff_serve::Scorer::open(artifact)?.id();
//! # let folder = std::env::temp_dir().join(format!("shroff-registry-{}", std::process::id()));
//! # let (blobs, aliases) = (folder.join(format!("blobs/b3/{}", &id.to_string()[..2])), folder.join("models/cards/aliases"));
//! # std::fs::create_dir_all(&blobs)?;
//! # std::fs::create_dir_all(&aliases)?;
//! # std::fs::copy(artifact, blobs.join(format!("{id}.shroff")))?;
//! # std::fs::write(aliases.join("champion"), format!("{id} 1\n"))?;
//! let registry = Registry::open(&folder)?;
//! let (scorer, champion) = registry.load("cards", "champion")?;
//! assert_eq!(scorer.id(), champion.artifact);
//!
//! // Now and then, by a thread of the backend's own: has the alias moved?
//! let now = registry.alias("cards", "champion")?;
//! assert!(now.is_some_and(|now| now.artifact == scorer.id()), "no: nothing to load");
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod signatures;
mod snapshots;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use self::error::RegistryError;
use self::error::io_error;
use crate::artifact::{ArtifactId, MAX_ARTIFACT_BYTES};
use crate::{Limits, Scorer};

/// A registry folder, for reading.
#[derive(Debug, Clone)]
pub struct Registry {
    root: PathBuf,
    limits: Limits,
}

impl Registry {
    /// The registry in the folder `root`, which must be there; it may be empty.
    ///
    /// # Errors
    /// `root` is missing, or not a folder.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, RegistryError> {
        let root = root.into();
        let metadata = fs::metadata(&root).map_err(|source| io_error(&root, source))?;
        if !metadata.is_dir() {
            return Err(RegistryError::NotAFolder { path: root });
        }
        Ok(Self { root, limits: Limits::default() })
    }

    /// The same, whose artifacts and snapshots are opened within limits of one's own.
    #[must_use]
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// What is accepted of an artifact and of a snapshot.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Opens the artifact an alias names, and says what the alias held.
    ///
    /// # Errors
    /// The alias is not set, or its artifact is missing, refused, or not the one its name says.
    pub fn load(&self, name: &str, alias: &str) -> Result<(Scorer, AliasTarget), RegistryError> {
        let target = self.alias(name, alias)?.ok_or_else(|| RegistryError::AliasMissing {
            model: name.into(),
            alias: alias.into(),
        })?;
        Ok((self.open_artifact(&target.artifact)?, target))
    }

    /// Opens an artifact by its id.
    ///
    /// # Errors
    /// It is missing, refused, or not the one its name says.
    pub fn open_artifact(&self, artifact: &ArtifactId) -> Result<Scorer, RegistryError> {
        let bytes = self.read_blob(artifact)?;
        let path = self.blob_path(artifact);
        let scorer = Scorer::from_bytes_within(&bytes, &self.limits).map_err(|source| {
            RegistryError::Artifact { path: path.clone(), source: Box::new(source) }
        })?;
        let found = scorer.id();
        if found != *artifact {
            return Err(RegistryError::WrongArtifact { path, expected: *artifact, found });
        }
        Ok(scorer)
    }

    /// What an alias names now; `None` when it is not set, or the model is not there.
    ///
    /// # Errors
    /// A name that could leave the folder, a file that cannot be read, or one that is not an alias.
    pub fn alias(&self, name: &str, alias: &str) -> Result<Option<AliasTarget>, RegistryError> {
        let path = self.alias_path(name, alias)?;
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error(&path, source)),
        };
        let mut bytes = Vec::new();
        file.take(MAX_ALIAS_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| io_error(&path, source))?;
        match AliasTarget::from_bytes(&bytes) {
            Some(target) => Ok(Some(target)),
            None => Err(RegistryError::MalformedAlias { path, found: excerpt(&bytes) }),
        }
    }

    /// The bytes of an artifact, at most as many as [`Limits::max_artifact_bytes`]; they are not looked into.
    ///
    /// # Errors
    /// The file is missing, unreadable, not a plain file, or too large.
    pub fn read_blob(&self, artifact: &ArtifactId) -> Result<Vec<u8>, RegistryError> {
        let path = self.blob_path(artifact);
        let failed = |source| io_error(&path, source);
        let file = File::open(&path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(RegistryError::NotAFile { path });
        }
        let limit = self.limits.max_artifact_bytes.min(MAX_ARTIFACT_BYTES);
        let mut bytes = Vec::new();
        if metadata.len() <= limit {
            // Asked for before it is proved, but never more than the limit.
            bytes.reserve_exact(usize::try_from(metadata.len()).unwrap_or(0));
            file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        }
        let found = metadata.len().max(bytes.len() as u64);
        if found > limit {
            return Err(RegistryError::TooLarge { path, expected: limit, found });
        }
        Ok(bytes)
    }

    /// The bytes of an artifact, of which all but the golden scores is proved.
    #[cfg(feature = "follow")]
    pub(crate) fn read_proved(&self, artifact: &ArtifactId) -> Result<Vec<u8>, RegistryError> {
        let (bytes, path) = (self.read_blob(artifact)?, self.blob_path(artifact));
        match crate::artifact::read_within(&bytes, &self.limits) {
            Ok(read) if read.id == *artifact => Ok(bytes),
            Ok(read) => {
                Err(RegistryError::WrongArtifact { path, expected: *artifact, found: read.id })
            }
            Err(source) => Err(RegistryError::Artifact { path, source: Box::new(source) }),
        }
    }

    /// The folder of the registry.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where an artifact's file is, or would be.
    pub fn blob_path(&self, artifact: &ArtifactId) -> PathBuf {
        let id = artifact.to_string();
        let shard: String = id.chars().take(2).collect();
        self.root.join("blobs").join("b3").join(shard).join(format!("{id}.shroff"))
    }

    /// Where a model's folder is, or would be.
    ///
    /// # Errors
    /// A name that does not match `[a-z0-9][a-z0-9._-]{0,63}`.
    pub fn model_path(&self, name: &str) -> Result<PathBuf, RegistryError> {
        check_name("model", name)?;
        Ok(self.root.join("models").join(name))
    }

    /// Where an alias's file is, or would be.
    ///
    /// # Errors
    /// A model or alias name that does not match `[a-z0-9][a-z0-9._-]{0,63}`.
    pub fn alias_path(&self, name: &str, alias: &str) -> Result<PathBuf, RegistryError> {
        check_name("alias", alias)?;
        Ok(self.model_path(name)?.join("aliases").join(alias))
    }
}

/// What an alias names. Displayed as the line of its file, without the line's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AliasTarget {
    /// The artifact.
    pub artifact: ArtifactId,
    /// Number of the event that set the alias; it only grows, also when a model is rolled back.
    pub event: u64,
}

impl fmt::Display for AliasTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.artifact, self.event)
    }
}

impl AliasTarget {
    /// Reads the one form that is written; none of what is cut short or has anything more. The end of the line must be
    /// there: without it, a number cut short would still be a number.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let (artifact, event) = line.split_once(' ')?;
        let target =
            Self { artifact: ArtifactId::from_str(artifact).ok()?, event: event.parse().ok()? };
        (target.to_string() == line).then_some(target)
    }
}

/// Proves the name of a model or an alias (`what`). Nothing that passes can name a parent, a hidden
/// file or another folder.
///
/// # Errors
/// Any other name than 1 to 64 of `a-z`, `0-9`, `.`, `_` and `-`, the first a letter or a digit.
pub fn check_name(what: &'static str, name: &str) -> Result<(), RegistryError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let first = name.bytes().next().is_some_and(plain);
    let rest = name.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-'));
    if first && rest && name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    Err(RegistryError::Name { what, found: name.chars().take(80).collect() })
}

fn excerpt(bytes: &[u8]) -> String {
    bytes.iter().take(24).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}

const MAX_NAME_BYTES: usize = 64;
/// 64 hex digits, a space, 20 digits, the end of the line.
const MAX_ALIAS_BYTES: u64 = 86;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_has_exactly_one_form() {
        let id = "0123456789abcdef".repeat(4);
        let line = format!("{id} 137\n");
        let target = AliasTarget::from_bytes(line.as_bytes()).unwrap();
        assert_eq!((target.artifact.to_string(), target.event), (id.clone(), 137));
        assert_eq!(format!("{target}\n"), line);
        // Every way to cut it short, the lost line end of "13" for "137" among them.
        for end in 0..line.len() {
            assert_eq!(AliasTarget::from_bytes(&line.as_bytes()[..end]), None, "{end} bytes");
        }
        for other in [
            format!("{id} 137\r\n"),
            format!("{id} 137\n\n"),
            format!("{id}  137\n"),
            format!(" {id} 137\n"),
            format!("{id} +137\n"),
            format!("{id} 0137\n"),
            format!("{id} -1\n"),
            format!("{id} 18446744073709551616\n"),
            format!("{} 137\n", id.to_uppercase()),
            format!("{id}00 137\n"),
            format!("{} 137\n", &id[2..]),
            format!("{id} 137\0\n"),
        ] {
            assert_eq!(AliasTarget::from_bytes(other.as_bytes()), None, "{other:?}");
        }
        assert_eq!(AliasTarget::from_bytes(b"\xff\xfe 1\n"), None);
        let longest = AliasTarget { event: u64::MAX, ..target };
        assert_eq!(format!("{longest}\n").len() as u64, MAX_ALIAS_BYTES);
    }

    #[test]
    fn names_stay_inside_the_folder() {
        let registry = Registry { root: PathBuf::from("r"), limits: Limits::default() };
        for good in ["card-fraud", "7", "a.b_c-d", &"x".repeat(64)] {
            assert_eq!(registry.model_path(good).unwrap(), Path::new("r/models").join(good));
        }
        let long = "x".repeat(65);
        for bad in [
            "", ".", "..", "../up", "a/b", "a\\b", "/etc", ".hidden", "-flag", "_x", "Card", "a b",
            "a\n", "a\0", "é", "c:", &long,
        ] {
            assert!(
                matches!(registry.model_path(bad), Err(RegistryError::Name { .. })),
                "{bad:?} as a model"
            );
            assert!(registry.alias_path("card", bad).is_err(), "{bad:?} as an alias");
            assert!(registry.alias_path(bad, "champion").is_err(), "{bad:?} with an alias");
        }
    }

    #[test]
    fn a_blob_lies_where_its_id_says() {
        let registry = Registry { root: PathBuf::from("r"), limits: Limits::default() };
        let id = format!("ab{}", "0".repeat(62));
        let path = registry.blob_path(&ArtifactId::from_str(&id).unwrap());
        assert_eq!(path, Path::new("r/blobs/b3/ab").join(format!("{id}.shroff")));
    }
}
