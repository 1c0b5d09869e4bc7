//! Memory that will soon be read, asked for ahead of time. The one unsafe call here is a hint to the processor, which
//! reads and writes nothing.
#![allow(unsafe_code)]

#[cfg(all(target_arch = "x86_64", not(miri)))]
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

const LINE_BYTES: usize = 64;
/// Bits of a span that number its lines.
const N_LINES_BITS: u32 = 6;
/// Most lines of a span.
const MOST_LINES: usize = (1 << N_LINES_BITS) - 1;

/// Lines of memory to be asked for, now or later. It holds nothing: what lay there may have gone by then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span(usize);

impl Span {
    /// The lines of some values, of many the first ones.
    #[inline]
    pub(crate) fn of<T>(values: &[T]) -> Self {
        let start = values.as_ptr().addr();
        let Some(last) = size_of_val(values).checked_sub(1) else { return Self(0) };
        // Values need not begin where a line does.
        let last_line = start.wrapping_add(last) / LINE_BYTES;
        Self::at(start, last_line.wrapping_sub(start / LINE_BYTES).wrapping_add(1))
    }

    /// So many lines from an address on.
    #[inline]
    pub(crate) fn at(address: usize, n_lines: usize) -> Self {
        Self((address / LINE_BYTES) << N_LINES_BITS | n_lines.min(MOST_LINES))
    }

    /// With the line behind, where the next value will be put: what waits to be written holds up the release of a lock.
    #[inline]
    pub(crate) fn and_next(self) -> Self {
        Self::at(
            (self.0 >> N_LINES_BITS).wrapping_mul(LINE_BYTES),
            (self.0 & MOST_LINES).wrapping_add(1),
        )
    }

    /// The lines of both and those in between, where `later` begins within or not far behind this one.
    #[inline]
    pub(crate) fn joined(self, later: Self) -> Option<Self> {
        const FAR: usize = 16;
        let (first, n_lines) = (self.0 >> N_LINES_BITS, self.0 & MOST_LINES);
        let distance = (later.0 >> N_LINES_BITS).wrapping_sub(first);
        let joined = distance.wrapping_add(later.0 & MOST_LINES).max(n_lines);
        let is_near = distance <= n_lines.wrapping_add(FAR) && joined <= MOST_LINES;
        is_near.then_some(Self(first << N_LINES_BITS | joined))
    }

    /// Asks for the memory. The processor goes on meanwhile: so it waits for many places together rather
    /// than for one after the other. None is asked for on processors other than x86-64, nor under Miri, which has none.
    #[inline]
    pub(crate) fn bring(self) {
        let first_line = self.0 >> N_LINES_BITS;
        for line in 0..self.0 & MOST_LINES {
            bring_line(first_line.wrapping_add(line).wrapping_mul(LINE_BYTES));
        }
    }
}

/// Asks for the line of memory at an address.
#[inline]
#[cfg_attr(not(all(target_arch = "x86_64", not(miri))), expect(unused_variables))]
fn bring_line(address: usize) {
    // SAFETY: every x86-64 processor has SSE, and the hint cannot fail, whatever the address.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address));
    }
}
