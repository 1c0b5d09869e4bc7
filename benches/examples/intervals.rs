//! Do intervals of 95 % hold the truth in 95 of 100 cases, and does the gate err as rarely as it says?
//! Samples are drawn from a population of cards whose rows depend on each other, and resampled as
//! `evaluate`, `compare` and `retrain` do.
//!
//! `cargo run --release -p shroff-benches --features train --example intervals [-- N_SAMPLES [SEED [NAME]]]`, of all
//! populations or of those whose names hold NAME; what came out stands below `record/`.
#![forbid(unsafe_code)]

use shroff_train::learner::NoProgress;
use shroff_train::metric::CardDays;
use shroff_train::metric::bootstrap::{
    Answers, Bootstrap, Clusters, Measure, Resampled, normal_quantile, resample,
};

/// What the numbers are drawn from.
struct Population {
    name: &'static str,
    n_cards: usize,
    /// Share of the cards with frauds.
    compromised: f64,
    /// Mean number of frauds of such a card.
    frauds_per_card: f64,
    /// By how much frauds score higher.
    apart: f64,
}

const POPULATIONS: [Population; 4] = [
    Population {
        name: "about 210 frauds of 84 cards",
        n_cards: 2_000,
        compromised: 0.042,
        frauds_per_card: 2.5,
        apart: 3.0,
    },
    Population {
        name: "about 210 frauds of 84 cards, hard to tell",
        n_cards: 2_000,
        compromised: 0.042,
        frauds_per_card: 2.5,
        apart: 1.8,
    },
    Population {
        name: "about 400 frauds of 80 cards",
        n_cards: 2_000,
        compromised: 0.04,
        frauds_per_card: 5.0,
        apart: 3.0,
    },
    Population {
        name: "about 800 frauds of 320 cards",
        n_cards: 8_000,
        compromised: 0.04,
        frauds_per_card: 2.5,
        apart: 3.0,
    },
];

const CONFIDENCE: f64 = 0.95;
/// As the gate's default.
const MARGIN: f64 = 0.01;
/// Noise that a model adds to what all models see.
const NOISE: f64 = 0.5;
const MEASURES: [Measure; 5] = [
    Measure::RocAuc,
    Measure::AveragePrecision,
    Measure::RecallAtFpr0_005,
    Measure::RecallAtFpr0_01,
    Measure::CardPrecisionAt100,
];
const KINDS: [&str; 4] = ["normal", "percentile", "basic", "bias-corrected"];

fn main() {
    let n_samples = std::env::args().nth(1).map_or(2_000, |n| n.parse().expect("a number"));
    let first_seed: u64 = std::env::args().nth(2).map_or(0, |n| n.parse().expect("a number"));
    println!("{n_samples} samples, {} replicates each, seed {first_seed}", Bootstrap::N_REPLICATES);
    let part = std::env::args().nth(3).unwrap_or_default();
    let populations = (first_seed..).zip(&POPULATIONS);
    for (seed, population) in populations.filter(|(_, of)| of.name.contains(&part)) {
        report(population, seed, n_samples);
    }
}

