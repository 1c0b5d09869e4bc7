//! Counts agree with a naive recount, whichever way in and however many threads.

use serde::Serialize;

use super::*;
use crate::artifact::{Bands, Contents, OwnedValue, write_draft};
use crate::error::ScoreErrorKind;
use crate::record::{Timestamp, Value};
use crate::scorer::tests::fixture::golden;
use crate::scorer::tests::velocity::model;

/// A golden artifact's model, with three bands: odd amounts and countries of `averaged` count as
/// missing; `computed` has features of two inputs and rejects for two reasons.
fn scorer(name: &'static str) -> Scorer {
    with_bands(golden(name).contents().clone())
}

fn with_bands(mut contents: Contents) -> Scorer {
    contents.bands = Some(Bands {
        names: ["low", "watch", "block"].map(str::to_owned).to_vec(),
        edges: vec![0.1, 0.3],
        assumptions: String::new(),
    });
    let draft = write_draft(&contents).expect("the contents are valid");
    Scorer::from_draft(&draft).expect("the draft is valid")
}

/// Golden records, which visit every odd value.
fn records(golden: &Scorer) -> Vec<Vec<Value<'_>>> {
    let golden = golden.contents().golden.iter();
    golden.map(|golden| golden.values.iter().map(OwnedValue::as_value).collect()).collect()
}

/// The inputs of both models; those of one are passed by in the other.
#[derive(Serialize)]
struct Payment<'a> {
    signup: Option<Timestamp>,
    at: Option<Timestamp>,
    country: Option<&'a str>,
    average: Option<f64>,
    amount: Option<f64>,
}

impl<'a> Payment<'a> {
    fn new(scorer: &Scorer, values: &[Value<'a>]) -> Self {
        let value = |name| scorer.schema().input_index(name).map(|at| values[at]);
        let number = |name| match value(name) {
            Some(Value::Number(number)) => Some(number),
            Some(Value::Integer(number)) => Some(number as f64),
            _ => None,
        };
        let time = |name| match value(name) {
            Some(Value::Time(micros)) => Some(Timestamp(micros)),
            _ => None,
        };
        let country = match value("country") {
            Some(Value::Text(country)) => Some(country),
            _ => None,
        };
        let (signup, at) = (time("signup"), time("at"));
        Self { signup, at, country, average: number("average"), amount: number("amount") }
    }
}

/// What these records, each with the values of its velocity features, should come to when each is
/// scored `times` times: one after the other, into plain numbers.
fn recounted<'a>(
    scorer: &Scorer,
    records: impl Iterator<Item = (&'a [Value<'a>], &'a [f32])>,
    times: u64,
) -> Counts {
    let mut counts = Counters::new(scorer).snapshot();
    for (values, velocity) in records {
        let record = Record::new(values);
        let program = &scorer.contents().program;
        let odd = |at: usize, what| {
            let feature: &mut FeatureCounts = &mut counts.features[at];
            *match what {
                RejectReason::Missing => &mut feature.missing,
                RejectReason::Unseen => feature.unseen.as_mut().expect("it has a vocabulary"),
                RejectReason::OutOfRange => feature.out_of_range.as_mut().expect("a number"),
            } += times;
        };
        program.odd_values(scorer.schema(), record, velocity, odd).expect("the types fit");
        match scorer.score_record_with(record, velocity) {
            Ok(score) => {
                let bin = PROBABILITY_EDGES.iter().position(|edge| score.probability <= *edge);
                counts.bins[bin.unwrap_or(PROBABILITY_EDGES.len())] += times;
                counts.probability_sum += times as f64 * score.probability;
                counts.bands[usize::from(score.band.expect("it has bands"))].1 += times;
            }
            Err(error) => match error.kind() {
                ScoreErrorKind::Rejected { reason: RejectReason::Missing, .. } => {
                    counts.rejected.missing += times;
                }
                _ => counts.rejected.out_of_range += times,
            },
        }
    }
    counts
}

fn without_past<'a>(
    records: &'a [Vec<Value<'a>>],
) -> impl Iterator<Item = (&'a [Value<'a>], &'a [f32])> {
    records.iter().map(|values| (&**values, &[][..]))
}

#[track_caller]
fn assert_same(found: Counts, mut expected: Counts) {
    // The sum is of probabilities rounded down, the rest is exact.
    let rounding = expected.scored() as f64 / (1_u64 << 32) as f64;
    let too_low = expected.probability_sum - found.probability_sum;
    assert!((-1e-9..=rounding + 1e-9).contains(&too_low), "{found:?}, expected {expected:?}");
    expected.probability_sum = found.probability_sum;
    assert_eq!(found, expected);
}

