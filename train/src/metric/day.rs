//! Local days, which alerts are counted by.

/// Microseconds of a day.
pub(super) const DAY_MICROS: i64 = 86_400_000_000;

/// Which local day a time lies on, days since 1970-01-01: `time` is microseconds UTC, the offset is
/// local time minus UTC.
pub fn local_day(time: i64, utc_offset_micros: i64) -> i64 {
    time.saturating_add(utc_offset_micros).div_euclid(DAY_MICROS)
}
