//! Hot reload in a backend: a model that follows its alias in a registry, and never gets worse by it.
//!
//! A [`Follower`] has one background thread. Every now and then it reads the alias, a file of one line. When that names
//! another artifact, the thread loads it, proves it, scores its golden records, has the backend make ready what belongs
//! to it, and swaps the whole in at once. Whatever goes wrong on the way, the model that is served stays, the error is
//! told by [`Follower::status`], and the next poll tries again; an artifact that was refused is tried ever more seldom,
//! at last every ten minutes.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use shroff_serve::follow::{Follow, Opened};
//! use shroff_serve::{Bound, Counters};
//!
//! #[derive(serde::Serialize, Default)]
//! struct Payment { amount: f64, country: String, balance: Option<i64> }
//!
//! /// All that belongs to one model: a request takes it as a whole, and never half of the next one.
//! struct Model { bound: Bound<'static, Payment>, counters: Counters }
//!
//! # let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1");
//! # let folder = std::env::temp_dir().join(format!("shroff-follow-{}", std::process::id()));
//! # let registry = shroff_serve::registry::Registry::open(std::env::temp_dir())?;
//! # let promote = |name: &str, event: u64| -> Result<(), Box<dyn std::error::Error>> {
//! #     let artifact = format!("{golden}/{name}.shroff");
//! #     let id = shroff_serve::Scorer::open(&artifact)?.id().to_string();
//! #     let (blobs, aliases) = (folder.join(format!("blobs/b3/{}", &id[..2])), folder.join("models/cards/aliases"));
//! #     std::fs::create_dir_all(&blobs)?;
//! #     std::fs::create_dir_all(&aliases)?;
//! #     std::fs::copy(artifact, blobs.join(format!("{id}.shroff")))?;
//! #     std::fs::write(folder.join("new"), format!("{id} {event}\n"))?;
//! #     Ok(std::fs::rename(folder.join("new"), aliases.join("champion"))?)
//! # };
//! # promote("linear", 1)?;
//! // Once, at start. Without a model there is no start: neither the registry nor the cache has one that can be used.
//! let follower = Follow::new(&folder, "cards", "champion")
//!     .every(Duration::from_secs(10))
//!     .cache(folder.join("cache"))
//!     .start(|opened: Opened| {
//!         // A model that wants an input that this backend does not have is refused here: the one before stays.
//!         let bound = opened.scorer.bind_shared(&Payment { balance: Some(0), ..Payment::default() })?;
//!         Ok(Model { counters: Counters::new(&opened.scorer), bound })
//!     })?;
//!
//! // On the request path: some nanoseconds, no lock. All of a request is done with the one model it took.
//! let payment = Payment { amount: 191.75, country: "FR".to_owned(), balance: Some(250) };
//! let model = follower.current();
//! let score = model.counters.score_bound(&model.bound, &payment)?;
//! assert!((score.margin + 1.25).abs() < 1e-12);
//! drop(model);
//!
//! // The alias moves to a model that wants other inputs. The old one stays, and somebody is told.
//! promote("averaged", 2)?;
//! let status = follower.refresh();
//! assert_eq!(status.serving.event, 1);
//! let error = status.error.ok_or("refused")?;
//! assert!(error.contains("was refused by the backend") && error.contains("no field for \"at\""), "{error}");
//!
//! promote("linear", 3)?;
//! assert_eq!(follower.refresh().error, None);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! - **A request never waits for a reload.** [`Follower::current`] takes no lock, and allocates nothing but a place of
//!   its own for each thread, once; it costs some nanoseconds, whatever the background thread does. The old model is freed by that thread, once the last request
//!   that took it has ended; until then there are two in memory.
//! - **A model is proved before it is served**, as by [`Scorer::open`](crate::Scorer::open), and then once more by
//!   the backend's own [`Prepare`]. Opening scores golden records, so that the model is warm when it is swapped in.
//! - **An outage of the registry stops nothing.** [`Status::staleness`] grows and [`Status::error`] tells why: alert on
//!   both. The follower goes on by itself when the registry is back. With [`Follow::cache`] a restart meanwhile begins
//!   with the model that was accepted last. A full disk below the cache is told by [`Status::cache_error`] and keeps no model
//!   from being swapped in.
//! - **A rollback is a promotion**: the alias names an older artifact under a newer event.
//! - **With keys**, by [`Follow::trust`] of the feature `signed`, only what they signed is served, and never an event
//!   before one that was accepted; the cache remembers the highest, so that a restart does not forget it.
//!
//! # Models with velocity features
//!
//! The states of entities belong to windows, not to models. While next week's model has the same windows, nothing
//! happens to them. A model of other windows is swapped in only together with the newest snapshot of these windows; without
//! one it is refused. With [`Follow::states`] of the feature `store` the follower makes the store, and [`Opened::store`] hands
//! it out: the one there is, or one of the snapshot. Catch up in [`Prepare::prepare`] with the events since
//! [`StateStore::as_of`](crate::store::StateStore::as_of), and in [`Prepare::swapped`] with those that came meanwhile: events
//! are recognised by their ids, and until then each score tells by its `staleness_micros` what is missing. A backend that
//! keeps states elsewhere takes [`Opened::snapshot`].

