//! Where one row of a CSV file ends and its fields lie.

use std::borrow::Cow;

/// Where a field lies in its row, without the quotes around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    start: usize,
    end: usize,
    /// Whether it contains doubled quotes.
    doubled: bool,
}

impl Field {
    pub(crate) fn text<'a>(&self, row: &'a str) -> Cow<'a, str> {
        let raw = &row[self.start..self.end];
        if self.doubled { Cow::Owned(raw.replace("\"\"", "\"")) } else { Cow::Borrowed(raw) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

/// What was found at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A row of so many bytes, line ends (its own included) and fields.
    Row { n_bytes: usize, n_lines: usize, n_fields: usize },
    /// The bytes end before the row does.
    Incomplete,
    /// The file ends before a quote is closed.
    Unclosed,
    /// Text follows a closing quote, after so many line ends.
    Broken { n_lines: usize },
}

/// Finds the fields of the row at the start of `bytes`, after which nothing follows if `is_end`.
/// The first `most` are kept, which bounds the memory that a line of nothing but delimiters takes.
pub(crate) fn find_fields(
    bytes: &[u8],
    is_end: bool,
    delimiter: u8,
    most: usize,
    fields: &mut Vec<Field>,
) -> Found {
    fields.clear();
    let (mut at, mut n_lines, mut n_fields) = (0, 0, 0);
    loop {
        let is_kept = n_fields < most;
        n_fields += 1;
        let is_quoted = bytes.get(at) == Some(&b'"');
        if is_quoted {
            match quoted(&bytes[at + 1..], is_end) {
                Err(found) => return found,
                Ok(Quoted { length, doubled, line_ends }) => {
                    if is_kept {
                        fields.push(Field { start: at + 1, end: at + 1 + length, doubled });
                    }
                    at += length + 2;
                    n_lines += line_ends;
                }
            }
        } else {
            let rest = &bytes[at..];
            let stop = rest.iter().position(|byte| *byte == delimiter || *byte == b'\n');
            let length = stop.unwrap_or(rest.len());
            let mut end = at + length;
            // A carriage return belongs to the line end that follows it.
            if end > at && bytes[end - 1] == b'\r' && rest.get(length) != Some(&delimiter) {
                end -= 1;
            }
            if is_kept {
                fields.push(Field { start: at, end, doubled: false });
            }
            at = end;
        }
        match &bytes[at..] {
            [first, ..] if *first == delimiter => at += 1,
            [b'\n', ..] => return row(at + 1, n_lines + 1, n_fields),
            [b'\r', b'\n', ..] => return row(at + 2, n_lines + 1, n_fields),
            [] | [b'\r'] if !is_end => return Found::Incomplete,
            [] => return row(at, n_lines, n_fields),
            [b'\r'] => return row(at + 1, n_lines + 1, n_fields),
            _ => return Found::Broken { n_lines },
        }
    }
}

fn row(n_bytes: usize, n_lines: usize, n_fields: usize) -> Found {
    Found::Row { n_bytes, n_lines, n_fields }
}

struct Quoted {
    /// Without the closing quote.
    length: usize,
    doubled: bool,
    line_ends: usize,
}

/// Finds the end of a field after its opening quote.
fn quoted(bytes: &[u8], is_end: bool) -> Result<Quoted, Found> {
    let (mut at, mut doubled) = (0, false);
    loop {
        let Some(length) = memchr::memchr(b'"', &bytes[at..]) else {
            return Err(if is_end { Found::Unclosed } else { Found::Incomplete });
        };
        at += length;
        match bytes.get(at + 1) {
            Some(b'"') => {
                doubled = true;
                at += 2;
            }
            None if !is_end => return Err(Found::Incomplete),
            _ => {
                let line_ends = memchr::memchr_iter(b'\n', &bytes[..at]).count();
                return Ok(Quoted { length: at, doubled, line_ends });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_only_when_all_of_it_is_there() {
        let row = "a,\"b,\"\"\r\nc\"\"\",,d\re,f\r\nnext";
        let complete = row.len() - 4;
        let mut fields = Vec::new();
        for length in 1..complete {
            let found = find_fields(&row.as_bytes()[..length], false, b',', 9, &mut fields);
            assert_eq!(found, Found::Incomplete, "{length}");
        }
        for length in complete..=row.len() {
            let found = find_fields(&row.as_bytes()[..length], false, b',', 9, &mut fields);
            assert_eq!(found, Found::Row { n_bytes: complete, n_lines: 2, n_fields: 5 });
            let texts: Vec<_> = fields.iter().map(|field| field.text(row)).collect();
            assert_eq!(texts, ["a", "b,\"\r\nc\"", "", "d\re", "f"]);
        }
        // Of a row with more fields than are wanted only those are kept, and all are counted.
        let found = find_fields(row.as_bytes(), false, b',', 2, &mut fields);
        assert_eq!(found, Found::Row { n_bytes: complete, n_lines: 2, n_fields: 5 });
        assert_eq!(fields.len(), 2);
    }
}
