//! How sure precision and recall are at a threshold, given that rows of one card are alike.

use std::collections::HashMap;

use crate::metric::Judged;
use crate::metric::bootstrap::{Interval, normal_quantile};

/// One way to cluster judged rows: its name, and a key for each row that is that of its cluster.
pub type ClusterKeys = (String, Vec<u64>);

/// The intervals of precision and of recall at thresholds that descend, each the widest of all ways to
/// cluster; none where there is no way, no row alarms, or nothing is a fraud.
///
/// # Source
/// Wilson's interval of a share, with the number of independent rows that would leave as much in the dark as
/// these clusters do: the share's binomial variance over that of a ratio of sums over clusters (linearised;
/// Cochran 1977, 6.3 and 9A.2). Where all rows agree, that number is the effective number of clusters,
/// (Σx)² / Σx². See Korn and Graubard (1998), *Confidence intervals for proportions with small expected number
/// of positive counts estimated from survey data*.
pub(super) fn at_thresholds(
    judged: &Judged,
    clusters: &[ClusterKeys],
    confidence: f64,
    thresholds: &[f64],
) -> Vec<(Option<Interval>, Option<Interval>)> {
    let mut order: Vec<usize> = (0..judged.n_rows()).collect();
    // Stable: equal margins are added in the order of the rows.
    order.sort_by(|a, b| judged.margins[*b].total_cmp(&judged.margins[*a]));
    let z = normal_quantile(0.5 + confidence / 2.0);
    let mut found = vec![(None, None); thresholds.len()];
    for (name, keys) in clusters {
        let mut sums = Sums::new(judged, keys);
        let mut next = order.iter().peekable();
        for (threshold, (precision, recall)) in thresholds.iter().zip(&mut found) {
            while let Some(row) = next.next_if(|row| judged.margins[**row] >= *threshold) {
                sums.add(*row, judged);
            }
            widen(precision, sums.precision(), z, name);
            widen(recall, sums.recall(), z, name);
        }
    }
    found
}

/// Takes the new interval where it is wider.
fn widen(held: &mut Option<Interval>, share: Option<(f64, f64)>, z: f64, by: &str) {
    let Some((share, n)) = share else { return };
    let (low, high) = super::spread::wilson(share, n, z);
    if held.as_ref().is_none_or(|held| held.high - held.low < high - low) {
        *held = Some(Interval { low, high, by: by.to_owned() });
    }
}

/// Weights of the rows that alarm, by cluster, and the sums over clusters of their products.
struct Sums {
    cluster_of: Vec<usize>,
    /// Of each cluster: weight that alarms, of it in frauds, and of all frauds.
    alarmed: Vec<f64>,
    caught: Vec<f64>,
    frauds: Vec<f64>,
    total: Total,
}

#[derive(Default)]
struct Total {
    alarmed: f64,
    caught: f64,
    frauds: f64,
    alarmed_squared: f64,
    caught_squared: f64,
    frauds_squared: f64,
    alarmed_caught: f64,
    caught_frauds: f64,
}

impl Sums {
    fn new(judged: &Judged, keys: &[u64]) -> Self {
        let mut codes: HashMap<u64, usize> = HashMap::new();
        let mut cluster_of = Vec::with_capacity(keys.len());
        for key in keys {
            let next = codes.len();
            cluster_of.push(*codes.entry(*key).or_insert(next));
        }
        let mut frauds = vec![0.0; codes.len()];
        for (row, cluster) in cluster_of.iter().enumerate() {
            frauds[*cluster] += if judged.labels[row] { judged.weight(row) } else { 0.0 };
        }
        let total = Total {
            frauds: frauds.iter().sum(),
            frauds_squared: frauds.iter().map(|frauds| frauds * frauds).sum(),
            ..Total::default()
        };
        let none = vec![0.0; codes.len()];
        Self { cluster_of, alarmed: none.clone(), caught: none, frauds, total }
    }

    fn add(&mut self, row: usize, judged: &Judged) {
        let (cluster, weight) = (self.cluster_of[row], judged.weight(row));
        let fraud = if judged.labels[row] { weight } else { 0.0 };
        let (alarmed, caught) = (self.alarmed[cluster], self.caught[cluster]);
        let total = &mut self.total;
        total.alarmed += weight;
        total.caught += fraud;
        total.alarmed_squared += weight * (2.0 * alarmed + weight);
        total.caught_squared += fraud * (2.0 * caught + fraud);
        total.alarmed_caught += alarmed * fraud + weight * (caught + fraud);
        total.caught_frauds += fraud * self.frauds[cluster];
        self.alarmed[cluster] += weight;
        self.caught[cluster] += fraud;
    }

    /// The share of frauds among what alarms, and the number of independent rows it is worth.
    fn precision(&self) -> Option<(f64, f64)> {
        let Total { alarmed, caught, alarmed_squared, caught_squared, alarmed_caught, .. } =
            self.total;
        worth((caught, alarmed), (caught_squared, alarmed_caught, alarmed_squared))
    }

