//! The engine next to a naive reading of the definitions, on random histories.

mod bounds;
mod coded;
mod forms;
mod naive;

use std::collections::HashMap;
use std::sync::Arc;

use self::naive::{Observation, naive};
use super::{EntityState, Observed};
use crate::features::window::{
    AmountColumn, Closed, EntityKey, Event, Filter, FilterTest, FilterValue, Measure,
    WindowFeature, WindowProgram, Windows,
};
use crate::record::Value;

pub(super) const SECOND: i64 = 1_000_000;
const KEYS: [&[&str]; 2] = [&["card"], &["device", "ip"]];

/// A transaction as a source has it.
#[derive(Debug, Clone, Default)]
pub(super) struct Raw {
    pub(super) time: i64,
    pub(super) id: i64,
    pub(super) card: Option<i64>,
    pub(super) device: &'static str,
    pub(super) ip: Option<i64>,
    pub(super) amount: Option<f64>,
    pub(super) fee: Option<f64>,
    pub(super) shop: &'static str,
    pub(super) online: Option<bool>,
}

impl Raw {
    pub(super) fn value(&self, column: &str) -> Value<'_> {
        let integer = |value: Option<i64>| value.map_or(Value::Null, Value::Integer);
        match column {
            "time" => Value::Time(self.time),
            "id" => Value::Integer(self.id),
            "card" => integer(self.card),
            "device" => Value::Text(self.device),
            "ip" => integer(self.ip),
            "amount" => Value::Number(self.amount.unwrap_or(f64::NAN)),
            "fee" => Value::Number(self.fee.unwrap_or(f64::NAN)),
            "shop" => Value::Text(self.shop),
            "online" => self.online.map_or(Value::Null, Value::Bool),
            other => panic!("no column {other}"),
        }
    }

    pub(super) fn event(&self, windows: &Windows) -> Event {
        windows.event(|at| self.value(&windows.columns()[at].name)).expect("the values fit")
    }
}

/// SplitMix64.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

pub(super) fn feature(key: &[&str], measure: Measure, window_secs: i64) -> WindowFeature {
    WindowFeature {
        key: key.iter().map(|column| Arc::from(*column)).collect(),
        filter: None,
        measure,
        window_micros: (window_secs > 0).then_some(window_secs * SECOND),
        delay_micros: 0,
        closed: Closed::Left,
    }
}

pub(super) fn program(features: Vec<WindowFeature>, max_events: u32) -> WindowProgram {
    let is_summed = |column: &&str| {
        features
            .iter()
            .any(|feature| feature.measure.column().is_some_and(|name| **name == **column))
    };
    let amounts = ["amount", "fee"].into_iter().filter(is_summed);
    let amounts = amounts.map(|name| AmountColumn { name: name.into(), decimals: 2 }).collect();
    WindowProgram {
        time: "time".into(),
        event_id: Some("id".into()),
        amounts,
        max_events,
        features,
    }
}

pub(super) fn measures() -> [Measure; 10] {
    measures_of("amount", "shop")
}

fn measures_of(amount: &str, value: &str) -> [Measure; 10] {
    let amount: Arc<str> = amount.into();
    [
        Measure::Count,
        Measure::Sum(amount.clone()),
        Measure::Mean(amount.clone()),
        Measure::Max(amount.clone()),
        Measure::Min(amount.clone()),
        Measure::Std(amount.clone()),
        Measure::Distinct(value.into()),
        Measure::FraudRate,
        Measure::SecondsSinceLast,
        Measure::RatioToMean(amount),
    ]
}

fn random_filter(dice: &mut Dice) -> Option<Filter> {
    let texts = ["a", "7"].map(|text| FilterValue::Text(text.to_owned())).to_vec();
    let (column, test) = match dice.below(6) {
        0 => ("online", FilterTest::OneOf(vec![FilterValue::Boolean(true)])),
        1 => ("shop", FilterTest::OneOf(texts)),
        2 => ("amount", FilterTest::Within { low: 0.0, high: 40.0 }),
        _ => return None,
    };
    Some(Filter { column: column.into(), test })
}

fn random_program(dice: &mut Dice) -> WindowProgram {
    let filters = [random_filter(dice), random_filter(dice), None];
    let mut features: Vec<WindowFeature> = Vec::new();
    while features.len() < 30 {
        let key = dice.of(&KEYS);
        let measures = measures_of(
            dice.of(&["amount", "amount", "fee"]),
            dice.of(&["shop", "shop", "device", "ip"]),
        );
        let measure = measures[dice.below(10) as usize].clone();
        let mut feature = feature(key, measure, dice.of(&[0, 10, 60, 100, 700, 100_000]));
        feature.delay_micros = dice.of(&[0, 0, 5, 60]) * SECOND;
        feature.closed = dice.of(&[Closed::Left, Closed::Right]);
        feature.filter = filters[dice.below(3) as usize].clone();
        if !features.contains(&feature) {
            features.push(feature);
        }
    }
    program(features, 512)
}

