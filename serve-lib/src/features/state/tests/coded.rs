//! States as bytes: they go on as if nothing had happened, are small, and are believed only when sound.

use super::{Dice, Raw, SECOND, feature, program, random_history, random_program};
use crate::features::state::frauds::{Fraud, FraudLog};
use crate::features::state::log::NEVER;
use crate::features::state::occurrences::{Occurrence, Occurrences};
use crate::features::state::{EntityState, Observed, StateError};
use crate::features::window::{
    AmountColumn, Closed, Filter, FilterTest, Measure, WindowFeature, WindowProgram, Windows,
};

/// Of prefixes and bits, every so many.
const STEP: usize = if cfg!(miri) { 97 } else { 1 };

fn encoded(windows: &Windows, state: &EntityState) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.encode(windows, &mut bytes);
    bytes
}

#[test]
fn a_decoded_state_goes_on_bit_by_bit() {
    let (n_seeds, n_events) = if cfg!(miri) { (4, 40) } else { (40, 1_500) };
    let mut n_programs = 0;
    for seed in 0..n_seeds {
        let mut dice = Dice(seed);
        // Few enough events for rows to be put together many times.
        let program = WindowProgram { max_events: 128, ..random_program(&mut dice) };
        let Ok(windows) = Windows::new(program) else { continue };
        n_programs += 1;
        let [mut kept, mut stored, mut long] = [(); 3].map(|()| EntityState::new(&windows, 0));
        // One has long logs from the beginning, the others short ones first.
        let plans = &windows.keys()[0].streams;
        plans.iter().zip(long.streams.iter_mut()).for_each(|(plan, stream)| stream.lengthen(plan));
        let [mut expected, mut found, mut of_long] =
            [(); 3].map(|()| vec![0.0; windows.n_features()]);
        let mut history = random_history(&mut dice, n_events);
        // Pauses in which all but the longest windows run dry, so that logs are seldom full.
        let mut pauses = 0;
        for raw in &mut history {
            pauses += if seed % 2 == 0 && dice.below(20) == 0 { 1_000 * SECOND } else { 0 };
            (raw.card, raw.time) = (Some(1), raw.time + pauses);
        }
        for (number, raw) in history.iter().enumerate() {
            let event = raw.event(&windows);
            // One is asked and observes, the other does both at once.
            windows.features(&event, &[Some(&kept)], &mut expected);
            let observed = kept.observe(&windows, &event);
            assert_eq!(stored.features_then_observe(&windows, &event, &mut found), observed);
            assert_eq!(long.features_then_observe(&windows, &event, &mut of_long), observed);
            // Those of another key are no matter of this state.
            let n_columns = windows.key_columns(0).len();
            let features = windows.program().features.iter();
            for (at, feature) in features.enumerate() {
                let of_state = feature.key.len() == n_columns;
                let values = [expected[at], found[at], of_long[at]];
                assert!(
                    !of_state || values.map(f32::to_bits) == [expected[at].to_bits(); 3],
                    "seed {seed}, event {number}: {feature:?}: {values:?}"
                );
            }
            let labelled = history[dice.below(number as u64 + 1) as usize].event(&windows);
            let (is_fraud, known_at) =
                (dice.below(4) > 0, raw.time + dice.of(&[-99, 0, 99]) * SECOND);
            if dice.below(3) == 0 {
                let learn = |state: &mut EntityState| {
                    state.learn_label(&windows, &labelled, is_fraud, known_at)
                };
                assert_eq!([learn(&mut stored), learn(&mut long)], [learn(&mut kept); 2]);
            }
            if dice.below(5) == 0 {
                let bytes = encoded(&windows, &stored);
                assert!(bytes == encoded(&windows, &kept), "seed {seed}, event {number}");
                assert!(bytes == encoded(&windows, &long), "seed {seed}, event {number}");
                stored = EntityState::decode(&windows, 0, &bytes).expect("its own bytes");
                assert!(bytes == encoded(&windows, &stored));
            }
        }
    }
    assert!(
        n_programs > n_seeds / 2,
        "few windows fit so few events, found {n_programs} programs that do"
    );
}

#[test]
fn bytes_do_not_tell_in_which_order_labels_came() {
    let rate = feature(&["card"], Measure::FraudRate, 86_400);
    let windows = Windows::new(program(vec![rate], 512)).expect("a sound program");
    let payment = |id| Raw { id, time: 1_000 * SECOND, card: Some(1), ..Raw::default() };
    let events: Vec<_> = (1..=5).map(|id| payment(id).event(&windows)).collect();
    let learnt = |order: &[usize]| {
        let mut state = EntityState::new(&windows, 0);
        for event in &events {
            assert_eq!(state.observe(&windows, event), Observed::New);
        }
        for at in order {
            assert!(state.learn_label(&windows, &events[*at], true, 2_000 * SECOND));
        }
        encoded(&windows, &state)
    };
    let expected = learnt(&[0, 1, 2, 3, 4]);
    assert_eq!(learnt(&[3, 0, 4, 2, 1]), expected);
    assert_eq!(learnt(&[4, 3, 2, 1, 0]), expected);
}

