//! Reading whole sources: every format, several files, and what is refused.

use super::*;
use crate::{ErrorKind, write_table};
use std::fs;

/// A folder of files, and the columns of those that match a pattern, or the error without the
/// folder's name.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, contents) in files {
            fs::write(folder.path().join(name), contents).unwrap();
        }
        Self(folder)
    }

    fn read(&self, pattern: &str, columns: &[(&str, ColumnKind)]) -> Result<Table, String> {
        let columns: Vec<_> =
            columns.iter().map(|(name, kind)| ColumnRequest::new(*name, *kind)).collect();
        let path = self.0.path().join(pattern);
        let read = Source::new(path.to_str().unwrap()).read(&columns, None);
        let folder = format!("{}/", self.0.path().display());
        read.map_err(|error| error.to_string().replace(&folder, ""))
    }
}

#[test]
fn columns_come_in_the_order_asked_for_and_files_in_theirs() {
    let files = Files::new(&[("2.csv", "a,b\n3,x\n"), ("1.csv", "b,c,a\n,0,1\ny,0,2\n")]);
    let table =
        files.read("*.csv", &[("a", ColumnKind::Integer), ("b", ColumnKind::Text)]).unwrap();
    let b = Column::with_nulls(
        Values::Text(["", "y", "x"].into_iter().collect()),
        vec![true, false, false],
    );
    let a = Column::new(Values::Integer(vec![1, 2, 3]));
    assert_eq!(table, Table::new(vec![("a".into(), a), ("b".into(), b)]).unwrap());
    assert_eq!(files.read("1.csv", &[]).unwrap(), Table::default());
}

#[test]
fn keys_of_two_kinds_become_text() {
    let files =
        Files::new(&[("1.csv", "card\n12\n\n"), ("2.csv", "card\n007\n"), ("3.csv", "card\n12\n")]);
    let read = |pattern| files.read(pattern, &[("card", ColumnKind::Key)]).unwrap();
    let integers = Values::Integer(vec![12, 0, 12]);
    assert_eq!(
        read("[13].csv").column("card"),
        Some(&Column::with_nulls(integers, vec![false, true, false]))
    );
    let texts = Values::Text(["12", "", "007", "12"].into_iter().collect());
    assert_eq!(
        read("*.csv").column("card"),
        Some(&Column::with_nulls(texts, vec![false, true, false, false]))
    );
}

#[test]
fn errors_name_file_column_row_value_and_what_was_expected() {
    let files = Files::new(&[("1.csv", "label,x\n1,0\n"), ("2.csv", "label,x\n0,1\n2,a\n")]);
    let x = Column::new(Values::Number(vec![0.5, f64::NAN, 0.25]));
    let label = Column::new(Values::Text(["0", "1", "maybe"].into_iter().collect()));
    let table = Table::new(vec![("x".into(), x), ("label".into(), label)]).unwrap();
    write_table(&table, &files.0.path().join("3.parquet")).unwrap();

    let error = |pattern, columns| files.read(pattern, columns).unwrap_err();
    assert_eq!(
        error("*.csv", &[("label", ColumnKind::Boolean), ("x", ColumnKind::Number)]),
        "2.csv, column \"label\", data row 2: expected 0 or 1, found 2"
    );
    assert_eq!(
        error("*.csv", &[("x", ColumnKind::Number), ("label", ColumnKind::Boolean)]),
        "2.csv, column \"x\", data row 2: expected a number, found a"
    );
    assert_eq!(
        error("3.parquet", &[("label", ColumnKind::Number)]),
        "3.parquet, column \"label\", data row 3: expected a number, found maybe"
    );
    assert_eq!(
        error("3.parquet", &[("x", ColumnKind::Boolean)]),
        "3.parquet, column \"x\", data row 1: expected 0 or 1, found 0.5"
    );
    assert_eq!(
        error("3.parquet", &[("card", ColumnKind::Key)]),
        "3.parquet: column \"card\" is not there; the file has x, label"
    );
    assert_eq!(
        error("1.csv", &[("card", ColumnKind::Key)]),
        "1.csv: column \"card\" is not there; the file has label, x"
    );
    assert_eq!(
        error("1.csv", &[("x", ColumnKind::Key), ("x", ColumnKind::Text)]),
        "column \"x\" appears twice"
    );
    fs::write(files.0.path().join("4.parquet"), "a,b\n1,2\n").unwrap();
    assert_eq!(
        error("4.parquet", &[("a", ColumnKind::Key)]),
        "4.parquet is not readable as Parquet"
    );
}

