//! Features as the configuration declares them, against what the file itself says.

use std::collections::BTreeMap;

use shroff_datasets::Source;
use shroff_serve::features::Step;
use shroff_serve::{Record, Scorer, Value as Raw};
use shroff_train::config::Config;
use shroff_train::events::{Events, EventsRequest};
use shroff_train::{program, scoring};

use crate::project::{CONFIG, Csv, Project, transactions};

const FEATURES: &str = r#"
[[feature]]
column = "TX_AMOUNT"
transform = "log1p"

[[feature]]
columns = ["TX_AMOUNT", "DISTANCE"]
transform = "ratio"

[[feature]]
columns = ["TX_AMOUNT", "DISTANCE"]
transform = "difference"
name = "rest"

[[feature]]
columns = ["TX_DATETIME", "SIGNUP"]
transform = "difference"
unit = "minutes"

[[feature]]
column = "MERCHANT_CATEGORY"
kind = "category"
encode = "rate"

[[feature]]
column = "MERCHANT_CATEGORY"
kind = "category"
min_count = 2000

[[feature]]
column = "CHANNEL"
kind = "category"
max_categories = 2

[[feature]]
column = "TX_DATETIME"
parts = ["day_part"]

[[feature]]
column = "REPEAT"
kind = "boolean"

[[learner]]
kind = "logistic"
"#;

/// The simulated payments with a signup time and a truth value, and a configuration of [`FEATURES`].
fn project() -> (Project, Csv) {
    let mut csv = Csv::parse(transactions());
    for (row, cells) in csv.rows.iter_mut().enumerate() {
        cells.push(format!("2018-03-{:02} {:02}:30:00", 1 + row % 31, row % 24));
        cells.push(["true", "false", ""][row % 3].to_owned());
    }
    csv.header.extend(["SIGNUP", "REPEAT"].map(str::to_owned));
    let project = Project::new();
    project.write("transactions.csv", csv.text());
    let start = CONFIG.find("[[feature]]").expect("features");
    project.write("fraud.toml", CONFIG[..start].to_owned() + FEATURES);
    (project, csv)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "an independent logarithm, with a tolerance")]
fn computed_features_are_what_the_file_says() {
    let (project, csv) = project();
    let artifact = project.train("logistic");
    let scorer = Scorer::open(project.path(&artifact)).expect("a sound artifact");
    let names: Vec<&str> = scorer.schema().features.iter().map(|f| &*f.name).collect();
    let expected_names = [
        "log1p(TX_AMOUNT)",
        "TX_AMOUNT/DISTANCE",
        "rest",
        "TX_DATETIME-SIGNUP",
        "rate(MERCHANT_CATEGORY)",
        "MERCHANT_CATEGORY",
        "CHANNEL",
        "TX_DATETIME.day_part",
        "REPEAT",
    ];
    assert_eq!(names, expected_names);
    let inspected = project.run(&format!("inspect {artifact} --json")).expect(0).json();
    let windows = inspected["windows"].as_array().expect("a list");
    let window = |name| windows.iter().find(|window| window["name"] == name).expect("a window");
    let fit: Vec<usize> = ["train", "stop"].iter().flat_map(|w| csv.rows_in(window(*w))).collect();

    let counts = |column: &str| {
        let values = csv.column(column);
        let mut counts: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for &row in &fit {
            let (rows, frauds) = counts.entry(values[row]).or_default();
            *rows += 1.0;
            *frauds += f64::from(u8::from(csv.is_fraud(row)));
        }
        counts
    };
    let (categories, channels) = (counts("MERCHANT_CATEGORY"), counts("CHANNEL"));
    let frequent: Vec<&str> =
        categories.iter().filter(|(_, (rows, _))| *rows >= 2000.0).map(|(name, _)| *name).collect();
    assert!(!frequent.is_empty() && frequent.len() < categories.len(), "{categories:?}");
    let mut by_rows: Vec<&str> = channels.keys().copied().collect();
    by_rows.sort_by(|a, b| channels[b].0.total_cmp(&channels[a].0));
    assert!(by_rows.len() > 2, "{channels:?}");
    let mut capped = by_rows[..2].to_vec();
    capped.sort_unstable();
    for (position, expected) in [(5, &frequent), (6, &capped)] {
        let Step::Category { vocabulary, .. } = &scorer.contents().program.steps[position] else {
            panic!("a category");
        };
        assert_eq!(vocabulary.values(), expected, "{}", names[position]);
    }
    let prior = categories.values().map(|(_, frauds)| frauds).sum::<f64>() / fit.len() as f64;
    let code = |known: &[&str], value: &str| {
        known.iter().position(|known| *known == value).unwrap_or(known.len()) as f32
    };

    let config = Config::read(&project.path("fraud.toml")).expect("a sound configuration");
    let events = Events::read(&EventsRequest {
        source: &Source::new(project.path("transactions.csv").to_string_lossy()).into(),
        columns: &config.columns,
        label_delay: config.split.label_delay,
        further: Vec::new(),
        windows: None,
        inputs: program::inputs(&config).expect("one type a column"),
        from: None,
        to: None,
    })
    .expect("events");
    let contents = scorer.contents();
    let rows = csv.rows_in(window("test"));
    let matrix =
        scoring::encode(&contents.schema, &contents.program, &events, &rows).expect("rows");
    for (at, &row) in rows.iter().enumerate() {
        let cell = |column: &str| csv.rows[row][csv.position(column)].as_str();
        let amount: f64 = cell("TX_AMOUNT").parse().expect("a number");
        let distance: Option<f64> = cell("DISTANCE").parse().ok();
        let (at_secs, signup_secs) = (secs(cell("TX_DATETIME")), secs(cell("SIGNUP")));
        let (n_rows, frauds) = categories[cell("MERCHANT_CATEGORY")];
        let of_distance = |of: fn(f64, f64) -> f64| match distance {
            Some(distance) => of(amount, distance) as f32,
            None => f32::NAN,
        };
        let expected = [
            (1.0 + amount).ln() as f32,
            of_distance(|a, b| if b.abs() > 0.0 { a / b } else { f64::NAN }),
            of_distance(|a, b| a - b),
            ((at_secs - signup_secs) as f64 / 60.0) as f32,
            ((frauds + 20.0 * prior) / (n_rows + 20.0)) as f32,
            code(&frequent, cell("MERCHANT_CATEGORY")),
            code(&capped, cell("CHANNEL")),
            (at_secs.rem_euclid(86_400) / 21_600) as f32,
            [1.0, 0.0, f32::NAN][row % 3],
        ];
        let found = matrix.row(at);
        for (name, (found, expected)) in names.iter().zip(found.iter().zip(expected)) {
            // ln(1 + x) of the platform may be off by a last bit; all else is exact.
            let tolerance = if *name == "log1p(TX_AMOUNT)" { 1e-6 } else { 0.0 };
            let alike = (found - expected).abs() <= tolerance * expected.abs();
            assert!(alike || (found.is_nan() && expected.is_nan()), "{name}: {found}, {expected}");
        }
        // The trainer's row is the server's.
        let number = |value: Option<f64>| value.map_or(Raw::Null, Raw::Number);
        let record = [
            number(Some(amount)),
            number(distance),
            Raw::Time(at_secs * 1_000_000),
            Raw::Time(signup_secs * 1_000_000),
            Raw::Text(cell("MERCHANT_CATEGORY")),
            Raw::Text(cell("CHANNEL")),
            [Raw::Bool(true), Raw::Bool(false), Raw::Null][row % 3],
        ];
        let mut served = [0.0; 9];
        scorer.encode(Record::new(&record), &mut served).expect("a row");
        let bits = |row: &[f32]| -> Vec<u32> { row.iter().map(|value| value.to_bits()).collect() };
        assert_eq!(bits(found), bits(&served), "row {row}");
    }
}

