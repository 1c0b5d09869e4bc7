//! Newline-delimited JSON as columns of text: every line holds one object, blank lines are passed
//! over.
//!
//! A field that a line lacks, `null` and empty text are null. The fields of an object within are
//! columns named `outer.inner`. Text is taken as it is, whole numbers as they are written, others
//! (`12.0`, `1e3`) as the f64 they stand for, so that 12 and 12.0 are the same id. Arrays, and
//! objects deeper down, have no place in a column; only where all columns are kept are they carried
//! along, as JSON.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};
use std::path::PathBuf;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, ErrorKind};
use crate::files::InputFile;
use crate::input::Input;
use crate::options::ReadOptions;
use crate::report::BadRow;
use crate::text_batch::{BatchSize, MOST_COLUMNS, TextBatch};

/// Reads a file from its start to its end.
pub(crate) struct NdjsonReader {
    path: PathBuf,
    input: Input,
    options: ReadOptions,
    fields: Fields,
    /// The line the next row starts on, from 1.
    line: usize,
    /// The rows of data before.
    n_rows: usize,
}

impl NdjsonReader {
    /// Opens a file to read these columns. Whether it has them shows only at its end.
    pub(crate) fn open(
        file: &InputFile,
        options: &ReadOptions,
        names: &[String],
    ) -> Result<Self, Error> {
        let keys = file.keys.iter().map(|(key, _)| key.clone()).collect();
        Self::with_fields(file, options, Fields::new(names, keys))
    }

    /// Opens a file to keep all columns, which must be those of [`NdjsonReader::all_names`].
    pub(crate) fn open_all(
        file: &InputFile,
        options: &ReadOptions,
        names: &[String],
    ) -> Result<Self, Error> {
        let mut reader = Self::open(file, options, names)?;
        reader.fields.keeps_all = true;
        Ok(reader)
    }

    /// The names of all columns in the order in which they first appear.
    pub(crate) fn all_names(file: &InputFile, options: &ReadOptions) -> Result<Vec<String>, Error> {
        let mut fields = Fields::new(&[], Vec::new());
        (fields.keeps_all, fields.grows) = (true, true);
        let mut reader = Self::with_fields(file, options, fields)?;
        let mut batch = TextBatch::default();
        while reader.read(BatchSize::TO_CONVERT, &mut batch)? {
            batch = TextBatch::default();
        }
        if let Some((column, _)) =
            file.keys.iter().find(|(key, _)| reader.fields.positions.contains_key(key))
        {
            let (path, column) = (file.path.clone(), column.clone());
            return Err(ErrorKind::HiveColumn { path, column }.into());
        }
        // An object that is null in some rows is not a column beside those of its fields.
        let fields = &reader.fields;
        let kept = fields.names.iter().zip(&fields.filled);
        let kept = kept.filter(|(name, filled)| **filled || !fields.outer.contains(*name));
        Ok(kept.map(|(name, _)| name.clone()).collect())
    }

    fn with_fields(file: &InputFile, options: &ReadOptions, fields: Fields) -> Result<Self, Error> {
        let input = Input::open(&file.path, options)?;
        let (path, options) = (file.path.clone(), options.clone());
        Ok(Self { path, input, options, fields, line: 1, n_rows: 0 })
    }

    /// Which of the columns some row had, so far.
    pub(crate) fn found(&self) -> &[bool] {
        &self.fields.found
    }

    /// Names of columns that were seen and not asked for, some of them.
    pub(crate) fn others(&self) -> &[String] {
        &self.fields.others
    }

    /// Adds the next rows to a batch, until it is full. Whether there may be more.
    pub(crate) fn read(&mut self, size: BatchSize, batch: &mut TextBatch) -> Result<bool, Error> {
        let mut n_bytes_read = 0;
        while batch.n_rows < size.max_rows && n_bytes_read < size.max_bytes {
            let pending = self.input.pending();
            let line_end = memchr::memchr(b'\n', pending);
            let n_bytes = match line_end {
                Some(length) => length + 1,
                None if self.input.has_ended() => pending.len(),
                None if pending.len() <= self.options.max_record_bytes => {
                    self.input.fill()?;
                    continue;
                }
                None => pending.len(),
            };
            if n_bytes == 0 {
                return Ok(false);
            }
            let line = self.line;
            self.line += 1;
            let read = if n_bytes > self.options.max_record_bytes {
                self.input.skip_line()?;
                let longest = self.options.max_record_bytes;
                Err(format!("longer than {longest} bytes, the most a row may have"))
            } else if pending[..n_bytes].trim_ascii().is_empty() {
                self.input.consume(n_bytes);
                continue;
            } else {
                let read = self.fields.read(&pending[..n_bytes]);
                self.input.consume(n_bytes);
                n_bytes_read += BatchSize::weight(n_bytes, batch.columns.len());
                read
            };
            if let Some(column) = self.fields.hive_clash.take() {
                let path = self.path.clone();
                return Err(ErrorKind::HiveColumn { path, column }.into());
            }
            let n_columns = self.fields.names.len();
            if n_columns > MOST_COLUMNS {
                let reason = format!("found {n_columns} columns, expected at most {MOST_COLUMNS}");
                let (path, row, line) = (self.path.clone(), self.n_rows + 1, Some(line));
                return Err(ErrorKind::Row(BadRow { path, line, row, reason }).into());
            }
            let place = (self.n_rows, Some(line));
            self.n_rows += 1;
            match read {
                Err(reason) => {
                    batch.report.bad_row(self.options.bad_rows, &self.path, place, reason)?;
                }
                Ok(()) => {
                    for (column, span) in batch.columns.iter_mut().zip(&self.fields.spans) {
                        column.push(span.map_or("", |(start, end)| &self.fields.text[start..end]));
                    }
                    batch.places.push(place.0, place.1);
                    batch.n_rows += 1;
                }
            }
        }
        Ok(true)
    }
}

