//! Any rows on any valid model: every engine of this machine gives the bits of the definition.

use shroff_serve::artifact::write_draft;
use shroff_serve::{Score, Scorer};

use super::choices::Choices;
use super::generate::contents;
use super::score::{check_against_definition, score_anything};

/// The bytes are choices: a model, then rows.
pub fn rows(bytes: &[u8]) -> bool {
    let mut choices = Choices(bytes);
    let contents = contents(&mut choices);
    let bytes = write_draft(&contents).expect("what is generated is valid");
    let mut scorer = Scorer::from_draft(&bytes).expect("what is written can be read");
    assert_eq!(scorer.contents().model, contents.model, "what is read is what was written");
    let n_features = contents.schema.features.len();
    // More than a block of 64, in steps that shift.
    let values: Vec<f32> = (0..97).map(|_| choices.value()).collect();
    let rows: Vec<f32> = (0..67 * n_features).map(|i| values[i * 31 % 97]).collect();
    for name in scorer.engine_names(false) {
        assert!(scorer.force_engine(name), "{name}");
        for row in rows.chunks_exact(n_features).take(6) {
            let score = scorer.score(row).expect("the row has the length of the schema");
            check_against_definition(&contents.model, row, score.margin);
        }
    }
    for name in scorer.engine_names(true) {
        assert!(scorer.force_engine(name), "{name}");
        let mut scores = [Score::UNSET; 67];
        scorer.score_rows(&rows, &mut scores).expect("as many as there are rows");
        for (row, score) in rows.chunks_exact(n_features).zip(scores) {
            check_against_definition(&contents.model, row, score.margin);
        }
    }
    score_anything(&scorer, &bytes);
    true
}
