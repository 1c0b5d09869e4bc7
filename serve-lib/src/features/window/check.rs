//! The proof of a program that may come from a hostile file.

use std::collections::BTreeSet;

use super::{
    Filter, FilterTest, FilterValue, MAX_AMOUNTS, MAX_EVENTS, MAX_FILTER_VALUES, MAX_KEYS,
    MAX_WINDOW_FEATURES, MAX_WINDOW_MICROS, Measure, WindowFeature, WindowProgram, canonical,
};
use crate::schema::{MAX_NAME_BYTES, SchemaError};

/// Proves what can be seen of each part alone; columns and streams are proved where they are laid out.
pub(super) fn check(program: &WindowProgram) -> Result<(), SchemaError> {
    let fail = |problem| Err(SchemaError::new("window program", problem));
    if program.features.is_empty() || program.features.len() > MAX_WINDOW_FEATURES {
        return fail("window features should number 1 to 512");
    }
    if !MAX_EVENTS.contains(&program.max_events) {
        return fail("max_events should lie within 64 and 65536");
    }
    if program.amounts.len() > MAX_AMOUNTS {
        return fail("amount columns should number 8 at most");
    }
    check_name(&program.time)?;
    program.event_id.iter().try_for_each(|name| check_name(name))?;
    let mut amounts = BTreeSet::new();
    for amount in &program.amounts {
        check_name(&amount.name)?;
        if amount.decimals > 6 {
            return Err(SchemaError::new(&amount.name, "should have 0 to 6 decimals"));
        }
        if !amounts.insert(&amount.name) {
            return Err(SchemaError::new(&amount.name, "the amount column appears twice"));
        }
    }
    let mut seen = BTreeSet::new();
    for (position, feature) in program.features.iter().enumerate() {
        let fail = |problem| {
            Err(SchemaError::new(&format!("window feature at position {position}"), problem))
        };
        if let Some(problem) = feature_problem(feature) {
            return fail(problem);
        }
        feature.key.iter().try_for_each(|name| check_name(name))?;
        feature.measure.column().map_or(Ok(()), |name| check_name(name))?;
        feature.filter.iter().try_for_each(|filter| check_name(&filter.column))?;
        if !seen.insert(canonical::feature(feature)) {
            return fail("the same feature is declared before");
        }
    }
    let summed: BTreeSet<_> = program.features.iter().filter_map(summed).collect();
    match (summed.difference(&amounts).next(), amounts.difference(&summed).next()) {
        (Some(name), _) => Err(SchemaError::new(name, "is no amount column of the program")),
        (_, Some(name)) => Err(SchemaError::new(name, "is an amount column that no feature uses")),
        _ => Ok(()),
    }
}

fn feature_problem(feature: &WindowFeature) -> Option<&'static str> {
    let key: BTreeSet<_> = feature.key.iter().collect();
    if feature.key.is_empty() || feature.key.len() > MAX_KEYS || key.len() != feature.key.len() {
        return Some("a key should have 1 to 16 different columns");
    }
    if feature.window_micros.is_some_and(|window| !(1..=MAX_WINDOW_MICROS).contains(&window)) {
        return Some("a window should last from a microsecond to ten years");
    }
    if !(0..=MAX_WINDOW_MICROS).contains(&feature.delay_micros) {
        return Some("a delay should last from nothing to ten years");
    }
    feature.filter.as_ref().and_then(filter_problem)
}

fn filter_problem(filter: &Filter) -> Option<&'static str> {
    match &filter.test {
        FilterTest::OneOf(values) => {
            if values.is_empty() || values.len() > MAX_FILTER_VALUES {
                return Some("a filter should name 1 to 256 values");
            }
            let is_boolean = |value: &FilterValue| matches!(value, FilterValue::Boolean(_));
            if values.iter().any(is_boolean) && !values.iter().all(is_boolean) {
                return Some("a filter names truth values and others");
            }
            let unfit = |value: &FilterValue| match value {
                FilterValue::Text(text) => text.is_empty() || text.len() > MAX_NAME_BYTES,
                _ => false,
            };
            values.iter().any(unfit).then_some("a text of a filter should have 1 to 256 bytes")
        }
        // NaN ends fail too.
        FilterTest::Within { low, high } if low < high => None,
        FilterTest::Within { .. } => Some("a filter's range should have low < high"),
    }
}

/// The amount column of a feature.
pub(super) fn summed(feature: &WindowFeature) -> Option<&std::sync::Arc<str>> {
    match feature.measure {
        Measure::Distinct(_) => None,
        _ => feature.measure.column(),
    }
}

fn check_name(name: &str) -> Result<(), SchemaError> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(SchemaError::new(name, "a column's name should have 1 to 256 bytes"));
    }
    Ok(())
}
