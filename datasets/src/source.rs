//! Where data comes from: a file, a folder or a glob of files, their format and their fingerprint.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind};
use crate::files::{InputFile, input_files};
use crate::options::ReadOptions;

/// How a file holds its data. Text formats may be compressed with gzip or zstd; the bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text with a delimiter between fields, whose first line names the columns.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// One JSON object a line. A field that a line lacks is null there; the fields of an object
    /// within are columns named `outer.inner`.
    Ndjson,
}

impl Format {
    /// The format a file name's extension tells, in any case: `.csv`, `.ndjson` or `.jsonl`, each
    /// also followed by `.gz`, `.zst` or `.zstd`; `.parquet` or `.pq`.
    ///
    /// # Errors
    /// Another extension, or none.
    pub fn of_path(path: &Path) -> Result<Self, Error> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let plain = COMPRESSED.iter().find_map(|ending| name.strip_suffix(ending));
        let extension = plain.unwrap_or(&name).rsplit_once('.').map_or("", |(_, ending)| ending);
        match extension {
            "csv" => Ok(Self::Csv),
            "ndjson" | "jsonl" => Ok(Self::Ndjson),
            // Such a file compresses its own parts, and is read from its end.
            "parquet" | "pq" if plain.is_none() => Ok(Self::Parquet),
            _ => Err(ErrorKind::UnknownFormat { path: path.to_owned() }.into()),
        }
    }

    /// The format in which a file of this name is written.
    pub(crate) fn to_write(path: &Path) -> Result<Self, Error> {
        let format = Self::of_path(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if format == Self::Ndjson || COMPRESSED.iter().any(|ending| name.ends_with(ending)) {
            return Err(ErrorKind::ReadOnlyFormat { path: path.to_owned() }.into());
        }
        Ok(format)
    }
}

const COMPRESSED: [&str; 3] = [".gz", ".zst", ".zstd"];

/// One file, all files that match a glob such as `data/2018-*.parquet`, or a folder with all data
/// files in it and below. Folders named `key=value` (`data/day=2018-04-01/part-0.parquet`) give
/// their files a column of that name, text that is converted like any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file, the folder or the glob (`*`, `?`, `[…]`, `**`). A file of exactly this name wins
    /// over a glob. In folders, names that start with a dot or an underscore are passed over.
    pub path: String,
    /// The format of every file; each file's extension tells it if this is absent.
    pub format: Option<Format>,
    /// How to read text, and what becomes of rows that cannot be read.
    pub options: ReadOptions,
}

impl Source {
    /// A source whose files' extensions tell their format, read with the default options.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), format: None, options: ReadOptions::default() }
    }

    /// The files, sorted by path. None of them is empty, and the format of each is known.
    ///
    /// # Errors
    /// A missing or empty file, a glob or folder without files, an unknown extension, a path with
    /// two folders of the same key.
    pub fn files(&self) -> Result<Vec<PathBuf>, Error> {
        Ok(self.input_files()?.into_iter().map(|file| file.path).collect())
    }

    /// BLAKE3 over the contents of the files in their order, each preceded by its length in bytes
    /// (u64, little-endian), and by the keys and values its folders give it, since they are data:
    /// each as its length and its bytes. Other names and places of the files do not count.
    ///
    /// # Errors
    /// As [`Source::files`], and a file that cannot be read.
    pub fn content_hash(&self) -> Result<[u8; 32], Error> {
        let mut hasher = blake3::Hasher::new();
        for file in self.input_files()? {
            for text in file.keys.iter().flat_map(|(key, value)| [key, value]) {
                hasher.update(&(text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
            hash_file(&mut hasher, &file.path)
                .map_err(|source| ErrorKind::io(&file.path, source))?;
        }
        Ok(*hasher.finalize().as_bytes())
    }

    /// The files in order and how to read each.
    pub(crate) fn input_files(&self) -> Result<Vec<InputFile>, Error> {
        self.options.validate()?;
        input_files(&self.path, self.format)
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
            format!(
                "{}: expected a name that ends in .csv, .ndjson, .jsonl (each also with .gz or \
                 .zst), .parquet or .pq",
                at("data.txt")
            )
        );
        assert_eq!(error("a***b.csv"), format!("file pattern {:?}", at("a***b.csv")));
        let given = Source { format: Some(Format::Csv), ..Source::new(at("data.txt")) };
        assert_eq!(names(&given.files().unwrap()), ["data.txt"]);
        let format = |name: &str| Format::of_path(Path::new(name)).ok();
        assert_eq!(format("A.PQ"), Some(Format::Parquet));
        assert_eq!(format("a.b.CSV.gz"), Some(Format::Csv));
        assert_eq!(format("a.jsonl.zst"), Some(Format::Ndjson));
        assert_eq!((format("a.parquet.gz"), format("a.gz"), format("csv")), (None, None, None));
        for name in ["a.csv.gz", "a.ndjson"] {
            assert!(Format::to_write(Path::new(name)).is_err(), "{name}");
        }
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
        fs::create_dir(folder.path().join("five")).unwrap();
        let partition = |day: &str| hash_of(&format!("five/day={day}"), &[("a.csv", "x\n1\n")]);
        assert_ne!(partition("1"), partition("2"));
        let by_hand = b"\x04\0\0\0\0\0\0\0x\n1\n\x04\0\0\0\0\0\0\0x\n2\n";
        assert_eq!(first, *blake3::hash(by_hand).as_bytes());
    }
}
