//! `shroff_fuzz::state` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    shroff_fuzz::state(bytes);
});
