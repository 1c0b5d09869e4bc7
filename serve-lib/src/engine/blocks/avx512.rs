//! [`Blocks`] sixteen rows an instruction.

use std::arch::x86_64::*;

use super::super::cpu::{load_8_f64, load_16_f32, load_16_u32, store_8_f64, store_16_u32};
use super::super::rows::Rows;
use super::{
    Aligned, BLOCK, Blocks, Coded, FEW_FEATURES, MAX_FEATURES, Numeric, STEPS, Sums, Tree, Values,
    WORD, column,
};

impl Blocks {
    /// The margins of the rows from `first` on, one for each place in `margins`.
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,lzcnt,popcnt")]
    pub(in super::super) fn margins_avx512(
        &self,
        rows: Rows<'_>,
        first: usize,
        margins: &mut [f64],
    ) {
        if self.features.len() <= FEW_FEATURES {
            self.all_avx512::<FEW_FEATURES>(rows, first, margins);
        } else {
            self.all_avx512::<MAX_FEATURES>(rows, first, margins);
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,lzcnt,popcnt")]
    fn all_avx512<const F: usize>(&self, rows: Rows<'_>, first: usize, margins: &mut [f64]) {
        let Aligned(values) = &mut Aligned([[[[0.0; 16]; STEPS]; 2]; F]);
        for (block, margins) in margins.chunks_mut(BLOCK).enumerate() {
            self.lay_out(rows, first + block * BLOCK, margins.len(), values);
            let Aligned(lanes) = &mut Aligned([[[0.0; 16]; STEPS]; 16]);
            let n_steps = margins.len().div_ceil(16);
            for (tree, position) in self.trees().zip(0..) {
                let sums = &mut lanes[position % 16];
                if n_steps > STEPS / 2 {
                    tree.add_avx512::<STEPS, F>(values, 0, sums);
                } else {
                    for step in 0..n_steps {
                        tree.add_avx512::<1, F>(values, step, sums);
                    }
                }
            }
            self.fold(lanes, margins);
        }
    }
}

impl Tree<'_> {
    /// Adds the leaves that `N` steps of rows from `step` on reach.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,lzcnt,popcnt")]
    fn add_avx512<const N: usize, const F: usize>(
        self,
        values: &Values<F>,
        step: usize,
        sums: &mut Sums,
    ) {
        let mut numbers = [_mm512_setzero_si512(); N];
        for (first_leaf, numeric, coded) in self.parts() {
            let words = words::<N, F>(numeric, coded, values, step);
            for (number, word) in numbers.iter_mut().zip(words) {
                let found = match self.answers {
                    Some(bits) => _mm512_and_si512(word, _mm512_set1_epi32(bits as i32)),
                    None => {
                        let first = _mm512_set1_epi32(first_leaf as i32);
                        _mm512_add_epi32(first, _mm512_lzcnt_epi32(word))
                    }
                };
                let any = _mm512_test_epi32_mask(word, word);
                *number = _mm512_mask_mov_epi32(*number, any, found);
            }
        }
        let numbers = numbers.into_iter().zip(&mut sums[step..]);
        match self.leaves {
            [leaves] => {
                numbers.for_each(|(number, sums)| add(sums, number, |at| pick(leaves, at)));
            }
            [low, high] => {
                let pick = |at| {
                    let is_high = _mm512_test_epi64_mask(at, _mm512_set1_epi64(32));
                    _mm512_mask_blend_pd(is_high, pick(low, at), pick(high, at))
                };
                numbers.for_each(|(number, sums)| add(sums, number, pick));
            }
            _ => numbers.for_each(|(number, sums)| {
                let mut stored = [0; 16];
                store_16_u32(&mut stored, number);
                self.add_leaves(sums, stored);
            }),
        }
    }
}

/// The leaves of a part that are left. They stay in registers over all questions, hence a function
/// per `N`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,lzcnt,popcnt")]
fn words<const N: usize, const F: usize>(
    numeric: &[Numeric],
    coded: &[Coded],
    values: &Values<F>,
    step: usize,
) -> [__m512i; N] {
    let mut words = [_mm512_set1_epi32(-1); N];
    for question in numeric {
        let bound = _mm512_set1_ps(question.bound);
        let kept = _mm512_set1_epi32(question.kept as i32);
        for (word, values) in words.iter_mut().zip(column::<N, F>(values, question.column, step)) {
            let right = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(load_16_f32(values), bound);
            *word = _mm512_mask_and_epi32(*word, right, *word, kept);
        }
    }
    for question in coded {
        for (word, codes) in words.iter_mut().zip(column::<N, F>(values, question.column, step)) {
            *word = _mm512_and_si512(*word, load_16_u32(&question.kept(codes)));
        }
    }
    words
}

/// Adds to sixteen sums what is picked by eight numbers at a time.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn add(sums: &mut [f64; 16], numbers: __m512i, pick: impl Fn(__m512i) -> __m512d) {
    let (halves, _) = sums.as_chunks_mut::<8>();
    let low = _mm512_castsi512_si256(numbers);
    let high = _mm512_extracti64x4_epi64::<1>(numbers);
    for (sums, numbers) in halves.iter_mut().zip([low, high]) {
        let values = pick(_mm512_cvtepu32_epi64(numbers));
        store_8_f64(sums, _mm512_add_pd(load_8_f64(sums), values));
    }
}

/// Of 32 values those whose numbers are the lowest five bits of `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn pick(from: &[f64; WORD], at: __m512i) -> __m512d {
    let (eights, _) = from.as_chunks::<8>();
    let [a, b, c, d] = std::array::from_fn(|eight| load_8_f64(&eights[eight]));
    let is_high = _mm512_test_epi64_mask(at, _mm512_set1_epi64(16));
    let (low, high) = (_mm512_permutex2var_pd(a, at, b), _mm512_permutex2var_pd(c, at, d));
    _mm512_mask_blend_pd(is_high, low, high)
}
