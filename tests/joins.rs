//! Several sources through the command line: joins, a query, what is refused, and that nothing known
//! later reaches an event.

use crate::project::{Csv, Finished, Project, assert_says, edited, transactions};

/// Sources, joins and features to be put in the place of the only source and the first feature.
const JOINS: &str = r#"[[source]]
name = "transactions"
path = "transactions.csv"

[[source]]
name = "customers"
path = "customers.csv"

[[source]]
name = "limits"
path = "limits.csv"

[[source]]
name = "tiers"
path = "tiers.csv"

[[join]]
source = "customers"
kind = "equi"
on = { CUSTOMER_ID = "customer" }

[[join]]
source = "limits"
kind = "asof"
on = "CUSTOMER_ID"
valid_from = "since"

[[join]]
source = "tiers"
kind = "range"
value = "TX_AMOUNT"
lower = "from"
upper = "to"
prefix = "amount_"
"#;

const FEATURES: &str = r#"[[feature]]
column = "limit"

[[feature]]
column = "segment"
kind = "category"

[[feature]]
column = "amount_tier"
kind = "category"

[[feature]]
column = "TX_AMOUNT"
"#;

const SOURCE: &str = "[[source]]\nname = \"transactions\"\npath = \"transactions.csv\"\n";
const FEATURE: &str = "[[feature]]\ncolumn = \"TX_AMOUNT\"\n";

/// Every third customer has no segment; limits change every ten days, told in no order.
fn project(edits: &[(&str, &str)]) -> Project {
    let text = edited(JOINS, edits);
    let project = Project::edited(&[(SOURCE, &text), (FEATURE, FEATURES)]);
    let customers = (0..200).filter(|id| id % 3 > 0).map(|id| format!("{id},s{}\n", id % 4));
    project.write("customers.csv", format!("customer,segment\n{}", customers.collect::<String>()));
    project.write("limits.csv", limits().text());
    project.write("tiers.csv", "from,to,tier\n0,1000,low\n50,100,middle\n100,500,high\n");
    project
}

fn limits() -> Csv {
    let mut rows = Vec::new();
    for day in [21, 1, 11] {
        for customer in 0..150 {
            rows.push(vec![
                customer.to_string(),
                format!("2018-0{}-{day:02} 12:00:00", 4 + customer % 2),
                (day * 10 + customer % 7).to_string(),
            ]);
        }
    }
    let header = ["CUSTOMER_ID", "since", "limit"].map(str::to_owned).to_vec();
    Csv { header, rows }
}

/// Asserts that `retrain` stops with this code and words.
#[track_caller]
fn refused(project: &Project, code: i32, parts: &[&str]) -> Finished {
    let run = project.retrain("").expect(code);
    assert_says(&run.stderr, parts);
    run
}

/// Column by column what the joins should give, by loops over the files.
fn joined_by_hand(csv: &Csv) -> Csv {
    let limits = limits();
    let mut whole = csv.clone();
    whole.header.extend(["limit", "segment", "amount_tier"].map(str::to_owned));
    let at = |name| csv.position(name);
    let (customer, time, amount) = (at("CUSTOMER_ID"), at("TX_DATETIME"), at("TX_AMOUNT"));
    for row in &mut whole.rows {
        let known = limits.rows.iter().filter(|l| l[0] == row[customer] && l[1] < row[time]);
        let limit = known.max_by_key(|limit| limit[1].clone()).map_or("", |limit| &limit[2]);
        let id: u64 = row[customer].parse().expect("a number");
        let segment = if !id.is_multiple_of(3) { format!("s{}", id % 4) } else { String::new() };
        let amount: f64 = row[amount].parse().expect("a number");
        let tier = match amount {
            a if (50.0..=100.0).contains(&a) => "middle",
            a if a > 100.0 && a <= 500.0 => "high",
            a if a <= 1000.0 => "low",
            _ => "",
        };
        row.extend([limit.to_owned(), segment, tier.to_owned()]);
    }
    whole
}

#[test]
fn joined_sources_train_and_score_as_one_file_made_by_hand() {
    let project = project(&[]);
    let run = project.retrain("").expect(0);
    assert_says(&run.stderr, &["customers: ", "events (", "have no row there"]);
    let model = "cards@champion";
    project.run(&format!("predict {model} fraud.toml --out joined.csv")).expect(0);
    project.write("whole.csv", joined_by_hand(&Csv::parse(transactions())).text());
    project.run(&format!("predict {model} whole.csv --out whole_scored.csv")).expect(0);
    let joined = Csv::parse(&project.read("joined.csv"));
    let whole = Csv::parse(&project.read("whole_scored.csv"));
    assert_eq!(joined.rows.len(), Csv::parse(transactions()).rows.len());
    assert_eq!(joined.column("TRANSACTION_ID"), whole.column("TRANSACTION_ID"));
    assert!(joined.column("margin") == whole.column("margin"));
    let evaluated = |data: &str| {
        let run = project.run(&format!("evaluate {model} {data} --window test --json")).expect(0);
        run.json()
    };
    assert_eq!(evaluated("fraud.toml"), evaluated("whole.csv"));
    // The week after: the champion is compared on the same joined rows.
    let again = project.retrain("--as-of 2018-06-01T12:00:00Z");
    assert_eq!(again.json()["champion"]["version"], serde_json::json!(1));
}

