//! `[[band]]`, `[cost]` and the alerts of `[evaluate]`: where decisions change, and what they cost.

use serde::{Deserialize, Serialize};

use super::Config;
use super::read::unique;
use crate::error::Error;
use crate::metric::{Action, AlertUnit, Budgets};

/// The name of the lowest band, in which nothing is done.
pub const LOWEST_BAND: &str = "allow";
/// The most bands above the lowest.
const MAX_BANDS: usize = 64;
/// Budgets of alerts a day that measures are taken at by default.
///
/// # Source
/// Le Borgne et al., Reproducible Machine Learning for Credit Card Fraud Detection: 100 cards a day.
const ALERTS_PER_DAY: [u32; 1] = [100];

/// `[[band]]`, from the highest down; below the last of them everything is allowed. Its edge is chosen
/// on the calibrate window by exactly one of the keys after `action`. Without any, the bands are
/// `block` (`max_fpr = 0.001`) and `review` (`max_fpr = 0.01`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandConfig {
    /// Its name, 1 to 256 bytes; not `allow`, that of the lowest.
    pub name: String,
    /// What is done with payments in it: `review` or `block`; default `block` for a band of that name,
    /// else `review`. Only the costs depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// This share of the legitimate rows, 0 to 1, lies in it or above at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fpr: Option<f64>,
    /// So many alerts a day lie in it or above at most, on average; counted as `[evaluate] alert_unit`
    /// says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts_per_day: Option<f64>,
    /// It begins at this probability, 0 to 1, or the lowest above it that the window holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// It begins at this margin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// `true`: it begins where the expected cost by `[cost]` is least, together with the other bands of
    /// which this is asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub least_cost: bool,
}

/// What chooses the edge of a band.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BandRule {
    /// `max_fpr`
    MaxFpr(f64),
    /// `alerts_per_day`
    AlertsPerDay(f64),
    /// `probability`
    Probability(f64),
    /// `margin`
    Margin(f64),
    /// `least_cost`
    LeastCost,
}

impl BandConfig {
    fn by_fpr(name: &str, max_fpr: f64) -> Self {
        Self {
            name: name.to_owned(),
            action: None,
            max_fpr: Some(max_fpr),
            alerts_per_day: None,
            probability: None,
            margin: None,
            least_cost: false,
        }
    }

    /// The rules that are given; one in a configuration that was checked.
    fn rules(&self) -> impl Iterator<Item = BandRule> {
        [
            self.max_fpr.map(BandRule::MaxFpr),
            self.alerts_per_day.map(BandRule::AlertsPerDay),
            self.probability.map(BandRule::Probability),
            self.margin.map(BandRule::Margin),
            self.least_cost.then_some(BandRule::LeastCost),
        ]
        .into_iter()
        .flatten()
    }

    /// What chooses its edge; none where nothing does.
    pub fn rule(&self) -> Option<BandRule> {
        self.rules().next()
    }

    /// What is done with payments in it.
    pub fn action(&self) -> Action {
        self.action.unwrap_or_else(|| action_of(&self.name))
    }
}

/// What a band of this name is for, unless its configuration says otherwise.
fn action_of(name: &str) -> Action {
    match name {
        LOWEST_BAND => Action::Allow,
        "block" => Action::Block,
        _ => Action::Review,
    }
}

impl Config {
    /// The bands above the lowest, from the highest down: those of the configuration or the default.
    pub fn bands_or_default(&self) -> Vec<BandConfig> {
        match self.bands.as_slice() {
            [] => vec![BandConfig::by_fpr("block", 0.001), BandConfig::by_fpr("review", 0.01)],
            bands => bands.to_vec(),
        }
    }

    /// What is done with payments in a band of this name.
    pub fn action_in(&self, band: &str) -> Action {
        let named = self.bands.iter().find(|known| known.name == band);
        named.map_or_else(|| action_of(band), BandConfig::action)
    }

    /// The budgets that measures are taken at.
    pub fn budgets(&self) -> Budgets {
        let evaluate = &self.evaluate;
        let unit = match self.alert_entity() {
            Some(_) => AlertUnit::Cases,
            None => AlertUnit::Rows,
        };
        Budgets {
            unit: evaluate.alert_unit.unwrap_or(unit),
            alerts_per_day: match evaluate.alerts_per_day.as_slice() {
                [] => ALERTS_PER_DAY.to_vec(),
                budgets => budgets.to_vec(),
            },
        }
    }

