//! The definitions, read aloud: a loop over all events for every value. It shares nothing with the
//! engine but the declaration.

use super::Raw;
use crate::features::window::{Closed, Filter, FilterTest, FilterValue, Measure};
use crate::features::window::{WindowFeature, WindowProgram};
use crate::record::Value;

/// An event in the order in which they were observed.
pub(super) struct Observation {
    pub(super) raw: Raw,
    /// A fraud, and since when that is known.
    pub(super) known_at: Option<i64>,
}

pub(super) fn naive(
    program: &WindowProgram,
    feature: &WindowFeature,
    event: &Raw,
    observations: &[Observation],
) -> f64 {
    let Some(entity) = entity(feature, event) else { return f64::NAN };
    let of_stream = |raw: &Raw| {
        self::entity(feature, raw).as_ref() == Some(&entity) && passes(feature.filter.as_ref(), raw)
    };
    let counted: Vec<&Observation> =
        observations.iter().filter(|observed| of_stream(&observed.raw)).collect();

    // Neither an event nor the end of an interval lies further back than the horizon of the features
    // of this key and filter.
    let same_stream =
        |other: &&WindowFeature| other.key == feature.key && other.filter == feature.filter;
    let reach = |other: &WindowFeature| other.delay_micros + other.window_micros.unwrap_or(0);
    let horizon = program.features.iter().filter(same_stream).map(reach).max().unwrap();
    let newest = counted.iter().map(|observed| observed.raw.time).max().unwrap_or(event.time);
    let floor = newest - horizon;
    let now = event.time.max(floor);

    let end = now - feature.delay_micros;
    let begin = feature.window_micros.map(|window| end - window);
    let within = |raw: &Raw| {
        let after_begin = begin.is_none_or(|begin| match feature.closed {
            Closed::Left => raw.time >= begin.max(floor),
            Closed::Right => raw.time > begin && raw.time >= floor,
        });
        let before_end = match feature.closed {
            Closed::Left => raw.time < end.max(floor),
            Closed::Right => raw.time <= end || raw.time < floor,
        };
        after_begin && before_end
    };
    let is_known = |observed: &&Observation| match (observed.known_at, feature.closed) {
        (None, _) => false,
        (Some(known_at), Closed::Left) => known_at < now,
        (Some(known_at), Closed::Right) => known_at <= now,
    };
    let mut interval: Vec<&Raw> = Vec::new();
    let (mut n_frauds, mut last) = (0.0, None);
    for observed in counted.iter().filter(|observed| within(&observed.raw)) {
        interval.push(&observed.raw);
        n_frauds += if is_known(observed) { 1.0 } else { 0.0 };
        last = last.max(Some(observed.raw.time));
    }
    if feature.closed == Closed::Right && feature.delay_micros == 0 && of_stream(event) {
        interval.push(event);
    }

    let n_events = interval.len() as f64;
    let amount_of = |raw: &Raw| match raw.value(feature.measure.column()?) {
        Value::Number(number) if !number.is_nan() => Some(number),
        _ => None,
    };
    let amounts: Vec<f64> = interval.iter().filter_map(|raw| amount_of(raw)).map(cents).collect();
    let n = amounts.len() as f64;
    let sum: f64 = amounts.iter().sum();
    match &feature.measure {
        Measure::Count => n_events,
        Measure::Sum(_) => sum / 100.0,
        Measure::Mean(_) => sum / n / 100.0,
        Measure::Max(_) => amounts.iter().copied().fold(f64::NAN, f64::max) / 100.0,
        Measure::Min(_) => amounts.iter().copied().fold(f64::NAN, f64::min) / 100.0,
        Measure::Std(_) if amounts.len() < 2 => f64::NAN,
        Measure::Std(_) => {
            let mean = sum / n;
            let spread: f64 = amounts.iter().map(|amount| (amount - mean) * (amount - mean)).sum();
            (spread / (n - 1.0)).sqrt() / 100.0
        }
        Measure::Distinct(column) => {
            let values = interval.iter().filter_map(|raw| text(raw.value(column)));
            let mut values: Vec<String> = values.collect();
            values.sort_unstable();
            values.dedup();
            values.len() as f64
        }
        Measure::FraudRate => n_frauds / n_events,
        Measure::SecondsSinceLast => last.map_or(f64::NAN, |last| (now - last) as f64 / 1e6),
        Measure::RatioToMean(_) if sum.abs() < 0.5 => f64::NAN,
        Measure::RatioToMean(_) => amount_of(event).map_or(f64::NAN, |own| cents(own) / (sum / n)),
    }
}

/// 0.125 lies exactly between 12 and 13 cents; the even one is taken.
fn cents(amount: f64) -> f64 {
    if amount.to_bits() == 0.125_f64.to_bits() { 12.0 } else { (amount * 100.0).round() }
}

fn entity(feature: &WindowFeature, raw: &Raw) -> Option<Vec<String>> {
    feature.key.iter().map(|column| text(raw.value(column))).collect()
}

fn passes(filter: Option<&Filter>, raw: &Raw) -> bool {
    let Some(Filter { column, test }) = filter else { return true };
    match (test, raw.value(column)) {
        (FilterTest::Within { low, high }, Value::Number(number)) => {
            *low <= number && number < *high
        }
        (FilterTest::OneOf(values), Value::Bool(truth)) => {
            values.contains(&FilterValue::Boolean(truth))
        }
        (FilterTest::OneOf(values), Value::Text(text)) => {
            values.contains(&FilterValue::Text(text.to_owned()))
        }
        _ => false,
    }
}

/// A value as an id, none where there is none.
fn text(value: Value<'_>) -> Option<String> {
    match value {
        Value::Integer(integer) => Some(integer.to_string()),
        Value::Text(text) => (!text.is_empty()).then(|| text.to_owned()),
        _ => None,
    }
}
