//! Snapshots of the weekly job: what a backend would have kept that saw the same events, there before the
//! version, and good to go on from.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::os::unix::fs::MetadataExt;

use serde_json::{Value as Json, json};
use shroff_datasets::time::{format_time, parse_time};
use shroff_serve::features::window::{self, Windows};
use shroff_serve::registry::Registry;
use shroff_serve::schema::InputType;
use shroff_serve::snapshot::{SavedState, Snapshot};
use shroff_serve::store::StateStore;
use shroff_serve::{Record, Scorer, Value};
use shroff_train::config::Config;
use shroff_train::program;

use super::pipeline::with_velocity;
use super::{Event, config, declared, events, text};
use crate::project::{CONFIG, Csv, Finished, Project, assert_says, edited, transactions};

const HOUR: i64 = 3_600_000_000;

fn windows(project: &Project) -> Windows {
    let config = Config::read(&project.path("fraud.toml")).expect("a sound configuration");
    program::windows(&config).expect("sound features").expect("velocity features")
}

/// The snapshots of a registry, by their paths in it.
fn snapshots(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let mut files = project.registry_files("registry");
    files.retain(|path, _| path.ends_with(".state"));
    files
}

#[test]
fn a_snapshot_is_what_a_store_that_observed_the_events_would_write() {
    let (events, project) = (events(), Project::new());
    project.write("s.csv", text(&events));
    project.write("fraud.toml", config(&declared()));
    project.run("snapshot --config fraud.toml --out all.state").expect(0);

    let windows = windows(&project);
    let monday = parse_time("2024-01-08").expect("a time");
    let at = |hour: i64| monday + (hour - 72) * HOUR;
    let store = StateStore::new(windows.clone(), at(0), 1_000_000);
    let mut in_time: Vec<&Event> = events.iter().collect();
    in_time.sort_by_key(|event| (event.hour, event.id));
    let learn = |event: &Event, read: &window::Event| {
        if let Some(is_fraud) = event.fraud {
            store.learn_label(read, is_fraud, at(event.known_at()));
        }
    };
    // Every label is learnt when it comes to be known.
    let mut unknown: Vec<(&Event, window::Event)> = Vec::new();
    for own in in_time {
        unknown.retain(|(event, read)| {
            let is_known = event.known_at() <= own.hour;
            if is_known {
                learn(event, read);
            }
            !is_known
        });
        let read = read(&windows, own, at(own.hour));
        store.observe(&read);
        unknown.push((own, read));
        // In the order in which they come: of frauds of one time a state keeps it.
        unknown.sort_by_key(|(event, _)| event.known_at());
    }
    unknown.iter().for_each(|(event, read)| learn(event, read));
    let expected = store.write_snapshot(Cursor::new(Vec::new()), monday).expect("written");
    assert!(store.len() > 40, "{} entities", store.len());
    let (found, expected) = (project.path("all.state"), expected.into_inner());
    let states = |mut snapshot: Snapshot<Cursor<Vec<u8>>>| {
        let mut states = Vec::new();
        let keep = |state: SavedState<'_>| {
            states.push((state.entity, state.key, state.bytes.to_vec()));
            Ok(())
        };
        snapshot.for_each(keep).expect("a sound snapshot");
        states
    };
    let found = fs::read(found).expect("written");
    let open = |bytes: &[u8]| Snapshot::read(Cursor::new(bytes.to_vec())).expect("a snapshot");
    assert_eq!(states(open(&found)), states(open(&expected)));
    assert!(found == expected);
}

/// An event as a backend reads it.
fn read(windows: &Windows, event: &Event, at: i64) -> window::Event {
    fn some(text: &str) -> Value<'_> {
        if text.is_empty() { Value::Null } else { Value::Text(text) }
    }
    let value = |column: usize| match &*windows.columns()[column].name {
        "id" => Value::Integer(event.id),
        "t" => Value::Time(at),
        "card" => event.card.parse().map_or(Value::Null, Value::Integer),
        "shop" => some(&event.shop),
        "device" => some(&event.device),
        "channel" => some(&event.channel),
        "amt" => event.amount.parse().map_or(Value::Null, Value::Number),
        other => panic!("no column {other}"),
    };
    windows.event(value).expect("each is an event")
}

