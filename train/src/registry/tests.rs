//! A registry over plain bytes: its artifacts are named by the hash of their bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use shroff_serve::registry::{Registry as Reader, RegistryError as ReadError};
use tempfile::TempDir;

use super::*;

mod faults;
mod processes;
mod repair;
mod snapshot;
mod upkeep;

const MODEL: &str = "card-fraud";
const NOW: &str = "2018-08-01T00:00:00Z";

#[test]
fn a_model_lives_its_life() {
    let (_folder, registry) = registry();
    publish(&registry, "one", None, Decision::Promote);
    publish(&registry, "two", Some(1), Decision::Keep);
    assert_eq!(aliases(&registry), [Some("one".into()), Some("two".into())]);
    publish(&registry, "three", Some(1), Decision::Promote);
    assert_eq!(aliases(&registry), [Some("three".into()), Some("two".into())]);

    // The challenger turned champion is challenger no more.
    let event = registry.promote(MODEL, 2, "it did better in shadow", "ann", NOW).unwrap();
    assert_eq!((event.event, event.kind, event.version), (6, EventKind::Promote, 2));
    assert_eq!(aliases(&registry), [Some("two".into()), None]);
    assert_eq!(registry.promote(MODEL, 2, "again", "bob", NOW).unwrap(), event);

    // Champions were 1, 3, 2.
    assert_eq!(registry.rollback(MODEL, None, "alerts", "ann", NOW).unwrap().version, 3);
    assert_eq!(registry.rollback(MODEL, None, "alerts", "ann", NOW).unwrap().version, 1);
    assert_eq!(aliases(&registry), [Some("one".into()), None]);
    let refused = registry.rollback(MODEL, None, "alerts", "ann", NOW);
    assert!(matches!(refused, Err(Error::NoEarlierChampion { .. })), "{refused:?}");
    let refused = registry.rollback(MODEL, Some(2), "alerts", "ann", NOW);
    assert!(matches!(refused, Err(Error::NeverChampion { version: 2, .. })), "{refused:?}");
    let refused = registry.promote(MODEL, 9, "typing error", "ann", NOW).unwrap_err();
    assert_eq!(refused.to_string(), "model \"card-fraud\" has no version 9; it has 1, 2, 3");

    let shown = registry.show(MODEL, 3).unwrap();
    let kinds: Vec<_> = shown.events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Publish, EventKind::Promote, EventKind::Rollback]);
    let listed = registry.list(MODEL).unwrap();
    let champions: Vec<_> = listed.iter().map(|listed| listed.champion).collect();
    assert_eq!(champions, [true, false, false]);
    assert_eq!(registry.models().unwrap(), [MODEL]);
    let missing = registry.list("card-frauds").unwrap_err().to_string();
    assert_eq!(missing, "model \"card-frauds\" has no versions; the registry has card-fraud");
    assert!(files(registry.reader().root(), "tmp").keys().all(|name| name.ends_with(".lock")));
}

#[test]
fn a_publish_killed_anywhere_shows_old_or_new_and_is_finished_by_the_next() {
    let (folder, registry) = registry();
    publish(&registry, "old", None, Decision::Promote);
    let before = files(folder.path(), "");
    let new = run("new", Some(1), Decision::Promote);
    registry.publish(MODEL, b"new", new.clone()).unwrap();
    let after = files(folder.path(), "");

    let blob = registry.reader().blob_path(&new.artifact);
    let order = [
        blob.strip_prefix(folder.path()).unwrap().to_str().unwrap(),
        "models/card-fraud/versions/00000002.json",
        "models/card-fraud/reports/00000002/metrics.json",
        "models/card-fraud/reports/00000002/report.html",
        "models/card-fraud/events/00000003.json",
        "models/card-fraud/events/00000004.json",
        "models/card-fraud/aliases/champion",
    ];
    let mut changed: Vec<_> =
        after.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes)).collect();
    changed.sort();
    let mut expected: Vec<_> = order.iter().map(|path| path.to_string()).collect();
    expected.sort();
    assert_eq!(changed.iter().map(|(path, _)| (*path).clone()).collect::<Vec<_>>(), expected);

    for n_done in 0..=order.len() {
        let killed = tempfile::tempdir().unwrap();
        write_all(killed.path(), &before);
        let done = order[..n_done].iter().map(|path| (path.to_string(), after[*path].clone()));
        write_all(killed.path(), &done.collect());
        let registry = open(killed.path());
        let seen = if n_done < order.len() { "old" } else { "new" };
        assert_eq!(aliases(&registry)[0].as_deref(), Some(seen), "after {n_done} files");
        let record = registry.publish(MODEL, b"new", new.clone()).unwrap();
        assert_eq!(record.version, 2);
        assert_eq!(files(killed.path(), ""), after, "after {n_done} files");
    }
}

