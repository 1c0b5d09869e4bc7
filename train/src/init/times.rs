//! Which way a column of text writes its times: ISO 8601, or one of the formats that are found in
//! dumps.

use shroff_datasets::time::parse_time;

/// How times are written in text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TimeText {
    /// As the reader expects them.
    Iso,
    /// Such as `%m/%d/%Y %H:%M`.
    Format(String),
}

const DATES: [&str; 14] = [
    "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%Y", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y",
    "%Y/%m/%d", "%Y.%m.%d", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%Y-%m-%d",
];
const CLOCKS: [&str; 7] =
    ["", " %H:%M", " %H:%M:%S", "T%H:%M", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S"];
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

impl TimeText {
    /// The way in which at least the given share of these values is written. Where day and month
    /// could be either, the order that gives the shorter span of time, of equals month first.
    pub(super) fn detect(values: &[&str], share: f64) -> Option<Self> {
        // The first values rule most formats out.
        let first = &values[..values.len().min(50)];
        let enough = |format: &Self, values: &[&str]| {
            let fit = values.iter().filter(|value| format.parse(value).is_some()).count();
            fit > 0 && fit as f64 >= share * values.len() as f64
        };
        let fits = |format: &Self| enough(format, first) && enough(format, values);
        if fits(&Self::Iso) {
            return Some(Self::Iso);
        }
        let formats = DATES.iter().flat_map(|date| CLOCKS.map(|clock| format!("{date}{clock}")));
        let fitting = formats.map(Self::Format).filter(fits);
        let span = |format: &Self| {
            let times = || values.iter().filter_map(|value| format.parse(value));
            times().max().unwrap_or(0).saturating_sub(times().min().unwrap_or(0))
        };
        fitting.min_by_key(span)
    }

    /// Microseconds since 1970.
    pub(super) fn parse(&self, text: &str) -> Option<i64> {
        match self {
            Self::Iso => parse_time(text.trim()),
            Self::Format(format) => parse(format, text.trim()),
        }
    }
}

/// What is wrong with text of which no form of time fits enough: two forms, or none.
pub(super) fn of_no_one_form(values: &[String]) -> String {
    let known: Vec<&str> =
        values.iter().map(|value| value.trim()).filter(|v| !v.is_empty()).collect();
    for first in &known {
        let Some(form) = TimeText::detect(&[first], 1.0) else { continue };
        let other = known.iter().find(|value| form.parse(value).is_none());
        return format!(
            "times of more than one form, such as {first:?} and {:?}; write them alike, or set \
             time_format = [\"…\", \"…\"] in a configuration of your own",
            other.unwrap_or(&"")
        );
    }
    format!("text such as {:?}", known.first().unwrap_or(&""))
}

/// Seconds since 1970 as microseconds, in years that have four digits.
pub(super) fn seconds(secs: i64) -> Option<i64> {
    (-62_135_596_800..253_402_300_800).contains(&secs).then(|| secs * 1_000_000)
}

fn parse(format: &str, text: &str) -> Option<i64> {
    let (mut year, mut month, mut day) = (1970, 1, 1);
    let (mut hour, mut minute, mut second, mut afternoon) = (0, 0, 0, None);
    let mut rest = text;
    let mut parts = format.chars();
    while let Some(part) = parts.next() {
        if part != '%' {
            rest = rest.strip_prefix(part)?;
            continue;
        }
        let part = parts.next()?;
        match part {
            'b' => {
                let name = rest.get(..3)?.to_ascii_lowercase();
                month = MONTHS.iter().position(|month| *month == name)? as u32 + 1;
                rest = &rest[3..];
            }
            'p' => {
                afternoon = Some(match rest.get(..2)?.to_ascii_lowercase().as_str() {
                    "am" => false,
                    "pm" => true,
                    _ => return None,
                });
                rest = &rest[2..];
            }
            _ => {
                let longest = if part == 'Y' { 4 } else { 2 };
                let n = rest.bytes().take(longest).take_while(u8::is_ascii_digit).count();
                let number: u32 = rest.get(..n)?.parse().ok()?;
                rest = &rest[n..];
                match part {
                    'Y' if n == 4 => year = number,
                    'y' if n == 2 => year = number + if number < 69 { 2000 } else { 1900 },
                    'm' => month = number,
                    'd' => day = number,
                    'H' => hour = number,
                    'I' if (1..=12).contains(&number) => hour = number % 12,
                    'M' => minute = number,
                    'S' => second = number,
                    _ => return None,
                }
            }
        }
    }
    if afternoon == Some(true) {
        hour += 12;
    }
    let iso = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    rest.is_empty().then(|| parse_time(&iso)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_from_values() {
        let detect = |values: &[&str]| match TimeText::detect(values, 1.0) {
            Some(TimeText::Format(format)) => format,
            Some(TimeText::Iso) => "iso".to_owned(),
            None => "none".to_owned(),
        };
        for (values, format) in [
            (vec!["2/24/2015 22:55", "6/7/2015 2:47"], "%m/%d/%Y %H:%M"),
            (vec!["24/2/2015 22:55", "6/7/2015 2:47"], "%d/%m/%Y %H:%M"),
            // 1 to 3 February are nearer together than January to March.
            (vec!["1/2/2015", "2/2/2015", "3/2/2015"], "%d/%m/%Y"),
            (vec!["04.02.2015 21:05:07"], "%d.%m.%Y %H:%M:%S"),
            (vec!["4-Feb-15", "14-MAR-15"], "%d-%b-%y"),
            (vec!["2/4/2015 09:05 PM"], "%m/%d/%Y %I:%M %p"),
            (vec!["2018-04-01 00:00:31", "2018-04-01"], "iso"),
            // Seconds since 1970 are whole numbers before they are times.
            (vec!["1522540831"], "none"),
            (vec!["2018-04-01 09:05"], "%Y-%m-%d %H:%M"),
            (vec!["yesterday"], "none"),
            (vec!["2/30/2015"], "none"),
        ] {
            assert_eq!(detect(&values), format, "{values:?}");
        }
        let parsed = parse("%m/%d/%Y %I:%M %p", "2/4/2015 12:05 AM");
        assert_eq!(parsed, parse_time("2015-02-04 00:05:00"));
        // Nine of ten are enough if so asked.
        let mut values = vec!["1/2/2015"; 9];
        values.push("?");
        assert_eq!(TimeText::detect(&values, 0.95), None);
        assert!(TimeText::detect(&values, 0.9).is_some());
    }
}
