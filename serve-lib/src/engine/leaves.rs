//! Sixteen sums of leaves, one for each tree of a group.
#![expect(
    clippy::indexing_slicing,
    reason = "the caller's leaf numbers are below the number of leaves that it says a tree has"
)]

use std::arch::x86_64::*;

use super::cpu::{gather_8_f64, load_8_f64, store_8_f64, store_16_u32};

/// Adds to the lanes of the canonical sum of [`Forest::margin`](crate::model::Forest::margin) the leaf of its
/// number of each of sixteen trees. Each has `n_leaves` leaves, a power of two, and they lie tree after tree.
///
/// Whether a gather or sixteen loads take less time depends on the processor.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
pub(super) fn add_avx512<const GATHERS: bool>(
    lanes: &mut [f64; 16],
    leaves: &[f64],
    n_leaves: usize,
    numbers: __m512i,
) {
    if GATHERS {
        let trees = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let firsts =
            _mm512_sll_epi32(trees, _mm_cvtsi32_si128(n_leaves.trailing_zeros().cast_signed()));
        let places = _mm512_or_si512(firsts, numbers);
        let halves = [_mm512_castsi512_si256(places), _mm512_extracti64x4_epi64::<1>(places)];
        let (lanes, _) = lanes.as_chunks_mut();
        for (lanes, half) in lanes.iter_mut().zip(halves) {
            let sums = _mm512_add_pd(load_8_f64(lanes), gather_8_f64(leaves, half));
            store_8_f64(lanes, sums);
        }
    } else {
        let mut stored = [0; 16];
        store_16_u32(&mut stored, numbers);
        add(lanes, leaves, n_leaves, &stored);
    }
}

/// As [`add_avx512`], on any processor.
#[inline(always)]
pub(super) fn add(lanes: &mut [f64; 16], leaves: &[f64], n_leaves: usize, numbers: &[u32; 16]) {
    // Changes no number, and where `n_leaves` is a constant spares the check of the bound.
    let mask = n_leaves.wrapping_sub(1);
    for ((lane, leaves), number) in lanes.iter_mut().zip(leaves.chunks_exact(n_leaves)).zip(numbers)
    {
        *lane += leaves[*number as usize & mask];
    }
}