    /// The share of the frauds that alarm, likewise.
    fn recall(&self) -> Option<(f64, f64)> {
        let Total { frauds, caught, frauds_squared, caught_squared, caught_frauds, .. } =
            self.total;
        worth((caught, frauds), (caught_squared, caught_frauds, frauds_squared))
    }
}

/// A ratio of two sums over clusters, and the number of independent rows it is worth, given the sums of the
/// squares and the product of both parts: Σy², Σyx, Σx².
fn worth((y, x): (f64, f64), (yy, yx, xx): (f64, f64, f64)) -> Option<(f64, f64)> {
    if x <= 0.0 {
        return None;
    }
    let share = (y / x).clamp(0.0, 1.0);
    let variance = (yy - 2.0 * share * yx + share * share * xx) / (x * x);
    let binomial = share * (1.0 - share);
    let n_clusters = x * x / xx;
    // Rounding leaves a little of either where all rows agree.
    let all_agree = binomial < 1e-9 || variance < 1e-15;
    Some((share, if all_agree { n_clusters } else { binomial / variance }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::sample::{Rows, close};

    fn judged(n_rows: usize) -> Judged {
        let Rows { labels, scores, weights } = Rows::seeded(7, n_rows);
        Judged { labels, margins: scores, weights: Some(weights), ..Judged::default() }
    }

    /// The variance of the ratio, cluster by cluster.
    #[test]
    fn sums_are_those_of_a_loop_over_clusters() {
        let judged = judged(300);
        let keys: Vec<u64> = (0..300).map(|row| row * 31 % 40).collect();
        let thresholds = [2.5, 1.0, -3.0];
        let clusters = [("card".to_owned(), keys.clone())];
        let found = at_thresholds(&judged, &clusters, 0.95, &thresholds);
        let z = normal_quantile(0.975);
        for (threshold, (precision, recall)) in thresholds.iter().zip(found) {
            let weight = |row: usize, counts: bool| if counts { judged.weight(row) } else { 0.0 };
            let alarms = |row: usize| judged.margins[row] >= *threshold;
            let of = |whole: &dyn Fn(usize) -> bool| {
                let parts: Vec<(f64, f64)> = (0..40)
                    .map(|key| {
                        let rows: Vec<usize> = (0..300).filter(|row| keys[*row] == key).collect();
                        let caught =
                            |row: &usize| weight(*row, alarms(*row) && judged.labels[*row]);
                        let all = |row: &usize| weight(*row, whole(*row));
                        (rows.iter().map(caught).sum(), rows.iter().map(all).sum())
                    })
                    .collect();
                let (y, x) =
                    parts.iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
                let share = y / x;
                let squares: f64 =
                    parts.iter().map(|(y, x)| (y - share * x) * (y - share * x)).sum();
                (share, share * (1.0 - share) / (squares / (x * x)))
            };
            for (interval, (share, n)) in
                [(precision, of(&alarms)), (recall, of(&|row| judged.labels[row]))]
            {
                let Some(interval) = interval else { panic!("no interval at {threshold}") };
                if share > 0.0 && share < 1.0 {
                    let (low, high) = super::super::spread::wilson(share, n, z);
                    close(interval.low, low, 1e-9);
                    close(interval.high, high, 1e-9);
                }
            }
        }
    }

    #[test]
    fn rows_alone_are_wilsons_and_one_card_is_one_row() {
        let judged = Judged {
            labels: (0..50).map(|row| row % 10 == 0).collect(),
            margins: vec![0.0; 50],
            ..Judged::default()
        };
        let alone = ("row".to_owned(), (0..50).collect());
        let precision = |clusters: &[ClusterKeys]| {
            at_thresholds(&judged, clusters, 0.95, &[0.0])[0].0.clone().expect("an interval")
        };
        // statsmodels 0.14: proportion_confint(5, 50, method="wilson").
        let found = precision(std::slice::from_ref(&alone));
        close(found.low, 0.043_475_5, 1e-6);
        close(found.high, 0.213_602_3, 1e-6);
        // The widest is taken, and named.
        let cards = ("card".to_owned(), (0..50).map(|row| row % 10).collect());
        let widest = precision(&[alone, cards]);
        assert_eq!(widest.by, "card");
        assert!(widest.high - widest.low > found.high - found.low);
        // Three alerts of one card, all frauds: as sure as one.
        let judged = Judged { labels: vec![true; 3], margins: vec![1.0; 3], ..Judged::default() };
        let one = [("card".to_owned(), vec![4; 3])];
        let found = at_thresholds(&judged, &one, 0.95, &[0.5])[0].0.clone().expect("an interval");
        // Of one row: 1 / (1 + z²).
        let z = 1.959_963_984_540_054;
        close(found.low, 1.0 / (1.0 + z * z), 1e-9);
        close(found.high, 1.0, 1e-12);
    }
}
