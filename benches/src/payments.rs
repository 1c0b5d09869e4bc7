//! Live payments over windows of cards and terminals.

use shroff_serve::Value;
use shroff_serve::features::window::{
    AmountColumn, Closed, Event, Measure, WindowFeature, WindowProgram, Windows,
};
use shroff_serve::store::StateStore;

use crate::Dice;

/// Microseconds.
pub const SECOND: i64 = 1_000_000;
/// Microseconds.
pub const DAY: i64 = 86_400 * SECOND;
/// The time of the first payment.
pub const START: i64 = 1_522_540_800 * SECOND;
/// Payments of each card in its last thirty days.
pub const PAYMENTS_OF_CARD: u64 = 20;
/// Cards for each terminal.
const CARDS_OF_TERMINAL: u64 = 50;

/// A feature of a key; over all history where there are no days.
pub fn feature(
    key: &str,
    measure: Measure,
    days: i64,
    delay: i64,
    closed: Closed,
) -> WindowFeature {
    WindowFeature {
        key: vec![key.into()],
        filter: None,
        measure,
        window_micros: (days > 0).then_some(days * DAY),
        delay_micros: delay * DAY,
        closed,
    }
}

/// The column of amounts.
pub fn amount() -> std::sync::Arc<str> {
    "amount".into()
}

/// The windows of these features, with an id for each payment or without.
pub fn windows(features: Vec<WindowFeature>, event_id: bool) -> Windows {
    let program = WindowProgram {
        time: "time".into(),
        event_id: event_id.then(|| "id".into()),
        amounts: vec![AmountColumn { name: amount(), decimals: 2 }],
        max_events: 512,
        features,
    };
    Windows::new(program).expect("a sound program")
}

/// Ten features of a card and five of a terminal.
pub fn fifteen() -> Windows {
    let mut features = Vec::new();
    for days in [1, 7, 30] {
        features.push(feature("card", Measure::Count, days, 0, Closed::Left));
        features.push(feature("card", Measure::Mean(amount()), days, 0, Closed::Left));
        features.push(feature("terminal", Measure::Count, days, 7, Closed::Left));
    }
    for measure in
        [Measure::Max(amount()), Measure::Std(amount()), Measure::Distinct("terminal".into())]
    {
        features.push(feature("card", measure, 30, 0, Closed::Left));
    }
    features.push(feature("card", Measure::SecondsSinceLast, 0, 0, Closed::Left));
    features.push(feature("terminal", Measure::FraudRate, 7, 7, Closed::Left));
    features.push(feature("terminal", Measure::FraudRate, 30, 7, Closed::Left));
    windows(features, true)
}

/// A payment.
#[derive(Debug, Clone, Copy)]
pub struct Payment {
    /// When, in microseconds since 1970 UTC.
    pub time: i64,
    /// Its id.
    pub id: i64,
    /// Who pays.
    pub card: i64,
    /// Where.
    pub terminal: i64,
    /// How much.
    pub amount: f64,
}

impl Payment {
    /// The value of a column.
    pub fn value(&self, column: &str) -> Value<'static> {
        match column {
            "time" => Value::Time(self.time),
            "id" => Value::Integer(self.id),
            "card" => Value::Integer(self.card),
            "terminal" => Value::Integer(self.terminal),
            _ => Value::Number(self.amount),
        }
    }

    /// The event that it is.
    pub fn event(&self, windows: &Windows) -> Event {
        windows.event(|at| self.value(&windows.columns()[at].name)).expect("the values fit")
    }
}

/// Payments of cards drawn alike, [`PAYMENTS_OF_CARD`] of each in thirty days on average.
pub struct Payments {
    dice: Dice,
    n_cards: u64,
    next: u64,
}

impl Payments {
    /// Of so many cards, at a fiftieth as many terminals.
    pub fn new(n_cards: u64) -> Self {
        Self { dice: Dice::new(2), n_cards, next: 0 }
    }

    /// A store that has observed thirty days of them and learnt that one in a hundred was fraud.
    pub fn observed(&mut self, windows: &Windows) -> StateStore {
        let store = StateStore::new(windows.clone(), START, usize::MAX);
        for number in 0..self.n_cards * PAYMENTS_OF_CARD {
            let event = self.draw().event(windows);
            store.observe(&event);
            if number % 100 == 0 {
                store.learn_label(&event, true, event.time());
            }
        }
        store
    }

    /// The next one.
    pub fn draw(&mut self) -> Payment {
        let Self { dice, n_cards, next } = self;
        let number = *next as i64;
        *next += 1;
        let mut one_of = |n: u64| i64::from(dice.below(n as u32));
        Payment {
            time: START + number * (30 * DAY / (*n_cards * PAYMENTS_OF_CARD) as i64),
            id: number,
            card: one_of(*n_cards),
            terminal: one_of((*n_cards / CARDS_OF_TERMINAL).max(1)),
            amount: one_of(20_000) as f64 / 100.0,
        }
    }
}
