//! CSV as files have it: quotes, line ends, and what is bad.

use super::*;
use crate::options::BadRows;
use crate::report::BadRow;
use crate::source::Format;
use crate::text_file::TextFile;

type Rows = Vec<Vec<Option<String>>>;

/// Header and columns of a file with these contents, and the rows left out, or the error.
fn parse_with(
    contents: impl AsRef<[u8]>,
    options: &ReadOptions,
) -> Result<(Vec<String>, Rows, Vec<String>), String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), contents).unwrap();
    let place = file.path().display().to_string();
    let input = InputFile { path: file.path().to_owned(), format: Format::Csv, keys: Vec::new() };
    let all = || -> Result<_, Error> {
        let mut text = TextFile::open_all(&input, options, &[])?;
        let mut columns = vec![Vec::new(); text.names().len()];
        let mut left_out = Vec::new();
        let size = BatchSize { max_rows: 2, max_bytes: 1 << 20 };
        while let Some(batch) = text.next_batch(size)? {
            for (column, read) in columns.iter_mut().zip(&batch.columns) {
                column.extend(read.values().map(|value| value.map(str::to_owned)));
            }
            let shown = |row: &BadRow| row.to_string().replace(&place, "FILE");
            left_out.extend(batch.report.examples.iter().map(shown));
        }
        Ok((text.names().to_vec(), columns, left_out))
    };
    all().map_err(|error| error.to_string().replace(&place, "FILE"))
}

fn parse(contents: impl AsRef<[u8]>) -> Result<(Vec<String>, Rows), String> {
    let read = parse_with(contents, &ReadOptions::default());
    read.map(|(names, columns, _)| (names, columns))
}

fn skip() -> ReadOptions {
    ReadOptions { bad_rows: BadRows::Skip, ..ReadOptions::default() }
}

#[test]
fn quotes_line_ends_blank_lines_and_a_byte_order_mark() {
    let (names, columns) =
        parse("\u{feff}a,\"b,\"\"c\"\"\"\r\n1,\"x\r\ny\"\r\n\r\n\n,\"\"\r\n \"2\", é\r").unwrap();
    assert_eq!(names, ["a", "b,\"c\""]);
    let cell = |text: &str| Some(text.to_owned());
    assert_eq!(columns[0], [cell("1"), None, cell(" \"2\"")]);
    assert_eq!(columns[1], [cell("x\r\ny"), None, cell(" é")]);
    let (_, columns) = parse("a\n1\n\n3\n").unwrap();
    assert_eq!(columns[0], [cell("1"), None, cell("3")]);
    assert_eq!(parse("a,b\n").unwrap().1, [vec![], vec![]]);
    assert_eq!(parse("a,b\n1,").unwrap().1, [vec![cell("1")], vec![None]]);
    let semicolon = ReadOptions { delimiter: b';', ..ReadOptions::default() };
    let (_, columns, _) = parse_with("a;b\n1,5;\"x;y\"\n", &semicolon).unwrap();
    assert_eq!(columns, [[cell("1,5")], [cell("x;y")]]);
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
    assert_eq!(
        error(b"a,b\n1,2\n3,\"4\n5,6\n"),
        "FILE, line 3 (data row 2): a quote that is never closed"
    );
    assert_eq!(error(b"a,b\n1,\"2\"x\n"), "FILE, line 2 (data row 1): text after a closing quote");
    assert_eq!(error(b"a,b\n1,\xff\n"), format!("FILE, line 2 (data row 1): {NOT_UTF_8}"));
    assert_eq!(error(b"\n\n"), "FILE, line 1: expected a header with column names, found nothing");
    assert_eq!(error(b"a,\"b\n"), "FILE, line 1: a quote that is never closed");
    assert_eq!(error(b"a,b,a\n"), "FILE: column \"a\" appears twice");
    for utf_16 in [b"\xff\xfea\0".as_slice(), b"a\0,\0b\0\n\0", b"\0a\0,\0b\0\n"] {
        assert_eq!(error(utf_16), format!("FILE, line 1: {UTF_16}"));
    }
    for other_line_ends in [b"a,b\r1,2\r".as_slice(), b"a,b\r\r\n1,2\r\r\n"] {
        let found = error(other_line_ends);
        assert!(found.starts_with("FILE, line 1: a carriage return that no line feed"), "{found}");
    }
    assert_eq!(
        error(b"a;b\n1,5;2\n"),
        "FILE, line 2 (data row 1): found 2 fields, expected 1 as in the header; is the delimiter \
         ';'?"
    );
    let commas = ",".repeat(MOST_COLUMNS);
    assert_eq!(
        error(format!("{commas}\n").as_bytes()),
        "FILE, line 1: found 65537 columns, expected at most 65536"
    );
    assert_eq!(
        error(format!("a,b\n{commas}\n").as_bytes()),
        "FILE, line 2 (data row 1): found 65537 fields, expected 2 as in the header"
    );
}

