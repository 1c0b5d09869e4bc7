//! Scores with an entity's past: a struct is the event that its record is, live values are those of a replay,
//! and nothing is scored without them.

pub(crate) mod model;

use std::collections::BTreeMap;

use serde::Serialize;

use self::model::{Payment, contents, label, payments, scorer};
use super::{bits, refused};
use crate::artifact::{Contents, write_draft};
use crate::error::{ScoreError, ScoreErrorKind};
use crate::features::Step;
use crate::features::state::{EntityState, Label, Replay};
use crate::features::window::{
    AmountColumn, Closed, Event, Measure, WindowFeature, WindowProgram, Windows,
};
use crate::record::{Record, Timestamp, Value};
use crate::schema::{Input, InputType, RowType};
use crate::{Score, Scorer};

const N_PAYMENTS: u32 = if cfg!(miri) { 90 } else { 3_000 };

#[test]
fn live_scores_are_those_of_a_replay_to_the_bit() {
    let (scorer, payments) = (scorer(), payments(N_PAYMENTS));
    let windows = scorer.windows().expect("it has windows");
    let bound = scorer.bind(&payments[0]).expect("it binds");
    let n_features = windows.n_features();
    let event = |payment: &Payment| scorer.event(Record::new(&payment.record())).expect("an event");

    // Batch: entity after entity.
    let mut replayed = vec![vec![f32::NAN; n_features]; payments.len()];
    for key in 0..windows.n_keys() {
        let mut entities: BTreeMap<_, Replay<'_>> = BTreeMap::new();
        for (payment, values) in payments.iter().zip(&mut replayed) {
            let event = event(payment);
            let Some(entity) = event.entity(key) else { continue };
            let new = || Replay::new(windows, EntityState::new(windows, key));
            let replay = entities.entry(entity).or_insert_with(new);
            replay.next(&event, label(payment), values);
        }
    }

    // Live: each state is bytes between two events, and labels arrive with the time of their knowledge.
    let mut store: BTreeMap<u128, Vec<u8>> = BTreeMap::new();
    let (mut n_scored, mut n_rejected) = (0, 0);
    for (payment, replayed) in payments.iter().zip(&replayed) {
        let event = bound.event(payment).expect("an event");
        let states: Vec<Option<EntityState>> = (0..windows.n_keys())
            .map(|key| {
                let bytes = store.get(&event.entity(key)?.to_bits())?;
                Some(EntityState::decode(windows, key, bytes).expect("its own bytes"))
            })
            .collect();
        let borrowed: Vec<Option<&EntityState>> = states.iter().map(Option::as_ref).collect();
        let mut velocity = vec![0.0; n_features];
        windows.features(&event, &borrowed, &mut velocity);
        let same = |a: &f32, b: &f32| a.to_bits() == b.to_bits();
        assert!(
            velocity.iter().zip(replayed).all(|(a, b)| same(a, b)),
            "{velocity:?} {replayed:?}"
        );

        let record = payment.record();
        let of_record = bits(scorer.score_record_with(Record::new(&record), replayed));
        assert_eq!(bits(bound.score_with(payment, &velocity)), of_record);
        n_scored += u32::from(of_record.is_ok());
        n_rejected += u32::from(of_record.is_err());

        for (key, state) in states.into_iter().enumerate() {
            let Some(entity) = event.entity(key) else { continue };
            let mut state = state.unwrap_or_else(|| EntityState::new(windows, key));
            state.observe(windows, &event);
            if let Some(Label { is_fraud, known_at }) = label(payment) {
                state.learn_label(windows, &event, is_fraud, known_at);
            }
            let mut bytes = Vec::new();
            state.encode(windows, &mut bytes);
            store.insert(entity.to_bits(), bytes);
        }
    }
    let n_few = N_PAYMENTS / 30;
    assert!(
        n_scored > 10 * n_few && n_rejected > n_few,
        "{n_scored} scored, {n_rejected} rejected"
    );
}

