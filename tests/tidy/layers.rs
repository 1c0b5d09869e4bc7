//! The order of the rooms inside serve-lib: who may import whom.

use std::collections::BTreeMap;

use super::assert_none;
use super::source::{code_only, line_of, rust_files, words};

/// Module → the modules it may name: `schema ← record ← features ← model ← artifact` and
/// `model ← engine, explain ← scorer`. What sits on top (store, registry, follow, shadow) calls artifact and scorer,
/// and nothing below names it; artifact knows no scoring, so that the format outlives any engine.
/// `error` is named by all, and wraps the causes that schema, features and model define. A snapshot is a file of
/// states in the frame of an artifact.
const LAYERS: [(&str, &[&str]); 19] = [
    ("background", &[]),
    ("limits", &[]),
    ("near", &[]),
    ("error", &["schema", "features", "model"]),
    ("schema", &["error"]),
    ("record", &["error", "schema"]),
    ("features", &["error", "limits", "near", "schema", "record"]),
    ("model", &["error", "schema", "record", "features"]),
    ("engine", &["error", "schema", "record", "features", "model"]),
    ("explain", &["error", "schema", "model"]),
    ("artifact", &["error", "limits", "schema", "record", "features", "model"]),
    (
        "scorer",
        &[
            "error", "limits", "schema", "record", "features", "model", "engine", "explain",
            "artifact",
        ],
    ),
    ("counters", &["error", "schema", "record", "features", "artifact", "scorer"]),
    ("snapshot", &["error", "limits", "features", "artifact"]),
    ("store", &["error", "near", "features", "record", "scorer", "snapshot"]),
    ("registry", &["error", "limits", "features", "artifact", "scorer", "snapshot"]),
    ("signed", &["limits", "artifact"]),
    ("shadow", &["background", "error", "artifact", "scorer"]),
    (
        "follow",
        &[
            "background",
            "error",
            "limits",
            "features",
            "artifact",
            "scorer",
            "snapshot",
            "store",
            "registry",
            "signed",
        ],
    ),
];

#[test]
fn lower_rooms_of_the_small_side_never_import_higher_ones() {
    let files = rust_files(&["serve-lib/src"]);
    let root =
        files.iter().find(|f| f.path == "serve-lib/src/lib.rs").expect("serve-lib has a root");
    let root_names = names_brought_in(&code_only(&root.text));
    let mut offenders = Vec::new();
    let mut n_named = 0;
    for file in files.iter().filter(|f| f.path != root.path) {
        let inner = file.path.trim_start_matches("serve-lib/src/").trim_end_matches(".rs");
        let steps: Vec<&str> = inner.split('/').filter(|step| *step != "mod").collect();
        if steps.contains(&"tests") {
            continue;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(module, _)| *module == steps[0]) else {
            offenders.push(format!(
                "{}: module {} has no line in the table of layers",
                file.path, steps[0]
            ));
            continue;
        };
        let code = shipped(&code_only(&file.text)).to_owned();
        for (position, name) in named_from_root(&code, steps.len()) {
            let module = root_names.get(&name).unwrap_or(&name);
            n_named += 1;
            if module != steps[0] && !allowed.contains(&module.as_str()) {
                let line = line_of(&code, position);
                offenders
                    .push(format!("{}:{line}: names {name}, expected only {allowed:?}", file.path));
            }
        }
    }
    assert_none(
        &offenders,
        "inside serve-lib imports go down only, so that each room can be read and changed without the ones above",
    );
    assert!(n_named > 0, "expected modules that import each other by `crate::…`, found none");
}

/// The code without its closing `mod tests`: what tests import does not ship.
fn shipped(code: &str) -> &str {
    let is_tests = |start: &usize| {
        code[start + "#[cfg(test)]".len()..].trim_start().starts_with("mod tests {")
    };
    let end = code.match_indices("#[cfg(test)]").map(|(start, _)| start).find(is_tests);
    &code[..end.unwrap_or(code.len())]
}

/// First names of the paths that start at the crate root, by `crate::` or by as many `super::` as
/// the file is deep; of a group, the first name of each member.
fn named_from_root(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut n_supers = 0;
    for (position, word) in words(code) {
        let Some(rest) = code[position + word.len()..].trim_start().strip_prefix("::") else {
            n_supers = 0;
            continue;
        };
        n_supers = if word == "super" { n_supers + 1 } else { 0 };
        if word == "crate" || n_supers == depth && !rest.trim_start().starts_with("super") {
            found.extend(first_names(rest).into_iter().map(|name| (position, name)));
        }
    }
    found
}

fn first_names(rest: &str) -> Vec<String> {
    let rest = rest.trim_start();
    let first = |path: &str| match words(path).next() {
        Some((0, word)) => word.to_owned(),
        _ => path.chars().take(1).collect(),
    };
    if !rest.starts_with('{') {
        return vec![first(rest)];
    }
    let mut depth = 0;
    let inside = super::balanced(rest, '{', '}');
    let members = inside[1..inside.len() - 1].split(|ch| {
        depth += i32::from(ch == '{') - i32::from(ch == '}');
        ch == ',' && depth == 0
    });
    members.map(str::trim).filter(|member| !member.is_empty()).map(first).collect()
}

/// Names that the root re-exports (`pub use scorer::{Score, Scorer}`), each with its module.
fn names_brought_in(root: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (position, _) in words(root).filter(|(_, word)| *word == "use") {
        let statement = root[position..].split(';').next().unwrap_or_default();
        let mut path = words(statement)
            .map(|(_, word)| word)
            .skip(1)
            .filter(|w| !matches!(*w, "crate" | "self"));
        let module = path.next().unwrap_or_default().to_owned();
        found.extend(path.map(|name| (name.to_owned(), module.clone())));
    }
    found
}

#[test]
fn the_first_names_of_paths_are_found() {
    let code = "use crate::{a::{B, c}, D}; pub(crate) use super::e::F; super::super::g::h(); crate::i(); self::super::j;";
    let names =
        |depth| named_from_root(code, depth).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    assert_eq!(names(2), ["a", "D", "g", "i"]);
    assert_eq!(names(1), ["a", "D", "e", "i", "j"]);
    let root = names_brought_in("pub mod a; pub use crate::a::{B, inner::C as D}; pub use e::F;");
    assert_eq!(root["B"], "a");
    assert_eq!((&*root["D"], &*root["F"]), ("a", "e"));
    assert_eq!(
        shipped("x #[cfg(test)] use y; #[cfg(test)]\nmod tests { z }"),
        "x #[cfg(test)] use y; "
    );
}
