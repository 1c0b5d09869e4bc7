//! Criterion benches of velocity features: history through the engine, a hot entity, states as bytes. The example
//! `online` is a live event with a million cards in memory.
#![forbid(unsafe_code)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use shroff_benches::Dice;
use shroff_benches::payments::{
    DAY, Payment, Payments, SECOND, START, amount, feature, fifteen, windows,
};
use shroff_serve::features::state::{EntityState, Label, Replay};
use shroff_serve::features::window::{Closed, Event, Measure, Windows};
use shroff_serve::snapshot::Snapshot;
use shroff_serve::store::StateStore;

const N_CARDS: u64 = 1_000_000;

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

fn states(criterion: &mut Criterion) {
    let windows = fifteen();
    let store = Payments::new(N_CARDS).observed(&windows);
    let mut group = criterion.benchmark_group("states");
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

criterion_group!(benches, replay, states);
criterion_main!(benches);