#[test]
fn a_row_is_made_of_the_values_by_position() {
    let scorer = scorer();
    let payment = &payments(1)[0];
    let velocity = [1.0, 2.0, f32::NAN, 4.0, 5.0, 6.0];
    let mut row = [0.0; 7];
    let record = payment.record();
    scorer.encode_with(Record::new(&record), &velocity, &mut row).expect("the values fit");
    let amount = payment.amount.map_or(f32::NAN, |amount| amount as f32);
    let expected = [amount, 6.0, 5.0, 4.0, f32::NAN, 2.0, 1.0];
    assert_eq!(row.map(f32::to_bits), expected.map(f32::to_bits));
    // The policies are those of any number: a default for the first window, a range for the last.
    let odd = [4.0, 2.0, 3.0, 4.0, 5.0, f32::NAN];
    scorer.encode_with(Record::new(&record), &odd, &mut row).expect("four is within");
    assert_eq!(row[1..], [-1.0, 5.0, 4.0, 3.0, 2.0, 4.0]);
    let explanation = scorer.explain(&row, 3).expect("a row");
    let by_record = scorer.explain_record_with(Record::new(&record), &odd, 3);
    assert_eq!(by_record.expect("the same row"), explanation);
    let bound = scorer.bind(payment).expect("it binds");
    assert_eq!(bound.explain_with(payment, &odd, 3).expect("the same row"), explanation);
    let error =
        scorer.encode_with(Record::new(&record), &[4.5; 6], &mut row).expect_err("rejected");
    assert_eq!(error.to_string(), "feature \"feature 6\": its policy rejects a value out of range");
    assert!(bits(scorer.score(&row)).is_ok(), "a dense row is scored as ever");
}

#[test]
fn nothing_is_scored_without_its_past() {
    let scorer = scorer();
    let payment = &payments(1)[0];
    let (record, bound) = (payment.record(), scorer.bind(payment).expect("it binds"));
    let record = Record::new(&record);
    let message = |outcome: Result<Score, ScoreError>| outcome.expect_err("refused").to_string();
    for (error, found) in [
        (message(scorer.score_record(record)), 0),
        (message(bound.score(payment)), 0),
        (message(bound.score_with(payment, &[0.0; 5])), 5),
        (message(scorer.explain_record(record, 1).map(|explained| explained.score)), 0),
        (message(bound.explain_like(payment, 1).map(|explained| explained.score)), 0),
        (message(scorer.score_record_with(record, &[0.0; 7])), 7),
    ] {
        let expected = format!("expected the values of 6 velocity features, found {found}; `Sco");
        assert!(error.starts_with(&expected), "{error}");
    }
    // Of a model without windows there are no events, and it takes no values.
    let plain = super::scorer();
    let values = super::Payment::sample().values();
    let error = plain.event(Record::new(&values)).expect_err("no windows");
    assert_eq!(error.kind(), &ScoreErrorKind::NoWindows);
    assert!(plain.score_record_with(Record::new(&values), &[1.0]).is_err());
}

#[test]
fn what_is_no_event_is_refused() {
    let scorer = scorer();
    let event_of = |place: usize, value| {
        let payment = &payments(1)[0];
        let mut record = payment.record();
        record[place] = value;
        scorer.event(Record::new(&record)).map_err(|error| error.to_string())
    };
    let refused = |place, value| event_of(place, value).expect_err("refused");
    assert_eq!(refused(1, Value::Null), "input \"at\": expected the event's time, found null");
    assert!(refused(1, Value::Time(i64::MAX)).contains("\"at\""));
    let expected = "input \"card\": expected id, found a number that is not whole or beyond 2^53";
    for number in [0.5, f64::INFINITY, 9_007_199_254_740_994.0] {
        assert_eq!(refused(2, Value::Number(number)), expected);
    }
    assert_eq!(refused(2, Value::Bool(true)), "input \"card\": expected id, found boolean");
    let error = scorer.event(Record::new(&[])).expect_err("an empty record");
    assert_eq!(error.to_string(), "expected a record of 6 values, found 0");
    // The same card, whatever holds its name.
    let card = |value| event_of(2, value).expect("an id").entity(0);
    for value in [Value::Integer(5), Value::Number(5.0), Value::Text("5")] {
        assert_eq!(card(value), card(Value::Integer(5)));
    }
    assert_eq!(card(Value::Number(f64::NAN)), None);
}

