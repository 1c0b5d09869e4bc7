//! Queries: what they may do, and what they are refused for.

use super::*;
use crate::source::Source;

/// A dataset of CSV files, the first the fact source, with a query.
struct Files {
    _folder: tempfile::TempDir,
    dataset: Dataset,
}

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = Vec::new();
        for (name, contents) in files {
            let path = folder.path().join(format!("{name}.csv"));
            std::fs::write(&path, contents).unwrap();
            sources.push(((*name).to_owned(), Source::new(path.to_str().unwrap())));
        }
        let (joins, query) = (Vec::new(), None);
        let kinds = vec![ColumnRequest::new("amount", ColumnKind::Number)];
        let (fact, time) = (files[0].0.to_owned(), "at".to_owned());
        let dataset = Dataset { sources, fact, time, joins, query, kinds };
        Self { _folder: folder, dataset }
    }

    fn ask(&self, sql: &str, columns: &[(&str, ColumnKind)]) -> Result<Table, String> {
        let query = Some(Query::new(sql).map_err(|error| error.to_string())?);
        let dataset = Dataset { query, ..self.dataset.clone() };
        let columns: Vec<_> =
            columns.iter().map(|(name, kind)| ColumnRequest::new(*name, *kind)).collect();
        let range = TimeRange { column: "at".into(), from: Some(0), to: Some(40_000_000) };
        dataset.read(&columns, Some(&range)).map_err(|error| error.to_string())
    }
}

const PAYMENTS: &str = "id,at,card,amount\na,30,2,9.5\nb,10,1,4\nc,50,1,8\nd,20,,1\n";
const CARDS: &str = "card,country\n1,fr\n3,de\n2,es\n";

fn texts(table: &Table, name: &str) -> Vec<Option<String>> {
    let column = table.column(name).unwrap();
    let Values::Text(text) = column.values() else { panic!("{name} is text") };
    (0..table.n_rows())
        .map(|row| (!column.is_null(row)).then(|| text.value(row).to_owned()))
        .collect()
}

#[test]
fn the_result_has_the_events_in_their_order_whatever_the_query_does() {
    let files = Files::new(&[("payments", PAYMENTS), ("cards", CARDS)]);
    let columns =
        [("id", ColumnKind::Text), ("country", ColumnKind::Text), ("cents", ColumnKind::Number)];
    // By hand: of the rows before 40 s the payments a, b and d; d has no card.
    let some = |values: [&str; 3]| values.map(|v| (!v.is_empty()).then(|| v.to_owned())).to_vec();
    for sql in [
        "SELECT p.id, p.at, c.country, p.amount * 100 AS cents FROM payments p \
         LEFT JOIN cards c ON p.card = c.card ORDER BY cents DESC",
        "SELECT *, amount * 100 AS cents FROM events LEFT JOIN cards USING (card)",
        "WITH joined AS (SELECT e.*, c.country FROM events AS e LEFT JOIN cards AS c \
         ON e.card = c.card) SELECT event_row, id, at, country, amount * 100 AS cents FROM joined \
         ORDER BY id DESC",
    ] {
        let table = files.ask(sql, &columns).unwrap();
        assert_eq!(texts(&table, "id"), some(["a", "b", "d"]), "{sql}");
        assert_eq!(texts(&table, "country"), some(["es", "fr", ""]), "{sql}");
        let cents = Column::new(Values::Number(vec![950.0, 400.0, 100.0]));
        assert_eq!(table.column("cents"), Some(&cents), "{sql}");
    }
}

#[test]
fn events_lost_or_duplicated_are_an_error_with_both_counts() {
    let twice = "card,country\n1,fr\n1,de\n";
    let files = Files::new(&[("payments", PAYMENTS), ("cards", CARDS), ("twice", twice)]);
    let error = |sql| files.ask(sql, &[("id", ColumnKind::Text)]).unwrap_err();
    let found = error("SELECT id, at FROM payments WHERE amount > 2");
    assert!(
        found.starts_with(
            "[query] sql: expected each of the 3 rows of payments once, found 2 rows: 1 are lost, 0 \
             appear more than once (row 3 is the first lost); "
        ),
        "{found}"
    );
    let found = error("SELECT p.id, p.at FROM payments p LEFT JOIN twice t ON p.card = t.card");
    assert!(
        found.contains("found 4 rows: 0 are lost, 1 appear more than once (row 2 is"),
        "{found}"
    );
    let found = error("SELECT p.id, p.at FROM payments p JOIN cards t ON p.card = t.card");
    assert!(found.contains("found 2 rows: 1 are lost"), "{found}");
    let found = error("SELECT id, at FROM (SELECT id, at FROM payments)");
    assert!(found.contains("has no column event_row"), "{found}");
    let found = error("SELECT COUNT(*) AS id, MIN(at) AS at FROM payments");
    assert!(found.contains("has no column event_row"), "{found}");
    let found = error("SELECT at FROM payments");
    assert_eq!(found, "column \"id\" is not in the result of the query, which has at");
}