    /// The entity that cases and cards are counted by.
    pub fn alert_entity(&self) -> Option<&str> {
        let default = self.columns.entity.first();
        self.evaluate.alert_entity.as_ref().or(default).map(String::as_str)
    }

    /// Proves that bands, costs and alerts can be had.
    pub(super) fn check_bands(&self) -> Result<(), Error> {
        if let Some((key, expected, found)) = self.cost.as_ref().and_then(|cost| cost.wrong()) {
            return Err(Error::config(format!("[cost] {key}: expected {expected}, found {found}")));
        }
        if self.cost.is_some() && self.columns.amount.is_none() {
            return Err(Error::config(
                "[cost]: expected with it the column of the amounts, found none; set [columns] amount",
            ));
        }
        self.check_alerts()?;
        if self.bands.len() > MAX_BANDS {
            let n_bands = self.bands.len();
            return Err(Error::config(format!(
                "[[band]]: expected at most {MAX_BANDS}, found {n_bands}"
            )));
        }
        unique("[[band]]", self.bands.iter().map(|band| band.name.clone()))?;
        self.bands.iter().try_for_each(|band| self.check_band(band))
    }

    fn check_band(&self, band: &BandConfig) -> Result<(), Error> {
        let fail = |problem: &str| {
            Err(Error::config(format!("[[band]] name = {:?}: {problem}", band.name)))
        };
        if band.name.is_empty() || band.name.len() > 256 || band.name == LOWEST_BAND {
            return fail("expected a name of 1 to 256 bytes other than \"allow\", the lowest band");
        }
        if band.action == Some(Action::Allow) {
            return fail("action: expected \"review\" or \"block\", found \"allow\"");
        }
        let rules: Vec<BandRule> = band.rules().collect();
        let [rule] = rules.as_slice() else {
            let n_rules = rules.len();
            return fail(&format!(
                "expected exactly one of max_fpr, alerts_per_day, probability, margin and least_cost = \
                 true, found {n_rules}"
            ));
        };
        if self.split.calibrate.is_none() && self.split.column.is_none() {
            return fail("its edge is chosen on the calibrate window; set [split] calibrate");
        }
        match *rule {
            BandRule::MaxFpr(share) | BandRule::Probability(share) => {
                let key = if band.max_fpr.is_some() { "max_fpr" } else { "probability" };
                if !(0.0..=1.0).contains(&share) {
                    return fail(&format!("{key}: expected a share from 0 to 1, found {share}"));
                }
            }
            BandRule::AlertsPerDay(budget) => {
                if !(budget.is_finite() && budget > 0.0) {
                    return fail(&format!(
                        "alerts_per_day: expected a number above 0, found {budget}"
                    ));
                }
                if self.columns.time.is_none() {
                    return fail("alerts_per_day: a day needs a time; set [columns] time");
                }
                if self.split.by_hash.is_some() {
                    return fail(
                        "alerts_per_day: a part by hash holds only some of the rows of each day; use max_fpr, \
                         or windows in time",
                    );
                }
            }
            BandRule::Margin(margin) if !margin.is_finite() => {
                return fail(&format!("margin: expected a finite number, found {margin}"));
            }
            BandRule::LeastCost if self.cost.is_none() => {
                return fail("least_cost: only you know what a decision costs; set all of [cost]");
            }
            _ => {}
        }
        Ok(())
    }

    fn check_alerts(&self) -> Result<(), Error> {
        let evaluate = &self.evaluate;
        if evaluate.alerts_per_day.contains(&0) {
            return Err(Error::config(
                "[evaluate] alerts_per_day: expected whole numbers above 0, found 0",
            ));
        }
        unique(
            "[evaluate] alerts_per_day",
            evaluate.alerts_per_day.iter().map(|budget| budget.to_string()),
        )?;
        if let Some(column) = &evaluate.alert_entity
            && !self.columns.entity.contains(column)
        {
            return Err(Error::config(format!(
                "[evaluate] alert_entity: expected a column of [columns] entity = {:?}, found \
                 {column:?}",
                self.columns.entity
            )));
        }
        if evaluate.alert_unit == Some(AlertUnit::Cases) && self.alert_entity().is_none() {
            return Err(Error::config(
                "[evaluate] alert_unit = \"cases\": a case is an entity on a day; set [columns] entity",
            ));
        }
        Ok(())
    }
}
