//! What a search draws for each parameter.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Number, Value};

use crate::learner::LearnerConfig;

/// What is drawn, by the parameter's name.
pub type Space = BTreeMap<String, Draw>;

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
    pub(super) fn at(&self, place: f64) -> Value {
        match self {
            Self::OneOf(values) => {
                let position = (place * values.len() as f64) as usize;
                values.get(position).cloned().unwrap_or_default()
            }
            Self::Within(range) => range.at(place),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
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

/// The parameters of each kind that matter most, over ranges in which tables differ.
pub(super) fn default_space(learner: &LearnerConfig, has_stop: bool) -> Space {
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
