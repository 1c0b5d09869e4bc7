//! What a follower says of itself.

use std::fmt;
use std::time::{Duration, Instant};

use crate::registry::AliasTarget;

/// How a follower stands, for a health check and for monitoring.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The artifact that is served, and the number of the event that made it so.
    pub serving: AliasTarget,
    /// Since when this artifact is served.
    pub serving_for: Duration,
    /// How long ago the alias was last read and named what is served; none while it never was, after a start from the
    /// cache. It grows while the registry cannot be reached, and while what it names is refused.
    pub staleness: Option<Duration>,
    /// Whether what is served came from the local cache, and not yet from the registry.
    pub from_cache: bool,
    /// What went wrong with the last poll that tried anything; none when all is well.
    pub error: Option<String>,
    /// What went wrong when the last model accepted was kept in the local cache; none when all is well. It is tried again
    /// with each poll.
    pub cache_error: Option<String>,
    /// Polls that ended in an error, since the start.
    pub n_failures: u64,
    /// Models taken over, the first one included.
    pub n_models: u64,
    /// Whether the background thread runs. It always should.
    pub is_running: bool,
}

/// The same, with times rather than durations.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) serving: AliasTarget,
    pub(super) serving_from: Instant,
    pub(super) confirmed_at: Option<Instant>,
    pub(super) from_cache: bool,
    pub(super) error: Option<String>,
    pub(super) cache_error: Option<String>,
    pub(super) n_failures: u64,
    pub(super) n_models: u64,
}

impl Report {
    pub(super) fn at(&self, now: Instant, is_running: bool) -> Status {
        let Self { serving, from_cache, n_failures, n_models, .. } = *self;
        Status {
            serving,
            serving_for: now.saturating_duration_since(self.serving_from),
            staleness: self.confirmed_at.map(|at| now.saturating_duration_since(at)),
            from_cache,
            error: self.error.clone(),
            cache_error: self.cache_error.clone(),
            n_failures,
            n_models,
            is_running,
        }
    }
}

/// For a log, in one line.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AliasTarget { artifact, event } = self.serving;
        write!(f, "artifact {artifact} of event {event}")?;
        if self.from_cache {
            f.write_str(", from the local cache")?;
        }
        match self.staleness {
            Some(staleness) => write!(f, ", confirmed {} s ago", staleness.as_secs())?,
            None => f.write_str(", never confirmed")?,
        }
        for error in [&self.error, &self.cache_error].into_iter().flatten() {
            write!(f, "; {error}")?;
        }
        if self.is_running { Ok(()) } else { f.write_str("; the follower's thread has ended") }
    }
}
