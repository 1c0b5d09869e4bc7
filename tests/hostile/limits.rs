//! What a backend does not take upon itself, and where a refusal says that something is wrong.

use std::io::Cursor;
use std::{fs, path::Path};

use shroff_serve::features::state::{EntityState, StateError};
use shroff_serve::registry::{Registry, RegistryError};
use shroff_serve::snapshot::Snapshot;
use shroff_serve::{Error, ErrorKind, Limits, Scorer};

use super::assembly::Assembly;
use super::refused;
use crate::common::{artifact, averaged, boosted, linear};

#[test]
fn lengths_are_compared_before_anything_is_hashed() {
    let whole = artifact(&boosted());
    let longest = Assembly::of(&whole).spans().into_iter().max_by_key(|span| span.length);
    let longest = longest.expect("there are sections");
    // Damaged everywhere but in the lengths: within the limits, the checksum would be the reason.
    let mut damaged = whole.clone();
    damaged[32] ^= 1;
    *damaged.last_mut().expect("it is not empty") ^= 1;
    let open = |bytes: &[u8], limits: &Limits| Scorer::from_bytes_within(bytes, limits).map(drop);
    let too_large = |error: Error, limit| match error.kind() {
        ErrorKind::TooLarge { limit: found, .. } => assert_eq!(*found, limit),
        _ => panic!("{error}"),
    };
    let (mut file, mut section) = (Limits::default(), Limits::default());
    file.max_artifact_bytes = whole.len() as u64;
    section.max_section_bytes = longest.length;
    for limits in [&file, &section] {
        open(&whole, limits).expect("a limit is the greatest length that is accepted");
        let error = open(&damaged, limits).expect_err("it is damaged");
        assert!(matches!(error.kind(), ErrorKind::Checksum { .. }), "{error}");
    }
    file.max_artifact_bytes -= 1;
    section.max_section_bytes -= 1;
    too_large(open(&damaged, &file).expect_err("too large"), file.max_artifact_bytes);
    let error = open(&damaged, &section).expect_err("a section is too large");
    assert_eq!((error.section(), error.offset()), (Some("GOLDEN"), Some(longest.offset)));
    too_large(error, section.max_section_bytes);
}

#[test]
fn a_limit_above_that_of_the_format_is_that_of_the_format() {
    let mut limits = Limits::default();
    (limits.max_artifact_bytes, limits.max_section_bytes) = (u64::MAX, u64::MAX);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("large.shroff");
    // A hole of 512 MiB and a byte takes no room on the disk.
    let file = fs::File::create(&path).expect("a new file");
    file.set_len((512 << 20) + 1).expect("a sparse file");
    let error = Scorer::open_within(&path, &limits).expect_err("too large");
    let is_it =
        |kind: &ErrorKind| matches!(kind, ErrorKind::TooLarge { limit, .. } if *limit == 512 << 20);
    assert!(is_it(error.kind()), "{error}");
}

#[test]
fn a_registry_opens_within_its_limits() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bytes = artifact(&linear());
    let id = Scorer::from_bytes(&bytes).expect("it is valid").id();
    let registry = Registry::open(folder.path()).expect("it is a folder");
    let path = registry.blob_path(&id);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, &bytes).expect("a blob");
    let mut limits = Limits::default();
    limits.max_artifact_bytes = bytes.len() as u64;
    assert_eq!(registry.clone().within(limits).read_blob(&id).expect("it fits"), bytes);
    limits.max_artifact_bytes -= 1;
    let error = registry.within(limits).read_blob(&id).expect_err("it is too large");
    let found = bytes.len() as u64;
    let is_it = matches!(error, RegistryError::TooLarge { expected, found: f, .. } if expected == found - 1 && f == found);
    assert!(is_it, "{error}");
}

