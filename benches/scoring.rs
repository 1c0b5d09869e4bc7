//! Criterion benches: load an artifact, encode a record, score one row and a thousand at once, explain one.
//!
//! Rows all differ and are visited in random order: a benchmark that scores one row again and again
//! teaches the branch predictor its path through every tree.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Serialize;
use shroff_benches::{Kind, N_FEATURES, artifact, records, rows, scorer, shuffled};
use shroff_serve::artifact::OwnedValue;
use shroff_serve::{Counters, Record, Score, ScoreError, Scorer, Value};

/// Rows that take turns: with 30 features 2 MB, more than a core's second-level cache.
const N_ROWS: usize = 16_384;

/// Structs that take turns.
const N_REQUESTS: usize = 512;

/// 26 numbers and four fields that are categories where the model is linear, numbers elsewhere.
macro_rules! request {
    ($($number:ident)* ; $($other:ident)*) => {
        #[derive(Serialize)]
        struct Request<T> {
            $($number: Option<f64>,)*
            $($other: T,)*
        }

        impl<T> Request<T> {
            fn new<'a>(record: &[Value<'a>], other: fn(Value<'a>) -> T) -> Self {
                let mut values = record.iter().copied();
                let mut next = || values.next().expect("30 values");
                Self { $($number: number(next()),)* $($other: other(next()),)* }
            }
        }
    };
}

request!(
    feature_0 feature_1 feature_2 feature_3 feature_4 feature_5
    feature_6 feature_7 feature_8 feature_9 feature_10 feature_11
    feature_12 feature_13 feature_14 feature_15 feature_16 feature_17
    feature_18 feature_19 feature_20 feature_21 feature_22 feature_23
    feature_24 feature_25;
    feature_26 feature_27 feature_28 feature_29
);

fn number(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Number(value) => Some(value),
        _ => None,
    }
}

fn text(value: Value<'_>) -> Option<&str> {
    match value {
        Value::Text(value) => Some(value),
        _ => None,
    }
}

fn load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    for kind in Kind::ALL {
        let bytes = artifact(kind);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(kind.name(), |bencher| {
            bencher.iter(|| Scorer::from_bytes(black_box(&bytes)).expect("the artifact is valid"));
        });
    }
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode_record");
    for kind in [Kind::Linear, Kind::Boosted] {
        let scorer = scorer(kind);
        let owned = records(&scorer, N_ROWS, 3);
        let records: Vec<Vec<Value<'_>>> =
            owned.iter().map(|record| record.iter().map(OwnedValue::as_value).collect()).collect();
        let mut order = shuffled(N_ROWS, 4).into_iter().cycle();
        let mut row = [0.0; N_FEATURES];
        let name = if kind == Kind::Linear { "26_numbers_4_categories" } else { "30_numbers" };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let record = Record::new(&records[order.next().expect("it cycles")]);
                scorer.encode(record, &mut row).expect("the types fit");
                black_box(&row);
            });
        });
        let mut order = shuffled(N_ROWS, 4).into_iter().cycle();
        group.bench_function(format!("{name}_and_score_{}", kind.name()), |bencher| {
            bencher.iter(|| {
                let record = Record::new(&records[order.next().expect("it cycles")]);
                scorer.score_record(record).expect("the types fit")
            });
        });
    }
}

/// A struct of 30 fields, as a backend has it, beside its dense row and its record. So few that they
/// stay near the core, as a request does that was just read.
fn bound(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("bound");
    for kind in Kind::ALL {
        let scorer = scorer(kind);
        let owned = records(&scorer, N_REQUESTS, 7);
        let records: Vec<Vec<Value<'_>>> =
            owned.iter().map(|record| record.iter().map(OwnedValue::as_value).collect()).collect();
        let rows: Vec<Vec<f32>> = records
            .iter()
            .map(|record| {
                let mut row = vec![0.0; N_FEATURES];
                scorer.encode(Record::new(record), &mut row).expect("the types fit");
                row
            })
            .collect();
        let order = shuffled(N_REQUESTS, 8).into_iter().cycle();
        let mut at = order.clone();
        group.bench_function(format!("dense_row/{}", kind.name()), |bencher| {
            bencher.iter(|| scorer.score(&rows[at.next().expect("it cycles")]));
        });
        let mut at = order.clone();
        group.bench_function(format!("record/{}", kind.name()), |bencher| {
            bencher
                .iter(|| scorer.score_record(Record::new(&records[at.next().expect("it cycles")])));
        });
        if kind == Kind::Linear {
            let requests: Vec<Request<Option<&str>>> =
                records.iter().map(|record| Request::new(record, text)).collect();
            let bound = scorer.bind(&requests[0]).expect("it binds");
            let mut at = order;
            group.bench_function(format!("struct/{}", kind.name()), |bencher| {
                bencher.iter(|| bound.score(&requests[at.next().expect("it cycles")]));
            });
        } else {
            let requests: Vec<Request<Option<f64>>> =
                records.iter().map(|record| Request::new(record, number)).collect();
            let bound = scorer.bind(&requests[0]).expect("it binds");
            let mut at = order;
            group.bench_function(format!("struct/{}", kind.name()), |bencher| {
                bencher.iter(|| bound.score(&requests[at.next().expect("it cycles")]));
            });
        }
    }
}

