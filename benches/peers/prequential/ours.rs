//! `prequential_ours VERB …` is `shroff VERB …`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    shroff_train::cli::main()
}
