//! Bands by budget and by cost, and what measures of alerts and money come to, held against loops over the
//! scored file.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::naive::{assert_close, number};
use crate::project::{Csv, Project, assert_says, blob};

const BANDS: &str = "[evaluate]\nalerts_per_day = [5, 20]\n\n\
    [[band]]\nname = \"block\"\nleast_cost = true\n\
    [[band]]\nname = \"review\"\nalerts_per_day = 12\n\n\
    [cost]\nloss_rate = 0.9\nreview_cost = 2.0\nreview_catch_rate = 0.75\n\
    false_decline_cost = { fixed = 4.0, share = 0.05 }\n\n[[feature]]";

/// One row of a window of the scored file.
struct Row {
    day: String,
    card: String,
    fraud: bool,
    amount: f64,
    margin: f64,
    band: String,
}

fn rows(scored: &Csv, window: &Value) -> Vec<Row> {
    let (margins, amounts) = (scored.numbers("margin"), scored.numbers("TX_AMOUNT"));
    let (times, bands) = (scored.column("TX_DATETIME"), scored.column("band"));
    let cards = scored.column("CUSTOMER_ID");
    let row = |row: usize| Row {
        day: times[row][..10].to_owned(),
        card: cards[row].to_owned(),
        fraud: scored.is_fraud(row),
        amount: amounts[row],
        margin: margins[row],
        band: bands[row].trim_matches('"').to_owned(),
    };
    scored.rows_in(window).into_iter().map(row).collect()
}

/// The best margin of each card and day, and whether it had a fraud.
fn cases(rows: &[Row]) -> Vec<(f64, bool)> {
    let mut cases: BTreeMap<(&str, &str), (f64, bool)> = BTreeMap::new();
    for row in rows {
        let case = cases.entry((&row.day, &row.card)).or_insert((f64::NEG_INFINITY, false));
        *case = (case.0.max(row.margin), case.1 || row.fraud);
    }
    cases.into_values().collect()
}

fn n_days(rows: &[Row]) -> f64 {
    rows.iter().map(|row| &row.day).collect::<BTreeSet<_>>().len() as f64
}

/// As the book defines it, of equal scores the earlier row first.
fn card_precision(rows: &[Row], k: usize) -> f64 {
    let days: BTreeSet<&str> = rows.iter().map(|row| row.day.as_str()).collect();
    let (mut found, mut n_found) = (BTreeSet::new(), 0);
    for day in &days {
        let mut of_day: Vec<&Row> =
            rows.iter().filter(|row| row.day == *day && !found.contains(&row.card)).collect();
        of_day.sort_by(|a, b| b.margin.total_cmp(&a.margin));
        let mut cards: Vec<&String> = Vec::new();
        for row in &of_day {
            if !cards.contains(&&row.card) {
                cards.push(&row.card);
            }
        }
        for card in cards.into_iter().take(k) {
            if of_day.iter().any(|row| row.card == *card && row.fraud) {
                found.insert(card.clone());
                n_found += 1;
            }
        }
    }
    n_found as f64 / (k * days.len()) as f64
}

fn cost(row: &Row, band: &str) -> f64 {
    match (band, row.fraud) {
        ("block", true) | ("allow", false) => 0.0,
        ("block", false) => 4.0 + 0.05 * row.amount,
        ("review", true) => 2.0 + 0.25 * 0.9 * row.amount,
        ("review", false) => 2.0,
        (_, true) => 0.9 * row.amount,
        (other, false) => panic!("a band named {other:?}"),
    }
}

