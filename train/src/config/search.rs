//! `[search]`: learners' parameters are drawn at random and tried on folds inside train and stop.

mod space;

use std::collections::BTreeMap;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::read::nearest;
use super::{Config, Duration};
use crate::error::Error;
use crate::learner::LearnerConfig;

use space::default_space;
pub use space::{Draw, Range, Space};

/// `[search]`: a seeded random search with successive halving, before the learners compete.
///
/// Trials come in brackets of [`BRACKET`]; trial 0 is the learner as configured. Each bracket is tried on
/// the newest fold, the better half of it on the next, and so on with twice as many folds at each step;
/// who is left has been tried on all folds, and the best mean average precision of all brackets is chosen;
/// with `blend` the mean of the best trials where that is better still.
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
    /// In place of `trials`: brackets are begun for each learner until its fits, those of a blend aside, took
    /// so many minutes. How
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
    /// Of a `gbdt` the `blend` of so many of its best trials is tried too, and chosen where its mean is better
    /// than that of the best alone; 2 and more, of those that are tried on all folds. Default none.
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

/// Trials that are halved together.
pub const BRACKET: usize = 16;

fn default_folds() -> usize {
    3
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
        let covered = || config.learners.iter().filter(|learner| self.covers(learner));
        let mut idle = covered().filter(|learner| self.space_of(learner, has_stop).is_empty());
        let is_asked = |name: &str| {
            self.space.contains_key(name) || self.learners.iter().any(|asked| asked == name)
        };
        let all_idle = covered().count() == idle.clone().count();
        if let Some(learner) = idle.find(|learner| all_idle || is_asked(learner.name())) {
            let name = learner.name();
            let why = format!(
                "there is nothing to draw for {name:?}: say what in [search.space.{name}], or leave it out"
            );
            return Err(refuse("", why));
        }
        for learner in covered() {
            let space = self.space_of(learner, has_stop);
            let place = |key: &str| format!(" space.{} {key}", learner.name());
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
    /// How many of so many trials are tried on all folds.
    fn n_finalists(&self, n_trials: usize) -> usize {
        let halvings = rungs(self.folds).len() - 1;
        let left = |n: usize| (0..halvings).fold(n, |left, _| left.div_ceil(2));
        n_trials / BRACKET * left(BRACKET) + left(n_trials % BRACKET)
    }

    fn check_blend(&self, config: &Config) -> Result<(), String> {
        let Some(blend) = self.blend else { return Ok(()) };
        let n_trials = self.trials.unwrap_or(BRACKET);
        let most = self.n_finalists(n_trials).min(100);
        if !(2..=most).contains(&blend) {
            return Err(format!(
                "expected 2 to {most}, as many as are left of {n_trials} trials on the last of {} folds, \
                 found {blend}; raise trials, or lower folds or blend",
                self.folds
            ));
        }
        let has_stop = config.split.has_stop();
        let is_searched = |learner: &LearnerConfig| {
            matches!(learner, LearnerConfig::Gbdt(_))
                && self.covers(learner)
                && !self.space_of(learner, has_stop).is_empty()
        };
        if !config.learners.iter().any(is_searched) {
            return Err(
                "expected a learner of kind \"gbdt\" that is searched, found none".to_owned()
            );
        }
        Ok(())
    }
}

/// How many folds trials have been tried on at each step: 1, 2, 4 and so on, at last all.
pub fn rungs(n_folds: usize) -> Vec<usize> {
    let doubled = std::iter::successors(Some(1_usize), |n| n.checked_mul(2));
    doubled.take_while(|n| *n < n_folds).chain([n_folds]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_step_has_twice_the_folds_and_half_the_trials() {
        assert_eq!(rungs(1), [1]);
        assert_eq!(rungs(3), [1, 2, 3]);
        assert_eq!(rungs(4), [1, 2, 4]);
        assert_eq!(rungs(7), [1, 2, 4, 7]);
        let search = |folds: usize| -> SearchConfig {
            serde_json::from_value(json!({ "trials": 1, "folds": folds })).expect("known keys")
        };
        // Of 16, 8 and 4 are left; of 5, 3 and 2.
        assert_eq!([16, 21, 32, 5].map(|n| search(3).n_finalists(n)), [4, 6, 8, 2]);
        assert_eq!([16, 21].map(|n| search(1).n_finalists(n)), [16, 21]);
        assert_eq!(search(9).n_finalists(16), 1);
    }
}