#[test]
fn sources_cut_at_an_instant_score_all_events_before_it_alike() {
    let project = project(&[]);
    let model = project.train("logistic");
    let scores = |out: &str| {
        project.run(&format!("predict {model} fraud.toml --out {out}")).expect(0);
        Csv::parse(&project.read(out))
    };
    let whole = scores("whole.csv");
    let end = "2018-04-21 12:00:00";
    let cut = |mut csv: Csv, column: &str| {
        let position = csv.position(column);
        csv.rows.retain(|row| row[position].as_str() < end);
        csv
    };
    let transactions = cut(Csv::parse(transactions()), "TX_DATETIME");
    project.write("transactions.csv", transactions.text());
    project.write("limits.csv", cut(limits(), "since").text());
    let before = scores("before.csv");
    assert!(!before.rows.is_empty() && before.rows == whole.rows[..before.rows.len()]);
    assert_eq!(before.rows.len(), transactions.rows.len());
}

#[test]
fn a_query_gives_the_events_or_says_how_many_are_lost() {
    let sql = "SELECT e.*, CAST(e.\"limit\" AS DOUBLE) / 2 AS half FROM events e ORDER BY half";
    let with = |sql: &str| {
        let project = project(&[]);
        let config =
            edited(&project.read("fraud.toml"), &[("column = \"limit\"", "column = \"half\"")]);
        project.write("fraud.toml", format!("{config}\n[query]\nsql = \"\"\"\n{sql}\"\"\"\n"));
        project
    };
    let project = with(sql);
    project.retrain("").expect(0);
    project.run("predict cards@champion fraud.toml --out scored.csv").expect(0);
    let n_rows = Csv::parse(transactions()).rows.len();
    assert_eq!(Csv::parse(&project.read("scored.csv")).rows.len(), n_rows);

    let lost = with(&sql.replace("ORDER BY half", "WHERE e.TX_AMOUNT > 10"));
    let expected = format!("each of the {n_rows} rows of transactions once, found ");
    refused(&lost, 3, &[&expected, " are lost, 0 appear more than once"]);
    let trap = sql.replace("ORDER", "LEFT JOIN limits l\nON e.TX_DATETIME > l.since ORDER");
    refused(&with(&trap), 2, &["[query] sql, line 2, column ", "kind = \"asof\""]);
    refused(&with("SELECT * FROM events e e"), 2, &["[query] sql, line 1, column 24"]);
    refused(
        &with("SELECT *, nothing AS half\nFROM events"),
        3,
        &["[query] sql, line 1, column 11"],
    );
}

#[test]
fn a_join_that_cannot_be_is_refused() {
    for (from, to, code, parts) in [
        (
            "source = \"tiers\"",
            "source = \"teirs\"",
            2,
            ["(customers, limits, tiers)", "\"teirs\""],
        ),
        (
            "valid_from = \"since\"\n",
            "",
            2,
            ["source = \"limits\", kind = \"asof\"", "needs valid_from"],
        ),
        ("kind = \"range\"", "kind = \"equi\"", 2, ["takes on", "found value"]),
        (
            "prefix = \"amount_\"",
            "columns = [\"tear\"]",
            3,
            ["column \"tear\" is not there", "tiers has"],
        ),
        (
            "\nprefix = \"amount_\"",
            "",
            3,
            ["column \"amount_tier\" is not there", "tiers gives tier"],
        ),
        (
            "kind = \"asof\"",
            "kind = \"equi\"\n#",
            2,
            ["source = \"limits\"", "takes on, found valid_from"],
        ),
        (
            "path = \"tiers.csv\"",
            "path = \"tiers.csv\"\nfact = true",
            2,
            ["beside the fact source", "tiers"],
        ),
    ] {
        refused(&project(&[(from, to)]), code, &parts);
    }
    let project = project(&[]);
    project.write("customers.csv", "customer,segment\n1,a\n2,b\n1,c\n");
    refused(&project, 3, &["customers: the key customer = 1 appears twice, in rows 1 and 3"]);
}

/// The committed example on the Parquet twins of its files, where `SHROFF_DATA` names a folder that
/// has them.
#[test]
fn purchases_find_the_country_of_their_address() {
    let Some(data) = std::env::var_os("SHROFF_DATA").map(std::path::PathBuf::from) else {
        eprintln!("skipped: SHROFF_DATA does not name a folder with ecommerce");
        return;
    };
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../train/examples/ecommerce.toml");
    let config = std::fs::read_to_string(example).expect("a committed example");
    let config: String = config
        .lines()
        .filter(|line| !line.starts_with("time_format") && !line.starts_with("bad_rows"))
        .map(|line| format!("{line}\n"))
        .collect();
    let project = Project::new();
    let file = |name: &str| format!("path = {:?}", data.join("ecommerce").join(name));
    let edits = [
        ("path = \"data/ecommerce/fraud_data.csv\"", file("fraud_data.parquet")),
        ("path = \"data/ecommerce/IpAddress_to_Country.csv\"", file("ip_country.parquet")),
    ];
    let edits = edits.each_ref().map(|(from, to)| (*from, to.as_str()));
    project.write("fraud.toml", edited(&config, &edits));
    let run = project.retrain("").expect(0);
    // Counted when the data was collected: 30,189 purchases, 24 % of them without a country.
    assert_says(&run.stderr, &["ip_ranges: 7", " of 30189 events (24."]);
    let run = run.json();
    let rows = |window: &str| run["windows"][window]["rows"].as_u64().expect("a count");
    assert_eq!(
        [rows("train") + rows("stop"), rows("calibrate"), rows("test")],
        [16_633, 7_604, 5_952]
    );
    let roc_auc = run["learners"]["logistic"]["roc_auc"].as_f64().expect("a number");
    assert!((roc_auc - 0.5).abs() < 0.05, "by time there is hardly any signal, found {roc_auc}");
}
