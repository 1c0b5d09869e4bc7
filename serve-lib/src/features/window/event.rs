//! An event as window features see it, read once and then good for all its entities.

use super::identity::{self, EntityKey, Identity};
use super::layout::{AmountSlot, FilterSlot, HashedColumn, Windows};
use super::plan::KeyPlan;
use super::{FilterTest, MAX_AMOUNT, MAX_AMOUNTS, MAX_DISTINCT, MAX_KEYS};
use crate::record::Value;

/// 0001-01-01T00:00:00 UTC in microseconds.
pub(in crate::features) const MIN_TIME: i64 = -62_135_596_800_000_000;
/// The last microsecond of the year 9999.
pub(in crate::features) const MAX_TIME: i64 = 253_402_300_799_999_999;

/// No amount is as little.
const NO_AMOUNT: i64 = i64::MIN;

/// What is known of an event: its time, and amounts, ids and filters' answers as the features need
/// them. It holds no raw id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    time: i64,
    /// 0 for none.
    id: u64,
    filters: u64,
    /// [`NO_AMOUNT`] for none.
    amounts: [i64; MAX_AMOUNTS],
    n_odd_amounts: u32,
    /// 0 for none.
    values: [u64; MAX_DISTINCT],
    entities: [Option<EntityKey>; MAX_KEYS],
}

/// Why values make no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The event has no time.
    #[error("input {column:?}: expected the event's time, found null")]
    NoTime {
        /// The time column.
        column: String,
    },
    /// The time cannot be meant.
    #[error(
        "input {column:?}: expected a time within the years 1 to 9999 in microseconds since 1970, found {found}; check its unit"
    )]
    Time {
        /// The time column.
        column: String,
        /// Its value.
        found: i64,
    },
    /// A value is of another type than its column.
    #[error("input {column:?}: expected {expected}, found {found}")]
    Type {
        /// The column.
        column: String,
        /// What it holds.
        expected: &'static str,
        /// The type found.
        found: &'static str,
    },
}