fn report(population: &Population, seed: u64, n_samples: usize) {
    let mut random = Random(seed + 1);
    let worse = noise_that_costs(population, 2.0 * MARGIN, &mut random);
    let large = population.sample(800_000, [NOISE; 3], &mut random);
    let mut estimates = vec![Vec::new(); MEASURES.len()];
    let mut intervals = vec![vec![Vec::new(); MEASURES.len()]; KINDS.len()];
    let mut standard = vec![Vec::new(); MEASURES.len()];
    let (mut alike, mut lost) = ([0; 4], [0; 4]);
    let mut n_frauds = 0;
    for _ in 0..n_samples {
        let sample = population.sample(population.n_cards, [NOISE, NOISE, worse], &mut random);
        n_frauds += sample.labels.iter().filter(|label| **label).count();
        let resampled = sample.resample(random.next());
        for (index, measure) in MEASURES.into_iter().enumerate() {
            let estimate = resampled.estimate(0, measure).expect("both classes");
            estimates[index].push(estimate);
            for (kind, name) in KINDS.into_iter().enumerate() {
                let replicates = resampled.replicates(0, 0, measure);
                intervals[kind][index].push(interval(name, replicates, estimate));
            }
            let shown = resampled.interval(0, measure, CONFIDENCE).expect("an interval");
            standard[index].push((shown.low, shown.high));
        }
        alike[verdict(&resampled, 1)] += 1;
        lost[verdict(&resampled, 2)] += 1;
    }
    println!(
        "\n{}: {:.0} rows and {:.1} frauds a sample",
        population.name,
        10.0 * population.n_cards as f64,
        n_frauds as f64 / n_samples as f64
    );
    let names = MEASURES.map(Measure::name).join(" | ");
    println!("\n| coverage in % | {names} |\n|---|{}", "---|".repeat(MEASURES.len()));
    // Card Precision depends on the size of the sample: its truth is the mean of all samples.
    let truth = |index: usize| match MEASURES[index] {
        Measure::CardPrecisionAt100 => estimates[index].iter().sum::<f64>() / n_samples as f64,
        measure => large.estimate(0, measure),
    };
    let all: [f64; MEASURES.len()] = std::array::from_fn(truth);
    let coverage = |intervals: &[Vec<(f64, f64)>]| {
        let share = |index: usize| {
            let held =
                |interval: &&(f64, f64)| interval.0 <= all[index] && all[index] <= interval.1;
            intervals[index].iter().filter(held).count() as f64 / n_samples as f64 * 100.0
        };
        (0..MEASURES.len()).map(|i| format!(" {:.1} |", share(i))).collect::<String>()
    };
    println!("| **as shown** |{}", coverage(&standard));
    for (kind, intervals) in KINDS.iter().zip(&intervals) {
        println!("| {kind} |{}", coverage(intervals));
    }
    let width = |index: usize| {
        let sum: f64 = standard[index].iter().map(|(low, high)| high - low).sum();
        format!(" {:.3} |", sum / n_samples as f64)
    };
    println!("| mean width |{}", (0..MEASURES.len()).map(width).collect::<String>());
    println!("| truth |{}", all.map(|truth| format!(" {truth:.4} |")).concat());
    let share = |count: usize| count as f64 / n_samples as f64 * 100.0;
    println!("\n| verdict on average precision in % | better | not worse | worse | cannot tell |");
    println!("|---|---|---|---|---|");
    for (name, counts) in [("equal models", alike), ("a true loss of 0.02", lost)] {
        let shares = counts.map(|count| format!(" {:.1} |", share(count))).concat();
        println!("| {name} |{shares}");
    }
    let refused = share(lost[2] + lost[3]);
    println!("\nA true loss of 2 x margin is refused in {refused:.1} % (worse, or cannot tell).");
}

/// How the gate reads the difference of a model from model 0: better, not worse, worse, cannot tell.
fn verdict(resampled: &Resampled, model: usize) -> usize {
    let found = resampled.difference(model, 0, Measure::AveragePrecision, CONFIDENCE);
    let found = found.expect("both classes");
    match (found.low, found.high) {
        (low, _) if low > 0.0 => 0,
        (low, _) if low > -MARGIN => 1,
        (_, high) if high < -MARGIN => 2,
        _ => 3,
    }
}

fn interval(kind: &str, mut replicates: Vec<f64>, estimate: f64) -> (f64, f64) {
    replicates.sort_by(f64::total_cmp);
    let n = replicates.len() as f64;
    let at = |share: f64| replicates[((share * n) as usize).min(replicates.len() - 1)];
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let z = normal_quantile(1.0 - tail);
    let spread = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / n;
        (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0)).sqrt()
    };
    match kind {
        "percentile" => (at(tail), at(1.0 - tail)),
        "basic" => (2.0 * estimate - at(1.0 - tail), 2.0 * estimate - at(tail)),
        "bias-corrected" => {
            let below = replicates.iter().filter(|r| **r < estimate).count() as f64 / n;
            let shift = 2.0 * normal_quantile(below.clamp(1.0 / n, 1.0 - 1.0 / n));
            let share = |z: f64| 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
            (at(share(shift - z)), at(share(shift + z)))
        }
        _ => {
            let reach = z * spread(&replicates);
            (estimate - reach, estimate + reach)
        }
    }
}

