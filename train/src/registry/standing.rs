//! Who is champion and who challenger: the events, read from the first to the last.

use std::collections::BTreeSet;

use shroff_serve::artifact::ArtifactId;
use shroff_serve::registry::AliasTarget;

use super::record::{Alias, Event, EventKind};

/// Where a model's versions stand after some events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// The version that decides.
    pub champion: Option<Holder>,
    /// The newest version that was kept from deciding, unless its artifact became champion since.
    pub challenger: Option<Holder>,
    /// The champions one can go back to, oldest first; the present one is the last.
    pub champions: Vec<u64>,
    /// The versions whose artifact was removed to save space, in order.
    pub removed: BTreeSet<u64>,
    /// The newest event; 0 when there is none.
    pub event: u64,
}

/// A version that holds an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The version.
    pub version: u64,
    /// Its artifact.
    pub artifact: ArtifactId,
    /// The event that gave it the alias.
    pub event: u64,
}

impl Standing {
    /// What `events`, oldest first, add up to.
    pub(super) fn from_events(events: &[Event]) -> Self {
        let mut standing = Self::default();
        for event in events {
            standing.apply(event);
        }
        standing
    }

    /// The champion before the present one.
    pub fn previous_champion(&self) -> Option<u64> {
        self.champions.iter().rev().nth(1).copied()
    }

    /// What the alias's file should hold.
    pub(super) fn target(&self, alias: Alias) -> Option<AliasTarget> {
        let holder = match alias {
            Alias::Champion => self.champion,
            Alias::Challenger => self.challenger,
        };
        holder.map(|holder| AliasTarget { artifact: holder.artifact, event: holder.event })
    }

    pub(super) fn apply(&mut self, event: &Event) {
        self.event = event.event;
        match event.kind {
            EventKind::Remove => drop(self.removed.insert(event.version)),
            EventKind::Restore => drop(self.removed.remove(&event.version)),
            _ => {}
        }
        let holder =
            Holder { version: event.version, artifact: event.artifact, event: event.event };
        match event.alias {
            Some(Alias::Champion) => {
                self.champion = Some(holder);
                self.enter(event);
            }
            Some(Alias::Challenger) => self.challenger = Some(holder),
            None => {}
        }
        let artifact_of = |holder: Option<Holder>| holder.map(|holder| holder.artifact);
        if artifact_of(self.challenger) == artifact_of(self.champion) {
            self.challenger = None;
        }
    }

    /// A roll back forgets the champions it passes: the next goes further back, and never brings
    /// a version back that was just taken away.
    fn enter(&mut self, event: &Event) {
        let place = self.champions.iter().rposition(|version| *version == event.version);
        match place {
            Some(place) if event.kind == EventKind::Rollback => self.champions.truncate(place + 1),
            _ if self.champions.last() == Some(&event.version) => {}
            _ => self.champions.push(event.version),
        }
    }
}
