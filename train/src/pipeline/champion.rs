//! The provisional gate: the candidate is promoted when its average precision on the test window is
//! not below the champion's on the same rows.

use shroff_datasets::time::format_time;
use shroff_serve::Scorer;
use shroff_serve::schema::InputType;

use super::fit::measures;
use super::prepare::{Plan, Prepared};
use crate::error::Error;
use crate::events::{Events, EventsRequest};
use crate::metric::Measures;
use crate::registry::{Decision, Registry, Verdict};

/// What the gate found.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    /// The champion's version.
    pub(super) champion: Option<u64>,
    /// Its measures on the candidate's test rows, where it could be compared.
    pub(super) measures: Option<Measures>,
}

/// Compares the candidate with the champion.
pub(super) fn judge(
    registry: &Registry,
    plan: &Plan<'_>,
    prepared: &Prepared,
    candidate: &Measures,
) -> Result<Judgement, Error> {
    let name = &plan.config.model.name;
    let standing = registry.standing(name)?;
    let Some(holder) = standing.champion else {
        let reason = "first version: there is no champion to compare with".to_owned();
        let verdict = Verdict { decision: Decision::Promote, reason };
        return Ok(Judgement { verdict, champion: None, measures: None });
    };
    let version = holder.version;
    let keep = |reason: String| Judgement {
        verdict: Verdict { decision: Decision::Keep, reason },
        champion: Some(version),
        measures: None,
    };
    let record = registry.record(name, version)?;
    if let Some(as_of) = &record.run.as_of
        && plan.as_of < as_of.micros
    {
        return Ok(keep(format!(
            "as-of {} is older than the as-of {} of champion version {version}",
            format_time(plan.as_of),
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
    if let Some(overlap) = overlap(&scorer, prepared) {
        return Ok(cannot(overlap));
    }
    let theirs = match champion_measures(&scorer, plan, prepared) {
        Ok(measures) => measures,
        Err(error) => return Ok(cannot(chain(&error))),
    };
    let (Some(ours), Some(champions)) = (candidate.average_precision, theirs.average_precision)
    else {
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
    Ok(Judgement { verdict, champion: Some(version), measures: Some(theirs) })
}

/// The champion's windows of fitting that reach into our test window: it has seen the answers.
fn overlap(scorer: &Scorer, prepared: &Prepared) -> Option<String> {
    let provenance = &scorer.contents().provenance;
    let fitted = provenance.windows.iter().filter(|window| window.name != "test");
    let seen =
        fitted.filter_map(|window| Some((&window.name, window.to?))).max_by_key(|(_, to)| *to)?;
    let test = prepared.windows.test;
    (seen.1 > test.from).then(|| {
        format!(
            "its {} window reaches to {}, into the test window ({test})",
            seen.0,
            format_time(seen.1)
        )
    })
}

fn champion_measures(
    scorer: &Scorer,
    plan: &Plan<'_>,
    prepared: &Prepared,
) -> Result<Measures, Error> {
    let own = &prepared.events;
    if own.bind(&scorer.schema().inputs).is_ok() {
        return score(scorer, own, prepared);
    }
    // The champion reads columns that the candidate does not: the same rows are read again.
    let inputs = scorer.schema().inputs.iter();
    let inputs: Vec<(String, InputType)> =
        inputs.map(|input| (input.name.to_string(), input.input_type)).collect();
    let events = Events::read(&EventsRequest {
        source: &plan.source,
        columns: &plan.config.columns,
        label_delay: plan.config.split.label_delay,
        inputs,
        from: own.times.iter().min().copied(),
        to: Some(plan.as_of),
    })?;
    if events.times != own.times {
        return Err(Error::data("the source changed while the job was running"));
    }
    score(scorer, &events, prepared)
}

fn score(scorer: &Scorer, events: &Events, prepared: &Prepared) -> Result<Measures, Error> {
    let scores = crate::scoring::score(scorer, events, &prepared.judged)?;
    measures(events, &prepared.judged, &scores)
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
