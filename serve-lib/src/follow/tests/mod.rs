//! Looks at the alias one by one, at times of the test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::pursuit::{Found, Pursuit};
use super::{BackendError, Follow, FollowError, Opened, Prepare};
use crate::artifact::{self, ArtifactId};
use crate::registry::{AliasTarget, Registry};
use crate::scorer::Scorer;
use crate::scorer::tests::fixture::golden;

#[cfg(feature = "signed")]
mod signed;
mod states;

const INTERVAL: Duration = Duration::from_secs(10);

#[test]
#[cfg_attr(miri, ignore = "each of many artifacts takes many seconds to open")]
fn whatever_goes_wrong_the_model_stays_and_the_next_good_one_is_taken() {
    let folder = Folder::new("stays");
    let [first, second, third] = [1, 2, 3].map(|n| folder.publish("v1/linear", n));
    let (mut pursuit, now) = (folder.pursue(), Instant::now());
    // Nothing is promoted yet, and there is no cache: no start.
    let error = pursuit.begin(now).err().unwrap();
    assert!(error.to_string().contains("has no alias \"champion\""), "{error}");
    folder.promote(first, 1);
    let (target, model, error) = pursuit.begin(now).unwrap();
    assert_eq!((target.artifact, model, error.is_none()), (first, first, true));

    let alias = folder.alias_path();
    let blob = folder.registry().blob_path(&second);
    let whole = fs::read(&blob).unwrap();
    let mut later = now;
    let mut refused = |what: &str, part: &str| {
        later += Duration::from_secs(3600);
        let error = pursuit.poll(later, false).err().unwrap_or_else(|| panic!("{what}: taken"));
        let text = error.in_full();
        assert!(text.contains(part), "{what}: {text}");
        assert_eq!(pursuit.serving_artifact(), Some(first), "{what}");
    };
    fs::remove_file(&alias).unwrap();
    refused("no alias", "has no alias");
    fs::write(&alias, "").unwrap();
    refused("an alias cut to nothing", "should be one line");
    folder.promote(second, 2);
    fs::remove_file(&blob).unwrap();
    refused("no artifact", "could not read");
    fs::write(&blob, &whole[..whole.len() / 2]).unwrap();
    refused("half an artifact", "cannot be used: artifact refused");
    fs::write(&blob, fs::read(folder.registry().blob_path(&third)).unwrap()).unwrap();
    refused("another artifact", "should hold artifact");
    fs::write(&blob, &whole).unwrap();
    fs::rename(&folder.root, folder.root.with_extension("away")).unwrap();
    refused("no registry", "could not read");
    fs::write(&folder.root, "").unwrap();
    refused("a file for a registry", "should be a folder");
    fs::remove_file(&folder.root).unwrap();
    fs::create_dir(&folder.root).unwrap();
    refused("an empty registry", "has no alias");
    fs::remove_dir(&folder.root).unwrap();
    fs::rename(folder.root.with_extension("away"), &folder.root).unwrap();

    later += Duration::from_secs(3600);
    assert!(matches!(pursuit.poll(later, false), Ok(Found::New(_, model)) if model == second));
    assert!(matches!(pursuit.poll(later, false), Ok(Found::Same(target)) if target.event == 2));
    // The same artifact under a new event is no new model, and back to an old one is a promotion like any other.
    folder.promote(second, 3);
    assert!(matches!(pursuit.poll(later, false), Ok(Found::Same(target)) if target.event == 3));
    folder.promote(first, 4);
    assert!(matches!(pursuit.poll(later, false), Ok(Found::New(_, model)) if model == first));
}

