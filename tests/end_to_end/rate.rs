//! Rates in training, against a naive loop over every pair of rows, and no label before its time.

use shroff_datasets::Source;
use shroff_train::config::Config;
use shroff_train::events::{Events, EventsRequest};
use shroff_train::{program, rate};

const CONFIG: &str = r#"
[model]
name = "m"
[[source]]
name = "s"
path = "s.csv"
[columns]
time = "t"
label = "y"
label_time = "known"
weight = "w"
[split]
label_delay = "3h"
train = "1d"
test = "1d"
[[feature]]
column = "shop"
kind = "category"
encode = "rate"
smoothing = 4
[[learner]]
kind = "decision_tree"
"#;

/// Rows in no order of time, many at the same hour; labels known after none to many hours, or after
/// the delay of the configuration; shops with very different rates, some rows without one.
fn events() -> (Config, Events) {
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut text = "t,y,known,shop,w\n".to_owned();
    for _ in 0..400 {
        let (hour, shop) = (random(70), random(7));
        let time = |hour: u64| format!("2024-01-0{} {:02}:00:00", 1 + hour / 24, hour % 24);
        let fraud = random(10) < shop;
        // Some labels claim to be older than their event.
        let known = match random(6) {
            0 => String::new(),
            1 => time(hour.saturating_sub(random(3))),
            _ => time(hour + random(20)),
        };
        let shop = if shop == 0 { String::new() } else { format!("shop {shop}") };
        let row = format!("{},{},{known},{shop},{}\n", time(hour), u8::from(fraud), 1 + random(3));
        text.push_str(&row);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("s.csv");
    std::fs::write(&path, text).expect("a file");
    let config = Config::parse(CONFIG).expect("a sound configuration");
    let events = Events::read(&EventsRequest {
        source: &Source::new(path.to_string_lossy()).into(),
        columns: &config.columns,
        label_delay: config.split.label_delay,
        further: Vec::new(),
        windows: None,
        inputs: program::inputs(&config).expect("one type a column"),
        from: None,
        to: None,
    });
    (config, events.expect("events"))
}

fn encoded(config: &Config, events: &Events, rows: &[usize]) -> Vec<f32> {
    let (schema, program) = program::fit(config, events, rows).expect("a sound program");
    let (kept, matrix) =
        rate::encode_fit_rows(config, (&schema, &program), events, rows).expect("rows");
    assert_eq!(kept, rows, "no policy rejects");
    (0..rows.len()).map(|row| matrix.row(row)[0]).collect()
}

/// The shop of each row, by reading the column through the value a server would get.
fn shops(events: &Events) -> Vec<Option<String>> {
    let column = events.column("shop", shroff_datasets::ColumnKind::Text).expect("was read");
    let shroff_datasets::Values::Text(text) = column.values() else { panic!("text") };
    let shop = |row: usize| (!column.is_null(row)).then(|| text.value(row).to_owned());
    (0..events.n_rows()).map(shop).collect()
}

fn known_before(events: &Events, earlier: usize, row: usize) -> bool {
    events.known_at[earlier] < events.times[row] && events.times[earlier] < events.times[row]
}

#[test]
fn rates_are_those_of_a_naive_loop() {
    let (config, events) = events();
    let shops = shops(&events);
    let weights = events.weights.as_ref().expect("weights");
    // Only these rows are of the fit; the labels of the others are as good as unknown.
    let rows: Vec<usize> = (0..events.n_rows()).filter(|row| row % 5 != 0).collect();
    let found = encoded(&config, &events, &rows);
    let rate_of = |row: usize, seen: &dyn Fn(usize) -> bool| {
        let shop = shops[row].as_ref()?;
        let (mut n, mut frauds, mut all, mut all_frauds) = (0.0, 0.0, 0.0, 0.0);
        for &earlier in rows.iter().filter(|earlier| seen(**earlier)) {
            let fraud = f64::from(u8::from(events.labels[earlier] == Some(true)));
            all += weights[earlier];
            all_frauds += weights[earlier] * fraud;
            if shops[earlier].as_ref() == Some(shop) {
                n += weights[earlier];
                frauds += weights[earlier] * fraud;
            }
        }
        (all > 0.0).then(|| (frauds + 4.0 * all_frauds / all) / (n + 4.0))
    };
    let (mut n_missing, mut n_distinct) = (0, std::collections::BTreeSet::new());
    for (&row, found) in rows.iter().zip(found) {
        match rate_of(row, &|earlier| known_before(&events, earlier, row)) {
            None => {
                assert!(found.is_nan(), "row {row}: {found}");
                n_missing += 1;
            }
            Some(expected) => {
                assert!(
                    (f64::from(found) - expected).abs() < 1e-7,
                    "row {row}: {found}, {expected}"
                );
                n_distinct.insert(found.to_bits());
            }
        }
    }
    assert!(n_missing > 40 && n_distinct.len() > 100, "{n_missing}, {}", n_distinct.len());
    // All other rows are given the rates of everything the fit knows.
    let (schema, program) = program::fit(&config, &events, &rows).expect("a sound program");
    let all: Vec<usize> = (0..events.n_rows()).collect();
    let matrix = shroff_train::scoring::encode(&schema, &program, &events, &all).expect("encodes");
    for row in all {
        match rate_of(row, &|_| true) {
            None => assert!(matrix.row(row)[0].is_nan()),
            Some(expected) => assert!((f64::from(matrix.row(row)[0]) - expected).abs() < 1e-7),
        }
    }
}

#[test]
fn labels_known_later_change_no_rate() {
    let (config, mut events) = events();
    let rows: Vec<usize> = (0..events.n_rows()).collect();
    let before = encoded(&config, &events, &rows);
    let true_labels = events.labels.clone();
    let mut n_changed = 0;
    for row in rows.iter().copied().step_by(3) {
        for &other in &rows {
            if !known_before(&events, other, row) {
                events.labels[other] = true_labels[other].map(|fraud| !fraud);
            }
        }
        let after = encoded(&config, &events, &rows);
        assert_eq!(before[row].to_bits(), after[row].to_bits(), "row {row} saw a later label");
        n_changed += before.iter().zip(&after).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
        events.labels.clone_from(&true_labels);
    }
    assert!(n_changed > 1_000, "flipped labels change later rows: {n_changed}");
}
