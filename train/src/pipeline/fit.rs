//! Fitting all learners, choosing the candidate on `stop`, fitting again, packaging.

use std::path::Path;

use serde_json::Value;
use shroff_serve::model::Model;
use shroff_serve::{Schema, Scorer, features::Program};

use super::measure::{Measured, measured};
use super::prepare::{Plan, Prepared};
use super::search::search;
use super::{Reporter, intervals};
use crate::check::warning;
use crate::error::Error;
use crate::events::Events;
use crate::learner::{Fitted, LearnError, LearnerConfig};
use crate::matrix::{Matrix, TrainingSet};
use crate::metric::bootstrap::Resampled;
use crate::metric::{BandMeasures, Judged, Measures, Ranking, Scored};
use crate::package::{self, Packaged, Parts};
use crate::{program, rate, scoring};

/// A learner with what it came to.
#[derive(Debug)]
pub struct Competitor {
    /// Its name.
    pub name: String,
    /// Average precision on `stop`; none without such a window.
    pub stop_average_precision: Option<f64>,
    /// The finished artifact.
    pub packaged: Packaged,
    /// Measures on the judged rows of test, scored through the finished artifact.
    pub test: Measures,
    /// What lies in its bands there, from the highest down.
    pub bands: Vec<BandMeasures>,
    /// The measures on resamples of those rows.
    pub resampled: Resampled,
    /// How large the model is, in words.
    pub size: String,
}

/// All learners, and which of them is the candidate.
#[derive(Debug)]
pub struct Trained {
    /// In the order of the configuration.
    pub competitors: Vec<Competitor>,
    /// Position of the candidate.
    pub candidate: usize,
    /// The rows of test that are judged: those that no policy of the features rejects.
    pub judged: Vec<usize>,
    /// What the candidate says of them.
    pub answers: Judged,
    /// Rows that a policy rejects and that are left out, by what they are for.
    pub rejected: Vec<(&'static str, usize)>,
    /// What the search of parameters came to, where there was one.
    pub search: Option<Value>,
    /// What a person should know of the features.
    pub warnings: Vec<String>,
}

impl Trained {
    /// The finished artifact of the candidate.
    pub(super) fn candidate_scorer(&self) -> &Scorer {
        &self.competitors[self.candidate].packaged.scorer
    }
}

/// Rows made ready to fit.
pub(super) struct FitRows {
    /// Those that no policy rejects.
    rows: Vec<usize>,
    pub(super) schema: Schema,
    pub(super) program: Program,
    encoded: EncodedRows,
}

/// Rows as learners see them.
pub(super) struct EncodedRows {
    matrix: Matrix,
    labels: Vec<bool>,
    weights: Option<Vec<f64>>,
}

impl EncodedRows {
    fn training_set(&self) -> TrainingSet<'_> {
        TrainingSet { matrix: &self.matrix, labels: &self.labels, weights: self.weights.as_deref() }
    }
}

impl FitRows {
    pub(super) fn new(plan: &Plan<'_>, events: &Events, rows: &[usize]) -> Result<Self, Error> {
        let (schema, program) = program::fit(plan.config, events, rows)?;
        let (kept, matrix) = rate::encode_fit_rows(plan.config, (&schema, &program), events, rows)?;
        if kept.is_empty() {
            return Err(all_rejected("fit"));
        }
        let names = schema.features.iter().map(|feature| feature.name.clone());
        let matrix = matrix.with_feature_names(names);
        let (labels, weights) = (events.labels_at(&kept), events.weights_at(&kept));
        let encoded = EncodedRows { matrix, labels, weights };
        Ok(Self { rows: kept, schema, program, encoded })
    }

    fn warnings(&self) -> Vec<String> {
        let EncodedRows { matrix, labels, weights } = &self.encoded;
        warning::features(&self.schema, matrix, labels, weights.as_deref())
    }

    /// The rows of a window that no policy rejects.
    pub(super) fn accepted(
        &self,
        window: &str,
        events: &Events,
        rows: &[usize],
    ) -> Result<Vec<usize>, Error> {
        let accepted = scoring::accepted(&self.schema, &self.program, events, rows)?;
        if accepted.is_empty() && !rows.is_empty() {
            return Err(all_rejected(window));
        }
        Ok(accepted)
    }

