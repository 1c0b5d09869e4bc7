//! Bound structs score as records do, to the bit, and allocate nothing.

use std::sync::Arc;

use serde::Serialize;

use self::fixture::contents_of;
use super::{Bound, Score, Scorer};
use crate::artifact::write_draft;
use crate::counters::Counters;
use crate::error::ScoreError;
use crate::features::{Program, Step, TimePart, Transform, Vocabulary};
use crate::model::{Linear, Model, Term};
use crate::record::{Record, Timestamp, Value};
use crate::schema::{Feature, Input, Policy, RowType, Schema};

/// Inputs in this order: amount, online, country, at, visits, channel. The time feeds two
/// features, and weights are such that no two rows have the same margin by chance.
fn scorer() -> Scorer {
    scorer_with("country")
}

/// The same with another name for the country.
fn scorer_with(country: &str) -> Scorer {
    scorer_of(country, N_FEATURES)
}

const N_FEATURES: usize = 9;
/// The first of them, each of one input.
const N_SIMPLE: usize = 7;

fn scorer_of(country: &str, n_features: usize) -> Scorer {
    let words = |words: &[&str]| Vocabulary::new(words.iter().map(|w| (*w).to_owned()).collect());
    let range = Some((0.0, 1e6));
    let computed = |transform| Step::Transform { transform, range: None };
    let mut steps = vec![
        ("hour", Step::TimePart { input: 3, part: TimePart::Hour }),
        ("amount", Step::Number { input: 0, range: None }),
        ("online", Step::Boolean { input: 1 }),
        ("country", Step::Category { input: 2, vocabulary: words(&["DE", "FR", "é"]) }),
        ("weekday", Step::TimePart { input: 3, part: TimePart::Weekday }),
        ("visits", Step::Number { input: 4, range }),
        ("channel", Step::Category { input: 5, vocabulary: words(&["Online", "Shop"]) }),
        // Of two inputs, which the struct has in either order.
        ("amount/visits", computed(Transform::Ratio { inputs: [0, 4] })),
        ("visits-amount", computed(Transform::Difference { inputs: [4, 0] })),
    ];
    steps.truncate(n_features);
    let names = ["amount", "online", country, "at", "visits", "channel"];
    let input = |(at, name): (usize, &str)| {
        let step = steps.iter().find(|(_, step)| step.input() == Some(at));
        let input_type = step.expect("every input is read").1.input_type();
        Input { name: name.into(), input_type, required: [country, "visits"].contains(&name) }
    };
    let feature = |(name, step): &(&str, Step)| {
        let strict = ["country", "visits"].contains(name);
        let policy = if strict { Policy::Reject } else { Policy::Learned };
        let (on_missing, on_unseen, on_out_of_range) = (policy, Policy::Learned, policy);
        let (name, kind) = ((*name).into(), step.row_type());
        Feature { name, kind, on_missing, on_unseen, on_out_of_range }
    };
    let term = |(at, (_, step)): (usize, &(&str, Step))| {
        let weight = 1.0 / (3.0 + at as f64).sqrt();
        match step.row_type() {
            RowType::Categorical { n_categories } => Term::Categorical {
                weights: (0..n_categories).map(|code| weight + f64::from(code).sqrt()).collect(),
                missing_weight: -weight,
                mean_contribution: 0.0,
            },
            RowType::Numeric => Term::Numeric {
                weight,
                mean: 0.0,
                scale: 1.0,
                imputed: 0.5,
                missing_weight: 0.7,
                mean_contribution: 0.0,
            },
        }
    };
    let contents = contents_of(
        Schema {
            inputs: names.into_iter().enumerate().map(input).collect(),
            features: steps.iter().map(feature).collect(),
            utc_offset_secs: 3_600,
        },
        Model::Linear(Linear { bias: -1.0, terms: steps.iter().enumerate().map(term).collect() }),
        Program { steps: steps.into_iter().map(|(_, step)| step).collect(), windows: None },
    );
    Scorer::from_draft(&write_draft(&contents).expect("the contents are valid"))
        .expect("the draft is valid")
}

