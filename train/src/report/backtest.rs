//! What `backtest` prints without `--json`.

use super::Table;
use crate::pipeline::backtest::{Backtest, MeasureMap};

/// Measures of the tables: JSON key, heading, digits. Those that a run does not have are left out.
const MEASURES: [(&str, &str, usize); 6] = [
    ("average_precision", "avg precision", 4),
    ("roc_auc", "ROC AUC", 4),
    ("card_precision_at_100", "card prec@100", 4),
    ("log_loss", "log loss", 5),
    ("recall_at_fpr_0.01", "recall@1%", 4),
    ("observed_over_expected", "obs/exp", 3),
];

/// The course over folds with mean and spread, models by their age, and the cost of fewer runs.
pub fn backtest(found: &Backtest) -> String {
    let known: Vec<_> =
        MEASURES.into_iter().filter(|(key, ..)| found.measures.contains_key(*key)).collect();
    let headings = || known.iter().map(|(_, heading, _)| *heading);
    let cells = |map: &MeasureMap, signed: bool| -> Vec<String> {
        let cell = |(key, _, digits): &(&str, &str, usize)| {
            cell(map.get(*key).and_then(serde_json::Value::as_f64), *digits, signed)
        };
        known.iter().map(cell).collect()
    };
    let mut folds = Table::new(
        ["as of", "test from", "rows", "frauds", "learner"].into_iter().chain(headings()),
    );
    for fold in &found.folds {
        let test = &fold.report["windows"]["test"];
        let from = test["from"].as_str().unwrap_or_default().to_owned();
        let counts = ["rows", "frauds"].map(|key| test[key].to_string());
        let mut row = vec![short(&fold.as_of), short(&from)];
        row.extend(counts);
        row.push(fold.candidate.clone());
        row.extend(cells(&fold.test, false));
        folds.push(row);
    }
    for what in ["mean", "sd", "min", "max"] {
        let mut row = vec![what.to_owned()];
        row.extend(std::iter::repeat_n(String::new(), 4));
        row.extend(known.iter().map(|(key, _, digits)| {
            let spread = found.measures.get(*key).and_then(|spread| spread[what].as_f64());
            cell(spread, *digits, false)
        }));
        folds.push(row);
    }
    let mut text = format!(
        "{}: {} runs of the job, every {}, each on its own test window\n\n{folds}",
        found.model,
        found.folds.len(),
        found.every
    );
    if found.ages.len() > 1 {
        let mut ages = Table::new(["days after as-of", "n"].into_iter().chain(headings()));
        for age in &found.ages {
            let mut row = vec![age.days_after_as_of.to_string(), age.n.to_string()];
            row.extend(cells(&age.change, true));
            ages.push(row);
        }
        text.push_str(&format!(
            "\nhow models age: change against the model of the same days' own run, the same rows; from 0 \
             on a backend would have scored these days\n\n{ages}"
        ));
    }
    if found.retrain_every.len() > 1 {
        let mut intervals = Table::new(["retrain every", "n"].into_iter().chain(headings()));
        for interval in &found.retrain_every {
            let mut row = vec![format!("{} days", interval.days), interval.n.to_string()];
            row.extend(cells(&interval.change, true));
            intervals.push(row);
        }
        text.push_str(&format!(
            "\nhow often to retrain: mean change on days after as-of against every {}\n\n{intervals}",
            found.every
        ));
    }
    text
}

fn cell(value: Option<f64>, digits: usize, signed: bool) -> String {
    match value {
        Some(value) if signed => format!("{value:+.digits$}"),
        Some(value) => format!("{value:.digits$}"),
        None => "-".to_owned(),
    }
}

/// A midnight without its hours.
fn short(time: &str) -> String {
    time.strip_suffix("T00:00:00Z").unwrap_or(time).to_owned()
}
