//! The store next to states kept by hand.

mod entities;
mod live;

use std::collections::BTreeMap;
use std::io::Cursor;

use super::{Shard, StateStore};
use crate::artifact::wire::HEADER_BYTES;
use crate::error::ErrorKind;
use crate::features::state::{EntityState, Observed};
use crate::features::window::{
    Closed, EntityKey, Event, Measure, WindowFeature, WindowProgram, Windows,
};
use crate::record::Value;
use crate::snapshot::{Snapshot, SnapshotWriter};

const SECOND: i64 = 1_000_000;
const START: i64 = 1_500_000_000 * SECOND;

fn windows(window_micros: Option<i64>) -> Windows {
    let feature = |key: &[&str], closed| WindowFeature {
        key: key.iter().map(|column| (*column).into()).collect(),
        filter: None,
        measure: Measure::Count,
        window_micros,
        delay_micros: 0,
        closed,
    };
    let features = vec![feature(&["card"], Closed::Left), feature(&["shop"], Closed::Right)];
    let (time, event_id) = ("time".into(), Some("id".into()));
    Windows::new(WindowProgram { time, event_id, amounts: Vec::new(), max_events: 64, features })
        .expect("a sound program")
}

fn event(windows: &Windows, time: i64, card: i64, shop: Option<i64>) -> Event {
    windows.event(values_of(windows, time, card, shop)).expect("the values fit")
}

fn values_of(
    windows: &Windows,
    time: i64,
    card: i64,
    shop: Option<i64>,
) -> impl Fn(usize) -> Value<'static> {
    move |at| match &*windows.columns()[at].name {
        "time" => Value::Time(time),
        "id" => Value::Integer(time ^ card),
        "card" => Value::Integer(card),
        _ => shop.map_or(Value::Null, Value::Integer),
    }
}

fn exported(store: &StateStore) -> Vec<(EntityKey, usize, Vec<u8>)> {
    let mut all = Vec::new();
    store.export(|entity, key, bytes| all.push((entity, key, bytes.to_vec())));
    all
}

#[test]
fn a_store_keeps_what_states_would() {
    let windows = windows(Some(100 * SECOND));
    let store = StateStore::new(windows.clone(), START, 1_000_000);
    let mut states: BTreeMap<EntityKey, EntityState> = BTreeMap::new();
    let mut values = [[0.0_f32; 2]; 3];
    for step in 0..if cfg!(miri) { 50 } else { 2_000 } {
        let shop = (step % 5 > 0).then_some(step % 7 + 1_000);
        let (time, card) = (START + step * SECOND, step * step % 97);
        let event = event(&windows, time, card, shop);
        assert_eq!(store.event(values_of(&windows, time, card, shop)), Ok(event));
        let entities = [0, 1].map(|key| event.entity(key));
        let of_event = entities.map(|entity| states.get(&entity?));
        windows.features(&event, &of_event, &mut values[0]);
        store.features(&event, &mut values[1]);
        assert_eq!(store.features_then_observe(&event, &mut values[2]), Observed::New);
        let bits = values.map(|values| values.map(f32::to_bits));
        assert_eq!([bits[1], bits[2]], [bits[0]; 2]);
        for (key, entity) in entities.into_iter().enumerate() {
            let Some(entity) = entity else { continue };
            let state = states.entry(entity).or_insert_with(|| EntityState::new(&windows, key));
            state.observe(&windows, &event);
        }
        assert_eq!(store.observe(&event), Observed::Duplicate);
    }
    let expected = states.iter().map(|(entity, state)| {
        let mut bytes = Vec::new();
        state.encode(&windows, &mut bytes);
        (*entity, state.key(), bytes)
    });
    let all = exported(&store);
    assert_eq!(all, expected.collect::<Vec<_>>());
    assert_eq!(store.len(), all.len());

    let copy = StateStore::new(windows, START, 1_000_000);
    for (entity, key, bytes) in &all {
        copy.import(*entity, *key, bytes).expect("exported bytes");
        assert!(copy.import(*entity, 1 - *key, bytes).is_err(), "an entity of another key");
    }
    assert_eq!(exported(&copy), all);
}

