//! Bound structs score as records do, to the bit, and allocate nothing; what cannot be bound says
//! which field and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{Bound, Score, Scorer};
use crate::artifact::{Contents, Provenance, write_draft};
use crate::error::{ScoreError, ScoreErrorKind};
use crate::features::{Program, Step, TimePart, Vocabulary};
use crate::model::{Calibration, Calibrator, Linear, Model, PriorCorrection, Term};
use crate::record::{BindErrorKind, Record, Timestamp, Value};
use crate::schema::{Feature, Input, Policy, RowType, Schema};

/// Inputs in this order: amount, online, country, at, visits, channel. The time feeds two
/// features, and weights are such that no two rows have the same margin by chance.
fn scorer() -> Scorer {
    scorer_with("country")
}

/// The same with another name for the country.
fn scorer_with(country: &str) -> Scorer {
    let words = |words: &[&str]| Vocabulary::new(words.iter().map(|w| (*w).to_owned()).collect());
    let range = Some((0.0, 1e6));
    let steps = vec![
        ("hour", Step::TimePart { input: 3, part: TimePart::Hour }),
        ("amount", Step::Number { input: 0, range: None }),
        ("online", Step::Boolean { input: 1 }),
        ("country", Step::Category { input: 2, vocabulary: words(&["DE", "FR", "é"]) }),
        ("weekday", Step::TimePart { input: 3, part: TimePart::Weekday }),
        ("visits", Step::Number { input: 4, range }),
        ("channel", Step::Category { input: 5, vocabulary: words(&["Online", "Shop"]) }),
    ];
    let names = ["amount", "online", country, "at", "visits", "channel"];
    let input = |(at, name): (usize, &str)| {
        let step = steps.iter().find(|(_, step)| step.input() == at);
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
    let contents = Contents {
        schema: Schema {
            inputs: names.into_iter().enumerate().map(input).collect(),
            features: steps.iter().map(feature).collect(),
            utc_offset_secs: 3_600,
        },
        model: Model::Linear(Linear {
            bias: -1.0,
            terms: steps.iter().enumerate().map(term).collect(),
        }),
        program: Program { steps: steps.into_iter().map(|(_, step)| step).collect() },
        calibration: Calibration {
            prior: PriorCorrection::LogOdds { shift: 0.0 },
            calibrator: Calibrator::None,
        },
        bands: None,
        golden: Vec::new(),
        reference: None,
        provenance: Provenance {
            model_name: "bound".to_owned(),
            as_of: None,
            windows: Vec::new(),
            data_fingerprint: [0; 32],
            columns: Vec::new(),
            config: "{}".to_owned(),
            learner: "logistic".to_owned(),
            parameters: "{}".to_owned(),
            code_version: "0.1.0".to_owned(),
        },
    };
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
    (0_usize..12_000).map(move |at| Payment {
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
    let scorer = scorer();
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
    assert!(n_scored > 2_000 && n_rejected > 2_000, "{n_scored} scored, {n_rejected} rejected");
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

/// Binds the free struct with one field changed, and gives the message.
macro_rules! refusal {
    ($field:ident: $value:expr) => {{
        let value = with!($field: $value);
        refused(&scorer(), &value)
    }};
}

#[derive(Clone, Serialize)]
struct Deep {
    inner: Middle,
}
#[derive(Clone, Serialize)]
struct Middle {
    innermost: Rest,
}
#[derive(Clone, Serialize)]
struct Rest {
    x: u8,
}
#[derive(Clone, Serialize)]
struct Unit;
#[derive(Clone, Serialize)]
enum Data {
    Tuple(u8, u8),
    New(u8),
    Struct { x: u8 },
}

struct Bytes;

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&[1])
    }
}

struct Broken;

impl Serialize for Broken {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no luck"))
    }
}