/// Fields in another order than the inputs, some of them for no input.
#[derive(Debug, Clone, Serialize)]
struct Payment<'a> {
    id: u64,
    channel: Option<Channel>,
    at: Option<Timestamp>,
    card: Card<'a>,
    visits: Option<Visits>,
    #[serde(rename = "amount")]
    sum: Option<f64>,
    note: Option<&'a str>,
    online: Option<bool>,
}

#[derive(Debug, Clone, Serialize)]
struct Card<'a> {
    number: &'a str,
    country: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, Serialize)]
enum Channel {
    Shop,
    Online,
    #[serde(rename = "")]
    Unknown,
    Phone,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Visits(u64);

impl<'a> Payment<'a> {
    fn sample() -> Self {
        Self {
            id: 1,
            channel: Some(Channel::Shop),
            at: Some(Timestamp(0)),
            card: Card { number: "1", country: Some("DE") },
            visits: Some(Visits(3)),
            sum: Some(1.5),
            note: None,
            online: Some(true),
        }
    }

    /// The same as a record, written down by hand.
    fn values(&self) -> [Value<'a>; 6] {
        let visits = self.visits.map(|Visits(n)| match i64::try_from(n) {
            Ok(n) => Value::Integer(n),
            Err(_) => Value::Number(n as f64),
        });
        let channel = self.channel.map(|channel| match channel {
            Channel::Shop => "Shop",
            Channel::Online => "Online",
            Channel::Unknown => "",
            Channel::Phone => "Phone",
        });
        [
            self.sum.map(Value::Number),
            self.online.map(Value::Bool),
            self.card.country.map(Value::Text),
            self.at.map(|Timestamp(micros)| Value::Time(micros)),
            visits,
            channel.map(Value::Text),
        ]
        .map(|value| value.unwrap_or(Value::Null))
    }
}

const N_PAYMENTS: usize = if cfg!(miri) { 100 } else { 12_000 };

/// Every combination of these that is reached when lists of co-prime lengths turn together.
fn payments() -> impl Iterator<Item = Payment<'static>> {
    let sums = [
        0.1,
        -0.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e300,
        1e-300,
        f64::MIN,
        f64::MAX,
        16_777_217.0,
        3.5,
    ];
    let countries = ["DE", "FR", "é", "e\u{301}", "XX", "", "a country with a very long name"];
    let visits = [0, 3, (1 << 53) + 1, i64::MAX as u64, u64::MAX, 1_000_000, 1_000_001, 7];
    let channels = [Channel::Shop, Channel::Online, Channel::Unknown, Channel::Phone];
    let times = [0, i64::MIN, i64::MAX, 1_532_204_100_000_000, -1];
    (0..N_PAYMENTS).map(move |at| Payment {
        id: at as u64,
        channel: (at % 13 > 0).then(|| channels[at % 4]),
        at: (at % 17 > 0).then(|| Timestamp(times[at % 5])),
        card: Card { number: "4", country: (at % 19 > 0).then(|| countries[at % 7]) },
        visits: (at % 23 > 0).then(|| Visits(visits[at % 8])),
        sum: (at % 29 > 0).then(|| sums[at % 11]),
        note: (at % 3 > 0).then_some("seen"),
        online: (at % 31 > 0).then_some(at % 2 == 0),
    })
}

type Bits = Result<(u64, u64), ScoreError>;

fn bits(outcome: Result<Score, ScoreError>) -> Bits {
    outcome.map(|score| (score.margin.to_bits(), score.probability.to_bits()))
}

