//! `init`: looks at a labelled table and writes a commented configuration on which `retrain` works.
//!
//! `data` reads the table, `look` every column and tells what it holds, `signal` how well it alone tells frauds,
//! `choose` what becomes of it, `windows` where the windows lie, `write` puts it into words.
//! The data is only read.

mod choose;
mod data;
mod look;
mod signal;
mod times;
mod windows;
mod write;

use std::path::Path;

use shroff_datasets::ReadOptions;
use shroff_serve::schema::MAX_FEATURES;

use self::choose::{Choice, Context, Reason, Verdict};
use self::data::Data;
use self::look::{Content, Look};
use self::signal::Sample;
use self::times::TimeText;
use self::windows::Windows;
use crate::error::Error;

pub(crate) use self::write::counted;

/// What `init` is told.
#[derive(Debug, Clone)]
pub struct InitOptions<'a> {
    /// A file or a glob.
    pub data: &'a str,
    /// The column that says fraud or not.
    pub label: &'a str,
    /// When the event happened; without it rows are split by a hash.
    pub time: Option<&'a str>,
    /// Name of the model; default after the data's.
    pub name: Option<&'a str>,
    /// Where the configuration will stand: paths in it are relative to its folder.
    pub out: &'a Path,
}

/// A configuration and what it came from.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The configuration's text.
    pub text: String,
    /// What was found, as `init --json` prints it.
    pub summary: serde_json::Value,
}

/// What the table looks like, all of it decided.
struct Table<'a> {
    options: &'a InitOptions<'a>,
    n_rows: usize,
    n_frauds: usize,
    n_unlabelled: usize,
    /// Rows that cannot be read as what their columns hold.
    n_stray: usize,
    /// How the files are best read.
    read: ReadOptions,
    time_format: Option<String>,
    choices: Vec<Choice>,
    /// Parts of the event's own time.
    time_parts: Vec<&'static str>,
    split: Split,
    amount: Option<String>,
}

enum Split {
    Time(Windows),
    Hash {
        column: String,
        /// Whether there are frauds enough for calibrate, and for stop.
        calibrate: bool,
        stop: bool,
    },
}

/// Labelled rows below which nothing can be learnt and judged.
const MIN_ROWS: usize = 50;
/// Frauds, and legitimate rows, below which not every window has one.
const MIN_CLASS_ROWS: usize = 8;

