//! `[split]` without windows in time: parts by a column or by a hash.

use super::{NoWindow, SplitConfig, StopConfig, WindowConfig};
use crate::error::Error;

/// How rows find their part when the split is not by time. Such a split is not honest in time: a
/// model may be fitted on rows that came after those it is judged on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PartRule<'a> {
    /// The column says it: `train`, `stop`, `calibrate` or `test`; rows with other values, or none,
    /// belong to no part.
    Column {
        /// Its name.
        column: &'a str,
        /// `stop = "none"`: rows said to be of `stop` belong to no part.
        no_stop: bool,
    },
    /// The hash of the column's value says it.
    Hash {
        /// Its name.
        column: &'a str,
        /// How much each part takes.
        shares: Shares,
    },
}

/// Shares of all rows, 0 to 1. They lie on the hash's range 0 to 1 one after the other: train, stop,
/// calibrate, test; rows beyond belong to no part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// Fits.
    pub train: f64,
    /// Chooses; 0 without such a part.
    pub stop: f64,
    /// Calibrates; 0 without such a part.
    pub calibrate: f64,
    /// Judges.
    pub test: f64,
}

impl PartRule<'_> {
    /// The column it reads.
    pub fn column(&self) -> &str {
        match self {
            Self::Column { column, .. } | Self::Hash { column, .. } => column,
        }
    }

    /// The rule in full, to tell it from another.
    pub fn definition(&self) -> String {
        match self {
            Self::Column { .. } => self.to_string(),
            Self::Hash { shares, .. } => {
                let Shares { train, stop, calibrate, test } = shares;
                format!(
                    "{self} (train {train:.4}, stop {stop:.4}, calibrate {calibrate:.4}, test \
                     {test:.4})"
                )
            }
        }
    }
}

/// As `column "part"` or `the hash of "ID"`.
impl std::fmt::Display for PartRule<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Column { column, .. } => write!(f, "column {column:?}"),
            Self::Hash { column, .. } => write!(f, "the hash of {column:?}"),
        }
    }
}

