//! `[search]`: learners' parameters are drawn at random and tried on folds inside train and stop.

use std::collections::BTreeMap;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Number, Value};

use super::read::nearest;
use super::{Config, Duration};
use crate::error::Error;
use crate::learner::LearnerConfig;

/// `[search]`: a seeded random search with successive halving, before the learners compete.
///
/// Trials come in brackets of [`BRACKET`]; trial 0 is the learner as configured. Each bracket is tried on
/// the newest fold, the better half of it on the next, and so on with twice as many folds at each step;
/// who is left has been tried on all folds, and the best mean average precision of all brackets is chosen.
///
/// # Source
/// Random search: Bergstra and Bengio (2012). Successive halving: Jamieson and Talwalkar (2016), with folds
/// as what is rationed. Folds one after the other in time: Dawid (1984), *prequential*; Le Borgne et al.,
/// *Fraud Detection Handbook*, chapter 5.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchConfig {
    /// Names of the learners whose parameters are searched; default all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learners: Vec<String>,
    /// Trials of each learner, 1 to 100,000. The same trials give the same choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trials: Option<usize>,
    /// In place of `trials`: brackets are begun for each learner until its fits took so many minutes. How
    /// many that are depends on the machine; the report holds the number, which `trials` repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<f64>,
    /// Number of folds, 1 to 100; default 3.
    #[serde(default = "default_folds")]
    pub folds: usize,
    /// Length of a fold's train window; default what the folds leave of train and stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<Duration>,
    /// Length of the window that a fold is judged on, and the step from one fold to the next; default the
    /// length of `[split] test`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Duration>,
    /// Of a `gbdt` the `blend` of so many of its best trials is tried too, 2 to 100, and chosen where its
    /// mean is better than that of the best alone. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blend: Option<usize>,
    /// Seed of what is drawn; default 0.
    #[serde(default)]
    pub seed: u64,
    /// What is drawn for each parameter, by the learner's name; a learner that is not named here has the
    /// space of its kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub space: BTreeMap<String, Space>,
}

/// What is drawn, by the parameter's name.
pub type Space = BTreeMap<String, Draw>;

/// Trials that are halved together.
pub const BRACKET: usize = 16;

/// What is drawn for one parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Draw {
    /// One of these values, each as likely.
    OneOf(Vec<Value>),
    /// A number between two.
    Within(Range),
}

/// A range of numbers, both ends included; whole numbers where both ends are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The least.
    pub from: Number,
    /// The greatest.
    pub to: Number,
    /// Whether equal factors are as likely, rather than equal differences; default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub log: bool,
}

fn default_folds() -> usize {
    3
}

impl<'de> Deserialize<'de> for Draw {
    // By way of a value, so that the error is about the key that is wrong.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Array(values) => Ok(Self::OneOf(values)),
            value @ Value::Object(_) => {
                serde_json::from_value(value).map(Self::Within).map_err(de::Error::custom)
            }
            other => Err(de::Error::custom(format!(
                "expected a list of values or {{ from = …, to = … }}, found {other}"
            ))),
        }
    }
}

impl Draw {
    fn range(from: impl Into<Number>, to: impl Into<Number>, log: bool) -> Self {
        Self::Within(Range { from: from.into(), to: to.into(), log })
    }

    fn words(values: &[&str]) -> Self {
        Self::OneOf(values.iter().map(|word| Value::from(*word)).collect())
    }

    /// The value at a place from 0 to below 1.
    fn at(&self, place: f64) -> Value {
        match self {
            Self::OneOf(values) => {
                let position = (place * values.len() as f64) as usize;
                values.get(position).cloned().unwrap_or_default()
            }
            Self::Within(range) => range.at(place),
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::OneOf(values) if values.is_empty() => {
                Err("expected values, found none".to_owned())
            }
            Self::OneOf(_) => Ok(()),
            Self::Within(range) => {
                let (from, to) = range.bounds();
                if from > to {
                    return Err(format!("from {from} lies above to {to}"));
                }
                if range.log && from <= 0.0 {
                    return Err(format!("log: expected from above 0, found {from}"));
                }
                Ok(())
            }
        }
    }
}

impl Range {
    fn bounds(&self) -> (f64, f64) {
        let bound = |number: &Number| number.as_f64().unwrap_or(f64::NAN);
        (bound(&self.from), bound(&self.to))
    }