#[test]
fn what_cannot_be_bound_is_refused_by_name() {
    for (message, expected) in [
        (
            refusal!(amount: BTreeMap::from([("a", 1)])),
            "field \"amount\": expected one value or a struct of values, found a map",
        ),
        (
            refusal!(amount: vec![1.0]),
            "field \"amount\": expected one value or a struct of values, found a sequence",
        ),
        (
            refusal!(amount: (1.0, 2.0)),
            "field \"amount\": expected one value or a struct of values, found a tuple",
        ),
        (refusal!(amount: [1.0; 2]), "found a tuple"),
        (
            refusal!(amount: Bytes),
            "field \"amount\": expected one value or a struct of values, found bytes",
        ),
        (refusal!(amount: Unit), "found a struct without fields"),
        (
            refusal!(channel: Data::Tuple(1, 2)),
            "field \"channel\": expected one value or a struct of values, found an enum variant with data",
        ),
        (refusal!(channel: Data::New(1)), "found an enum variant with data"),
        (refusal!(channel: Data::Struct { x: 1 }), "found an enum variant with data"),
        (
            refusal!(amount: u128::MAX),
            "field \"amount\": expected one value or a struct of values, found an integer of more than 64 bits",
        ),
        (refusal!(amount: i128::MIN), "an integer of more than 64 bits"),
        (
            refusal!(amount: Deep { inner: Middle { innermost: Rest { x: 1 } } }),
            "field \"amount.inner\": expected one value or a struct of values, found a struct within a nested struct",
        ),
        (refusal!(amount: Rest { x: 1 }), "field \"amount\": expected number, found a struct"),
        (refusal!(amount: Broken), "field \"amount\": serialising failed: no luck"),
        (refusal!(amount: "1.5"), "field \"amount\": expected number, found text; parse it before"),
        (refusal!(amount: Timestamp(1)), "field \"amount\": expected number, found time"),
        (refusal!(amount: true), "field \"amount\": expected number, found boolean"),
        (
            refusal!(online: 1),
            "field \"online\": expected boolean, found number; compare it before",
        ),
        (refusal!(country: 49), "field \"country\": expected text, found integer"),
        (
            refusal!(at: 1_532_204_100_i64),
            "field \"at\": expected time, found integer, which does not say its unit; wrap microseconds",
        ),
        (
            refusal!(at: "21/07/2018"),
            "field \"at\": expected time, found text that is no instant such as 2018-",
        ),
    ] {
        assert!(message.contains(expected), "expected {expected:?}, found {message:?}");
    }
}

#[test]
fn structs_that_are_none_or_lack_a_field_are_refused() {
    #[derive(Serialize)]
    struct Flattened {
        amount: f64,
        #[serde(flatten)]
        rest: BTreeMap<&'static str, u8>,
    }
    #[derive(Serialize)]
    struct Two {
        card: Country,
        shop: Country,
    }
    #[derive(Serialize)]
    struct Country {
        country: &'static str,
    }
    #[derive(Serialize)]
    struct Sometimes {
        #[serde(skip_serializing_if = "Option::is_none")]
        amount: Option<f64>,
    }
    let scorer = scorer();
    let flattened = Flattened { amount: 1.0, rest: BTreeMap::from([("hidden", 1)]) };
    let found = refused(&scorer, &flattened);
    assert!(found.contains("Flattened: expected a struct, found a map with the keys"), "{found}");
    assert!(found.contains("\"amount\", \"hidden\"; `#[serde(flatten)]` on a field"), "{found}");
    for (found, expected) in [
        (refused(&scorer, "text"), "cannot bind str: expected a struct, found text"),
        (refused(&scorer, &1), "expected a struct, found integer"),
        (refused(&scorer, &vec![1]), "expected a struct, found a sequence"),
        (refused(&scorer, &Unit), "found a struct without fields"),
        (refused(&scorer, &Broken), "serialising failed: no luck"),
    ] {
        assert!(found.contains(expected), "expected {expected:?}, found {found:?}");
    }
    let country = || Country { country: "DE" };
    let scorer = scorer_with("card.country");
    let found = scorer.bind(&Two { card: country(), shop: country() }).expect_err("no amount");
    let BindErrorKind::MissingFields { inputs, fields, .. } = found.kind() else {
        panic!("{found}")
    };
    assert_eq!(inputs.join(" "), "amount online at visits channel");
    assert_eq!(fields.join(" "), "card card.country shop shop.country");
    let found = refused(&scorer, &Sometimes { amount: None });
    assert!(found.contains("field \"amount\": skipped in the sample"), "{found}");
}

