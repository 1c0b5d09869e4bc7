//! Rows sorted by score once, for every measure that depends on their order alone.

use super::{Scored, order};
use crate::hash::NumberMap;

/// The distinct scores in descending order, each with what an alarm at that score would catch.
///
/// An alarm at threshold `t` is every row with `score >= t`, so rows of equal score rise or stay
/// together and no measure depends on the order of the rows. `-0.0` and `0.0` are one score. Rows
/// of weight 0 are left out. Building costs one pass over the rows where they have few different scores, as
/// those of a few trees have, else a sort of them; every measure afterwards is linear in the number of groups
/// or cheaper.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    groups: Vec<ScoreGroup>,
}

/// The rows that share one score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreGroup {
    /// The score, on the scale of the input.
    pub score: f64,
    /// Weight of all frauds with this score or a higher one.
    pub true_positives: f64,
    /// Weight of all legitimate rows with this score or a higher one.
    pub false_positives: f64,
}

impl ScoreGroup {
    /// Weight of all rows with this score or a higher one, above 0.
    pub fn alarmed(&self) -> f64 {
        self.true_positives + self.false_positives
    }

    /// Share of frauds among these, 0 to 1.
    pub fn precision(&self) -> f64 {
        self.true_positives / self.alarmed()
    }
}

impl Ranking {
    /// Groups the rows by score.
    pub fn new(scored: &Scored<'_>) -> Self {
        let by_score = of_few(scored).unwrap_or_else(|| of_sorted(scored));
        let (mut true_positives, mut false_positives) = (0.0, 0.0);
        let up_to = |(key, own): (u64, Weights)| {
            true_positives += own.frauds;
            false_positives += own.legitimate;
            ScoreGroup { score: order::score(key), true_positives, false_positives }
        };
        let mut groups: Vec<ScoreGroup> = by_score.into_iter().map(up_to).collect();
        groups.shrink_to_fit();
        Self { groups }
    }

    /// The groups, highest score first; at least one.
    pub fn groups(&self) -> &[ScoreGroup] {
        &self.groups
    }

    /// Weight of all frauds.
    pub fn fraud_weight(&self) -> f64 {
        self.groups.last().map_or(0.0, |group| group.true_positives)
    }

    /// Weight of all legitimate rows.
    pub fn legitimate_weight(&self) -> f64 {
        self.groups.last().map_or(0.0, |group| group.false_positives)
    }

    /// Area under the ROC curve, 0 to 1: how often a fraud scores above a legitimate row, ties
    /// counting half. `None` when either class is absent.
    pub fn roc_auc(&self) -> Option<f64> {
        let pairs = self.fraud_weight() * self.legitimate_weight();
        let (mut ordered, mut above, mut alarmed) = (0.0, 0.0, 0.0);
        for group in &self.groups {
            // Each legitimate row of the group lies below the frauds above it and ties with those
            // beside it.
            let legitimate = group.false_positives - alarmed;
            ordered += legitimate * (above + group.true_positives) / 2.0;
            (above, alarmed) = (group.true_positives, group.false_positives);
        }
        (pairs > 0.0).then(|| ordered / pairs)
    }

    /// Average precision, 0 to 1: the sum of `(R_n - R_{n-1}) P_n` over the distinct scores in
    /// descending order, without interpolation. 1 when every row is a fraud; `None` when none is.
    ///
    /// # Source
    /// The definition of scikit-learn's `average_precision_score`.
    pub fn average_precision(&self) -> Option<f64> {
        let frauds = self.fraud_weight();
        let (mut sum, mut above) = (0.0, 0.0);
        for group in &self.groups {
            sum += (group.true_positives - above) * group.precision();
            above = group.true_positives;
        }
        (frauds > 0.0).then(|| sum / frauds)
    }

    /// The greatest recall, 0 to 1, of any threshold whose false-positive rate is at most `limit`,
    /// without interpolation: 0 when even the highest score alarms too many. `None` when either
    /// class is absent.
    pub fn recall_at_fpr(&self, limit: f64) -> Option<f64> {
        let (frauds, legitimate) = (self.fraud_weight(), self.legitimate_weight());
        let caught = self.lowest_at_fpr(limit).map_or(0.0, |group| group.true_positives);
        (frauds > 0.0 && legitimate > 0.0).then(|| caught / frauds)
    }