/// Scores the request at a position.
type Call<'a> = dyn Fn(usize) -> Result<Score, ScoreError> + Sync + 'a;

/// Scoring with and without counters, on one thread and on two at the same time: nanoseconds of a
/// call on each.
fn counted(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("counted");
    let scorer = scorer(Kind::Linear);
    let owned = records(&scorer, N_REQUESTS, 7);
    let records: Vec<Vec<Value<'_>>> =
        owned.iter().map(|record| record.iter().map(OwnedValue::as_value).collect()).collect();
    let requests: Vec<Request<Option<&str>>> =
        records.iter().map(|record| Request::new(record, text)).collect();
    let bound = scorer.bind(&requests[0]).expect("it binds");
    let rows = rows(&scorer, N_REQUESTS, 7);
    let counters = Counters::new(&scorer);
    let calls: [(&str, &Call<'_>); 6] = [
        ("dense_row", &|at| scorer.score(&rows[at])),
        ("dense_row_counted", &|at| counters.score(&scorer, &rows[at])),
        ("record", &|at| scorer.score_record(Record::new(&records[at]))),
        ("record_counted", &|at| counters.score_record(&scorer, Record::new(&records[at]))),
        ("struct", &|at| bound.score(&requests[at])),
        ("struct_counted", &|at| counters.score_bound(&bound, &requests[at])),
    ];
    for (name, call) in calls {
        for n_threads in [1_u64, 2] {
            group.bench_function(format!("{name}/{n_threads}_threads"), |bencher| {
                bencher.iter_custom(|iterations| on_threads(n_threads, iterations, call));
            });
        }
    }
}

/// How long it takes for as many calls on each thread, all at the same time.
fn on_threads(n_threads: u64, iterations: u64, call: &Call<'_>) -> Duration {
    let start = Barrier::new(n_threads as usize);
    let run = |seed| {
        let order = shuffled(N_REQUESTS, seed);
        start.wait();
        let began = Instant::now();
        for (_, &at) in (0..iterations).zip(order.iter().cycle()) {
            let _ = black_box(call(at));
        }
        began.elapsed()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|seed| scope.spawn(move || run(seed))).collect();
        let ended = threads.into_iter().map(|thread| thread.join().expect("it does not panic"));
        ended.max().unwrap_or_default()
    })
}

fn score(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("score");
    for kind in Kind::ALL {
        let scorer = scorer(kind);
        let rows = rows(&scorer, N_ROWS, 5);
        let mut order = shuffled(N_ROWS, 6).into_iter().cycle();
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("1_row/{}", kind.name()), |bencher| {
            bencher.iter(|| {
                let row = &rows[order.next().expect("it cycles")];
                scorer.score(row).expect("the row has the right length")
            });
        });
    }
}

/// A thousand rows a call, in every way there is.
fn batch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("batch");
    group.throughput(Throughput::Elements(1_000));
    for kind in Kind::ALL {
        let mut scorer = scorer(kind);
        let rows = rows(&scorer, N_ROWS, 5);
        let flat: Vec<Vec<f32>> =
            rows.chunks(1_000).map(<[_]>::concat).take(N_ROWS / 1_000).collect();
        let mut at = flat.iter().cycle();
        let mut scores = vec![Score::UNSET; 1_000];
        for engine in scorer.engine_names(true) {
            assert!(scorer.force_engine(engine), "the name comes from the scorer");
            group.bench_function(format!("{engine}/{}", kind.name()), |bencher| {
                bencher.iter(|| {
                    let rows = at.next().expect("it cycles");
                    scorer.score_rows(rows, &mut scores).expect("the rows have the right length");
                    black_box(&scores);
                });
            });
        }
    }
}

fn explain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("explain");
    for kind in Kind::ALL {
        let scorer = scorer(kind);
        let rows = rows(&scorer, N_ROWS, 9);
        let mut order = shuffled(N_ROWS, 10).into_iter().cycle();
        group.bench_function(kind.name(), |bencher| {
            bencher.iter(|| {
                let row = &rows[order.next().expect("it cycles")];
                scorer.explain(row, 3).expect("the row has the right length")
            });
        });
    }
}

criterion_group!(benches, load, encode, bound, counted, score, batch, explain);
criterion_main!(benches);
