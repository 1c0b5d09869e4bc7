//! Measures as `peer.py` does with scikit-learn.
//!
//! `metric_ours LABELS SCORES`: LABELS holds a byte a row, 1 a fraud, SCORES a little-endian f64. Prints one
//! line of JSON: what is timed comes after reading. The rows are ranked once for both measures, and once
//! more for each of them alone.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use shroff_train::metric::{Ranking, Scored};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match measured() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measured() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let mut file =
        || Ok::<_, Box<dyn Error>>(fs::read(arguments.next().ok_or("expected two files")?)?);
    let labels: Vec<bool> = file()?.iter().map(|label| *label == 1).collect();
    let scores = file()?;
    let scores = scores.chunks_exact(8).map(|bytes| bytes.try_into().map(f64::from_le_bytes));
    let scores: Vec<f64> = scores.collect::<Result<_, _>>()?;
    let ranked = || Ok::<_, Box<dyn Error>>(Ranking::new(&Scored::new(&labels, &scores, None)?));
    let (both, both_secs) = timed(|| {
        let ranking = ranked()?;
        Ok((ranking.roc_auc(), ranking.average_precision()))
    })?;
    let (auc, roc_auc_secs) = timed(|| Ok(ranked()?.roc_auc()))?;
    let (precision, average_precision_secs) = timed(|| Ok(ranked()?.average_precision()))?;
    if both != (auc, precision) {
        return Err("two runs over the same rows differ; this is a bug".into());
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = kib.ok_or("/proc/self/status: expected a line VmHWM in kB")?.parse()?;
    println!(
        "{}",
        serde_json::json!({
            "rows": labels.len(), "roc_auc": auc, "average_precision": precision,
            "roc_auc_secs": roc_auc_secs, "average_precision_secs": average_precision_secs,
            "both_secs": both_secs, "peak_bytes": kib * 1024,
        })
    );
    Ok(())
}

fn timed<T>(run: impl FnOnce() -> Outcome<T>) -> Outcome<(T, f64)> {
    let clock = Instant::now();
    let found = run()?;
    Ok((found, clock.elapsed().as_secs_f64()))
}
