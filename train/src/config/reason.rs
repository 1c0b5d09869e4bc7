//! `[[reason]]`: what a group of features is called in an explanation.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use shroff_serve::Schema;
use shroff_serve::artifact::ReasonCode;

use super::Config;
use super::read::nearest;
use crate::error::Error;

/// `[[reason]]`. A feature of no reason is explained under its own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonConfig {
    /// Its name, such as `R12`; at most 256 bytes.
    pub code: String,
    /// What it says, in words; at most 1,024 bytes.
    pub text: String,
    /// The features it stands for, by name; a feature is in one reason at most.
    pub features: Vec<String>,
}

impl Config {
    /// Proves that every reason has a name and a text of its own and features that exist.
    pub(super) fn check_reasons(&self, names: &[String]) -> Result<(), Error> {
        let (mut codes, mut taken) = (BTreeSet::new(), BTreeMap::new());
        for ReasonConfig { code, text, features } in &self.reasons {
            let fail = |problem: String| {
                Err(Error::config(format!("[[reason]] code = {code:?}: {problem}")))
            };
            if !codes.insert(code) {
                return fail("the code appears twice; give each reason its own".to_owned());
            }
            for (key, found, most) in [("code", code, 256), ("text", text, 1_024)] {
                if found.is_empty() || found.len() > most {
                    let n_bytes = found.len();
                    return fail(format!("{key}: expected 1 to {most} bytes, found {n_bytes}"));
                }
            }
            if features.is_empty() {
                return fail("expected at least one of features, found none".to_owned());
            }
            for feature in features {
                if !names.contains(feature) {
                    let known = names.iter().map(String::as_str);
                    let hint = nearest(feature, known)
                        .map_or(String::new(), |nearest| format!("; did you mean {nearest:?}?"));
                    return fail(format!(
                        "features: expected names of [[feature]]s, found {feature:?}{hint}"
                    ));
                }
                if let Some(other) = taken.insert(feature, code) {
                    return fail(format!(
                        "features: {feature:?} is in reason {other:?} already; keep it in one"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The reasons over the row of a schema of this configuration.
    pub(crate) fn reason_codes(&self, schema: &Schema) -> Vec<ReasonCode> {
        let reasons = self.reasons.iter().map(|ReasonConfig { code, text, features }| {
            let position = |name: &String| schema.feature_index(name).map(|at| at as u32);
            let mut features: Vec<u32> = features.iter().filter_map(position).collect();
            features.sort_unstable();
            ReasonCode { code: code.clone(), text: text.clone(), features }
        });
        reasons.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(reasons: &str) -> Result<Config, Error> {
        Config::parse(&format!(
            r#"
            model.name = "m"
            columns = {{ label = "y", time = "t" }}
            split = {{ train = "7d", test = "7d" }}
            source = [{{ name = "s", path = "s.csv" }}]
            feature = [{{ column = "amount" }}, {{ column = "t", parts = ["hour", "night"] }}]
            learner = [{{ kind = "logistic" }}]
            {reasons}
            "#
        ))
    }

    #[test]
    fn reasons_are_read_or_say_what_was_expected() {
        let reason = |code: &str, features: &str| {
            format!("[[reason]]\ncode = {code:?}\ntext = \"odd\"\nfeatures = [{features}]\n")
        };
        let first = reason("R1", r#""t.night", "amount""#);
        let config = parse(&(first.clone() + &reason("R2", r#""t.hour""#))).expect("it is sound");
        assert_eq!(config.reasons[0].features, ["t.night", "amount"]);
        assert!(parse("").expect("without any").canonical_json().find("reason").is_none());
        for (reasons, expected) in [
            (
                first.clone() + &reason("R2", r#""amount""#),
                "\"amount\" is in reason \"R1\" already",
            ),
            (first.clone() + &reason("R1", r#""t.hour""#), "code = \"R1\": the code appears twice"),
            (reason("R1", r#""amuont""#), "found \"amuont\"; did you mean \"amount\"?"),
            (reason("R1", r#""t""#), "expected names of [[feature]]s, found \"t\""),
            (reason("R1", ""), "expected at least one of features"),
            (reason("", r#""amount""#), "code: expected 1 to 256 bytes, found 0"),
            (
                first.replace("odd", &"o".repeat(1_025)),
                "text: expected 1 to 1024 bytes, found 1025",
            ),
            (first.replace("text", "txet"), "did you mean `text`?"),
        ] {
            let found = parse(&reasons).expect_err(expected).to_string();
            assert!(found.contains(expected), "expected {expected:?} in {found:?}");
        }
    }
}
