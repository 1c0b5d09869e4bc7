//! Which values are one id, which programs are one, and what is refused.

use std::sync::Arc;

use super::*;
use crate::record::Value;

fn declared() -> WindowProgram {
    let feature = |key: &[&str], measure, window_micros| WindowFeature {
        key: key.iter().map(|column| Arc::from(*column)).collect(),
        filter: None,
        measure,
        window_micros,
        delay_micros: 0,
        closed: Closed::Left,
    };
    let mut filtered = feature(&["card"], Measure::Count, Some(60));
    let values = ["b", "7"].map(|text| FilterValue::Text(text.to_owned())).to_vec();
    filtered.filter = Some(Filter { column: "shop".into(), test: FilterTest::OneOf(values) });
    WindowProgram {
        time: "time".into(),
        event_id: None,
        amounts: vec![
            AmountColumn { name: "amount".into(), decimals: 2 },
            AmountColumn { name: "tip".into(), decimals: 0 },
        ],
        max_events: 512,
        features: vec![
            feature(&["device", "ip"], Measure::Sum("amount".into()), None),
            feature(&["card"], Measure::Sum("tip".into()), Some(60)),
            feature(&["card"], Measure::Distinct("shop".into()), Some(60)),
            filtered,
        ],
    }
}

/// The event of a program, each column of which has this value, the time aside.
fn event_of(
    windows: &Windows,
    time: Value<'static>,
    value: Value<'static>,
) -> Result<Event, EventError> {
    windows.event(|at| match &*windows.columns()[at].name {
        "time" => time,
        "amount" | "tip" => Value::Null,
        _ => value,
    })
}

#[test]
fn an_id_is_the_same_as_text_integer_and_float() {
    let windows = Windows::new(declared()).expect("a sound program");
    let entity = |value| event_of(&windows, Value::Time(0), value).expect("it fits").entity(0);
    let same = [Value::Text("12"), Value::Integer(12), Value::Number(12.0)];
    assert!(same.iter().all(|value| entity(*value) == entity(Value::Integer(12))));
    let zeros = [Value::Text("0"), Value::Number(-0.0), Value::Integer(0)];
    assert!(zeros.iter().all(|value| entity(*value) == entity(Value::Integer(0))));
    let long = std::str::from_utf8(&[b'x'; 300]).expect("ASCII");
    let different = [
        Value::Integer(12),
        Value::Text("012"),
        Value::Text("+12"),
        Value::Text("12.0"),
        Value::Text(" 12"),
        Value::Text("-0"),
        Value::Text("9223372036854775808"),
        Value::Number(12.5),
        Value::Number(1e300),
        Value::Number(f64::INFINITY),
        Value::Bool(true),
        Value::Integer(1),
        Value::Integer(-12),
        Value::Text("-"),
        Value::Text(long),
        Value::Text(&long[1..]),
    ];
    let mut found: Vec<_> = different.iter().map(|value| entity(*value).expect("an id")).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), different.len());
    let missing = [Value::Null, Value::Text(""), Value::Number(f64::NAN)];
    assert!(missing.iter().all(|value| entity(*value).is_none()));
    // Of two columns neither the order nor the border is lost.
    let pair = |device, ip| {
        let value = |at: usize| match &*windows.columns()[at].name {
            "device" => Value::Text(device),
            "ip" => Value::Text(ip),
            "time" => Value::Time(0),
            _ => Value::Null,
        };
        windows.event(value).expect("it fits").entity(1)
    };
    assert_eq!(pair("ab", "c"), pair("ab", "c"));
    let others = [pair("a", "bc"), pair("c", "ab"), pair("ab", "d")];
    assert!(others.iter().all(|other| *other != pair("ab", "c")) && pair("ab", "").is_none());
}

