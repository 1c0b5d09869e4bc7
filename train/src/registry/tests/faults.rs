//! Every file operation fails once, in every way: a reader never meets an error or a mix, and the next writer
//! finishes.

use std::fs::{File, Metadata};
use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::files::{Disk, Files};
use super::super::folder::Folder;
use super::*;
use crate::signing::KeyFiles;
use shroff_serve::signed::TrustedKeys;

/// What happens at one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It fails as a bad disk does.
    Io,
    /// It fails as a full disk does; of a write, half is done.
    NoSpace,
    /// A write does half of what it was asked and says so.
    Short,
    /// A write does half of what it was asked and says it did all.
    Torn,
    /// The process is killed before it: neither it nor any later one happens.
    Kill,
}

const FAULTS: [Fault; 5] = [Fault::Io, Fault::NoSpace, Fault::Short, Fault::Torn, Fault::Kill];

/// The filesystem, one operation of which goes wrong.
struct Faulty {
    /// The operation, counted from 0.
    at: u64,
    fault: Fault,
    n_done: AtomicU64,
    /// Which of them were writes.
    writes: Mutex<Vec<u64>>,
}

/// How an operation is to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    Well,
    Half,
    HalfUnnoticed,
    HalfThenFull,
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

impl Faulty {
    fn new(at: u64, fault: Fault) -> Self {
        Self { at, fault, n_done: AtomicU64::new(0), writes: Mutex::default() }
    }

    fn next(&self) -> io::Result<Course> {
        let number = self.n_done.fetch_add(1, Ordering::Relaxed);
        let is_dead = match self.fault {
            Fault::Kill => number >= self.at,
            _ => false,
        };
        if is_dead {
            return Err(io::Error::other("killed"));
        }
        if number != self.at {
            return Ok(Course::Well);
        }
        match self.fault {
            Fault::Io => Err(io::Error::from_raw_os_error(EIO)),
            Fault::NoSpace => Ok(Course::HalfThenFull),
            Fault::Short => Ok(Course::Half),
            Fault::Torn => Ok(Course::HalfUnnoticed),
            Fault::Kill => Ok(Course::Well),
        }
    }

    /// Of an operation that is done whole or not at all.
    fn whole(&self) -> io::Result<()> {
        match self.next()? {
            Course::Well | Course::Half | Course::HalfUnnoticed => Ok(()),
            Course::HalfThenFull => Err(io::Error::from_raw_os_error(ENOSPC)),
        }
    }

    fn is_reached(&self) -> bool {
        self.n_done.load(Ordering::Relaxed) > self.at
    }
}

