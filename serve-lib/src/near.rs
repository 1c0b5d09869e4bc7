//! Memory that will soon be read, asked for ahead of time. The one unsafe call here is a hint to the processor, which
//! reads and writes nothing.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Asks for the memory of some values. The processor goes on meanwhile: so it waits for many places together rather
/// than for one after the other. None is asked for on processors other than x86-64.
#[inline]
#[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables))]
pub(crate) fn bring<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        const LINE_BYTES: usize = 64;
        let start: *const i8 = values.as_ptr().cast();
        let Some(last) = size_of_val(values).checked_sub(1) else { return };
        // Values need not begin where a line does.
        for offset in (0..last).step_by(LINE_BYTES).chain([last]) {
            // SAFETY: every x86-64 processor has SSE, and the hint cannot fail, whatever the address; this
            // one lies within the values.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset)) }
        }
    }
}
