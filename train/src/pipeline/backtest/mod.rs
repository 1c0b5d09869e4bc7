//! `backtest`: the weekly job replayed over history, and what models would have done that were not
//! replaced.
//!
//! A *fold* is one run of the job: its windows, fits, choice and measures are those of `retrain --as-of` of
//! that day, labels as known then. All folds share the events and one replay of them; vocabularies, bins,
//! encodings and models are fitted anew. Each fold's model is kept and scored on the test windows of all
//! later folds, which tells what a model loses as it ages.
//!
//! A fold's file appears whole, after its model, under a name made of what it depends on: a run that was
//! killed is run again and goes on.
//!
//! Memory: the events from the first fold's train to the last one's as-of with their velocity features,
//! once, and beside them what one `retrain` holds. It does not grow with the number of folds.

mod fold;
mod store;
mod summary;

use std::path::Path;

use shroff_datasets::time::format_time;

use super::Reporter;
use super::prepare::{Plan, Prepared};
use crate::config::{Config, Duplicates, Duration, StopConfig, WindowConfig};
use crate::error::Error;
use crate::events::{Events, EventsRequest};
use crate::learner::Progress;
use crate::program;

pub use fold::{EarlierModel, Fold};
pub use summary::{Age, Backtest, Interval, MeasureMap, Spread};

use store::Store;

/// What is replayed.
#[derive(Debug, Clone, Copy)]
pub struct BacktestOptions<'a> {
    /// As-of of the first fold, microseconds UTC.
    pub from: i64,
    /// No fold has a later as-of.
    pub to: i64,
    /// From one as-of to the next, above 0.
    pub every: Duration,
    /// Where folds, models and the summary are kept; made where it is missing.
    pub out: &'a Path,
}

/// Replays the job at each as-of, but for folds that the folder already holds.
///
/// # Errors
/// Windows that are not durations, an interval that holds no as-of, and whatever stops `retrain`, with the
/// fold's as-of.
pub fn backtest(
    config: &Config,
    options: &BacktestOptions<'_>,
    reporter: &dyn Reporter,
) -> Result<Backtest, Error> {
    check(config)?;
    let as_ofs = as_ofs(options)?;
    reporter.step("hashing the source");
    let plan = Plan::new(config, Some(options.from))?;
    let plans: Vec<Plan<'_>> = as_ofs.iter().map(|as_of| plan.at(*as_of)).collect();
    // Before hours of fits: a configuration whose windows do not work fails here.
    plans.iter().try_for_each(|plan| plan.windows(i64::MIN).map(|_| ()))?;
    let store = Store::new(options.out, &plans)?;
    let mut folds: Vec<Option<Fold>> = (0..plans.len()).map(|fold| store.read(fold)).collect();
    let missing: Vec<usize> = (0..plans.len()).filter(|fold| folds[*fold].is_none()).collect();
    if missing.len() < plans.len() {
        let n_done = plans.len() - missing.len();
        reporter.note(&format!("{n_done} of {} folds were done before", plans.len()));
    }
    if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
        let history = History::read(&plans[*first], &plans[*last], reporter)?;
        for fold in missing {
            let as_of = format_time(as_ofs[fold]);
            let what = format!("fold {} of {}, {}", fold + 1, plans.len(), &as_of[..10]);
            let in_fold = InFold { reporter, what };
            let done = history
                .prepared(&plans[fold], &in_fold)
                .and_then(|prepared| fold::run(&plans[fold], &prepared, fold, &store, &in_fold))
                .map_err(|source| Error::Fold { as_of, source: Box::new(source) })?;
            for finding in &done.findings {
                reporter.note(&format!("as of {}: {finding}", done.as_of));
            }
            // As it would be read by the next run, so that both say the same.
            folds[fold] = store.read(fold);
        }
    }
    let folds = folds.into_iter().collect::<Option<Vec<Fold>>>().ok_or_else(|| {
        let out = options.out.display();
        Error::data(format!("{out}: a fold was changed or removed while the backtest ran"))
    })?;
    let summary = Backtest::new(config, options, folds);
    store.write_summary(&summary)?;
    Ok(summary)
}

/// Only windows counted back from as-of move with it.
fn check(config: &Config) -> Result<(), Error> {
    if let Some(rule) = config.split.part_rule() {
        return Err(Error::config(format!(
            "backtest: expected windows in time, found a split by {rule}"
        )));
    }
    let split = &config.split;
    let stop = match &split.stop {
        Some(StopConfig::Window(window)) => Some(window),
        _ => None,
    };
    let windows = [
        ("train", split.train.as_ref()),
        ("stop", stop),
        ("calibrate", split.calibrate.as_ref()),
        ("test", split.test.as_ref()),
    ];
    for (name, window) in windows {
        if matches!(window, Some(WindowConfig::Bounds(_))) {
            return Err(Error::config(format!(
                "backtest: expected [split] {name} as a duration counted back from each as-of, such as \
                 \"28d\", found from and to, which stay where they are"
            )));
        }
    }
    Ok(())
}

