//! Runs that are repeated, moved, killed: the same bytes, the recorded verdict, nothing half done.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};

use crate::project::{CONFIG, Finished, Project, assert_says, blob, edited};

#[test]
fn the_same_data_and_config_give_the_same_bytes() {
    let project = Project::new();
    let run = |registry: &str, config: &str, threads: &str| {
        let arguments = format!("retrain --config {config} --registry {registry} --json");
        let mut command = project.command(&arguments);
        let output = command.env("RAYON_NUM_THREADS", threads).output().expect("it starts");
        Finished::of(output).expect(0).stdout
    };
    let first = run("first", "fraud.toml", "2");
    assert_eq!(run("again", "fraud.toml", "2"), first);
    assert_eq!(run("one-thread", "fraud.toml", "1"), first);

    // Neither the folder of the source nor its name counts, nor a comment.
    fs::create_dir(project.path("elsewhere")).expect("a new folder");
    fs::rename(project.path("transactions.csv"), project.path("elsewhere/dump.csv"))
        .expect("moved");
    let config = edited(
        &project.read("fraud.toml"),
        &[("transactions.csv", "dump.csv"), ("[split]", "# weekly\n[split]")],
    );
    project.write("elsewhere/fraud.toml", config);
    assert_eq!(run("moved", "elsewhere/fraud.toml", "2"), first);

    let blobs = |registry: &str| project.files(&format!("{registry}/blobs"));
    let expected = blobs("first");
    assert_eq!(expected.len(), 1);
    for registry in ["again", "one-thread", "moved"] {
        assert!(blobs(registry) == expected, "{registry} holds other bytes than first");
    }
}

#[test]
fn any_number_of_threads_grows_the_same_trees() {
    let start = CONFIG.find("[[learner]]").expect("learners");
    let learners = r#"
[[learner]]
kind = "forest"
n_trees = 10
[[learner]]
kind = "gbdt"
bagging_fraction = 0.8
[[learner]]
kind = "gbdt"
name = "leafwise"
grow_policy = "leafwise"
"#;
    let project = Project::new();
    project.write("fraud.toml", CONFIG[..start].to_owned() + learners);
    // What is printed holds the artifact of every learner, which is the hash of its bytes.
    let run = |threads: &str| {
        let mut command =
            project.command(&format!("retrain --config fraud.toml --registry {threads} --json"));
        let output = command.env("RAYON_NUM_THREADS", threads).output().expect("it starts");
        Finished::of(output).expect(0).stdout
    };
    let one = run("1");
    assert_eq!(run("2"), one);
    assert_eq!(run("4"), one);
}

#[test]
fn a_repeated_run_returns_the_recorded_verdict() {
    let project = Project::new();
    for (arguments, code) in [("", 0), ("--as-of 2018-05-30", 5)] {
        let mut first = project.retrain(arguments).expect(code).json();
        let before = (project.registry_files("registry"), inodes(&project));
        let second = project.retrain(arguments).expect(code).json();
        assert!(before == (project.registry_files("registry"), inodes(&project)));
        assert_eq!(first["already_published"].take(), json!(false));
        first["already_published"] = json!(true);
        assert_eq!(second, first);
    }
    // Other data, as-of or configuration is another run.
    let versions = |project: &Project| project.files("registry/models/cards/versions").len();
    assert_eq!(versions(&project), 2);
    project.write(
        "fraud.toml",
        edited(&project.read("fraud.toml"), &[("max_depth = 8", "max_depth = 7")]),
    );
    let third = project.retrain("").json();
    assert_eq!((&third["already_published"], versions(&project)), (&json!(false), 3));
}

/// The numbers of the files themselves: one that is written again is another file. Its time may change, as
/// whoever finds it in place says that it is needed.
fn inodes(project: &Project) -> BTreeMap<String, u64> {
    let inode = |path: String| {
        let metadata = fs::metadata(project.path("registry").join(&path)).expect("it is there");
        (path, metadata.ino())
    };
    project.registry_files("registry").into_keys().map(inode).collect()
}

