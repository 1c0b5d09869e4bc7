//! One look at the alias, and what follows from it. Knows no threads and no clock.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cache::Cache;
use super::error::FollowError;
use super::{Follow, Opened, Prepare};
use crate::artifact::ArtifactId;
use crate::background::panic_text;
use crate::registry::{AliasTarget, Registry, RegistryError, check_name};
use crate::scorer::Scorer;
#[cfg(feature = "store")]
use crate::store::StateStore;

/// What is followed, what is served, and what was refused.
pub(super) struct Pursuit<P> {
    follow: Follow,
    prepare: P,
    cache: Option<Cache>,
    serving: Option<Serving>,
    /// Of the highest event accepted, by this process or the one before.
    #[cfg(feature = "signed")]
    accepted: Option<AliasTarget>,
    /// The latest last; few.
    refused: Vec<Refused>,
}

struct Serving {
    target: AliasTarget,
    /// Kept for its windows. The backend's model has it too.
    scorer: Arc<Scorer>,
    #[cfg(feature = "store")]
    store: Option<Arc<StateStore>>,
}

struct Refused {
    artifact: ArtifactId,
    n_times: u32,
    again_at: Instant,
}

/// What a look at the alias came to.
pub(super) enum Found<M> {
    /// It names what is served.
    Same(AliasTarget),
    /// It names a model, made ready.
    New(AliasTarget, M),
    /// It names what was refused a while ago and is not tried again yet.
    Refused,
}

impl<P: Prepare> Pursuit<P> {
    pub(super) fn new(follow: Follow, prepare: P) -> Result<Self, FollowError> {
        check_name("model", &follow.model)?;
        check_name("alias", &follow.alias)?;
        let cache = follow.cache.as_deref();
        let cache =
            cache.map(|folder| Cache::new(folder, &follow.model, &follow.alias, follow.limits));
        Ok(Self {
            follow,
            prepare,
            cache,
            serving: None,
            #[cfg(feature = "signed")]
            accepted: None,
            refused: Vec::new(),
        })
    }

    /// The first model: of the registry, or else of the cache, with what was wrong with the registry.
    pub(super) fn begin(
        &mut self,
        now: Instant,
    ) -> Result<(AliasTarget, P::Model, Option<FollowError>), FollowError> {
        let cached = self.cache.as_ref().map_or(Ok(None), Cache::accepted);
        // What must not be forgotten must be readable; else the cache is only a convenience.
        let (cached, cache_error) = match cached {
            Ok(cached) => (cached, None),
            Err(error) if self.follow.is_guarded() => return Err(error),
            Err(error) => (None, Some(error)),
        };
        #[cfg(feature = "signed")]
        {
            self.accepted = cached.as_ref().map(|(_, target)| *target);
        }
        let error = match self.poll(now, true) {
            Ok(Found::New(target, model)) => return Ok((target, model, None)),
            Ok(Found::Same(_) | Found::Refused) => self.alias_missing(),
            Err(error) => error,
        };
        let looked = cached.map(|(registry, target)| self.look(&registry, target, now, true));
        let cache_error = match looked {
            Some(Ok(Found::New(target, model))) => {
                // It is there already.
                self.set_behind(false);
                return Ok((target, model, Some(error)));
            }
            Some(Err(cache_error)) => Some(cache_error),
            Some(Ok(Found::Same(_) | Found::Refused)) | None => cache_error,
        };
        Err(match cache_error {
            None => error,
            Some(cache) => {
                let (registry, cache) = (Box::new(error), Box::new(cache));
                FollowError::NothingToServe { registry, cache }
            }
        })
    }

