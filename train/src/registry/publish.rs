//! Publishing, promoting, rolling back: each a row of steps that can stop anywhere and be run again.

use shroff_serve::artifact::ArtifactId;
use shroff_serve::registry::{AliasTarget, RegistryError as ReadError};

use super::Registry;
use super::error::Error;
use super::record::{Alias, Decision, Event, EventKind, Run, VersionRecord};
use super::standing::Standing;
use super::store::{Put, to_json};
use super::verdict::{decide_event, publish_event};
use crate::report::{self, PageVerdict};

impl Registry {
    /// Publishes what a run made, as the next version, and promotes it if its verdict says so and
    /// `run.parent` is still the champion; [`Registry::came_to`] says whether it was.
    ///
    /// When the run's key was published before, also a moment ago by another process, that
    /// version is completed and its record returned, verdict and all; `run` is then not looked at
    /// further.
    ///
    /// # Errors
    /// The bytes are not the artifact the record names, the key was published with another
    /// artifact, or a file could not be written or read. What was put into place stays and does
    /// no harm; run again to finish.
    pub fn publish(&self, name: &str, blob: &[u8], run: Run) -> Result<VersionRecord, Error> {
        if let Some(record) = self.find_run(name, &run.run_key)? {
            same_artifact(&record, run.artifact)?;
        }
        self.put_blob(&run.artifact, blob)?;
        let record = self.put_version(name, run)?;
        self.complete(name, &record)?;
        Ok(record)
    }

    /// Does what is left to do for a version found in this registry, and says how the versions
    /// stand. Does nothing for one that is complete.
    ///
    /// A verdict to promote that was not carried out is dropped when the champion moved since:
    /// the version was never compared with the one that is champion now. An event says so and
    /// makes the version the challenger.
    ///
    /// # Errors
    /// Its artifact is missing or refused, its report was changed, or a file could not be written
    /// or read.
    pub fn complete(&self, name: &str, record: &VersionRecord) -> Result<Standing, Error> {
        self.check_blob(&record.run.artifact)?;
        self.store.sync_parents(&self.reader.blob_path(&record.run.artifact))?;
        self.store.sync_parents(&self.record_path(name, record.version)?)?;
        self.put_report(name, record)?;
        self.append_event(name, |number, events| Ok(publish_event(record, number, events)))?;
        self.append_event(name, |number, events| Ok(decide_event(record, number, events)))?;
        self.rebuild_aliases(name)
    }

    /// Makes a version the champion, whatever its verdict was. Returns the event that did so: an
    /// earlier one if it is champion already.
    ///
    /// # Errors
    /// `why` is empty, there is no such version, its artifact is missing or refused, or a file
    /// could not be written or read.
    pub fn promote(
        &self,
        name: &str,
        version: u64,
        why: &str,
        by: &str,
        at: &str,
    ) -> Result<Event, Error> {
        check_why(why)?;
        let record = self.record(name, version)?;
        self.make_champion(name, &record, EventKind::Promote, why, by, at, |_| Ok(()))
    }

    /// Makes an earlier champion the champion again: `to`, or the one before the present one. A
    /// second roll back goes one further back, unless the first was killed before the alias moved:
    /// then it is finished.
    ///
    /// # Errors
    /// `why` is empty, there is no earlier champion, `to` was not one, the champion moved
    /// meanwhile, or as [`Registry::promote`].
    pub fn rollback(
        &self,
        name: &str,
        to: Option<u64>,
        why: &str,
        by: &str,
        at: &str,
    ) -> Result<Event, Error> {
        check_why(why)?;
        let events = self.events(name)?;
        if events.is_empty() {
            return Err(Error::ModelMissing { model: name.into(), available: self.models()? });
        }
        let before = Standing::from_events(&events);
        if to.is_none()
            && let Some(event) = self.finish_rollback(name, &events, &before)?
        {
            self.sign_event(name, &event)?;
            return Ok(event);
        }
        let version = match to {
            Some(version) if before.champions.contains(&version) => version,
            Some(version) => return Err(Error::NeverChampion { model: name.into(), version }),
            None => before
                .previous_champion()
                .ok_or_else(|| Error::NoEarlierChampion { model: name.into() })?,
        };
        let record = self.record(name, version)?;
        // "The one before" was decided by what the champion was: it must not be another by now.
        let unmoved = |now: &Standing| match (before.champion, now.champion) {
            (Some(expected), Some(found)) if expected.event != found.event => {
                let (expected, found) = (expected.version, found.version);
                Err(Error::ChampionMoved { model: name.into(), expected, found })
            }
            _ => Ok(()),
        };
        self.make_champion(name, &record, EventKind::Rollback, why, by, at, unmoved)
    }

