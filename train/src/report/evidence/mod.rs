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
use shroff_datasets::{ColumnKind, Values};
use shroff_serve::model::{Model, Term};
use shroff_serve::{Score, Scorer};

pub use course::Period;
pub use points::Point;
pub use slices::Slice;
pub use spread::{ProbabilityBin, ScoreBins};

use super::importance;
use crate::config::Config;
use crate::drift::{Drift, DriftLimits};
use crate::error::Error;
use crate::events::Events;
use crate::metric::{Ranking, Scored, local_day};

/// Share of legitimate rows that may alarm where a model has no bands to say it.
const DEFAULT_FPR: f64 = 0.01;

/// A model beside what happened, on some labelled rows. Counts are sums of weights where rows have
/// weights; shares are 0 to 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Days that hold a row; none without time.
    pub days: Option<usize>,
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
    /// Measures by values of categories and by amount.
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

/// Scored rows with what the parts ask of them; every column has a value for each row.
pub(super) struct Rows<'a> {
    pub(super) scorer: &'a Scorer,
    pub(super) events: &'a Events,
    /// Positions among the events.
    pub(super) rows: &'a [usize],
    pub(super) labels: Vec<bool>,
    pub(super) margins: Vec<f64>,
    pub(super) probabilities: Vec<f64>,
    pub(super) weights: Option<Vec<f64>>,
    /// Local days since 1970.
    pub(super) days: Option<Vec<i64>>,
    /// Money, a missing or negative amount being 0.
    pub(super) amounts: Option<Vec<f64>>,
}

impl<'a> Rows<'a> {
    fn new(
        scorer: &'a Scorer,
        events: &'a Events,
        rows: &'a [usize],
        scores: &[Score],
        config: &Config,
    ) -> Self {
        let offset = i64::from(config.columns.utc_offset.secs) * 1_000_000;
        let day = |row: &usize| local_day(events.times[*row], offset);
        let amount = config.columns.amount.as_ref();
        let column = amount.and_then(|name| events.column(name, ColumnKind::Number));
        let amounts = column.and_then(|column| match column.values() {
            Values::Number(values) => {
                let money = |row: &usize| match values[*row] {
                    value if !column.is_null(*row) && value.is_finite() => value.max(0.0),
                    _ => 0.0,
                };
                Some(rows.iter().map(money).collect())
            }
            _ => None,
        });
        Self {
            scorer,
            events,
            rows,
            labels: events.labels_at(rows),
            margins: scores.iter().map(|score| score.margin).collect(),
            probabilities: scores.iter().map(|score| score.probability).collect(),
            weights: events.weights_at(rows),
            days: (!events.times.is_empty()).then(|| rows.iter().map(day).collect()),
            amounts,
        }
    }

    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[row])
    }

    fn ranking(&self) -> Result<Ranking, Error> {
        Scored::new(&self.labels, &self.margins, self.weights.as_deref())
            .map(|scored| Ranking::new(&scored))
            .map_err(|error| Error::data(error.to_string()))
    }

    /// Number of days that hold a row.
    fn n_days(&self) -> Option<usize> {
        let mut days = self.days.clone()?;
        days.sort_unstable();
        days.dedup();
        Some(days.len())
    }
}

impl Evidence {
    /// Of rows with their scores by this model. `config` names the roles of the columns.
    ///
    /// # Errors
    /// No rows, or weights that add up to nothing.
    pub fn of(
        scorer: &Scorer,
        events: &Events,
        rows: &[usize],
        scores: &[Score],
        config: &Config,
    ) -> Result<Self, Error> {
        let drift = match scorer.contents().reference {
            Some(_) => Some(Drift::of(scorer, events, rows, DriftLimits::default())?),
            None => None,
        };
        let rows = Rows::new(scorer, events, rows, scores, config);
        let ranking = rows.ranking()?;
        let lowest_edge = scorer.bands().and_then(|bands| bands.edges.first().copied());
        let alert_margin =
            lowest_edge.or_else(|| ranking.lowest_at_fpr(DEFAULT_FPR).map(|group| group.score));
        Ok(Self {
            days: rows.n_days(),
            alert_margin,
            points: points::of(&rows, &ranking),
            champion_points: Vec::new(),
            calibration: spread::calibration(&rows),
            scores: spread::scores(&rows),
            course: course::of(&rows, alert_margin),
            slices: slices::of(&rows, alert_margin)?,
            importance: importances(scorer),
            drift,
        })
    }
}

/// The operating points of a model on rows that it scored: its curves beside another's.
///
/// # Errors
/// As [`Evidence::of`].
pub fn operating_points(
    scorer: &Scorer,
    events: &Events,
    rows: &[usize],
    scores: &[Score],
    config: &Config,
) -> Result<Vec<Point>, Error> {
    let rows = Rows::new(scorer, events, rows, scores, config);
    Ok(points::of(&rows, &rows.ranking()?))
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
