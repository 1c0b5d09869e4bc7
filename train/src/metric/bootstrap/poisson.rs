//! How often each cluster is drawn: a Poisson number of mean 1, independent of all others.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// Replicates that are computed side by side.
pub(super) const LANES: usize = 16;

/// How often one cluster is drawn in each of [`LANES`] replicates.
pub(super) type Draws = [u8; LANES];

/// The draws of all clusters in the `block`-th [`LANES`] replicates. They depend on the seed and the
/// block alone, so a thread may compute any block.
///
/// # Source
/// Hanley and MacGibbon (2006), *Creating non-parametric bootstrap samples using Poisson frequencies*;
/// Chamandy et al. (2012), *Estimating uncertainty for massive data streams*. A multinomial sample is
/// the same but for its fixed total, which no measure here depends on: all are ratios. Independent
/// draws need no second pass and no memory of the total.
pub(super) fn draw(n_clusters: usize, seed: u64, block: u64) -> Vec<Draws> {
    // The golden ratio spreads neighbouring blocks over the states; the generator scrambles them.
    let state = u128::from(seed) << 64 | u128::from(block.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut random = Pcg64Mcg::from_seed(scrambled(state).to_le_bytes());
    let mut draws = vec![[0; LANES]; n_clusters];
    for draw in &mut draws {
        for pair in draw.chunks_exact_mut(2) {
            let bits = random.next_u64();
            pair[0] = poisson(bits as u32);
            pair[1] = poisson((bits >> 32) as u32);
        }
    }
    draws
}

/// The Poisson number at a point of the unit interval, in units of 2^-32.
fn poisson(point: u32) -> u8 {
    AT_MOST.iter().map(|limit| u8::from(point >= *limit)).sum()
}

/// The distribution of mean 1: the share of numbers of at most 0, 1, 2 and so on, in units of 2^-32.
/// What is left above 11, 7e-11, is less than half a unit.
const AT_MOST: [u32; 12] = {
    let mut limits = [0; 12];
    let (mut share, mut sum, mut n) = (1.0 / std::f64::consts::E, 0.0, 0);
    while n < limits.len() {
        sum += share;
        // Saturates in the last of them.
        limits[n] = (sum * 4_294_967_296.0) as u32;
        n += 1;
        share /= n as f64;
    }
    limits
};

/// Both halves of a state depend on both halves of what it is made of.
///
/// # Source
/// The finaliser of Steele, Lea and Flood (2014), *Fast splittable pseudorandom number generators*.
fn scrambled(state: u128) -> u128 {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let (high, low) = ((state >> 64) as u64, state as u64);
    let first = mix(high ^ mix(low));
    u128::from(first) << 64 | u128::from(mix(low.wrapping_add(first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_distribution_and_are_independent() {
        let n_clusters = 20_000;
        let blocks = [draw(n_clusters, 7, 0), draw(n_clusters, 7, 1), draw(n_clusters, 8, 0)];
        let n = (n_clusters * LANES) as f64;
        for draws in &blocks {
            // e^-1 / k!, and five standard errors.
            let mut expected = 1.0 / std::f64::consts::E;
            for k in 0..6_u8 {
                let share = draws.iter().flatten().filter(|d| **d == k).count() as f64 / n;
                let error = (expected * (1.0 - expected) / n).sqrt();
                assert!((share - expected).abs() < 5.0 * error, "{k}: {share} {expected}");
                expected /= f64::from(k + 1);
            }
        }
        // Between lanes, neighbouring clusters, blocks and seeds: correlation within five errors of 0.
        let centred = |draw: u8| f64::from(draw) - 1.0;
        let pairs = |f: &dyn Fn(usize, usize) -> f64| {
            let sum: f64 =
                (0..n_clusters - 1).flat_map(|c| (0..LANES - 1).map(move |l| f(c, l))).sum();
            assert!((sum / n).abs() < 5.0 / n.sqrt(), "{}", sum / n);
        };
        let [first, second, other] = &blocks;
        pairs(&|c, l| centred(first[c][l]) * centred(first[c][l + 1]));
        pairs(&|c, l| centred(first[c][l]) * centred(first[c + 1][l]));
        pairs(&|c, l| centred(first[c][l]) * centred(second[c][l]));
        pairs(&|c, l| centred(first[c][l]) * centred(other[c][l]));
        assert_eq!(blocks[0], draw(n_clusters, 7, 0));
    }
}
