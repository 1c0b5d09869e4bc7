//! The states of entities, when models of the same and of other windows follow one another.

use super::*;
use crate::snapshot::Snapshot;

#[test]
#[cfg_attr(miri, ignore = "an artifact with velocity features takes a quarter of an hour to open")]
fn a_model_of_other_windows_comes_with_its_snapshot_or_not_at_all() {
    let folder = Folder::new("windows");
    let plain = folder.publish("v1/linear", 1);
    let [velocity, next] = [2, 3].map(|n| folder.publish("v1-velocity/velocity", n));
    folder.promote(plain, 1);
    let cache = folder.root.with_extension("cache");
    let prepare = |opened: Opened| -> Result<(bool, ArtifactId), BackendError> {
        Ok((opened.snapshot.is_some(), opened.scorer.id()))
    };
    let follow = folder.follow().cache(&cache);
    let (mut pursuit, now) = (Pursuit::new(follow, prepare).unwrap(), Instant::now());
    assert_eq!(pursuit.begin(now).unwrap().1, (false, plain));

    folder.promote(velocity, 2);
    let error = pursuit.poll(now, false).err().unwrap();
    assert!(matches!(error, FollowError::NoSnapshot { .. }), "{error}");
    assert_eq!(pursuit.serving_artifact(), Some(plain));
    let scorer = folder.registry().open_artifact(&velocity).unwrap();
    let path =
        folder.registry().snapshot_path("cards", scorer.windows().unwrap(), as_of()).unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "bad").unwrap();
    let error = pursuit.poll(now, true).err().unwrap().in_full();
    assert!(error.contains("state cannot be used"), "{error}");
    fs::copy(format!("{GOLDEN}/v1-velocity/velocity.state"), &path).unwrap();
    assert!(matches!(pursuit.poll(now, true), Ok(Found::New(_, (true, id))) if id == velocity));
    pursuit.keep().unwrap();
    assert_eq!(files_with(&cache, "state"), [format!("{}.state", as_of())]);

    // The same windows: the states that are there go on, whether there is a snapshot or not.
    fs::remove_file(&path).unwrap();
    folder.promote(next, 3);
    assert!(matches!(pursuit.poll(now, false), Ok(Found::New(_, (false, id))) if id == next));
    // A newer snapshot that is damaged keeps nobody from remembering what was accepted.
    let newer = scorer.windows().unwrap();
    let newer = folder.registry().snapshot_path("cards", newer, as_of() + 1).unwrap();
    fs::write(&newer, "bad").unwrap();
    let error = pursuit.keep().unwrap_err().in_full();
    assert!(error.contains("state cannot be used"), "{error}");
    assert_eq!(files_with(&cache, "state"), [format!("{}.state", as_of())]);
    fs::remove_file(&newer).unwrap();
    drop(pursuit);

    // A restart without the registry begins with the states in the cache.
    fs::rename(&folder.root, folder.root.with_extension("away")).unwrap();
    let mut pursuit = Pursuit::new(folder.follow().cache(&cache), prepare).unwrap();
    assert_eq!(pursuit.begin(now).unwrap().1, (true, next));
    fs::rename(folder.root.with_extension("away"), &folder.root).unwrap();

    // Where states may begin empty, they do.
    let refused = Pursuit::new(folder.follow(), prepare).unwrap().begin(now).err().unwrap();
    assert!(matches!(refused, FollowError::NoSnapshot { .. }), "{refused}");
    let follow = folder.follow().snapshot_is_optional();
    assert_eq!(Pursuit::new(follow, prepare).unwrap().begin(now).unwrap().1, (false, next));
}

#[cfg(feature = "store")]
#[test]
#[cfg_attr(miri, ignore = "an artifact with velocity features takes a quarter of an hour to open")]
fn a_store_is_kept_for_the_same_windows() {
    use crate::store::StateStore;

    let folder = Folder::new("store");
    let plain = folder.publish("v1/linear", 1);
    let [velocity, next] = [2, 3].map(|n| folder.publish("v1-velocity/velocity", n));
    let scorer = folder.registry().open_artifact(&velocity).unwrap();
    let path =
        folder.registry().snapshot_path("cards", scorer.windows().unwrap(), as_of()).unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::copy(format!("{GOLDEN}/v1-velocity/velocity.state"), &path).unwrap();
    folder.promote(velocity, 1);
    let prepare = |opened: Opened| -> Result<Option<Arc<StateStore>>, BackendError> {
        assert!(opened.snapshot.is_none(), "the store has taken it");
        Ok(opened.store)
    };
    let follow = folder.follow().states(1_000);
    let (mut pursuit, now) = (Pursuit::new(follow, prepare).unwrap(), Instant::now());
    let first = pursuit.begin(now).unwrap().1.unwrap();
    assert_eq!((first.len(), first.as_of()), (8, as_of()));
    let mut poll = |artifact, event| {
        folder.promote(artifact, event);
        match pursuit.poll(now, false).unwrap() {
            Found::New(_, store) => store,
            _ => panic!("event {event} is not taken"),
        }
    };
    let second = poll(next, 2).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert!(poll(plain, 3).is_none());
    let third = poll(velocity, 4).unwrap();
    assert!(!Arc::ptr_eq(&first, &third), "what was not observed meanwhile is not known to it");
    assert_eq!(third.len(), 8);
}

fn as_of() -> i64 {
    Snapshot::open(format!("{GOLDEN}/v1-velocity/velocity.state")).unwrap().as_of()
}
