//! What the rules look at: the files of the repository, and Rust code without its comments and strings.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file: its path from the repo root with forward slashes, and its contents.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
}

/// The root of the repository; this crate lies one folder below it.
pub(crate) fn repo_root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Every .rs file under the given folders, sorted; a folder without any is a failure, so that no
/// rule passes because it looked at nothing.
pub(super) fn rust_files(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders {
        let before = found.len();
        found.extend(text_files(folder).into_iter().filter(|file| file.path.ends_with(".rs")));
        assert!(found.len() > before, "expected Rust files under {folder}/, found none");
    }
    found
}

/// Every text file under a folder ("" is the whole repository), sorted by path, except what git
/// ignores: build output and the folders .gitignore names at the root.
pub(super) fn text_files(folder: &str) -> Vec<Source> {
    let root = repo_root();
    let ignored: Vec<String> = read(&root.join(".gitignore"))
        .lines()
        .filter_map(|line| line.strip_prefix('/'))
        .map(|name| name.trim_end_matches('/').to_owned())
        .collect();
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let full = root.join(&path);
        if full.is_dir() {
            let entries = fs::read_dir(&full).unwrap_or_else(|e| panic!("{}: {e}", full.display()));
            for entry in entries {
                let name = entry.expect("a folder entry").file_name();
                let name = name.to_str().expect("file names are UTF-8");
                let below =
                    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
                if name != ".git" && name != "target" && !ignored.contains(&below) {
                    open.push(below);
                }
            }
        } else if let Some(text) = fs::read(&full).ok().and_then(|b| String::from_utf8(b).ok())
            && !text.contains('\0')
        {
            found.push(Source { path, text });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The contents of a file that must exist.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Rust source with comments blanked and each string or character literal reduced to its quotes;
/// line numbers are kept.
pub(super) fn code_only(source: &str) -> String {
    let c: Vec<char> = source.chars().collect();
    let at = |i: usize| c.get(i).copied().unwrap_or('\0');
    let mut out = String::with_capacity(source.len());
    let mut i = 0;
    while i < c.len() {
        let end = match c[i] {
            '/' if at(i + 1) == '/' => (i..c.len()).find(|&j| c[j] == '\n').unwrap_or(c.len()),
            '/' if at(i + 1) == '*' => end_of_block_comment(&c, i),
            '"' => end_of_quoted(&c, i),
            // 'a' and '\n' are literals, 'a alone is a lifetime.
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => end_of_quoted(&c, i),
            'r' if i == 0 || !is_word(c[i - 1]) || (c[i - 1] == 'b' || c[i - 1] == 'c') => {
                end_of_raw(&c, i).unwrap_or(i)
            }
            _ => i,
        };
        if end == i {
            out.push(c[i]);
            i += 1;
            continue;
        }
        out.push_str(if c[i] == '/' { " " } else { "\"\"" });
        out.extend(c[i..end].iter().filter(|&&ch| ch == '\n'));
        i = end;
    }
    out
}

/// The words (identifiers, keywords, numbers) of code, each with its byte position.
pub(super) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.split(|ch| !is_word(ch))
        .map(|word| (word.as_ptr() as usize - code.as_ptr() as usize, word))
        .filter(|(_, word)| !word.is_empty())
}

/// The line, counted from 1, of a byte position.
pub(super) fn line_of(code: &str, position: usize) -> usize {
    code[..position].matches('\n').count() + 1
}

fn is_word(ch: char) -> bool {
    ch.is_alphanumeric() || ch == '_'
}

fn end_of_block_comment(c: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (1, start + 2);
    while depth > 0 && i < c.len() {
        let step = match &c[i..c.len().min(i + 2)] {
            ['/', '*'] => (1, 2),
            ['*', '/'] => (-1, 2),
            _ => (0, 1),
        };
        depth += step.0;
        i += step.1;
    }
    i
}

fn end_of_quoted(c: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < c.len() && c[i] != c[start] {
        i += if c[i] == '\\' { 2 } else { 1 };
    }
    c.len().min(i + 1)
}

/// The end of r"…" or r#"…"#; none for a word that begins with r, or a raw identifier.
fn end_of_raw(c: &[char], start: usize) -> Option<usize> {
    let hashes = c[start + 1..].iter().take_while(|&&ch| ch == '#').count();
    let open = start + 1 + hashes;
    if c.get(open) != Some(&'"') {
        return None;
    }
    let closed = |i: usize| {
        c[i] == '"' && c[i + 1..].iter().take(hashes).filter(|&&ch| ch == '#').count() == hashes
    };
    Some((open + 1..c.len()).find(|&i| closed(i)).map_or(c.len(), |i| i + 1 + hashes))
}

#[test]
fn comments_and_literals_are_not_code() {
    let source = r##"
        a /* b /* c */ "d */ e // f "g
        "h \" i" j 'k' '\'' '"' l<'m> r"n\" o r#"p " q"# br"s" r#type b'"' t"##;
    let code = code_only(source);
    let found: Vec<&str> = words(&code).map(|(_, word)| word).collect();
    assert_eq!(found, ["a", "e", "j", "l", "m", "o", "b", "r", "type", "b", "t"]);
    assert_eq!(line_of(&code, code.find('j').expect("j is code")), 3);
}
