//! Memory that will soon be read, asked for ahead of time. The one unsafe call here is a hint to the processor, which
//! reads and writes nothing.
#![allow(unsafe_code)]

#[cfg(all(target_arch = "x86_64", not(miri)))]
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

const LINE_BYTES: usize = 64;
/// Most lines of a span: as a line begins at a multiple of its bytes, their number takes the bits that are left.
const MOST_LINES: usize = LINE_BYTES - 1;

/// Lines of memory to be asked for, now or later. It holds nothing: what lay there may have gone by then.
///
/// The address of the first one and the number. Six bytes are enough for an address of a process, and so many spans
/// are to fit one line; of a longer address the hint would be wrong, which harms nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span([u8; 6]);

impl Span {
    /// The lines of some values, of many the first ones.
    #[inline]
    pub(crate) fn of<T>(values: &[T]) -> Self {
        let start = values.as_ptr().addr();
        let Some(last) = size_of_val(values).checked_sub(1) else { return Self::default() };
        // Values need not begin where a line does.
        let last_line = start.wrapping_add(last) / LINE_BYTES;
        Self::at(start, last_line.wrapping_sub(start / LINE_BYTES).wrapping_add(1))
    }

    /// So many lines from an address on.
    #[inline]
    pub(crate) fn at(address: usize, n_lines: usize) -> Self {
        let both = (address & !MOST_LINES | n_lines.min(MOST_LINES)) as u64;
        let [a, b, c, d, e, f, ..] = both.to_le_bytes();
        Self([a, b, c, d, e, f])
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "it was a usize")]
    fn first_and_number(self) -> (usize, usize) {
        let [a, b, c, d, e, f] = self.0;
        let both = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]) as usize;
        (both & !MOST_LINES, both & MOST_LINES)
    }

    /// With the line behind, where the next value will be put: what waits to be written holds up the release of a
    /// lock. None stays none.
    #[inline]
    pub(crate) fn and_next(self) -> Self {
        match self.first_and_number() {
            (_, 0) => self,
            (first, n_lines) => Self::at(first, n_lines.wrapping_add(1)),
        }
    }

    /// The lines of both, where `later` begins within this one or next to it, with a line at most in between: to
    /// ask for that too takes less than a further span.
    #[inline]
    pub(crate) fn joined(self, later: Self) -> Option<Self> {
        const NEXT: usize = 1;
        let ((first, n_lines), (later, n_later)) =
            (self.first_and_number(), later.first_and_number());
        let distance = later.wrapping_sub(first) / LINE_BYTES;
        let n_joined = distance.wrapping_add(n_later).max(n_lines);
        let is_near = distance <= n_lines.wrapping_add(NEXT) && n_joined <= MOST_LINES;
        is_near.then_some(Self::at(first, n_joined))
    }

    /// Asks for the memory. The processor goes on meanwhile: so it waits for many places together rather
    /// than for one after the other. None is asked for on processors other than x86-64, nor under Miri, which has none.
    #[inline]
    pub(crate) fn bring(self) {
        let (first, n_lines) = self.first_and_number();
        for line in 0..n_lines {
            bring_line(first.wrapping_add(line.wrapping_mul(LINE_BYTES)));
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

#[cfg(test)]
mod tests {
    use super::Span;

    #[test]
    fn a_span_has_every_line_of_its_values() {
        let values = [0_u8; 400];
        let place = values.as_ptr().addr().next_multiple_of(64);
        let at = place - values.as_ptr().addr();
        let of = |from: usize, to: usize| {
            Span::of(values.get(at + from..at + to).expect("they are there"))
        };
        assert_eq!([of(0, 64), of(0, 65), of(63, 65)], [1, 2, 2].map(|n| Span::at(place, n)));
        assert_eq!(of(70, 190), Span::at(place + 64, 2));
        assert_eq!((of(5, 5), of(5, 5).and_next()), (Span::default(), Span::default()));
        assert_eq!(of(0, 10).and_next(), Span::at(place, 2));
        assert_eq!(Span::of(&[0_u64; 4_096]).first_and_number().1, 63);
        assert_eq!(Span::at(place, 2).first_and_number(), (place, 2));
    }

    #[test]
    fn spans_that_lie_near_are_joined() {
        let span = |line: usize, n_lines| Span::at(line * 64, n_lines);
        assert_eq!(span(100, 2).joined(span(101, 4)), Some(span(100, 5)));
        assert_eq!(span(100, 8).joined(span(101, 2)), Some(span(100, 8)));
        assert_eq!(span(100, 2).joined(span(103, 1)), Some(span(100, 4)));
        for far in [span(104, 1), span(99, 1), span(102, 62)] {
            assert_eq!(span(100, 2).joined(far), None);
        }
    }
}
