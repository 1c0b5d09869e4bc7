//! The fuzz targets of `tests/fuzz`, each over fixed bytes: its corpus, every flipped bit behind right hashes, and
//! some thousands of seeded changes. The long runs are recorded in `tests/fuzz/README.md`.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::thread;

use shroff_serve::artifact::{Bands, Contents, Histogram, ReasonCode, Reference};
use shroff_serve::snapshot::Snapshot;
use shroff_serve::{Error, ErrorKind, Scorer};
use shroff_train::config::Config;

use self::fuzz::frame::{Table, rehash};
use self::fuzz::{BASES, SNAPSHOT};
use super::smallest;
use crate::common::artifact;

#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, dead_code, reason = "a crate of its own, in a workspace of its own")]
mod fuzz;

/// Whether something was opened.
type Target = fn(&[u8]) -> bool;

const TARGETS: [(&str, Target); 6] = [
    ("raw", fuzz::raw),
    ("rehashed", fuzz::rehashed),
    ("section", fuzz::section),
    ("snapshot", fuzz::snapshot),
    ("state", fuzz::state),
    ("rows", fuzz::rows),
];

#[test]
fn every_prefix_and_every_flipped_bit_of_a_real_artifact_is_refused() {
    // All nine sections, a forest.
    let bytes = BASES[4];
    for length in 0..bytes.len() {
        assert!(Scorer::from_bytes(&bytes[..length]).is_err(), "{length} bytes were accepted");
    }
    in_two_threads(bytes.len(), |position| {
        let mut bytes = bytes.to_vec();
        for bit in 0..8 {
            bytes[position] ^= 1 << bit;
            assert!(Scorer::from_bytes(&bytes).is_err(), "bit {bit} of byte {position}");
            bytes[position] ^= 1 << bit;
        }
        0
    });
}

#[test]
fn every_flipped_bit_of_an_artifact_behind_right_hashes_is_refused_or_scores() {
    let bytes = artifact(&everything());
    let n_sections = shroff_serve::artifact::sections(&bytes).expect("it is valid").len();
    assert_eq!((n_sections, rehash(&bytes, Table::First)), (9, bytes.clone()));
    assert!(bytes.len() < 6_000, "this takes seconds for a small file only: {}", bytes.len());
    let n_opened = every_flip(&bytes, fuzz::rehashed);
    // Lengths and hashes are put right again: 9 × 48 bytes of the table alone.
    assert!(n_opened > 8 * 9 * 48, "opened {n_opened}");
    assert!(n_opened < 8 * bytes.len() / 2, "opened {n_opened}: most are refused");
}

#[test]
fn snapshots_that_someone_damaged_are_refused_or_harmless() {
    let read = |bytes: &[u8]| -> Result<u64, Error> {
        Snapshot::read(Cursor::new(bytes))?.for_each(|_| Ok(()))
    };
    assert!(read(SNAPSHOT).is_ok());
    for length in 0..SNAPSHOT.len() {
        assert!(read(&SNAPSHOT[..length]).is_err(), "{length} bytes were accepted");
    }
    every_flip(SNAPSHOT, |bytes| {
        assert!(read(bytes).is_err());
        false
    });
    let n_read = every_flip(SNAPSHOT, fuzz::snapshot);
    assert!(n_read > 8 * 2 * 40, "read {n_read}: lengths, offsets and hashes are put right again");
    // As many sections as there may be need not be there.
    let mut many = SNAPSHOT.to_vec();
    many[12..16].copy_from_slice(&65_536_u32.to_le_bytes());
    let error = read(&many).expect_err("there is no such table");
    assert!(matches!(error.kind(), ErrorKind::Length { what: "section table", .. }), "{error}");
}

#[test]
fn every_flipped_bit_of_a_state_behind_a_right_checksum_is_refused_or_harmless() {
    let (mut n_read, mut n_flips) = (0, 0);
    for seed in fuzz::state_seeds() {
        assert!(fuzz::state(&seed), "the state as it was written");
        n_flips += 8 * seed.len();
        n_read += every_flip(&seed, fuzz::state);
    }
    assert!((n_flips / 100..n_flips / 4 * 3).contains(&n_read), "read {n_read} of {n_flips}");
}

#[test]
fn seeded_changes_are_refused_or_harmless() {
    let of_sections: Vec<Vec<u8>> = fuzz::section_seeds().collect();
    let of_states: Vec<Vec<u8>> = fuzz::state_seeds().collect();
    let bases = BASES.map(<[u8]>::to_vec).to_vec();
    let noise = |dice: &mut Dice| (0..1 + dice.below(1_500)).map(|_| dice.byte()).collect();
    let seeds: [Vec<Vec<u8>>; 6] = [
        bases.clone(),
        bases,
        of_sections,
        vec![SNAPSHOT.to_vec()],
        of_states,
        (0..40).map(|seed| noise(&mut Dice(seed))).collect(),
    ];
    let counts = [400, 1_200, 4_000, 500, 12_000, 160];
    for (((name, target), seeds), count) in TARGETS.into_iter().zip(&seeds).zip(counts) {
        let n_opened = in_two_threads(count, |number| {
            let mut dice = Dice(number as u64);
            let mut bytes = seeds[dice.below(seeds.len())].clone();
            for _ in 0..dice.below(4) {
                dice.change(&mut bytes);
            }
            usize::from(target(&bytes))
        });
        assert!(n_opened > count / 50, "{name}: opened {n_opened} of {count}");
    }
}

