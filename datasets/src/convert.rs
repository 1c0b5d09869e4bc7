//! From a column as the file has it to a column as it was asked for.
//!
//! The same rules hold for every format: a number written as text and a number stored as one mean
//! the same. Null, empty text, NaN (stored, or written in any case) and the source's
//! `null_values` are null. White space
//! around text that stands for a number, a truth value or a time is passed over.

use polars::prelude::Series;

use crate::cells::{
    Cells, Reading, Refusal, TextValues, Texts, Unit, Wrong, collect, collect_known, collect_text,
};
use crate::read::ColumnKind;
use crate::table::{Column, Text, Values};
use crate::time::{EARLIEST, LATEST, MICROS_PER_DAY, from_seconds, parse_time};
use crate::time_format::TimeFormat;

/// Converts the values of a column.
pub(crate) fn convert_cells(
    cells: &Cells<'_>,
    kind: ColumnKind,
    time_formats: &[TimeFormat],
    wrong: &mut Wrong,
) -> Result<Column, Refusal> {
    match kind {
        ColumnKind::Number => number(cells, wrong),
        ColumnKind::Integer => integer(cells, wrong),
        ColumnKind::Boolean => boolean(cells, wrong),
        ColumnKind::Text => text(cells),
        ColumnKind::Time => time(cells, time_formats, wrong),
        ColumnKind::Key => match cells {
            Cells::Integers(_) | Cells::Floats(_) => integer(cells, wrong),
            // One id that is no integer makes text of all: `007` and `7` are two ids.
            Cells::Texts(values) => canonical_integers(values).map_or_else(|| text(cells), Ok),
            _ => Err(Refusal::Type),
        },
    }
}

/// Converts a column of which every value must be what was asked for.
pub(crate) fn convert(series: &Series, kind: ColumnKind) -> Result<Column, Refusal> {
    let cells = Cells::of(series, kind, &[]).map_err(|_| Refusal::Type)?.ok_or(Refusal::Type)?;
    convert_cells(&cells, kind, &[], &mut Wrong::default())
}

fn number(cells: &Cells<'_>, wrong: &mut Wrong) -> Result<Column, Refusal> {
    match cells {
        Cells::Integers(values) => {
            collect(values.iter(), Values::Number, wrong, |value| Reading::Value(value as f64))
        }
        Cells::Floats(values) => collect(values.iter(), Values::Number, wrong, number_or_nan),
        Cells::Texts(values) => collect_text(values, Values::Number, wrong, |value| {
            parse_number(value).map_or(Reading::Wrong, number_or_nan)
        }),
        Cells::Booleans(_) | Cells::Times(..) => Err(Refusal::Type),
    }
}

fn integer(cells: &Cells<'_>, wrong: &mut Wrong) -> Result<Column, Refusal> {
    match cells {
        Cells::Integers(values) => collect(values.iter(), Values::Integer, wrong, Reading::Value),
        Cells::Floats(values) => collect(values.iter(), Values::Integer, wrong, whole_or_nan),
        Cells::Texts(values) => collect_text(values, Values::Integer, wrong, parse_integer),
        Cells::Booleans(_) | Cells::Times(..) => Err(Refusal::Type),
    }
}

fn boolean(cells: &Cells<'_>, wrong: &mut Wrong) -> Result<Column, Refusal> {
    let zero_or_one = |value: i64| match value {
        0 => Reading::Value(false),
        1 => Reading::Value(true),
        _ => Reading::Wrong,
    };
    let whole = |reading| match reading {
        Reading::Value(value) => zero_or_one(value),
        Reading::Null => Reading::Null,
        Reading::Wrong => Reading::Wrong,
    };
    match cells {
        Cells::Booleans(values) => collect(values.iter(), Values::Boolean, wrong, Reading::Value),
        Cells::Integers(values) => collect(values.iter(), Values::Boolean, wrong, zero_or_one),
        Cells::Floats(values) => {
            collect(values.iter(), Values::Boolean, wrong, |value| whole(whole_or_nan(value)))
        }
        Cells::Texts(values) => collect_text(values, Values::Boolean, wrong, |value| {
            if value.eq_ignore_ascii_case("true") {
                Reading::Value(true)
            } else if value.eq_ignore_ascii_case("false") {
                Reading::Value(false)
            } else {
                whole(parse_integer(value))
            }
        }),
        Cells::Times(..) => Err(Refusal::Type),
    }
}

