//! Where bands begin: chosen on the calibrate window, by the rules of the configuration.

use shroff_serve::artifact::Bands;

use crate::config::{BandConfig, BandRule, Config, LOWEST_BAND};
use crate::error::Error;
use crate::metric::{
    AlertUnit, Alerts, CostPolicy, Judged, Payment, Ranking, ScoreGroup, Scored, Tier,
    least_cost_edges,
};
use crate::threshold::threshold_at_fpr;

/// The bands of a model whose rows of the calibrate window are given with their calibrated
/// probabilities. None where every band would be empty.
///
/// A band that no score may reach is left out, and so is one that begins where a higher one does: the
/// notes say so.
pub(super) fn choose(
    config: &Config,
    judged: &Judged,
    notes: &mut Vec<String>,
) -> Result<Option<Bands>, Error> {
    let tiers = config.bands_or_default();
    let chosen = edges(config, judged, &tiers)?;
    let (mut names, mut edges, mut rules) = (Vec::new(), Vec::new(), Vec::new());
    for (tier, edge) in tiers.iter().zip(chosen) {
        let name = &tier.name;
        let Some(edge) = edge else {
            notes.push(format!("no band {name:?}: no score keeps {}", rule_in_words(config, tier)));
            continue;
        };
        if edges.last().is_some_and(|above| *above <= edge) {
            let above = names.last().map_or("", String::as_str);
            notes.push(format!(
                "no band {name:?}: by {} it would begin no lower than {above:?}, the band above it",
                rule_in_words(config, tier)
            ));
            continue;
        }
        edges.push(edge);
        names.push(name.clone());
        rules.push(format!("{name} and above {}", rule_in_words(config, tier)));
    }
    if edges.is_empty() {
        return Ok(None);
    }
    names.push(LOWEST_BAND.to_owned());
    names.reverse();
    edges.reverse();
    let assumptions = format!("{}; {}", rules.join(", "), window_in_words(config, judged));
    Ok(Some(Bands { names, edges, assumptions }))
}

/// The edge of each tier, from the highest down; none where no score is to lie in it or above.
fn edges(
    config: &Config,
    judged: &Judged,
    tiers: &[BandConfig],
) -> Result<Vec<Option<f64>>, Error> {
    let refuse = |error: crate::metric::MetricError| Error::data(error.to_string());
    let weights = judged.weights.as_deref();
    let scored = Scored::new(&judged.labels, &judged.margins, weights).map_err(refuse)?;
    let ranking = Ranking::new(&scored);
    let alerts = Alerts::of(judged, config.budgets().unit).map_err(refuse)?;
    let settled = |rule: Option<BandRule>| match rule {
        Some(BandRule::MaxFpr(limit)) => threshold_at_fpr(&ranking, limit),
        Some(BandRule::AlertsPerDay(budget)) => {
            let alerts = alerts.as_ref();
            let group: Option<&ScoreGroup> = alerts.and_then(|a| a.lowest_at_budget(budget));
            group.map(|group| group.score)
        }
        Some(BandRule::Probability(least)) => {
            let reached = judged.probabilities.iter().zip(&judged.margins);
            let margins = reached.filter(|(p, _)| **p >= least).map(|(_, margin)| *margin);
            margins.min_by(f64::total_cmp)
        }
        Some(BandRule::Margin(margin)) => Some(margin),
        Some(BandRule::LeastCost) | None => None,
    };
    let mut edges: Vec<Option<f64>> = tiers.iter().map(|tier| settled(tier.rule())).collect();
    let by_cost = |tier: &BandConfig| tier.rule() == Some(BandRule::LeastCost);
    let Some(policy) = config.cost.filter(|_| tiers.iter().any(by_cost)) else {
        return Ok(edges);
    };
    let weighed: Vec<Tier> = tiers
        .iter()
        .zip(&edges)
        .map(|(tier, edge)| Tier {
            action: tier.action(),
            edge: (!by_cost(tier)).then(|| edge.unwrap_or(f64::INFINITY)),
        })
        .collect();
    let cheapest = least_cost_edges(&policy, &payments(judged), &weighed);
    for ((edge, cheapest), tier) in edges.iter_mut().zip(cheapest).zip(tiers) {
        if by_cost(tier) {
            *edge = cheapest;
        }
    }
    Ok(edges)
}

/// Judged rows as payments to be weighed.
pub(crate) fn payments(judged: &Judged) -> Vec<Payment> {
    (0..judged.n_rows())
        .map(|row| Payment {
            margin: judged.margins[row],
            is_fraud: judged.labels[row],
            amount: judged.amount(row),
            weight: judged.weight(row),
        })
        .collect()
}

fn rule_in_words(config: &Config, tier: &BandConfig) -> String {
    match tier.rule() {
        Some(BandRule::MaxFpr(limit)) => {
            format!("at most {} % of the legitimate rows", percent(limit))
        }
        Some(BandRule::AlertsPerDay(budget)) => {
            let unit = match config.budgets().unit {
                AlertUnit::Cases => {
                    format!("cases (one {} on one day)", config.alert_entity().unwrap_or("entity"))
                }
                AlertUnit::Rows => "rows".to_owned(),
            };
            format!("at most {budget} {unit} a day on average")
        }
        Some(BandRule::Probability(least)) => format!("a probability of at least {least}"),
        Some(BandRule::Margin(margin)) => format!("a margin of at least {margin}"),
        Some(BandRule::LeastCost) => match &config.cost {
            Some(cost) => format!("least expected cost with {}", cost_in_words(cost)),
            None => "least expected cost".to_owned(),
        },
        None => "no rule".to_owned(),
    }
}

