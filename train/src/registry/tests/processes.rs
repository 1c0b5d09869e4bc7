//! Publishers as processes of their own, many at once or killed at any moment.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use super::*;

const FOLDER: &str = "SHROFF_TEST_REGISTRY";
const WHO: &str = "SHROFF_TEST_PUBLISHER";
const N_VERSIONS: &str = "SHROFF_TEST_VERSIONS";

/// What the tests below start: publishes versions one after another, and says so of each.
#[test]
#[ignore = "a process that other tests start"]
fn publisher() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let who = std::env::var(WHO).unwrap();
    let n_versions: u64 = std::env::var(N_VERSIONS).unwrap().parse().unwrap();
    let registry = open(Path::new(&folder));
    println!("\nready");
    for number in 0..n_versions {
        // A run whose publisher was killed is done again, as the weekly job does.
        let artifact = format!("{who} {number}");
        let champion = registry.standing(MODEL).unwrap().champion.map(|it| it.version);
        publish(&registry, &artifact, champion, Decision::Promote);
        println!("published {artifact}");
    }
}

fn start(folder: &Path, who: &str, n_versions: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "registry::tests::processes::publisher", "--ignored", "--nocapture"]);
    command.env(FOLDER, folder).env(WHO, who).env(N_VERSIONS, n_versions.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Nothing missing, nothing half there, nothing twice, and all that was said to be published is.
fn check(registry: &Registry, published: &BTreeSet<String>) {
    let listed = registry.list(MODEL).unwrap();
    let numbers: Vec<u64> = listed.iter().map(|listed| listed.record.version).collect();
    assert_eq!(numbers, (1..=listed.len() as u64).collect::<Vec<_>>());
    let artifacts: BTreeSet<String> =
        listed.iter().map(|listed| listed.record.run.artifact.to_string()).collect();
    assert_eq!(artifacts.len(), listed.len());
    let missing: Vec<_> = published
        .iter()
        .filter(|artifact| !artifacts.contains(&id(artifact.as_bytes()).to_string()))
        .collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
    let events = registry.events(MODEL).unwrap();
    let numbers: Vec<u64> = events.iter().map(|event| event.event).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>());
    for artifact in published {
        let of = |event: &&Event| event.artifact == id(artifact.as_bytes());
        let kinds: Vec<_> = events.iter().filter(of).map(|event| event.kind).collect();
        let is_whole =
            matches!(kinds[..], [EventKind::Publish, EventKind::Promote | EventKind::Keep]);
        assert!(is_whole, "{artifact}: {kinds:?}");
    }
    let mut findings = registry.fsck(false).unwrap();
    // A killed publisher may leave the alias behind its event: the old version is what readers see.
    findings.retain(|finding| finding.kind.is_problem() && finding.kind != FindingKind::Alias);
    assert_eq!(findings, []);
}

/// Ends the reader, also when an assertion failed.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Loads the champion over and over, as a backend would: never an error, never an older one. Says how often.
fn read_until(stop: &AtomicBool, folder: &Path) -> u64 {
    let reader = Reader::open(folder).unwrap();
    let (mut n_reads, mut newest) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        if let Some(target) = reader.alias(MODEL, "champion").unwrap() {
            assert_eq!(id(&reader.read_blob(&target.artifact).unwrap()), target.artifact);
            assert!(target.event >= newest, "from event {newest} back to {}", target.event);
            newest = target.event;
            n_reads += 1;
        }
    }
    n_reads
}

/// Kills a publisher at random `n_kills` times, 25 times each registry.
fn kill(n_kills: u64, seed: u64) {
    let mut random = Pcg64::seed_from_u64(seed);
    let (mut n_left, mut n_published, mut n_reads, mut n_cut) = (n_kills, 0, 0, 0);
    while n_left > 0 {
        let (folder, registry) = registry();
        let mut published = BTreeSet::new();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| read_until(&stop, folder.path()));
            let stop = StopOnDrop(&stop);
            let n_here = n_left.min(25);
            n_left -= n_here;
            for life in 0..n_here {
                // Every fifth publisher goes on where the one before it was killed.
                let mut child = start(folder.path(), &format!("{}", life - life % 5), 1_000);
                let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
                let n_whole = (random.next_u64() % 4) as usize;
                let mut seen = lines.by_ref().map(Result::unwrap).filter(|line| line == "ready");
                seen.next().unwrap();
                for line in lines.by_ref().take(n_whole).map(Result::unwrap) {
                    published.extend(line.strip_prefix("published ").map(str::to_owned));
                }
                for _ in 0..random.next_u64() % 200_000 {
                    std::hint::spin_loop();
                }
                child.kill().unwrap();
                child.wait().unwrap();
                // Said before it died.
                for line in lines.map_while(Result::ok) {
                    published.extend(line.strip_prefix("published ").map(str::to_owned));
                }
                check_if_any(&registry, &published);
                let n_versions = registry.version_numbers(MODEL).unwrap().len();
                n_cut += u64::from(n_versions > published.len());
            }
            // The next one does what is left.
            let champion = registry.standing(MODEL).unwrap().champion.map(|it| it.version);
            publish(&registry, "the next", champion, Decision::Promote);
            assert_eq!(aliases(&registry)[0].as_deref(), Some("the next"));
            drop(stop);
            n_reads += reader.join().unwrap();
        });
        n_published += published.len();
    }
    println!(
        "{n_kills} publishers killed, {n_cut} of them between record and last step; \
         {n_published} versions published, none lost; {n_reads} loads by a reader, none failed"
    );
}

fn check_if_any(registry: &Registry, published: &BTreeSet<String>) {
    if !registry.version_numbers(MODEL).unwrap().is_empty() {
        check(registry, published);
    }
}

/// Processes that publish into one registry at once, each `n_versions`.
fn publish_at_once(n_processes: u64, n_versions: u64) {
    let (folder, registry) = registry();
    let stop = AtomicBool::new(false);
    let n_reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_until(&stop, folder.path()));
        let stop = StopOnDrop(&stop);
        let children: Vec<Child> = (0..n_processes)
            .map(|who| start(folder.path(), &who.to_string(), n_versions))
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
        drop(stop);
        reader.join().unwrap()
    });
    let published = (0..n_processes)
        .flat_map(|who| (0..n_versions).map(move |number| format!("{who} {number}")))
        .collect();
    check(&registry, &published);
    let listed = registry.list(MODEL).unwrap();
    assert_eq!(listed.len() as u64, n_processes * n_versions);
    assert_eq!(registry.fsck(false).unwrap(), []);
    let n_events = registry.events(MODEL).unwrap().len();
    assert_eq!(n_events as u64, 2 * n_processes * n_versions);
    let promoted = listed.iter().filter(|it| it.verdict.decision == Decision::Promote).count();
    println!(
        "{n_processes} publishers: {} versions and {n_events} events without a gap, {promoted} \
         promoted; {n_reads} loads by a reader, none failed",
        listed.len()
    );
}

#[test]
fn publishers_killed_at_random_lose_nothing() {
    kill(20, 7);
}

#[test]
fn processes_at_once_leave_no_gap() {
    publish_at_once(4, 6);
}

#[test]
#[ignore = "takes minutes: recorded in benches/record"]
fn a_thousand_publishers_killed_at_random_lose_nothing() {
    kill(1_000, 1);
}

#[test]
#[ignore = "takes minutes: recorded in benches/record"]
fn eight_processes_of_two_hundred_versions_leave_no_gap() {
    publish_at_once(8, 200);
}