#[test]
fn records_and_structs_count_alike() {
    for (name, reasons) in [("v1/averaged", (true, false)), ("v1/computed", (true, true))] {
        let (scorer, golden) = (scorer(name), golden(name));
        let records = records(&golden);
        let expected = recounted(&scorer, without_past(&records), 1);
        let rejected = expected.rejected;
        assert_eq!((rejected.missing > 0, rejected.out_of_range > 0), reasons);
        let odd = |of: fn(&FeatureCounts) -> u64| expected.features.iter().map(of).sum::<u64>();
        let kinds = [odd(|f| f.missing), odd(|f| f.unseen.unwrap_or(0))];
        assert!(kinds.iter().all(|n| *n > 0) && odd(|f| f.out_of_range.unwrap_or(0)) > 0);

        let (by_record, by_struct) = (Counters::new(&scorer), Counters::new(&scorer));
        let sample = Payment::new(&scorer, &records[1]);
        let bound = scorer.bind(&sample).expect("it binds");
        for values in &records {
            let plain = scorer.score_record(Record::new(values));
            assert_eq!(by_record.score_record(&scorer, Record::new(values)), plain);
            assert_eq!(by_struct.score_bound(&bound, &Payment::new(&scorer, values)), plain);
        }
        assert_same(by_record.snapshot(), expected.clone());
        assert_same(by_struct.snapshot(), expected);
    }
}

#[test]
fn velocity_features_are_counted_like_any_other() {
    let scorer = with_bands(model::contents());
    let payments = model::payments(60);
    let records: Vec<_> = payments.iter().map(model::Payment::record).collect();
    // Each feature in turn is missing, expected, beyond a range that one of them has, and infinite.
    let velocity: Vec<[f32; 6]> = (0..60)
        .map(|at| {
            let mut values = [2.0; 6];
            values[at % 6] = [f32::NAN, 0.0, 4.5, f32::INFINITY, f32::NAN][at / 6 % 5];
            values
        })
        .collect();
    let past = records.iter().zip(&velocity).map(|(values, past)| (&values[..], &past[..]));
    let expected = recounted(&scorer, past, 1);
    // The row has the windows from the last to the first, which is the one with a range.
    let odd = |feature: &FeatureCounts| (feature.missing, feature.out_of_range);
    let odd: Vec<_> = expected.features[1..].iter().map(odd).collect();
    assert_eq!(odd, [[(4, Some(2)); 5].as_slice(), &[(4, Some(4))]].concat());
    assert_eq!((expected.scored(), expected.rejected.out_of_range), (46, 14));

    let (by_record, by_struct) = (Counters::new(&scorer), Counters::new(&scorer));
    let bound = scorer.bind(&payments[0]).expect("it binds");
    for ((payment, values), past) in payments.iter().zip(&records).zip(&velocity) {
        let record = Record::new(values);
        let plain = scorer.score_record_with(record, past);
        assert_eq!(by_record.score_record_with(&scorer, record, past), plain);
        assert_eq!(by_struct.score_bound_with(&bound, payment, past), plain);
    }
    assert_same(by_record.snapshot(), expected.clone());
    assert_same(by_struct.snapshot(), expected);
    by_record.score_record(&scorer, Record::new(&records[0])).expect_err("no past is given");
    assert_eq!(by_record.snapshot().rejected.wrong_shape, 1);
}

#[test]
fn counts_of_threads_add_up() {
    const N_THREADS: u64 = if cfg!(miri) { 2 } else { 4 };
    const N_ROUNDS: u64 = if cfg!(miri) { 1 } else { 500 };
    let (scorer, golden) = (scorer("v1/averaged"), golden("v1/averaged"));
    let records = records(&golden);
    let counters = Counters::new(&scorer);
    std::thread::scope(|scope| {
        let count = || {
            for values in (0..N_ROUNDS).flat_map(|_| &records) {
                let _ = counters.score_record(&scorer, Record::new(values));
            }
        };
        let threads: Vec<_> = (0..N_THREADS).map(|_| scope.spawn(count)).collect();
        // Read meanwhile, it never falls.
        let mut scored = 0;
        while !threads.iter().all(|thread| thread.is_finished()) {
            let now = counters.snapshot().scored();
            assert!(now >= scored, "{now} after {scored}");
            scored = now;
        }
    });
    let expected = recounted(&scorer, without_past(&records), N_THREADS * N_ROUNDS);
    assert_same(counters.snapshot(), expected);
}

