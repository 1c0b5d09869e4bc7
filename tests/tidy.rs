//! The rules of the house that no compiler checks: heads, sizes, who may name what, no unsafe code.

use std::collections::{BTreeMap, BTreeSet};

use self::source::{Source, code_only, line_of, read, rust_files, text_files, words};

mod layers;
pub(crate) mod source;

const CRATES: [&str; 5] = ["serve-lib", "datasets", "train", "benches", "tests"];

/// What a backend links besides our own code. One that belongs to a feature is listed with it here.
const SERVE_DEPENDENCIES: [(&str, Option<&str>); 8] = [
    ("arc-swap", Some("follow")),
    ("bincode", None),
    ("blake3", None),
    ("libm", None),
    ("minisign-verify", Some("signed")),
    ("serde", None),
    ("siphasher", None),
    ("thiserror", None),
];

/// A library whose types cross no border, and the files that may name it (by the beginning of their path).
struct Room {
    library: &'static str,
    files: &'static [&'static str],
}

const ROOMS: [Room; 9] = [
    Room { library: "askama", files: &["train/src/report/page/"] },
    Room { library: "bincode", files: &["serve-lib/src/artifact/codec.rs"] },
    Room { library: "arc_swap", files: &["serve-lib/src/follow/"] },
    Room { library: "minisign_verify", files: &["serve-lib/src/signed.rs"] },
    Room { library: "siphasher", files: &["serve-lib/src/features/window/identity.rs"] },
    Room { library: "polars", files: &["datasets/src/"] },
    Room { library: "linfa", files: &[LOGISTIC, DECISION_TREE] },
    Room { library: "smartcore", files: &[RANDOM_FOREST] },
    Room { library: "ndarray", files: &[LOGISTIC, DECISION_TREE, RANDOM_FOREST] },
];

// One file or one folder each, hence no ending.
const LOGISTIC: &str = "train/src/learner/logistic";
const DECISION_TREE: &str = "train/src/learner/decision_tree";
const RANDOM_FOREST: &str = "train/src/learner/random_forest";

#[test]
fn every_file_begins_with_a_head() {
    let offenders: Vec<String> = rust_files(&CRATES)
        .into_iter()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| file.path)
        .collect();
    assert_none(&offenders, "a file begins with a `//!` line that says what the room is for");
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let offenders: Vec<String> = rust_files(&CRATES)
        .into_iter()
        .map(|file| (file.text.lines().count(), file.path))
        .filter(|(n_lines, _)| *n_lines > 400)
        .map(|(n_lines, path)| format!("{path}: {n_lines} lines"))
        .collect();
    assert_none(&offenders, "a file holds one thought: at most 400 lines, else split it");
}

#[test]
fn the_small_side_has_exactly_its_dependencies() {
    let path = source::repo_root().join("serve-lib/Cargo.toml");
    let manifest: toml::Table = read(&path).parse().expect("serve-lib/Cargo.toml is TOML");
    let dependencies = manifest["dependencies"].as_table().expect("[dependencies] is a table");
    let found: BTreeSet<&str> = dependencies.keys().map(String::as_str).collect();
    let expected = SERVE_DEPENDENCIES.iter().map(|(name, _)| *name);
    assert_eq!(
        found,
        expected.collect(),
        "a backend links shroff-serve and all it brings: a new dependency is a decision, made in this list"
    );
    for (name, feature) in SERVE_DEPENDENCIES {
        let is_optional =
            dependencies[name].get("optional").is_some_and(|is| is.as_bool() == Some(true));
        assert_eq!(is_optional, feature.is_some(), "{name}");
        let Some(feature) = feature else { continue };
        let brings = manifest["features"][feature].as_array().expect("a list");
        let dependency = toml::Value::from(format!("dep:{name}"));
        assert!(brings.contains(&dependency), "the feature {feature} should bring {name}");
    }
    for table in ["target", "build-dependencies"] {
        assert!(
            !manifest.contains_key(table),
            "serve-lib/Cargo.toml: no [{table}]: the same code on every platform"
        );
    }
}

