//! The candidate before the gate: with which champion it can be compared, and on which rows.

use serde_json::Value;
use shroff_datasets::time::format_time;
use shroff_serve::Scorer;
use shroff_serve::features::window::Windows;
use shroff_serve::schema::InputType;

use super::Reporter;
use super::fit::Trained;
use super::gate::{self, Ruling, Side};
use super::measure::measured;
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
    /// What the gate went by; null where it was not asked.
    pub(super) gate: Value,
}

/// Compares the candidate with the champion; without one, limits alone decide.
pub(super) fn judge(
    registry: &Registry,
    plan: &Plan<'_>,
    prepared: &Prepared,
    trained: &Trained,
    reporter: &dyn Reporter,
) -> Result<Judgement, Error> {
    let name = &plan.config.model.name;
    let standing = registry.standing(name)?;
    let Some(holder) = standing.champion else {
        let (rows, events) = (&trained.judged, &prepared.events);
        let candidate = own_side(trained, rows);
        let ruling = gate::rule(plan.config, events, rows, &candidate, None, reporter)?;
        let Ruling { verdict, report } = ruling;
        return Ok(Judgement {
            verdict,
            champion: None,
            measures: None,
            champion_points: Vec::new(),
            gate: report,
        });
    };
    let version = holder.version;
    let keep = |reason: String| Judgement {
        verdict: Verdict { decision: Decision::Keep, reason },
        champion: Some(version),
        measures: None,
        champion_points: Vec::new(),
        gate: Value::Null,
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
    let compared = compare(&scorer, plan, prepared, trained);
    let Compared { rows, candidate, champion, champion_points } = match compared {
        Ok(compared) => compared,
        Err(error) => return Ok(cannot(chain(&error))),
    };
    if !candidate.judged.labels.contains(&true) {
        return Ok(cannot("the test window has no frauds".to_owned()));
    }
    let measures = measured(plan.config, champion.scorer, &champion.judged)?.measures;
    let champion = Some((version, &champion));
    let ruling = gate::rule(plan.config, &prepared.events, &rows, &candidate, champion, reporter)?;
    let Ruling { verdict, report } = ruling;
    let (champion, measures) = (Some(version), Some(measures));
    Ok(Judgement { verdict, champion, measures, champion_points, gate: report })
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

/// Two models on the same rows.
struct Compared<'a> {
    /// Those that neither rejects.
    rows: Vec<usize>,
    candidate: Side<'a>,
    champion: Side<'a>,
    /// The operating points of the champion.
    champion_points: Vec<Point>,
}

/// The rows that neither rejects, with what the candidate and the champion say of them.
fn compare<'a>(
    scorer: &'a Scorer,
    plan: &Plan<'_>,
    prepared: &Prepared,
    trained: &'a Trained,
) -> Result<Compared<'a>, Error> {
    let own = &prepared.events;
    let candidate = trained.candidate_scorer();
    // How ids are hashed does not enter into the values.
    let program = |scorer: &'a Scorer| scorer.windows().map(Windows::program);
    if program(candidate) == program(scorer) && own.bind(&scorer.schema().inputs).is_ok() {
        return sides(plan.config, trained, (scorer, own));
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
    sides(plan.config, trained, (scorer, &events))
}

/// The candidate and another model on the rows that the other does not reject either.
fn sides<'a>(
    config: &Config,
    trained: &'a Trained,
    (scorer, events): (&'a Scorer, &Events),
) -> Result<Compared<'a>, Error> {
    let program = &scorer.contents().program;
    let rows = scoring::accepted(scorer.schema(), program, events, &trained.judged)?;
    if rows.is_empty() {
        return Err(Error::data("its policies reject every row of the test window"));
    }
    let candidate = own_side(trained, &rows);
    let scores = scoring::score(scorer, events, &rows)?;
    let judged = scoring::judged(config, events, &rows, &scores);
    let champion_points = operating_points(config, scorer, &judged)?;
    Ok(Compared { rows, candidate, champion: Side { scorer, judged }, champion_points })
}

/// The candidate on some of the judged rows, in their order: what it said of them.
fn own_side<'a>(trained: &'a Trained, rows: &[usize]) -> Side<'a> {
    let mut wanted = rows.iter().peekable();
    let positions: Vec<usize> = (0..trained.judged.len())
        .filter(|position| wanted.next_if_eq(&&trained.judged[*position]).is_some())
        .collect();
    Side { scorer: trained.candidate_scorer(), judged: trained.answers.take(&positions) }
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
