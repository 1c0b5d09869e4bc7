//! Bins: every value becomes one byte. Bin 0 is for missing values, the others are cut so that the
//! rare class has its share of them.

use rayon::prelude::*;
use shroff_serve::model::{CategorySet, RowType, SplitTest};

use super::super::sample::{Choice, FitRows};
use crate::matrix::category;

/// The bin of missing values.
pub(in crate::learner) const MISSING: u8 = 0;
/// Bins of a feature with that of missing values.
pub(in crate::learner) const MAX_BINS: usize = 256;
/// The last edge of every numeric feature, so that a split can part all finite numbers from what is
/// missing. What lies above is infinite or nearly so.
const TOP: f32 = f32::MAX.next_down();
/// Rows of each class from which edges are learnt: a quantile of 200,000 rows has a standard error
/// of a ninth of a percent of the rows, and sorting them costs little beside a fit.
const MAX_SAMPLE: usize = 200_000;

/// A set of bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::learner) struct BinSet([u64; 4]);

/// How the values of one feature become bins.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::learner) enum FeatureBins {
    /// Bin `i + 1` ends with edge `i`, which belongs to it; one more bin follows the last edge.
    Numeric { edges: Vec<f32> },
    /// A bin for each of the commoner categories; the last is for all others.
    Categorical { bin_of_code: Vec<u8>, n_bins: usize },
}

impl FeatureBins {
    /// The bins of all features of these rows.
    ///
    /// Numeric edges are the quantiles of a mixture in which frauds weigh as much as legitimate
    /// rows, halfway between two values of the data; a feature of few distinct values has a bin for
    /// each. With plain quantiles at a base rate of 0.5 % all frauds that sit in a tail would share
    /// one or two bins with as many legitimate rows.
    pub(in crate::learner) fn learn(rows: &FitRows<'_>, max_bins: usize, seed: u64) -> Vec<Self> {
        let sample = Sample::draw(rows, seed);
        let row_types = rows.matrix().row_types();
        let learn = |feature: usize| match row_types[feature] {
            RowType::Categorical { n_categories } => {
                categorical(rows, feature, n_categories as usize, max_bins)
            }
            _ => numeric(rows, &sample, feature, max_bins),
        };
        (0..row_types.len()).into_par_iter().map(learn).collect()
    }

    /// Bins in use, that of missing values among them.
    pub(in crate::learner) fn n_bins(&self) -> usize {
        match self {
            Self::Numeric { edges } => edges.len() + 2,
            Self::Categorical { n_bins, .. } => *n_bins,
        }
    }

    pub(in crate::learner) fn is_categorical(&self) -> bool {
        matches!(self, Self::Categorical { .. })
    }

    #[inline]
    pub(in crate::learner) fn bin(&self, value: f32) -> u8 {
        match self {
            Self::Numeric { .. } if value.is_nan() => MISSING,
            Self::Numeric { edges } => edges.partition_point(|edge| *edge < value) as u8 + 1,
            Self::Categorical { bin_of_code, n_bins } => category(value).map_or(MISSING, |code| {
                bin_of_code.get(code as usize).copied().unwrap_or((*n_bins - 1) as u8)
            }),
        }
    }

    /// The question whose answer is yes for just the values of these bins; missing ones apart.
    ///
    /// For a numeric feature they are the bins from 1 to some edge's.
    pub(in crate::learner) fn test(&self, left: &BinSet) -> SplitTest {
        match self {
            Self::Numeric { edges } => {
                let at_most = (1..=edges.len()).take_while(|bin| left.contains(*bin as u8)).count();
                SplitTest::AtMost(edges[at_most.saturating_sub(1)])
            }
            Self::Categorical { bin_of_code, .. } => {
                let codes = (0_u32..).zip(bin_of_code).filter(|(_, bin)| left.contains(**bin));
                let codes = codes.map(|(code, _)| code);
                SplitTest::OneOf(CategorySet::new(bin_of_code.len() as u32, codes))
            }
        }
    }
}

impl BinSet {
    pub(in crate::learner) fn insert(&mut self, bin: u8) {
        self.0[usize::from(bin >> 6)] |= 1 << (bin & 63);
    }

    pub(super) fn contains(&self, bin: u8) -> bool {
        self.0[usize::from(bin >> 6)] >> (bin & 63) & 1 == 1
    }

    /// The same as a table, for loops over many rows.
    pub(super) fn table(&self) -> [bool; MAX_BINS] {
        std::array::from_fn(|bin| self.contains(bin as u8))
    }
}

/// The rows from which edges are learnt, with weights under which both classes weigh the same.
struct Sample {
    rows: Vec<(usize, f64)>,
}

