//! Whole simulations against what their documentation promises.

use super::*;
use crate::table::{Column, Text, Values};

const DAY: i64 = 86_400_000_000;

fn small() -> Simulation {
    Simulation { days: 40, customers: 300, terminals: 900, seed: 11, ..Simulation::default() }
}

fn run_on(n_threads: usize, simulation: &Simulation) -> Simulated {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    pool.install(|| simulation.run().unwrap())
}

fn column<'a>(table: &'a Table, name: &str) -> &'a Column {
    table.column(name).unwrap_or_else(|| panic!("no column {name}"))
}

fn integers<'a>(table: &'a Table, name: &str) -> &'a [i64] {
    match column(table, name).values() {
        Values::Integer(values) | Values::Time(values) => values,
        other => panic!("{name} is {}", other.type_name()),
    }
}

fn numbers<'a>(table: &'a Table, name: &str) -> &'a [f64] {
    let Values::Number(values) = column(table, name).values() else { panic!("{name}") };
    values
}

fn text<'a>(table: &'a Table, name: &str) -> &'a Text {
    let Values::Text(text) = column(table, name).values() else { panic!("{name}") };
    text
}

fn booleans<'a>(table: &'a Table, name: &str) -> &'a [bool] {
    let Values::Boolean(values) = column(table, name).values() else { panic!("{name}") };
    values
}

fn assert_near(what: &str, found: f64, expected: f64, relative: f64) {
    assert!(
        (found - expected).abs() <= relative * expected,
        "{what}: found {found}, expected {expected} within {relative}"
    );
}

#[test]
fn same_seed_same_tables_on_any_number_of_threads() {
    let one = run_on(1, &small());
    assert_eq!(one, run_on(2, &small()));
    assert_eq!(one, run_on(5, &small()));
    let other = run_on(2, &Simulation { seed: 12, ..small() });
    assert_ne!(one.transactions, other.transactions);
    assert_ne!(one.customers, other.customers);
    assert_ne!(one.terminals, other.terminals);
}

#[test]
fn every_row_keeps_the_documented_rules() {
    let simulation = small();
    let Simulated { transactions, customers, terminals } = simulation.run().unwrap();
    let times = integers(&transactions, "TX_DATETIME");
    let customer_ids = integers(&transactions, "CUSTOMER_ID");
    let terminal_ids = integers(&transactions, "TERMINAL_ID");
    let amounts = numbers(&transactions, "TX_AMOUNT");
    let distances = numbers(&transactions, "DISTANCE");
    let scenarios = integers(&transactions, "TX_FRAUD_SCENARIO");
    let label_times = integers(&transactions, "LABEL_TIME");
    let frauds = booleans(&transactions, "TX_FRAUD");
    let place =
        |table, id: i64| (numbers(table, "X")[id as usize], numbers(table, "Y")[id as usize]);

    let ids: Vec<i64> = (0..transactions.n_rows() as i64).collect();
    assert_eq!(integers(&transactions, "TRANSACTION_ID"), ids);
    let order: Vec<(i64, i64)> = times.iter().copied().zip(customer_ids.iter().copied()).collect();
    assert!(order.is_sorted());
    let end = simulation.start + i64::from(simulation.days) * DAY;
    assert!(times.iter().all(|time| (simulation.start..end).contains(time)));

    for row in 0..transactions.n_rows() {
        let channel = text(&transactions, "CHANNEL").value(row);
        let (x, y) = place(&customers, customer_ids[row]);
        let (terminal_x, terminal_y) = place(&terminals, terminal_ids[row]);
        let distance =
            ((x - terminal_x) * (x - terminal_x) + (y - terminal_y) * (y - terminal_y)).sqrt();
        if channel != "online" {
            assert!(distance < simulation.radius, "row {row}: {distance}");
        }
        if column(&transactions, "DISTANCE").is_null(row) {
            assert_eq!(channel, "online");
        } else {
            assert!((distances[row] - distance).abs() < 0.005 + 1e-9);
        }
        assert_eq!(
            text(&transactions, "MERCHANT_CATEGORY").value(row),
            text(&terminals, "MERCHANT_CATEGORY").value(terminal_ids[row] as usize)
        );
        assert!(amounts[row] >= 0.0);
        assert_eq!(frauds[row], scenarios[row] != 0);
        let large = amounts[row] > 220.0;
        match scenarios[row] {
            0 => assert!(!large),
            1 => assert!(large),
            scenario => assert!(scenario == 2 || scenario == 3),
        }
        let delay = label_times[row] - times[row];
        assert!(delay > 0 && delay <= 7 * DAY);
        assert!(frauds[row] || delay == 7 * DAY);
    }
}

