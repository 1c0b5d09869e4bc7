//! The follower's local cache: the last model it accepted, so that a restart needs no registry.
//!
//! It is a registry folder in small, one for each model and alias, with one alias, one artifact and, where there
//! are such, its signature and the snapshot of its windows. So it is read, and what it holds proved, as the registry is.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::FollowError;
use crate::artifact::ArtifactId;
use crate::features::window::Windows;
use crate::limits::Limits;
use crate::registry::{AliasTarget, Registry, RegistryError};

#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    model: String,
    alias: String,
    limits: Limits,
    /// Held once something was written: the folder is this process's.
    lock: Option<File>,
    /// What was accepted last is not yet in the folder.
    pub(super) is_behind: bool,
}

impl Cache {
    /// The names are proved by now.
    pub(super) fn new(folder: &Path, model: &str, alias: &str, limits: Limits) -> Self {
        let folder = folder.join(model).join(alias);
        let (model, alias) = (model.into(), alias.into());
        Self { folder, model, alias, limits, lock: None, is_behind: false }
    }

    /// The cache as a registry, and what was accepted last; none when it is empty.
    pub(super) fn accepted(&self) -> Result<Option<(Registry, AliasTarget)>, FollowError> {
        if !fs::exists(&self.folder).map_err(failed("read", &self.folder))? {
            return Ok(None);
        }
        let registry = Registry::open(&self.folder)?.within(self.limits);
        Ok(registry.alias(&self.model, &self.alias)?.map(|target| (registry, target)))
    }

    /// Copies what a registry's alias names, proved anew: it may be long since it was accepted. The alias comes last:
    /// cut short anywhere, the folder holds what was accepted before.
    pub(super) fn keep(
        &mut self,
        from: &Registry,
        target: &AliasTarget,
        windows: Option<&Windows>,
        is_guarded: bool,
    ) -> Result<(), FollowError> {
        self.claim()?;
        let to = Registry::open(&self.folder)?.within(self.limits);
        let AliasTarget { artifact, event } = *target;
        let mut kept = vec![to.blob_path(&artifact)];
        self.put(&to.blob_path(&artifact), &from.read_proved(&artifact)?)?;
        match from.signature(target)? {
            Some(signature) => {
                kept.push(to.signature_path(target));
                self.put(&to.signature_path(target), signature.as_bytes())?;
            }
            None if is_guarded => return Err(FollowError::Unsigned { artifact, event }),
            None => {}
        }
        let mut refused = None;
        if let Some(windows) = windows {
            let newest = |registry: &Registry| {
                let times = registry.snapshots(&self.model, windows)?;
                Ok::<_, RegistryError>(times.last().copied())
            };
            let (found, mine) = (newest(from)?, newest(&to)?);
            let mut newest = found.max(mine);
            if let Some(as_of) = newest.filter(|as_of| mine != Some(*as_of)) {
                let path = to.snapshot_path(&self.model, windows, as_of)?;
                // A snapshot is not signed: one that is refused keeps nobody from remembering what was accepted.
                let copied = self
                    .prove_snapshot(from, windows, as_of, artifact)
                    .and_then(|path_of| self.copy(&path_of, &path));
                if let Err(error) = copied {
                    (refused, newest) = (Some(error), mine);
                }
            }
            if let Some(as_of) = newest {
                kept.push(to.snapshot_path(&self.model, windows, as_of)?);
            }
        }
        let alias = to.alias_path(&self.model, &self.alias)?;
        self.put(&alias, format!("{target}\n").as_bytes())?;
        kept.push(alias);
        self.sweep(&kept)?;
        match refused {
            Some(error) => Err(error),
            None => {
                self.is_behind = false;
                Ok(())
            }
        }
    }

    /// Where a snapshot lies whose every state was read.
    fn prove_snapshot(
        &self,
        from: &Registry,
        windows: &Windows,
        as_of: i64,
        artifact: ArtifactId,
    ) -> Result<PathBuf, FollowError> {
        if let Some(mut found) = from.snapshot(&self.model, windows, as_of)? {
            let refused = |source| FollowError::Snapshot { artifact, source: Box::new(source) };
            found.for_each(|_| Ok(())).map_err(refused)?;
        }
        Ok(from.snapshot_path(&self.model, windows, as_of)?)
    }

    /// Makes the folder, and sees that no other process has it.
    fn claim(&mut self) -> Result<(), FollowError> {
        fs::create_dir_all(&self.folder).map_err(failed("create", &self.folder))?;
        let path = self.folder.join(LOCK);
        // One that was removed with its folder guards nothing.
        if self.lock.is_some() && fs::exists(&path).unwrap_or(false) {
            return Ok(());
        }
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(failed("open", &path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                Err(FollowError::CacheInUse { path: self.folder.clone() })
            }
            // Where the filesystem has no locks, nobody has one.
            Ok(()) | Err(TryLockError::Error(_)) => {
                self.lock = Some(file);
                Ok(())
            }
        }
    }

    /// Puts bytes at a path in the folder, unless they are there already.
    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), FollowError> {
        if fs::read(path).is_ok_and(|found| found == bytes) {
            return Ok(());
        }
        self.place(path, |file| file.write_all(bytes))
    }

    /// Copies a file that may be too large to be held.
    fn copy(&self, from: &Path, path: &Path) -> Result<(), FollowError> {
        let mut source = File::open(from).map_err(failed("copy into", from))?;
        self.place(path, |file| io::copy(&mut source, file).map(drop))
    }

    /// Written beside, made durable, then renamed: a file is there whole or not at all.
    fn place(
        &self,
        path: &Path,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<(), FollowError> {
        let temporary = self.folder.join("tmp");
        let steps = || {
            let folder = path.parent().unwrap_or(&self.folder);
            fs::create_dir_all(folder)?;
            let mut file = File::create(&temporary)?;
            write(&mut file)?;
            file.sync_all()?;
            fs::rename(&temporary, path)?;
            let inside = path.ancestors().skip(1).take_while(|at| at.starts_with(&self.folder));
            inside.into_iter().try_for_each(sync_folder)
        };
        steps().map_err(|source| {
            // Half a file on a full disk helps nobody; that it was there is told below.
            let _ = fs::remove_file(&temporary);
            failed("write", path)(source)
        })
    }

    /// Removes all other files, those of models before.
    fn sweep(&self, kept: &[PathBuf]) -> Result<(), FollowError> {
        let mut folders = vec![self.folder.join("blobs"), self.folder.join("models")];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(failed("list", &folder)(source)),
            };
            for entry in entries {
                let entry = entry.map_err(failed("list", &folder))?;
                let path = entry.path();
                if entry.file_type().map_err(failed("list", &folder))?.is_dir() {
                    folders.push(path);
                } else if is_ours(&path) && !kept.contains(&path) {
                    fs::remove_file(&path).map_err(failed("remove from", &path))?;
                }
            }
        }
        Ok(())
    }
}

/// Of what somebody else put there nothing is removed.
fn is_ours(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str);
    matches!(ending, Some("shroff" | "minisig" | "state"))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file, and its entries are durable by themselves.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FollowError {
    let path = path.to_path_buf();
    move |source| FollowError::Cache { action, path, source }
}

const LOCK: &str = "lock";
