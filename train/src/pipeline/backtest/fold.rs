//! One fold: a run of the job, and the models of earlier folds on its test window.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shroff_datasets::time::format_time;
use shroff_serve::Scorer;

use super::super::Reporter;
use super::super::fit::{Trained, fit_all};
use super::super::measure::measured;
use super::super::prepare::{Plan, Prepared};
use super::super::retrain;
use super::store::Store;
use super::summary::MeasureMap;
use crate::check::{self, DataSummary};
use crate::error::Error;
use crate::metric::Measures;
use crate::scoring;

/// What a run of the job came to on one day of history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fold {
    /// What it depends on, hashed: the run key of its day and of the days of all earlier folds.
    pub key: String,
    /// Nothing from here on was known, RFC 3339.
    pub as_of: String,
    /// The same, microseconds UTC.
    pub as_of_micros: i64,
    /// Start of the test window, microseconds UTC.
    pub test_from_micros: i64,
    /// The learner that was chosen.
    pub candidate: String,
    /// The artifact that the job would have published.
    pub artifact: String,
    /// Its measures on the judged rows of the test window, those that `retrain` records.
    pub test: MeasureMap,
    /// The models of earlier folds on the same rows, oldest first.
    pub earlier: Vec<EarlierModel>,
    /// What the checks before training find: the job would have stopped there. The checks against the
    /// previous run are not made.
    pub findings: Vec<String>,
    /// Windows, learners and their measures, as `retrain --json` prints them.
    pub report: Value,
}

/// An earlier fold's model on the test window of a later one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlierModel {
    /// As-of of the model, RFC 3339.
    pub as_of: String,
    /// The same, microseconds UTC.
    pub as_of_micros: i64,
    /// Its measures.
    pub test: MeasureMap,
    /// Those of the later fold's own model on the same rows: all that are judged, unless policies of the
    /// earlier model reject some.
    pub fresh: MeasureMap,
}

/// Fits, judges, and puts the fold into the store.
pub(super) fn run(
    plan: &Plan<'_>,
    prepared: &Prepared,
    position: usize,
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<Fold, Error> {
    let data = DataSummary::of(plan.config, prepared)?;
    let windows = prepared.window_summaries();
    let rows: Vec<_> = windows.iter().map(|window| (window.name.clone(), window.rows)).collect();
    let findings = check::findings(&plan.config.checks, &data, plan.as_of, &rows, None);
    let trained = fit_all(plan, prepared, Some(&store.search_path(plan)), reporter)?;
    let candidate = &trained.competitors[trained.candidate];
    reporter.step("scoring with earlier models");
    let earlier = earlier(plan, prepared, &trained, position, store)?;
    let as_of_micros = plan.as_of.unwrap_or_default();
    let fold = Fold {
        key: store.key(position).to_owned(),
        as_of: format_time(as_of_micros),
        as_of_micros,
        test_from_micros: prepared.windows.as_ref().map_or(0, |windows| windows.test.from),
        candidate: candidate.name.clone(),
        artifact: candidate.packaged.scorer.id().to_string(),
        test: map(&candidate.test)?,
        earlier,
        findings,
        report: retrain::report(plan, prepared, &trained)?,
    };
    store.write(position, &candidate.packaged.bytes, &fold)?;
    Ok(fold)
}

/// One model of an earlier fold after the other: none is held while the next is read.
fn earlier(
    plan: &Plan<'_>,
    prepared: &Prepared,
    trained: &Trained,
    position: usize,
    store: &Store,
) -> Result<Vec<EarlierModel>, Error> {
    let (events, judged) = (&prepared.events, &trained.judged);
    let of = |scorer: &Scorer, rows: &[usize]| {
        let scores = scoring::score(scorer, events, rows)?;
        let judged = scoring::judged(plan.config, events, rows, &scores);
        map(&measured(plan.config, scorer, &judged)?.measures)
    };
    let fresh = &trained.competitors[trained.candidate];
    let fresh_test = map(&fresh.test)?;
    let mut found = Vec::with_capacity(position);
    for earlier in 0..position {
        let (as_of_micros, scorer) = (store.as_of(earlier), store.scorer(earlier)?);
        let program = &scorer.contents().program;
        let rows = scoring::accepted(scorer.schema(), program, events, judged)?;
        if rows.is_empty() {
            continue;
        }
        let fresh = match rows.len() == judged.len() {
            true => fresh_test.clone(),
            false => of(&fresh.packaged.scorer, &rows)?,
        };
        let test = of(&scorer, &rows)?;
        found.push(EarlierModel { as_of: format_time(as_of_micros), as_of_micros, test, fresh });
    }
    Ok(found)
}

/// Measures by their names.
fn map(measures: &Measures) -> Result<MeasureMap, Error> {
    match serde_json::to_value(measures) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(Error::data("measures cannot be written")),
    }
}
