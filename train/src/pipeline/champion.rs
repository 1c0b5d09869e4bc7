//! The provisional gate: the candidate is promoted when its average precision on the test window is
//! not below the champion's on the same rows.

use shroff_datasets::time::format_time;
use shroff_serve::Scorer;
use shroff_serve::schema::InputType;

use super::fit::Trained;
use super::measure::measures;
use super::prepare::{Plan, Prepared};
use crate::config::{Config, PartRule};
use crate::error::Error;
use crate::events::{Events, EventsRequest};
use crate::metric::Measures;
use crate::part::ALL_INPUTS;
use crate::registry::{Decision, Registry, Verdict};
use crate::report::{Point, operating_points};
use crate::scoring;

/// What the gate found.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    /// The champion's version.
    pub(super) champion: Option<u64>,
    /// Its measures on the candidate's test rows, where it could be compared.
    pub(super) measures: Option<Measures>,
    /// Its operating points on them.
    pub(super) champion_points: Vec<Point>,
}

/// Compares the candidate with the champion.
pub(super) fn judge(
    registry: &Registry,
    plan: &Plan<'_>,
    prepared: &Prepared,
    trained: &Trained,
) -> Result<Judgement, Error> {
    let name = &plan.config.model.name;
    let standing = registry.standing(name)?;
    let Some(holder) = standing.champion else {
        let reason = "first version: there is no champion to compare with".to_owned();
        let verdict = Verdict { decision: Decision::Promote, reason };
        return Ok(Judgement {
            verdict,
            champion: None,
            measures: None,
            champion_points: Vec::new(),
        });
    };
    let version = holder.version;
    let keep = |reason: String| Judgement {
        verdict: Verdict { decision: Decision::Keep, reason },
        champion: Some(version),
        measures: None,
        champion_points: Vec::new(),
    };
    let record = registry.record(name, version)?;
    if let (Some(as_of), Some(ours)) = (&record.run.as_of, plan.as_of)
        && ours < as_of.micros
    {
        return Ok(keep(format!(
            "as-of {} is older than the as-of {} of champion version {version}",
            format_time(ours),
            as_of.time
        )));
    }
    let cannot =
        |why: String| keep(format!("champion version {version} cannot be compared: {why}"));
    // By the events, as the version: an alias may be a moment behind them.
    let scorer = match registry.scorer(&holder.artifact) {
        Ok(scorer) => scorer,
        Err(error) => return Ok(cannot(chain(&error))),
    };
    if let Some(overlap) = overlap(&scorer, plan, prepared) {
        return Ok(cannot(overlap));
    }
    let (ours, theirs, champion_points) = match compare(&scorer, plan, prepared, trained) {
        Ok(measures) => measures,
        Err(error) => return Ok(cannot(chain(&error))),
    };
    let (Some(ours), Some(champions)) = (ours.average_precision, theirs.average_precision) else {
        return Ok(cannot("the test window has no frauds".to_owned()));
    };
    let (decision, words) = if ours >= champions {
        (Decision::Promote, "not below")
    } else {
        (Decision::Keep, "below")
    };
    let reason = format!(
        "average precision {ours:.4} is {words} the {champions:.4} of champion version {version} on \
         the same {} rows",
        theirs.n_rows
    );
    let verdict = Verdict { decision, reason };
    Ok(Judgement { verdict, champion: Some(version), measures: Some(theirs), champion_points })
}

/// Why the champion may have seen the answers: its windows of fitting reach into our test window, or
/// its rows cannot be told from ours.
fn overlap(scorer: &Scorer, plan: &Plan<'_>, prepared: &Prepared) -> Option<String> {
    let provenance = &scorer.contents().provenance;
    let Some(windows) = &prepared.windows else {
        return other_split(&provenance.config, plan.config);
    };
    let fitted = provenance.windows.iter().filter(|window| window.name != "test");
    if fitted.clone().any(|window| window.to.is_none()) {
        let why = "it was not split by time, so it may have been fitted on rows of the test window";
        return Some(why.to_owned());
    }
    let seen =
        fitted.filter_map(|window| Some((&window.name, window.to?))).max_by_key(|(_, to)| *to)?;
    let test = windows.test;
    (seen.1 > test.from).then(|| {
        format!(
            "its {} window reaches to {}, into the test window ({test})",
            seen.0,
            format_time(seen.1)
        )
    })
}