    /// Area under the ROC curve for false-positive rates from 0 to `limit` (above 0, at most 1),
    /// standardised: 0.5 is what a random order has, 1 the most there is. The curve is straight between
    /// two distinct scores, and cut at `limit`. `None` when either class is absent, or for another
    /// limit.
    ///
    /// # Source
    /// McClish, Analyzing a Portion of the ROC Curve (1989), as scikit-learn's
    /// `roc_auc_score(max_fpr=limit)`.
    pub fn partial_roc_auc(&self, limit: f64) -> Option<f64> {
        let (frauds, legitimate) = (self.fraud_weight(), self.legitimate_weight());
        if !(frauds > 0.0 && legitimate > 0.0 && limit > 0.0 && limit <= 1.0) {
            return None;
        }
        let (mut area, mut recall, mut rate) = (0.0, 0.0, 0.0);
        for group in &self.groups {
            let (next_recall, next_rate) =
                (group.true_positives / frauds, group.false_positives / legitimate);
            if next_rate > limit {
                let share = (limit - rate) / (next_rate - rate);
                let cut = recall + share * (next_recall - recall);
                area += (limit - rate) * (recall + cut) / 2.0;
                break;
            }
            area += (next_rate - rate) * (recall + next_recall) / 2.0;
            (recall, rate) = (next_recall, next_rate);
        }
        let random = limit * limit / 2.0;
        Some(0.5 * (1.0 + (area - random) / (limit - random)))
    }

    /// Share of frauds among the rows that alarm, 0 to 1, at the threshold of
    /// [`recall_at_fpr`](Self::recall_at_fpr). `None` when no row alarms there, or a class is absent.
    pub fn precision_at_fpr(&self, limit: f64) -> Option<f64> {
        let group = self.lowest_at_fpr(limit)?;
        (self.fraud_weight() > 0.0).then(|| group.precision())
    }

    /// What an alarm at this threshold would catch: the lowest group with a score of at least
    /// `threshold`. `None` when none has. Cost: a binary search.
    pub fn at_or_above(&self, threshold: f64) -> Option<&ScoreGroup> {
        let n_above = self.groups.partition_point(|group| group.score >= threshold);
        self.groups[..n_above].last()
    }

    /// The lowest group down to which at most so much weight alarms; `None` when the highest score
    /// alone has more. Cost: a binary search.
    pub fn lowest_with_alarms(&self, limit: f64) -> Option<&ScoreGroup> {
        let n_within = self.groups.partition_point(|group| group.alarmed() <= limit);
        self.groups[..n_within].last()
    }

    /// The lowest group down to which the false-positive rate is at most `limit`; `None` when the
    /// highest score alone exceeds it, or when no row is legitimate.
    pub fn lowest_at_fpr(&self, limit: f64) -> Option<&ScoreGroup> {
        let legitimate = self.legitimate_weight();
        // Dividing rounds 3/1000 to the very number that the literal 0.003 stands for; multiplying
        // would not.
        let within = |group: &ScoreGroup| group.false_positives / legitimate <= limit;
        let n_within = self.groups.partition_point(within);
        self.groups[..n_within].last()
    }
}

/// Weights of the rows of one score, each summed in the order of the rows: the same rows give the same bits,
/// however they were grouped.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Weights {
    frauds: f64,
    legitimate: f64,
}

impl Weights {
    fn add(&mut self, is_fraud: bool, weight: f64) {
        *(if is_fraud { &mut self.frauds } else { &mut self.legitimate }) += weight;
    }
}

/// Most different scores for which rows are not sorted: a table of them lies in a processor's nearest memory.
const FEW_SCORES: usize = 4_096;

/// The keys of the scores in ascending order with the weights of their rows; none where there are more than
/// [`FEW_SCORES`].
fn of_few(scored: &Scored<'_>) -> Option<Vec<(u64, Weights)>> {
    let mut by_key: NumberMap<u64, Weights> = NumberMap::default();
    for (is_fraud, score, weight) in scored.rows().filter(|(_, _, weight)| *weight > 0.0) {
        by_key.entry(order::key(score)).or_default().add(is_fraud, weight);
        if by_key.len() > FEW_SCORES {
            return None;
        }
    }
    let mut by_score: Vec<(u64, Weights)> = by_key.into_iter().collect();
    by_score.sort_unstable_by_key(|(key, _)| *key);
    Some(by_score)
}