    fn at(&self, place: f64) -> Value {
        let (from, to) = self.bounds();
        let between = |from: f64, to: f64| match self.log {
            true => libm::exp(libm::log(from) + place * (libm::log(to) - libm::log(from))),
            false => from + place * (to - from),
        };
        if self.from.is_i64() && self.to.is_i64() {
            // Each whole number has the stretch up to the next.
            return Value::from(between(from, to + 1.0).floor().clamp(from, to) as i64);
        }
        // Four digits: what is chosen is read and typed by people.
        let short = format!("{:.3e}", between(from, to)).parse().unwrap_or(from);
        Value::from(f64::clamp(short, from, to))
    }
}

impl SearchConfig {
    /// Whether the parameters of this learner may be searched: they are if there is anything to draw.
    pub fn covers(&self, learner: &LearnerConfig) -> bool {
        self.learners.is_empty() || self.learners.iter().any(|name| name == learner.name())
    }

    /// What is drawn for a learner.
    pub fn space_of(&self, learner: &LearnerConfig, has_stop: bool) -> Space {
        let of_kind = || default_space(learner, has_stop);
        self.space.get(learner.name()).cloned().unwrap_or_else(of_kind)
    }

    /// The parameters that a trial draws, by their names; none for trial 0.
    pub fn drawn(&self, space: &Space, trial: usize) -> Map<String, Value> {
        if trial == 0 {
            return Map::new();
        }
        // Each trial has its own stream, so that a search that goes on draws what it would have drawn.
        let mut stream = Pcg64::seed_from_u64(self.seed);
        stream.advance((trial as u128) << 32);
        let mut place = || (stream.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        space.iter().map(|(name, draw)| (name.clone(), draw.at(place()))).collect()
    }

    pub(super) fn check(&self, config: &Config) -> Result<(), Error> {
        let refuse = |place: &str, why: String| Error::config(format!("[search]{place}: {why}"));
        match (self.trials, self.minutes) {
            (Some(1..=100_000), None) => {}
            (Some(found), None) => {
                return Err(refuse(" trials", format!("expected 1 to 100,000, found {found}")));
            }
            (None, Some(minutes)) if minutes > 0.0 && minutes.is_finite() => {}
            (None, Some(found)) => {
                return Err(refuse(
                    " minutes",
                    format!("expected a number above 0, found {found}"),
                ));
            }
            _ => {
                return Err(refuse(
                    "",
                    "expected either trials or minutes, which end it".to_owned(),
                ));
            }
        }
        if !(1..=100).contains(&self.folds) {
            return Err(refuse(" folds", format!("expected 1 to 100, found {}", self.folds)));
        }
        if let Some(rule) = config.split.part_rule() {
            let why = format!(
                "expected windows in time, in which its folds lie, found a split by {rule}"
            );
            return Err(refuse("", why));
        }
        let names: Vec<&str> = config.learners.iter().map(LearnerConfig::name).collect();
        for name in self.learners.iter().chain(self.space.keys()) {
            if !names.contains(&name.as_str()) {
                let why = format!("expected a learner ({}), found {name:?}", names.join(", "));
                return Err(refuse("", why));
            }
        }
        self.check_blend(config).map_err(|why| refuse(" blend", why))?;
        let has_stop = config.split.has_stop();
        for learner in config.learners.iter().filter(|learner| self.covers(learner)) {
            let space = self.space_of(learner, has_stop);
            let place = |key: &str| format!(" space.{} {key}", learner.name());
            if space.is_empty() && !self.learners.is_empty() {
                let why = "its kind has none of its own: expected what to draw, found nothing";
                return Err(refuse(&place(""), why.to_owned()));
            }
            for (key, draw) in &space {
                if ["kind", "name"].contains(&key.as_str()) {
                    return Err(refuse(
                        &place(key),
                        "it names the learner, not a parameter".to_owned(),
                    ));
                }
                let known = learner.parameter_names();
                if !known.contains(key) {
                    let nearest = nearest(key, known.iter().map(String::as_str));
                    let hint =
                        nearest.map_or(known.join(", "), |name| format!("did you mean {name:?}?"));
                    return Err(refuse(&place(key), format!("it has no such parameter; {hint}")));
                }
                draw.check().map_err(|why| refuse(&place(key), why))?;
                let ends = match draw {
                    Draw::OneOf(values) => values.clone(),
                    Draw::Within(Range { from, to, .. }) => {
                        vec![Value::Number(from.clone()), Value::Number(to.clone())]
                    }
                };
                for value in ends {
                    let alone = Map::from_iter([(key.clone(), value)]);
                    learner.with(&alone).map_err(|why| refuse(&place(key), why))?;
                }
            }
            // Values that do not go together show in what will be drawn.
            for trial in 0..self.trials.unwrap_or(10 * BRACKET) {
                let drawn = self.drawn(&space, trial);
                learner
                    .with(&drawn)
                    .map_err(|why| refuse(&place(&format!("trial {trial}")), why))?;
            }
        }
        Ok(())
    }
}

impl SearchConfig {
    fn check_blend(&self, config: &Config) -> Result<(), String> {
        let Some(blend) = self.blend else { return Ok(()) };
        if !(2..=100).contains(&blend) {
            return Err(format!("expected 2 to 100, found {blend}"));
        }
        if self.trials.is_some_and(|trials| trials < blend) {
            return Err(format!("expected at most as many as there are trials, found {blend}"));
        }
        let is_gbdt = |learner: &LearnerConfig| matches!(learner, LearnerConfig::Gbdt(_));
        if !config.learners.iter().any(|learner| self.covers(learner) && is_gbdt(learner)) {
            return Err(
                "expected a learner of kind \"gbdt\" that is searched, found none".to_owned()
            );
        }
        Ok(())
    }
}

/// The parameters of each kind that matter most, over ranges in which tables differ.
fn default_space(learner: &LearnerConfig, has_stop: bool) -> Space {
    let float = |from: f64, to: f64, log| {
        let number = |value| Number::from_f64(value).unwrap_or_else(|| Number::from(0));
        Draw::range(number(from), number(to), log)
    };
    let whole = |from: i64, to: i64, log| Draw::range(from, to, log);
    let of = |draws: Vec<(&str, Draw)>| -> Space {
        draws.into_iter().map(|(key, draw)| (key.to_owned(), draw)).collect()
    };
    match learner {
        LearnerConfig::Logistic(_) => of(vec![("alpha", float(0.01, 100.0, true))]),
        LearnerConfig::DecisionTree(_) => of(vec![
            ("max_depth", whole(3, 16, false)),
            ("min_weight_leaf", float(5.0, 500.0, true)),
        ]),
        LearnerConfig::RandomForest(_) | LearnerConfig::Forest(_) => of(vec![
            ("max_depth", whole(8, 40, true)),
            ("min_samples_leaf", whole(1, 20, true)),
            ("max_features", Draw::words(&["sqrt", "all"])),
        ]),
        LearnerConfig::Gbdt(gbdt) => {
            let mut space = of(vec![
                ("grow_policy", Draw::words(&["symmetric", "leafwise"])),
                ("learning_rate", float(0.03, 0.3, true)),
                ("boost_from_average", Draw::OneOf(vec![true.into(), false.into()])),
                ("max_depth", whole(3, 8, false)),
                ("num_leaves", whole(8, 64, true)),
                ("lambda_l2", float(0.5, 50.0, true)),
                ("min_sum_hessian_in_leaf", float(0.1, 10.0, true)),
                ("feature_fraction", float(0.5, 1.0, false)),
                ("bagging_fraction", float(0.5, 1.0, false)),
            ]);
            // Rounds are found by stopping, where there is any.
            if gbdt.early_stopping_rounds == 0 || !has_stop {
                space.insert("num_iterations".to_owned(), whole(50, 500, true));
            }
            space
        }
        // Its members were searched, or are what somebody wants.
        LearnerConfig::Blend(_) => Space::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn draw(value: Value) -> Draw {
        serde_json::from_value(value).expect("a draw")
    }

    #[test]
    fn places_are_values() {
        let log = draw(json!({ "from": 0.01, "to": 100.0, "log": true }));
        // Half way by factors from 1/100 to 100 is 1.
        assert_eq!([log.at(0.0), log.at(0.5)], [json!(0.01), json!(1.0)]);
        let dice = draw(json!({ "from": 1, "to": 6 }));
        let thrown: Vec<Value> = (0..6).map(|side| dice.at(f64::from(side) / 6.0 + 0.01)).collect();
        assert_eq!(thrown, [1, 2, 3, 4, 5, 6].map(Value::from));
        let words = draw(json!(["a", "b"]));
        assert_eq!(
            [words.at(0.49), words.at(0.5), words.at(0.999)],
            ["a", "b", "b"].map(Value::from)
        );
        for wrong in
            [json!([]), json!({ "from": 2, "to": 1 }), json!({ "from": 0, "to": 1, "log": true })]
        {
            assert!(draw(wrong.clone()).check().is_err(), "{wrong}");
        }
        assert!(serde_json::from_value::<Draw>(json!({ "form": 1, "to": 2 })).is_err());
    }
}
