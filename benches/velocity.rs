//! Criterion benches of velocity features: history through the engine, a hot entity, one live event with a
//! million entities in memory, states as bytes.
#![forbid(unsafe_code)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use shroff_benches::Dice;
use shroff_serve::Value;
use shroff_serve::features::state::{EntityState, Label, Replay};
use shroff_serve::features::window::{
    AmountColumn, Closed, Event, Measure, WindowFeature, WindowProgram, Windows,
};
use shroff_serve::snapshot::Snapshot;
use shroff_serve::store::StateStore;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
const START: i64 = 1_522_540_800 * SECOND;
/// Cards, and terminals beside them.
const N_CARDS: u64 = 1_000_000;
const N_TERMINALS: u64 = 20_000;
/// Events of each card in its last thirty days.
const EVENTS_OF_CARD: u64 = 20;

fn feature(key: &str, measure: Measure, days: i64, delay: i64, closed: Closed) -> WindowFeature {
    WindowFeature {
        key: vec![key.into()],
        filter: None,
        measure,
        window_micros: (days > 0).then_some(days * DAY),
        delay_micros: delay * DAY,
        closed,
    }
}

fn amount() -> std::sync::Arc<str> {
    "amount".into()
}

fn windows(features: Vec<WindowFeature>, event_id: bool) -> Windows {
    let program = WindowProgram {
        time: "time".into(),
        event_id: event_id.then(|| "id".into()),
        amounts: vec![AmountColumn { name: amount(), decimals: 2 }],
        max_events: 512,
        features,
    };
    Windows::new(program).expect("a sound program")
}

/// The twelve windowed features of the Fraud Detection Handbook.
fn handbook() -> Windows {
    let mut features = Vec::new();
    for days in [1, 7, 30] {
        features.push(feature("card", Measure::Count, days, 0, Closed::Right));
        features.push(feature("card", Measure::Mean(amount()), days, 0, Closed::Right));
        features.push(feature("terminal", Measure::Count, days, 7, Closed::Right));
        features.push(feature("terminal", Measure::FraudRate, days, 7, Closed::Right));
    }
    windows(features, false)
}

/// Ten features of a card and five of a terminal.
fn live() -> Windows {
    let mut features = Vec::new();
    for days in [1, 7, 30] {
        features.push(feature("card", Measure::Count, days, 0, Closed::Left));
        features.push(feature("card", Measure::Mean(amount()), days, 0, Closed::Left));
        features.push(feature("terminal", Measure::Count, days, 7, Closed::Left));
    }
    for measure in
        [Measure::Max(amount()), Measure::Std(amount()), Measure::Distinct("terminal".into())]
    {
        features.push(feature("card", measure, 30, 0, Closed::Left));
    }
    features.push(feature("card", Measure::SecondsSinceLast, 0, 0, Closed::Left));
    features.push(feature("terminal", Measure::FraudRate, 7, 7, Closed::Left));
    features.push(feature("terminal", Measure::FraudRate, 30, 7, Closed::Left));
    windows(features, true)
}

struct Payment {
    time: i64,
    id: i64,
    card: i64,
    terminal: i64,
    amount: f64,
}

impl Payment {
    fn value(&self, column: &str) -> Value<'static> {
        match column {
            "time" => Value::Time(self.time),
            "id" => Value::Integer(self.id),
            "card" => Value::Integer(self.card),
            "terminal" => Value::Integer(self.terminal),
            _ => Value::Number(self.amount),
        }
    }

    fn event(&self, windows: &Windows) -> Event {
        windows.event(|at| self.value(&windows.columns()[at].name)).expect("the values fit")
    }
}

/// One entity's events, as the Handbook has them: two a day of a customer, one of a terminal.
fn history(windows: &Windows, per_day: i64, dice: &mut Dice) -> Vec<(Event, Option<Label>)> {
    let mut time = START;
    let event = |id| {
        time += dice.below(u32::try_from(2 * 86_400 / per_day).expect("seconds")) as i64 * SECOND;
        let amount = f64::from(dice.below(20_000)) / 100.0;
        let event = Payment { time, id, card: 1, terminal: 1, amount }.event(windows);
        let label = Label { is_fraud: dice.below(120) == 0, known_at: time + 7 * DAY };
        (event, Some(label))
    };
    (0..183 * per_day).map(event).collect()
}

