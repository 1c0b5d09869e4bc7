//! How the files of a source are to be read where their names and contents do not tell.

use crate::error::{Error, ErrorKind};
use crate::read::ColumnRequest;
use crate::time_format::TimeFormat;

/// Options of a [`Source`](crate::Source). They matter to text formats; Parquet files say
/// themselves what they hold, and only `bad_rows` and, for columns kept as text, `time_formats` and
/// `null_values` concern them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// The byte between two fields of a CSV file, any ASCII character but `"` and line ends.
    /// Default: a comma.
    pub delimiter: u8,
    /// How text files spell characters. Default: UTF-8.
    pub encoding: Encoding,
    /// How times kept as text are written, tried in this order. Default: none, which stands for
    /// ISO 8601 and whole seconds since 1970; once there is one, nothing else is accepted.
    pub time_formats: Vec<TimeFormat>,
    /// Texts that mean null, such as `NA`, in every column and beside empty text; compared as they are
    /// written, white space and case included. A [`Frame`](crate::Frame) keeps them as they are and
    /// takes them for null where it is converted. Default: none.
    pub null_values: Vec<String>,
    /// What becomes of rows that cannot be read. Default: an error.
    pub bad_rows: BadRows,
    /// Columns that also decide which rows are left out under [`BadRows::Skip`], whether they are asked
    /// for or not: then several readings of one source leave out the same rows. Those that a file does
    /// not have count for nothing. Default: none, only the columns asked for decide.
    pub judged_by: Vec<ColumnRequest>,
    /// The longest row of a text file, in bytes; a longer one cannot be read. Bounds the memory a
    /// damaged file can take. Default: 64 MiB.
    pub max_record_bytes: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            delimiter: b',',
            encoding: Encoding::Utf8,
            time_formats: Vec::new(),
            null_values: Vec::new(),
            bad_rows: BadRows::Error,
            judged_by: Vec::new(),
            max_record_bytes: 64 << 20,
        }
    }
}

impl ReadOptions {
    /// Checks what the types leave open; every read does so first.
    ///
    /// # Errors
    /// A delimiter that could not be told from data, or a length of no bytes.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse =
            |option, expected, found| Err(ErrorKind::ReadOption { option, expected, found }.into());
        if !self.delimiter.is_ascii() || matches!(self.delimiter, b'"' | b'\n' | b'\r') {
            let found = format!("{:?}", char::from(self.delimiter));
            return refuse("delimiter", "an ASCII character, no quote and no line end", found);
        }
        if self.max_record_bytes == 0 {
            return refuse("max_record_bytes", "at least 1", "0".to_owned());
        }
        Ok(())
    }
}

/// How the bytes of a text file stand for characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    Utf8,
    /// ISO 8859-1: every byte is the character of that number.
    Latin1,
    /// Latin-1 with quotation marks, the euro sign and others in the place of control characters.
    Windows1252,
}

/// What becomes of rows that cannot be read: too few or too many fields, a quote that is never
/// closed, bytes that are no text, no JSON object, a row cut in the middle, or a value that is not
/// what was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BadRows {
    /// The first of them is an error.
    #[default]
    Error,
    /// They are left out and counted in the [`ReadReport`](crate::ReadReport).
    Skip,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_must_be_told_from_data() {
        assert!(ReadOptions::default().validate().is_ok());
        for delimiter in [b'"', b'\n', b'\r', 0xe9] {
            let options = ReadOptions { delimiter, ..ReadOptions::default() };
            assert!(options.validate().is_err(), "{delimiter}");
        }
        let options = ReadOptions { delimiter: b'"', ..ReadOptions::default() };
        assert_eq!(
            options.validate().unwrap_err().to_string(),
            "delimiter: expected an ASCII character, no quote and no line end, found '\"'"
        );
    }
}
