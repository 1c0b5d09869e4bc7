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
        let (position, shape, wrong_type) = (0, None, None);
        let mut walk = Walk { fields: &self.fields, sink, position, shape, wrong_type };
        let end = self.fields.len();
        let outcome = value.serialize(Leaf::new(Nest { walk: &mut walk, end, is_root: true }));
        if outcome.is_err() || walk.position != end || walk.wrong_type.is_some() {
            let is_own = outcome.is_err_and(|stop| !stop.0.is_empty());
            return Err(walk.error(inputs, is_own));
        }
        Ok(())
    }
}

struct Walk<'a, S> {
    fields: &'a [Field],
    sink: &'a mut S,
    /// Of the next field.
    position: usize,
    shape: Option<Mismatch>,
    /// The lowest input of which that is known.
    wrong_type: Option<(u32, InputType, &'static str)>,
}

/// What was expected and what was found, at the walk's position.
#[derive(Clone, Copy)]
struct Mismatch {
    expected: &'static str,
    found: &'static str,
}

impl<S> Walk<'_, S> {
    /// `is_own`: it is the value's own `Serialize` that gave up.
    #[cold]
    fn error(&self, inputs: &[Input], is_own: bool) -> ScoreError {
        if let (Some((input, expected, found)), None, false) = (self.wrong_type, self.shape, is_own)
            && let Some(input) = inputs.get(input as usize)
        {
            return ScoreError::wrong_type(input.name.clone(), expected.name(), found);
        }
        let (expected, found) = ("a value", "an error of its own Serialize");
        let mismatch = self.shape.unwrap_or(Mismatch { expected, found });
        // Past the end it is the last field after which another was found.
        let place = self.fields.get(self.position).or(self.fields.last());
        let path = place.map_or_else(|| "".into(), |field| field.path.clone());
        ScoreError::shape(path, mismatch.expected, mismatch.found)
    }

    #[cold]
    fn mismatch(&mut self, expected: &'static str, found: &'static str) -> Stop {
        self.shape = Some(Mismatch { expected, found });
        Stop::kept()
    }

    #[cold]
    fn wrong_type(&mut self, input: u32, expected: InputType, found: &'static str) {
        if self.wrong_type.is_none_or(|(lowest, ..)| input < lowest) {
            self.wrong_type = Some((input, expected, found));
        }
    }
}

/// Receives what should be a struct: the value itself, or a field of it.
struct Nest<'w, 'a, S> {
    walk: &'w mut Walk<'a, S>,
    /// Position after its last field.
    end: usize,
    is_root: bool,
}

impl<'w, 'a, S: Sink> Receiver for Nest<'w, 'a, S> {
    type Fields = Fields<'w, 'a, S>;
    type Entries = Impossible<(), Stop>;

    fn value(self, value: Value<'_>) -> Result<(), Stop> {
        if value != Value::Null || self.is_root {
            return self.other(value.type_name());
        }
        // None in place of a nested struct: all within it is null.
        let walk = self.walk;
        for field in &walk.fields[walk.position + 1..self.end] {
            if let Role::Feeds { input, .. } = field.role {
                walk.sink.feed(input, Value::Null);
            }
        }
        walk.position = self.end;
        Ok(())
    }

    #[inline]
    fn fields(self) -> Result<Self::Fields, Stop> {
        self.walk.position += usize::from(!self.is_root);
        Ok(Fields { walk: self.walk, end: self.end })
    }

    fn entries(self) -> Result<Self::Entries, Stop> {
        Err(self.walk.mismatch("a struct", A_MAP))
    }

    fn other(self, shape: &'static str) -> Result<(), Stop> {
        Err(self.walk.mismatch("a struct", shape))
    }
}

struct Fields<'w, 'a, S> {
    walk: &'w mut Walk<'a, S>,
    end: usize,
}

impl<'a, S> Fields<'_, 'a, S> {
    /// The field that should be next, if this is its name.
    #[inline]
    fn next(&mut self, name: &'static str) -> Result<&'a Field, Stop> {
        let fields = self.walk.fields;
        if self.walk.position >= self.end {
            self.walk.position = self.end;
            return Err(self.walk.mismatch("no field after it", name));
        }
        let field = &fields[self.walk.position];
        // Names are literals, so that as a rule the very same bytes come again.
        if std::ptr::eq(field.name, name) || field.name == name {
            return Ok(field);
        }
        Err(self.walk.mismatch("this field", name))
    }
}

impl<S: Sink> SerializeStruct for Fields<'_, '_, S> {
    type Ok = ();
    type Error = Stop;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        match self.next(name)?.role {
            Role::Feeds { input, input_type } => {
                let walk = &mut *self.walk;
                value.serialize(Leaf::new(Give { walk, input, input_type }))?;
                self.walk.position += 1;
            }
            Role::Ignored => self.walk.position += 1,
            Role::Nested { n_fields } => {
                let end = self.walk.position + 1 + n_fields as usize;
                value.serialize(Leaf::new(Nest { walk: self.walk, end, is_root: false }))?;
            }
        }
        Ok(())
    }

    fn skip_field(&mut self, name: &'static str) -> Result<(), Stop> {
        match self.next(name)?.role {
            Role::Ignored => self.walk.position += 1,
            _ => return Err(self.walk.mismatch("a value", "none, by skip_serializing_if")),
        }
        Ok(())
    }

    #[inline]
    fn end(self) -> Result<(), Stop> {
        if self.walk.position == self.end {
            return Ok(());
        }
        Err(self.walk.mismatch("this field", "the end of the struct"))
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

    #[inline]
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
        Err(self.walk.mismatch("one value", "a struct"))
    }

    fn entries(self) -> Result<Self::Entries, Stop> {
        Err(self.walk.mismatch("one value", A_MAP))
    }

    fn other(self, shape: &'static str) -> Result<(), Stop> {
        self.walk.wrong_type(self.input, self.input_type, shape);
        Ok(())
    }
}

/// Empty text is null, as it is for a category.
fn instant(text: &str) -> Option<Value<'static>> {
    if text.is_empty() { Some(Value::Null) } else { parse_instant(text).map(Value::Time) }
}
