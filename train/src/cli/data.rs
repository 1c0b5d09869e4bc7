//! DATA: a file or glob that holds the model's inputs, or a fraud.toml whose sources, joins and query are then
//! run.

use std::path::{Path, PathBuf};

use anyhow::Context;
use shroff_datasets::{ColumnRequest, Dataset, ErrorKind, Source};
use shroff_serve::Scorer;
use shroff_serve::features::window::Measure;

use crate::Error;
use crate::config::{ColumnsConfig, Config, Duplicates};
use crate::events::{Events, EventsRequest, column_kind};
use crate::registry::Registry;

/// A model's data: where it is and which columns play which role.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) source: Dataset,
    /// As given, or as the model remembers it.
    pub(super) config: Config,
}

impl Data {
    /// For a fraud.toml its own sources and roles; for a file or glob the roles the model was
    /// trained with.
    pub(super) fn new(data: &str, scorer: &Scorer) -> Result<Self, Error> {
        if data.ends_with(".toml") {
            let config = Config::read(data.as_ref())?;
            return Ok(Self { source: config.dataset()?, config });
        }
        let config = remembered(scorer, data)?;
        let options =
            match config.sources.iter().find(|source| source.fact).or(config.sources.first()) {
                Some(remembered) => remembered.source(&[])?.options,
                None => Default::default(),
            };
        Ok(Self { source: Source { options, ..Source::new(data) }.into(), config })
    }

    /// All rows with their velocity features, in the order of the source, whether they have labels or
    /// not; `note` hears what is missing.
    pub(super) fn past(&self, scorer: &Scorer, note: impl Fn(&str)) -> Result<Events, Error> {
        self.rows(scorer, (None, None), note)
    }

    /// As [`past`](Self::past), the rows from a time on and before another.
    pub(super) fn rows(
        &self,
        scorer: &Scorer,
        (from, to): (Option<i64>, Option<i64>),
        note: impl Fn(&str),
    ) -> Result<Events, Error> {
        let roles = &self.config.columns;
        let reads_labels = scorer.windows().is_some_and(|windows| {
            let features = &windows.program().features;
            features.iter().any(|feature| feature.measure == Measure::FraudRate)
        });
        // Without an id no row is refused or left out: the engine itself knows what it has seen.
        let (id, duplicates_by, weight) = (None, None, None);
        let duplicates = Duplicates::default();
        let mut columns = ColumnsConfig { id, duplicates, duplicates_by, weight, ..roles.clone() };
        if !reads_labels {
            columns.label.clear();
            (columns.label_time, columns.decision) = (None, None);
        }
        if scorer.windows().is_none() && from.or(to).is_none() {
            columns.time = None;
        }
        loop {
            let inputs = scorer.schema().inputs.iter();
            let request = EventsRequest {
                source: &self.source,
                columns: &columns,
                label_delay: self.config.split.label_delay,
                inputs: inputs.map(|input| (input.name.to_string(), input.input_type)).collect(),
                further: Vec::new(),
                windows: scorer.windows(),
                from,
                to,
            };
            let error = match Events::read(&request) {
                Err(Error::Source(error)) => error,
                read => return read,
            };
            let missing = match error.kind() {
                ErrorKind::ColumnMissing { column, .. }
                | ErrorKind::FileColumnMissing { column, .. } => column.clone(),
                _ => return Err(error.into()),
            };
            if missing == columns.label {
                note(&format!("{error}: features that are rates of fraud know of no frauds"));
                columns.label.clear();
                (columns.label_time, columns.decision) = (None, None);
            } else if Some(&missing) == columns.label_time.as_ref() {
                note(&format!("{error}: labels count as known after label_delay"));
                columns.label_time = None;
            } else if Some(&missing) == columns.decision.as_ref() {
                note(&format!("{error}: no event counts as blocked"));
                columns.decision = None;
            } else {
                return Err(error.into());
            }
        }
    }
}

/// The columns that a model's records are made of, in the order of its inputs.
pub(super) fn inputs(scorer: &Scorer) -> Vec<ColumnRequest> {
    let inputs = scorer.schema().inputs.iter();
    inputs.map(|input| ColumnRequest::new(&*input.name, column_kind(input.input_type))).collect()
}

/// The configuration that the model was trained with; `instead` of it one may be given.
pub(super) fn remembered(scorer: &Scorer, instead: &str) -> Result<Config, Error> {
    serde_json::from_str(&scorer.contents().provenance.config).map_err(|error| {
        Error::Config(format!(
            "the model's own configuration cannot be read ({error}); give a fraud.toml in place of \
             {instead}"
        ))
    })
}

/// Which model: flags of every verb that reads one.
#[derive(Debug, clap::Args)]
pub(super) struct ModelArgs {
    /// An artifact file, or NAME@champion, NAME@challenger or NAME@VERSION in the registry
    pub(super) model: String,
    /// Folder of the registry, for NAME@…
    #[arg(long, default_value = "registry")]
    pub(super) registry: PathBuf,
}

impl ModelArgs {
    /// As it was typed.
    pub(super) fn name(&self) -> &str {
        &self.model
    }

    /// Folder of the registry.
    pub(super) fn registry(&self) -> &Path {
        &self.registry
    }

    /// Opens the model.
    pub(super) fn open(&self) -> anyhow::Result<Scorer> {
        Ok(self.open_at()?.0)
    }

    /// Opens the model, and says where it is. A file of exactly this name wins over a name in the
    /// registry.
    pub(super) fn open_at(&self) -> anyhow::Result<(Scorer, PathBuf)> {
        let file = PathBuf::from(&self.model);
        let Some((name, which)) = self.model.rsplit_once('@').filter(|_| !file.exists()) else {
            let scorer = Scorer::open(&file).map_err(Error::Artifact);
            return Ok((scorer.with_context(|| self.model.clone())?, file));
        };
        self.find(name, which).with_context(|| self.model.clone())
    }

    /// In the registry, where a file must hold the artifact that its name says.
    fn find(&self, name: &str, which: &str) -> Result<(Scorer, PathBuf), Error> {
        let registry = Registry::open(&self.registry)?;
        let artifact = match which.parse::<u64>() {
            Ok(version) => registry.record(name, version)?.run.artifact,
            Err(_) => {
                let target = registry.reader().alias(name, which);
                let target = target.map_err(crate::registry::Error::from)?;
                let missing = || {
                    Error::Config(format!(
                        "model {name:?} has no alias {which:?} in {}",
                        self.registry.display()
                    ))
                };
                target.ok_or_else(missing)?.artifact
            }
        };
        Ok((registry.scorer(&artifact)?, registry.reader().blob_path(&artifact)))
    }
}
