//! `retrain`: run key → read → split → fit → choose → package → judge → snapshot → publish → promote or not.

use std::path::Path;

use serde_json::{Value, json};
use shroff_datasets::time::format_time;

use super::Reporter;
use super::champion::{self, Judgement};
use super::fit::{Competitor, Trained, fit_all};
use super::intervals::{cut, put_intervals};
use super::prepare::{Plan, Prepared};
use super::snapshot;
use crate::check::{self, DataSummary, Previous};
use crate::config::Config;
use crate::error::Error;
use crate::gate::MIN_SLICE_FRAUDS;
use crate::package::Packaged;
use crate::registry::{
    AsOf, Decision, EventKind, Registry, Run, SnapshotFile, Standing, Verdict, VersionRecord,
};
use crate::report::{Evidence, Shown};

/// What a run may be told besides its configuration.
#[derive(Debug, Clone)]
pub struct RetrainOptions<'a> {
    /// The folder of the registry; made where it is missing.
    pub registry: &'a Path,
    /// The exclusive end of what may be known; default the midnight after the newest event.
    pub as_of: Option<i64>,
    /// Fit whatever the checks before training find; the report says so.
    pub skip_checks: bool,
    /// Make the version champion whatever the gate says; the audit trail tells so.
    pub force: bool,
    /// When the run began, RFC 3339. Goes into the record, never into the artifact.
    pub created_at: String,
    /// Who ran it.
    pub created_by: String,
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// The version it published, now or earlier.
    pub record: VersionRecord,
    /// What its verdict came to: to promote is to keep when the champion moved meanwhile.
    pub verdict: Verdict,
    /// The run was published before: nothing was trained, unless its artifact had to be put back.
    pub already_published: bool,
    /// The verdict was to keep, and the version was made champion all the same.
    pub forced: bool,
    /// How the versions stand now.
    pub standing: Standing,
    /// The snapshot of its events' end; none without velocity features, or where a note says why.
    pub snapshot: Option<SnapshotFile>,
}

/// Runs the weekly job. A run that died is simply run again: whatever it left undone is done, and a
/// run that was published returns its recorded verdict, having put its artifact back where that was
/// lost or damaged.
///
/// # Errors
/// Data or a configuration that is not as it should be; a registry that cannot be written.
pub fn retrain(
    config: &Config,
    options: &RetrainOptions<'_>,
    reporter: &dyn Reporter,
) -> Result<Outcome, Error> {
    let registry = Registry::open_or_create(options.registry)?;
    let outcome = run(config, options, &registry, reporter)?;
    if options.force && !outcome.passed() {
        return forced(outcome, &config.model.name, options, &registry);
    }
    Ok(outcome)
}

/// Makes a version champion that the gate refused. Once: whoever rolled back since meant it.
fn forced(
    mut outcome: Outcome,
    name: &str,
    options: &RetrainOptions<'_>,
    registry: &Registry,
) -> Result<Outcome, Error> {
    let version = outcome.record.version;
    let shown = registry.show(name, version)?;
    if !shown.events.iter().any(|event| event.kind == EventKind::Promote) {
        let why = format!("forced, although the gate said: {}", outcome.verdict.reason);
        registry.promote(name, version, &why, &options.created_by, &options.created_at)?;
    }
    outcome.forced = true;
    outcome.standing = registry.standing(name)?;
    Ok(outcome)
}

fn run(
    config: &Config,
    options: &RetrainOptions<'_>,
    registry: &Registry,
    reporter: &dyn Reporter,
) -> Result<Outcome, Error> {
    let name = &config.model.name;
    reporter.step("hashing the source");
    let plan = Plan::new(config, options.as_of)?;
    let run_key = plan.run_key();
    let published = registry.find_run(name, &run_key)?;
    if let Some(record) = &published {
        match registry.complete(name, record) {
            Ok(standing) => {
                let snapshot = snapshot::of_published(registry, &plan, reporter)?;
                return Outcome::new(registry, name, record.clone(), true, standing, snapshot);
            }
            Err(error) if error.is_artifact() => {
                reporter.note(&format!("{error}: training again to put it back"));
            }
            Err(error) => return Err(error.into()),
        }
    }

    let (prepared, states) = Prepared::with_states(&plan, reporter)?;
    let data = inspected(&plan, &prepared, registry, options.skip_checks, reporter)?;
    let memory = registry.search_path(&run_key);
    let trained = fit_all(&plan, &prepared, Some(&memory), reporter)?;
    let candidate = &trained.competitors[trained.candidate];
    if let Some(record) = published {
        let snapshot = snapshot::of_run(registry, &plan, states.as_ref(), reporter)?;
        reporter.step("putting the artifact back");
        let Packaged { scorer, bytes, .. } = &candidate.packaged;
        let standing = registry.restore(name, &record, bytes, scorer.id())?;
        return Outcome::new(registry, name, record, true, standing, snapshot);
    }
    reporter.step("comparing with the champion");
    let judgement = judge(registry, &plan, &prepared, &trained, reporter)?;

    let mut report = report(&plan, &prepared, &trained)?;
    reporter.step("looking at the test window");
    report["evidence"] = json!(evidence(&plan, &prepared, &trained, &judgement)?);
    report["gate"] = judgement.gate;
    let warnings = warnings(&plan, &prepared, &data, &trained, reporter);
    report["warnings"] = json!(warnings);
    report["data"] = json!(data);
    if options.skip_checks {
        report["checks"] = json!("skipped");
    }
    if let Some(version) = judgement.champion {
        report["champion"] = json!({ "version": version, "test": judgement.measures });
    }
    let run = Run {
        artifact: candidate.packaged.scorer.id(),
        run_key,
        as_of: plan.as_of.map(|micros| AsOf { time: format_time(micros), micros }),
        created_at: options.created_at.clone(),
        created_by: options.created_by.clone(),
        parent: judgement.champion,
        learner: candidate.name.clone(),
        verdict: judgement.verdict,
        report,
    };
    // Before the version: whoever loads the model finds the states to begin with.
    let snapshot = snapshot::of_run(registry, &plan, states.as_ref(), reporter)?;
    reporter.step("publishing");
    let record = registry.publish(name, &candidate.packaged.bytes, run)?;
    let standing = registry.standing(name)?;
    Outcome::new(registry, name, record, false, standing, snapshot)
}