/// The first reason is told, though another stream follows the one that cannot be read.
#[test]
fn of_several_unsound_streams_the_first_is_told() {
    let all = feature(&["card"], Measure::Count, 86_400);
    let large = FilterTest::Within { low: 100.0, high: f64::INFINITY };
    let large = Filter { column: "amount".into(), test: large };
    let some = WindowFeature { filter: Some(large), ..all.clone() };
    let windows = Windows::new(program(vec![all, some], 512)).expect("a sound program");
    let mut forged = encoded(&windows, &EntityState::new(&windows, 0));
    // Version, program and key; then no unit of time, and nothing after it.
    forged.truncate(10);
    forged.push(9);
    let hash = blake3::hash(&forged);
    forged.extend(&hash.as_bytes()[..8]);
    let refusal = EntityState::decode(&windows, 0, &forged).err();
    assert_eq!(refusal, Some(StateError::Content { what: "an unknown unit of time" }));
}

/// Fifteen features of a card: counts, means and shops over a day, a week and a month, and some.
fn card_program() -> WindowProgram {
    let day = 86_400;
    let amount = || "amount".into();
    let mut features = Vec::new();
    for days in [1, 7, 30] {
        for measure in [Measure::Count, Measure::Mean(amount()), Measure::Distinct("shop".into())] {
            features.push(feature(&["card"], measure, days * day));
        }
    }
    let others = [
        (Measure::Max(amount()), 30),
        (Measure::Std(amount()), 30),
        (Measure::RatioToMean(amount()), 30),
        (Measure::FraudRate, 30),
        (Measure::SecondsSinceLast, 0),
        (Measure::Count, 0),
    ];
    let others = others.into_iter().map(|(measure, days)| feature(&["card"], measure, days * day));
    features.extend(others);
    program(features, 512)
}

/// 60 payments in 30 days at 20 shops, one of them fraud, times in milliseconds.
fn card(windows: &Windows) -> EntityState {
    const SHOPS: &str = "abcdefghijklmnopqrst";
    let mut dice = Dice(5);
    let mut state = EntityState::new(windows, 0);
    for id in 0..60 {
        let time =
            1_500_000_000 * SECOND + id * 43_200 * SECOND + dice.below(9_999_999) as i64 * 1_000;
        let shop = dice.below(20) as usize;
        let shop = &SHOPS[shop..=shop];
        let amount = Some(dice.below(20_000) as f64 / 100.0);
        let event = Raw { time, id, card: Some(1), shop, amount, ..Raw::default() }.event(windows);
        state.observe(windows, &event);
        if id == 40 {
            state.learn_label(windows, &event, true, time + SECOND);
        }
    }
    state
}

#[test]
fn a_typical_card_takes_less_than_a_kilobyte() {
    let windows = Windows::new(card_program()).expect("a sound program");
    assert_eq!(windows.n_features(), 15);
    let n_bytes = encoded(&windows, &card(&windows)).len();
    assert!((500..1_000).contains(&n_bytes), "found {n_bytes} bytes");
}

#[test]
fn damaged_and_foreign_bytes_are_refused() {
    let windows = Windows::new(card_program()).expect("a sound program");
    let bytes = encoded(&windows, &card(&windows));
    for length in (0..bytes.len()).step_by(STEP) {
        assert!(EntityState::decode(&windows, 0, &bytes[..length]).is_err(), "{length} bytes");
    }
    for bit in (0..bytes.len() * 8).step_by(STEP) {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(EntityState::decode(&windows, 0, &flipped).is_err(), "bit {bit}");
    }
    let other = Windows::new(WindowProgram { max_events: 513, ..card_program() }).expect("sound");
    let Err(StateError::Program { expected, found }) = EntityState::decode(&other, 0, &bytes)
    else {
        panic!("a state of another program is refused as such");
    };
    assert_eq!(
        (expected, found),
        (other.hash()[..8].try_into().unwrap(), windows.hash()[..8].try_into().unwrap())
    );
    let key = EntityState::decode(&windows, 1, &bytes).unwrap_err();
    assert_eq!(key, StateError::Key { expected: 1, found: 0 });
}

