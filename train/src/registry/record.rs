//! What the registry writes down: version records and events, as JSON. Fields that a newer release
//! added are passed over when read.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use shroff_serve::artifact::ArtifactId;

use super::error::Error;

/// One published version: its number and what the run made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// From 1, without gaps.
    pub version: u64,
    /// What the run made.
    #[serde(flatten)]
    pub run: Run,
}

/// What one run made, before it has a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The artifact.
    #[serde(with = "hex")]
    pub artifact: ArtifactId,
    /// What the run depended on; a second run with the same key returns this record.
    #[serde(with = "hex")]
    pub run_key: RunKey,
    /// The end of what the run could know.
    #[serde(default)]
    pub as_of: Option<AsOf>,
    /// When the run was done, RFC 3339.
    pub created_at: String,
    /// Who ran it.
    pub created_by: String,
    /// The champion it was compared with. A verdict to promote holds against this one only: when
    /// another version is champion by then, it is published and becomes the challenger.
    #[serde(default)]
    pub parent: Option<u64>,
    /// The learner that was chosen.
    pub learner: String,
    /// What the gate said; for what it came to see [`Registry::came_to`](super::Registry::came_to).
    pub verdict: Verdict,
    /// The measures, as printed with `--json`.
    pub report: serde_json::Value,
}

/// What a run depends on: source contents, config, as-of, code and format version, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunKey(blake3::Hash);

impl From<blake3::Hash> for RunKey {
    fn from(hash: blake3::Hash) -> Self {
        Self(hash)
    }
}

/// As 64 lower-case hex digits.
impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunKey {
    type Err = blake3::HexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        blake3::Hash::from_hex(text).map(Self)
    }
}

/// A time, for people and for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsOf {
    /// RFC 3339.
    pub time: String,
    /// Microseconds UTC.
    pub micros: i64,
}

/// What the gate said of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Promote it or not.
    pub decision: Decision,
    /// Why, for a person.
    pub reason: String,
}

/// Whether a version takes the champion's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It becomes the champion.
    Promote,
    /// The champion stays; this one becomes the challenger.
    Keep,
}

/// One line of the audit trail. A newer release may add fields; they are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// From 1, without gaps.
    pub event: u64,
    /// What was done.
    pub kind: EventKind,
    /// With which version.
    pub version: u64,
    /// Its artifact.
    #[serde(with = "hex")]
    pub artifact: ArtifactId,
    /// The alias that names it from here on.
    #[serde(default)]
    pub alias: Option<Alias>,
    /// When, RFC 3339.
    pub at: String,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
}

/// What was done with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// It was added.
    Publish,
    /// It was made champion.
    Promote,
    /// It was to be made champion, but the champion moved before that: the champion stays.
    Keep,
    /// It was made champion again.
    Rollback,
    /// Its artifact was removed to save space.
    Remove,
    /// Its artifact, removed before, was put back.
    Restore,
}

/// A name for a version that moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alias {
    /// The version that decides.
    Champion,
    /// The newest version that does not.
    Challenger,
}

impl Alias {
    /// The name of its file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Champion => "champion",
            Self::Challenger => "challenger",
        }
    }
}

/// Ids as hex text.
mod hex {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<T: Display, S: Serializer>(id: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(super) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|_| D::Error::custom("an id should be 64 hex digits"))
    }
}

/// A record copied by hand under another number would otherwise count twice.
pub(super) fn check_number(path: &Path, expected: u64, found: u64) -> Result<(), Error> {
    if expected == found {
        return Ok(());
    }
    Err(Error::WrongNumber { path: path.to_path_buf(), expected, found })
}
