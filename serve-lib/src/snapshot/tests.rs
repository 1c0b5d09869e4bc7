//! Snapshots read back as they were written, and nothing else is read.

use std::io::Cursor;

use super::{Snapshot, SnapshotWriter};
use crate::error::{Error, ErrorKind};
use crate::features::state::EntityState;
use crate::features::window::{
    Closed, EntityKey, Event, Measure, WindowFeature, WindowProgram, Windows,
};
use crate::record::Value;

/// Of prefixes and bits, every so many.
const STEP: usize = if cfg!(miri) { 61 } else { 1 };

fn windows() -> Windows {
    let feature = |key: &str, measure| WindowFeature {
        key: vec![key.into()],
        filter: None,
        measure,
        window_micros: Some(86_400_000_000),
        delay_micros: 0,
        closed: Closed::Left,
    };
    let features =
        vec![feature("card", Measure::Count), feature("shop", Measure::SecondsSinceLast)];
    let (time, amounts) = ("at".into(), Vec::new());
    let program = WindowProgram { time, event_id: None, amounts, max_events: 64, features };
    Windows::new(program).expect("the program is sound")
}

/// The event of a card in a shop.
fn event(windows: &Windows, card: i64) -> Event {
    let value = |column: usize| match &*windows.columns()[column].name {
        "at" => Value::Time(1_000_000 * card),
        "card" => Value::Integer(card),
        _ => Value::Text("corner shop"),
    };
    windows.event(value).expect("it is an event")
}

/// The states of so many cards after an event each, and of the shop.
fn states(windows: &Windows, n_cards: i64) -> Vec<(EntityKey, EntityState)> {
    let mut states = std::collections::BTreeMap::new();
    for card in 0..n_cards {
        let event = event(windows, card);
        for key in 0..windows.n_keys() {
            let entity = event.entity(key).expect("no value is missing");
            let state = states.entry(entity).or_insert_with(|| EntityState::new(windows, key));
            state.observe(windows, &event);
        }
    }
    states.into_iter().collect()
}

fn written(windows: &Windows, states: &[(EntityKey, EntityState)]) -> Vec<u8> {
    let out = Cursor::new(Vec::new());
    let mut writer = SnapshotWriter::new(out, windows, 77).expect("memory takes it");
    for (entity, state) in states {
        writer.push(*entity, state).expect("entities ascend");
    }
    writer.finish().expect("memory takes it").into_inner()
}

/// Reads all of it.
fn read(windows: &Windows, bytes: &[u8]) -> Result<Vec<(EntityKey, Vec<u8>)>, Error> {
    let mut snapshot = Snapshot::read(Cursor::new(bytes))?;
    let mut states = Vec::new();
    let n_states = snapshot.for_each(|state| {
        EntityState::decode(windows, state.key, state.bytes)?;
        states.push((state.entity, state.bytes.to_vec()));
        Ok(())
    })?;
    assert_eq!(n_states, states.len() as u64);
    Ok(states)
}

#[test]
fn a_snapshot_reads_back_as_written() {
    let windows = windows();
    // Enough for several sections; none; and one alone.
    for n_cards in [if cfg!(miri) { 30 } else { 40_000 }, 0, 1] {
        let states = states(&windows, n_cards);
        let bytes = written(&windows, &states);
        let mut snapshot = Snapshot::read(Cursor::new(&bytes)).expect("it is sound");
        assert_eq!((snapshot.window_hash(), snapshot.as_of()), (windows.hash(), 77));
        let n_sections = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
        assert_eq!(n_sections > 2, n_cards > 30, "{n_sections} sections");
        let expected: Vec<(EntityKey, Vec<u8>)> = states
            .iter()
            .map(|(entity, state)| {
                let mut bytes = Vec::new();
                state.encode(&windows, &mut bytes);
                (*entity, bytes)
            })
            .collect();
        assert_eq!(read(&windows, &bytes).expect("it is sound"), expected);
        assert_eq!(snapshot.for_each(|_| Ok(())).expect("it is sound"), states.len() as u64);
        assert_eq!(written(&windows, &states), bytes);
    }
}