#[test]
fn bytes_with_a_right_checksum_are_not_trusted_either() {
    let mut program = card_program();
    program.features.push(feature(&["card"], Measure::Distinct("shop".into()), 0));
    program
        .features
        .push(WindowFeature { closed: Closed::Right, ..feature(&["card"], Measure::FraudRate, 0) });
    let windows = Windows::new(program).expect("a sound program");
    let bytes = encoded(&windows, &card(&windows));
    let body = bytes.len() - 8;
    let mut dice = Dice(6);
    let (mut n_sound, mut values) = (0, vec![0.0; windows.n_features()]);
    let n_forged = if cfg!(miri) { 120 } else { 60_000 };
    for _ in 0..n_forged {
        let mut forged = bytes[..body].to_vec();
        for _ in 0..=dice.below(3) {
            let at = 10 + dice.below(body as u64 - 10) as usize;
            match dice.below(4) {
                0 => forged[at..].iter_mut().take(9).for_each(|byte| *byte = 0xff),
                1 => forged[at] ^= 1 << dice.below(8),
                2 => forged.truncate(at.max(11)),
                _ => forged[at] = dice.below(256) as u8,
            }
            forged.resize(body, 0);
        }
        let hash = blake3::hash(&forged);
        forged.extend(&hash.as_bytes()[..8]);
        let allocated = allocation_counter::measure(|| {
            let Ok(mut state) = EntityState::decode(&windows, 0, &forged) else { return };
            n_sound += 1;
            assert!(encoded(&windows, &state) == forged, "one form for one content");
            // What is believed must take any question and any event.
            for time in [i64::MIN, 0, 1_500_000_000 * SECOND, 1_502_000_000 * SECOND, i64::MAX] {
                let time = time.clamp(-62_135_596_800 * SECOND, 253_402_300_799 * SECOND);
                let raw = Raw {
                    time,
                    id: 1,
                    card: Some(1),
                    shop: "a",
                    amount: Some(9e13),
                    ..Raw::default()
                };
                let event = raw.event(&windows);
                windows.features(&event, &[Some(&state)], &mut values);
                assert!(values.iter().all(|value| !value.is_infinite()));
                state.observe(&windows, &event);
                state.learn_label(&windows, &event, true, i64::MAX);
                state.learn_label(&windows, &event, false, i64::MIN);
            }
        });
        assert!(allocated.bytes_max < 200_000, "found {} bytes", allocated.bytes_max);
    }
    assert!(n_sound > n_forged / 60, "some forgeries are sound, found {n_sound}");
}

/// A hostile state could otherwise count what happened once as often as it likes.
#[test]
fn a_value_and_a_fraud_count_once() {
    let windows = Windows::new(program(
        vec![
            feature(&["card"], Measure::Distinct("shop".into()), 86_400),
            feature(&["card"], Measure::FraudRate, 86_400),
        ],
        64,
    ))
    .expect("a sound program");
    let newest = 1_500_000_000 * SECOND;
    let mut state = EntityState::new(&windows, 0);
    let raw = Raw { time: newest, id: 1, card: Some(1), shop: "a", ..Raw::default() };
    state.observe(&windows, &raw.event(&windows));
    let of = |seconds: i64, value, previous| Occurrence {
        time: newest - seconds * SECOND,
        value,
        previous,
    };
    let fraud = |id, total| Fraud { time: newest, known_at: newest, id, total };
    let earlier = newest - 2 * SECOND;
    for (occurrences, frauds, expected) in [
        (vec![of(2, 7, NEVER), of(0, 7, earlier)], vec![fraud(5, 1), fraud(6, 2)], None),
        (
            vec![of(2, 7, NEVER), of(0, 7, NEVER)],
            vec![fraud(5, 1)],
            Some("a value stood last elsewhere"),
        ),
        (
            vec![of(2, 7, NEVER), of(1, 7, earlier), of(0, 7, earlier)],
            vec![],
            Some("a value stood last elsewhere"),
        ),
        (vec![], vec![fraud(5, 1), fraud(6, 2), fraud(5, 3)], Some("one event is fraud twice")),
    ] {
        let plans = &windows.keys()[0].streams;
        for (plan, stream) in plans.iter().zip(state.streams.iter_mut()) {
            stream.lengthen(plan);
            for distinct in stream.distinct.iter_mut() {
                distinct.windowed = Some(Box::new(Occurrences::from_kept(occurrences.clone())));
            }
            stream.frauds = FraudLog::from_entries(frauds.clone());
        }
        let bytes = encoded(&windows, &state);
        let refusal = EntityState::decode(&windows, 0, &bytes).err();
        assert_eq!(refusal, expected.map(|what| StateError::Content { what }));
    }
}

/// The greatest multiple of its bytes that a state may take: a row of many words for a byte of each column.
#[test]
fn room_is_made_for_what_the_bytes_can_hold() {
    let columns = ["a", "b", "c", "d"];
    let features = columns.iter().flat_map(|column| {
        let column: std::sync::Arc<str> = (*column).into();
        [Measure::Std(column.clone()), Measure::Max(column)]
            .map(|measure| feature(&["card"], measure, 86_400))
    });
    let amount = |name: &&str| AmountColumn { name: (*name).into(), decimals: 2 };
    let windows = Windows::new(WindowProgram {
        amounts: columns.iter().map(amount).collect(),
        ..program(features.collect(), 65_536)
    })
    .expect("a sound program");
    let mut forged = encoded(&windows, &EntityState::new(&windows, 0));
    forged.truncate(10);
    // Seconds, 65,536 rows, and as many bytes.
    forged.extend([0, 0x80, 0x80, 4]);
    forged.resize(forged.len() + 65_536, 0);
    let hash = blake3::hash(&forged);
    forged.extend(&hash.as_bytes()[..8]);
    let allocated = allocation_counter::measure(|| {
        assert!(EntityState::decode(&windows, 0, &forged).is_err(), "nine bytes a row are needed");
    });
    assert!(allocated.bytes_max < 4_096, "found {} bytes", allocated.bytes_max);
}
