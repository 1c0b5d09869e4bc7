//! A store in a folder: a file is there whole or not at all, and stays after a power cut.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::files::{Disk, Files};
use super::store::{Entry, Kept, Output, Put, Store};

/// The folder that all files are written under.
#[derive(Clone)]
pub(super) struct Folder {
    root: PathBuf,
    files: Arc<dyn Files>,
}

impl Folder {
    /// A store in a folder that is there, by its absolute path.
    pub(super) fn new(root: &Path) -> Self {
        Self::over(root, Arc::new(Disk))
    }

    /// As [`Folder::new`], by these file operations.
    pub(super) fn over(root: &Path, files: Arc<dyn Files>) -> Self {
        Self { root: root.to_path_buf(), files }
    }

    /// Makes the folder, with those above it, and tries to write in it.
    pub(super) fn create(&self) -> Result<(), Error> {
        let root = &self.root;
        let failed = |source| Error::NotWritable { path: root.clone(), source };
        if self.files.metadata(root).is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(Error::NotAFolder { path: root.clone() });
        }
        let existing = root.ancestors().find(|folder| folder.is_dir()).unwrap_or(root);
        self.files.create_folders(root).map_err(failed)?;
        for folder in root.ancestors().skip(1).take_while(|folder| folder.starts_with(existing)) {
            self.sync_folder(folder)?;
        }
        match self.temporary(&mut |_| Ok(())) {
            Ok(_) => Ok(()),
            Err(Error::Io { source, .. }) => Err(failed(source)),
            Err(error) => Err(error),
        }
    }

    /// Gives a file its name, unless another has it.
    fn link(&self, temporary: &Temporary<'_>, path: &Path) -> Result<Put, Error> {
        let put = loop {
            match self.files.link(&temporary.path, path) {
                Ok(()) => break Put::Done,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(Error::Link { path: path.to_path_buf(), source }),
            }
            match self.same_content(&temporary.path, path) {
                Ok(true) => {
                    // As young as one put now, so that `gc` leaves it alone: only a courtesy.
                    let _ = self.files.touch(path);
                    break Put::Done;
                }
                Ok(false) => break Put::Taken,
                // Taken away in between: once more.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(failed("read", path)(source)),
            }
        };
        // Also for a file that was there: its writer may have been killed before this.
        self.persist(path)?;
        Ok(put)
    }

    /// Writes a temporary file for `path` and reads it back.
    fn written(&self, path: &Path, bytes: &[u8]) -> Result<Temporary<'_>, Error> {
        self.make_parent(path)?;
        let temporary = self.temporary(&mut |file| file.write_all(bytes))?;
        let mut found = Vec::with_capacity(bytes.len());
        let read =
            self.files.open(&temporary.path).and_then(|mut file| file.read_to_end(&mut found));
        read.map_err(failed("read back", &temporary.path))?;
        if found != bytes {
            let (expected, found) = (bytes.len(), found.len());
            return Err(Error::ReadBack { path: temporary.path.clone(), expected, found });
        }
        Ok(temporary)
    }

    /// On the same filesystem as the rest, since a link cannot leave it. Process numbers repeat
    /// across containers and after a crash, so a name in use is stepped over.
    fn temporary(
        &self,
        write: &mut dyn FnMut(&mut dyn Output) -> io::Result<()>,
    ) -> Result<Temporary<'_>, Error> {
        let process = std::process::id();
        for attempt in 0_u64.. {
            let path = self.root.join("tmp").join(format!("{process}-{attempt}"));
            self.make_parent(&path)?;
            let file = match self.files.create_new(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(source) => return Err(failed("create", &path)(source)),
            };
            let files = self.files.as_ref();
            let temporary = Temporary { path, files, is_renamed: false };
            let mut writer = Writer { file, files };
            write(&mut writer).map_err(failed("write", &temporary.path))?;
            // A failed sync is not tried again, as the system may have dropped the data it could not
            // write: the file is given up with its temporary name.
            files.sync(&writer.file).map_err(failed("sync", &temporary.path))?;
            return Ok(temporary);
        }
        unreachable!("more than 2^64 temporary files")
    }

    /// Whether two files hold the same bytes, read side by side.
    fn same_content(&self, one: &Path, other: &Path) -> io::Result<bool> {
        let open =
            |path| Ok::<_, io::Error>(BufReader::with_capacity(1 << 16, self.files.open(path)?));
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

    fn make_parent(&self, path: &Path) -> Result<(), Error> {
        let Some(folder) = path.parent() else { return Ok(()) };
        self.files.create_folders(folder).map_err(failed("create", folder))
    }

    fn sync_folder(&self, folder: &Path) -> Result<(), Error> {
        self.files.sync_folder(folder).map_err(failed("sync", folder))
    }
}