/// By hand after FORMAT.md, with BLAKE3 and SipHash of others.
#[test]
fn an_entity_has_the_name_that_the_format_gives_it() {
    let values = [
        (
            Value::Integer(7),
            [
                "7cd8b1a9359bc093d9aef8092f2dca77",
                "2c057a92269cfe763652c5819abe8efc",
                "f748e56fa44b61dadafe9b467a45517c",
                "11fe18bd58d402b8a7b58bf69ab8e144",
            ],
        ),
        (
            Value::Text("DE-7"),
            [
                "281ee8815ad2b5f74f43c097242ba572",
                "ea676439aff673cff47efaa7c8cb8343",
                "33a0f9539cae60098d426048f48f1008",
                "f974c5e76788bd1b16bde2e76664b6d6",
            ],
        ),
        (
            Value::Text("forty letters of a card that never ends."),
            [
                "205f5ffe299cacd783f4c7a2691510bd",
                "fb9aa9c546dc22e1646df404ee4035ce",
                "baf7bd2613782777d7b1e064b2702639",
                "e4a4a56cb71aa92232ddac4ca9cacdf8",
            ],
        ),
    ];
    for (value, expected) in values {
        let names = [Naming::Blake3, Naming::SipHash].map(|naming| {
            let windows = Windows::with_naming(declared(), naming).expect("a sound program");
            let event = event_of(&windows, Value::Time(0), value).expect("it fits");
            // The card, and the pair of device and IP.
            [0, 1].map(|key| event.entity(key).expect("it has one").to_string())
        });
        assert_eq!(names.concat(), expected);
    }
}

#[test]
fn the_hash_of_a_program_is_that_of_its_meaning() {
    let hash = |program: WindowProgram| *Windows::new(program).expect("a sound program").hash();
    let before = Windows::with_naming(declared(), Naming::Blake3).expect("a sound program");
    assert_ne!(*before.hash(), hash(declared()));
    let mut reordered = declared();
    reordered.features.reverse();
    reordered.amounts.reverse();
    reordered.features.iter_mut().for_each(|feature| feature.key.reverse());
    for feature in &mut reordered.features {
        if let Some(Filter { test: FilterTest::OneOf(values), .. }) = &mut feature.filter {
            *values = vec![FilterValue::Integer(7), FilterValue::Text("b".to_owned())];
        }
    }
    assert_eq!(hash(reordered), hash(declared()));
    let changes: [fn(&mut WindowProgram); 9] = [
        |program| program.time = "when".into(),
        |program| program.event_id = Some("id".into()),
        |program| program.max_events = 513,
        |program| program.amounts[0].decimals = 3,
        |program| program.features[0].delay_micros = 1,
        |program| program.features[0].closed = Closed::Right,
        |program| program.features[0].window_micros = Some(1),
        |program| program.features[3].filter = None,
        |program| program.features[1].key = vec!["cart".into()],
    ];
    let mut hashes: Vec<_> = changes
        .iter()
        .map(|change| {
            let mut program = declared();
            change(&mut program);
            hash(program)
        })
        .collect();
    hashes.push(hash(declared()));
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 10);
}

#[test]
fn times_and_amounts_that_cannot_be_meant() {
    let windows = Windows::new(declared()).expect("a sound program");
    for time in [i64::MIN, -1_000_000_000_000_000_000, 1_000_000_000_000_000_000, i64::MAX] {
        let error = event_of(&windows, Value::Time(time), Value::Integer(1)).unwrap_err();
        assert_eq!(error, EventError::Time { column: "time".to_owned(), found: time });
        assert!(error.to_string().contains("years 1 to 9999"), "{error}");
    }
    let no_time = event_of(&windows, Value::Null, Value::Integer(1)).unwrap_err();
    assert_eq!(no_time.to_string(), "input \"time\": expected the event's time, found null");
    let of_time = event_of(&windows, Value::Integer(1), Value::Integer(1)).unwrap_err();
    assert_eq!(of_time.to_string(), "input \"time\": expected time, found integer");
    let of_id = event_of(&windows, Value::Time(0), Value::Time(0)).unwrap_err();
    assert!(of_id.to_string().contains("found time"), "{of_id}");

    let amount = |value: Value<'static>| {
        let event = windows.event(|at| match &*windows.columns()[at].name {
            "time" => Value::Time(0),
            "amount" => value,
            _ => Value::Null,
        });
        let event = event.expect("it fits");
        (event.amount(0), event.n_odd_amounts())
    };
    for (value, expected) in [
        (Value::Number(12.34), Some(1_234)),
        (Value::Number(-0.125), Some(-12)),
        (Value::Number(0.375), Some(38)),
        (Value::Integer(-5), Some(-500)),
        (Value::Number(f64::NAN), None),
        (Value::Null, None),
    ] {
        assert_eq!(amount(value), (expected, 0), "{value:?}");
    }
    for value in [
        Value::Number(f64::INFINITY),
        Value::Number(f64::MIN),
        Value::Integer(i64::MIN),
        Value::Number(90_071_992_547_409.95),
    ] {
        assert_eq!(amount(value), (None, 1), "{value:?}");
    }
}

