//! What a sample is made of, found by serialising it once.

use serde::Serialize;
use serde::ser::{Impossible, SerializeMap, SerializeStruct};

use super::leaf::{Leaf, Receiver, Stop};
use crate::record::Value;
use crate::record::instant::parse_instant;
use crate::schema::InputType;

/// A field of the sample.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) name: &'static str,
    pub(super) found: Found,
}

/// What the sample, or a field of it, turned out to be.
#[derive(Debug)]
pub(super) enum Found {
    Value(Sort),
    Fields(Vec<Seen>),
    /// A map with these keys.
    Entries(Vec<String>),
    Other(&'static str),
    /// A field that `skip_serializing_if` left out.
    Skipped,
    /// Its own `Serialize` reported this.
    Failed(String),
}

/// The sort of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// Known at each score only.
    Null,
    Boolean,
    Number,
    Integer,
    Text {
        is_instant: bool,
    },
    Time,
}

impl Sort {
    fn of(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(_) => Self::Number,
            Value::Integer(_) => Self::Integer,
            Value::Text(text) => {
                Self::Text { is_instant: text.is_empty() || parse_instant(text).is_some() }
            }
            Value::Time(_) => Self::Time,
        }
    }

    /// Whether such values suit an input of this type.
    pub(super) fn fits(self, input_type: InputType) -> bool {
        match self {
            Self::Null => true,
            Self::Boolean => input_type == InputType::Boolean,
            Self::Number | Self::Integer => {
                matches!(input_type, InputType::Number | InputType::Key)
            }
            Self::Text { is_instant } => {
                matches!(input_type, InputType::Text | InputType::Key)
                    || (is_instant && input_type == InputType::Time)
            }
            Self::Time => input_type == InputType::Time,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Text { .. } => "text",
            Self::Time => "time",
        }
    }
}

/// Looks at the sample.
pub(super) fn survey<T: Serialize + ?Sized>(sample: &T) -> Found {
    look(sample, 0)
}

/// How deep structs may lie within each other, the sample itself counted.
const MAX_STRUCTS: usize = 2;

fn look<T: Serialize + ?Sized>(value: &T, n_around: usize) -> Found {
    let mut found = Found::Value(Sort::Null);
    match value.serialize(Leaf::new(Look { found: &mut found, n_around })) {
        Err(Stop(message)) if !message.is_empty() => Found::Failed(message.into()),
        _ => found,
    }
}

struct Look<'a> {
    found: &'a mut Found,
    /// Structs around the value.
    n_around: usize,
}

impl<'a> Receiver for Look<'a> {
    type Fields = Fields<'a>;
    type Entries = Entries<'a>;

    fn value(self, value: Value<'_>) -> Result<(), Stop> {
        *self.found = Found::Value(Sort::of(value));
        Ok(())
    }

    fn fields(self) -> Result<Fields<'a>, Stop> {
        if self.n_around >= MAX_STRUCTS {
            *self.found = Found::Other("a struct within a nested struct");
            return Err(Stop::kept());
        }
        *self.found = Found::Fields(Vec::new());
        Ok(Fields { found: self.found, n_around: self.n_around.saturating_add(1) })
    }

    fn entries(self) -> Result<Entries<'a>, Stop> {
        *self.found = Found::Entries(Vec::new());
        Ok(Entries { found: self.found })
    }

    fn other(self, shape: &'static str) -> Result<(), Stop> {
        *self.found = Found::Other(shape);
        Ok(())
    }
}

struct Fields<'a> {
    found: &'a mut Found,
    n_around: usize,
}

impl Fields<'_> {
    fn push(&mut self, name: &'static str, found: Found) {
        if let Found::Fields(fields) = self.found {
            fields.push(Seen { name, found });
        }
    }
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        let found = look(value, self.n_around);
        self.push(name, found);
        Ok(())
    }

    fn skip_field(&mut self, name: &'static str) -> Result<(), Stop> {
        self.push(name, Found::Skipped);
        Ok(())
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}

/// Notes the keys of a map, for the message.
struct Entries<'a> {
    found: &'a mut Found,
}

impl SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        match self.found {
            Found::Entries(keys) => key.serialize(Leaf::new(Key { keys })),
            _ => Ok(()),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, _value: &T) -> Result<(), Stop> {
        Ok(())
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}

struct Key<'a> {
    keys: &'a mut Vec<String>,
}

impl Receiver for Key<'_> {
    type Fields = Impossible<(), Stop>;
    type Entries = Impossible<(), Stop>;

    fn value(self, value: Value<'_>) -> Result<(), Stop> {
        self.keys.push(match value {
            Value::Text(text) => text.to_owned(),
            other => format!("{other:?}"),
        });
        Ok(())
    }

    fn fields(self) -> Result<Self::Fields, Stop> {
        Err(Stop::kept())
    }

    fn entries(self) -> Result<Self::Entries, Stop> {
        Err(Stop::kept())
    }

    fn other(self, _shape: &'static str) -> Result<(), Stop> {
        Ok(())
    }
}
