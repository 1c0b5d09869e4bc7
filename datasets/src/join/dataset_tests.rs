//! Joins of files: which columns come from where, what is refused, and that nothing leaks.

use super::tests::Draws;
use super::*;
use crate::{
    Column, ColumnKind, ColumnRequest, Dataset, Source, Table, TimeRange, Values, write_table,
};

const PAYMENTS: &str = "id,at,card,ip\n1,10,7,5\n2,20,8,15\n3,30,7,99\n4,40,,\n";
const CARDS: &str = "number,country,id\n8,fr,x\n7,de,y\n";
const LIMITS: &str = "card,since,limit\n7,30,300\n7,5,100\n7,20,200\n8,20,1\n,1,9\n";
const RANGES: &str = "low,high,place\n0,100,all\n10,20,ten\n0,,none\n";

fn dataset(folder: &tempfile::TempDir, joins: Vec<Join>) -> Dataset {
    let files = [("payments", PAYMENTS), ("cards", CARDS), ("limits", LIMITS), ("ranges", RANGES)];
    let source = |(name, contents): (&str, &str)| {
        let path = folder.path().join(format!("{name}.csv"));
        std::fs::write(&path, contents).unwrap();
        (name.to_owned(), Source::new(path.to_str().unwrap()))
    };
    Dataset {
        sources: files.map(source).to_vec(),
        fact: "payments".to_owned(),
        time: "at".to_owned(),
        joins,
        query: None,
        kinds: Vec::new(),
    }
}

fn join(source: &str, kind: JoinKind) -> Join {
    Join { source: source.to_owned(), kind, columns: None, prefix: String::new() }
}

fn on(left: &str, right: &str) -> Vec<(String, String)> {
    vec![(left.to_owned(), right.to_owned())]
}

fn all() -> Vec<Join> {
    let valid_from = "since".to_owned();
    let [value, lower, upper] = ["ip", "low", "high"].map(str::to_owned);
    vec![
        join("cards", JoinKind::Equi { on: on("card", "number") }),
        join("limits", JoinKind::AsOf { on: on("card", "card"), valid_from }),
        join("ranges", JoinKind::Range { value, lower, upper }),
    ]
}

fn request(name: &str, kind: ColumnKind) -> ColumnRequest {
    ColumnRequest::new(name, kind)
}

/// A column as text, empty where it is null.
fn shown(table: &Table, name: &str) -> Vec<String> {
    let column = table.column(name).unwrap();
    let show = |row| match column.values() {
        _ if column.is_null(row) => String::new(),
        Values::Number(values) => values[row].to_string(),
        Values::Integer(values) | Values::Time(values) => values[row].to_string(),
        Values::Boolean(values) => values[row].to_string(),
        Values::Text(text) => text.value(row).to_owned(),
    };
    (0..table.n_rows()).map(show).collect()
}

#[test]
fn three_joins_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let columns = [
        request("place", ColumnKind::Text),
        request("limit", ColumnKind::Number),
        request("country", ColumnKind::Text),
        request("card", ColumnKind::Text),
    ];
    let dataset = dataset(&folder, all());
    let (table, counts) = dataset.read_counted(&columns, None).unwrap();
    // At 30 the row valid from 30 is not known yet; card 8's row of the very 20 is not known at 20.
    assert_eq!(shown(&table, "limit"), ["100", "", "200", ""]);
    assert_eq!(shown(&table, "country"), ["de", "fr", "de", ""]);
    assert_eq!(shown(&table, "place"), ["all", "ten", "all", ""]);
    assert_eq!(shown(&table, "card"), ["7", "8", "7", ""]);
    let counted = |count: &JoinCount| (count.source.clone(), count.n_rows, count.n_unmatched);
    let counts: Vec<_> = counts.iter().map(counted).collect();
    let count = |source: &str, n_unmatched| (source.to_owned(), 4, n_unmatched);
    assert_eq!(counts, [count("cards", 1), count("limits", 2), count("ranges", 1)]);

    let range = TimeRange { column: "at".into(), from: Some(15_000_000), to: Some(35_000_000) };
    let cut = dataset.read(&columns, Some(&range)).unwrap();
    assert_eq!(shown(&cut, "limit"), ["", "200"]);
    let without_joins = dataset.read_counted(&[request("at", ColumnKind::Time)], None).unwrap();
    assert_eq!(without_joins.1, [], "a join that nothing needs is not run");
}

#[test]
fn a_join_may_go_by_what_one_before_it_brought() {
    let folder = tempfile::tempdir().unwrap();
    let mut joins = all();
    joins[0].columns = Some(vec!["country".into(), "number".into()]);
    joins[0].prefix = "card_".into();
    let JoinKind::AsOf { on: by, .. } = &mut joins[1].kind else { unreachable!() };
    *by = on("card_number", "card");
    let columns = [request("limit", ColumnKind::Number), request("card_country", ColumnKind::Text)];
    let table = dataset(&folder, joins.clone()).read(&columns, None).unwrap();
    assert_eq!(shown(&table, "limit"), ["100", "", "200", ""]);
    assert_eq!(shown(&table, "card_country"), ["de", "fr", "de", ""]);
    joins.swap(0, 1);
    let error = dataset(&folder, joins).read(&columns, None).unwrap_err().to_string();
    assert!(error.contains("[[join]] of limits needs column \"card_number\""), "{error}");
}