#[test]
fn states_are_the_same_by_any_number_of_threads_and_the_first_unsound_is_told() {
    let windows = windows(None);
    let store = StateStore::new(windows.clone(), START, 1_000);
    for step in 0..if cfg!(miri) { 20 } else { 200 } {
        store.observe(&event(&windows, START + step * SECOND, step % 90, Some(step % 7)));
    }
    let all = exported(&store);
    let last = all.len() - 1;
    for n_threads in [0, 1, 2, 3, 4, 50] {
        let import = |all: &[(EntityKey, usize, Vec<u8>)]| {
            let mut snapshot = Snapshot::read(Cursor::new(in_sections(&windows, all))).unwrap();
            // So few that some go, and it matters in which order they came.
            let copy = StateStore::new(windows.clone(), START, 200);
            let found = copy.import_all(snapshot.sections(), n_threads);
            (found.map_err(|error| error.offset().expect("a place")), exported(&copy))
        };
        let expected = {
            let copy = StateStore::new(windows.clone(), START, 200);
            all.iter().for_each(|(entity, key, bytes)| copy.import(*entity, *key, bytes).unwrap());
            exported(&copy)
        };
        assert!(cfg!(miri) || expected.len() < all.len());
        assert_eq!(import(&all), (Ok(()), expected), "{n_threads}");
        for places in [vec![0], vec![last], vec![last / 2, last], vec![1, 2]] {
            let mut unsound = all.clone();
            places.iter().for_each(|place| unsound[*place].2[0] ^= 0x55);
            let found = import(&unsound).0.expect_err("an unsound state");
            assert_eq!(found, offset_of(&unsound, places[0]), "{n_threads} {places:?}");
        }
        assert_eq!(import(&[]), (Ok(()), Vec::new()));
        let mut snapshot = Snapshot::read(Cursor::new(in_sections(&windows, &all))).unwrap();
        let mut sections: Vec<_> = snapshot.sections().collect();
        // What could not be read is told in its turn, unless something before is unsound.
        for (unsound_place, expected) in [(4, Some(4)), (10, None)] {
            let mut unsound = all.clone();
            unsound[unsound_place].2[0] ^= 0x55;
            let snapshot = Snapshot::read(Cursor::new(in_sections(&windows, &unsound)));
            let mut read: Vec<_> = snapshot.unwrap().sections().collect();
            read.insert(2, Err(ErrorKind::Header { what: "not read" }.into()));
            let copy = StateStore::new(windows.clone(), START, 200);
            let error = copy.import_all(read.into_iter(), n_threads).expect_err("not all is read");
            assert_eq!(error.offset(), expected.map(|place| offset_of(&unsound, place)), "{error}");
        }
        sections.swap(1, 2);
        let copy = StateStore::new(windows.clone(), START, 200);
        let error = copy.import_all(sections.into_iter(), n_threads).expect_err("out of order");
        assert_eq!(error.offset(), Some(offset_of(&all, 3)), "{n_threads}: {error}");
    }
}