fn as_ofs(options: &BacktestOptions<'_>) -> Result<Vec<i64>, Error> {
    let step = options.every.micros();
    if step == 0 {
        return Err(Error::config("--every: expected a span above 0 such as 7d, found 0"));
    }
    if options.from > options.to {
        return Err(Error::config(format!(
            "--from {} lies after --to {}: expected the first and the last as-of",
            format_time(options.from),
            format_time(options.to)
        )));
    }
    let next = |as_of: &i64| as_of.checked_add(step).filter(|as_of| *as_of <= options.to);
    Ok(std::iter::successors(Some(options.from), next).collect())
}

/// The events of all folds with their velocity features.
struct History {
    /// None where which of several rows with one id is the latest depends on as-of.
    shared: Option<Events>,
}

impl History {
    fn read(first: &Plan<'_>, last: &Plan<'_>, reporter: &dyn Reporter) -> Result<Self, Error> {
        if last.config.columns.duplicates == Duplicates::KeepLatest {
            reporter.note(
                "duplicates = \"keep_latest\": which row is the latest depends on as-of, so each fold \
                 reads and replays for itself",
            );
            return Ok(Self { shared: None });
        }
        reporter.step("reading events");
        let velocity = program::windows(last.config)?;
        let from = first.request(None)?.from;
        let request = EventsRequest { from, ..last.request(velocity.as_ref())? };
        let events = Events::read(&request)?;
        let newest = events.times.iter().max().copied().unwrap_or_default();
        if let Some(windows) = last.windows(i64::MIN)?
            && newest < windows.test.from
        {
            return Err(Error::config(format!(
                "--to: the newest event is of {}, before the test window of the last fold ({}); end \
                 earlier",
                format_time(newest),
                windows.test
            )));
        }
        Ok(Self { shared: Some(events) })
    }

    fn prepared(&self, plan: &Plan<'_>, reporter: &dyn Reporter) -> Result<Prepared, Error> {
        let Some(events) = &self.shared else { return Prepared::new(plan, reporter) };
        let request = plan.request(None)?;
        let known = |time: i64| {
            request.from.is_none_or(|from| from <= time) && request.to.is_none_or(|to| time < to)
        };
        let rows: Vec<usize> =
            (0..events.n_rows()).filter(|row| known(events.times[*row])).collect();
        Prepared::of(plan, events.select(&rows), reporter)
    }
}

/// Says which fold a step is of. What is worth a note stands in the fold's report.
struct InFold<'a> {
    reporter: &'a dyn Reporter,
    what: String,
}

impl Progress for InFold<'_> {
    fn start(&self, n_steps: u64) {
        self.reporter.start(n_steps);
    }

    fn advance(&self, n: u64) {
        self.reporter.advance(n);
    }

    fn tell(&self, what: &dyn std::fmt::Display) {
        self.reporter.tell(what);
    }
}

impl Reporter for InFold<'_> {
    fn step(&self, what: &str) {
        self.reporter.step(&format!("{}: {what}", self.what));
    }

    fn note(&self, _: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use shroff_datasets::time::parse_time;

    #[test]
    fn as_ofs_go_from_the_first_by_steps_to_at_most_the_last() {
        let time = |text: &str| parse_time(text).expect("a time");
        let options = |to: &str, days| BacktestOptions {
            from: time("2018-07-01"),
            to: time(to),
            every: Duration::days(days),
            out: Path::new("nowhere"),
        };
        let shown = |to, days| -> Vec<String> {
            let found = as_ofs(&options(to, days)).expect("an interval");
            found.into_iter().map(|as_of| format_time(as_of)[..10].to_owned()).collect()
        };
        assert_eq!(shown("2018-07-15", 7), ["2018-07-01", "2018-07-08", "2018-07-15"]);
        assert_eq!(shown("2018-07-14", 7), ["2018-07-01", "2018-07-08"]);
        assert_eq!(shown("2018-07-01", 7), ["2018-07-01"]);
        let error = as_ofs(&options("2018-06-30", 7)).expect_err("from lies after to");
        assert!(error.to_string().contains("after --to 2018-06-30"), "{error}");
        assert!(as_ofs(&options("2018-07-15", 0)).is_err());
    }
}
