//! Instants of a bound struct: a newtype for microseconds, and the text that date crates write.

use serde::{Serialize, Serializer};

/// An instant in microseconds since 1970-01-01T00:00:00 UTC, as a field of a bound struct.
///
/// A bare integer says nothing of its unit, so that an input of type time does not take one. In
/// every other format this serialises as the integer it holds.
///
/// ```
/// use shroff_serve::record::Timestamp;
/// use std::time::{Duration, UNIX_EPOCH};
///
/// let received = UNIX_EPOCH + Duration::from_secs(1_532_204_100);
/// let micros = received.duration_since(UNIX_EPOCH)?.as_micros();
/// assert_eq!(Timestamp(micros.try_into()?), Timestamp(1_532_204_100_000_000)); // 2018-07-21T20:15:00Z
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The name by which a binding knows a [`Timestamp`] from other newtypes.
pub(crate) const TIMESTAMP: &str = "shroff_serve::record::Timestamp";

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(TIMESTAMP, &self.0)
    }
}

const MICROS_PER_SEC: i64 = 1_000_000;

/// The instant that `YYYY-MM-DD`, `T` or a space, `HH:MM:SS`, a fraction if there is one, and an
/// offset from UTC name: `Z` or `±HH:MM`, which a space may precede and seconds may follow. Without
/// an offset it is UTC. Digits after the sixth of the fraction are cut off.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "four digits of the year keep this far from overflow"
)]
pub(crate) fn parse_instant(text: &str) -> Option<i64> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.digits(4)?;
    let month = rest.after(b'-')?.digits(2)?;
    let day = rest.after(b'-')?.digits(2)?;
    rest.after_any(b"Tt ")?;
    let hour = rest.digits(2)?;
    let minute = rest.after(b':')?.digits(2)?;
    let second = rest.after(b':')?.digits(2)?;
    let micros = if rest.after(b'.').is_some() { rest.fraction()? } else { 0 };
    let offset_secs = rest.offset()?;
    let sound = (1..=12).contains(&month)
        && (1..=days_of_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60
        && rest.0.is_empty();
    let secs = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    sound.then(|| (secs - offset_secs) * MICROS_PER_SEC + micros)
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn after(&mut self, byte: u8) -> Option<&mut Self> {
        self.after_any(&[byte]).map(|_| self)
    }

    fn after_any(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        bytes.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }

    /// A number of exactly this many digits.
    #[expect(clippy::arithmetic_side_effects, reason = "at most four digits are read")]
    fn digits(&mut self, n_digits: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(n_digits)?;
        self.0 = rest;
        digits.iter().try_fold(0, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
        })
    }

    /// Microseconds of one digit or more.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "six digits are read, and each was seen to be one"
    )]
    fn fraction(&mut self) -> Option<i64> {
        let n_digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(n_digits);
        self.0 = rest;
        let digit = |place: usize| digits.get(place).map_or(0, |digit| i64::from(digit - b'0'));
        (n_digits > 0).then(|| (0..6).fold(0, |micros, place| micros * 10 + digit(place)))
    }

    /// Seconds east of UTC.
    #[expect(clippy::arithmetic_side_effects, reason = "two digits each")]
    fn offset(&mut self) -> Option<i64> {
        if self.0.is_empty() {
            return Some(0);
        }
        let _ = self.after(b' ');
        let sign = match self.after_any(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = self.digits(2)?;
        let minutes = self.after(b':')?.digits(2)?;
        let seconds = if self.after(b':').is_some() { self.digits(2)? } else { 0 };
        let sound = hours < 24 && minutes < 60 && seconds < 60;
        sound.then_some(sign * (hours * 3_600 + minutes * 60 + seconds))
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the Gregorian calendar from 1970-01-01; the year is 0 or later.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the year has four digits, the month and the day two"
)]
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last of its year; the months from
    // March on then have 153 days in every five.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 0000-03-01 lies 719,468 days before 1970-01-01.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_those_of_the_calendar() {
        // Whole seconds from `date -u -d … +%s`.
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31 23:59:59.999999", -1),
            ("2018-07-21T20:15:00Z", 1_532_204_100_000_000),
            ("2018-07-21 20:15:00", 1_532_204_100_000_000),
            ("2018-07-21t22:15:00.5+02:00", 1_532_204_100_500_000),
            ("2018-07-21 14:45:00.1234567 -05:30:00", 1_532_204_100_123_456),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000),
            ("9999-12-31T23:59:59z", 253_402_300_799_000_000),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
        ] {
            assert_eq!(parse_instant(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_one_after_the_day_before() {
        let mut expected = days_since_1970(1800, 1, 1);
        for year in 1800..if cfg!(miri) { 1809 } else { 2200 } {
            for month in 1..=12 {
                for day in 1..=days_of_month(year, month) {
                    assert_eq!(days_since_1970(year, month, day), expected);
                    expected += 1;
                }
            }
        }
    }

    #[test]
    fn other_text_is_no_instant() {
        for text in [
            "",
            "2018-07-21",
            "2018-07-21T20:15",
            "2018-07-21T20:15:00.",
            "2018-07-21T20:15:00 ",
            "2018-07-21T20:15:00Z ",
            "2018-07-21T20:15:00+0200",
            "2018-07-21T20:15:00+24:00",
            "2018-07-21T20:15:60Z",
            "2018-07-21T24:00:00Z",
            "2018-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2018-00-10T00:00:00Z",
            "2018-13-10T00:00:00Z",
            "2018-04-31T00:00:00Z",
            "2018-04-00T00:00:00Z",
            "+018-04-01T00:00:00Z",
            "18-04-01T00:00:00Z",
            "1532204100",
            "2018-07-21\u{2003}20:15:00",
        ] {
            assert_eq!(parse_instant(text), None, "{text:?}");
        }
    }
}
