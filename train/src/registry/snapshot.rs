//! Snapshots: put into place, and found again.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use shroff_datasets::time::format_time;
use shroff_serve::features::state::EntityState;
use shroff_serve::features::window::Windows;
use shroff_serve::registry::RegistryError as ReadError;
use shroff_serve::snapshot::Snapshot;

use super::Registry;
use super::error::Error;
use super::store::{Entry, Output, Put};

/// A snapshot, proved: what it is of and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFile {
    /// The exclusive end of the events in it, microseconds UTC.
    pub as_of: i64,
    /// The windows whose states it holds.
    pub window_hash: [u8; 32],
    /// How many entities it has.
    pub entities: u64,
    /// The file.
    pub path: PathBuf,
}

/// A snapshot by its name alone, not looked into.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotName {
    /// The windows whose states it holds, as 64 hex digits.
    pub window_hash: String,
    /// The exclusive end of the events in it, microseconds UTC.
    pub as_of: i64,
    /// The file.
    pub path: PathBuf,
}

impl Registry {
    /// The snapshots of a model by windows and time, oldest first.
    ///
    /// # Errors
    /// A name that is not one, or a folder that cannot be listed.
    pub fn snapshot_names(&self, name: &str) -> Result<Vec<SnapshotName>, Error> {
        let root = self.reader.model_path(name)?.join("snapshots");
        let mut found = Vec::new();
        for windows in self.store.list(&root)?.into_iter().filter(|entry| entry.is_folder) {
            if blake3::Hash::from_hex(&windows.name).is_err() {
                continue;
            }
            let folder = root.join(&windows.name);
            for Entry { name, is_folder } in self.store.list(&folder)? {
                let as_of = name.strip_suffix(".state").and_then(|stem| stem.parse::<i64>().ok());
                let Some(as_of) = as_of.filter(|as_of| format!("{as_of}.state") == name) else {
                    continue;
                };
                if !is_folder {
                    let (window_hash, path) = (windows.name.clone(), folder.join(&name));
                    found.push(SnapshotName { window_hash, as_of, path });
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Puts the snapshot that `write` writes into its place, having read back and proved every state of it.
    /// The same bytes may be there already.
    ///
    /// # Errors
    /// [`Error::SnapshotTaken`] where other bytes are; what was written is no snapshot, or a file could
    /// not be written or read. Nothing is then left under its name.
    pub fn put_snapshot(
        &self,
        name: &str,
        windows: &Windows,
        as_of: i64,
        mut write: impl FnMut(&mut dyn Output) -> Result<(), shroff_serve::Error>,
    ) -> Result<SnapshotFile, Error> {
        let path = self.reader.snapshot_path(name, windows, as_of)?;
        let mut proved = None;
        let put = self.store.put_new_large(
            &path,
            &mut |out| write(out).map_err(io::Error::other),
            &mut |written| {
                let snapshot = Snapshot::open(written).map_err(refused(&path))?;
                proved = Some(SnapshotFile::prove(snapshot, windows, &path)?);
                Ok(())
            },
        )?;
        match (put, proved) {
            (Put::Done, Some(proved)) => Ok(proved),
            _ => Err(Error::SnapshotTaken { path }),
        }
    }

    /// The snapshot of these windows as of a time, proved; none when there is none.
    ///
    /// # Errors
    /// It cannot be read, or is not what its place says.
    pub fn find_snapshot(
        &self,
        name: &str,
        windows: &Windows,
        as_of: i64,
    ) -> Result<Option<SnapshotFile>, Error> {
        let path = self.reader.snapshot_path(name, windows, as_of)?;
        match self.reader.snapshot(name, windows, as_of) {
            Ok(None) => Ok(None),
            Ok(Some(snapshot)) => SnapshotFile::prove(snapshot, windows, &path).map(Some),
            Err(ReadError::Snapshot { path, source }) => Err(Error::Snapshot { path, source }),
            Err(error) => Err(error.into()),
        }
    }
}

impl SnapshotFile {
    /// Reads all of a snapshot that lies, or is to lie, at a path.
    ///
    /// # Errors
    /// A section or a state that is not as it should be.
    pub fn prove(mut snapshot: Snapshot, windows: &Windows, path: &Path) -> Result<Self, Error> {
        let entities = snapshot.for_each(|state| {
            EntityState::decode(windows, state.key, state.bytes)?;
            Ok(())
        });
        Ok(Self {
            as_of: snapshot.as_of(),
            window_hash: *snapshot.window_hash(),
            entities: entities.map_err(refused(path))?,
            path: path.to_path_buf(),
        })
    }

    /// What `--json` prints of it.
    pub fn to_json(&self) -> Value {
        json!({
            "as_of": format_time(self.as_of),
            "window_hash": blake3::Hash::from_bytes(self.window_hash).to_string(),
            "entities": self.entities,
            "path": self.path.display().to_string(),
        })
    }
}

fn refused(path: &Path) -> impl FnOnce(shroff_serve::Error) -> Error {
    let path = path.to_path_buf();
    |source| Error::Snapshot { path, source: Box::new(source) }
}
