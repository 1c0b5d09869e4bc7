//! A challenger in the shadow of the champion: scored on a sample of the live requests, and compared, without any of
//! them waiting for it or failing by it.
//!
//! The champion's path does little: it hashes the transaction's id to see whether it is in the sample, and only then copies
//! the transaction and puts it into a buffer, unless that is full or another thread is just putting something there:
//! then it is dropped and counted. It never waits. A thread of the shadow's own takes the buffer every
//! [`PAUSE`], has the challenger score what is in it, and counts. It stops for the rest of a second when it has used up its
//! budget of that second. An error or a panic of the challenger is counted, and that is all it is.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use shroff_serve::Scorer;
//! use shroff_serve::shadow::Shadow;
//!
//! #[derive(serde::Serialize, Clone)]
//! struct Payment { id: u64, amount: f64, country: String, balance: Option<i64> }
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/v1/linear.shroff");
//! let champion = Arc::new(Scorer::open(path)?);
//! let challenger = Arc::new(Scorer::open(path)?);
//! let payment = Payment { id: 7, amount: 191.75, country: "FR".to_owned(), balance: Some(250) };
//! let bound = champion.bind(&payment)?;
//!
//! let in_shadow = challenger.bind_shared(&payment)?;
//! let shadow = Shadow::of(challenger)
//!     .share(1.0)                              // of all payments; 0.01, say, of many
//!     .budget(Duration::from_millis(50))       // of each second of one core
//!     .start(move |payment: &Payment| in_shadow.score(payment))?;
//!
//! // On the request path, once the champion has decided.
//! let score = bound.score(&payment)?;
//! shadow.offer(payment.id, &champion, score, || payment.clone());
//!
//! // Elsewhere, at any time.
//! let counts = shadow.settle();
//! assert_eq!((counts.n_offered, counts.n_compared, counts.n_same_band), (1, 1, 1));
//! assert!(counts.max_difference.abs() < 1e-12, "the same model, the same score");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A challenger that is followed by its alias lies in its follower's model, its shadow with it. A model with velocity
//! features is given its values with the copy of the transaction, as they were when the champion was asked.

mod counts;
#[cfg(test)]
mod tests;
mod worker;

use std::io;
use std::sync::Arc;
use std::time::Duration;

pub use self::counts::{BandFlip, Counts};
pub use self::worker::PAUSE;
use self::worker::{Sample, Shared};
use crate::background::spread;
use crate::error::ScoreError;
use crate::scorer::{Score, Scorer};

/// How a challenger is to be scored.
#[derive(Debug, Clone)]
pub struct Options {
    challenger: Arc<Scorer>,
    share: f64,
    budget: Duration,
    capacity: usize,
}

impl Options {
    /// The share of the transactions to sample, from 0 to 1; one in a hundred unless told. Which they are depends on
    /// their ids alone, so that it is the same ones in all backends and for all challengers.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    /// The time of each second that the challenger may take of one core; 50 ms unless told. It is looked at between two
    /// scores.
    #[must_use]
    pub fn budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// The number of transactions that may wait; 1,024 unless told, 1,048,576 at most.
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity.min(1 << 20);
        self
    }

    /// Starts the thread. `score` is asked for the challenger's score of a copy of a transaction.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start<T, F>(self, score: F) -> io::Result<Shadow<T>>
    where
        T: Send + 'static,
        F: FnMut(&T) -> Result<Score, ScoreError> + Send + 'static,
    {
        let limit = limit(self.share);
        let shared = worker::start(self.challenger, self.budget, self.capacity, score)?;
        Ok(Shadow { shared, limit })
    }
}

/// A challenger that is scored beside the champion, on copies of type `T`. Share one between all threads; dropped, it
/// ends.
pub struct Shadow<T> {
    shared: Arc<Shared<T>>,
    limit: u64,
}

impl Shadow<()> {
    /// A challenger, to be started with [`Options::start`].
    pub fn of(challenger: Arc<Scorer>) -> Options {
        Options { challenger, share: 0.01, budget: Duration::from_millis(50), capacity: 1024 }
    }
}

impl<T> Shadow<T> {
    /// Whether a transaction is in the sample.
    #[inline]
    pub fn is_sampled(&self, id: u64) -> bool {
        self.limit == u64::MAX || spread(id) < self.limit
    }

    /// Offers a transaction that the champion has scored; `copy` is called only if it is in the sample. Whatever
    /// becomes of it, the caller goes on: nothing here waits, and nothing fails.
    ///
    /// Counts are of one champion at a time: with the first score of another they begin anew.
    #[inline]
    pub fn offer(&self, id: u64, champion: &Arc<Scorer>, score: Score, copy: impl FnOnce() -> T) {
        if self.is_sampled(id) {
            let champion = Arc::clone(champion);
            self.shared.put(Sample { champion, score, transaction: copy() });
        }
    }

    /// What came of it so far. The champion goes on meanwhile, and so does the challenger.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }

    /// Waits until everything that was offered before is scored or dropped, over the budget if need be, and says what
    /// came of it: for a program that ends, and for tests.
    pub fn settle(&self) -> Counts {
        self.shared.settle()
    }
}

impl<T> Drop for Shadow<T> {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl<T> std::fmt::Debug for Shadow<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shadow").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// Of 2^64 hashes so many are in the sample; all of them for `u64::MAX`.
#[expect(clippy::cast_possible_truncation, reason = "`as` ends at the bounds, as a share does")]
#[expect(clippy::cast_sign_loss, reason = "`as` ends at the bounds, as a share does")]
fn limit(share: f64) -> u64 {
    (share * 18_446_744_073_709_551_616.0) as u64
}
