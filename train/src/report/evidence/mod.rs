//! What is shown of a model beyond single measures: operating points, calibration, the spread of scores,
//! the course over time, slices, importance and drift.
//!
//! [`Evidence`] is plain data, computed once through the artifact's own scores. It is part of `metrics.json`, and the
//! page is made from that, so that both say the same. Every part may be absent.

mod course;
mod points;
mod slices;
mod spread;

use serde::{Deserialize, Serialize};
use shroff_serve::Scorer;
use shroff_serve::model::{Model, Term};

pub use course::Period;
pub use points::Point;
pub use slices::Slice;
pub use spread::{ProbabilityBin, ScoreBins};

use super::importance;
use crate::config::Config;
use crate::drift::{Drift, DriftLimits};
use crate::error::Error;
use crate::events::Events;
use crate::metric::{AlertUnit, Alerts, Judged, MetricError, Ranking, Scored};
use crate::scoring;

/// Share of legitimate rows that may alarm where a model has no bands to say it.
const DEFAULT_FPR: f64 = 0.01;

/// A model beside what happened, on some labelled rows. Counts are sums of weights where rows have
/// weights; shares are 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Days that hold a row; none without time.
    pub days: Option<usize>,
    /// What `points` count as one alert.
    pub alert_unit: AlertUnit,
    /// The margin from which a row counts as an alert in `course` and `slices`: the lowest edge of the
    /// bands, else where 1 % of legitimate rows alarm; none where even the highest score alarms more.
    pub alert_margin: Option<f64>,
    /// Thresholds from the highest down: curves, table and slider.
    pub points: Vec<Point>,
    /// Those of the champion on the same rows.
    pub champion_points: Vec<Point>,
    /// Probabilities beside what happened, by bins that widen with the probability.
    pub calibration: Vec<ProbabilityBin>,
    /// How margins are spread in either class.
    pub scores: Option<ScoreBins>,
    /// Measures by day, or week where there are many days.
    pub course: Vec<Period>,
    /// Measures by values of columns that were asked for, of categories, and by amount.
    pub slices: Vec<Slice>,
    /// What the model looks at, the most important first.
    pub importance: Vec<Importance>,
    /// These rows beside the calibrate window; none without a reference.
    pub drift: Option<Drift>,
}

/// How much a model uses a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The feature's name.
    pub name: String,
    /// For a forest its share of the gain of all splits; for a linear model its share of the sum of absolute
    /// standardised weights, of a category the greatest of them.
    pub share: f64,
}

/// What a page is to show: a model, and the rows that it was judged on.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Names the roles of the columns, what an alert is, and what decisions cost.
    pub config: &'a Config,
    /// The model.
    pub scorer: &'a Scorer,
    /// Holds the rows.
    pub events: &'a Events,
    /// Positions of the judged rows among the events.
    pub rows: &'a [usize],
    /// The rows with their scores by the model, in the same order.
    pub judged: &'a Judged,
    /// The columns whose slices were asked for.
    pub slice_columns: &'a [String],
    /// Their slices.
    pub slices: &'a [crate::gate::Slice],
}

impl Default for Evidence {
    /// Nothing.
    fn default() -> Self {
        Self {
            days: None,
            alert_unit: AlertUnit::Rows,
            alert_margin: None,
            points: Vec::new(),
            champion_points: Vec::new(),
            calibration: Vec::new(),
            scores: None,
            course: Vec::new(),
            slices: Vec::new(),
            importance: Vec::new(),
            drift: None,
        }
    }
}

impl Evidence {
    /// Of rows with their scores by this model. Each row is encoded once.
    ///
    /// # Errors
    /// No rows, weights that add up to nothing, or an input that was not read.
    pub fn of(shown: &Shown<'_>) -> Result<Self, Error> {
        let Shown { config, scorer, events, rows, judged, .. } = *shown;
        let contents = scorer.contents();
        let matrix = scoring::encode(&contents.schema, &contents.program, events, rows)?;
        let drift = contents.reference.as_ref().map(|reference| {
            let limits = DriftLimits::default();
            Drift::of_encoded((scorer, reference), events, rows, (&matrix, &judged.margins), limits)
        });
        let (ranking, alerts) = ranked(config, judged)?;
        let lowest_edge = scorer.bands().and_then(|bands| bands.edges.first().copied());
        let alert_margin =
            lowest_edge.or_else(|| ranking.lowest_at_fpr(DEFAULT_FPR).map(|group| group.score));
        let declared = (shown.slice_columns, shown.slices);
        let amount = config.columns.amount.as_deref();
        Ok(Self {
            days: alerts.as_ref().map(Alerts::n_days),
            alert_unit: match alerts {
                Some(_) => config.budgets().unit,
                None => AlertUnit::Rows,
            },
            alert_margin,
            points: points::of(config, scorer, judged, &ranking, alerts.as_ref()),
            champion_points: Vec::new(),
            calibration: spread::calibration(judged),
            scores: spread::scores(judged),
            course: course::of(judged, alert_margin),
            slices: slices::of(scorer, &matrix, judged, declared, amount, alert_margin),
            importance: importances(scorer),
            drift,
        })
    }
}

/// The operating points of a model on rows that it scored: its curves beside another's.
///
/// # Errors
/// No rows, or weights that add up to nothing.
pub fn operating_points(
    config: &Config,
    scorer: &Scorer,
    judged: &Judged,
) -> Result<Vec<Point>, Error> {
    let (ranking, alerts) = ranked(config, judged)?;
    Ok(points::of(config, scorer, judged, &ranking, alerts.as_ref()))
}

/// The rows by score, and the alerts that they make; none without days to count them by.
fn ranked(config: &Config, judged: &Judged) -> Result<(Ranking, Option<Alerts>), Error> {
    let refuse = |error: MetricError| Error::data(error.to_string());
    let scored = Scored::new(&judged.labels, &judged.margins, judged.weights.as_deref());
    let alerts = Alerts::of(judged, config.budgets().unit).map_err(refuse)?;
    Ok((Ranking::new(&scored.map_err(refuse)?), alerts))
}

/// The features by importance; those of none are left out.
fn importances(scorer: &Scorer) -> Vec<Importance> {
    let contents = scorer.contents();
    let n_features = contents.schema.features.len();
    let shares: Vec<f64> = match &contents.model {
        Model::Forest(forest) => {
            importance(forest, n_features).iter().map(|feature| feature.gain).collect()
        }
        Model::Linear(linear) => {
            let size = |term: &Term| match term {
                Term::Numeric { weight, .. } => weight.abs(),
                Term::Categorical { weights, .. } => {
                    weights.iter().fold(0.0_f64, |greatest, weight| greatest.max(weight.abs()))
                }
            };
            let sizes: Vec<f64> = linear.terms.iter().map(size).collect();
            let total: f64 = sizes.iter().sum();
            sizes.iter().map(|size| if total > 0.0 { size / total } else { 0.0 }).collect()
        }
        _ => Vec::new(),
    };
    let names = contents.schema.features.iter().map(|feature| feature.name.to_string());
    let mut found: Vec<Importance> = names
        .zip(shares)
        .filter(|(_, share)| *share > 0.0)
        .map(|(name, share)| Importance { name, share })
        .collect();
    // Stable: of equals the first in the schema.
    found.sort_by(|a, b| b.share.total_cmp(&a.share));
    found
}
