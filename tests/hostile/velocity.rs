//! Window definitions and states of entities that someone damaged under right hashes.

use shroff_serve::ErrorKind;
use shroff_serve::artifact::Contents;

use super::assembly::Assembly;
use super::refused;
use crate::common::velocity::velocity;
use crate::common::{artifact, linear};

const SCHEMA: u32 = 1;
const PROGRAM: u32 = 2;
const GOLDEN: u32 = 6;

#[test]
fn sections_are_of_the_oldest_version_that_holds_them() {
    let version =
        |contents: &Contents, kind| Assembly::of(&artifact(contents)).section_mut(kind).version;
    let relabelled = |contents: &Contents, kind, version| {
        let mut assembly = Assembly::of(&artifact(contents));
        assembly.section_mut(kind).version = version;
        refused(&assembly.bytes())
    };
    for (kind, newest) in [(SCHEMA, 2), (PROGRAM, 3), (GOLDEN, 2)] {
        assert_eq!((version(&linear(), kind), version(&velocity(), kind)), (1, newest));
        // An older reader names what it does not know, as this one does.
        let next = newest + 1;
        let error = relabelled(&velocity(), kind, next);
        let expected = format!("section kind {kind} version {next} is required and unknown");
        assert!(error.to_string().contains(&expected), "{error}");
        let error = relabelled(&velocity(), kind, 1);
        let is_known = matches!(error.kind(), ErrorKind::UnknownSection { .. });
        assert!(!is_known, "{error}");
        assert!(error.section().is_some(), "{error}");
    }
    // The same layout, but another hash of ids.
    let error = relabelled(&velocity(), PROGRAM, 2);
    assert!(error.to_string().contains("the window-program hash is another one"), "{error}");
    let error = relabelled(&linear(), SCHEMA, 2);
    let expected = "the section is of another version than its content asks for";
    assert_eq!((error.section(), error.kind().to_string()), (Some("SCHEMA"), expected.into()));
}

#[test]
fn the_window_program_hash_is_checked() {
    let mut assembly = Assembly::of(&artifact(&velocity()));
    let last = assembly.section_mut(PROGRAM).body.last_mut().expect("it is the hash's");
    *last ^= 1;
    let error = refused(&assembly.bytes());
    assert!(error.to_string().contains("the window-program hash is another one"), "{error}");
}

#[test]
fn golden_states_are_held_to_their_word() {
    let wrong = |change: fn(&mut Contents)| {
        let mut contents = velocity();
        change(&mut contents);
        let bytes = shroff_serve::artifact::write(&contents);
        bytes.map_or_else(|error| error, |bytes| refused(&bytes))
    };
    let whole = velocity();
    // The first whose entities of all keys have a past.
    let position = whole.golden.iter().position(|it| it.states.iter().all(Option::is_some));
    assert_eq!(position, Some(POSITION));
    for (error, expected) in [
        (wrong(|it| it.golden[0].states.clear()), "a state or none for each key"),
        (wrong(|it| it.golden[0].states.push(None)), "a state or none for each key"),
        (wrong(|it| it.golden[POSITION].states.swap(0, 1)), "expected an entity of the key"),
        (wrong(|it| flip(it, 0, 0)), "state refused: expected version 1"),
        (wrong(|it| flip(it, 0, 20)), "checksum does not match"),
        (wrong(|it| it.golden[POSITION].states[0] = Some(Vec::new())), "checksum does not match"),
    ] {
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.section(), Some("GOLDEN"));
    }
    let error = wrong(|it| it.golden[POSITION].states.fill(None));
    let is_golden = matches!(error.kind(), ErrorKind::Golden { row: POSITION, .. });
    assert!(is_golden, "without its past a record scores otherwise: {error}");
}

const POSITION: usize = 3;

fn flip(contents: &mut Contents, key: usize, byte: usize) {
    let state = contents.golden[POSITION].states[key].as_mut().expect("it has a state");
    state[byte] ^= 1;
}

#[test]
fn every_flipped_bit_of_a_golden_state_is_refused() {
    let mut assembly = Assembly::of(&artifact(&velocity()));
    let state = velocity().golden[POSITION].states[0].clone().expect("it has a state");
    let body = &assembly.section_mut(GOLDEN).body;
    let start = body.windows(state.len()).position(|bytes| bytes == state).expect("it is there");
    for bit in 0..8 * state.len() {
        assembly.section_mut(GOLDEN).body[start + bit / 8] ^= 1 << (bit % 8);
        let error = refused(&assembly.bytes());
        assert!(matches!(error.kind(), ErrorKind::State(_)), "bit {bit}: {error}");
        assembly.section_mut(GOLDEN).body[start + bit / 8] ^= 1 << (bit % 8);
    }
}
