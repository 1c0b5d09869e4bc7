//! Live requests of a backend: a snapshot, the events since, scores, labels.

use std::collections::BTreeMap;
use std::io::Cursor;

use crate::error::{ErrorKind, ScoreErrorKind};
use crate::features::state::{EntityState, Label, Observed, Replay};
use crate::features::window::{EntityKey, Event, Windows};
use crate::record::Record;
use crate::scorer::tests::velocity::model::{Payment, label, payments, scorer, scorer_with};
use crate::snapshot::{Snapshot, SnapshotWriter};
use crate::store::StateStore;

/// The features of each payment by a replay, and the snapshot of the first `n_before` of them.
fn history(
    windows: &Windows,
    events: &[(Event, Option<Label>)],
    n_before: usize,
) -> (Vec<Vec<f32>>, Vec<u8>) {
    let mut values = vec![vec![f32::NAN; windows.n_features()]; events.len()];
    let mut states: BTreeMap<EntityKey, EntityState> = BTreeMap::new();
    for key in 0..windows.n_keys() {
        let mut replays: BTreeMap<EntityKey, Replay<'_>> = BTreeMap::new();
        for (position, ((event, label), values)) in events.iter().zip(&mut values).enumerate() {
            let Some(entity) = event.entity(key) else { continue };
            let replay = replays
                .entry(entity)
                .or_insert_with(|| Replay::new(windows, EntityState::new(windows, key)));
            replay.next(event, *label, values);
            if position < n_before {
                let state = states.entry(entity).or_insert_with(|| EntityState::new(windows, key));
                state.observe(windows, event);
                if let Some(Label { is_fraud, known_at }) = *label {
                    state.learn_label(windows, event, is_fraud, known_at);
                }
            }
        }
    }
    let as_of = events[n_before].0.time();
    let mut writer = SnapshotWriter::new(Cursor::new(Vec::new()), windows, as_of).expect("memory");
    for (entity, state) in &states {
        writer.push(*entity, state).expect("entities ascend");
    }
    (values, writer.finish().expect("memory").into_inner())
}

/// Miri is given one part in so many.
const PART: usize = if cfg!(miri) { 20 } else { 1 };

fn store(windows: &Windows, snapshot: &[u8]) -> StateStore {
    let mut snapshot = Snapshot::read(Cursor::new(snapshot)).expect("it is sound");
    StateStore::from_snapshot(windows.clone(), &mut snapshot, 1_000_000).expect("it is sound")
}

#[test]
fn a_store_begins_with_a_snapshot_catches_up_and_scores_as_the_replay() {
    let (scorer, payments) = (scorer(), payments(1_500 / PART as u32));
    let windows = scorer.windows().expect("it has windows");
    let event = |payment: &Payment| scorer.event(Record::new(&payment.record())).expect("an event");
    let events: Vec<_> = payments.iter().map(|it| (event(it), label(it))).collect();
    // The snapshot ends, and the live events begin, where time goes on.
    let begins = |at: usize| {
        (at..).find(|at| events[*at].0.time() > events[at - 1].0.time()).expect("time goes on")
    };
    let (n_before, live) = (begins(700 / PART), begins(1_000 / PART));
    let (values, snapshot) = history(windows, &events, n_before);
    let store = store(windows, &snapshot);
    let (as_of, first) = (events[n_before].0.time(), events[live].0.time());
    assert_eq!((store.as_of(), store.staleness(first)), (as_of, first - as_of));
    store.catch_up(events[n_before..live].iter().map(|(event, _)| event), first);
    assert_eq!(store.staleness(i64::MAX), i64::MAX - first, "until something is observed");
    let learn = |(event, label): &(Event, Option<Label>)| {
        label.is_some_and(|label| store.learn_label(event, true, label.known_at))
    };
    let n_learnt = events[n_before..live].iter().filter(|it| learn(it)).count();
    assert!(n_learnt > 0, "those that are not too old");

    // A backend that starts again goes on as if it had not.
    let saved = store.write_snapshot(Cursor::new(Vec::new()), first).expect("memory").into_inner();
    let store = self::store(windows, &saved);
    assert_eq!(store.as_of(), first);
    let learn = |(event, label): &(Event, Option<Label>)| {
        label.is_some_and(|label| store.learn_label(event, true, label.known_at))
    };

    let bound = scorer.bind(&payments[0]).expect("it binds");
    let (mut n_scored, mut n_rejected) = (0, 0);
    for (position, payment) in payments.iter().enumerate().skip(live) {
        let record = payment.record();
        let expected = scorer.score_record_with(Record::new(&record), &values[position]);
        let found = match position % 2 {
            0 => store.score(&bound, payment),
            _ => store.score_record(&scorer, Record::new(&record)),
        };
        match (found, expected) {
            (Ok(scored), Ok(score)) => {
                assert_eq!(scored.score, score);
                assert_eq!((scored.event, scored.observed), (events[position].0, Observed::New));
                assert_eq!(scored.staleness_micros, 0);
                n_scored += 1;
            }
            // It counts all the same, as the next values of its entities show.
            (found, expected) => {
                assert_eq!(found.expect_err("rejected"), expected.expect_err("rejected"));
                n_rejected += 1;
            }
        }
        // The rate is that of shops, the second key.
        let (event, label) = &events[position];
        assert_eq!(learn(&events[position]), label.is_some() && event.entity(1).is_some());
    }
    let (few_scored, few_rejected) = if cfg!(miri) { (5, 5) } else { (300, 20) };
    assert!(
        n_scored > few_scored && n_rejected > few_rejected,
        "{n_scored} scored, {n_rejected} rejected"
    );
}

