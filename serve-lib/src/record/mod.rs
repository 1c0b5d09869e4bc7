//! A transaction as the backend has it: raw values in the order of the schema's inputs, or a struct
//! whose fields are bound to them once.

mod bind;
mod instant;

pub use bind::{BindError, BindErrorKind};
pub(crate) use bind::{Plan, Sink};
pub use instant::Timestamp;

use crate::schema::InputType;

/// One raw value, borrowed from the caller.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Nothing is known.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number; NaN counts as null.
    Number(f64),
    /// A whole number, for an input of type number.
    Integer(i64),
    /// Text; empty text counts as null.
    Text(&'a str),
    /// An instant in microseconds since 1970-01-01T00:00:00 UTC.
    Time(i64),
}

/// The values of one transaction, one per input of the schema, in its order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record<'a> {
    values: &'a [Value<'a>],
}

impl<'a> Record<'a> {
    /// A record of these values.
    pub fn new(values: &'a [Value<'a>]) -> Self {
        Self { values }
    }

    /// The values in order.
    pub fn values(self) -> &'a [Value<'a>] {
        self.values
    }
}

/// Whether a float stands for one id alone; NaN is null.
fn is_id(number: f64) -> bool {
    number.is_nan()
        || (number.abs() <= (1_u64 << 53) as f64 && number.trunc().to_bits() == number.to_bits())
}

impl Value<'_> {
    /// Whether the value suits an input of this type; null suits every type.
    pub(crate) fn fits(&self, input_type: InputType) -> bool {
        matches!(
            (self, input_type),
            (Self::Null, _)
                | (Self::Bool(_), InputType::Boolean)
                | (Self::Number(_) | Self::Integer(_), InputType::Number)
                | (Self::Text(_), InputType::Text)
                | (Self::Time(_), InputType::Time)
                | (Self::Integer(_) | Self::Text(_), InputType::Key)
        ) || matches!((self, input_type), (Self::Number(id), InputType::Key) if is_id(*id))
    }

    /// What a value that does not fit an input is, as messages say it.
    pub(crate) fn misfit(&self, input_type: InputType) -> &'static str {
        match (self, input_type) {
            (Self::Number(_), InputType::Key) => "a number that is not whole or beyond 2^53",
            _ => self.type_name(),
        }
    }

    /// The type's name as messages use it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Integer(_) => "integer",
            Self::Text(_) => "text",
            Self::Time(_) => "time",
        }
    }
}
