//! What is computed from inputs, by hand: rates, logarithms, ratios, differences.

use std::f32::consts::LN_2;

use super::*;

#[test]
fn every_policy_decides_on_rates() {
    // Two frauds in four rows of a, none in four of b, one row of neither: p = 2/9. With m = 1 the
    // rate of a is (2 + 2/9) / (4 + 1) = 4/9, that of b (0 + 2/9) / (4 + 1) = 2/45.
    let values = ["a", "b", "never", ""].map(str::to_owned);
    let mut counts = RateCounts::new(&values, 1.0);
    let nothing = one_feature(Step::Rate { input: 0, table: counts.table() }, LEARNED).0;
    assert!(counts.fill(&nothing.features[0], Some(0)).is_ok_and(f32::is_nan), "nothing is known");
    for fraud in [true, true, false, false] {
        counts.observe(Some(0), fraud, 1.0);
    }
    for _ in 0..4 {
        counts.observe(Some(1), false, 1.0);
    }
    // A row without a category counts among all rows only.
    counts.observe(None, false, 1.0);
    let nine = 2.0_f64 / 9.0;
    let (a, b) = (4.0_f32 / 9.0, 2.0_f32 / 45.0);
    assert_eq!(counts.table().rates(), [a, b, nine as f32]);
    let step = Step::Rate { input: 0, table: counts.table() };
    let known = [(Value::Text("a"), Row(a)), (Value::Text("b"), Row(b))];
    let missing = |row| [(Value::Null, row), (Value::Text(""), row)];
    let unseen = |row| [(Value::Text("never"), row), (Value::Text("c"), row)];
    for policies in [LEARNED, (Reject, Reject, Reject)] {
        expect(&step, policies, &known);
    }
    expect(&step, LEARNED, &missing(Nan));
    expect(&step, LEARNED, &unseen(Row(nine as f32)));
    expect(&step, (Default(0.5), Default(0.25), Learned), &unseen(Row(0.25)));
    expect(&step, (Default(0.5), AsMissing, Learned), &unseen(Row(0.5)));
    expect(&step, (Reject, Learned, Learned), &missing(Rejected(RejectReason::Missing)));
    expect(&step, (Learned, Reject, Learned), &unseen(Rejected(RejectReason::Unseen)));
    // The counts give what their table gives, policies included.
    for policies in
        [LEARNED, (Default(0.5), Default(0.25), Learned), (Default(0.5), AsMissing, Learned)]
    {
        let (schema, _) = one_feature(step.clone(), policies);
        for (code, value) in (0..).zip(&values) {
            let filled =
                counts.fill(&schema.features[0], Some(code)).map_or(Nan, |row| match row {
                    row if row.is_nan() => Nan,
                    row => Row(row),
                });
            assert_eq!(filled, outcome(&step, policies, Value::Text(value)), "{value:?}");
        }
    }
}

#[test]
fn weights_count_as_so_many_rows() {
    let values = ["a".to_owned()];
    let (mut weighted, mut repeated) =
        (RateCounts::new(&values, 20.0), RateCounts::new(&values, 20.0));
    weighted.observe(Some(0), true, 2.0);
    weighted.observe(Some(0), false, 6.0);
    for fraud in [true, true, false, false, false, false, false, false] {
        repeated.observe(Some(0), fraud, 1.0);
    }
    assert_eq!(weighted.table(), repeated.table());
    // Without smoothing the rate is the share itself.
    let mut plain = RateCounts::new(&values, 0.0);
    plain.observe(Some(0), true, 1.0);
    plain.observe(None, false, 3.0);
    assert_eq!(plain.table().rates(), [1.0, 0.25]);
}

#[test]
fn logarithms_of_one_more_are_those_of_a_table() {
    let log1p = |range| Step::Transform { transform: Transform::Log1p { input: 0 }, range };
    let cases = [
        (Value::Number(0.0), Row(0.0)),
        (Value::Number(-0.0), Row(0.0)),
        // ln 2, ln 100, ln(1/2) to more digits than an f32 holds.
        (Value::Integer(1), Row(LN_2)),
        (Value::Integer(99), Row(4.605_170_2)),
        (Value::Number(-0.5), Row(-LN_2)),
        // Where ln(1 + x) by way of 1 + x would be 0.
        (Value::Number(1e-20), Row(1e-20)),
        (Value::Number(-1.0), Rejected(RejectReason::OutOfRange)),
        (INFINITY, Rejected(RejectReason::OutOfRange)),
        (Value::Number(-1.5), Rejected(RejectReason::Missing)),
        (MINUS_INFINITY, Rejected(RejectReason::Missing)),
        (NAN, Rejected(RejectReason::Missing)),
        (Value::Null, Rejected(RejectReason::Missing)),
    ];
    expect(&log1p(None), (Reject, Reject, Reject), &cases);
    expect(
        &log1p(None),
        LEARNED,
        &[(Value::Number(-1.0), Row(f32::MIN)), (INFINITY, Row(f32::MAX))],
    );
    // A range is one of the result.
    let cases = [(Value::Integer(1), Row(LN_2)), (Value::Integer(99), Nan)];
    expect(&log1p(Some((0.0, 4.0))), (Learned, Learned, AsMissing), &cases);
}

