//! What a person should know of a run, and nothing stops for: features that tell the label, features
//! that tell nothing, windows too small to judge, values that came or went between train and test.

use rayon::prelude::*;
use shroff_serve::model::RowType;
use shroff_serve::schema::Schema;

use super::DataSummary;
use crate::matrix::{Matrix, category};
use crate::metric::{Measures, Ranking, Scored};

/// A single feature that ranks frauds so well has most often seen the label. The bound is the one
/// of `[checks]` documentation and of `shroff init`; real signals rarely pass .95.
pub(crate) const LEAK_AUC: f64 = 0.98;
/// Frauds below which measures of a test window are coarse: one of 50 is two points of recall.
const FEW_FRAUDS: u64 = 50;
/// How near to .5 an area under the ROC curve has to be to mean hardly any signal.
const NO_SIGNAL: f64 = 0.05;
/// Frauds and legitimate rows below which a single feature may separate them by chance.
const MIN_CLASS_ROWS: usize = 20;

/// Features that nearly separate the classes by themselves, or are the same in all rows. Missing
/// values rank below all others; categories rank by their fraud rate in these rows.
pub(crate) fn features(
    schema: &Schema,
    matrix: &Matrix,
    labels: &[bool],
    weights: Option<&[f64]>,
) -> Vec<String> {
    let n_frauds = labels.iter().filter(|label| **label).count();
    let enough = n_frauds.min(labels.len() - n_frauds) >= MIN_CLASS_ROWS;
    let warn = |feature: usize| {
        let name = &*schema.features[feature].name;
        let values = || (0..matrix.n_rows()).map(move |row| matrix.row(row)[feature]);
        let first = values().next()?;
        if values().all(|value| value.to_bits() == first.to_bits() || both_nan(value, first)) {
            let what = if first.is_nan() { "missing".to_owned() } else { format!("{first}") };
            return Some(format!(
                "feature {name:?} is constant: {what} in all {} rows of the fit; it can be removed",
                matrix.n_rows()
            ));
        }
        let scores: Vec<f64> = match matrix.row_types()[feature] {
            RowType::Categorical { n_categories } => by_rate(values(), labels, n_categories),
            _ => values().map(finite).collect(),
        };
        let scored = Scored::new(labels, &scores, weights).ok()?;
        let auc = Ranking::new(&scored).roc_auc().filter(|_| enough)?;
        (!(1.0 - LEAK_AUC..=LEAK_AUC).contains(&auc)).then(|| {
            format!(
                "feature {name:?} alone has a ROC AUC of {auc:.4} in the rows of the fit: is it \
                 really known when a transaction is scored?"
            )
        })
    };
    (0..matrix.n_features()).into_par_iter().filter_map(warn).collect()
}

/// What the data itself says, before anything is fitted.
pub(crate) fn data(data: &DataSummary, test_frauds: u64, max_increase: f64) -> Vec<String> {
    let mut warnings = Vec::new();
    if test_frauds < FEW_FRAUDS {
        warnings.push(format!(
            "the test window has {test_frauds} frauds, fewer than {FEW_FRAUDS}: its measures are \
             coarse; a longer window is more certain"
        ));
    }
    for (name, column) in &data.columns {
        let (train, test) = (column.null_rate_train, column.null_rate_test);
        if test - train > max_increase {
            warnings.push(format!(
                "column {name:?}: {test:.4} of the rows of test are null, {train:.4} of those of train"
            ));
        }
        let (Some(train), Some(test)) = (&column.categories_train, &column.categories) else {
            continue;
        };
        for (from, to, place, other) in
            [(train, test, "train", "test"), (test, train, "test", "train")]
        {
            for (value, share) in from.iter().filter(|(_, share)| **share >= 0.1) {
                if !to.contains_key(value) {
                    warnings.push(format!(
                        "column {name:?}: the category {value:?} has {share:.4} of the rows of {place} \
                         and hardly any of {other}; was it renamed?"
                    ));
                }
            }
        }
    }
    warnings
}

