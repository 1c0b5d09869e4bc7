//! What a reload costs those that score meanwhile: two threads score without pause, time every score, and check that
//! it is the score of the model it came from, while versions are published, every tenth of them damaged.
//!
//! `cargo run --release -p shroff-benches --example hot_reload`, on a machine with nothing else to do. It alternates
//! between rounds without and with publishing. What came out stands below `record/`.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shroff_benches::{Kind, artifact, artifact_of, records, rows};
use shroff_serve::Scorer;
use shroff_serve::artifact::{ArtifactId, read};
use shroff_serve::follow::{BackendError, Follow, Follower, Opened};
use shroff_serve::model::{Aggregation, Model};
use shroff_serve::registry::Registry;

const N_THREADS: usize = 2;
const N_ROUNDS: usize = 5;
const VERSIONS_A_ROUND: usize = 40;
/// Between two versions, so that a round with publishing takes as long as one without.
const PAUSE: Duration = Duration::from_millis(50);

fn main() -> Result<(), Box<dyn Error>> {
    for kind in [Kind::Boosted, Kind::Boosted500] {
        measure(kind)?;
    }
    Ok(())
}

/// A model and its place among those alive.
struct Served {
    scorer: Arc<Scorer>,
    n_alive: Arc<AtomicUsize>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.n_alive.fetch_sub(1, Ordering::Relaxed);
    }
}

fn measure(kind: Kind) -> Result<(), Box<dyn Error>> {
    let versions: Vec<(ArtifactId, Vec<u8>)> =
        (0..=N_ROUNDS * VERSIONS_A_ROUND).map(|n| version(kind, n)).collect::<Result<_, _>>()?;
    let first = Scorer::from_bytes(&versions[0].1)?;
    let rows = rows(&first, 4096, 3);
    // What each version gives, by opening it alone: of no two of them the same.
    let margins = |scorer: &Scorer| -> Vec<f64> {
        rows.iter().map(|row| scorer.score(row).map_or(f64::NAN, |score| score.margin)).collect()
    };
    let expected: HashMap<ArtifactId, Vec<f64>> = versions
        .iter()
        .map(|(id, bytes)| Ok((*id, margins(&Scorer::from_bytes(bytes)?))))
        .collect::<Result<_, shroff_serve::Error>>()?;

    let root = std::env::temp_dir().join(format!("shroff-hot-reload-{}", std::process::id()));
    fs::create_dir_all(root.join("models/bench/aliases"))?;
    publish(&root, &versions[0].0, &versions[0].1, 1)?;
    let n_alive = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&n_alive);
    let prepare = move |opened: Opened| -> Result<Served, BackendError> {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(Served { scorer: opened.scorer, n_alive: Arc::clone(&counted) })
    };
    let follower = Follow::new(&root, "bench", "champion").start(prepare)?;
    let resident_before = resident();

    let (mut quiet, mut busy) = (Times::new(), Times::new());
    let (mut n_mixed, mut n_failed, mut n_kept, mut n_served) = (0, 0, 0, 1);
    for round in 0..N_ROUNDS {
        let outcome = score_while(&follower, &rows, &expected, || {
            thread::sleep(PAUSE * VERSIONS_A_ROUND as u32);
            Ok(())
        })?;
        quiet.add(outcome, &mut n_mixed, &mut n_failed);
        let outcome = score_while(&follower, &rows, &expected, || {
            let first = round * VERSIONS_A_ROUND + 1;
            for (n, (id, bytes)) in (first..).zip(&versions[first..][..VERSIONS_A_ROUND]) {
                let due = Instant::now() + PAUSE;
                let mut bytes = bytes.clone();
                if n % 10 == 0 {
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                }
                publish(&root, id, &bytes, n as u64 + 1)?;
                let status = follower.refresh();
                assert_eq!(status.error.is_some(), n % 10 == 0, "version {n}: {status}");
                n_served += usize::from(n % 10 != 0);
                thread::sleep(due.saturating_duration_since(Instant::now()));
                n_kept += usize::from(n_alive.load(Ordering::Relaxed) > 1);
            }
            Ok(())
        })?;
        busy.add(outcome, &mut n_mixed, &mut n_failed);
    }
    follower.refresh();
    println!("{}: {} bytes, {n_served} versions served", kind.name(), versions[0].1.len());
    println!("nanoseconds a score    p50    p99  p99.9  p99.99      max     scores");
    println!("without publishing  {quiet}");
    println!("while publishing    {busy}");
    let ratio = busy.quantile(0.999) as f64 / quiet.quantile(0.999) as f64;
    println!("p99.9 while publishing over without: {ratio:.2}");
    println!("scores that failed: {n_failed}, of a mixed model: {n_mixed}");
    let alive = n_alive.load(Ordering::Relaxed);
    println!(
        "swaps after which an old model was still there 50 ms later: {n_kept}; models in the end: {alive}"
    );
    println!("resident: {resident_before} kB before, {} kB in the end\n", resident());
    drop(follower);
    fs::remove_dir_all(&root)?;
    Ok(())
}

