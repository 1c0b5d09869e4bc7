//! Short and long logs: which of them bytes give, and that they hold the same.

use super::{Raw, SECOND, feature, program};
use crate::features::state::log::NEVER;
use crate::features::state::occurrences::{Occurrence, Occurrences};
use crate::features::state::{EntityState, Observed};
use crate::features::window::{Event, Measure, Windows};

const START: i64 = 1_500_000_000 * SECOND;

fn windows() -> Windows {
    let mut features = Vec::new();
    for seconds in [1_000, 0] {
        for measure in [
            Measure::Count,
            Measure::Mean("amount".into()),
            Measure::Std("amount".into()),
            Measure::Min("amount".into()),
            Measure::Max("fee".into()),
        ] {
            features.push(feature(&["card"], measure, seconds));
        }
    }
    features.push(feature(&["card"], Measure::Distinct("shop".into()), 1_000));
    features.push(feature(&["card"], Measure::Distinct("device".into()), 1_000));
    Windows::new(program(features, 64)).expect("a sound program")
}

/// One a second; every third without a fee, every fifth without a shop.
fn payment(windows: &Windows, number: i64) -> Event {
    let raw = Raw {
        time: START + number * SECOND,
        id: number + 1,
        card: Some(1),
        device: ["x", "y", "z"][number as usize % 3],
        amount: Some((number * 7 % 31) as f64),
        fee: (number % 3 > 0).then_some(-(number as f64)),
        shop: ["a", "b", "a", "", "c"][number as usize % 5],
        ..Raw::default()
    };
    raw.event(windows)
}

fn with_payments(windows: &Windows, numbers: std::ops::Range<i64>) -> EntityState {
    let mut state = EntityState::new(windows, 0);
    for number in numbers {
        assert_eq!(state.observe(windows, &payment(windows, number)), Observed::New);
    }
    state
}

fn encoded(windows: &Windows, state: &EntityState) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.encode(windows, &mut bytes);
    bytes
}

fn decoded(windows: &Windows, bytes: &[u8]) -> EntityState {
    EntityState::decode(windows, 0, bytes).expect("its own bytes")
}

fn is_long(state: &EntityState) -> bool {
    state.streams.iter().all(|stream| stream.events.is_long())
}

#[test]
fn bytes_of_few_events_give_a_short_log() {
    let windows = windows();
    for (n_events, expected) in [(0, false), (1, false), (63, false), (64, true)] {
        let state = with_payments(&windows, 0..n_events);
        let bytes = encoded(&windows, &state);
        let again = decoded(&windows, &bytes);
        assert_eq!((is_long(&state), is_long(&again)), (expected, expected), "{n_events} events");
        assert!(encoded(&windows, &again) == bytes, "{n_events} events");
    }
    // A long log whose events ran dry is short from then on.
    let mut state = with_payments(&windows, 0..64);
    state.observe(&windows, &payment(&windows, 1_030));
    let again = decoded(&windows, &encoded(&windows, &state));
    assert_eq!((is_long(&state), is_long(&again)), (true, false));
}

/// The oldest rows are put together, so that a log that began short is made long at its first row; and all of history
/// has what was dropped too.
#[test]
fn rows_of_several_events_are_read_into_a_long_log() {
    let windows = windows();
    for first_later in [500, 1_100, 1_450] {
        let mut state = with_payments(&windows, 0..500);
        for number in first_later..first_later + 3 {
            state.observe(&windows, &payment(&windows, number));
        }
        let plan = &windows.keys()[0].streams[0];
        let n_rows = state.streams.iter().next().expect("one stream").events.n_kept(plan);
        assert!((4..64).contains(&n_rows), "found {n_rows} rows, {first_later}");
        let mut again = decoded(&windows, &encoded(&windows, &state));
        assert!(is_long(&again), "{first_later}");
        let [mut expected, mut found] = [(); 2].map(|()| vec![0.0; windows.n_features()]);
        for number in first_later + 3..first_later + 90 {
            let event = payment(&windows, number);
            state.features_then_observe(&windows, &event, &mut expected);
            again.features_then_observe(&windows, &event, &mut found);
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&found), bits(&expected), "{number} after {first_later}");
            assert!(encoded(&windows, &again) == encoded(&windows, &state), "{number}");
        }
    }
}

/// As those have that lost theirs when rows were put together.
#[test]
fn a_value_without_a_row_is_kept_beside_a_long_log() {
    let windows = windows();
    let plan = &windows.keys()[0].streams[0];
    let mut state = with_payments(&windows, 0..10);
    let lost =
        |seconds: i64| Occurrence { time: START + seconds * SECOND + 1, value: 7, previous: NEVER };
    for stream in state.streams.iter_mut() {
        stream.lengthen(plan);
        let last = stream.distinct.iter_mut().nth(1).expect("two columns");
        last.windowed = Some(Box::new(Occurrences::from_kept(vec![lost(3)])));
    }
    let bytes = encoded(&windows, &state);
    let again = decoded(&windows, &bytes);
    assert!(is_long(&again) && encoded(&windows, &again) == bytes);
    // What had been put into the rows is beside them too.
    for (stream, expected) in again.streams.iter().zip(state.streams.iter()) {
        for (found, expected) in stream.distinct.iter().zip(expected.distinct.iter()) {
            let kept = |distinct: &super::super::Distinct| {
                distinct.windowed.as_ref().map(|windowed| windowed.kept().to_vec())
            };
            assert!(kept(found).is_some_and(|kept| !kept.is_empty()));
            assert_eq!(kept(found), kept(expected));
        }
    }
}
