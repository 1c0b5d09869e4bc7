//! Batches score as their rows do, to the bit, and allocate nothing.

use super::{Bits, N_FEATURES, Score, bits, scorer};

#[test]
fn batches_score_as_their_rows_do() {
    let scorer = scorer();
    let rows: Vec<f32> = (0..7 * N_FEATURES)
        .map(|at| if at % 11 == 0 { f32::NAN } else { (at % 13) as f32 / 4.0 })
        .collect();
    let columns: Vec<Vec<f32>> = (0..N_FEATURES)
        .map(|feature| rows.iter().skip(feature).step_by(N_FEATURES).copied().collect())
        .collect();
    let columns: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
    let alone: Vec<Bits> = rows.chunks(N_FEATURES).map(|row| bits(scorer.score(row))).collect();
    let (mut by_row, mut by_column) = ([Score::UNSET; 7], [Score::UNSET; 7]);
    let batches = allocation_counter::measure(|| {
        scorer.score_rows(&rows, &mut by_row).expect("the lengths fit");
        scorer.score_columns(&columns, &mut by_column).expect("the lengths fit");
    });
    assert_eq!(batches.count_total, 0);
    for scores in [by_row, by_column] {
        assert_eq!(scores.map(|score| bits(Ok(score))).to_vec(), alone);
    }

    let (n_values, n_short) = (7 * N_FEATURES, 6 * N_FEATURES);
    let mut scores = [Score::UNSET; 7];
    let error = scorer.score_rows(&rows[..n_short], &mut scores).expect_err("a row is missing");
    let expected = format!(
        "expected {n_values} values, a row of all features for each score, found {n_short}"
    );
    assert_eq!(error.to_string(), expected);
    let error = scorer.score_columns(&columns[1..], &mut scores).expect_err("a column is missing");
    assert_eq!(error.to_string(), "expected 9 columns, one for each feature, found 8");
    let error = scorer.score_columns(&columns, &mut scores[1..]).expect_err("too few scores");
    assert_eq!(error.to_string(), "expected 6 values in each column, one for each score, found 7");
    assert!(scores.iter().all(|score| score.margin.is_nan()), "nothing was written");
    assert!(scorer.score_rows(&[], &mut []).is_ok());
}