/// What one thread saw.
struct Outcome {
    times: Times,
    n_mixed: u64,
    n_failed: u64,
}

/// Both threads score until `meanwhile` is done.
fn score_while(
    follower: &Follower<Served>,
    rows: &[Vec<f32>],
    expected: &HashMap<ArtifactId, Vec<f64>>,
    meanwhile: impl FnOnce() -> Result<(), Box<dyn Error>>,
) -> Result<Vec<Outcome>, Box<dyn Error>> {
    let stop = AtomicBool::new(false);
    let score = || {
        let mut outcome = Outcome { times: Times::new(), n_mixed: 0, n_failed: 0 };
        for at in (0..rows.len()).cycle() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let began = Instant::now();
            let model = follower.current();
            let scored = black_box(model.scorer.score(black_box(&rows[at])));
            let id = model.scorer.id();
            drop(model);
            outcome.times.push(began.elapsed());
            match scored {
                Ok(score) if score.margin.to_bits() == expected[&id][at].to_bits() => {}
                Ok(_) => outcome.n_mixed += 1,
                Err(_) => outcome.n_failed += 1,
            }
        }
        outcome
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..N_THREADS).map(|_| scope.spawn(score)).collect();
        let done = meanwhile();
        stop.store(true, Ordering::Relaxed);
        let outcomes = threads.into_iter().map(|thread| thread.join().map_err(|_| "a panic"));
        let outcomes = outcomes.collect::<Result<_, _>>()?;
        done.map(|()| outcomes)
    })
}

/// How often a score took how long: to the nanosecond up to [`FINE`], above each by itself.
struct Times {
    fine: Vec<u64>,
    coarse: Vec<u64>,
}

const FINE: usize = 100_000;

impl Times {
    fn new() -> Self {
        Self { fine: vec![0; FINE], coarse: Vec::new() }
    }

    fn push(&mut self, time: Duration) {
        let nanos = time.as_nanos() as u64;
        match self.fine.get_mut(nanos as usize) {
            Some(count) => *count += 1,
            None => self.coarse.push(nanos),
        }
    }

    fn add(&mut self, outcomes: Vec<Outcome>, n_mixed: &mut u64, n_failed: &mut u64) {
        for outcome in outcomes {
            self.fine.iter_mut().zip(&outcome.times.fine).for_each(|(sum, count)| *sum += count);
            self.coarse.extend(outcome.times.coarse);
            *n_mixed += outcome.n_mixed;
            *n_failed += outcome.n_failed;
        }
        self.coarse.sort_unstable();
    }

    fn n(&self) -> u64 {
        self.fine.iter().sum::<u64>() + self.coarse.len() as u64
    }

    /// The smallest time that so many are not above.
    fn quantile(&self, share: f64) -> u64 {
        let mut left = (self.n() as f64 * share) as u64;
        for (nanos, count) in self.fine.iter().enumerate() {
            if left < *count {
                return nanos as u64;
            }
            left -= count;
        }
        let last = self.coarse.len().saturating_sub(1);
        self.coarse.get((left as usize).min(last)).copied().unwrap_or(0)
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p99, p999, p9999] = [0.5, 0.99, 0.999, 0.9999].map(|share| self.quantile(share));
        let max = self.quantile(1.0);
        write!(f, "{p50:>6} {p99:>6} {p999:>6} {p9999:>7} {max:>8} {:>10}", self.n())
    }
}

/// A forest of this kind with a start of its own, which moves all its margins.
fn version(kind: Kind, n: usize) -> Result<(ArtifactId, Vec<u8>), Box<dyn Error>> {
    let mut contents = read(&artifact(kind))?.contents;
    if let Model::Forest(forest) = &mut contents.model
        && let Aggregation::Additive { start } = &mut forest.aggregation
    {
        *start += n as f64 / 64.0;
    }
    let bytes = artifact_of(contents, |scorer| records(scorer, 64, 9));
    Ok((Scorer::from_bytes(&bytes)?.id(), bytes))
}

fn publish(root: &Path, id: &ArtifactId, bytes: &[u8], event: u64) -> Result<(), Box<dyn Error>> {
    let path = Registry::open(root)?.blob_path(id);
    fs::create_dir_all(path.parent().ok_or("a blob has a folder")?)?;
    fs::write(path, bytes)?;
    let temporary = root.join("alias");
    fs::write(&temporary, format!("{id} {event}\n"))?;
    Ok(fs::rename(temporary, root.join("models/bench/aliases/champion"))?)
}

/// Resident memory of this process in kB; 0 where the system does not tell.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