fn time(
    cells: &Cells<'_>,
    time_formats: &[TimeFormat],
    wrong: &mut Wrong,
) -> Result<Column, Refusal> {
    match cells {
        Cells::Times(values, unit) => collect(values.iter(), Values::Time, wrong, |value| {
            let micros = match unit {
                Unit::Nanosecond => Some(value.div_euclid(1_000)),
                Unit::Microsecond => Some(value),
                Unit::Millisecond => value.checked_mul(1_000),
                Unit::Day => value.checked_mul(MICROS_PER_DAY),
            };
            micros.filter(|micros| (EARLIEST..=LATEST).contains(micros)).into()
        }),
        Cells::Integers(values) => {
            collect(values.iter(), Values::Time, wrong, |value| from_seconds(value).into())
        }
        Cells::Floats(values) => {
            collect(values.iter(), Values::Time, wrong, |value| match whole_or_nan(value) {
                Reading::Value(seconds) => from_seconds(seconds).into(),
                other => other,
            })
        }
        Cells::Texts(values) if !time_formats.is_empty() => {
            collect_text(values, Values::Time, wrong, |value| {
                time_formats.iter().find_map(|format| format.parse(value)).into()
            })
        }
        Cells::Texts(values) => collect_text(values, Values::Time, wrong, |value| {
            let digits = value.strip_prefix('-').unwrap_or(value);
            if digits.bytes().all(|byte| byte.is_ascii_digit()) {
                value.parse().ok().and_then(from_seconds).into()
            } else {
                parse_time(value).into()
            }
        }),
        Cells::Booleans(_) => Err(Refusal::Type),
    }
}

fn text(cells: &Cells<'_>) -> Result<Column, Refusal> {
    fn push_all<C>(
        values: impl ExactSizeIterator<Item = Option<C>>,
        mut push: impl FnMut(&mut Text, C),
    ) -> Column {
        let mut text = Text::with_capacity(values.len());
        let mut mask = Vec::with_capacity(values.len());
        for value in values {
            mask.push(value.is_none());
            match value {
                Some(value) => push(&mut text, value),
                None => text.push(""),
            }
        }
        Column::with_nulls(Values::Text(text), mask)
    }
    Ok(match cells {
        Cells::Texts(texts) => match &texts.values {
            TextValues::Stored(values) => {
                push_all(values.iter().map(|value| texts.known(value)), Text::push)
            }
            TextValues::Read(column) => {
                push_all(column.values().map(|value| texts.known(value)), Text::push)
            }
        },
        // As integers are, where they are whole: programs turn integers with a null into floats.
        Cells::Floats(values) => {
            let filled = values.iter().map(|value| value.filter(|value| !value.is_nan()));
            // Adding zero takes the sign from a negative one.
            push_all(filled, |text, value| text.push(&(value + 0.0).to_string()))
        }
        Cells::Integers(values) => {
            push_all(values.iter(), |text, value| text.push(&value.to_string()))
        }
        Cells::Booleans(values) => {
            push_all(values.iter(), |text, value| text.push(if value { "true" } else { "false" }))
        }
        Cells::Times(..) => return Err(Refusal::Type),
    })
}

/// The column as integers if every text in it is how an i64 is written.
fn canonical_integers(texts: &Texts<'_>) -> Option<Column> {
    let read = |value: &str| match value.as_bytes() {
        b"0" | [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..] => value.parse().ok().into(),
        _ => Reading::Wrong,
    };
    collect_known(texts, Values::Integer, &mut Wrong::default(), read).ok()
}

fn number_or_nan(value: f64) -> Reading<f64> {
    if value.is_nan() { Reading::Null } else { Reading::Value(value) }
}

fn whole_or_nan(value: f64) -> Reading<i64> {
    // Beyond 2^53 a float no longer tells which integer was meant.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.is_nan() {
        Reading::Null
    } else if value.abs() <= EXACT && value.fract().abs() < f64::MIN_POSITIVE {
        Reading::Value(value as i64)
    } else {
        Reading::Wrong
    }
}

