//! A throw-away project: simulated transactions, a configuration, and the command line run on them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use shroff_datasets::simulate::Simulation;
use shroff_datasets::write_table;
use tempfile::TempDir;

/// The configuration that tests start from and edit; it fits in a fraction of a second.
pub(crate) const CONFIG: &str = r#"[model]
name = "cards"

[[source]]
name = "transactions"
path = "transactions.csv"

[columns]
id = "TRANSACTION_ID"
time = "TX_DATETIME"
label = "TX_FRAUD"
amount = "TX_AMOUNT"
entity = ["CUSTOMER_ID"]

[split]
label_delay = "7d"
train = "28d"
calibrate = "7d"
test = "7d"

[[feature]]
column = "TX_AMOUNT"

[[feature]]
column = "DISTANCE"

[[feature]]
column = "CHANNEL"
kind = "category"

[[feature]]
column = "TX_DATETIME"
parts = ["hour", "weekend", "night"]

[[learner]]
kind = "logistic"

[[learner]]
kind = "decision_tree"

[[learner]]
kind = "random_forest"
n_trees = 10
max_depth = 8
negative_ratio = 20
"#;

/// The feature of [`CONFIG`] that not every table has.
pub(crate) const DISTANCE: &str = "[[feature]]\ncolumn = \"DISTANCE\"\n";

/// A folder with `transactions.csv` and `fraud.toml`, in which the command line runs.
pub(crate) struct Project {
    folder: TempDir,
}

/// What a run of the command line came to.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A table of text as it stands in a file, for fields without commas and quotes.
#[derive(Debug, Clone)]
pub(crate) struct Csv {
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// The simulated transactions: 62 days from 2018-04-01, some 23,000 rows.
pub(crate) fn transactions() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| simulated(200))
}

/// As [`transactions`], of five times as many customers: enough frauds a week to tell models apart.
pub(crate) fn many_transactions() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| simulated(1_000))
}

fn simulated(customers: u32) -> String {
    let terminals = customers * 3 / 2;
    let simulation = Simulation { days: 62, customers, terminals, ..Default::default() };
    let simulated = simulation.run().expect("sound sizes");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("transactions.csv");
    write_table(&simulated.transactions, &path).expect("a table that can be written");
    fs::read_to_string(path).expect("text")
}

/// A text with each of the edits made, from the first string to the second.
#[track_caller]
pub(crate) fn edited(text: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "nothing to edit: {from:?}");
        text.replacen(from, to, 1)
    })
}

/// Asserts that a text holds each of the parts.
#[track_caller]
pub(crate) fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "expected {part:?} in {text:?}");
    }
}

impl Project {
    /// With the simulated transactions and [`CONFIG`].
    pub(crate) fn new() -> Self {
        Self::edited(&[])
    }

    /// With the simulated transactions and an edited [`CONFIG`].
    #[track_caller]
    pub(crate) fn edited(edits: &[(&str, &str)]) -> Self {
        let project = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        project.write("transactions.csv", transactions());
        project.write("fraud.toml", edited(CONFIG, edits));
        project
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[track_caller]
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).expect("a file that can be written");
    }

    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The command line with these arguments, which are separated by spaces.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shroff-cli"));
        command.args(arguments.split_whitespace()).current_dir(self.folder.path());
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Finished {
        Finished::of(self.command(arguments).output().expect("the command line starts"))
    }

    /// `retrain` into `registry`, with further arguments.
    pub(crate) fn retrain(&self, arguments: &str) -> Finished {
        self.run(&format!("retrain --config fraud.toml --registry registry --json {arguments}"))
    }

    /// The artifact of `train --learner`, under the learner's name.
    #[track_caller]
    pub(crate) fn train(&self, learner: &str) -> String {
        let name = format!("{learner}.shroff");
        self.run(&format!("train --config fraud.toml --learner {learner} --out {name}")).expect(0);
        name
    }

    /// The scored copy of `transactions.csv`.
    #[track_caller]
    pub(crate) fn predict(&self, artifact: &str) -> Csv {
        self.run(&format!("predict {artifact} transactions.csv --out scored.csv")).expect(0);
        Csv::parse(&self.read("scored.csv"))
    }

    /// Contents of all files in a folder of the project, by their path from there.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(folder);
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for path in entries.map(|entry| entry.expect("an entry").path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(relative(&path, &root), fs::read(&path).expect("readable"));
                }
            }
        }
        files
    }

    /// As [`Project::files`] for the registry, without what is on its way into place.
    pub(crate) fn registry_files(&self, registry: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files(registry);
        files.retain(|path, _| !path.starts_with("tmp/"));
        files
    }
}

fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).expect("found below").to_string_lossy().replace('\\', "/")
}

/// Where a registry keeps an artifact.
pub(crate) fn blob(registry: &str, id: &Value) -> String {
    let id = id.as_str().expect("an id is text");
    format!("{registry}/blobs/b3/{}/{id}.shroff", &id[..2])
}

impl Finished {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Csv {
    pub(crate) fn parse(text: &str) -> Self {
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect());
        let header = lines.next().expect("a header");
        Self { header, rows: lines.collect() }
    }

    #[track_caller]
    pub(crate) fn position(&self, column: &str) -> usize {
        let found = self.header.iter().position(|name| name == column);
        found.unwrap_or_else(|| panic!("no {column} in {:?}", self.header))
    }

    #[track_caller]
    pub(crate) fn column(&self, column: &str) -> Vec<&str> {
        let position = self.position(column);
        self.rows.iter().map(|row| row[position].as_str()).collect()
    }

    #[track_caller]
    pub(crate) fn numbers(&self, column: &str) -> Vec<f64> {
        let parse = |text: &str| text.parse().unwrap_or_else(|_| panic!("{column}: {text:?}"));
        self.column(column).into_iter().map(parse).collect()
    }

    #[track_caller]
    pub(crate) fn set(&mut self, row: usize, column: &str, value: &str) {
        let position = self.position(column);
        self.rows[row][position] = value.to_owned();
    }

    pub(crate) fn without(mut self, column: &str) -> Self {
        let position = self.position(column);
        for row in [&mut self.header].into_iter().chain(&mut self.rows) {
            row.remove(position);
        }
        self
    }

    pub(crate) fn text(&self) -> String {
        let lines = [&self.header].into_iter().chain(&self.rows);
        lines.map(|row| row.join(",") + "\n").collect()
    }

    /// The rows whose time lies in a window of a report, ends exclusive. Times of one form sort as
    /// text.
    pub(crate) fn rows_in(&self, window: &Value) -> Vec<usize> {
        let bound = |key: &str| as_in_file(&window[key]);
        let (from, to) = (bound("from"), bound("to"));
        let times = self.column("TX_DATETIME").into_iter().enumerate();
        let within = times.filter(|(_, time)| from.as_str() <= *time && *time < to.as_str());
        within.map(|(row, _)| row).collect()
    }

    pub(crate) fn is_fraud(&self, row: usize) -> bool {
        self.rows[row][self.position("TX_FRAUD")] == "true"
    }
}

/// `2018-05-19T00:00:00Z` of a report as the simulated file has it: `2018-05-19 00:00:00`.
#[track_caller]
pub(crate) fn as_in_file(time: &Value) -> String {
    time.as_str().expect("a time").replace('T', " ").replace('Z', "")
}
