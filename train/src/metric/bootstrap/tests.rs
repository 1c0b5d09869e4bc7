//! Replicates against samples in which rows are really repeated, and against loops.

use super::*;
use crate::learner::NoProgress;
use crate::metric::sample::{Rows, close};
use crate::metric::{Ranking, brier, log_loss, observed_over_expected};

const N_ROWS: usize = 400;

struct Example {
    rows: Rows,
    probabilities: Vec<f64>,
    cards: Vec<u64>,
    days: Vec<i64>,
}

impl Example {
    fn new(seed: u64) -> Self {
        let rows = Rows::seeded(seed, N_ROWS);
        let probabilities = rows.scores.iter().map(|s| 1.0 / (1.0 + libm::exp(-s))).collect();
        let cards = (0..N_ROWS as u64).map(|row| row * row % 53).collect();
        let days = (0..N_ROWS as i64).map(|row| row * 5 / N_ROWS as i64).collect();
        Self { rows, probabilities, cards, days }
    }

    fn card_days(&self) -> CardDays {
        CardDays::new(&self.days, &self.cards, &self.rows.labels, &self.rows.scores).unwrap()
    }

    fn resample(&self, weights: Option<&[f64]>, clusters: &[Clusters], n: usize) -> Resampled {
        let card_days = self.card_days();
        let answers = Answers {
            margins: &self.rows.scores,
            probabilities: &self.probabilities,
            cards: Some(&card_days),
        };
        let flipped: Vec<f64> = self.rows.scores.iter().map(|score| -score).collect();
        let other = Answers { margins: &flipped, cards: None, ..answers };
        let bootstrap = Bootstrap { n_replicates: n, seed: 3 };
        let models = [answers, other];
        resample(&self.rows.labels, weights, &models, clusters, bootstrap, &NoProgress).unwrap()
    }
}

#[test]
fn a_replicate_is_a_sample_with_rows_repeated() {
    for seed in 0..4 {
        let example = Example::new(seed);
        let Rows { labels, scores, weights } = &example.rows;
        let clusters = [Clusters::of_cards("card", &example.cards)];
        for weights in [None, Some(weights.as_slice())] {
            let found = example.resample(weights, &clusters, 32);
            let draws: Vec<Vec<Draws>> =
                (0..2).map(|block| poisson::draw(clusters[0].n_clusters, 3, block)).collect();
            for replicate in 0..32 {
                let copies = |row: usize| {
                    let cluster = clusters[0].codes[row] as usize;
                    usize::from(draws[replicate / LANES][cluster][replicate % LANES])
                };
                let repeated: Vec<usize> =
                    (0..N_ROWS).flat_map(|row| std::iter::repeat_n(row, copies(row))).collect();
                let take =
                    |of: &[f64]| -> Vec<f64> { repeated.iter().map(|&row| of[row]).collect() };
                let labels: Vec<bool> = repeated.iter().map(|&row| labels[row]).collect();
                let (scores, weights) = (take(scores), weights.map(take));
                let weights = weights.as_deref();
                let ranking = Ranking::new(&Scored::new(&labels, &scores, weights).unwrap());
                let probabilities = take(&example.probabilities);
                let scored = Scored::of_probabilities(&labels, &probabilities, weights).unwrap();
                let frauds = ranking.fraud_weight();
                for (measure, expected) in [
                    (Measure::AveragePrecision, ranking.average_precision().unwrap()),
                    (Measure::RocAuc, ranking.roc_auc().unwrap()),
                    (Measure::RecallAtFpr0_001, ranking.recall_at_fpr(0.001).unwrap()),
                    (Measure::RecallAtFpr0_005, ranking.recall_at_fpr(0.005).unwrap()),
                    (Measure::RecallAtFpr0_01, ranking.recall_at_fpr(0.01).unwrap()),
                    (Measure::LogLoss, log_loss(&scored)),
                    (Measure::Brier, brier(&scored)),
                    (Measure::ObservedOverExpected, observed_over_expected(&scored).unwrap()),
                    (Measure::BaseRate, frauds / (frauds + ranking.legitimate_weight())),
                ] {
                    close(found.replicates(0, 0, measure)[replicate], expected, 1e-12);
                }
                let negated: Vec<f64> = scores.iter().map(|score| -score).collect();
                let scored = Scored::new(&labels, &negated, weights).unwrap();
                let other = found.replicates(0, 1, Measure::RocAuc)[replicate];
                close(other, Ranking::new(&scored).roc_auc().unwrap(), 1e-12);
            }
        }
    }
}

