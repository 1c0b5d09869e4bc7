//! The weighted log loss of a binary label: where boosting starts, and its gradients.

use super::super::sample::mix;
use super::sums::{Pair, Scale};

/// What a part's rows are and what the model says of them so far.
#[derive(Debug, Default)]
pub(super) struct Targets {
    pub(super) labels: Vec<bool>,
    /// Absent: 1 each.
    pub(super) weights: Option<Vec<f32>>,
    /// The margin so far, a log-odds.
    pub(super) margins: Vec<f64>,
}

/// The log-odds of the weighted base rate, where boosting starts if it is told to.
pub(super) fn start(labels: &[bool], weights: &[f64]) -> f64 {
    let mut class_weights = [0.0; 2];
    for (label, weight) in labels.iter().zip(weights) {
        class_weights[usize::from(*label)] += weight;
    }
    libm::log(class_weights[1] / class_weights[0])
}

/// The rows drawn for a round: each by its own chance, whatever part it is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bag {
    /// Of the round.
    pub(super) seed: u64,
    /// Shares of legitimate rows and of frauds that are drawn, above 0 and at most 1.
    pub(super) fractions: [f64; 2],
}

impl Bag {
    pub(super) fn is_all(&self) -> bool {
        self.fractions.iter().all(|fraction| *fraction >= 1.0)
    }

    pub(super) fn holds(&self, row: usize, label: bool) -> bool {
        let fraction = self.fractions[usize::from(label)];
        let drawn = mix(self.seed ^ DRAW, row as u64) >> 11;
        fraction >= 1.0 || (drawn as f64) < fraction * (1_u64 << 53) as f64
    }
}

/// Tells the numbers of the draw from those of rounding.
const DRAW: u64 = 0x5bf0_3635_d1a2_1e4f;

impl Targets {
    /// Sets the gradients of the rows of a part, of which the first is `first_row`, and their packed
    /// words.
    ///
    /// With `p = 1 / (1 + exp(-margin))` and weight `w`, the gradient of the loss
    /// `-w (y ln p + (1 - y) ln(1 - p))` by the margin is `w (p - y)` and its second derivative
    /// `w p (1 - p)`. Rows drawn by chance stand for those that were not: `w` is divided by the share
    /// of their class.
    pub(super) fn gradients(
        &self,
        scale: Scale,
        bag: Bag,
        first_row: usize,
        pairs: &mut [Pair],
        words: &mut [u64],
    ) {
        let (per_gradient, per_hessian) = (1.0 / scale.gradient, 1.0 / scale.hessian);
        let class_weights = bag.fractions.map(|fraction| 1.0 / fraction);
        let pair = |margin: f64, label: bool, weight: f64| {
            let weight = weight * class_weights[usize::from(label)];
            let probability = sigmoid(margin);
            let gradient = weight * (probability - f64::from(u8::from(label)));
            let hessian = weight * probability * (1.0 - probability);
            Pair {
                gradient: round_off(gradient * per_gradient),
                hessian: round_off(hessian * per_hessian),
            }
        };
        let rows = pairs.iter_mut().zip(&self.margins).zip(&self.labels);
        match &self.weights {
            None => rows.for_each(|((slot, margin), label)| *slot = pair(*margin, *label, 1.0)),
            Some(weights) => rows.zip(weights).for_each(|(((slot, margin), label), weight)| {
                *slot = pair(*margin, *label, f64::from(*weight));
            }),
        }
        for (row, (word, pair)) in words.iter_mut().zip(pairs).enumerate() {
            *word = pair.pack(dither(bag.seed, (first_row + row) as u64));
        }
    }
}

/// Bits of chance for the rounding of a row, of which the upper 34 count: less thorough than [`mix`],
/// since a pattern in them would have to meet one in the rows, and half its cost.
#[inline]
fn dither(seed: u64, row: u64) -> u64 {
    let mixed = (seed ^ row).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 32)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Added to a number within 2^31, it leaves the nearest whole number in the low bits: 1.5 · 2^52.
const ROUND: f64 = 6_755_399_441_055_744.0;

#[inline]
fn round_off(x: f64) -> i32 {
    (x + ROUND).to_bits() as i32
}

/// `1 / (1 + exp(-x))` within 1e-9 of it, which is the size of a unit of a gradient.
///
/// Only products, sums and shifts of bits, so that it is the same on every machine and several rows
/// are computed at a time.
#[inline]
pub(super) fn sigmoid(x: f64) -> f64 {
    // exp(y) = 2^n exp(r) with |r| <= ln 2 / 2.
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let y = (-x).clamp(-700.0, 700.0);
    let shifted = y * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (y - n * LN2_HIGH) - n * LN2_LOW;
    // The Taylor series, in pairs that do not wait for each other; what is left out is below 2e-10
    // of the sum.
    let r2 = r * r;
    let r4 = r2 * r2;
    let low = (1.0 + r) + (0.5 + r * (1.0 / 6.0)) * r2;
    let high = (1.0 / 24.0 + r * (1.0 / 120.0)) + (1.0 / 720.0 + r * (1.0 / 5_040.0)) * r2;
    let sum = low + (high + r4 * (1.0 / 40_320.0)) * r4;
    let power = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1.0_f64.to_bits()));
    1.0 / (1.0 + sum * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sigmoid_is_the_librarys() {
        for step in -8_000..=8_000 {
            let x = f64::from(step) * 0.01 + 0.003;
            let exact = 1.0 / (1.0 + libm::exp(-x));
            let found = sigmoid(x);
            assert!((found - exact).abs() <= 1e-9 * exact, "{x}: {found} {exact}");
        }
        assert!(sigmoid(1e300) <= 1.0 && sigmoid(-1e300) >= 0.0);
    }
}
