//! The binary `shroff`; everything is in [`shroff_train::cli`].
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    shroff_train::cli::main()
}