/// Looks at the data and writes the configuration.
///
/// # Errors
/// Data that cannot be read, a label that is not 0 and 1, a time that is none, too few rows of a
/// class, or no column that could be a feature.
pub fn init(options: &InitOptions<'_>) -> Result<Draft, Error> {
    let Data { source, looks, n_rows, n_unreadable } = Data::read(options.data)?;
    let find = |role: &str, name: &str| {
        looks.iter().find(|look| look.name == name).ok_or_else(|| {
            Error::config(format!(
                "--{role}: expected a column of {} ({}), found {name:?}",
                options.data,
                names(&looks)
            ))
        })
    };
    let label = find("label", options.label)?;
    let labels = labels(options.data, label)?;
    let (n_frauds, n_labelled) = counts(options.data, label, &labels)?;
    let sample = Sample::new(&labels);

    let time = options.time.map(|name| find("time", name)).transpose()?;
    if options.time == Some(options.label) {
        return Err(Error::config("--time: expected another column than the label"));
    }
    let times = time.map(|look| event_times(options.data, look)).transpose()?;
    let format_of = |look: &Look| match &look.content {
        Content::Time { text: Some(TimeText::Format(format)), .. } => Some(format.clone()),
        _ => None,
    };
    // One way of writing times a source: that of the event's time, else of the first time there is.
    let time_format = match time {
        Some(look) => format_of(look),
        None => {
            let written =
                |look: &&Look| matches!(&look.content, Content::Time { text: Some(_), .. });
            looks.iter().find(written).and_then(format_of)
        }
    };
    let context = Context {
        n_rows,
        sample: &sample,
        times: times.as_deref(),
        time_format: time_format.as_deref(),
    };
    let is_role = |look: &&Look| look.name == options.label || Some(&*look.name) == options.time;
    let candidates: Vec<&Look> = looks.iter().filter(|look| !is_role(look)).collect();
    let choice = |look: &&Look| Choice { name: look.name.clone(), verdict: context.choose(look) };
    let mut choices: Vec<Choice> = candidates.iter().map(choice).collect();
    let time_parts = times.as_deref().map_or(Vec::new(), choose::parts);
    let most = MAX_FEATURES - time_parts.len();
    signal::leave_out_weakest(most, &candidates, &mut choices, &sample);

    let split = match &times {
        Some(times) => Split::Time(windows_of(options.data, times, &labels)?),
        None => {
            let frauds = n_frauds.min(n_labelled - n_frauds);
            Split::Hash {
                column: hash_column(&candidates, &choices, n_rows),
                calibrate: frauds >= 5 * MIN_CLASS_ROWS,
                stop: frauds >= 3 * MIN_CLASS_ROWS,
            }
        }
    };
    let used = |choice: &Choice| !matches!(choice.verdict, Verdict::LeftOut(_));
    if !choices.iter().any(used) && time_parts.is_empty() {
        return Err(Error::data(format!(
            "{}: no column is left to learn from:{}",
            options.data,
            write::reasons(&choices)
        )));
    }
    let read =
        |look: &&&Look| choices.iter().any(|choice| choice.name == look.name && used(choice));
    let n_stray = candidates.iter().filter(read).map(|look| look.n_stray).max().unwrap_or(0);
    let n_stray =
        n_unreadable + n_stray.max(label.n_stray).max(time.map_or(0, |look| look.n_stray));
    let table = Table {
        options,
        n_rows,
        n_frauds,
        n_unlabelled: n_rows - n_labelled,
        n_stray,
        read: source.options,
        time_format,
        amount: amount(&candidates, &choices),
        choices,
        time_parts,
        split,
    };
    Ok(Draft { text: write::config(&table), summary: write::summary(&table) })
}

/// The names of the columns; of very many the first.
fn names(looks: &[Look]) -> String {
    const MOST: usize = 50;
    let mut names: Vec<&str> = looks.iter().take(MOST).map(|look| look.name.as_str()).collect();
    if looks.len() > MOST {
        names.push("…");
    }
    names.join(", ")
}

fn labels(data: &str, look: &Look) -> Result<Vec<Option<bool>>, Error> {
    let refuse = |found: String| {
        Error::data(format!(
            "{data}: label {:?}: expected 0 and 1, or true and false (1 is fraud, null is not known), \
             found {found}; write the label so in a column of its own",
            look.name
        ))
    };
    match &look.content {
        Content::Boolean(values) => Ok(values.clone()),
        Content::Number { values, .. } => {
            let label = |value: &f64| match *value {
                value if value.is_nan() => Ok(None),
                value if (value - 1.0).abs() < f64::MIN_POSITIVE => Ok(Some(true)),
                value if value.abs() < f64::MIN_POSITIVE => Ok(Some(false)),
                value => Err(refuse(value.to_string())),
            };
            values.iter().map(label).collect()
        }
        Content::Text { values, .. } => {
            let mut shown: Vec<&str> = values.iter().map(String::as_str).collect();
            shown.retain(|value| !value.trim().is_empty());
            shown.sort_unstable();
            let more = if shown.len() > 4 { ", …" } else { "" };
            let shown: Vec<String> =
                shown.iter().take(4).map(|value| format!("{value:?}")).collect();
            Err(refuse(if shown.is_empty() {
                "no value".to_owned()
            } else {
                shown.join(", ") + more
            }))
        }
        Content::Time { .. } => Err(refuse("times".to_owned())),
        Content::Unreadable(reason) => Err(refuse(reason.clone())),
    }
}

/// Frauds and labelled rows, provided that there are enough.
fn counts(data: &str, look: &Look, labels: &[Option<bool>]) -> Result<(usize, usize), Error> {
    let n_labelled = labels.iter().flatten().count();
    let n_frauds = labels.iter().flatten().filter(|label| **label).count();
    let n_legitimate = n_labelled - n_frauds;
    if n_labelled < MIN_ROWS || n_frauds.min(n_legitimate) < MIN_CLASS_ROWS {
        return Err(Error::data(format!(
            "{data}: label {:?}: expected at least {MIN_ROWS} labelled rows with {MIN_CLASS_ROWS} \
             frauds and {MIN_CLASS_ROWS} legitimate ones among them, found {n_labelled} rows with \
             {n_frauds} frauds and {n_legitimate} legitimate ones",
            look.name
        )));
    }
    Ok((n_frauds, n_labelled))
}

