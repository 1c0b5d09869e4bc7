//! The bytes of a program by which it is told from others: names rather than positions, sorted where
//! order means nothing. Two programs of one hash read each other's states.

use super::identity::{Identity, IdentityHasher, Naming};
use super::{Closed, Filter, FilterTest, Measure, WindowFeature, WindowProgram};

/// BLAKE3 of everything that gives states and values their meaning.
pub(super) fn program_hash(program: &WindowProgram, naming: Naming) -> [u8; 32] {
    let mut bytes = Bytes::of_domain(match naming {
        Naming::Blake3 => "shroff window program 1",
        Naming::SipHash => "shroff window program 2",
    });
    bytes.text(&program.time);
    bytes.text(program.event_id.as_deref().unwrap_or_default());
    bytes.number(program.max_events.into());
    let amounts = program.sorted_amounts();
    bytes.number(amounts.len() as u64);
    for amount in amounts {
        bytes.text(&amount.name);
        bytes.number(amount.decimals.into());
    }
    let mut features: Vec<_> = program.features.iter().map(feature).collect();
    features.sort_unstable();
    bytes.number(features.len() as u64);
    for feature in &features {
        bytes.part(feature);
    }
    *blake3::hash(&bytes.0).as_bytes()
}

/// Hashes the ids of an entity, under a key of its own.
pub(super) fn entity_hasher(feature: &WindowFeature, naming: Naming) -> IdentityHasher {
    let mut bytes = Bytes::of_domain("shroff entity 1");
    bytes.part(&key(feature));
    IdentityHasher::keyed_by(&bytes.0, naming)
}

/// Hashes the values of this column, under a key of its own.
pub(super) fn column_hasher(column: &str, naming: Naming) -> IdentityHasher {
    let mut bytes = Bytes::of_domain("shroff column 1");
    bytes.text(column);
    IdentityHasher::keyed_by(&bytes.0, naming)
}

/// The bytes of a feature.
pub(super) fn feature(feature: &WindowFeature) -> Vec<u8> {
    let mut bytes = Bytes(key(feature));
    bytes.part(&filter(feature.filter.as_ref()));
    bytes.number(match feature.measure {
        Measure::Count => 1,
        Measure::Sum(_) => 2,
        Measure::Mean(_) => 3,
        Measure::Max(_) => 4,
        Measure::Min(_) => 5,
        Measure::Std(_) => 6,
        Measure::Distinct(_) => 7,
        Measure::FraudRate => 8,
        Measure::SecondsSinceLast => 9,
        Measure::RatioToMean(_) => 10,
    });
    bytes.text(feature.measure.column().map_or("", |column| column));
    // A window is never 0.
    bytes.number(feature.window_micros.unwrap_or(0).cast_unsigned());
    bytes.number(feature.delay_micros.cast_unsigned());
    bytes.number(match feature.closed {
        Closed::Left => 0,
        Closed::Right => 1,
    });
    bytes.0
}

/// The bytes of a feature's key.
pub(super) fn key(feature: &WindowFeature) -> Vec<u8> {
    let mut bytes = Bytes(Vec::new());
    bytes.number(feature.key.len() as u64);
    feature.sorted_key().into_iter().for_each(|column| bytes.text(column));
    bytes.0
}

/// The bytes of a filter; none has bytes of its own.
pub(super) fn filter(filter: Option<&Filter>) -> Vec<u8> {
    let mut bytes = Bytes(Vec::new());
    let Some(Filter { column, test }) = filter else { return bytes.0 };
    bytes.text(column);
    match test {
        FilterTest::OneOf(values) => {
            let identity = |value| Identity::of_filter(value).bytes();
            let mut values: Vec<_> = values.iter().map(identity).collect();
            values.sort_unstable();
            values.dedup();
            bytes.number(values.len() as u64);
            values.iter().for_each(|value| bytes.part(value));
        }
        FilterTest::Within { low, high } => {
            bytes.number(0);
            // One zero, whatever its sign.
            [low, high].into_iter().for_each(|end| bytes.number((end + 0.0).to_bits()));
        }
    }
    bytes.0
}

struct Bytes(Vec<u8>);

impl Bytes {
    fn of_domain(domain: &str) -> Self {
        let mut bytes = Self(Vec::new());
        bytes.text(domain);
        bytes
    }

    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn part(&mut self, part: &[u8]) {
        self.number(part.len() as u64);
        self.0.extend(part);
    }

    fn text(&mut self, text: &str) {
        self.part(text.as_bytes());
    }
}
