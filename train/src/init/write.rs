//! The configuration in words: what was found, what was decided and why, so that a person can change
//! it.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::choose::{Choice, Reason, Verdict};
use super::windows::{Windows, span_text};
use super::{Split, Table};
use crate::learner::MAX_LOGISTIC_COLUMNS;
use crate::program::DEFAULT_MAX_CATEGORIES;

/// Values that a learner may be given to fit in a minute or so: rows times the width of a row.
const FOREST_VALUES: usize = 60_000_000;
const LOGISTIC_VALUES: usize = 20_000_000;
/// Legitimate rows kept per fraud, at most.
const MAX_NEGATIVE_RATIO: usize = 20;

/// The text of the configuration.
pub(super) fn config(table: &Table<'_>) -> String {
    let mut text = String::new();
    head(&mut text, table);
    source(&mut text, table);
    columns(&mut text, table);
    match &table.split {
        Split::Time(windows) => split_by_time(&mut text, windows),
        Split::Hash { column, calibrate, stop } => {
            split_by_hash(&mut text, column, *calibrate, *stop)
        }
    }
    features(&mut text, table);
    learners(&mut text, table);
    text
}

/// What was found, for scripts.
pub(super) fn summary(table: &Table<'_>) -> Value {
    let features = table.choices.iter().filter(|choice| reason(&choice.verdict).is_none());
    let left_out: serde_json::Map<String, Value> = table
        .choices
        .iter()
        .filter_map(|choice| Some((choice.name.clone(), json!(reason(&choice.verdict)?))))
        .collect();
    json!({
        "rows": table.n_rows,
        "frauds": table.n_frauds,
        "unlabelled_rows": table.n_unlabelled,
        "skipped_rows": table.n_stray,
        "columns_used": features.map(|choice| &choice.name).collect::<Vec<_>>(),
        "columns_left_out": left_out,
    })
}

/// The columns left out with their reasons, a line each.
pub(super) fn reasons(choices: &[Choice]) -> String {
    let line = |choice: &Choice| Some(format!("\n  {}: {}", choice.name, reason(&choice.verdict)?));
    choices.iter().filter_map(line).collect()
}

fn reason(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::LeftOut(Reason::Id) => Some("every row has a value of its own: an id"),
        Verdict::LeftOut(
            Reason::Entity(reason) | Reason::LabelTime(reason) | Reason::Other(reason),
        ) => Some(reason),
        _ => None,
    }
}

fn head(text: &mut String, table: &Table<'_>) {
    let Table { n_rows, n_frauds, n_unlabelled, .. } = table;
    let n_labelled = n_rows - n_unlabelled;
    let rate = 100.0 * *n_frauds as f64 / n_labelled.max(1) as f64;
    let unlabelled = match n_unlabelled {
        0 => String::new(),
        n => format!(", {n} without a label"),
    };
    let _ = write!(
        text,
        "# Written by `shroff init` after a look at the data: {n_rows} rows, {n_frauds} frauds \
         ({rate:.2} %){unlabelled}.\n# Look through it, then: shroff retrain --config {}\n\n\
         [model]\nname = {}\n",
        one_line(&table.options.out.display().to_string()),
        quoted(&model_name(table)),
    );
}

fn source(text: &mut String, table: &Table<'_>) {
    let path = relative(table.options.data, table.options.out);
    let _ = write!(text, "\n[[source]]\nname = \"events\"\npath = {}\n", quoted(&path));
    if table.read.delimiter != b',' {
        let delimiter = char::from(table.read.delimiter).to_string();
        let _ = writeln!(text, "delimiter = {}", quoted(&delimiter));
    }
    if let Some(format) = &table.time_format {
        let _ = writeln!(text, "time_format = {}", quoted(format));
    }
    if !table.read.null_values.is_empty() {
        let words: Vec<String> = table.read.null_values.iter().map(|word| quoted(word)).collect();
        let words = words.join(", ");
        let _ = writeln!(text, "null_values = [{words}]  # found among other values: no value");
    }
    if table.n_stray > 0 {
        let _ = writeln!(
            text,
            "bad_rows = \"skip\"                    # {} or more cannot be read as the others are",
            counted(table.n_stray, "row")
        );
    }
}

