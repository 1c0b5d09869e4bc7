//! The values of a stored column, brought to the few types that need rules of their own, and the
//! loop that reads them one by one.

use std::fmt::Display;

use polars::prelude::{
    BooleanChunked, DataType, Float64Chunked, Int64Chunked, PolarsResult, Series, StringChunked,
    TimeUnit,
};

use crate::read::ColumnKind;
use crate::table::{Column, Values};
use crate::text_batch::TextColumn;

/// Values of the few types that need rules of their own.
pub(crate) enum Cells<'a> {
    Integers(Int64Chunked),
    Floats(Float64Chunked),
    Booleans(BooleanChunked),
    Texts(Texts<'a>),
    /// Counts of a unit since 1970.
    Times(Int64Chunked, Unit),
}

/// Text of which some means null.
pub(crate) struct Texts<'a> {
    pub(crate) values: TextValues<'a>,
    /// What does, beside empty text.
    pub(crate) nulls: &'a [String],
}

/// Text as polars holds it, or as it was read.
pub(crate) enum TextValues<'a> {
    Stored(StringChunked),
    Read(&'a TextColumn),
}

impl Texts<'_> {
    /// The value, unless it means null.
    pub(crate) fn known<'v>(&self, value: Option<&'v str>) -> Option<&'v str> {
        value.filter(|value| !value.is_empty() && !self.nulls.iter().any(|null| null == value))
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Nanosecond,
    Microsecond,
    Millisecond,
    Day,
}

impl<'a> Cells<'a> {
    /// The values of a column, or nothing if its type can never become `kind`. Text that is one of
    /// `nulls` is null.
    pub(crate) fn of(
        series: &Series,
        kind: ColumnKind,
        nulls: &'a [String],
    ) -> PolarsResult<Option<Self>> {
        use ColumnKind::{Key, Number, Text, Time};
        let texts = |series: &Series| -> PolarsResult<Self> {
            let stored = series.strict_cast(&DataType::String)?.str()?.clone();
            Ok(Self::Texts(Texts { values: TextValues::Stored(stored), nulls }))
        };
        Ok(Some(match series.dtype() {
            DataType::Float32 | DataType::Float64 => {
                Self::Floats(series.cast(&DataType::Float64)?.f64()?.clone())
            }
            DataType::UInt64 if kind == Number => {
                Self::Floats(series.cast(&DataType::Float64)?.f64()?.clone())
            }
            // Written out, these are read without loss; neither fits i64 nor f64.
            DataType::UInt64 => texts(series)?,
            DataType::Decimal(_, 0) => texts(series)?,
            DataType::Decimal(..) if !matches!(kind, Key | Text | Time) => texts(series)?,
            dtype if dtype.is_integer() => {
                Self::Integers(series.cast(&DataType::Int64)?.i64()?.clone())
            }
            DataType::Boolean => Self::Booleans(series.bool()?.clone()),
            // Some writers do not mark text as such.
            DataType::String | DataType::Binary | DataType::Null => texts(series)?,
            DataType::Date => {
                let days = series.to_physical_repr().cast(&DataType::Int64)?;
                Self::Times(days.i64()?.clone(), Unit::Day)
            }
            DataType::Datetime(unit, _) => {
                let unit = match unit {
                    TimeUnit::Nanoseconds => Unit::Nanosecond,
                    TimeUnit::Microseconds => Unit::Microsecond,
                    TimeUnit::Milliseconds => Unit::Millisecond,
                };
                Self::Times(series.to_physical_repr().i64()?.clone(), unit)
            }
            _ => return Ok(None),
        }))
    }
}

/// What one value turned out to be.
pub(crate) enum Reading<T> {
    Value(T),
    Null,
    Wrong,
}

impl<T> From<Option<T>> for Reading<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Wrong, Self::Value)
    }
}

/// Why a column is not what was asked for.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No column of this type can be.
    Type,
    /// The value at this position, from 0, is not.
    Value { position: usize, value: String },
}

/// What becomes of values that are not what was asked for.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    /// Whether they are left out instead of refused.
    pub(crate) skip: bool,
    /// Where they are, in order.
    pub(crate) positions: Vec<usize>,
    /// The first few of them, shortened.
    pub(crate) values: Vec<String>,
}

/// Reads every value that does not mean null.
pub(crate) fn collect_text<T: Default>(
    texts: &Texts<'_>,
    wrap: impl FnOnce(Vec<T>) -> Values,
    wrong: &mut Wrong,
    mut read: impl FnMut(&str) -> Reading<T>,
) -> Result<Column, Refusal> {
    let read = |value: &str| match value.trim_ascii() {
        "" => Reading::Null,
        trimmed => read(trimmed),
    };
    collect_known(texts, wrap, wrong, read)
}

/// The same with the white space around values.
pub(crate) fn collect_known<T: Default>(
    texts: &Texts<'_>,
    wrap: impl FnOnce(Vec<T>) -> Values,
    wrong: &mut Wrong,
    read: impl FnMut(&str) -> Reading<T>,
) -> Result<Column, Refusal> {
    match &texts.values {
        TextValues::Stored(values) => {
            collect(values.iter().map(|value| texts.known(value)), wrap, wrong, read)
        }
        TextValues::Read(column) => {
            collect(column.values().map(|value| texts.known(value)), wrap, wrong, read)
        }
    }
}

pub(crate) fn collect<C: Copy + Display, T: Default>(
    cells: impl ExactSizeIterator<Item = Option<C>>,
    wrap: impl FnOnce(Vec<T>) -> Values,
    wrong: &mut Wrong,
    mut read: impl FnMut(C) -> Reading<T>,
) -> Result<Column, Refusal> {
    const EXAMPLES: usize = 5;
    let mut values = Vec::with_capacity(cells.len());
    let mut mask = Vec::with_capacity(cells.len());
    for (position, cell) in cells.enumerate() {
        match cell.map_or(Reading::Null, &mut read) {
            Reading::Value(value) => {
                values.push(value);
                mask.push(false);
            }
            Reading::Null => {
                values.push(T::default());
                mask.push(true);
            }
            Reading::Wrong => {
                let shown = || cell.map(|value| shorten(&value.to_string())).unwrap_or_default();
                if !wrong.skip {
                    return Err(Refusal::Value { position, value: shown() });
                }
                if wrong.values.len() < EXAMPLES {
                    wrong.values.push(shown());
                }
                wrong.positions.push(position);
                values.push(T::default());
                mask.push(true);
            }
        }
    }
    Ok(Column::with_nulls(wrap(values), mask))
}

/// At most forty characters, in quotes if anything but plain letters, digits and signs is in it.
fn shorten(value: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown: String = value.chars().take(LONGEST).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { shown } else { format!("{shown:?}") }
}