    /// Other rows, none of which a policy rejects, as these are encoded.
    pub(super) fn encode(&self, events: &Events, rows: &[usize]) -> Result<EncodedRows, Error> {
        let matrix = scoring::encode(&self.schema, &self.program, events, rows)?;
        let (labels, weights) = (events.labels_at(rows), events.weights_at(rows));
        Ok(EncodedRows { matrix, labels, weights })
    }

    /// Fits, for as long as it helps on the rows of `stop` if there are any. What a learner says of a
    /// row by its position is said by its row and feature instead.
    pub(super) fn fit(
        &self,
        learner: &LearnerConfig,
        stop: Option<&EncodedRows>,
        events: &Events,
        reporter: &dyn Reporter,
    ) -> Result<Fitted, Error> {
        let data = self.encoded.training_set();
        let learner_name = learner.name().to_owned();
        let fitted = match stop {
            Some(stop) => learner.learner().fit_until(&data, &stop.training_set(), reporter),
            None => learner.learner().fit(&data, reporter),
        };
        fitted.map_err(|error| match error {
            LearnError::Value { row, feature, found, .. } => Error::data(format!(
                "learner {learner_name:?}: row {}, feature {:?}: expected a number within 1e30 in \
                 size, found {found:e}; give the feature a range",
                events.source_row(self.rows[row]),
                &*self.schema.features[feature].name
            )),
            source => Error::Learn { learner: learner_name, source },
        })
    }
}

/// Searches parameters if asked to, fits every learner on train, ranks them on `stop`, fits them again on train and stop, packages
/// them and judges them on test. `memory` is a file of what a search tried before.
pub(super) fn fit_all(
    plan: &Plan<'_>,
    prepared: &Prepared,
    memory: Option<&Path>,
    reporter: &dyn Reporter,
) -> Result<Trained, Error> {
    let config = plan.config;
    let searched = search(plan, prepared, memory, reporter)?;
    let learners = searched.as_ref().map_or(&config.learners, |searched| &searched.learners);
    let has_stop = !prepared.split.stop.is_empty();
    let mut stop_measures = vec![None; learners.len()];
    let mut first_fits: Vec<Option<Fitted>> = learners.iter().map(|_| None).collect();
    let mut train_rows = None;
    let mut n_stop = 0;
    let mut warnings = Vec::new();
    if has_stop {
        reporter.step("encoding the train window");
        let rows = FitRows::new(plan, &prepared.events, &prepared.split.train)?;
        let stop = rows.accepted("stop", &prepared.events, &prepared.split.stop)?;
        n_stop = stop.len();
        let encoded_stop = rows.encode(&prepared.events, &stop)?;
        warnings = rows.warnings();
        for (position, learner) in learners.iter().enumerate() {
            reporter.step(&format!("fitting {} on train", learner.name()));
            let until = Some(&encoded_stop);
            let fitted = rows.fit(learner, until, &prepared.events, reporter)?;
            let scorer = package::draft_scorer(
                rows.schema.clone(),
                rows.program.clone(),
                fitted.clone(),
                prepared.provenance(plan, learner),
            )?;
            let precision = average_precision(&scorer, &prepared.events, &stop)?;
            stop_measures[position] = precision;
            first_fits[position] = Some(fitted);
        }
        train_rows = Some(rows);
    }
    let candidate = best(&stop_measures);

    let fit_rows = prepared.final_fit_rows(config);
    // Without a second fit, or without stop, there is nothing new to encode.
    let refit = config.split.refit || !has_stop;
    let rows = match train_rows {
        Some(rows) if !refit => rows,
        _ => {
            reporter.step("encoding the rows of the final fit");
            FitRows::new(plan, &prepared.events, fit_rows)?
        }
    };
    let calibrate = rows.accepted("calibrate", &prepared.events, &prepared.split.calibrate)?;
    let judged = rows.accepted("test", &prepared.events, &prepared.judged)?;
    let rejected = vec![
        ("fit", fit_rows.len() - rows.rows.len()),
        ("stop", prepared.split.stop.len() - n_stop),
        ("calibrate", prepared.split.calibrate.len() - calibrate.len()),
        ("test", prepared.judged.len() - judged.len()),
    ];
    for (what, n_rejected) in rejected.iter().filter(|(_, n_rejected)| *n_rejected > 0) {
        reporter.note(&format!(
            "{n_rejected} rows of {what} are left out: a policy of a feature rejects them"
        ));
    }
    if !has_stop {
        warnings = rows.warnings();
    }
    let mut competitors = Vec::with_capacity(learners.len());
    let mut candidate_answers = Judged::default();
    for (position, learner) in learners.iter().enumerate() {
        let first = first_fits[position].take();
        let learner = &first.as_ref().map_or_else(|| learner.clone(), |fit| learner.for_refit(fit));
        let fitted = match first {
            Some(fitted) if !refit => fitted,
            _ => {
                reporter.step(&format!("fitting {}", learner.name()));
                rows.fit(learner, None, &prepared.events, reporter)?
            }
        };
        reporter.step(&format!("packaging and judging {}", learner.name()));
        let size = size(&fitted.model);
        let packaged = package::package(Parts {
            schema: rows.schema.clone(),
            program: rows.program.clone(),
            fitted,
            reasons: config.reason_codes(&rows.schema),
            provenance: prepared.provenance(plan, learner),
            events: &prepared.events,
            fit_rows: &rows.rows,
            calibrate_rows: &calibrate,
            config,
        })?;
        for note in &packaged.notes {
            reporter.note(&format!("{}: {note}", learner.name()));
        }
        let scores = scoring::score(&packaged.scorer, &prepared.events, &judged)?;
        let scorer = &packaged.scorer;
        let answers = scoring::judged(config, &prepared.events, &judged, &scores);
        let Measured { measures, bands } = measured(config, scorer, &answers)?;
        reporter.step(&format!("resampling the rows of test for {}", learner.name()));
        let clusters = intervals::clusters(config, &prepared.events, &judged, &answers)?;
        let resampled = intervals::resampled(config, &clusters, &[&answers], reporter)?;
        competitors.push(Competitor {
            name: learner.name().to_owned(),
            stop_average_precision: stop_measures[position],
            packaged,
            test: measures,
            bands,
            resampled,
            size,
        });
        if position == candidate {
            candidate_answers = answers;
        }
    }
    let search = searched.map(|searched| searched.report);
    let answers = candidate_answers;
    Ok(Trained { competitors, candidate, judged, answers, rejected, search, warnings })
}

