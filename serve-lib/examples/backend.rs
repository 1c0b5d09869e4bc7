//! A backend in miniature: the champion is opened once, payments are judged on the request path, with
//! what their customer and terminal did before where the model asks for it.
//!
//! `cargo run --release -p shroff-serve --features registry,store --example backend -- registry`
//! after `cargo run --release -- retrain --demo` has filled the registry.
#![forbid(unsafe_code)]

use std::error::Error;

use serde::Serialize;
use shroff_serve::record::Timestamp;
use shroff_serve::registry::Registry;
use shroff_serve::store::StateStore;

/// A payment as this backend has it. Its fields go by the names of the model's inputs; those that
/// feed none, and the order, do not matter.
#[derive(Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Payment<'a> {
    transaction_id: u64,
    tx_datetime: Timestamp,
    customer_id: u64,
    terminal_id: u64,
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

    let evening = 1_532_204_100_000_000; // 2018-07-21T20:15:00Z
    let night = 1_532_226_900_000_000; // 2018-07-22T02:35:00Z
    let payment = |id, micros, tx_amount, distance, channel, merchant_category| Payment {
        transaction_id: id,
        tx_datetime: Timestamp(micros),
        customer_id: 1_001,
        terminal_id: 2_002 + id % 3,
        tx_amount,
        distance,
        channel,
        merchant_category,
    };
    let payments = [
        ("groceries", payment(1, evening, 23.90, Some(1.8), "contactless", "grocery")),
        ("online shop", payment(2, evening, 64.00, None, "online", "electronics")),
        ("large sum at night", payment(3, night, 480.00, Some(61.5), "online", "electronics")),
    ];

    // Once, at start: a model that wants an input we do not have is refused here.
    let bound = scorer.bind(&payments[0].1)?;
    // What is known of customers and terminals. A real one begins with the states that the trainer knew;
    // here it is three weeks of one customer's groceries.
    let store = scorer.windows().map(|windows| StateStore::new(windows.clone(), 0, 1_000_000));
    for day in 1..=21 {
        let Some(store) = &store else { break };
        let at = evening - day * 86_400_000_000;
        let earlier = payment(100 + day.unsigned_abs(), at, 25.0, Some(1.8), "chip", "grocery");
        store.catch_up([&bound.event(&earlier)?], at);
    }
    for (name, payment) in &payments {
        // Asked, scored and observed, whatever will be decided about it.
        let score = match &store {
            Some(store) => store.score(&bound, payment)?.score,
            None => bound.score(payment)?,
        };
        let band = scorer.band_name(score);
        println!("{name:<20} probability {:.4}  band {band}", score.probability);
    }
    Ok(())
}
