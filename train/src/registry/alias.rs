//! Aliases: copies of what the events say, for readers.

use shroff_serve::registry::AliasTarget;

use super::Registry;
use super::error::Error;
use super::record::{Alias, Event, EventKind};
use super::standing::Standing;
use super::store::MAX_JSON_BYTES;

/// What is in an alias's file.
pub(super) struct AliasFile {
    pub(super) bytes: Vec<u8>,
    /// None when it is not an alias: cut short, or something else.
    pub(super) target: Option<AliasTarget>,
}

impl Registry {
    /// Writes the aliases again from the events, and says how the versions stand. An alias is
    /// never moved to an older event.
    ///
    /// # Errors
    /// An alias names an event that is not there, or a file could not be written or read.
    pub fn rebuild_aliases(&self, name: &str) -> Result<Standing, Error> {
        self.copy_to_aliases(name, &mut Vec::new())
    }

    /// As [`Registry::rebuild_aliases`], given the events that were read before.
    pub(super) fn copy_to_aliases(
        &self,
        name: &str,
        events: &mut Vec<Event>,
    ) -> Result<Standing, Error> {
        loop {
            self.read_newer_events(name, events)?;
            let standing = Standing::from_events(events);
            if standing.event > 0 {
                // The events must outlive the aliases that name them.
                self.store.persist(&self.event_path(name, standing.event)?)?;
            }
            let champion = self.write_alias(name, Alias::Champion, &standing)?;
            let challenger = self.write_alias(name, Alias::Challenger, &standing)?;
            // Another writer may know of a newer event; and where there are no locks, a slower one may
            // have undone what a newer event did: the one that sees it last puts it right.
            let newest = self.event_numbers(name)?.last().copied().unwrap_or(0);
            if champion && challenger && newest == standing.event {
                return Ok(standing);
            }
        }
    }

    /// What the file of an alias holds; none when it is not there.
    pub(super) fn alias_file(&self, name: &str, alias: Alias) -> Result<Option<AliasFile>, Error> {
        let path = self.reader.alias_path(name, alias.as_str())?;
        let bytes = self.store.get(&path, MAX_JSON_BYTES)?;
        Ok(bytes.map(|bytes| AliasFile { target: AliasTarget::from_bytes(&bytes), bytes }))
    }

    /// Whoever asks for the champion before the present one goes by the alias. When it is behind the
    /// events, the last writer was killed: a roll back of its is finished and returned, anything
    /// else is finished and reported. With a key, a roll back that is not signed is not finished either.
    pub(super) fn finish_rollback(
        &self,
        name: &str,
        events: &[Event],
        standing: &Standing,
    ) -> Result<Option<Event>, Error> {
        let seen = self.alias_file(name, Alias::Champion)?.and_then(|file| file.target);
        let at = |number| events.iter().find(|event| event.event == number);
        let seen = seen.and_then(|seen| at(seen.event));
        let champion = standing.champion.and_then(|holder| at(holder.event));
        let (Some(seen), Some(champion)) = (seen, champion) else { return Ok(None) };
        // Back is where it was: an event that says so of anything else is nobody's roll back to finish.
        let is_rollback = champion.kind == EventKind::Rollback
            && events.iter().any(|event| {
                event.event < champion.event
                    && event.alias == champion.alias
                    && (event.version, event.artifact) == (champion.version, champion.artifact)
            });
        // Whoever came after a writer that was killed may have moved the alias, and had no key.
        let is_unsigned = is_rollback && self.is_unsigned(champion)?;
        if seen.event >= champion.event && !is_unsigned {
            return Ok(None);
        }
        if is_unsigned {
            self.check_blob(&champion.artifact)?;
        }
        if is_rollback {
            // Before the alias names it: as long as it does not, a repeated roll back is this one finished.
            self.sign_event(name, champion)?;
        }
        self.rebuild_aliases(name)?;
        if is_rollback {
            return Ok(Some(champion.clone()));
        }
        let (expected, found) = (seen.version, champion.version);
        Err(Error::ChampionMoved { model: name.into(), expected, found })
    }

    /// Makes the alias's file what the events say, and says whether it is; not when another writer was
    /// there in between.
    fn write_alias(&self, name: &str, alias: Alias, standing: &Standing) -> Result<bool, Error> {
        let path = self.reader.alias_path(name, alias.as_str())?;
        let found = self.alias_file(name, alias)?;
        let target = found.as_ref().and_then(|file| file.target);
        if let Some(AliasTarget { event, .. }) = target
            && event > standing.event
        {
            let newest = self.event_numbers(name)?.last().copied().unwrap_or(0);
            if event <= newest {
                // Written by another for an event newer than this one saw.
                return Ok(false);
            }
            return Err(Error::AliasAhead { path, expected: newest, found: event });
        }
        let wanted = standing.target(alias);
        if target == wanted && found.is_some() == wanted.is_some() {
            if found.is_some() {
                self.store.persist(&path)?;
            }
            return Ok(true);
        }
        let bytes = found.as_ref().map(|file| file.bytes.as_slice());
        let line = wanted.map(|target| format!("{target}\n"));
        self.store.cas(&path, bytes, line.as_deref().map(str::as_bytes))
    }
}