#[test]
fn what_polars_would_run_as_something_else_is_refused_before_it_runs() {
    let refusal = |sql: &str| Query::new(sql).unwrap_err().to_string();
    for (condition, found) in [
        ("p.at >= c.since", "p.at >= c.since"),
        ("p.card = c.card AND p.at > c.since", "p.at > c.since"),
        ("p.ip BETWEEN c.low AND c.high", "p.ip BETWEEN c.low AND c.high"),
        ("p.card = c.card AND c.country = 'fr'", "c.country = 'fr'"),
        ("p.card = c.card OR p.id = c.id", "p.card = c.card OR p.id = c.id"),
    ] {
        for join in ["LEFT JOIN", "JOIN", "FULL JOIN"] {
            let text = refusal(&format!("SELECT *\nFROM p {join} c\n  ON {condition}"));
            assert!(text.contains(&format!(", found {found}; declare a [[join]]")), "{text}");
            assert!(text.starts_with("[query] sql, line 3, column "), "{text}");
            assert!(text.contains("\"asof\"") && text.contains("\"range\""), "{text}");
        }
    }
    let nested = "SELECT * FROM (SELECT * FROM a LEFT JOIN (b JOIN c ON b.x < c.x) ON a.y = b.y) q";
    assert!(refusal(nested).contains("found b.x < c.x"));
    for aggregate in ["SUM(x)", "1 + MAX(x)", "STDDEV_POP(x)", "COUNT(*)"] {
        let found = refusal(&format!("SELECT p.*,\n  {aggregate} AS y FROM p"));
        assert!(found.starts_with("[query] sql, line 2, column "), "{found}");
        assert!(found.contains(&format!(", found {aggregate} AS y; aggregate another")), "{found}");
    }
    for sound in [
        "SELECT p.*, MINUTE(at) FROM p",
        "SELECT p.*, SUM(x) OVER (PARTITION BY card) FROM p",
        "SELECT p.*, c.n FROM p LEFT JOIN (SELECT card, COUNT(*) AS n FROM c GROUP BY card) c ON p.card = c.card",
        "SELECT p.* FROM p CROSS JOIN (SELECT MAX(x), AVG(x) FROM c) q",
    ] {
        assert!(Query::new(sound).is_ok(), "{sound}");
    }
    let file = refusal("SELECT * FROM read_csv('other.csv')");
    assert!(file.contains("declare the file as a [[source]]"), "{file}");
    assert_eq!(refusal("DROP TABLE p"), "[query] sql: expected one SELECT, found DROP TABLE p");
    assert!(refusal("SELECT 1; SELECT 2").contains("found several statements"));
}

#[test]
fn errors_tell_their_place() {
    let files = Files::new(&[("payments", PAYMENTS)]);
    let error = |sql| files.ask(sql, &[("id", ColumnKind::Text)]).unwrap_err();
    assert_eq!(
        error("SELECT id,\n  FRM payments p q"),
        "[query] sql, line 2, column 16: expected: end of statement, found: p"
    );
    let found = error("SELECT id,\n  at, amuont FROM payments");
    assert!(found.starts_with("[query] sql, line 2, column 7: "), "{found}");
    let found = error("SELECT id\nFROM paymints");
    assert!(found.starts_with("[query] sql, line 2, column 6: "), "{found}");
    let found = error("SELECT id,\n at FROM (payments");
    assert_eq!(found, "[query] sql, line 2, column 19: expected: ), found: EOF");
    let found = error("SELECT id,\n  Foo(at) FROM payments");
    assert!(found.starts_with("[query] sql, line 2, column 3: "), "{found}");
    let found = files.ask("SELECT * FROM payments", &[("id", ColumnKind::Number)]).unwrap_err();
    assert_eq!(found, "[query] sql, column \"id\", data row 1: expected a number, found a");
}
