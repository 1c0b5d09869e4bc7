//! A backend in miniature: the champion is opened once, payments are judged on the request path.
//!
//! `cargo run --release -p shroff-serve --features registry --example backend -- registry`
//! after `cargo run --release -- retrain --demo` has filled the registry.
#![forbid(unsafe_code)]

use std::error::Error;

use shroff_serve::registry::Registry;
use shroff_serve::{Record, Score, Scorer, Value};

/// A payment as this backend has it.
struct Payment<'a> {
    /// Microseconds since 1970, UTC.
    time: i64,
    amount: f64,
    /// Not known for every payment.
    distance: Option<f64>,
    channel: &'a str,
    merchant_category: &'a str,
}

/// A field of the payment for an input of the model.
type Field = fn(&Payment<'static>) -> Value<'static>;

/// A model and the payment's field for each of its inputs, found by name once, at start.
struct Judge {
    scorer: Scorer,
    fields: Vec<Field>,
}

impl Judge {
    fn new(scorer: Scorer) -> Result<Self, Box<dyn Error>> {
        let field = |name: &str| -> Result<Field, Box<dyn Error>> {
            Ok(match name {
                "TX_DATETIME" => |payment| Value::Time(payment.time),
                "TX_AMOUNT" => |payment| Value::Number(payment.amount),
                "DISTANCE" => |payment| payment.distance.map_or(Value::Null, Value::Number),
                "CHANNEL" => |payment| Value::Text(payment.channel),
                "MERCHANT_CATEGORY" => |payment| Value::Text(payment.merchant_category),
                other => return Err(format!("the model wants an input {other:?}").into()),
            })
        };
        let inputs = scorer.schema().inputs.iter();
        let fields = inputs.map(|input| field(&input.name)).collect::<Result<_, _>>()?;
        Ok(Self { scorer, fields })
    }

    fn judge(&self, payment: &Payment<'static>) -> Result<Score, Box<dyn Error>> {
        let values: Vec<Value<'_>> = self.fields.iter().map(|field| field(payment)).collect();
        Ok(self.scorer.score_record(Record::new(&values))?)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let registry = args.next().unwrap_or_else(|| "registry".to_owned());
    let model = args.next().unwrap_or_else(|| "demo".to_owned());

    let (scorer, champion) = Registry::open(registry)?.load(&model, "champion")?;
    println!("{model}: champion {}", champion.artifact);
    let judge = Judge::new(scorer)?;

    let evening = 1_532_204_100_000_000; // 2018-07-21T20:15:00Z
    let night = 1_532_140_500_000_000; // 2018-07-21T02:35:00Z
    let payments = [
        ("groceries", evening, 23.90, Some(1.8), "contactless", "grocery"),
        ("online shop", evening, 64.00, None, "online", "electronics"),
        ("large sum at night", night, 480.00, Some(61.5), "online", "electronics"),
    ];
    for (name, time, amount, distance, channel, merchant_category) in payments {
        let score = judge.judge(&Payment { time, amount, distance, channel, merchant_category })?;
        let band = judge.scorer.band_name(score);
        println!("{name:<20} probability {:.4}  band {band}", score.probability);
    }
    Ok(())
}
