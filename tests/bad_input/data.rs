//! Dirty tables, one by one: each gives a clear error with its place, or is read as it is meant, and
//! nothing is lost without a word.
//!
//! | what | where |
//! |---|---|
//! | wrong delimiter | `a_wrong_delimiter` |
//! | byte order mark, CRLF, quoted newlines | `other_shapes_of_the_same_table_score_alike` |
//! | other encodings, line ends of old | `bytes_that_are_no_utf_8` |
//! | a last line cut in the middle | `a_last_line_cut_in_the_middle`, in `datasets/src/csv/tests.rs` too |
//! | an unclosed quote | `an_unclosed_quote` |
//! | mixed date formats | `dates_of_two_forms` |
//! | ranges and separators in numbers | `numbers_for_people` |
//! | words for null | `words_for_null` |
//! | a category that is a number in one file, text in the next | `a_category_in_two_types` |
//! | Parquet files of differing schemas | `parquet_files_that_differ` |
//! | categories of pandas | `datasets/src/parquet/tests.rs` |
//! | damaged Parquet files | `datasets/src/parquet/tests.rs` |
//! | folder names that clash with columns | `a_folder_name_that_is_a_column_too` |
//! | an as-of join without sort, a SQL error | `tests/joins.rs` |
//! | skipped rows of joined sources | `rows_of_a_joined_source_that_cannot_be_read` |
//! | 10,000 columns | `ten_thousand_columns` |
//! | a line without an end | `a_line_that_does_not_end`, memory in `datasets/src/csv/tests.rs` |

use std::fmt::Write;
use std::fs;

use shroff_datasets::{Column, ColumnKind, ColumnRequest, Source, Table, Values, write_table};

use super::{ROW, changed, refused};
use crate::project::{Csv, Project, assert_says, transactions};

const SOURCE: &str = "path = \"transactions.csv\"";

/// [`SOURCE`] with further lines.
fn with(project: &Project, options: &str) {
    let config = project.read("fraud.toml");
    assert!(config.contains(SOURCE));
    project.write("fraud.toml", config.replace(SOURCE, &format!("{SOURCE}\n{options}")));
}

/// The transactions with other texts in a column; rows are counted from 0.
fn column(name: &str, value: impl Fn(usize, &str) -> String) -> String {
    let mut csv = Csv::parse(transactions());
    let position = csv.position(name);
    for (row, fields) in csv.rows.iter_mut().enumerate() {
        fields[position] = value(row, &fields[position]);
    }
    csv.text()
}

#[test]
fn a_wrong_delimiter() {
    let project = Project::new();
    let model = project.train("logistic");
    // With decimal commas the rows are not even of one field.
    let semicolons = transactions().replace(',', ";").replace('.', ",");
    project.write("transactions.csv", semicolons);
    refused(&project, "", 3, &["transactions.csv", "is the delimiter ';'?"]);
    let run = project.run(&format!("predict {model} transactions.csv --out s.csv")).expect(3);
    assert_says(&run.stderr, &["line 2 (data row 1): found ", "is the delimiter ';'?"]);
    let plain = transactions().replace(',', "\t");
    project.write("transactions.csv", plain);
    refused(&project, "", 3, &["is the delimiter '\\t'?"]);
    with(&project, "delimiter = \"\\t\"");
    project.retrain("").expect(0);
}

#[test]
fn other_shapes_of_the_same_table_score_alike() {
    let project = Project::new();
    let model = project.train("logistic");
    let evaluated = |data: String| {
        project.write("transactions.csv", data);
        project.run(&format!("evaluate {model} transactions.csv --json")).expect(0).stdout
    };
    let expected = evaluated(transactions().to_owned());
    assert!(evaluated(format!("\u{feff}{}", transactions())) == expected, "byte order mark");
    assert!(evaluated(transactions().replace('\n', "\r\n")) == expected, "CRLF");
    assert!(evaluated(transactions().trim_end().to_owned()) == expected, "no last line end");
    // A column that no feature reads: line breaks, delimiters and quotes within quotes.
    let quoted = column("MERCHANT_CATEGORY", |row, value| match row % 7 {
        0 => format!("\"{value},\n\"\"{row}\"\"\r\n\""),
        1 => format!("\"{value}\""),
        _ => value.to_owned(),
    });
    assert!(evaluated(quoted.clone()) == expected, "quotes");
    // predict hands them on as they are.
    project.run(&format!("predict {model} transactions.csv --out scored.csv")).expect(0);
    let read = |name: &str| {
        let request = [ColumnRequest::new("MERCHANT_CATEGORY", ColumnKind::Text)];
        Source::new(project.path(name).to_str().expect("UTF-8")).read(&request, None).expect("read")
    };
    assert!(read("scored.csv") == read("transactions.csv"));
    assert_eq!(read("scored.csv").n_rows(), transactions().lines().count() - 1);
}