#[test]
fn snapshots_and_states_have_limits() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/v1-velocity");
    let scorer = Scorer::open(golden.join("velocity.shroff")).expect("it opens");
    let windows = scorer.windows().expect("the model has windows");
    let bytes = fs::read(golden.join("velocity.state")).expect("the golden snapshot");
    let read = |limits: &Limits| -> Result<Vec<usize>, Error> {
        let mut lengths = Vec::new();
        let mut snapshot = Snapshot::read_within(Cursor::new(&bytes), limits)?;
        snapshot.for_each(|state| {
            let decoded = EntityState::decode_within(windows, state.key, state.bytes, limits)?;
            assert_eq!(decoded.key(), state.key);
            lengths.push(state.bytes.len());
            Ok(())
        })?;
        Ok(lengths)
    };
    let lengths = read(&Limits::default()).expect("it is sound");
    let longest = *lengths.iter().max().expect("there are states") as u64;
    let n_state_bytes = (lengths.iter().sum::<usize>() + lengths.len() * (16 + 4 + 4)) as u64;
    let n_bytes = bytes.len() as u64;
    let limited: [(u64, Set); 3] = [
        (n_bytes, |limits, most| limits.max_snapshot_bytes = most),
        (n_state_bytes, |limits, most| limits.max_section_bytes = most),
        (longest, |limits, most| limits.max_state_bytes = most),
    ];
    for (least, set) in limited {
        let mut limits = Limits::default();
        set(&mut limits, least);
        read(&limits).expect("a limit is the greatest that is accepted");
        set(&mut limits, least - 1);
        let error = read(&limits).expect_err("it is too large");
        let is_it = matches!(error.kind(), ErrorKind::TooLarge { limit, found }
            if (*limit, *found) == (least - 1, least));
        assert!(is_it, "{error}");
        assert!(error.to_string().starts_with("snapshot refused"), "{error}");
    }
    // A state that comes from a store of the backend's own.
    let mut state = Vec::new();
    EntityState::new(windows, 0).encode(windows, &mut state);
    let mut limits = Limits::default();
    limits.max_state_bytes = state.len() as u64 - 1;
    let error = EntityState::decode_within(windows, 0, &state, &limits).expect_err("too large");
    let (limit, found) = (limits.max_state_bytes, state.len() as u64);
    assert_eq!(error, StateError::TooLarge { limit, found });
}

/// Sets a limit.
type Set = fn(&mut Limits, u64);

#[test]
fn refusals_name_section_and_byte() {
    let whole = Assembly::of(&artifact(&averaged()));
    let place = |section: usize| (whole.spans()[section].offset, whole.sections[section].kind);
    let names = ["SCHEMA", "PROGRAM", "MODEL", "CALIBRATION", "GOLDEN", "PROVENANCE"];
    assert_eq!(names.len(), whole.sections.len());
    for (section, name) in names.into_iter().enumerate() {
        let (offset, _) = place(section);
        // Its content, behind a wrong hash.
        let mut bytes = whole.bytes();
        bytes[offset as usize] ^= 1;
        let error = refused(&bytes);
        assert_eq!((error.section(), error.offset()), (Some(name), Some(offset)), "{error}");
        // Its content, cut short behind a right one: the byte at which there are no more.
        let mut cut = whole.clone();
        let body = &mut cut.sections[section].body;
        body.pop();
        let end = offset + body.len() as u64;
        let error = refused(&cut.bytes());
        assert_eq!(error.section(), Some(name), "{error}");
        let found = error.offset().expect("a byte is named");
        assert!((offset..=end).contains(&found), "{found} is not within {offset} to {end}");
        assert!(found + 8 >= end, "{error}: the last number begins at most 8 bytes before the end");
    }
    // What sections say of one another stands in one of them.
    let mut other = whole.clone();
    other.section_mut(4).body = Assembly::of(&artifact(&linear())).section_mut(4).body.clone();
    let error = refused(&other.bytes());
    let (offset, kind) = place(3);
    assert_eq!(kind, 4);
    assert_eq!((error.section(), error.offset()), (Some("CALIBRATION"), Some(offset)), "{error}");
    // And so does a golden record that scores otherwise.
    let mut golden = whole.clone();
    let margin = golden.section_mut(4).body.len();
    assert!(margin > 18, "the kept share of legitimate rows stands at byte 10");
    golden.section_mut(4).body[10..18].copy_from_slice(&0.5_f64.to_le_bytes());
    let error = refused(&golden.bytes());
    assert!(matches!(error.kind(), ErrorKind::Golden { .. }), "{error}");
    assert_eq!((error.section(), error.offset()), (Some("GOLDEN"), Some(place(4).0)), "{error}");
}
