//! Gradients and hessians as integers: their sums do not depend on the order of the rows, so neither
//! threads nor the way rows are parted can change a model.

use std::ops::{Add, AddAssign, Sub};

/// The greatest value of a row, in units: 30 bits and a little less, so that rounding to
/// [`NARROW_BITS`] cannot exceed them.
pub(super) const MAX_UNITS: i32 = (NARROW_MAX as i32) << DROPPED_BITS;
/// What histograms of a block hold of a row's 30 bits.
const NARROW_BITS: u32 = 13;
pub(super) const NARROW_MAX: u64 = (1 << NARROW_BITS) - 1;
const DROPPED_BITS: u32 = 17;

/// Rows whose packed words are added before they are widened.
pub(super) const BLOCK_ROWS: usize = 4096;
/// A packed word: the gradient above, signed; then the hessian; then a count.
const COUNT_BITS: u32 = 13;
const HESSIAN_BITS: u32 = 25;
const GRADIENT_SHIFT: u32 = COUNT_BITS + HESSIAN_BITS;

// No sum of a block leaves its part of the word.
const _: () = assert!((BLOCK_ROWS as u64) < 1 << COUNT_BITS);
const _: () = assert!(BLOCK_ROWS as u64 * NARROW_MAX < 1 << HESSIAN_BITS);
const _: () = assert!(BLOCK_ROWS as u64 * NARROW_MAX < 1 << (63 - GRADIENT_SHIFT));

/// Gradient and hessian of a row, in units of the fit's [`Scale`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) gradient: i32,
    pub(super) hessian: i32,
}

/// Sums over rows, in the same units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) gradient: i64,
    pub(super) hessian: i64,
    pub(super) n_rows: i64,
}

/// What a unit is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) gradient: f64,
    pub(super) hessian: f64,
}

impl Scale {
    /// The finest units in which no row exceeds these sizes.
    pub(super) fn new(max_gradient: f64, max_hessian: f64) -> Self {
        let max_units = f64::from(MAX_UNITS);
        Self { gradient: max_gradient / max_units, hessian: max_hessian / max_units }
    }
}

impl Scale {
    /// Gradient and hessian of sums.
    #[inline]
    pub(super) fn of(self, sums: Sums) -> (f64, f64) {
        (sums.gradient as f64 * self.gradient, sums.hessian as f64 * self.hessian)
    }
}

impl Pair {
    /// Rounds to 13 bits and a sign, up or down by chance so that the expected value is exact, and
    /// packs with a count of 1.
    ///
    /// `dither` should be uniform and depend on nothing but the row and the round.
    #[inline]
    pub(super) fn pack(self, dither: u64) -> u64 {
        const MASK: i32 = (1 << DROPPED_BITS) - 1;
        let narrow = |units: i32, dither: u64| {
            i64::from((units + (dither as i32 & MASK)) >> DROPPED_BITS) as u64
        };
        let high = narrow(self.gradient, dither >> 47) << GRADIENT_SHIFT;
        let low = (narrow(self.hessian, dither >> 30) << COUNT_BITS) | 1;
        high.wrapping_add(low)
    }
}

impl Sums {
    /// The sums that a word added up of packed ones stands for, in the units of the rows.
    #[inline]
    pub(super) fn widen(word: u64) -> Self {
        Self {
            gradient: ((word as i64) >> GRADIENT_SHIFT) << DROPPED_BITS,
            hessian: ((word >> COUNT_BITS & ((1 << HESSIAN_BITS) - 1)) << DROPPED_BITS) as i64,
            n_rows: (word & ((1 << COUNT_BITS) - 1)) as i64,
        }
    }

    #[inline]
    pub(super) fn add_row(&mut self, row: Pair) {
        self.gradient += i64::from(row.gradient);
        self.hessian += i64::from(row.hessian);
        self.n_rows += 1;
    }
}

impl Add for Sums {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        Self {
            gradient: self.gradient + other.gradient,
            hessian: self.hessian + other.hessian,
            n_rows: self.n_rows + other.n_rows,
        }
    }
}

impl Sub for Sums {
    type Output = Self;

    #[inline]
    fn sub(self, other: Self) -> Self {
        Self {
            gradient: self.gradient - other.gradient,
            hessian: self.hessian - other.hessian,
            n_rows: self.n_rows - other.n_rows,
        }
    }
}

impl AddAssign for Sums {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