impl Windows {
    /// Reads an event; `value` gives the value of the column at a position of
    /// [`columns`](Windows::columns).
    ///
    /// Cost: a hash (some ten nanoseconds, a hundred or more in models of PROGRAM version 2) for each key, the
    /// event's id and each column of which different values are counted; no allocation.
    ///
    /// # Errors
    /// A time that is null or outside the years 1 to 9999, a value of another type.
    pub fn event<'v>(&self, value: impl Fn(usize) -> Value<'v>) -> Result<Event, EventError> {
        self.event_for(value, |_| ())
    }

    /// As [`event`](Self::event); `named` is told the name of each entity before anything else is read.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    #[inline]
    pub(crate) fn event_for<'v>(
        &self,
        value: impl Fn(usize) -> Value<'v>,
        named: impl Fn(EntityKey),
    ) -> Result<Event, EventError> {
        let mut event = Event::blank();
        for (key, slot) in self.keys().iter().zip(&mut event.entities) {
            *slot = self.entity(key, &value)?;
            slot.iter().for_each(|entity| named(*entity));
        }
        self.read_alone(value, &mut event)?;
        Ok(event)
    }

    /// Reads an event without the names of its entities.
    ///
    /// # Errors
    /// As [`event`](Self::event).
    pub fn event_alone<'v>(&self, value: impl Fn(usize) -> Value<'v>) -> Result<Event, EventError> {
        let mut event = Event::blank();
        self.read_alone(value, &mut event)?;
        Ok(event)
    }

    #[inline]
    fn read_alone<'v>(
        &self,
        value: impl Fn(usize) -> Value<'v>,
        event: &mut Event,
    ) -> Result<(), EventError> {
        let hash = |from: &HashedColumn, fingerprint: fn(u128) -> u64| {
            let identity = self.identity(from.column, value(from.column))?;
            let hash = |identity| fingerprint(from.hasher.hash(&[identity]));
            let hash = identity.map_or(0, hash);
            Ok(hash)
        };
        if let Some(id) = &self.id_column {
            event.id = hash(id, identity::id_fingerprint)?;
        }
        for (distinct, slot) in self.distinct.iter().zip(&mut event.values) {
            *slot = hash(distinct, identity::value_fingerprint)?;
        }
        event.time = self.time(value(self.time_column))?;
        for (amount, slot) in self.amounts.iter().zip(&mut event.amounts) {
            let (found, is_odd) = self.minor_units(amount, value(amount.column))?;
            *slot = found.unwrap_or(NO_AMOUNT);
            event.n_odd_amounts = event.n_odd_amounts.saturating_add(u32::from(is_odd));
        }
        event.filters = self.filters_passed(value)?;
        Ok(())
    }

    /// The position among [`columns`](Windows::columns) of the times of events.
    pub fn time_column(&self) -> usize {
        self.time_column
    }

    /// The position among [`columns`](Windows::columns) of the ids of events; none where they have none.
    pub fn id_column(&self) -> Option<usize> {
        self.id_column.as_ref().map(|id| id.column)
    }

    /// The positions of the columns of which different values are counted, in the order of an event's values.
    pub fn value_columns(&self) -> impl Iterator<Item = usize> {
        self.distinct.iter().map(|distinct| distinct.column)
    }

    /// The positions of the columns of amounts, in the order of an event's amounts.
    pub fn amount_columns(&self) -> impl Iterator<Item = usize> {
        self.amounts.iter().map(|amount| amount.column)
    }

    /// Whether features count the events that pass a filter.
    pub fn has_filters(&self) -> bool {
        !self.filters.is_empty()
    }

    /// An amount in minor units, the `number`th of an event's, none where there is none; and whether it was
    /// infinite or beyond [`MAX_AMOUNT`], and is therefore none.
    ///
    /// # Errors
    /// A value of another type.
    #[inline]
    pub fn amount(
        &self,
        number: usize,
        value: Value<'_>,
    ) -> Result<(Option<i64>, bool), EventError> {
        let slot = self.amounts.get(number);
        slot.map_or(Ok((None, false)), |slot| self.minor_units(slot, value))
    }

    /// One bit for each filter that an event passes, of which `value` gives the columns.
    ///
    /// # Errors
    /// A value of another type.
    pub fn filters_passed<'v>(
        &self,
        value: impl Fn(usize) -> Value<'v>,
    ) -> Result<u64, EventError> {
        let mut passed = 0;
        for (bit, filter) in (0..u64::BITS).zip(&self.filters) {
            let passes = self.passes(filter, value(filter.column))?;
            passed |= u64::from(passes).wrapping_shl(bit);
        }
        Ok(passed)
    }

    /// The name of the entity of a key; none where a value of the key is missing. The key is a position
    /// below [`n_keys`](Self::n_keys); there is no entity of another one.
    ///
    /// # Errors
    /// A value of another type.
    pub fn entity_key<'v>(
        &self,
        key: usize,
        value: impl Fn(usize) -> Value<'v>,
    ) -> Result<Option<EntityKey>, EventError> {
        let Some(plan) = self.keys().get(key) else { return Ok(None) };
        self.entity(plan, &value)
    }

    fn entity<'v>(
        &self,
        plan: &KeyPlan,
        value: impl Fn(usize) -> Value<'v>,
    ) -> Result<Option<EntityKey>, EventError> {
        let mut identities = [Identity::Integer(0); MAX_KEYS];
        for (column, slot) in plan.columns.iter().zip(&mut identities) {
            match self.identity(*column, value(*column))? {
                Some(identity) => *slot = identity,
                None => return Ok(None),
            }
        }
        let identities = identities.get(..plan.columns.len()).unwrap_or_default();
        let bits = plan.hasher.hash(identities);
        Ok(EntityKey::from_bits(bits.max(1)))
    }

    /// The time of an event.
    ///
    /// # Errors
    /// A time that is null or outside the years 1 to 9999, a value of another type.
    #[inline]
    pub fn time(&self, value: Value<'_>) -> Result<i64, EventError> {
        let column = || self.program().time.to_string();
        match value {
            Value::Time(time) if (MIN_TIME..=MAX_TIME).contains(&time) => Ok(time),
            Value::Time(found) => Err(EventError::Time { column: column(), found }),
            Value::Null => Err(EventError::NoTime { column: column() }),
            other => Err(self.wrong_type(self.time_column, "time", other)),
        }
    }

    fn identity<'v>(
        &self,
        column: usize,
        value: Value<'v>,
    ) -> Result<Option<Identity<'v>>, EventError> {
        let expected = "an id: text, integer or number";
        Identity::of(value).map_err(|()| self.wrong_type(column, expected, value))
    }

    /// As [`amount`](Self::amount).
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and that is absurd too"
    )]
    #[inline]
    fn minor_units(
        &self,
        slot: &AmountSlot,
        value: Value<'_>,
    ) -> Result<(Option<i64>, bool), EventError> {
        let scale = slot.scale;
        let found = match value {
            Value::Null => None,
            Value::Number(number) if number.is_nan() => None,
            Value::Number(number) => Some(whole(number * scale as f64) as i64),
            Value::Integer(integer) => Some(integer.saturating_mul(scale)),
            other => return Err(self.wrong_type(slot.column, "number", other)),
        };
        let sound = found.filter(|minor| (-MAX_AMOUNT..=MAX_AMOUNT).contains(minor));
        Ok((sound, sound.is_none() && found.is_some()))
    }

    fn passes(&self, filter: &FilterSlot, value: Value<'_>) -> Result<bool, EventError> {
        let FilterSlot { column, test } = filter;
        match (test, value) {
            (_, Value::Null) => Ok(false),
            (FilterTest::Within { low, high }, value) => match value {
                Value::Number(number) => Ok(*low <= number && number < *high),
                Value::Integer(integer) => {
                    let number = integer as f64;
                    Ok(*low <= number && number < *high)
                }
                other => Err(self.wrong_type(*column, "number", other)),
            },
            (FilterTest::OneOf(values), value) => {
                let found = self.identity(*column, value)?;
                Ok(found.is_some_and(|found| {
                    values.iter().any(|value| Identity::of_filter(value) == found)
                }))
            }
        }
    }

    #[cold]
    fn wrong_type(&self, column: usize, expected: &'static str, found: Value<'_>) -> EventError {
        let column = self.columns().get(column).map_or("", |column| &column.name).to_owned();
        EventError::Type { column, expected, found: found.type_name() }
    }
}

