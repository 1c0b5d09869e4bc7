//! Random streams. Every actor has its own, so neither the order in which actors are drawn nor the
//! thread that draws them can change a result.

use rand_pcg::Pcg64;

/// What a stream is used for: actors of the same index share nothing across purposes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Customer = 1,
    Terminal = 2,
    Payments = 3,
    Labels = 4,
    CompromisedTerminals = 5,
    LeakedCards = 6,
    Decisions = 7,
}

/// The stream of one actor.
pub(super) fn stream(seed: u64, purpose: Purpose, index: u32) -> Pcg64 {
    let actor = (purpose as u64) << 32 | u64::from(index);
    let low = mix(seed.wrapping_add(mix(actor)));
    let high = mix(low);
    // Both the state and PCG's own stream number differ between actors.
    Pcg64::new(u128::from(high) << 64 | u128::from(low), u128::from(actor))
}

/// One step of SplitMix64: a bijection in which every input bit reaches every output bit.
///
/// # Source
/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn mix_gives_the_published_sequence_of_splitmix64() {
        // First output of the reference implementation for seed 1234567.
        assert_eq!(mix(1_234_567), 6_457_827_717_110_365_317);
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let first = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        let mut drawn = vec![
            first(0, Purpose::Customer, 0),
            first(1, Purpose::Customer, 0),
            first(0, Purpose::Terminal, 0),
            first(0, Purpose::Customer, 1),
        ];
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 4);
    }
}
