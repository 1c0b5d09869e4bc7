//! Velocity features: what the past of a card, a terminal or a device says of an event, declared by
//! name and computed by one engine for the trainer's history and the backend's live request.
//!
//! # Meaning
//!
//! A feature looks at the earlier events of one *entity*, those that share the values of its key
//! columns, within an interval before the event. For an event at *t*, a delay *d* and a window *w*:
//!
//! | closed | interval | ties in time | the event itself |
//! |---|---|---|---|
//! | [`Closed::Left`] | `[t−d−w, t−d)` | never seen | never seen |
//! | [`Closed::Right`] | `(t−d−w, t−d]` | those observed before | seen where `d = 0` |
//!
//! Without a window the interval begins with the entity's first event. A feature with a [`Filter`]
//! sees the events that pass it. What each [`Measure`] makes of an interval, and of an empty one, is
//! said there. An event with a missing key value (null, empty text, NaN) belongs to no entity: the
//! features of that key are missing, and it is not counted.
//!
//! Amounts are whole minor units (`decimals` places, half to even) and their sums exact, so that a
//! value is rounded once, at its end, and has the same bits in whatever order and wherever its events
//! were counted: in a replay, online, late, or after a state was stored and read again.
//!
//! # Limits of exactness
//!
//! An entity keeps the [`max_events`](WindowProgram::max_events) newest events of each filter within its
//! horizon (the longest delay + window). When there are more, those older than the newest
//! quarter are put together into cells of time; so that only the *edges* of an interval are blurred, each
//! by less than its distance from the event divided by [`Windows::resolution`], which is 64 unless the windows
//! are many. Sums over all history stay exact. An interval counts up to 2^32 events.
//!
//! An event that comes late is put in its place. One older than the horizon adds to all-history
//! counts alone. Nothing is asked of the time further back than the horizon before the newest event: an event
//! older than that, and the end of an interval that would lie there, are moved up to it.
//!
//! # Privacy
//!
//! States hold times, amounts and hashes, never a raw id. A hash hides no id that can be guessed.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::arithmetic_side_effects)
)]

mod canonical;
mod check;
mod event;
mod identity;
mod layout;
mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use event::{Event, EventError};
pub(in crate::features) use event::{MAX_TIME, MIN_TIME};
pub use identity::EntityKey;
pub(crate) use identity::Naming;
pub use layout::{ColumnKind, WindowColumn, Windows};
pub(in crate::features) use plan::{
    AmountPlan, FeaturePlan, LabelPlan, MAX_EDGES, MeasurePlan, PlannedMeasure, StreamPlan,
};

/// Most features of a window program.
pub const MAX_WINDOW_FEATURES: usize = 512;
/// Most keys of a program, and most columns of a key.
pub const MAX_KEYS: usize = 16;
/// Most amount columns of a program.
pub const MAX_AMOUNTS: usize = 8;
/// Most columns a program may count different values of.
pub const MAX_DISTINCT: usize = 8;
/// Most different filters of a program.
pub const MAX_FILTERS: usize = 64;
/// Most values a filter may name.
pub const MAX_FILTER_VALUES: usize = 256;
/// Longest window and longest delay: ten years of 366 days, in microseconds.
pub const MAX_WINDOW_MICROS: i64 = 10 * 366 * 86_400_000_000;
/// Fewest and most events an entity may keep exactly, of each filter.
pub const MAX_EVENTS: std::ops::RangeInclusive<u32> = 64..=65_536;
/// The greatest amount, in minor units: whole numbers up to here are exact in an `f64`.
pub const MAX_AMOUNT: i64 = 1 << 53;

/// The declaration of velocity features, columns by their names. Plain data, proved by
/// [`Windows::new`].
#[derive(Debug, Clone, PartialEq)]
pub struct WindowProgram {
    /// The column that says when an event happened.
    pub time: Arc<str>,
    /// The column by which an event that is observed twice is recognised.
    pub event_id: Option<Arc<str>>,
    /// The columns that features sum, each at least once in use.
    pub amounts: Vec<AmountColumn>,
    /// Events that an entity keeps exactly, of each filter; 512 suits cards.
    pub max_events: u32,
    /// The features, in the order of their values.
    pub features: Vec<WindowFeature>,
}