#[test]
fn card_precision_is_resampled_by_cards_and_by_days_alone() {
    let example = Example::new(5);
    let of_days = Clusters::of_days("day", &example.days);
    let clusters = [
        Clusters::of_cards("card", &example.cards),
        of_days,
        Clusters::of_others("terminal", &example.days),
    ];
    let found = example.resample(None, &clusters, 16);
    let card_days = example.card_days();
    let k = Measure::CARDS_PER_DAY;
    close(
        found.estimate(0, Measure::CardPrecisionAt100).unwrap(),
        card_days.precision_at(k).unwrap(),
        0.0,
    );
    let by_card = poisson::draw(clusters[0].n_clusters, 3, 0);
    let by_day = poisson::draw(5, 3, 0);
    for lane in 0..LANES {
        let value = |clusters| found.replicates(clusters, 0, Measure::CardPrecisionAt100)[lane];
        // Days have the codes of their order, cards those of their first rows.
        let copies = |row: usize| u32::from(by_card[clusters[0].codes[row] as usize][lane]);
        let repeats = |day: usize| u32::from(by_day[day][lane]);
        close(value(0), card_days.weighted_precision_at(k, copies, |_| 1).unwrap(), 0.0);
        close(value(1), card_days.weighted_precision_at(k, |_| 1, repeats).unwrap(), 0.0);
        assert!(value(2).is_nan());
    }
    assert_ne!(found.interval(0, Measure::CardPrecisionAt100, 0.95).unwrap().by, "terminal");
    assert_eq!(found.interval(1, Measure::CardPrecisionAt100, 0.95), None);
}

#[test]
fn threads_leave_no_trace_and_the_widest_interval_is_shown() {
    let example = Example::new(9);
    let clusters = [
        Clusters::of_others("row", &(0..N_ROWS).collect::<Vec<_>>()),
        Clusters::of_cards("card", &example.cards),
    ];
    let on = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| example.resample(None, &clusters, 200))
    };
    let (one, three) = (on(1), on(3));
    for (clusters, model) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for measure in Measure::ALL {
            let bits = |found: &Resampled| -> Vec<u64> {
                let replicates = found.replicates(clusters, model, measure);
                replicates.into_iter().map(f64::to_bits).collect()
            };
            assert_eq!(bits(&one), bits(&three));
        }
    }
    let wide = one.interval(0, Measure::RocAuc, 0.95).unwrap();
    for clusters in &clusters {
        let alone = example.resample(None, std::slice::from_ref(clusters), 200);
        let found = alone.interval(0, Measure::RocAuc, 0.95).unwrap();
        assert!(found.high - found.low <= wide.high - wide.low);
        assert!(found == wide || found.by != wide.by);
    }
    // A model and its contrary are as far apart as they can be, and a model is like itself.
    let apart = one.difference(0, 1, Measure::RocAuc, 0.95).unwrap();
    close(apart.difference, 2.0 * one.estimate(0, Measure::RocAuc).unwrap() - 1.0, 1e-12);
    let itself = one.difference(0, 0, Measure::RocAuc, 0.95).unwrap();
    assert_eq!((itself.low, itself.high, itself.standard_error), (0.0, 0.0, 0.0));
}

#[test]
fn absent_classes_have_no_measures_and_no_intervals() {
    let answers = Answers { margins: &[1.0, 2.0], probabilities: &[0.1, 0.2], cards: None };
    let clusters = [Clusters::of_others("row", &[0, 1])];
    let bootstrap = Bootstrap { n_replicates: 100, seed: 1 };
    let of = |labels: &[bool], weights| {
        resample(labels, weights, &[answers], &clusters, bootstrap, &NoProgress)
    };
    let legitimate = of(&[false, false], None).unwrap();
    assert_eq!(legitimate.estimate(0, Measure::RocAuc), None);
    assert_eq!(legitimate.estimate(0, Measure::AveragePrecision), None);
    assert_eq!(legitimate.interval(0, Measure::RecallAtFpr0_01, 0.95), None);
    assert_eq!(legitimate.estimate(0, Measure::BaseRate), Some(0.0));
    let frauds = of(&[true, true], None).unwrap();
    assert_eq!(frauds.estimate(0, Measure::RecallAtFpr0_01), None);
    assert_eq!(frauds.estimate(0, Measure::AveragePrecision), Some(1.0));
    // One fraud among two clusters: a third of the replicates have none of either class.
    let few = of(&[true, false], None).unwrap();
    assert_eq!(few.estimate(0, Measure::RocAuc), Some(0.0));
    assert_eq!(few.interval(0, Measure::RocAuc, 0.95), None);
    assert!(of(&[true, false], Some(&[1.0, -1.0])).is_err());
}

#[test]
fn clusters_with_frauds() {
    let labels = [true, true, false, false, true];
    let clusters = Clusters::of_others("key", &["a", "b", "c", "b", "d"]);
    assert_eq!(clusters.with_frauds(&labels, None), [0, 1, 3]);
    assert_eq!(clusters.with_frauds(&labels, Some(&[1.0, 0.0, 1.0, 1.0, 2.0])), [0, 3]);
}