mod cache;
mod error;
mod pursuit;
mod status;
#[cfg(test)]
mod tests;
mod worker;

use std::fs::File;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::error::{BackendError, FollowError};
use self::pursuit::Pursuit;
use self::status::Report;
pub use self::status::Status;
use self::worker::Shared;
use crate::limits::Limits;
use crate::registry::AliasTarget;
use crate::scorer::Scorer;
#[cfg(feature = "signed")]
use crate::signed::TrustedKeys;
use crate::snapshot::Snapshot;
#[cfg(feature = "store")]
use crate::store::StateStore;

/// What to follow, and how.
#[derive(Debug, Clone)]
pub struct Follow {
    registry: PathBuf,
    model: String,
    alias: String,
    interval: Duration,
    cache: Option<PathBuf>,
    limits: Limits,
    snapshot_is_optional: bool,
    #[cfg(feature = "store")]
    max_entities: Option<usize>,
    #[cfg(feature = "signed")]
    keys: Option<TrustedKeys>,
}

/// A time that clocks can hold, and far more than anybody waits.
const LONGEST_INTERVAL: Duration = Duration::from_secs(366 * 86_400);

impl Follow {
    /// An alias of a model in a registry folder. It is looked at every ten seconds.
    pub fn new(
        registry: impl Into<PathBuf>,
        model: impl Into<String>,
        alias: impl Into<String>,
    ) -> Self {
        Self {
            registry: registry.into(),
            model: model.into(),
            alias: alias.into(),
            interval: Duration::from_secs(10),
            cache: None,
            limits: Limits::default(),
            snapshot_is_optional: false,
            #[cfg(feature = "store")]
            max_entities: None,
            #[cfg(feature = "signed")]
            keys: None,
        }
    }