/// The order itself: whatever a blocked step would have made, nothing after it is there.
#[test]
fn a_publish_stops_at_the_step_that_fails() {
    let steps = ["blobs", "versions", "reports", "events", "aliases"];
    let path_of = |root: &Path, step: &str| match step {
        "blobs" => root.join(step),
        _ => root.join("models").join(MODEL).join(step),
    };
    for (index, blocked) in steps.iter().enumerate() {
        let (folder, registry) = registry();
        let block = path_of(folder.path(), blocked);
        fs::create_dir_all(block.parent().unwrap()).unwrap();
        fs::write(&block, "a file in place of a folder").unwrap();
        let new = run("new", None, Decision::Promote);
        assert!(registry.publish(MODEL, b"new", new.clone()).is_err(), "{blocked}");
        for later in &steps[index + 1..] {
            assert!(!path_of(folder.path(), later).exists(), "{later} before {blocked}");
        }
        fs::remove_file(&block).unwrap();
        registry.publish(MODEL, b"new", new).unwrap();
        assert_eq!(aliases(&registry), [Some("new".into()), None]);
        assert_eq!(registry.events(MODEL).unwrap().len(), 2);
    }
}

#[test]
fn completing_an_older_run_never_moves_the_champion_back() {
    let (folder, registry) = registry();
    let one = publish(&registry, "one", None, Decision::Promote);
    let two = publish(&registry, "two", Some(1), Decision::Promote);
    let before = files(folder.path(), "");
    registry.complete(MODEL, &one).unwrap();
    assert_eq!(files(folder.path(), ""), before);

    // Version 3 was killed before its promotion; meanwhile version 1 was made champion again.
    let alias = folder.path().join("models/card-fraud/aliases/champion");
    let alias_of_two = fs::read(&alias).unwrap();
    let three = publish(&registry, "three", Some(2), Decision::Promote);
    fs::remove_file(folder.path().join("models/card-fraud/events/00000006.json")).unwrap();
    fs::write(&alias, alias_of_two).unwrap();
    registry.rollback(MODEL, None, "alerts", "ann", NOW).unwrap();
    let standing = registry.complete(MODEL, &three).unwrap();
    assert_eq!(standing.champion.unwrap().version, 1);
    assert_eq!(aliases(&registry), [Some("one".into()), Some("three".into())]);
    assert_eq!(registry.complete(MODEL, &two).unwrap(), standing);
    // Nor when the champion it was compared with is back: a person decided so after it was there.
    registry.promote(MODEL, 2, "false alarm", "ann", NOW).unwrap();
    registry.complete(MODEL, &three).unwrap();
    assert_eq!(aliases(&registry), [Some("two".into()), Some("three".into())]);
    // A person may still do so.
    registry.promote(MODEL, 3, "reviewed", "ann", NOW).unwrap();
    assert_eq!(aliases(&registry), [Some("three".into()), None]);
}

#[test]
fn a_roll_back_that_was_killed_is_finished_not_repeated() {
    let (folder, registry) = registry();
    publish(&registry, "one", None, Decision::Promote);
    publish(&registry, "two", Some(1), Decision::Promote);
    publish(&registry, "three", Some(2), Decision::Promote);
    let alias = folder.path().join("models/card-fraud/aliases/champion");
    let three = fs::read(&alias).unwrap();
    let event = registry.rollback(MODEL, None, "alerts", "ann", NOW).unwrap();
    fs::write(&alias, three).unwrap();
    assert_eq!(registry.rollback(MODEL, None, "alerts", "ann", NOW).unwrap(), event);
    assert_eq!(aliases(&registry)[0].as_deref(), Some("two"));
}

