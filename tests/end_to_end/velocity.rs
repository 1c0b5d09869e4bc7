//! Velocity features through the command line, against a naive reading of their definitions; and what
//! none of them may see.

mod leaks;
mod pipeline;
mod snapshot;

use crate::project::{Csv, Project, assert_says};

const CONFIG: &str = r#"
[model]
name = "m"
[[source]]
name = "s"
path = "s.csv"
[columns]
id = "id"
time = "t"
label = "y"
label_time = "known"
[split]
label_delay = "2h"
train = "1d"
test = "1d"
[[learner]]
kind = "logistic"
"#;

/// What a feature is, for the naive loop; spans in hours.
struct Declared {
    toml: &'static str,
    names: &'static [(&'static str, Option<i64>)],
    key: &'static [&'static str],
    delay: i64,
    closed_right: bool,
    passes: fn(&Event) -> bool,
    measure: fn(&[&Event], &Event) -> Option<f64>,
}

#[derive(Debug, Clone)]
struct Event {
    id: i64,
    hour: i64,
    card: String,
    shop: String,
    device: String,
    channel: String,
    /// As it stands in the file.
    amount: String,
    fraud: Option<bool>,
    known: Option<i64>,
}

impl Event {
    fn cents(&self) -> Option<f64> {
        let amount: f64 = self.amount.parse().ok()?;
        // Beyond 2^53 cents it is no amount.
        (amount.abs() < 9e13).then(|| (amount * 100.0).round())
    }

    fn key(&self, columns: &[&str]) -> Option<Vec<&str>> {
        let of = |column: &&str| match *column {
            "card" => self.card.as_str(),
            _ => self.shop.as_str(),
        };
        let key: Vec<&str> = columns.iter().map(of).collect();
        key.iter().all(|part| !part.is_empty()).then_some(key)
    }

    fn known_at(&self) -> i64 {
        self.known.unwrap_or(self.hour + 2).max(self.hour)
    }
}

fn amounts(events: &[&Event]) -> Vec<f64> {
    events.iter().filter_map(|event| event.cents()).collect()
}

fn mean(events: &[&Event]) -> Option<f64> {
    let amounts = amounts(events);
    (!amounts.is_empty()).then(|| amounts.iter().sum::<f64>() / amounts.len() as f64 / 100.0)
}

fn std(events: &[&Event]) -> Option<f64> {
    let (amounts, mean) = (amounts(events), mean(events)? * 100.0);
    let squares: f64 = amounts.iter().map(|amount| (amount - mean) * (amount - mean)).sum();
    (amounts.len() > 1).then(|| (squares / (amounts.len() - 1) as f64).sqrt() / 100.0)
}

fn ratio_to_mean(events: &[&Event], own: &Event) -> Option<f64> {
    let (own, mean) = (own.cents()? / 100.0, mean(events)?);
    (mean.abs() > 0.0).then(|| own / mean)
}

fn n_devices(events: &[&Event]) -> f64 {
    let devices: std::collections::BTreeSet<&str> =
        events.iter().map(|event| event.device.as_str()).filter(|name| !name.is_empty()).collect();
    devices.len() as f64
}

fn fraud_rate(events: &[&Event], is_known: impl Fn(&Event) -> bool) -> Option<f64> {
    let frauds = events.iter().filter(|event| event.fraud == Some(true) && is_known(event));
    (!events.is_empty()).then(|| frauds.count() as f64 / events.len() as f64)
}

