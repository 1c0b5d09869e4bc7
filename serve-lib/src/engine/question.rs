//! How a register of values answers splits of numbers: is the value, its sign changed or not, above
//! a bound? A missing value answers no.

use std::arch::x86_64::*;

use super::cpu::{gather_16_f32, load_up_to_16};
use crate::model::{Split, SplitTest};

/// The bit beside a feature that changes the sign of its value. Where a missing value goes right,
/// `x <= split` is asked instead of `x > split`, since missing answers no to either; as
/// `-x > next below -split`, to have one comparison for all. So yes means left there.
pub(super) const NEGATE: u32 = 1 << 31;
/// The bits that are a feature, those above another's business.
pub(super) const FEATURE_BITS: u32 = 12;

/// The feature with [`NEGATE`] or without, and the bound; none for a category split.
pub(super) fn feature_and_bound(split: &Split) -> Option<(u32, f32)> {
    let SplitTest::AtMost(value) = split.test else { return None };
    Some(if split.default_left {
        (split.feature_index, value)
    } else {
        (split.feature_index | NEGATE, (-value).next_down())
    })
}

/// A row of up to `IN_REGISTERS` values, 32 or 64, in registers; with 0 it is read where it is.
#[derive(Clone, Copy)]
pub(super) struct Values512<'r, const IN_REGISTERS: usize> {
    row: &'r [f32],
    parts: [__m512; 4],
}

impl<'r, const IN_REGISTERS: usize> Values512<'r, IN_REGISTERS> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    pub(super) fn new(row: &'r [f32]) -> Self {
        let mut parts = [_mm512_setzero_ps(); 4];
        for (part, values) in parts.iter_mut().zip(row.chunks(16)).take(IN_REGISTERS / 16) {
            *part = load_up_to_16(values);
        }
        Self { row, parts }
    }

    /// Which values are above their bounds.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
    pub(super) fn above(&self, feature: __m512i, bound: __m512) -> __mmask16 {
        let [a, b, c, d] = self.parts;
        let value = match IN_REGISTERS {
            32 => _mm512_permutex2var_ps(a, feature, b),
            64 => _mm512_mask_blend_ps(
                _mm512_test_epi32_mask(feature, _mm512_set1_epi32(32)),
                _mm512_permutex2var_ps(a, feature, b),
                _mm512_permutex2var_ps(c, feature, d),
            ),
            _ => {
                let of_feature = _mm512_set1_epi32((1 << FEATURE_BITS) - 1);
                gather_16_f32(self.row, _mm512_and_si512(feature, of_feature))
            }
        };
        // value ^ (feature & NEGATE)
        let negate = _mm512_set1_epi32(NEGATE.cast_signed());
        let value = _mm512_castps_si512(value);
        let value = _mm512_ternarylogic_epi32::<0x78>(value, feature, negate);
        _mm512_cmp_ps_mask::<_CMP_GT_OQ>(_mm512_castsi512_ps(value), bound)
    }
}
