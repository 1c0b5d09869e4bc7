//! Time windows: `train | stop | calibrate | delay | test | delay | as_of`, never shuffled; and the
//! labelled rows of windows or parts.

mod unlabelled;

pub use unlabelled::{Unlabelled, labelled};

use shroff_datasets::time::format_time;

use crate::config::{Bounds, MICROS_PER_DAY, SplitConfig, StopConfig, WindowConfig};
use crate::error::Error;
use crate::events::Events;
use crate::part::{Part, Parts};

/// The share of train's time that makes `stop` when none is given.
pub const DEFAULT_STOP_SHARE: f64 = 0.15;

/// Where the windows lie. Times are microseconds UTC, ends exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// Fits learners, `stop` left out.
    pub train: Span,
    /// Chooses among learners.
    pub stop: Option<Span>,
    /// Feeds calibration, bands and reference.
    pub calibrate: Option<Span>,
    /// Judges.
    pub test: Span,
    /// Nothing from here on is known.
    pub as_of: i64,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Inclusive.
    pub from: i64,
    /// Exclusive.
    pub to: i64,
}

/// The labelled rows of each window, in the order of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Fits learners before the choice.
    pub train: Vec<usize>,
    /// Chooses among them; empty without such a window.
    pub stop: Vec<usize>,
    /// Train and stop together, fitted after the choice.
    pub refit: Vec<usize>,
    /// Calibrates; empty without such a window.
    pub calibrate: Vec<usize>,
    /// Judges.
    pub test: Vec<usize>,
    /// Rows of each window without a label that counts.
    pub unlabelled: Vec<(&'static str, Unlabelled)>,
}

impl Windows {
    /// Lays the windows out: durations back from `as_of`, bounds as they stand. `first_event` is
    /// where train begins when its bounds do not say.
    ///
    /// # Errors
    /// Windows that overlap, are empty, stand in another order, or whose labels cannot be known in
    /// time.
    pub fn new(config: &SplitConfig, as_of: i64, first_event: i64) -> Result<Self, Error> {
        let delay = config.label_delay.micros();
        let asked = |name: &str, window: &Option<WindowConfig>| {
            let missing = || Error::config(format!("[split] {name}: expected a window in time"));
            window.clone().ok_or_else(missing)
        };
        let back = |end: i64, window: &WindowConfig| match window {
            WindowConfig::Length(length) => {
                Span { from: end.saturating_sub(length.micros()), to: end }
            }
            WindowConfig::Bounds(bounds) => span(bounds, first_event),
            // The configuration's own check refuses it before.
            WindowConfig::Share(_) => Span { from: end, to: end },
        };
        let test = back(as_of.saturating_sub(delay), &asked("test", &config.test)?);
        let before_test = test.from.saturating_sub(delay);
        let calibrate = config.calibrate.as_ref().map(|window| back(before_test, window));
        let before_calibrate = calibrate.map_or(before_test, |window| window.from);
        let own_stop = match &config.stop {
            Some(StopConfig::Window(window)) => Some(back(before_calibrate, window)),
            _ => None,
        };
        let train = asked("train", &config.train)?;
        let train = back(own_stop.map_or(before_calibrate, |window| window.from), &train);
        let (train, stop) = match config.stop {
            None => {
                // In whole seconds, so that a person can write the cut down.
                let secs = train.to.saturating_sub(train.from).div_euclid(1_000_000);
                let cut =
                    train.to.saturating_sub((secs as f64 * DEFAULT_STOP_SHARE) as i64 * 1_000_000);
                (Span { to: cut, ..train }, Some(Span { from: cut, to: train.to }))
            }
            Some(_) => (train, own_stop),
        };
        let windows = Self { train, stop, calibrate, test, as_of };
        windows.check(delay)?;
        Ok(windows)
    }

