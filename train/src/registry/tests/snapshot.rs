//! Snapshots: whole, proved, and never replaced.

use shroff_serve::features::window::{Closed, Measure, WindowFeature, WindowProgram, Windows};
use shroff_serve::snapshot::SnapshotWriter;

use super::*;

pub(super) fn windows() -> Windows {
    let feature = WindowFeature {
        key: vec!["card".into()],
        filter: None,
        measure: Measure::Count,
        window_micros: None,
        delay_micros: 0,
        closed: Closed::Left,
    };
    let (time, amounts) = ("at".into(), Vec::new());
    let features = vec![feature];
    Windows::new(WindowProgram { time, event_id: None, amounts, max_events: 64, features }).unwrap()
}

/// A snapshot of no entities.
pub(super) fn empty(
    windows: &Windows,
    as_of: i64,
) -> impl Fn(&mut dyn Output) -> Result<(), shroff_serve::Error> {
    move |file: &mut dyn Output| SnapshotWriter::new(file, windows, as_of)?.finish().map(|_| ())
}

#[test]
fn a_snapshot_is_put_once_and_found_again() {
    let (folder, registry) = registry();
    let windows = windows();
    assert_eq!(registry.find_snapshot(MODEL, &windows, 7).unwrap(), None);
    let put = registry.put_snapshot(MODEL, &windows, 7, empty(&windows, 7)).unwrap();
    assert_eq!((put.as_of, put.entities, &put.window_hash), (7, 0, windows.hash()));
    let written = files(folder.path(), "");
    assert_eq!(registry.put_snapshot(MODEL, &windows, 7, empty(&windows, 7)).unwrap(), put);
    assert_eq!(registry.find_snapshot(MODEL, &windows, 7).unwrap().as_ref(), Some(&put));
    // Other bytes of the same name, here of a file that went bad, stay as they are.
    fs::write(&put.path, "other bytes").unwrap();
    let taken = registry.put_snapshot(MODEL, &windows, 7, empty(&windows, 7)).unwrap_err();
    assert!(matches!(taken, Error::SnapshotTaken { .. }), "{taken}");
    assert_eq!(fs::read(&put.path).unwrap(), b"other bytes");
    let refused = registry.find_snapshot(MODEL, &windows, 7).unwrap_err();
    assert!(matches!(refused, Error::Snapshot { .. }), "{refused}");
    // Put by hand in the place of another time, it is not taken for that.
    let name = put.path.strip_prefix(folder.path()).unwrap().to_str().unwrap();
    fs::write(&put.path, &written[name]).unwrap();
    let other = registry.reader().snapshot_path(MODEL, &windows, 8).unwrap();
    fs::copy(&put.path, &other).unwrap();
    assert!(
        registry.find_snapshot(MODEL, &windows, 8).unwrap_err().to_string().contains("as of 7")
    );
    // No version was published, so that there is no model to list.
    assert_eq!(registry.models().unwrap(), [""; 0]);
}

#[test]
fn what_was_not_written_whole_gets_no_name() {
    let (folder, registry) = registry();
    let windows = windows();
    let cut = |out: &mut dyn Output| {
        let mut whole = std::io::Cursor::new(Vec::new());
        empty(&windows, 7)(&mut whole)?;
        out.write_all(&whole.into_inner()[..90]).unwrap();
        Ok(())
    };
    let refused = registry.put_snapshot(MODEL, &windows, 7, cut).unwrap_err();
    assert!(matches!(refused, Error::Snapshot { .. }), "{refused}");
    // No place on the disk: the writer's own error.
    let full = |_: &mut dyn Output| {
        let mut few = [0_u8; 4];
        SnapshotWriter::new(std::io::Cursor::new(&mut few[..]), &windows, 7).map(|_| ())
    };
    let refused = registry.put_snapshot(MODEL, &windows, 7, full).unwrap_err();
    assert!(matches!(refused, Error::Io { action: "write", .. }), "{refused}");
    assert!(files(folder.path(), "").is_empty());
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
}