#[test]
fn names_and_types_of_the_first_file() {
    let files = Files::new(&[("1.csv", "a,\"b c\"\n1,2\n")]);
    let path = files.0.path().join("*.csv");
    let columns = Source::new(path.to_str().unwrap()).columns().unwrap();
    let expected = [("a", "str"), ("b c", "str")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(columns, expected);
    let error = Source::new("no.csv").columns().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::FileMissing { .. }));
}

/// One table in every format, read with these options.
fn skipping(folder: &Files, pattern: &str) -> Source {
    let path = folder.0.path().join(pattern);
    let options = ReadOptions { bad_rows: crate::BadRows::Skip, ..ReadOptions::default() };
    Source { options, ..Source::new(path.to_str().unwrap()) }
}

#[test]
fn one_table_in_every_format_reads_back_as_the_same_columns() {
    let csv = "id,at,amount,ok,word\n1,2018-04-01 00:00:31,0.5,true,a\n2,,,,\n\
               3,1970-01-01 00:00:00,-2,false,\"x,y\"\n";
    let ndjson = "{\"id\":1,\"at\":\"2018-04-01 00:00:31\",\"amount\":0.5,\"ok\":true,\
                  \"word\":\"a\"}\n{\"id\":2.0,\"amount\":null}\r\n\n\
                  {\"word\":\"x,y\",\"ok\":0,\"amount\":-2,\"at\":0,\"id\":3}";
    let files = Files::new(&[("1.csv", csv), ("2.ndjson", ndjson)]);
    let kinds = [
        ("id", ColumnKind::Key),
        ("at", ColumnKind::Time),
        ("amount", ColumnKind::Number),
        ("ok", ColumnKind::Boolean),
        ("word", ColumnKind::Text),
    ];
    let expected = files.read("1.csv", &kinds).unwrap();
    let at = |name: &str| files.0.path().join(name);
    write_table(&expected, &at("3.parquet")).unwrap();
    for (name, contents) in [("1.csv", csv), ("2.ndjson", ndjson)] {
        let zst = zstd::encode_all(contents.as_bytes(), 1).unwrap();
        fs::write(at(&format!("{name}.zst")), zst).unwrap();
        let mut gzip =
            flate2::read::GzEncoder::new(contents.as_bytes(), flate2::Compression::fast());
        let mut packed = Vec::new();
        std::io::Read::read_to_end(&mut gzip, &mut packed).unwrap();
        fs::write(at(&format!("{name}.gz")), packed).unwrap();
    }
    for name in ["2.ndjson", "3.parquet", "1.csv.gz", "1.csv.zst", "2.ndjson.gz", "2.ndjson.zst"] {
        assert_eq!(files.read(name, &kinds).unwrap(), expected, "{name}");
    }
    // A second's range of all of them, the files one after the other.
    let path = files.0.path().display().to_string();
    let range = TimeRange { column: "at".into(), from: Some(1), to: None };
    let request = [ColumnRequest::new("word", ColumnKind::Text)];
    let read = Source::new(path).read(&request, Some(&range)).unwrap();
    assert_eq!(read.n_rows(), 7);
}

