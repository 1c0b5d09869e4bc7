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
    /// Whether a text of more than 512 bytes may come without its end.
    const TAKES_CUT_TEXT: bool = true;

    /// The value of the input at this position; its type suits the input.
    fn feed(&mut self, input: u32, value: Value<'_>);
}

impl Plan {
    /// Hands every input's value to the sink, each exactly once.
    ///
    /// # Errors
    /// A value of another shape than the sample; else the first input, in the schema's order, whose
    /// value is of another type.
    #[inline]
    pub(crate) fn walk<T: Serialize + ?Sized, S: Sink>(
        &self,
        inputs: &[Input],
        value: &T,
        sink: &mut S,
    ) -> Result<(), ScoreError> {
        let (rest, last) = (self.fields.iter(), None);
        let mut walk = Walk { sink, rest, last, shape: None, wrong_type: None };
        let outcome = value.serialize(Leaf::new(Nest(&mut walk)));
        // A value may go on after an error, so that faults are looked at whatever the outcome.
        if outcome.is_err() || walk.shape.is_some() || walk.wrong_type.is_some() {
            return Err(walk.error(&self.fields, inputs));
        }
        Ok(())
    }
}

struct Walk<'a, S> {
    sink: &'a mut S,
    /// The fields to come, of the struct that is being serialised.
    rest: std::slice::Iter<'a, Field>,
    /// The field before them, if there is one.
    last: Option<&'a Field>,
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

impl<'a, S: Sink> Walk<'a, S> {
    /// The field that comes next, if this is its name.
    fn expect(&mut self, name: &'static str) -> Result<&'a Field, Stop> {
        match self.rest.as_slice().first() {
            None => Err(self.mismatch(self.last, "no field after it", name)),
            Some(field) if field.name == name => Ok(field),
            Some(field) => Err(self.mismatch(Some(field), "this field", name)),
        }
    }

    /// Apart from the way of single values, so that it costs them nothing.
    #[inline(never)]
    fn nested<T: Serialize + ?Sized>(
        &mut self,
        field: &'a Field,
        n_fields: u32,
        value: &T,
    ) -> Result<(), Stop> {
        let (within, rest) = self.rest.as_slice().split_at(n_fields as usize);
        self.rest = within.iter();
        let outcome = value.serialize(Leaf::new(Nest(self)));
        (self.rest, self.last) = (rest.iter(), Some(field));
        outcome.map_err(|stop| self.broken(stop))
    }

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

    /// Serialising the last field ended early; unless it is known why, it was the value's own doing.
    #[cold]
    fn broken(&mut self, stop: Stop) -> Stop {
        if self.wrong_type.is_none() {
            self.mismatch(self.last, "a value", OWN_ERROR);
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

/// Receives what should be a struct, the value itself or the last field, and then its fields.
///
/// No more than a pointer, so that it goes to a type's own `Serialize` in registers.
struct Nest<'w, 'a, S>(&'w mut Walk<'a, S>);

impl<S: Sink> Receiver for Nest<'_, '_, S> {
    type Fields = Self;
    type Entries = Impossible<(), Stop>;

    fn value(self, value: Value<'_>) -> Result<(), Stop> {
        if value != Value::Null || self.0.last.is_none() {
            return self.other(value.type_name());
        }
        // None in place of a nested struct: all within it is null.
        for field in self.0.rest.by_ref() {
            if let Role::Feeds { input, .. } = field.role {
                self.0.sink.feed(input, Value::Null);
            }
        }
        Ok(())
    }

    #[inline]
    fn fields(self) -> Result<Self::Fields, Stop> {
        Ok(self)
    }

    fn entries(self) -> Result<Self::Entries, Stop> {
        Err(self.0.mismatch(self.0.last, "a struct", A_MAP))
    }

    fn other(self, shape: &'static str) -> Result<(), Stop> {
        Err(self.0.mismatch(self.0.last, "a struct", shape))
    }
}

impl<S: Sink> SerializeStruct for Nest<'_, '_, S> {
    type Ok = ();
    type Error = Stop;

    // Every field of every request comes by here: what is unusual is a call of its own.
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        let walk = &mut *self.0;
        let field = match walk.rest.as_slice().first() {
            // Names are literals, so that as a rule the very same bytes come again.
            Some(field) if std::ptr::eq(field.name, name) => field,
            _ => return self.other_field(name, value),
        };
        walk.last = walk.rest.next();
        match field.role {
            Role::Feeds { input, input_type } => value
                .serialize(Leaf::new(Give { walk, input, input_type }))
                .map_err(|stop| self.0.broken(stop)),
            Role::Ignored => Ok(()),
            Role::Nested { n_fields } => walk.nested(field, n_fields, value),
        }
    }

    fn skip_field(&mut self, name: &'static str) -> Result<(), Stop> {
        let field = self.0.expect(name)?;
        self.0.last = self.0.rest.next();
        match field.role {
            Role::Ignored => Ok(()),
            _ => Err(self.0.mismatch(Some(field), "a value", "none, by skip_serializing_if")),
        }
    }

    #[inline]
    fn end(self) -> Result<(), Stop> {
        match self.0.rest.next() {
            None => Ok(()),
            missing => Err(self.0.mismatch(missing, "this field", "the end of the struct")),
        }
    }
}

impl<S: Sink> Nest<'_, '_, S> {
    /// A field of another name, or of the same in other bytes.
    #[cold]
    fn other_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        let field = self.0.expect(name)?;
        self.serialize_field(field.name, value)
    }
}

/// Receives the value of an input.
struct Give<'w, 'a, S> {
    walk: &'w mut Walk<'a, S>,
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
            let found = value.misfit(self.input_type);
            return self.other(found);
        }
        self.walk.sink.feed(self.input, value);
        Ok(())
    }

    fn cut_text(self, beginning: &str) -> Result<(), Stop> {
        if S::TAKES_CUT_TEXT {
            return self.value(Value::Text(beginning));
        }
        self.other("text of more than 512 bytes by `Display`; keep it as a string")
    }

    fn fields(self) -> Result<Self::Fields, Stop> {
        Err(self.walk.mismatch(self.walk.last, "one value", "a struct"))
    }

    fn entries(self) -> Result<Self::Entries, Stop> {
        Err(self.walk.mismatch(self.walk.last, "one value", A_MAP))
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
