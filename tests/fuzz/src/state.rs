//! The state of an entity, of any kind behind a right beginning and checksum.

use shroff_serve::features::state::EntityState;
use shroff_serve::features::window::{Event, Windows};
use shroff_serve::{Record, Scorer, Value};

use super::velocity;

/// The first byte names the key; the rest is what a state holds between its head and its checksum.
pub fn state(bytes: &[u8]) -> bool {
    let windows = windows();
    let Some((key, body)) = bytes.split_first() else { return false };
    let key = usize::from(*key) % windows.n_keys();
    let mut state = vec![1];
    state.extend(&windows.hash()[..8]);
    state.push(key as u8);
    state.extend(body);
    state.extend(&blake3::hash(&state).as_bytes()[..8]);
    let Ok(decoded) = EntityState::decode(windows, key, &state) else { return false };
    let mut again = Vec::new();
    decoded.encode(windows, &mut again);
    assert_eq!(again, state, "a state has one form");
    use_state(decoded);
    true
}

/// Asks a state, lets it observe events around its newest and learn their labels, and reads it again.
pub(crate) fn use_state(mut state: EntityState) {
    let windows = windows();
    let newest = state.newest(windows).unwrap_or(0);
    for (number, distance) in (0..).zip([-40, -8, -1, 0, 0, 1, 3, 8, 29, 61]) {
        let Some(event) = event(number, newest.saturating_add(distance * DAY / 2)) else {
            continue;
        };
        let mut values = vec![0.0; windows.n_features()];
        let mut of_event: Vec<Option<&EntityState>> = vec![None; windows.n_keys()];
        of_event[state.key()] = Some(&state);
        windows.features(&event, &of_event, &mut values);
        let mut asked = values.clone();
        let mut other = state.clone();
        other.features_then_observe(windows, &event, &mut asked);
        let of_key = |number: &f32| number.to_bits();
        assert!(values.iter().map(of_key).eq(asked.iter().map(of_key)), "{values:?} {asked:?}");
        state.observe(windows, &event);
        if number % 3 == 0 {
            state.learn_label(windows, &event, true, event.time() + DAY);
        }
        if number == 6 {
            state.learn_label(windows, &event, false, event.time() + DAY);
        }
    }
    let mut bytes = Vec::new();
    state.encode(windows, &mut bytes);
    let read = EntityState::decode(windows, state.key(), &bytes).expect("its own bytes");
    let mut again = Vec::new();
    read.encode(windows, &mut again);
    assert_eq!(again, bytes, "a state has one form");
}

fn event(number: i64, time: i64) -> Option<Event> {
    let scorer: &Scorer = velocity();
    let values = [
        Value::Integer(number / 2),
        Value::Time(time),
        Value::Text("5"),
        Value::Text("T1"),
        if number == 4 { Value::Null } else { Value::Number(number as f64 * 12.5 - 20.0) },
        [Value::Text("FR"), Value::Text("DE"), Value::Null][number as usize % 3],
        Value::Bool(number % 2 == 0),
    ];
    scorer.event(Record::new(&values)).ok()
}

/// Puts the checksums right of all states in the sections of a snapshot, as far as their lengths lead to them.
pub(crate) fn reseal(snapshot: &mut [u8]) {
    let n_sections = snapshot.get(12).map_or(0, |n| usize::from(*n));
    let mut at = 64 + 40;
    let end = snapshot.len().saturating_sub(n_sections * 64);
    while let Some(length) = snapshot.get(at + 20..at + 24) {
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
        let (start, stop) = (at + 24, (at + 24).saturating_add(length));
        let Some(state) = snapshot.get_mut(start..stop).filter(|_| stop <= end) else { break };
        if let Some((body, checksum)) = state.split_last_chunk_mut::<8>() {
            checksum.copy_from_slice(&blake3::hash(body).as_bytes()[..8]);
        }
        at = stop;
    }
}

/// The states of the golden snapshot as bytes of this target.
pub fn seeds() -> impl Iterator<Item = Vec<u8>> {
    let mut found = Vec::new();
    let mut snapshot =
        shroff_serve::snapshot::Snapshot::read(std::io::Cursor::new(super::SNAPSHOT))
            .expect("a golden snapshot opens");
    let read = snapshot.for_each(|saved| {
        let body = &saved.bytes[10..saved.bytes.len() - 8];
        found.push([&[saved.key as u8], body].concat());
        Ok(())
    });
    read.expect("a golden snapshot is sound");
    found.into_iter()
}

fn windows() -> &'static Windows {
    velocity().windows().expect("it has windows")
}

const DAY: i64 = 86_400_000_000;