#[test]
fn what_was_missed_is_told_with_each_score() {
    let (scorer, payments) = (scorer(), payments(300));
    let windows = scorer.windows().expect("it has windows");
    let event = |payment: &Payment| scorer.event(Record::new(&payment.record())).expect("an event");
    let first = event(&payments[250]).time();
    let store = StateStore::new(windows.clone(), first - 5_000_000, 1_000_000);
    let bound = scorer.bind(&payments[0]).expect("it binds");
    for payment in &payments[250..] {
        if let Ok(scored) = store.score(&bound, payment) {
            assert_eq!(scored.staleness_micros, 5_000_000);
        }
    }
    // The same payment again is scored and counts once.
    let again = store.score(&bound, &payments[299]).map(|scored| scored.observed);
    assert!(again.is_ok_and(|observed| observed == Observed::Duplicate));
    store.catch_up(&[], first);
    let last = store.score(&bound, &payments[299]).expect("it scored before");
    assert_eq!(last.staleness_micros, 0);
}

#[test]
fn windows_are_told_apart_by_meaning_and_not_by_order() {
    let (scorer, payments) = (scorer(), payments(400 / PART as u32));
    let windows = scorer.windows().expect("it has windows");
    let longer = scorer_with(|program| program.features[0].window_micros = Some(1));
    let store = StateStore::new(windows.clone(), 0, 1_000_000);
    let record = payments[0].record();
    let error = store.score_record(&longer, Record::new(&record)).expect_err("other windows");
    assert!(matches!(error.kind(), ScoreErrorKind::OtherWindows { .. }), "{error}");
    let begin =
        |hash: &[u8; 32]| format!("{:016x}…", u64::from_be_bytes(*hash.first_chunk().expect("8")));
    let other = longer.windows().expect("it has windows");
    for hash in [windows.hash(), other.hash()] {
        assert!(error.to_string().contains(&begin(hash)), "{error}");
    }
    assert!(store.is_empty(), "nothing was observed");
    let event = scorer.event(Record::new(&record)).expect("an event");
    let (_, snapshot) = history(windows, &[(event, None)], 0);
    let mut snapshot = Snapshot::read(Cursor::new(snapshot)).expect("it is sound");
    let error = StateStore::from_snapshot(other.clone(), &mut snapshot, 10).expect_err("refused");
    assert!(matches!(error.kind(), ErrorKind::OtherWindows { .. }), "{error}");

    // The same windows in another order: a store made for one serves the other.
    let reversed = scorer_with(|program| program.features.reverse());
    let own = StateStore::new(reversed.windows().expect("windows").clone(), 0, 1_000_000);
    for payment in &payments {
        let record = payment.record();
        let score = |store: &StateStore| {
            let scored = store.score_record(&reversed, Record::new(&record));
            scored.map(|scored| (scored.score, scored.observed))
        };
        assert_eq!(score(&store), score(&own));
    }
}
