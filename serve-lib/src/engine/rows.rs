//! Dense rows as callers hold them: row after row, or as columns.

use crate::schema::MAX_FEATURES;

/// Many rows, all of the same number of values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rows<'a> {
    /// One after the other, of so many values each.
    ByRow(&'a [f32], usize),
    /// A column per feature, all of one length.
    ByColumn(&'a [&'a [f32]]),
}

impl Rows<'_> {
    /// Writes the margin of each row from `first` on to its place.
    #[inline]
    pub(super) fn each(&self, first: usize, margins: &mut [f64], margin: impl Fn(&[f32]) -> f64) {
        match *self {
            Self::ByRow(values, n_features) => {
                let rows = values[first * n_features..].chunks_exact(n_features);
                for (place, row) in margins.iter_mut().zip(rows) {
                    *place = margin(row);
                }
            }
            // A row on the stack, of the smallest size that holds it.
            Self::ByColumn(columns) => match columns.len() {
                0..=64 => each_of_columns::<64>(columns, first, margins, margin),
                65..=512 => each_of_columns::<512>(columns, first, margins, margin),
                _ => each_of_columns::<MAX_FEATURES>(columns, first, margins, margin),
            },
        }
    }
}

// Not inlined: within one function each call would take the stack of all sizes together.
#[inline(never)]
fn each_of_columns<const N: usize>(
    columns: &[&[f32]],
    first: usize,
    margins: &mut [f64],
    margin: impl Fn(&[f32]) -> f64,
) {
    let mut row = [0.0; N];
    let row = &mut row[..columns.len()];
    for (position, place) in (first..).zip(margins) {
        for (value, column) in row.iter_mut().zip(columns) {
            *value = column[position];
        }
        *place = margin(row);
    }
}