/// Nothing waits for the disk: no power is cut here.
impl Files for Faulty {
    fn create_folders(&self, path: &Path) -> io::Result<()> {
        self.whole()?;
        Disk.create_folders(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<File> {
        self.whole()?;
        Disk.create_new(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.whole()?;
        Disk.open(path)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        self.writes.lock().unwrap().push(self.n_done.load(Ordering::Relaxed));
        let half = &bytes[..bytes.len() / 2];
        match self.next()? {
            Course::Well => Disk.write(file, bytes),
            Course::Half => Disk.write(file, &bytes[..bytes.len().div_ceil(2)]),
            Course::HalfUnnoticed => Disk.write(file, half).map(|_| bytes.len()),
            Course::HalfThenFull => {
                Disk.write(file, half)?;
                Err(io::Error::from_raw_os_error(ENOSPC))
            }
        }
    }

    fn sync(&self, _: &File) -> io::Result<()> {
        self.whole()
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        self.whole()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, bool)>> {
        self.whole()?;
        Disk.list(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.whole()?;
        Disk.metadata(path)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.whole()?;
        Disk.link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.whole()?;
        Disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.whole()?;
        Disk.remove(path)
    }

    fn touch(&self, path: &Path) -> io::Result<()> {
        self.whole()?;
        Disk.touch(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<File>> {
        self.whole()?;
        Disk.lock(path)
    }
}

/// A registry over a folder that is there.
fn over(folder: &Path, files: Arc<dyn Files>) -> Registry {
    let store = Arc::new(Folder::over(folder, files));
    let registry = Registry::over(folder.to_path_buf(), store).unwrap();
    registry.with_check(|bytes| Ok(id(bytes)))
}

/// A folder in memory, where there is one: thousands are made.
fn memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// A filesystem that nothing happens to.
fn sound() -> Arc<Faulty> {
    Arc::new(Faulty::new(u64::MAX, Fault::Io))
}

/// Fails each operation of `act` in each way, on a registry that `prepare` made, and each time asks a reader which
/// champion and challenger it gets: those of before or of after. Then `act` is done again without a fault, a
/// further version is published, and `fsck` finds nothing wrong.
fn fail_each(prepare: impl Fn(&Registry), act: impl Fn(&Registry) -> Result<(), Error>) -> u64 {
    let folder = memory();
    let registry = over(folder.path(), sound());
    prepare(&registry);
    let start = files(folder.path(), "");
    let before = aliases(&registry);
    let counted = sound();
    act(&over(folder.path(), counted.clone())).unwrap();
    let (after, end) = (aliases(&registry), files(folder.path(), ""));
    let writes = counted.writes.lock().unwrap().clone();

    let mut n_failed = 0;
    for fault in FAULTS {
        for at in 0.. {
            // What only a write can meet.
            let of_writes = matches!(fault, Fault::Short | Fault::Torn);
            if of_writes && at < counted.n_done.load(Ordering::Relaxed) && !writes.contains(&at) {
                continue;
            }
            let folder = memory();
            write_all(folder.path(), &start);
            let faulty = Arc::new(Faulty::new(at, fault));
            let registry = over(folder.path(), faulty.clone());
            let acted = act(&registry);
            let context = format!("{fault:?} at operation {at}: {acted:?}");
            let seen = aliases(&registry);
            for ((seen, before), after) in seen.iter().zip(&before).zip(&after) {
                assert!(seen == before || seen == after, "{context}: {seen:?}");
            }
            if !faulty.is_reached() {
                acted.unwrap();
                break;
            }
            n_failed += u64::from(acted.is_err());
            if acted.is_ok() {
                assert_eq!(seen, after, "{context}: done, but not seen");
            }

            let registry = over(folder.path(), sound());
            act(&registry).unwrap_or_else(|error| panic!("{context}, and again: {error}"));
            assert_eq!(aliases(&registry), after, "{context}");
            if fault != Fault::Kill {
                assert_eq!(files(folder.path(), ""), end, "{context}");
            }
            let champion = registry.standing(MODEL).unwrap().champion.map(|it| it.version);
            publish(&registry, "the next", champion, Decision::Promote);
            assert_eq!(aliases(&registry)[0].as_deref(), Some("the next"), "{context}");
            let mut findings = registry.fsck(true).unwrap();
            findings.retain(|finding| finding.kind.is_problem());
            assert_eq!(findings, [], "{context}");
        }
    }
    n_failed
}

/// Writes a file in the place of an artifact.
fn write_blob(registry: &Registry, artifact: &str, contents: &str) {
    let path = registry.reader().blob_path(&id(artifact.as_bytes()));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}

fn two_versions(registry: &Registry) {
    publish(registry, "one", None, Decision::Promote);
    publish(registry, "two", Some(1), Decision::Promote);
}

#[test]
fn whatever_fails_in_a_publish_readers_see_old_or_new() {
    let first = run("one", None, Decision::Promote);
    let act = |registry: &Registry| registry.publish(MODEL, b"one", first.clone()).map(drop);
    let n_failed = fail_each(|_| {}, act);
    assert!(n_failed > 100, "{n_failed}");

    let third = run("three", Some(2), Decision::Promote);
    let act = |registry: &Registry| registry.publish(MODEL, b"three", third.clone()).map(drop);
    let n_failed = fail_each(two_versions, act);
    assert!(n_failed > 100, "{n_failed}");

    // In place of an artifact that was damaged.
    let damaged = |registry: &Registry| {
        two_versions(registry);
        write_blob(registry, "three", "damaged");
    };
    let act = |registry: &Registry| registry.publish(MODEL, b"three", third.clone()).map(drop);
    fail_each(damaged, act);
}

#[test]
fn whatever_fails_in_a_promotion_or_a_roll_back_readers_see_old_or_new() {
    let promote =
        |registry: &Registry| registry.promote(MODEL, 1, "reviewed", "ann", NOW).map(drop);
    assert!(fail_each(two_versions, promote) > 30);
    // To a named version, so that a second one goes no further.
    let rollback =
        |registry: &Registry| registry.rollback(MODEL, Some(1), "alerts", "ann", NOW).map(drop);
    assert!(fail_each(two_versions, rollback) > 30);
}

#[test]
fn whatever_fails_in_a_gc_readers_see_the_same() {
    let prepare = |registry: &Registry| {
        two_versions(registry);
        publish(registry, "three", Some(2), Decision::Promote);
        publish(registry, "four", Some(3), Decision::Keep);
        publish(registry, "five", Some(3), Decision::Keep);
        write_blob(registry, "nobody's", "nobody's");
    };
    let gc = |registry: &Registry| {
        let keep = NonZeroUsize::new(1);
        let (by, at) = ("ann".into(), NOW.into());
        let gc = Gc { keep, grace: Duration::ZERO, dry_run: false, by, at };
        registry.gc(&gc).map(drop)
    };
    assert!(fail_each(prepare, gc) > 100);
}

/// Killed between the event and its signature, while another writer, who has no key, moves the alias.
#[test]
fn a_roll_back_that_was_left_unsigned_is_signed_and_goes_no_further() {
    let keys = KeyFiles::generate(None).unwrap();
    let trusted = TrustedKeys::parse(&keys.public).unwrap();
    let signing = |folder: &Path, files: Arc<Faulty>| {
        let key = SigningKey::parse(&keys.secret, || unreachable!("it has no password"));
        over(folder, files).with_signer(key.unwrap())
    };
    let roll_back = |registry: &Registry| registry.rollback(MODEL, None, "alerts", "ann", NOW);
    let folder = memory();
    let registry = over(folder.path(), sound());
    two_versions(&registry);
    publish(&registry, "three", Some(2), Decision::Promote);
    let start = files(folder.path(), "");
    let mut n_unsigned = 0;
    for at in 0.. {
        let folder = memory();
        write_all(folder.path(), &start);
        let faulty = Arc::new(Faulty::new(at, Fault::Kill));
        let killed = roll_back(&signing(folder.path(), faulty.clone()));
        if !faulty.is_reached() {
            killed.unwrap();
            break;
        }
        let other = over(folder.path(), sound());
        other.rebuild_aliases(MODEL).unwrap();
        let (_, verified) = other.verify_signature(MODEL, Alias::Champion, &trusted).unwrap();
        let is_left = aliases(&other)[0].as_deref() == Some("two") && verified.is_none();
        if !is_left {
            continue;
        }
        n_unsigned += 1;
        let registry = signing(folder.path(), sound());
        for version in [2, 1] {
            assert_eq!(roll_back(&registry).unwrap().version, version, "operation {at}");
            let (target, verified) =
                registry.verify_signature(MODEL, Alias::Champion, &trusted).unwrap();
            assert_eq!(verified.unwrap().unwrap().event, target.event);
        }
    }
    assert!(n_unsigned > 5, "{n_unsigned}");
}

#[test]
fn gc_reads_each_trail_once_however_many_versions_go() {
    let n_operations = |n_versions: u64| {
        let folder = memory();
        let registry = over(folder.path(), sound());
        publish(&registry, "champion", None, Decision::Promote);
        for n in 0..n_versions {
            publish(&registry, &format!("challenger {n}"), Some(1), Decision::Keep);
        }
        let counted = sound();
        let (by, at) = ("ann".into(), NOW.into());
        let keep = NonZeroUsize::new(1);
        let gc = Gc { keep, grace: Duration::ZERO, dry_run: false, by, at };
        let removed = over(folder.path(), counted.clone()).gc(&gc).unwrap();
        assert_eq!(removed.len() as u64, n_versions - 1);
        counted.n_done.load(Ordering::Relaxed)
    };
    let [few, many] = [20, 40].map(n_operations);
    assert!(many <= 2 * few, "{few} operations, {many} for twice as many versions");
}
