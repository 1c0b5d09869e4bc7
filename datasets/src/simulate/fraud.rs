//! Fraud: who is compromised on which day, and which scenario a transaction belongs to.

use std::collections::HashSet;

use rand::{Rng, RngExt};

use super::stream::{Purpose, stream};

/// Why a transaction is a fraud. Where several reasons hold, the later one is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scenario {
    /// Legitimate.
    None = 0,
    /// An amount nobody pays honestly.
    LargeAmount = 1,
    /// Made at a terminal under a thief's control.
    CompromisedTerminal = 2,
    /// Made by a thief who knows the card's data.
    LeakedCard = 3,
}

impl Scenario {
    /// The scenario of a transaction.
    pub(super) fn of(amount_cents: u32, terminal_compromised: bool, card_used: bool) -> Self {
        if card_used {
            Self::LeakedCard
        } else if terminal_compromised {
            Self::CompromisedTerminal
        } else if amount_cents > LARGE_AMOUNT_CENTS {
            Self::LargeAmount
        } else {
            Self::None
        }
    }
}

/// Terminals and cards compromised over the whole simulation.
#[derive(Debug)]
pub(super) struct Compromises {
    pub(super) terminals: Calendar,
    pub(super) cards: Calendar,
}

impl Compromises {
    pub(super) fn draw(seed: u64, n_customers: u32, n_terminals: u32, n_days: u32) -> Self {
        let mut rng = stream(seed, Purpose::CompromisedTerminals, 0);
        let terminals = Calendar::draw(n_terminals, n_days, &TERMINALS, &mut rng);
        let mut rng = stream(seed, Purpose::LeakedCards, 0);
        let cards = Calendar::draw(n_customers, n_days, &CARDS, &mut rng);
        Self { terminals, cards }
    }
}

/// Which actors are compromised on which days: one bit per actor and day.
#[derive(Debug)]
pub(super) struct Calendar {
    n_days: u32,
    words: Vec<u64>,
}

/// How often actors are compromised.
struct Rate {
    /// This many actors newly compromised each day ...
    each_day: u64,
    /// ... in a population of this many.
    among: u64,
    /// Days a compromise lasts, the first included.
    n_days: u32,
}

impl Calendar {
    /// Whether the actor is compromised on this day.
    pub(super) fn contains(&self, actor: u32, day: u32) -> bool {
        let bit = self.bit(actor, day);
        self.words[bit / 64] >> (bit % 64) & 1 == 1
    }

    fn draw<R: Rng>(n_actors: u32, n_days: u32, rate: &Rate, rng: &mut R) -> Self {
        let n_bits = n_actors as usize * n_days as usize;
        let mut calendar = Self { n_days, words: vec![0; n_bits.div_ceil(64)] };
        for (day, n_new) in (0u32..).zip(daily_counts(n_actors, n_days, rate, rng)) {
            let last = day.saturating_add(rate.n_days).min(n_days);
            // Without replacement within a day; only asked, never iterated.
            let mut today = HashSet::new();
            while today.len() < n_new {
                let actor = rng.random_range(0..n_actors);
                if today.insert(actor) {
                    for compromised in day..last {
                        let bit = calendar.bit(actor, compromised);
                        calendar.words[bit / 64] |= 1 << (bit % 64);
                    }
                }
            }
        }
        calendar
    }

    fn bit(&self, actor: u32, day: u32) -> usize {
        actor as usize * self.n_days as usize + day as usize
    }
}

/// How many actors are newly compromised on each day.
///
/// The rate scales with the population. Fractions are carried from day to day, from a start drawn
/// at random, so that the total is the expected one to within one; a population so small that less
/// than one compromise is expected over all days gets exactly one, on a day drawn uniformly.
fn daily_counts<R: Rng>(n_actors: u32, n_days: u32, rate: &Rate, rng: &mut R) -> Vec<usize> {
    let (mut step, mut whole) = (u64::from(n_actors) * rate.each_day, rate.among);
    if step * u64::from(n_days) < whole {
        (step, whole) = (1, u64::from(n_days));
    }
    let mut carried = rng.random_range(0..whole);
    (0..n_days)
        .map(|_| {
            carried += step;
            let count = carried / whole;
            carried %= whole;
            count as usize
        })
        .collect()
}

/// Scenario 1: amounts above this.
pub(super) const LARGE_AMOUNT_CENTS: u32 = 22_000;
/// Scenario 2.
const TERMINALS: Rate = Rate { each_day: 2, among: 10_000, n_days: 28 };
/// Scenario 3.
const CARDS: Rate = Rate { each_day: 3, among: 5_000, n_days: 14 };
/// Share of a leaked card's transactions that are the thief's.
pub(super) const LEAKED_SHARE: f64 = 1.0 / 3.0;
/// What the thief multiplies amounts by.
pub(super) const LEAKED_FACTOR: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn new_per_day(n_actors: u32, n_days: u32, seed: u64) -> Vec<usize> {
        let mut rng = stream(seed, Purpose::LeakedCards, 0);
        daily_counts(n_actors, n_days, &CARDS, &mut rng)
    }

    #[test]
    fn daily_counts_scale_with_the_population() {
        assert_eq!(new_per_day(5_000, 30, 1), [3; 30]);
        // 800 customers: 0.48 a day, 57.6 in 120 days.
        let counts = new_per_day(800, 120, 1);
        assert!(counts.iter().all(|&count| count <= 1));
        assert!([57, 58].contains(&counts.iter().sum::<usize>()));
        // 10 customers: 0.006 a day would often be none at all in 20 days.
        for seed in 0..20 {
            assert_eq!(new_per_day(10, 20, seed).iter().sum::<usize>(), 1);
        }
    }

    #[test]
    fn a_compromise_lasts_its_days_and_ends() {
        // One compromise in all: 5 actors x 3/5000 x 100 days = 0.3.
        let calendar = Calendar::draw(5, 100, &CARDS, &mut stream(4, Purpose::LeakedCards, 0));
        let days: Vec<(u32, u32)> = (0..5)
            .flat_map(|actor| (0..100).map(move |day| (actor, day)))
            .filter(|&(actor, day)| calendar.contains(actor, day))
            .collect();
        let (actor, first) = days[0];
        let expected: Vec<(u32, u32)> =
            (first..(first + 14).min(100)).map(|day| (actor, day)).collect();
        assert_eq!(days, expected);
    }

    #[test]
    fn later_scenarios_take_precedence() {
        assert_eq!(Scenario::of(22_000, false, false), Scenario::None);
        assert_eq!(Scenario::of(22_001, false, false), Scenario::LargeAmount);
        assert_eq!(Scenario::of(22_001, true, false), Scenario::CompromisedTerminal);
        assert_eq!(Scenario::of(22_001, true, true), Scenario::LeakedCard);
    }
}
