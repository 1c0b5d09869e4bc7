//! Backends that follow an alias while models are published, damaged and lost beneath them. What it costs in time is
//! measured by `cargo run --release -p shroff-benches --example hot_reload`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use shroff_serve::artifact::ArtifactId;
use shroff_serve::follow::{BackendError, Follow, Follower, Opened};
use shroff_serve::registry::Registry;
use shroff_serve::{Record, Score, Scorer, Value};
use tempfile::TempDir;

use crate::common::{artifact, linear_with_bias};

const N_VERSIONS: usize = 200;
const N_THREADS: usize = 2;

#[test]
fn two_threads_score_without_pause_while_two_hundred_versions_come() {
    let folder = Published::new();
    let versions: Vec<(ArtifactId, Vec<u8>)> = (0..=N_VERSIONS).map(version).collect();
    // What each model gives, by opening it alone.
    let margins: HashMap<ArtifactId, u64> =
        versions.iter().map(|(id, bytes)| (*id, margin_of(bytes).to_bits())).collect();
    assert_eq!(margins.len(), versions.len());
    folder.put(&versions[0].0, &versions[0].1);
    folder.promote(&versions[0].0, 1);
    let n_alive = Arc::new(AtomicUsize::new(0));
    let follower = folder.follow(&n_alive);

    let (stop, n_scored) = (AtomicBool::new(false), [const { AtomicU64::new(0) }; N_THREADS]);
    let score = |n_scored: &AtomicU64| {
        let mut by_model: HashMap<ArtifactId, u64> = HashMap::new();
        while !stop.load(Ordering::Relaxed) {
            let model = follower.current();
            let score = score_of(&model.scorer);
            let id = model.scorer.id();
            assert_eq!(score.margin.to_bits(), margins[&id], "of artifact {id}");
            *by_model.entry(id).or_default() += 1;
            n_scored.fetch_add(1, Ordering::Relaxed);
        }
        by_model
    };
    let by_model = std::thread::scope(|scope| {
        let threads = n_scored.each_ref().map(|n_scored| scope.spawn(move || score(n_scored)));
        let mut serving = versions[0].0;
        for (n, (id, bytes)) in versions.iter().enumerate().skip(1) {
            let is_corrupt = n % 10 == 0;
            match is_corrupt {
                true => folder.put_damaged(id, bytes, n / 10, &versions[0].1),
                false => folder.put(id, bytes),
            }
            folder.promote(id, n as u64 + 1);
            let status = follower.refresh();
            assert_eq!(status.error.is_some(), is_corrupt, "version {n}: {status}");
            serving = if is_corrupt { serving } else { *id };
            assert_eq!(status.serving.artifact, serving, "version {n}");
            // One is served, and at most a request of each thread holds another.
            let alive = n_alive.load(Ordering::Relaxed);
            assert!((1..=1 + N_THREADS).contains(&alive), "version {n}: {alive} models in memory");
            // Each is scored with.
            for n_scored in &n_scored {
                let before = n_scored.load(Ordering::Relaxed);
                while n_scored.load(Ordering::Relaxed) < before + 20 {
                    std::thread::yield_now();
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        threads.map(|thread| thread.join().expect("no score failed"))
    });
    for (n, (id, _)) in versions.iter().enumerate() {
        let expected = n == 0 || n % 10 != 0;
        let found = by_model.iter().filter(|by_model| by_model.contains_key(id)).count();
        // The first one may be gone before a thread begins.
        assert!(found == if expected { N_THREADS } else { 0 } || n == 0, "version {n}: {found}");
    }
    let status = follower.refresh();
    let n_corrupt = N_VERSIONS as u64 / 10;
    assert_eq!(status.n_models, 1 + N_VERSIONS as u64 - n_corrupt);
    // The last one is corrupt, and was just tried again.
    assert_eq!(status.n_failures, n_corrupt + 1);
    assert_eq!(n_alive.load(Ordering::Relaxed), 1, "memory is back to one model");
    drop(follower);
}

#[test]
fn a_registry_that_goes_away_in_any_manner_stops_no_score() {
    let folder = Published::new();
    let versions: Vec<_> = (0..6).map(version).collect();
    for (id, bytes) in &versions {
        folder.put(id, bytes);
    }
    folder.promote(&versions[0].0, 1);
    let follower = folder.follow(&Arc::default());
    let root = &folder.root;
    let away = root.with_extension("away");
    let goes_on = |serving: usize| {
        let model = follower.current_shared();
        assert_eq!(model.scorer.id(), versions[serving].0);
        let score = score_of(&model.scorer);
        assert_eq!(score.margin.to_bits(), margin_of(&versions[serving].1).to_bits());
    };
    let ailing = |part: &str, serving| {
        let status = follower.refresh();
        let error = status.error.expect("the error is visible");
        assert!(error.contains(part), "{error}");
        assert!(status.staleness.expect("it was confirmed once") > Duration::ZERO);
        goes_on(serving);
    };
    let recovers = |serving: usize| {
        folder.promote(&versions[serving].0, serving as u64 + 1);
        let status = follower.refresh();
        assert_eq!((status.error, status.serving.artifact), (None, versions[serving].0));
        goes_on(serving);
    };

    fs::rename(root, &away).expect("it vanishes");
    ailing("could not read", 0);
    fs::create_dir(root).expect("an empty one, as when a mount is missing");
    ailing("has no alias", 0);
    fs::remove_dir(root).expect("removed");
    fs::rename(&away, root).expect("it is back");
    recovers(1);

    fs::remove_dir_all(root.join("blobs")).expect("its artifacts are gone");
    folder.promote(&versions[2].0, 3);
    ailing("could not read", 1);
    for (id, bytes) in &versions {
        folder.put(id, bytes);
    }
    recovers(2);

    // A disk that is full cuts short what a copying tool writes.
    let (id, bytes) = &versions[3];
    fs::write(folder.blob(id), &bytes[..bytes.len() / 3]).expect("cut short");
    folder.promote(id, 4);
    ailing("cannot be used", 2);
    folder.put(id, bytes);
    fs::write(folder.alias(), &format!("{id} 4\n")[..40]).expect("cut short");
    ailing("should be one line", 2);
    recovers(3);

    let read_only = |is: bool| {
        for folder in [root.clone(), root.join("blobs/b3"), root.join("models/cards/aliases")] {
            let mut permissions = fs::metadata(&folder).expect("there").permissions();
            permissions.set_readonly(is);
            #[cfg(unix)]
            if !is {
                std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
            }
            fs::set_permissions(folder, permissions).expect("set");
        }
    };
    folder.promote(&versions[4].0, 5);
    read_only(true);
    // The permissions stop nobody who runs as root: there what is seen of a write is proof.
    let before = everything(root);
    let status = follower.refresh();
    assert_eq!((status.error, status.serving.event), (None, 5));
    assert_eq!(everything(root), before, "a follower never writes there");
    goes_on(4);
    read_only(false);
    recovers(5);
}

/// All files and folders below one, and when each was last changed: a folder, too, when a file in it comes or goes.
fn everything(root: &Path) -> Vec<(PathBuf, SystemTime)> {
    let (mut found, mut left) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(path) = left.pop() {
        let metadata = fs::metadata(&path).expect("there");
        if metadata.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            left.extend(entries.map(|entry| entry.expect("an entry").path()));
        }
        found.push((path, metadata.modified().expect("a time")));
    }
    found.sort();
    found
}

/// The limit of a process stands for the disk: every write of the child fails as on a full one.
#[cfg(unix)]
#[test]
fn a_full_disk_below_the_cache_keeps_no_model_from_being_served() {
    let folder = Published::new();
    for (event, n) in [(1, 0), (2, 1)] {
        let (id, bytes) = version(n);
        folder.put(&id, &bytes);
        fs::write(folder.root.join(format!("alias-{event}")), format!("{id} {event}\n"))
            .expect("written");
    }
    let name = concat!(module_path!(), "::child_on_a_full_disk");
    let name = name.split_once("::").expect("after the crate's name").1;
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env("SHROFF_FULL_DISK", &folder.root)
        .output()
        .expect("sh runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "run by the test above, in a process that cannot write"]
fn child_on_a_full_disk() {
    let Some(root) = std::env::var_os("SHROFF_FULL_DISK").map(PathBuf::from) else { return };
    let alias = root.join("models/cards/aliases/champion");
    let probe = fs::write(root.join("probe"), "x");
    assert!(probe.is_err(), "this process should not be able to write");
    fs::rename(root.join("alias-1"), &alias).expect("a rename writes no file");
    let follow = Follow::new(&root, "cards", "champion").cache(root.join("cache"));
    let follower = follow.start(prepare(Arc::default())).expect("it starts");
    for event in 1..=2_u64 {
        let status = follower.status();
        let error = status.cache_error.expect("the error is visible");
        assert!(error.contains("could not write the follower's cache"), "{error}");
        assert_eq!((status.error, status.serving.event), (None, event));
        score_of(&follower.current().scorer);
        if event == 1 {
            fs::rename(root.join("alias-2"), &alias).expect("a rename writes no file");
            follower.refresh();
        }
    }
}

/// All that belongs to one model, counted.
struct Model {
    scorer: Arc<Scorer>,
    _alive: Alive,
}

/// One of how many there are.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn one_of(n_alive: &Arc<AtomicUsize>) -> Self {
        n_alive.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(n_alive))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn prepare(
    n_alive: Arc<AtomicUsize>,
) -> impl FnMut(Opened) -> Result<Model, BackendError> + Send + 'static {
    move |opened| {
        let scorer = opened.scorer;
        Ok(Model { scorer, _alive: Alive::one_of(&n_alive) })
    }
}

/// Of one payment: no score ever fails.
fn score_of(scorer: &Scorer) -> Score {
    let values = [Value::Number(191.75), Value::Text("FR"), Value::Number(250.0)];
    scorer.score_record(Record::new(&values)).expect("it scores")
}

/// Models of different margins for the same payment.
fn version(n: usize) -> (ArtifactId, Vec<u8>) {
    let bytes = artifact(&linear_with_bias(-2.5 + n as f64 / 64.0));
    (Scorer::from_bytes(&bytes).expect("it opens").id(), bytes)
}

fn margin_of(bytes: &[u8]) -> f64 {
    score_of(&Scorer::from_bytes(bytes).expect("it opens")).margin
}

/// A registry that is written to by hand, also what no publisher would write.
struct Published {
    root: PathBuf,
    _folder: TempDir,
}

impl Published {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("registry");
        fs::create_dir_all(root.join("models/cards/aliases")).expect("made");
        Self { root, _folder: folder }
    }

    fn follow(&self, n_alive: &Arc<AtomicUsize>) -> Follower<Model> {
        // Only when it is asked to.
        let follow = Follow::new(&self.root, "cards", "champion").every(Duration::from_secs(3_600));
        follow.start(prepare(Arc::clone(n_alive))).expect("it starts")
    }

    fn put(&self, id: &ArtifactId, bytes: &[u8]) {
        let path = self.blob(id);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, bytes).expect("written");
    }

    fn put_damaged(&self, id: &ArtifactId, bytes: &[u8], how: usize, other: &[u8]) {
        let flip = |position: usize| {
            let mut flipped = bytes.to_vec();
            flipped[position % bytes.len()] ^= 1 << (position % 8);
            flipped
        };
        match how % 5 {
            0 => self.put(id, &bytes[..bytes.len() - 1]),
            1 => self.put(id, &flip(how * 4_801)),
            2 => self.put(id, other),
            3 => self.put(id, &[]),
            _ => {} // It never came.
        }
    }

    fn promote(&self, id: &ArtifactId, event: u64) {
        let temporary = self.root.join("alias");
        fs::write(&temporary, format!("{id} {event}\n")).expect("written");
        fs::rename(temporary, self.alias()).expect("renamed");
    }

    fn alias(&self) -> PathBuf {
        self.root.join("models/cards/aliases/champion")
    }

    fn blob(&self, id: &ArtifactId) -> PathBuf {
        blob(&self.root, id)
    }
}

fn blob(root: &Path, id: &ArtifactId) -> PathBuf {
    Registry::open(root).expect("a folder").blob_path(id)
}
