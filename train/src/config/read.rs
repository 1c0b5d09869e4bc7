//! Reading a configuration: unknown keys name the nearest known one, values are checked together.

use std::path::Path;

use shroff_serve::schema::{MAX_FEATURES, MAX_INPUTS};

use super::{Config, Duplicates, Encoding};
use crate::error::Error;

impl Config {
    /// Reads a file; paths of sources are relative to its folder.
    ///
    /// # Errors
    /// A file that cannot be read, a key or value that is wrong, with the line it stands on.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::config(format!("cannot read the configuration {}: {error}", path.display()))
        })?;
        let mut config = Self::parse(&text)
            .map_err(|error| Error::config(format!("{}: {error}", path.display())))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for source in &mut config.sources {
            source.path = folder.join(&source.path).to_string_lossy().into_owned();
        }
        Ok(config)
    }

    /// Reads a configuration from its text, paths as they stand.
    ///
    /// # Errors
    /// A key or value that is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let config: Self = toml::from_str(text).map_err(|error| explain(text, &error))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), Error> {
        let name = &self.model.name;
        shroff_serve::registry::check_name("model", name)
            .map_err(|error| Error::config(format!("[model] name: {error}")))?;
        if self.features.is_empty() {
            return Err(Error::config("expected at least one [[feature]], found none"));
        }
        if self.learners.is_empty() {
            return Err(Error::config("expected at least one [[learner]], found none"));
        }
        for feature in &self.features {
            feature.check()?;
            if feature.encode == Some(Encoding::Rate) && self.columns.time.is_none() {
                return Err(Error::config(format!(
                    "[[feature]] column = {:?}: encode = \"rate\" needs [columns] time, since a row may \
                     only know the labels before it",
                    feature.column
                )));
            }
            for column in feature.operands() {
                self.refuse_leak(column)?;
            }
        }
        self.check_velocity()?;
        let names: Vec<String> =
            self.features.iter().flat_map(|f| f.expand()).map(|(name, _)| name).collect();
        let n_features = names.len();
        self.check_reasons(&names)?;
        unique("[[feature]]", names.into_iter())?;
        for (what, most, found) in [
            ("features", MAX_FEATURES, n_features),
            ("columns", MAX_INPUTS, crate::program::inputs(self)?.len()),
        ] {
            if found > most {
                return Err(Error::config(format!(
                    "[[feature]]: expected at most {most} {what}, found {found}; leave out those that \
                     tell least"
                )));
            }
        }
        for learner in &self.learners {
            learner.check().map_err(|error| {
                Error::config(format!("[[learner]] kind = {:?}: {error}", learner.name()))
            })?;
        }
        self.split.check(self.columns.time.is_some(), self.columns.label_time.is_some())?;
        if let Some(search) = &self.search {
            search.check(self)?;
        }
        self.check_columns()?;
        let inputs = crate::program::inputs(self)?;
        let inputs: Vec<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
        self.checks.check(&inputs)?;
        self.check_bands()?;
        self.gate.check()?;
        self.evaluate.intervals.check()?;
        self.dataset()?;
        unique("[[learner]]", self.learners.iter().map(|learner| learner.name().to_owned()))?;
        if let (Some(_), Some(rule)) =
            (&self.evaluate.drop_known_compromised, self.split.part_rule())
        {
            return Err(Error::config(format!(
                "[evaluate] drop_known_compromised: expected windows in time, which tell what was \
                 known on a day, found a split by {rule}; remove it"
            )));
        }
        if let Some(column) = &self.evaluate.drop_known_compromised
            && !self.columns.entity.contains(column)
        {
            return Err(Error::config(format!(
                "[evaluate] drop_known_compromised: expected a column of [columns] entity = {:?}, \
                 found {column:?}",
                self.columns.entity
            )));
        }
        Ok(())
    }

    /// Roles that ask for each other.
    fn check_columns(&self) -> Result<(), Error> {
        let columns = &self.columns;
        if columns.decision.is_none() && !columns.blocked.is_empty() {
            return Err(Error::config(
                "[columns] blocked: expected with it the decision column, found none; set decision",
            ));
        }
        if columns.duplicates == Duplicates::KeepLatest && columns.id.is_none() {
            return Err(Error::config(
                "[columns] duplicates = \"keep_latest\": expected an id to tell which rows are the \
                 same, found none; set id",
            ));
        }
        if columns.duplicates == Duplicates::Error && columns.duplicates_by.is_some() {
            return Err(Error::config(
                "[columns] duplicates_by: expected with it duplicates = \"keep_latest\", found \
                 \"error\"; set it, or remove duplicates_by",
            ));
        }
        let Some(weight) = &columns.weight else { return Ok(()) };
        match self.learners.iter().find(|learner| !learner.learner().takes_row_weights()) {
            Some(learner) => Err(Error::config(format!(
                "[[learner]] kind = {:?}: it cannot fit rows that stand for several, and [columns] \
                 weight = {weight:?} says that they do; remove this learner (decision_tree, \
                 random_forest, forest, gbdt and blend take weights), or remove weight",
                learner.learner().kind()
            ))),
            None => Ok(()),
        }
    }

    /// A label, or what comes with it or after it, must never be a feature.
    pub(super) fn refuse_leak(&self, column: &str) -> Result<(), Error> {
        let roles = [
            ("label", Some(&self.columns.label)),
            ("label_time", self.columns.label_time.as_ref()),
            ("decision", self.columns.decision.as_ref()),
            ("duplicates_by", self.columns.duplicates_by.as_ref()),
            ("part", self.split.column.as_ref()),
        ];
        match roles.into_iter().find(|(_, name)| name.is_some_and(|name| name == column)) {
            Some((role, _)) => Err(Error::config(format!(
                "[[feature]] column = {column:?}: the {role} is not known when a transaction is \
                 scored; remove the feature"
            ))),
            None => Ok(()),
        }
    }
}

