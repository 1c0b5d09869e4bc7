//! Numbers as people read them. Missing ones are a dash.

use serde_json::Value;

/// What stands for a number that is not there.
pub(super) const NONE: &str = "–";

/// A count, its thousands apart: `21,254`; of weights at most one decimal.
pub(super) fn count(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    let whole = rounded.trunc();
    let tenths = ((rounded - whole).abs() * 10.0).round() as u8;
    let digits = format!("{:.0}", whole.abs());
    let mut text = String::new();
    if rounded < 0.0 {
        text.push('−');
    }
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if tenths > 0 {
        text.push_str(&format!(".{tenths}"));
    }
    text
}

/// A share as a percentage, with three digits that tell: `31.2 %`, `0.0412 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let size = percent.abs();
    let digits = match size {
        size if size.total_cmp(&0.0).is_eq() => 0,
        size if size >= 99.95 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.1 => 3,
        _ => 4,
    };
    format!("{percent:.digits$} %").replace('-', "−")
}

/// A share as a tick of an axis: `0.01 %`, `10 %`.
pub(super) fn tick(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A measure, with so many decimals; a whole one as a count.
pub(super) fn decimals(value: f64, digits: usize) -> String {
    match digits {
        0 => count(value.round()),
        _ => format!("{value:.digits$}").replace('-', "−"),
    }
}

/// Both ends of an interval.
pub(super) fn ends(interval: &Value, digits: usize) -> Option<String> {
    let end = |key: &str| interval[key].as_f64().map(|end| decimals(end, digits));
    Some(format!("{} to {}", end("low")?, end("high")?))
}

/// Both ends of the interval of a difference, with their signs.
pub(super) fn signed_ends(interval: &Value, digits: usize) -> Option<String> {
    let end = |key: &str| interval[key].as_f64().map(|end| difference(end, digits));
    Some(format!("{} to {}", end("low")?, end("high")?))
}

/// A measure's name in words, from its key, and the decimals it is shown with.
pub(super) fn measure(key: &str) -> (String, usize) {
    let at = |start: &str| key.strip_prefix(start);
    let share = |text: &str| text.parse().map_or_else(|_| text.to_owned(), tick);
    for (start, name, digits) in [
        ("amount_recall", "fraud money caught", 4),
        ("value_captured", "value captured", 0),
        ("partial_roc_auc", "partial ROC AUC", 4),
        ("precision", "precision", 4),
        ("recall", "recall", 4),
    ] {
        let Some(rest) = at(start) else { continue };
        if let Some(limit) = rest.strip_prefix("_at_fpr_") {
            return (format!("{name} at {} false positives", share(limit)), digits);
        }
        if let Some(budget) = rest.strip_prefix("_at_alerts_") {
            return (format!("{name} at {budget} alerts a day"), digits);
        }
    }
    if let Some(cards) = at("card_precision_at_") {
        return (format!("Card Precision@{cards}"), 4);
    }
    let (name, digits) = match key {
        "roc_auc" => ("ROC AUC", 4),
        "log_loss" => ("log loss", 5),
        "brier" => ("Brier score", 5),
        "observed_over_expected" => ("observed / expected frauds", 3),
        "calibration_error" => ("calibration error", 5),
        "base_rate" => ("base rate", 6),
        "expected_cost" => ("expected cost, with the bands", 0),
        "expected_cost_all_allowed" => ("expected cost, all let through", 0),
        _ => return (key.replace('_', " "), 4),
    };
    (name.to_owned(), digits)
}

/// A difference of measures, with its sign.
pub(super) fn difference(value: f64, digits: usize) -> String {
    let text = format!("{value:+.digits$}");
    // Nothing is neither more nor less.
    let is_zero = text.chars().all(|sign| !matches!(sign, '1'..='9'));
    if is_zero { format!("±{}", &text[1..]) } else { text.replace('-', "−") }
}

pub(super) fn optional(value: Option<f64>, format: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0.0, 999.0, 21254.0, 1e6, 12.34, -7.0].map(count),
            ["0", "999", "21,254", "1,000,000", "12.3", "−7"]
        );
        assert_eq!(
            [0.0, 1.0, 0.3124, 0.0412, 0.00412, 0.000412].map(percent),
            ["0 %", "100 %", "31.2 %", "4.12 %", "0.412 %", "0.0412 %"]
        );
        assert_eq!([1e-6, 1e-4, 0.1, 1.0].map(tick), ["0.0001 %", "0.01 %", "10 %", "100 %"]);
        assert_eq!(difference(-0.01234, 4), "−0.0123");
        assert_eq!(difference(0.00001, 4), "±0.0000");
        assert_eq!(difference(0.5, 2), "+0.50");
    }

    #[test]
    fn measures_have_names() {
        for (key, expected) in [
            ("average_precision", "average precision"),
            ("recall_at_fpr_0.001", "recall at 0.1 % false positives"),
            ("partial_roc_auc_at_fpr_0.01", "partial ROC AUC at 1 % false positives"),
            ("precision_at_alerts_100", "precision at 100 alerts a day"),
            ("card_precision_at_100", "Card Precision@100"),
            ("something_new", "something new"),
        ] {
            assert_eq!(measure(key).0, expected);
        }
    }
}