#[test]
fn bands_alerts_and_money_are_what_loops_give() {
    let project = Project::edited(&[("[[feature]]", BANDS)]);
    let run = project.retrain("").expect(0).json();
    let candidate = &run["learners"][run["candidate"].as_str().expect("a name")];
    let artifact = blob("registry", &run["artifact"]);
    let scored = project.predict(&artifact);
    let test = rows(&scored, &run["windows"]["test"]);
    for report in [
        candidate,
        &project
            .run(&format!("evaluate {artifact} fraud.toml --window test --json"))
            .expect(0)
            .json(),
    ] {
        for k in [5, 20] {
            let key = format!("card_precision_at_{k}");
            assert_close(number(&report[&key]), card_precision(&test, k), &key);
            // The lowest best score of a card and day down to which so many come.
            let cases = cases(&test);
            let at = |t: f64| cases.iter().filter(|case| case.0 >= t).count() as f64;
            let budget = k as f64 * n_days(&test);
            let within = cases.iter().map(|case| case.0).filter(|t| at(*t) <= budget);
            let from = within.fold(f64::INFINITY, f64::min);
            let caught = cases.iter().filter(|case| case.0 >= from && case.1).count() as f64;
            let frauds = cases.iter().filter(|case| case.1).count() as f64;
            let reported = |name: &str| number(&report[format!("{name}_at_alerts_{k}")]);
            assert!(caught > 0.0);
            assert_close(reported("recall"), caught / frauds, "recall");
            assert_close(reported("precision"), caught / at(from), "precision");
            let money = |from: f64| -> f64 {
                let frauds = test.iter().filter(|row| row.fraud && row.margin >= from);
                frauds.map(|row| row.amount).sum()
            };
            assert_close(reported("value_captured"), money(from), "value");
            assert_close(
                reported("amount_recall"),
                money(from) / money(f64::NEG_INFINITY),
                "amount",
            );
        }
        let total: f64 = test.iter().map(|row| cost(row, &row.band)).sum();
        assert!((number(&report["expected_cost"]) - total).abs() < 1e-6, "{total} in {report}");
        let nothing: f64 = test.iter().map(|row| cost(row, "allow")).sum();
        assert!((number(&report["expected_cost_all_allowed"]) - nothing).abs() < 1e-6);
        let review = &report["bands"][1];
        assert_eq!(review["name"], "review");
        let above: Vec<&Row> = test.iter().filter(|row| row.band != "allow").collect();
        let frauds = above.iter().filter(|row| row.fraud).count() as f64;
        let all = test.iter().filter(|row| row.fraud).count() as f64;
        let and_above = |key: &str| number(&review["and_above"][key]);
        assert_close(and_above("precision"), frauds / above.len() as f64, "precision");
        assert_close(and_above("recall"), frauds / all, "recall");
        documented(report);
    }

    // Chosen on calibrate: the budget is kept there, and no other edge of block costs less.
    let calibrate = rows(&scored, &run["windows"]["calibrate"]);
    let inspected = project.run(&format!("inspect {artifact} --json")).expect(0).json();
    let assumptions = inspected["bands"]["assumptions"].as_str().expect("text");
    assert_says(
        assumptions,
        &["review and above at most 12 cases (one CUSTOMER_ID on one day) a day", "loss_rate 0.9"],
    );
    let edges: Vec<f64> =
        inspected["bands"]["edges"].as_array().expect("two").iter().map(number).collect();
    let [review, block] = edges.as_slice() else { panic!("{edges:?}") };
    let cases = cases(&calibrate);
    let alerts = cases.iter().filter(|case| case.0 >= *review).count() as f64;
    assert!(alerts > 0.0 && alerts <= 12.0 * n_days(&calibrate), "{alerts}");
    let with_block_at = |edge: f64| -> f64 {
        let band = |row: &Row| match row.margin {
            margin if margin >= edge => "block",
            margin if margin >= *review => "review",
            _ => "allow",
        };
        calibrate.iter().map(|row| cost(row, band(row))).sum()
    };
    let least = with_block_at(*block);
    for row in calibrate.iter().filter(|row| row.margin >= *review) {
        assert!(with_block_at(row.margin) >= least - 1e-9, "{} costs less", row.margin);
    }
}

/// Every key of a report stands in the page that defines them.
#[track_caller]
fn documented(report: &Value) {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../train/METRICS.md");
    let page = std::fs::read_to_string(page).expect("the page of the measures");
    let known = |key: &str| page.contains(&format!("`{key}`"));
    for (key, value) in report.as_object().expect("a report") {
        if !(value.is_number() || value.is_null()) || key.ends_with("_rows") {
            continue;
        }
        let generic = |mark: &str, letter: &str| match key.split_once(mark) {
            Some((name, _)) => format!("{name}{mark}{letter}"),
            None => key.clone(),
        };
        let generic = [
            generic("_at_fpr_", "X"),
            generic("_at_alerts_", "N"),
            generic("card_precision_at_", "N"),
            key.clone(),
        ];
        assert!(generic.iter().any(|key| known(key)), "METRICS.md does not define {key}");
    }
}