#[test]
fn either_verb_writes_the_same_bytes_on_any_number_of_threads() {
    let project = with_velocity();
    let run = project.retrain("--as-of 2018-06-01").expect(0).json();
    let published = snapshots(&project);
    let (path, bytes) = published.first_key_value().expect("a snapshot");
    assert_eq!(published.len(), 1);
    let (hash, as_of) = (windows(&project).hash().to_owned(), parse_time("2018-06-01"));
    let hash = blake3::Hash::from_bytes(hash).to_string();
    let as_of = as_of.expect("a time");
    assert_eq!(*path, format!("models/cards/snapshots/{hash}/{as_of}.state"));
    let csv = Csv::parse(transactions());
    let rows = csv.rows_in(&json!({ "from": "2018-01-01T00:00:00Z", "to": format_time(as_of) }));
    let n_different = |column: &str| {
        let position = csv.position(column);
        let values = rows.iter().map(|row| &csv.rows[*row][position]);
        values.collect::<std::collections::BTreeSet<_>>().len()
    };
    let expected = json!({
        "as_of": "2018-06-01T00:00:00Z",
        "window_hash": hash,
        "entities": n_different("CUSTOMER_ID") + n_different("TERMINAL_ID"),
        "path": project.path("registry").join(path).canonicalize().expect("there"),
    });
    let mut found = run["snapshot"].clone();
    let canonical = |path: &Json| fs::canonicalize(path.as_str().expect("a path")).expect("there");
    found["path"] = json!(canonical(&found["path"]));
    assert_eq!(found, expected);
    // Where a registry lies is no part of what the run made.
    let record = project.read("registry/models/cards/versions/00000001.json");
    assert!(!record.contains("snapshot"), "{record}");

    for threads in ["1", "2"] {
        let arguments = "snapshot --config fraud.toml --as-of 2018-06-01 --out alone.state";
        let mut command = project.command(arguments);
        let output = command.env("RAYON_NUM_THREADS", threads).output().expect("it starts");
        assert_says(
            &Finished::of(output).expect(0).stdout,
            &["entities as of 2018-06-01T00:00:00Z"],
        );
        assert!(fs::read(project.path("alone.state")).expect("written") == *bytes, "{threads}");
    }
    let written = || fs::metadata(project.path("registry").join(path)).map(|found| found.ino());
    let before = written().expect("it is there");
    let again = project.run("snapshot --config fraud.toml --as-of 2018-06-01 --json").expect(0);
    assert_eq!(again.json(), run["snapshot"]);
    assert_eq!(written().expect("it is there"), before);
    assert!(snapshots(&project) == published);
}

#[test]
fn the_snapshot_is_there_before_the_version() {
    let project = with_velocity();
    // A file in place of a folder: no artifact can be published.
    fs::create_dir(project.path("registry")).expect("a new folder");
    project.write("registry/blobs", "");
    project.retrain("").expect(1);
    let left = snapshots(&project);
    let files = project.registry_files("registry");
    assert_eq!((left.len(), files.len()), (1, 2), "{:?}", files.keys());
    let list = project.run("registry list --registry registry --json").expect(0).json();
    assert_eq!(
        (&list["versions"], &list["unpublished"][0]["model"]),
        (&json!([]), &json!("cards"))
    );
    fs::remove_file(project.path("registry/blobs")).expect("removed");
    let run = project.retrain("").expect(0).json();
    assert_eq!((&run["is_champion"], &run["already_published"]), (&json!(true), &json!(false)));
    assert!(snapshots(&project) == left);

    // Wherever a kill strikes from then on, the next run makes it whole.
    let whole = project.registry_files("registry");
    fs::remove_dir_all(project.path("registry")).expect("removed");
    let mut command = project.command("retrain --config fraud.toml --registry registry");
    let child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = child.spawn().expect("it starts");
    let awaited = project.path("registry/models/cards/snapshots");
    while !awaited.exists() && child.try_wait().expect("a child").is_none() {
        std::thread::yield_now();
    }
    child.kill().expect("killed, or done");
    child.wait().expect("a child");
    project.retrain("").expect(0);
    let again = project.registry_files("registry");
    assert!(again.keys().eq(whole.keys()), "{:?}", again.keys());
    assert!(snapshots(&project) == left);
}