#[test]
fn bad_rows_are_counted_with_place_and_reason() {
    let files = Files::new(&[
        ("1.csv", "a,b\n1,x\ntwo,y\n3\n4,z\nfive,\n"),
        ("2.ndjson", "{\"a\":1,\"b\":\"x\"}\n{\"a\":\n{\"a\":[1],\"b\":2}\n{\"b\":\"v\"}\n"),
    ]);
    let request =
        [ColumnRequest::new("b", ColumnKind::Text), ColumnRequest::new("a", ColumnKind::Integer)];
    let (table, report) = skipping(&files, "*").read_counted(&request, None).unwrap();
    let a = Column::with_nulls(Values::Integer(vec![1, 4, 1, 0]), vec![false, false, false, true]);
    assert_eq!(table.column("a"), Some(&a));
    let b = Column::new(Values::Text(["x", "z", "x", "v"].into_iter().collect()));
    assert_eq!(table.column("b"), Some(&b));
    assert_eq!((report.rows_read, report.rows_skipped), (4, 5));
    let counts: Vec<_> =
        report.files.iter().map(|file| (file.rows_read, file.rows_skipped)).collect();
    assert_eq!(counts, [(2, 3), (2, 2)]);
    let folder = format!("{}/", files.0.path().display());
    let shown: Vec<String> =
        report.examples.iter().map(|row| row.to_string().replace(&folder, "")).collect();
    assert_eq!(
        shown,
        [
            "1.csv, line 4 (data row 3): found 1 fields, expected 2 as in the header",
            "1.csv, line 3 (data row 2): column \"a\": expected a whole number, found two",
            "1.csv, line 6 (data row 5): column \"a\": expected a whole number, found five",
            "2.ndjson, line 2 (data row 2): no JSON object: EOF while parsing a value at \
             column 0",
            "2.ndjson, line 3 (data row 3): column \"a\": expected text, a number or a truth \
             value, found an array",
        ]
    );
    let refused = files.read("2.ndjson", &[("a", ColumnKind::Integer)]).unwrap_err();
    assert_eq!(refused, shown[3]);
}

#[test]
fn folders_named_key_value_are_columns() {
    let files = Files::new(&[]);
    let at = |name: &str| {
        let path = files.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    fs::write(at("day=2018-04-02/p.csv"), "n\n3\n").unwrap();
    let column = Column::new(Values::Integer(vec![1, 2]));
    let table = Table::new(vec![("n".into(), column)]).unwrap();
    write_table(&table, &at("day=2018-04-01/p.parquet")).unwrap();
    let kinds = [("day", ColumnKind::Time), ("n", ColumnKind::Number)];
    let read = files.read("", &kinds).unwrap();
    let day = |n: i64| (17_622 + n) * crate::time::MICROS_PER_DAY;
    assert_eq!(read.column("day"), Some(&Column::new(Values::Time(vec![day(0), day(0), day(1)]))));
    assert_eq!(read.column("n"), Some(&Column::new(Values::Number(vec![1.0, 2.0, 3.0]))));
    assert_eq!(files.read("", &kinds[..1]).unwrap().column("day"), read.column("day"));
    let range = TimeRange { column: "day".into(), from: Some(day(1)), to: None };
    let source = Source::new(files.0.path().to_str().unwrap());
    let request = [ColumnRequest::new("n", ColumnKind::Integer)];
    let later = source.read(&request, Some(&range)).unwrap();
    assert_eq!(later.column("n"), Some(&Column::new(Values::Integer(vec![3]))));

    let clash = "column \"n\" is in the file and in the folder's name; rename one of them";
    fs::write(at("x/n=1/p.csv"), "n\n3\n").unwrap();
    fs::write(at("y/n=1/p.ndjson"), "{\"n\":3}\n").unwrap();
    write_table(&table, &at("z/n=1/p.parquet")).unwrap();
    for pattern in ["x", "y", "z"] {
        let error = files.read(pattern, &kinds[1..]).unwrap_err();
        assert!(error.ends_with(clash), "{pattern}: {error}");
    }
}

#[test]
fn nested_fields_have_names_with_a_dot() {
    let files = Files::new(&[
        ("1.ndjson", "{\"card\":{\"id\":7,\"x\":[]},\"y\":{}}\n{\"card\":null}\n{\"y\":1}\n"),
        ("2.ndjson", "{\"other\":1}\n"),
    ]);
    let read = files.read("*", &[("card.id", ColumnKind::Key)]).unwrap();
    let expected =
        Column::with_nulls(Values::Integer(vec![7, 0, 0, 0]), vec![false, true, true, true]);
    assert_eq!(read.column("card.id"), Some(&expected));
    assert_eq!(
        files.read("*", &[("card.no", ColumnKind::Key)]).unwrap_err(),
        "1.ndjson: column \"card.no\" is not there; the file has card.id, card.x, y, card"
    );
    let names = Source::new(files.0.path().join("1.ndjson").to_str().unwrap()).columns();
    let names: Vec<String> = names.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["card.id", "card.x", "y"]);
}