#[test]
fn what_cannot_be_joined_is_refused_with_names() {
    let folder = tempfile::tempdir().unwrap();
    let error = |joins, column| {
        let columns = [request(column, ColumnKind::Text)];
        dataset(&folder, joins).read(&columns, None).unwrap_err().to_string()
    };
    assert!(error(all(), "id").starts_with("column \"id\" is in both payments and cards; "));
    assert_eq!(
        error(all(), "colour"),
        "column \"colour\" is not there; payments has id, at, card, ip; cards gives country, id; \
         limits gives limit; ranges gives place"
    );
    let equi = JoinKind::Equi { on: on("card", "card") };
    assert!(error(vec![join("limits", equi)], "limit").starts_with(
        "limits: the key card = 7 appears twice, in rows 1 and 2; an equi join would"
    ));
    let mut listed = all();
    listed[0].columns = Some(vec!["id".into()]);
    assert!(error(listed.clone(), "at").contains("\"id\" is in both payments and cards"));
    listed[0].columns = Some(vec!["colour".into()]);
    let found = error(listed, "at");
    assert_eq!(found, "column \"colour\" is not there; cards has number, country, id");
}

/// Random events and limits, by time, some of them without a key or a time.
fn random(draws: &mut Draws, n: usize, instant: &str, value: &str) -> Table {
    let integers = |draws: &mut Draws, end: usize| {
        let drawn: Vec<_> = (0..n).map(|_| draws.unless_null(end)).collect();
        let mask = drawn.iter().map(Option::is_none).collect();
        let values = drawn.into_iter().map(|v| v.unwrap_or_default() as i64).collect();
        Column::with_nulls(Values::Integer(values), mask)
    };
    let times = (0..n).map(|_| draws.below(50) as i64 * 1_000_000).collect();
    let numbers = Values::Integer((0..n as i64).collect());
    Table::new(vec![
        (instant.to_owned(), Column::new(Values::Time(times))),
        ("card".to_owned(), integers(draws, 5)),
        (value.to_owned(), Column::new(numbers)),
    ])
    .unwrap()
}

#[test]
fn sources_cut_at_an_instant_leave_all_rows_before_it_unchanged() {
    let mut draws = Draws::new(3);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(format!("{name}.parquet"));
    let (events, limits) =
        (random(&mut draws, 300, "at", "id"), random(&mut draws, 200, "since", "limit"));
    let before = |table: &Table, column: &str, end: i64| {
        let Values::Time(times) = table.column(column).unwrap().values() else { unreachable!() };
        let rows: Vec<usize> = (0..times.len()).filter(|row| times[*row] < end).collect();
        table.take(&rows)
    };
    let joined = |events: &Table, limits: &Table, to| {
        write_table(events, &path("events")).unwrap();
        write_table(limits, &path("limits")).unwrap();
        let source = |name: &str| (name.to_owned(), Source::new(path(name).to_str().unwrap()));
        let kind = JoinKind::AsOf { on: on("card", "card"), valid_from: "since".into() };
        let dataset = Dataset {
            sources: vec![source("events"), source("limits")],
            fact: "events".into(),
            time: "at".into(),
            joins: vec![join("limits", kind)],
            query: None,
            kinds: Vec::new(),
        };
        let columns = [request("id", ColumnKind::Integer), request("limit", ColumnKind::Integer)];
        let range = TimeRange { column: "at".into(), from: None, to };
        let table = dataset.read(&columns, Some(&range)).unwrap();
        (shown(&table, "id"), shown(&table, "limit"))
    };
    for seconds in [1, 7, 25, 49] {
        let end = seconds * 1_000_000;
        let whole = joined(&events, &limits, Some(end));
        assert!(whole.1.iter().any(|limit| !limit.is_empty()) || seconds == 1);
        let cut = joined(&before(&events, "at", end), &before(&limits, "since", end), None);
        assert_eq!(cut, whole, "{seconds} s");
    }
}

#[test]
fn rows_that_are_skipped_are_the_same_for_every_kind_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut limits = all().swap_remove(1);
    limits.columns = Some(vec!["limit".to_owned(), "holder".to_owned()]);
    limits.kind = JoinKind::AsOf { on: on("card", "holder"), valid_from: "since".to_owned() };
    let mut dataset = dataset(&folder, vec![limits]);
    let path = folder.path().join("limits.csv");
    let contents = "holder,since,limit\n9,never,7\n7,5,100\n7,six,7\n8,7,200\n7,8,many\n";
    std::fs::write(&path, contents).unwrap();
    dataset.sources[2].1.options.bad_rows = crate::BadRows::Skip;
    // The key of the join is a category too, which takes a second reading.
    let columns = [request("holder", ColumnKind::Text), request("limit", ColumnKind::Number)];
    let (table, counts) = dataset.read_counted(&columns, None).unwrap();
    assert_eq!(shown(&table, "holder"), ["7", "8", "7", ""]);
    assert_eq!(shown(&table, "limit"), ["100", "200", "100", ""]);
    let report = &counts[0].report;
    assert_eq!((report.rows_read, report.rows_skipped), (2, 3));
    let first = report.examples[0].to_string();
    assert!(
        first.contains("limits.csv, line 2 (data row 1): column \"since\": expected"),
        "{first}"
    );
}
