//! Every policy on every odd value, with the outcome a person would write down.

mod computed;

use super::{Program, RateCounts, RateTable, Step, TimePart, TimeUnit, Transform, Vocabulary};
use crate::error::{RejectReason, ScoreErrorKind};
use crate::record::{Record, Value};
use crate::schema::{Feature, Input, Policy, RowType, Schema};

use Policy::{AsMissing, Default, Learned, Reject};

/// What becomes of a value: the bits that matter of the row's `f32`, or the rejection.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    /// This very float, the sign of zero included.
    Row(f32),
    Nan,
    Rejected(RejectReason),
}

use Outcome::{Nan, Rejected, Row};

/// The policies on missing, unseen and out of range.
type Policies = (Policy, Policy, Policy);

const LEARNED: Policies = (Learned, Learned, Learned);

fn one_feature(step: Step, policies: Policies) -> (Schema, Program) {
    let (on_missing, on_unseen, on_out_of_range) = policies;
    let input_type = step.input_type();
    let input = Input { name: "raw".into(), input_type, required: on_missing == Reject };
    let (name, kind) = ("made".into(), step.row_type());
    let feature = Feature { name, kind, on_missing, on_unseen, on_out_of_range };
    let schema = Schema { inputs: vec![input], features: vec![feature], utc_offset_secs: 0 };
    (schema, Program { steps: vec![step], windows: None })
}

fn outcome(step: &Step, policies: Policies, value: Value<'_>) -> Outcome {
    let (schema, program) = one_feature(step.clone(), policies);
    assert_eq!(schema.check().and_then(|()| program.check(&schema)), Ok(()), "{policies:?}");
    // Whatever the row held before must not show.
    let mut row = [123.0];
    match program.encode(&schema, Record::new(&[value]), &[], &mut row) {
        Ok(()) if row[0].is_nan() => Nan,
        Ok(()) => Row(row[0]),
        Err(error) => match error.kind() {
            ScoreErrorKind::Rejected { feature, reason } => {
                assert_eq!(&**feature, "made");
                Rejected(*reason)
            }
            other => panic!("{other}"),
        },
    }
}

