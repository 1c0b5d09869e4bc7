//! What a model needs besides the parts a test is about.

use crate::artifact::{Contents, Provenance};
use crate::features::Program;
use crate::model::{Calibration, Calibrator, Model, PriorCorrection};
use crate::schema::Schema;

/// A model without calibration, bands and golden records.
pub(super) fn contents_of(schema: Schema, model: Model, program: Program) -> Contents {
    Contents {
        schema,
        program,
        model,
        calibration: Calibration {
            prior: PriorCorrection::LogOdds { shift: 0.0 },
            calibrator: Calibrator::None,
        },
        bands: None,
        golden: Vec::new(),
        reasons: Vec::new(),
        reference: None,
        provenance: Provenance {
            model_name: "bound".to_owned(),
            as_of: None,
            windows: Vec::new(),
            data_fingerprint: [0; 32],
            columns: Vec::new(),
            config: "{}".to_owned(),
            learner: "logistic".to_owned(),
            parameters: "{}".to_owned(),
            code_version: "0.1.0".to_owned(),
        },
    }
}