#[test]
fn bytes_that_are_no_utf_8() {
    let project = Project::new();
    let latin = transactions().replacen(",online,", ",onl\u{ef}ne,", 1);
    let latin: Vec<u8> = latin.chars().map(|ch| u8::try_from(ch).expect("Latin-1")).collect();
    let line = latin.iter().take_while(|byte| **byte != 0xef).filter(|byte| **byte == b'\n');
    let place = format!("line {} (data row ", line.count() + 1);
    project.write("transactions.csv", &latin);
    refused(&project, "", 3, &["transactions.csv", &place, "not UTF-8", "encoding"]);
    with(&project, "bad_rows = \"skip\"");
    assert_says(&project.retrain("").expect(0).stderr, &["note: 1 of ", &place, "not UTF-8"]);
    with(&project, "encoding = \"latin-1\"");
    let run = project.retrain("").expect(0);
    assert!(!run.stderr.contains("could not be read"), "{run:?}");
    // Two bytes a character, without a mark that says so, and the line ends of old.
    let wide: Vec<u8> = transactions().bytes().flat_map(|byte| [byte, 0]).collect();
    project.write("transactions.csv", wide);
    project.write("fraud.toml", crate::project::CONFIG);
    refused(&project, "", 3, &["transactions.csv, line 1: the file is in UTF-16"]);
    project.write("transactions.csv", transactions().replace('\n', "\r"));
    refused(&project, "", 3, &["transactions.csv, line 1: a carriage return", "line ends"]);
}

#[test]
fn a_last_line_cut_in_the_middle() {
    let project = Project::new();
    let n_rows = transactions().lines().count() - 1;
    project.write("transactions.csv", &transactions()[..transactions().len() - 40]);
    let place = format!("line {} (data row {n_rows}): found ", n_rows + 1);
    refused(&project, "", 3, &["transactions.csv", &place, "fields, expected 11"]);
    with(&project, "bad_rows = \"skip\"");
    let note = format!("note: 1 of {n_rows} rows could not be read and are skipped: ");
    assert_says(&project.retrain("").expect(0).stderr, &[&note, &place]);
}

#[test]
fn an_unclosed_quote() {
    let project = changed(|csv| csv.set(ROW, "MERCHANT_CATEGORY", "\"grocery"));
    refused(&project, "", 3, &["line 10001 (data row 10000): a quote that is never closed"]);
    // A quote further on seems to close it: the rows between are read all the same.
    let project = changed(|csv| {
        csv.set(ROW, "MERCHANT_CATEGORY", "\"grocery");
        csv.set(ROW + 500, "MERCHANT_CATEGORY", "\"grocery\"");
    });
    refused(&project, "", 3, &["(data row 10000): text after a closing quote on line 10501"]);
    with(&project, "bad_rows = \"skip\"");
    let n_rows = transactions().lines().count() - 1;
    assert_says(&project.retrain("").expect(0).stderr, &[&format!("note: 1 of {n_rows} rows")]);
}

#[test]
fn dates_of_two_forms() {
    let american = |row: usize, time: &str| match row % 2 {
        0 => time.to_owned(),
        _ => format!("{}/{}/{} {}", &time[5..7], &time[8..10], &time[..4], &time[11..]),
    };
    let project = Project::new();
    project.write("transactions.csv", column("TX_DATETIME", american));
    let parts =
        ["\"TX_DATETIME\", data row 2: expected a time such as", "set time_format", "/2018"];
    refused(&project, "", 3, &parts);
    with(&project, "time_format = [\"%Y-%m-%d %H:%M:%S\", \"%m/%d/%Y %H:%M:%S\"]");
    let both = project.retrain("").expect(0).json();
    let plain = Project::new().retrain("").expect(0).json();
    assert_eq!(both["windows"], plain["windows"]);
}