fn expect(step: &Step, policies: Policies, cases: &[(Value<'_>, Outcome)]) {
    for &(value, expected) in cases {
        let found = outcome(step, policies, value);
        let same_sign = match (found, expected) {
            (Row(a), Row(b)) => a.is_sign_negative() == b.is_sign_negative(),
            _ => true,
        };
        assert!(found == expected && same_sign, "{policies:?} on {value:?}: {found:?}");
    }
}

const INFINITY: Value<'_> = Value::Number(f64::INFINITY);
const MINUS_INFINITY: Value<'_> = Value::Number(f64::NEG_INFINITY);
const NAN: Value<'_> = Value::Number(f64::NAN);

#[test]
fn numbers_within_their_range_are_rounded_to_f32() {
    let step = Step::Number { input: 0, range: Some((0.0, 100.0)) };
    let strict = (Reject, Reject, Reject);
    let cases = [
        (Value::Number(0.1), Row(0.1)),
        (Value::Number(0.0), Row(0.0)),
        (Value::Number(-0.0), Row(0.0)),
        (Value::Number(1e-300), Row(0.0)),
        (Value::Number(100.0), Row(100.0)),
        (Value::Integer(3), Row(3.0)),
        // The range is one of the f64: its f32 would be 100.
        (Value::Number(100.0_f64.next_up()), Rejected(RejectReason::OutOfRange)),
        (Value::Number(-1e-300), Rejected(RejectReason::OutOfRange)),
    ];
    expect(&step, strict, &cases);
    // 2^24 + 1 lies between two f32 and goes to the even one; a number too large for f32 is out of
    // range even when none is declared.
    let unbounded = Step::Number { input: 0, range: None };
    let cases = [
        (Value::Integer(16_777_217), Row(16_777_216.0)),
        (Value::Integer(i64::MIN), Row(-9_223_372_036_854_775_808.0)),
        (Value::Number(f64::from(f32::MAX)), Row(f32::MAX)),
        (Value::Number(1e300), Rejected(RejectReason::OutOfRange)),
        (Value::Number(-1e300), Rejected(RejectReason::OutOfRange)),
        (Value::Number(-1e-300), Row(0.0)),
        (INFINITY, Rejected(RejectReason::OutOfRange)),
    ];
    expect(&unbounded, strict, &cases);
}

#[test]
fn every_policy_decides_on_numbers() {
    let step = Step::Number { input: 0, range: Some((0.0, 100.0)) };
    let (low, high) = (Value::Number(-1.0), Value::Number(100.5));
    let missing = |row| [(Value::Null, row), (NAN, row)];
    let outside = |row| [low, high, INFINITY, MINUS_INFINITY].map(|value| (value, row));
    expect(&step, LEARNED, &missing(Nan));
    let as_they_are = [
        (low, Row(-1.0)),
        (high, Row(100.5)),
        (INFINITY, Row(f32::MAX)),
        (MINUS_INFINITY, Row(f32::MIN)),
    ];
    expect(&step, LEARNED, &as_they_are);
    expect(&step, (Default(7.0), Learned, Learned), &missing(Row(7.0)));
    expect(&step, (Default(7.0), Learned, Default(5.0)), &outside(Row(5.0)));
    expect(&step, (Learned, Learned, AsMissing), &outside(Nan));
    expect(&step, (Default(7.0), Learned, AsMissing), &outside(Row(7.0)));
    let rejected = Rejected(RejectReason::Missing);
    expect(&step, (Reject, Learned, Learned), &missing(rejected));
    expect(&step, (Reject, Learned, AsMissing), &outside(rejected));
    expect(&step, (Learned, Learned, Reject), &outside(Rejected(RejectReason::OutOfRange)));
    // A policy on something else changes nothing.
    expect(&step, (Learned, Reject, Reject), &missing(Nan));
}

#[test]
fn every_policy_decides_on_categories() {
    let vocabulary = Vocabulary::new(["b", "a", "b"].map(str::to_owned).to_vec());
    let step = Step::Category { input: 0, vocabulary };
    let known = [(Value::Text("a"), Row(0.0)), (Value::Text("b"), Row(1.0))];
    let missing = |row| [(Value::Null, row), (Value::Text(""), row)];
    let unseen = |row| [Value::Text("A"), Value::Text("ab"), Value::Text("\0")].map(|v| (v, row));
    for policies in [LEARNED, (Reject, Reject, Reject), (Default(1.0), Default(0.0), AsMissing)] {
        expect(&step, policies, &known);
    }
    expect(&step, LEARNED, &missing(Nan));
    expect(&step, LEARNED, &unseen(Row(2.0)));
    expect(&step, (Default(2.0), Default(1.0), Learned), &missing(Row(2.0)));
    expect(&step, (Default(2.0), Default(1.0), Learned), &unseen(Row(1.0)));
    expect(&step, (Default(2.0), AsMissing, Learned), &unseen(Row(2.0)));
    expect(&step, (Learned, AsMissing, Learned), &unseen(Nan));
    expect(&step, (Reject, AsMissing, Learned), &unseen(Rejected(RejectReason::Missing)));
    expect(&step, (Reject, Learned, Learned), &missing(Rejected(RejectReason::Missing)));
    expect(&step, (Learned, Reject, Learned), &unseen(Rejected(RejectReason::Unseen)));
}

#[test]
fn truth_values_and_times_are_missing_or_plain() {
    let boolean = Step::Boolean { input: 0 };
    let cases = [(Value::Bool(true), Row(1.0)), (Value::Bool(false), Row(0.0)), (Value::Null, Nan)];
    expect(&boolean, (Learned, Reject, Reject), &cases);
    // 1970-01-01 was a Thursday, day 3 of the week.
    let weekday = Step::TimePart { input: 0, part: TimePart::Weekday };
    expect(&weekday, LEARNED, &[(Value::Time(0), Row(3.0)), (Value::Null, Nan)]);
    expect(&weekday, (Default(-1.0), Reject, Reject), &[(Value::Null, Row(-1.0))]);
    let rejected = Rejected(RejectReason::Missing);
    expect(&boolean, (Reject, Learned, Learned), &[(Value::Null, rejected)]);
}

#[test]
fn only_the_right_type_is_read() {
    let values = [
        Value::Bool(true),
        Value::Number(1.0),
        Value::Integer(1),
        Value::Text("a"),
        Value::Time(1),
    ];
    let category = Step::Category { input: 0, vocabulary: Vocabulary::default() };
    for (step, fits) in [
        (Step::Number { input: 0, range: None }, [false, true, true, false, false]),
        (Step::Boolean { input: 0 }, [true, false, false, false, false]),
        (category, [false, false, false, true, false]),
        (Step::TimePart { input: 0, part: TimePart::Hour }, [false, false, false, false, true]),
    ] {
        let (schema, program) = one_feature(step.clone(), LEARNED);
        for (value, fits) in values.into_iter().zip(fits) {
            let outcome = program.encode(&schema, Record::new(&[value]), &[], &mut [0.0]);
            match outcome.as_ref().map_err(|error| error.kind()) {
                Ok(()) => assert!(fits, "{step:?} read {value:?}"),
                Err(ScoreErrorKind::WrongType { input, found, .. }) => {
                    assert!(!fits && &**input == "raw" && *found == value.type_name());
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn lengths_are_those_of_the_schema() {
    let (schema, program) = one_feature(Step::Boolean { input: 0 }, LEARNED);
    let two = [Value::Null; 2];
    for n_values in [0, 2] {
        let error = program.encode(&schema, Record::new(&two[..n_values]), &[], &mut [0.0]);
        let expected = ScoreErrorKind::RecordLength { expected: 1, found: n_values };
        assert_eq!(error.expect_err("a wrong length").kind(), &expected);
        let error = program.encode(&schema, Record::new(&two[..1]), &[], &mut vec![0.0; n_values]);
        let expected = ScoreErrorKind::RowLength { expected: 1, found: n_values };
        assert_eq!(error.expect_err("a wrong length").kind(), &expected);
    }
}

#[test]
fn unsound_programs_are_refused() {
    let problem = |step: Step, policies, change: fn(&mut Schema, &mut Program)| {
        let (mut schema, mut program) = one_feature(step, policies);
        change(&mut schema, &mut program);
        let outcome = schema.check().and_then(|()| program.check(&schema));
        outcome.expect_err("the program is not sound").problem
    };
    let number = |range| Step::Number { input: 0, range };
    let category = || {
        let vocabulary = Vocabulary::new(vec!["a".to_owned()]);
        Step::Category { input: 0, vocabulary }
    };
    let backwards = || {
        let vocabulary = Vocabulary::from_sorted(vec!["b".to_owned(), "a".to_owned()]);
        Step::Category { input: 0, vocabulary }
    };
    let rates = |values: [&str; 2], rates: &[f32]| {
        let values = Vocabulary::from_sorted(values.map(str::to_owned).to_vec());
        Step::Rate { input: 0, table: RateTable::from_parts(values, rates.to_vec()) }
    };
    let ratio = |inputs| Step::Transform { transform: Transform::Ratio { inputs }, range: None };
    let day_part = || Step::TimePart { input: 0, part: TimePart::DayPart };
    let as_it_is: fn(&mut Schema, &mut Program) = |_, _| {};
    for (step, policies, change, expected) in [
        (number(None), (AsMissing, Learned, Learned), as_it_is, "would never end"),
        (number(None), (Default(f32::NAN), Learned, Learned), as_it_is, "should be finite"),
        (number(Some((1.0, 0.0))), LEARNED, as_it_is, "its least value first"),
        (number(Some((f64::NAN, 0.0))), LEARNED, as_it_is, "should be finite"),
        (number(Some((0.0, f64::INFINITY))), LEARNED, as_it_is, "should be finite"),
        (category(), (Default(2.0), Learned, Learned), as_it_is, "no code of its categories"),
        (category(), (Learned, Default(0.5), Learned), as_it_is, "no code of its categories"),
        (backwards(), LEARNED, as_it_is, "not in ascending order"),
        (rates(["a", "b"], &[0.5, 0.5]), LEARNED, as_it_is, "one rate a value"),
        (rates(["a", "b"], &[0.5, 1.5, 0.5]), LEARNED, as_it_is, "within 0 and 1"),
        (rates(["a", "b"], &[0.5, 0.5, f32::NAN]), LEARNED, as_it_is, "within 0 and 1"),
        (rates(["b", "a"], &[0.5; 3]), LEARNED, as_it_is, "not in ascending order"),
        (ratio([0, 0]), LEARNED, as_it_is, "the same input twice"),
        (ratio([0, 1]), LEARNED, as_it_is, "not in the schema"),
        (day_part(), (Default(4.0), Learned, Learned), as_it_is, "no code of its categories"),
        (number(None), LEARNED, |_, program| program.steps.clear(), "one step a feature"),
        (
            number(None),
            LEARNED,
            |schema, _| schema.inputs[0].required = true,
            "is required exactly",
        ),
        (Step::Number { input: 1, range: None }, LEARNED, as_it_is, "not in the schema"),
        (
            number(None),
            LEARNED,
            |schema, _| schema.features[0].kind = RowType::Categorical { n_categories: 2 },
            "is of another kind",
        ),
        (
            category(),
            LEARNED,
            |_, program| program.steps[0] = Step::Boolean { input: 0 },
            "reads an input of another type",
        ),
    ] {
        let found = problem(step, policies, change);
        assert!(found.contains(expected), "expected {expected:?}, found {found:?}");
    }
}
