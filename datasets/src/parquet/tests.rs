//! Files of other programs: categories, types that cannot be read, and damage.

use crate::{Column, ColumnKind, ColumnRequest, Source, TimeRange, Values};

/// Written by pyarrow 26: a dictionary, a struct, a timestamp in milliseconds and a duration.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/dictionary.parquet");

#[test]
fn categories_are_text_and_unknown_types_are_in_nobodys_way() {
    let source = Source::new(FILE);
    let named: Vec<_> = source.columns().unwrap();
    let named: Vec<(&str, &str)> = named.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(
        named,
        [("browser", "str"), ("place", "struct"), ("at", "datetime[ms]"), ("took", "duration")]
    );
    let request = [ColumnRequest::new("browser", ColumnKind::Text)];
    let browser = |text: &[&str], mask: &[bool]| {
        Column::with_nulls(Values::Text(text.iter().copied().collect()), mask.to_vec())
    };
    let all = source.read(&request, None).unwrap();
    let expected = browser(&["b", "a", "", "b"], &[false, false, true, false]);
    assert_eq!(all.column("browser"), Some(&expected));
    let range = TimeRange { column: "at".into(), from: Some(1_000_000), to: Some(3_000_000) };
    let some = source.read(&request, Some(&range)).unwrap();
    assert_eq!(some.column("browser"), Some(&browser(&["a", ""], &[false, true])));
}

#[test]
fn categories_of_pandas_are_read_whole_and_in_batches() {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/categories.parquet");
    // As the file was made, see the README beside it.
    let word = |row: usize| ["chip", "online", "", "naïve"][row % 4];
    let tier = |row: usize| ["low", "mid", "top"][row % 3];
    let expected = |rows: std::ops::Range<usize>| {
        let nulls = rows.clone().map(|row| word(row).is_empty()).collect();
        let code = rows.clone().map(|row| [5411, 7995][row % 2]).collect();
        [
            Column::with_nulls(Values::Text(rows.clone().map(word).collect()), nulls),
            Column::new(Values::Text(rows.map(tier).collect())),
            Column::new(Values::Integer(code)),
        ]
    };
    let request =
        [("word", ColumnKind::Text), ("tier", ColumnKind::Text), ("code", ColumnKind::Key)]
            .map(|(name, kind)| ColumnRequest::new(name, kind));
    let columns = |table: crate::Table| -> Vec<Column> {
        table.columns().map(|(_, column)| column.clone()).collect()
    };
    assert_eq!(columns(Source::new(FILE).read(&request, None).unwrap()), expected(0..120));
    // Groups are of 40 rows, and a batch is never of two.
    let mut first = 0_usize;
    for frame in Source::new(FILE).batches(25).unwrap() {
        let frame = frame.unwrap();
        assert_eq!(frame.n_rows(), if first.is_multiple_of(40) { 25 } else { 15 });
        let rows = first..first + frame.n_rows();
        first = rows.end;
        assert_eq!(columns(frame.table(&request).unwrap()), expected(rows));
    }
    assert_eq!(first, 120);
}

#[test]
fn a_column_of_an_unknown_type_is_refused_when_asked_for() {
    for (column, found) in [("place", "struct"), ("took", "duration")] {
        let request = [ColumnRequest::new(column, ColumnKind::Number)];
        assert_eq!(
            Source::new(FILE).read(&request, None).unwrap_err().to_string(),
            format!(
                "{FILE}, column \"{column}\": expected numbers, truth values, text or times, \
                 found type {found}"
            )
        );
    }
}

/// The reasons that reading these bytes gives, whole and in batches; nothing where it could be read.
fn reasons(bytes: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.parquet");
    std::fs::write(&path, bytes).unwrap();
    let source = Source::new(path.to_str().unwrap());
    let request = ["word", "tier", "code"].map(|name| ColumnRequest::new(name, ColumnKind::Text));
    let whole = source.read(&request, None).map(|_| ());
    let batches =
        source.batches(25).and_then(|mut batches| batches.try_for_each(|b| b.map(|_| ())));
    let reason = |error: crate::Error| {
        let shown = error.to_string();
        assert!(shown.contains("damaged.parquet"), "{shown}");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        source.unwrap_or(shown)
    };
    [whole, batches].into_iter().filter_map(|read| read.err().map(reason)).collect()
}

/// One file of 120 rows with one bit of it turned at a time, and cut everywhere: an error or what is left
/// of the data, but never a panic. What polars would take for a place outside of the file never
/// reaches it.
#[test]
fn damaged_files_are_refused() {
    let whole =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/categories.parquet")).unwrap();
    assert!(reasons(&whole).is_empty());
    for length in (0..whole.len()).step_by(83) {
        assert!(!reasons(&whole[..length]).is_empty(), "{length} bytes");
    }
    let turned = |at: usize, bit: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << bit;
        reasons(&bytes)
    };
    // Of the footer: where a column begins, and how many values it holds.
    assert!(turned(2_686, 6).iter().all(|reason| reason.contains("lies beyond its end")));
    assert!(turned(1_916, 3).iter().all(|reason| reason.contains("differ in length")));
    assert_eq!((turned(2_686, 6).len(), turned(1_916, 3).len()), (2, 2));
    // 400 places throughout, each another bit.
    let found: Vec<String> =
        (0..400).flat_map(|step| turned(step * whole.len() / 400, step % 8)).collect();
    assert!(found.iter().any(|reason| reason.contains("reading it panicked")), "{found:?}");
}
