//! The rows of DATA that a model is judged on: flags and how they choose.

use serde_json::{Value, json};
use shroff_datasets::ColumnRequest;
use shroff_serve::Scorer;
use shroff_serve::artifact::ArtifactId;
use shroff_serve::schema::InputType;

use super::data::Data;
use super::progress::Terminal;
use crate::Error;
use crate::config::Config;
use crate::events::{Events, EventsRequest};
use crate::part::{self, Part, Parts};
use crate::pipeline::{self, Reporter};
use crate::split::labelled;

/// Which rows: flags of every verb that judges.
#[derive(Debug, clap::Args)]
pub(super) struct RowArgs {
    /// A file or glob with the model's inputs and the label, or a fraud.toml
    data: String,
    /// Only rows from this time on
    #[arg(long, value_parser = super::time, conflicts_with = "window")]
    from: Option<i64>,
    /// Only rows before this time
    #[arg(long, value_parser = super::time, conflicts_with = "window")]
    to: Option<i64>,
    /// Only rows of this window of the model's own training: train, stop, calibrate or test
    #[arg(long)]
    window: Option<String>,
}

/// Events, and those rows of them that have a label that counts and are to be judged.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) data: Data,
    pub(super) events: Events,
    /// Before policies of a model's features.
    pub(super) rows: Vec<usize>,
    /// The bounds of what was read, with the history that entities known to be compromised need.
    from: Option<i64>,
    to: Option<i64>,
    /// The model that named the window, if the rows are those of one.
    window_of: Option<ArtifactId>,
    by_parts: bool,
    /// What a report says of the rows: `unlabelled_rows`, `dropped_rows` and the like.
    pub(super) counts: Value,
}

impl RowArgs {
    /// Reads and chooses; `further` are the columns besides those that the model needs, given the
    /// configuration.
    pub(super) fn choose(
        &self,
        scorer: &Scorer,
        further: impl Fn(&Config) -> Vec<ColumnRequest>,
        progress: &Terminal,
    ) -> Result<Chosen, Error> {
        progress.step("reading events");
        let data = Data::new(&self.data, scorer)?;
        let (from, to) = self.bounds(scorer)?;
        let own_parts = self.own_parts(scorer)?;
        let config = &data.config;
        // Whether an entity was known to be compromised shows in rows from the start of train on.
        let train_start = named_window(scorer, "train").and_then(|(from, _)| from);
        let drop_column = config.evaluate.drop_known_compromised.as_ref();
        let history_from = match (drop_column, from, train_start) {
            (Some(_), Some(from), Some(train_start)) => Some(from.min(train_start)),
            _ => from,
        };
        let mut columns = further(config);
        columns.extend(own_parts.iter().flat_map(|(own, _)| part::columns(own)));
        let request = request(&data, scorer, columns, (history_from, to));
        let events = Events::read(&request)?;
        events.notes.iter().for_each(|note| progress.note(note));
        let rows: Vec<usize> = match &own_parts {
            None => {
                let within = |row: &usize| from.is_none_or(|from| events.times[*row] >= from);
                (0..events.n_rows()).filter(within).collect()
            }
            Some((own, part)) => {
                progress.note(
                    "NOT HONEST IN TIME: the model was split by a column or a hash, so it may have \
                     been fitted on rows later than these",
                );
                let rule = own.split.part_rule();
                let parts = rule.map(|rule| Parts::new(own, rule, &request.inputs, &events));
                parts.transpose()?.map_or(Vec::new(), |parts| parts.rows(*part))
            }
        };
        let n_rows = rows.len();
        let (mut rows, unlabelled) = labelled(&events, &rows, self.known_before(scorer));
        let n_labelled = rows.len();
        if let Some(column) = drop_column {
            let start = train_start.unwrap_or(i64::MIN);
            let span = (from.unwrap_or(i64::MIN), to.unwrap_or(i64::MAX));
            let delay = config.split.label_delay.days_rounded_up();
            let offset = config.columns.utc_offset.secs;
            let dropped = pipeline::compromised(&events, column, start, span, delay, offset)?;
            rows.retain(|row| !dropped[*row]);
        }
        if rows.is_empty() {
            return Err(Error::Data(format!(
                "{}: of {n_rows} rows in the range none is labelled and to be judged",
                data.source.path()
            )));
        }
        let counts = json!({
            "unlabelled_rows": unlabelled.n_rows(),
            "unlabelled": unlabelled.to_json(),
            "duplicate_rows": events.n_duplicates,
            "dropped_rows": n_labelled - rows.len(),
        });
        let window_of = self.window.as_ref().map(|_| scorer.id());
        let by_parts = own_parts.is_some();
        Ok(Chosen { data, events, rows, from: history_from, to, window_of, by_parts, counts })
    }

