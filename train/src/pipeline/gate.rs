//! The gate's ruling on a candidate, and what it says of it.

use serde_json::{Value, json};
use shroff_serve::Scorer;

use super::intervals::{clusters, cut, resampled};
use crate::config::Config;
use crate::error::Error;
use crate::events::Events;
use crate::gate::{Comparison, Finding, MIN_SLICE_FRAUDS, decision, refusals};
use crate::learner::Progress;
use crate::metric::Judged;
use crate::metric::bootstrap::{Clusters, Measure, Resampled};
use crate::registry::{Decision, Verdict};

/// A model with what it says of the rows.
#[derive(Debug)]
pub(super) struct Side<'a> {
    pub(super) scorer: &'a Scorer,
    pub(super) judged: Judged,
}

/// What the gate says, and the figures it goes by.
#[derive(Debug)]
pub(super) struct Ruling {
    pub(super) verdict: Verdict,
    /// `gate` of the report.
    pub(super) report: Value,
}

/// Rules on a candidate whose rows, `rows` of `events`, the champion judged too, unless there is none.
pub(super) fn rule(
    config: &Config,
    events: &Events,
    rows: &[usize],
    candidate: &Side<'_>,
    champion: Option<(u64, &Side<'_>)>,
    progress: &dyn Progress,
) -> Result<Ruling, Error> {
    let confidence = config.evaluate.intervals.confidence;
    let by = clusters(config, events, rows, &candidate.judged)?;
    let mut models = vec![&candidate.judged];
    models.extend(champion.map(|(_, side)| &side.judged));
    let found = resampled(config, &by, &models, progress)?;

    let rates = champion.and_then(|(_, side)| Some((alert_rate(candidate)?, alert_rate(side)?)));
    let slices = match champion {
        Some(_) => in_slices(config, events, rows, &by, &models, progress)?,
        None => Vec::new(),
    };
    let compared_by = champion.map(|_| rates);
    let refused = refusals(&config.gate, confidence, &found, compared_by, &slices);
    let compared = champion.map(|(version, _)| (version, compared(config, &found)));
    let (mut to, mut reason) = match &compared {
        None => {
            (Decision::Promote, "first version: there is no champion to compare with".to_owned())
        }
        Some((version, comparison)) => ruled(config, *version, comparison.as_ref()),
    };
    if !refused.is_empty() {
        to = Decision::Keep;
        for refusal in &refused {
            reason.push_str(&format!("; refused by [gate] {}: {}", refusal.limit, refusal.reason));
        }
    }
    let finding = compared.as_ref().map(|(_, comparison)| {
        comparison.as_ref().map_or(Finding::CannotTell, |comparison| comparison.finding)
    });
    let differences: serde_json::Map<String, Value> = Measure::ALL
        .into_iter()
        .filter(|_| champion.is_some())
        .filter_map(|measure| {
            let difference = found.difference(0, 1, measure, confidence)?;
            Some((measure.name().to_owned(), json!(difference)))
        })
        .collect();
    let slices: Vec<Value> = slices
        .iter()
        .map(|(slice, comparison)| {
            let mut shown = json!(comparison);
            shown["slice"] = json!(slice);
            shown
        })
        .collect();
    let report = json!({
        "finding": finding,
        "decision": to,
        "comparison": compared.and_then(|(_, comparison)| comparison),
        "differences": differences,
        "alert_rates": rates.map(|(candidate, champion)| {
            json!({ "candidate": candidate, "champion": champion })
        }),
        "slices": slices,
        "refusals": refused,
    });
    Ok(Ruling { verdict: Verdict { decision: to, reason }, report })
}

fn compared(config: &Config, found: &Resampled) -> Option<Comparison> {
    let (gate, confidence) = (&config.gate, config.evaluate.intervals.confidence);
    Comparison::of(found, (0, 1), gate.measure, confidence, gate.margin())
}

fn ruled(config: &Config, version: u64, comparison: Option<&Comparison>) -> (Decision, String) {
    match comparison {
        Some(comparison) => {
            let sentence = comparison.sentence(&format!("champion version {version}"));
            (decision(&config.gate, comparison.finding), sentence)
        }
        None => {
            let measure = config.gate.measure.name();
            let reason = format!(
                "cannot tell: {measure} has no interval on the rows of test, of which too few \
                 clusters have frauds, to compare with champion version {version}"
            );
            (decision(&config.gate, Finding::CannotTell), reason)
        }
    }
}

/// The comparison in each slice with enough frauds. Each interval is so much wider that all of them
/// together hold the truth as often as one alone would.
///
/// # Source
/// Bonferroni's inequality.
fn in_slices(
    config: &Config,
    events: &Events,
    rows: &[usize],
    by: &[Clusters],
    models: &[&Judged],
    progress: &dyn Progress,
) -> Result<Vec<(String, Comparison)>, Error> {
    let labels = &models[0].labels;
    let mut slices = Vec::new();
    for column in &config.gate.slices {
        slices.extend(cut(events, column, rows, labels, MIN_SLICE_FRAUDS)?);
    }
    let miss = (1.0 - config.evaluate.intervals.confidence) / slices.len() as f64;
    let mut found = Vec::new();
    for slice in &slices {
        let parts: Vec<Judged> = models.iter().map(|judged| judged.take(&slice.rows)).collect();
        let by: Vec<Clusters> = by.iter().map(|by| by.take(&slice.rows)).collect();
        let resampled = resampled(config, &by, &parts.iter().collect::<Vec<_>>(), progress)?;
        let gate = &config.gate;
        let comparison =
            Comparison::of(&resampled, (0, 1), gate.measure, 1.0 - miss, gate.margin());
        found.extend(comparison.map(|comparison| (slice.name.clone(), comparison)));
    }
    Ok(found)
}

/// The share of the rows above the lowest band; none without bands.
fn alert_rate(side: &Side<'_>) -> Option<f64> {
    let edge = side.scorer.bands()?.edges.first()?;
    let judged = &side.judged;
    let (mut above, mut all) = (0.0, 0.0);
    for row in 0..judged.n_rows() {
        let weight = judged.weight(row);
        all += weight;
        above += if judged.margins[row] >= *edge { weight } else { 0.0 };
    }
    (all > 0.0).then(|| above / all)
}
