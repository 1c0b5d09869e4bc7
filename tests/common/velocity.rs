//! A model with velocity features, the windows it declares, and a short history.

use std::collections::BTreeMap;

use shroff_serve::artifact::{Contents, GoldenRecord, OwnedValue};
use shroff_serve::features::state::EntityState;
use shroff_serve::features::window::{
    AmountColumn, Closed, EntityKey, Event, Filter, FilterTest, FilterValue, Measure,
    WindowFeature, WindowProgram, Windows,
};
use shroff_serve::features::{Program, Step};
use shroff_serve::model::{Calibration, Calibrator, Linear, Model, PriorCorrection, RowType, Term};
use shroff_serve::schema::{Feature, Input, InputType, Policy, Schema};
use shroff_serve::{Record, Scorer, Value};

use super::{countries, draft, feature, input};

pub(crate) const DAY: i64 = 86_400_000_000;
/// Monday 19 May 2025, 00:00 UTC.
const MONDAY: i64 = 1_747_612_800_000_000;

/// What the windows declare: two keys, one with a filter and a label, all kinds of column.
pub(crate) fn windows() -> WindowProgram {
    let feature = |key: &str, measure, days: Option<i64>| WindowFeature {
        key: vec![key.into()],
        filter: None,
        measure,
        window_micros: days.map(|days| days * DAY),
        delay_micros: 0,
        closed: Closed::Left,
    };
    let amount = || "amount".into();
    let online = FilterTest::OneOf(vec![FilterValue::Boolean(true)]);
    let abroad = FilterTest::OneOf(["FR", "IT"].map(|it| FilterValue::Text(it.into())).to_vec());
    let filter = |column: &str, test| Some(Filter { column: column.into(), test });
    WindowProgram {
        time: "at".into(),
        event_id: Some("id".into()),
        amounts: vec![AmountColumn { name: amount(), decimals: 2 }],
        max_events: 64,
        features: vec![
            feature("card", Measure::Count, Some(1)),
            WindowFeature {
                closed: Closed::Right,
                ..feature("card", Measure::Mean(amount()), Some(7))
            },
            WindowFeature {
                delay_micros: 7 * DAY,
                ..feature("terminal", Measure::FraudRate, Some(28))
            },
            feature("card", Measure::Distinct("country".into()), Some(30)),
            feature("card", Measure::SecondsSinceLast, None),
            WindowFeature {
                filter: filter("online", online),
                ..feature("card", Measure::Max(amount()), Some(7))
            },
            WindowFeature {
                filter: filter("country", abroad),
                ..feature("terminal", Measure::Std(amount()), Some(28))
            },
            WindowFeature {
                filter: filter("amount", FilterTest::Within { low: 100.0, high: f64::INFINITY }),
                key: vec!["terminal".into(), "card".into()],
                ..feature("", Measure::Sum(amount()), None)
            },
        ],
    }
}

/// A logistic regression on the amount, the country and eight velocity features.
pub(crate) fn velocity() -> Contents {
    let policies = |on_missing, on_out_of_range, name| Feature {
        on_missing,
        on_out_of_range,
        ..feature(name, RowType::Numeric)
    };
    let (learned, zero) = (Policy::Learned, Policy::Default(0.0));
    let schema = Schema {
        inputs: vec![
            input("id", InputType::Key, false),
            Input { required: true, ..input("at", InputType::Time, true) },
            input("card", InputType::Key, false),
            input("terminal", InputType::Key, false),
            input("amount", InputType::Number, false),
            input("country", InputType::Text, false),
            input("online", InputType::Boolean, false),
        ],
        features: vec![
            feature("amount", RowType::Numeric),
            policies(learned, Policy::Reject, "count(card, 1d)"),
            policies(learned, learned, "mean(amount by card, 7d, closed right)"),
            policies(zero, learned, "fraud_rate(terminal, 28d, delay 7d)"),
            feature("country", RowType::Categorical { n_categories: 3 }),
            policies(learned, Policy::AsMissing, "distinct(country by card, 30d)"),
            policies(learned, learned, "seconds_since_last(card, all)"),
            policies(zero, learned, "max(amount by card, 7d, online)"),
            policies(learned, learned, "std(amount by terminal, 28d, abroad)"),
            policies(learned, learned, "sum(amount by terminal and card, all, large)"),
        ],
        utc_offset_secs: 0,
    };
    let window = |feature, range| Step::Window { feature, range };
    // The steps are in another order than the windows.
    let steps = vec![
        Step::Number { input: 4, range: None },
        window(0, Some((0.0, 2.0))),
        window(1, None),
        window(2, None),
        Step::Category { input: 5, vocabulary: countries() },
        window(3, Some((0.0, 2.0))),
        window(4, None),
        window(5, None),
        window(6, None),
        window(7, None),
    ];
    let term = |weight, mean, scale| Term::Numeric {
        weight,
        mean,
        scale,
        imputed: mean,
        missing_weight: 0.25,
        mean_contribution: 0.0,
    };
    let terms = vec![
        term(0.5, 90.0, 100.0),
        term(0.7, 1.5, 2.0),
        term(-0.3, 90.0, 50.0),
        term(2.0, 0.01, 0.1),
        Term::Categorical {
            weights: vec![-0.1, 0.2, 0.4],
            missing_weight: 0.1,
            mean_contribution: 0.0,
        },
        term(0.4, 1.0, 0.5),
        term(-0.2, 40_000.0, 60_000.0),
        term(0.1, 50.0, 75.0),
        term(0.3, 30.0, 25.0),
        term(0.6, 200.0, 400.0),
    ];
    let windows = Some(Windows::new(windows()).expect("the windows are sound"));
    let calibration = Calibration {
        prior: PriorCorrection::LogOdds { shift: -1.0 },
        calibrator: Calibrator::None,
    };
    let model = Model::Linear(Linear { bias: -2.0, terms });
    let program = Program { steps, windows };
    with_states(super::contents(schema, program, model, calibration, "logistic"))
}