#[test]
fn numbers_for_people() {
    for (text, found) in [
        ("10-20", "found 10-20"),
        ("\"1,234.50\"", "found 1,234.50"),
        ("<18", "found <18"),
        ("12 EUR", "found \"12 EUR\""),
    ] {
        let project = changed(|csv| csv.set(ROW, "TX_AMOUNT", text));
        let place = "transactions.csv, column \"TX_AMOUNT\", data row 10000: expected a number";
        refused(&project, "", 3, &[place, found]);
        with(&project, "bad_rows = \"skip\"");
        assert_says(
            &project.retrain("").expect(0).stderr,
            &["note: 1 of ", "data row 10000", found],
        );
    }
    // init says of a whole column what it is.
    let project = Project::new();
    let separators = column("TX_AMOUNT", |row, value| format!("\"{},{value:0>6}\"", row % 3 + 1));
    project.write("transactions.csv", separators);
    let arguments = "init transactions.csv --label TX_FRAUD --time TX_DATETIME --force";
    project.run(arguments).expect(0);
    let said =
        ["# left out: TX_AMOUNT: its values are numbers with separators", "write them plainly"];
    assert_says(&project.read("fraud.toml"), &said);
}

#[test]
fn words_for_null() {
    let project = Project::new();
    let words = |row: usize, value: &str| match row % 9 {
        4 => "NA".to_owned(),
        7 => "?".to_owned(),
        _ => value.to_owned(),
    };
    project.write("transactions.csv", column("DISTANCE", words));
    refused(&project, "", 3, &["column \"DISTANCE\"", "expected a number, found NA"]);
    with(&project, "null_values = [\"NA\", \"?\"]");
    project.run("train --config fraud.toml --learner logistic --out words.shroff").expect(0);
    // As if nothing stood there; and predict, which knows the words from the model, keeps them.
    let scored = project.predict("words.shroff");
    assert_eq!((scored.column("DISTANCE")[4], scored.column("DISTANCE")[7]), ("NA", "?"));
    let empty = |row: usize, value: &str| words(row, value).replace("NA", "").replace('?', "");
    project.write("transactions.csv", column("DISTANCE", empty));
    assert!(scored.column("margin") == project.predict("words.shroff").column("margin"));
}

/// The columns of [`crate::project::CONFIG`] of some CSV lines, typed, and written as Parquet.
fn to_parquet(project: &Project, name: &str, lines: &[&str], channel: ColumnKind) -> Table {
    let columns = [
        ("TRANSACTION_ID", ColumnKind::Integer),
        ("TX_DATETIME", ColumnKind::Time),
        ("CUSTOMER_ID", ColumnKind::Key),
        ("TX_AMOUNT", ColumnKind::Number),
        ("CHANNEL", channel),
        ("DISTANCE", ColumnKind::Number),
        ("TX_FRAUD", ColumnKind::Boolean),
    ]
    .map(|(name, kind)| ColumnRequest::new(name, kind));
    project.write("part.csv", lines.join("\n"));
    let source = Source::new(project.path("part.csv").to_str().expect("UTF-8"));
    let table = source.read(&columns, None).expect("a sound table");
    write_table(&table, &project.path(name)).expect("a table that can be written");
    table
}

/// What `retrain` says of the learners, but for their names in the registry.
fn measures(project: &Project) -> serde_json::Value {
    let mut learners = project.retrain("").expect(0).json()["learners"].take();
    for learner in learners.as_object_mut().expect("an object").values_mut() {
        learner.as_object_mut().expect("an object").remove("artifact");
    }
    learners
}

