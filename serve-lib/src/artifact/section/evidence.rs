//! BANDS, GOLDEN, REASONS, REFERENCE and PROVENANCE, version 1.

use serde::{Deserialize, Serialize};

use super::{Body, Section};
use crate::artifact::contents::{
    Bands, Expected, GoldenRecord, Histogram, OwnedValue, Provenance, ReasonCode, Reference, Window,
};
use crate::error::{ErrorKind, RejectReason};

#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct BandsV1 {
    names: Vec<String>,
    edges: Vec<f64>,
    assumptions: String,
}

#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct GoldenV1 {
    pub(super) records: Vec<GoldenRecordV1>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct GoldenRecordV1 {
    values: Vec<ValueV1>,
    /// 0 for a score, else the reason of a rejection.
    rejected: u16,
    feature: u32,
    margin_bits: u64,
    probability_bits: u64,
}

/// Numbers as their bits, truth values as 0 or 1, whole numbers and times in two's complement.
#[derive(Serialize, Deserialize)]
struct ValueV1 {
    code: u16,
    bits: u64,
    text: String,
}

#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct ReasonsV1 {
    reasons: Vec<ReasonV1>,
}

#[derive(Serialize, Deserialize)]
struct ReasonV1 {
    code: String,
    text: String,
    features: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct ReferenceV1 {
    n_rows: u64,
    features: Vec<HistogramV1>,
    margin: HistogramV1,
}

#[derive(Serialize, Deserialize)]
struct HistogramV1 {
    edges: Vec<f64>,
    weights: Vec<f64>,
    missing: f64,
}

#[derive(Serialize, Deserialize)]
pub(in crate::artifact) struct ProvenanceV1 {
    model_name: String,
    as_of: Option<i64>,
    windows: Vec<WindowV1>,
    data_fingerprint: [u8; 32],
    columns: Vec<ColumnV1>,
    config: String,
    learner: String,
    parameters: String,
    code_version: String,
}

#[derive(Serialize, Deserialize)]
struct WindowV1 {
    name: String,
    from: Option<i64>,
    to: Option<i64>,
    rows: u64,
    frauds: u64,
}

#[derive(Serialize, Deserialize)]
struct ColumnV1 {
    role: String,
    name: String,
}

impl Body for BandsV1 {
    type Content = Bands;
    const SECTION: Section = Section::Bands;

    fn from_content(bands: &Bands) -> Self {
        let Bands { names, edges, assumptions } = bands.clone();
        Self { names, edges, assumptions }
    }

    fn into_content(self) -> Result<Bands, ErrorKind> {
        let Self { names, edges, assumptions } = self;
        Ok(Bands { names, edges, assumptions })
    }
}

impl Body for GoldenV1 {
    type Content = Vec<GoldenRecord>;
    const SECTION: Section = Section::Golden;

    fn suits(records: &Vec<GoldenRecord>) -> bool {
        records.iter().all(|record| record.states.is_empty())
    }

    fn from_content(records: &Vec<GoldenRecord>) -> Self {
        let record = |record: &GoldenRecord| {
            let values = record.values.iter().map(ValueV1::from).collect();
            match record.expected {
                Expected::Score { margin, probability } => GoldenRecordV1 {
                    values,
                    rejected: 0,
                    feature: 0,
                    margin_bits: margin.to_bits(),
                    probability_bits: probability.to_bits(),
                },
                Expected::Rejected { feature, reason } => {
                    let rejected = match reason {
                        RejectReason::Missing => 1,
                        RejectReason::Unseen => 2,
                        RejectReason::OutOfRange => 3,
                    };
                    GoldenRecordV1 {
                        values,
                        rejected,
                        feature,
                        margin_bits: 0,
                        probability_bits: 0,
                    }
                }
            }
        };
        Self { records: records.iter().map(record).collect() }
    }