#[test]
fn a_bound_struct_scores_as_its_record_does() {
    // A number that feeds one feature only has a way of its own.
    for n_features in [N_FEATURES, N_SIMPLE] {
        let scorer = scorer_of("country", n_features);
        let bound = scorer.bind(&Payment::sample()).expect("it binds");
        let (mut n_scored, mut n_rejected) = (0, 0);
        for payment in payments() {
            let expected = bits(scorer.score_record(Record::new(&payment.values())));
            assert_eq!(bits(bound.score(&payment)), expected, "{payment:?}");
            // So does whatever serialises alike.
            assert_eq!(bits(bound.score_like(&&Box::new(&payment))), expected);
            n_scored += usize::from(expected.is_ok());
            n_rejected += usize::from(expected.is_err());
        }
        let (few, found) = (N_PAYMENTS / 6, [n_scored, n_rejected]);
        assert!(found.iter().all(|n| *n > few), "{n_scored} scored, {n_rejected} rejected");
    }
}

/// Free fields, so that each test says what it wants to bind.
#[derive(Clone, Serialize)]
struct Free<A, O, C, T, V, H> {
    amount: A,
    online: O,
    country: C,
    at: T,
    visits: V,
    channel: H,
}

/// What binds: a number, a truth value, text, a time, a number and text.
const FREE: Free<f64, bool, &str, Timestamp, u8, char> = Free {
    amount: 1.0,
    online: false,
    country: "FR",
    at: Timestamp(1_532_204_100_000_000),
    visits: 7,
    channel: 'c',
};

/// The free struct with one field changed.
macro_rules! with {
    (amount: $value:expr) => {
        with!($value, FREE.online, FREE.country, FREE.at, FREE.visits, FREE.channel)
    };
    (online: $value:expr) => {
        with!(FREE.amount, $value, FREE.country, FREE.at, FREE.visits, FREE.channel)
    };
    (country: $value:expr) => {
        with!(FREE.amount, FREE.online, $value, FREE.at, FREE.visits, FREE.channel)
    };
    (at: $value:expr) => {
        with!(FREE.amount, FREE.online, FREE.country, $value, FREE.visits, FREE.channel)
    };
    (visits: $value:expr) => {
        with!(FREE.amount, FREE.online, FREE.country, FREE.at, $value, FREE.channel)
    };
    (channel: $value:expr) => {
        with!(FREE.amount, FREE.online, FREE.country, FREE.at, FREE.visits, $value)
    };
    ($a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr) => {
        Free { amount: $a, online: $b, country: $c, at: $d, visits: $e, channel: $f }
    };
}

mod batch;
pub(crate) mod fixture;
mod refusals;
pub(crate) mod velocity;
mod wire;

fn score_of<T: Serialize>(scorer: &Scorer, value: &T) -> Bits {
    bits(scorer.bind(value).unwrap_or_else(|error| panic!("{error}")).score(value))
}

#[test]
fn values_of_many_types_are_the_same_value() {
    let scorer = scorer();
    let expected = score_of(&scorer, &FREE);
    assert!(expected.is_ok());
    macro_rules! same {
        ($($field:ident: $value:expr),* $(,)?) => {$({
            assert_eq!(score_of(&scorer, &with!($field: $value)), expected, "{}", stringify!($value));
        })*};
    }
    same!(
        amount: 1_i8, amount: 1_i16, amount: 1_i32, amount: 1_i64, amount: 1_i128, amount: 1_u8,
        amount: 1_u16, amount: 1_u32, amount: 1_u64, amount: 1_u128, amount: 1.0_f32,
        amount: Some(Box::new(1.0)), amount: std::num::Wrapping(1_u32),
        online: &Some(false), country: String::from("FR"), country: Box::<str>::from("FR"),
        country: format_args!("{}R", 'F'), at: Some(Some(FREE.at)),
        at: "2018-07-21T20:15:00Z", at: format_args!("2018-07-21 22:15:00.0 {}02:00", '+'),
        visits: 7.0, visits: Visits(7), channel: "c", channel: Some("never seen".to_owned()),
        channel: format_args!("{:>1000}", 'é'),
    );
}

