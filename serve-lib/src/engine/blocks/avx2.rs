//! [`Blocks`] eight rows an instruction.

use std::arch::x86_64::*;

use super::super::cpu::{load_8_f32, load_8_u32, store_8_u32};
use super::super::rows::Rows;
use super::{
    Aligned, BLOCK, Blocks, Coded, FEW_FEATURES, MAX_FEATURES, Numeric, STEPS, Sums, Tree, Values,
    column,
};

impl Blocks {
    /// The margins of the rows from `first` on, one for each place in `margins`.
    #[target_feature(enable = "avx2,lzcnt,popcnt")]
    pub(in super::super) fn margins_avx2(&self, rows: Rows<'_>, first: usize, margins: &mut [f64]) {
        if self.features.len() <= FEW_FEATURES {
            self.all_avx2::<FEW_FEATURES>(rows, first, margins);
        } else {
            self.all_avx2::<MAX_FEATURES>(rows, first, margins);
        }
    }

    #[target_feature(enable = "avx2,lzcnt,popcnt")]
    fn all_avx2<const F: usize>(&self, rows: Rows<'_>, first: usize, margins: &mut [f64]) {
        let Aligned(values) = &mut Aligned([[[[0.0; 16]; STEPS]; 2]; F]);
        for (block, margins) in margins.chunks_mut(BLOCK).enumerate() {
            self.lay_out(rows, first + block * BLOCK, margins.len(), values);
            let Aligned(lanes) = &mut Aligned([[[0.0; 16]; STEPS]; 16]);
            let n_steps = margins.len().div_ceil(16);
            for (tree, position) in self.trees().zip(0..) {
                let sums = &mut lanes[position % 16];
                if n_steps > STEPS / 2 {
                    tree.add_avx2::<STEPS, F>(values, 0, sums);
                } else {
                    for step in 0..n_steps {
                        tree.add_avx2::<1, F>(values, step, sums);
                    }
                }
            }
            self.fold(lanes, margins, std::array::from_fn(|row| row));
        }
    }
}

impl Tree<'_> {
    /// Adds the leaves that `N` steps of rows from `step` on reach.
    #[inline]
    #[target_feature(enable = "avx2,lzcnt,popcnt")]
    fn add_avx2<const N: usize, const F: usize>(
        self,
        values: &Values<F>,
        step: usize,
        sums: &mut Sums,
    ) {
        let zero = _mm256_setzero_si256();
        let mut words = [[zero; 2]; N];
        let mut firsts = [[zero; 2]; N];
        for (first_leaf, numeric, coded) in self.parts() {
            let found = words_of::<N, F>(numeric, coded, values, step);
            let first = _mm256_set1_epi32(first_leaf as i32);
            let all = words.as_flattened_mut().iter_mut().zip(firsts.as_flattened_mut());
            for ((word, to), found) in all.zip(found.as_flattened()) {
                let none = _mm256_cmpeq_epi32(*found, zero);
                *word = _mm256_blendv_epi8(*found, *word, none);
                *to = _mm256_blendv_epi8(first, *to, none);
            }
        }
        for ((words, firsts), sums) in words.iter().zip(&firsts).zip(&mut sums[step..]) {
            let (mut word, mut first) = ([[0; 8]; 2], [[0; 8]; 2]);
            for half in 0..2 {
                store_8_u32(&mut word[half], words[half]);
                store_8_u32(&mut first[half], firsts[half]);
            }
            let (word, first) = (word.as_flattened(), first.as_flattened());
            let number = |row: usize| match self.answers {
                Some(bits) => word[row] & bits,
                None => first[row] + word[row].leading_zeros(),
            };
            self.add_leaves(sums, std::array::from_fn(number));
        }
    }
}

/// The leaves of a part that are left. They stay in registers over all questions, hence a function
/// per `N`.
#[inline]
#[target_feature(enable = "avx2,lzcnt,popcnt")]
fn words_of<const N: usize, const F: usize>(
    numeric: &[Numeric],
    coded: &[Coded],
    values: &Values<F>,
    step: usize,
) -> [[__m256i; 2]; N] {
    let mut words = [[_mm256_set1_epi32(-1); 2]; N];
    for question in numeric {
        let bound = _mm256_set1_ps(question.bound);
        let struck = _mm256_set1_epi32(!question.kept as i32);
        for (words, values) in words.iter_mut().zip(column::<N, F>(values, question.column, step)) {
            for (word, values) in words.iter_mut().zip(values.as_chunks::<8>().0) {
                let right = _mm256_cmp_ps::<_CMP_GT_OQ>(load_8_f32(values), bound);
                let struck = _mm256_and_si256(_mm256_castps_si256(right), struck);
                *word = _mm256_andnot_si256(struck, *word);
            }
        }
    }
    for question in coded {
        for (words, codes) in words.iter_mut().zip(column::<N, F>(values, question.column, step)) {
            let kept = question.kept(codes);
            for (word, kept) in words.iter_mut().zip(kept.as_chunks::<8>().0) {
                *word = _mm256_and_si256(*word, load_8_u32(kept));
            }
        }
    }
    words
}
