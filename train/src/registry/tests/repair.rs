//! Races lost, artifacts put back, changes without a reason.

use super::*;

#[test]
fn a_verdict_to_promote_that_lost_the_race_keeps_the_champion() {
    let (folder, registry) = registry();
    publish(&registry, "one", None, Decision::Promote);
    // Compared when there was no champion yet.
    let two = publish(&registry, "two", None, Decision::Promote);
    let standing = registry.standing(MODEL).unwrap();
    let holders = [standing.champion, standing.challenger].map(|holder| holder.unwrap().version);
    assert_eq!(holders, [1, 2]);
    assert_eq!(aliases(&registry), [Some("one".into()), Some("two".into())]);
    let came_to = registry.came_to(MODEL, &two).unwrap();
    assert_eq!((came_to.decision, two.run.verdict.decision), (Decision::Keep, Decision::Promote));
    let why = "champion moved to version 1 since it was compared";
    assert_eq!(came_to.reason, format!("{}; but {why}", two.run.verdict.reason));
    let shown = registry.show(MODEL, 2).unwrap();
    let kinds: Vec<_> = shown.events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Publish, EventKind::Keep]);
    assert_eq!((shown.events[1].why.as_str(), &shown.listed.verdict), (why, &came_to));

    let before = files(folder.path(), "");
    assert_eq!(registry.complete(MODEL, &two).unwrap(), standing);
    assert_eq!(files(folder.path(), ""), before);
    // What a person does later does not change what the run came to.
    registry.promote(MODEL, 2, "reviewed", "ann", NOW).unwrap();
    assert_eq!(registry.came_to(MODEL, &two).unwrap(), came_to);
    // Killed before its decision and finished late, it does not push a newer challenger away.
    let three = publish(&registry, "three", Some(1), Decision::Promote);
    publish(&registry, "four", Some(2), Decision::Keep);
    assert_eq!(aliases(&registry)[1].as_deref(), Some("four"));
    let model = folder.path().join("models").join(MODEL);
    // Of version three only the record and its publish event were there then.
    let (keep, publish_four) =
        (model.join("events/00000007.json"), model.join("events/00000008.json"));
    let text = fs::read_to_string(&publish_four).unwrap().replace("\"event\": 8", "\"event\": 7");
    fs::write(&keep, text).unwrap();
    fs::remove_file(&publish_four).unwrap();
    fs::remove_file(model.join("aliases/challenger")).unwrap();
    registry.complete(MODEL, &three).unwrap();
    assert_eq!(registry.came_to(MODEL, &three).unwrap().decision, Decision::Keep);
    assert_eq!(aliases(&registry), [Some("two".into()), Some("four".into())]);
}

#[test]
fn a_lost_or_damaged_artifact_is_put_back() {
    let (folder, registry) = registry();
    let record = publish(&registry, "one", None, Decision::Promote);
    let whole = files(folder.path(), "");
    let blob = registry.reader().blob_path(&record.run.artifact);
    let aside = blob.with_extension("shroff.damaged");

    fs::remove_file(&blob).unwrap();
    assert!(registry.complete(MODEL, &record).unwrap_err().is_artifact());
    registry.restore(MODEL, &record, b"one", record.run.artifact).unwrap();
    assert_eq!(files(folder.path(), ""), whole);

    for again in ["restore", "publish"] {
        fs::write(&blob, "onE").unwrap();
        assert!(registry.complete(MODEL, &record).unwrap_err().is_artifact());
        // Another artifact, or other bytes, touch nothing.
        let refused = registry.restore(MODEL, &record, b"two", id(b"two")).unwrap_err();
        assert!(matches!(refused, Error::RunConflict { version: 1, .. }), "{refused:?}");
        let refused = registry.restore(MODEL, &record, b"two", record.run.artifact).unwrap_err();
        assert!(matches!(refused, Error::WrongArtifact { .. }), "{refused:?}");
        assert_eq!((fs::read(&blob).unwrap(), aside.exists()), (b"onE".to_vec(), false));
        if again == "restore" {
            registry.restore(MODEL, &record, b"one", record.run.artifact).unwrap();
        } else {
            registry.publish(MODEL, b"one", record.run.clone()).unwrap();
        }
        assert_eq!(fs::read(&aside).unwrap(), b"onE");
        fs::remove_file(&aside).unwrap();
        assert_eq!(files(folder.path(), ""), whole);
    }
}

#[test]
fn a_change_of_the_champion_has_a_reason() {
    let (folder, registry) = registry();
    publish(&registry, "one", None, Decision::Promote);
    publish(&registry, "two", Some(1), Decision::Promote);
    let before = files(folder.path(), "");
    for why in ["", " \t\n"] {
        let refused = registry.promote(MODEL, 1, why, "ann", NOW).unwrap_err();
        assert!(matches!(refused, Error::WhyMissing), "{refused:?}");
        let refused = registry.rollback(MODEL, None, why, "ann", NOW).unwrap_err();
        assert!(matches!(refused, Error::WhyMissing), "{refused:?}");
    }
    assert_eq!(files(folder.path(), ""), before);
}
