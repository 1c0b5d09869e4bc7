//! What the folds say together: each measure's mean, spread and course, what a model loses as it ages, and
//! what retraining less often would have cost.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shroff_datasets::time::format_time;

use super::BacktestOptions;
use super::fold::{EarlierModel, Fold};
use crate::config::{Config, MICROS_PER_DAY};

/// Measures by their names, as `metrics.json` holds them.
pub type MeasureMap = Map<String, Value>;

/// A replayed history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    /// The model's name.
    pub model: String,
    /// The first as-of, RFC 3339.
    pub from: String,
    /// No as-of is later, RFC 3339.
    pub to: String,
    /// From one as-of to the next.
    pub every: String,
    /// Each measure of the folds' own models on their own test windows, by its name.
    pub measures: Map<String, Value>,
    /// By age, the youngest first.
    pub ages: Vec<Age>,
    /// By interval, the shortest first; empty where no model meets days after its as-of.
    pub retrain_every: Vec<Interval>,
    /// In the order of time.
    pub folds: Vec<Fold>,
}

/// One measure over folds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Number of folds that have it.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Sample standard deviation (over n − 1); absent for one fold.
    pub sd: Option<f64>,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

/// Models on test windows that begin so many days after their as-of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Age {
    /// Days from a model's as-of to the start of the test window; below 0 for the window that the job
    /// itself judges on. From 0 on a backend would have scored these days with this model.
    pub days_after_as_of: f64,
    /// Pairs of a model and a test window.
    pub n: usize,
    /// Mean of each measure.
    pub mean: MeasureMap,
    /// Mean of each measure less that of the test window's own model on the same rows.
    pub change: MeasureMap,
}

/// What the days after as-of lose when only every n-th run is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Days from one retraining to the next.
    pub days: f64,
    /// Least number of test windows behind the mean of an age.
    pub n: usize,
    /// Mean change of each measure against retraining at every as-of, on the same rows: the mean over the
    /// ages that models reach before they are replaced.
    pub change: MeasureMap,
}

impl Backtest {
    pub(super) fn new(config: &Config, options: &BacktestOptions<'_>, folds: Vec<Fold>) -> Self {
        let own: Vec<&MeasureMap> = folds.iter().map(|fold| &fold.test).collect();
        let measures = names(&folds).map(|name| {
            let values: Vec<f64> = own.iter().filter_map(|map| number(map, name)).collect();
            (name.clone(), serde_json::to_value(Spread::of(&values)).unwrap_or_default())
        });
        Self {
            model: config.model.name.clone(),
            from: format_time(options.from),
            to: format_time(options.to),
            every: options.every.to_string(),
            measures: measures.collect(),
            ages: ages(&folds),
            retrain_every: intervals(&folds, options.every.micros()),
            folds,
        }
    }

    /// A measure over the folds.
    pub fn spread(&self, measure: &str) -> Option<Spread> {
        serde_json::from_value(self.measures.get(measure)?.clone()).ok()
    }
}

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        let mean = mean(values)?;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let sd = (n > 1).then(|| (squares / (n as f64 - 1.0)).sqrt());
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Self { n, mean, sd, min, max })
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The names of the measures that are numbers; a fold may lack some, as those of bands that it has not.
fn names(folds: &[Fold]) -> impl Iterator<Item = &String> {
    let mut seen = HashSet::new();
    let measures = folds.iter().flat_map(|fold| &fold.test);
    let numbers = measures.filter(|(_, value)| value.is_number() || value.is_null());
    numbers.map(|(name, _)| name).filter(move |name| seen.insert(*name))
}

fn number(map: &MeasureMap, name: &str) -> Option<f64> {
    map.get(name).and_then(Value::as_f64)
}

/// A model so many folds older than a test window; its own for 0.
fn pair(fold: &Fold, position: usize, n_later: usize, folds: &[Fold]) -> Option<EarlierModel> {
    let model = &folds[position.checked_sub(n_later)?];
    if n_later == 0 {
        let Fold { as_of, as_of_micros, test, .. } = fold.clone();
        return Some(EarlierModel { as_of, as_of_micros, fresh: test.clone(), test });
    }
    fold.earlier.iter().find(|earlier| earlier.as_of_micros == model.as_of_micros).cloned()
}

fn ages(folds: &[Fold]) -> Vec<Age> {
    let age = |n_later: usize| {
        let pairs: Vec<EarlierModel> = folds
            .iter()
            .enumerate()
            .filter_map(|(position, fold)| pair(fold, position, n_later, folds))
            .collect();
        let micros = folds.get(n_later)?.test_from_micros - folds[0].as_of_micros;
        let of = |value: &dyn Fn(&EarlierModel, &str) -> Option<f64>| -> MeasureMap {
            let mean_of = |name: &String| {
                let values: Vec<f64> = pairs.iter().filter_map(|pair| value(pair, name)).collect();
                (name.clone(), Value::from(mean(&values)))
            };
            names(folds).map(mean_of).collect()
        };
        Some(Age {
            days_after_as_of: micros as f64 / MICROS_PER_DAY as f64,
            n: pairs.len(),
            mean: of(&|pair, name| number(&pair.test, name)),
            change: of(&change),
        })
    };
    (0..folds.len()).filter_map(age).filter(|age| age.n > 0).collect()
}

