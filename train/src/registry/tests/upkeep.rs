//! What `fsck` finds and repairs, and what `gc` takes and leaves.

use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn gc(keep: usize) -> Gc {
    let (by, at) = ("ann".into(), NOW.into());
    Gc { keep: NonZeroUsize::new(keep), grace: Gc::GRACE, dry_run: false, by, at }
}

/// Makes every file below the root two days old.
fn age(registry: &Registry) {
    let root = registry.reader().root();
    let names: Vec<_> = files(root, "").into_keys().chain(temporary(registry)).collect();
    for name in names {
        let file = fs::File::open(root.join(name)).unwrap();
        file.set_modified(SystemTime::now() - 2 * DAY).unwrap();
    }
}

fn temporary(registry: &Registry) -> Vec<String> {
    let entries = fs::read_dir(registry.reader().root().join("tmp")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".lock")).map(|name| format!("tmp/{name}")).collect()
}

fn kinds(findings: &[Finding]) -> Vec<(FindingKind, bool)> {
    findings.iter().map(|finding| (finding.kind, finding.repaired)).collect()
}

fn blob(registry: &Registry, artifact: &str) -> PathBuf {
    registry.reader().blob_path(&id(artifact.as_bytes()))
}

/// Versions 1 to 6, of which 1, 2 and 4 became champion in turn and 6 is challenger.
fn six_versions(registry: &Registry) {
    publish(registry, "one", None, Decision::Promote);
    publish(registry, "two", Some(1), Decision::Promote);
    publish(registry, "three", Some(2), Decision::Keep);
    publish(registry, "four", Some(2), Decision::Promote);
    publish(registry, "five", Some(4), Decision::Keep);
    publish(registry, "six", Some(4), Decision::Keep);
}

#[test]
fn a_sound_registry_has_no_findings() {
    let (_folder, registry) = registry();
    assert_eq!(registry.fsck(true).unwrap(), []);
    six_versions(&registry);
    assert_eq!(registry.fsck(false).unwrap(), []);
}

#[test]
fn what_the_events_prove_is_repaired() {
    let (folder, registry) = registry();
    six_versions(&registry);
    let whole = files(folder.path(), "");
    let model = folder.path().join("models").join(MODEL);

    let one = fs::read(model.join("aliases/champion")).unwrap();
    fs::write(model.join("aliases/challenger"), one).unwrap();
    fs::remove_file(model.join("aliases/champion")).unwrap();
    fs::remove_file(model.join("reports/00000002/metrics.json")).unwrap();
    fs::remove_file(model.join("reports/00000003/report.html")).unwrap();
    fs::remove_dir_all(model.join("reports/00000004")).unwrap();
    fs::write(folder.path().join("tmp/7-0"), "left over").unwrap();
    age(&registry);
    fs::write(folder.path().join("tmp/8-0"), "being written").unwrap();

    let expected = |repaired| {
        let reports = [FindingKind::Report; 4].into_iter();
        let aliases = [FindingKind::Alias; 2];
        let kinds = reports.chain(aliases).chain([FindingKind::TemporaryFile]);
        kinds.map(|kind| (kind, repaired)).collect::<Vec<_>>()
    };
    let before = files(folder.path(), "");
    assert_eq!(kinds(&registry.fsck(false).unwrap()), expected(false));
    assert_eq!(files(folder.path(), ""), before);
    let mut repaired = registry.fsck(true).unwrap();
    // Both aliases are written at once.
    let mut wanted = expected(true);
    wanted.remove(5);
    repaired.retain(|finding| finding.path != model.join("aliases/challenger"));
    assert_eq!(kinds(&repaired), wanted);
    assert_eq!((files(folder.path(), ""), registry.fsck(false).unwrap()), (whole, vec![]));
    assert_eq!(temporary(&registry), ["tmp/8-0"]);
}

