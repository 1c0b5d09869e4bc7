//! [`Blocks`] sixteen rows an instruction.

use std::arch::x86_64::*;

use super::super::cpu::{load_8_f64, load_16_f32, load_16_u32, store_8_f64, store_16_u32};
use super::super::rows::Rows;
use super::{
    Aligned, BLOCK, Blocks, Coded, FEW_FEATURES, MAX_FEATURES, Numeric, STEPS, Sums, Tree, Values,
    WORD, column, transpose,
};

/// Sixteen sums are those of these rows: halves of values are put together four rows at a time, and the
/// sums stay in the order that gives.
const ORDER: [usize; 16] = [0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15];

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
            self.lay_out_avx512(rows, first + block * BLOCK, margins.len(), values);
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
            self.fold(lanes, margins, ORDER);
        }
    }

    /// As `lay_out`; rows of not too many values are turned to columns in registers.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,lzcnt,popcnt")]
    fn lay_out_avx512<const F: usize>(
        &self,
        rows: Rows<'_>,
        first: usize,
        n_rows: usize,
        values: &mut Values<F>,
    ) {
        let Rows::ByRow(rows, n_values @ 1..=FEW_FEATURES) = rows else {
            return self.lay_out(rows, first, n_rows, values);
        };
        let (rows, later) = rows[first * n_values..].split_at(n_rows * n_values);
        let Aligned(columns) = &mut Aligned([[0.0; 16]; FEW_FEATURES]);
        for (step, rows) in rows.chunks(16 * n_values).enumerate() {
            transpose::columns(rows, n_values, columns);
            for (feature, [column, _]) in self.features.iter().zip(values.iter_mut()) {
                column[step] = columns[feature.position];
            }
        }
        self.complete(values);
        // The next block is fetched while this one is scored.
        prefetch(&later[..later.len().min(BLOCK * n_values)]);
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
                let halves = halves(leaves);
                numbers.for_each(|(number, sums)| {
                    add(sums, halves.map(|half| pick(half, number)));
                });
            }
            [low, high] => {
                let (low, high) = (halves(low), halves(high));
                numbers.for_each(|(number, sums)| {
                    let is_high = _mm512_test_epi32_mask(number, _mm512_set1_epi32(32));
                    let picked = [0, 1].map(|half| {
                        let (low, high) = (pick(low[half], number), pick(high[half], number));
                        _mm512_mask_blend_epi32(is_high, low, high)
                    });
                    add(sums, picked);
                });
            }
            _ => numbers.for_each(|(number, sums)| {
                let mut stored = [0; 16];
                store_16_u32(&mut stored, number);
                self.add_leaves(sums, ORDER.map(|row| stored[row]));
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

/// The lower halves of 32 values' bits, and the upper ones.
#[inline]
#[target_feature(enable = "avx512f")]
fn halves(of: &[f64; WORD]) -> [[__m512i; 2]; 2] {
    let (eights, _) = of.as_chunks::<8>();
    let [a, b, c, d] = std::array::from_fn(|eight| _mm512_castpd_si512(load_8_f64(&eights[eight])));
    let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    let odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
    [even, odd].map(|which| {
        [_mm512_permutex2var_epi32(a, which, b), _mm512_permutex2var_epi32(c, which, d)]
    })
}

/// Of 32 values those whose numbers are the lowest five bits of `at`.
#[inline]
#[target_feature(enable = "avx512f")]
fn pick([low, high]: [__m512i; 2], at: __m512i) -> __m512i {
    _mm512_permutex2var_epi32(low, at, high)
}

/// Adds sixteen values, given as the halves of their bits, to sums in [`ORDER`].
#[inline]
#[target_feature(enable = "avx512f")]
fn add(sums: &mut [f64; 16], [lower, upper]: [__m512i; 2]) {
    let values = [_mm512_unpacklo_epi32(lower, upper), _mm512_unpackhi_epi32(lower, upper)];
    let (eights, _) = sums.as_chunks_mut::<8>();
    for (sums, values) in eights.iter_mut().zip(values) {
        store_8_f64(sums, _mm512_add_pd(load_8_f64(sums), _mm512_castsi512_pd(values)));
    }
}

/// Asks for values that will soon be read; whether they come is the processor's choice.
#[inline]
#[target_feature(enable = "avx512f")]
fn prefetch(values: &[f32]) {
    for line in values.chunks(16) {
        _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
    }
}
