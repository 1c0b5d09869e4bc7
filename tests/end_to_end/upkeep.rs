//! A registry looked over and made room in, from the command line.

use serde_json::{Value, json};
use std::fs;

use crate::project::{Project, assert_says, blob};

#[test]
fn a_registry_is_looked_over_and_repaired() {
    let project = Project::new();
    let run = project.retrain("").expect(0).json();
    let fsck =
        |arguments: &str| project.run(&format!("registry fsck --registry registry {arguments}"));
    let clean = fsck("--json").expect(0).json();
    assert_eq!(clean, json!({ "findings": [], "problems": 0 }));

    let alias = "registry/models/cards/aliases/champion";
    let whole = project.read(alias);
    project.write(alias, &whole[..20]);
    let found = fsck("").expect(1);
    assert_says(
        &found.stdout,
        &["problem: alias: ", "aliases/champion: is no alias; the events say"],
    );
    assert_says(&found.stderr, &["registry fsck: 1 problem"]);
    assert_says(&fsck("--repair").expect(0).stdout, &["repaired: alias: "]);
    assert_eq!(project.read(alias), whole);

    let artifact = blob("registry", &run["artifact"]);
    let bytes = fs::read(project.path(&artifact)).expect("readable");
    project.write(&artifact, &bytes[..bytes.len() - 1]);
    let found = fsck("--repair --json").expect(4).json();
    let kinds: Vec<&Value> =
        found["findings"].as_array().expect("a list").iter().map(|it| &it["kind"]).collect();
    assert_eq!((kinds, &found["problems"]), (vec![&json!("damaged_artifact")], &json!(1)));
}

#[test]
fn an_old_artifact_is_removed_and_made_again() {
    let project = Project::new();
    project.retrain("").expect(0);
    let old = project.retrain("--as-of 2018-05-30").expect(5).json();
    let again = project.retrain("--as-of 2018-05-30").expect(5).json();
    project.retrain("--as-of 2018-05-29").expect(5);
    let gc = |arguments: &str| project.run(&format!("registry gc --registry registry {arguments}"));
    assert_says(&gc("--keep 0").expect(2).stderr, &["--keep"]);
    assert_says(&gc("--grace soon").expect(2).stderr, &["span of time", "24h"]);
    // All of it was made just now.
    assert_eq!(gc("--keep 1").expect(0).stdout, "0 files, 0 bytes removed\n");

    let path = project.path(&blob("registry", &old["artifact"]));
    let dry = gc("--keep 1 --grace 0s --dry-run --json").expect(0).json();
    let [removal] = &dry["removed"].as_array().expect("a list")[..] else { panic!("{dry}") };
    assert_eq!((&removal["kind"], &removal["version"]), (&json!("artifact"), &json!(2)));
    assert!(path.exists());
    let removed = gc("--keep 1 --grace 0s").expect(0).stdout;
    assert_says(&removed, &["artifact", "cards", "1 files, ", " bytes removed"]);
    assert!(!path.exists());

    let registry = |arguments: &str| {
        project.run(&format!("registry {arguments} --registry registry --json")).expect(0).json()
    };
    let listed = registry("list");
    let flags: Vec<&Value> =
        listed["versions"].as_array().expect("a list").iter().map(|it| &it["removed"]).collect();
    assert_eq!(flags, [&json!(false), &json!(true), &json!(false)]);
    let promote = "registry promote cards 2 --why tried --registry registry";
    assert_says(&project.run(promote).expect(4).stderr, &["was removed", "repeat the run"]);
    assert_eq!(project.retrain("--as-of 2018-05-30").expect(5).json(), again);
    assert!(path.exists());
    let trail = registry("audit cards");
    let kinds: Vec<&Value> =
        trail["events"].as_array().expect("a list").iter().map(|it| &it["kind"]).collect();
    assert_eq!(kinds[kinds.len() - 2..], [&json!("remove"), &json!("restore")]);
    project.run("registry fsck --registry registry").expect(0);
}
