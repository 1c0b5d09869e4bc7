//! A state as bytes, for a store of the backend's own.
//!
//! Layout: version (1 byte), the first 8 bytes of the window-program hash, the key's position; for each stream
//! in the plan's order its log, its different values, its frauds; the first 8 bytes of the
//! BLAKE3 hash of all before. Times are in the largest of microseconds, milliseconds and seconds that
//! suits a stream's, as differences; numbers have as many bytes as they need. What a state holds decides its bytes.

mod events;
mod values;

use super::bytes::{Reader, Unsound, put_number};
use super::few::Few;
use super::log::NEVER;
use super::{Distinct, EntityState, Stream};
use crate::Limits;
use crate::features::window::{MAX_TIME, MIN_TIME, StreamPlan, Windows};

/// The version of the layout.
const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 8;
/// More events than any entity has; sums of them fit.
const MAX_COUNT: u64 = 1 << 48;
/// Microseconds of the units of time, the largest first.
const UNITS: [i64; 3] = [1_000_000, 1_000, 1];

/// Why bytes are no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Written by a newer library, or no state at all.
    #[error(
        "state refused: expected version 1, found {found}; update the library if a newer one wrote it"
    )]
    Version {
        /// The first byte.
        found: u8,
    },
    /// More bytes than were allowed.
    #[error("state refused: expected at most {limit} bytes, found {found}")]
    TooLarge {
        /// Most bytes allowed.
        limit: u64,
        /// How many bytes there are.
        found: u64,
    },
    /// Not the bytes that were written.
    #[error(
        "state refused: {n_bytes} bytes whose checksum does not match; it is damaged or cut off"
    )]
    Checksum {
        /// How many bytes there are.
        n_bytes: usize,
    },
    /// The state of another window program.
    #[error(
        "state refused: expected window program {}, found {}; replay history for this model's windows",
        hex(expected),
        hex(found)
    )]
    Program {
        /// The beginning of the hash of the program at hand.
        expected: [u8; 8],
        /// The beginning of the hash of the state's program.
        found: [u8; 8],
    },
    /// The state of an entity of another key.
    #[error(
        "state refused: expected an entity of the key at position {expected}, found one of {found}"
    )]
    Key {
        /// The key asked for.
        expected: u64,
        /// The key of the state.
        found: u64,
    },
    /// What it holds makes no sense.
    #[error("state refused: {what}")]
    Content {
        /// What is wrong.
        what: &'static str,
    },
}

fn hex(bytes: &[u8; 8]) -> String {
    format!("{:016x}…", u64::from_be_bytes(*bytes))
}

impl EntityState {
    /// Appends the state's bytes. States that give the same values for ever give the same bytes, however
    /// they came to be.
    pub fn encode(&self, windows: &Windows, out: &mut Vec<u8>) {
        let start = out.len();
        self.encode_body(windows, out);
        let hash = blake3::hash(out.get(start..).unwrap_or_default());
        out.extend(hash.as_bytes().iter().take(CHECKSUM_BYTES));
    }

    /// All but the checksum.
    fn encode_body(&self, windows: &Windows, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend(program_prefix(windows));
        put_number(out, self.key as u64);
        let plans = windows.keys().get(self.key).map_or(&[][..], |key| &key.streams);
        for (plan, stream) in plans.iter().zip(self.streams.iter()) {
            write_stream(plan, stream, out);
        }
    }

    /// The state of an entity of a key from its bytes. It goes on as the state that was encoded would have.
    ///
    /// # Errors
    /// Bytes that are damaged, of another program or key, or that no encoding gives. Memory grows with
    /// the bytes, never with what they claim.
    pub fn decode(windows: &Windows, key: usize, bytes: &[u8]) -> Result<Self, StateError> {
        Self::decode_within(windows, key, bytes, &Limits::default())
    }

    /// As [`decode`](Self::decode), within limits of one's own.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), and for more bytes than [`Limits::max_state_bytes`].
    pub fn decode_within(
        windows: &Windows,
        key: usize,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Self, StateError> {
        let (limit, found) = (limits.max_state_bytes, bytes.len() as u64);
        if found > limit {
            return Err(StateError::TooLarge { limit, found });
        }
        let content = |what| StateError::Content { what };
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&found) => return Err(StateError::Version { found }),
            None => return Err(StateError::Checksum { n_bytes: 0 }),
        }
        let damaged = StateError::Checksum { n_bytes: bytes.len() };
        let Some((body, checksum)) = bytes.split_last_chunk::<CHECKSUM_BYTES>() else {
            return Err(damaged);
        };
        if !blake3::hash(body).as_bytes().starts_with(checksum) {
            return Err(damaged);
        }
        let mut reader = Reader(body);
        reader.byte().map_err(content)?;
        let (expected, found) = (program_prefix(windows), reader.array().map_err(content)?);
        if expected != found {
            return Err(StateError::Program { expected, found });
        }
        let (expected, found) = (key as u64, reader.number().map_err(content)?);
        if expected != found {
            return Err(StateError::Key { expected, found });
        }
        let plans = windows.keys().get(key).map(|key| &key.streams);
        let plans = plans.ok_or(content("the program has no such key"))?;
        let streams = plans.iter().map(|plan| read_stream(plan, &mut reader));
        let streams = streams.collect::<Result<Few<_>, _>>().map_err(content)?;
        if !reader.0.is_empty() {
            return Err(content("bytes are left over"));
        }
        let state = Self { key, streams };
        // One form for one content: what is left to prove once everything else is.
        let mut again = Vec::with_capacity(body.len());
        state.encode_body(windows, &mut again);
        if again != body {
            return Err(content("its bytes are not in their only form"));
        }
        Ok(state)
    }
}

