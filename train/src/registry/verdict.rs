//! What a verdict comes to: which events a version still needs, and what they made of it.

use super::Registry;
use super::error::Error;
use super::record::{Alias, Decision, Event, EventKind, Verdict, VersionRecord};
use super::standing::Standing;

impl Registry {
    /// What a version's verdict came to: the recorded one, unless that was to promote and the
    /// champion moved before it could be carried out. Then the champion stays, and the reason is
    /// both. Never changes once the version is complete, whatever becomes of it later.
    ///
    /// # Errors
    /// As [`Registry::events`].
    pub fn came_to(&self, name: &str, record: &VersionRecord) -> Result<Verdict, Error> {
        Ok(came_to(record, &self.events(name)?))
    }
}

/// As [`Registry::came_to`], given all events.
pub(super) fn came_to(record: &VersionRecord, events: &[Event]) -> Verdict {
    let recorded = &record.run.verdict;
    match find(events, record, EventKind::Keep) {
        None => recorded.clone(),
        Some(event) => Verdict {
            decision: Decision::Keep,
            reason: format!("{}; but {}", recorded.reason, event.why),
        },
    }
}

/// The publish event a version still needs.
pub(super) fn publish_event(
    record: &VersionRecord,
    number: u64,
    events: &[Event],
) -> Option<Event> {
    if find(events, record, EventKind::Publish).is_some() {
        return None;
    }
    let kept = record.run.verdict.decision == Decision::Keep;
    let alias = kept.then_some(Alias::Challenger);
    let why = record.run.verdict.reason.clone();
    Some(event_of(record, number, EventKind::Publish, alias, why))
}

/// The event that carries out a verdict to promote or, when the champion moved since, says that
/// it is not carried out: one or the other, decided once.
pub(super) fn decide_event(record: &VersionRecord, number: u64, events: &[Event]) -> Option<Event> {
    let wanted = record.run.verdict.decision == Decision::Promote;
    let done = |kind| find(events, record, kind).is_some();
    if !wanted || done(EventKind::Promote) || done(EventKind::Keep) {
        return None;
    }
    let published = find(events, record, EventKind::Publish)?.event;
    let standing = Standing::from_events(events);
    let Some(why) = moved(record, published, &standing) else {
        let why = record.run.verdict.reason.clone();
        return Some(event_of(record, number, EventKind::Promote, Some(Alias::Champion), why));
    };
    // A run finished late does not take the place of a newer version.
    let newest = standing.challenger.is_none_or(|holder| holder.version < record.version);
    let alias = newest.then_some(Alias::Challenger);
    Some(event_of(record, number, EventKind::Keep, alias, why))
}

/// How the champion moved since a version was compared with it; `None` when it did not.
fn moved(record: &VersionRecord, published: u64, standing: &Standing) -> Option<String> {
    match (record.run.parent, standing.champion) {
        (None, None) => None,
        (Some(parent), None) => Some(format!("version {parent} is champion no more")),
        (Some(parent), Some(now)) if now.version == parent => (now.event > published)
            .then(|| format!("version {parent} was made champion again since it was compared")),
        (_, Some(now)) => {
            Some(format!("champion moved to version {} since it was compared", now.version))
        }
    }
}

fn find<'a>(events: &'a [Event], record: &VersionRecord, kind: EventKind) -> Option<&'a Event> {
    events.iter().find(|event| event.version == record.version && event.kind == kind)
}

pub(super) fn event_of(
    record: &VersionRecord,
    number: u64,
    kind: EventKind,
    alias: Option<Alias>,
    why: String,
) -> Event {
    Event {
        event: number,
        kind,
        version: record.version,
        artifact: record.run.artifact,
        alias,
        at: record.run.created_at.clone(),
        by: record.run.created_by.clone(),
        why,
    }
}
