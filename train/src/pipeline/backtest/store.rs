//! The folder of a backtest: `folds/DAY-KEY.{shroff,json}`, a model and its result, each named by what it
//! depends on; `search/RUN_KEY.jsonl`, what a search tried; `backtest.json`, the summary, and
//! `report.html`, the same as a page for people.

use std::fs;
use std::path::{Path, PathBuf};

use shroff_datasets::time::format_time;
use shroff_datasets::write_bytes;
use shroff_serve::Scorer;

use super::super::prepare::Plan;
use super::fold::Fold;
use super::summary::Backtest;
use crate::error::Error;
use crate::report;

/// Where folds are kept, and their names.
pub(super) struct Store {
    root: PathBuf,
    folds: Vec<(i64, String)>,
}

/// Digits of the key in a file's name; the file holds all of them.
const NAME_DIGITS: usize = 16;

impl Store {
    /// A fold depends on its own run and on the models of those before it.
    pub(super) fn new(root: &Path, plans: &[Plan<'_>]) -> Result<Self, Error> {
        let mut hasher = blake3::Hasher::new();
        let folds = plans.iter().map(|plan| {
            hasher.update(plan.run_key().to_string().as_bytes());
            (plan.as_of.unwrap_or_default(), hasher.finalize().to_string())
        });
        let folds = folds.collect();
        let folder = root.join("folds");
        fs::create_dir_all(&folder).map_err(|source| Error::Io { path: folder, source })?;
        Ok(Self { root: root.to_path_buf(), folds })
    }

    pub(super) fn key(&self, fold: usize) -> &str {
        &self.folds[fold].1
    }

    pub(super) fn as_of(&self, fold: usize) -> i64 {
        self.folds[fold].0
    }

    /// A fold that is there with its model, both sound; anything else is done again.
    pub(super) fn read(&self, fold: usize) -> Option<Fold> {
        let text = fs::read(self.path(fold, "json")).ok()?;
        let found: Fold = serde_json::from_slice(&text).ok()?;
        let scorer = self.scorer(fold).ok()?;
        (found.key == self.key(fold) && found.artifact == scorer.id().to_string()).then_some(found)
    }

    pub(super) fn scorer(&self, fold: usize) -> Result<Scorer, Error> {
        let path = self.path(fold, "shroff");
        let bytes = fs::read(&path).map_err(|source| Error::Io { path, source })?;
        Ok(Scorer::from_bytes(&bytes)?)
    }

    /// The model first: where the result is, the model is too.
    pub(super) fn write(&self, fold: usize, artifact: &[u8], result: &Fold) -> Result<(), Error> {
        write_bytes(artifact, &self.path(fold, "shroff")).map_err(Error::Output)?;
        write_bytes(&json(result)?, &self.path(fold, "json")).map_err(Error::Output)
    }

    pub(super) fn write_summary(&self, summary: &Backtest) -> Result<(), Error> {
        write_bytes(&json(summary)?, &self.root.join("backtest.json")).map_err(Error::Output)?;
        let page = report::backtest_page(summary);
        write_bytes(page.as_bytes(), &self.root.join("report.html")).map_err(Error::Output)
    }

    /// What a search of a fold's run tried.
    pub(super) fn search_path(&self, plan: &Plan<'_>) -> PathBuf {
        self.root.join("search").join(format!("{}.jsonl", plan.run_key()))
    }

    fn path(&self, fold: usize, extension: &str) -> PathBuf {
        let (as_of, key) = &self.folds[fold];
        let day = &format_time(*as_of)[..10];
        self.root.join("folds").join(format!("{day}-{}.{extension}", &key[..NAME_DIGITS]))
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::data(format!("a result cannot be written: {error}")))?;
    text.push(b'\n');
    Ok(text)
}