#[test]
fn names_bind_whole_or_within_when_only_one_fits() {
    #[derive(Serialize)]
    struct Inner {
        country: &'static str,
        amount: &'static str,
    }
    #[derive(Serialize)]
    struct Outer {
        amount: f64,
        shop: Inner,
        card: Option<Inner>,
        online: bool,
        at: Timestamp,
        visits: u8,
        rest: Rest,
    }
    #[derive(Serialize)]
    struct Rest {
        channel: char,
    }
    let outer = |card| {
        let shop = Inner { country: "DE", amount: "not it" };
        let (amount, online, at, visits) = (1.0, false, FREE.at, 7);
        Outer { amount, shop, card, online, at, visits, rest: Rest { channel: 'c' } }
    };
    let by_name = scorer();
    let scorer = scorer_with("card.country");
    let french = outer(Some(Inner { country: "FR", amount: "" }));
    assert_eq!(score_of(&scorer, &french), score_of(&by_name, &FREE));
    let error = refused(&by_name, &french);
    let expected =
        "several fields for \"country\": \"shop.country\", \"card.country\"; rename all but one";
    assert!(error.contains(expected), "{error}");
    // A struct that is none is null in every field; a country is required.
    let bound = scorer.bind(&french).expect("it binds");
    let error = bound.score(&outer(None)).expect_err("no country");
    assert_eq!(error.to_string(), "feature \"country\": its policy rejects a missing value");
    // In the sample it must be there.
    let error = refused(&scorer, &outer(None));
    assert!(error.contains("in which \"card\" is not none"), "{error}");
}

fn refused<T: Serialize + ?Sized>(scorer: &Scorer, sample: &T) -> String {
    scorer.bind(sample).expect_err("it does not bind").to_string()
}

#[test]
fn scoring_allocates_nothing() {
    let scorer = Arc::new(scorer());
    let bound: Bound<'static, Payment<'_>> =
        scorer.bind_shared(&Payment::sample()).expect("it binds");
    let free = scorer.bind(&FREE).expect("it binds");
    let as_text = with!(at: format_args!("2018-07-21T20:15:00Z"));
    let count = |run: &dyn Fn()| allocation_counter::measure(run).count_total;
    assert_eq!(count(&|| drop(std::hint::black_box(vec![1_u8]))), 1, "allocations are counted");
    let counters = Counters::new(&scorer);
    for payment in payments().take(500) {
        let values = payment.values();
        let record = || drop(scorer.score_record(Record::new(&values)));
        assert_eq!(count(&record), 0, "{values:?}");
        assert_eq!(count(&|| drop(bound.score(&payment))), 0, "{payment:?}");
        let counted = || drop(counters.score_record(&scorer, Record::new(&values)));
        assert_eq!(count(&counted), 0, "{values:?}");
        assert_eq!(count(&|| drop(counters.score_bound(&bound, &payment))), 0, "{payment:?}");
    }
    let row = vec![0.5; scorer.schema().features.len()];
    assert_eq!(count(&|| assert!(scorer.score(&row).is_ok())), 0);
    assert_eq!(count(&|| assert!(free.score_like(&as_text).is_ok())), 0);
}

/// A call once took the rows of all sizes on its stack: 200 KB, each page of it touched.
#[test]
fn a_score_of_a_small_model_takes_little_stack() {
    let scorer = scorer();
    let bound = scorer.bind(&Payment::sample()).expect("it binds");
    let payment = Payment::sample();
    std::thread::scope(|scope| {
        let thread =
            std::thread::Builder::new().name("64 KiB of stack".into()).stack_size(64 << 10);
        let score = || bits(bound.score(&payment));
        let found = thread.spawn_scoped(scope, score).expect("a thread").join().expect("a score");
        assert_eq!(found, bits(scorer.score_record(Record::new(&payment.values()))));
    });
}
