//! Instants as text: microseconds since 1970 in UTC, read from and written as ISO 8601.

pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
pub(crate) const MICROS_PER_DAY: i64 = SECONDS_PER_DAY * MICROS_PER_SECOND;

/// The first instant data may hold, 0001-01-01T00:00:00Z.
pub(crate) const EARLIEST: i64 = -62_135_596_800 * MICROS_PER_SECOND;
/// The last instant data may hold, 9999-12-31T23:59:59.999999Z.
pub(crate) const LATEST: i64 = 253_402_300_800 * MICROS_PER_SECOND - 1;

/// Writes an instant as `2018-04-01T00:00:31Z`; a fraction of six digits follows only if it is not
/// zero.
///
/// ```
/// use shroff_datasets::time::format_time;
/// assert_eq!(format_time(1_522_540_831_000_000), "2018-04-01T00:00:31Z");
/// assert_eq!(format_time(-1), "1969-12-31T23:59:59.999999Z");
/// ```
pub fn format_time(micros: i64) -> String {
    let mut text = String::with_capacity(27);
    push_time(&mut text, micros, 'T');
    text.push('Z');
    text
}

/// Reads an ISO 8601 instant as microseconds since 1970: `2018-04-01`, `2018-04-01 00:00:31`, the
/// same with `T`, with a fraction (digits past the sixth are cut off), and with `Z`, ` UTC` or an
/// offset (`+02:00`, `+0200`, `+02`). Without an offset the time is UTC.
///
/// Nothing if the text has another shape, a part is out of range (a leap second too), or the
/// instant lies outside the years 1 to 9999. Digits alone are not a time here.
///
/// ```
/// use shroff_datasets::time::parse_time;
/// assert_eq!(parse_time("2018-04-01 02:00:31.5+02:00"), Some(1_522_540_831_500_000));
/// assert_eq!(parse_time("2018-02-29"), None);
/// ```
pub fn parse_time(text: &str) -> Option<i64> {
    let (date, rest) = text.as_bytes().split_at_checked(10)?;
    let (year, month, day) = match date {
        [y @ .., b'-', m1, m2, b'-', d1, d2] => {
            (digits(y)?, digits(&[*m1, *m2])?, digits(&[*d1, *d2])?)
        }
        _ => return None,
    };
    let date = (year, month, day);
    let (clock, rest) = match rest {
        [] => return Some(instant(date, (0, 0, 0), 0)? * MICROS_PER_SECOND),
        [b' ' | b'T' | b't', clock @ ..] => clock.split_at_checked(8)?,
        _ => return None,
    };
    let [h1, h2, b':', m1, m2, b':', s1, s2] = clock else { return None };
    let clock = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?, digits(&[*s1, *s2])?);
    let (fraction, rest) = parse_fraction(rest)?;
    let micros = instant(date, clock, parse_offset(rest)?)? * MICROS_PER_SECOND + fraction;
    (EARLIEST..=LATEST).contains(&micros).then_some(micros)
}

/// Seconds since 1970 of a date and a time of day that lies so many seconds east of UTC, if the
/// calendar and the clock have them.
pub(crate) fn instant(
    (year, month, day): (i64, i64, i64),
    (hour, minute, second): (i64, i64, i64),
    offset: i64,
) -> Option<i64> {
    if year < 1 || !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let midnight = days_from_civil(year, month, day) * SECONDS_PER_DAY;
    Some(midnight + hour * 3600 + minute * 60 + second - offset)
}

/// Seconds since 1970 as microseconds, if they lie in the years 1 to 9999.
pub(crate) fn from_seconds(seconds: i64) -> Option<i64> {
    seconds.checked_mul(MICROS_PER_SECOND).filter(|micros| (EARLIEST..=LATEST).contains(micros))
}

/// Appends `2018-04-01`, the separator, `00:00:31` and the fraction, if any.
pub(crate) fn push_time(text: &mut String, micros: i64, separator: char) {
    use std::fmt::Write;
    let (days, within) = (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY));
    let (seconds, fraction) = (within / MICROS_PER_SECOND, within % MICROS_PER_SECOND);
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let written =
        write!(text, "{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}");
    written.expect("a string takes all text");
    if fraction != 0 {
        write!(text, ".{fraction:06}").expect("a string takes all text");
    }
}

/// Up to nine decimal digits; all others than digits are none.
fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

