//! Row transforms: a number made from one or two inputs of the same record. A small closed set.
//!
//! They are computed in `f64` and rounded to `f32` at the end, as a number that is read is.

use crate::record::Value;
use crate::schema::InputType;

/// What is computed from which inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transform {
    /// `ln(1 + x)`: missing below −1, where there is none, and out of range at −1.
    Log1p {
        /// Position of `x` among the inputs.
        input: u32,
    },
    /// `a / b`: missing where `b` is 0.
    Ratio {
        /// Positions of `a` and `b` among the inputs.
        inputs: [u32; 2],
    },
    /// `a − b` of two numbers.
    Difference {
        /// Positions of `a` and `b` among the inputs.
        inputs: [u32; 2],
    },
    /// `a − b` of two instants, negative where `a` is the earlier.
    TimeDifference {
        /// Positions of `a` and `b` among the inputs.
        inputs: [u32; 2],
        /// What it is counted in; parts of a unit count.
        unit: TimeUnit,
    },
}

/// What a time difference is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeUnit {
    /// 1 s.
    Seconds,
    /// 60 s.
    Minutes,
    /// 3,600 s.
    Hours,
    /// 86,400 s.
    Days,
}

impl Transform {
    /// The position of the first input, and of the second where there is one.
    pub fn inputs(self) -> (u32, Option<u32>) {
        match self {
            Self::Log1p { input } => (input, None),
            Self::Ratio { inputs: [first, second] }
            | Self::Difference { inputs: [first, second] }
            | Self::TimeDifference { inputs: [first, second], .. } => (first, Some(second)),
        }
    }

    /// The type of the inputs, which is one for both.
    pub fn input_type(self) -> InputType {
        match self {
            Self::TimeDifference { .. } => InputType::Time,
            _ => InputType::Number,
        }
    }

    /// The result, before it is rounded and judged; NaN where an operand is missing or there is no
    /// such number. A transform of one input ignores the second operand.
    #[inline]
    pub(super) fn of(self, first: Value<'_>, second: Value<'_>) -> f64 {
        match self {
            Self::Log1p { .. } => libm::log1p(number(first)),
            Self::Ratio { .. } => match number(second) {
                0.0 => f64::NAN,
                divisor => number(first) / divisor,
            },
            Self::Difference { .. } => number(first) - number(second),
            Self::TimeDifference { unit, .. } => match (first, second) {
                (Value::Time(first), Value::Time(second)) => {
                    // Two extreme instants lie further apart than an i64 counts.
                    i128::from(first).wrapping_sub(i128::from(second)) as f64 / unit.micros()
                }
                _ => f64::NAN,
            },
        }
    }
}

impl TimeUnit {
    fn micros(self) -> f64 {
        match self {
            Self::Seconds => 1e6,
            Self::Minutes => 6e7,
            Self::Hours => 3.6e9,
            Self::Days => 8.64e10,
        }
    }
}

/// Types were proved before, so whatever is no number is a null.
#[inline]
pub(super) fn number(value: Value<'_>) -> f64 {
    match value {
        Value::Number(value) => value,
        Value::Integer(value) => value as f64,
        _ => f64::NAN,
    }
}
