//! Text files of either format, batch by batch, with the columns that their folders' names give.

use std::collections::HashMap;

use crate::csv::CsvReader;
use crate::error::{Error, ErrorKind};
use crate::files::InputFile;
use crate::ndjson::NdjsonReader;
use crate::options::ReadOptions;
use crate::read::refuse_missing;
use crate::source::Format;
use crate::text_batch::{BatchSize, TextBatch, TextColumn};

/// Reads some columns of a file from its start to its end.
pub(crate) struct TextFile {
    names: Vec<String>,
    rows: Rows,
    /// The value that a folder's name gives each column, if it does.
    constants: Vec<Option<String>>,
    started: bool,
    ended: bool,
}

enum Rows {
    Csv { reader: Box<CsvReader>, positions: Vec<usize> },
    Ndjson(Box<NdjsonReader>),
}

/// The columns of a text file in its order, then those of its folders' names.
pub(crate) fn names(file: &InputFile, options: &ReadOptions) -> Result<Vec<String>, Error> {
    let mut names = match file.format {
        Format::Ndjson => NdjsonReader::all_names(file, options)?,
        _ => CsvReader::open(file, options)?.names().to_vec(),
    };
    add_keys(file, &mut names)?;
    Ok(names)
}

/// Adds the columns of the folders' names to those of the file.
pub(crate) fn add_keys(file: &InputFile, names: &mut Vec<String>) -> Result<(), Error> {
    for (key, _) in &file.keys {
        if names.contains(key) {
            let (path, column) = (file.path.clone(), key.clone());
            return Err(ErrorKind::HiveColumn { path, column }.into());
        }
        names.push(key.clone());
    }
    Ok(())
}

impl TextFile {
    /// Opens a file to read these columns.
    pub(crate) fn open(
        file: &InputFile,
        options: &ReadOptions,
        wanted: &[String],
    ) -> Result<Self, Error> {
        if file.format == Format::Ndjson {
            let reader = NdjsonReader::open(file, options, wanted)?;
            return Ok(Self::new(file, wanted.to_vec(), Rows::Ndjson(Box::new(reader))));
        }
        let reader = CsvReader::open(file, options)?;
        let mut available = reader.names().to_vec();
        let n_own = available.len();
        add_keys(file, &mut available)?;
        refuse_missing(&file.path, wanted, &available)?;
        let of_name: HashMap<&str, usize> =
            available.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let positions = wanted.iter().map(|name| of_name[name.as_str()]);
        // Columns of the folders are filled in afterwards.
        let positions = positions.map(|at| if at < n_own { at } else { usize::MAX }).collect();
        Ok(Self::new(file, wanted.to_vec(), Rows::Csv { reader: Box::new(reader), positions }))
    }

    /// Opens a file to read all columns; `ndjson_names` are those that NDJSON files are to have.
    pub(crate) fn open_all(
        file: &InputFile,
        options: &ReadOptions,
        ndjson_names: &[String],
    ) -> Result<Self, Error> {
        if file.format != Format::Ndjson {
            return Self::open(file, options, &names(file, options)?);
        }
        let reader = NdjsonReader::open_all(file, options, ndjson_names)?;
        let mut names = ndjson_names.to_vec();
        add_keys(file, &mut names)?;
        Ok(Self::new(file, names, Rows::Ndjson(Box::new(reader))))
    }

    fn new(file: &InputFile, names: Vec<String>, rows: Rows) -> Self {
        let of_name: HashMap<&str, &str> =
            file.keys.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let constants =
            names.iter().map(|name| of_name.get(name.as_str()).map(|v| (*v).to_owned())).collect();
        Self { names, rows, constants, started: false, ended: false }
    }

    /// Names of the columns read.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The next rows. A file without rows gives one batch of none.
    pub(crate) fn next_batch(&mut self, size: BatchSize) -> Result<Option<TextBatch>, Error> {
        if self.ended {
            return Ok(None);
        }
        let mut batch = TextBatch {
            columns: vec![TextColumn::default(); self.names.len()],
            ..TextBatch::default()
        };
        let more = match &mut self.rows {
            Rows::Csv { reader, positions } => reader.read(positions, size, &mut batch)?,
            Rows::Ndjson(reader) => reader.read(size, &mut batch)?,
        };
        self.ended = !more;
        if self.started && batch.n_rows == 0 && batch.report.rows_skipped == 0 && !more {
            return Ok(None);
        }
        self.started = true;
        for (column, value) in batch.columns.iter_mut().zip(&self.constants) {
            if let Some(value) = value {
                *column = TextColumn::repeat(value, batch.n_rows);
            }
        }
        Ok(Some(batch))
    }

    /// Which columns no row has had so far; the header of a CSV file tells from the start that it
    /// has all.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &str> {
        let found = match &self.rows {
            Rows::Csv { .. } => &[],
            Rows::Ndjson(reader) => reader.found(),
        };
        let missing = self.names.iter().zip(found).zip(&self.constants);
        missing
            .filter(|((_, found), constant)| !**found && constant.is_none())
            .map(|((name, _), _)| name.as_str())
    }

    /// Some of the names that a file has beside those asked for.
    pub(crate) fn others(&self) -> &[String] {
        match &self.rows {
            Rows::Csv { .. } => &[],
            Rows::Ndjson(reader) => reader.others(),
        }
    }
}
