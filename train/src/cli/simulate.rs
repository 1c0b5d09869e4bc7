//! `shroff simulate`

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;
use shroff_datasets::simulate::{Policy, Simulated, Simulation};
use shroff_datasets::write_table;

use super::Ending;
use super::progress::Terminal;
use crate::Error;
use crate::pipeline::Reporter;

/// Flags of `simulate`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Days to simulate
    #[arg(long, default_value_t = 183)]
    days: u32,
    /// Customers on the map
    #[arg(long, default_value_t = 5_000)]
    customers: u32,
    /// Terminals on the map
    #[arg(long, default_value_t = 10_000)]
    terminals: u32,
    /// Seed; the same seed gives the same bytes
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// First day
    #[arg(long, default_value = "2018-04-01", value_parser = super::time)]
    start: i64,
    /// A policy: payments above this amount are declined and lose their label; adds the columns
    /// DECISION and WEIGHT
    #[arg(long, value_name = "AMOUNT")]
    block_above: Option<f64>,
    /// The share of the payments above that amount that passes all the same, 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.05, requires = "block_above")]
    let_through: f64,
    /// Folder for transactions, customers and terminals
    #[arg(long)]
    out: PathBuf,
    /// Format of the files
    #[arg(long, value_enum, default_value_t = FileFormat::Parquet)]
    format: FileFormat,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A format that can be written.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum FileFormat {
    /// Apache Parquet
    Parquet,
    /// Comma-separated values
    Csv,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Ending> {
    let progress = Terminal::new();
    progress.step("simulating");
    let simulation = Simulation {
        days: args.days,
        customers: args.customers,
        terminals: args.terminals,
        seed: args.seed,
        start: args.start,
        policy: args
            .block_above
            .map(|block_above| Policy { block_above, let_through: args.let_through }),
        ..Simulation::default()
    };
    let simulated =
        simulation.run().map_err(|error| Error::Config(error.to_string())).context("simulate")?;
    progress.step("writing");
    let extension = match args.format {
        FileFormat::Parquet => "parquet",
        FileFormat::Csv => "csv",
    };
    write(&simulated, &args.out, extension).context("simulate")?;
    drop(progress);
    let rows = simulated.transactions.n_rows();
    if args.json {
        let out = args.out.display().to_string();
        super::print_json(&json!({ "rows": rows, "out": out }))?;
    } else {
        super::print(&format!("{rows} transactions in {}\n", args.out.display()))?;
    }
    Ok(Ending::Done)
}

/// Writes the three tables of a simulation into a folder, which is made where it is missing.
pub(super) fn write(simulated: &Simulated, out: &Path, extension: &str) -> Result<(), Error> {
    std::fs::create_dir_all(out).map_err(|source| Error::Io { path: out.to_owned(), source })?;
    let Simulated { transactions, customers, terminals } = simulated;
    let tables =
        [("transactions", transactions), ("customers", customers), ("terminals", terminals)];
    for (name, table) in tables {
        write_table(table, &out.join(name).with_extension(extension)).map_err(Error::Output)?;
    }
    Ok(())
}