#[test]
fn a_missing_snapshot_is_made_again_and_another_one_stays() {
    let project = with_velocity();
    let first = project.retrain("").expect(0).json();
    let published = snapshots(&project);
    let path = project.path("registry").join(published.keys().next().expect("a snapshot"));
    let mut repeated = first.clone();
    repeated["already_published"] = json!(true);
    assert_eq!(project.retrain("").expect(0).json(), repeated);

    fs::remove_file(&path).expect("removed");
    let missing = project.retrain("").expect(0);
    assert_eq!(missing.json()["snapshot"], Json::Null);
    assert_says(&missing.stderr, &["snapshot of this run is missing", "`shroff snapshot`"]);
    assert_says(&missing.stderr, &["--as-of 2018-06-02T00:00:00Z"]);
    let made = project.run("snapshot --config fraud.toml --json").expect(0).json();
    assert_eq!(made, first["snapshot"]);
    assert!(snapshots(&project) == published);

    // One payment less, of the first day: the same as-of, other states.
    let mut csv = Csv::parse(transactions());
    csv.rows.remove(7);
    project.write("transactions.csv", csv.text());
    let refused = project.run("snapshot --config fraud.toml").expect(1).stderr;
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    assert_says(&refused, &[name, "other data", "stays", "remove it"]);
    let noted = project.retrain("");
    assert_says(&noted.stderr, &[name, "other data", "stays", "remove it"]);
    let run = noted.json();
    assert_eq!((&run["version"], &run["snapshot"]), (&json!(2), &first["snapshot"]));
    assert!(snapshots(&project) == published);

    // A damaged one is no snapshot, whatever its name.
    let mut cut = fs::read(&path).expect("readable");
    cut.pop();
    fs::write(&path, cut).expect("written");
    let noted = project.retrain("");
    assert_says(&noted.stderr, &[name, "does not hold a snapshot that can be used"]);
    assert_eq!(noted.json()["snapshot"], Json::Null);
}

#[test]
fn without_velocity_features_there_is_no_snapshot() {
    let project = Project::new();
    let run = project.retrain("").expect(0).json();
    assert_eq!(run["snapshot"], Json::Null);
    assert!(snapshots(&project).is_empty());
    let refused = project.run("snapshot --config fraud.toml --registry other").expect(2).stderr;
    assert_says(&refused, &["velocity features", "[[feature]]", "key"]);
    assert!(!project.path("other").exists());
}