#[test]
fn what_cannot_be_proved_is_found_and_left() {
    let (folder, registry) = registry();
    six_versions(&registry);
    let model = folder.path().join("models").join(MODEL);
    let check = |expected: &[FindingKind]| {
        let before = files(folder.path(), "");
        for repair in [false, true] {
            let found = registry.fsck(repair).unwrap();
            let wanted: Vec<_> = expected.iter().map(|kind| (*kind, false)).collect();
            assert_eq!(kinds(&found), wanted, "{found:?}");
        }
        assert_eq!(files(folder.path(), ""), before);
    };
    let damage = |path: &Path, contents: Option<&str>, expected: &[FindingKind]| {
        let whole = fs::read(path).unwrap();
        match contents {
            Some(contents) => fs::write(path, contents).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        check(expected);
        fs::write(path, whole).unwrap();
    };
    damage(&blob(&registry, "four"), Some("fouR"), &[FindingKind::DamagedArtifact]);
    damage(&blob(&registry, "four"), None, &[FindingKind::MissingArtifact]);
    damage(&model.join("events/00000003.json"), Some("{"), &[FindingKind::Record]);
    damage(&model.join("events/00000003.json"), None, &[FindingKind::Record]);
    let report = model.join("reports/00000004/metrics.json");
    damage(&report, Some("{}"), &[FindingKind::Report]);
    // Then nobody knows whose its artifact is.
    damage(&model.join("versions/00000003.json"), None, &[FindingKind::Record]);
    let champion = model.join("aliases/champion");
    let ahead = format!("{} 99\n", id(b"four"));
    damage(&champion, Some(&ahead), &[FindingKind::Alias]);
    assert_eq!(registry.fsck(false).unwrap(), []);

    // Of use to nobody, and in nobody's way.
    let nobodys = blob(&registry, "nobody's");
    fs::create_dir_all(nobodys.parent().unwrap()).unwrap();
    fs::write(&nobodys, "nobody's").unwrap();
    check(&[FindingKind::UnreferencedArtifact]);
    fs::remove_file(&nobodys).unwrap();
    let aside = blob(&registry, "one").with_extension("shroff.damaged");
    fs::write(&aside, "onE").unwrap();
    check(&[FindingKind::SetAside]);
    fs::remove_file(&aside).unwrap();
    let last = model.join("events/00000009.json");
    fs::remove_file(&last).unwrap();
    fs::remove_file(model.join("aliases/challenger")).unwrap();
    registry.rebuild_aliases(MODEL).unwrap();
    check(&[FindingKind::UnfinishedVersion]);
}

#[test]
fn snapshots_are_proved_and_the_newest_of_each_windows_stay() {
    let (folder, registry) = registry();
    let windows = super::snapshot::windows();
    let empty = |as_of| super::snapshot::empty(&windows, as_of);
    for as_of in [1, 2, 3, 4] {
        registry.put_snapshot(MODEL, &windows, as_of, empty(as_of)).unwrap();
    }
    let times = || registry.reader().snapshots(MODEL, &windows).unwrap();
    age(&registry);
    registry.put_snapshot(MODEL, &windows, 5, empty(5)).unwrap();
    // The fourth was the newest a moment ago: a backend may be about to open it.
    registry.gc(&gc(1)).unwrap();
    assert_eq!(times(), [4, 5]);
    age(&registry);
    let removed = registry.gc(&gc(1)).unwrap();
    assert_eq!((removed.len(), removed[0].kind), (1, RemovalKind::Snapshot));
    assert_eq!(times(), [5]);
    assert_eq!(registry.gc(&gc(1)).unwrap(), []);

    let path = registry.reader().snapshot_path(MODEL, &windows, 5).unwrap();
    let other = registry.reader().snapshot_path(MODEL, &windows, 6).unwrap();
    fs::copy(&path, &other).unwrap();
    let mut cut = fs::read(&path).unwrap();
    cut.pop();
    fs::write(&path, cut).unwrap();
    let found = registry.fsck(true).unwrap();
    assert_eq!(kinds(&found), [(FindingKind::Snapshot, false); 2]);
    assert!(found[1].what.contains("as of 5, not those of its name"), "{}", found[1].what);
    assert_eq!(files(folder.path(), "").len(), 2);
}

#[test]
fn gc_takes_what_is_of_no_use_and_old() {
    let (folder, registry) = registry();
    six_versions(&registry);
    let nobodys = blob(&registry, "nobody's");
    fs::create_dir_all(nobodys.parent().unwrap()).unwrap();
    fs::write(&nobodys, "nobody's").unwrap();
    fs::write(folder.path().join("tmp/7-0"), "left over").unwrap();
    let all = files(folder.path(), "");
    // All of it young, or of use a moment ago.
    assert_eq!(registry.gc(&gc(1)).unwrap(), []);
    assert_eq!(files(folder.path(), ""), all);

    age(&registry);
    let dry = registry.gc(&Gc { dry_run: true, ..gc(1) }).unwrap();
    assert_eq!((files(folder.path(), ""), temporary(&registry).len()), (all.clone(), 1));
    let removed = registry.gc(&gc(1)).unwrap();
    assert_eq!(removed, dry);
    let of = |kind| {
        let of_kind = removed.iter().filter(move |removal| removal.kind == kind);
        of_kind.map(|removal| removal.version).collect::<Vec<_>>()
    };
    // Six is challenger and newest, four champion, two the champion before.
    let mut versions = of(RemovalKind::Artifact);
    versions.sort_unstable();
    assert_eq!(versions, [Some(1), Some(3), Some(5)]);
    assert_eq!(of(RemovalKind::UnreferencedArtifact), [None]);
    assert_eq!(of(RemovalKind::TemporaryFile), [None]);
    let events = registry.events(MODEL).unwrap();
    let removals: Vec<_> = events[9..].iter().map(|event| (event.kind, event.version)).collect();
    assert_eq!(removals, [1, 3, 5].map(|version| (EventKind::Remove, version)));
    assert_eq!(
        (events[9].by.as_str(), &events[9].why),
        ("ann", &"the newest 1 versions are kept".into())
    );

    // Records and reports are there as before, the rest is sound, and there is nothing more to do.
    let left = files(folder.path(), "");
    let gone: Vec<_> = all.keys().filter(|name| !left.contains_key(*name)).collect();
    assert_eq!(gone.len(), 4);
    assert!(gone.iter().all(|name| name.ends_with(".shroff")));
    assert_eq!(registry.fsck(false).unwrap(), []);
    assert_eq!(registry.gc(&gc(1)).unwrap(), []);
    assert_eq!(aliases(&registry), [Some("four".into()), Some("six".into())]);
    let listed = registry.list(MODEL).unwrap();
    let removed: Vec<_> = listed.iter().map(|listed| listed.removed).collect();
    assert_eq!(removed, [true, false, true, false, true, false]);
    assert_eq!(registry.rollback(MODEL, None, "alerts", "ann", NOW).unwrap().version, 2);

    // A removed version is nobody's champion, until the run that made it is repeated.
    let refused = registry.promote(MODEL, 1, "reviewed", "ann", NOW).unwrap_err();
    assert!(matches!(refused, Error::Removed { version: 1, .. }), "{refused:?}");
    let record = registry.record(MODEL, 1).unwrap();
    assert!(registry.complete(MODEL, &record).unwrap_err().is_artifact());
    registry.restore(MODEL, &record, b"one", record.run.artifact).unwrap();
    registry.promote(MODEL, 1, "reviewed", "ann", NOW).unwrap();
    assert_eq!(aliases(&registry)[0].as_deref(), Some("one"));
    // Or published, which comes to the same.
    let three = registry.record(MODEL, 3).unwrap();
    assert_eq!(registry.publish(MODEL, b"three", three.run.clone()).unwrap(), three);
    assert!(!registry.standing(MODEL).unwrap().removed.contains(&3));
    assert_eq!(registry.fsck(false).unwrap(), []);
}

#[test]
fn gc_leaves_what_it_cannot_prove_useless() {
    let (folder, registry) = registry();
    six_versions(&registry);
    age(&registry);
    let model = folder.path().join("models").join(MODEL);
    for name in ["versions/00000003.json", "events/00000004.json", "aliases/champion"] {
        let path = model.join(name);
        let whole = fs::read(&path).unwrap();
        for contents in [None, Some("")] {
            match contents {
                // The alias is only a copy.
                None if name.starts_with("aliases") => continue,
                None => fs::remove_file(&path).unwrap(),
                Some(contents) => fs::write(&path, contents).unwrap(),
            }
            let before = files(folder.path(), "");
            let refused = registry.gc(&gc(1)).unwrap_err();
            assert!(refused.to_string().contains(name.split('/').next().unwrap()), "{refused}");
            assert_eq!(files(folder.path(), ""), before, "{name}");
        }
        fs::write(&path, whole).unwrap();
    }
    // The alias is behind the events, as its writer was killed: what it names is in use.
    let champion = fs::read(model.join("aliases/champion")).unwrap();
    let behind = format!("{} 2\n", id(b"one"));
    fs::write(model.join("aliases/champion"), behind).unwrap();
    age(&registry);
    registry.gc(&gc(1)).unwrap();
    assert!(blob(&registry, "one").exists() && !blob(&registry, "three").exists());
    fs::write(model.join("aliases/champion"), champion).unwrap();
}

#[test]
fn an_artifact_renamed_by_a_killed_gc_is_put_back_or_removed() {
    for of_use in [true, false] {
        for by_gc in [true, false] {
            let (_folder, registry) = registry();
            publish(&registry, "one", None, Decision::Promote);
            let artifact = if of_use { "one" } else { "nobody's" };
            let path = blob(&registry, artifact);
            let aside = path.with_extension("shroff.removed");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, artifact).unwrap();
            fs::rename(&path, &aside).unwrap();
            if by_gc {
                registry.gc(&gc(1)).unwrap();
            } else {
                let found = registry.fsck(true).unwrap();
                let kind =
                    if of_use { FindingKind::MissingArtifact } else { FindingKind::TemporaryFile };
                assert_eq!(kinds(&found), [(kind, true)]);
            }
            assert_eq!((path.exists(), aside.exists()), (of_use, false));
            assert_eq!(registry.fsck(false).unwrap(), []);
        }
    }
}

/// A publisher takes up an old artifact that no record names while `gc` takes it away: over and over, and it is
/// always there in the end.
#[test]
fn publish_and_gc_at_once_lose_nothing() {
    let (_folder, registry) = registry();
    publish(&registry, "first", None, Decision::Promote);
    for round in 0..10 {
        let artifact = format!("artifact {round}");
        let path = blob(&registry, &artifact);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &artifact).unwrap();
        std::thread::scope(|scope| {
            // No grace: nothing but the order of the steps keeps what is needed.
            let gc = Gc { grace: Duration::ZERO, ..gc(100) };
            let (registry, artifact) = (&registry, &artifact);
            scope.spawn(move || registry.gc(&gc).unwrap());
            let champion = registry.standing(MODEL).unwrap().champion.map(|it| it.version);
            // The check after the record is what may fail for a moment; the run is then repeated.
            let run = || run(artifact, champion, Decision::Keep);
            while registry.publish(MODEL, artifact.as_bytes(), run()).is_err() {}
        });
        assert!(path.exists(), "{artifact}");
    }
    assert_eq!(registry.fsck(false).unwrap(), []);
}