/// A column of amounts in major units (euros); negative ones are refunds and count as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmountColumn {
    /// Its name.
    pub name: Arc<str>,
    /// Decimal places of the minor unit, 0 to 6.
    pub decimals: u8,
}

/// One feature.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowFeature {
    /// The columns whose values together name the entity; their order does not matter.
    pub key: Vec<Arc<str>>,
    /// Which events are counted; all where there is none.
    pub filter: Option<Filter>,
    /// What is computed.
    pub measure: Measure,
    /// Length of the interval in microseconds, 1 up; all history where there is none.
    pub window_micros: Option<i64>,
    /// Distance of the interval's end from the event in microseconds, 0 up.
    pub delay_micros: i64,
    /// Which end of the interval belongs to it.
    pub closed: Closed,
}

/// Which end of an interval belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closed {
    /// The left: strictly earlier events.
    Left,
    /// The right: with no delay, the event itself is seen.
    Right,
}

/// What is computed of the events in an interval. Amounts are in major units; events without an
/// amount (null, NaN, infinite, beyond [`MAX_AMOUNT`] minor units) count as events only.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Measure {
    /// Number of events; 0 when there are none.
    Count,
    /// Sum of an amount; 0 when there are none.
    Sum(Arc<str>),
    /// Mean of the amounts; missing when there are none.
    Mean(Arc<str>),
    /// The greatest amount; missing when there are none.
    Max(Arc<str>),
    /// The least amount; missing when there are none.
    Min(Arc<str>),
    /// Standard deviation of the amounts as a sample (n − 1); missing when there are less than two.
    Std(Arc<str>),
    /// Number of different values of a column, nulls not counted; 0 when there are none. It ends at
    /// three quarters of [`max_events`](WindowProgram::max_events) or between there and `max_events`.
    Distinct(Arc<str>),
    /// Share of the events in the interval that are known to be fraud strictly before *t*
    /// ([`Closed::Left`]) or by *t* ([`Closed::Right`]); missing when there are no events.
    FraudRate,
    /// Seconds since the latest event in the interval, the event itself aside; missing when there is
    /// none.
    SecondsSinceLast,
    /// The event's own amount over the mean of those in the interval; missing when there is none, the
    /// mean is 0 or the event has no amount.
    RatioToMean(Arc<str>),
}

/// Which events a feature counts. A null passes no filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The column looked at.
    pub column: Arc<str>,
    /// What its value must be.
    pub test: FilterTest,
}

/// What the value of a filter's column must be.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FilterTest {
    /// One of these.
    OneOf(Vec<FilterValue>),
    /// A number `low <= x < high`; ends may be infinite.
    Within {
        /// The least number that passes.
        low: f64,
        /// The least number above that does not.
        high: f64,
    },
}

/// A value that a filter names. A text that is a whole number in plain decimals is the same value as
/// that integer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterValue {
    /// A truth value; all values of the filter are then.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Text, not empty.
    Text(String),
}

impl Closed {
    /// What to add to a whole bound, so that all before the sum lie up to the bound.
    #[inline]
    pub(super) fn after(self) -> i64 {
        match self {
            Self::Left => 0,
            Self::Right => 1,
        }
    }
}

impl Measure {
    /// The column it computes on.
    pub fn column(&self) -> Option<&Arc<str>> {
        match self {
            Self::Count | Self::FraudRate | Self::SecondsSinceLast => None,
            Self::Sum(column)
            | Self::Mean(column)
            | Self::Max(column)
            | Self::Min(column)
            | Self::Std(column)
            | Self::Distinct(column)
            | Self::RatioToMean(column) => Some(column),
        }
    }
}

impl WindowProgram {
    /// The amounts in ascending order of their names, as events hold them.
    pub(super) fn sorted_amounts(&self) -> Vec<&AmountColumn> {
        let mut amounts: Vec<&AmountColumn> = self.amounts.iter().collect();
        amounts.sort_unstable_by_key(|amount| &amount.name);
        amounts
    }
}

impl WindowFeature {
    /// The key's columns in ascending order, as they are hashed.
    pub(super) fn sorted_key(&self) -> Vec<&Arc<str>> {
        let mut key: Vec<&Arc<str>> = self.key.iter().collect();
        key.sort_unstable();
        key
    }
}