    /// Writes the aliases again from the events, and says how the versions stand. An alias is
    /// never moved to an older event.
    ///
    /// # Errors
    /// An alias names an event that is not there, or a file could not be written or read.
    pub fn rebuild_aliases(&self, name: &str) -> Result<Standing, Error> {
        // First of all, as the lock's file has the model's name.
        self.reader.model_path(name)?;
        let _lock = self.store.lock(name)?;
        loop {
            let standing = self.standing(name)?;
            if standing.event > 0 {
                // The events must outlive the aliases that name them.
                self.store.sync_parents(&self.event_path(name, standing.event)?)?;
            }
            self.write_alias(name, Alias::Champion, &standing)?;
            self.write_alias(name, Alias::Challenger, &standing)?;
            // Without locks, a slower writer may have undone what a newer event did: the one that
            // sees it last puts it right.
            let newest = self.reader.events(name)?.last().copied().unwrap_or(0);
            if newest == standing.event {
                return Ok(standing);
            }
        }
    }

    /// Whoever asks for the champion before the present one goes by the alias. When it is behind the
    /// events, the last writer was killed: a roll back of its is finished and returned, anything
    /// else is finished and reported.
    fn finish_rollback(
        &self,
        name: &str,
        events: &[Event],
        standing: &Standing,
    ) -> Result<Option<Event>, Error> {
        let Ok(Some(seen)) = self.reader.alias(name, Alias::Champion.as_str()) else {
            return Ok(None);
        };
        let at = |number| events.iter().find(|event| event.event == number);
        let champion = standing.champion.and_then(|holder| at(holder.event));
        let (Some(seen), Some(champion)) = (at(seen.event), champion) else { return Ok(None) };
        if seen.event >= champion.event {
            return Ok(None);
        }
        self.rebuild_aliases(name)?;
        if champion.kind == EventKind::Rollback {
            return Ok(Some(champion.clone()));
        }
        let (expected, found) = (seen.version, champion.version);
        Err(Error::ChampionMoved { model: name.into(), expected, found })
    }

    /// The next free number. Whoever loses it to another writer looks at what that one published:
    /// one key never gets two versions.
    fn put_version(&self, name: &str, run: Run) -> Result<VersionRecord, Error> {
        loop {
            let records = self.records(name)?;
            if let Some(found) = records.iter().find(|record| record.run.run_key == run.run_key) {
                same_artifact(found, run.artifact)?;
                return Ok(found.clone());
            }
            let version = records.last().map_or(0, |record| record.version) + 1;
            let record = VersionRecord { version, run: run.clone() };
            let path = self.record_path(name, version)?;
            if self.store.put_new(&path, &to_json(&path, &record)?, |_| Ok(()))? == Put::Done {
                return Ok(record);
            }
        }
    }