fn parse_integer(value: &str) -> Reading<i64> {
    match value.parse() {
        Ok(value) => Reading::Value(value),
        Err(_) => parse_number(value).map_or(Reading::Wrong, whole_or_nan),
    }
}

/// Any spelling of a number, infinities included; digits that are too large for an f64 are not one.
fn parse_number(value: &str) -> Option<f64> {
    let number: f64 = value.parse().ok()?;
    (!number.is_infinite() || !value.bytes().any(|byte| byte.is_ascii_digit())).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ColumnKind::{Boolean, Integer, Key, Number, Time};
    use polars::prelude::{DataType, IntoSeries, NamedFrom, TimeUnit, TimeZone};

    fn series<T, P: ?Sized>(values: T) -> Series
    where
        Series: NamedFrom<T, P>,
    {
        Series::new("column".into(), values)
    }

    fn refused(series: &Series, kind: ColumnKind) -> Option<(usize, String)> {
        match convert(series, kind).unwrap_err() {
            Refusal::Type => None,
            Refusal::Value { position, value } => Some((position, value)),
        }
    }

    fn integers(values: &[Option<i64>]) -> Column {
        let mask = values.iter().map(Option::is_none).collect();
        let values = values.iter().map(|value| value.unwrap_or_default()).collect();
        Column::with_nulls(Values::Integer(values), mask)
    }

    fn texts(values: &[Option<&str>]) -> Column {
        let mask = values.iter().map(Option::is_none).collect();
        let text = values.iter().map(|value| value.unwrap_or_default()).collect();
        Column::with_nulls(Values::Text(text), mask)
    }

    #[test]
    fn numbers_keep_infinities_and_take_nan_for_null() {
        let expected = Column::with_nulls(
            Values::Number(vec![1.5, f64::INFINITY, 0.0, 0.0, -2e3]),
            vec![false, false, true, true, false],
        );
        let text = series([Some(" 1.5"), Some("inf"), Some("NaN"), None, Some("-2E3")]);
        assert_eq!(convert(&text, Number).unwrap(), expected);
        let stored = series([Some(1.5), Some(f64::INFINITY), Some(f64::NAN), None, Some(-2e3)]);
        assert_eq!(convert(&stored, Number).unwrap(), expected);
        let cents = series([Some("0.1"), None, Some("12345678.9")]);
        let decimal = cents.cast(&DataType::Decimal(12, 2)).unwrap();
        assert_eq!(convert(&decimal, Number).unwrap(), convert(&cents, Number).unwrap());
        assert_eq!(refused(&series(["1", "1,5"]), Number), Some((1, "1,5".to_owned())));
        assert_eq!(refused(&series(["1e400"]), Number), Some((0, "1e400".to_owned())));
        assert_eq!(refused(&series([true]), Number), None);
        let list = series([series([1, 2]), series([3])]);
        assert_eq!(refused(&list, Number), None);
    }

    #[test]
    fn integers_are_never_rounded() {
        let expected = integers(&[Some(-3), None, Some(7)]);
        assert_eq!(convert(&series([Some(-3.0), None, Some(7.0)]), Integer).unwrap(), expected);
        assert_eq!(convert(&series(["-3", "", " 7.0"]), Integer).unwrap(), expected);
        assert_eq!(convert(&series([Some(-3_i8), None, Some(7)]), Integer).unwrap(), expected);
        assert_eq!(refused(&series([1.0, 1.5]), Integer), Some((1, "1.5".to_owned())));
        assert_eq!(refused(&series([1e16]), Integer), Some((0, "10000000000000000".to_owned())));
        let largest = u64::MAX.to_string();
        assert_eq!(refused(&series([1, u64::MAX]), Integer), Some((1, largest)));
    }

    #[test]
    fn booleans_are_zero_or_one() {
        let expected =
            Column::with_nulls(Values::Boolean(vec![true, false, false]), vec![false, false, true]);
        let all = [
            series([Some(true), Some(false), None]),
            series([Some(1_u8), Some(0), None]),
            series([1.0, 0.0, f64::NAN]),
            series(["TRUE", "0", ""]),
            series(["1.0", "False", " "]),
        ];
        for column in all {
            assert_eq!(convert(&column, Boolean).unwrap(), expected, "{column}");
        }
        assert_eq!(refused(&series([0, 1, 2]), Boolean), Some((2, "2".to_owned())));
        assert_eq!(refused(&series(["yes it is"]), Boolean), Some((0, "\"yes it is\"".to_owned())));
        let long = "ä".repeat(50);
        let shown = format!("\"{}…\"", "ä".repeat(40));
        assert_eq!(refused(&series([long]), Boolean), Some((0, shown)));
    }

    #[test]
    fn keys_are_integers_only_if_all_are() {
        let expected = integers(&[Some(12), None, Some(-7), Some(0)]);
        assert_eq!(convert(&series(["12", "", "-7", "0"]), Key).unwrap(), expected);
        assert_eq!(
            convert(&series([Some(12.0), None, Some(-7.0), Some(0.0)]), Key).unwrap(),
            expected
        );
        for other in ["007", "+7", "-0", "", " 7", "7.0", "9223372036854775808", "x"] {
            let found = convert(&series(["12", other]), Key).unwrap();
            if other.is_empty() {
                assert_eq!(found, integers(&[Some(12), None]));
            } else {
                assert_eq!(found, texts(&[Some("12"), Some(other)]), "{other}");
            }
        }
        let wide = series([1, u64::MAX]);
        let largest = u64::MAX.to_string();
        assert_eq!(convert(&wide, Key).unwrap(), texts(&[Some("1"), Some(&largest)]));
        assert_eq!(refused(&series([1.5]), Key), Some((0, "1.5".to_owned())));
        assert_eq!(refused(&series([true]), Key), None);
    }

    #[test]
    fn text_is_made_of_text_numbers_and_truth_values() {
        let convert = |series: Series| convert(&series, ColumnKind::Text).unwrap();
        assert_eq!(convert(series([Some(" a"), None])), texts(&[Some(" a"), None]));
        assert_eq!(convert(series([7_u64, 8])), texts(&[Some("7"), Some("8")]));
        assert_eq!(convert(series([Some(true), None])), texts(&[Some("true"), None]));
        assert_eq!(convert(series([b"a".as_slice(), b""])), texts(&[Some("a"), None]));
        let floats = series([Some(7.0), Some(-0.1), Some(f64::NAN), None, Some(1e3)]);
        let expected = [Some("7"), Some("-0.1"), None, None, Some("1000")];
        assert_eq!(convert(floats), texts(&expected));
        assert_eq!(refused(&series([b"\xff".as_slice()]), ColumnKind::Text), None);
    }

    #[test]
    fn times_of_every_unit_are_microseconds_utc() {
        let micros = 1_522_540_831_000_000;
        let expected =
            Column::with_nulls(Values::Time(vec![micros, 0, -1_000_000]), vec![false, true, false]);
        let seconds = series([Some(1_522_540_831_i64), None, Some(-1)]);
        let mut columns = vec![
            series(["2018-04-01 00:00:31", "", "1969-12-31T23:59:59Z"]),
            series(["1522540831", " ", "-1"]),
            seconds.cast(&DataType::Float64).unwrap(),
            seconds.clone(),
        ];
        for (unit, scale) in [
            (TimeUnit::Nanoseconds, 1_000_000_000),
            (TimeUnit::Microseconds, 1_000_000),
            (TimeUnit::Milliseconds, 1_000),
        ] {
            let counts = (seconds.i64().unwrap() * scale).into_series();
            columns.push(counts.cast(&DataType::Datetime(unit, None)).unwrap());
            columns.push(counts.cast(&DataType::Datetime(unit, Some(TimeZone::UTC))).unwrap());
        }
        for column in columns {
            assert_eq!(convert(&column, Time).unwrap(), expected, "{column}");
        }
        let date = series([17_622]).cast(&DataType::Date).unwrap();
        let midnight = Column::new(Values::Time(vec![1_522_540_800_000_000]));
        assert_eq!(convert(&date, Time).unwrap(), midnight);
        // Milliseconds taken for seconds would be the year 50217.
        for (column, value) in [
            (series([1_522_540_831_000_i64]), "1522540831000"),
            (series(["1522540831000"]), "1522540831000"),
            (series(["2018-02-30"]), "2018-02-30"),
            (series([1.5]), "1.5"),
        ] {
            assert_eq!(refused(&column, Time), Some((0, value.to_owned())));
        }
    }
}
