//! Times in other shapes than ISO 8601, described by a format such as `%m/%d/%Y %H:%M`.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::time::{MICROS_PER_SECOND, instant, parse_offset};

/// How times are written. Numbers may have leading zeros or not; any other character of the format
/// stands for itself, a space for one or more of them.
///
/// | | |
/// |---|---|
/// | `%Y`, `%y` | year of four digits; of two, 69 to 99 in 1969 to 1999, 00 to 68 in 2000 to 2068 |
/// | `%m`, `%d` | month and day |
/// | `%b` | month as an English word, of three letters or whole, in any case |
/// | `%H`, `%I`, `%p` | hour 0 to 23; hour 1 to 12, and `AM` or `PM` in any case |
/// | `%M`, `%S` | minute and second |
/// | `%f` | fraction of the second, one digit or more; those past the sixth are cut off |
/// | `%z` | offset from UTC: `Z`, `+02:00`, `+0200` or `+02` |
/// | `%s` | seconds since 1970 |
/// | `%%` | a percent sign |
///
/// A part that is absent is zero, or the first; without `%z` the time is UTC.
///
/// ```
/// use shroff_datasets::TimeFormat;
/// let format = TimeFormat::new("%m/%d/%Y %H:%M")?;
/// assert_eq!(format.parse("2/4/2015 9:05"), Some(1_423_040_700_000_000));
/// assert_eq!(format.parse("24/2/2015 9:05"), None);
/// # Ok::<(), shroff_datasets::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFormat {
    text: String,
    items: Vec<Item>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Literal(char),
    Part(char),
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl TimeFormat {
    /// Understands a format.
    ///
    /// # Errors
    /// An unknown part, one that comes twice, or a format that does not tell the day.
    pub fn new(text: &str) -> Result<Self, Error> {
        let refuse = |found: String| -> Error {
            let expected = "%Y or %y, %m or %b, %d, or %s alone; each of them, %H %I %p %M %S %f %z \
                            and %% at most once";
            ErrorKind::ReadOption { option: "time_format", expected, found }.into()
        };
        let mut items = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                items.push(Item::Literal(character));
                continue;
            }
            match characters.next() {
                Some('%') => items.push(Item::Literal('%')),
                Some(part) if "YymdbHIpMSfzs".contains(part) => {
                    if items.contains(&Item::Part(part)) {
                        return Err(refuse(format!("%{part} twice in {text:?}")));
                    }
                    items.push(Item::Part(part));
                }
                Some(part) => return Err(refuse(format!("%{part} in {text:?}"))),
                None => return Err(refuse(format!("a lone % at the end of {text:?}"))),
            }
        }
        let count =
            |parts: &str| parts.chars().filter(|part| items.contains(&Item::Part(*part))).count();
        let calendar = count("Yy") == 1 && count("mb") == 1 && count("d") == 1 && count("s") == 0;
        let clock = count("HI") < 2 && count("I") == count("p");
        if !(calendar && clock || count("s") == 1 && count("YymdbHIpMSz") == 0) {
            return Err(refuse(format!("{text:?}")));
        }
        Ok(Self { text: text.to_owned(), items })
    }

    /// The instant in microseconds since 1970, if the text has this format and the instant exists
    /// and lies in the years 1 to 9999.
    pub fn parse(&self, text: &str) -> Option<i64> {
        let mut rest = text.as_bytes();
        let mut parts = Parts { month: 1, day: 1, ..Parts::default() };
        for (position, item) in self.items.iter().enumerate() {
            match item {
                Item::Literal(' ') => {
                    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
                    rest = rest.get(spaces.max(1)..)?;
                }
                Item::Literal(character) => {
                    let mut bytes = [0; 4];
                    rest = rest.strip_prefix(character.encode_utf8(&mut bytes).as_bytes())?;
                }
                Item::Part(part) => {
                    // Digits without anything between them have fixed widths.
                    let glued = matches!(self.items.get(position + 1), Some(Item::Part(_)));
                    rest = parts.read(*part, rest, glued)?;
                }
            }
        }
        if rest.is_empty() { parts.instant() } else { None }
    }
}

#[derive(Default)]
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    micros: i64,
    offset: i64,
    epoch: Option<i64>,
}

