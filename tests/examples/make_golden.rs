//! Writes the golden artifacts of a new format or section version: `make_golden FOLDER MODEL…`; the
//! folder must not exist yet. Never run by a test: a golden file that is written again proves nothing.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::io::{Seek, Write};
use std::path::PathBuf;
use std::{env, fs};

use shroff_serve::snapshot::SnapshotWriter;
use shroff_serve::{Error, Scorer, Value};

#[path = "../common.rs"]
mod common;

use common::velocity;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::args_os().nth(1).map(PathBuf::from).ok_or("name the folder to write to")?;
    fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let wanted: Vec<String> = env::args().skip(2).collect();
    let models = common::models().into_iter();
    for (name, contents) in models.filter(|(name, _)| wanted.iter().any(|wanted| wanted == name)) {
        let bytes = common::artifact(&contents);
        let scorer = Scorer::from_bytes(&bytes)?;
        let features: Vec<&str> = scorer.schema().features.iter().map(|f| &*f.name).collect();
        let mut text = format!(
            "# bits in hexadecimal: {} as f32, then margin and probability as f64\n",
            features.join(", ")
        );
        for row in rows(features.len()) {
            let score = scorer.score(&row)?;
            for value in row {
                write!(text, "{:08x} ", value.to_bits())?;
            }
            let (margin, probability) = (score.margin.to_bits(), score.probability.to_bits());
            writeln!(text, "{margin:016x} {probability:016x}")?;
        }
        fs::write(folder.join(name).with_extension("shroff"), bytes)?;
        fs::write(folder.join(name).with_extension("rows"), text)?;
        if scorer.windows().is_some() {
            let file = fs::File::create_new(folder.join(name).with_extension("state"))?;
            write_snapshot(&scorer, file)?;
        }
    }
    Ok(())
}

/// Writes the states of all entities after the history, as of the midnight after it.
fn write_snapshot(scorer: &Scorer, out: impl Write + Seek) -> Result<(), Error> {
    let windows = scorer.windows().expect("the model has windows");
    let last =
        velocity::history().iter().map(|values| values[1]).fold(0, |last, time| match time {
            Value::Time(time) => last.max(time),
            _ => last,
        });
    let mut writer = SnapshotWriter::new(out, windows, (last / velocity::DAY + 1) * velocity::DAY)?;
    for (entity, state) in &velocity::walk(scorer, |_, _, _, _| {}) {
        writer.push(*entity, state)?;
    }
    writer.finish().map(drop)
}

/// Rows that meet every split value of the models, its upper neighbour, every category code and
/// what is none; feature `i` turns through the values in steps of its own.
fn rows(n_features: usize) -> Vec<Vec<f32>> {
    let next = |value: f32| f32::from_bits(value.to_bits() + 1);
    let odd =
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, -0.0, -1.0, 1.5, 3.0];
    let splits = (0..18_u8).map(f32::from).flat_map(|round| {
        let (amount, other) = (99.5 + 3.0 * round, 0.5 + round / 9.0);
        [amount, next(amount), other, next(other)]
    });
    let values: Vec<f32> = odd.into_iter().chain([0.0, 1.0, 2.0, 1e-42]).chain(splits).collect();
    // 85 values; steps of 1, 2, 3, 4 shift the columns against one another.
    (0..2 * values.len())
        .map(|start| (0..n_features).map(|i| values[start * (i + 1) % values.len()]).collect())
        .collect()
}
