//! What is promised beyond single values: no leaks, bounded memory, bounded blur.

use super::{Dice, Raw, SECOND, feature, measures, program, random_history};
use crate::features::state::{EntityState, Label, Observed, Replay};
use crate::features::window::{Closed, Measure, WindowFeature, Windows};

const CARD: &[&str] = &["card"];
const N_EVENTS: i64 = if cfg!(miri) { 40 } else { 400 };

fn of_card(time: i64, id: i64) -> Raw {
    Raw { time, id, card: Some(1), shop: "a", amount: Some(1.0), ..Raw::default() }
}

/// Each measure over windows and all history, with and without delay.
fn all_features(closed: Closed) -> Vec<WindowFeature> {
    let spans = [(60, 0), (600, 5), (0, 0), (0, 60)];
    let each = |measure: Measure| {
        spans.map(|(window_secs, delay_secs)| WindowFeature {
            delay_micros: delay_secs * SECOND,
            closed,
            ..feature(CARD, measure.clone(), window_secs)
        })
    };
    measures().into_iter().flat_map(each).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn events_of_one_time_do_not_see_each_other_whatever_their_order() {
    let windows = Windows::new(program(all_features(Closed::Left), 512)).expect("a sound program");
    let mut dice = Dice(1);
    let mut history = random_history(&mut dice, N_EVENTS);
    history.iter_mut().for_each(|raw| raw.card = Some(1));
    history.sort_by_key(|raw| raw.time);
    let values_by_id = |history: &[Raw]| {
        let mut replay = Replay::new(&windows, EntityState::new(&windows, 0));
        let mut values = vec![0.0; windows.n_features()];
        let mut found = Vec::new();
        for raw in history {
            let label = Label { is_fraud: raw.id % 3 == 0, known_at: raw.time + 30 * SECOND };
            replay.next(&raw.event(&windows), Some(label), &mut values);
            found.push((raw.id, bits(&values)));
        }
        found.sort();
        found
    };
    let mut permuted = history.clone();
    permuted.sort_by_key(|raw| (raw.time, raw.id * 7_919 % 101));
    let n_moved = history.iter().zip(&permuted).filter(|(one, other)| one.id != other.id).count();
    assert!(n_moved > history.len() / 8, "ties are many, found {n_moved} moved");
    assert!(values_by_id(&history) == values_by_id(&permuted));
}

#[test]
fn a_label_is_not_seen_before_it_is_known() {
    for closed in [Closed::Left, Closed::Right] {
        let windows = Windows::new(program(all_features(closed), 512)).expect("a sound program");
        let mut history = random_history(&mut Dice(2), N_EVENTS);
        history.iter_mut().for_each(|raw| raw.card = Some(1));
        history.sort_by_key(|raw| raw.time);
        // One state learns each label when it is known, the other all of them ahead.
        let mut replay = Replay::new(&windows, EntityState::new(&windows, 0));
        let mut ahead = EntityState::new(&windows, 0);
        let known_at = |raw: &Raw| raw.time + (raw.id * 37 % 500) * SECOND;
        for raw in history.iter().filter(|raw| raw.id % 3 == 0) {
            ahead.learn_label(&windows, &raw.event(&windows), true, known_at(raw));
        }
        let [mut found, mut expected] = [(); 2].map(|()| vec![0.0; windows.n_features()]);
        for raw in &history {
            let event = raw.event(&windows);
            let label = Label { is_fraud: raw.id % 3 == 0, known_at: known_at(raw) };
            replay.next(&event, Some(label), &mut expected);
            windows.features(&event, &[Some(&ahead)], &mut found);
            ahead.observe(&windows, &event);
            assert_eq!(bits(&found), bits(&expected), "{raw:?}");
        }
        let [mut one, mut other] = [Vec::new(), Vec::new()];
        replay.finish().encode(&windows, &mut one);
        ahead.encode(&windows, &mut other);
        assert!(one == other, "the same history gives the same bytes");
    }
}

#[test]
fn a_hot_entity_blurs_the_edges_of_its_windows_alone() {
    let day = 86_400;
    let mut features =
        vec![feature(CARD, Measure::Count, 0), feature(CARD, Measure::Sum("amount".into()), 0)];
    for (window_secs, delay_secs) in [(3_600, 0), (day, 0), (7 * day, 0), (7 * day, day)] {
        for measure in [Measure::Count, Measure::FraudRate] {
            let feature = feature(CARD, measure, window_secs);
            features.push(WindowFeature { delay_micros: delay_secs * SECOND, ..feature });
        }
    }
    let windows = Windows::new(program(features.clone(), 512)).expect("a sound program");
    let resolution = i64::from(windows.resolution());
    assert!(resolution >= 30, "found {resolution}");
    let mut state = EntityState::new(&windows, 0);
    let mut values = vec![0.0; windows.n_features()];
    let mut dice = Dice(3);
    let (mut times, mut frauds, mut time) = (Vec::new(), Vec::new(), 1_500_000_000 * SECOND);
    for id in 0..if cfg!(miri) { 2_000 } else { 1_000_000 } {
        // Bursts, and about a month in all.
        time += dice.below(if id / 1_000 % 3 == 0 { 100_000 } else { 4 * SECOND as u64 }) as i64;
        let raw = of_card(time, id);
        let event = raw.event(&windows);
        if id % 997 == 0 {
            windows.features(&event, &[Some(&state)], &mut values);
            assert_eq!(bits(&values[..2]), bits(&[id as f32; 2]), "all history stays exact");
            for (pair, features) in values.chunks_exact(2).zip(features.chunks_exact(2)).skip(1) {
                let delay = features[0].delay_micros;
                let reach = delay + features[0].window_micros.unwrap();
                let within = |times: &[i64], from: i64, to: i64| {
                    let before = |bound: i64| times.partition_point(|other| *other < bound) as f64;
                    before(to) - before(from)
                };
                let (from, to) = (time - reach, time - delay);
                for (times, found) in
                    [(&times, f64::from(pair[0])), (&frauds, f64::from(pair[0] * pair[1]))]
                {
                    let least = within(times, from, to - delay / resolution);
                    let most = within(times, from - reach / resolution, to);
                    // A rate is rounded to an f32, and missing where there are no events.
                    let (least, most) = (least * 0.999_999, most * 1.000_001);
                    let fits =
                        found.is_nan() && least.abs() < 1.0 || (least..=most).contains(&found);
                    assert!(fits, "expected {least} to {most}, found {found}: {features:?}");
                }
            }
        }
        assert_eq!(state.observe(&windows, &event), Observed::New);
        times.push(time);
        if id % 50 == 0 {
            frauds.push(time);
            state.learn_label(&windows, &event, true, time);
        }
    }
    let mut bytes = Vec::new();
    state.encode(&windows, &mut bytes);
    assert!(bytes.len() < 512 * 40, "found {} bytes", bytes.len());
}

#[test]
fn different_values_end_near_max_events() {
    let features = vec![
        feature(CARD, Measure::Distinct("id".into()), 1_000_000),
        feature(CARD, Measure::Distinct("id".into()), 0),
        feature(CARD, Measure::Distinct("shop".into()), 1_000_000),
        feature(CARD, Measure::Distinct("shop".into()), 0),
    ];
    let windows = Windows::new(program(features, 100)).expect("a sound program");
    let mut state = EntityState::new(&windows, 0);
    let mut values = vec![0.0; 4];
    for id in 0..if cfg!(miri) { 200 } else { 2_000 } {
        let mut raw = of_card(1_500_000_000 * SECOND + id * SECOND, id);
        raw.shop = ["a", "b", "c"][id as usize % 3];
        let event = raw.event(&windows);
        windows.features(&event, &[Some(&state)], &mut values);
        let n_ids = id as f32;
        assert!(values[0] >= n_ids.min(75.0) && values[0] <= n_ids.min(100.0), "{values:?}");
        let expected = [n_ids.min(100.0), n_ids.min(3.0), n_ids.min(3.0)];
        assert_eq!(bits(&values[1..]), bits(&expected));
        state.observe(&windows, &event);
    }
}