/// The nearest whole number, of two the even one: as [`f64::round_ties_even`], which is a call where the
/// processor need not know the instruction.
#[inline]
pub(super) fn whole(number: f64) -> f64 {
    /// Beside it no number has a fraction.
    const NO_FRACTION: f64 = (1_u64 << 52) as f64;
    if number.abs() < NO_FRACTION {
        let moved = NO_FRACTION.copysign(number);
        (number + moved) - moved
    } else {
        number
    }
}

impl Event {
    /// The place of an event that is still to be [put](Self::put).
    pub fn blank() -> Self {
        Self {
            time: 0,
            id: 0,
            filters: 0,
            amounts: [NO_AMOUNT; MAX_AMOUNTS],
            n_odd_amounts: 0,
            values: [0; MAX_DISTINCT],
            entities: [None; MAX_KEYS],
        }
    }

    /// Puts an event of a history into the place of another of the same windows, without the names of its
    /// entities: a replay has grouped its events, and read their columns as [`Windows::time`],
    /// [`Windows::amount`] and [`Windows::filters_passed`] do.
    ///
    /// A number stands for its id and for each of its values: equal numbers below 2^32 for equal values, 0 for
    /// none. So no hash is taken; features are the same, but the state is one to ask and not one to store.
    #[inline]
    pub fn put(
        &mut self,
        time: i64,
        id: u64,
        filters: u64,
        amounts: impl Iterator<Item = Option<i64>>,
        values: impl Iterator<Item = u64>,
    ) {
        (self.time, self.id, self.filters, self.n_odd_amounts) = (time, id, filters, 0);
        let amounts = amounts.map(|amount| amount.unwrap_or(NO_AMOUNT));
        self.amounts.iter_mut().zip(amounts).for_each(|(slot, amount)| *slot = amount);
        self.values.iter_mut().zip(values).for_each(|(slot, value)| *slot = value);
    }

    /// When it happened, in microseconds since 1970 UTC.
    pub fn time(&self) -> i64 {
        self.time
    }

    /// The entity of a key, a position below [`Windows::n_keys`]; none where a value of the key was
    /// missing.
    pub fn entity(&self, key: usize) -> Option<EntityKey> {
        self.entities.get(key).copied().flatten()
    }

    /// How many of its amounts were infinite or beyond [`MAX_AMOUNT`] and are treated as missing.
    pub fn n_odd_amounts(&self) -> u32 {
        self.n_odd_amounts
    }

    pub(in crate::features) fn id(&self) -> u64 {
        self.id
    }

    pub(in crate::features) fn filters(&self) -> u64 {
        self.filters
    }

    #[inline]
    pub(in crate::features) fn amount(&self, slot: usize) -> Option<i64> {
        self.amounts.get(slot).copied().filter(|amount| *amount != NO_AMOUNT)
    }

    #[inline]
    pub(in crate::features) fn value(&self, slot: usize) -> u64 {
        self.values.get(slot).copied().unwrap_or(0)
    }
}