impl SplitConfig {
    /// How rows find their part; none when the windows lie in time. A default `stop` of `by_hash` is
    /// the last 15 % of train's share.
    pub fn part_rule(&self) -> Option<PartRule<'_>> {
        let no_stop = matches!(self.stop, Some(StopConfig::None(NoWindow::None)));
        if let Some(column) = &self.column {
            return Some(PartRule::Column { column, no_stop });
        }
        let column = self.by_hash.as_deref()?;
        let share = |window: Option<&WindowConfig>| match window {
            Some(WindowConfig::Share(share)) => *share,
            _ => 0.0,
        };
        let train = share(self.train.as_ref());
        let (train, stop) = match &self.stop {
            Some(StopConfig::Window(window)) => (train, share(Some(window))),
            Some(StopConfig::None(NoWindow::None)) => (train, 0.0),
            None => {
                let stop = train * crate::split::DEFAULT_STOP_SHARE;
                (train - stop, stop)
            }
        };
        let (calibrate, test) = (share(self.calibrate.as_ref()), share(self.test.as_ref()));
        Some(PartRule::Hash { column, shares: Shares { train, stop, calibrate, test } })
    }

    /// The windows that are written down, with their names.
    fn windows(&self) -> [(&'static str, Option<&WindowConfig>); 4] {
        let stop = match &self.stop {
            Some(StopConfig::Window(window)) => Some(window),
            _ => None,
        };
        [
            ("train", self.train.as_ref()),
            ("stop", stop),
            ("calibrate", self.calibrate.as_ref()),
            ("test", self.test.as_ref()),
        ]
    }

    pub(super) fn check(&self, has_time: bool, has_label_time: bool) -> Result<(), Error> {
        let Some(rule) = self.part_rule() else { return self.check_in_time(has_time) };
        if self.column.is_some() && self.by_hash.is_some() {
            return Err(Error::config(
                "[split] column, by_hash: expected one of them, found both; remove one",
            ));
        }
        if self.label_delay.micros() > 0 {
            return Err(Error::config(format!(
                "[split] label_delay: expected windows in time, found a split by {rule}, in which \
                 every label counts as known; remove label_delay"
            )));
        }
        if has_label_time && !has_time {
            return Err(Error::config(
                "[columns] label_time: expected with it the time of the event, found none; set \
                 time, or remove label_time",
            ));
        }
        for (name, window) in self.windows() {
            match (window, &rule) {
                (Some(_), PartRule::Column { column, .. }) => {
                    return Err(Error::config(format!(
                        "[split] {name}: expected no window, since column {column:?} itself says \
                         which rows belong to {name}; remove it"
                    )));
                }
                (None, PartRule::Hash { .. }) if matches!(name, "train" | "test") => {
                    return Err(Error::config(format!(
                        "[split] {name}: expected a share of the rows such as 0.2, found none"
                    )));
                }
                (Some(WindowConfig::Share(share)), _) if *share > 0.0 && *share <= 1.0 => {}
                (Some(WindowConfig::Share(share)), _) => {
                    return Err(Error::config(format!(
                        "[split] {name}: expected a share above 0 and at most 1, found {share}"
                    )));
                }
                (Some(_), _) => {
                    return Err(Error::config(format!(
                        "[split] {name}: expected a share of the rows such as 0.2 with by_hash, \
                         found a window in time"
                    )));
                }
                (None, _) => {}
            }
        }
        if let PartRule::Hash { shares, .. } = rule {
            let sum = shares.train + shares.stop + shares.calibrate + shares.test;
            // Decimal shares such as 0.6 + 0.2 + 0.2 need not add up to exactly 1.
            if sum > 1.0 + 1e-9 {
                return Err(Error::config(format!(
                    "[split] by_hash: expected shares that add up to at most 1, found {sum:.6}"
                )));
            }
        }
        Ok(())
    }

    fn check_in_time(&self, has_time: bool) -> Result<(), Error> {
        if !has_time {
            return Err(Error::config(
                "[columns] time: expected the column that says when an event happened, found none; \
                 set it, or split without time by [split] column or by_hash",
            ));
        }
        for (name, window) in self.windows() {
            if let Some(WindowConfig::Share(share)) = window {
                return Err(Error::config(format!(
                    "[split] {name}: expected a span like \"7d\" or {{ from = …, to = … }}, found \
                     {share}; a share of rows belongs to by_hash"
                )));
            }
            if window.is_none() && matches!(name, "train" | "test") {
                return Err(Error::config(format!(
                    "[split] {name}: expected a window such as {name} = \"7d\", found none"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Result<SplitConfig, String> {
        let split: SplitConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        split.check(false, false).map_err(|error| error.to_string()).map(|()| split)
    }

    #[test]
    fn shares_follow_each_other_and_stop_is_cut_from_train() {
        let shares = |text: &str| match split(text).unwrap().part_rule() {
            Some(PartRule::Hash { column: "ID", shares }) => shares,
            other => panic!("{other:?}"),
        };
        let default = shares("by_hash = \"ID\"\ntrain = 0.6\ncalibrate = 0.2\ntest = 0.2");
        // 15 % of 0.6
        assert!((default.stop - 0.09).abs() < 1e-12 && (default.train - 0.51).abs() < 1e-12);
        let own = shares("by_hash = \"ID\"\ntrain = 0.5\nstop = 0.1\ntest = 0.2");
        assert_eq!(own, Shares { train: 0.5, stop: 0.1, calibrate: 0.0, test: 0.2 });
        let none = shares("by_hash = \"ID\"\ntrain = 0.5\nstop = \"none\"\ntest = 0.2");
        assert_eq!(none, Shares { train: 0.5, stop: 0.0, calibrate: 0.0, test: 0.2 });
    }

    #[test]
    fn a_split_that_makes_no_sense_is_refused() {
        for (text, expected) in [
            ("by_hash = \"ID\"\ntrain = 0.9\ntest = 0.2", "at most 1, found 1.1"),
            ("by_hash = \"ID\"\ntrain = 0.9\ntest = 0.0", "a share above 0 and at most 1"),
            ("by_hash = \"ID\"\ntrain = 0.9\ntest = nan", "a share above 0 and at most 1"),
            ("by_hash = \"ID\"\ntrain = 0.9", "[split] test: expected a share"),
            ("by_hash = \"ID\"\ncolumn = \"p\"", "found both"),
            ("column = \"p\"\nlabel_delay = \"7d\"", "every label counts as known"),
            ("column = \"p\"\ntest = 0.2", "itself says"),
        ] {
            let found = split(text).unwrap_err();
            assert!(found.contains(expected), "expected {expected:?} in {found:?}");
        }
    }
}
