//! Memory that will soon be read, asked for ahead of time.

#[cfg(target_arch = "x86_64")]
use crate::engine::cpu::prefetch;

/// Asks for the memory of some values. The processor goes on meanwhile: so it waits for many places together rather
/// than for one after the other. A hint and no more; none on processors other than x86-64.
#[inline]
#[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables))]
pub(crate) fn bring<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        const LINE_BYTES: usize = 64;
        let start: *const i8 = values.as_ptr().cast();
        let last = size_of_val(values).saturating_sub(1);
        for offset in (0..last).step_by(LINE_BYTES) {
            prefetch(start.wrapping_add(offset));
        }
        // Values need not begin where a line does.
        prefetch(start.wrapping_add(last));
    }
}