fn all_rejected(window: &str) -> Error {
    Error::data(format!(
        "every row of {window} is rejected by a policy of a feature; see [[feature]] on_missing, \
         on_unseen and on_out_of_range"
    ))
}

pub(super) fn average_precision(
    scorer: &Scorer,
    events: &Events,
    rows: &[usize],
) -> Result<Option<f64>, Error> {
    let scores = scoring::score(scorer, events, rows)?;
    let margins: Vec<f64> = scores.iter().map(|score| score.margin).collect();
    let (labels, weights) = (events.labels_at(rows), events.weights_at(rows));
    let scored = Scored::new(&labels, &margins, weights.as_deref())
        .map_err(|error| Error::data(error.to_string()))?;
    Ok(Ranking::new(&scored).average_precision())
}

/// The greatest measure, the first of equals; without any the first learner.
fn best(measures: &[Option<f64>]) -> usize {
    let mut best = 0;
    for (position, measure) in measures.iter().enumerate() {
        let better = |best: Option<f64>| best.is_none_or(|best| measure.is_some_and(|m| m > best));
        if measure.is_some() && better(measures[best]) {
            best = position;
        }
    }
    best
}

fn size(model: &Model) -> String {
    match model {
        Model::Forest(forest) => {
            let n_nodes: usize = forest.trees.iter().map(|tree| tree.nodes.len()).sum();
            let trees = if forest.trees.len() == 1 { "tree" } else { "trees" };
            format!("{} {trees}, {n_nodes} nodes", forest.trees.len())
        }
        Model::Linear(linear) => format!("{} terms", linear.terms.len()),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::best;

    #[test]
    fn the_first_of_the_best_is_chosen() {
        assert_eq!(best(&[Some(0.2), Some(0.5), Some(0.5), None]), 1);
        assert_eq!(best(&[None, Some(0.1)]), 1);
        assert_eq!(best(&[None, None]), 0);
        assert_eq!(best(&[Some(0.0), None]), 0);
    }
}
