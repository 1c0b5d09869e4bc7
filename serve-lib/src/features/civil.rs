//! Parts of an instant in local time at a fixed offset: hour, weekday, weekend, night.

const MICROS_PER_SEC: i64 = 1_000_000;
const SECS_PER_DAY: i64 = 86_400;

/// A part of a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimePart {
    /// 0 to 23.
    Hour,
    /// 0 (Monday) to 6 (Sunday).
    Weekday,
    /// 1 on Saturday and Sunday, else 0.
    Weekend,
    /// 1 in the hours 0 to 6, that is before 07:00, else 0.
    Night,
    /// A category of four parts of six hours, [`TimePart::DAY_PARTS`] in the order of their codes.
    DayPart,
}

impl TimePart {
    /// The parts of a day: from 00:00, 06:00, 12:00 and 18:00 on. Its night is shorter than
    /// [`TimePart::Night`], which lasts to 07:00.
    pub const DAY_PARTS: [&str; Self::N_DAY_PARTS as usize] =
        ["night", "morning", "afternoon", "evening"];
    pub(super) const N_DAY_PARTS: u32 = 4;

    /// The part of `micros` (since 1970-01-01T00:00:00 UTC) at `utc_offset_secs` east of UTC.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "in whole seconds any instant is far from overflow"
    )]
    pub fn of(self, micros: i64, utc_offset_secs: i32) -> f32 {
        let secs = micros.div_euclid(MICROS_PER_SEC) + i64::from(utc_offset_secs);
        let hour = secs.rem_euclid(SECS_PER_DAY) / 3_600;
        // 1970-01-01 was a Thursday, weekday 3.
        let weekday = (secs.div_euclid(SECS_PER_DAY) + 3).rem_euclid(7);
        let part = match self {
            Self::Hour => hour,
            Self::Weekday => weekday,
            Self::Weekend => i64::from(weekday >= 5),
            Self::Night => i64::from(hour <= 6),
            Self::DayPart => hour / 6,
        };
        part as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(micros: i64, utc_offset_secs: i32) -> [i32; 4] {
        [TimePart::Hour, TimePart::Weekday, TimePart::Weekend, TimePart::Night]
            .map(|part| part.of(micros, utc_offset_secs) as i32)
    }

    #[test]
    fn parts_are_those_of_the_calendar() {
        // `date -u -d @1522540799`: Sat 31 Mar 2018 23:59:59; one second later it is Sunday.
        assert_eq!(parts(1_522_540_799_000_000, 0), [23, 5, 1, 0]);
        assert_eq!(parts(1_522_540_800_000_000, 0), [0, 6, 1, 1]);
        // Two hours further east the same instant is Sunday 02:00.
        assert_eq!(parts(1_522_540_800_000_000, 7_200), [2, 6, 1, 1]);
        // Night ends at 07:00:00; Monday 2 April 2018.
        assert_eq!(parts(1_522_652_399_000_000, 0), [6, 0, 0, 1]);
        assert_eq!(parts(1_522_652_400_000_000, 0), [7, 0, 0, 0]);
        // One microsecond before 1970: Wednesday 31 December 1969, 23:59:59.
        assert_eq!(parts(-1, 0), [23, 2, 0, 0]);
    }

    #[test]
    fn a_day_has_four_parts_of_six_hours() {
        let at = |hour: i64, secs: i64| {
            let micros = (hour * 3_600 + secs) * 1_000_000;
            TimePart::DAY_PARTS[TimePart::DayPart.of(micros, 0) as usize]
        };
        let found =
            [at(0, 0), at(5, 3_599), at(6, 0), at(12, 0), at(17, 3_599), at(18, 0), at(23, 0)];
        let (night, morning) = ("night", "morning");
        assert_eq!(found, [night, night, morning, "afternoon", "afternoon", "evening", "evening"]);
        // Just before midnight in UTC it is night two hours further east.
        assert_eq!(TimePart::DayPart.of(-1, 7_200) as usize, 0);
    }

    #[test]
    fn extreme_instants_do_not_overflow() {
        for micros in [i64::MIN, i64::MAX] {
            for offset in [-86_400, 86_400] {
                assert!((0.0..24.0).contains(&TimePart::Hour.of(micros, offset)));
            }
        }
    }
}
