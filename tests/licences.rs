//! Every package we link may be linked by a closed backend: its licence is satisfiable with the
//! permissive ones that deny.toml allows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::Command;

use serde_json::Value;

use super::tidy::source::{read, repo_root};

#[test]
fn every_package_has_a_permissive_licence() {
    let allowed = allowed_licences();
    let graph = Graph::of(&resolved_metadata());
    assert!(
        graph.packages.len() > 100,
        "expected the whole graph, found {} packages",
        graph.packages.len()
    );
    let mut offenders = Vec::new();
    for (id, package) in graph.packages.iter().filter(|(id, _)| !graph.own.contains(*id)) {
        let name = format!("{} {}", package.name, package.version);
        let complaint = match package.licence.as_deref().map(|l| satisfiable(l, &allowed)) {
            Some(Ok(true)) => continue,
            Some(Ok(false)) => {
                format!("licence `{}`", package.licence.as_deref().unwrap_or_default())
            }
            Some(Err(found)) => format!("not an SPDX expression, {found}"),
            None => "no SPDX expression in its manifest".to_owned(),
        };
        offenders.push(format!("\n  {name}: {complaint}; {}", graph.path_to_root(id)));
    }
    assert!(
        offenders.is_empty(),
        "expected licences satisfiable with {allowed:?} (deny.toml), so that a closed backend may link us; found:{}",
        offenders.concat()
    );
}

#[test]
fn our_own_crates_declare_the_licence_of_the_workspace() {
    let manifest: toml::Table =
        read(&repo_root().join("Cargo.toml")).parse().expect("Cargo.toml is TOML");
    let expected =
        manifest["workspace"]["package"]["license"].as_str().expect("the licence is a string");
    assert_eq!(expected, "MIT OR Apache-2.0", "the licence texts in the root are those two");
    for text in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(
            read(&repo_root().join(text)).contains("the shroff authors"),
            "{text} names no authors"
        );
    }
    let metadata = cargo_metadata(&["--no-deps"]).expect("cargo metadata --no-deps");
    let packages = list(&metadata["packages"]);
    assert!(packages.len() >= 5, "expected five crates or more, found {}", packages.len());
    for package in packages {
        assert_eq!(
            package["license"].as_str(),
            Some(expected),
            "{} takes license.workspace",
            package["name"]
        );
    }
}

/// What cargo knows about the workspace, without the network; the error is cargo's own message.
pub(crate) fn cargo_metadata(extra: &[&str]) -> Result<Value, String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(extra)
        .current_dir(repo_root())
        .output()
        .expect("cargo runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON"))
}

/// The graph of every platform and feature; on a machine that has downloaded only the packages of
/// its own platform (`cargo fetch` gets the rest), the graph that was just built.
fn resolved_metadata() -> Value {
    cargo_metadata(&["--all-features"]).unwrap_or_else(|_| {
        let version = Command::new(env!("CARGO")).arg("-vV").output().expect("cargo runs").stdout;
        let version = String::from_utf8_lossy(&version).into_owned();
        let host = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .expect("cargo names its host");
        cargo_metadata(&["--filter-platform", host]).expect("cargo metadata of this platform")
    })
}

struct Package {
    name: String,
    version: String,
    licence: Option<String>,
}

/// The resolved packages by id, who needs whom (reversed), and which are ours.
struct Graph {
    packages: BTreeMap<String, Package>,
    needed_by: BTreeMap<String, Vec<String>>,
    own: BTreeSet<String>,
}

impl Graph {
    fn of(metadata: &Value) -> Self {
        let nodes = list(&metadata["resolve"]["nodes"]);
        let resolved: BTreeSet<String> = nodes.iter().map(|node| text(&node["id"])).collect();
        let packages = list(&metadata["packages"])
            .iter()
            .map(|p| {
                let licence = p["license"].as_str().map(str::to_owned);
                (
                    text(&p["id"]),
                    Package { name: text(&p["name"]), version: text(&p["version"]), licence },
                )
            })
            .filter(|(id, _)| resolved.contains(id))
            .collect();
        let mut needed_by: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for node in nodes {
            for dependency in list(&node["deps"]) {
                needed_by.entry(text(&dependency["pkg"])).or_default().push(text(&node["id"]));
            }
        }
        let own = list(&metadata["workspace_members"]).iter().map(text).collect();
        Self { packages, needed_by, own }
    }

