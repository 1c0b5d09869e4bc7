//! Transactions: what customers, and thieves with their cards, pay where and when.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::customer::Customer;
use super::fraud::{Compromises, LEAKED_FACTOR, LEAKED_SHARE, Scenario};
use super::label;
use super::map::Grid;
use super::policy::{Decision, Policy};
use super::stream::{Purpose, stream};
use super::terminal::Terminal;
use crate::error::Error;
use crate::table::{Column, Table, Text, Values};

/// One transaction, kept small because millions are sorted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transaction {
    /// Seconds since the start of the simulation.
    second: i64,
    customer: u32,
    /// Running number within the customer.
    sequence: u32,
    terminal: u32,
    amount_cents: u32,
    label_delay_secs: u32,
    /// Distance from home in hundredths; none where the customer's place is not known.
    distance_hundredths: Option<u16>,
    channel: Channel,
    scenario: Scenario,
    decision: Decision,
}

impl Transaction {
    /// Order of the table: by time, ties by customer, then by running number. No two are equal.
    pub(super) fn order(&self) -> (i64, u32, u32) {
        (self.second, self.customer, self.sequence)
    }
}

/// Everything a customer's transactions depend on.
#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) seed: u64,
    pub(super) n_days: u32,
    pub(super) terminals: &'a [Terminal],
    pub(super) grid: &'a Grid,
    pub(super) compromises: &'a Compromises,
    pub(super) policy: Option<Policy>,
}

/// All transactions of one customer, day by day but unsorted within the day.
pub(super) fn of_customer(world: &World<'_>, id: u32, customer: &Customer) -> Vec<Transaction> {
    let reachable = world.grid.near(customer.home);
    let Some(per_day) = customer.transactions_per_day().filter(|_| !reachable.is_empty()) else {
        return Vec::new();
    };
    let mut rng = stream(world.seed, Purpose::Payments, id);
    let mut label_rng = stream(world.seed, Purpose::Labels, id);
    let mut decision_rng = stream(world.seed, Purpose::Decisions, id);
    let expected = customer.daily_transactions * f64::from(world.n_days);
    let mut transactions: Vec<Transaction> = Vec::with_capacity((1.2 * expected) as usize + 8);
    for day in 0..world.n_days {
        let leaked_today = world.compromises.cards.contains(id, day);
        let count = per_day.sample(&mut rng) as u32;
        for _ in 0..count {
            let Some(second_of_day) = draw_second_of_day(&mut rng) else { continue };
            let card_used = leaked_today && rng.random_bool(LEAKED_SHARE);
            let factor = if card_used { LEAKED_FACTOR } else { 1 };
            let amount_cents = customer.draw_amount_cents(&mut rng) * factor;
            let channel = Channel::draw(card_used, &mut rng);
            let terminal = draw_terminal(world, &reachable, channel, card_used, &mut rng);
            let unknown = channel == Channel::Online && rng.random_bool(UNKNOWN_DISTANCE_SHARE);
            let distance = customer.home.distance(world.terminals[terminal as usize].place);
            let terminal_compromised = world.compromises.terminals.contains(terminal, day);
            let scenario = Scenario::of(amount_cents, terminal_compromised, card_used);
            let decide = |policy: Policy| policy.decide(amount_cents, &mut decision_rng);
            transactions.push(Transaction {
                second: i64::from(day) * 86_400 + second_of_day,
                customer: id,
                sequence: transactions.len() as u32,
                terminal,
                amount_cents,
                label_delay_secs: label::draw_delay_secs(
                    scenario != Scenario::None,
                    &mut label_rng,
                ),
                distance_hundredths: (!unknown)
                    .then(|| (distance * 100.0).round_ties_even() as u16),
                channel,
                scenario,
                decision: world.policy.map_or(Decision::Approved, decide),
            });
        }
    }
    transactions
}

/// How the card was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    Chip,
    Contactless,
    Online,
}

impl Channel {
    /// A channel by the shares of the customer or of the thief.
    fn draw<R: Rng>(card_used: bool, rng: &mut R) -> Self {
        let (chip, contactless) = if card_used { THIEF_CHANNELS } else { CUSTOMER_CHANNELS };
        let point: f64 = rng.random();
        if point < chip {
            Self::Chip
        } else if point < chip + contactless {
            Self::Contactless
        } else {
            Self::Online
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Chip => "chip",
            Self::Contactless => "contactless",
            Self::Online => "online",
        }
    }
}