fn columns(text: &mut String, table: &Table<'_>) {
    text.push_str("\n[columns]\n");
    let named = |wanted: &dyn Fn(&Verdict) -> bool| {
        table
            .choices
            .iter()
            .filter(|choice| wanted(&choice.verdict))
            .map(|c| quoted(&c.name))
            .collect::<Vec<_>>()
    };
    if let Some(id) = named(&|verdict| *verdict == Verdict::LeftOut(Reason::Id)).first() {
        let _ = writeln!(text, "id = {id}  # unique: a row that appears twice is an error");
    }
    if let Some(time) = table.options.time {
        let _ = writeln!(text, "time = {}", quoted(time));
    }
    let _ = writeln!(text, "label = {}", quoted(table.options.label));
    for label_time in named(&|v| matches!(v, Verdict::LeftOut(Reason::LabelTime(_)))) {
        let _ =
            writeln!(text, "# label_time = {label_time}  # if this is when the label became known");
    }
    if let Some(amount) = &table.amount {
        let _ = writeln!(text, "amount = {}", quoted(amount));
    }
    let entities = named(&|verdict| matches!(verdict, Verdict::LeftOut(Reason::Entity(_))));
    if !entities.is_empty() {
        let _ = writeln!(
            text,
            "# entity = [{}]  # cards, customers, devices, if they are",
            entities.join(", ")
        );
    }
}

fn split_by_time(text: &mut String, windows: &Windows) {
    text.push_str(
        "\n# Counted back from the midnight after the newest event: train, calibrate, delay, test, delay.\n",
    );
    for (name, rows, frauds) in &windows.counts {
        let _ = writeln!(text, "#   {name} {rows} rows, {frauds} frauds");
    }
    let _ = write!(
        text,
        "[split]\nlabel_delay = \"{}\"  # a guess: how long until nearly every fraud is known?\n\
         train = \"{}\"\n",
        span_text(windows.label_delay),
        span_text(windows.train)
    );
    let calibrate = windows.calibrate.map(|span| format!("\"{}\"", span_text(span)));
    stop_and_calibrate(text, windows.stop, calibrate);
    let _ = writeln!(text, "test = \"{}\"", span_text(windows.test));
}

fn split_by_hash(text: &mut String, column: &str, calibrate: bool, stop: bool) {
    let what = if column == "*" { "the content of the whole row" } else { "this column" };
    let _ = write!(
        text,
        "\n# No time is given, so rows go to train, calibrate and test by a hash of {what}. That is not\n\
         # honest in time: a model is judged on rows from before those it learnt from. Give --time if\n\
         # there is one.\n[split]\nby_hash = {}\ntrain = {}\n",
        quoted(column),
        if calibrate { "0.6" } else { "0.7" }
    );
    stop_and_calibrate(text, stop, calibrate.then(|| "0.2".to_owned()));
    let _ = writeln!(text, "test = {}", if calibrate { "0.2" } else { "0.3" });
}

fn stop_and_calibrate(text: &mut String, stop: bool, calibrate: Option<String>) {
    if !stop {
        text.push_str(
            "stop = \"none\"  # too few frauds to choose among learners: the first is taken\n",
        );
    }
    match calibrate {
        Some(window) => {
            let _ = writeln!(text, "calibrate = {window}");
        }
        None => text.push_str("# no calibrate: too few frauds\n"),
    }
}

fn features(text: &mut String, table: &Table<'_>) {
    text.push_str(
        "\n# Missing values are learnt as such, categories not seen before fall to the rare ones; see\n\
         # on_missing, on_unseen and range for other policies.\n",
    );
    if let Some(time) = table.options.time.filter(|_| !table.time_parts.is_empty()) {
        parts(text, time, &table.time_parts);
    }
    for choice in &table.choices {
        let column = quoted(&choice.name);
        match &choice.verdict {
            Verdict::Number => {
                let _ = write!(text, "\n[[feature]]\ncolumn = {column}\n");
            }
            Verdict::Boolean => {
                let _ = write!(text, "\n[[feature]]\ncolumn = {column}\nkind = \"boolean\"\n");
            }
            Verdict::Category(distinct) => {
                let most = match *distinct > DEFAULT_MAX_CATEGORIES as usize {
                    true => format!(", the {DEFAULT_MAX_CATEGORIES} most frequent get a code"),
                    false => String::new(),
                };
                let _ = write!(
                    text,
                    "\n[[feature]]\ncolumn = {column}\nkind = \"category\"  # {}{most}\n",
                    counted(*distinct, "value")
                );
            }
            Verdict::Parts(names) => parts(text, &choice.name, names),
            Verdict::LeftOut(_) => {
                let reason = one_line(reason(&choice.verdict).unwrap_or_default());
                let _ = write!(text, "\n# left out: {}: {reason}\n", one_line(&choice.name));
            }
        }
    }
}

