//! Spans of time as people write them: `7d`, `12h`, `30m`, `90s`, `2w`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Microseconds in a day.
pub const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A span of time, 0 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Duration {
    micros: i64,
}

/// Units from the longest to the shortest, in microseconds.
const UNITS: [(char, i64); 5] = [
    ('w', 7 * MICROS_PER_DAY),
    ('d', MICROS_PER_DAY),
    ('h', 3_600_000_000),
    ('m', 60_000_000),
    ('s', 1_000_000),
];

impl Duration {
    /// A whole number of days.
    pub fn days(days: i64) -> Self {
        Self { micros: days * MICROS_PER_DAY }
    }

    /// Microseconds.
    pub fn micros(self) -> i64 {
        self.micros
    }

    /// Whole days, rounded up.
    pub fn days_rounded_up(self) -> i64 {
        self.micros.div_euclid(MICROS_PER_DAY) + i64::from(self.micros % MICROS_PER_DAY != 0)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().next_back()?;
        let number = text.strip_suffix(unit)?;
        let (_, micros) = UNITS.into_iter().find(|(known, _)| *known == unit)?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        number.parse::<i64>().ok()?.checked_mul(micros).map(|micros| Self { micros })
    }
}

impl fmt::Display for Duration {
    /// In the longest unit but weeks that gives a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = UNITS[1..].iter().find(|(_, micros)| self.micros % micros == 0);
        let (unit, micros) = fitting.unwrap_or(&UNITS[4]);
        write!(f, "{}{unit}", self.micros / micros)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "expected a span like \"7d\", \"12h\", \"30m\" or \"90s\", found {text:?}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_shown() {
        for (text, micros, shown) in [
            ("7d", 604_800_000_000, "7d"),
            ("2w", 1_209_600_000_000, "14d"),
            ("36h", 129_600_000_000, "36h"),
            ("0d", 0, "0d"),
            ("90s", 90_000_000, "90s"),
        ] {
            let span = Duration::parse(text).unwrap();
            assert_eq!((span.micros(), span.to_string().as_str()), (micros, shown));
        }
        for text in ["", "d", "7", "7 d", "-7d", "1.5d", "7y", "99999999999999d", "7д"] {
            assert_eq!(Duration::parse(text), None, "{text:?}");
        }
    }
}
