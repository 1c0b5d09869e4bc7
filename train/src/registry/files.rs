//! The file operations of a registry, one call each, so that tests can make any of them fail.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// What a registry asks of a filesystem. Nothing else in this folder writes, links, renames or removes.
pub(super) trait Files: Send + Sync {
    /// Makes a folder and those above it, where they are missing.
    fn create_folders(&self, path: &Path) -> io::Result<()>;
    /// Makes a file for writing; [`io::ErrorKind::AlreadyExists`] when the name is in use.
    fn create_new(&self, path: &Path) -> io::Result<File>;
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<File>;
    /// Writes some of `bytes`, and says how many.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize>;
    /// Waits until a file's content is on the disk.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Waits until the names in a folder are on the disk.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder as far as they are text, and whether each is a folder; in no order.
    fn list(&self, path: &Path) -> io::Result<Vec<(String, bool)>>;
    /// Size, time and kind of a file.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;
    /// Gives a file a second name, which must be free.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Renames a file, in place of one that may have the name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a file as young as one written now.
    fn touch(&self, path: &Path) -> io::Result<()>;
    /// Waits for an exclusive lock on a file, made where it is missing, and holds it until the result is
    /// dropped; none where the filesystem has no locks.
    fn lock(&self, path: &Path) -> io::Result<Option<File>>;
}

/// The filesystem itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disk;

impl Files for Disk {
    fn create_folders(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        // Elsewhere a folder cannot be opened as a file, and its entries are durable by themselves.
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(String, bool)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                let kind = entry.file_type()?;
                // A link is what it leads to.
                found.push((name, kind.is_dir() || kind.is_symlink() && entry.path().is_dir()));
            }
        }
        Ok(found)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        fs::metadata(path)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn touch(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.set_modified(std::time::SystemTime::now())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<File>> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        Ok(file.lock().ok().map(|()| file))
    }
}