/// Seconds since 1970 of `2018-MM-DD hh:mm:ss`, from March to June.
fn secs(text: &str) -> i64 {
    let part = |from: usize, to: usize| text[from..to].parse::<i64>().expect("digits");
    let days_before = [0, 31, 61, 92][usize::try_from(part(5, 7) - 3).expect("from March on")];
    // 2018-03-01 is day 17,591 since 1970.
    let days = 17_591 + days_before + part(8, 10) - 1;
    ((days * 24 + part(11, 13)) * 60 + part(14, 16)) * 60 + part(17, 19)
}

#[test]
fn keys_that_do_not_go_together_are_refused() {
    let (project, _) = project();
    let start = CONFIG.find("[[feature]]").expect("features");
    for (feature, expected) in [
        ("column = \"a\"\ntransform = \"ratio\"", "columns = ["),
        ("columns = [\"a\"]\ntransform = \"difference\"", "columns = ["),
        ("columns = [\"a\", \"a\"]\ntransform = \"ratio\"", "the same one twice"),
        ("columns = [\"a\", \"b\"]", "expected column ="),
        ("columns = [\"a\", \"TX_FRAUD\"]\ntransform = \"ratio\"", "label is not known"),
        ("columns = [\"a\", \"b\"]\ntransform = \"ratio\"\nunit = \"days\"", "unit belongs to"),
        ("column = \"a\"\nencode = \"rate\"", "encode belongs to"),
        ("column = \"a\"\nkind = \"category\"\nsmoothing = 5", "smoothing belongs to"),
        ("column = \"a\"\nkind = \"category\"\nencode = \"rate\"\nmin_count = 5", "min_count"),
        ("column = \"a\"\ntransform = \"log2\"", "did you mean `log1p`?"),
        (
            "column = \"a\"\nparts = [\"day_part\"]\non_missing = { default = 1 }",
            "should be a text",
        ),
    ] {
        let features = format!("[[feature]]\n{feature}\n[[learner]]\nkind = \"logistic\"\n");
        project.write("fraud.toml", CONFIG[..start].to_owned() + &features);
        let run = project.retrain("").expect(2);
        assert!(run.stderr.contains(expected), "expected {expected:?} in {:?}", run.stderr);
    }
}
