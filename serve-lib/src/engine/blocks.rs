//! Many rows at once: 64 rows are laid out by feature, then each tree asks all its questions of all
//! of them, sixteen or eight rows an instruction. A tree's leaves are the bits of words of 32,
//! leftmost highest; "right" strikes out the leaves on a split's left, and the highest bit left is
//! the leaf. More questions are asked than a walk would meet, yet none waits for another, and what
//! a tree holds is read once for 64 rows.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "`Model::check` proved that features and children exist; `build` makes every column, share and leaf number, and bounds how many there are; rows and margins are as many as the caller checked"
)]

mod avx2;
mod avx512;
mod build;
mod transpose;

use super::rows::Rows;
use crate::model::Aggregation;
use crate::schema::category;

/// Rows of a block, in steps of sixteen.
const BLOCK: usize = STEPS * 16;
const STEPS: usize = 4;
/// Features of the usual block, 32 KB, and of the widest.
const FEW_FEATURES: usize = 64;
const MAX_FEATURES: usize = 256;
/// Bits of a word.
const WORD: usize = 32;

/// A forest as lists of questions, in the order in which they are asked.
#[derive(Debug)]
pub(crate) struct Blocks {
    aggregation: Aggregation,
    features: Vec<Feature>,
    trees: Vec<Shape>,
    parts: Vec<Part>,
    numeric: Vec<Numeric>,
    coded: Vec<Coded>,
    leaves: Lines,
}

/// A feature that is asked about; it has two columns in a block.
#[derive(Debug, Clone, Copy)]
struct Feature {
    /// Position in the row.
    position: usize,
    /// Of a number, its first column holds NaN for a missing value, which is above no bound, so that
    /// it goes left; the second holds ∞, which is above all. Of a category, the first holds the bits
    /// of code + 1, and 0 for a missing one or a code from this number on.
    n_categories: Option<usize>,
}

/// How much of each list is a tree's.
#[derive(Debug, Clone, Copy, Default)]
struct Shape {
    n_parts: usize,
    n_numeric: usize,
    n_coded: usize,
    n_words: usize,
    /// Of a symmetric tree, the bits of its only word that are the leaf's number.
    answers: Option<u32>,
}

/// The questions about 32 leaves. A tree's last part comes first, so that the first word with a leaf
/// left is found last, and counts.
#[derive(Debug, Clone, Copy)]
struct Part {
    first_leaf: u32,
    n_numeric: usize,
    n_coded: usize,
}

/// Where the value is above the bound, only these leaves are kept.
#[derive(Debug, Clone, Copy)]
struct Numeric {
    column: u32,
    bound: f32,
    kept: u32,
}

/// The leaves that are kept by code + 1, and first those of a missing value.
#[derive(Debug)]
struct Coded {
    column: u32,
    kept: Vec<u32>,
}

/// A tree's share of the lists.
#[derive(Debug, Clone, Copy)]
struct Tree<'b> {
    parts: &'b [Part],
    numeric: &'b [Numeric],
    coded: &'b [Coded],
    leaves: &'b [[f64; WORD]],
    answers: Option<u32>,
}

/// The values of a block: of each feature two columns of sixteen rows a step.
type Values<const F: usize> = [[Column; 2]; F];
type Column = [[f32; 16]; STEPS];
/// Sixteen sums for each row.
type Lanes = [Sums; 16];
type Sums = [[f64; 16]; STEPS];

/// Begins a line of the cache, so that no load of a whole register touches two.
#[repr(align(64))]
struct Aligned<T>(T);

/// Leaves that begin a line of the cache, for the same reason.
#[derive(Debug)]
struct Lines {
    values: Vec<f64>,
    /// The position of the first.
    first: usize,
}

// Every column of a question was proved to be one of the features' when the questions were made,
// which are at most `F`, every share of a list to lie within it, and every leaf number within the
// leaves of its tree.