#[test]
fn a_run_killed_after_any_of_its_files_is_finished_by_the_next() {
    let project = Project::new();
    project.retrain("").expect(0);
    project.retrain("--as-of 2018-05-30").expect(5);
    let complete = project.registry_files("registry");
    let models = "models/cards";
    let champion_files: Vec<String> = [
        "aliases/champion",
        "events/00000002.json",
        "events/00000001.json",
        "reports/00000001/report.html",
        "reports/00000001/metrics.json",
    ]
    .map(|name| format!("{models}/{name}"))
    .to_vec();
    let challenger_files: Vec<String> = [
        "aliases/challenger",
        "events/00000003.json",
        "reports/00000002/report.html",
        "reports/00000002/metrics.json",
    ]
    .map(|name| format!("{models}/{name}"))
    .to_vec();
    // Of the first run alone the record is there, then more and more of its later files.
    for (files, arguments, code) in
        [(&champion_files, "", 0), (&challenger_files, "--as-of 2018-05-30", 5)]
    {
        for n_lost in 1..=files.len() {
            for name in &files[..n_lost] {
                // Later events would not be there either.
                let is_later = name.contains("events/00000002") || name.contains("events/00000001");
                if is_later {
                    remove(&project, &format!("{models}/events/00000003.json"));
                    remove(&project, &format!("{models}/aliases/challenger"));
                }
                remove(&project, name);
            }
            let again = project.retrain(arguments).expect(code).json();
            assert_eq!(again["already_published"], json!(true));
            // The second run's own files come back with the second run.
            project.retrain("--as-of 2018-05-30").expect(5);
            assert!(project.registry_files("registry") == complete, "{n_lost} of {files:?}");
        }
    }
    // Killed before the record: the artifact is there already, and is the one that is made again.
    let id = project.retrain("").expect(0).json()["artifact"].clone();
    fs::remove_dir_all(project.path("registry/models")).expect("removed");
    let blob = project.path(&blob("registry", &id));
    let written = fs::metadata(&blob).expect("it is there").ino();
    let again = project.retrain("").expect(0).json();
    assert_eq!((&again["artifact"], &again["version"]), (&id, &json!(1)));
    let after = fs::metadata(&blob).expect("it is there").ino();
    assert_eq!(written, after, "an artifact in its place is not written again");
}

fn remove(project: &Project, name: &str) {
    // Some are gone from the step before.
    let _ = fs::remove_file(project.path("registry").join(name));
}

#[test]
fn a_run_killed_in_the_act_is_finished_by_the_next() {
    let project = Project::new();
    project.retrain("").expect(0);
    let expected: Vec<String> = project.registry_files("registry").into_keys().collect();
    let champion = project.read("registry/models/cards/aliases/champion");
    // Wherever the kill really strikes, the outcome must be the same.
    for seen in
        ["tmp", "blobs", "models/cards/versions/00000001.json", "models/cards/events/00000001.json"]
    {
        fs::remove_dir_all(project.path("registry")).expect("removed");
        let mut command = project.command("retrain --config fraud.toml --registry registry");
        let child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut child = child.spawn().expect("it starts");
        let awaited = project.path("registry").join(seen);
        while !awaited.exists() && child.try_wait().expect("a child").is_none() {
            std::thread::yield_now();
        }
        child.kill().expect("killed, or done");
        child.wait().expect("a child");

        project.retrain("").expect(0);
        let found: Vec<String> = project.registry_files("registry").into_keys().collect();
        assert_eq!(found, expected, "killed when {seen} was there");
        assert_eq!(project.read("registry/models/cards/aliases/champion"), champion);
    }
}

#[test]
fn a_lost_or_damaged_artifact_is_put_back_by_its_run() {
    let project = Project::new();
    project.retrain("").expect(0);
    let kept = project.retrain("--as-of 2018-05-30").expect(5).json();
    let again = project.retrain("--as-of 2018-05-30").expect(5).json();
    let whole = project.registry_files("registry");
    let path = blob("registry", &kept["artifact"]);
    let name = path.strip_prefix("registry/").expect("below").to_owned();
    let bytes = &whole[&name];
    let champion = whole.iter().find(|(path, _)| path.ends_with(".shroff") && **path != name);
    let champion = champion.expect("two artifacts").1;
    let cut = bytes[..bytes.len() - 1].to_vec();
    // Lost, cut short, and another sound artifact under its name.
    for damaged in [None, Some(&cut), Some(champion)] {
        match damaged {
            None => fs::remove_file(project.path(&path)).expect("removed"),
            Some(damaged) => project.write(&path, damaged),
        }
        for verb in ["verify cards@2", "verify cards@challenger", "inspect cards@2"] {
            assert_says(&project.run(verb).expect(4).stderr, &["repeat the run"]);
        }
        let promote = "registry promote cards 2 --why tried --registry registry";
        assert_says(&project.run(promote).expect(4).stderr, &["repeat the run"]);
        assert_eq!(project.retrain("--as-of 2018-05-30").expect(5).json(), again);
        let mut after = project.registry_files("registry");
        assert_eq!(after.remove(&format!("{name}.damaged")).as_ref(), damaged);
        assert!(after == whole);
        let _ = fs::remove_file(project.path(&format!("{path}.damaged")));
    }
    // A record that names another artifact than its run makes is not satisfied by that.
    let record = "registry/models/cards/versions/00000002.json";
    let other = "0".repeat(64);
    let id = kept["artifact"].as_str().expect("an id");
    project.write(record, project.read(record).replacen(id, &other, 1));
    let refused = project.retrain("--as-of 2018-05-30").expect(1).stderr;
    assert_says(&refused, &[&other, id, "the same data, config and code"]);
}

