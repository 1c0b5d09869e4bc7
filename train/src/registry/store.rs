//! Putting a file into place so that it is there whole or not at all, and stays after a power cut.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::error::Error;

/// The folder that all files are written under.
#[derive(Debug, Clone)]
pub(super) struct Store {
    root: PathBuf,
}

/// What became of a file that should be new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It is there now, or was already, with this content.
    Done,
    /// A file with other content has its name.
    Taken,
}

impl Store {
    /// A store in a folder that is there, by its absolute path.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// Makes the folder `root`, an absolute path, and tries to write in it.
    pub(super) fn create(root: &Path) -> Result<Self, Error> {
        let failed = |source| Error::NotWritable { path: root.to_path_buf(), source };
        if fs::metadata(root).is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(Error::NotAFolder { path: root.to_path_buf() });
        }
        let existing = root.ancestors().find(|folder| folder.is_dir()).unwrap_or(root);
        fs::create_dir_all(root).map_err(failed)?;
        for folder in root.ancestors().skip(1).take_while(|folder| folder.starts_with(existing)) {
            sync_folder(folder)?;
        }
        let store = Self::new(root);
        match store.temporary(|_| Ok(())) {
            Ok(_) => Ok(store),
            Err(Error::Io { source, .. }) => Err(failed(source)),
            Err(error) => Err(error),
        }
    }

    /// A name directly below the root.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Puts `bytes` at `path`, unless a file is there. The bytes are read back from the disk and
    /// given to `check` before the file gets its name.
    ///
    /// A failed sync is not tried again, as the system may have dropped the data it could not
    /// write: the file is given up with its temporary name.
    pub(super) fn put_new(
        &self,
        path: &Path,
        bytes: &[u8],
        check: impl FnOnce(&[u8]) -> Result<(), Error>,
    ) -> Result<Put, Error> {
        self.link(&self.written(path, bytes, check)?, path)
    }

    /// As [`put_new`](Self::put_new), for a file too large to be held: `write` writes it, and `check` proves
    /// what is on the disk.
    pub(super) fn put_large(
        &self,
        path: &Path,
        write: impl FnOnce(&File) -> io::Result<()>,
        check: impl FnOnce(&Path) -> Result<(), Error>,
    ) -> Result<Put, Error> {
        make_parent(path)?;
        let temporary = self.temporary(write)?;
        check(&temporary.path)?;
        self.link(&temporary, path)
    }

    /// Gives a file its name, unless another has it.
    fn link(&self, temporary: &Temporary, path: &Path) -> Result<Put, Error> {
        let put = match fs::hard_link(&temporary.path, path) {
            Ok(()) => Put::Done,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let is_same = same_content(&temporary.path, path);
                if is_same.map_err(failed("read", path))? { Put::Done } else { Put::Taken }
            }
            Err(source) => return Err(Error::Link { path: path.to_path_buf(), source }),
        };
        // Also for a file that was there: its writer may have been killed before this.
        self.sync_parents(path)?;
        Ok(put)
    }

    /// Puts `bytes` at `path`, in place of a file that may be there.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let mut temporary = self.written(path, bytes, |_| Ok(()))?;
        fs::rename(&temporary.path, path).map_err(failed("replace", path))?;
        temporary.renamed = true;
        self.sync_parents(path)
    }

    /// Renames a file that may be there to its name with `.damaged` added.
    pub(super) fn set_aside(&self, path: &Path) -> Result<(), Error> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".damaged");
        match fs::rename(path, &aside) {
            Ok(()) => self.sync_parents(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(failed("set aside", path)(source)),
        }
    }

    /// Removes a file that may be there.
    pub(super) fn remove(&self, path: &Path) -> Result<(), Error> {
        match fs::remove_file(path) {
            Ok(()) => self.sync_parents(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(failed("remove", path)(source)),
        }
    }

    /// Makes the names durable from a file up to the root. Not only of folders made now: whoever
    /// made the others may have been killed before they were.
    pub(super) fn sync_parents(&self, path: &Path) -> Result<(), Error> {
        let mut folders =
            path.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root));
        folders.try_for_each(sync_folder)
    }

    /// Waits until no other writer holds the lock `name`. Held until dropped; `None` where the
    /// filesystem has no locks.
    pub(super) fn lock(&self, name: &str) -> Result<Option<File>, Error> {
        let path = self.root.join("tmp").join(format!("{name}.lock"));
        make_parent(&path)?;
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(failed("open", &path))?;
        Ok(file.lock().ok().map(|()| file))
    }

    /// Writes a temporary file for `path`, reads it back and has it checked.
    fn written(
        &self,
        path: &Path,
        bytes: &[u8],
        check: impl FnOnce(&[u8]) -> Result<(), Error>,
    ) -> Result<Temporary, Error> {
        make_parent(path)?;
        let temporary = self.temporary(|mut file| file.write_all(bytes))?;
        let found = fs::read(&temporary.path).map_err(failed("read back", &temporary.path))?;
        if found != bytes {
            let (expected, found) = (bytes.len(), found.len());
            return Err(Error::ReadBack { path: temporary.path.clone(), expected, found });
        }
        check(&found)?;
        Ok(temporary)
    }

    /// On the same filesystem as the rest, since a link cannot leave it. Process numbers repeat
    /// across containers and after a crash, so a name in use is stepped over.
    fn temporary(&self, write: impl FnOnce(&File) -> io::Result<()>) -> Result<Temporary, Error> {
        let process = std::process::id();
        for attempt in 0_u64.. {
            let path = self.root.join("tmp").join(format!("{process}-{attempt}"));
            make_parent(&path)?;
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(source) => return Err(failed("create", &path)(source)),
            };
            let temporary = Temporary { path, renamed: false };
            write(&file).map_err(failed("write", &temporary.path))?;
            file.sync_all().map_err(failed("sync", &temporary.path))?;
            return Ok(temporary);
        }
        unreachable!("more than 2^64 temporary files")
    }
}