    fn into_content(self) -> Result<Vec<GoldenRecord>, ErrorKind> {
        let record = |record: GoldenRecordV1| {
            let feature = record.feature;
            let expected = match record.rejected {
                0 => Expected::Score {
                    margin: f64::from_bits(record.margin_bits),
                    probability: f64::from_bits(record.probability_bits),
                },
                1 => Expected::Rejected { feature, reason: RejectReason::Missing },
                2 => Expected::Rejected { feature, reason: RejectReason::Unseen },
                3 => Expected::Rejected { feature, reason: RejectReason::OutOfRange },
                found => return Err(ErrorKind::Code { what: "a rejection", found: found.into() }),
            };
            let values = record.values.into_iter().map(OwnedValue::try_from);
            let values = values.collect::<Result<_, _>>()?;
            Ok(GoldenRecord { values, states: Vec::new(), expected })
        };
        self.records.into_iter().map(record).collect()
    }
}

impl From<&OwnedValue> for ValueV1 {
    fn from(value: &OwnedValue) -> Self {
        let (code, bits, text) = match value {
            OwnedValue::Null => (0, 0, ""),
            OwnedValue::Bool(value) => (1, u64::from(*value), ""),
            OwnedValue::Number(value) => (2, value.to_bits(), ""),
            OwnedValue::Integer(value) => (3, value.cast_unsigned(), ""),
            OwnedValue::Text(value) => (4, 0, value.as_str()),
            OwnedValue::Time(value) => (5, value.cast_unsigned(), ""),
        };
        Self { code, bits, text: text.to_owned() }
    }
}

impl TryFrom<ValueV1> for OwnedValue {
    type Error = ErrorKind;

    fn try_from(value: ValueV1) -> Result<Self, ErrorKind> {
        match value.code {
            0 => Ok(Self::Null),
            1 => Ok(Self::Bool(value.bits == 1)),
            2 => Ok(Self::Number(f64::from_bits(value.bits))),
            3 => Ok(Self::Integer(value.bits.cast_signed())),
            4 => Ok(Self::Text(value.text)),
            5 => Ok(Self::Time(value.bits.cast_signed())),
            found => Err(ErrorKind::Code { what: "a value", found: found.into() }),
        }
    }
}

impl Body for ReasonsV1 {
    type Content = Vec<ReasonCode>;
    const SECTION: Section = Section::Reasons;

    fn from_content(reasons: &Vec<ReasonCode>) -> Self {
        let wire = |reason: &ReasonCode| {
            let ReasonCode { code, text, features } = reason.clone();
            ReasonV1 { code, text, features }
        };
        Self { reasons: reasons.iter().map(wire).collect() }
    }

    fn into_content(self) -> Result<Vec<ReasonCode>, ErrorKind> {
        if self.reasons.is_empty() {
            return Err(ErrorKind::Content {
                what: "the section should be absent without reasons",
            });
        }
        let plain = |reason: ReasonV1| {
            let ReasonV1 { code, text, features } = reason;
            ReasonCode { code, text, features }
        };
        Ok(self.reasons.into_iter().map(plain).collect())
    }
}

impl Body for ReferenceV1 {
    type Content = Reference;
    const SECTION: Section = Section::Reference;

    fn from_content(reference: &Reference) -> Self {
        let wire = |histogram: &Histogram| {
            let Histogram { edges, weights, missing } = histogram.clone();
            HistogramV1 { edges, weights, missing }
        };
        Self {
            n_rows: reference.n_rows,
            features: reference.features.iter().map(wire).collect(),
            margin: wire(&reference.margin),
        }
    }

    fn into_content(self) -> Result<Reference, ErrorKind> {
        let plain = |histogram: HistogramV1| {
            let HistogramV1 { edges, weights, missing } = histogram;
            Histogram { edges, weights, missing }
        };
        Ok(Reference {
            n_rows: self.n_rows,
            features: self.features.into_iter().map(plain).collect(),
            margin: plain(self.margin),
        })
    }
}

impl Body for ProvenanceV1 {
    type Content = Provenance;
    const SECTION: Section = Section::Provenance;

    fn from_content(provenance: &Provenance) -> Self {
        let window = |window: Window| {
            let Window { name, from, to, rows, frauds } = window;
            WindowV1 { name, from, to, rows, frauds }
        };
        let provenance = provenance.clone();
        let columns = provenance.columns.into_iter().map(|(role, name)| ColumnV1 { role, name });
        Self {
            model_name: provenance.model_name,
            as_of: provenance.as_of,
            windows: provenance.windows.into_iter().map(window).collect(),
            data_fingerprint: provenance.data_fingerprint,
            columns: columns.collect(),
            config: provenance.config,
            learner: provenance.learner,
            parameters: provenance.parameters,
            code_version: provenance.code_version,
        }
    }

    fn into_content(self) -> Result<Provenance, ErrorKind> {
        let window = |window: WindowV1| {
            let WindowV1 { name, from, to, rows, frauds } = window;
            Window { name, from, to, rows, frauds }
        };
        Ok(Provenance {
            model_name: self.model_name,
            as_of: self.as_of,
            windows: self.windows.into_iter().map(window).collect(),
            data_fingerprint: self.data_fingerprint,
            columns: self.columns.into_iter().map(|c| (c.role, c.name)).collect(),
            config: self.config,
            learner: self.learner,
            parameters: self.parameters,
            code_version: self.code_version,
        })
    }
}