#[test]
fn entities_out_of_order_are_not_written() {
    let windows = windows();
    let states = states(&windows, 2);
    let mut writer = SnapshotWriter::new(Cursor::new(Vec::new()), &windows, 0).expect("memory");
    let (entity, state) = &states[1];
    writer.push(*entity, state).expect("the first may be any");
    for (entity, state) in [&states[1], &states[0]] {
        let error = writer.push(*entity, state).expect_err("out of order");
        let expected = "snapshot refused: entities should be in ascending order, each once";
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn every_prefix_and_every_flipped_bit_is_refused() {
    let windows = windows();
    let mut bytes = written(&windows, &states(&windows, 5));
    for length in (0..bytes.len()).step_by(STEP) {
        assert!(read(&windows, &bytes[..length]).is_err(), "{length} bytes were accepted");
    }
    for bit in (0..8 * bytes.len()).step_by(STEP) {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let error = read(&windows, &bytes).expect_err("a bit was flipped");
        assert!(error.to_string().starts_with("snapshot refused"), "{error}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    bytes.push(0);
    let error = read(&windows, &bytes).expect_err("a byte too many");
    assert!(matches!(error.kind(), ErrorKind::Length { what: "file", .. }), "{error}");
    let artifact = [b"\x89SHRF\r\n\x1a", &bytes[8..]].concat();
    let error = read(&windows, &artifact).expect_err("the signature of an artifact");
    assert!(error.to_string().contains("not a shroff snapshot"), "{error}");
}

/// A snapshot with right hashes around whatever the sections are.
fn assembled(sections: &[(u32, u16, &[u8])]) -> Vec<u8> {
    let (mut table, mut bodies) = (Vec::new(), Vec::new());
    for (kind, version, body) in sections {
        table.extend(kind.to_le_bytes());
        table.extend(version.to_le_bytes());
        table.extend(1_u16.to_le_bytes());
        table.extend((64 + bodies.len() as u64).to_le_bytes());
        table.extend((body.len() as u64).to_le_bytes());
        table.extend([0; 8]);
        table.extend(blake3::hash(body).as_bytes());
        bodies.extend(*body);
    }
    let mut header = b"\x89SHST\r\n\x1a\x01\0\0\0".to_vec();
    header.extend((sections.len() as u32).to_le_bytes());
    header.extend((64 + bodies.len() as u64 + table.len() as u64).to_le_bytes());
    header.extend([0; 8]);
    let root = blake3::hash(&[&header[..], &table].concat());
    [&header[..], root.as_bytes(), &bodies, &table].concat()
}

#[test]
fn sections_that_lie_under_right_hashes_are_refused_with_their_place() {
    let windows = windows();
    let whole = written(&windows, &states(&windows, 2));
    let about = &whole[64..104];
    let section = &whole[104..whole.len() - 128];
    assert_eq!(assembled(&[(1, 1, about), (2, 1, section)]), whole, "the page describes it");
    let refused = |sections: &[(u32, u16, &[u8])]| {
        let bytes = assembled(sections);
        read(&windows, &bytes).expect_err("it should be refused").to_string()
    };
    // The length of the first state stands after its entity and key.
    let first_length = section[20];
    for lie in [u32::MAX, 1 << 30, u32::from(first_length) + 1, u32::from(first_length) - 1] {
        let mut section = section.to_vec();
        section[20..24].copy_from_slice(&lie.to_le_bytes());
        let error = refused(&[(1, 1, about), (2, 1, &section)]);
        assert!(error.starts_with("snapshot refused in section STATES at byte 1"), "{error}");
    }
    for bit in (0..8 * section.len()).step_by(STEP) {
        let mut section = section.to_vec();
        section[bit / 8] ^= 1 << (bit % 8);
        // The bits of an entity's name may be any, as long as names ascend.
        if let Ok(states) = read(&windows, &assembled(&[(1, 1, about), (2, 1, &section)])) {
            assert_eq!(states.len(), 3);
            let in_name = |start: usize| (start..start + 16).contains(&(bit / 8));
            let length = |start: usize| 24 + usize::from(section[start + 20]);
            let (second, third) = (length(0), length(0) + length(length(0)));
            assert!(in_name(0) || in_name(second) || in_name(third), "bit {bit}");
        }
    }
    for (sections, expected) in [
        (&[(2, 1, section)][..], "sections should be ABOUT, then those of states"),
        (&[(1, 1, about), (1, 1, about)][..], "sections should be ABOUT"),
        (&[(1, 1, about), (2, 2, section)][..], "section kind 2 version 2 is required and unknown"),
        (&[(1, 1, about), (3, 1, section)][..], "section kind 3 version 1 is required and unknown"),
        (&[(1, 1, &about[1..])][..], "as_of: expected 8, found 7"),
        (&[(1, 1, about), (2, 1, &[])][..], "section content: expected 1, found 0"),
        (&[(1, 1, about), (2, 1, section), (2, 1, section)][..], "entities should be in ascending"),
        (&[(1, 1, about), (2, 1, &[0; 24])][..], "no entity is named 0"),
    ] {
        let error = refused(sections);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn lengths_that_lie_allocate_nothing() {
    let windows = windows();
    let whole = written(&windows, &states(&windows, 3));
    // Of the header: sections and length; of the first line of the table at the end: offset and length.
    let line = whole.len() - 128;
    for (start, n_bytes) in [(12, 4), (16, 8), (line + 8, 8), (line + 16, 8)] {
        for lie in [u64::MAX, 1 << 40, 60 << 20, 65_535] {
            let mut bytes = whole.clone();
            bytes[start..start + n_bytes].copy_from_slice(&lie.to_le_bytes()[..n_bytes]);
            let used = allocation_counter::measure(|| assert!(read(&windows, &bytes).is_err()));
            assert!(used.bytes_max < 64 << 10, "{} bytes for a lie at {start}", used.bytes_max);
        }
    }
}