/// A file under its temporary name, removed when dropped; not when killed, which leaves it in
/// `tmp/`, where nobody looks at it.
struct Temporary {
    path: PathBuf,
    /// Its name is free, and by now perhaps another writer's.
    renamed: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Left over, it is in nobody's way.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Paths are made absolute once, so that a change of the working folder does not move them.
pub(super) fn absolute(root: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(root).map_err(failed("find", root))
}

/// Reads a record, at most [`MAX_JSON_BYTES`].
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let file = File::open(path).map_err(failed("read", path))?;
    let mut bytes = Vec::new();
    file.take(MAX_JSON_BYTES + 1).read_to_end(&mut bytes).map_err(failed("read", path))?;
    let found = bytes.len() as u64;
    if found > MAX_JSON_BYTES {
        let path = path.to_path_buf();
        return Err(Error::TooLarge { path, expected: MAX_JSON_BYTES, found });
    }
    serde_json::from_slice(&bytes).map_err(malformed(path))
}

/// The bytes a record is written as: one field a line, for people and for `diff`.
pub(super) fn to_json<T: serde::Serialize>(path: &Path, record: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(record).map_err(malformed(path))?;
    bytes.push(b'\n');
    let found = bytes.len() as u64;
    if found > MAX_JSON_BYTES {
        let path = path.to_path_buf();
        return Err(Error::TooLarge { path, expected: MAX_JSON_BYTES, found });
    }
    Ok(bytes)
}

/// Whether two files hold the same bytes, read side by side.
fn same_content(one: &Path, other: &Path) -> io::Result<bool> {
    let open = |path| Ok::<_, io::Error>(BufReader::with_capacity(1 << 16, File::open(path)?));
    let (mut one, mut other) = (open(one)?, open(other)?);
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let n_bytes = left.len().min(right.len());
        if n_bytes == 0 || left[..n_bytes] != right[..n_bytes] {
            return Ok(left.is_empty() && right.is_empty());
        }
        one.consume(n_bytes);
        other.consume(n_bytes);
    }
}

/// The names of the folders in a folder, in no order; none when it is not there.
pub(super) fn folder_names(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed("list", folder)(source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("list", folder))?;
        if entry.path().is_dir() {
            names.push(entry.file_name());
        }
    }
    Ok(names.into_iter().map(OsString::into_string).filter_map(Result::ok).collect())
}

fn make_parent(path: &Path) -> Result<(), Error> {
    let Some(folder) = path.parent() else { return Ok(()) };
    fs::create_dir_all(folder).map_err(failed("create", folder))
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    // Elsewhere a folder cannot be opened as a file, and its entries are durable by themselves.
    if cfg!(unix) {
        let file = File::open(folder).map_err(failed("open", folder))?;
        file.sync_all().map_err(failed("sync", folder))?;
    }
    Ok(())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { action, path: path.to_path_buf(), source }
}

fn malformed(path: &Path) -> impl FnOnce(serde_json::Error) -> Error {
    let expected = "a record of this registry as JSON";
    move |source| Error::Malformed { path: path.to_path_buf(), expected, source }
}

/// Far more than any report.
const MAX_JSON_BYTES: u64 = 16 << 20;
