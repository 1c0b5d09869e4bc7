//! A backend in miniature: it follows the champion of a registry, and payments are judged on the request path, with
//! what their customer and terminal did before where the model asks for it.
//!
//! `cargo run --release -p shroff-serve --features follow,store --example backend -- registry`
//! after `cargo run --release -- retrain --demo` has filled the registry.
#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::Arc;

use serde::Serialize;
use shroff_serve::Bound;
use shroff_serve::follow::{BackendError, Follow, Opened};
use shroff_serve::record::Timestamp;
use shroff_serve::store::StateStore;

/// A payment as this backend has it. Its fields go by the names of the model's inputs; those that
/// feed none, and the order, do not matter.
#[derive(Clone, Serialize)]
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

/// All that belongs to one model. A request takes it as a whole; the follower replaces it as a whole.
struct Model {
    bound: Bound<'static, Payment<'static>>,
    store: Option<Arc<StateStore>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let registry = args.next().unwrap_or_else(|| "registry".to_owned());
    let name = args.next().unwrap_or_else(|| "demo".to_owned());

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

    // Once, at start. From then on next week's champion comes by itself: made ready here, on the follower's own thread. One
    // that wants an input we do not have is refused here, and the model before goes on.
    let sample = payments[0].1.clone();
    let follow = Follow::new(registry, &name, "champion");
    let prepare = move |opened: Opened| -> Result<Model, BackendError> {
        println!("{name}: champion {}", opened.target.artifact);
        if let Some(store) = &opened.store {
            // A real one now calls `catch_up` with the payments since, from its own stream; we have none.
            let hours = store.staleness(evening) as f64 / 3.6e9;
            println!("{} entities known, the last {hours:.1} hours are missing", store.len());
        }
        Ok(Model { bound: opened.scorer.bind_shared(&sample)?, store: opened.store })
    };
    // States of up to a million entities; of a registry without snapshots they begin empty.
    let follow = follow.states(1_000_000).snapshot_is_optional();
    let follower = follow.start(prepare)?;

    for (name, payment) in &payments {
        let model = follower.current();
        // Asked, scored and observed, whatever will be decided about it.
        let score = match &model.store {
            Some(store) => store.score(&model.bound, payment)?.score,
            None => model.bound.score(payment)?,
        };
        let band = model.bound.scorer().band_name(score);
        println!("{name:<20} probability {:.4}  band {band}", score.probability);
    }
    // For a health check: what is served, how long ago the registry was last seen, and what is wrong, if anything is.
    if let Some(error) = follower.status().error {
        println!("{error}");
    }
    Ok(())
}