impl Sample {
    fn draw(rows: &FitRows<'_>, seed: u64) -> Self {
        let n_legitimate = rows.n_rows() - rows.n_frauds;
        let choice = |n: usize, seed| Choice::new(n.min(MAX_SAMPLE), n, seed);
        let mut choices = [choice(n_legitimate, seed), choice(rows.n_frauds, seed ^ 1)];
        let drawn: Vec<usize> = (0..rows.n_rows())
            .filter(|&row| choices[usize::from(rows.labels[row])].take())
            .collect();
        let mut class_weight = [0.0; 2];
        for &row in &drawn {
            class_weight[usize::from(rows.labels[row])] += rows.weights[row];
        }
        let weight = |row: usize| rows.weights[row] / class_weight[usize::from(rows.labels[row])];
        Self { rows: drawn.into_iter().map(|row| (row, weight(row))).collect() }
    }
}

fn numeric(rows: &FitRows<'_>, sample: &Sample, feature: usize, max_bins: usize) -> FeatureBins {
    let value = |row: usize| rows.row(row)[feature];
    let mut values: Vec<(f32, f64)> = sample
        .rows
        .iter()
        .map(|&(row, weight)| (value(row).clamp(f32::MIN, f32::MAX), weight))
        .filter(|(value, _)| !value.is_nan())
        .collect();
    // A stable order of equal values keeps the sums of their weights the same.
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut distinct: Vec<(f32, f64)> = Vec::new();
    for (value, weight) in values {
        match distinct.last_mut() {
            #[expect(clippy::float_cmp, reason = "the same value, or its other zero")]
            Some((last, sum)) if *last == value => *sum += weight,
            _ => distinct.push((value, weight)),
        }
    }
    // Beside the bin of missing values there is one above the top edge.
    let mut edges = cut(&distinct, max_bins.saturating_sub(1).max(1));
    if edges.last().is_none_or(|last| *last < TOP) {
        edges.push(TOP);
    }
    FeatureBins::Numeric { edges }
}

/// Edges between ascending values so that there are at most `n_bins` of about the same weight. A
/// value that outweighs a bin has one of its own.
fn cut(values: &[(f32, f64)], n_bins: usize) -> Vec<f32> {
    if values.len() <= n_bins {
        return values.windows(2).map(|pair| between(pair[0].0, pair[1].0)).collect();
    }
    let total: f64 = values.iter().map(|(_, weight)| weight).sum();
    let heavy = |weight: f64| weight >= total / n_bins as f64;
    let (mut light_weight, mut light_bins) = (total, n_bins);
    for (_, weight) in values.iter().filter(|(_, weight)| heavy(*weight)) {
        light_weight -= weight;
        light_bins -= 1;
    }
    let mut edges = Vec::with_capacity(n_bins);
    let mut filled = 0.0;
    for pair in values.windows(2) {
        let ((value, weight), (next, next_weight)) = (pair[0], pair[1]);
        if edges.len() + 1 == n_bins {
            break;
        }
        let target = light_weight / light_bins.max(1) as f64;
        filled += weight;
        let full = filled >= target && light_bins > 1;
        // Half a bin before a heavy value is worth one; less than that goes with it.
        if heavy(weight) || full || (heavy(next_weight) && filled >= target / 2.0) {
            if !heavy(weight) {
                light_weight -= filled;
                light_bins = light_bins.saturating_sub(1);
            }
            edges.push(between(value, next));
            filled = 0.0;
        }
    }
    edges
}

/// A number of `a <= number < b`, halfway if there is one.
fn between(a: f32, b: f32) -> f32 {
    let middle = f64::midpoint(f64::from(a), f64::from(b)) as f32;
    if middle < b { middle.max(a) } else { a }
}

/// A bin for each of the categories that weigh most in a mixture of both classes, commonest first,
/// ties by code. The last bin is for what is rarer or in no fitted row.
fn categorical(
    rows: &FitRows<'_>,
    feature: usize,
    n_categories: usize,
    max_bins: usize,
) -> FeatureBins {
    let mut weight = vec![[0.0; 2]; n_categories];
    let mut class_weight = [0.0; 2];
    for (row, value) in rows.column(feature).enumerate() {
        let class = usize::from(rows.labels[row]);
        class_weight[class] += rows.weights[row];
        if let Some(code) = category(value) {
            weight[code as usize][class] += rows.weights[row];
        }
    }
    let share = |code: usize| weight[code][0] / class_weight[0] + weight[code][1] / class_weight[1];
    let mut codes: Vec<usize> = (0..n_categories).filter(|code| share(*code) > 0.0).collect();
    codes.sort_by(|a, b| share(*b).total_cmp(&share(*a)));
    codes.truncate(max_bins - 1);
    let others = codes.len() + 1;
    let mut bin_of_code = vec![others as u8; n_categories];
    for (rank, code) in codes.into_iter().enumerate() {
        bin_of_code[code] = rank as u8 + 1;
    }
    FeatureBins::Categorical { bin_of_code, n_bins: others + 1 }
}
