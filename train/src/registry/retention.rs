//! What of a registry is needed, by whom, and for how long.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use shroff_serve::artifact::ArtifactId;

use super::Registry;
use super::error::Error;
use super::record::{Alias, Event};
use super::standing::Standing;
use super::store::first_gap;

/// What the records and events of all models say.
pub(super) struct Census {
    pub(super) models: Vec<Model>,
}

/// What the records and events of one model say.
pub(super) struct Model {
    pub(super) name: String,
    /// Number and artifact of each version, oldest first.
    pub(super) versions: Vec<(u64, ArtifactId)>,
    /// What the alias files name, which may be behind the events.
    pub(super) aliased: Vec<ArtifactId>,
    pub(super) events: Vec<Event>,
}

impl Registry {
    /// Reads every record, event and alias. Refuses where one is missing or damaged: what it refers to would
    /// look useless.
    pub(super) fn census(&self) -> Result<Census, Error> {
        let mut models = Vec::new();
        for name in self.model_names()? {
            // The events after the records, so that the events of all records are among them.
            let records = self.records(&name)?;
            let numbers: Vec<u64> = records.iter().map(|record| record.version).collect();
            if let Some(missing) = first_gap(&numbers) {
                return Err(Error::RecordMissing { path: self.record_path(&name, missing)? });
            }
            let events = self.events(&name)?;
            let numbers: Vec<u64> = events.iter().map(|event| event.event).collect();
            if let Some(missing) = first_gap(&numbers) {
                return Err(Error::RecordMissing { path: self.event_path(&name, missing)? });
            }
            let mut aliased = Vec::new();
            for alias in [Alias::Champion, Alias::Challenger] {
                let Some(file) = self.alias_file(&name, alias)? else { continue };
                let path = self.reader.alias_path(&name, alias.as_str())?;
                aliased.push(file.target.ok_or(Error::NotSound { path })?.artifact);
            }
            let versions = records.iter().map(|record| (record.version, record.run.artifact));
            models.push(Model { name, versions: versions.collect(), aliased, events });
        }
        Ok(Census { models })
    }

    /// The versions of a model that retention keeps: the newest `keep`, champion and challenger, the champion
    /// a roll back would bring back, and whatever held an alias within the last `grace`, for a reader that
    /// has read the alias and not yet the artifact.
    pub(super) fn kept_versions(
        &self,
        model: &str,
        versions: &[(u64, ArtifactId)],
        events: &[Event],
        (keep, grace): (NonZeroUsize, Duration),
    ) -> Result<HashSet<u64>, Error> {
        let newest = versions.iter().rev().take(keep.get());
        let mut kept: HashSet<u64> = newest.map(|(version, _)| *version).collect();
        let mut standing = Standing::default();
        let mut protect = |standing: &Standing| {
            let holders = [standing.champion, standing.challenger].into_iter().flatten();
            kept.extend(holders.map(|holder| holder.version));
            kept.extend(standing.previous_champion());
        };
        for event in events {
            // What this event ended a moment ago may still be on its way into a backend.
            let at = self.store.kept(&self.event_path(model, event.event)?)?;
            if at.is_none_or(|at| !at.is_older_than(grace)) {
                protect(&standing);
            }
            standing.apply(event);
        }
        protect(&standing);
        Ok(kept)
    }
}

impl Census {
    /// The artifacts that a version, an event or an alias needs: of removed versions none, but an alias has
    /// the last word.
    pub(super) fn needed(&self) -> HashSet<ArtifactId> {
        let mut needed = HashSet::new();
        for model in &self.models {
            let removed = Standing::from_events(&model.events).removed;
            let of_events = model.events.iter().map(|event| (event.version, event.artifact));
            let of_versions = model.versions.iter().copied().chain(of_events);
            let kept = of_versions.filter(|(version, _)| !removed.contains(version));
            needed.extend(kept.map(|(_, artifact)| artifact));
            needed.extend(&model.aliased);
        }
        needed
    }
}
