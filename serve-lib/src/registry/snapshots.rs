//! The snapshots in a registry: the states of all entities, for a backend's store to begin with.
//!
//! They lie by the windows whose states they are, not by version: a new model with the same windows goes on
//! with them, and an older champion finds those of its own.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::error::io_error;
use super::{Registry, RegistryError};
use crate::error::{Error, ErrorKind};
use crate::features::window::Windows;
use crate::snapshot::Snapshot;

impl Registry {
    /// Opens the newest snapshot of these windows; none when there is none. Its header and table are
    /// proved, its states when they are read.
    ///
    /// ```
    /// use shroff_serve::Scorer;
    /// use shroff_serve::registry::Registry;
    ///
    /// # let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1-velocity");
    /// # let scorer = Scorer::open(format!("{golden}/velocity.shroff"))?;
    /// # let as_of = shroff_serve::snapshot::Snapshot::open(format!("{golden}/velocity.state"))?.as_of();
    /// # let folder = std::env::temp_dir().join(format!("shroff-newest-snapshot-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// let registry = Registry::open(&folder)?;
    /// let windows = scorer.windows().expect("this model has velocity features");
    /// # let path = registry.snapshot_path("cards", windows, as_of)?;
    /// # std::fs::create_dir_all(path.parent().expect("a folder"))?;
    /// # std::fs::copy(format!("{golden}/velocity.state"), &path)?;
    /// let mut snapshot = registry.newest_snapshot("cards", windows)?.expect("one was published");
    /// assert_eq!(Some(&snapshot.as_of()), registry.snapshots("cards", windows)?.last());
    ///
    /// // Or all at once, by `StateStore::from_snapshot` of the crate feature `store`.
    /// assert_eq!(snapshot.for_each(|_state| Ok(()))?, 8);
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Registry::snapshots`] and [`Registry::snapshot`]. One that is damaged is not passed over in
    /// silence: an older one is had by its time.
    pub fn newest_snapshot(
        &self,
        name: &str,
        windows: &Windows,
    ) -> Result<Option<Snapshot>, RegistryError> {
        match self.snapshots(name, windows)?.last() {
            Some(as_of) => self.snapshot(name, windows, *as_of),
            None => Ok(None),
        }
    }

    /// The times of a model's snapshots of these windows, in microseconds since 1970 UTC, ascending; empty
    /// when there are none, or the model is not there. Other files in their folder are passed over.
    ///
    /// # Errors
    /// A name that could leave the folder, or a folder that cannot be listed.
    pub fn snapshots(&self, name: &str, windows: &Windows) -> Result<Vec<i64>, RegistryError> {
        let folder = self.snapshot_folder(name, windows)?;
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(io_error(&folder, source)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(|source| io_error(&folder, source))?.file_name();
            let Some(name) = name.to_str() else { continue };
            let as_of = name.strip_suffix(".state").and_then(|stem| stem.parse().ok());
            // Of the forms of a number only the one that is written.
            found.extend(as_of.filter(|as_of| file_name(*as_of) == name));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Opens the snapshot of these windows as of a time; none when there is none.
    ///
    /// # Errors
    /// A name that could leave the folder; a file that cannot be read, is no snapshot, or one of other
    /// windows or another time than its place says.
    pub fn snapshot(
        &self,
        name: &str,
        windows: &Windows,
        as_of: i64,
    ) -> Result<Option<Snapshot>, RegistryError> {
        let path = self.snapshot_path(name, windows, as_of)?;
        if !fs::exists(&path).map_err(|source| io_error(&path, source))? {
            return Ok(None);
        }
        let refused = |source: Error| {
            let (path, source) = (path.clone(), Box::new(source));
            RegistryError::Snapshot { path, source }
        };
        let snapshot = Snapshot::open_within(&path, &self.limits).map_err(refused)?;
        let (expected, found) = (*windows.hash(), *snapshot.window_hash());
        if expected != found {
            let other = Error::from(ErrorKind::OtherWindows { expected, found });
            return Err(refused(other.of_snapshot()));
        }
        if snapshot.as_of() != as_of {
            let found = snapshot.as_of();
            return Err(RegistryError::WrongSnapshot { path, expected: as_of, found });
        }
        Ok(Some(snapshot))
    }

    /// Where the snapshot of these windows as of a time is, or would be.
    ///
    /// # Errors
    /// A name that does not match `[a-z0-9][a-z0-9._-]{0,63}`.
    pub fn snapshot_path(
        &self,
        name: &str,
        windows: &Windows,
        as_of: i64,
    ) -> Result<PathBuf, RegistryError> {
        Ok(self.snapshot_folder(name, windows)?.join(file_name(as_of)))
    }

    fn snapshot_folder(&self, name: &str, windows: &Windows) -> Result<PathBuf, RegistryError> {
        let hash = blake3::Hash::from_bytes(*windows.hash());
        Ok(self.model_path(name)?.join("snapshots").join(hash.to_hex().as_str()))
    }
}

fn file_name(as_of: i64) -> String {
    format!("{as_of}.state")
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::features::window::{Closed, Measure, WindowFeature, WindowProgram};
    use crate::snapshot::SnapshotWriter;

    fn windows(key: &str) -> Windows {
        let feature = WindowFeature {
            key: vec![key.into()],
            filter: None,
            measure: Measure::Count,
            window_micros: None,
            delay_micros: 0,
            closed: Closed::Left,
        };
        Windows::new(WindowProgram {
            time: "at".into(),
            event_id: None,
            amounts: Vec::new(),
            max_events: 64,
            features: vec![feature],
        })
        .unwrap()
    }

    #[test]
    fn the_newest_snapshot_is_that_of_the_latest_time() {
        let root = std::env::temp_dir().join(format!("shroff-snapshots-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let registry = Registry::open(&root).unwrap();
        let (cards, shops) = (windows("card"), windows("shop"));
        assert!(registry.newest_snapshot("m", &cards).unwrap().is_none());
        let put = |named: i64, windows: &Windows, as_of: i64| {
            let path = registry.snapshot_path("m", &cards, named).unwrap();
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = File::create(&path).unwrap();
            SnapshotWriter::new(file, windows, as_of).unwrap().finish().unwrap();
            path
        };
        // As text, -7 and 9 would come after 10.
        for as_of in [9, -7, 10] {
            put(as_of, &cards, as_of);
        }
        let folder = registry.snapshot_folder("m", &cards).unwrap();
        for foreign in ["11.state.old", "0012.state", "+13.state", "x.state", ".14.state.tmp"] {
            fs::write(folder.join(foreign), "").unwrap();
        }
        assert_eq!(registry.snapshots("m", &cards).unwrap(), [-7, 9, 10]);
        assert_eq!(registry.newest_snapshot("m", &cards).unwrap().unwrap().as_of(), 10);
        assert!(registry.newest_snapshot("m", &shops).unwrap().is_none());
        assert!(registry.snapshot("m", &cards, 8).unwrap().is_none());
        assert!(registry.snapshots("../m", &cards).is_err());

        let path = put(20, &cards, 10);
        let error = registry.newest_snapshot("m", &cards).unwrap_err().to_string();
        assert!(error.contains("as of 20") && error.contains("found those as of 10"), "{error}");
        put(20, &shops, 20);
        let error = registry.newest_snapshot("m", &cards).unwrap_err();
        assert!(matches!(error, RegistryError::Snapshot { .. }), "{error}");
        fs::write(&path, "cut").unwrap();
        let error = registry.newest_snapshot("m", &cards).unwrap_err().to_string();
        assert!(error.contains("20.state cannot be used; remove it"), "{error}");
        fs::remove_dir_all(&root).unwrap();
    }
}
