//! What `parity` prints without `--json`.

use super::Table;
use crate::parity::{N_SHOWN, Outcome, Parity};

/// How many requests score alike, and the first that do not.
pub fn parity(parity: &Parity) -> String {
    let Parity { requests, replayed, different, first, other_artifacts } = parity;
    let mut text = format!("{replayed} of {requests} requests replayed, {different} different\n");
    for (artifact, requests) in other_artifacts {
        text.push_str(&format!("{requests} of artifact {artifact} are not replayed\n"));
    }
    if first.is_empty() {
        return text;
    }
    let mut table =
        Table::new(["log, line", "id", "margin logged", "here", "probability logged", "here"]);
    for difference in first {
        let id = difference.id.as_ref().map_or("-".to_owned(), ToString::to_string);
        let (logged, here) = (&difference.logged, &difference.replayed);
        table.push(vec![
            format!("{}, {}", difference.log, difference.line),
            id,
            number(logged, logged.margin),
            number(here, here.margin),
            number(logged, logged.probability),
            number(here, here.probability),
        ]);
    }
    text.push_str(&format!("\n{table}"));
    if *different > N_SHOWN as u64 {
        text.push_str(&format!("the first {N_SHOWN} of {different}\n"));
    }
    text
}

/// In its shortest form that names it alone: two that differ look different.
fn number(outcome: &Outcome, value: Option<f64>) -> String {
    match (value, &outcome.rejected) {
        (Some(value), _) => value.to_string(),
        (None, Some(_)) => "rejected".to_owned(),
        (None, None) => "null".to_owned(),
    }
}