/// Microseconds of a fraction, if there is one, and what follows.
fn parse_fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', rest @ ..] = bytes else { return Some((0, bytes)) };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let kept = length.min(6);
    let scale = [1, 100_000, 10_000, 1_000, 100, 10, 1][kept];
    Some((digits(&rest[..kept])? * scale, &rest[length..]))
}

/// Seconds east of UTC.
pub(crate) fn parse_offset(bytes: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match bytes {
        [] | [b'Z' | b'z'] | b" UTC" => return Some(0),
        [sign, h1, h2] => (sign, [*h1, *h2], *b"00"),
        [sign, h1, h2, b':', m1, m2] | [sign, h1, h2, m1, m2] => (sign, [*h1, *h2], [*m1, *m2]),
        _ => return None,
    };
    let (hours, minutes) = (digits(&hours)?, digits(&minutes)?);
    let seconds = (hours * 60 + minutes) * 60;
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years are counted from March, so that the leap day is the last of its
/// year, and in eras of 400 years, which all have the same length.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - DAYS_FROM_MARCH_0000
}

/// Year, month and day; the inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_FROM_MARCH_0000;
    let (era, day_of_era) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

const DAYS_PER_ERA: i64 = 146_097;
const DAYS_FROM_MARCH_0000: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn random_instants_agree_with_an_independent_calendar() {
        let mut random = rand_pcg::Pcg64::seed_from_u64(7);
        for round in 0..5_000 {
            let micros = match round {
                0 => EARLIEST,
                1 => LATEST - 3 * MICROS_PER_DAY,
                _ => random.random_range(EARLIEST..LATEST - 3 * MICROS_PER_DAY),
            };
            let micros =
                if round % 2 == 0 { micros } else { micros.div_euclid(1_000_000) * 1_000_000 };
            let ours = format_time(micros);
            let theirs: Timestamp = ours.parse().unwrap();
            assert_eq!(theirs.as_microsecond(), micros, "{ours}");
            assert_eq!(parse_time(&theirs.to_string()), Some(micros), "{theirs}");
            assert_eq!(parse_time(&ours.replace('T', " ").replace('Z', "")), Some(micros));

            let minutes = random.random_range(0..24 * 60);
            let with_offset =
                ours.replace('Z', &format!("-{:02}:{:02}", minutes / 60, minutes % 60));
            let theirs: Timestamp = with_offset.parse().unwrap();
            assert_eq!(parse_time(&with_offset), Some(theirs.as_microsecond()), "{with_offset}");
        }
    }

    #[test]
    fn every_day_of_eight_centuries_is_valid_exactly_when_the_calendar_has_it() {
        for year in 1600..2400_i16 {
            for month in 1..=13_i8 {
                for day in 27..=32_i8 {
                    let text = format!("{year:04}-{month:02}-{day:02}");
                    let known = jiff::civil::Date::new(year, month, day).is_ok();
                    assert_eq!(parse_time(&text).is_some(), known, "{text}");
                }
            }
        }
    }

    #[test]
    fn shapes() {
        let expected = Some(1_522_540_831_000_000);
        for text in [
            "2018-04-01 00:00:31",
            "2018-04-01T00:00:31Z",
            "2018-04-01t00:00:31z",
            "2018-04-01 00:00:31 UTC",
            "2018-04-01 00:00:31+00",
            "2018-04-01T02:30:31+0230",
            "2018-03-31T22:00:31.000000999-02:00",
        ] {
            assert_eq!(parse_time(text), expected, "{text}");
        }
        assert_eq!(parse_time("2018-04-01"), Some(1_522_540_800_000_000));
        assert_eq!(parse_time("1969-12-31T23:59:59.9999999"), Some(-1));
        for text in [
            "",
            "2018",
            "20180401",
            "2018-4-1",
            "2018-04-01 ",
            "2018-04-01T",
            "2018-04-01 00:00",
            "2018-04-01 24:00:00",
            "2018-04-01 00:60:00",
            "2018-04-01 00:00:60",
            "2018-13-01",
            "2018-00-01",
            "2018-01-00",
            "2018-04-01 00:00:31.",
            "2018-04-01 00:00:31.5.5",
            "2018-04-01 00:00:31+24:00",
            "2018-04-01 00:00:31 02:00",
            "0000-01-01",
            "-001-01-01",
            "+018-01-01",
            "2018-04-01 00:00:31Zulu",
            "2018-04-\u{664}1",
            "0001-01-01 00:00:00+01:00",
            "9999-12-31 23:59:59-01:00",
            "04/01/2018",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
        assert_eq!(format_time(i64::MIN), "-290308-12-21T19:59:05.224192Z");
    }
}