fn declared() -> Vec<Declared> {
    let plain = Declared {
        toml: "",
        names: &[],
        key: &["card"],
        delay: 0,
        closed_right: false,
        passes: |_| true,
        measure: |events, _| Some(events.len() as f64),
    };
    vec![
        Declared {
            toml: "key = \"card\"\ncount = true\nwindows = [\"3h\", \"1d\", \"all\"]",
            names: &[
                ("count(card, 3h)", Some(3)),
                ("count(card, 1d)", Some(24)),
                ("count(card, all)", None),
            ],
            ..plain
        },
        Declared {
            toml: "key = \"card\"\nsum = \"amt\"\nwindows = [\"6h\"]\nclosed = \"right\"",
            names: &[("sum(amt by card, 6h, closed right)", Some(6))],
            closed_right: true,
            measure: |events, _| Some(amounts(events).iter().sum::<f64>() / 100.0),
            ..plain
        },
        Declared {
            toml: "key = \"card\"\nmean = \"amt\"\nwindows = [\"6h\"]\ndelay = \"3h\"",
            names: &[("mean(amt by card, 6h, delay 3h)", Some(6))],
            delay: 3,
            measure: |events, _| mean(events),
            ..plain
        },
        Declared {
            toml: "key = \"card\"\nmax = \"amt\"\nwindows = [\"1d\"]",
            names: &[("max(amt by card, 1d)", Some(24))],
            measure: |events, _| {
                amounts(events).into_iter().reduce(f64::max).map(|max| max / 100.0)
            },
            ..plain
        },
        Declared {
            toml: "key = \"card\"\nmin = \"amt\"\nwindows = [\"all\"]\ndelay = \"1h\"\nclosed = \"right\"",
            names: &[("min(amt by card, all, delay 1h, closed right)", None)],
            delay: 1,
            closed_right: true,
            measure: |events, _| {
                amounts(events).into_iter().reduce(f64::min).map(|min| min / 100.0)
            },
            ..plain
        },
        Declared {
            toml: "key = \"card\"\nstd = \"amt\"\nwindows = [\"1d\"]\nname = \"spread\"",
            names: &[("spread", Some(24))],
            measure: |events, _| std(events),
            ..plain
        },
        Declared {
            toml: "key = [\"card\", \"shop\"]\ndistinct = \"device\"\nwindows = [\"1d\", \"all\"]",
            names: &[
                ("distinct(device by card+shop, 1d)", Some(24)),
                ("distinct(device by card+shop, all)", None),
            ],
            key: &["card", "shop"],
            measure: |events, _| Some(n_devices(events)),
            ..plain
        },
        Declared {
            toml: "key = \"shop\"\nrate = \"label\"\nwindows = [\"1d\", \"all\"]",
            names: &[("fraud_rate(shop, 1d)", Some(24)), ("fraud_rate(shop, all)", None)],
            key: &["shop"],
            measure: |events, own| fraud_rate(events, |event| event.known_at() < own.hour),
            ..plain
        },
        Declared {
            toml: "key = \"shop\"\nrate = \"label\"\nwindows = [\"1d\"]\ndelay = \"2h\"\nclosed = \"right\"\n\
                   on_missing = { default = -1 }",
            names: &[("fraud_rate(shop, 1d, delay 2h, closed right)", Some(24))],
            key: &["shop"],
            delay: 2,
            closed_right: true,
            measure: |events, own| {
                Some(fraud_rate(events, |event| event.known_at() <= own.hour).unwrap_or(-1.0))
            },
            ..plain
        },
        Declared {
            toml: "key = \"card\"\nseconds_since_last = true\nwindows = [\"6h\"]",
            names: &[("seconds_since_last(card, 6h)", Some(6))],
            measure: |events, own| {
                let last = events.iter().map(|event| event.hour).max()?;
                Some(3_600.0 * (own.hour - last) as f64)
            },
            ..plain
        },
        Declared {
            toml: "key = \"card\"\nratio_to_mean = \"amt\"\nwindows = [\"all\"]",
            names: &[("ratio_to_mean(amt by card, all)", None)],
            measure: ratio_to_mean,
            ..plain
        },
        Declared {
            toml: "key = \"card\"\ncount = true\nwindows = [\"1d\"]\n\
                   where = { column = \"channel\", is = [\"web\", \"app\"] }",
            names: &[("count(card, 1d, where channel is web or app)", Some(24))],
            passes: |event| ["web", "app"].contains(&event.channel.as_str()),
            ..plain
        },
        Declared {
            toml: "key = \"card\"\ncount = true\nwindows = [\"1d\"]\n\
                   where = { column = \"amt\", at_least = -5, below = 20 }",
            names: &[("count(card, 1d, where -5 <= amt < 20)", Some(24))],
            passes: |event| event.amount.parse().is_ok_and(|amt| (-5.0..20.0).contains(&amt)),
            ..plain
        },
    ]
}

/// 500 events of three days, many in the same hour, in no order of time; values missing, negative,
/// infinite and beyond any amount.
fn events() -> Vec<Event> {
    let mut state = 11_u64;
    let mut random = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut events = Vec::new();
    for position in 0..500_i64 {
        let hour = random(72) as i64;
        let name = |prefix: &str, number: u64| {
            if number == 0 { String::new() } else { format!("{prefix}{number}") }
        };
        let amount = match random(20) {
            0 => String::new(),
            1 => "inf".to_owned(),
            2 => "1e300".to_owned(),
            3 => format!("-{}.{:02}", random(30), random(100)),
            _ => format!("{}.{:02}", random(60), random(100)),
        };
        events.push(Event {
            // Not in the order of the file.
            id: (position * 37) % 500,
            hour,
            card: name("", random(9)),
            shop: name("shop ", random(6)),
            device: name("d", random(5)),
            channel: name("", 1 + random(3)).replace('1', "web").replace('2', "app"),
            amount,
            fraud: [None, Some(true), Some(false)][random(3) as usize],
            known: (random(3) > 0).then(|| hour - 2 + random(20) as i64),
        });
    }
    events
}