impl Blocks {
    #[inline(always)]
    fn trees(&self) -> impl Iterator<Item = Tree<'_>> {
        let (mut parts, mut numeric) = (&self.parts[..], &self.numeric[..]);
        let (mut coded, mut leaves) = (&self.coded[..], self.leaves.words());
        self.trees.iter().map(move |shape| Tree {
            parts: share(&mut parts, shape.n_parts),
            numeric: share(&mut numeric, shape.n_numeric),
            coded: share(&mut coded, shape.n_coded),
            leaves: share(&mut leaves, shape.n_words),
            answers: shape.answers,
        })
    }

    /// What lies beyond the last row of an unfinished block is any number: nobody reads its sums.
    #[inline(always)]
    fn lay_out<const F: usize>(
        &self,
        rows: Rows<'_>,
        first: usize,
        n_rows: usize,
        values: &mut Values<F>,
    ) {
        match rows {
            Rows::ByRow(rows, n_features) => {
                let rows = &rows[first * n_features..][..n_rows * n_features];
                let fours = rows.chunks_exact(4 * n_features);
                let rest = fours.remainder().chunks_exact(n_features);
                for (four, rows) in fours.enumerate() {
                    let (ab, cd) = rows.split_at(2 * n_features);
                    let ((a, b), (c, d)) = (ab.split_at(n_features), cd.split_at(n_features));
                    for (feature, [column, _]) in self.features.iter().zip(values.iter_mut()) {
                        let at = feature.position;
                        column[four / 4][four % 4 * 4..][..4]
                            .copy_from_slice(&[a[at], b[at], c[at], d[at]]);
                    }
                }
                for (position, row) in (n_rows - n_rows % 4..).zip(rest) {
                    for (feature, [column, _]) in self.features.iter().zip(values.iter_mut()) {
                        column[position / 16][position % 16] = row[feature.position];
                    }
                }
            }
            Rows::ByColumn(columns) => {
                for (feature, [column, _]) in self.features.iter().zip(values.iter_mut()) {
                    let from = &columns[feature.position][first..][..n_rows];
                    column.as_flattened_mut()[..n_rows].copy_from_slice(from);
                }
            }
        }
        self.complete(values);
    }

    /// Makes codes of categories, and the second columns.
    #[inline(always)]
    fn complete<const F: usize>(&self, values: &mut Values<F>) {
        for (feature, [first, second]) in self.features.iter().zip(values) {
            let (first, second) = (first.as_flattened_mut(), second.as_flattened_mut());
            if let Some(n_categories) = feature.n_categories {
                for value in first {
                    let code = category(*value).filter(|code| *code < n_categories);
                    *value = f32::from_bits(code.map_or(0, |code| code as u32 + 1));
                }
            } else {
                for (to, value) in second.iter_mut().zip(first) {
                    *to = if value.is_nan() { f32::INFINITY } else { *value };
                }
            }
        }
    }

    /// The canonical sum of [`Forest::margin`](crate::model::Forest::margin). Of each step's sums the one at a
    /// place is that of the row that `order` has there.
    #[inline(always)]
    fn fold(&self, lanes: &mut Lanes, margins: &mut [f64], order: [usize; 16]) {
        for half in [8, 4, 2, 1] {
            let (low, high) = lanes.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(high) {
                for (low, high) in low.as_flattened_mut().iter_mut().zip(high.as_flattened()) {
                    *low += high;
                }
            }
        }
        for (margins, sums) in margins.chunks_mut(16).zip(&lanes[0]) {
            for (row, sum) in order.into_iter().zip(sums) {
                if let Some(margin) = margins.get_mut(row) {
                    *margin = self.aggregation.margin_of_sum(*sum, self.trees.len());
                }
            }
        }
    }
}

impl Lines {
    fn new(leaves: &[[f64; WORD]]) -> Self {
        let leaves = leaves.as_flattened();
        let per_line = 64 / size_of::<f64>();
        let mut values: Vec<f64> = Vec::with_capacity(leaves.len() + per_line);
        let first = values.as_ptr().align_offset(64).min(per_line);
        values.resize(first, 0.0);
        values.extend_from_slice(leaves);
        Self { values, first }
    }

    #[inline]
    fn words(&self) -> &[[f64; WORD]] {
        self.values[self.first..].as_chunks().0
    }
}

impl<'b> Tree<'b> {
    /// The parts, each with its questions.
    #[inline(always)]
    fn parts(self) -> impl Iterator<Item = (u32, &'b [Numeric], &'b [Coded])> {
        let (mut numeric, mut coded) = (self.numeric, self.coded);
        self.parts.iter().map(move |part| {
            let numeric = share(&mut numeric, part.n_numeric);
            (part.first_leaf, numeric, share(&mut coded, part.n_coded))
        })
    }

    #[inline(always)]
    fn add_leaves(self, sums: &mut [f64; 16], numbers: [u32; 16]) {
        let leaves = self.leaves.as_flattened();
        for (sum, number) in sums.iter_mut().zip(numbers) {
            *sum += leaves[number as usize];
        }
    }
}

impl Coded {
    #[inline(always)]
    fn kept(&self, codes: &[f32; 16]) -> [u32; 16] {
        codes.map(|code| self.kept[code.to_bits() as usize])
    }
}

/// `N` steps of a column from `step` on.
#[inline(always)]
fn column<const N: usize, const F: usize>(
    values: &Values<F>,
    column: u32,
    step: usize,
) -> &[[f32; 16]] {
    &values.as_flattened()[column as usize][step..][..N]
}

/// Takes the first `n` off a list.
#[inline(always)]
fn share<'b, T>(list: &mut &'b [T], n: usize) -> &'b [T] {
    let (share, rest) = list.split_at(n);
    *list = rest;
    share
}