fn replay(criterion: &mut Criterion) {
    let windows = handbook();
    let mut group = criterion.benchmark_group("replay");
    for (name, per_day) in [("card", 2), ("terminal", 1)] {
        let key = (0..windows.n_keys())
            .find(|key| {
                windows.key_columns(*key).iter().any(|at| &*windows.columns()[*at].name == name)
            })
            .expect("the key is declared");
        let mut dice = Dice::new(1);
        let entities: Vec<_> = (0..64).map(|_| history(&windows, per_day, &mut dice)).collect();
        let n_events: usize = entities.iter().map(Vec::len).sum();
        // Six features an event.
        group.throughput(Throughput::Elements(6 * n_events as u64));
        group.bench_function(format!("{name}_values"), |bencher| {
            let mut values = vec![0.0; windows.n_features()];
            bencher.iter(|| {
                for history in &entities {
                    let mut replay = Replay::new(&windows, EntityState::new(&windows, key));
                    for (event, label) in history {
                        replay.next(event, *label, &mut values);
                        black_box(&values);
                    }
                }
            });
        });
    }
    let payment = Payment { time: START, id: 1, card: 1, terminal: 1, amount: 12.5 };
    group.throughput(Throughput::Elements(1));
    group.bench_function("event_without_keys", |bencher| {
        let names: Vec<_> =
            windows.columns().iter().map(|column| column.name.to_string()).collect();
        bencher.iter(|| windows.event_alone(|at| black_box(&payment).value(&names[at])));
    });
    // A second apart, so that all but the last ten minutes lie in cells.
    group.throughput(Throughput::Elements(100_000));
    group.sample_size(10);
    group.bench_function("hot_card_observed", |bencher| {
        let events: Vec<Event> = (0..100_000)
            .map(|id| Payment { time: START + id * SECOND, id, card: 1, terminal: 1, amount: 1.0 })
            .map(|payment| payment.event(&windows))
            .collect();
        let new = || EntityState::new(&windows, 0);
        bencher.iter_batched_ref(
            new,
            |state| {
                for event in &events {
                    black_box(state.observe(&windows, event));
                }
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn online(criterion: &mut Criterion) {
    let windows = live();
    let store = StateStore::new(windows.clone(), START, usize::MAX);
    let mut dice = Dice::new(2);
    let n_events = N_CARDS * EVENTS_OF_CARD;
    let mut payment = |number: u64| Payment {
        time: START + (number as i64) * (30 * DAY / n_events as i64),
        id: number as i64,
        card: i64::from(dice.below(N_CARDS as u32)),
        terminal: i64::from(dice.below(N_TERMINALS as u32)),
        amount: f64::from(dice.below(20_000)) / 100.0,
    };
    for number in 0..n_events {
        let event = payment(number).event(&windows);
        store.observe(&event);
        if number % 100 == 0 {
            store.learn_label(&event, true, event.time());
        }
    }
    let names: Vec<_> = windows.columns().iter().map(|column| column.name.to_string()).collect();
    let mut group = criterion.benchmark_group("online");
    let mut values = vec![0.0; windows.n_features()];
    let mut number = n_events;
    group.bench_function("read_15_features_observe", |bencher| {
        bencher.iter_batched(
            || {
                number += 1;
                payment(number)
            },
            |payment| {
                let event = windows.event(|at| payment.value(&names[at])).expect("it fits");
                store.features_then_observe(&event, &mut values);
                black_box(&values);
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("read_the_event_alone", |bencher| {
        bencher.iter_batched(
            || {
                number += 1;
                payment(number)
            },
            |payment| windows.event(|at| payment.value(&names[at])),
            BatchSize::SmallInput,
        );
    });
    let file = std::env::temp_dir().join(format!("shroff-bench-{}.state", std::process::id()));
    let out = std::fs::File::create(&file).expect("a temporary file");
    store.write_snapshot(out, START).expect("it is written");
    let n_bytes = std::fs::metadata(&file).expect("it is there").len();
    group.throughput(Throughput::Bytes(n_bytes));
    group.sample_size(10);
    group.bench_function(format!("snapshot_of_{}_entities", store.len()), |bencher| {
        // What is loaded is let go of outside of the time, and before the next is loaded.
        let load = |()| {
            let mut snapshot = Snapshot::open(&file).expect("it is sound");
            StateStore::from_snapshot(windows.clone(), &mut snapshot, usize::MAX)
                .expect("it is sound")
        };
        bencher.iter_batched(|| (), load, BatchSize::PerIteration);
    });
    std::fs::remove_file(&file).expect("it was there");
    let mut states = Vec::new();
    store.export(|entity, key, bytes| {
        if states.len() < 10_000 {
            states.push((entity, key, bytes.to_vec()));
        }
    });
    group.throughput(Throughput::Elements(states.len() as u64));
    group.sample_size(10);
    group.bench_function("import_states", |bencher| {
        bencher.iter(|| {
            let store = StateStore::new(windows.clone(), START, usize::MAX);
            for (entity, key, bytes) in &states {
                store.import(*entity, *key, bytes).expect("exported bytes");
            }
            store
        });
    });
    group.finish();
}

criterion_group!(benches, replay, online);
criterion_main!(benches);
