//! The command line `shroff` once more, so that the tests of this package can run it.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    shroff_train::cli::main()
}
