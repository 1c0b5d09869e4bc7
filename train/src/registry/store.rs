//! The seam between a registry and what keeps its files.

use std::io::{self, Seek, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Error;

/// What keeps the files of a registry: a folder ([`Folder`](super::folder::Folder)); a store of objects
/// could be another. A path is the one the read side has; to a store of objects, what follows the root
/// is the key.
///
/// A file is there whole or not at all, and one that was put stays after a power cut.
pub(super) trait Store: Send + Sync {
    /// Puts `bytes` at `path`, unless a file is there. They are read back before the file gets its name;
    /// one that is there with the same bytes becomes as young as one put now.
    fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<Put, Error>;

    /// As [`put_new`](Self::put_new), for a file too large to be held: `write` writes it, and `check` proves
    /// what was written, under another name.
    fn put_new_large(
        &self,
        path: &Path,
        write: &mut dyn FnMut(&mut dyn Output) -> io::Result<()>,
        check: &mut dyn FnMut(&Path) -> Result<(), Error>,
    ) -> Result<Put, Error>;

    /// The bytes at a path, at most `max_bytes`; none when nothing is there.
    fn get(&self, path: &Path, max_bytes: u64) -> Result<Option<Vec<u8>>, Error>;

    /// What is in a folder, in no order; nothing when it is not there.
    fn list(&self, folder: &Path) -> Result<Vec<Entry>, Error>;

    /// Puts `new` in place of what was found there, or removes it, and says whether it did: not when
    /// something else is there by now.
    fn cas(&self, path: &Path, found: Option<&[u8]>, new: Option<&[u8]>) -> Result<bool, Error>;

    /// Gives a file another name, in place of one that may have it; false when it is not there.
    fn rename(&self, from: &Path, to: &Path) -> Result<bool, Error>;

    /// Removes a file that may be there.
    fn remove(&self, path: &Path) -> Result<(), Error>;

    /// Size and time of a file; none when it is not there.
    fn kept(&self, path: &Path) -> Result<Option<Kept>, Error>;

    /// Makes sure that a file seen at `path` stays: its writer may have been killed before it did.
    fn persist(&self, path: &Path) -> Result<(), Error>;
}

/// Where a large file is written to.
pub trait Output: Write + Seek {}

impl<T: Write + Seek> Output for T {}

/// What became of a file that should be new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It is there now, or was already, with this content.
    Done,
    /// A file with other content has its name.
    Taken,
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) is_folder: bool,
}

/// How much a file holds, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

impl Kept {
    /// Whether it was last written at least that long ago. A time in the future, of another clock, is now.
    pub(super) fn is_older_than(&self, age: Duration) -> bool {
        self.modified.elapsed().unwrap_or_default() >= age
    }
}

/// The numbers of the files `00000042.json` in a folder, ascending; other files, such as an editor's
/// copies, are passed over.
///
/// A number is only ever taken by a writer that saw the one before it. A listing may miss files
/// made while it ran, but one started later must show them: on a gap, list again, until there is
/// none or it is there to stay.
pub(super) fn numbers(store: &dyn Store, folder: &Path) -> Result<Vec<u64>, Error> {
    let number = |entry: Entry| {
        let number: u64 = entry.name.strip_suffix(".json")?.parse().ok()?;
        (entry.name == numbered(number)).then_some(number)
    };
    let mut previous = Vec::new();
    loop {
        let mut found: Vec<u64> = store.list(folder)?.into_iter().filter_map(number).collect();
        found.sort_unstable();
        if first_gap(&found).is_none() || found == previous {
            return Ok(found);
        }
        previous = found;
    }
}

/// The name of a numbered file.
pub(super) fn numbered(number: u64) -> String {
    format!("{number:08}.json")
}

/// The first number from 1 on that is missing below the last.
pub(super) fn first_gap(numbers: &[u64]) -> Option<u64> {
    numbers.iter().zip(1_u64..).find(|(number, expected)| *number != expected).map(|pair| pair.1)
}

/// Reads a record, at most [`MAX_JSON_BYTES`]; none when it is not there.
pub(super) fn get_json<T: DeserializeOwned>(
    store: &dyn Store,
    path: &Path,
) -> Result<Option<T>, Error> {
    let Some(bytes) = store.get(path, MAX_JSON_BYTES)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(malformed(path))
}

/// The bytes a record is written as: one field a line, for people and for `diff`.
pub(super) fn to_json<T: Serialize>(path: &Path, record: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(record).map_err(malformed(path))?;
    bytes.push(b'\n');
    let found = bytes.len() as u64;
    if found > MAX_JSON_BYTES {
        let path = path.to_path_buf();
        return Err(Error::TooLarge { path, expected: MAX_JSON_BYTES, found });
    }
    Ok(bytes)
}

fn malformed(path: &Path) -> impl FnOnce(serde_json::Error) -> Error {
    let expected = "a record of this registry as JSON";
    move |source| Error::Malformed { path: path.to_path_buf(), expected, source }
}

/// Far more than any report.
pub(super) const MAX_JSON_BYTES: u64 = 16 << 20;