#[test]
fn compromises_last_as_long_as_documented() {
    let simulation = small();
    let transactions = simulation.run().unwrap().transactions;
    let days: Vec<i64> = integers(&transactions, "TX_DATETIME")
        .iter()
        .map(|time| (time - simulation.start) / DAY)
        .collect();
    let scenarios = integers(&transactions, "TX_FRAUD_SCENARIO");
    let terminals = integers(&transactions, "TERMINAL_ID");
    for row in (0..scenarios.len()).filter(|&row| scenarios[row] == 2) {
        // Whatever else happens there on that day is a fraud too.
        for other in 0..scenarios.len() {
            if terminals[other] == terminals[row] && days[other] == days[row] {
                assert!(scenarios[other] >= 2);
            }
        }
    }
}

#[test]
fn rates_are_those_of_the_handbook() {
    let simulation = Simulation::default();
    let start: jiff::Timestamp = "2018-04-01T00:00:00Z".parse().unwrap();
    assert_eq!(simulation.start, start.as_microsecond());
    let Simulated { transactions, customers, .. } = simulation.run().unwrap();
    let n = transactions.n_rows() as f64;
    // P(|z| < 2.16) of the times of day fall inside the day.
    let drawn = numbers(&customers, "MEAN_DAILY_TRANSACTIONS").iter().sum::<f64>() * 183.0;
    assert_near("rows", n, drawn * 0.969_2, 0.005);
    // 5,000 customers x 183 days x 2, less those outside the day.
    assert_near("rows", n, 1_773_684.0, 0.05);

    let scenarios = integers(&transactions, "TX_FRAUD_SCENARIO");
    let share = |scenario| scenarios.iter().filter(|&&s| s == scenario).count() as f64 / n;
    // A terminal is free of compromise on day d with probability (1 - 2 / 10,000)^min(d + 1, 28).
    let compromised = |rate: f64, lasting: usize| {
        let free =
            |day: usize| std::iter::repeat_n(1.0 - rate, lasting.min(day + 1)).product::<f64>();
        (0..183).map(|day| 1.0 - free(day)).sum::<f64>() / 183.0
    };
    // The integral of P(normal(m, m / 2) > 220) over m uniform in 5..100 is 0.000574.
    assert_near("scenario 1", share(1), 0.000_574, 0.20);
    assert_near("scenario 2", share(2), compromised(2.0 / 10_000.0, 28), 0.10);
    assert_near("scenario 3", share(3), compromised(3.0 / 5_000.0, 14) / 3.0, 0.15);
    assert_near("all scenarios", 1.0 - share(0), 0.008_4, 0.10);

    let channels = text(&transactions, "CHANNEL");
    let online_share = |thief: bool| {
        let rows = || (0..scenarios.len()).filter(|&row| (scenarios[row] == 3) == thief);
        let online = rows().filter(|&row| channels.value(row) == "online").count();
        online as f64 / rows().count() as f64
    };
    assert_near("online", online_share(false), 0.20, 0.02);
    assert_near("online, thief", online_share(true), 0.60, 0.08);
    let missing = column(&transactions, "DISTANCE").null_count() as f64;
    assert_near("missing distances", missing / n, 0.30 * 0.20, 0.05);
}

