//! A bound struct as an event. Its values come one field at a time and text does not stay, while an event
//! takes them all at once: they are held on the stack in between.

use serde::Serialize;

use super::Bound;
use crate::error::ScoreError;
use crate::features::window::{EntityKey, Event, Windows};
use crate::record::{Sink, Value};

/// Bytes of text on the stack; what does not fit, ids of unusual length, is allocated.
const TEXT_BYTES: usize = 1_024;
/// Most columns that windows read.
const MAX_COLUMNS: usize = 512;

impl<T: Serialize + ?Sized> Bound<'_, T> {
    /// The event that a value is to the velocity features, as [`Scorer::event`](super::Scorer::event) gives
    /// that of a record. Allocates nothing for ids of up to 1,024 bytes together.
    ///
    /// # Errors
    /// As [`Scorer::event`](super::Scorer::event), and for a value of another shape than the sample.
    pub fn event(&self, value: &T) -> Result<Event, ScoreError> {
        self.event_like(value)
    }

    /// As [`Bound::event`], for the types that [`Bound::score_like`] takes.
    ///
    /// # Errors
    /// As [`Bound::event`].
    pub fn event_like<U: Serialize + ?Sized>(&self, value: &U) -> Result<Event, ScoreError> {
        self.event_like_for(value, |_| ())
    }

    /// As [`event_like`](Self::event_like), by [`Windows::event_for`].
    pub(crate) fn event_like_for<U: Serialize + ?Sized>(
        &self,
        value: &U,
        named: impl Fn(EntityKey),
    ) -> Result<Event, ScoreError> {
        let windows = self.scorer().windows().ok_or_else(ScoreError::no_windows)?;
        match windows.columns().len() {
            0..=16 => self.event_on_stack::<16, U>(windows, value, named),
            _ => self.event_on_stack::<MAX_COLUMNS, U>(windows, value, named),
        }
    }

    #[inline(never)]
    fn event_on_stack<const N: usize, U: Serialize + ?Sized>(
        &self,
        windows: &Windows,
        value: &U,
        named: impl Fn(EntityKey),
    ) -> Result<Event, ScoreError> {
        let scorer = self.scorer();
        let (mut values, mut text) = ([Held::Value(Value::Null); N], [0; TEXT_BYTES]);
        let mut hold = Hold {
            window_inputs: &scorer.window_inputs,
            values: &mut values,
            text: &mut text,
            n_used: 0,
            long: Vec::new(),
        };
        self.plan().walk(&scorer.schema().inputs, value, &mut hold)?;
        Ok(windows.event_for(|column| hold.value(column), named)?)
    }
}

/// Where the value of a column is.
#[derive(Debug, Clone, Copy)]
enum Held {
    Value(Value<'static>),
    /// Within the text on the stack.
    Text {
        from: usize,
        to: usize,
    },
    /// The position of an allocated text.
    Long(usize),
}

struct Hold<'a> {
    window_inputs: &'a [usize],
    /// One a column.
    values: &'a mut [Held],
    text: &'a mut [u8; TEXT_BYTES],
    n_used: usize,
    long: Vec<Box<str>>,
}

impl Hold<'_> {
    fn value(&self, column: usize) -> Value<'_> {
        match self.values.get(column) {
            None => Value::Null,
            Some(Held::Value(value)) => *value,
            Some(Held::Text { from, to }) => {
                let bytes = self.text.get(*from..*to).unwrap_or_default();
                // Whole texts only were put in.
                Value::Text(std::str::from_utf8(bytes).unwrap_or_default())
            }
            Some(Held::Long(position)) => {
                Value::Text(self.long.get(*position).map_or("", |text| text))
            }
        }
    }

    fn hold(&mut self, value: Value<'_>) -> Held {
        let text = match value {
            Value::Null => return Held::Value(Value::Null),
            Value::Bool(value) => return Held::Value(Value::Bool(value)),
            Value::Number(value) => return Held::Value(Value::Number(value)),
            Value::Integer(value) => return Held::Value(Value::Integer(value)),
            Value::Time(value) => return Held::Value(Value::Time(value)),
            Value::Text(text) => text,
        };
        let (from, to) = (self.n_used, self.n_used.saturating_add(text.len()));
        if let Some(place) = self.text.get_mut(from..to) {
            place.copy_from_slice(text.as_bytes());
            self.n_used = to;
            return Held::Text { from, to };
        }
        self.long.push(text.into());
        Held::Long(self.long.len().saturating_sub(1))
    }
}

impl Sink for Hold<'_> {
    /// Of two ids that begin alike, the rest tells them apart.
    const TAKES_CUT_TEXT: bool = false;

    fn feed(&mut self, input: u32, value: Value<'_>) {
        let column = self.window_inputs.iter().position(|place| *place == input as usize);
        if let Some(column) = column {
            let held = self.hold(value);
            self.values.get_mut(column).into_iter().for_each(|place| *place = held);
        }
    }
}
