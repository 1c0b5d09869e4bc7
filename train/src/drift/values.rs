//! Text outside a feature's vocabulary: how much of it, what it was before, and which values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use shroff_datasets::Values;
use shroff_serve::Scorer;
use shroff_serve::features::{Step, Vocabulary};
use shroff_serve::schema::{InputType, Policy};

use super::{Compare, ShareDrift};
use crate::events::Events;

/// Values shown by name.
const N_EXAMPLES: usize = 5;

/// Text that has no code of its own: values that are new, and those that were too rare to learn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnseenValues {
    /// Rows with such text.
    pub rows: u64,
    /// Their share now, 0 to 1, each row counting with its weight.
    pub data: f64,
    /// Their share before; none where the policy hides it among other values.
    pub reference: Option<f64>,
    /// The greatest difference that is no drift.
    pub limit: Option<f64>,
    /// The most frequent of them with their rows, at most five.
    pub examples: Vec<(String, u64)>,
}

impl UnseenValues {
    /// Whether there is more of it than before, beyond the limit.
    pub fn is_beyond(&self) -> bool {
        let before = self.reference.zip(self.limit);
        before.is_some_and(|(reference, limit)| self.data - reference > limit)
    }
}

/// The unseen values of a feature; none where it has no vocabulary. `weight` is that of a row by its
/// position in `rows`.
pub(super) fn unseen(
    scorer: &Scorer,
    events: &Events,
    rows: &[usize],
    weight: &dyn Fn(usize) -> f64,
    feature: usize,
    compare: &Compare,
) -> Option<UnseenValues> {
    let contents = scorer.contents();
    let (vocabulary, has_code) = match &contents.program.steps[feature] {
        Step::Category { vocabulary, .. } => (vocabulary, true),
        Step::Rate { table, .. } => (table.values(), false),
        _ => return None,
    };
    let counts = counts(scorer, events, rows, weight, feature, vocabulary);
    let total: f64 = (0..rows.len()).map(weight).sum();
    // The sum of none is -0, which would be shown.
    let data = counts.values().fold(0.0, |sum, (_, weight)| sum + weight) / total;
    let learned = contents.schema.features[feature].on_unseen == Policy::Learned;
    let known = contents.reference.as_ref().filter(|_| has_code && learned).map(|reference| {
        let histogram = &reference.features[feature];
        let total = histogram.weights.iter().sum::<f64>() + histogram.missing;
        let other = histogram.weights.last().copied().unwrap_or(0.0);
        let before = if total > 0.0 { other / total } else { 0.0 };
        let (n_reference, n_data) = compare.n_rows;
        let ShareDrift { reference, limit, .. } =
            compare.share((before * n_reference, n_reference), (data * n_data, n_data));
        (reference, limit)
    });
    let (reference, limit) = known.unzip();
    let n_rows = counts.values().map(|(rows, _)| rows).sum();
    let mut counts: Vec<(&str, u64)> =
        counts.into_iter().map(|(value, (rows, _))| (value, rows)).collect();
    // Of equals the first in the alphabet.
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let examples = counts.into_iter().take(N_EXAMPLES);
    let examples = examples.map(|(value, rows)| (value.to_owned(), rows)).collect();
    Some(UnseenValues { rows: n_rows, data, reference, limit, examples })
}

/// The text outside the vocabulary, with its rows and their weight.
fn counts<'a>(
    scorer: &Scorer,
    events: &'a Events,
    rows: &[usize],
    weight: &dyn Fn(usize) -> f64,
    feature: usize,
    vocabulary: &Vocabulary,
) -> BTreeMap<&'a str, (u64, f64)> {
    let contents = scorer.contents();
    let input = contents.program.steps[feature].input();
    let input = input.and_then(|input| contents.schema.inputs.get(input));
    let column = input.and_then(|input| events.input(&input.name, InputType::Text));
    let Some((column, Values::Text(text))) = column.map(|column| (column, column.values())) else {
        return BTreeMap::new();
    };
    let mut counts: BTreeMap<&str, (u64, f64)> = BTreeMap::new();
    for (position, &row) in rows.iter().enumerate().filter(|(_, row)| !column.is_null(**row)) {
        let value = text.value(row);
        if !value.is_empty() && vocabulary.code(value).is_none() {
            let (rows, sum) = counts.entry(value).or_default();
            *rows += 1;
            *sum += weight(position);
        }
    }
    counts
}
