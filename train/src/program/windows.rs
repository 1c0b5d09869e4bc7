//! From the velocity features of a configuration to the window program of serve-lib.

use std::sync::Arc;

use shroff_serve::features::window::{
    AmountColumn, Closed, Filter, FilterTest, FilterValue, Measure, WindowFeature, WindowProgram,
    Windows,
};

use crate::config::{
    ClosedWord, Config, FilterConfig, FilterScalar, MeasureConfig, VelocityFeature, WindowLength,
};
use crate::error::Error;

/// Decimal places of amounts, where the configuration does not say.
pub const DEFAULT_AMOUNT_DECIMALS: u8 = 2;

/// What the velocity features of a configuration look at, in their order; none where it has none.
///
/// # Errors
/// Features that are the same but for their name, an amount with two numbers of decimals, a column of
/// two kinds, more than serve-lib takes.
pub fn windows(config: &Config) -> Result<Option<Windows>, Error> {
    let declared: Vec<VelocityFeature<'_>> =
        config.features.iter().flat_map(|feature| feature.velocity()).collect();
    if declared.is_empty() {
        return Ok(None);
    }
    let Some(time) = &config.columns.time else {
        return Err(Error::config(
            "[[feature]] key: velocity looks at what came before an event; set [columns] time",
        ));
    };
    for (position, feature) in declared.iter().enumerate() {
        let same = |other: &&VelocityFeature<'_>| other.to_string() == feature.to_string();
        if let Some(other) = declared[..position].iter().find(same) {
            return Err(Error::config(format!(
                "[[feature]] {feature}: declared twice, as {:?} and {:?}; remove one",
                other.name(),
                feature.name()
            )));
        }
    }
    let program = WindowProgram {
        time: Arc::from(time.as_str()),
        event_id: config.columns.id.as_deref().map(Arc::from),
        amounts: amounts(config, &declared)?,
        max_events: config.velocity.max_events,
        features: declared.iter().map(window_feature).collect(),
    };
    let windows = Windows::new(program);
    windows.map(Some).map_err(|error| Error::config(format!("[[feature]] velocity: {error}")))
}

fn amounts(config: &Config, declared: &[VelocityFeature<'_>]) -> Result<Vec<AmountColumn>, Error> {
    let default = config.columns.amount_decimals.unwrap_or(DEFAULT_AMOUNT_DECIMALS);
    let mut amounts: Vec<AmountColumn> = Vec::new();
    for feature in declared {
        let Some(name) = feature.measure.amount() else { continue };
        let decimals = feature.config.amount_decimals.unwrap_or(default);
        match amounts.iter().find(|amount| *amount.name == *name) {
            Some(amount) if amount.decimals != decimals => {
                return Err(Error::config(format!(
                    "[[feature]] {feature}: expected one amount_decimals for column {name:?}, found {} \
                     and {decimals}; set it alike wherever the column is summed",
                    amount.decimals
                )));
            }
            Some(_) => {}
            None => amounts.push(AmountColumn { name: name.into(), decimals }),
        }
    }
    Ok(amounts)
}

fn window_feature(feature: &VelocityFeature<'_>) -> WindowFeature {
    WindowFeature {
        key: feature.key.columns().iter().map(|column| Arc::from(column.as_str())).collect(),
        filter: feature.config.filter.as_ref().map(filter),
        measure: match feature.measure {
            MeasureConfig::Count => Measure::Count,
            MeasureConfig::Sum(column) => Measure::Sum(column.into()),
            MeasureConfig::Mean(column) => Measure::Mean(column.into()),
            MeasureConfig::Max(column) => Measure::Max(column.into()),
            MeasureConfig::Min(column) => Measure::Min(column.into()),
            MeasureConfig::Std(column) => Measure::Std(column.into()),
            MeasureConfig::Distinct(column) => Measure::Distinct(column.into()),
            MeasureConfig::FraudRate => Measure::FraudRate,
            MeasureConfig::SecondsSinceLast => Measure::SecondsSinceLast,
            MeasureConfig::RatioToMean(column) => Measure::RatioToMean(column.into()),
        },
        window_micros: match feature.window {
            WindowLength::Span(span) => Some(span.micros()),
            WindowLength::All => None,
        },
        delay_micros: feature.config.delay.unwrap_or_default().micros(),
        closed: match feature.closed() {
            ClosedWord::Left => Closed::Left,
            ClosedWord::Right => Closed::Right,
        },
    }
}

fn filter(filter: &FilterConfig) -> Filter {
    let value = |value: &FilterScalar| match value {
        FilterScalar::Boolean(value) => FilterValue::Boolean(*value),
        FilterScalar::Integer(value) => FilterValue::Integer(*value),
        FilterScalar::Text(value) => FilterValue::Text(value.clone()),
    };
    let (low, high) = filter.bounds();
    let test = match filter.is.as_slice() {
        [] => FilterTest::Within { low, high },
        values => FilterTest::OneOf(values.iter().map(value).collect()),
    };
    Filter { column: filter.column.as_str().into(), test }
}
