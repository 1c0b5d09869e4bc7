//! The command line: flags as typed, one file per verb, exit codes decided here and nowhere else.

mod backtest;
mod bench;
mod compare;
mod data;
mod drift;
mod evaluate;
mod explain;
mod features;
mod init;
mod inspect;
mod parity;
mod predict;
mod progress;
mod registry;
mod retrain;
mod rows;
mod sign;
mod simulate;
mod slices;
mod snapshot;
mod train;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Trains fraud models offline and judges them. Results go to standard output, progress and errors
/// to standard error.
///
/// Exit codes: 0 done, or done before; 2 usage or configuration; 3 data; 4 artifact;
/// 5 the answer is no: published, but not promoted; drift; other scores; 1 anything else.
#[derive(Debug, Parser)]
#[command(name = "shroff", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Look at a labelled table and write a commented configuration for it
    Init(init::Args),
    /// Simulate card transactions to try things on
    Simulate(simulate::Args),
    /// Write the computed features of every event, for a look
    Features(features::Args),
    /// Write what velocity features know of all entities, for backends to begin with
    Snapshot(snapshot::Args),
    /// The weekly job: fit, judge, publish, promote or not
    Retrain(retrain::Args),
    /// Replay the weekly job over history: each run, how models age, how often to retrain
    Backtest(backtest::Args),
    /// Fit one learner and write its artifact, without a registry
    Train(train::Args),
    /// Measure a model on labelled data
    Evaluate(evaluate::Args),
    /// Compare two models on the same labelled data: does B do better than A?
    Compare(compare::Args),
    /// Add margin, probability and band to data
    Predict(predict::Args),
    /// Show what each feature adds to a score, and the reasons for fraud
    Explain(explain::Args),
    /// Show what an artifact holds
    Inspect(inspect::Args),
    /// Prove an artifact whole: hashes, structure, golden records, and with --key its signature
    Verify(sign::VerifyArgs),
    /// Compare data with what the model saw in its calibrate window: features, score, alert rates
    Drift(drift::Args),
    /// Score logged requests again: are they the same to the bit?
    Parity(parity::Args),
    /// Make a pair of keys: one to sign models with, one for backends that serve only signed ones
    Keygen(sign::KeygenArgs),
    /// Sign what an alias names, for its present event
    Sign(sign::SignArgs),
    /// Time a model on this machine: a call, a batch, loading, memory
    Bench(bench::Args),
    /// Look at a registry, promote or roll back
    #[command(subcommand)]
    Registry(registry::Verb),
}

/// How a verb ended when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Done,
    /// The question was answered, with no: not promoted, drifted, not the same scores.
    No,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let verb = match Cli::try_parse() {
        Ok(cli) => cli.verb,
        Err(error) => {
            // Help and version are no errors, and a closed pipe is nobody's fault.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let ending = match verb {
        Verb::Init(args) => init::run(&args),
        Verb::Simulate(args) => simulate::run(&args),
        Verb::Features(args) => features::run(&args),
        Verb::Snapshot(args) => snapshot::run(&args),
        Verb::Retrain(args) => retrain::run(&args),
        Verb::Backtest(args) => backtest::run(&args),
        Verb::Train(args) => train::run(&args),
        Verb::Evaluate(args) => evaluate::run(&args),
        Verb::Compare(args) => compare::run(&args),
        Verb::Predict(args) => predict::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Inspect(args) => inspect::inspect(&args),
        Verb::Verify(args) => sign::verify(&args),
        Verb::Drift(args) => drift::run(&args),
        Verb::Parity(args) => parity::run(&args),
        Verb::Keygen(args) => sign::keygen(&args),
        Verb::Sign(args) => sign::sign(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Registry(verb) => registry::run(&verb),
    };
    match ending {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::No) => ExitCode::from(5),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    error.downcast_ref::<crate::Error>().map_or(1, crate::Error::exit_code)
}

/// Prints a result. A reader that went away has seen enough: that is success.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn print_json(value: &serde_json::Value) -> anyhow::Result<()> {
    print(&format!("{value:#}\n"))
}

fn write_page(page: &str, path: &std::path::Path) -> Result<(), crate::Error> {
    shroff_datasets::write_bytes(page.as_bytes(), path).map_err(crate::Error::Output)
}

/// A time as typed: a date, a timestamp, or whole seconds since 1970.
fn time(text: &str) -> Result<i64, String> {
    // Eight digits are a date without its dashes, not an instant of 1970.
    let secs = text.parse::<i64>().ok().filter(|_| text.len() != 8);
    let secs = secs.and_then(|secs| secs.checked_mul(1_000_000));
    secs.or_else(|| shroff_datasets::time::parse_time(text)).ok_or_else(|| {
        "expected a time like 2018-08-22, 2018-08-22T12:00:00Z, or seconds since 1970".to_owned()
    })
}
