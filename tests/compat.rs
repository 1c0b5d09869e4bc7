//! Artifacts of every format version, as they were written then: they open and give the same bits.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use shroff_serve::features::state::EntityState;
use shroff_serve::snapshot::Snapshot;
use shroff_serve::{Record, Scorer, Value};

#[test]
fn golden_artifacts_open_and_score_bit_for_bit() {
    for (version, models) in VERSIONS {
        for model in models {
            let scorer = Scorer::open(golden(version, model, "shroff"))
                .unwrap_or_else(|error| panic!("{version}/{model}.shroff: {error}"));
            let path = golden(version, model, "rows");
            let text = fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let mut n_rows = 0;
            for (line, content) in text.lines().enumerate().filter(|(_, l)| !l.starts_with('#')) {
                let place = format!("{version}/{model}.rows:{}", line + 1);
                let numbers = hexadecimal(content);
                let (row, expected) = numbers.split_at(numbers.len() - 2);
                let row: Vec<f32> = row.iter().map(|bits| f32::from_bits(*bits as u32)).collect();
                let score = scorer.score(&row).unwrap_or_else(|error| panic!("{place}: {error}"));
                let found = [score.margin.to_bits(), score.probability.to_bits()];
                assert_eq!(found, expected, "{place}");
                n_rows += 1;
            }
            assert!(n_rows >= 64, "{version}/{model}.rows has only {n_rows} rows");
        }
    }
}

#[test]
fn no_golden_artifact_is_forgotten() {
    let mut expected = VERSIONS.map(|(version, _)| version.to_owned()).to_vec();
    expected.push("README.md".to_owned());
    assert_eq!(names(&root()), sorted(expected), "every folder is one of VERSIONS");
    for (version, models) in VERSIONS {
        let files = models.iter().flat_map(|m| [format!("{m}.rows"), format!("{m}.shroff")]);
        let states = VELOCITY.contains(&version).then(|| "velocity.state".to_owned());
        let expected = sorted(files.chain(states).collect());
        assert_eq!(names(&root().join(version)), expected, "{version}");
    }
}

/// The reasons as they were written: they are words for people, which no score shows to be right.
#[test]
fn golden_reasons_are_read_as_they_were_written() {
    let scorer = Scorer::open(golden("v1-reasons", "reasons", "shroff")).expect("it opens");
    let read = scorer.contents().reasons.iter();
    let read: Vec<_> = read.map(|r| (&*r.code, &*r.text, r.features.as_slice())).collect();
    let written: [(&str, &str, &[u32]); 2] =
        [("R12", "unusual amount", &[0]), ("R07", "visits unlike a customer's", &[2])];
    assert_eq!(read, written);
}

/// The states of all entities after the history that the golden records of the model are from.
#[test]
fn a_golden_snapshot_opens_and_its_states_give_the_same_values() {
    VELOCITY.into_iter().for_each(opens_and_gives_the_same_values);
}

fn opens_and_gives_the_same_values(version: &str) {
    let scorer = Scorer::open(golden(version, "velocity", "shroff")).expect("it opens");
    let windows = scorer.windows().expect("the model has windows");
    let mut snapshot = Snapshot::open(golden(version, "velocity", "state")).expect("it opens");
    assert_eq!((snapshot.window_hash(), snapshot.as_of()), (windows.hash(), END));
    let mut states = BTreeMap::new();
    let n_states = snapshot.for_each(|state| {
        let decoded = EntityState::decode(windows, state.key, state.bytes)?;
        states.insert(state.entity, decoded);
        Ok(())
    });
    // Two cards, two terminals and their four pairs.
    assert_eq!(n_states.expect("it is sound"), 8);
    let record = [
        Value::Integer(1),
        Value::Time(END),
        Value::Text("5"),
        Value::Text("T1"),
        Value::Number(40.0),
        Value::Text("FR"),
        Value::Bool(true),
    ];
    let event = scorer.event(Record::new(&record)).expect("it is an event");
    let mut values = vec![0.0; windows.n_features()];
    let of_event: Vec<Option<&EntityState>> =
        (0..windows.n_keys()).map(|key| states.get(&event.entity(key)?)).collect();
    windows.features(&event, &of_event, &mut values);
    assert_eq!(values, VALUES);
}

/// The folders of golden files with their models. One is added with each version of the format or of a
/// section, and none ever leaves.
const VERSIONS: [(&str, &[&str]); 4] = [
    ("v1", &["linear", "averaged", "boosted", "computed"]),
    ("v1-reasons", &["reasons"]),
    (VELOCITY[0], &["velocity"]),
    (VELOCITY[1], &["velocity"]),
];
const VELOCITY: [&str; 2] = ["v1-velocity", "v1-program3"];
/// Midnight after the last event of the snapshot.
const END: i64 = 1_750_291_200_000_000;
const VALUES: [f32; 8] = [1.0, 178.30667, 0.204_819_28, 3.0, 79_800.0, 100.0, 237.180_42, 3_812.0];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn golden(version: &str, model: &str, extension: &str) -> PathBuf {
    root().join(version).join(model).with_extension(extension)
}

/// The names in a folder, sorted; a missing folder is a failure.
fn names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    sorted(entries.map(|entry| name(entry.expect("a folder entry"))).collect())
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}

fn hexadecimal(line: &str) -> Vec<u64> {
    let number = |word| u64::from_str_radix(word, 16).expect("hexadecimal numbers");
    line.split_ascii_whitespace().map(number).collect()
}