#[test]
fn programs_that_make_no_sense_are_refused() {
    type Change = fn(&mut WindowProgram);
    let changes: [(Change, &str); 17] = [
        (|program| program.features.clear(), "should number 1 to 512"),
        (|program| program.max_events = 63, "within 64 and 65536"),
        (|program| program.time = "".into(), "1 to 256 bytes"),
        (|program| program.amounts[0].decimals = 7, "0 to 6 decimals"),
        (|program| drop(program.amounts.pop()), "no amount column"),
        (|program| drop(program.features.remove(0)), "no feature uses"),
        (|program| program.amounts[1].name = "amount".into(), "appears twice"),
        (|program| program.features.push(program.features[0].clone()), "declared before"),
        (|program| program.features[0].key.clear(), "1 to 16 different columns"),
        (|program| program.features[0].key.push("ip".into()), "1 to 16 different columns"),
        (|program| program.features[0].window_micros = Some(0), "a microsecond to ten years"),
        (|program| program.features[0].window_micros = Some(i64::MAX), "ten years"),
        (|program| program.features[0].delay_micros = -1, "nothing to ten years"),
        (|program| program.features[0].key[0] = "amount".into(), "is read as two of"),
        (|program| program.event_id = Some("time".into()), "is read as two of"),
        (
            |program| {
                let test = FilterTest::Within { low: 1.0, high: f64::NAN };
                program.features[3].filter = Some(Filter { column: "hour".into(), test });
            },
            "low < high",
        ),
        (
            |program| {
                program.max_events = 64;
                for minutes in 2..40 {
                    let mut feature = program.features[3].clone();
                    feature.window_micros = Some(minutes * 60_000_000);
                    program.features.push(feature);
                }
            },
            "max_events is too small",
        ),
    ];
    for (change, expected) in changes {
        let mut program = declared();
        change(&mut program);
        let error = Windows::new(program).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(expected), "expected {expected:?}, found {error:?}");
    }
}

#[test]
fn amounts_are_rounded_as_the_standard_library_rounds() {
    let edge = (1_u64 << 52) as f64;
    let mut numbers = vec![0.49, 0.5, 1.5, 2.5, 1e-300, 1e300, edge, edge - 0.5, edge + 1.0];
    numbers.extend([f64::INFINITY, f64::MAX, f64::MIN_POSITIVE]);
    // Half of a hundredth, as an amount of cents has it after the product, and what lies beside it.
    for cents in 0..1_000 {
        let product = (f64::from(cents) + 0.5) / 100.0 * 100.0;
        numbers.extend([product, product.next_up(), product.next_down()]);
    }
    for number in numbers.into_iter().flat_map(|number| [number, -number]) {
        // One zero, whatever its sign.
        let expected = number.round_ties_even() + 0.0;
        let found = super::event::whole(number) + 0.0;
        assert_eq!(found.to_bits(), expected.to_bits(), "{number:e}");
    }
    assert!(super::event::whole(f64::NAN).is_nan());
}