/// As [`of_few`], of any number of different scores: a sort, on all threads.
fn of_sorted(scored: &Scored<'_>) -> Vec<(u64, Weights)> {
    let sorted = order::sorted(scored);
    let mut by_score: Vec<(u64, Weights)> = Vec::with_capacity(sorted.len());
    for entry in sorted {
        let weight = scored.weight(entry.row as usize);
        if weight <= 0.0 {
            continue;
        }
        if by_score.last().is_none_or(|(key, _)| *key != entry.key) {
            by_score.push((entry.key, Weights::default()));
        }
        by_score.last_mut().into_iter().for_each(|(_, own)| own.add(entry.is_fraud, weight));
    }
    by_score
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::metric::sample::{Rows, close};

    fn ranking(labels: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Ranking {
        Ranking::new(&Scored::new(labels, scores, weights).unwrap())
    }

    #[test]
    fn worked_by_hand() {
        // 0.9 fraud | 0.7 fraud, legitimate | 0.0 legitimate | -1 fraud, legitimate: 3 frauds, 3
        // legitimate.
        let labels = [false, true, true, false, false, true];
        let scores = [0.7, 0.9, 0.7, 0.0, -1.0, -1.0];
        let r = ranking(&labels, &scores, None);
        // Pairs: 0.9 beats 3; 0.7 ties 1 and beats 2; -1 ties 1. (3 + 2.5 + 0.5) / 9.
        close(r.roc_auc().unwrap(), 6.0 / 9.0, 1e-15);
        // Recall steps of 1/3 at precisions 1/1, 2/3 and 3/6.
        close(r.average_precision().unwrap(), (1.0 + 2.0 / 3.0 + 0.5) / 3.0, 1e-15);
        // One third of the legitimate rows may alarm: down to 0.7, which catches two of three
        // frauds.
        close(r.recall_at_fpr(1.0 / 3.0).unwrap(), 2.0 / 3.0, 1e-15);
        close(r.recall_at_fpr(0.3).unwrap(), 1.0 / 3.0, 1e-15);

        // The legitimate row at 0.0 now counts four times: 3 beats 6, 0.7 ties 1 and beats 5, -1
        // ties 1, of 18.
        let r = ranking(&labels, &scores, Some(&[1.0, 1.0, 1.0, 4.0, 1.0, 1.0]));
        close(r.roc_auc().unwrap(), (6.0 + 5.5 + 0.5) / 18.0, 1e-15);
        close(r.average_precision().unwrap(), (1.0 + 2.0 / 3.0 + 3.0 / 9.0) / 3.0, 1e-15);
    }

    #[test]
    fn few_scores_are_grouped_as_if_they_were_sorted() {
        for seed in 0..20 {
            let Rows { labels, mut scores, mut weights } = Rows::seeded(seed, 500);
            weights.iter_mut().for_each(|weight| *weight *= 0.1);
            scores[7] = -0.0;
            let scored = Scored::new(&labels, &scores, Some(&weights)).unwrap();
            assert_eq!(of_few(&scored), Some(of_sorted(&scored)));
        }
        let scores: Vec<f64> = (0..=FEW_SCORES).map(|row| row as f64).collect();
        let labels = vec![true; scores.len()];
        assert_eq!(of_few(&Scored::new(&labels, &scores, None).unwrap()), None);
        let fewer = Scored::new(&labels[1..], &scores[1..], None).unwrap();
        assert_eq!(of_few(&fewer).unwrap().len(), FEW_SCORES);
    }

    #[test]
    fn below_a_rate_and_above_a_threshold() {
        let labels = [false, true, true, false, false, true];
        let r = ranking(&labels, &[0.7, 0.9, 0.7, 0.0, -1.0, -1.0], None);
        // The curve runs (0, 0) (0, 1/3) (1/3, 2/3) (2/3, 2/3) (1, 1). Up to 1/3 its area is 1/6, of
        // 1/3 at most and 1/18 at random; up to 1/6, halfway to 2/3, it is (1/3 + 1/2) / 2 / 6 = 5/72,
        // of 1/6 and 1/72.
        close(r.partial_roc_auc(1.0 / 3.0).unwrap(), 0.5 * (1.0 + 2.0 / 5.0), 1e-15);
        close(r.partial_roc_auc(1.0 / 6.0).unwrap(), 0.5 * (1.0 + 4.0 / 11.0), 1e-15);
        assert_eq!((r.partial_roc_auc(0.0), r.partial_roc_auc(1.5)), (None, None));
        close(r.precision_at_fpr(1.0 / 3.0).unwrap(), 2.0 / 3.0, 1e-15);
        let score = |group: Option<&ScoreGroup>| group.map(|group| group.score);
        assert_eq!(score(r.at_or_above(0.7)), Some(0.7));
        assert_eq!(score(r.at_or_above(0.71)), Some(0.9));
        assert_eq!(score(r.at_or_above(1.0)), None);
        // 0.9 alarms one row, 0.7 three, 0.0 four.
        assert_eq!(score(r.lowest_with_alarms(0.5)), None);
        assert_eq!(score(r.lowest_with_alarms(2.9)), Some(0.9));
        assert_eq!(score(r.lowest_with_alarms(4.0)), Some(0.0));
    }

    #[test]
    fn absent_classes_and_equal_scores() {
        let frauds = ranking(&[true, true], &[1.0, 2.0], None);
        assert_eq!((frauds.roc_auc(), frauds.recall_at_fpr(0.1)), (None, None));
        assert_eq!(frauds.average_precision(), Some(1.0));
        let legitimate = ranking(&[true, false], &[1.0, 2.0], Some(&[0.0, 1.0]));
        assert_eq!((legitimate.roc_auc(), legitimate.average_precision()), (None, None));

        // Nothing to choose by: AUC one half, AP the base rate, no alarm within the limit.
        let flat = ranking(&[true, false, false, false], &[0.0, -0.0, 0.0, -0.0], None);
        assert_eq!(flat.groups().len(), 1);
        assert_eq!(flat.roc_auc(), Some(0.5));
        assert_eq!(flat.average_precision(), Some(0.25));
        assert_eq!(flat.recall_at_fpr(0.99), Some(0.0));
    }

    #[test]
    fn a_limit_met_exactly_is_met() {
        // 1000 legitimate rows with scores 0..999: k of 1000 alarm at 1000 - k.
        let labels = vec![false; 1000];
        let scores: Vec<f64> = (0..1000).map(f64::from).collect();
        let r = ranking(&labels, &scores, None);
        for (limit, score) in [(0.001, 999.0), (0.003, 997.0), (0.005, 995.0), (0.007, 993.0)] {
            assert_eq!(r.lowest_at_fpr(limit).map(|group| group.score), Some(score));
        }
    }

    #[test]
    fn equals_loops_over_all_pairs_and_thresholds() {
        for seed in 0..30 {
            let rows = Rows::seeded(seed, 150);
            for weights in [None, Some(rows.weights.as_slice())] {
                let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
                // What `score >= t` alarms, as weight of the rows with this label.
                let alarmed = |t: f64, label: bool| -> f64 {
                    let hit = |i: &usize| rows.labels[*i] == label && rows.scores[*i] >= t;
                    (0..150).filter(hit).map(weight).sum()
                };
                let all = f64::NEG_INFINITY;
                let (mut wins, mut average_precision, mut before) = (0.0, 0.0, 0.0);
                for i in (0..150).filter(|&i| rows.labels[i]) {
                    for j in (0..150).filter(|&j| !rows.labels[j]) {
                        let win = match rows.scores[i].total_cmp(&rows.scores[j]) {
                            Ordering::Greater => 1.0,
                            Ordering::Equal => 0.5,
                            Ordering::Less => 0.0,
                        };
                        wins += win * weight(i) * weight(j);
                    }
                }
                let mut thresholds = rows.scores.clone();
                thresholds.sort_by(|a, b| b.total_cmp(a));
                thresholds.dedup();
                let mut best = [(0.0, 0.0), (0.05, 0.0), (0.2, 0.0), (1.0, 0.0)];
                for t in thresholds {
                    let recall = alarmed(t, true) / alarmed(all, true);
                    let precision = alarmed(t, true) / (alarmed(t, true) + alarmed(t, false));
                    if recall > before {
                        average_precision += (recall - before) * precision;
                    }
                    before = recall;
                    for (limit, best) in &mut best {
                        if alarmed(t, false) / alarmed(all, false) <= *limit {
                            *best = recall.max(*best);
                        }
                    }
                }
                let r = ranking(&rows.labels, &rows.scores, weights);
                let pairs = alarmed(all, true) * alarmed(all, false);
                close(r.roc_auc().unwrap(), wins / pairs, 1e-14);
                close(r.partial_roc_auc(1.0).unwrap(), wins / pairs, 1e-14);
                close(r.average_precision().unwrap(), average_precision, 1e-14);
                for (limit, best) in best {
                    close(r.recall_at_fpr(limit).unwrap(), best, 1e-14);
                }
            }
        }
    }
}
