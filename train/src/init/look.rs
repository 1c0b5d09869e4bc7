//! What a table holds: each column read as its file stores it, text then told apart into numbers,
//! truth values, times and words.

use shroff_datasets::{Column, ColumnKind, ColumnRequest, ErrorKind, Source, Table, Values};

use super::times::{TimeText, seconds};
use crate::error::Error;

/// Of text that stands for numbers or times, so much may be something else; those rows are skipped.
const STRAY_SHARE: f64 = 0.01;
/// Columns read in one go; a wider table is read in several.
const BATCH: usize = 64;

/// A column and what its values turned out to be.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) name: String,
    pub(super) content: Content,
    /// Rows without a value.
    pub(super) n_null: usize,
    /// Different values, nulls not counted.
    pub(super) n_distinct: usize,
    /// Rows whose text does not stand for what the others do.
    pub(super) n_stray: usize,
    /// Words that stand for null beside numbers, truth values or times.
    pub(super) null_words: Vec<String>,
}

/// Words that stand for null in many a dump; a dash or a question mark only where all else says so.
const NULL_WORDS: [&str; 9] = ["NA", "N/A", "NaN", "null", "NULL", "None", "?", "-", "\\N"];

/// The values of a column.
#[derive(Debug)]
pub(super) enum Content {
    /// NaN is null.
    Number {
        values: Vec<f64>,
        whole: bool,
    },
    Boolean(Vec<Option<bool>>),
    /// Microseconds since 1970, and how text wrote them.
    Time {
        values: Vec<Option<i64>>,
        text: Option<TimeText>,
    },
    /// Codes into the distinct values.
    Text {
        codes: Vec<Option<u32>>,
        values: Vec<String>,
    },
    /// Nothing that can be read; the reason.
    Unreadable(String),
}