fn change(pair: &EarlierModel, name: &str) -> Option<f64> {
    Some(number(&pair.test, name)? - number(&pair.fresh, name)?)
}

fn intervals(folds: &[Fold], every: i64) -> Vec<Interval> {
    // The first test window that begins at or after the as-of of the first model.
    let live =
        |first: &Fold| folds.iter().position(|fold| fold.test_from_micros >= first.as_of_micros);
    let Some(n_live) = folds.first().and_then(live) else { return Vec::new() };
    // Of one measure, by how many runs were left out: the changes of all test windows.
    let changes = |name: &str, n_left_out: usize| -> Vec<f64> {
        let of_window = |position: usize| {
            let stale = pair(&folds[position], position, n_live + n_left_out, folds)?;
            let regular = pair(&folds[position], position, n_live, folds)?;
            Some(change(&stale, name)? - change(&regular, name)?)
        };
        (0..folds.len()).filter_map(of_window).collect()
    };
    let interval = |n_runs: usize| {
        let of_measure = |name: &String| {
            let means = (0..n_runs).map(|n_left_out| mean(&changes(name, n_left_out)));
            let means: Option<Vec<f64>> = means.collect();
            (name.clone(), Value::from(means.and_then(|means| mean(&means))))
        };
        Interval {
            days: n_runs as f64 * every as f64 / MICROS_PER_DAY as f64,
            n: folds.len() - n_live - (n_runs - 1),
            change: names(folds).map(of_measure).collect(),
        }
    };
    (1..=folds.len() - n_live).map(interval).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DAY: i64 = MICROS_PER_DAY;

    /// Four weekly folds whose test window begins 14 days before their as-of; a model of age `a` weeks has
    /// a measure of 0.8 less 0.1 a, on any window.
    fn folds() -> Vec<Fold> {
        let map = |value: f64| match json!({ "average_precision": value, "bands": [1] }) {
            Value::Object(map) => map,
            _ => unreachable!("an object"),
        };
        let fold = |week: i64| Fold {
            key: String::new(),
            as_of: week.to_string(),
            as_of_micros: week * 7 * DAY,
            test_from_micros: (week - 2) * 7 * DAY,
            candidate: "gbdt".to_owned(),
            artifact: String::new(),
            test: map(0.8),
            earlier: (0..week)
                .map(|model| EarlierModel {
                    as_of: model.to_string(),
                    as_of_micros: model * 7 * DAY,
                    test: map(0.8 - 0.1 * (week - model) as f64),
                    fresh: map(0.8),
                })
                .collect(),
            findings: Vec::new(),
            report: Value::Null,
        };
        (0..4).map(fold).collect()
    }

    fn near(found: &MeasureMap, expected: f64) {
        let found = number(found, "average_precision").expect("a number");
        assert!((found - expected).abs() < 1e-12, "expected {expected}, found {found}");
    }

    #[test]
    fn a_model_loses_with_its_age() {
        let ages = ages(&folds());
        let shown: Vec<_> = ages.iter().map(|age| (age.days_after_as_of, age.n)).collect();
        assert_eq!(shown, [(-14.0, 4), (-7.0, 3), (0.0, 2), (7.0, 1)]);
        for (age, expected) in ages.iter().zip([0.0, -0.1, -0.2, -0.3]) {
            near(&age.change, expected);
            near(&age.mean, 0.8 + expected);
        }
        assert!(!ages[0].mean.contains_key("bands"));
    }

    #[test]
    fn less_retraining_costs_the_mean_of_the_ages_before_the_next() {
        // Live ages begin two folds later. Every week: none; every second: half the days are a week older.
        let intervals = intervals(&folds(), 7 * DAY);
        let shown: Vec<_> = intervals.iter().map(|interval| (interval.days, interval.n)).collect();
        assert_eq!(shown, [(7.0, 2), (14.0, 1)]);
        near(&intervals[0].change, 0.0);
        near(&intervals[1].change, -0.05);
    }

    #[test]
    fn spreads_are_those_of_a_sample() {
        // Deviations -1, 0, 1: their squares add up to 2, over two.
        let spread = Spread::of(&[3.0, 1.0, 2.0]).expect("values");
        let expected = Spread { n: 3, mean: 2.0, sd: Some(1.0), min: 1.0, max: 3.0 };
        assert_eq!(spread, expected);
        assert_eq!(Spread::of(&[4.0]).and_then(|spread| spread.sd), None);
        assert_eq!(Spread::of(&[]), None);
    }
}
