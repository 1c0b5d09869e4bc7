//! Fitting all learners, choosing the candidate on `stop`, fitting again, packaging.

use shroff_serve::model::Model;
use shroff_serve::{Schema, Score, Scorer, features::Program};

use super::Reporter;
use super::prepare::{Plan, Prepared};
use crate::check::warning;
use crate::error::Error;
use crate::events::Events;
use crate::learner::{Fitted, LearnerConfig};
use crate::matrix::{Matrix, TrainingSet};
use crate::metric::{Measures, Ranking, Scored};
use crate::package::{self, Packaged, Parts};
use crate::{program, scoring};

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
    /// What a person should know of the features.
    pub warnings: Vec<String>,
}

/// Rows made ready to fit.
struct FitRows {
    schema: Schema,
    program: Program,
    matrix: Matrix,
    labels: Vec<bool>,
    weights: Option<Vec<f64>>,
}

impl FitRows {
    fn new(plan: &Plan<'_>, events: &Events, rows: &[usize]) -> Result<Self, Error> {
        let (schema, program) = program::fit(plan.config, events, rows)?;
        let matrix = scoring::encode(&schema, &program, events, rows)?;
        let (labels, weights) = (events.labels_at(rows), events.weights_at(rows));
        Ok(Self { schema, program, matrix, labels, weights })
    }

    fn warnings(&self) -> Vec<String> {
        warning::features(&self.schema, &self.matrix, &self.labels, self.weights.as_deref())
    }

    fn fit(&self, learner: &LearnerConfig, reporter: &dyn Reporter) -> Result<Fitted, Error> {
        let data = TrainingSet {
            matrix: &self.matrix,
            labels: &self.labels,
            weights: self.weights.as_deref(),
        };
        let fitted = learner.learner().fit(&data, reporter);
        fitted.map_err(|source| Error::Learn { learner: learner.name().to_owned(), source })
    }
}

/// Fits every learner on train, ranks them on `stop`, fits them again on train and stop, packages
/// them and judges them on test.
pub(super) fn fit_all(
    plan: &Plan<'_>,
    prepared: &Prepared,
    reporter: &dyn Reporter,
) -> Result<Trained, Error> {
    let config = plan.config;
    let learners = &config.learners;
    let has_stop = !prepared.split.stop.is_empty();
    let mut stop_measures = vec![None; learners.len()];
    let mut first_fits: Vec<Option<Fitted>> = learners.iter().map(|_| None).collect();
    let mut train_rows = None;
    let mut warnings = Vec::new();
    if has_stop {
        reporter.step("encoding the train window");
        let rows = FitRows::new(plan, &prepared.events, &prepared.split.train)?;
        warnings = rows.warnings();
        for (position, learner) in learners.iter().enumerate() {
            reporter.step(&format!("fitting {} on train", learner.name()));
            let fitted = rows.fit(learner, reporter)?;
            let scorer = package::draft_scorer(
                rows.schema.clone(),
                rows.program.clone(),
                fitted.clone(),
                prepared.provenance(plan, learner),
            )?;
            let stop = &prepared.split.stop;
            let precision = average_precision(&scorer, &prepared.events, stop)?;
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
    if !has_stop {
        warnings = rows.warnings();
    }
    let mut competitors = Vec::with_capacity(learners.len());
    for (position, learner) in learners.iter().enumerate() {
        let fitted = match first_fits[position].take() {
            Some(fitted) if !refit => fitted,
            _ => {
                reporter.step(&format!("fitting {}", learner.name()));
                rows.fit(learner, reporter)?
            }
        };
        reporter.step(&format!("packaging and judging {}", learner.name()));
        let size = size(&fitted.model);
        let packaged = package::package(Parts {
            schema: rows.schema.clone(),
            program: rows.program.clone(),
            fitted,
            provenance: prepared.provenance(plan, learner),
            events: &prepared.events,
            fit_rows,
            calibrate_rows: &prepared.split.calibrate,
            method: config.calibrate.method,
        })?;
        for note in &packaged.notes {
            reporter.note(&format!("{}: {note}", learner.name()));
        }
        let scores = scoring::score(&packaged.scorer, &prepared.events, &prepared.judged)?;
        competitors.push(Competitor {
            name: learner.name().to_owned(),
            stop_average_precision: stop_measures[position],
            packaged,
            test: measures(&prepared.events, &prepared.judged, &scores)?,
            size,
        });
    }
    Ok(Trained { competitors, candidate, warnings })
}

/// The measures of scored rows.
///
/// # Errors
/// No rows, or weights that add up to nothing.
pub(crate) fn measures(
    events: &Events,
    rows: &[usize],
    scores: &[Score],
) -> Result<Measures, Error> {
    let margins: Vec<f64> = scores.iter().map(|score| score.margin).collect();
    let probabilities: Vec<f64> = scores.iter().map(|score| score.probability).collect();
    let (labels, weights) = (events.labels_at(rows), events.weights_at(rows));
    Measures::of(&labels, &margins, &probabilities, weights.as_deref())
        .map_err(|error| Error::data(error.to_string()))
}

fn average_precision(
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
