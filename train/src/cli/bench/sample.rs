//! What is scored: many different records, and the rows that they become.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use shroff_serve::artifact::{GoldenRecord, OwnedValue};
use shroff_serve::features::state::EntityState;
use shroff_serve::features::window::Windows;
use shroff_serve::schema::InputType;
use shroff_serve::{Record, Scorer, Value};

use crate::Error;
use crate::cli::data::{Data, inputs};
use crate::events::value;

/// Most records: with 30 features their rows take 2 MB, more than a core's second-level cache.
const N_RECORDS: usize = 16_384;

/// Records that no policy rejects, in a number that a percentile of one in a thousand can be told of.
pub(super) struct Sample {
    candidates: Vec<Candidate>,
    /// One after the other.
    rows: Vec<f32>,
    n_features: usize,
    n_rejected: usize,
}

/// A record and the values of its velocity features.
struct Candidate {
    values: Vec<OwnedValue>,
    velocity: Vec<f32>,
}

impl Sample {
    /// Of the data, or of the golden records.
    pub(super) fn new(data: Option<&str>, scorer: &Scorer) -> Result<Self, Error> {
        let found = match data {
            Some(data) => first_records(data, scorer)?,
            None => varied(scorer)?,
        };
        let (n_found, n_features) = (found.len(), scorer.schema().features.len());
        let (candidates, rows) = (Vec::new(), Vec::new());
        let mut sample = Self { candidates, rows, n_features, n_rejected: 0 };
        let mut row = vec![0.0; n_features];
        for candidate in found {
            let Candidate { values, velocity } = &candidate;
            if scorer.encode_with(Record::new(&borrowed(values)), velocity, &mut row).is_ok() {
                sample.rows.extend_from_slice(&row);
                sample.candidates.push(candidate);
            }
        }
        sample.n_rejected = n_found - sample.candidates.len();
        if sample.candidates.is_empty() {
            let whose = data.unwrap_or("the golden records");
            return Err(Error::Data(format!(
                "{whose}: expected rows to score, found {n_found}, all rejected by policies of the \
                 model's features; give other DATA"
            )));
        }
        Ok(sample)
    }

    /// Records, each with the values of its velocity features.
    pub(super) fn records(&self) -> Vec<(Vec<Value<'_>>, &[f32])> {
        let candidates = self.candidates.iter();
        candidates.map(|candidate| (borrowed(&candidate.values), &*candidate.velocity)).collect()
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
fn first_records(data: &str, scorer: &Scorer) -> Result<Vec<Candidate>, Error> {
    let data = Data::new(data, scorer)?;
    if scorer.windows().is_some() {
        let events = data.past(scorer, |_| {})?;
        let columns = events.bind(&scorer.schema().inputs)?;
        let candidate = |row| Candidate {
            values: columns.iter().map(|column| value(column, row).into()).collect(),
            velocity: events.velocity.row(row).to_vec(),
        };
        return Ok((0..events.n_rows().min(N_RECORDS)).map(candidate).collect());
    }
    let source = data.source;
    let table = if source.joins.is_empty() && source.query.is_none() {
        match source.fact_source()?.batches(N_RECORDS)?.next() {
            Some(frame) => frame?.take_readable(&inputs(scorer))?,
            None => return Ok(Vec::new()),
        }
    } else {
        source.read_counted(&inputs(scorer), None)?.0
    };
    let candidate = |row| Candidate {
        values: table.columns().map(|(_, column)| value(column, row).into()).collect(),
        velocity: Vec::new(),
    };
    Ok((0..table.n_rows().min(N_RECORDS)).map(candidate).collect())
}

/// Records with each value of another golden record, numbers and times varied a little.
fn varied(scorer: &Scorer) -> Result<Vec<Candidate>, Error> {
    let golden = &scorer.contents().golden;
    let velocity = golden.iter().map(|golden| velocity_of(scorer, golden));
    let velocity = velocity.collect::<Result<Vec<_>, _>>()?;
    let mut dice = Pcg64::seed_from_u64(1);
    // A golden record, and a change from -1 up to 1.
    let mut draw = || {
        let origin = dice.next_u64() as usize % golden.len();
        (origin, dice.next_u32() as f64 / f64::from(1_u32 << 31) - 1.0)
    };
    let mut value = |input: usize| {
        let (origin, change) = draw();
        match &golden[origin].values[input] {
            // An id with a fraction is none.
            id if scorer.schema().inputs[input].input_type == InputType::Key => id.clone(),
            OwnedValue::Number(value) => OwnedValue::Number(value * (1.0 + change / 16.0)),
            OwnedValue::Integer(value) => OwnedValue::Number(*value as f64 * (1.0 + change / 16.0)),
            OwnedValue::Time(micros) => {
                OwnedValue::Time(micros.saturating_add((change * DAY_MICROS) as i64))
            }
            other => other.clone(),
        }
    };
    let n_inputs = scorer.schema().inputs.len();
    let values: Vec<_> = (0..N_RECORDS).map(|_| (0..n_inputs).map(&mut value).collect()).collect();
    let n_velocity = scorer.windows().map_or(0, Windows::n_features);
    let mut velocity = |feature: usize| {
        let (origin, change) = draw();
        velocity[origin][feature] * (1.0 + change as f32 / 16.0)
    };
    let candidate =
        |values| Candidate { values, velocity: (0..n_velocity).map(&mut velocity).collect() };
    Ok(values.into_iter().map(candidate).collect())
}

/// The velocity features of a golden record, by the states that it comes with.
fn velocity_of(scorer: &Scorer, golden: &GoldenRecord) -> Result<Vec<f32>, Error> {
    let Some(windows) = scorer.windows() else { return Ok(Vec::new()) };
    let unsound = |error: &dyn std::fmt::Display| Error::Data(format!("a golden record: {error}"));
    let decode = |(key, bytes): (usize, &Option<Vec<u8>>)| {
        bytes.as_ref().map(|bytes| EntityState::decode(windows, key, bytes)).transpose()
    };
    let states = golden.states.iter().enumerate().map(decode).collect::<Result<Vec<_>, _>>();
    let states = states.map_err(|error| unsound(&error))?;
    let states: Vec<Option<&EntityState>> = states.iter().map(Option::as_ref).collect();
    let event = scorer.event(Record::new(&borrowed(&golden.values)));
    let event = event.map_err(|error| unsound(&error))?;
    let mut velocity = vec![f32::NAN; windows.n_features()];
    windows.features(&event, &states, &mut velocity);
    Ok(velocity)
}

const DAY_MICROS: f64 = 86_400e6;