    /// The shortest chain from a package up to one of ours.
    fn path_to_root(&self, id: &str) -> String {
        let mut waiting = VecDeque::from([vec![id]]);
        let mut seen = BTreeSet::from([id]);
        while let Some(chain) = waiting.pop_front() {
            let last = chain[chain.len() - 1];
            if self.own.contains(last) {
                return chain
                    .iter()
                    .map(|id| self.packages[*id].name.as_str())
                    .collect::<Vec<_>>()
                    .join(" ← ");
            }
            for above in self.needed_by.get(last).into_iter().flatten() {
                if seen.insert(above) {
                    waiting.push_back(chain.iter().copied().chain([above.as_str()]).collect());
                }
            }
        }
        "needed by none of our crates".to_owned()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("cargo metadata: expected a list")
}

fn text(value: &Value) -> String {
    value.as_str().expect("cargo metadata: expected a string").to_owned()
}

/// The one list of permissive licences, shared with cargo-deny.
fn allowed_licences() -> BTreeSet<String> {
    let deny: toml::Table =
        read(&repo_root().join("deny.toml")).parse().expect("deny.toml is TOML");
    let allow = deny["licenses"]["allow"].as_array().expect("licenses.allow is a list");
    allow.iter().map(|id| id.as_str().expect("a licence is a string").to_owned()).collect()
}

/// Whether a choice exists that needs allowed licences only. AND binds tighter than OR, WITH
/// tightest; `A/B`, the form before SPDX, means OR.
fn satisfiable(expression: &str, allowed: &BTreeSet<String>) -> Result<bool, String> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().collect::<VecDeque<_>>();
    let fits = alternatives(&mut words, allowed)?;
    match words.front() {
        None => Ok(fits),
        Some(word) => Err(format!("expected AND or OR, found `{word}` in `{expression}`")),
    }
}

fn alternatives(words: &mut VecDeque<&str>, allowed: &BTreeSet<String>) -> Result<bool, String> {
    let mut fits = conjunction(words, allowed)?;
    while words.pop_front_if(|word| *word == "OR").is_some() {
        fits |= conjunction(words, allowed)?;
    }
    Ok(fits)
}

fn conjunction(words: &mut VecDeque<&str>, allowed: &BTreeSet<String>) -> Result<bool, String> {
    let mut fits = single(words, allowed)?;
    while words.pop_front_if(|word| *word == "AND").is_some() {
        fits &= single(words, allowed)?;
    }
    Ok(fits)
}

fn single(words: &mut VecDeque<&str>, allowed: &BTreeSet<String>) -> Result<bool, String> {
    match words.pop_front() {
        Some("(") => {
            let fits = alternatives(words, allowed)?;
            let close = words.pop_front().unwrap_or("the end");
            if close == ")" { Ok(fits) } else { Err(format!("expected `)`, found {close}")) }
        }
        Some(word) if !matches!(word, ")" | "AND" | "OR" | "WITH") => {
            if words.pop_front_if(|next| *next == "WITH").is_none() {
                return Ok(allowed.contains(word));
            }
            let exception =
                words.pop_front().ok_or("expected an exception after WITH, found the end")?;
            // A licence alone is allowed with any exception: an exception only gives more leave.
            Ok(allowed.contains(word) || allowed.contains(&format!("{word} WITH {exception}")))
        }
        found => Err(format!("expected a licence, found {}", found.unwrap_or("the end"))),
    }
}

#[test]
fn expressions_are_read_as_spdx_says() {
    let allowed = BTreeSet::from(["MIT", "Apache-2.0", "X WITH Y"].map(str::to_owned));
    let fits = |expression| satisfiable(expression, &allowed);
    for yes in [
        "MIT",
        "GPL-3.0/MIT",
        "GPL-3.0 OR MIT AND Apache-2.0",
        "(GPL-3.0 OR MIT) AND Apache-2.0",
        "X WITH Y",
    ] {
        assert_eq!(fits(yes), Ok(true), "{yes}");
    }
    for no in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR Apache-2.0) AND GPL-3.0",
        "X",
        "X WITH Z",
        "mit",
        "MIT-0",
    ] {
        assert_eq!(fits(no), Ok(false), "{no}");
    }
    for wrong in ["", "MIT OR", "(MIT", "MIT Apache-2.0", "MIT WITH", "AND MIT", "MIT)"] {
        assert!(fits(wrong).is_err(), "{wrong}");
    }
}
