//! `shroff_fuzz::rehashed` under libFuzzer. What changes is mostly within one section, whose length and hash
//! follow, so that insertions do not shift all that comes after.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use shroff_fuzz::frame::{Table, mutate_section};

fuzz_target!(|bytes: &[u8]| {
    shroff_fuzz::rehashed(bytes);
});

fuzz_mutator!(|bytes: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if size == 0 || seed % 8 == 0 {
        return fuzzer_mutate(bytes, size, max_size);
    }
    mutate_section(bytes, size, Table::First, seed / 8, |section, n_bytes| {
        fuzzer_mutate(section, n_bytes, section.len())
    })
});
