//! Where data comes from: one file or a glob of files, their format and their fingerprint.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind};

/// How a file holds its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated text in UTF-8 whose first line names the columns.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The format a file name's extension tells: `.csv`, `.parquet` or `.pq`, in any case.
    ///
    /// # Errors
    /// Another extension, or none.
    pub fn of_path(path: &Path) -> Result<Self, Error> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Ok(Self::Csv),
            "parquet" | "pq" => Ok(Self::Parquet),
            _ => Err(ErrorKind::UnknownFormat { path: path.to_owned() }.into()),
        }
    }
}

/// One file, or all files that match a glob such as `data/2018-*.parquet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file or the glob (`*`, `?`, `[…]`, `**`). A file of exactly this name wins over a glob.
    pub path: String,
    /// The format of every file; each file's extension tells it if this is absent.
    pub format: Option<Format>,
}

impl Source {
    /// A source whose files' extensions tell their format.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), format: None }
    }

    /// The files, sorted by path. None of them is empty, and the format of each is known.
    ///
    /// # Errors
    /// A missing or empty file, a glob without match, an unknown extension.
    pub fn files(&self) -> Result<Vec<PathBuf>, Error> {
        Ok(self.files_with_format()?.into_iter().map(|(path, _)| path).collect())
    }

    /// BLAKE3 over the contents of the files in their order, each preceded by its length in bytes
    /// (u64, little-endian). Names and places of the files do not count.
    ///
    /// # Errors
    /// As [`Source::files`], and a file that cannot be read.
    pub fn content_hash(&self) -> Result<[u8; 32], Error> {
        let mut hasher = blake3::Hasher::new();
        for path in self.files()? {
            hash_file(&mut hasher, &path).map_err(|source| ErrorKind::io(&path, source))?;
        }
        Ok(*hasher.finalize().as_bytes())
    }

    /// The files in order and how to read each.
    pub(crate) fn files_with_format(&self) -> Result<Vec<(PathBuf, Format)>, Error> {
        self.matching()?
            .into_iter()
            .map(|path| {
                let metadata = path.metadata().map_err(|source| ErrorKind::io(&path, source))?;
                if metadata.is_dir() {
                    let source = std::io::ErrorKind::IsADirectory.into();
                    return Err(ErrorKind::Io { path, source }.into());
                }
                let format = self.format.map_or_else(|| Format::of_path(&path), Ok)?;
                if metadata.len() == 0 {
                    return Err(ErrorKind::FileEmpty { path }.into());
                }
                Ok((path, format))
            })
            .collect()
    }

    fn matching(&self) -> Result<Vec<PathBuf>, Error> {
        let literal = Path::new(&self.path);
        if literal.exists() || !self.path.contains(['*', '?', '[']) {
            return Ok(vec![literal.to_owned()]);
        }
        // A leading dot hides a file from a pattern, as in a shell: unfinished copies start so.
        let options = glob::MatchOptions {
            require_literal_separator: true,
            require_literal_leading_dot: true,
            ..glob::MatchOptions::new()
        };
        let matches = glob::glob_with(&self.path, options).map_err(|source| {
            ErrorKind::Pattern { pattern: self.path.clone(), source: Box::new(source) }
        })?;
        let mut files = Vec::new();
        for entry in matches {
            let path = entry.map_err(|error| {
                let path = error.path().to_owned();
                ErrorKind::io(&path, error.into())
            })?;
            if !path.is_dir() {
                files.push(path);
            }
        }
        if files.is_empty() {
            return Err(ErrorKind::NoMatch { pattern: self.path.clone() }.into());
        }
        files.sort();
        Ok(files)
    }
}

fn hash_file(hasher: &mut blake3::Hasher, path: &Path) -> std::io::Result<()> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    hasher.update(&length.to_le_bytes());
    let before = hasher.count();
    hasher.update_reader(file)?;
    if hasher.count() - before != length {
        return Err(std::io::Error::other("the file changed while it was read"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(files: &[PathBuf]) -> Vec<&str> {
        files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect()
    }

    #[test]
    fn a_glob_gives_its_files_in_sorted_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["2018-05.csv", "2018-04.csv", "2018-10.csv", "2019-01.csv", ".2018-06.csv"] {
            fs::write(folder.path().join(name), "a\n1\n").unwrap();
        }
        fs::create_dir(folder.path().join("2018-12.csv")).unwrap();
        let source = Source::new(folder.path().join("2018-*.csv").to_str().unwrap());
        assert_eq!(names(&source.files().unwrap()), ["2018-04.csv", "2018-05.csv", "2018-10.csv"]);
    }

    #[test]
    fn a_source_without_readable_files_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let error = |name: &str| Source::new(at(name)).files().unwrap_err().to_string();
        fs::write(at("empty.csv"), "").unwrap();
        fs::write(at("data.txt"), "a\n").unwrap();
        assert_eq!(error("no.csv"), format!("{} does not exist", at("no.csv")));
        assert_eq!(error("no-*.csv"), format!("no file matches {:?}", at("no-*.csv")));
        assert_eq!(error("empty.csv"), format!("{} is empty (0 bytes)", at("empty.csv")));
        assert_eq!(
            error("data.txt"),
            format!("{}: expected a name that ends in .csv, .parquet or .pq", at("data.txt"))
        );
        assert_eq!(error("a***b.csv"), format!("file pattern {:?}", at("a***b.csv")));
        let given = Source { path: at("data.txt"), format: Some(Format::Csv) };
        assert_eq!(names(&given.files().unwrap()), ["data.txt"]);
        assert_eq!(Format::of_path(Path::new("A.PQ")).unwrap(), Format::Parquet);
    }

    #[test]
    fn the_hash_follows_contents_and_not_paths() {
        let folder = tempfile::tempdir().unwrap();
        let hash_of = |subfolder: &str, files: &[(&str, &str)]| {
            let place = folder.path().join(subfolder);
            fs::create_dir(&place).unwrap();
            for (name, contents) in files {
                fs::write(place.join(name), contents).unwrap();
            }
            Source::new(place.join("*.csv").to_str().unwrap()).content_hash().unwrap()
        };
        let first = hash_of("one", &[("a.csv", "x\n1\n"), ("b.csv", "x\n2\n")]);
        assert_eq!(first, hash_of("two", &[("m.csv", "x\n1\n"), ("n.csv", "x\n2\n")]));
        assert_ne!(first, hash_of("three", &[("a.csv", "x\n1\n"), ("b.csv", "x\n3\n")]));
        // The same bytes, cut elsewhere.
        assert_ne!(first, hash_of("four", &[("a.csv", "x\n1\nx"), ("b.csv", "\n2\n")]));
        let by_hand = b"\x04\0\0\0\0\0\0\0x\n1\n\x04\0\0\0\0\0\0\0x\n2\n";
        assert_eq!(first, *blake3::hash(by_hand).as_bytes());
    }
}
