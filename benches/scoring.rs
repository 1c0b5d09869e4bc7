//! Criterion benches: load an artifact, encode a record, score one row and a thousand.
//!
//! Rows all differ and are visited in random order: a benchmark that scores one row again and again
//! teaches the branch predictor its path through every tree.
#![forbid(unsafe_code)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use shroff_benches::{Kind, N_FEATURES, artifact, records, rows, scorer, shuffled};
use shroff_serve::artifact::OwnedValue;
use shroff_serve::{Record, Scorer, Value};

/// Rows that take turns: with 30 features 2 MB, more than a core's second-level cache.
const N_ROWS: usize = 16_384;

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
        group.throughput(Throughput::Elements(1_000));
        group.bench_function(format!("1000_rows/{}", kind.name()), |bencher| {
            bencher.iter(|| {
                for _ in 0..1_000 {
                    let row = &rows[order.next().expect("it cycles")];
                    black_box(scorer.score(row).expect("the row has the right length"));
                }
            });
        });
    }
}

criterion_group!(benches, load, encode, score);
criterion_main!(benches);