    /// The windows in the order of time, with their names.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, Span)> {
        let optional = |name, window: Option<Span>| window.map(|span| (name, span));
        [
            Some(("train", self.train)),
            optional("stop", self.stop),
            optional("calibrate", self.calibrate),
            Some(("test", self.test)),
        ]
        .into_iter()
        .flatten()
    }

    fn check(&self, delay: i64) -> Result<(), Error> {
        let mut before: Option<(&str, Span)> = None;
        for (name, span) in self.named() {
            if span.from >= span.to {
                return Err(Error::config(format!("[split] {name}: empty, {span}")));
            }
            if let Some((earlier, window)) = before
                && window.to > span.from
            {
                return Err(Error::config(format!(
                    "[split] {name}: begins before {earlier} ends: {earlier} is {window}, {name} is {span}"
                )));
            }
            before = Some((name, span));
        }
        if self.test.to > self.as_of {
            return Err(Error::config(format!(
                "[split] test: ends after as_of {}: test is {}",
                format_time(self.as_of),
                self.test
            )));
        }
        let fitted = self.calibrate.or(self.stop).unwrap_or(self.train);
        if fitted.to.saturating_add(delay) > self.test.from {
            let days = delay.div_euclid(MICROS_PER_DAY);
            return Err(Error::config(format!(
                "[split] the last labels before test are not known when test starts: a window \
                 ends {}, the label delay is {days} days, test starts {}; leave a gap of the delay",
                format_time(fitted.to),
                format_time(self.test.from)
            )));
        }
        Ok(())
    }
}

impl Span {
    /// Whether a time lies within.
    pub fn contains(self, time: i64) -> bool {
        self.from <= time && time < self.to
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to before {}", format_time(self.from), format_time(self.to))
    }
}

fn span(bounds: &Bounds, first_event: i64) -> Span {
    Span { from: bounds.from.map_or(first_event, |from| from.micros), to: bounds.to.micros }
}

impl Split {
    /// The rows of each window whose label was known in time: before test starts, or before
    /// `as_of` for those of test.
    ///
    /// # Errors
    /// A window without rows, or with rows of one class only.
    pub fn new(windows: &Windows, events: &Events) -> Result<Self, Error> {
        let mut unlabelled = Vec::new();
        let mut rows_of = |name, span: Span| {
            let cutoff = if name == "test" { windows.as_of } else { windows.test.from };
            let within = |row: &usize| span.contains(events.times[*row]);
            let all: Vec<usize> = (0..events.n_rows()).filter(within).collect();
            let (rows, counts) = labelled(events, &all, Some(cutoff));
            unlabelled.push((name, counts));
            let found = || {
                let first = events.times.iter().min().copied().unwrap_or_default();
                let last = events.times.iter().max().copied().unwrap_or_default();
                let (first, last) = (format_time(first), format_time(last));
                format!("the events read are of {first} to {last}")
            };
            check_classes(name, &span.to_string(), found, events, &counts, &rows)?;
            Ok::<_, Error>(rows)
        };
        let train = rows_of("train", windows.train)?;
        let stop = windows.stop.map_or(Ok(Vec::new()), |span| rows_of("stop", span))?;
        let calibrate =
            windows.calibrate.map_or(Ok(Vec::new()), |span| rows_of("calibrate", span))?;
        let test = rows_of("test", windows.test)?;
        Ok(Self { refit: merged(&train, &stop), train, stop, calibrate, test, unlabelled })
    }

    /// The labelled rows of each part; every label counts as known. `rule` is how parts were found,
    /// for messages. A part of no rows is no error for stop and calibrate: there is no such window.
    ///
    /// # Errors
    /// A part without labelled rows of both classes.
    pub fn by_parts(parts: &Parts, rule: &str, events: &Events) -> Result<Self, Error> {
        let mut unlabelled = Vec::new();
        let mut rows_of = |part: Part| {
            let (name, all) = (part.name(), parts.rows(part));
            if all.is_empty() && matches!(part, Part::Stop | Part::Calibrate) {
                return Ok(Vec::new());
            }
            let (rows, counts) = labelled(events, &all, None);
            unlabelled.push((name, counts));
            let found = || match parts.others() {
                others if others.is_empty() => format!("{} rows were read", events.n_rows()),
                others => format!("other rows have {others}"),
            };
            check_classes(name, &format!("by {rule}"), found, events, &counts, &rows)?;
            Ok::<_, Error>(rows)
        };
        let [train, stop, calibrate, test] = Part::ALL.map(&mut rows_of);
        let (train, stop, calibrate, test) = (train?, stop?, calibrate?, test?);
        Ok(Self { refit: merged(&train, &stop), train, stop, calibrate, test, unlabelled })
    }

    /// Rows of all windows without a label that counts.
    pub fn n_unlabelled(&self) -> usize {
        self.unlabelled.iter().map(|(_, counts)| counts.n_rows()).sum()
    }
}

/// The rows of both, in the order of the source.
fn merged(train: &[usize], stop: &[usize]) -> Vec<usize> {
    let mut rows = [train, stop].concat();
    rows.sort_unstable();
    rows
}

