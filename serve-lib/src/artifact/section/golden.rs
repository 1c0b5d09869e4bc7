//! GOLDEN, version 2: records with the states of their entities.

use serde::{Deserialize, Serialize};

use super::evidence::{GoldenRecordV1, GoldenV1};
use super::{Body, Section};
use crate::artifact::contents::GoldenRecord;
use crate::error::ErrorKind;

#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct GoldenV2 {
    records: Vec<GoldenRecordV2>,
}

#[derive(Serialize, Deserialize)]
struct GoldenRecordV2 {
    record: GoldenRecordV1,
    states: Vec<Option<Vec<u8>>>,
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
