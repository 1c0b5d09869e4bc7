//! Values for the inputs of the models.

use shroff_serve::Value;

/// What an input may meet: null, zeros, split values and their upper neighbours, numbers
/// no `f32` holds, what no model has seen. Lists that turn together have lengths without a common
/// divisor, so that they meet in every combination.
pub(crate) const AMOUNTS: [Value<'_>; 13] = [
    Value::Null,
    Value::Number(-0.0),
    Value::Number(0.0),
    Value::Number(99.5),
    Value::Number(99.500_01),
    Value::Number(102.5),
    Value::Number(f64::INFINITY),
    Value::Number(f64::NEG_INFINITY),
    Value::Number(f64::NAN),
    Value::Number(1e300),
    Value::Number(1e-300),
    Value::Integer(250),
    Value::Integer(i64::MIN),
];
pub(crate) const COUNTRIES: [Value<'_>; 5] =
    [Value::Null, Value::Text("DE"), Value::Text("FR"), Value::Text("\u{1f4b6}"), Value::Text("")];
pub(crate) const BALANCES: [Value<'_>; 4] = [
    Value::Null,
    Value::Number(f64::INFINITY),
    Value::Number(f64::NEG_INFINITY),
    Value::Number(1_234.56),
];
/// 1970, Friday 16 May 2025 20:30, the night before (in UTC), and the ends of time.
pub(crate) const INSTANTS: [Value<'_>; 6] = [
    Value::Null,
    Value::Time(0),
    Value::Time(1_747_427_400_000_000),
    Value::Time(1_747_360_800_000_000),
    Value::Time(i64::MIN),
    Value::Time(i64::MAX),
];
pub(crate) const SIGNUPS: [Value<'_>; 7] = [
    Value::Time(0),
    Value::Time(1_747_427_399_999_999),
    Value::Time(1_747_300_000_000_000),
    Value::Null,
    Value::Time(i64::MAX),
    Value::Time(1_747_360_800_000_000),
    Value::Time(-1),
];
pub(crate) const ONLINE: [Value<'_>; 3] = [Value::Null, Value::Bool(false), Value::Bool(true)];
pub(crate) const VISITS: [Value<'_>; 5] = [
    Value::Null,
    Value::Integer(0),
    Value::Number(1.0),
    Value::Number(100.0),
    Value::Number(100.000_000_1),
];
