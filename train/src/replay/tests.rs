//! Blocks and chunks against the plainest replay: one state an entity, event after event.

use std::collections::BTreeMap;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use shroff_serve::features::window::{
    AmountColumn, Closed, Filter, FilterTest, Measure, WindowFeature, WindowProgram,
};

use super::*;
use crate::events::value;

const HOUR: i64 = 3_600_000_000;
/// More than a block and than several chunks.
const N_ROWS: usize = 40_000;

fn feature(key: &[&str], measure: Measure, closed: Closed, delay: i64) -> WindowFeature {
    WindowFeature {
        key: key.iter().map(|column| (*column).into()).collect(),
        filter: None,
        measure,
        window_micros: Some(48 * HOUR),
        delay_micros: delay,
        closed,
    }
}

fn windows() -> Windows {
    let small =
        Filter { column: "amount".into(), test: FilterTest::Within { low: 0.0, high: 50.0 } };
    let tipped = Filter { column: "tip".into(), test: FilterTest::Within { low: 1.0, high: 9.0 } };
    let program = WindowProgram {
        time: "time".into(),
        event_id: Some("id".into()),
        amounts: ["amount", "tip"]
            .map(|name| AmountColumn { name: name.into(), decimals: 2 })
            .to_vec(),
        max_events: 256,
        features: vec![
            feature(&["shop"], Measure::Count, Closed::Right, 0),
            feature(&["card"], Measure::Mean("amount".into()), Closed::Left, 0),
            feature(&["card"], Measure::Distinct("shop".into()), Closed::Right, 0),
            feature(&["shop"], Measure::FraudRate, Closed::Left, 24 * HOUR),
            feature(&["card", "shop"], Measure::SecondsSinceLast, Closed::Left, 0),
            WindowFeature {
                filter: Some(small),
                ..feature(&["card"], Measure::Count, Closed::Left, 0)
            },
            // What one key reads and another does not, and a key in another order of its columns.
            feature(&["shop"], Measure::Max("tip".into()), Closed::Left, 0),
            feature(&["shop"], Measure::Sum("amount".into()), Closed::Left, 0),
            feature(&["shop"], Measure::Distinct("card".into()), Closed::Left, 0),
            feature(&["shop", "card"], Measure::Mean("tip".into()), Closed::Right, 0),
            // More features than an event of the key has words.
            feature(&["shop"], Measure::Mean("amount".into()), Closed::Left, 0),
            feature(&["shop"], Measure::Min("tip".into()), Closed::Left, 0),
            feature(&["shop"], Measure::Count, Closed::Left, 24 * HOUR),
            feature(&["shop"], Measure::SecondsSinceLast, Closed::Left, 0),
            feature(&["shop"], Measure::RatioToMean("amount".into()), Closed::Left, 0),
            feature(&["shop"], Measure::Std("tip".into()), Closed::Left, 0),
            WindowFeature {
                filter: Some(tipped),
                ..feature(&["shop"], Measure::Count, Closed::Left, 0)
            },
        ],
    };
    Windows::new(program).expect("a sound program")
}

/// Columns of random payments by name: some without a card, many of one time, one shop that has half of all.
fn payments(in_order: bool) -> BTreeMap<&'static str, Column> {
    let mut random = Pcg64::seed_from_u64(7);
    let mut below = |n: u64| random.next_u64() % n;
    let mut times: Vec<i64> = (0..N_ROWS).map(|_| below(400) as i64 * HOUR).collect();
    if in_order {
        times.sort_unstable();
    }
    let cards: Vec<i64> = (0..N_ROWS).map(|_| below(3_000) as i64 * 1_000_000_007).collect();
    let no_card: Vec<bool> = (0..N_ROWS).map(|_| below(50) == 0).collect();
    let shop = |n: u64| if n < 100 { "hot".to_owned() } else { format!("s{n}") };
    let shops: Vec<String> = (0..N_ROWS).map(|_| shop(below(200))).collect();
    let shops = Values::Text(shops.iter().map(String::as_str).collect());
    let mut amounts: Vec<f64> = (0..N_ROWS).map(|_| below(10_000) as f64 / 100.0).collect();
    amounts[N_ROWS / 2] = f64::INFINITY;
    let tips = (0..N_ROWS).map(|_| below(1_000) as f64 / 100.0).collect();
    // Ids that rise with the rows, or such that part what happened at one time in another way.
    let id = |row: usize| if in_order { row as i64 } else { below(1 << 40) as i64 };
    let ids: Vec<i64> = (0..N_ROWS).map(id).collect();
    // Those of no id come first among their like, so that rows with such are not in their own order.
    let no_id = (0..N_ROWS).map(|row| !in_order && row % 70 == 0).collect();
    let no_amount = (0..N_ROWS).map(|row| row % 90 == 1).collect();
    BTreeMap::from([
        ("time", Column::new(Values::Time(times))),
        ("card", Column::with_nulls(Values::Integer(cards), no_card)),
        ("shop", Column::new(shops)),
        ("amount", Column::with_nulls(Values::Number(amounts), no_amount)),
        ("tip", Column::new(Values::Number(tips))),
        ("id", Column::with_nulls(Values::Integer(ids), no_id)),
    ])
}

#[test]
fn blocks_and_chunks_change_no_bit() {
    let windows = windows();
    for in_order in [true, false] {
        let table = payments(in_order);
        let columns: Vec<&Column> =
            windows.columns().iter().map(|column| &table[&*column.name]).collect();
        let labels: Vec<Option<bool>> = (0..N_ROWS).map(|row| Some(row % 30 == 0)).collect();
        let Values::Time(times) = table["time"].values() else { panic!("times") };
        let known_at: Vec<i64> = times.iter().map(|time| time + 30 * HOUR).collect();
        let history = History { columns, labels: &labels, known_at: &known_at };
        let found = replay(&windows, &history).expect("sound events");
        assert!(found.notes[0].contains("have no card"), "{:?}", found.notes);
        // Though two keys sum it.
        let odd = "1 amounts are infinite or beyond what an amount can be, and count as missing";
        assert_eq!(found.notes.iter().filter(|note| *note == odd).count(), 1, "{:?}", found.notes);

        let Values::Integer(ids) = table["id"].values() else { panic!("numbers") };
        let mut order: Vec<usize> = (0..N_ROWS).collect();
        let id = |row: usize| (!table["id"].is_null(row)).then(|| ids[row]);
        order.sort_by_key(|row| (times[*row], id(*row), *row));
        let mut states = BTreeMap::new();
        for row in order {
            let mut expected = vec![f32::NAN; windows.n_features()];
            let value = |at: usize| value(history.columns[at], row);
            let event = windows.event(value).expect("a sound event");
            let label = Label { is_fraud: labels[row] == Some(true), known_at: known_at[row] };
            for key in 0..windows.n_keys() {
                let Some(entity) = event.entity(key) else { continue };
                let new = || Replay::new(&windows, EntityState::new(&windows, key));
                let replay = states.entry((key, entity)).or_insert_with(new);
                replay.next(&event, Some(label), &mut expected);
            }
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(found.row(row)), bits(&expected), "row {row}, {in_order}");
        }
        assert!(found.feature(1).any(f32::is_nan) && found.feature(3).any(|rate| rate > 0.0));
    }
}