#[test]
fn each_library_is_named_in_its_room_only() {
    let mut offenders = Vec::new();
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for file in rust_files(&CRATES) {
        let code = code_only(&file.text);
        for (room, position) in libraries_named(&code) {
            if room.files.iter().any(|prefix| file.path.starts_with(prefix)) {
                named.insert(room.library);
            } else {
                let line = line_of(&code, position);
                offenders.push(format!(
                    "{}:{line}: names {}, expected only in {:?}",
                    file.path, room.library, room.files
                ));
            }
        }
    }
    assert_none(
        &offenders,
        "no library's type crosses a border, so that each can be replaced alone",
    );
    for Room { library, files } in &ROOMS {
        assert!(
            named.contains(library),
            "nothing in {files:?} names {library}: this rule watches an empty room"
        );
    }
}

/// Libraries used in a path (`polars::…`, `polars_core::…`) or brought in by `use` or `extern crate`.
fn libraries_named(code: &str) -> Vec<(&'static Room, usize)> {
    let mut found = Vec::new();
    let mut previous = "";
    for (position, word) in words(code) {
        let is_path = code[position + word.len()..].trim_start().starts_with("::");
        if is_path || previous == "use" || previous == "crate" {
            let of_family = |room: &&Room| {
                word.strip_prefix(room.library)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            };
            found.extend(ROOMS.iter().find(of_family).map(|room| (room, position)));
        }
        previous = word;
    }
    found
}

#[test]
fn wire_structs_hold_only_what_is_frozen() {
    let mut offenders = Vec::new();
    let mut n_structs = 0;
    for file in rust_files(&["serve-lib/src/artifact"]) {
        let code = code_only(&file.text);
        for (position, item) in serde_items(&code) {
            n_structs += 1;
            for (_, word) in words(item).filter(|(_, w)| is_unfit_type(w)) {
                offenders.push(format!("{}:{}: {word}", file.path, line_of(&code, position)));
            }
            for (start, _) in item.match_indices("serde(") {
                let arguments = balanced(&item[start + "serde".len()..], '(', ')');
                for (_, word) in words(arguments).filter(|(_, w)| is_unfit_attribute(w)) {
                    offenders.push(format!(
                        "{}:{}: serde({word})",
                        file.path,
                        line_of(&code, position)
                    ));
                }
            }
        }
    }
    assert_none(
        &offenders,
        "a wire struct is the same bytes everywhere and for ever: no width of the machine, no hash order, \
         no field that is there only sometimes (bincode does not describe itself)",
    );
    assert!(
        n_structs > 0,
        "expected structs that derive Serialize in serve-lib/src/artifact, found none"
    );
}

fn is_unfit_type(word: &str) -> bool {
    matches!(word, "usize" | "isize" | "HashMap" | "HashSet")
}

fn is_unfit_attribute(word: &str) -> bool {
    matches!(word, "untagged" | "flatten" | "tag" | "content" | "default")
        || word.starts_with("skip")
}

/// Each item that derives Serialize or Deserialize, from the derive to the end of its body.
fn serde_items(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("#[derive(") {
        let rest = &code[start..];
        let derives = balanced(rest, '(', ')');
        if !words(derives).any(|(_, w)| w == "Serialize" || w == "Deserialize") {
            continue;
        }
        let end = match rest.find(['{', ';']) {
            Some(open) if rest[open..].starts_with('{') => {
                open + balanced(&rest[open..], '{', '}').len()
            }
            Some(semicolon) => semicolon,
            None => rest.len(),
        };
        found.push((start, &rest[..end]));
    }
    found
}

/// The text up to the bracket that closes the first `open`.
fn balanced(text: &str, open: char, close: char) -> &str {
    let mut depth = 0;
    for (i, ch) in text.char_indices() {
        depth += i32::from(ch == open) - i32::from(ch == close);
        if depth == 0 && ch == close {
            return &text[..=i];
        }
    }
    text
}

/// Calls of functions compiled for more than every processor has, and vector loads; a hint to the processor. Argued
/// there.
const UNSAFE: [&str; 2] = ["serve-lib/src/engine/cpu.rs", "serve-lib/src/near.rs"];
/// The root above it, which denies unsafe code: what is forbidden could not be allowed there.
const ROOT_OF_UNSAFE: &str = "serve-lib/src/lib.rs";