#[test]
fn a_table_split_by_hash_has_a_snapshot_of_all_its_events() {
    let project = with_velocity();
    let start = CONFIG.find("[split]").expect("a split");
    let end = CONFIG.find("[[feature]]").expect("features");
    let by_hash = "[split]\nby_hash = \"CUSTOMER_ID\"\ntrain = 0.6\ntest = 0.2\n\n";
    let config = project.read("fraud.toml");
    project.write("fraud.toml", edited(&config, &[(&CONFIG[start..end], by_hash)]));
    let run = project.retrain("").expect(0).json();
    assert_eq!((&run["as_of"], &run["honest_in_time"]), (&Json::Null, &json!(false)));
    assert_eq!(run["snapshot"]["as_of"], "2018-06-02T00:00:00Z");
    assert_eq!(project.retrain("").expect(0).json()["snapshot"], run["snapshot"]);
    let again = project.run("snapshot --config fraud.toml --json").expect(0).json();
    assert_eq!(again, run["snapshot"]);

    // A model of which a snapshot is all there is is listed too.
    project.run("snapshot --config fraud.toml --registry alone").expect(0);
    for list in ["registry list --registry alone", "registry list cards --registry alone"] {
        let says = ["cards: no version; snapshots: 1, the newest as of 2018-06-02T00:00:00Z"];
        assert_says(&project.run(list).expect(0).stdout, &says);
    }
    let listed = project.run("registry list --registry alone --json").expect(0).json();
    let newest =
        json!([{ "model": "cards", "snapshots": 1, "newest_snapshot": "2018-06-02T00:00:00Z" }]);
    assert_eq!((&listed["versions"], &listed["unpublished"]), (&json!([]), &newest));
}

/// A row of the file as a record of the model.
fn record<'a>(scorer: &Scorer, csv: &'a Csv, row: usize) -> Vec<Value<'a>> {
    let value = |name: &str, kind: InputType| {
        let text: &'a str = &csv.rows[row][csv.position(name)];
        match kind {
            _ if text.is_empty() => Value::Null,
            InputType::Time => Value::Time(parse_time(text).expect("a time")),
            InputType::Key => Value::Integer(text.parse().expect("an id")),
            InputType::Number => Value::Number(text.parse().expect("a number")),
            _ => Value::Text(text),
        }
    };
    scorer.schema().inputs.iter().map(|input| value(&input.name, input.input_type)).collect()
}

#[test]
fn a_backend_goes_on_from_the_newest_snapshot_with_the_scores_of_a_replay() {
    let project = with_velocity();
    project.retrain("--as-of 2018-05-24").expect(0);
    // Only its snapshot is of use: the champion's windows are the same.
    project.run("snapshot --config fraud.toml --as-of 2018-05-25").expect(0);

    let registry = Registry::open(project.path("registry")).expect("a registry");
    let (scorer, _) = registry.load("cards", "champion").expect("a champion");
    let windows = scorer.windows().expect("velocity features");
    let as_of = parse_time("2018-05-25").expect("a time");
    assert_eq!(registry.snapshots("cards", windows).expect("listed").len(), 2);
    let snapshot = registry.newest_snapshot("cards", windows).expect("opened");
    let mut snapshot = snapshot.expect("published");
    assert_eq!(snapshot.as_of(), as_of);
    let store = StateStore::from_snapshot(windows.clone(), &mut snapshot, 1_000_000);
    let store = store.expect("a sound snapshot");

    let expected = project.predict("cards@champion");
    let margins = expected.numbers("margin");
    let csv = Csv::parse(transactions());
    let span = |from: &str, to: &str| csv.rows_in(&json!({ "from": from, "to": to }));
    let learn = |row: usize, event: &window::Event| {
        if csv.is_fraud(row) {
            store.learn_label(event, true, event.time() + 7 * 24 * HOUR);
        }
    };
    for row in span("2018-05-25T00:00:00Z", "2018-05-27T00:00:00Z") {
        let values = record(&scorer, &csv, row);
        let event = scorer.event(Record::new(&values)).expect("an event");
        store.catch_up([&event], event.time());
        learn(row, &event);
    }
    let mut n_scored = 0;
    for row in span("2018-05-27T00:00:00Z", "2018-07-01T00:00:00Z") {
        let values = record(&scorer, &csv, row);
        let scored = store.score_record(&scorer, Record::new(&values)).expect("a score");
        assert_eq!(scored.score.margin.to_bits(), margins[row].to_bits(), "row {row}");
        learn(row, &scored.event);
        n_scored += 1;
    }
    assert!(n_scored > 2_000, "{n_scored}");
}
