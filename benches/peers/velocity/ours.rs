//! Replays the features of a configuration, as `peer.py` computes them with the other libraries.
//!
//! `velocity_ours replay CONFIG VALUES`: CONFIG is a fraud.toml, VALUES the file to write the velocity
//! features to (`f32`, `n_rows x n_features`, rows in the order of the source; missing is 0). Prints one
//! line of JSON: what is timed comes after reading and before writing. `velocity_ours VERB …` is
//! `shroff VERB …`, for whole processes.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use shroff_train::config::Config;
use shroff_train::events::{Events, EventsRequest};
use shroff_train::program;
use shroff_train::replay::{History, replay};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (config, values) = match arguments.as_slice() {
        [verb, config, values] if verb == "replay" => (config, values),
        _ => return shroff_train::cli::main(),
    };
    match timed(Path::new(config), Path::new(values)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn timed(config: &Path, path: &Path) -> Outcome<()> {
    let config = Config::read(config)?;
    let windows = program::windows(&config)?.ok_or("expected velocity features, found none")?;
    let inputs = program::inputs(&config)?;
    let events = Events::read(&EventsRequest {
        source: &config.dataset()?,
        columns: &config.columns,
        label_delay: config.split.label_delay,
        inputs: inputs.clone(),
        further: Vec::new(),
        windows: None,
        from: None,
        to: None,
    })?;
    let columns = windows.columns().iter().map(|column| {
        let input = inputs.iter().find(|(name, _)| *name == *column.name);
        input.and_then(|(name, input)| events.input(name, *input)).ok_or("a column was not read")
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let history = History { columns, labels: &events.labels, known_at: &events.known_at };
    let (clock, cpu_before) = (Instant::now(), cpu_secs()?);
    let velocity = replay(&windows, &history).map_err(|error| error.source)?;
    let (secs, cpu_secs) = (clock.elapsed().as_secs_f64(), cpu_secs()? - cpu_before);
    let value = |value: &f32| if value.is_nan() { 0.0 } else { *value }.to_le_bytes();
    let rows = (0..events.n_rows()).flat_map(|row| velocity.row(row));
    fs::write(path, rows.flat_map(value).collect::<Vec<u8>>())?;
    let (rows, peak_bytes) = (events.n_rows(), peak_bytes()?);
    println!(
        "{}",
        serde_json::json!({
            "rows": rows, "secs": secs, "cpu_secs": cpu_secs, "peak_bytes": peak_bytes,
        })
    );
    Ok(())
}

/// Processor time of this process so far, of all its threads.
fn cpu_secs() -> Outcome<f64> {
    /// Linux counts for programs in hundredths of a second on every machine.
    const TICKS_PER_SEC: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the program, in brackets, may hold spaces; user and system time are the 12th and
    // 13th field after it.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = fields.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SEC)
}

/// The most memory this process ever held.
fn peak_bytes() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.ok_or("/proc/self/status: expected a line VmHWM in kB")?.parse::<u64>()? * 1024)
}
