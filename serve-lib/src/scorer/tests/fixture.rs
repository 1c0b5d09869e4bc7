//! What a model needs besides the parts a test is about; and whole models, opened once for all tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Scorer;
use crate::artifact::{Contents, Provenance};
use crate::features::Program;
use crate::model::{Calibration, Calibrator, Model, PriorCorrection};
use crate::schema::Schema;

/// A golden artifact, such as `v1/linear`.
pub(crate) fn golden(name: &'static str) -> Arc<Scorer> {
    static OPENED: Mutex<BTreeMap<&str, Arc<Scorer>>> = Mutex::new(BTreeMap::new());
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let open = || {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden");
        Arc::new(Scorer::open(format!("{folder}/{name}.shroff")).expect("it opens"))
    };
    Arc::clone(opened.entry(name).or_insert_with(open))
}

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