/// A snapshot of states, three in a section.
fn in_sections(windows: &Windows, all: &[(EntityKey, usize, Vec<u8>)]) -> Vec<u8> {
    let mut writer = SnapshotWriter::new(Cursor::new(Vec::new()), windows, START).unwrap();
    for of_section in all.chunks(3) {
        for (entity, key, bytes) in of_section {
            writer.push_encoded(*entity, *key, bytes).unwrap();
        }
        writer.end_states().unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Where in the snapshot a state begins: with its entity, behind the header and the section that tells what it is.
fn offset_of(all: &[(EntityKey, usize, Vec<u8>)], place: usize) -> u64 {
    let before: usize = all[..place].iter().map(|(_, _, bytes)| 24 + bytes.len()).sum();
    (HEADER_BYTES + 40 + before) as u64
}

#[test]
fn staleness_is_the_history_between_the_snapshot_and_the_first_live_event() {
    let windows = windows(None);
    let store = StateStore::new(windows.clone(), START, 1_000);
    let at = |secs: i64| event(&windows, START + secs * SECOND, 1, None);
    assert_eq!(store.staleness(START + 50 * SECOND), 50 * SECOND);
    store.observe(&at(60));
    assert_eq!(store.staleness(START + 90 * SECOND), 60 * SECOND);
    store.catch_up(&[at(10), at(20)], START + 20 * SECOND);
    assert_eq!(store.staleness(START + 90 * SECOND), 40 * SECOND);
    // Up to the first live event, which is recognised.
    store.catch_up(&[at(59), at(60)], START + 60 * SECOND);
    assert_eq!(store.staleness(START + 90 * SECOND), 0);
    let mut values = [0.0; 2];
    store.features(&at(100), &mut values);
    assert_eq!(values[0].to_bits(), 4.0_f32.to_bits());
}

#[test]
#[cfg_attr(miri, ignore = "shards fill evenly only with tens of thousands of entities")]
fn too_many_entities_go_the_idlest_first() {
    let windows = windows(None);
    let store = StateStore::new(windows.clone(), START, 2_560);
    // Ten in each of 256 shards; of a full one the idlest eighth goes, rounded up.
    let mut shards: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
    for card in 0..20_000 {
        let event = event(&windows, START + card * SECOND, card, None);
        store.observe(&event);
        let shard =
            shards.entry(super::shard_number(event.entity(0).expect("a card"))).or_default();
        if shard.len() == 10 {
            shard.drain(..2);
        }
        shard.push(card);
    }
    let mut kept: Vec<i64> = shards.into_values().flatten().collect();
    kept.sort_unstable();
    assert_eq!((store.len(), store.n_evicted()), (kept.len(), 20_000 - kept.len()));
    let is_told = || store.shards.iter().all(Shard::knows_its_table);
    assert!(is_told());
    let is_kept = |card: &i64| {
        let mut values = [0.0; 2];
        store.features(&event(&windows, START + 30_000 * SECOND, *card, None), &mut values);
        values[0] > 0.0
    };
    assert_eq!((0..20_000).filter(is_kept).collect::<Vec<_>>(), kept);
    let n_new = kept.iter().filter(|card| **card >= 19_500).count();
    assert_eq!(store.evict_idle_since(START + 19_500 * SECOND), kept.len() - n_new);
    assert_eq!((store.len(), n_new > 400, is_told()), (n_new, true, true));
}

#[test]
fn threads_count_every_event_once_and_survive_one_that_panicked() {
    let windows = windows(Some(1_000_000 * SECOND));
    let store = StateStore::new(windows.clone(), START, 1_000);
    let n_steps = if cfg!(miri) { 10 } else { 500 };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, windows) = (&store, &windows);
            scope.spawn(move || {
                for step in 0..n_steps {
                    let time = START + (step * 4 + thread) * SECOND;
                    store.observe(&event(windows, time, 1, Some(2)));
                }
            });
        }
        let poisoned = scope.spawn(|| {
            let event = event(&windows, START, 1, None);
            let entity = event.entity(0).expect("a card");
            let _guard = store.shards[super::shard_number(entity)].lock();
            panic!("on purpose");
        });
        assert!(poisoned.join().is_err());
    });
    let mut values = [0.0; 2];
    store.features(&event(&windows, START + 10_000 * SECOND, 1, Some(2)), &mut values);
    // The window of the shop is closed on the right: it has the event that is asked about.
    let expected = [4 * n_steps, 4 * n_steps + 1].map(|n| (n as f32).to_bits());
    assert_eq!(values.map(f32::to_bits), expected);
}