/// The events of some weeks, a record each: two cards and two terminals at all hours, ids as text and as
/// numbers, ties in time, values of every odd kind.
pub(crate) fn history() -> Vec<[Value<'static>; 7]> {
    let cards = [
        Value::Integer(5),
        Value::Text("5"),
        Value::Text("DE-7"),
        Value::Null,
        Value::Number(5.0),
        Value::Text("DE-7"),
        Value::Text(""),
    ];
    let terminals = [Value::Text("T1"), Value::Integer(2), Value::Text("T1"), Value::Null];
    let amounts = [
        Value::Number(12.34),
        Value::Number(-3.0),
        Value::Integer(250),
        Value::Number(f64::NAN),
        Value::Number(1e300),
        Value::Null,
        Value::Number(99.995),
        Value::Number(f64::NEG_INFINITY),
        Value::Number(640.5),
    ];
    let countries = [Value::Text("FR"), Value::Text("DE"), Value::Null, Value::Text("IT")];
    let onlines = [Value::Bool(true), Value::Null, Value::Bool(false)];
    // Some are observed twice, some cannot be recognised.
    let id = |at: usize| match at % 10 {
        9 => Value::Null,
        0..=3 => Value::Integer(at as i64 / 2),
        _ => Value::Integer(1_000 + at as i64),
    };
    (0..210_usize)
        .map(|at| {
            // In pairs of one time, of steps that grow and fall.
            let pair = (at / 2) as i64;
            let time = MONDAY + pair * 7 * 3_600_000_000 + (pair * pair % 11) * 600_000_000;
            [
                id(at),
                Value::Time(time),
                cards[at % 7],
                terminals[at % 4],
                amounts[at % 9],
                countries[at % 4],
                onlines[at % 3],
            ]
        })
        .collect()
}

/// Whether the event at this place of the history was fraud.
pub(crate) fn is_fraud(position: usize) -> bool {
    position.is_multiple_of(5)
}

/// Walks along the history: `visit` is given each record, its event and the states of its entities before
/// it, which then observe it; labels are learnt four days later.
pub(crate) fn walk(
    scorer: &Scorer,
    mut visit: impl FnMut(usize, &[Value<'_>], &Event, &[Option<&EntityState>]),
) -> BTreeMap<EntityKey, EntityState> {
    let windows = scorer.windows().expect("the model has windows");
    let mut states = BTreeMap::new();
    let mut unlabelled: Vec<Event> = Vec::new();
    for (position, values) in history().iter().enumerate() {
        let event = scorer.event(Record::new(values)).expect("each record is an event");
        unlabelled.retain(|fraud| {
            let known_at = fraud.time() + 4 * DAY;
            if known_at >= event.time() {
                return true;
            }
            for key in 0..windows.n_keys() {
                let state: Option<&mut EntityState> =
                    fraud.entity(key).and_then(|entity| states.get_mut(&entity));
                if let Some(state) = state {
                    state.learn_label(windows, fraud, true, known_at);
                }
            }
            false
        });
        let of_event: Vec<Option<&EntityState>> =
            (0..windows.n_keys()).map(|key| states.get(&event.entity(key)?)).collect();
        visit(position, values, &event, &of_event);
        for key in 0..windows.n_keys() {
            if let Some(entity) = event.entity(key) {
                let state = states.entry(entity).or_insert_with(|| EntityState::new(windows, key));
                state.observe(windows, &event);
            }
        }
        if is_fraud(position) {
            unlabelled.push(event);
        }
    }
    states
}

/// Fills in golden records from the history, every third event, with the states of their entities.
fn with_states(mut contents: Contents) -> Contents {
    let scorer = Scorer::from_draft(&draft(&contents)).expect("the draft is valid");
    let windows = scorer.windows().expect("the model has windows");
    walk(&scorer, |position, values, _, states| {
        if !position.is_multiple_of(3) || contents.golden.len() == 64 {
            return;
        }
        let expected = scorer.golden_outcome(Record::new(values), states).expect("an event");
        let bytes = |state: &EntityState| {
            let mut bytes = Vec::new();
            state.encode(windows, &mut bytes);
            bytes
        };
        contents.golden.push(GoldenRecord {
            values: values.iter().map(|value| OwnedValue::from(*value)).collect(),
            states: states.iter().map(|state| state.map(bytes)).collect(),
            expected,
        });
    });
    assert_eq!(contents.golden.len(), 64);
    contents
}
