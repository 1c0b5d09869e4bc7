//! The binary `shroff`.
#![forbid(unsafe_code)]
fn main() {}
