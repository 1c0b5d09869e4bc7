//! Fits one learner on a table of raw `f32` files, as `peer.py` does for the other libraries.
//!
//! `train_ours TABLE LEARNER SCORES [ROWS]`: TABLE is a folder as `table.py` writes it, LEARNER one
//! `[[learner]]` of a configuration as JSON, SCORES the file to write the scores of the test part to
//! (`f64`), ROWS how many rows of the train part to fit on (all). Prints one line of JSON.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use shroff_serve::model::{Model, RowType};
use shroff_train::learner::{LearnerConfig, NoProgress};
use shroff_train::matrix::{Matrix, TrainingSet};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [table, learner, scores, rows @ ..] = arguments.as_slice() else {
        return Err("usage: train_ours TABLE LEARNER SCORES [ROWS]".into());
    };
    let config: LearnerConfig = serde_json::from_str(learner)?;
    let most = rows.first().map_or(Ok(usize::MAX), |rows| rows.parse())?;
    let (train, labels) = read_part(Path::new(table), "train", most)?;
    let (test, _) = read_part(Path::new(table), "test", usize::MAX)?;

    let (clock, cpu_before) = (Instant::now(), cpu_secs()?);
    let data = TrainingSet { matrix: &train, labels: &labels, weights: None };
    let model = config.learner().fit(&data, &NoProgress)?.model;
    let (fit_secs, cpu_secs) = (clock.elapsed().as_secs_f64(), cpu_secs()? - cpu_before);

    let Model::Forest(forest) = &model else {
        return Err("expected a learner of trees, which the other libraries are".into());
    };
    let margins = (0..test.n_rows()).flat_map(|row| forest.margin(test.row(row)).to_le_bytes());
    fs::write(scores, margins.collect::<Vec<u8>>())?;
    let (n_trees, peak_bytes) = (forest.trees.len(), peak_bytes()?);
    println!(
        "{}",
        serde_json::json!({
            "fit_secs": fit_secs, "cpu_secs": cpu_secs, "peak_bytes": peak_bytes, "n_trees": n_trees,
        })
    );
    Ok(())
}

/// At most so many rows of a part, all features numbers, and their labels.
fn read_part(table: &Path, part: &str, most: usize) -> Outcome<(Matrix, Vec<bool>)> {
    let labels = read_numbers(&table.join(format!("{part}_labels.f32")), most)?;
    let path = table.join(format!("{part}.f32"));
    let n_rows_stored = fs::metadata(table.join(format!("{part}_labels.f32")))?.len();
    let n_features = (fs::metadata(&path)?.len() / n_rows_stored.max(1)) as usize;
    let values = read_numbers(&path, labels.len() * n_features)?;
    let matrix = Matrix::new(vec![RowType::Numeric; n_features], values)?;
    if matrix.n_rows() != labels.len() {
        let (path, expected, found) = (path.display(), labels.len(), matrix.n_rows());
        return Err(format!("{path}: expected {expected} rows, found {found}").into());
    }
    Ok((matrix, labels.into_iter().map(|label| label > 0.5).collect()))
}

/// The first numbers of a file of little-endian `f32`, read piece by piece into their only copy.
fn read_numbers(path: &Path, most: usize) -> Outcome<Vec<f32>> {
    let mut file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let stored = usize::try_from(file.metadata()?.len() / 4)?;
    let mut left = stored.min(most);
    let mut numbers = Vec::with_capacity(left);
    let mut piece = vec![0; 1 << 18];
    while left > 0 {
        let bytes = &mut piece[..(left * 4).min(1 << 18)];
        file.read_exact(bytes)?;
        let (words, _) = bytes.as_chunks::<4>();
        numbers.extend(words.iter().map(|word| f32::from_le_bytes(*word)));
        left -= words.len();
    }
    Ok(numbers)
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
