//! Intervals for measures: the bootstrap over clusters of rows.
//!
//! Rows of one card are not independent: a stolen card has many frauds, and a model that knows one
//! knows them all. So whole *clusters* are drawn, by a declared column, and all rows of a cluster
//! count as often as it was drawn. Drawing is weighing: every model's rows are sorted once, and a
//! replicate is a pass over them with other weights, sixteen replicates side by side. Models judged on
//! the same rows share the draws, so that their difference is that of pairs.
//!
//! The same rows, seed and number of replicates give the same bits on any number of threads.

mod freedom;
mod interval;
mod means;
mod measure;
mod poisson;
mod ranked;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::Hash;

use rayon::prelude::*;

pub use interval::{Difference, Interval, normal_quantile};
pub use measure::Measure;

use freedom::FraudDraws;
use means::Sums;
use poisson::{Draws, LANES};
use ranked::{Lanes, Ranked};

use super::scored::same_length;
use super::{CardDays, MetricError, Order, Scored};
use crate::learner::Progress;

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// How many replicates; rounded up to whole sixteens.
    pub n_replicates: usize,
    /// Where the random numbers begin.
    pub seed: u64,
}

impl Bootstrap {
    /// The seed of every interval that the command line shows.
    pub const SEED: u64 = 1;
    /// Efron and Tibshirani (1993), *An Introduction to the Bootstrap*, 14.3: 1,000 and more for
    /// intervals.
    pub const N_REPLICATES: usize = 1_000;
}

/// Which cluster each row belongs to.
#[derive(Debug, Clone)]
pub struct Clusters {
    name: String,
    draws: DrawsOf,
    codes: Vec<u32>,
    n_clusters: usize,
}

/// What a draw of a cluster is, for measures that count cards by day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DrawsOf {
    /// A card: drawn twice, it is two cards.
    Cards,
    /// A local day; their codes are in its order.
    Days,
    /// Something else: Card Precision is not resampled by it, since a card does not multiply with
    /// the terminals it was used at.
    Others,
}

impl Clusters {
    /// Rows with the same card, as [`CardDays`] counts them; of the name of the column.
    pub fn of_cards<K: Copy + Eq + Hash>(name: &str, cards: &[K]) -> Self {
        Self::new(name, DrawsOf::Cards, cards)
    }

    /// Rows of the same local day.
    pub fn of_days(name: &str, days: &[i64]) -> Self {
        let mut distinct = days.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let code = |day: &i64| distinct.binary_search(day).unwrap_or_default() as u32;
        let (draws, codes) = (DrawsOf::Days, days.iter().map(code).collect());
        Self { name: name.to_owned(), draws, codes, n_clusters: distinct.len() }
    }

    /// Rows with the same value of another column.
    pub fn of_others<K: Copy + Eq + Hash>(name: &str, keys: &[K]) -> Self {
        Self::new(name, DrawsOf::Others, keys)
    }

    fn new<K: Copy + Eq + Hash>(name: &str, draws: DrawsOf, keys: &[K]) -> Self {
        let mut known = HashMap::new();
        let mut codes = Vec::with_capacity(keys.len());
        for key in keys {
            let next = known.len() as u32;
            codes.push(*known.entry(*key).or_insert(next));
        }
        Self { name: name.to_owned(), draws, codes, n_clusters: known.len() }
    }

    /// The rows whose positions are given, in that order.
    pub fn take(&self, rows: &[usize]) -> Self {
        if self.draws == DrawsOf::Days {
            let days: Vec<i64> = rows.iter().map(|row| i64::from(self.codes[*row])).collect();
            return Self::of_days(&self.name, &days);
        }
        let keys: Vec<u32> = rows.iter().map(|row| self.codes[*row]).collect();
        Self::new(&self.name, self.draws, &keys)
    }

    /// The column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of clusters.
    pub fn n_clusters(&self) -> usize {
        self.n_clusters
    }

    /// The clusters that hold a fraud of some weight.
    fn with_frauds(&self, labels: &[bool], weights: Option<&[f64]>) -> Vec<usize> {
        let mut holds_fraud = vec![false; self.n_clusters];
        for (row, (code, is_fraud)) in self.codes.iter().zip(labels).enumerate() {
            holds_fraud[*code as usize] |= *is_fraud && weights.is_none_or(|w| w[row] > 0.0);
        }
        (0..self.n_clusters).filter(|cluster| holds_fraud[*cluster]).collect()
    }
}

/// What one model says of the rows.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    /// By these the rows are ranked.
    pub margins: &'a [f64],
    /// Calibrated, 0 to 1.
    pub probabilities: &'a [f64],
    /// The cards of each day by these margins, where there are cards and days.
    pub cards: Option<&'a CardDays>,
}

/// Measures of models on the same rows and on resamples of them.
#[derive(Debug, Clone)]
pub struct Resampled {
    estimates: Vec<Values>,
    drawn: Vec<Drawn>,
}

/// A value of each measure, in the order of [`Measure::ALL`]; NaN where there is none.
type Values = [f64; Measure::ALL.len()];

#[derive(Debug, Clone)]
struct Drawn {
    name: String,
    n_clusters: usize,
    fraud_draws: FraudDraws,
    /// By replicate and model.
    replicates: Vec<Vec<Values>>,
}

