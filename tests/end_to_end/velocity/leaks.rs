//! What no feature may see: the future, its own label, and closed left what happens at its moment.

use super::{Event, computed, config, declared, events};
use crate::project::Csv;

/// The features of each event, by its id.
fn by_id(table: &Csv, columns: &[usize]) -> Vec<Vec<String>> {
    let mut rows: Vec<(i64, Vec<String>)> = table
        .rows
        .iter()
        .map(|row| {
            let id = row[table.position("id")].parse().expect("an id");
            (id, columns.iter().map(|column| row[*column].clone()).collect())
        })
        .collect();
    rows.sort();
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The columns of features, those closed right aside unless `all`.
fn features(table: &Csv, all: bool) -> Vec<usize> {
    let is_asked = |name: &str| all || !name.contains("closed right");
    let roles = ["id", "t", "y"];
    let columns = table.header.iter().enumerate();
    let asked = columns.filter(|(_, name)| !roles.contains(&name.as_str()) && is_asked(name));
    asked.map(|(position, _)| position).collect()
}

fn table(events: &[Event]) -> Csv {
    computed(&config(&declared()), events).0
}

#[test]
fn the_order_of_the_source_and_of_ties_changes_nothing() {
    let events = events();
    let before = table(&events);
    let backwards: Vec<Event> = events.iter().rev().cloned().collect();
    let after = table(&backwards);
    let all = features(&before, true);
    assert_eq!(by_id(&before, &all), by_id(&after, &all));
    // Other ids are another order of ties, which only windows closed right see.
    let renumbered: Vec<Event> =
        events.iter().map(|event| Event { id: 499 - event.id, ..event.clone() }).collect();
    let mut after = table(&renumbered);
    for row in &mut after.rows {
        row[0] = (499 - row[0].parse::<i64>().expect("an id")).to_string();
    }
    let left = features(&before, false);
    assert_eq!(by_id(&before, &left), by_id(&after, &left));
    assert_ne!(by_id(&before, &all), by_id(&after, &all));
}

#[test]
fn what_comes_later_changes_nothing() {
    let events = events();
    let before = table(&events);
    let all = features(&before, true);
    let noon = 36;
    // Everything about later events is another, and every label not known by noon.
    let changed: Vec<Event> = events
        .iter()
        .map(|event| {
            let mut event = event.clone();
            if event.hour > noon {
                event.card = "8".to_owned();
                event.shop = "shop 1".to_owned();
                event.amount = "999.99".to_owned();
            }
            if event.known_at() > noon {
                event.fraud = event.fraud.map(|fraud| !fraud);
            }
            event
        })
        .collect();
    let after = table(&changed);
    let mut by_then: Vec<&Event> = events.iter().collect();
    by_then.sort_by_key(|event| event.id);
    let rows = by_id(&before, &all).into_iter().zip(by_id(&after, &all)).zip(by_then);
    let (earlier, later): (Vec<_>, Vec<_>) = rows.partition(|(_, event)| event.hour <= noon);
    for ((before, after), event) in earlier {
        assert_eq!(before, after, "{event:?}");
    }
    assert!(later.iter().filter(|((before, after), _)| before != after).count() > 100);
}

#[test]
fn closed_left_sees_nothing_of_its_own_moment() {
    let events = events();
    let before = table(&events);
    // The own amount is half of a ratio.
    let left: Vec<usize> = features(&before, false)
        .into_iter()
        .filter(|column| !before.header[*column].starts_with("ratio"))
        .collect();
    for hour in [20, 45, 70] {
        let changed: Vec<Event> = events
            .iter()
            .map(|event| match event.hour == hour {
                true => Event {
                    device: "d9".to_owned(),
                    channel: "web".to_owned(),
                    amount: "777.77".to_owned(),
                    fraud: Some(true),
                    known: Some(hour),
                    ..event.clone()
                },
                false => event.clone(),
            })
            .collect();
        let after = table(&changed);
        let mut n_changed = 0;
        for (row, event) in events.iter().enumerate() {
            let values = |table: &Csv| -> Vec<String> {
                left.iter().map(|column| table.rows[row][*column].clone()).collect()
            };
            let (before, after) = (values(&before), values(&after));
            assert!(event.hour > hour || before == after, "{event:?}");
            n_changed += usize::from(before != after);
        }
        assert!(n_changed > 0 || hour == 70, "later events see hour {hour}");
    }
}