fn random_history(dice: &mut Dice, n_events: i64) -> Vec<Raw> {
    let mut time = 1_500_000_000 * SECOND;
    let event = |id| {
        time += dice.of(&[0, 0, 1, 5, 7, 40]) * SECOND;
        // A clock that went back, now by little, now by much.
        let late = if dice.below(8) == 0 { dice.of(&[1, 60, 400, 3_000]) * SECOND } else { 0 };
        Raw {
            time: time - late,
            id,
            card: dice.of(&[Some(1), Some(2), None]),
            device: dice.of(&["x", "y", ""]),
            ip: dice.of(&[Some(3), Some(3), None]),
            amount: dice.of(&[Some(-5.5), Some(9.99), Some(0.125), Some(39.0), Some(40.0), None]),
            fee: dice.of(&[Some(0.0), Some(-1.01), Some(2.5), None]),
            shop: dice.of(&["a", "b", "7", "a long name of a shop", ""]),
            online: dice.of(&[Some(true), Some(false), None]),
        }
    };
    (0..n_events).map(event).collect()
}

/// Same, or nearly so where a value was rounded on another way.
fn assert_alike(found: f32, expected: f64, what: &dyn std::fmt::Debug) {
    let (found, close) = (f64::from(found), 1e-6 * expected.abs().max(1e-9));
    let alike = found.is_nan() && expected.is_nan() || (found - expected).abs() <= close;
    assert!(alike, "expected {expected}, found {found}: {what:?}");
}

#[test]
fn every_measure_is_what_a_naive_loop_finds() {
    let (n_seeds, n_events) = if cfg!(miri) { (2, 40) } else { (60, 150) };
    let (mut n_compared, mut n_short, mut n_long) = (0, 0, 0);
    for seed in 0..n_seeds {
        let mut dice = Dice(seed);
        let program = random_program(&mut dice);
        let windows = Windows::new(program.clone()).expect("a sound program");
        let mut history = random_history(&mut dice, n_events);
        if seed % 3 == 0 {
            // Entities of more events than short logs take.
            history.iter_mut().for_each(|raw| (raw.card, raw.device) = (Some(1), "x"));
        }
        let mut observations: Vec<Observation> = Vec::new();
        let mut states: HashMap<EntityKey, EntityState> = HashMap::new();
        let mut values = vec![0.0; windows.n_features()];
        for raw in &history {
            let event = raw.event(&windows);
            let entities = [0, 1].map(|key| event.entity(key));
            let of_event = entities.map(|entity| states.get(&entity?));
            windows.features(&event, &of_event, &mut values);
            for (feature, value) in program.features.iter().zip(&values) {
                let expected = naive(&program, feature, raw, &observations);
                assert_alike(*value, expected, &(seed, feature, raw));
                n_compared += i64::from(!expected.is_nan());
            }
            for (key, entity) in entities.into_iter().enumerate() {
                let Some(entity) = entity else { continue };
                let state = states.entry(entity).or_insert_with(|| EntityState::new(&windows, key));
                let observed = state.observe(&windows, &event);
                assert_ne!(observed, Observed::Duplicate);
                if observed == Observed::New {
                    // Observing it again changes nothing.
                    assert_ne!(state.observe(&windows, &event), Observed::New);
                }
            }
            let logs = states.values().flat_map(|state| state.streams.iter());
            let is_long = logs.map(|stream| stream.events.is_long());
            is_long.for_each(|is_long| *if is_long { &mut n_long } else { &mut n_short } += 1);
            observations.push(Observation { raw: raw.clone(), known_at: None });
            // Labels come at any time, some ahead of being known, some of old events.
            if dice.below(3) == 0 {
                let at = dice.below(observations.len() as u64) as usize;
                let known_at = raw.time + dice.of(&[-700, -1, 0, 1, 30]) * SECOND;
                let labelled = &mut observations[at];
                let is_fraud = dice.below(5) > 0;
                let event = labelled.raw.event(&windows);
                for key in 0..2 {
                    let state = event.entity(key).and_then(|entity| states.get_mut(&entity));
                    state.map(|state| state.learn_label(&windows, &event, is_fraud, known_at));
                }
                let earlier = labelled.known_at.map_or(known_at, |known| known.min(known_at));
                labelled.known_at = is_fraud.then_some(earlier);
            }
            if dice.below(4) == 0 {
                for state in states.values_mut() {
                    let mut bytes = Vec::new();
                    state.encode(&windows, &mut bytes);
                    *state = EntityState::decode(&windows, state.key(), &bytes).expect("its bytes");
                }
            }
        }
    }
    assert!(
        n_compared > n_seeds as i64 * n_events * 10,
        "most values are compared, found {n_compared}"
    );
    let has_both = n_long > 1_000 && n_short > n_long;
    assert!(has_both || cfg!(miri), "found {n_short} short and {n_long} long logs");
}