impl Look {
    /// The columns of a source, and its number of rows.
    pub(super) fn at(source: &Source) -> Result<(Vec<Self>, usize), Error> {
        let columns = source.columns()?;
        let (mut looks, mut n_rows) = (Vec::new(), 0);
        for batch in columns.chunks(BATCH) {
            let requests: Vec<ColumnRequest> = batch
                .iter()
                .map(|(name, dtype)| ColumnRequest::new(name, kinds(dtype)[0]))
                .collect();
            match source.read(&requests, None) {
                Ok(table) => {
                    n_rows = table.n_rows();
                    looks.extend(table.columns().map(|(name, column)| Self::of(name, column)));
                }
                Err(error) if is_about_a_value(&error) => {
                    for (name, dtype) in batch {
                        let (look, rows) = Self::alone(source, name, dtype)?;
                        n_rows = rows.unwrap_or(n_rows);
                        looks.push(look);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok((looks, n_rows))
    }

    /// A column of a kind that its type does not tell: the first that fits.
    fn alone(source: &Source, name: &str, dtype: &str) -> Result<(Self, Option<usize>), Error> {
        let mut reason = String::new();
        for kind in kinds(dtype) {
            let read: Result<Table, _> = source.read(&[ColumnRequest::new(name, *kind)], None);
            match read {
                Ok(table) => {
                    let column = table.column(name).map(|column| Self::of(name, column));
                    if let Some(look) = column {
                        return Ok((look, Some(table.n_rows())));
                    }
                }
                // The likeliest kind's reason is the one that helps.
                Err(error) if is_about_a_value(&error) && reason.is_empty() => {
                    reason = error.to_string();
                }
                Err(error) if is_about_a_value(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let content = Content::Unreadable(format!("cannot be read: {reason}"));
        let name = name.to_owned();
        let (n_null, n_distinct, n_stray, null_words) = (0, 0, 0, Vec::new());
        Ok((Self { name, content, n_null, n_distinct, n_stray, null_words }, None))
    }

    fn of(name: &str, column: &Column) -> Self {
        let n_rows = column.len();
        let known = |row: usize| !column.is_null(row);
        let (content, n_stray) = match column.values() {
            Values::Number(values) => {
                let values: Vec<f64> = (0..n_rows)
                    .map(|row| if known(row) { values[row] } else { f64::NAN })
                    .collect();
                (numbers(values), 0)
            }
            Values::Integer(values) => {
                let number = |row: usize| if known(row) { values[row] as f64 } else { f64::NAN };
                let whole =
                    Content::Number { values: (0..n_rows).map(number).collect(), whole: true };
                (whole, 0)
            }
            Values::Boolean(values) => (
                Content::Boolean(
                    (0..n_rows).map(|row| known(row).then_some(values[row])).collect(),
                ),
                0,
            ),
            Values::Time(values) => {
                let values = (0..n_rows).map(|row| known(row).then_some(values[row])).collect();
                (Content::Time { values, text: None }, 0)
            }
            Values::Text(text) => {
                let code = |row: usize| known(row).then(|| text.codes()[row]);
                words((0..n_rows).map(code).collect(), text.dictionary())
            }
        };
        let n_distinct = match column.values() {
            Values::Integer(values) => {
                let mut values: Vec<i64> =
                    (0..n_rows).filter(|row| known(*row)).map(|row| values[row]).collect();
                values.sort_unstable();
                values.dedup();
                values.len()
            }
            _ => content.n_distinct(),
        };
        let n_null = (0..n_rows).filter(|row| content.is_null(*row)).count() - n_stray;
        let null_words = match column.values() {
            Values::Text(text) => null_words(&content, text.dictionary()),
            _ => Vec::new(),
        };
        Self { name: name.to_owned(), content, n_null, n_distinct, n_stray, null_words }
    }
}

impl Content {
    pub(super) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Number { values, .. } => values[row].is_nan(),
            Self::Boolean(values) => values[row].is_none(),
            Self::Time { values, .. } => values[row].is_none(),
            Self::Text { codes, .. } => codes[row].is_none(),
            Self::Unreadable(_) => true,
        }
    }

    fn n_distinct(&self) -> usize {
        let count = |mut values: Vec<u64>| {
            values.sort_unstable();
            values.dedup();
            values.len()
        };
        match self {
            Self::Number { values, .. } => {
                let known = values.iter().filter(|value| !value.is_nan());
                // Adding 0 makes one zero of two.
                count(known.map(|value| (value + 0.0).to_bits()).collect())
            }
            Self::Boolean(values) => {
                count(values.iter().flatten().map(|value| u64::from(*value)).collect())
            }
            Self::Time { values, .. } => {
                count(values.iter().flatten().map(|value| value.cast_unsigned()).collect())
            }
            Self::Text { codes, .. } => {
                count(codes.iter().flatten().map(|c| u64::from(*c)).collect())
            }
            Self::Unreadable(_) => 0,
        }
    }

    /// Whether the column can be times when asked to be: whole numbers are seconds since 1970.
    pub(super) fn as_times(&self) -> Option<Vec<Option<i64>>> {
        match self {
            Self::Time { values, .. } => Some(values.clone()),
            Self::Number { values, whole: true } => values
                .iter()
                .map(
                    |value| {
                        if value.is_nan() { Some(None) } else { seconds(*value as i64).map(Some) }
                    },
                )
                .collect(),
            _ => None,
        }
    }
}

/// The kinds to read a stored type as, the likeliest first. Text is told apart afterwards.
fn kinds(dtype: &str) -> &'static [ColumnKind] {
    use ColumnKind::{Boolean, Integer, Number, Text, Time};
    let numeric = |prefix: char| {
        dtype.strip_prefix(prefix).is_some_and(|bits| bits.bytes().all(|b| b.is_ascii_digit()))
    };
    match dtype {
        "bool" => &[Boolean],
        // Another file of the same source may hold words.
        _ if numeric('i') || numeric('u') => &[Integer, Number, Text],
        _ if numeric('f') || dtype.starts_with("decimal") => &[Number, Text],
        _ if dtype.starts_with("date") => &[Time],
        _ => &[Text, Number, Boolean, Time],
    }
}

fn is_about_a_value(error: &shroff_datasets::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::FileColumnType { .. } | ErrorKind::Value { .. } | ErrorKind::ColumnType { .. }
    )
}

fn numbers(values: Vec<f64>) -> Content {
    let whole = values.iter().all(|value| {
        value.is_nan()
            || (value.is_finite() && value.fract().abs() < f64::MIN_POSITIVE && value.abs() < 9e15)
    });
    Content::Number { values, whole }
}

/// Tells what text stands for, and how many rows hold something else.
fn words(codes: Vec<Option<u32>>, dictionary: &[String]) -> (Content, usize) {
    let mut counts = vec![0_usize; dictionary.len()];
    codes.iter().flatten().for_each(|code| counts[*code as usize] += 1);
    let blank = |text: &str| {
        text.trim().is_empty()
            || text.trim().eq_ignore_ascii_case("nan")
            || NULL_WORDS.contains(&text)
    };
    let used = || dictionary.iter().zip(&counts).filter(|(text, n)| **n > 0 && !blank(text));
    let n_known: usize = used().map(|(_, n)| *n).sum();
    let fits = |read: &dyn Fn(&str) -> bool| -> Option<usize> {
        let strays = used().filter(|(text, _)| !read(text.trim())).map(|(_, n)| *n).sum::<usize>();
        (n_known > 0 && strays as f64 <= STRAY_SHARE * n_known as f64).then_some(strays)
    };
    fn each<T: Copy>(
        codes: &[Option<u32>],
        dictionary: &[String],
        read: impl Fn(&str) -> Option<T>,
    ) -> Vec<Option<T>> {
        let read: Vec<Option<T>> = dictionary.iter().map(|text| read(text.trim())).collect();
        codes.iter().map(|code| code.and_then(|code| read[code as usize])).collect()
    }
    // 0 and 1 alone are numbers; a zero in front is part of a code, such as 01067.
    let truth = |text: &str| match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    };
    let is_code = |text: &str| {
        let mut bytes = text.bytes();
        bytes.next() == Some(b'0') && bytes.next().is_some_and(|byte| byte.is_ascii_digit())
    };
    if used().any(|(text, _)| text.trim().len() > 1)
        && let Some(0) = fits(&|text| truth(text).is_some())
    {
        return (Content::Boolean(each(&codes, dictionary, truth)), 0);
    }
    if !used().any(|(text, _)| is_code(text.trim()))
        && let Some(strays) = fits(&|text| number(text).is_some())
    {
        let values = each(&codes, dictionary, number);
        return (
            numbers(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect()),
            strays,
        );
    }
    let distinct: Vec<&str> = used().map(|(text, _)| text.trim()).collect();
    if let Some(format) = TimeText::detect(&distinct, 1.0 - STRAY_SHARE)
        && let Some(strays) = fits(&|text| format.parse(text).is_some())
    {
        let values = each(&codes, dictionary, |text| format.parse(text));
        return (Content::Time { values, text: Some(format) }, strays);
    }
    (Content::Text { codes, values: dictionary.to_vec() }, 0)
}

/// The words for null among text that otherwise stands for something. Numbers know NaN themselves.
fn null_words(content: &Content, dictionary: &[String]) -> Vec<String> {
    let is_number = matches!(content, Content::Number { .. });
    let found = |text: &&String| {
        NULL_WORDS.contains(&text.as_str()) && !(is_number && text.as_str() == "NaN")
    };
    match content {
        Content::Number { .. } | Content::Boolean(_) | Content::Time { .. } => {
            dictionary.iter().filter(found).cloned().collect()
        }
        Content::Text { .. } | Content::Unreadable(_) => Vec::new(),
    }
}

/// As the reader takes it for a number.
fn number(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    (!value.is_infinite() || !text.bytes().any(|byte| byte.is_ascii_digit())).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(values: &[&str]) -> Look {
        let nulls = values.iter().map(|value| value.is_empty()).collect();
        let column = Column::with_nulls(Values::Text(values.iter().copied().collect()), nulls);
        Look::of("x", &column)
    }

    #[test]
    fn text_is_told_apart() {
        let kind = |values: &[&str]| match look(values).content {
            Content::Number { whole: true, .. } => "whole",
            Content::Number { .. } => "number",
            Content::Boolean(_) => "boolean",
            Content::Time { .. } => "time",
            Content::Text { .. } => "text",
            Content::Unreadable(_) => "unreadable",
        };
        assert_eq!(kind(&["1", "0", "", "1"]), "whole");
        assert_eq!(kind(&["TRUE", "False", "", "0"]), "boolean");
        assert_eq!(kind(&[" 1.5", "2", "NaN", "-3e2"]), "number");
        assert_eq!(kind(&["01067", "99084"]), "text");
        assert_eq!(kind(&["0.5", "0"]), "number");
        assert_eq!(kind(&["1,234.50", "99.00"]), "text");
        assert_eq!(kind(&["yes", "no"]), "text");
        assert_eq!(kind(&["2/24/2015 22:55"]), "time");
        assert_eq!(kind(&["", ""]), "text");
    }

    #[test]
    fn strays_are_counted_up_to_one_in_a_hundred() {
        let mut values = vec!["7"; 300];
        values[5] = "x";
        values[9] = "";
        let found = look(&values);
        assert!(matches!(found.content, Content::Number { .. }));
        assert_eq!((found.n_stray, found.n_null, found.n_distinct), (1, 1, 1));
        values[6] = "x";
        values[7] = "n.a.";
        assert!(matches!(look(&values).content, Content::Text { .. }));
    }

    #[test]
    fn words_for_null_are_told_from_values() {
        let words = |values: &[&str]| look(values).null_words;
        assert_eq!(words(&["1.5", "NA", "?", "NaN", "NA"]), ["NA", "?"]);
        assert_eq!(words(&["true", "\\N", "false"]), ["\\N"]);
        assert_eq!(words(&["2021-01-02", "NaN", "None", "2021-01-03"]), ["NaN", "None"]);
        // Beside words they may be words.
        assert!(words(&["chip", "NA", "?"]).is_empty() && words(&["NA", "-"]).is_empty());
    }
}