/// Measures models on rows, and again on `bootstrap.n_replicates` resamples of their clusters, by
/// each way to cluster. Cost: a sort for each model, then a pass over its rows for sixteen replicates.
///
/// # Errors
/// As [`Scored::new`] and [`Scored::of_probabilities`]; columns of unequal length.
pub fn resample(
    labels: &[bool],
    weights: Option<&[f64]>,
    models: &[Answers<'_>],
    clusters: &[Clusters],
    bootstrap: Bootstrap,
    progress: &dyn Progress,
) -> Result<Resampled, MetricError> {
    for clusters in clusters {
        same_length("clusters", labels.len(), clusters.codes.len())?;
    }
    let model = |answers| Model::new(labels, weights, answers);
    let models = models.iter().map(model).collect::<Result<Vec<_>, _>>()?;
    let rows = Rows { labels, weights };

    let whole = Clusters::of_cards("", &vec![0_u8; labels.len()]);
    let estimates = Resampling::new(rows, &models, &whole).replicates(&[[1; LANES]]);
    let estimates = estimates.into_iter().next().unwrap_or_default();

    let n_blocks = bootstrap.n_replicates.div_ceil(LANES);
    progress.start((n_blocks * clusters.len()) as u64);
    let drawn = clusters.iter().map(|clusters| {
        let resampling = Resampling::new(rows, &models, clusters);
        let with_frauds = clusters.with_frauds(labels, weights);
        // Influences of more clusters than replicates are lost in the chance of the replicates.
        let is_few = with_frauds.len() <= n_blocks * LANES;
        let asked = if is_few { with_frauds.as_slice() } else { &[] };
        let block = |block: usize| {
            let draws = poisson::draw(clusters.n_clusters, bootstrap.seed, block as u64);
            let replicates = resampling.replicates(&draws);
            progress.advance(1);
            let of_frauds: Vec<Draws> = asked.iter().map(|cluster| draws[*cluster]).collect();
            (replicates, of_frauds)
        };
        let blocks: Vec<_> = (0..n_blocks).into_par_iter().map(block).collect();
        let (replicates, draws): (Vec<_>, Vec<_>) = blocks.into_iter().unzip();
        Drawn {
            name: clusters.name.clone(),
            n_clusters: clusters.n_clusters,
            fraud_draws: FraudDraws::new(with_frauds.len(), draws),
            replicates: replicates.into_iter().flatten().collect(),
        }
    });
    Ok(Resampled { drawn: drawn.collect(), estimates })
}

#[derive(Debug, Clone, Copy)]
struct Rows<'a> {
    labels: &'a [bool],
    weights: Option<&'a [f64]>,
}

#[derive(Debug)]
struct Model<'a> {
    ranked: Ranked,
    answers: &'a Answers<'a>,
}

impl<'a> Model<'a> {
    fn new(
        labels: &[bool],
        weights: Option<&[f64]>,
        answers: &'a Answers<'a>,
    ) -> Result<Self, MetricError> {
        Scored::of_probabilities(labels, answers.probabilities, weights)?;
        let order = Order::new(&Scored::new(labels, answers.margins, weights)?);
        Ok(Self { ranked: Ranked::new(&order, labels, weights), answers })
    }
}

/// Models and clusters made ready for draws.
struct Resampling<'a> {
    models: &'a [Model<'a>],
    clusters: &'a Clusters,
    /// By model: the clusters of its sorted rows, and the sums of each cluster.
    prepared: Vec<(Vec<u32>, Vec<Sums>)>,
}

impl<'a> Resampling<'a> {
    fn new(rows: Rows<'_>, models: &'a [Model<'a>], clusters: &'a Clusters) -> Self {
        let Clusters { codes, n_clusters, .. } = clusters;
        let prepare = |model: &Model<'_>| {
            let probabilities = model.answers.probabilities;
            let sums = Sums::of(codes, *n_clusters, rows.labels, probabilities, rows.weights);
            (model.ranked.clusters(codes), sums)
        };
        Self { models, clusters, prepared: models.iter().map(prepare).collect() }
    }

    /// The measures of each model in each of the replicates with these draws.
    fn replicates(&self, draws: &[Draws]) -> Vec<Vec<Values>> {
        let mut replicates = vec![Vec::new(); LANES];
        for (model, (sorted, sums)) in self.models.iter().zip(&self.prepared) {
            let (frauds, legitimate) = Sums::totals(sums, draws);
            let ranked = model.ranked.measure(sorted, draws, &frauds, &legitimate);
            let means = Sums::measure(sums, draws, &frauds, &legitimate);
            let cards = [self.cards(model.answers.cards, draws)];
            let all = || ranked.iter().chain(&cards).chain(&means);
            for (lane, replicate) in replicates.iter_mut().enumerate() {
                let mut values = [f64::NAN; Measure::ALL.len()];
                values.iter_mut().zip(all()).for_each(|(value, lanes)| *value = lanes[lane]);
                replicate.push(values);
            }
        }
        replicates
    }

    fn cards(&self, cards: Option<&CardDays>, draws: &[Draws]) -> Lanes {
        let codes = &self.clusters.codes;
        let k = Measure::CARDS_PER_DAY;
        let precision = |cards: &CardDays, lane: usize| match self.clusters.draws {
            DrawsOf::Cards => {
                let copies = |row: usize| u32::from(draws[codes[row] as usize][lane]);
                cards.weighted_precision_at(k, copies, |_| 1)
            }
            DrawsOf::Days => {
                let repeats = |day: usize| u32::from(draws[day][lane]);
                cards.weighted_precision_at(k, |_| 1, repeats)
            }
            DrawsOf::Others => None,
        };
        let value = |lane| cards.and_then(|cards| precision(cards, lane)).unwrap_or(f64::NAN);
        std::array::from_fn(value)
    }
}