fn program_prefix(windows: &Windows) -> [u8; 8] {
    windows.hash().first_chunk().copied().unwrap_or_default()
}

/// The unit of time (1 byte), then the parts.
fn write_stream(plan: &StreamPlan, stream: &Stream, out: &mut Vec<u8>) {
    let occurrences = stream.occurrences(plan);
    let events = &stream.events;
    let (base, times) = (events.time(plan, 0), events.times(plan));
    let (fraud_base, frauds) = stream.frauds.base_and_entries();
    let suits = |unit: &&i64| {
        let whole = |time: i64| time.checked_rem(**unit) == Some(0);
        let mut of_values = occurrences.iter().flat_map(|of_word| of_word.iter());
        let mut first_seen = stream.distinct.iter().flat_map(|distinct| distinct.ever.times());
        (base == NEVER || whole(base))
            && times.iter().all(|time| whole(*time))
            && of_values.all(|entry| whole(entry.time))
            && first_seen.all(|(_, time)| whole(*time))
            && frauds.iter().all(|fraud| whole(fraud.time))
    };
    let (code, unit) = (0..).zip(&UNITS).find(|(_, unit)| suits(unit)).unwrap_or((2, &1));
    let clock = Clock { unit: *unit, newest: times.last().copied().unwrap_or(0) };
    out.push(code);
    events::write(plan, events, &clock, out);
    for (plan, distinct) in plan.distinct.iter().zip(stream.distinct.iter()) {
        if let Some(of_word) = plan.word.and_then(|word| occurrences.get(word)) {
            values::write_occurrences(of_word, &times, &clock, out);
        }
        if plan.ever {
            values::write_first_seen(&distinct.ever, &clock, out);
        }
    }
    if plan.labels.is_some() {
        values::write_frauds(plan, fraud_base, frauds, &clock, out);
    }
}

fn read_stream(plan: &StreamPlan, reader: &mut Reader<'_>) -> Result<Stream, Unsound> {
    let unit = UNITS.get(usize::from(reader.byte()?)).ok_or("an unknown unit of time")?;
    let mut clock = Clock { unit: *unit, newest: 0 };
    let events = events::read(plan, &mut clock, reader)?;
    let times = events.times(plan);
    let mut stream = Stream { events, ..Stream::new(plan) };
    for (at, plan_of_it) in plan.distinct.iter().enumerate() {
        if let Some(word) = plan_of_it.word {
            let kept = values::read_occurrences(plan, &times, &clock, reader)?;
            stream.put_occurrences(plan, (at, word), kept);
        }
        if plan_of_it.ever
            && let Some(distinct) = stream.distinct.iter_mut().nth(at)
        {
            distinct.ever = values::read_first_seen(plan.max_events, &clock, reader)?;
        }
    }
    if plan.labels.is_some() {
        stream.frauds = values::read_frauds(plan, &clock, reader)?;
    }
    let has_values = |distinct: &Distinct| {
        let windowed = distinct.windowed.as_ref();
        windowed.is_some_and(|windowed| !windowed.kept().is_empty())
            || !distinct.ever.times().is_empty()
    };
    if times.is_empty() && stream.distinct.iter().any(has_values) {
        return Err("values without an event");
    }
    Ok(stream)
}

/// Times in units, mostly as differences.
struct Clock {
    unit: i64,
    newest: i64,
}

impl Clock {
    fn units(&self, micros: i64) -> i64 {
        micros.checked_div(self.unit).unwrap_or(micros)
    }

    fn ahead(&self, from: i64, to: i64) -> u64 {
        self.units(to.wrapping_sub(from)).cast_unsigned()
    }

    /// How long before the newest event.
    fn before(&self, time: i64) -> u64 {
        self.ahead(time, self.newest)
    }

    /// The time this many units after, or with a negative number before, another.
    fn time(&self, from: i64, units: i64) -> Result<i64, Unsound> {
        let time = units.checked_mul(self.unit).and_then(|micros| micros.checked_add(from));
        time.filter(|time| (MIN_TIME..=MAX_TIME).contains(time)).ok_or("a time cannot be meant")
    }

    fn time_before(&self, reader: &mut Reader<'_>) -> Result<i64, Unsound> {
        let units = i64::try_from(reader.number()?).map_err(|_| "a time cannot be meant")?;
        self.time(self.newest, units.wrapping_neg())
    }
}
