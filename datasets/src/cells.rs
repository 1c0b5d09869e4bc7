//! The values of a stored column, brought to the few types that need rules of their own, and the
//! loop that reads them one by one.

use std::fmt::Display;

use polars::prelude::{
    BooleanChunked, DataType, Float64Chunked, Int64Chunked, PolarsResult, Series, StringChunked,
    TimeUnit,
};

use crate::read::ColumnKind;
use crate::table::{Column, Values};

/// Values of the few types that need rules of their own.
pub(crate) enum Cells {
    Integers(Int64Chunked),
    Floats(Float64Chunked),
    Booleans(BooleanChunked),
    Texts(StringChunked),
    /// Counts of a unit since 1970.
    Times(Int64Chunked, Unit),
}

#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Nanosecond,
    Microsecond,
    Millisecond,
    Day,
}

impl Cells {
    /// The values of a column, or nothing if its type can never become `kind`.
    pub(crate) fn of(series: &Series, kind: ColumnKind) -> PolarsResult<Option<Self>> {
        use ColumnKind::{Key, Number, Text, Time};
        let texts = |series: &Series| -> PolarsResult<Self> {
            Ok(Self::Texts(series.strict_cast(&DataType::String)?.str()?.clone()))
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

/// Reads every value; empty text is null.
pub(crate) fn collect_text<T: Default>(
    values: &StringChunked,
    wrap: impl FnOnce(Vec<T>) -> Values,
    mut read: impl FnMut(&str) -> Reading<T>,
) -> Result<Column, Refusal> {
    collect(values.iter(), wrap, |value| match value.trim_ascii() {
        "" => Reading::Null,
        trimmed => read(trimmed),
    })
}

pub(crate) fn collect<C: Copy + Display, T: Default>(
    cells: impl ExactSizeIterator<Item = Option<C>>,
    wrap: impl FnOnce(Vec<T>) -> Values,
    mut read: impl FnMut(C) -> Reading<T>,
) -> Result<Column, Refusal> {
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
                let value = cell.map(|value| shorten(&value.to_string())).unwrap_or_default();
                return Err(Refusal::Value { position, value });
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