#[test]
fn a_run_key_has_one_version_and_one_artifact() {
    let (_folder, registry) = registry();
    let first = publish(&registry, "one", None, Decision::Keep);
    let again = Run { created_at: "later".into(), ..run("one", None, Decision::Promote) };
    assert_eq!(registry.publish(MODEL, b"one", again).unwrap(), first);
    let key = first.run.run_key;
    assert_eq!(registry.find_run(MODEL, &key).unwrap(), Some(first));
    let other = Run { run_key: key, ..run("two", None, Decision::Keep) };
    let refused = registry.publish(MODEL, b"two", other);
    assert!(matches!(refused, Err(Error::RunConflict { version: 1, .. })), "{refused:?}");
}

#[test]
fn writers_at_once_leave_no_gap_and_one_champion() {
    let (_folder, registry) = registry();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let registry = &registry;
            scope.spawn(move || {
                for step in 0..20 {
                    // Half of the runs are the same in two threads.
                    let who = if step % 2 == 0 { thread } else { thread / 2 };
                    publish(registry, &format!("{who} {step}"), None, Decision::Promote);
                }
            });
        }
    });
    // 8 threads by 10 steps of their own, 4 pairs by 10 steps shared.
    let listed = registry.list(MODEL).unwrap();
    let versions: Vec<_> = listed.iter().map(|listed| listed.record.version).collect();
    assert_eq!(versions, (1..=120).collect::<Vec<_>>());
    // Each was compared with no champion, which held for one alone; the others say so.
    let events = registry.events(MODEL).unwrap();
    assert_eq!(
        events.iter().map(|event| event.event).collect::<Vec<_>>(),
        (1..=240).collect::<Vec<_>>()
    );
    let promoted: Vec<_> = events.iter().filter(|event| event.kind == EventKind::Promote).collect();
    assert_eq!(promoted.len(), 1);
    let champion = promoted[0].version;
    for listed in &listed {
        let kept = listed.verdict.decision == Decision::Keep;
        assert_eq!(
            (listed.champion, kept),
            match listed.record.version == champion {
                true => (true, false),
                false => (false, true),
            }
        );
    }
    let challenger = registry.standing(MODEL).unwrap().challenger.unwrap().version;
    assert_eq!(challenger, if champion == 120 { 119 } else { 120 });
    let alias = registry.reader().alias(MODEL, "champion").unwrap().unwrap();
    assert_eq!((alias.artifact, alias.event), (promoted[0].artifact, promoted[0].event));
}

#[test]
fn what_is_damaged_is_named() {
    let (folder, registry) = registry();
    let record = publish(&registry, "one", None, Decision::Promote);
    let model = folder.path().join("models").join(MODEL);

    let alias = model.join("aliases/champion");
    let whole = fs::read(&alias).unwrap();
    for damaged in [&whole[..whole.len() - 1], b"", &[b'7'; 5000]] {
        fs::write(&alias, damaged).unwrap();
        let refused = registry.reader().alias(MODEL, "champion").unwrap_err();
        assert!(matches!(&refused, ReadError::MalformedAlias { path, .. } if *path == alias));
        registry.rebuild_aliases(MODEL).unwrap();
        assert_eq!(fs::read(&alias).unwrap(), whole);
    }
    let ahead = String::from_utf8(whole.clone()).unwrap().replace(" 2\n", " 3\n");
    fs::write(&alias, ahead).unwrap();
    let refused = registry.rebuild_aliases(MODEL).unwrap_err();
    assert!(matches!(refused, Error::AliasAhead { expected: 2, found: 3, .. }), "{refused:?}");
    fs::write(&alias, whole).unwrap();

    let version = model.join("versions/00000001.json");
    let text = fs::read_to_string(&version).unwrap();
    fs::write(&version, text.replacen('{', "{\"added_later\": [1],", 1)).unwrap();
    assert_eq!(registry.record(MODEL, 1).unwrap(), record);
    fs::write(&version, &text[..text.len() / 2]).unwrap();
    let refused = registry.record(MODEL, 1).unwrap_err();
    assert!(matches!(&refused, Error::Malformed { path, .. } if *path == version), "{refused:?}");
    fs::write(&version, &text).unwrap();
    fs::write(model.join("versions/00000002.json"), &text).unwrap();
    let refused = registry.list(MODEL).unwrap_err();
    assert!(matches!(refused, Error::WrongNumber { expected: 2, found: 1, .. }), "{refused:?}");
    fs::remove_file(model.join("versions/00000002.json")).unwrap();

    let blob = registry.reader().blob_path(&record.run.artifact);
    fs::write(&blob, "onE").unwrap();
    let refused = registry.complete(MODEL, &record).unwrap_err();
    assert!(matches!(refused, Error::WrongArtifact { .. }), "{refused:?}");
    fs::remove_file(&blob).unwrap();
    let refused = registry.promote(MODEL, 1, "reviewed", "ann", NOW).unwrap_err();
    assert!(matches!(refused, Error::BlobMissing { .. }), "{refused:?}");
}