fn cost_in_words(cost: &CostPolicy) -> String {
    format!(
        "loss_rate {}, review_cost {}, review_catch_rate {}, false_decline_cost {} and {} of the amount",
        cost.loss_rate,
        cost.review_cost,
        cost.review_catch_rate,
        cost.false_decline_cost.fixed,
        cost.false_decline_cost.share
    )
}

/// As the rules mean it: on these rows.
fn window_in_words(config: &Config, judged: &Judged) -> String {
    let n_frauds = judged.labels.iter().filter(|label| **label).count();
    let days = judged.days.as_ref().map_or(String::new(), |days| {
        let mut days = days.clone();
        days.sort_unstable();
        days.dedup();
        format!(" on {} days", days.len())
    });
    let weighted = match &config.columns.weight {
        Some(weight) => format!(", weighted by {weight}"),
        None => String::new(),
    };
    format!(
        "of the calibrate window: {} rows with {n_frauds} frauds{days}{weighted}",
        judged.n_rows()
    )
}

/// Without the digits that a product of two decimals brings along.
fn percent(share: f64) -> f64 {
    (share * 1e8).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten good rows and two frauds on two days, margins 0 to 11, frauds at 11 and 9.
    fn window() -> Judged {
        let margins: Vec<f64> = (0..12).map(f64::from).collect();
        Judged {
            labels: margins.iter().map(|margin| [9.0, 11.0].contains(margin)).collect(),
            probabilities: margins.iter().map(|margin| margin / 20.0).collect(),
            weights: None,
            days: Some((0..12).map(|row| row % 2).collect()),
            entities: None,
            amounts: Some(vec![100.0; 12]),
            margins,
        }
    }

    fn chosen(bands: &str) -> (Vec<String>, Vec<f64>, Vec<String>, String) {
        let text = format!(
            "[model]\nname = \"m\"\n[[source]]\nname = \"s\"\npath = \"s.csv\"\n[columns]\ntime = \"t\"\n\
             label = \"y\"\namount = \"a\"\n[split]\ntrain = \"7d\"\ncalibrate = \"7d\"\ntest = \"7d\"\n\
             [[feature]]\ncolumn = \"x\"\n[[learner]]\nkind = \"logistic\"\n{bands}"
        );
        let config = Config::parse(&text).unwrap();
        let mut notes = Vec::new();
        let bands = choose(&config, &window(), &mut notes).unwrap();
        let bands = bands.map(|b| (b.names, b.edges, b.assumptions)).unwrap_or_default();
        (bands.0, bands.1, notes, bands.2)
    }

    #[test]
    fn each_rule_finds_its_edge() {
        let band = |rule: &str| chosen(&format!("[[band]]\nname = \"b\"\n{rule}\n")).1;
        // 11 fraud | 10 | 9 fraud | 8 | …: one of ten legitimate rows alarms down to 9.
        assert_eq!(band("max_fpr = 0.1"), [9.0]);
        // Three rows on two days.
        assert_eq!(band("alerts_per_day = 1.5"), [9.0]);
        assert_eq!(band("probability = 0.46"), [10.0]);
        assert_eq!(band("margin = 2.5"), [2.5]);
        assert!(band("probability = 0.9").is_empty());
        let cost = "[cost]\nloss_rate = 1.0\nreview_cost = 20.0\nreview_catch_rate = 1.0\n\
            false_decline_cost = { fixed = 1.0, share = 0.5 }\n";
        // Reviewing down to 9 costs 3 × 20 and saves 200; further down nothing is saved.
        assert_eq!(band(&format!("least_cost = true\n{cost}")), [9.0]);
        // Blocking the one at 11 costs nothing, the good one at 10 costs 51 and a review 20.
        let both = "[[band]]\nname = \"block\"\nleast_cost = true\n[[band]]\nname = \"review\"\n\
            least_cost = true\n";
        let (names, edges, notes, assumptions) = chosen(&format!("{both}{cost}"));
        assert_eq!((names.join(" "), edges), ("allow review block".to_owned(), vec![9.0, 11.0]));
        assert!(notes.is_empty(), "{notes:?}");
        assert!(assumptions.contains("review_cost 20, review_catch_rate 1"), "{assumptions}");
    }

    #[test]
    fn the_default_and_bands_that_would_be_empty() {
        // 11 is a fraud, 10 would be one legitimate row of ten: both bands begin at 11.
        let (names, edges, notes, assumptions) = chosen("");
        assert_eq!((names.join(" "), edges), ("allow block".to_owned(), vec![11.0]));
        assert!(notes[0].contains("begin no lower than \"block\""), "{notes:?}");
        assert_eq!(
            assumptions,
            "block and above at most 0.1 % of the legitimate rows; of the calibrate window: 12 rows \
             with 2 frauds on 2 days"
        );
        let (names, _, notes, _) = chosen("[[band]]\nname = \"b\"\nalerts_per_day = 0.4\n");
        assert!(names.is_empty());
        assert!(notes[0].contains("no score keeps at most 0.4 rows a day"), "{notes:?}");
    }
}
