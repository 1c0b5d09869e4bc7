//! CSV files as columns of text, strictly: every row has as many fields as the header, and an
//! error names the line. Values stay as written, so that they can be written back; what they mean
//! is decided in `convert`.
//!
//! Fields are separated by commas and may be quoted with `"` (a quote inside is doubled, line
//! breaks are allowed). Lines end in `\n` or `\r\n`; blank lines are passed over, unless there is
//! only one column, where a blank line is a null. A byte order mark is passed over. An empty
//! field, quoted or not, is null.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use polars::prelude::{DataFrame, IntoColumn, StringChunkedBuilder};

use crate::error::{Error, ErrorKind};

/// The names in the header.
pub(crate) fn header(path: &Path) -> Result<Vec<String>, Error> {
    let bytes = fs::read(path).map_err(|source| ErrorKind::io(path, source))?;
    let (_, names) = Records::open(path, &bytes)?;
    Ok(names)
}

/// The columns that `wanted` picks from the header, in that order.
pub(crate) fn read(
    path: &Path,
    wanted: impl FnOnce(&[String]) -> Result<Vec<usize>, Error>,
) -> Result<DataFrame, Error> {
    let bytes = fs::read(path).map_err(|source| ErrorKind::io(path, source))?;
    let (mut records, names) = Records::open(path, &bytes)?;
    let wanted = wanted(&names)?;
    let mut builders: Vec<_> = wanted
        .iter()
        .map(|&position| StringChunkedBuilder::new(names[position].as_str().into(), 0))
        .collect();
    let mut fields = Vec::new();
    let mut n_rows = 0;
    while let Some(line) = records.next(&mut fields)? {
        n_rows += 1;
        if fields.len() != names.len() {
            return Err(ErrorKind::CsvWidth {
                path: path.to_owned(),
                line,
                row: n_rows,
                expected: names.len(),
                found: fields.len(),
            }
            .into());
        }
        for (builder, &position) in builders.iter_mut().zip(&wanted) {
            let value = fields[position].text(records.text);
            builder.append_option((!value.is_empty()).then_some(value));
        }
    }
    let columns = builders.into_iter().map(|builder| builder.finish().into_column()).collect();
    DataFrame::new(n_rows, columns).map_err(|source| unreadable(path, source).into())
}

fn unreadable(
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ErrorKind {
    ErrorKind::Unreadable { path: path.to_owned(), format: "CSV", source: source.into() }
}

/// Walks over the rows of a file.
struct Records<'a> {
    path: &'a Path,
    text: &'a str,
    /// The next byte to read.
    at: usize,
    /// The line it is on, from 1.
    line: usize,
    one_column: bool,
}

/// Where a field lies in the text, without the quotes around it.
struct Field {
    start: usize,
    end: usize,
    /// Whether it contains doubled quotes.
    doubled: bool,
}

impl Field {
    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let raw = &text[self.start..self.end];
        if self.doubled { Cow::Owned(raw.replace("\"\"", "\"")) } else { Cow::Borrowed(raw) }
    }
}