    /// Looks at the alias once; `at_once` also tries what was refused a moment ago.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        at_once: bool,
    ) -> Result<Found<P::Model>, FollowError> {
        let registry = Registry::open(&self.follow.registry)?.within(self.follow.limits);
        let target = registry.alias(&self.follow.model, &self.follow.alias)?;
        let target = target.ok_or_else(|| self.alias_missing())?;
        self.look(&registry, target, now, at_once)
    }

    /// Brings the cache up to date, if it is behind.
    pub(super) fn keep(&mut self) -> Result<(), FollowError> {
        let (Some(cache), Some(serving)) = (&mut self.cache, &self.serving) else { return Ok(()) };
        if !cache.is_behind {
            return Ok(());
        }
        let registry = Registry::open(&self.follow.registry)?.within(self.follow.limits);
        let is_guarded = self.follow.is_guarded();
        cache.keep(&registry, &serving.target, serving.scorer.windows(), is_guarded)
    }

    /// Tells the backend that a model is served now.
    pub(super) fn swapped(&mut self, model: &P::Model) -> Result<(), FollowError> {
        let artifact = self.serving.as_ref().map(|serving| serving.target.artifact);
        let told = catch_unwind(AssertUnwindSafe(|| self.prepare.swapped(model)));
        match (told, artifact) {
            (Err(panic), Some(artifact)) => Err(panicked(artifact, &*panic)),
            _ => Ok(()),
        }
    }

    #[cfg(test)]
    pub(super) fn serving_target(&self) -> Option<AliasTarget> {
        self.serving.as_ref().map(|serving| serving.target)
    }

    pub(super) fn interval(&self) -> Duration {
        self.follow.interval
    }

    fn look(
        &mut self,
        registry: &Registry,
        target: AliasTarget,
        now: Instant,
        at_once: bool,
    ) -> Result<Found<P::Model>, FollowError> {
        if self.serving.as_ref().is_some_and(|serving| serving.target == target) {
            return Ok(Found::Same(target));
        }
        self.check_trust(registry, &target)?;
        if let Some(serving) = &mut self.serving
            && serving.target.artifact == target.artifact
        {
            serving.target = target;
            self.accept(target);
            return Ok(Found::Same(target));
        }
        let waits =
            |refused: &Refused| refused.artifact == target.artifact && now < refused.again_at;
        if !at_once && self.refused.iter().any(waits) {
            return Ok(Found::Refused);
        }
        let taken = self.take_over(registry, target);
        match &taken {
            Ok(_) => self.accept(target),
            Err(error) if error.is_lasting() => self.refuse(target.artifact, now),
            Err(_) => {}
        }
        taken.map(|model| Found::New(target, model))
    }

    /// Opening scores the golden records, on this thread: the model has proved itself, and is warm, when it is
    /// swapped in.
    fn take_over(
        &mut self,
        registry: &Registry,
        target: AliasTarget,
    ) -> Result<P::Model, FollowError> {
        let artifact = target.artifact;
        let made = catch_unwind(AssertUnwindSafe(|| {
            let scorer = Arc::new(registry.open_artifact(&artifact)?);
            let opened = self.with_states(registry, target, scorer)?;
            let serving = Serving {
                target,
                scorer: Arc::clone(&opened.scorer),
                #[cfg(feature = "store")]
                store: opened.store.clone(),
            };
            let model = self.prepare.prepare(opened);
            let model = model.map_err(|source| FollowError::Backend { artifact, source })?;
            Ok::<_, FollowError>((serving, model))
        }));
        let (serving, model) = made.map_err(|panic| panicked(artifact, &*panic))??;
        self.serving = Some(serving);
        Ok(model)
    }

    /// States belong to windows: those there are go on with a model of the same windows, and with any other
    /// come those of a snapshot.
    fn with_states(
        &self,
        registry: &Registry,
        target: AliasTarget,
        scorer: Arc<Scorer>,
    ) -> Result<Opened, FollowError> {
        let windows_before = self.serving.as_ref().and_then(|serving| serving.scorer.windows());
        let hash_before = windows_before.map(|windows| *windows.hash());
        let mut snapshot = None;
        let new_windows = scorer.windows().filter(|windows| Some(*windows.hash()) != hash_before);
        if let Some(windows) = new_windows {
            snapshot = registry.newest_snapshot(&self.follow.model, windows)?;
            if snapshot.is_none() && !self.follow.snapshot_is_optional {
                let windows = blake3::Hash::from_bytes(*windows.hash()).to_string();
                return Err(FollowError::NoSnapshot { artifact: target.artifact, windows });
            }
        }
        #[cfg(feature = "store")]
        let store = match (scorer.windows(), self.follow.max_entities) {
            (Some(windows), Some(max_entities)) => {
                let kept = self.serving.as_ref().and_then(|serving| serving.store.clone());
                let kept = kept.filter(|_| new_windows.is_none());
                Some(match (kept, snapshot.take()) {
                    (Some(store), _) => store,
                    (None, Some(mut snapshot)) => {
                        let store =
                            StateStore::from_snapshot(windows.clone(), &mut snapshot, max_entities);
                        let artifact = target.artifact;
                        let refused = |source| {
                            let source = Box::new(source);
                            FollowError::Snapshot { artifact, source }
                        };
                        Arc::new(store.map_err(refused)?)
                    }
                    (None, None) => Arc::new(StateStore::new(windows.clone(), 0, max_entities)),
                })
            }
            _ => None,
        };
        Ok(Opened {
            scorer,
            target,
            snapshot,
            #[cfg(feature = "store")]
            store,
        })
    }

    #[cfg(not(feature = "signed"))]
    fn check_trust(&self, _: &Registry, _: &AliasTarget) -> Result<(), FollowError> {
        Ok(())
    }

    /// Before anything of the artifact is read: is it signed for this model, alias and event, and is the event none
    /// of the past?
    #[cfg(feature = "signed")]
    fn check_trust(&self, registry: &Registry, target: &AliasTarget) -> Result<(), FollowError> {
        use crate::signed::{SignatureError, Statement};

        let Some(keys) = &self.follow.keys else { return Ok(()) };
        if let Some(accepted) = self.accepted
            && (target.event < accepted.event
                || target.event == accepted.event && *target != accepted)
        {
            let (accepted, found) = (accepted.to_string(), target.to_string());
            return Err(FollowError::Older { accepted, found });
        }
        let AliasTarget { artifact, event } = *target;
        let signature = registry.signature(target)?;
        let signature = signature.ok_or(FollowError::Unsigned { artifact, event })?;
        let (model, alias) = (self.follow.model.clone(), self.follow.alias.clone());
        let expected = Statement { model, alias, event };
        let stated = keys.verify(&artifact, &signature).and_then(|found| {
            if found == expected {
                return Ok(());
            }
            let (expected, found) = (Box::new(expected), Box::new(found));
            Err(SignatureError::OtherStatement { expected, found })
        });
        let path = registry.signature_path(target);
        stated.map_err(|source| FollowError::Signature { path, source })
    }

    fn accept(&mut self, target: AliasTarget) {
        #[cfg(feature = "signed")]
        {
            self.accepted = Some(target);
        }
        self.refused.retain(|refused| refused.artifact != target.artifact);
        self.set_behind(true);
    }

    fn set_behind(&mut self, is_behind: bool) {
        if let Some(cache) = &mut self.cache {
            cache.is_behind = is_behind;
        }
    }

    /// Each time it takes twice as long until an artifact is tried again.
    fn refuse(&mut self, artifact: ArtifactId, now: Instant) {
        let before = self.refused.iter().position(|refused| refused.artifact == artifact);
        let n_before = before.map_or(0, |at| self.refused.remove(at).n_times);
        if self.refused.len() >= MAX_REFUSED {
            self.refused.remove(0);
        }
        let n_times = n_before.saturating_add(1);
        let interval = self.follow.interval;
        let pause = interval.saturating_mul(2_u32.saturating_pow(n_times));
        let pause = pause.min(LONGEST_PAUSE.max(interval));
        let again_at = now.checked_add(pause).unwrap_or(now);
        self.refused.push(Refused { artifact, n_times, again_at });
    }

    fn alias_missing(&self) -> FollowError {
        let (model, alias) = (self.follow.model.clone(), self.follow.alias.clone());
        RegistryError::AliasMissing { model, alias }.into()
    }
}

fn panicked(artifact: ArtifactId, panic: &(dyn Any + Send)) -> FollowError {
    FollowError::Panicked { artifact, message: panic_text(panic).into() }
}

/// More than any registry has at once; the oldest is forgotten.
const MAX_REFUSED: usize = 16;
/// Somebody may have repaired the file.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