impl Parts {
    /// Reads one part and gives what follows it.
    fn read<'a>(&mut self, part: char, text: &'a [u8], glued: bool) -> Option<&'a [u8]> {
        let (target, longest) = match part {
            'Y' => (&mut self.year, 4),
            'y' => (&mut self.year, 2),
            'm' => (&mut self.month, 2),
            'd' => (&mut self.day, 2),
            'H' | 'I' => (&mut self.hour, 2),
            'M' => (&mut self.minute, 2),
            'S' => (&mut self.second, 2),
            _ => return self.read_other(part, text),
        };
        let (value, length) = digits(text, longest)?;
        // A year of fewer digits is another format; so are short numbers that run into others.
        if length < longest && (glued || matches!(part, 'Y' | 'y')) {
            return None;
        }
        *target = match part {
            'y' => value + if value >= 69 { 1900 } else { 2000 },
            _ => value,
        };
        if part == 'I' && !(1..=12).contains(&value) {
            return None;
        }
        text.get(length..)
    }

    fn read_other<'a>(&mut self, part: char, text: &'a [u8]) -> Option<&'a [u8]> {
        match part {
            'b' => {
                let length = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
                let (word, rest) = text.split_at(length);
                let is_named = |name: &&str| {
                    let name = name.as_bytes();
                    word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&name[..3])
                };
                self.month = 1 + i64::try_from(MONTHS.iter().position(is_named)?).ok()?;
                Some(rest)
            }
            'p' => {
                let (word, rest) = text.split_at_checked(2)?;
                let afternoon = word.eq_ignore_ascii_case(b"PM");
                self.afternoon = Some(afternoon);
                (afternoon || word.eq_ignore_ascii_case(b"AM")).then_some(rest)
            }
            'f' => {
                let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let (value, kept) = digits(text, 6)?;
                self.micros = (kept..6).fold(value, |value, _| value * 10);
                text.get(length..)
            }
            'z' => {
                let length = text
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit() || b"+-:Zz".contains(byte))
                    .count();
                let (offset, rest) = text.split_at(length);
                self.offset = if offset.is_empty() { return None } else { parse_offset(offset)? };
                Some(rest)
            }
            's' => {
                let unsigned = text.strip_prefix(b"-").unwrap_or(text);
                let (value, length) = digits(unsigned, 12)?;
                let negative = unsigned.len() < text.len();
                self.epoch = Some(if negative { -value } else { value });
                unsigned.get(length..)
            }
            _ => None,
        }
    }

    fn instant(self) -> Option<i64> {
        if let Some(seconds) = self.epoch {
            let micros = crate::time::from_seconds(seconds)?;
            return Some(micros + self.micros);
        }
        let hour = match self.afternoon {
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
            None => self.hour,
        };
        let clock = (hour, self.minute, self.second);
        let seconds = instant((self.year, self.month, self.day), clock, self.offset)?;
        Some(seconds * MICROS_PER_SECOND + self.micros)
            .filter(|micros| (crate::time::EARLIEST..=crate::time::LATEST).contains(micros))
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The number that up to so many leading digits are, and how many there are, at least one.
fn digits(text: &[u8], longest: usize) -> Option<(i64, usize)> {
    let digits = text.iter().take(longest).take_while(|byte| byte.is_ascii_digit());
    let (value, length) = digits
        .fold((0, 0), |(value, length), byte| (value * 10 + i64::from(byte - b'0'), length + 1));
    (length > 0).then_some((value, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{format_time, parse_time};

    #[test]
    fn times_of_many_shapes() {
        let expected = "2015-02-04T21:05:07Z";
        for (format, text) in [
            ("%m/%d/%Y %H:%M:%S", "2/4/2015 21:05:07"),
            ("%m/%d/%y %H:%M:%S", "02/04/15  21:5:7"),
            ("%d.%m.%Y %H:%M:%S", "04.02.2015 21:05:07"),
            ("%Y%m%d%H%M%S", "20150204210507"),
            ("%d-%b-%y %I:%M:%S %p", "04-FEB-15 09:05:07 PM"),
            ("%b %d, %Y %I:%M:%S%p", "February 4, 2015 9:05:07pm"),
            ("%Y-%m-%dT%H:%M:%S%z", "2015-02-04T23:35:07+02:30"),
            ("%s", "1423083907"),
        ] {
            let parsed = TimeFormat::new(format).unwrap().parse(text);
            assert_eq!(parsed.map(format_time).as_deref(), Some(expected), "{format}");
        }
        let parse = |format, text| TimeFormat::new(format).unwrap().parse(text);
        assert_eq!(parse("%y/%m/%d", "69/12/31"), parse_time("1969-12-31"));
        assert_eq!(parse("%y/%m/%d", "68/12/31"), parse_time("2068-12-31"));
        assert_eq!(
            parse("%d/%m/%Y %H:%M:%S.%f", "1/2/2015 0:0:0.1234567"),
            parse_time("2015-02-01 00:00:00.123456")
        );
        let noon = "%Y-%m-%d %I:%M %p";
        assert_eq!(parse(noon, "2015-02-01 12:00 AM"), parse_time("2015-02-01"));
        assert_eq!(parse(noon, "2015-02-01 12:30 PM"), parse_time("2015-02-01 12:30:00"));
    }

    #[test]
    fn what_has_another_shape_or_does_not_exist_is_no_time() {
        for (format, text) in [
            ("%m/%d/%Y", "13/1/2015"),
            ("%m/%d/%Y", "2/29/2015"),
            ("%m/%d/%Y", "2/2/15"),
            ("%m/%d/%Y", "2/2/2015 10:00"),
            ("%m/%d/%Y %H:%M", "2/2/2015"),
            ("%m/%d/%Y %H:%M", "2/2/2015 24:00"),
            ("%m/%d/%Y %H:%M", "2/2/2015 10:60"),
            ("%Y%m%d", "201522"),
            ("%Y-%m-%d %I:%M %p", "2015-02-01 13:00 PM"),
            ("%Y-%m-%d %I:%M %p", "2015-02-01 1:00 XM"),
            ("%b %d %Y", "Febr 2 2015"),
            ("%b %d %Y", " 2 2015"),
            ("%Y-%m-%d%z", "2015-02-01"),
            ("%Y-%m-%d", "0000-02-01"),
            ("%s", "99999999999999"),
        ] {
            assert_eq!(TimeFormat::new(format).unwrap().parse(text), None, "{format} {text}");
        }
    }

    #[test]
    fn formats_that_do_not_tell_the_day_are_refused() {
        for format in [
            "",
            "%H:%M",
            "%Y-%m",
            "%m/%d/%Y %I:%M",
            "%m/%d/%Y %p",
            "%s %Y",
            "%Y %Y %m %d",
            "%Q",
            "%Y-%m-%d %",
        ] {
            assert!(TimeFormat::new(format).is_err(), "{format}");
        }
        let error = TimeFormat::new("%Y-%m-%d %Q").unwrap_err().to_string();
        assert!(error.starts_with("time_format: expected %Y or %y"), "{error}");
        assert!(error.ends_with("found %Q in \"%Y-%m-%d %Q\""), "{error}");
    }
}