pub(super) fn unique(what: &str, names: impl Iterator<Item = String>) -> Result<(), Error> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if seen.contains(&name) {
            return Err(Error::config(format!(
                "{what}: the name {name:?} appears twice; set name"
            )));
        }
        seen.insert(name);
    }
    Ok(())
}

/// Jaro-Winkler likeness below which a key is no slip of another.
const LEAST_LIKENESS: f64 = 0.7;

/// The known name that another is a slip of, if it is one.
pub(super) fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(known, found);
    known
        .filter(|known| likeness(known) >= LEAST_LIKENESS)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

/// The parser's reason with its line, and for an unknown key the nearest one it knows.
fn explain(text: &str, error: &toml::de::Error) -> Error {
    let reason = error.message().trim_end();
    let place = error.span().map_or(String::new(), |span| {
        let line = text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1;
        format!("line {line}: ")
    });
    // The parser says: unknown field `x`, expected one of `a`, `b`.
    let mut quoted = reason.split('`').skip(1).step_by(2);
    let hint = match (reason.starts_with("unknown"), quoted.next()) {
        (true, Some(found)) => nearest(found, quoted)
            .map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?")),
        _ => String::new(),
    };
    Error::config(format!("{place}{reason}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"
        [model]
        name = "m"
        [[source]]
        name = "s"
        path = "s.csv"
        [columns]
        time = "t"
        label = "y"
        [split]
        train = "7d"
        test = { from = 2018-08-08, to = "2018-08-15" }
        [[feature]]
        column = "x"
        [[learner]]
        kind = "logistic"
    "#;

    fn message(from: &str, to: &str) -> String {
        let text = MINIMAL.replacen(from, to, 1);
        assert_ne!(text, MINIMAL, "the replacement applies");
        Config::parse(&text).unwrap_err().to_string()
    }

    #[test]
    fn a_minimal_configuration_is_read_and_keeps_its_canonical_form() {
        let config = Config::parse(MINIMAL).unwrap();
        assert!(config.split.refit);
        let json = config.canonical_json();
        let again: Config = serde_json::from_str(&json).unwrap();
        assert_eq!(again.canonical_json(), json);
        let moved = MINIMAL.replace("s.csv", "elsewhere/s.csv");
        assert_eq!(Config::parse(&moved).unwrap().canonical_json(), json);
    }

    #[test]
    fn bands_ask_for_what_decides_them() {
        let cost = "[cost]\nloss_rate = 1.0\nreview_cost = 3\nreview_catch_rate = 0.8\n\
            false_decline_cost = { fixed = 5.0, share = 0.1 }\n";
        let text = MINIMAL
            .replace("test = {", "calibrate = \"7d\"\ntest = {")
            .replace("train = \"7d\"", "train = { to = 2018-08-01 }")
            .replace("calibrate = \"7d\"", "calibrate = { from = 2018-08-01, to = 2018-08-08 }");
        let parse = |bands: &str| Config::parse(&format!("{text}\n{bands}"));
        let by_cost = "[[band]]\nname = \"stop\"\naction = \"block\"\nleast_cost = true\n";
        let found = parse(by_cost).unwrap_err().to_string();
        assert!(found.contains("set all of [cost]"), "{found}");
        let found = parse(&format!("{by_cost}{cost}")).unwrap_err().to_string();
        assert!(found.contains("set [columns] amount"), "{found}");
        let text = text.replace("label = ", "amount = \"a\"\nlabel = ");
        let config = Config::parse(&format!("{text}\n{by_cost}{cost}")).unwrap();
        assert_eq!(config.bands[0].rule(), Some(crate::config::BandRule::LeastCost));
        let actions = ["stop", "allow", "block", "other"].map(|band| config.action_in(band));
        use crate::metric::Action::{Allow, Block, Review};
        assert_eq!(actions, [Block, Allow, Block, Review]);
        let wrong = cost.replace("0.8", "1.8");
        let found = Config::parse(&format!("{text}\n{by_cost}{wrong}")).unwrap_err().to_string();
        assert!(
            found.contains("review_catch_rate: expected a share from 0 to 1, found 1.8"),
            "{found}"
        );
    }

    #[test]
    fn unknown_keys_name_the_nearest_known_one() {
        let found = message("label =", "lable =");
        assert!(found.contains("line 9: unknown field `lable`"), "{found}");
        assert!(found.ends_with("did you mean `label`?"), "{found}");
        let found = message("kind = \"logistic\"", "kind = \"logistic\"\nnegative_ration = 3");
        assert!(found.ends_with("did you mean `negative_ratio`?"), "{found}");
        let found = message("kind = \"logistic\"", "kind = \"logstic\"");
        assert!(found.ends_with("did you mean `logistic`?"), "{found}");
        let found = message("from = 2018-08-08,", "form = 2018-08-08,");
        assert!(found.contains("did you mean `from`?"), "{found}");
    }

    #[test]
    fn wrong_values_say_what_was_expected() {
        for (from, to, expected) in [
            ("\"7d\"", "\"7 days\"", "expected a span like \"7d\""),
            ("name = \"m\"", "name = \"My Model\"", "should be 1 to 64 of a-z"),
            ("column = \"x\"", "column = \"y\"", "the label is not known when"),
            ("column = \"x\"", "column = \"x\"\non_unseen = \"reject\"", "belong to categories"),
            ("column = \"x\"", "column = \"x\"\non_missing = \"maybe\"", "expected \"learned\""),
            ("column = \"x\"", "column = \"x\"\n[[feature]]\ncolumn = \"x\"", "appears twice"),
            ("test = {", "test = 7 #{", "expected a span like"),
            ("test = {", "test = 0.2 #{", "a share of rows belongs to by_hash"),
            ("time = \"t\"", "", "[columns] time: expected the column"),
            ("train = \"7d\"", "", "[split] train: expected a window"),
            ("train = \"7d\"", "train = \"7d\"\ncolumn = \"part\"", "itself says which rows"),
            ("train = \"7d\"", "train = \"7d\"\nby_hash = \"id\"", "expected a share"),
            ("label =", "weight = \"w\"\nlabel =", "cannot fit rows that stand for several"),
            ("label =", "duplicates = \"keep_latest\"\nlabel =", "set id"),
            ("label =", "id = \"i\"\nduplicates_by = \"u\"\nlabel =", "expected with it"),
            ("label =", "blocked = [\"no\"]\nlabel =", "set decision"),
            ("label = \"y\"", "label = \"y\"\ndecision = \"x\"", "the decision is not known"),
            ("[model]", "[[band]]\nname = \"b\"\n[model]", "exactly one of max_fpr"),
            ("[model]", "[[band]]\nname = \"b\"\nmax_fpr = 0.1\n[model]", "set [split] calibrate"),
            ("[model]", "[[band]]\nname = \"allow\"\nmax_fpr = 0.1\n[model]", "the lowest band"),
            ("[model]", "[cost]\nloss_rate = 1\n[model]", "missing field `review_cost`"),
            ("[model]", "[evaluate]\nalerts_per_day = [0]\n[model]", "above 0, found 0"),
            ("[model]", "[evaluate]\nalert_unit = \"cases\"\n[model]", "set [columns] entity"),
        ] {
            let found = message(from, to);
            assert!(found.contains(expected), "expected {expected:?} in {found:?}");
        }
    }
}