fn parts(text: &mut String, column: &str, names: &[&str]) {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let _ = write!(
        text,
        "\n[[feature]]\ncolumn = {}\nparts = [{}]\n",
        quoted(column),
        names.join(", ")
    );
}

/// Boosting, and all learners that can be fitted in a minute or so with as many legitimate rows as that
/// allows.
fn learners(text: &mut String, table: &Table<'_>) {
    let (rows, frauds) = fit_rows(table);
    let mut width = table.time_parts.len();
    let mut one_hot = width;
    for choice in &table.choices {
        let (values, columns) = match &choice.verdict {
            Verdict::Number | Verdict::Boolean => (1, 2),
            Verdict::Category(distinct) => {
                (1, 2 + (*distinct).min(DEFAULT_MAX_CATEGORIES as usize))
            }
            Verdict::Parts(names) => (names.len(), names.len()),
            Verdict::LeftOut(_) => (0, 0),
        };
        width += values;
        one_hot += columns;
    }
    text.push_str("\n[[learner]]\nkind = \"gbdt\"\n");
    let forest = (FOREST_VALUES, width, "forest");
    for (most, width, kind) in [(LOGISTIC_VALUES, one_hot, "logistic"), forest] {
        if kind == "logistic" && width > MAX_LOGISTIC_COLUMNS {
            let _ = write!(text, "\n# no logistic: it takes {MAX_LOGISTIC_COLUMNS} columns\n");
            continue;
        }
        let most_rows = most / width.max(1);
        if rows <= most_rows {
            let _ = write!(text, "\n[[learner]]\nkind = \"{kind}\"\n");
            continue;
        }
        let ratio = (most_rows / frauds.max(1)).saturating_sub(1);
        let ratio = ratio.clamp(1, MAX_NEGATIVE_RATIO);
        // Too many frauds for any sample of the others to help.
        let mark = if frauds * 2 > 10 * most_rows { "# " } else { "" };
        let sampled = rows - frauds > ratio * frauds;
        let _ = write!(text, "\n{mark}[[learner]]\n{mark}kind = \"{kind}\"\n");
        if sampled {
            let _ = writeln!(
                text,
                "{mark}negative_ratio = {ratio}  # legitimate rows kept per fraud, to fit in a minute or so; \
                 corrected for"
            );
        }
        if !mark.is_empty() {
            text.push_str("# (it would take long on so many frauds)\n");
        }
    }
}

fn fit_rows(table: &Table<'_>) -> (usize, usize) {
    match &table.split {
        Split::Time(windows) => {
            let fitted =
                windows.counts.iter().filter(|(name, _, _)| matches!(*name, "train" | "stop"));
            fitted.fold((0, 0), |(rows, frauds), (_, n, f)| (rows + n, frauds + f))
        }
        Split::Hash { .. } => {
            ((table.n_rows - table.n_unlabelled) * 7 / 10, table.n_frauds * 7 / 10)
        }
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// After the file, in the letters that a registry takes.
fn model_name(table: &Table<'_>) -> String {
    if let Some(name) = table.options.name {
        return name.to_owned();
    }
    let stem = Path::new(table.options.data).file_stem().unwrap_or_default().to_string_lossy();
    let letter = |ch: char| if ch.is_ascii_alphanumeric() { ch.to_ascii_lowercase() } else { '-' };
    let name: String = stem.chars().map(letter).collect();
    let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
    let name: String = words.join("-").chars().take(64).collect();
    match name.chars().any(|ch| ch.is_ascii_lowercase()) {
        true => name,
        false => "fraud".to_owned(),
    }
}

/// The data's path as seen from the configuration's folder.
fn relative(data: &str, out: &Path) -> String {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        None => data.to_owned(),
        Some(folder) => match Path::new(data).strip_prefix(folder) {
            Ok(inside) => inside.to_string_lossy().into_owned(),
            Err(_) => std::path::absolute(data)
                .unwrap_or_else(|_| PathBuf::from(data))
                .to_string_lossy()
                .into_owned(),
        },
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// For comments, which end with their line.
fn one_line(text: &str) -> String {
    text.chars().map(|ch| if ch.is_control() { ' ' } else { ch }).collect()
}