#[test]
fn a_category_in_two_types() {
    let project = Project::edited(&[("transactions.csv", "parts/*.parquet")]);
    let lines: Vec<&str> = transactions().lines().collect();
    let is_chip = |line: &&str| line.contains(",chip,");
    let numbers: Vec<String> = [lines[0]]
        .into_iter()
        .chain(lines.iter().copied().filter(is_chip))
        .map(|line| line.replace(",chip,", ",5,"))
        .collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let words: Vec<&str> = lines.iter().copied().filter(|line| !is_chip(line)).collect();
    fs::create_dir(project.path("parts")).expect("a folder");
    to_parquet(&project, "parts/1.parquet", &numbers, ColumnKind::Integer);
    to_parquet(&project, "parts/2.parquet", &words, ColumnKind::Text);
    let parts = measures(&project);
    // One text file with the same rows in the same order.
    let whole = [numbers.as_slice(), &words[1..]].concat().join("\n");
    let other = Project::new();
    other.write("transactions.csv", whole);
    assert_eq!(parts, measures(&other));
    // init takes it for a category too.
    let init = "init parts/*.parquet --label TX_FRAUD --time TX_DATETIME --out init.toml";
    project.run(init).expect(0);
    assert_says(
        &project.read("init.toml"),
        &["column = \"CHANNEL\"\nkind = \"category\"  # 3 values"],
    );
}

type Columns = Vec<(String, Column)>;

#[test]
fn parquet_files_that_differ() {
    let project = Project::edited(&[("transactions.csv", "parts/*.parquet")]);
    let lines: Vec<&str> = transactions().lines().collect();
    let half = lines.len() / 2;
    fs::create_dir(project.path("parts")).expect("a folder");
    to_parquet(&project, "parts/1.parquet", &lines[..half], ColumnKind::Text);
    let second = [&lines[..1], &lines[half..]].concat();
    let table = to_parquet(&project, "parts/2.parquet", &second, ColumnKind::Text);
    let write = |change: &dyn Fn(&mut Columns)| {
        let columns = table.columns().map(|(name, column)| (name.to_owned(), column.clone()));
        let mut columns: Columns = columns.collect();
        change(&mut columns);
        let table = Table::new(columns).expect("columns of one length");
        write_table(&table, &project.path("parts/2.parquet")).expect("written");
    };
    let expected = measures(&project);
    let model = project.train("logistic");
    let predict = format!("predict {model} parts/*.parquet --out scored.parquet");
    // Further columns, in another order, are in nobody's way but predict's, which would lose them.
    write(&|columns| {
        columns.reverse();
        columns.push(("NOTE".to_owned(), columns[0].1.clone()));
    });
    assert_eq!(measures(&project), expected);
    let parts =
        ["parts/2.parquet has a column \"NOTE\" that the first file lacks", "one at a time"];
    assert_says(&project.run(&predict).expect(3).stderr, &parts);
    write(&|columns| columns.retain(|(name, _)| name != "DISTANCE"));
    refused(&project, "", 3, &["parts/2.parquet: column \"DISTANCE\" is not there; the file has"]);
    assert_says(&project.run(&predict).expect(3).stderr, &["2.parquet has no column \"DISTANCE\""]);
    let time = |columns: &[(String, Column)]| columns[1].1.clone();
    write(&|columns| columns[4].1 = time(columns));
    let parts = ["2.parquet, column \"CHANNEL\": expected text, found type datetime"];
    refused(&project, "", 3, &parts);
    let words = |n: usize| Column::new(Values::Text((0..n).map(|_| "many").collect()));
    write(&|columns| columns[3].1 = words(columns[3].1.len()));
    let parts = ["2.parquet, column \"TX_AMOUNT\", data row 1: expected a number, found many"];
    refused(&project, "", 3, &parts);
    assert!(!project.path("scored.parquet").exists());
}