/// Rows that three models scored.
struct Sample {
    labels: Vec<bool>,
    cards: Vec<u32>,
    days: Vec<i64>,
    margins: [Vec<f64>; 3],
}

impl Population {
    /// Cards with ten rows on average, some with frauds on top; scores depend on the card.
    fn sample(&self, n_cards: usize, noises: [f64; 3], random: &mut Random) -> Sample {
        let mut sample =
            Sample { labels: vec![], cards: vec![], days: vec![], margins: Default::default() };
        for card in 0..n_cards as u32 {
            let habit = 0.5 * random.normal();
            let compromised = random.uniform() < self.compromised;
            let attack = self.apart + 0.7 * random.normal();
            let n_legitimate = random.geometric(10.0);
            let n_frauds = if compromised { random.geometric(self.frauds_per_card) } else { 0 };
            // An attack takes a few days.
            let first_day = random.below(7) as i64;
            for row in 0..n_legitimate + n_frauds {
                let is_fraud = row >= n_legitimate;
                let seen = if is_fraud { attack } else { 0.0 } + habit + 0.8 * random.normal();
                let day = match is_fraud {
                    true => (first_day + random.below(3) as i64).min(6),
                    false => random.below(7) as i64,
                };
                sample.labels.push(is_fraud);
                sample.cards.push(card);
                sample.days.push(day);
                for (margins, noise) in sample.margins.iter_mut().zip(noises) {
                    margins.push(seen + noise * random.normal());
                }
            }
        }
        sample
    }
}

impl Sample {
    fn estimate(&self, model: usize, measure: Measure) -> f64 {
        let probabilities = vec![0.5; self.labels.len()];
        let margins = &self.margins[model];
        let answers = Answers { margins, probabilities: &probabilities, cards: None };
        let bootstrap = Bootstrap { n_replicates: 0, seed: 0 };
        let found = resample(&self.labels, None, &[answers], &[], bootstrap, &NoProgress);
        found.expect("rows").estimate(0, measure).expect("both classes")
    }

    fn resample(&self, seed: u64) -> Resampled {
        let cards: Vec<CardDays> = self
            .margins
            .iter()
            .map(|margins| CardDays::new(&self.days, &self.cards, &self.labels, margins))
            .collect::<Result<_, _>>()
            .expect("rows");
        let probabilities = vec![0.5; self.labels.len()];
        let answers: Vec<Answers<'_>> = self
            .margins
            .iter()
            .zip(&cards)
            .map(|(margins, cards)| Answers {
                margins,
                probabilities: &probabilities,
                cards: Some(cards),
            })
            .collect();
        let clusters = [Clusters::of_cards("card", &self.cards)];
        let bootstrap = Bootstrap { n_replicates: Bootstrap::N_REPLICATES, seed };
        resample(&self.labels, None, &answers, &clusters, bootstrap, &NoProgress).expect("rows")
    }
}

/// The noise of a third model that loses so much average precision against the others.
fn noise_that_costs(population: &Population, loss: f64, random: &mut Random) -> f64 {
    let (mut low, mut high) = (NOISE, 3.0);
    for _ in 0..7 {
        let middle = (low + high) / 2.0;
        let noises = [NOISE, NOISE, middle];
        let sample = population.sample(200_000, noises, random);
        let precision = |model: usize| sample.estimate(model, Measure::AveragePrecision);
        match (precision(0) + precision(1)) / 2.0 - precision(2) < loss {
            true => low = middle,
            false => high = middle,
        }
    }
    (low + high) / 2.0
}

/// SplitMix64: small, and good enough to draw samples by.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Above 0 and below 1.
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.uniform() * n as f64) as u64
    }

    /// Box and Muller, one of the two.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(self.uniform())).sqrt();
        radius * libm::cos(2.0 * std::f64::consts::PI * self.uniform())
    }

    /// At least 1, with this mean.
    fn geometric(&mut self, mean: f64) -> usize {
        1 + (libm::log(self.uniform()) / libm::log(1.0 - 1.0 / mean)) as usize
    }
}