#[test]
fn there_is_no_unsafe_code_but_in_two_files() {
    let files = rust_files(&CRATES);
    let mut offenders = Vec::new();
    for file in files.iter().filter(|file| !UNSAFE.contains(&file.path.as_str())) {
        let code = code_only(&file.text);
        let found = words(&code).find(|(_, word)| *word == "unsafe");
        offenders.extend(
            found.map(|(position, _)| format!("{}:{}", file.path, line_of(&code, position))),
        );
    }
    assert_none(
        &offenders,
        "a wrong score must never come from memory: unsafe code only in serve-lib's engine/cpu.rs and near.rs",
    );

    let by_path: BTreeMap<&str, &Source> = files.iter().map(|f| (f.path.as_str(), f)).collect();
    let roots = crate_roots();
    assert!(
        roots.len() >= 8,
        "expected the roots of five crates and their targets, found {roots:?}"
    );
    let unguarded: Vec<&String> = roots
        .iter()
        .filter(|root| {
            let level = if **root == ROOT_OF_UNSAFE { "deny" } else { "forbid" };
            let expected = format!("#![{level}(unsafe_code)]");
            !code_only(&by_path[root.as_str()].text).contains(&expected)
        })
        .collect();
    assert_none(
        &unguarded,
        "the root of every target says `#![forbid(unsafe_code)]`, that of serve-lib `#![deny(unsafe_code)]`, so that the compiler agrees",
    );
}

/// The root file of every target of the workspace, from the repo root.
fn crate_roots() -> Vec<String> {
    let metadata =
        super::licences::cargo_metadata(&["--no-deps"]).expect("cargo metadata --no-deps");
    let workspace = metadata["workspace_root"].as_str().expect("workspace_root is a string");
    let packages = metadata["packages"].as_array().expect("packages is a list");
    let targets = packages.iter().flat_map(|p| p["targets"].as_array().expect("targets is a list"));
    targets
        .map(|target| target["src_path"].as_str().expect("src_path is a string"))
        .map(|path| path.strip_prefix(workspace).expect("a target lies in the workspace"))
        .map(|path| path.replace('\\', "/").trim_start_matches('/').to_owned())
        .collect()
}

#[test]
fn no_file_knows_whose_machine_it_was_written_on() {
    let files = text_files("");
    assert!(files.iter().any(|f| f.path == "Cargo.toml"), "expected to read the whole repository");
    // Put together here, so that this file does not break its own rule.
    let places = ["work", "root", "home", "Users"].map(|name| format!("/{name}/"));
    let mut offenders = Vec::new();
    for file in &files {
        for (n, line) in file.text.lines().enumerate() {
            if places.iter().any(|place| has_absolute(line, place)) {
                offenders.push(format!("{}:{}: {}", file.path, n + 1, line.trim()));
            }
        }
    }
    assert_none(&offenders, "a checkout works anywhere: no absolute path of one machine");
}

/// Whether a place occurs as the beginning of a path, rather than inside a longer one or a URL.
fn has_absolute(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(i, _)| {
        let before = line[..i].chars().next_back();
        !before.is_some_and(|ch| ch.is_alphanumeric() || "._-~}>*".contains(ch))
    })
}

/// Fails with the rule, its reason, and one offender a line.
fn assert_none<T: std::fmt::Display>(offenders: &[T], rule: &str) {
    let list: Vec<String> = offenders.iter().map(|offender| format!("\n  {offender}")).collect();
    assert!(offenders.is_empty(), "{rule}; found:{}", list.concat());
}

#[test]
fn the_rules_see_what_they_look_for() {
    let code = "use polars_core::x; use linfa; let ndarray = 1; a::smartcore::B; fn bincode() {}";
    let names: Vec<&str> = libraries_named(code).iter().map(|(room, _)| room.library).collect();
    assert_eq!(names, ["polars", "linfa", "smartcore"]);

    let code = "#[derive(Clone)] struct A { a: usize } #[derive(Serialize)] struct B { b: u8 } fn f(c: usize) {}";
    let items: Vec<&str> = serde_items(code).into_iter().map(|(_, item)| item).collect();
    assert_eq!(items, ["#[derive(Serialize)] struct B { b: u8 }"]);

    let place = ["", "home", ""].join("/");
    assert!(has_absolute(&format!("open(\"{place}me\")"), &place));
    assert!(!has_absolute(&format!("https://example.org{place}page"), &place));
}
