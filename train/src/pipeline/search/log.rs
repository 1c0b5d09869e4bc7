//! What was tried, one line of JSON a fit, appended as it becomes known.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// One trial on one fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    learner: String,
    trial: usize,
    fold: usize,
    average_precision: f64,
    /// Seconds it took, which count against `minutes`.
    secs: f64,
}

/// All lines, in memory and in a file if there is one.
pub(super) struct Log {
    lines: BTreeMap<(String, usize, usize), Line>,
    file: Option<(PathBuf, File)>,
}

impl Log {
    /// Reads what is there. A line that is not whole was being written when its run was killed: it counts
    /// for nothing.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else { return Ok(Self { lines: BTreeMap::new(), file: None }) };
        let failed = |source| Error::Io { path: path.to_path_buf(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let open = OpenOptions::new().create(true).append(true).open(path);
        let mut file = open.map_err(failed)?;
        let text = fs::read(path).map_err(failed)?;
        let whole =
            text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        // Another run of the same search may have added a line of its own: the first one counts.
        let mut lines = BTreeMap::new();
        for line in whole {
            lines.entry(key(&line)).or_insert(line);
        }
        if text.last().is_some_and(|byte| *byte != b'\n') {
            file.write_all(b"\n").map_err(failed)?;
        }
        Ok(Self { lines, file: Some((path.to_path_buf(), file)) })
    }

    pub(super) fn get(&self, learner: &str, trial: usize, fold: usize) -> Option<f64> {
        let line = self.lines.get(&(learner.to_owned(), trial, fold))?;
        Some(line.average_precision)
    }

    /// The results of a trial on the first folds, as far as it was tried.
    pub(super) fn found(&self, learner: &str, trial: usize, n_folds: usize) -> Vec<f64> {
        (0..n_folds).map_while(|fold| self.get(learner, trial, fold)).collect()
    }

    /// Seconds that a learner's first trials took, in this run and before: what later ones took is not yet spent when
    /// a repeated run comes to these.
    pub(super) fn secs_of(&self, learner: &str, n_trials: usize) -> f64 {
        let is_one = |line: &&Line| line.learner == learner && line.trial < n_trials;
        self.lines.values().filter(is_one).map(|line| line.secs).sum()
    }

    pub(super) fn add(
        &mut self,
        learner: &str,
        trial: usize,
        fold: usize,
        average_precision: f64,
        secs: f64,
    ) -> Result<(), Error> {
        let line = Line { learner: learner.to_owned(), trial, fold, average_precision, secs };
        if let Some((path, file)) = &mut self.file {
            let mut text = serde_json::to_vec(&line)
                .map_err(|error| Error::data(format!("a trial cannot be written: {error}")))?;
            text.push(b'\n');
            // One call: lines of two runs do not mix.
            let written = file.write_all(&text);
            written.map_err(|source| Error::Io { path: path.clone(), source })?;
        }
        self.lines.insert(key(&line), line);
        Ok(())
    }
}

fn key(line: &Line) -> (String, usize, usize) {
    (line.learner.clone(), line.trial, line.fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_counts_for_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("search").join("log.jsonl");
        let mut log = Log::open(Some(&path)).expect("a new log");
        log.add("gbdt", 0, 0, 0.1 + 0.2, 1.5).expect("written");
        log.add("gbdt", 0, 1, 0.25, 2.5).expect("written");
        let text = fs::read(&path).expect("a log");
        fs::write(&path, &text[..text.len() - 5]).expect("torn");
        let mut log = Log::open(Some(&path)).expect("a torn log");
        assert_eq!(log.found("gbdt", 0, 2), [0.1 + 0.2]);
        log.add("gbdt", 0, 1, 0.25, 2.5).expect("written");
        log.add("gbdt", 16, 0, 0.5, 8.0).expect("written");
        let log = Log::open(Some(&path)).expect("a mended log");
        assert_eq!(log.found("gbdt", 0, 2), [0.1 + 0.2, 0.25]);
        assert!((log.secs_of("gbdt", 16) - 4.0).abs() < 1e-12);
        assert!(log.secs_of("forest", 16) < 1e-12);
    }
}
