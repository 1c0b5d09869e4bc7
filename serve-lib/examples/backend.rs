//! A backend in miniature: the champion is opened once, payments are judged on the request path, with
//! what their customer and terminal did before where the model asks for it.
//!
//! `cargo run --release -p shroff-serve --features registry,store --example backend -- registry`
//! after `cargo run --release -- retrain --demo` has filled the registry.
#![forbid(unsafe_code)]

use std::error::Error;

use serde::Serialize;
use shroff_serve::features::window::Windows;
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
    let registry = Registry::open(args.next().unwrap_or_else(|| "registry".to_owned()))?;
    let model = args.next().unwrap_or_else(|| "demo".to_owned());

    let (scorer, champion) = registry.load(&model, "champion")?;
    println!("{model}: champion {}", champion.artifact);

    let evening = 1_532_981_700_000_000; // 2018-07-30T20:15:00Z
    let night = 1_533_004_500_000_000; // 2018-07-31T02:35:00Z
    let payment = |id, micros, tx_amount, distance, channel, merchant_category| Payment {
        transaction_id: id,
        tx_datetime: Timestamp(micros),
        customer_id: 101,
        terminal_id: 202 + id % 3,
        tx_amount,
        distance,
        channel,
        merchant_category,
    };
    let payments = [
        ("groceries", payment(200_001, evening, 23.90, Some(1.8), "contactless", "grocery")),
        ("online shop", payment(200_002, evening, 64.00, None, "online", "electronics")),
        (
            "large sum at night",
            payment(200_003, night, 480.00, Some(61.5), "online", "electronics"),
        ),
    ];

    // Once, at start: a model that wants an input we do not have is refused here.
    let bound = scorer.bind(&payments[0].1)?;
    let store = scorer.windows().map(|windows| begin(&registry, &model, windows)).transpose()?;
    if let Some(store) = &store {
        // A real one now calls `catch_up` with the payments since, from its own stream; we have none.
        let hours = store.staleness(evening) as f64 / 3.6e9;
        println!("{} entities known, the last {hours:.1} hours are missing", store.len());
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

/// What is known of customers and terminals: the states that the trainer left, or of a registry
/// without any, nothing.
fn begin(
    registry: &Registry,
    model: &str,
    windows: &Windows,
) -> Result<StateStore, Box<dyn Error>> {
    let max_entities = 1_000_000;
    Ok(match registry.newest_snapshot(model, windows)? {
        Some(mut snapshot) => {
            StateStore::from_snapshot(windows.clone(), &mut snapshot, max_entities)?
        }
        None => StateStore::new(windows.clone(), 0, max_entities),
    })
}