fn event_times(data: &str, look: &Look) -> Result<Vec<Option<i64>>, Error> {
    let refuse = |found: &str| {
        Error::data(format!(
            "{data}: time {:?}: expected times or whole seconds since 1970, found {found}",
            look.name
        ))
    };
    if let Content::Number { values, whole: true } = &look.content {
        let known = || values.iter().filter(|value| !value.is_nan());
        if known().all(|value| (1.9e7..2.2e7).contains(value)) {
            return Err(refuse(
                "dates as numbers such as 20180401; write them as 2018-04-01, or as text and set \
                 time_format",
            ));
        }
        if known().any(|value| value.abs() > 253_402_300_800.0) {
            return Err(refuse("larger numbers; are they milliseconds? divide them by 1000"));
        }
    }
    let times = look.content.as_times().ok_or_else(|| match &look.content {
        Content::Text { values, .. } => refuse(&times::of_no_one_form(values)),
        Content::Number { .. } => refuse("numbers that are none"),
        _ => refuse("something else"),
    })?;
    if look.n_null > 0 {
        return Err(Error::data(format!(
            "{data}: time {:?}: {} rows have no time; fill it in or remove the rows, for a row \
             without a time lies in no window",
            look.name, look.n_null
        )));
    }
    Ok(times)
}

fn windows_of(
    data: &str,
    times: &[Option<i64>],
    labels: &[Option<bool>],
) -> Result<Windows, Error> {
    let mut events: Vec<(i64, bool)> =
        times.iter().zip(labels).filter_map(|(time, label)| Some(((*time)?, (*label)?))).collect();
    events.sort_unstable();
    let newest = times.iter().flatten().max().copied().unwrap_or_default();
    windows::propose(&events, newest).ok_or_else(|| {
        Error::data(format!(
            "{data}: no windows in time found that hold frauds and legitimate rows in each of train \
             and test: the frauds lie too near together; without --time rows are split by a hash"
        ))
    })
}

/// What rows are split by: the id, else a column of which hardly any value comes again, else the
/// content of the whole row.
fn hash_column(looks: &[&Look], choices: &[Choice], n_rows: usize) -> String {
    let named = |wanted: &dyn Fn(&Look, &Verdict) -> bool| {
        let pairs = looks.iter().zip(choices);
        pairs
            .into_iter()
            .find(|(look, choice)| wanted(look, &choice.verdict))
            .map(|(look, _)| look.name.clone())
    };
    let key = |look: &Look| {
        let whole =
            matches!(&look.content, Content::Text { .. } | Content::Number { whole: true, .. });
        whole && look.n_null == 0 && look.n_stray == 0 && look.n_distinct * 2 > n_rows
    };
    named(&|_, verdict| *verdict == Verdict::LeftOut(Reason::Id))
        .or_else(|| named(&|look, verdict| key(look) && matches!(verdict, Verdict::LeftOut(_))))
        .or_else(|| named(&|look, _| key(look)))
        .unwrap_or_else(|| "*".to_owned())
}

/// The number that is named an amount and never negative.
fn amount(looks: &[&Look], choices: &[Choice]) -> Option<String> {
    let named = |look: &Look| {
        let name = look.name.to_lowercase();
        name.contains("amount") || name.split(['_', ' ', '.']).any(|word| word == "amt")
    };
    let sound = |look: &Look| match &look.content {
        Content::Number { values, .. } => {
            values.iter().all(|value| value.is_nan() || (0.0..1e12).contains(value))
        }
        _ => false,
    };
    let mut pairs = looks.iter().zip(choices);
    let found = pairs.find(|(look, choice)| {
        choice.verdict == Verdict::Number && look.n_stray == 0 && named(look) && sound(look)
    });
    found.map(|(look, _)| look.name.clone())
}