#[test]
fn a_folder_name_that_is_a_column_too() {
    let project = Project::edited(&[("transactions.csv", "days")]);
    let folder = |name: &str, text: &str| {
        let _ = fs::remove_dir_all(project.path("days"));
        fs::create_dir_all(project.path(&format!("days/{name}"))).expect("a folder");
        project.write(&format!("days/{name}/part.csv"), text);
    };
    // Whether a feature reads the column or not.
    for name in ["CHANNEL=chip", "MERCHANT_CATEGORY=fuel"] {
        folder(name, transactions());
        let column = name.split('=').next().expect("a name");
        let found = format!("column {column:?} is in the file and in the folder's name; rename");
        refused(&project, "", 3, &[&format!("days/{name}/part.csv: "), &found]);
    }
    folder("CHANNEL=chip", &Csv::parse(transactions()).without("CHANNEL").text());
    project.retrain("").expect(0);
    folder("TX_AMOUNT=much", &Csv::parse(transactions()).without("TX_AMOUNT").text());
    refused(&project, "", 3, &["column \"TX_AMOUNT\"", "expected a number, found much"]);
}

#[test]
fn rows_of_a_joined_source_that_cannot_be_read() {
    let joined = "[[source]]\nname = \"limits\"\npath = \"limits.csv\"\nbad_rows = \"skip\"\n\n\
                  [[join]]\nsource = \"limits\"\nkind = \"asof\"\non = { CUSTOMER_ID = \"customer\" }\n\
                  valid_from = \"since\"\ncolumns = [\"limit\", \"customer\"]\n\n[columns]";
    // The key of the join is a feature too, which takes a second reading.
    let features = "[[feature]]\ncolumn = \"limit\"\n\n[[feature]]\ncolumn = \"customer\"\n\
                    kind = \"category\"\n\n[[learner]]";
    let project = Project::edited(&[("[columns]", joined), ("[[learner]]", features)]);
    let mut limits = "customer,since,limit\n".to_owned();
    for customer in 0..200 {
        let since = if customer % 50 == 3 { "never" } else { "2018-03-01" };
        let _ = writeln!(limits, "{customer},{since},{}", customer % 7 * 100);
    }
    project.write("limits.csv", limits);
    let parts =
        ["note: limits: 4 of 200 rows could not be read", "limits.csv, line 5", "found never"];
    assert_says(&project.retrain("").expect(0).stderr, &parts);
    let predict = "predict cards@champion fraud.toml --out scored.csv";
    assert_says(&project.run(predict).expect(0).stderr, &parts);
}

#[test]
fn ten_thousand_columns() {
    let mut csv = Csv::parse(transactions());
    let used = csv.rows.len() / 200;
    csv.rows = csv.rows.into_iter().step_by(used).collect();
    let project = Project::new();
    let narrow = csv.text();
    csv.header.extend((0..10_000).map(|n| format!("c{n}")));
    for (row, fields) in csv.rows.iter_mut().enumerate() {
        fields.extend((0..10_000).map(|n| ((row * 31 + n * 7) % 100).to_string()));
    }
    let model = project.train("logistic");
    project.write("narrow.csv", narrow);
    project.write("wide.csv", csv.text());
    let evaluated = |data: &str| project.run(&format!("evaluate {model} {data} --json")).expect(0);
    assert_eq!(evaluated("wide.csv").stdout, evaluated("narrow.csv").stdout);
    // A model of all of them is refused at once; the message for a name that is none stays short.
    let features: String =
        (0..5_000).map(|n| format!("[[feature]]\ncolumn = \"c{n}\"\n\n")).collect();
    let all = Project::edited(&[("[[learner]]", &format!("{features}[[learner]]"))]);
    refused(&all, "", 2, &["expected at most 4096 features, found 5006"]);
    let other = Project::edited(&[("transactions.csv", "wide.csv"), ("\"DISTANCE\"", "\"RANGE\"")]);
    other.write("wide.csv", csv.text());
    let run = refused(&other, "", 3, &["column \"RANGE\" is not there", "… (10011 in all)"]);
    assert!(run.stderr.len() < 2_000, "{}", run.stderr.len());
}

#[test]
fn a_line_that_does_not_end() {
    let longest = 64 << 20;
    let project = changed(|csv| csv.set(ROW, "CHANNEL", &"x".repeat(longest + 1)));
    let parts =
        ["line 10001 (data row 10000): longer than 67108864 bytes, the most a row may have"];
    refused(&project, "", 3, &parts);
    with(&project, "bad_rows = \"skip\"");
    assert_says(&project.retrain("").expect(0).stderr, &["note: 1 of ", parts[0]]);
}