#[test]
fn the_corpus_of_each_target_runs() {
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
        let files = files(&folder);
        assert!(!files.is_empty(), "{} has no files", folder.display());
        let n_opened = files.iter().filter(|path| target(&read(path))).count();
        assert!(n_opened > 0, "{name}: none of {} files opened", files.len());
    }
}

/// Whether a text is a configuration, with an answer for each: it can be written as an artifact has it, or the error
/// says something.
fn is_config(text: &str) -> bool {
    match Config::parse(text) {
        Ok(config) => serde_json::to_string(&config).is_ok_and(|json| json.len() > 2),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

/// The parser stands in the crate that links polars, which no fuzzer wants to build: so its target runs here alone,
/// with as many changes as `SHROFF_FUZZ_CONFIGS` says.
#[test]
fn changed_configurations_are_read_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../train/examples");
    let is_toml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "toml");
    let texts: Vec<Vec<u8>> =
        files(&folder).into_iter().filter(is_toml).map(|path| read(&path)).collect();
    assert!(texts.len() > 4, "found {} examples", texts.len());
    assert!(texts.iter().all(|text| is_config(&String::from_utf8_lossy(text))));
    let count = std::env::var("SHROFF_FUZZ_CONFIGS").ok().and_then(|count| count.parse().ok());
    let count = count.unwrap_or(3_000);
    let n_read = in_two_threads(count, |number| {
        let mut dice = Dice(number as u64);
        let mut text = texts[dice.below(texts.len())].clone();
        for _ in 0..=dice.below(3) {
            match dice.below(4) {
                0 => dice.change(&mut text),
                1 => dice.swap_lines(&mut text, &texts),
                2 => dice.change_value(&mut text),
                _ => {
                    let at = dice.below(text.len().max(1));
                    text.splice(at..at, dice.of(&WORDS).bytes());
                }
            }
        }
        usize::from(is_config(&String::from_utf8_lossy(&text)))
    });
    assert!(n_read > count / 50, "read {n_read} of {count}");
}

const WORDS: [&str; 16] = [
    "\"",
    "[",
    "]]",
    "=",
    "\n[[feature]]\n",
    "\u{0}",
    "-",
    "1e400",
    "9223372036854775808",
    "\"7d\"",
    "nan",
    "{ a = 1 }",
    "\u{fffd}",
    "true",
    "#",
    "\"\"\"",
];

/// The smallest artifact with all nine sections.
fn everything() -> Contents {
    let mut contents = smallest();
    contents.bands = Some(Bands {
        names: ["low", "high"].map(str::to_owned).to_vec(),
        edges: vec![-1.5],
        assumptions: "50 alerts a day".to_owned(),
    });
    contents.reasons = vec![ReasonCode {
        code: "R12".to_owned(),
        text: "unusual amount".to_owned(),
        features: vec![0],
    }];
    let histogram = || Histogram { edges: vec![9.5], weights: vec![3.0, 1.0], missing: 0.5 };
    let (features, margin) = (vec![histogram()], histogram());
    contents.reference = Some(Reference { n_rows: 5, features, margin });
    contents
}

/// Gives each version of the bytes with one bit flipped; how many opened.
fn every_flip(bytes: &[u8], target: impl Fn(&[u8]) -> bool + Sync) -> usize {
    in_two_threads(bytes.len(), |position| {
        let mut flipped = bytes.to_vec();
        let mut of_bit = |bit: u8| {
            flipped[position] = bytes[position] ^ 1 << bit;
            usize::from(target(&flipped))
        };
        (0..8).map(&mut of_bit).sum()
    })
}

/// The sum over all numbers below this, in two threads.
fn in_two_threads(n: usize, each: impl Fn(usize) -> usize + Sync) -> usize {
    thread::scope(|scope| {
        let half = |first: usize| {
            let each = &each;
            scope.spawn(move || (first..n).step_by(2).map(each).sum::<usize>())
        };
        let halves = [half(0), half(1)];
        halves.map(|half| half.join().expect("no panic in either half")).into_iter().sum()
    })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort_unstable();
    paths
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        (self.bits() & 0xff) as u8
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// A bit, a byte, eight bytes that lie, a byte more or less, a piece twice, an end too early.
    fn change(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return bytes.push(self.byte());
        }
        let at = self.below(bytes.len());
        match self.below(7) {
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = self.byte(),
            2 => {
                let lie = self.of(&[0, 1, 1 << 31, 1 << 40, u64::MAX, f64::NAN.to_bits()]);
                bytes[at..].iter_mut().zip(lie.to_le_bytes()).for_each(|(to, from)| *to = from);
            }
            3 => bytes.insert(at, self.byte()),
            4 => drop(bytes.remove(at)),
            5 => {
                let end = (at + 1 + self.below(24)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.truncate(at),
        }
    }

    /// Puts a line of any of the texts in the place of one, or before it.
    fn swap_lines(&mut self, text: &mut Vec<u8>, texts: &[Vec<u8>]) {
        let other = &texts[self.below(texts.len())];
        let lines: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
        let line = lines[self.below(lines.len())].to_vec();
        let mut own: Vec<Vec<u8>> =
            text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let at = self.below(own.len().max(1));
        match own.get_mut(at).filter(|_| self.0 & 1 == 0) {
            Some(place) => *place = line,
            None => own.insert(at.min(own.len()), line),
        }
        *text = own.concat();
    }

    /// Changes a digit or a letter into another, so that the text stays one.
    fn change_value(&mut self, text: &mut [u8]) {
        let at = self.below(text.len().max(1));
        if let Some(byte) = text.iter_mut().skip(at).find(|byte| byte.is_ascii_alphanumeric()) {
            *byte = self.of(b"0123456789dhmsaeiou_-.");
        }
    }
}
