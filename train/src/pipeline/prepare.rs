//! From a configuration to events and the rows of each window.

use shroff_datasets::time::format_time;
use shroff_datasets::{ColumnKind, ColumnRequest, Dataset, Values};
use shroff_serve::artifact::{FORMAT_VERSION, Provenance, Window};
use shroff_serve::features::window;

use super::{Reporter, intervals};
use crate::config::Config;
use crate::error::Error;
use crate::events::{Events, EventsRequest};
use crate::learner::LearnerConfig;
use crate::metric::{CompromiseWindow, known_compromised};
use crate::part::{self, Parts};
use crate::program;
use crate::registry::RunKey;
use crate::replay::States;
use crate::split::{Split, Windows, midnight_after};

/// Version of the code, part of the run key and of every artifact.
pub(crate) const CODE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a run depends on, known before anything is fitted.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) config: &'a Config,
    pub(crate) source: Dataset,
    pub(crate) data_fingerprint: [u8; 32],
    /// None when the split is not by time.
    pub(crate) as_of: Option<i64>,
}

impl<'a> Plan<'a> {
    /// Hashes the sources and settles `as_of`: as asked for, else the midnight after the newest
    /// event, never the clock.
    pub(crate) fn new(config: &'a Config, as_of: Option<i64>) -> Result<Self, Error> {
        let source = config.dataset()?;
        let data_fingerprint = source.content_hash()?;
        let as_of = match (as_of, config.split.part_rule()) {
            (None, Some(_)) => None,
            (Some(as_of), None) => Some(as_of),
            (None, None) => Some(default_as_of(config, &source)?),
            (Some(_), Some(rule)) => {
                return Err(Error::config(format!(
                    "--as-of: expected windows in time, found a split by {rule}, which knows no \
                     time; leave --as-of out"
                )));
            }
        };
        Ok(Self { config, source, data_fingerprint, as_of })
    }

    /// The run of another day: the same data, which are not hashed again.
    pub(super) fn at(&self, as_of: i64) -> Self {
        let (source, data_fingerprint) = (self.source.clone(), self.data_fingerprint);
        Self { config: self.config, source, data_fingerprint, as_of: Some(as_of) }
    }

    /// Where the windows lie, for a first event; none when the split is not by time.
    pub(super) fn windows(&self, first_event: i64) -> Result<Option<Windows>, Error> {
        let windows = |as_of| Windows::new(&self.config.split, as_of, first_event);
        self.as_of.map(windows).transpose()
    }