/// Compares with the champion, and again with the next one when it moved meanwhile. Whatever moves
/// after that, the registry sees when it promotes.
fn judge(
    registry: &Registry,
    plan: &Plan<'_>,
    prepared: &Prepared,
    trained: &Trained,
    reporter: &dyn Reporter,
) -> Result<Judgement, Error> {
    loop {
        let judgement = champion::judge(registry, plan, prepared, trained, reporter)?;
        let now = registry.standing(&plan.config.model.name)?.champion;
        if now.map(|holder| holder.version) == judgement.champion {
            return Ok(judgement);
        }
    }
}

/// What the page shows of the candidate, and of the champion's curves beside it.
fn evidence(
    plan: &Plan<'_>,
    prepared: &Prepared,
    trained: &Trained,
    judgement: &Judgement,
) -> Result<Evidence, Error> {
    let (config, events, rows) = (plan.config, &prepared.events, &trained.judged);
    let (slice_columns, mut slices) = (&config.gate.slices, Vec::new());
    for column in slice_columns {
        slices.extend(cut(events, column, rows, &trained.answers.labels, MIN_SLICE_FRAUDS)?);
    }
    let evidence = Evidence::of(&Shown {
        config,
        scorer: trained.candidate_scorer(),
        events,
        rows,
        judged: &trained.answers,
        slice_columns,
        slices: &slices,
    })?;
    Ok(Evidence { champion_points: judgement.champion_points.clone(), ..evidence })
}

/// Fits one learner and packages it, without a registry and without a gate.
///
/// # Errors
/// As [`retrain`], and a learner that the configuration does not have.
pub fn train(
    config: &Config,
    learner: &str,
    as_of: Option<i64>,
    reporter: &dyn Reporter,
) -> Result<(Packaged, Value), Error> {
    let known = config.learners.iter().find(|known| known.name() == learner).cloned();
    let Some(known) = known else {
        let names: Vec<&str> = config.learners.iter().map(|known| known.name()).collect();
        return Err(Error::config(format!(
            "expected a learner of the configuration ({}), found {learner:?}",
            names.join(", ")
        )));
    };
    let config = Config { learners: vec![known], ..config.clone() };
    reporter.step("hashing the source");
    let plan = Plan::new(&config, as_of)?;
    let prepared = Prepared::new(&plan, reporter)?;
    let mut trained = fit_all(&plan, &prepared, None, reporter)?;
    let mut report = report(&plan, &prepared, &trained)?;
    let data = DataSummary::of(&config, &prepared)?;
    report["warnings"] = json!(warnings(&plan, &prepared, &data, &trained, reporter));
    Ok((trained.competitors.swap_remove(0).packaged, report))
}

impl Outcome {
    fn new(
        registry: &Registry,
        name: &str,
        record: VersionRecord,
        already_published: bool,
        standing: Standing,
        snapshot: Option<SnapshotFile>,
    ) -> Result<Self, Error> {
        let verdict = registry.came_to(name, &record)?;
        Ok(Self { record, verdict, already_published, forced: false, standing, snapshot })
    }

    /// Whether this version is what backends now load.
    pub fn is_champion(&self) -> bool {
        self.standing.champion.is_some_and(|holder| holder.version == self.record.version)
    }

    /// Whether the verdict came to a promotion.
    pub fn passed(&self) -> bool {
        self.verdict.decision == Decision::Promote
    }