/// What the candidate's measures on test say.
pub(crate) fn measures(test: &Measures) -> Vec<String> {
    let (Some(auc), Some(precision)) = (test.roc_auc, test.average_precision) else {
        return Vec::new();
    };
    if (auc - 0.5).abs() > NO_SIGNAL || precision > 2.0 * test.base_rate {
        return Vec::new();
    }
    vec![format!(
        "hardly any signal in the test window: ROC AUC {auc:.4} (a coin: 0.5), average precision \
         {precision:.4} beside a base rate of {:.4}",
        test.base_rate
    )]
}

fn both_nan(a: f32, b: f32) -> bool {
    a.is_nan() && b.is_nan()
}

/// In the order of the numbers, missing below all.
fn finite(value: f32) -> f64 {
    if value.is_nan() { -f64::MAX } else { f64::from(value.clamp(f32::MIN, f32::MAX)) }
}

/// The fraud rate of each row's category; missing values are one more.
fn by_rate(
    values: impl Iterator<Item = f32> + Clone,
    labels: &[bool],
    n_categories: u32,
) -> Vec<f64> {
    let code = |value: f32| category(value).unwrap_or(n_categories).min(n_categories) as usize;
    let mut counts = vec![(0_u32, 0_u32); n_categories as usize + 1];
    for (value, label) in values.clone().zip(labels) {
        let (rows, frauds) = &mut counts[code(value)];
        *rows += 1;
        *frauds += u32::from(*label);
    }
    values
        .map(|value| counts[code(value)])
        .map(|(n, frauds)| f64::from(frauds) / f64::from(n))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shroff_serve::schema::{Feature, Policy};

    use super::*;

    #[test]
    fn leaks_and_constants_are_named() {
        // 25 frauds in 100 rows: every fourth.
        let labels: Vec<bool> = (0..100).map(|row| row % 4 == 0).collect();
        let kinds = [
            ("up", RowType::Numeric),
            ("down", RowType::Numeric),
            ("missing", RowType::Numeric),
            ("fair", RowType::Numeric),
            ("same", RowType::Numeric),
            ("none", RowType::Numeric),
            ("code", RowType::Categorical { n_categories: 4 }),
            ("coin", RowType::Categorical { n_categories: 3 }),
        ];
        let mut values = Vec::new();
        for row in 0..100_usize {
            let fraud = labels[row];
            values.extend([
                if fraud { 9.0 } else { row as f32 / 100.0 },
                if fraud { f32::NEG_INFINITY } else { row as f32 },
                if fraud { f32::NAN } else { 0.0 },
                (row * 37 % 100) as f32,
                7.0,
                f32::NAN,
                if fraud { 2.0 } else { [0.0, 1.0, 3.0][row % 3] },
                (row % 3) as f32,
            ]);
        }
        let feature = |(name, kind): &(&str, RowType)| Feature {
            name: Arc::from(*name),
            kind: *kind,
            on_missing: Policy::Learned,
            on_unseen: Policy::Learned,
            on_out_of_range: Policy::Learned,
        };
        let features_of = kinds.iter().map(feature).collect();
        let schema = Schema { inputs: Vec::new(), features: features_of, utc_offset_secs: 0 };
        let matrix = Matrix::new(kinds.map(|(_, kind)| kind).to_vec(), values).unwrap();
        let found = features(&schema, &matrix, &labels, None);
        let said = [
            "\"up\" alone has a ROC AUC of 1.0000",
            "\"down\" alone has a ROC AUC of 0.0000",
            "\"missing\" alone has a ROC AUC of 0.0000",
            "\"same\" is constant: 7 in all 100 rows",
            "\"none\" is constant: missing in all 100 rows",
            "\"code\" alone has a ROC AUC of 1.0000",
        ];
        assert_eq!(found.len(), said.len(), "{found:?}");
        for (found, said) in found.iter().zip(said) {
            assert!(found.contains(said), "{said:?} in {found:?}");
        }
        // Nineteen frauds may be separated by chance.
        let few: Vec<bool> = (0..100).map(|row| row % 4 == 0 && row < 76).collect();
        let found = features(&schema, &matrix, &few, None);
        assert_eq!(found.len(), 2, "the constants: {found:?}");
    }
}