#[test]
fn ids_of_a_struct_are_whole_or_refused() {
    let scorer = scorer();
    #[derive(Serialize)]
    struct Free<C> {
        id: u8,
        at: Timestamp,
        card: C,
        amount: u8,
        shop: &'static str,
        country: &'static str,
    }
    fn free<C>(card: C) -> Free<C> {
        Free { id: 1, at: Timestamp(0), card, amount: 1, shop: "", country: "FR" }
    }
    fn event<C: Serialize>(scorer: &Scorer, card: C) -> Result<Event, String> {
        let value = free(card);
        let bound = scorer.bind(&value).map_err(|error| error.to_string())?;
        bound.event(&value).map_err(|error| error.to_string())
    }
    let five = event(&scorer, 5);
    assert!(five.is_ok());
    assert_eq!(event(&scorer, 5.0), five);
    assert_eq!(event(&scorer, '5'), five);
    assert_eq!(event(&scorer, format_args!("{}", 5)), five);
    let expected = "a number that is not whole or beyond 2^53";
    assert!(event(&scorer, u64::MAX).expect_err("refused").contains(expected));
    // Text of a `Display` is cut at 512 bytes; ids that begin alike must not become one.
    let long = "x".repeat(513);
    assert!(event(&scorer, &long).is_ok());
    let error = event(&scorer, format_args!("{long}")).expect_err("refused");
    assert!(error.contains("text of more than 512 bytes by `Display`"), "{error}");
    let text = refused(&scorer, &free(true));
    assert!(text.contains("field \"card\": expected id, found boolean"), "{text}");
}

#[test]
fn asking_and_scoring_allocate_nothing() {
    let scorer = scorer();
    let payments = payments(if cfg!(miri) { 30 } else { 300 });
    let windows = scorer.windows().expect("it has windows");
    let bound = scorer.bind(&payments[0]).expect("it binds");
    let mut states: Vec<EntityState> =
        (0..windows.n_keys()).map(|key| EntityState::new(windows, key)).collect();
    let is_short =
        |payment: &&Payment| payment.merchant.name.as_ref().is_none_or(|name| name.len() < 100);
    for payment in payments.iter().filter(is_short) {
        let record = payment.record();
        let used = allocation_counter::measure(|| {
            let event = scorer.event(Record::new(&record)).expect("an event");
            assert_eq!(bound.event(payment), Ok(event));
            let mut known = [None; 16];
            states.iter().zip(&mut known).for_each(|(state, place)| *place = Some(state));
            let mut velocity = [0.0; 6];
            windows.features(&event, &known, &mut velocity);
            // Errors may allocate; few counts are above four.
            drop(scorer.score_record_with(Record::new(&record), &velocity));
            drop(bound.score_with(payment, &velocity));
        });
        assert_eq!(used.count_total, 0, "{payment:?}");
        let event = bound.event(payment).expect("an event");
        states.iter_mut().for_each(|state| {
            state.observe(windows, &event);
        });
    }
}