    /// How long to wait between two polls, up to a fifth more or less, so that the backends of a fleet do not all
    /// come at once. More than a year is a year.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = interval.min(LONGEST_INTERVAL);
        self
    }

    /// Keeps the last model accepted in a folder of this machine, with its snapshot, if it has one, so that a restart
    /// needs no registry. One process at a time writes there; several followers of one process may share it, each of
    /// another model or alias.
    #[must_use]
    pub fn cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = Some(folder.into());
        self
    }

    /// Opens artifacts and snapshots, those of the cache too, within limits of one's own.
    #[must_use]
    pub fn within(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Serves only what one of these keys signed, and never an event before one that was accepted. Give it a
    /// [`cache`](Self::cache), which remembers the highest event over a restart.
    #[cfg(feature = "signed")]
    #[must_use]
    pub fn trust(mut self, keys: TrustedKeys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Keeps the states of entities in memory, of some `max_entities` those that were seen last.
    #[cfg(feature = "store")]
    #[must_use]
    pub fn states(mut self, max_entities: usize) -> Self {
        self.max_entities = Some(max_entities);
        self
    }

    /// Also takes a model with velocity features over when there is no snapshot of its windows: its states begin
    /// empty, and its scores are those of entities without a past until the backend has caught up. A snapshot that
    /// comes later is taken at the next start.
    #[must_use]
    pub fn snapshot_is_optional(mut self) -> Self {
        self.snapshot_is_optional = true;
        self
    }

    /// Loads the first model, which `prepare` makes ready, and follows the alias from then on.
    ///
    /// # Errors
    /// Neither the registry nor the cache has a model that can be used: what is wrong with each, where there is a cache
    /// that was begun. With keys, a cache that is there and cannot be read. A model or an alias whose name could be none in
    /// a registry. The thread cannot be started.
    pub fn start<P: Prepare>(self, prepare: P) -> Result<Follower<P::Model>, FollowError> {
        let mut pursuit = Pursuit::new(self, prepare)?;
        let (serving, model, error) = pursuit.begin(Instant::now())?;
        let cache_error = pursuit.keep().err();
        let now = Instant::now();
        let report = Report {
            serving,
            serving_from: now,
            confirmed_at: error.is_none().then_some(now),
            from_cache: error.is_some(),
            n_failures: u64::from(error.is_some()),
            error: error.map(|error| error.in_full()),
            cache_error: cache_error.map(|error| error.in_full()),
            n_models: 1,
        };
        Ok(Follower { shared: worker::start(pursuit, model, report)? })
    }

    /// Whether there is something that must not be forgotten.
    #[cfg(feature = "signed")]
    fn is_guarded(&self) -> bool {
        self.keys.is_some()
    }

    #[cfg(not(feature = "signed"))]
    fn is_guarded(&self) -> bool {
        false
    }
}

/// A model just opened, for the backend to make ready.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The model.
    pub scorer: Arc<Scorer>,
    /// What the alias named: the artifact and the event.
    pub target: AliasTarget,
    /// The states that the entities begin with: the newest snapshot of the model's windows, where the model before
    /// had others or there was none, unless the follower made a store of it.
    pub snapshot: Option<Snapshot<File>>,
    /// The states of entities, to catch up with what happened since its `as_of`; none for a model without velocity
    /// features, and without [`Follow::states`].
    #[cfg(feature = "store")]
    pub store: Option<Arc<StateStore>>,
}

/// How a backend makes a model ready; as a rule a closure from [`Opened`] to its own struct.
pub trait Prepare: Send + 'static {
    /// All that belongs to one model in this backend, made and replaced together.
    type Model: Send + Sync + 'static;

    /// Makes a model ready, on the follower's thread, the first one on that which starts it. It may take its time; the model
    /// before is served meanwhile.
    ///
    /// # Errors
    /// The backend cannot use this model: the one before stays, and the error is told.
    fn prepare(&mut self, opened: Opened) -> Result<Self::Model, BackendError>;

    /// Told, on the same thread, that every request from now on takes this model; not of the first one.
    fn swapped(&mut self, _model: &Self::Model) {}
}

impl<F, M> Prepare for F
where
    F: FnMut(Opened) -> Result<M, BackendError> + Send + 'static,
    M: Send + Sync + 'static,
{
    type Model = M;

    fn prepare(&mut self, opened: Opened) -> Result<M, BackendError> {
        self(opened)
    }
}

/// Serves the model that an alias names. Share one between all threads; dropped, it stops following.
pub struct Follower<M> {
    shared: Arc<Shared<M>>,
}

impl<M> Follower<M> {
    /// The model that is current now, for one request: lock-free, some nanoseconds, no allocation but one
    /// the first time a thread asks. Drop it with the
    /// request, as it keeps its model in memory; where a request waits in between, take [`current_shared`](Self::current_shared).
    #[inline]
    pub fn current(&self) -> Current<M> {
        Current(self.shared.current.load())
    }

    /// The model that is current now, to be kept for longer or moved to another thread.
    pub fn current_shared(&self) -> Arc<M> {
        self.shared.current.load_full()
    }

    /// How the follower stands. Takes a lock for as long as it takes to copy a few words; not for every request.
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Looks at the alias now, waits until what it names is swapped in or refused, and says how the follower stands. Also tries
    /// what was refused a moment ago: for an operator who mended something, and for tests. Never for a request: it waits as
    /// long as the registry's file system and the loading take.
    pub fn refresh(&self) -> Status {
        self.shared.refresh()
    }
}

impl<M> Drop for Follower<M> {
    /// Not waited for: the thread may hang in a file system that is gone.
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl<M> std::fmt::Debug for Follower<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// The model of one request.
pub struct Current<M>(arc_swap::Guard<Arc<M>>);

impl<M> Deref for Current<M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        &self.0
    }
}

impl<M: std::fmt::Debug> std::fmt::Debug for Current<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Current").field(&**self).finish()
    }
}