#[test]
fn another_shape_than_the_sample_is_an_error() {
    let scorer = scorer();
    let bound = scorer.bind(&FREE).expect("it binds");
    macro_rules! outcome {
        ($field:ident: $value:expr) => {{
            let value = with!($field: $value);
            bound.score_like(&value).expect_err(stringify!($value)).to_string()
        }};
    }
    let shape = ": the value has another shape than the sample it was bound with";
    #[derive(Serialize)]
    struct Longer {
        amount: f64,
        online: bool,
        country: &'static str,
        at: Timestamp,
        visits: u8,
        channel: char,
        more: u8,
    }
    let longer = Longer {
        amount: 1.0,
        online: false,
        country: "FR",
        at: FREE.at,
        visits: 7,
        channel: 'c',
        more: 0,
    };
    #[derive(Serialize)]
    struct Amount {
        amount: f64,
    }
    let kind = |error: ScoreError| error.to_string();
    for (found, expected) in [
        (outcome!(amount: "1"), "input \"amount\": expected number, found text".to_owned()),
        (outcome!(amount: vec![1]), "input \"amount\": expected number, found a sequence".to_owned()),
        (outcome!(amount: u128::MAX), "input \"amount\": expected number, found an integer of more than 64 bits".to_owned()),
        (outcome!(at: 1), "input \"at\": expected time, found integer".to_owned()),
        (outcome!(at: "soon"), "input \"at\": expected time, found text that is no instant such as 2018-07-21T20:15:00Z".to_owned()),
        (outcome!(amount: Rest { x: 1 }), format!("field \"amount\": expected one value, found a struct{shape}")),
        (outcome!(amount: BTreeMap::from([(1, 1)])), format!("field \"amount\": expected one value, found a map{shape}")),
        (outcome!(visits: Broken), format!("field \"visits\": expected a value, found an error of its own Serialize{shape}")),
        (bound.score_like(&longer).map_err(kind).expect_err("longer"), format!("field \"channel\": expected no field after it, found more{shape}")),
        (bound.score_like(&Amount { amount: 1.0 }).map_err(kind).expect_err("shorter"), format!("field \"online\": expected this field, found the end of the struct{shape}")),
        (bound.score_like(&Rest { x: 1 }).map_err(kind).expect_err("another"), format!("field \"amount\": expected this field, found x{shape}")),
        (bound.score_like(&Some(1)).map_err(kind).expect_err("no struct"), format!("field \"amount\": expected a struct, found integer{shape}")),
        (bound.score_like(&None::<u8>).map_err(kind).expect_err("null"), format!("field \"amount\": expected a struct, found null{shape}")),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn a_field_skipped_at_a_score_is_no_null() {
    #[derive(Clone, Serialize)]
    struct Sometimes {
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        amount: Option<f64>,
        online: bool,
        country: &'static str,
        at: Timestamp,
        visits: u8,
        channel: char,
    }
    let Free { amount, online, country, at, visits, channel } = FREE;
    let whole =
        Sometimes { note: Some(1), amount: Some(amount), online, country, at, visits, channel };
    let scorer = scorer();
    let bound = scorer.bind(&whole).expect("it binds");
    assert_eq!(bits(bound.score(&whole)), score_of(&scorer, &FREE));
    // A field that feeds nothing may come and go.
    assert_eq!(
        bits(bound.score(&Sometimes { note: None, ..whole.clone() })),
        score_of(&scorer, &FREE)
    );
    let error = bound.score(&Sometimes { amount: None, ..whole }).expect_err("the amount is gone");
    let ScoreErrorKind::Shape { field, found, .. } = error.kind() else { panic!("{error}") };
    assert_eq!((&**field, *found), ("amount", "none, by skip_serializing_if"));
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
    for payment in payments().take(500) {
        let values = payment.values();
        let record = || drop(scorer.score_record(Record::new(&values)));
        assert_eq!(count(&record), 0, "{values:?}");
        assert_eq!(count(&|| drop(bound.score(&payment))), 0, "{payment:?}");
    }
    let row = vec![0.5; scorer.schema().features.len()];
    assert_eq!(count(&|| assert!(scorer.score(&row).is_ok())), 0);
    assert_eq!(count(&|| assert!(free.score_like(&as_text).is_ok())), 0);
}