/// Without time, only the same rule proves that the champion was not fitted on our test rows: it
/// gives the same id the same part, whatever the data. A column is trusted to keep its word.
fn other_split(champion: &str, ours: &Config) -> Option<String> {
    let their_config = serde_json::from_str::<Config>(champion).ok();
    let theirs = their_config.as_ref().map(|config| config.split.part_rule());
    let inputs = |config: &Config| crate::program::inputs(config).ok();
    let same_inputs = their_config.as_ref().and_then(inputs) == inputs(ours);
    let ours = ours.split.part_rule();
    let same = match (ours, theirs.flatten()) {
        (Some(PartRule::Column { column, .. }), Some(PartRule::Column { column: other, .. })) => {
            column == other
        }
        // The hash of all inputs is the same only where the inputs are.
        (Some(PartRule::Hash { column: ALL_INPUTS, .. }), Some(_)) if !same_inputs => false,
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => false,
    };
    let words = |rule: Option<PartRule<'_>>| match rule {
        Some(rule) => format!("by {}", rule.definition()),
        None => "by time".to_owned(),
    };
    let theirs = theirs.map_or("in a way that cannot be read".to_owned(), words);
    let ours = words(ours);
    (!same).then(|| {
        format!(
            "it was split {theirs}, the candidate {ours}, so it may have been fitted on rows of the \
             test window"
        )
    })
}

/// The measures of the candidate and of the champion, with its operating points, on the rows that
/// neither rejects.
fn compare(
    scorer: &Scorer,
    plan: &Plan<'_>,
    prepared: &Prepared,
    trained: &Trained,
) -> Result<(Measures, Measures, Vec<Point>), Error> {
    let own = &prepared.events;
    let ours = trained.competitors[trained.candidate].packaged.scorer.windows();
    if ours == scorer.windows() && own.bind(&scorer.schema().inputs).is_ok() {
        return score(scorer, own, plan, prepared, trained);
    }
    // The champion reads what the candidate does not: the same rows are read again.
    let inputs = scorer.schema().inputs.iter();
    let inputs: Vec<(String, InputType)> =
        inputs.map(|input| (input.name.to_string(), input.input_type)).collect();
    let events = Events::read(&EventsRequest {
        source: &plan.source,
        columns: &plan.config.columns,
        label_delay: plan.config.split.label_delay,
        inputs,
        further: Vec::new(),
        windows: scorer.windows(),
        from: own.times.iter().min().copied(),
        to: plan.as_of,
    })?;
    if events.times != own.times || events.labels != own.labels {
        return Err(Error::data("the source changed while the job was running"));
    }
    score(scorer, &events, plan, prepared, trained)
}

fn score(
    scorer: &Scorer,
    events: &Events,
    plan: &Plan<'_>,
    prepared: &Prepared,
    trained: &Trained,
) -> Result<(Measures, Measures, Vec<Point>), Error> {
    let program = &scorer.contents().program;
    let rows = scoring::accepted(scorer.schema(), program, events, &trained.judged)?;
    if rows.is_empty() {
        return Err(Error::data("its policies reject every row of the test window"));
    }
    let config = plan.config;
    let candidate = &trained.competitors[trained.candidate].packaged.scorer;
    let ours = scoring::score(candidate, &prepared.events, &rows)?;
    let theirs = scoring::score(scorer, events, &rows)?;
    let points = operating_points(scorer, events, &rows, &theirs, config)?;
    let ours = measures(config, candidate, &prepared.events, &rows, &ours)?.measures;
    let theirs = measures(config, scorer, events, &rows, &theirs)?.measures;
    Ok((ours, theirs, points))
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