impl Store for Folder {
    fn put_new(&self, path: &Path, bytes: &[u8]) -> Result<Put, Error> {
        self.link(&self.written(path, bytes)?, path)
    }

    fn put_new_large(
        &self,
        path: &Path,
        write: &mut dyn FnMut(&mut dyn Output) -> io::Result<()>,
        check: &mut dyn FnMut(&Path) -> Result<(), Error>,
    ) -> Result<Put, Error> {
        self.make_parent(path)?;
        let temporary = self.temporary(write)?;
        check(&temporary.path)?;
        self.link(&temporary, path)
    }

    fn get(&self, path: &Path, max_bytes: u64) -> Result<Option<Vec<u8>>, Error> {
        let file = match self.files.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed("read", path)(source)),
        };
        let mut bytes = Vec::new();
        let read = file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes);
        let found = read.map_err(failed("read", path))? as u64;
        if found > max_bytes {
            let path = path.to_path_buf();
            return Err(Error::TooLarge { path, expected: max_bytes, found });
        }
        Ok(Some(bytes))
    }

    fn list(&self, folder: &Path) -> Result<Vec<Entry>, Error> {
        match self.files.list(folder) {
            Ok(found) => {
                let entry = |(name, is_folder)| Entry { name, is_folder };
                Ok(found.into_iter().map(entry).collect())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(failed("list", folder)(source)),
        }
    }

    /// Compares and renames under a lock. Where the filesystem has none, a writer may change the file
    /// in between: callers look again.
    fn cas(&self, path: &Path, found: Option<&[u8]>, new: Option<&[u8]>) -> Result<bool, Error> {
        let lock = self.root.join("tmp").join("writers.lock");
        self.make_parent(&lock)?;
        let _held = self.files.lock(&lock).map_err(failed("lock", &lock))?;
        let max_bytes = found.map_or(0, |found| found.len() as u64);
        let is_expected = match self.get(path, max_bytes) {
            Ok(now) => now.as_deref() == found,
            Err(Error::TooLarge { .. }) => false,
            Err(error) => return Err(error),
        };
        if !is_expected {
            return Ok(false);
        }
        match new {
            Some(bytes) => {
                let mut temporary = self.written(path, bytes)?;
                self.files.rename(&temporary.path, path).map_err(failed("replace", path))?;
                temporary.is_renamed = true;
                self.persist(path)?;
            }
            None => self.remove(path)?,
        }
        Ok(true)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<bool, Error> {
        match self.files.rename(from, to) {
            Ok(()) => {
                self.persist(to)?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(failed("rename", from)(source)),
        }
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        match self.files.remove(path) {
            Ok(()) => self.persist(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(failed("remove", path)(source)),
        }
    }

    fn kept(&self, path: &Path) -> Result<Option<Kept>, Error> {
        match self.files.metadata(path) {
            Ok(metadata) => {
                let modified = metadata.modified().map_err(failed("look at", path))?;
                Ok(Some(Kept { bytes: metadata.len(), modified }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("look at", path)(source)),
        }
    }

    /// Makes the names durable from a file up to the root. Not only of folders made now: whoever
    /// made the others may have been killed before they were.
    fn persist(&self, path: &Path) -> Result<(), Error> {
        let mut folders =
            path.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root));
        folders.try_for_each(|folder| self.sync_folder(folder))
    }
}

/// A file under its temporary name, removed when dropped; not when killed, which leaves it in
/// `tmp/`, where only `fsck` and `gc` look.
struct Temporary<'a> {
    path: PathBuf,
    files: &'a dyn Files,
    /// Its name is free, and by now perhaps another writer's.
    is_renamed: bool,
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.is_renamed {
            // Left over, it is in nobody's way.
            let _ = self.files.remove(&self.path);
        }
    }
}

/// A file that is written by the operations of a [`Files`].
struct Writer<'a> {
    file: File,
    files: &'a dyn Files,
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.files.write(&mut self.file, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Writer<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { action, path: path.to_path_buf(), source }
}