#[test]
fn two_numbers_are_divided_and_subtracted() {
    let inputs = [0, 1];
    let ratio = Step::Transform { transform: Transform::Ratio { inputs }, range: None };
    let difference = Step::Transform { transform: Transform::Difference { inputs }, range: None };
    let number = Value::Number;
    let rejected = Rejected(RejectReason::Missing);
    let outside = Rejected(RejectReason::OutOfRange);
    for (a, b, quotient, rest) in [
        (number(3.0), number(4.0), Row(0.75), Row(-1.0)),
        (number(-3.0), Value::Integer(4), Row(-0.75), Row(-7.0)),
        (number(0.0), number(-2.0), Row(0.0), Row(2.0)),
        (number(5.0), number(0.0), rejected, Row(5.0)),
        (number(5.0), number(-0.0), rejected, Row(5.0)),
        (number(0.0), number(0.0), rejected, Row(0.0)),
        (Value::Null, number(1.0), rejected, rejected),
        (number(1.0), Value::Null, rejected, rejected),
        (NAN, number(1.0), rejected, rejected),
        // The f32 of both would be equal.
        (number(16_777_217.0), number(16_777_216.0), Row(1.0), Row(1.0)),
        (number(1e308), number(1e-10), outside, outside),
        (INFINITY, number(1.0), outside, outside),
        (number(1.0), INFINITY, Row(0.0), outside),
        (INFINITY, INFINITY, rejected, rejected),
    ] {
        assert_eq!(outcome_of_pair(&ratio, [a, b]), quotient, "{a:?} / {b:?}");
        assert_eq!(outcome_of_pair(&difference, [a, b]), rest, "{a:?} - {b:?}");
    }
}

#[test]
fn two_times_are_so_far_apart() {
    let step = |unit| {
        let transform = Transform::TimeDifference { inputs: [0, 1], unit };
        Step::Transform { transform, range: None }
    };
    // A day and a half, in microseconds.
    let (later, earlier) = (Value::Time(1_000_000 + 129_600_000_000), Value::Time(1_000_000));
    for (unit, expected) in [
        (TimeUnit::Seconds, 129_600.0),
        (TimeUnit::Minutes, 2_160.0),
        (TimeUnit::Hours, 36.0),
        (TimeUnit::Days, 1.5),
    ] {
        assert_eq!(outcome_of_pair(&step(unit), [later, earlier]), Row(expected));
        assert_eq!(outcome_of_pair(&step(unit), [earlier, later]), Row(-expected));
        assert_eq!(
            outcome_of_pair(&step(unit), [later, Value::Null]),
            Rejected(RejectReason::Missing)
        );
    }
    // 2^64 µs less one.
    let ends = [Value::Time(i64::MAX), Value::Time(i64::MIN)];
    assert_eq!(outcome_of_pair(&step(TimeUnit::Seconds), ends), Row(18_446_744_073_709.552));
}

/// As [`outcome`] for a step of two inputs, every policy being `reject`.
fn outcome_of_pair(step: &Step, values: [Value<'_>; 2]) -> Outcome {
    let (mut schema, program) = one_feature(step.clone(), (Reject, Reject, Reject));
    schema.inputs.push(Input { name: "second".into(), ..schema.inputs[0].clone() });
    assert_eq!(schema.check().and_then(|()| program.check(&schema)), Ok(()));
    let mut row = [123.0];
    let encoded = program.encode(&schema, Record::new(&values), &[], &mut row);
    let mut odd = None;
    let observed =
        program.odd_values(&schema, Record::new(&values), &[], |_, reason| odd = Some(reason));
    assert_eq!(observed, Ok(()));
    match encoded.as_ref().map_err(|error| error.kind()) {
        Ok(()) => Row(row[0]),
        Err(ScoreErrorKind::Rejected { reason, .. }) => {
            assert_eq!(odd, Some(*reason));
            Rejected(*reason)
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn day_parts_are_a_category() {
    let step = Step::TimePart { input: 0, part: TimePart::DayPart };
    assert_eq!(step.row_type(), RowType::Categorical { n_categories: 4 });
    expect(
        &step,
        (Default(3.0), Reject, Reject),
        &[(Value::Time(0), Row(0.0)), (Value::Null, Row(3.0))],
    );
}