/// Normal around noon; nothing when it falls outside the day.
fn draw_second_of_day<R: Rng>(rng: &mut R) -> Option<i64> {
    let z: f64 = StandardNormal.sample(rng);
    let second = NOON_SECS + SD_SECS * z;
    (0.0..86_400.0).contains(&second).then_some(second as i64)
}

/// A terminal in reach, or for some online payments any terminal of the map.
fn draw_terminal<R: Rng>(
    world: &World<'_>,
    reachable: &[u32],
    channel: Channel,
    card_used: bool,
    rng: &mut R,
) -> u32 {
    let anywhere = 0..world.terminals.len() as u32;
    match (channel, card_used) {
        (Channel::Online, true) => {
            let first = rng.random_range(anywhere.clone());
            let resold = world.terminals[first as usize].category.is_resold_easily();
            if resold || rng.random_bool(0.5) { first } else { rng.random_range(anywhere) }
        }
        (Channel::Online, false) if rng.random_bool(REMOTE_SHARE) => rng.random_range(anywhere),
        _ => reachable[rng.random_range(0..reachable.len() as u32) as usize],
    }
}

/// The transactions as a table, in the order given. `start` is in microseconds.
pub(super) fn table(
    transactions: &[Transaction],
    world: &World<'_>,
    start: i64,
) -> Result<Table, Error> {
    let terminals = world.terminals;
    let integers = |value: fn(&Transaction) -> i64| {
        Column::new(Values::Integer(transactions.par_iter().map(value).collect()))
    };
    let times = |second: fn(&Transaction) -> i64| {
        let micros = |row| start + second(row) * 1_000_000;
        Values::Time(transactions.par_iter().map(micros).collect())
    };
    let text = |value: &dyn Fn(&Transaction) -> &'static str| {
        let mut text = Text::with_capacity(transactions.len());
        transactions.iter().for_each(|row| text.push(value(row)));
        Column::new(Values::Text(text))
    };
    let (channel, category) = rayon::join(
        || text(&|row| row.channel.name()),
        || text(&|row| terminals[row.terminal as usize].category.name()),
    );
    let amount = |row: &Transaction| f64::from(row.amount_cents) / 100.0;
    let distance =
        |row: &Transaction| f64::from(row.distance_hundredths.unwrap_or_default()) / 100.0;
    let distance = Column::with_nulls(
        Values::Number(transactions.par_iter().map(distance).collect()),
        transactions.par_iter().map(|row| row.distance_hundredths.is_none()).collect(),
    );
    // Without a policy nothing is declined, and no label is missing.
    let unknown =
        || transactions.par_iter().map(|row| row.decision == Decision::Declined).collect();
    let label_times = times(|row| row.second + i64::from(row.label_delay_secs));
    let mut columns = vec![
        (
            "TRANSACTION_ID",
            Column::new(Values::Integer((0i64..).take(transactions.len()).collect())),
        ),
        ("TX_DATETIME", Column::new(times(|row| row.second))),
        ("CUSTOMER_ID", integers(|row| i64::from(row.customer))),
        ("TERMINAL_ID", integers(|row| i64::from(row.terminal))),
        ("TX_AMOUNT", Column::new(Values::Number(transactions.par_iter().map(amount).collect()))),
        ("CHANNEL", channel),
        ("MERCHANT_CATEGORY", category),
        ("DISTANCE", distance),
        (
            "TX_FRAUD",
            Column::with_nulls(
                Values::Boolean(
                    transactions.par_iter().map(|row| row.scenario != Scenario::None).collect(),
                ),
                unknown(),
            ),
        ),
        ("TX_FRAUD_SCENARIO", integers(|row| row.scenario as i64)),
        ("LABEL_TIME", Column::with_nulls(label_times, unknown())),
    ];
    if let Some(policy) = world.policy {
        let weights = transactions.par_iter().map(|row| policy.weight(row.decision)).collect();
        columns.push(("DECISION", text(&|row| row.decision.name())));
        columns.push(("WEIGHT", Column::new(Values::Number(weights))));
    }
    Table::new(columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect())
}

/// Time of day: mean and standard deviation.
const NOON_SECS: f64 = 43_200.0;
const SD_SECS: f64 = 20_000.0;
/// Shares of chip and contactless, the rest online: of the customer and of a thief, who has the
/// card's data more often than its chip.
const CUSTOMER_CHANNELS: (f64, f64) = (0.45, 0.35);
const THIEF_CHANNELS: (f64, f64) = (0.10, 0.30);
/// Share of a customer's online payments that go to a terminal anywhere on the map.
const REMOTE_SHARE: f64 = 0.25;
/// Share of online payments, the thief's too, without a known distance.
const UNKNOWN_DISTANCE_SHARE: f64 = 0.30;