fn text(events: &[Event]) -> String {
    let time = |hour: i64| {
        format!("2024-01-{:02} {:02}:00:00", 5 + hour.div_euclid(24), hour.rem_euclid(24))
    };
    let mut text = "id,t,card,shop,device,channel,amt,y,known\n".to_owned();
    for event in events {
        let Event { id, hour, card, shop, device, channel, amount, fraud, known } = event;
        let fraud = fraud.map_or("", |fraud| if fraud { "1" } else { "0" });
        let known = known.map(time).unwrap_or_default();
        let time = time(*hour);
        text.push_str(&format!(
            "{id},{time},{card},{shop},{device},{channel},{amount},{fraud},{known}\n"
        ));
    }
    text
}

fn config(declared: &[Declared]) -> String {
    let features = declared.iter().map(|feature| format!("[[feature]]\n{}\n", feature.toml));
    format!("{CONFIG}{}", features.collect::<String>())
}

/// What `features` writes of these events.
#[track_caller]
fn computed(config: &str, events: &[Event]) -> (Csv, String) {
    let project = Project::new();
    project.write("s.csv", text(events));
    project.write("fraud.toml", config);
    let run = project.run("features --config fraud.toml --out features.csv").expect(0);
    (parse(&project.read("features.csv")), run.stderr)
}

/// Names of features may hold commas, and are then quoted.
fn parse(text: &str) -> Csv {
    let (header, rows) = text.split_once('\n').expect("a header");
    let mut names = Vec::new();
    for (position, part) in header.split('"').enumerate() {
        match position % 2 {
            0 => names.extend(part.split(',').filter(|name| !name.is_empty()).map(str::to_owned)),
            _ => names.push(part.to_owned()),
        }
    }
    let rows = rows.lines().map(|line| line.split(',').map(str::to_owned).collect());
    Csv { header: names, rows: rows.collect() }
}

/// The events that a feature looks at, by its definition.
fn looked_at<'a>(
    feature: &Declared,
    window: Option<i64>,
    events: &'a [Event],
    own: &Event,
) -> Vec<&'a Event> {
    let end = own.hour - feature.delay;
    let start = window.map(|window| end - window);
    let is_in = |event: &&Event| {
        let at = event.hour;
        let in_window = if feature.closed_right {
            at <= end && start.is_none_or(|start| start < at)
        } else {
            at < end && start.is_none_or(|start| start <= at)
        };
        // Of the same time, those with a smaller id came before.
        let came_before = (at, event.id) <= (own.hour, own.id);
        in_window && came_before && event.key(feature.key) == own.key(feature.key)
    };
    events.iter().filter(is_in).filter(|event| (feature.passes)(event)).collect()
}

#[test]
fn features_are_those_of_a_naive_loop() {
    let (events, declared) = (events(), declared());
    let (table, stderr) = computed(&config(&declared), &events);
    assert_eq!(table.header[..3], ["id", "t", "y"]);
    for (key, column) in [("card", "card"), ("shop", "shop")] {
        let n_without = events.iter().filter(|event| event.key(&[column]).is_none()).count();
        assert_says(&stderr, &[&format!("{n_without} of 500 events have no {key}:")]);
    }
    assert_says(&stderr, &["amounts are infinite or beyond what an amount can be"]);
    let mut n_compared = 0;
    for feature in &declared {
        for (name, window) in feature.names {
            let found = table.column(name);
            for (own, found) in events.iter().zip(found) {
                let has_default = feature.toml.contains("default = -1");
                let expected = match own.key(feature.key) {
                    None => has_default.then_some(-1.0),
                    Some(_) => (feature.measure)(&looked_at(feature, *window, &events, own), own),
                };
                let found: Option<f64> =
                    (!found.is_empty()).then(|| found.parse().expect("a number"));
                let alike = match (found, expected) {
                    (None, None) => true,
                    (Some(found), Some(expected)) => {
                        (found - expected).abs() <= 1e-6 * expected.abs().max(1.0)
                    }
                    _ => false,
                };
                assert!(alike, "{name}: expected {expected:?}, found {found:?} for {own:?}");
                n_compared += usize::from(expected.is_some());
            }
        }
    }
    assert!(n_compared > 6_000, "{n_compared}");
}
