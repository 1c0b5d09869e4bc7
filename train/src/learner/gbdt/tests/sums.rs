//! Gradients, and their sums as integers.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use super::super::bins::FeatureBins;
use super::super::histogram::{Accumulator, Histogram};
use super::super::objective::{Bag, Targets};
use super::super::part::{Layout, Part};
use super::super::sums::{Pair, Scale, Sums};
use super::numbers;
use crate::learner::sample::FitRows;
use crate::matrix::TrainingSet;

const ALL: Bag = Bag { seed: 7, fractions: [1.0, 1.0] };

fn loss(margin: f64, label: bool, weight: f64) -> f64 {
    let p = 1.0 / (1.0 + libm::exp(-margin));
    -weight * if label { libm::log(p) } else { libm::log1p(-p) }
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let step = 1e-4;
    for margin in [-9.0, -3.0, -0.5, 0.0, 1.0, 4.0] {
        for (label, weight) in [(true, 1.0), (false, 1.0), (true, 2.5), (false, 0.5)] {
            let targets = Targets {
                labels: vec![label],
                weights: Some(vec![weight as f32]),
                margins: vec![margin],
            };
            let scale = Scale::new(2.5, 2.5 * 0.25);
            let (mut pairs, mut words) = ([Pair::default()], [0]);
            targets.gradients(scale, ALL, 0, &mut pairs, &mut words);
            let mut sums = Sums::default();
            sums.add_row(pairs[0]);
            let (gradient, hessian) = scale.of(sums);
            let at = |offset: f64| loss(margin + offset, label, weight);
            let slope = (at(step) - at(-step)) / (2.0 * step);
            let curvature = (at(step) - 2.0 * at(0.0) + at(-step)) / (step * step);
            assert!((gradient - slope).abs() < 1e-6, "{margin}: {gradient} {slope}");
            assert!((hessian - curvature).abs() < 1e-5, "{margin}: {hessian} {curvature}");
        }
    }
}

/// 200,000 rows, 0.05 % of them frauds that weigh 500, in 40 bins.
struct Rare {
    values: Vec<f32>,
    targets: Targets,
}

fn rare(n_rows: usize) -> Rare {
    let mut random = Pcg64::seed_from_u64(3);
    let mut below = |n: u64| random.next_u64() % n;
    let values = (0..n_rows).map(|_| below(40) as f32).collect();
    let labels: Vec<bool> = (0..n_rows).map(|_| below(2_000) == 0).collect();
    let weights = labels.iter().map(|label| if *label { 500.0 } else { 1.0 }).collect();
    let margins = (0..n_rows).map(|_| -8.0 + below(1_000) as f64 / 200.0).collect();
    Rare { values, targets: Targets { labels, weights: Some(weights), margins } }
}

fn histogram(rare: &Rare, part_rows: usize) -> (Sums, Histogram, Layout) {
    let matrix = numbers(1, rare.values.clone());
    let Targets { labels, weights, margins } = &rare.targets;
    let data = TrainingSet { matrix: &matrix, labels, weights: None };
    let rows = FitRows::draw(&data, None, 1.0, 0).expect("two classes");
    let bins = FeatureBins::learn(&rows, 255, 0);
    let layout = Layout::new(&bins);
    let scale = Scale::new(500.0, 125.0);
    let (mut sums, mut all) = (Sums::default(), Histogram::default());
    for first in (0..matrix.n_rows()).step_by(part_rows) {
        let range = first..matrix.n_rows().min(first + part_rows);
        let mut part = Part::bin(first, range.clone().map(|row| matrix.row(row)), &bins, &layout);
        part.targets = Targets {
            labels: labels[range.clone()].to_vec(),
            weights: weights.as_ref().map(|weights| weights[range.clone()].to_vec()),
            margins: margins[range].to_vec(),
        };
        part.take_gradients(scale, ALL);
        part.begin(ALL);
        let mut accumulator = Accumulator::new(&layout);
        accumulator.begin(&layout, Histogram::default());
        accumulator.add(&layout, &part, part.leaf(0));
        let histogram = accumulator.finish(&layout);
        sums += part.sums(0);
        match all.bins.len() {
            0 => all = histogram,
            _ => all.add(&histogram),
        }
    }
    (sums, all, layout)
}

#[test]
fn sums_of_rare_heavy_rows_are_those_of_floats() {
    let rare = rare(200_000);
    let (sums, histogram, layout) = histogram(&rare, 1 << 15);
    let scale = Scale::new(500.0, 125.0);
    let mut expected = [(0.0, 0.0, 0_i64); 40];
    let weights = rare.targets.weights.as_ref().expect("weighted");
    for (row, value) in rare.values.iter().enumerate() {
        let (label, weight) = (rare.targets.labels[row], f64::from(weights[row]));
        let p = 1.0 / (1.0 + libm::exp(-rare.targets.margins[row]));
        let bin = &mut expected[*value as usize];
        bin.0 += weight * (p - f64::from(u8::from(label)));
        bin.1 += weight * p * (1.0 - p);
        bin.2 += 1;
    }
    // Leaves: 200,000 roundings of half a unit of 500 / 2^30 at worst.
    let (gradient, hessian) = scale.of(sums);
    let total = expected.iter().fold((0.0, 0.0), |sum, bin| (sum.0 + bin.0, sum.1 + bin.1));
    assert!((gradient - total.0).abs() < 0.05, "{gradient} {}", total.0);
    assert!((hessian - total.1).abs() < 0.05, "{hessian} {}", total.1);
    for (bin, expected) in histogram.bins[layout.bins(0)][1..=40].iter().zip(&expected) {
        let (gradient, hessian) = scale.of(*bin);
        assert_eq!(bin.n_rows, expected.2);
        // 5,000 roundings by chance of a unit of 500 / 2^13 (125 / 2^13): a deviation of at most
        // half a unit times the root of their number, of which five are allowed.
        let deviation = 0.5 * libm::sqrt(expected.2 as f64) / 8_191.0;
        let (found, exact) = (gradient, expected.0);
        assert!((found - exact).abs() < 5.0 * 500.0 * deviation, "{found} {exact}");
        assert!((hessian - expected.1).abs() < 5.0 * 125.0 * deviation, "{hessian} {}", expected.1);
    }
}

#[test]
fn rows_may_be_parted_in_any_way() {
    let rare = rare(20_000);
    let (sums, whole, _) = histogram(&rare, 20_000);
    for part_rows in [1, 777, 4_096, 19_999] {
        let (part_sums, added, _) = histogram(&rare, part_rows);
        assert_eq!((part_sums, &added), (sums, &whole), "{part_rows}");
    }
}
