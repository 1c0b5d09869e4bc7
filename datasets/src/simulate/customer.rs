//! Customers: where they live, how often they pay and how much.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Poisson, StandardNormal};

use super::map::Place;
use super::stream::{Purpose, stream};
use crate::error::Error;
use crate::table::{Column, Table, Values};

/// One customer, with one card.
#[derive(Debug, Clone)]
pub(super) struct Customer {
    pub(super) home: Place,
    /// Mean of an ordinary amount.
    pub(super) mean_amount: f64,
    /// Mean number of transactions a day.
    pub(super) daily_transactions: f64,
}

impl Customer {
    /// The customer of this number.
    pub(super) fn draw(seed: u64, id: u32) -> Self {
        let mut rng = stream(seed, Purpose::Customer, id);
        Self {
            home: Place::draw(&mut rng),
            mean_amount: rng.random_range(MEAN_AMOUNT.0..MEAN_AMOUNT.1),
            daily_transactions: rng.random_range(0.0..MAX_DAILY_TRANSACTIONS),
        }
    }

    /// How many transactions a day brings; nothing for a customer who never pays.
    pub(super) fn transactions_per_day(&self) -> Option<Poisson<f64>> {
        // Refused only for a mean of exactly zero.
        Poisson::new(self.daily_transactions).ok()
    }

    /// An ordinary amount in cents, never negative.
    pub(super) fn draw_amount_cents<R: Rng>(&self, rng: &mut R) -> u32 {
        let z: f64 = StandardNormal.sample(rng);
        let mut amount = self.mean_amount + self.sd_amount() * z;
        if amount < 0.0 {
            amount = rng.random_range(0.0..2.0 * self.mean_amount);
        }
        (amount * 100.0).round_ties_even() as u32
    }

    /// Standard deviation of an ordinary amount.
    fn sd_amount(&self) -> f64 {
        self.mean_amount / 2.0
    }
}

/// The customers as a table, one row each in order of their numbers.
pub(super) fn table(customers: &[Customer]) -> Result<Table, Error> {
    let numbers = |value: fn(&Customer) -> f64| {
        Column::new(Values::Number(customers.iter().map(value).collect()))
    };
    Table::new(vec![
        (
            "CUSTOMER_ID".to_owned(),
            Column::new(Values::Integer((0i64..).take(customers.len()).collect())),
        ),
        ("X".to_owned(), numbers(|customer| customer.home.x)),
        ("Y".to_owned(), numbers(|customer| customer.home.y)),
        ("MEAN_AMOUNT".to_owned(), numbers(|customer| customer.mean_amount)),
        ("SD_AMOUNT".to_owned(), numbers(Customer::sd_amount)),
        ("MEAN_DAILY_TRANSACTIONS".to_owned(), numbers(|customer| customer.daily_transactions)),
    ])
}

/// Bounds between which a customer's mean amount is uniform.
const MEAN_AMOUNT: (f64, f64) = (5.0, 100.0);
/// Upper bound of a customer's mean number of transactions a day, uniform from 0.
const MAX_DAILY_TRANSACTIONS: f64 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_mean_a_hand_calculation_gives() {
        let customer =
            Customer { home: Place { x: 0.0, y: 0.0 }, mean_amount: 40.0, daily_transactions: 1.0 };
        let mut rng = stream(0, Purpose::Payments, 0);
        let n = 200_000;
        let sum: f64 = (0..n).map(|_| f64::from(customer.draw_amount_cents(&mut rng))).sum();
        // A normal of mean 1 and deviation 1/2 is negative with probability 0.022750; its positive
        // part adds 0.977250 + 0.053991 / 2 = 1.004246, the redrawn share 0.022750: 1.026996 in all.
        let expected = 40.0 * 1.026_996;
        let mean = sum / f64::from(n) / 100.0;
        assert!((mean - expected).abs() < 0.25, "mean {mean}, expected {expected}");
    }
}
