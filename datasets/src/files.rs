//! Which files a path stands for, and what the names of their folders say about their rows.

use std::path::{Component, Path, PathBuf};

use crate::error::{Error, ErrorKind};
use crate::source::Format;

/// One file of a source.
#[derive(Debug, Clone)]
pub(crate) struct InputFile {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    /// Column and value of each folder of the path that is named `key=value`. Empty text is null.
    pub(crate) keys: Vec<(String, String)>,
}

/// The files of a path, sorted, whose format is given or told by their names.
pub(crate) fn input_files(path: &str, format: Option<Format>) -> Result<Vec<InputFile>, Error> {
    matching(path, format)?
        .into_iter()
        .map(|path| {
            let metadata = path.metadata().map_err(|source| ErrorKind::io(&path, source))?;
            let format = format.map_or_else(|| Format::of_path(&path), Ok)?;
            if metadata.len() == 0 {
                return Err(ErrorKind::FileEmpty { path }.into());
            }
            let keys = hive_keys(&path)?;
            Ok(InputFile { path, format, keys })
        })
        .collect()
}

fn matching(pattern: &str, format: Option<Format>) -> Result<Vec<PathBuf>, Error> {
    let literal = Path::new(pattern);
    if literal.exists() || !pattern.contains(['*', '?', '[']) {
        if !literal.is_dir() {
            return Ok(vec![literal.to_owned()]);
        }
        let files = below(&[literal.to_owned()], format)?;
        if files.is_empty() {
            return Err(ErrorKind::FolderEmpty { path: literal.to_owned() }.into());
        }
        return Ok(files);
    }
    // A leading dot hides a file from a pattern, as in a shell: unfinished copies start so.
    let options = glob::MatchOptions {
        require_literal_separator: true,
        require_literal_leading_dot: true,
        ..glob::MatchOptions::new()
    };
    let matches = glob::glob_with(pattern, options).map_err(|source| ErrorKind::Pattern {
        pattern: pattern.to_owned(),
        source: Box::new(source),
    })?;
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in matches {
        let path = entry.map_err(|error| {
            let path = error.path().to_owned();
            ErrorKind::io(&path, error.into())
        })?;
        if path.is_dir() { folders.push(path) } else { files.push(path) }
    }
    // `data/*` means the files there; `data/day=*` can only mean what is in the folders.
    if files.is_empty() {
        files = below(&folders, format)?;
    }
    if files.is_empty() {
        return Err(ErrorKind::NoMatch { pattern: pattern.to_owned() }.into());
    }
    files.sort();
    Ok(files)
}

/// All files in and below the folders, sorted, without those whose name (or whose folder's name)
/// starts with a dot or an underscore, as unfinished files and notes of other programs do. Unless
/// the format is given, those of unknown formats are passed over.
fn below(folders: &[PathBuf], format: Option<Format>) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    let mut open: Vec<(PathBuf, usize)> =
        folders.iter().map(|folder| (folder.clone(), 0)).collect();
    while let Some((folder, depth)) = open.pop() {
        let io = |source| ErrorKind::io(&folder, source);
        if depth == DEEPEST {
            return Err(io(std::io::Error::other("folders in folders without an end")).into());
        }
        for entry in folder.read_dir().map_err(io)? {
            let entry = entry.map_err(io)?;
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with(['.', '_']) {
                continue;
            }
            if path.is_dir() {
                open.push((path, depth + 1));
            } else if format.is_some() || Format::of_path(&path).is_ok() {
                files.push(path);
            }
        }
    }
    files.sort();
    // A pattern may match a folder and one inside it.
    files.dedup();
    Ok(files)
}

/// Deep enough for any layout by date; links may make circles.
const DEEPEST: usize = 32;

/// What the folders of the path that are named `key=value` say, outermost first.
fn hive_keys(path: &Path) -> Result<Vec<(String, String)>, Error> {
    let mut keys: Vec<(String, String)> = Vec::new();
    for component in path.parent().into_iter().flat_map(Path::components) {
        let Component::Normal(name) = component else { continue };
        let name = name.to_string_lossy();
        let Some((key, value)) = name.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            continue;
        };
        let value = if value == NULL_VALUE { String::new() } else { unescape(value) };
        let key = unescape(key);
        if keys.iter().any(|(other, _)| *other == key) {
            return Err(ErrorKind::FileColumnTwice { path: path.to_owned(), column: key }.into());
        }
        keys.push((key, value));
    }
    Ok(keys)
}

/// How Hive and its followers write a null in a folder's name.
const NULL_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// Replaces `%3A` and the like, by which characters that folders cannot have are written. Text
/// that is not so written stays.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = match (first, after) {
            (b'%', [high, low, ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
                digit(high).zip(digit(low)).map(|(high, low)| high * 16 + low)
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_stands_for_its_data_files_in_sorted_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "day=2018-04-02/part-0.csv",
            "day=2018-04-01/part-1.csv",
            "day=2018-04-01/part-0.csv.gz",
            "day=2018-04-01/.part-0.csv.crc",
            "day=2018-04-01/_part-2.csv",
            "_temporary/part-9.csv",
            "_SUCCESS",
            "notes.txt",
        ] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "a\n").unwrap();
        }
        let names = |pattern: &str| {
            let pattern = folder.path().join(pattern);
            let files = input_files(pattern.to_str().unwrap(), None).unwrap();
            let name = |file: &InputFile| {
                file.path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned()
            };
            files.iter().map(name).collect::<Vec<_>>()
        };
        let all = [
            "day=2018-04-01/part-0.csv.gz",
            "day=2018-04-01/part-1.csv",
            "day=2018-04-02/part-0.csv",
        ];
        assert_eq!(names(""), all);
        assert_eq!(names("day=*"), all);
        assert_eq!(names("day=*-02/*.csv"), all[2..]);
        assert_eq!(names("day=2018-04-01/part-?.csv"), all[1..2]);
        fs::create_dir(folder.path().join("none")).unwrap();
        let none = folder.path().join("none").display().to_string();
        let error = input_files(&none, None).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{none} holds no file that ends in .csv")), "{error}");
    }

    #[test]
    fn folder_names_are_keys_and_values() {
        let keys = |path: &str| hive_keys(Path::new(path)).unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            keys("data/day=2018-04-01/at=10%3A30/x=%zz/file=1.csv"),
            [pair("day", "2018-04-01"), pair("at", "10:30"), pair("x", "%zz")]
        );
        assert_eq!(
            keys("/a=/=b/c=d=e/n=__HIVE_DEFAULT_PARTITION__/f.csv"),
            [pair("a", ""), pair("c", "d=e"), pair("n", "")]
        );
        assert_eq!(keys("file=1.csv"), []);
        let error = hive_keys(Path::new("a=1/a=2/f.csv")).unwrap_err();
        assert_eq!(error.to_string(), "a=1/a=2/f.csv: column \"a\" appears twice");
    }
}
