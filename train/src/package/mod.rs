//! From a fitted model to an artifact, in two steps: a draft is written and opened again through
//! serve-lib; what only scoring can tell (calibration, bands, reference, golden records) comes from
//! that; the final artifact adds it, is opened again and must score alike.

mod bands;
mod golden;
mod reference;

pub(crate) use bands::payments;
pub(crate) use reference::bin;

use shroff_serve::artifact::{self, Contents, Provenance, ReasonCode};
use shroff_serve::features::Program;
use shroff_serve::model::{Calibration, Calibrator};
use shroff_serve::{Schema, Score, Scorer};

use crate::calibrate::{self, Method};
use crate::config::{CalibrationMethod, Config};
use crate::error::Error;
use crate::events::Events;
use crate::learner::Fitted;
use crate::metric::Judged;
use crate::scoring;

/// What is put together.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Inputs and features.
    pub schema: Schema,
    /// How inputs become features.
    pub program: Program,
    /// The model and its prior correction.
    pub fitted: Fitted,
    /// What groups of features are called in explanations.
    pub reasons: Vec<ReasonCode>,
    /// Where it came from.
    pub provenance: Provenance,
    /// The events.
    pub events: &'a Events,
    /// Rows of the fit, from which golden records are made.
    pub fit_rows: &'a [usize],
    /// Rows of the calibrate window; empty without one.
    pub calibrate_rows: &'a [usize],
    /// How to calibrate, and how bands are chosen.
    pub config: &'a Config,
}

/// An artifact and the scorer it opens to.
#[derive(Debug)]
pub struct Packaged {
    /// The file.
    pub bytes: Vec<u8>,
    /// What a backend would score with.
    pub scorer: Scorer,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// Puts an artifact together.
///
/// # Errors
/// A row that cannot be scored, or contents that serve-lib refuses.
pub fn package(parts: Parts<'_>) -> Result<Packaged, Error> {
    let Parts { schema, program, fitted, reasons, provenance, .. } = parts;
    let Parts { events, fit_rows, calibrate_rows, config, .. } = parts;
    let mut notes = fitted.notes;
    let mut contents = Contents {
        schema,
        program,
        model: fitted.model,
        calibration: Calibration { prior: fitted.prior, calibrator: Calibrator::None },
        bands: None,
        golden: Vec::new(),
        reasons,
        reference: None,
        provenance,
    };
    let mut draft = reopen_draft(&contents)?;
    let mut calibrate_scores = Vec::new();
    if !calibrate_rows.is_empty() {
        let scores = scoring::score(&draft, events, calibrate_rows)?;
        let mut judged = scoring::judged(config, events, calibrate_rows, &scores);
        contents.calibration.calibrator =
            calibrator(&judged, &contents.calibration, config.calibrate.method, &mut notes)?;
        let probability = |margin: &f64| contents.calibration.probability(*margin);
        judged.probabilities = judged.margins.iter().map(probability).collect();
        contents.bands = bands::choose(config, &judged, &mut notes)?;
        let matrix = scoring::encode(&contents.schema, &contents.program, events, calibrate_rows)?;
        let weights = judged.weights.as_deref();
        let bands = contents.bands.as_ref();
        contents.reference = Some(reference::reference(&matrix, &judged.margins, weights, bands));
        draft = reopen_draft(&contents)?;
        calibrate_scores = scoring::score(&draft, events, calibrate_rows)?;
    }
    contents.golden = golden::golden(&draft, events, fit_rows)?;

    let bytes = artifact::write(&contents)?;
    let scorer = Scorer::from_bytes(&bytes)?;
    if !calibrate_rows.is_empty() {
        let again = scoring::score(&scorer, events, calibrate_rows)?;
        if !calibrate_scores.iter().zip(&again).all(|(a, b)| same_bits(a, b)) {
            return Err(Error::data("the written artifact scores unlike its draft; this is a bug"));
        }
    }
    Ok(Packaged { bytes, scorer, notes })
}

/// A scorer of a model as it was fitted, uncalibrated, to choose among learners by.
///
/// # Errors
/// Contents that serve-lib refuses.
pub fn draft_scorer(
    schema: Schema,
    program: Program,
    fitted: Fitted,
    provenance: Provenance,
) -> Result<Scorer, Error> {
    let calibration = Calibration { prior: fitted.prior, calibrator: Calibrator::None };
    let (bands, golden, reasons, reference) = (None, Vec::new(), Vec::new(), None);
    let model = fitted.model;
    reopen_draft(&Contents {
        schema,
        program,
        model,
        calibration,
        bands,
        golden,
        reasons,
        reference,
        provenance,
    })
}

fn reopen_draft(contents: &Contents) -> Result<Scorer, Error> {
    Ok(Scorer::from_draft(&artifact::write_draft(contents)?)?)
}

fn same_bits(a: &Score, b: &Score) -> bool {
    (a.margin.to_bits(), a.probability.to_bits(), a.band)
        == (b.margin.to_bits(), b.probability.to_bits(), b.band)
}

/// Fitted on the rows of the calibrate window.
fn calibrator(
    judged: &Judged,
    calibration: &Calibration,
    method: CalibrationMethod,
    notes: &mut Vec<String>,
) -> Result<Calibrator, Error> {
    let Judged { labels, margins, .. } = judged;
    let weights = judged.weights.as_deref();
    let log_odds: Vec<f64> =
        margins.iter().map(|margin| calibration.prior.log_odds(*margin)).collect();
    let n_frauds = labels.iter().filter(|label| **label).count();
    let platt = || calibrate::fit_platt(&log_odds, labels, weights).map(Calibrator::Platt);
    let isotonic = || calibrate::fit_isotonic(&log_odds, labels, weights).map(Calibrator::Isotonic);
    let fitted = match method {
        CalibrationMethod::None => Ok(Calibrator::None),
        CalibrationMethod::Platt => platt(),
        CalibrationMethod::Isotonic => isotonic(),
        CalibrationMethod::Auto => match calibrate::choose(n_frauds) {
            Method::Isotonic => isotonic(),
            _ => platt(),
        },
    };
    match fitted {
        Ok(calibrator) => Ok(calibrator),
        Err(calibrate::CalibrateError::Rows(error)) => Err(Error::data(error.to_string())),
        Err(error) => {
            notes.push(format!("not calibrated: {error}"));
            Ok(Calibrator::None)
        }
    }
}
