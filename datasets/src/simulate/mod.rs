//! A seeded simulator of card transactions, for those who have no data at hand.
//!
//! The population and the three fraud scenarios follow the description in the *Fraud Detection
//! Handbook*; the second table goes beyond it, so that a model without features over time
//! finds something to learn, and categories and missing values to handle.
//!
//! | what | rate |
//! |---|---|
//! | customers, terminals | uniform on a map of 100 × 100 |
//! | mean amount of a customer | uniform in 5..100; standard deviation is half of it |
//! | mean daily transactions of a customer | uniform in 0..4 |
//! | transactions of a customer on a day | Poisson; none at all without a terminal in reach |
//! | time of day | normal, mean noon, standard deviation 20,000 s, whole seconds; outside the day: dropped (3.1 %) |
//! | amount | normal; if negative, uniform in 0..2 × mean; two decimals |
//! | terminal | uniform among those nearer than `radius` (5) |
//! | scenario 1, large amount | every amount above 220 |
//! | scenario 2, compromised terminal | per 10,000 terminals 2 a day; all their transactions of 28 days |
//! | scenario 3, leaked card | per 5,000 customers 3 a day; a third of their transactions of 14 days, amount × 5 |
//!
//! | beyond the handbook | rate |
//! |---|---|
//! | `CHANNEL` | chip 45 %, contactless 35 %, online 20 %; a leaked card in a thief's hands: 10, 30, 60 % |
//! | terminal of an online payment | 25 % anywhere on the map, else in reach; a thief's: always anywhere |
//! | `MERCHANT_CATEGORY` of a terminal | grocery 26 %, restaurant 20, fuel 12, clothing 12, pharmacy 8, entertainment 8, electronics 8, travel 6 |
//! | terminal of a thief's online payment | if neither electronics nor travel, in half of the cases drawn once more |
//! | `DISTANCE`, home to terminal | two decimals; missing for 30 % of online payments |
//! | `LABEL_TIME` of a fraud | after an exponential delay of mean 2 days, capped at 7 days |
//! | `LABEL_TIME` of the others | after 7 days without a report |
//!
//! | with a [`Policy`] | |
//! |---|---|
//! | `DECISION` | declined above the policy's amount, else approved; a share of those above, drawn at random, is let through and approved |
//! | `WEIGHT`, payments a row stands for | 1; let through: 1 / share; declined: 0 |
//! | `TX_FRAUD`, `LABEL_TIME` of a declined payment | missing: nobody learns what it was |
//!
//! `TX_FRAUD_SCENARIO` tells the truth of declined payments too: to measure against, never to train on.
//!
//! Where several scenarios hold, the highest number is recorded. So every amount above 220 is a
//! fraud, and scenario 1 is exactly those which are neither of the others. The numbers newly
//! compromised each day scale with the population: fractions are carried to the next day, and at
//! least one terminal and one customer are compromised in every simulation. `LABEL_TIME`
//! tells the label of a row and is no feature.
//!
//! The handbook's population ([`Simulation::default`]) gives about 1.75 million rows, 0.84 % of them
//! frauds: 0.057 % scenario 1, 0.517 % scenario 2, 0.269 % scenario 3. Scenario 2 can hardly be seen
//! without the terminal's history.
//!
//! # Source
//! Le Borgne, Siblini, Lebichot, Bontempi, *Reproducible Machine Learning for Credit Card Fraud
//! Detection: Practical Handbook*, 2022, chapter 3, "Transaction data simulator".

mod customer;
mod fraud;
mod label;
mod map;
mod policy;
mod stream;
mod terminal;
mod transaction;

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use crate::error::Error;
use crate::table::Table;
use customer::Customer;
use fraud::Compromises;
use map::Grid;
pub use policy::Policy;
use terminal::Terminal;
use transaction::{Transaction, World};

/// What to simulate. Fields may be changed freely; [`run`](Self::run) checks them.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// Days, from 1.
    pub days: u32,
    /// Customers, from 1; their numbers start at 0.
    pub customers: u32,
    /// Terminals, from 1; their numbers start at 0.
    pub terminals: u32,
    /// Distance within which a customer uses terminals, above 0, on a map of side 100.
    pub radius: f64,
    /// Same seed, same tables, whatever the number of threads.
    pub seed: u64,
    /// Start of the first day, normally a midnight, in microseconds since 1970 UTC.
    pub start: i64,
    /// Blocks payments; without it every payment passes, and the columns it adds are not there. It
    /// changes nothing else.
    pub policy: Option<Policy>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// One row per transaction, by `TX_DATETIME`, ties by `CUSTOMER_ID`: `TRANSACTION_ID`
    /// (integer, 0, 1, 2 and so on), `TX_DATETIME` (time), `CUSTOMER_ID`, `TERMINAL_ID` (integer),
    /// `TX_AMOUNT` (number), `CHANNEL`, `MERCHANT_CATEGORY` (text), `DISTANCE` (number, may be
    /// missing), `TX_FRAUD` (boolean), `TX_FRAUD_SCENARIO` (integer, 0 for legitimate),
    /// `LABEL_TIME` (time); with a policy `DECISION` (text) and `WEIGHT` (number), and labels may be
    /// missing.
    pub transactions: Table,
    /// One row per customer: `CUSTOMER_ID`, `X`, `Y`, `MEAN_AMOUNT`, `SD_AMOUNT`,
    /// `MEAN_DAILY_TRANSACTIONS`.
    pub customers: Table,
    /// One row per terminal: `TERMINAL_ID`, `X`, `Y`, `MERCHANT_CATEGORY`.
    pub terminals: Table,
}