fn check_classes(
    name: &str,
    place: &str,
    found: impl Fn() -> String,
    events: &Events,
    counts: &Unlabelled,
    labelled: &[usize],
) -> Result<(), Error> {
    let n_frauds = labelled.iter().filter(|row| events.labels[**row] == Some(true)).count();
    let problem = if counts.n_window == 0 {
        format!("found no rows; {}", found())
    } else if labelled.is_empty() {
        let Unlabelled { n_window, blocked, null, not_in_time } = counts;
        format!(
            "{n_window} rows, none with a label known in time ({null} null, {not_in_time} known too \
             late, {blocked} blocked)"
        )
    } else if n_frauds == 0 {
        let left_out = counts.n_rows();
        format!(
            "{} labelled rows, no fraud among them ({left_out} more have no label known in time)",
            labelled.len()
        )
    } else if n_frauds == labelled.len() {
        format!("{} labelled rows, all of them frauds", labelled.len())
    } else {
        return Ok(());
    };
    let advice = match name {
        "stop" => "; choose longer windows, or stop = \"none\"",
        _ => "; choose other windows or check the label",
    };
    Err(Error::data(format!("window {name} ({place}): {problem}{advice}")))
}

/// The midnight after the newest event, in local time at the offset: the default `as_of`.
pub fn midnight_after(newest: i64, utc_offset_secs: i32) -> i64 {
    let offset = i64::from(utc_offset_secs) * 1_000_000;
    let day = newest.saturating_add(offset).div_euclid(MICROS_PER_DAY);
    day.saturating_add(1).saturating_mul(MICROS_PER_DAY).saturating_sub(offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Duration;
    use shroff_datasets::time::parse_time;

    fn time(text: &str) -> i64 {
        parse_time(text).unwrap()
    }

    fn config(stop: Option<StopConfig>, calibrate: Option<i64>) -> SplitConfig {
        let length = |days| WindowConfig::Length(Duration::days(days));
        SplitConfig {
            label_delay: Duration::days(7),
            column: None,
            by_hash: None,
            train: Some(length(7)),
            stop,
            calibrate: calibrate.map(length),
            test: Some(length(7)),
            refit: true,
        }
    }

    #[test]
    fn durations_count_back_from_as_of() {
        // The Handbook's week: as-of 22 August gives test 8 to 14 August, train 25 to 31 July.
        let as_of = time("2018-08-22");
        let none = Some(StopConfig::None(crate::config::NoWindow::None));
        let windows = Windows::new(&config(none, None), as_of, 0).unwrap();
        let span = |from, to| Span { from: time(from), to: time(to) };
        assert_eq!(windows.train, span("2018-07-25", "2018-08-01"));
        assert_eq!(windows.test, span("2018-08-08", "2018-08-15"));
        assert_eq!((windows.stop, windows.calibrate), (None, None));
        // A calibrate window pushes train back; stop is the last 15 % of train's week, 25.2 hours.
        let windows = Windows::new(&config(None, Some(14)), as_of, 0).unwrap();
        assert_eq!(windows.calibrate, Some(span("2018-07-18", "2018-08-01")));
        assert_eq!(windows.stop, Some(span("2018-07-16 22:48:00", "2018-07-18")));
        assert_eq!(windows.train, span("2018-07-11", "2018-07-16 22:48:00"));
    }

    #[test]
    fn windows_that_see_the_future_are_refused() {
        let mut overlapping = config(None, None);
        let bounds = |from: &str, to: &str| {
            let instant = |text| crate::config::Instant { micros: time(text) };
            WindowConfig::Bounds(Bounds { from: Some(instant(from)), to: instant(to) })
        };
        overlapping.train = Some(bounds("2018-07-25", "2018-08-05"));
        let error = Windows::new(&overlapping, time("2018-08-22"), 0).unwrap_err().to_string();
        assert!(error.contains("leave a gap of the delay"), "{error}");
        overlapping.train = Some(bounds("2018-08-05", "2018-08-10"));
        let error = Windows::new(&overlapping, time("2018-08-22"), 0).unwrap_err().to_string();
        assert!(error.contains("test: begins before"), "{error}");
    }

    #[test]
    fn midnight_is_local() {
        let newest = time("2018-04-01 23:30:00");
        assert_eq!(midnight_after(newest, 0), time("2018-04-02"));
        assert_eq!(midnight_after(newest, 3_600), time("2018-04-02 23:00:00"));
        assert_eq!(midnight_after(time("2018-04-02"), 0), time("2018-04-03"));
    }
}