#[test]
fn dense_rows_count_what_they_can_tell() {
    let scorer = scorer("v1/averaged");
    let counters = Counters::new(&scorer);
    for row in [[f32::NAN, 1.0, 3.0, 0.0], [f32::INFINITY, f32::NAN, f32::NAN, 0.0]] {
        assert_eq!(counters.score(&scorer, &row), scorer.score(&row));
    }
    counters.score(&scorer, &[f32::NAN]).expect_err("too short");
    let counts = counters.snapshot();
    let missing: Vec<u64> = counts.features.iter().map(|feature| feature.missing).collect();
    assert_eq!(missing, [1, 1, 1, 0]);
    assert_eq!((counts.scored(), counts.rejected.wrong_shape), (2, 1));
}

#[test]
fn what_is_no_record_is_counted_by_reason_alone() {
    let scorer = scorer("v1/averaged");
    let counters = Counters::new(&scorer);
    let at = Value::Time(0);
    let refuse = |values: &[Value<'_>]| {
        counters.score_record(&scorer, Record::new(values)).expect_err("it is refused")
    };
    refuse(&[Value::Null, Value::Null]);
    refuse(&[Value::Null, Value::Number(1.0), at]);
    // A struct fails only where it is read so far.
    #[derive(Serialize)]
    struct Text {
        amount: Option<f64>,
        country: Option<u8>,
        at: &'static str,
    }
    let as_text = |at| Text { amount: None, country: None, at };
    let bound = scorer.bind(&as_text("2018-07-21T20:15:00Z")).expect("it binds");
    counters.score_bound(&bound, &as_text("yesterday")).expect_err("no time");
    let counts = counters.snapshot();
    assert_eq!((counts.rejected.wrong_shape, counts.rejected.wrong_type), (1, 2));
    assert!(counts.features.iter().all(|f| (f.missing, f.unseen.unwrap_or(0)) == (0, 0)));

    let other = golden("v1/linear");
    let error = counters.score(&other, &[0.0; 3]).expect_err("another model");
    assert!(matches!(error.kind(), ScoreErrorKind::OtherModel { .. }), "{error}");
    assert_eq!(counters.snapshot(), counts);
}

#[test]
fn an_edge_belongs_to_the_bin_below_it() {
    let scorer = scorer("v1/averaged");
    let counters = Counters::new(&scorer);
    let count = |probability| {
        let score = Score { margin: 0.0, probability, band: Some(2) };
        counters.shards.own().count(counters.cells, Ok(score)).expect("it is passed on");
        counters.snapshot()
    };
    for (bin, edge) in PROBABILITY_EDGES.into_iter().enumerate() {
        assert_eq!(count(edge).bins[bin], if bin == 0 { 1 } else { 2 }, "{edge}");
        assert_eq!(count(edge.next_up()).bins[bin + 1], 1, "just above {edge}");
    }
    count(0.0);
    let counts = count(1.0);
    assert_eq!((counts.bins[0], counts.bins[PROBABILITY_EDGES.len()]), (2, 2));
    assert_eq!(counts.bands.iter().map(|band| band.1).collect::<Vec<_>>(), [0, 0, 34]);
}

#[test]
fn prometheus_reads_the_page() {
    let feature = |name: &str, missing, unseen, out_of_range| FeatureCounts {
        feature: name.into(),
        missing,
        unseen,
        out_of_range,
    };
    let rejected =
        RejectedCounts { missing: 3, unseen: 0, out_of_range: 1, wrong_type: 2, wrong_shape: 0 };
    let mut bins = [0; PROBABILITY_EDGES.len() + 1];
    (bins[0], bins[7], bins[16]) = (5, 2, 1);
    let old = Counts {
        model: "cards \"A\\B\"\n".to_owned(),
        artifact: ArtifactId::from_bytes([0xab; 32]),
        rejected,
        features: vec![feature("amount", 4, None, Some(6)), feature("país", 0, Some(9), None)],
        bins,
        probability_sum: 1.0625,
        bands: vec![("low".to_owned(), 7), ("high".to_owned(), 1)],
    };
    let new = Counts { bands: Vec::new(), features: Vec::new(), bins: [0; 17], ..old.clone() };
    let new = Counts { artifact: ArtifactId::from_bytes([1; 32]), model: "b".to_owned(), ..new };
    let text = prometheus(&[old, new]).to_string();
    // The labels of each model, spelt once here.
    let old = format!(r#"model="cards \"A\\B\"\n",artifact="{}""#, "ab".repeat(32));
    let new = format!(r#"model="b",artifact="{}""#, "01".repeat(32));
    let expected = include_str!("expected.prom").replace("OLD", &old).replace("NEW", &new);
    assert_eq!(text, expected);
}
