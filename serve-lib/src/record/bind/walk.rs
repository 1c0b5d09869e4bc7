//! Serialises a value along a plan: each field must be where the sample had it, and the fields that
//! feed an input are handed on as they come.

use serde::Serialize;
use serde::ser::{Impossible, SerializeStruct};

use super::leaf::{A_MAP, Leaf, Receiver, Stop};
use super::{Field, Plan, Role};
use crate::error::ScoreError;
use crate::record::Value;
use crate::record::instant::parse_instant;
use crate::schema::{Input, InputType};

/// Takes the values of a record, one call an input. The order is that of the fields.
pub(crate) trait Sink {
    /// The value of the input at this position; its type suits the input.
    fn feed(&mut self, input: u32, value: Value<'_>);
}

impl Plan {
    /// Hands every input's value to the sink, each exactly once, and gives it back.
    ///
    /// # Errors
    /// A value of another shape than the sample; else the first input, in the schema's order, whose
    /// value is of another type.
    #[inline]
    pub(crate) fn walk<T: Serialize + ?Sized, S: Sink>(
        &self,
        inputs: &[Input],
        value: &T,
        sink: S,
    ) -> Result<S, ScoreError> {
        let mut walk = Walk { sink, shape: None, wrong_type: None };
        let fields = &self.fields;
        let outcome = value.serialize(Leaf::new(Nest { walk: &mut walk, fields, place: None }));
        // A value may go on after an error, so that faults are looked at whatever the outcome.
        if outcome.is_err() || walk.shape.is_some() || walk.wrong_type.is_some() {
            return Err(walk.error(fields, inputs));
        }
        Ok(walk.sink)
    }
}

struct Walk<'a, S> {
    sink: S,
    shape: Option<Mismatch<'a>>,
    /// The lowest input of which that is known.
    wrong_type: Option<(u32, InputType, &'static str)>,
}

struct Mismatch<'a> {
    /// None for the value as a whole.
    field: Option<&'a Field>,
    expected: &'static str,
    found: &'static str,
}

impl<'a, S> Walk<'a, S> {
    #[cold]
    fn error(&self, fields: &[Field], inputs: &[Input]) -> ScoreError {
        if let (Some((input, expected, found)), None) = (self.wrong_type, &self.shape)
            && let Some(input) = inputs.get(input as usize)
        {
            return ScoreError::wrong_type(input.name.clone(), expected.name(), found);
        }
        let own = Mismatch { field: None, expected: "a value", found: OWN_ERROR };
        let Mismatch { field, expected, found } = self.shape.as_ref().unwrap_or(&own);
        let path = field.or(fields.first()).map_or_else(|| "".into(), |field| field.path.clone());
        ScoreError::shape(path, expected, found)
    }

    /// The first counts: what follows may be its consequence.
    #[cold]
    fn mismatch(
        &mut self,
        field: Option<&'a Field>,
        expected: &'static str,
        found: &'static str,
    ) -> Stop {
        self.shape.get_or_insert(Mismatch { field, expected, found });
        Stop::kept()
    }

    /// Serialising the field ended early; unless it is known why, it was the value's own doing.
    #[cold]
    fn broken(&mut self, field: &'a Field, stop: Stop) -> Stop {
        if self.wrong_type.is_none() {
            self.mismatch(Some(field), "a value", OWN_ERROR);
        }
        stop
    }

    #[cold]
    fn wrong_type(&mut self, input: u32, expected: InputType, found: &'static str) {
        if self.wrong_type.is_none_or(|(lowest, ..)| input < lowest) {
            self.wrong_type = Some((input, expected, found));
        }
    }
}

const OWN_ERROR: &str = "an error of its own Serialize";

/// Receives what should be a struct: the value itself, or a field of it.
struct Nest<'w, 'a, S> {
    walk: &'w mut Walk<'a, S>,
    /// Those within.
    fields: &'a [Field],
    /// The field that it is; none for the value itself.
    place: Option<&'a Field>,
}

impl<'w, 'a, S: Sink> Receiver for Nest<'w, 'a, S> {
    type Fields = Fields<'w, 'a, S>;
    type Entries = Impossible<(), Stop>;

    fn value(self, value: Value<'_>) -> Result<(), Stop> {
        if value != Value::Null || self.place.is_none() {
            return self.other(value.type_name());
        }
        // None in place of a nested struct: all within it is null.
        for field in self.fields {
            if let Role::Feeds { input, .. } = field.role {
                self.walk.sink.feed(input, Value::Null);
            }
        }
        Ok(())
    }

