//! Loads a fraud model and scores one transaction in about a microsecond.
//!
//! A model arrives as one file, an [artifact], published by the trainer. A backend opens it into a
//! [`Scorer`], shares that between its threads, and asks it about one transaction at a time:
//!
//! ```
//! use shroff_serve::Scorer;
//!
//! #[derive(serde::Serialize)]
//! struct Payment<'a> {
//!     id: u64,
//!     country: &'a str,
//!     amount: f64,
//!     balance: Option<i64>,
//! }
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
//! let scorer = Scorer::open(path)?;
//! let inputs: Vec<&str> = scorer.schema().inputs.iter().map(|input| &*input.name).collect();
//! assert_eq!(inputs, ["amount", "country", "balance"]);
//!
//! // Once, at start, with any payment: each input takes the field of its name.
//! let payment = Payment { id: 7, country: "FR", amount: 191.75, balance: Some(250) };
//! let bound = scorer.bind(&payment)?;
//!
//! // This model is linear, so that its margin can be checked by hand:
//! // −2.5 + 0.75 · (191.75 − 88.5)/103.25 + 0.1 − 0.4 · (250 − 1200)/950 = −1.25
//! let score = bound.score(&payment)?;
//! assert!((score.margin + 1.25).abs() < 1e-12);
//! // Undoing the sampling of the fit adds −3.1, calibration scales: 1 / (1 + exp(0.9 · 4.35 + 0.05))
//! assert!((score.probability - 0.018_614_9).abs() < 1e-6);
//!
//! // An amount outside the range it was trained on: this model's policy is to reject it.
//! let error = bound.score(&Payment { amount: -1.0, ..payment }).unwrap_err();
//! assert_eq!(error.to_string(), "feature \"amount\": its policy rejects a value out of range");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Bound`] says what a field may be. Without a struct there are [`Scorer::score_record`], one
//! [`Value`] per input in the schema's order, and [`Scorer::score`] for a row made elsewhere.
//!
//! # The contract
//!
//! **Opening refuses or proves.** Every byte of the file is hashed, every index and number of the
//! model checked, and 64 or more golden records must score the very bits they scored where the model
//! was made. Whatever is wrong is an [`Error`], and nothing of the file has been used.
//!
//! **Scoring never does I/O, takes a lock, reads a clock, spawns, allocates or panics.** A
//! [`Scorer`] is immutable and `Send + Sync`; what it needs besides itself lies on the stack. The same record
//! should give the same bits on every machine, thread and day; golden records check it at load.
//!
//! **There is no made-up score.** A record of another length, a struct of another shape than the
//! one bound, a value of another type, or a value that a feature's declared policy rejects is a
//! [`ScoreError`]. Everything else, nulls, text never seen and infinities included, is scored the way
//! the model learnt.
//!
//! **One definition, run twice.** The trainer makes its rows with the [feature program](features) of
//! this crate, so that there is no second one to drift away from it.
//!
//! # Velocity
//!
//! What the card and the terminal did in the last hour, day and month says more than the payment alone. A
//! model with [velocity features](features::window) has [`Scorer::windows`], and a score takes four steps: the
//! *event* that a payment is; the *states* of its entities, from wherever the backend keeps them; the *values* of the
//! features and the score; and each state *observes* the event, whatever is decided about the payment.
//!
//! ```
//! use std::collections::HashMap;
//!
//! use shroff_serve::Scorer;
//! use shroff_serve::features::state::EntityState;
//! use shroff_serve::record::Timestamp;
//!
//! #[derive(serde::Serialize)]
//! struct Payment<'a> {
//!     id: u64,
//!     at: Timestamp,
//!     card: &'a str,
//!     terminal: u32,
//!     amount: f64,
//!     country: &'a str,
//!     online: bool,
//! }
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1-velocity/velocity.shroff");
//! let scorer = Scorer::open(path)?;
//! let windows = scorer.windows().expect("this model has velocity features");
//! let hour = 3_600_000_000;
//! let payment = |id, at| {
//!     let (card, country) = ("DE-7", "DE");
//!     Payment { id, at: Timestamp(at), card, terminal: 2, amount: 40.0, country, online: false }
//! };
//! let bound = scorer.bind(&payment(1, 0))?;
//!
//! // Redis, say: states are bytes, under names that no one reads a card number from.
//! let mut redis: HashMap<u128, Vec<u8>> = HashMap::new();
//! let mut counts = Vec::new();
//! for id in 1..=3_u32 {
//!     let payment = payment(id.into(), i64::from(id) * hour);
//!     let event = bound.event(&payment)?;
//!
//!     let mut states = Vec::new();
//!     for key in 0..windows.n_keys() {
//!         let name = event.entity(key).map(|entity| entity.to_bits());
//!         let bytes = name.and_then(|name| redis.get(&name));
//!         states.push(bytes.map(|bytes| EntityState::decode(windows, key, bytes)).transpose()?);
//!     }
//!
//!     let mut values = vec![0.0; windows.n_features()];
//!     let known: Vec<Option<&EntityState>> = states.iter().map(Option::as_ref).collect();
//!     windows.features(&event, &known, &mut values);
//!     let score = bound.score_with(&payment, &values)?;
//!     assert!(score.probability < 0.5);
//!     // The first feature counts the card's earlier payments within a day.
//!     counts.push(values[0]);
//!
//!     for (key, state) in states.into_iter().enumerate() {
//!         let Some(entity) = event.entity(key) else { continue };
//!         let mut state = state.unwrap_or_else(|| EntityState::new(windows, key));
//!         state.observe(windows, &event);
//!         let mut bytes = Vec::new();
//!         state.encode(windows, &mut bytes);
//!         redis.insert(entity.to_bits(), bytes);
//!     }
//! }
//! assert_eq!(counts, [0.0, 1.0, 2.0]);
//!
//! // Without its past a payment gets no score.
//! let error = bound.score(&payment(4, 4 * hour)).unwrap_err();
//! assert!(error.to_string().starts_with("expected the values of 8 velocity features, found 0"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Two requests of one entity at the same time must not both read before either writes: let the store compare
//! and swap, or lock. With the crate feature `store` a backend need not see to any of this: its `StateStore` keeps the
//! states in memory, begins with the [snapshot] that the trainer publishes, and scores and observes in one call.
//!
//! States belong to the windows and not to the model: next week's model with the same windows, told by
//! [`hash`](features::window::Windows::hash), takes them over, and states of other windows are refused. A chargeback
//! is learnt by [`learn_label`](features::state::EntityState::learn_label) when it arrives. Late and repeated events,
//! ties and missing ids have declared meanings, in [`features::window`].
//!
//! # Ranking and deciding
//!
//! A higher margin is more suspicious; the probability is calibrated, and ties where the
//! calibration curve is flat: rank by [`Score::margin`], weigh costs by [`Score::probability`].
#![deny(unsafe_code)]

pub mod artifact;
mod engine;
mod error;
pub mod features;
pub mod model;
pub mod record;
#[cfg(feature = "registry")]
pub mod registry;
pub mod schema;
mod scorer;
pub mod snapshot;
#[cfg(feature = "store")]
pub mod store;

pub use error::{Error, ErrorKind, RejectReason, ScoreError, ScoreErrorKind};
pub use record::{BindError, BindErrorKind, Record, Value};
pub use schema::Schema;
pub use scorer::{Bound, Score, Scorer};