#[test]
fn the_demo_is_small_and_has_every_scenario() {
    let transactions = Simulation::demo().run().unwrap().transactions;
    assert!((150_000..=200_000).contains(&transactions.n_rows()), "{}", transactions.n_rows());
    let scenarios = integers(&transactions, "TX_FRAUD_SCENARIO");
    for scenario in 1..=3 {
        assert!(scenarios.iter().filter(|&&s| s == scenario).count() >= 50);
    }
}

#[test]
fn a_customer_without_terminals_in_reach_pays_nothing() {
    let lonely = Simulation { radius: 1e-6, ..small() };
    let simulated = lonely.run().unwrap();
    assert_eq!((simulated.transactions.n_rows(), simulated.customers.n_rows()), (0, 300));
}

#[test]
fn impossible_simulations_are_refused() {
    let message = |simulation: Simulation| simulation.run().unwrap_err().to_string();
    assert_eq!(message(Simulation { days: 0, ..small() }), "days is 0, expected at least 1");
    assert_eq!(
        message(Simulation { terminals: 0, ..small() }),
        "terminals is 0, expected at least 1"
    );
    assert_eq!(
        message(Simulation { radius: f64::NAN, ..small() }),
        "radius is NaN, expected a number above 0"
    );
    assert_eq!(
        message(Simulation { customers: u32::MAX, ..small() }),
        "customers x days is 171798691800, expected at most 500000000; lower either of them"
    );
    assert!(
        message(Simulation { start: i64::MAX, ..small() }).contains("leaves the range of times")
    );
}

#[test]
fn a_policy_hides_labels_and_its_weights_bring_the_population_back() {
    let simulation = Simulation { customers: 1_000, terminals: 2_000, ..small() };
    let before = simulation.run().unwrap().transactions;
    let policy = Policy { block_above: 100.0, let_through: 0.2 };
    let after = Simulation { policy: Some(policy), ..simulation }.run().unwrap().transactions;
    // Everything that does not depend on the policy is as before.
    for name in ["TX_DATETIME", "CUSTOMER_ID", "TX_AMOUNT", "CHANNEL", "TX_FRAUD_SCENARIO"] {
        assert_eq!(column(&before, name), column(&after, name), "{name}");
    }
    let (labels, label_times) = (column(&after, "TX_FRAUD"), column(&after, "LABEL_TIME"));
    let (amounts, weights) = (numbers(&after, "TX_AMOUNT"), numbers(&after, "WEIGHT"));
    let (decisions, truth) = (text(&after, "DECISION"), booleans(&before, "TX_FRAUD"));
    let (mut weight, mut fraud_weight, mut above, mut through) = (0.0, 0.0, 0.0, 0.0);
    for row in 0..after.n_rows() {
        let declined = decisions.value(row) == "declined";
        assert_eq!((labels.is_null(row), label_times.is_null(row)), (declined, declined));
        let expected = match (amounts[row] > 100.0, declined) {
            (false, declined) => {
                assert!(!declined, "{} declined", amounts[row]);
                1.0
            }
            (true, true) => 0.0,
            (true, false) => 5.0,
        };
        assert_eq!(weights[row].to_bits(), f64::to_bits(expected));
        above += f64::from(amounts[row] > 100.0);
        through += f64::from(amounts[row] > 100.0 && !declined);
        weight += weights[row];
        fraud_weight += if truth[row] { weights[row] } else { 0.0 };
    }
    assert_near("share let through", through / above, 0.2, 0.1);
    assert_near("weight", weight, after.n_rows() as f64, 0.03);
    let n_frauds = truth.iter().filter(|fraud| **fraud).count() as f64;
    assert_near("weight of frauds", fraud_weight, n_frauds, 0.15);
    let unsound = Policy { block_above: 100.0, let_through: 1.5 };
    let error = Simulation { policy: Some(unsound), ..small() }.run().unwrap_err().to_string();
    assert!(error.contains("found 100 and 1.5"), "{error}");
}
