//! The table against a map, with names that all want the same few lines.

use std::collections::BTreeMap;

use super::super::entities::Entities;
use super::{SECOND, START, event, windows};
use crate::features::state::EntityState;
use crate::features::window::EntityKey;

fn name(number: u128) -> EntityKey {
    // The lowest bits, by which a line is found, are those of few numbers: of the last line first.
    let lowest = (u128::MAX >> 66) - number * number % 5;
    EntityKey::from_bits(number << 64 | lowest).expect("not 0")
}

#[test]
fn entities_that_meet_in_one_line_are_found_until_they_go() {
    let windows = windows(Some(100 * SECOND));
    let state = |second: i64| {
        let mut state = EntityState::new(&windows, 0);
        state.observe(&windows, &event(&windows, START + second * SECOND, 1, None));
        state
    };
    let newest = |state: &EntityState| state.newest(&windows);
    let (mut table, mut map) = (Entities::default(), BTreeMap::new());
    for number in 0..300 {
        assert!(table.get(name(number)).is_none());
        table.put(&windows, name(number), state(number as i64));
        map.insert(name(number), state(number as i64));
        if number % 10 == 0 {
            // Once more, in the place of the first.
            table.put(&windows, name(number / 2), state(1_000));
            map.insert(name(number / 2), state(1_000));
        }
        if number % 7 == 6 {
            // Others every time, so that gaps arise everywhere.
            let stays = |state: &EntityState| {
                newest(state).is_some_and(|at| (at / SECOND * 31 + number as i64) % 5 > 0)
            };
            table.retain(stays);
            map.retain(|_, state| stays(state));
        }
        let found = |number| table.get(name(number)).map(newest);
        let expected = |number| map.get(&name(number)).map(newest);
        assert!((0..=number).all(|number| found(number) == expected(number)), "after {number}");
        assert_eq!(table.len(), map.len());
        assert!(table.knows_where_all_lies(&windows), "after {number}");
    }
    let all = table.iter().map(|(name, state)| (name, newest(state)));
    let expected = map.iter().map(|(name, state)| (*name, newest(state)));
    assert_eq!(all.collect::<BTreeMap<_, _>>(), expected.collect());
    assert!(table.change(&windows, name(300), |_| ()).is_none() && map.len() < 300);
}
