//! What this machine's processor can do beyond the common ground, and but for [`near`](crate::near) the only
//! unsafe code of the project: calls of functions compiled for more than every processor has, and loads through
//! pointers. Both are argued line by line; everything else about the vector engines is safe code.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::blocks::Blocks;
use super::masks::Masks;
use super::rows::Rows;
use super::symmetric::Symmetric;
use super::wide_walk::WideWalk;

/// Proof that this machine has AVX2 and the bit counting that came with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2(());

/// Proof that this machine has AVX-512 as all have it since 2017: F, BW, CD, DQ, VL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512 {
    /// Leaves of different trees are gathered by one instruction rather than loaded one by one.
    pub(super) gathers: bool,
}

impl Avx2 {
    /// Asks the processor.
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        found.then_some(Self(()))
    }

    #[inline]
    pub(super) fn symmetric(self, engine: &Symmetric, row: &[f32]) -> f64 {
        // SAFETY: a safe function but for its features, which `self` proves.
        unsafe { engine.margin_avx2(row) }
    }

    #[inline]
    pub(super) fn masks(self, engine: &Masks, row: &[f32]) -> f64 {
        // SAFETY: a safe function but for its features, which `self` proves.
        unsafe { engine.margin_avx2(row) }
    }

    pub(super) fn blocks(self, engine: &Blocks, rows: Rows<'_>, first: usize, out: &mut [f64]) {
        // SAFETY: a safe function but for its features, which `self` proves.
        unsafe { engine.margins_avx2(rows, first, out) }
    }
}

impl Avx512 {
    /// Asks the processor.
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && Avx2::detect().is_some();
        found.then_some(Self { gathers: false })
    }

    /// Both ways to fetch leaves, the one likely to be faster first.
    pub(super) fn ways(self) -> [Self; 2] {
        [true, false].map(|gathers| Self { gathers })
    }

    #[inline]
    pub(super) fn symmetric(self, engine: &Symmetric, row: &[f32]) -> f64 {
        // SAFETY: a safe function but for its features, which `self` proves.
        unsafe {
            if self.gathers {
                engine.margin_avx512::<true>(row)
            } else {
                engine.margin_avx512::<false>(row)
            }
        }
    }

    #[inline]
    pub(super) fn masks(self, engine: &Masks, row: &[f32]) -> f64 {
        // SAFETY: a safe function but for its features, which `self` proves.
        unsafe {
            if self.gathers {
                engine.margin_avx512::<true>(row)
            } else {
                engine.margin_avx512::<false>(row)
            }
        }
    }

    #[inline]
    pub(super) fn wide_walk(self, engine: &WideWalk, row: &[f32]) -> f64 {
        // SAFETY: a safe function but for its features, which `self` proves.
        unsafe { engine.margin_avx512(row) }
    }

    pub(super) fn blocks(self, engine: &Blocks, rows: Rows<'_>, first: usize, out: &mut [f64]) {
        // SAFETY: a safe function but for its features, which `self` proves.
        unsafe { engine.margins_avx512(rows, first, out) }
    }
}

// Loads and stores that need no alignment, of arrays of exactly the register's size: the reference
// proves that all of the bytes may be read or written, and every bit pattern is a value.

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_8_f32(from: &[f32; 8]) -> __m256 {
    // SAFETY: see above.
    unsafe { _mm256_loadu_ps(from.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_8_u32(from: &[u32; 8]) -> __m256i {
    // SAFETY: see above.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store_8_u32(to: &mut [u32; 8], from: __m256i) {
    // SAFETY: see above.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), from) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_16_f32(from: &[f32; 16]) -> __m512 {
    // SAFETY: see above.
    unsafe { _mm512_loadu_ps(from.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_16_u32(from: &[u32; 16]) -> __m512i {
    // SAFETY: see above.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store_16_u32(to: &mut [u32; 16], from: __m512i) {
    // SAFETY: see above.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), from) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store_16_f32(to: &mut [f32; 16], from: __m512) {
    // SAFETY: see above.
    unsafe { _mm512_storeu_ps(to.as_mut_ptr(), from) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_8_f64(from: &[f64; 8]) -> __m512d {
    // SAFETY: see above.
    unsafe { _mm512_loadu_pd(from.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store_8_f64(to: &mut [f64; 8], from: __m512d) {
    // SAFETY: see above.
    unsafe { _mm512_storeu_pd(to.as_mut_ptr(), from) }
}

// Loads of what a slice holds: the mask lets only bytes of the slice be read, the others are 0.

#[inline]
#[target_feature(enable = "avx2")]
#[expect(clippy::cast_possible_truncation, reason = "at most 8")]
pub(super) fn load_up_to_8(from: &[f32]) -> __m256 {
    let n = _mm256_set1_epi32(from.len().min(8) as i32);
    let mask = _mm256_cmpgt_epi32(n, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    // SAFETY: see above.
    unsafe { _mm256_maskload_ps(from.as_ptr(), mask) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "one bit for each of at most 16"
)]
pub(super) fn load_up_to_16(from: &[f32]) -> __m512 {
    let mask = ((1_u32 << from.len().min(16)) - 1) as __mmask16;
    // SAFETY: see above.
    unsafe { _mm512_maskz_loadu_ps(mask, from.as_ptr()) }
}

// Gathers: an index beyond the slice becomes that of its last value, so none reads outside.

/// None of an empty slice. One longer than `i32::MAX` would only have fewer values in reach.
#[inline]
fn last_index(length: usize) -> Option<i32> {
    length.checked_sub(1).map(|last| i32::try_from(last).unwrap_or(i32::MAX))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn gather_8_f32(from: &[f32], index: __m256i) -> __m256 {
    let Some(last) = last_index(from.len()) else { return _mm256_setzero_ps() };
    let last = _mm256_set1_epi32(last);
    // SAFETY: see above.
    unsafe { _mm256_i32gather_ps::<4>(from.as_ptr(), _mm256_min_epu32(index, last)) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn gather_16_f32(from: &[f32], index: __m512i) -> __m512 {
    let Some(last) = last_index(from.len()) else { return _mm512_setzero_ps() };
    let last = _mm512_set1_epi32(last);
    // SAFETY: see above.
    unsafe { _mm512_i32gather_ps::<4>(_mm512_min_epu32(index, last), from.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
pub(super) fn gather_8_f64(from: &[f64], index: __m256i) -> __m512d {
    let Some(last) = last_index(from.len()) else { return _mm512_setzero_pd() };
    let last = _mm256_set1_epi32(last);
    // SAFETY: see above.
    unsafe { _mm512_i32gather_pd::<8>(_mm256_min_epu32(index, last), from.as_ptr()) }
}