#[test]
fn a_registry_is_a_folder_and_names_stay_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = Registry::open_or_create(&file).unwrap_err();
    assert!(matches!(refused, Error::NotAFolder { .. }), "{refused:?}");
    let refused = Registry::open_or_create(file.join("below")).unwrap_err();
    assert!(matches!(refused, Error::NotWritable { .. }), "{refused:?}");
    assert!(Registry::open(folder.path().join("missing")).is_err());

    let registry = open(&folder.path().join("made/on/the/way"));
    for name in ["", "..", "../up", "a/b", "/etc", "Card", ".hidden", "a\0b"] {
        let refused = registry.publish(name, b"one", run("one", None, Decision::Keep));
        assert!(matches!(refused, Err(Error::Read(ReadError::Name { .. }))), "{name:?}");
        assert!(registry.rebuild_aliases(name).is_err(), "{name:?}");
    }
    let wrong = registry.publish(MODEL, b"other bytes", run("one", None, Decision::Keep));
    assert!(matches!(wrong, Err(Error::WrongArtifact { .. })), "{wrong:?}");
    assert_eq!(files(registry.reader().root(), ""), BTreeMap::new());
}

fn registry() -> (TempDir, Registry) {
    let folder = tempfile::tempdir().unwrap();
    let registry = open(folder.path());
    (folder, registry)
}

fn open(root: &Path) -> Registry {
    Registry::open_or_create(root).unwrap().with_check(|bytes| Ok(id(bytes)))
}

fn id(bytes: &[u8]) -> ArtifactId {
    blake3::hash(bytes).to_string().parse().unwrap()
}

fn run(artifact: &str, parent: Option<u64>, decision: Decision) -> Run {
    Run {
        artifact: id(artifact.as_bytes()),
        run_key: blake3::hash(format!("key of {artifact}").as_bytes()).into(),
        as_of: Some(AsOf { time: NOW.into(), micros: 1_533_081_600_000_000 }),
        created_at: NOW.into(),
        created_by: "cron".into(),
        parent,
        learner: "logistic".into(),
        verdict: Verdict { decision, reason: "average precision up by 0.013".into() },
        report: json!({"average_precision": 0.6130000000000001, "n_rows": 3, "curve": [-0.0, 1e-7]}),
    }
}

fn publish(
    registry: &Registry,
    artifact: &str,
    parent: Option<u64>,
    decision: Decision,
) -> VersionRecord {
    registry.publish(MODEL, artifact.as_bytes(), run(artifact, parent, decision)).unwrap()
}

/// The bytes behind champion and challenger, as a backend finds them.
fn aliases(registry: &Registry) -> [Option<String>; 2] {
    let reader = Reader::open(registry.reader().root()).unwrap();
    ["champion", "challenger"].map(|alias| {
        let target = reader.alias(MODEL, alias).unwrap()?;
        Some(String::from_utf8(reader.read_blob(&target.artifact).unwrap()).unwrap())
    })
}

/// Every file below `root/folder` by its path below `root`; those in `tmp` only when asked for.
fn files(root: &Path, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left: Vec<PathBuf> = vec![root.join(folder)];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if name == "tmp" {
                continue;
            }
            if path.is_dir() {
                left.push(path);
            } else {
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

fn write_all(root: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
