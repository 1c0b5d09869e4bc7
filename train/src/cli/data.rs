//! DATA: a file or glob that holds the model's inputs, or a fraud.toml whose source is then read.

use anyhow::Context;
use shroff_datasets::Source;
use shroff_serve::Scorer;

use crate::Error;
use crate::config::Config;

/// A model's data: where it is and which columns play which role.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) source: Source,
    /// As given, or as the model remembers it.
    pub(super) config: Config,
}

impl Data {
    /// For a fraud.toml its own source and roles; for a file or glob the roles the model was
    /// trained with.
    pub(super) fn new(data: &str, scorer: &Scorer) -> Result<Self, Error> {
        if data.ends_with(".toml") {
            let config = Config::read(data.as_ref())?;
            return Ok(Self { source: crate::pipeline::source(&config)?, config });
        }
        let remembered = &scorer.contents().provenance.config;
        let config = serde_json::from_str(remembered).map_err(|error| {
            Error::Config(format!(
                "the model's own configuration cannot be read ({error}); give a fraud.toml in place \
                 of {data}"
            ))
        })?;
        Ok(Self { source: Source::new(data), config })
    }
}

/// Opens an artifact file.
pub(super) fn open(model: &std::path::Path) -> anyhow::Result<Scorer> {
    Scorer::open(model).map_err(Error::Artifact).with_context(|| model.display().to_string())
}