    /// What `retrain --json` prints.
    pub fn to_json(&self) -> Value {
        let run = &self.record.run;
        let mut json = run.report.clone();
        // Long, and for pages: it lies in metrics.json.
        json.as_object_mut().and_then(|json| json.remove("evidence"));
        json["version"] = json!(self.record.version);
        json["artifact"] = json!(run.artifact.to_string());
        json["run_key"] = json!(run.run_key.to_string());
        json["verdict"] = json!(self.verdict.decision);
        json["reason"] = json!(self.verdict.reason);
        json["forced"] = json!(self.forced);
        json["already_published"] = json!(self.already_published);
        json["is_champion"] = json!(self.is_champion());
        // Not of the record: it is the same wherever the registry lies.
        json["snapshot"] = json!(self.snapshot.as_ref().map(SnapshotFile::to_json));
        json
    }
}

/// The figures of the data, having passed the checks against them and the previous run's.
fn inspected(
    plan: &Plan<'_>,
    prepared: &Prepared,
    registry: &Registry,
    skip_checks: bool,
    reporter: &dyn Reporter,
) -> Result<DataSummary, Error> {
    reporter.step("checking the data");
    let data = DataSummary::of(plan.config, prepared)?;
    if skip_checks {
        return Ok(data);
    }
    let record = registry.newest_before(&plan.config.model.name, plan.as_of)?;
    // Records of older releases hold no figures.
    let previous = record.and_then(|record| {
        let data = serde_json::from_value(record.run.report.get("data")?.clone()).ok()?;
        let test_rows = record.run.report["windows"]["test"]["rows"].as_u64().unwrap_or(0);
        Some(Previous { version: record.version, data, test_rows })
    });
    let windows = prepared.window_summaries();
    let rows: Vec<_> = windows.into_iter().map(|window| (window.name, window.rows)).collect();
    let checks = &plan.config.checks;
    let findings = check::findings(checks, &data, plan.as_of, &rows, previous.as_ref());
    if findings.is_empty() { Ok(data) } else { Err(Error::Checks { findings }) }
}

/// What a person should know of the run, also told to the reporter.
fn warnings(
    plan: &Plan<'_>,
    prepared: &Prepared,
    data: &DataSummary,
    trained: &Trained,
    reporter: &dyn Reporter,
) -> Vec<String> {
    let frauds = prepared.events.labels_at(&prepared.judged).into_iter().filter(|label| *label);
    let max_increase = plan.config.checks.max_null_rate_increase;
    let mut warnings = check::warning::data(data, frauds.count() as u64, max_increase);
    warnings.extend(trained.warnings.iter().cloned());
    warnings.extend(check::warning::measures(&trained.competitors[trained.candidate].test));
    for warning in &warnings {
        reporter.note(warning);
    }
    warnings
}

/// What is the same whenever the run is repeated: windows, learners, candidate.
pub(super) fn report(
    plan: &Plan<'_>,
    prepared: &Prepared,
    trained: &Trained,
) -> Result<Value, Error> {
    let mut learners = serde_json::Map::new();
    for competitor in &trained.competitors {
        learners.insert(competitor.name.clone(), competitor.to_json(plan.config)?);
    }
    let windows: serde_json::Map<String, Value> = prepared
        .window_summaries()
        .into_iter()
        .map(|window| {
            let (from, to) = (window.from.map(format_time), window.to.map(format_time));
            let mut shown =
                json!({ "from": from, "to": to, "rows": window.rows, "frauds": window.frauds });
            let counts = prepared.split.unlabelled.iter().find(|(name, _)| *name == window.name);
            shown["unlabelled"] = json!(counts.map(|(_, counts)| counts.to_json()));
            (window.name, shown)
        })
        .collect();
    let rejected: serde_json::Map<String, Value> =
        trained.rejected.iter().map(|(what, rows)| ((*what).to_owned(), json!(rows))).collect();
    let mut report = json!({
        "model": plan.config.model.name,
        "as_of": plan.as_of.map(format_time),
        "honest_in_time": prepared.windows.is_some(),
        "windows": windows,
        "unlabelled_rows": prepared.split.n_unlabelled(),
        "ignored_rows": prepared.n_ignored,
        "skipped_rows": prepared.events.n_skipped,
        "duplicate_rows": prepared.events.n_duplicates,
        "dropped_test_rows": prepared.split.test.len() - prepared.judged.len(),
        "rejected_rows": rejected,
        "candidate": trained.competitors[trained.candidate].name,
        "learners": learners,
    });
    if let Some(search) = &trained.search {
        report["search"] = search.clone();
    }
    Ok(report)
}

impl Competitor {
    /// Its test measures under their names, with what else a table shows.
    fn to_json(&self, config: &Config) -> Result<Value, Error> {
        let mut json = serde_json::to_value(&self.test)
            .map_err(|error| Error::data(format!("measures cannot be written: {error}")))?;
        put_intervals(&mut json, config, &self.resampled, 0);
        json["bands"] = json!(self.bands);
        json["stop_average_precision"] = json!(self.stop_average_precision);
        json["artifact"] = json!(self.packaged.scorer.id().to_string());
        json["bytes"] = json!(self.packaged.bytes.len());
        json["size"] = json!(self.size);
        json["notes"] = json!(self.packaged.notes);
        Ok(json)
    }
}
