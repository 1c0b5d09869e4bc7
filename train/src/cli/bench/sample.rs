//! What is scored: many different records, and the rows that they become.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use shroff_serve::artifact::OwnedValue;
use shroff_serve::{Record, Scorer, Value};

use crate::Error;
use crate::cli::data::{Data, inputs};
use crate::events::value;

/// Most records: with 30 features their rows take 2 MB, more than a core's second-level cache.
const N_RECORDS: usize = 16_384;

/// Records that no policy rejects, in a number that a percentile of one in a thousand can be told of.
pub(super) struct Sample {
    records: Vec<Vec<OwnedValue>>,
    /// One after the other.
    rows: Vec<f32>,
    n_features: usize,
    n_rejected: usize,
}

impl Sample {
    /// Of the data, or of the golden records.
    pub(super) fn new(data: Option<&str>, scorer: &Scorer) -> Result<Self, Error> {
        let candidates = match data {
            Some(data) => first_records(data, scorer)?,
            None => varied(scorer),
        };
        let (n_candidates, n_features) = (candidates.len(), scorer.schema().features.len());
        let mut sample = Self { records: Vec::new(), rows: Vec::new(), n_features, n_rejected: 0 };
        let mut row = vec![0.0; n_features];
        for record in candidates {
            if scorer.encode(Record::new(&borrowed(&record)), &mut row).is_ok() {
                sample.rows.extend_from_slice(&row);
                sample.records.push(record);
            }
        }
        sample.n_rejected = n_candidates - sample.records.len();
        if sample.records.is_empty() {
            let whose = data.unwrap_or("the golden records");
            return Err(Error::Data(format!(
                "{whose}: expected rows to score, found {n_candidates}, all rejected by policies of the \
                 model's features; give other DATA"
            )));
        }
        Ok(sample)
    }

    pub(super) fn records(&self) -> Vec<Vec<Value<'_>>> {
        self.records.iter().map(|record| borrowed(record)).collect()
    }

    pub(super) fn rows(&self) -> &[f32] {
        &self.rows
    }

    pub(super) fn row(&self, at: usize) -> &[f32] {
        &self.rows[at * self.n_features..][..self.n_features]
    }

    pub(super) fn n_rejected(&self) -> usize {
        self.n_rejected
    }
}

fn borrowed(record: &[OwnedValue]) -> Vec<Value<'_>> {
    record.iter().map(OwnedValue::as_value).collect()
}

/// The first records of DATA.
fn first_records(data: &str, scorer: &Scorer) -> Result<Vec<Vec<OwnedValue>>, Error> {
    let source = Data::new(data, scorer)?.source;
    let table = if source.joins.is_empty() && source.query.is_none() {
        match source.fact_source()?.batches(N_RECORDS)?.next() {
            Some(frame) => frame?.take_readable(&inputs(scorer))?,
            None => return Ok(Vec::new()),
        }
    } else {
        source.read_counted(&inputs(scorer), None)?.0
    };
    let record = |row| table.columns().map(|(_, column)| value(column, row).into()).collect();
    Ok((0..table.n_rows().min(N_RECORDS)).map(record).collect())
}

/// Records with each value of another golden record, numbers and times varied a little.
fn varied(scorer: &Scorer) -> Vec<Vec<OwnedValue>> {
    let golden = &scorer.contents().golden;
    let mut dice = Pcg64::seed_from_u64(1);
    let mut value = |input: usize| {
        let origin = dice.next_u64() as usize % golden.len();
        // From -1 up to 1.
        let change = dice.next_u32() as f64 / f64::from(1_u32 << 31) - 1.0;
        match &golden[origin].values[input] {
            OwnedValue::Number(value) => OwnedValue::Number(value * (1.0 + change / 16.0)),
            OwnedValue::Integer(value) => OwnedValue::Number(*value as f64 * (1.0 + change / 16.0)),
            OwnedValue::Time(micros) => {
                OwnedValue::Time(micros.saturating_add((change * DAY_MICROS) as i64))
            }
            other => other.clone(),
        }
    };
    let n_inputs = scorer.schema().inputs.len();
    (0..N_RECORDS).map(|_| (0..n_inputs).map(&mut value).collect()).collect()
}

const DAY_MICROS: f64 = 86_400e6;
