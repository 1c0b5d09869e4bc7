//! What cannot be bound or scored says which field and why.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{FREE, Free, bits, refused, score_of, scorer, scorer_with};
use crate::error::{ScoreError, ScoreErrorKind};
use crate::record::{BindErrorKind, Timestamp};

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
