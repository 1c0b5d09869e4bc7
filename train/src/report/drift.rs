//! What `drift` prints without `--json`.

use super::Table;
use crate::drift::{Drift, FeatureDrift};

/// Features and score beside their reference, alert rates, and what is new.
pub fn drift(drift: &Drift) -> String {
    let mut features = Table::new([
        "feature", "PSI", "limit", "KS", "limit", "missing", "before", "unseen", "before", "drift",
    ]);
    for feature in drift.features.iter().chain([&drift.score]) {
        features.push(cells(feature));
    }
    let Drift { rows, reference_rows, .. } = drift;
    let mut text =
        format!("{rows} rows beside the {reference_rows} of the calibrate window\n\n{features}");
    if drift.rejected_rows > 0 {
        let rejected = drift.rejected_rows;
        text.push_str(&format!("{rejected} rows that a policy rejects are left out\n"));
    }
    if !drift.bands.is_empty() {
        let mut bands = Table::new(["band, and above", "share", "before", "limit", "drift"]);
        for band in &drift.bands {
            let optional = |share: Option<f64>| share.map_or("-".to_owned(), percent);
            bands.push(vec![
                band.name.clone(),
                percent(band.data),
                optional(band.reference),
                band.limit.map_or("-".to_owned(), |limit| format!("±{}", percent(limit))),
                if band.is_beyond() { "alert rate".to_owned() } else { String::new() },
            ]);
        }
        text.push_str(&format!("\n{bands}"));
    }
    for feature in &drift.features {
        let examples = feature.unseen.iter().flat_map(|unseen| &unseen.examples);
        let examples: Vec<String> =
            examples.map(|(value, rows)| format!("{value:?} ({rows})")).collect();
        if !examples.is_empty() {
            text.push_str(&format!("\n{}: unseen {}", feature.name, examples.join(", ")));
        }
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    match drift.findings().as_slice() {
        [] => text.push_str("\nno drift\n"),
        findings => text.push_str(&format!("\ndrift: {}\n", findings.join("; "))),
    }
    text
}

fn cells(feature: &FeatureDrift) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    let share = |value: Option<f64>| value.map_or("-".to_owned(), percent);
    let unseen = feature.unseen.as_ref();
    vec![
        feature.name.clone(),
        number(Some(feature.psi.value)),
        number(Some(feature.psi.limit)),
        number(feature.ks.map(|ks| ks.value)),
        number(feature.ks.map(|ks| ks.limit)),
        percent(feature.missing.data),
        percent(feature.missing.reference),
        share(unseen.map(|unseen| unseen.data)),
        share(unseen.and_then(|unseen| unseen.reference)),
        feature.drifted.join(", "),
    ]
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}