#[test]
fn columns_read_one_by_one_leave_out_the_same_rows() {
    let files = Files::new(&[
        ("1.csv", "a,b\n1,x\ntwo,y\n3,z\n"),
        ("2.ndjson", "{\"b\":\"v\",\"a\":4}\n{\"a\":\"five\",\"b\":\"w\"}\n"),
    ]);
    let mut source = skipping(&files, "*");
    source.options.judged_by = vec![ColumnRequest::new("a", ColumnKind::Number)];
    // Also where a column that decides is asked for as something else.
    for (name, kind) in
        [("b", ColumnKind::Text), ("a", ColumnKind::Text), ("a", ColumnKind::Number)]
    {
        let (table, report) = source.read_counted(&[ColumnRequest::new(name, kind)], None).unwrap();
        assert_eq!((table.n_rows(), report.rows_skipped), (3, 2), "{name} as {kind:?}");
        assert_eq!(table.columns().count(), 1);
    }
}

#[test]
fn texts_that_mean_null_are_null_in_every_kind_and_format() {
    let files = Files::new(&[
        ("1.csv", "n,t,w,k,b\nNA,NA,NA,NA,NA\n-999,?,\"?\",-999,?\n1,5, NA,7,1\n"),
        ("2.ndjson", "{\"n\":\"NA\",\"t\":\"?\",\"w\":\"NA\",\"k\":-999,\"b\":\"?\"}\n"),
    ]);
    let word = |text: &[&str]| Column::new(Values::Text(text.iter().copied().collect()));
    let table = Table::new(vec![("w".into(), word(&["NA", "na"]))]).unwrap();
    write_table(&table, &files.0.path().join("3.parquet")).unwrap();
    let mut source = Source::new(files.0.path().join("[12].*").to_str().unwrap());
    source.options.null_values = ["NA", "?", "-999"].map(str::to_owned).to_vec();
    let kinds = [
        ("n", ColumnKind::Number),
        ("t", ColumnKind::Time),
        ("w", ColumnKind::Text),
        ("k", ColumnKind::Key),
        ("b", ColumnKind::Boolean),
    ];
    let requests = kinds.map(|(name, kind)| ColumnRequest::new(name, kind));
    let table = source.read(&requests, None).unwrap();
    for (name, column) in table.columns() {
        let nulls: Vec<bool> = (0..4).map(|row| column.is_null(row)).collect();
        assert_eq!(nulls, [true, true, false, true], "{name}");
    }
    let Values::Text(words) = table.column("w").unwrap().values() else { panic!("text") };
    // Nothing is trimmed before it is compared, and `NA` does not keep ids from being integers.
    assert_eq!(words.value(2), " NA");
    assert!(matches!(table.column("k").unwrap().values(), Values::Integer(_)));
    source.path = files.0.path().join("3.parquet").display().to_string();
    let read = source.read(&requests[2..3], None).unwrap();
    let word = read.column("w").unwrap();
    assert!(word.is_null(0) && !word.is_null(1));
    // Without the option they are what they are.
    source.options.null_values.clear();
    source.path = files.0.path().join("1.csv").display().to_string();
    let error = source.read(&requests[..1], None).unwrap_err().to_string();
    assert!(error.ends_with("column \"n\", data row 1: expected a number, found NA"), "{error}");
}