    fn put_report(&self, name: &str, record: &VersionRecord) -> Result<(), Error> {
        let path = self.report_path(name, record.version)?;
        let bytes = to_json(&path, &record.run.report)?;
        match self.store.put_new(&path, &bytes, |_| Ok(()))? {
            Put::Done => {}
            Put::Taken => return Err(Error::Conflict { path }),
        }
        // Made of the record alone, so that whoever finishes a run makes the same one; a page that is
        // there, of another release perhaps, stays.
        let verdict = &record.run.verdict;
        let verdict = PageVerdict {
            version: record.version,
            promote: verdict.decision == Decision::Promote,
            reason: &verdict.reason,
        };
        let page = report::page(&record.run.report, Some(verdict));
        self.store.put_new(&path.with_file_name("report.html"), page.as_bytes(), |_| Ok(()))?;
        Ok(())
    }

    /// Adds the event that `next` makes, given its number and all events before it, so that it
    /// always decides by the newest state; asked again when another writer takes the number.
    fn append_event(
        &self,
        name: &str,
        mut next: impl FnMut(u64, &[Event]) -> Result<Option<Event>, Error>,
    ) -> Result<Option<Event>, Error> {
        loop {
            let events = self.events(name)?;
            let number = events.last().map_or(0, |event| event.event) + 1;
            let Some(event) = next(number, &events)? else { return Ok(None) };
            let path = self.event_path(name, number)?;
            if self.store.put_new(&path, &to_json(&path, &event)?, |_| Ok(()))? == Put::Done {
                return Ok(Some(event));
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one event, spelt out")]
    fn make_champion(
        &self,
        name: &str,
        record: &VersionRecord,
        kind: EventKind,
        why: &str,
        by: &str,
        at: &str,
        allowed: impl Fn(&Standing) -> Result<(), Error>,
    ) -> Result<Event, Error> {
        self.check_blob(&record.run.artifact)?;
        let mut present = 0;
        let added = self.append_event(name, |number, events| {
            let standing = Standing::from_events(events);
            allowed(&standing)?;
            if let Some(champion) = standing.champion
                && champion.version == record.version
            {
                present = champion.event;
                return Ok(None);
            }
            Ok(Some(Event {
                event: number,
                kind,
                version: record.version,
                artifact: record.run.artifact,
                alias: Some(Alias::Champion),
                at: at.into(),
                by: by.into(),
                why: why.into(),
            }))
        })?;
        let event = match added {
            Some(event) => event,
            None => self.event(name, present)?,
        };
        // Before the alias names it, so that no backend finds it unsigned.
        self.sign_event(name, &event)?;
        self.rebuild_aliases(name)?;
        Ok(event)
    }

    fn write_alias(&self, name: &str, alias: Alias, standing: &Standing) -> Result<(), Error> {
        let path = self.reader.alias_path(name, alias.as_str())?;
        let found = match self.reader.alias(name, alias.as_str()) {
            Ok(found) => found,
            // Cut short or not: it is only a copy.
            Err(ReadError::MalformedAlias { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(AliasTarget { event, .. }) = found
            && event > standing.event
        {
            let newest = self.reader.events(name)?.last().copied().unwrap_or(0);
            if event <= newest {
                // Written by another for an event newer than this one saw; the caller looks again.
                return Ok(());
            }
            return Err(Error::AliasAhead { path, expected: newest, found: event });
        }
        match standing.target(alias) {
            Some(target) if found == Some(target) => self.store.sync_parents(&path),
            Some(target) => self.store.replace(&path, format!("{target}\n").as_bytes()),
            None => self.store.remove(&path),
        }
    }
}

/// One key, one artifact.
pub(super) fn same_artifact(record: &VersionRecord, made: ArtifactId) -> Result<(), Error> {
    let VersionRecord { version, run } = record;
    if run.artifact == made {
        return Ok(());
    }
    let (run_key, expected) = (run.run_key, run.artifact);
    Err(Error::RunConflict { run_key, version: *version, expected, found: made })
}

/// The audit trail is for whoever asks why, later.
fn check_why(why: &str) -> Result<(), Error> {
    if why.trim().is_empty() { Err(Error::WhyMissing) } else { Ok(()) }
}
