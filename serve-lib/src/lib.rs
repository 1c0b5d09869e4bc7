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
//! # Ways in
//!
//! | a transaction as | scored by | for |
//! |---|---|---|
//! | any struct that implements `Serialize` | [`Bound::score`] | a backend with types of its own; fields are found by name once |
//! | a [`Record`], one [`Value`] an input | [`Scorer::score_record`] | values that come without a type |
//! | either, with its past | [`Bound::score_with`], [`Scorer::score_record_with`] | models with [velocity features](#velocity) |
//! | a row, one `f32` a feature | [`Scorer::score`] | rows made before, by [`Scorer::encode`] |
//! | many rows, or columns | [`Scorer::score_rows`], [`Scorer::score_columns`] | re-scoring history, shadow models |
//! | all but batches, counted | [`Counters`] | monitoring: what comes in, what comes out |
//! | all but batches, explained | [`Bound::explain`], [`Scorer::explain_record`], [`Scorer::explain`] | payments that the business refuses: what each feature adds, and the reasons; allocates |
//!
//! A higher [`Score::margin`] is more suspicious: rank by it. [`Score::probability`] is calibrated: weigh
//! costs by it; it ties where the calibration curve is flat. [`Score::band`] is the trainer's proposal
//! of what to do, if it made one.
//!
//! # One scorer for all threads, replaced while they run
//!
//! A [`Scorer`] is immutable and `Send + Sync`. Keep what belongs to one model together in a struct of your own (the
//! binding, the counters, the states of entities), and replace that as a whole: requests under way end with the model
//! they began with. With the crate feature `follow` a `follow::Follower` does it: a background thread follows an alias such as `champion`
//! of a registry folder, proves what it names, and swaps it in; a request takes the current model without a lock.
//!
//! ```text
//! let follower = Follow::new("registry", "card-fraud", "champion")
//!     .cache("/var/cache/backend")        // a restart survives an outage of the registry
//!     .trust(keys)                        // feature `signed`: only what is signed
//!     .states(2_000_000)                  // feature `store`: for velocity features
//!     .start(|opened: Opened| Ok(Model { bound: opened.scorer.bind_shared(&sample)?, store: opened.store }))?;
//!
//! let model = follower.current();         // for each request
//! let score = model.bound.score(&payment)?;
//! ```
//!
//! The head of the module `follow` is the manual of it, with an example that runs. By hand, without a registry:
//!
//! ```
//! use std::sync::{Arc, RwLock};
//! use shroff_serve::{Bound, Scorer};
//!
//! #[derive(serde::Serialize, Default)]
//! struct Payment { amount: f64, country: String, balance: Option<i64> }
//!
//! fn open(path: &str) -> Result<Arc<Bound<'static, Payment>>, Box<dyn std::error::Error>> {
//!     let sample = Payment { balance: Some(0), ..Payment::default() };
//!     Ok(Arc::new(Arc::new(Scorer::open(path)?).bind_shared(&sample)?))
//! }
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
//! let current = RwLock::new(open(path)?);
//! // A request takes the model that is current now; the lock is held for that only.
//! let model = Arc::clone(&current.read().unwrap());
//! // Elsewhere, when there is a new one: open first, then replace. What fails leaves the old one.
//! let next = open(path)?;
//! *current.write().unwrap() = next;
//! let payment = Payment { amount: 191.75, country: "FR".to_owned(), balance: Some(250) };
//! assert!((model.score(&payment)?.margin + 1.25).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A challenger is tried in the shadow of the champion first, with the crate feature `shadow`: scored on a sample of the
//! live payments, on a thread of its own, and compared.
//!
//! | crate feature | brings |
//! |---|---|
//! | `registry` | `registry::Registry`: what an alias names, artifacts, snapshots, signatures |
//! | `follow` | `follow::Follower`: hot reload; `registry` with it |
//! | `signed` | `signed::TrustedKeys`: signatures are verified |
//! | `shadow` | `shadow::Shadow`: a challenger beside the champion |
//! | `store` | `store::StateStore`: the states of entities in memory |
//!
//! # The contract
//!
//! **Opening refuses or proves.** Every byte of the file is hashed, every index and number of the
//! model checked, and 64 or more golden records must score the very bits they scored where the model
//! was made. Whatever is wrong is an [`Error`], and nothing of the file has been used.
//!
//! **Scoring never does I/O, takes a lock, reads a clock, spawns, allocates or panics**, counted or
//! not. What it needs besides the scorer lies on the stack. The same record should give the same bits
//! on every machine, thread and day; golden records check it at load.
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
//! states in memory, begins with the [snapshot] that the trainer publishes (the feature `registry` finds the newest one), and
//! scores and observes in one call.
//!
//! States belong to the windows and not to the model: next week's model with the same windows, told by
//! [`hash`](features::window::Windows::hash), takes them over, and states of other windows are refused. A chargeback
//! is learnt by [`learn_label`](features::state::EntityState::learn_label) when it arrives. Late and repeated events,
//! ties and missing ids have declared meanings, in [`features::window`].
//!
//! # Errors
//!
//! | error | when | what to do |
//! |---|---|---|
//! | [`Error`] | opening | keep the model that is loaded; alert whoever publishes |
//! | [`BindError`] | binding | the program lacks an input of this model: mend it before the model goes out |
//! | [`ScoreErrorKind::Rejected`] | scoring | the values of this transaction; decide without a score, as the business has it |
//! | [`ScoreErrorKind::WrongType`] | scoring | the same, of text that is no time; else a fault of the program |
//! | [`ScoreErrorKind::Event`] | scoring with a past | the same, of a time that is null or outside the years 1 to 9999 |
//! | any other [`ScoreErrorKind`] | scoring | a fault of the program |
//!
//! # Engines
//!
//! The artifact holds what a model is, not how it runs. When it is opened, the ways to evaluate it that
//! suit the model and the processor (AVX-512, AVX2, or what every processor has) are timed on its
//! golden records, and the fastest stays. All give the same bits. [`Scorer::engine_name`] tells which.
//!
//! # Sizing
//!
//! A model of 100 trees with 31 leaves opens in some 2 ms and takes 2 MB, one of 500 in 7 ms and 10 MB;
//! while it is opened, the file is in memory as well. A score of either takes 0.3 and 1.8 µs of one
//! core with AVX-512, and threads do not slow each other down, so that a thousand a second are a few
//! thousandths of a core. With up to 64 features 64 KiB of stack are plenty. `shroff bench MODEL` tells
//! all of it for a model and a machine.
//!
#![deny(unsafe_code)]
// Neither a file nor a record may bring a backend down: what could panic, overflow or lose bits is
// argued where it stands.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod artifact;
#[cfg(any(feature = "follow", feature = "shadow"))]
mod background;
pub mod counters;
mod engine;
mod error;
mod explain;
pub mod features;
#[cfg(feature = "follow")]
pub mod follow;
mod limits;
pub mod model;
#[cfg(feature = "store")]
mod near;
pub mod record;
#[cfg(feature = "registry")]
pub mod registry;
pub mod schema;
mod scorer;
#[cfg(feature = "shadow")]
pub mod shadow;
#[cfg(feature = "signed")]
pub mod signed;
pub mod snapshot;
#[cfg(feature = "store")]
pub mod store;

pub use counters::Counters;
pub use error::{Error, ErrorKind, RejectReason, ScoreError, ScoreErrorKind};
pub use limits::Limits;
pub use record::{BindError, BindErrorKind, Record, Value};
pub use schema::Schema;
pub use scorer::{Bound, Explanation, Reason, Score, Scorer};