#[test]
fn it_looks_by_itself() {
    let folder = Folder::new("itself");
    let [first, second] = [1, 2].map(|n| folder.publish("v1/linear", n));
    folder.promote(first, 1);
    let follow = folder.follow().every(Duration::from_millis(5));
    let follower = follow.start(Ids).unwrap();
    assert_eq!(*follower.current(), first);
    folder.promote(second, 2);
    let began = Instant::now();
    while *follower.current() != second {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", follower.status());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_artifact_beyond_the_limits_of_the_backend_is_not_taken() {
    let folder = Folder::new("limits");
    let [small, large] = [1, 1000].map(|n| folder.publish("v1/linear", n));
    let size = |id| fs::metadata(folder.registry().blob_path(&id)).unwrap().len();
    let limits = crate::Limits { max_artifact_bytes: size(small), ..crate::Limits::default() };
    assert!(size(large) > size(small));
    folder.promote(small, 1);
    let mut pursuit = Pursuit::new(folder.follow().within(limits), Ids).unwrap();
    let now = Instant::now();
    pursuit.begin(now).unwrap();
    folder.promote(large, 2);
    let error = pursuit.poll(now, true).err().unwrap();
    let refusal = crate::registry::RegistryError::TooLarge {
        path: folder.registry().blob_path(&large),
        expected: size(small),
        found: size(large),
    };
    assert_eq!(error.to_string(), refusal.to_string());
    assert_eq!(pursuit.serving_artifact(), Some(small));
}

#[test]
#[cfg_attr(miri, ignore = "each of many artifacts takes many seconds to open")]
fn a_bad_artifact_is_tried_ever_more_seldom_and_others_at_once() {
    let folder = Folder::new("seldom");
    let [good, bad, other] = [1, 2, 3].map(|n| folder.publish("v1/linear", n));
    folder.promote(good, 1);
    let (mut pursuit, start) = (folder.pursue(), Instant::now());
    pursuit.begin(start).unwrap();
    let blob = folder.registry().blob_path(&bad);
    let whole = fs::read(&blob).unwrap();
    fs::write(&blob, &whole[1..]).unwrap();
    folder.promote(bad, 2);

    // Tried at 0, then after two intervals, four, eight: at 2, 6 and 14, and every ten minutes in the end.
    let tried =
        |pursuit: &mut Pursuit<Ids>, n: u32| pursuit.poll(start + INTERVAL * n, false).is_err();
    let times: Vec<u32> = (0..=300).filter(|n| tried(&mut pursuit, *n)).collect();
    assert_eq!(times, [0, 2, 6, 14, 30, 62, 122, 182, 242]);
    // Asked for, it is tried whenever.
    assert!(pursuit.poll(start + INTERVAL * 301, true).is_err());
    folder.promote(other, 3);
    let now = start + INTERVAL * 302;
    assert!(matches!(pursuit.poll(now, false), Ok(Found::New(_, model)) if model == other));
    // Mended, but not its turn yet.
    fs::write(&blob, whole).unwrap();
    folder.promote(bad, 4);
    assert!(matches!(pursuit.poll(now, false), Ok(Found::Refused)));
    let now = start + INTERVAL * 400;
    assert!(matches!(pursuit.poll(now, false), Ok(Found::New(_, model)) if model == bad));
}

#[test]
fn the_backend_may_refuse_and_even_panic() {
    let folder = Folder::new("backend");
    let ids = [1, 2, 3, 4].map(|n| folder.publish("v1/linear", n));
    folder.promote(ids[0], 1);
    let prepare = move |opened: Opened| -> Result<ArtifactId, BackendError> {
        let id = opened.scorer.id();
        match ids.iter().position(|other| *other == id) {
            Some(1) => Err("no such input".into()),
            Some(2) => panic!("at {}", "night"),
            _ => Ok(id),
        }
    };
    let (mut pursuit, now) = (Pursuit::new(folder.follow(), prepare).unwrap(), Instant::now());
    pursuit.begin(now).unwrap();
    for (event, id, part) in [(2, ids[1], "backend: no such input"), (3, ids[2], "panic: at night")]
    {
        folder.promote(id, event);
        let error = pursuit.poll(now, false).err().unwrap().in_full();
        assert!(error.contains(part), "{error}");
        assert!(matches!(pursuit.poll(now, false), Ok(Found::Refused)));
    }
    folder.promote(ids[3], 4);
    assert!(matches!(pursuit.poll(now, false), Ok(Found::New(_, model)) if model == ids[3]));
}

#[test]
#[cfg_attr(miri, ignore = "each of many artifacts takes many seconds to open")]
fn a_restart_survives_an_outage_by_the_cache() {
    let folder = Folder::new("outage");
    let [first, second] = [1, 2].map(|n| folder.publish("v1/linear", n));
    folder.promote(first, 1);
    let cache = folder.root.with_extension("cache");
    let follow = || folder.follow().cache(&cache);
    let (mut pursuit, now) = (Pursuit::new(follow(), Ids).unwrap(), Instant::now());
    pursuit.begin(now).unwrap();
    pursuit.keep().unwrap();
    folder.promote(second, 2);
    pursuit.poll(now, false).unwrap();

    // The cache cannot be written: the model is taken all the same, and the cache when it can be.
    fs::rename(&cache, cache.with_extension("away")).unwrap();
    fs::write(&cache, "").unwrap();
    assert_eq!(pursuit.serving_artifact(), Some(second));
    let error = pursuit.keep().unwrap_err().to_string();
    assert!(error.contains("could not create the follower's cache"), "{error}");
    fs::remove_file(&cache).unwrap();
    fs::rename(cache.with_extension("away"), &cache).unwrap();
    pursuit.keep().unwrap();
    let files = |ending: &str| files_with(&cache, ending);
    assert_eq!(files("shroff"), [format!("{second}.shroff")], "one model, whatever came before");

    // While one process has the folder, another is told so and serves without it.
    let mut other = Pursuit::new(follow(), Ids).unwrap();
    other.begin(now).unwrap();
    assert!(matches!(other.keep(), Err(FollowError::CacheInUse { .. })));
    drop((pursuit, other));

    fs::rename(&folder.root, folder.root.with_extension("away")).unwrap();
    let mut pursuit = Pursuit::new(follow(), Ids).unwrap();
    let (target, model, error) = pursuit.begin(now).unwrap();
    assert_eq!((target, model), (AliasTarget { artifact: second, event: 2 }, second));
    assert!(error.unwrap().to_string().contains("could not read"));
    assert!(pursuit.poll(now, false).is_err());
    fs::rename(folder.root.with_extension("away"), &folder.root).unwrap();
    assert!(matches!(pursuit.poll(now, false), Ok(Found::Same(_))), "confirmed, not loaded again");

    // What the registry names is bad: what was accepted before is served after a restart, too.
    folder.promote(first, 3);
    fs::write(folder.registry().blob_path(&first), "bad").unwrap();
    let mut pursuit = Pursuit::new(follow(), Ids).unwrap();
    let (target, _, error) = pursuit.begin(now).unwrap();
    assert_eq!(target.artifact, second);
    assert!(error.unwrap().to_string().contains("cannot be used"));
    // Half a cache is no cache.
    drop(pursuit);
    let cached = cache.join("cards/champion/blobs/b3").join(&second.to_string()[..2]);
    fs::write(cached.join(format!("{second}.shroff")), "bad").unwrap();
    let nothing = |of_registry: ArtifactId, of_cache: &str| {
        let error = Pursuit::new(follow(), Ids).unwrap().begin(now).err().unwrap();
        assert!(matches!(error, FollowError::NothingToServe { .. }), "{error:?}");
        let text = error.in_full();
        let (registry, cache) = text.split_once("; and nothing can be served").unwrap();
        assert!(registry.contains(&format!("{of_registry}.shroff cannot be used")), "{text}");
        assert!(cache.contains(of_cache), "{text}");
    };
    nothing(first, &format!("{second}.shroff cannot be used"));
    fs::write(cache.join("cards/champion/models/cards/aliases/champion"), "bad").unwrap();
    nothing(first, "should be one line");
}

#[test]
fn taking_the_current_model_allocates_nothing() {
    let folder = Folder::new("allocates");
    let [first, second] = [1, 2].map(|n| folder.publish("v1/linear", n));
    folder.promote(first, 1);
    let prepare = |opened: Opened| -> Result<Arc<Scorer>, BackendError> { Ok(opened.scorer) };
    let follower = folder.follow().start(prepare).unwrap();
    // The first time a thread gets a place of its own to hold a model by.
    drop(follower.current());
    let taken = |expected: ArtifactId| {
        let info = allocation_counter::measure(|| {
            for _ in 0..100 {
                let model = follower.current();
                assert!(model.score(&[191.75, 1.0, 250.0]).is_ok() && model.id() == expected);
            }
        });
        assert_eq!(info.count_total, 0);
    };
    taken(first);
    folder.promote(second, 2);
    let status = follower.refresh();
    assert_eq!((status.n_models, status.n_failures, status.is_running), (2, 0, true));
    taken(second);
    // Kept for longer by the backend, it is neither lost nor in the way.
    let kept = follower.current_shared();
    folder.promote(first, 3);
    assert_eq!(follower.refresh().serving.event, 3);
    taken(first);
    assert_eq!((kept.id(), Arc::strong_count(&kept) <= 2), (second, true));
}

/// A model that is its artifact's id.
struct Ids;

impl Prepare for Ids {
    type Model = ArtifactId;

    fn prepare(&mut self, opened: Opened) -> Result<ArtifactId, BackendError> {
        assert_eq!(opened.scorer.id(), opened.target.artifact);
        Ok(opened.scorer.id())
    }
}

/// A registry folder of the test's own, removed in the end.
struct Folder {
    root: PathBuf,
}

impl Folder {
    fn new(name: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let (process, n) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let root =
            std::env::temp_dir().join(format!("shroff-follow-{name}-{process}-{n}/registry"));
        fs::create_dir_all(root.join("models/cards/aliases")).unwrap();
        Self { root }
    }

    fn registry(&self) -> Registry {
        Registry::open(&self.root).unwrap()
    }

    fn follow(&self) -> Follow {
        Follow::new(&self.root, "cards", "champion").every(INTERVAL)
    }

    fn pursue(&self) -> Pursuit<Ids> {
        Pursuit::new(self.follow(), Ids).unwrap()
    }

    /// Puts a golden artifact into the registry, made another one by the name of its model.
    fn publish(&self, name: &'static str, n: u64) -> ArtifactId {
        let mut contents = golden(name).contents().clone();
        contents.provenance.model_name = format!("cards-{n}");
        let bytes = artifact::write(&contents).unwrap();
        // The root stands behind the fixed header.
        let id = ArtifactId::from_bytes(*bytes[32..].first_chunk().unwrap());
        let path = self.registry().blob_path(&id);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        id
    }

    fn promote(&self, artifact: ArtifactId, event: u64) {
        fs::write(self.alias_path(), format!("{artifact} {event}\n")).unwrap();
    }

    fn alias_path(&self) -> PathBuf {
        self.root.join("models/cards/aliases/champion")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.root.parent().unwrap());
    }
}

/// The names of all files below a folder with an ending.
fn files_with(folder: &Path, ending: &str) -> Vec<String> {
    let (mut found, mut left) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort_unstable();
    found
}

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden");

impl<P: Prepare> Pursuit<P> {
    fn serving_artifact(&self) -> Option<ArtifactId> {
        self.serving_target().map(|target| target.artifact)
    }
}

/// The model of one request and the thread that follows belong together: `Send` and `Sync` say so.
#[expect(dead_code, reason = "it only has to compile")]
fn a_follower_is_shared(follower: super::Follower<Arc<Scorer>>) -> impl Send + Sync {
    follower
}