/// The columns, and where in `text` the values of the row read last are.
#[derive(Default)]
struct Fields {
    names: Vec<String>,
    positions: HashMap<String, usize>,
    /// Names of objects some of whose fields are columns.
    outer: HashSet<String>,
    /// Names that must not appear, since folders give these columns.
    keys: Vec<String>,
    hive_clash: Option<String>,
    /// Whether unknown fields become columns.
    grows: bool,
    /// Whether arrays and deep objects are kept as JSON.
    keeps_all: bool,
    found: Vec<bool>,
    /// Which of the columns were ever more than null.
    filled: Vec<bool>,
    others: Vec<String>,
    text: String,
    spans: Vec<Option<(usize, usize)>>,
    /// Which of the spans are not none.
    filled_last: Vec<usize>,
}

impl Fields {
    fn new(names: &[String], keys: Vec<String>) -> Self {
        let mut fields = Self { keys, ..Self::default() };
        for name in names {
            fields.add(name);
        }
        fields
    }

    fn add(&mut self, name: &str) -> usize {
        let position = self.names.len();
        self.names.push(name.to_owned());
        self.positions.insert(name.to_owned(), position);
        self.found.push(false);
        self.filled.push(false);
        self.spans.push(None);
        // Every dot may be the one between an object's name and its field's.
        for (dot, _) in name.match_indices('.') {
            self.outer.insert(name[..dot].to_owned());
        }
        position
    }

    /// Reads a row.
    fn read(&mut self, line: &[u8]) -> Result<(), String> {
        self.text.clear();
        self.filled_last.drain(..).for_each(|position| self.spans[position] = None);
        let line = std::str::from_utf8(line)
            .map_err(|_| "bytes that are not UTF-8; save the file as UTF-8".to_owned())?;
        let mut deserializer = serde_json::Deserializer::from_str(line);
        let row = Row { fields: self, outer: None };
        let read = row.deserialize(&mut deserializer).and_then(|()| deserializer.end());
        read.map_err(|error| {
            // The line is the only one; where in it the fault lies is worth knowing.
            let (message, column) = (error.to_string(), error.column());
            let message = message.split(" at line ").next().unwrap_or_default();
            if error.is_data() {
                message.to_owned()
            } else {
                format!("no JSON object: {message} at column {column}")
            }
        })
    }

    /// The column of a field, if it is wanted.
    fn position(&mut self, name: &str) -> Option<usize> {
        if let Some(position) = self.positions.get(name) {
            return Some(*position);
        }
        if self.grows {
            return Some(self.add(name));
        }
        if self.others.len() < 100 && !self.others.iter().any(|other| other == name) {
            self.others.push(name.to_owned());
        }
        None
    }
}

/// An object: the row itself, or one in it.
struct Row<'a> {
    fields: &'a mut Fields,
    outer: Option<&'a str>,
}

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            let joined = self.outer.map(|outer| format!("{outer}.{key}"));
            let name: &str = joined.as_deref().unwrap_or(&key);
            let is_outer =
                self.outer.is_none() && (self.fields.keeps_all || self.fields.outer.contains(name));
            if self.outer.is_none() && self.fields.keys.iter().any(|key| key == name) {
                self.fields.hive_clash = Some(name.to_owned());
                return Err(serde::de::Error::custom("a field that the folder's name gives too"));
            }
            map.next_value_seed(Value { fields: &mut *self.fields, name, is_outer })?;
        }
        Ok(())
    }
}

/// The value of a field.
struct Value<'a> {
    fields: &'a mut Fields,
    name: &'a str,
    /// Whether the fields of an object here may be columns.
    is_outer: bool,
}

impl Value<'_> {
    fn put<E: serde::de::Error>(self, value: impl fmt::Display) -> Result<(), E> {
        let Some(position) = self.fields.position(self.name) else { return Ok(()) };
        let start = self.fields.text.len();
        write!(self.fields.text, "{value}").map_err(E::custom)?;
        self.fields.found[position] = true;
        self.fields.filled[position] |= self.fields.text.len() > start;
        let span = &mut self.fields.spans[position];
        if span.is_some() {
            return Err(E::custom(format!("field {:?} appears twice", self.name)));
        }
        *span = Some((start, self.fields.text.len()));
        self.fields.filled_last.push(position);
        Ok(())
    }

    /// Whether the field is a column; an array or deep object that was asked for is refused.
    fn is_wanted<E: serde::de::Error>(&mut self, found: &str) -> Result<bool, E> {
        if self.fields.position(self.name).is_none() {
            return Ok(false);
        }
        if self.fields.keeps_all {
            return Ok(true);
        }
        Err(E::custom(format!(
            "column {:?}: expected text, a number or a truth value, found {found}",
            self.name
        )))
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.put(value)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.put(value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.put(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.put(value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.put(value)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.put("")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        if !self.is_wanted("an array")? {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let mut kept = Vec::new();
        while let Some(item) = items.next_element::<serde_json::Value>()? {
            kept.push(item);
        }
        self.put(serde_json::Value::Array(kept))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if self.is_outer {
            return Row { fields: self.fields, outer: Some(self.name) }.visit_map(map);
        }
        if !self.is_wanted("an object")? {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let mut kept = serde_json::Map::new();
        while let Some((key, value)) = map.next_entry()? {
            kept.insert(key, value);
        }
        self.put(serde_json::Value::Object(kept))
    }
}