    /// The events of the run: from the start of train, with the past that velocity features look back on.
    pub(crate) fn request<'p>(
        &'p self,
        velocity: Option<&'p window::Windows>,
    ) -> Result<EventsRequest<'p>, Error> {
        let slices = &self.config.gate.slices;
        // Bounds may leave the start of train open: then everything is read.
        let lower = self.windows(i64::MIN)?.map_or(i64::MIN, |windows| windows.train.from);
        Ok(EventsRequest {
            source: &self.source,
            columns: &self.config.columns,
            label_delay: self.config.split.label_delay,
            inputs: program::inputs(self.config)?,
            further: [part::columns(self.config), intervals::columns(self.config, slices)].concat(),
            windows: velocity,
            from: (lower != i64::MIN).then_some(lower),
            to: self.as_of,
        })
    }

    /// The end of the events in the run's snapshot: as-of, or what it would be if the split were by time.
    pub(crate) fn snapshot_as_of(&self) -> Result<i64, Error> {
        match self.as_of {
            Some(as_of) => Ok(as_of),
            None => default_as_of(self.config, &self.source),
        }
    }

    /// Names the run: the same data, configuration, as-of, code and format give the same key.
    pub(crate) fn run_key(&self) -> RunKey {
        let mut hasher = blake3::Hasher::new();
        for part in [
            self.data_fingerprint.as_slice(),
            self.config.canonical_json().as_bytes(),
            // Without a time there is no as-of: the length before the part tells.
            self.as_of.map(i64::to_le_bytes).as_ref().map_or(&[][..], |bytes| bytes),
            CODE_VERSION.as_bytes(),
            &FORMAT_VERSION.to_le_bytes(),
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

/// The midnight after the newest event.
fn default_as_of(config: &Config, source: &Dataset) -> Result<i64, Error> {
    Ok(midnight_after(newest_event(config, source)?, config.columns.utc_offset.secs))
}

fn newest_event(config: &Config, source: &Dataset) -> Result<i64, Error> {
    let Some(time) = &config.columns.time else {
        return Err(Error::config("[columns] time: expected the column of the time, found none"));
    };
    let table = source.read(&[ColumnRequest::new(time.clone(), ColumnKind::Time)], None)?;
    let column = table.column(time);
    let newest = column.and_then(|column| match column.values() {
        Values::Time(times) => {
            let known = times.iter().enumerate().filter(|(row, _)| !column.is_null(*row));
            known.map(|(_, time)| *time).max()
        }
        _ => None,
    });
    newest.ok_or_else(|| Error::data(format!("{}: found no rows with a {time}", source.path())))
}

/// Events, windows and rows: what fitting and judging need.
#[derive(Debug)]
pub struct Prepared {
    /// The events from the start of train to `as_of`.
    pub events: Events,
    /// Where the windows lie; none when the split is not by time, and so not honest in time.
    pub windows: Option<Windows>,
    /// Which rows they hold.
    pub split: Split,
    /// The rows of test that are judged: without those of entities known to be compromised.
    pub judged: Vec<usize>,
    /// Rows that a split by column or hash gives to no part.
    pub n_ignored: usize,
}

impl Prepared {
    pub(crate) fn new(plan: &Plan<'_>, reporter: &dyn Reporter) -> Result<Self, Error> {
        reporter.step("reading events");
        let velocity = program::windows(plan.config)?;
        let events = Events::read(&plan.request(velocity.as_ref())?)?;
        Self::of(plan, events, reporter)
    }

    /// As [`new`](Self::new), with the states of all entities at the end of the events; none without velocity
    /// features.
    pub(crate) fn with_states(
        plan: &Plan<'_>,
        reporter: &dyn Reporter,
    ) -> Result<(Self, Option<States>), Error> {
        reporter.step("reading events");
        let velocity = program::windows(plan.config)?;
        let (events, states) = Events::read_with_states(&plan.request(velocity.as_ref())?)?;
        Ok((Self::of(plan, events, reporter)?, states))
    }

    pub(super) fn of(
        plan: &Plan<'_>,
        events: Events,
        reporter: &dyn Reporter,
    ) -> Result<Self, Error> {
        let config = plan.config;
        let windows = plan.windows(events.times.iter().min().copied().unwrap_or_default())?;
        let mut n_ignored = 0;
        let split = match (&windows, config.split.part_rule()) {
            (None, Some(rule)) => {
                let parts = Parts::new(config, rule, &program::inputs(config)?, &events)?;
                n_ignored = parts.n_ignored();
                Split::by_parts(&parts, &rule.to_string(), &events)?
            }
            (Some(windows), _) => Split::new(windows, &events)?,
            (None, None) => return Err(Error::config("[split]: expected windows, found none")),
        };
        let judged = match &windows {
            Some(windows) => judged(config, &events, windows, &split)?,
            None => split.test.clone(),
        };
        let prepared = Self { events, windows, split, judged, n_ignored };
        prepared.warn(config, reporter);
        Ok(prepared)
    }

    /// Says what a person should know before trusting the result.
    fn warn(&self, config: &Config, reporter: &dyn Reporter) {
        if let Some(rule) = config.split.part_rule() {
            reporter.note(&format!(
                "NOT HONEST IN TIME: rows are split by {rule}, so the model may be fitted on rows \
                 later than those it is judged on; expect it to do worse on what comes next"
            ));
        }
        self.events.notes.iter().for_each(|note| reporter.note(note));
        for join in self.events.joined.iter().filter(|join| join.n_unmatched > 0) {
            let share = 100.0 * join.n_unmatched as f64 / join.n_rows as f64;
            reporter.note(&format!(
                "{}: {} of {} events ({share:.1} %) have no row there",
                join.source, join.n_unmatched, join.n_rows
            ));
        }
        let counted = [
            (self.events.n_duplicates, "rows have a later row of the same id and are left out"),
            (self.n_ignored, "rows belong to no part of the split and are left out"),
            (
                self.split.n_unlabelled(),
                "rows of the windows have no label known in time and are left out",
            ),
            (
                self.split.test.len() - self.judged.len(),
                "test rows of known compromised entities are left out",
            ),
        ];
        for (n, what) in counted.into_iter().filter(|(n, _)| *n > 0) {
            reporter.note(&format!("{n} {what}"));
        }
        if self.split.calibrate.is_empty() {
            reporter.note("no calibrate window: the model is not calibrated and has no bands");
        }
    }

    /// Which rows a fit uses: train and stop together once the choice is made.
    pub(crate) fn final_fit_rows(&self, config: &Config) -> &[usize] {
        if config.split.refit { &self.split.refit } else { &self.split.train }
    }

    /// The windows as an artifact and a record tell them.
    pub(crate) fn window_summaries(&self) -> Vec<Window> {
        let rows_of = |name: &str| match name {
            "train" => &self.split.train,
            "stop" => &self.split.stop,
            "calibrate" => &self.split.calibrate,
            _ => &self.judged,
        };
        let window = |(name, span): (&str, Option<crate::split::Span>)| {
            let rows = rows_of(name);
            let frauds = self.events.labels_at(rows).into_iter().filter(|label| *label).count();
            Window {
                name: name.to_owned(),
                from: span.map(|span| span.from),
                to: span.map(|span| span.to),
                rows: rows.len() as u64,
                frauds: frauds as u64,
            }
        };
        match &self.windows {
            Some(windows) => {
                windows.named().map(|(name, span)| window((name, Some(span)))).collect()
            }
            None => self.split.unlabelled.iter().map(|(name, _)| window((name, None))).collect(),
        }
    }

    pub(crate) fn provenance(&self, plan: &Plan<'_>, learner: &LearnerConfig) -> Provenance {
        Provenance {
            model_name: plan.config.model.name.clone(),
            as_of: plan.as_of,
            windows: self.window_summaries(),
            data_fingerprint: plan.data_fingerprint,
            columns: plan.config.column_roles(),
            config: plan.config.canonical_json(),
            learner: learner.name().to_owned(),
            parameters: serde_json::to_string(learner).unwrap_or_default(),
            code_version: CODE_VERSION.to_owned(),
        }
    }
}

/// The rows of test, without those of entities whose fraud had come to light before their day.
pub(super) fn judged(
    config: &Config,
    events: &Events,
    windows: &Windows,
    split: &Split,
) -> Result<Vec<usize>, Error> {
    let Some(column) = &config.evaluate.drop_known_compromised else {
        return Ok(split.test.clone());
    };
    let dropped = compromised(
        events,
        column,
        windows.train.from,
        (windows.test.from, windows.test.to),
        config.split.label_delay.days_rounded_up(),
        config.columns.utc_offset.secs,
    )?;
    let rows: Vec<usize> = split.test.iter().copied().filter(|row| !dropped[*row]).collect();
    if rows.is_empty() {
        return Err(Error::data(format!(
            "window test ({}): every row is of a known compromised {column}",
            windows.test
        )));
    }
    Ok(rows)
}

/// Which rows of the test window belong to entities known to be compromised on their day.
pub(crate) fn compromised(
    events: &Events,
    column: &str,
    train_start: i64,
    (test_start, test_end): (i64, i64),
    delay_days: i64,
    utc_offset_secs: i32,
) -> Result<Vec<bool>, Error> {
    let entities = events
        .entity_codes(column)
        .ok_or_else(|| Error::data(format!("column {column:?} was not read as an entity")))?;
    let window = CompromiseWindow {
        train_start,
        test_start,
        test_end,
        delay_days: u32::try_from(delay_days).unwrap_or(u32::MAX),
        utc_offset_micros: i64::from(utc_offset_secs) * 1_000_000,
    };
    known_compromised(&events.times, &entities, &events.labels, &window)
        .map_err(|error| Error::data(format!("{error} (as of {})", format_time(test_end))))
}
