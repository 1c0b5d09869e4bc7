//! The words of a `[[feature]]` and what they mean to serve-lib.

use serde::{Deserialize, Serialize};
use shroff_serve::features::{TimePart, TimeUnit};

/// How a column becomes a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnFeature {
    /// A quantity.
    Number,
    /// True or false.
    Boolean,
    /// Text out of a vocabulary.
    Category,
}

/// A part of a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartName {
    /// 0 to 23.
    Hour,
    /// 0 (Monday) to 6.
    Weekday,
    /// Saturday or Sunday.
    Weekend,
    /// Before 07:00.
    Night,
    /// A category of four: `night` from 00:00, `morning` from 06:00, `afternoon` from 12:00,
    /// `evening` from 18:00.
    #[serde(rename = "day_part")]
    DayPart,
}

/// A row transform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransformName {
    /// `ln(1 + x)`; missing below -1.
    Log1p,
    /// `a / b`; missing where b is 0.
    Ratio,
    /// `a - b`.
    Difference,
}

/// What a difference of two times is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitName {
    /// 1 s.
    Seconds,
    /// 60 s.
    Minutes,
    /// 3,600 s.
    Hours,
    /// 86,400 s.
    Days,
}

/// What a category becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// A code of its own, or that of the rare and unseen.
    Code,
    /// The smoothed share of fraud among its rows.
    Rate,
}

impl PartName {
    pub(super) fn named(self) -> (&'static str, TimePart) {
        match self {
            Self::Hour => ("hour", TimePart::Hour),
            Self::Weekday => ("weekday", TimePart::Weekday),
            Self::Weekend => ("weekend", TimePart::Weekend),
            Self::Night => ("night", TimePart::Night),
            Self::DayPart => ("day_part", TimePart::DayPart),
        }
    }
}

impl From<UnitName> for TimeUnit {
    fn from(unit: UnitName) -> Self {
        match unit {
            UnitName::Seconds => Self::Seconds,
            UnitName::Minutes => Self::Minutes,
            UnitName::Hours => Self::Hours,
            UnitName::Days => Self::Days,
        }
    }
}