/// Why a simulation cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// A size is zero.
    #[error("{parameter} is 0, expected at least 1")]
    Zero {
        /// The field of [`Simulation`].
        parameter: &'static str,
    },
    /// The radius is no distance.
    #[error("radius is {found}, expected a number above 0")]
    Radius {
        /// The radius given.
        found: f64,
    },
    /// The policy's numbers make no sense.
    #[error(
        "policy: expected an amount of at least 0 and a share let through of 0 to 1, found \
         {block_above} and {let_through}"
    )]
    Policy {
        /// The amount given.
        block_above: f64,
        /// The share given.
        let_through: f64,
    },
    /// More than memory could hold.
    #[error("{parameter} x days is {found}, expected at most {limit}; lower either of them")]
    TooLarge {
        /// The field of [`Simulation`].
        parameter: &'static str,
        /// The product.
        found: u64,
        /// The largest product allowed.
        limit: u64,
    },
    /// The last label would be known after the last time there is.
    #[error("start {start} plus {days} days leaves the range of times, expected an earlier start")]
    Start {
        /// The start given, in microseconds.
        start: i64,
        /// The days given.
        days: u32,
    },
    /// The columns made no table.
    #[error(transparent)]
    Table(#[from] Error),
}

impl Default for Simulation {
    /// The handbook's population: 183 days from 2018-04-01, 5,000 customers, 10,000 terminals.
    fn default() -> Self {
        Self {
            days: 183,
            customers: 5_000,
            terminals: 10_000,
            radius: 5.0,
            seed: 0,
            start: 1_522_540_800_000_000,
            policy: None,
        }
    }
}

impl Simulation {
    /// A small population of the same shape: about 175,000 rows.
    pub fn demo() -> Self {
        Self { days: 120, customers: 750, terminals: 1_500, ..Self::default() }
    }

    /// Simulates. Uses the threads of the current rayon pool; takes some 120 bytes a transaction
    /// at its peak, and there are about two a customer and day.
    ///
    /// # Errors
    /// A size of zero, a radius that is no positive number, more than 500 million customer-days or
    /// terminal-days, a start so late that times overflow.
    pub fn run(&self) -> Result<Simulated, SimulateError> {
        self.check()?;
        let seed = self.seed;
        let terminals: Vec<Terminal> =
            (0..self.terminals).into_par_iter().map(|id| Terminal::draw(seed, id)).collect();
        let customers: Vec<Customer> =
            (0..self.customers).into_par_iter().map(|id| Customer::draw(seed, id)).collect();
        let grid = Grid::new(terminals.iter().map(|terminal| terminal.place), self.radius);
        let compromises = Compromises::draw(seed, self.customers, self.terminals, self.days);
        let world = World {
            seed,
            n_days: self.days,
            terminals: &terminals,
            grid: &grid,
            compromises: &compromises,
            policy: self.policy,
        };
        let mut transactions: Vec<Transaction> = (0..self.customers)
            .into_par_iter()
            .zip(&customers)
            .flat_map_iter(|(id, customer)| transaction::of_customer(&world, id, customer))
            .collect();
        transactions.par_sort_unstable_by_key(Transaction::order);
        Ok(Simulated {
            transactions: transaction::table(&transactions, &world, self.start)?,
            customers: customer::table(&customers)?,
            terminals: terminal::table(&terminals)?,
        })
    }

    fn check(&self) -> Result<(), SimulateError> {
        let sizes = [("customers", self.customers), ("terminals", self.terminals)];
        for (parameter, size) in [("days", self.days)].into_iter().chain(sizes) {
            if size == 0 {
                return Err(SimulateError::Zero { parameter });
            }
        }
        if !(self.radius.is_finite() && self.radius > 0.0) {
            return Err(SimulateError::Radius { found: self.radius });
        }
        if let Some(policy) = self.policy.filter(|policy| !policy.is_sound()) {
            let Policy { block_above, let_through } = policy;
            return Err(SimulateError::Policy { block_above, let_through });
        }
        for (parameter, size) in sizes {
            let found = u64::from(size) * u64::from(self.days);
            if found > MAX_ACTOR_DAYS {
                return Err(SimulateError::TooLarge { parameter, found, limit: MAX_ACTOR_DAYS });
            }
        }
        // A week more: labels come later than transactions.
        (i64::from(self.days) + 7)
            .checked_mul(86_400_000_000)
            .and_then(|span| self.start.checked_add(span))
            .map(|_| ())
            .ok_or(SimulateError::Start { start: self.start, days: self.days })
    }
}

/// Bounds what a mistyped size can allocate.
const MAX_ACTOR_DAYS: u64 = 500_000_000;