    #[inline]
    fn fields(self) -> Result<Self::Fields, Stop> {
        Ok(Fields { walk: self.walk, rest: self.fields.iter(), last: self.place })
    }

    fn entries(self) -> Result<Self::Entries, Stop> {
        Err(self.walk.mismatch(self.place, "a struct", A_MAP))
    }

    fn other(self, shape: &'static str) -> Result<(), Stop> {
        Err(self.walk.mismatch(self.place, "a struct", shape))
    }
}

struct Fields<'w, 'a, S> {
    walk: &'w mut Walk<'a, S>,
    rest: std::slice::Iter<'a, Field>,
    last: Option<&'a Field>,
}

impl<'a, S: Sink> Fields<'_, 'a, S> {
    /// The field that should be next, if this is its name.
    #[inline(always)]
    fn next(&mut self, name: &'static str) -> Result<&'a Field, Stop> {
        let Some(field) = self.rest.next() else {
            return Err(self.walk.mismatch(self.last, "no field after it", name));
        };
        // Names are literals, so that as a rule the very same bytes come again.
        if std::ptr::eq(field.name, name) || field.name == name {
            self.last = Some(field);
            return Ok(field);
        }
        Err(self.walk.mismatch(Some(field), "this field", name))
    }

    /// Apart from the way of single values, so that it costs them nothing.
    #[inline(never)]
    fn nested<T: Serialize + ?Sized>(
        &mut self,
        field: &'a Field,
        n_fields: u32,
        value: &T,
    ) -> Result<(), Stop> {
        let (fields, rest) = self.rest.as_slice().split_at(n_fields as usize);
        self.rest = rest.iter();
        value
            .serialize(Leaf::new(Nest { walk: self.walk, fields, place: Some(field) }))
            .map_err(|stop| self.walk.broken(field, stop))
    }
}

impl<S: Sink> SerializeStruct for Fields<'_, '_, S> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        let field = self.next(name)?;
        match field.role {
            Role::Feeds { input, input_type } => {
                let walk = &mut *self.walk;
                value
                    .serialize(Leaf::new(Give { walk, field, input, input_type }))
                    .map_err(|stop| self.walk.broken(field, stop))
            }
            Role::Ignored => Ok(()),
            Role::Nested { n_fields } => self.nested(field, n_fields, value),
        }
    }

    fn skip_field(&mut self, name: &'static str) -> Result<(), Stop> {
        let field = self.next(name)?;
        match field.role {
            Role::Ignored => Ok(()),
            _ => Err(self.walk.mismatch(Some(field), "a value", "none, by skip_serializing_if")),
        }
    }

    #[inline]
    fn end(mut self) -> Result<(), Stop> {
        match self.rest.next() {
            None => Ok(()),
            missing => Err(self.walk.mismatch(missing, "this field", "the end of the struct")),
        }
    }
}

/// Receives the value of an input.
struct Give<'w, 'a, S> {
    walk: &'w mut Walk<'a, S>,
    field: &'a Field,
    input: u32,
    input_type: InputType,
}

impl<S: Sink> Receiver for Give<'_, '_, S> {
    type Fields = Impossible<(), Stop>;
    type Entries = Impossible<(), Stop>;

    // Inlined where the kind of value is known, most of this falls away.
    #[inline(always)]
    fn value(self, value: Value<'_>) -> Result<(), Stop> {
        let value = match (value, self.input_type) {
            (Value::Text(text), InputType::Time) => match instant(text) {
                Some(value) => value,
                None => return self.other(super::NO_INSTANT),
            },
            (value, _) => value,
        };
        if !value.fits(self.input_type) {
            return self.other(value.type_name());
        }
        self.walk.sink.feed(self.input, value);
        Ok(())
    }

    fn fields(self) -> Result<Self::Fields, Stop> {
        Err(self.walk.mismatch(Some(self.field), "one value", "a struct"))
    }

    fn entries(self) -> Result<Self::Entries, Stop> {
        Err(self.walk.mismatch(Some(self.field), "one value", A_MAP))
    }

    #[cold]
    fn other(self, shape: &'static str) -> Result<(), Stop> {
        self.walk.wrong_type(self.input, self.input_type, shape);
        Ok(())
    }
}

/// Empty text is null, as it is for a category.
#[inline(never)]
fn instant(text: &str) -> Option<Value<'static>> {
    if text.is_empty() { Some(Value::Null) } else { parse_instant(text).map(Value::Time) }
}