#[test]
fn the_registry_is_listed_shown_promoted_and_rolled_back() {
    let project = Project::new();
    let first = project.retrain("").expect(0).json();
    let second = project.retrain("--as-of 2018-05-30").expect(5).json();
    let registry =
        |arguments: &str| project.run(&format!("registry {arguments} --registry registry --json"));
    let list = || -> Vec<(Value, Value, Value)> {
        let json = registry("list").expect(0).json();
        let versions = json["versions"].as_array().expect("a list").clone();
        versions
            .iter()
            .map(|v| (v["version"].clone(), v["alias"].clone(), v["artifact"].clone()))
            .collect()
    };
    let line = |version: u64, alias: &str, run: &Value| {
        (json!(version), json!(alias), run["artifact"].clone())
    };
    assert_eq!(list(), [line(1, "champion", &first), line(2, "challenger", &second)]);
    assert_eq!(registry("list cards").expect(0).stdout, registry("list").expect(0).stdout);

    let shown = registry("show cards").expect(0).json();
    assert_eq!((&shown["version"], &shown["alias"]), (&json!(1), &json!("champion")));
    let kinds: Vec<&Value> =
        shown["events"].as_array().expect("a list").iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds, [&json!("publish"), &json!("promote")]);
    assert_eq!(shown["report"]["learners"], first["learners"]);
    assert!(fs::exists(shown["artifact_path"].as_str().expect("a path")).expect("readable"));

    let event = project
        .run("registry promote cards 2 --why tried --registry registry --json")
        .expect(0)
        .json();
    assert_eq!(
        (&event["kind"], &event["version"], &event["why"]),
        (&json!("promote"), &json!(2), &json!("tried"))
    );
    let champion = || project.read("registry/models/cards/aliases/champion");
    assert!(champion().starts_with(second["artifact"].as_str().expect("an id")));
    assert_eq!(registry("show cards").expect(0).json()["version"], json!(2));
    let event = registry("rollback cards --why worse").expect(0).json();
    assert_eq!((&event["kind"], &event["version"]), (&json!("rollback"), &json!(1)));
    assert!(champion().starts_with(first["artifact"].as_str().expect("an id")));

    assert_says(
        &registry("rollback cards --why more").expect(1).stderr,
        &["\"cards\"", "no champion before"],
    );
    assert_says(&registry("show cards 7").expect(2).stderr, &["no version 7", "1, 2"]);
    assert_says(&registry("list carts").expect(2).stderr, &["\"carts\"", "cards"]);
    // A model is also found by its name.
    for (which, run) in [("champion", &first), ("1", &first), ("2", &second)] {
        let verified = project.run(&format!("verify cards@{which} --json")).expect(0).json();
        assert_eq!(verified["artifact"], run["artifact"], "{which}");
    }
    for unknown in ["cards@challenger", "carts@champion", "cards@7", "carts@1", "cards@Best"] {
        assert_says(&project.run(&format!("verify {unknown}")).expect(2).stderr, &[unknown]);
    }
    assert_says(&registry("rollback carts --why more").expect(2).stderr, &["\"carts\""]);
    assert_says(&registry("audit carts").expect(2).stderr, &["\"carts\"", "cards"]);
    let trail = registry("audit").expect(0).json();
    let trail: Vec<String> = trail["events"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| {
            let text = |key: &str| event[key].as_str().expect("text").to_owned();
            let who = text("model") + " " + &text("kind");
            format!("{} {who} {}", event["event"], event["version"])
        })
        .collect();
    assert_eq!(
        trail,
        [
            "1 cards publish 1",
            "2 cards promote 1",
            "3 cards publish 2",
            "4 cards promote 2",
            "5 cards rollback 1"
        ]
    );
    for verb in ["promote cards 2", "rollback cards"] {
        let mut command = project.command(&format!("registry {verb} --registry registry"));
        let refused = Finished::of(command.args(["--why", " "]).output().expect("it starts"));
        assert_says(&refused.expect(2).stderr, &["expected a reason"]);
    }
    // Text, for people: one line a version.
    let table = project.run("registry list --registry registry").expect(0).stdout;
    assert_eq!(table.lines().filter(|line| line.starts_with("cards")).count(), 2, "{table}");
}
