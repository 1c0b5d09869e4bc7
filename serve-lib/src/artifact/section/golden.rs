//! GOLDEN, version 2: records with the states of their entities.

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::evidence::{GoldenRecordV1, GoldenV1};
use super::{Body, Section};
use crate::artifact::contents::GoldenRecord;
use crate::error::ErrorKind;
use crate::features::window::MAX_KEYS;

#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct GoldenV2 {
    records: Vec<GoldenRecordV2>,
}

#[derive(Serialize, Deserialize)]
struct GoldenRecordV2 {
    record: GoldenRecordV1,
    #[serde(deserialize_with = "states")]
    states: Vec<Option<Vec<u8>>>,
}

/// No more than there can be keys: a state that is none is one byte of the file and many of memory.
fn states<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Option<Vec<u8>>>, D::Error> {
    struct States;

    impl<'de> Visitor<'de> for States {
        type Value = Vec<Option<Vec<u8>>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MAX_KEYS} states")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
            let mut states = Vec::new();
            while let Some(state) = from.next_element()? {
                if states.len() == MAX_KEYS {
                    return Err(A::Error::custom("more states than there can be keys"));
                }
                states.push(state);
            }
            Ok(states)
        }
    }

    from.deserialize_seq(States)
}

impl Body for GoldenV2 {
    type Content = Vec<GoldenRecord>;
    const SECTION: Section = Section::Golden;
    const VERSION: u16 = 2;

    fn suits(records: &Vec<GoldenRecord>) -> bool {
        !GoldenV1::suits(records)
    }

    fn from_content(records: &Vec<GoldenRecord>) -> Self {
        let states = records.iter().map(|record| record.states.clone());
        let with_states = |(record, states)| GoldenRecordV2 { record, states };
        let GoldenV1 { records } = GoldenV1::from_content(records);
        Self { records: records.into_iter().zip(states).map(with_states).collect() }
    }

    fn into_content(self) -> Result<Vec<GoldenRecord>, ErrorKind> {
        let (records, states): (Vec<_>, Vec<_>) =
            self.records.into_iter().map(|it| (it.record, it.states)).unzip();
        let mut records = GoldenV1 { records }.into_content()?;
        records.iter_mut().zip(states).for_each(|(record, states)| record.states = states);
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;

    #[test]
    fn states_are_no_more_than_keys() {
        // One record without values, rejected by nothing, and very many states that are none.
        let n_states: u64 = if cfg!(miri) { 10_000 } else { 1_000_000 };
        let mut bytes = 1_u64.to_le_bytes().to_vec();
        bytes.extend([0; 8 + 2 + 4 + 8 + 8]);
        bytes.extend(n_states.to_le_bytes());
        bytes.resize(bytes.len() + n_states as usize, 0);
        let allocated = allocation_counter::measure(|| {
            let (kind, used) = decode::<GoldenV2>(&bytes).expect_err("too many");
            assert!(kind.to_string().contains("more states than there can be keys"), "{kind}");
            assert!(used < 100, "{used} bytes were read");
        });
        assert!(allocated.bytes_max < 4_096, "found {} bytes", allocated.bytes_max);
    }
}
