//! A backend in miniature: the champion is opened once, payments are judged on the request path.
//!
//! `cargo run --release -p shroff-serve --features registry --example backend -- registry`
//! after `cargo run --release -- retrain --demo` has filled the registry.
#![forbid(unsafe_code)]

use std::error::Error;

use serde::Serialize;
use shroff_serve::record::Timestamp;
use shroff_serve::registry::Registry;

/// A payment as this backend has it. Its fields go by the names of the model's inputs; those that
/// feed none, and the order, do not matter.
#[derive(Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Payment<'a> {
    tx_datetime: Timestamp,
    tx_amount: f64,
    /// Not known for every payment.
    distance: Option<f64>,
    channel: &'a str,
    merchant_category: &'a str,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let registry = args.next().unwrap_or_else(|| "registry".to_owned());
    let model = args.next().unwrap_or_else(|| "demo".to_owned());

    let (scorer, champion) = Registry::open(registry)?.load(&model, "champion")?;
    println!("{model}: champion {}", champion.artifact);

    let payment = |micros, tx_amount, distance, channel, merchant_category| Payment {
        tx_datetime: Timestamp(micros),
        tx_amount,
        distance,
        channel,
        merchant_category,
    };
    let evening = 1_532_204_100_000_000; // 2018-07-21T20:15:00Z
    let night = 1_532_140_500_000_000; // 2018-07-21T02:35:00Z
    let payments = [
        ("groceries", payment(evening, 23.90, Some(1.8), "contactless", "grocery")),
        ("online shop", payment(evening, 64.00, None, "online", "electronics")),
        ("large sum at night", payment(night, 480.00, Some(61.5), "online", "electronics")),
    ];

    // Once, at start: a model that wants an input we do not have is refused here.
    let bound = scorer.bind(&payments[0].1)?;
    for (name, payment) in &payments {
        let score = bound.score(payment)?;
        let band = scorer.band_name(score);
        println!("{name:<20} probability {:.4}  band {band}", score.probability);
    }
    Ok(())
}