#[test]
fn names_that_are_data_are_refused_and_rows_that_lack_most_fields_take_little() {
    let rows = |n: usize| -> String { (0..n).map(|n| format!("{{\"k{n}\":1}}\n")).collect() };
    let files = Files::new(&[("many.ndjson", &rows(65_537)), ("few.ndjson", &rows(5_000))]);
    let source = |name: &str| Source::new(files.0.path().join(name).to_str().unwrap());
    let error = source("many.ndjson").columns().unwrap_err().to_string();
    assert!(
        error.ends_with("line 65537 (data row 65537): found 65537 columns, expected at most 65536")
    );
    // 5,000 rows of 5,000 columns are 200 MB of nulls; a batch holds a third of them at most.
    let mut n_rows = 0;
    for batch in source("few.ndjson").batches(usize::MAX).unwrap() {
        let batch = batch.unwrap();
        n_rows += batch.n_rows();
        assert!(batch.n_rows() * 5_000 * size_of::<usize>() <= 65 << 20, "{}", batch.n_rows());
    }
    assert_eq!(n_rows, 5_000);
}

#[test]
fn dates_of_another_shape_need_a_format_and_a_wrong_delimiter_is_guessed() {
    let files = Files::new(&[
        ("1.csv", "at\n2/24/2015 22:55\n04/18/2015 2:47\n"),
        ("2.csv", "at\n2015-02-24 22:55:00\n2/24/2015 22:55\n"),
        ("3.csv", "a;b;c\n1;2;3\n"),
    ]);
    let kinds = [("at", ColumnKind::Time)];
    assert_eq!(
        files.read("2.csv", &kinds).unwrap_err(),
        "2.csv, column \"at\", data row 2: expected a time such as 2018-04-01 00:00:31 or \
         seconds since 1970 (for others set time_format, such as %m/%d/%Y %H:%M), found \
         \"2/24/2015 22:55\""
    );
    let path = files.0.path().join("1.csv");
    let mut source = Source::new(path.to_str().unwrap());
    source.options.time_formats = vec![crate::TimeFormat::new("%m/%d/%Y %H:%M").unwrap()];
    let request = [ColumnRequest::new("at", ColumnKind::Time)];
    let table = source.read(&request, None).unwrap();
    let times = ["2015-02-24 22:55:00", "2015-04-18 02:47:00"];
    let times = times.map(|text| crate::time::parse_time(text).unwrap()).to_vec();
    assert_eq!(table.column("at"), Some(&Column::new(Values::Time(times))));
    assert_eq!(
        files.read("3.csv", &[("b", ColumnKind::Key)]).unwrap_err(),
        "3.csv: expected several columns, found one named \"a;b;c\"; is the delimiter ';'?"
    );
}

#[test]
fn files_of_one_pattern_may_store_a_column_in_different_types() {
    let files = Files::new(&[]);
    let write = |name: &str, column: &str, values| {
        let table = Table::new(vec![(column.to_owned(), Column::new(values))]).unwrap();
        write_table(&table, &files.0.path().join(name)).unwrap();
    };
    write("1.parquet", "mcc", Values::Integer(vec![5411, 7]));
    write("2.parquet", "mcc", Values::Text(["A1", "5411"].into_iter().collect()));
    write("3.parquet", "mcc", Values::Number(vec![7.0]));
    let table = files.read("*", &[("mcc", ColumnKind::Text)]).unwrap();
    let expected = ["5411", "7", "A1", "5411", "7"].into_iter().collect();
    assert_eq!(table.column("mcc"), Some(&Column::new(Values::Text(expected))));
    write("4.parquet", "code", Values::Integer(vec![1]));
    assert_eq!(
        files.read("*", &[("mcc", ColumnKind::Text)]).unwrap_err(),
        "4.parquet: column \"mcc\" is not there; the file has code"
    );
}