    fn bounds(&self, scorer: &Scorer) -> Result<(Option<i64>, Option<i64>), Error> {
        let Some(name) = &self.window else { return Ok((self.from, self.to)) };
        named_window(scorer, name).ok_or_else(|| {
            let windows = &scorer.contents().provenance.windows;
            let names: Vec<&str> = windows.iter().map(|window| window.name.as_str()).collect();
            Error::Config(format!(
                "--window: expected a window of the model ({}), found {name:?}",
                names.join(", ")
            ))
        })
    }

    /// With `--window`, the model's own configuration and the part asked for, when the model was split by
    /// a column or a hash: the same rule finds the rows again.
    fn own_parts(&self, scorer: &Scorer) -> Result<Option<(Config, Part)>, Error> {
        let part = Part::ALL.into_iter().find(|part| self.window.as_deref() == Some(part.name()));
        let Some(part) = part else { return Ok(None) };
        if scorer.contents().provenance.as_of.is_some() {
            return Ok(None);
        }
        let own = super::data::remembered(scorer, "--window")?;
        Ok(own.split.part_rule().is_some().then_some((own, part)))
    }

    /// The labels of a named window count as far as they were known when the model was trained: those
    /// of test by its as-of, the others by the start of test.
    fn known_before(&self, scorer: &Scorer) -> Option<i64> {
        match self.window.as_deref()? {
            "test" => scorer.contents().provenance.as_of,
            _ => named_window(scorer, "test")?.0,
        }
    }
}

impl Chosen {
    /// The same events as another model reads them.
    pub(super) fn read_again(&self, scorer: &Scorer) -> Result<Events, Error> {
        let events = Events::read(&request(&self.data, scorer, Vec::new(), (self.from, self.to)))?;
        if events.times != self.events.times || events.labels != self.events.labels {
            return Err(Error::data("the data changed while it was read"));
        }
        Ok(events)
    }

    /// How many of the rows lie where a model was fitted, chosen or calibrated; a person is told, unless
    /// it is a window that this model named.
    pub(super) fn seen_in_training(
        &self,
        name: &str,
        scorer: &Scorer,
        rows: &[usize],
        progress: &Terminal,
    ) -> usize {
        let seen = seen_in_training(scorer, &self.events, rows);
        if seen > 0 && self.window_of != Some(scorer.id()) {
            progress.note(&format!(
                "{seen} of {} rows lie in the windows that {name} was fitted on: it knows their answers",
                rows.len()
            ));
        }
        seen
    }

    /// Whether the rows are later than those of the fit; null where nobody can tell.
    pub(super) fn honest_in_time(&self) -> Option<bool> {
        self.window_of.is_some().then_some(!self.by_parts)
    }

    /// The error where policies leave no row.
    pub(super) fn all_rejected(&self) -> Error {
        Error::Data(format!(
            "{}: all {} rows are rejected by policies of the model's features",
            self.data.source.path(),
            self.rows.len()
        ))
    }
}

fn request<'a>(
    data: &'a Data,
    scorer: &'a Scorer,
    further: Vec<ColumnRequest>,
    (from, to): (Option<i64>, Option<i64>),
) -> EventsRequest<'a> {
    let inputs = scorer.schema().inputs.iter();
    let inputs: Vec<(String, InputType)> =
        inputs.map(|input| (input.name.to_string(), input.input_type)).collect();
    EventsRequest {
        source: &data.source,
        columns: &data.config.columns,
        label_delay: data.config.split.label_delay,
        inputs,
        further,
        windows: scorer.windows(),
        from,
        to,
    }
}

fn seen_in_training(scorer: &Scorer, events: &Events, rows: &[usize]) -> usize {
    let windows = scorer.contents().provenance.windows.iter();
    let spans: Vec<(i64, i64)> = windows
        .filter(|window| window.name != "test")
        .filter_map(|window| Some((window.from?, window.to?)))
        .collect();
    // Without a time column no row lies in a span.
    let time = |row: usize| events.times.get(row).copied();
    let seen = |row: &&usize| {
        time(**row).is_some_and(|time| spans.iter().any(|(from, to)| *from <= time && time < *to))
    };
    rows.iter().filter(seen).count()
}

fn named_window(scorer: &Scorer, name: &str) -> Option<(Option<i64>, Option<i64>)> {
    let windows = &scorer.contents().provenance.windows;
    windows.iter().find(|window| window.name == name).map(|window| (window.from, window.to))
}
