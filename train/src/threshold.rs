//! From a budget of false alarms to a threshold on the score.

use crate::metric::Ranking;

/// The lowest score `t` such that alarming every row with `score >= t` alarms at most the share
/// `limit` (0 to 1) of the legitimate rows; `None` when even the highest score alarms more, or when
/// no row is legitimate.
///
/// The threshold is the very score of the last row that alarms, not a point between it and the
/// next: a band edge is compared as `margin >= edge` on the same bits that chose it. Cost: a binary
/// search.
pub fn threshold_at_fpr(ranking: &Ranking, limit: f64) -> Option<f64> {
    ranking.lowest_at_fpr(limit).map(|group| group.score)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Scored;
    use crate::metric::sample::Rows;

    #[test]
    fn worked_by_hand() {
        // 4 legitimate | 3 fraud, legitimate | 2 fraud | 1 legitimate, legitimate
        let labels = [false, true, false, true, false, false];
        let scores = [4.0, 3.0, 3.0, 2.0, 1.0, 1.0];
        let ranking = Ranking::new(&Scored::new(&labels, &scores, None).unwrap());
        assert_eq!(threshold_at_fpr(&ranking, 0.2), None); // 4 alone is 1 of 4
        assert_eq!(threshold_at_fpr(&ranking, 0.25), Some(4.0));
        assert_eq!(threshold_at_fpr(&ranking, 0.5), Some(2.0)); // the fraud at 2 costs nothing more
        assert_eq!(threshold_at_fpr(&ranking, 1.0), Some(1.0));
        assert_eq!(threshold_at_fpr(&ranking, f64::NAN), None);
        let frauds = Ranking::new(&Scored::new(&[true], &[1.0], None).unwrap());
        assert_eq!(threshold_at_fpr(&frauds, 0.5), None);
    }

    #[test]
    fn equals_a_loop_over_all_scores() {
        for seed in 0..30 {
            let Rows { labels, scores, weights } = Rows::seeded(seed, 120);
            let ranking = Ranking::new(&Scored::new(&labels, &scores, Some(&weights)).unwrap());
            let legitimate = |t: f64| -> f64 {
                let hit = |i: &usize| !labels[*i] && scores[*i] >= t;
                (0..120).filter(hit).map(|i| weights[i]).sum()
            };
            for limit in [0.0, 0.02, 0.1, 0.5] {
                let fits =
                    |i: &usize| legitimate(scores[*i]) / legitimate(f64::NEG_INFINITY) <= limit;
                let counted = (0..120).filter(|&i| weights[i] > 0.0);
                let lowest = counted.filter(fits).map(|i| scores[i]).min_by(f64::total_cmp);
                assert_eq!(threshold_at_fpr(&ranking, limit), lowest);
            }
        }
    }
}
