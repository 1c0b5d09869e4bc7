//! A model with velocity features, and payments with a past.

use serde::Serialize;

use crate::Scorer;
use crate::artifact::{Contents, write_draft};
use crate::features::state::Label;
use crate::features::window::{
    AmountColumn, Closed, Filter, FilterTest, FilterValue, Measure, WindowFeature, WindowProgram,
    Windows,
};
use crate::features::{Program, Step};
use crate::model::{Linear, Model, Term};
use crate::record::{Timestamp, Value};
use crate::schema::{Feature, Input, InputType, Policy, RowType, Schema};
use crate::scorer::tests::fixture::contents_of;

const DAY: i64 = 86_400_000_000;

fn windows() -> WindowProgram {
    let feature = |key: &[&str], measure, days: Option<i64>, delay, closed| WindowFeature {
        key: key.iter().map(|name| (*name).into()).collect(),
        filter: None,
        measure,
        window_micros: days.map(|days| days * DAY),
        delay_micros: delay * DAY,
        closed,
    };
    let (left, right) = (Closed::Left, Closed::Right);
    let country = FilterTest::OneOf(vec![FilterValue::Text("FR".to_owned())]);
    let amount = || "amount".into();
    WindowProgram {
        time: "at".into(),
        event_id: Some("id".into()),
        amounts: vec![AmountColumn { name: amount(), decimals: 2 }],
        max_events: 64,
        features: vec![
            feature(&["card"], Measure::Count, Some(1), 0, left),
            feature(&["card"], Measure::Mean(amount()), Some(7), 0, right),
            feature(&["shop"], Measure::FraudRate, Some(7), 2, left),
            feature(&["shop", "card"], Measure::SecondsSinceLast, None, 0, left),
            WindowFeature {
                filter: Some(Filter { column: "country".into(), test: country }),
                ..feature(&["card"], Measure::Std(amount()), Some(7), 0, right)
            },
            feature(&["shop"], Measure::Distinct("card".into()), Some(7), 0, left),
        ],
    }
}

/// A linear model on the amount and all velocity features, these from the last to the first.
pub(crate) fn contents() -> Contents {
    let windows = Windows::new(windows()).expect("the windows are sound");
    let n_windows = windows.n_features() as u32;
    let input = |(name, input_type): (&str, InputType)| {
        let required = input_type == InputType::Time;
        Input { name: name.into(), input_type, required }
    };
    let feature = |position: u32| {
        let kind = RowType::Numeric;
        let on_missing = if position == 1 { Policy::Default(-1.0) } else { Policy::Learned };
        let (on_unseen, on_out_of_range) = (Policy::Learned, Policy::Reject);
        let name = format!("feature {position}").into();
        Feature { name, kind, on_missing, on_unseen, on_out_of_range }
    };
    let mut steps = vec![Step::Number { input: 3, range: None }];
    steps.extend((0..n_windows).rev().map(|feature| {
        // The count, which is last.
        let range = (feature == 0).then_some((0.0, 4.0));
        Step::Window { feature, range }
    }));
    let term = |position: usize| Term::Numeric {
        weight: 1.0 / (2.0 + position as f64).sqrt(),
        mean: 1.5,
        scale: 7.0,
        imputed: 0.5,
        missing_weight: 0.3 + position as f64,
        mean_contribution: 0.0,
    };
    let inputs = [
        ("id", InputType::Key),
        ("at", InputType::Time),
        ("card", InputType::Key),
        ("amount", InputType::Number),
        ("shop", InputType::Key),
        ("country", InputType::Text),
    ];
    contents_of(
        Schema {
            inputs: inputs.into_iter().map(input).collect(),
            features: (0..=n_windows).map(feature).collect(),
            utc_offset_secs: 0,
        },
        Model::Linear(Linear { bias: 0.25, terms: (0..=n_windows as usize).map(term).collect() }),
        Program { steps, windows: Some(windows) },
    )
}

pub(crate) fn scorer() -> Scorer {
    Scorer::from_draft(&write_draft(&contents()).expect("the contents are valid")).expect("a draft")
}

/// Fields in another order than the inputs, ids of several types.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Payment {
    pub(crate) merchant: Shop,
    note: &'static str,
    pub(crate) amount: Option<f64>,
    card: u64,
    country: Option<&'static str>,
    at: Timestamp,
    id: u32,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shop {
    #[serde(rename = "shop")]
    pub(crate) name: Option<String>,
}

impl Payment {
    pub(crate) fn record(&self) -> [Value<'_>; 6] {
        [
            Value::Integer(self.id.into()),
            Value::Time(self.at.0),
            // The same id as text is the same card.
            Value::Text(["0", "1", "2", "3", "4"][self.card as usize]),
            self.amount.map_or(Value::Null, Value::Number),
            self.merchant.name.as_deref().map_or(Value::Null, Value::Text),
            self.country.map_or(Value::Null, Value::Text),
        ]
    }
}

/// Payments in the order of time, with ties, lulls and bursts; the same ones at every call.
pub(crate) fn payments(n_payments: u32) -> Vec<Payment> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut dice = |sides: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    let mut at = 1_747_612_800_000_000;
    let payment = |id| {
        at += [0, 0, 1, 1_000_000, 3_600_000_000, 40_000_000_000][dice(6) as usize];
        let amount = dice(20_000) as f64 / 100.0 - 20.0;
        let long = "a shop with a name that no stack has room for ".repeat(40);
        let name = match dice(5) {
            0 => None,
            1 => Some(long),
            shop => Some(format!("shop {shop}")),
        };
        Payment {
            merchant: Shop { name },
            note: "",
            amount: (dice(7) > 0).then_some(amount),
            card: dice(5),
            country: [None, Some("FR"), Some("DE")][dice(3) as usize],
            at: Timestamp(at),
            id,
        }
    };
    (0..n_payments).map(payment).collect()
}

/// Since when the label of a payment is known, if it was fraud.
pub(crate) fn label(payment: &Payment) -> Option<Label> {
    let known_at = payment.at.0 + DAY + i64::from(payment.id % 3) * DAY;
    payment.id.is_multiple_of(6).then_some(Label { is_fraud: true, known_at })
}