impl<'a> Records<'a> {
    /// Reads the header.
    fn open(path: &'a Path, bytes: &'a [u8]) -> Result<(Self, Vec<String>), Error> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            let reason = "bytes that are not UTF-8; save the file as UTF-8";
            ErrorKind::CsvSyntax { path: path.to_owned(), line, reason }
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut records = Self { path, text, at: 0, line: 1, one_column: false };
        let mut fields = Vec::new();
        if records.next(&mut fields)?.is_none() {
            return Err(records.syntax(1, "expected a header with column names, found nothing"));
        }
        records.one_column = fields.len() == 1;
        let names: Vec<String> = fields.iter().map(|field| field.text(text).into_owned()).collect();
        for (position, name) in names.iter().enumerate() {
            if names[..position].contains(name) {
                let (path, column) = (path.to_owned(), name.clone());
                return Err(ErrorKind::FileColumnTwice { path, column }.into());
            }
        }
        Ok((records, names))
    }

    /// Finds the fields of the next row and gives the line on which it starts.
    fn next(&mut self, fields: &mut Vec<Field>) -> Result<Option<usize>, Error> {
        fields.clear();
        let bytes = self.text.as_bytes();
        while !self.one_column && self.at < bytes.len() {
            let before = self.at;
            self.end_line();
            if self.at == before {
                break;
            }
        }
        if self.at == bytes.len() {
            return Ok(None);
        }
        let line = self.line;
        loop {
            fields.push(if bytes.get(self.at) == Some(&b'"') {
                self.quoted()?
            } else {
                self.plain()
            });
            if bytes.get(self.at) == Some(&b',') {
                self.at += 1;
                continue;
            }
            let before = self.at;
            self.end_line();
            if self.at == before && self.at < bytes.len() {
                return Err(self.syntax(self.line, "text after a closing quote"));
            }
            return Ok(Some(line));
        }
    }

    /// A field up to the next comma or line end.
    fn plain(&mut self) -> Field {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let length = bytes[start..].iter().take_while(|byte| !matches!(byte, b',' | b'\n')).count();
        self.at += length;
        // A carriage return belongs to the line end that follows it.
        if self.at > start
            && bytes[self.at - 1] == b'\r'
            && bytes.get(self.at).is_none_or(|byte| *byte == b'\n')
        {
            self.at -= 1;
        }
        Field { start, end: self.at, doubled: false }
    }

    /// A field in quotes.
    fn quoted(&mut self) -> Result<Field, Error> {
        let bytes = self.text.as_bytes();
        let opened_on = self.line;
        self.at += 1;
        let start = self.at;
        let mut doubled = false;
        loop {
            match (bytes.get(self.at), bytes.get(self.at + 1)) {
                (None, _) => return Err(self.syntax(opened_on, "a quote that is never closed")),
                (Some(b'"'), Some(b'"')) => {
                    doubled = true;
                    self.at += 2;
                }
                (Some(b'"'), _) => {
                    self.at += 1;
                    return Ok(Field { start, end: self.at - 1, doubled });
                }
                (Some(byte), _) => {
                    self.line += usize::from(*byte == b'\n');
                    self.at += 1;
                }
            }
        }
    }

    /// Passes over `\n`, `\r\n`, or a `\r` that ends the file.
    fn end_line(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let length = match rest {
            [b'\n', ..] | b"\r" => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return,
        };
        self.at += length;
        self.line += 1;
    }

    fn syntax(&self, line: usize, reason: &'static str) -> Error {
        ErrorKind::CsvSyntax { path: self.path.to_owned(), line, reason }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rows = Vec<Vec<Option<String>>>;

    /// Header and columns of a file with these contents, or the error without the file's name.
    fn parse(contents: impl AsRef<[u8]>) -> Result<(Vec<String>, Rows), String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), contents).unwrap();
        let shorten =
            |error: Error| error.to_string().replace(&file.path().display().to_string(), "FILE");
        let frame = read(file.path(), |names| Ok((0..names.len()).collect())).map_err(shorten)?;
        let values = frame.columns().iter().map(|column| {
            let text = column.str().unwrap();
            (0..column.len()).map(|row| text.get(row).map(str::to_owned)).collect()
        });
        Ok((header(file.path()).map_err(shorten)?, values.collect()))
    }

    #[test]
    fn quotes_line_ends_blank_lines_and_a_byte_order_mark() {
        let (names, columns) =
            parse("\u{feff}a,\"b,\"\"c\"\"\"\r\n1,\"x\r\ny\"\r\n\r\n\n,\"\"\r\n \"2\", é\r")
                .unwrap();
        assert_eq!(names, ["a", "b,\"c\""]);
        let cell = |text: &str| Some(text.to_owned());
        assert_eq!(columns[0], [cell("1"), None, cell(" \"2\"")]);
        assert_eq!(columns[1], [cell("x\r\ny"), None, cell(" é")]);
        let (_, columns) = parse("a\n1\n\n3\n").unwrap();
        assert_eq!(columns[0], [cell("1"), None, cell("3")]);
        assert_eq!(parse("a,b\n").unwrap().1, [vec![], vec![]]);
        assert_eq!(parse("a,b\n1,").unwrap().1, [vec![cell("1")], vec![None]]);
    }

    #[test]
    fn malformed_files_are_refused_with_the_line() {
        let error = |contents: &[u8]| parse(contents).unwrap_err();
        assert_eq!(
            error(b"a,b\n\"1\n\",2\n\n3\n"),
            "FILE, line 5 (data row 2): found 1 fields, expected 2 as in the header"
        );
        assert_eq!(
            error(b"a,b\n1,2,3\n"),
            "FILE, line 2 (data row 1): found 3 fields, expected 2 as in the header"
        );
        assert_eq!(error(b"a,b\n1,2\n3,\"4\n5,6\n"), "FILE, line 3: a quote that is never closed");
        assert_eq!(error(b"a,b\n1,\"2\"x\n"), "FILE, line 2: text after a closing quote");
        assert_eq!(
            error(b"a,b\n1,\xff\n"),
            "FILE, line 2: bytes that are not UTF-8; save the file as UTF-8"
        );
        assert_eq!(
            error(b"\n\n"),
            "FILE, line 1: expected a header with column names, found nothing"
        );
        assert_eq!(error(b"a,b,a\n"), "FILE: column \"a\" appears twice");
    }
}