#[test]
fn programs_and_schemas_that_do_not_suit_are_refused() {
    let refused = |change: fn(&mut Contents)| {
        let mut contents = contents();
        change(&mut contents);
        write_draft(&contents).expect_err("it should be refused").to_string()
    };
    let window = |feature| Step::Window { feature, range: None };
    assert_eq!(window(3).row_type(), RowType::Numeric);
    for (error, expected) in [
        (refused(|it| it.program.windows = None), "that the program has not"),
        (
            refused(|it| it.program.steps[1] = Step::Window { feature: 6, range: None }),
            "\"feature 1\": takes a velocity feature that the program has not",
        ),
        (
            refused(|it| it.program.steps[1] = Step::Window { feature: 0, range: None }),
            "\"feature 6\": takes the velocity feature of another",
        ),
        (
            refused(|it| it.program.steps[1] = Step::Number { input: 3, range: None }),
            "a velocity feature of the program is no feature of the schema",
        ),
        (
            refused(|it| it.schema.inputs[2].name = "other".into()),
            "\"card\": is read by velocity features and no input of the schema",
        ),
        (
            refused(|it| it.schema.inputs[3].input_type = InputType::Key),
            "\"amount\": is an input of another type than velocity features read",
        ),
        (refused(|it| it.schema.inputs[1].required = false), "\"at\": is required exactly when"),
        (
            refused(|it| {
                let input_type = InputType::Key;
                it.schema.inputs.push(Input { name: "x".into(), input_type, required: false });
            }),
            "\"x\": is an id that no velocity feature reads",
        ),
        (
            refused(|it| {
                let Step::Window { range, .. } = &mut it.program.steps[6] else { return };
                *range = Some((1.0, f64::INFINITY));
            }),
            "\"feature 6\": the range should be finite",
        ),
    ] {
        assert!(error.contains(expected), "{error}");
    }
    // A feature's column serves velocity features too.
    let mut shared = contents();
    shared.schema.inputs[5].input_type = InputType::Key;
    assert!(write_draft(&shared).is_ok(), "a filter's column may be an id");
}

#[test]
fn programs_of_one_hash_share_events_and_states() {
    let declared = |in_reverse: bool| {
        let amount = |name: &str| AmountColumn { name: name.into(), decimals: 2 };
        let feature = |key: &[&str], measure| WindowFeature {
            key: key.iter().map(|name| (*name).into()).collect(),
            filter: None,
            measure,
            window_micros: None,
            delay_micros: 0,
            closed: Closed::Left,
        };
        let mut amounts = vec![amount("paid"), amount("cash")];
        let mut features = vec![
            feature(if in_reverse { &["shop", "card"] } else { &["card", "shop"] }, Measure::Count),
            feature(&["card"], Measure::Sum("cash".into())),
            feature(&["card"], Measure::Sum("paid".into())),
        ];
        if in_reverse {
            amounts.reverse();
            features.reverse();
        }
        let (time, event_id) = ("at".into(), None);
        let program = WindowProgram { time, event_id, amounts, max_events: 64, features };
        Windows::new(program).expect("the program is sound")
    };
    let [one, other] = [false, true].map(declared);
    assert_eq!(one.hash(), other.hash());
    let event = |windows: &Windows, at| {
        let value = |column: usize| match &*windows.columns()[column].name {
            "at" => Value::Time(at),
            "paid" => Value::Integer(7),
            "cash" => Value::Number(1.25),
            name => Value::Text(["a shop", "a card"][usize::from(name == "card")]),
        };
        windows.event(value).expect("an event")
    };
    assert_eq!(event(&one, 1), event(&other, 1));
    // What one has observed the other answers for, in its own order.
    let states: Vec<EntityState> = (0..2)
        .map(|key| {
            let mut state = EntityState::new(&one, key);
            state.observe(&one, &event(&one, 1));
            let mut bytes = Vec::new();
            state.encode(&one, &mut bytes);
            EntityState::decode(&other, key, &bytes).expect("the same program")
        })
        .collect();
    let mut values = [0.0; 3];
    other.features(&event(&other, 2), &[states.first(), states.get(1)], &mut values);
    assert_eq!(values.map(f32::to_bits), [7.0_f32, 1.25, 1.0].map(f32::to_bits));
}