#[test]
fn bad_rows_are_left_out_and_what_follows_them_is_read() {
    let contents = b"a,b\n1,2\n3\n\n4,5,6\n\"7\n\",8\n9,\"x\"y\n10,\xff\n11,12\n13,\"14\n15,16\n";
    let (_, columns, left_out) = parse_with(contents, &skip()).unwrap();
    let cells = |texts: [&str; 4]| texts.map(|text| Some(text.to_owned()));
    assert_eq!(columns, [cells(["1", "7\n", "11", "15"]), cells(["2", "8", "12", "16"])]);
    let wrong_width = |found| format!("found {found} fields, expected 2 as in the header");
    assert_eq!(
        left_out,
        [
            format!("FILE, line 3 (data row 2): {}", wrong_width(1)),
            format!("FILE, line 5 (data row 3): {}", wrong_width(3)),
            "FILE, line 8 (data row 5): text after a closing quote".to_owned(),
            format!("FILE, line 9 (data row 6): {NOT_UTF_8}"),
            "FILE, line 11 (data row 8): a quote that is never closed".to_owned(),
        ]
    );
}

#[test]
fn a_quote_left_open_does_not_take_whole_rows_with_it() {
    // The quote of line 3 is closed, so to say, by the one that opens on line 6.
    let contents = "a,b\n1,2\n3,\"4\n5,6\n7,8\n9,\"x\ny\"\n";
    let (_, columns, left_out) = parse_with(contents, &skip()).unwrap();
    let cells = |texts: [&str; 4]| texts.map(|text| Some(text.to_owned()));
    assert_eq!(columns, [cells(["1", "5", "7", "9"]), cells(["2", "6", "8", "x\ny"])]);
    assert_eq!(
        left_out,
        ["FILE, line 3 (data row 2): text after a closing quote on line 6".to_owned()]
    );
}

#[test]
fn a_last_row_cut_in_the_middle_is_bad() {
    let hundred = format!("a,b,c\n{}", "1,2,3\n".repeat(100));
    let cut = "FILE, line 102 (data row 101): the last row is cut: its last 2 fields are empty";
    for end in ["", "\n", "\r\n", "\r\n\r\n"] {
        let contents = format!("{hundred}4,,{end}");
        assert_eq!(parse(&contents).unwrap_err(), cut, "{end:?}");
        let (_, columns, left_out) = parse_with(&contents, &skip()).unwrap();
        assert_eq!((columns[0].len(), left_out), (100, vec![cut.to_owned()]), "{end:?}");
    }
    // Without some fields it is bad by their number alone.
    assert_eq!(
        parse("a,b,c\n1,2,3\n4,5").unwrap_err(),
        "FILE, line 3 (data row 2): found 2 fields, expected 3 as in the header"
    );
    let one_empty_before = format!("{hundred}1,2,\n4,,\n");
    let not_the_last = format!("{hundred}4,,\n1,2,3\n");
    let one_field = format!("{hundred}4,5,\n");
    for whole in ["a,b,c\n1,2,3\n4,,\n", &one_empty_before, &not_the_last, &one_field] {
        assert!(parse(whole).is_ok(), "{whole}");
    }
}

#[test]
fn a_row_that_is_too_long_is_bad_and_bounded_in_memory() {
    let options = ReadOptions { max_record_bytes: 10, ..skip() };
    let long = "x".repeat(3 << 20);
    let contents = format!("a,b\n1,2\n3,{long}\n4,\"5\n6,7\n");
    let (_, columns, left_out) = parse_with(&contents, &options).unwrap();
    let cell = |text: &str| Some(text.to_owned());
    assert_eq!(columns[0], [cell("1"), cell("6")]);
    assert_eq!(
        left_out[0],
        "FILE, line 3 (data row 2): longer than 10 bytes, the most a row may have; is a quote not \
         closed?"
    );
    let error = parse_with(&contents, &ReadOptions { bad_rows: BadRows::Error, ..options });
    assert_eq!(error.unwrap_err(), left_out[0]);
    // What is held does not grow with the line: a row of 64 MiB is the longest by default, so that
    // twice as much is held at most, of this file what is read at once.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &contents).unwrap();
    let input = InputFile { path: file.path().to_owned(), format: Format::Csv, keys: Vec::new() };
    let mut reader =
        CsvReader::open(&input, &ReadOptions { max_record_bytes: 10, ..skip() }).unwrap();
    let mut batch = TextBatch { columns: vec![Default::default(); 2], ..Default::default() };
    assert!(!reader.read(&[0, 1], BatchSize::TO_CONVERT, &mut batch).unwrap());
    assert_eq!((batch.n_rows, reader.input.window()), (2, 1 << 20));
}

#[test]
fn ten_thousand_columns() {
    let names: Vec<String> = (0..10_000).map(|n| format!("column_{n}")).collect();
    let row: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let contents = format!("{}\n{}\n", names.join(","), row.join(","));
    let (found, columns) = parse(contents).unwrap();
    assert_eq!(found, names);
    assert!(columns.iter().zip(row).all(|(column, value)| *column == [Some(value)]));
}
