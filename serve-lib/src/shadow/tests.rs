//! A challenger that errs, panics, is slow, or simply scores.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::record::{Record, Value};
use crate::scorer::tests::fixture::golden;

#[test]
fn the_sample_goes_by_the_id_and_has_its_share() {
    let scorer = golden("v1/averaged");
    let shadow = Shadow::of(Arc::clone(&scorer)).share(0.1).start(|_: &u64| Ok(Score::UNSET));
    let shadow = shadow.unwrap();
    let n_ids = if cfg!(miri) { 1_000 } else { 100_000 };
    let sampled: Vec<u64> = (0..n_ids).filter(|id| shadow.is_sampled(*id)).collect();
    // Binomial, within four standard deviations.
    let off = sampled.len() as f64 - 0.1 * n_ids as f64;
    assert!(off.abs() < 4.0 * (0.1 * 0.9 * n_ids as f64).sqrt(), "{}", sampled.len());
    for id in 0..1_000 {
        shadow.offer(id, &scorer, Score::UNSET, || id);
    }
    let n_below = sampled.iter().filter(|id| **id < 1_000).count() as u64;
    assert_eq!(shadow.counts().n_offered, n_below);
    for (share, sampled) in
        [(0.0, false), (-1.0, false), (f64::NAN, false), (1.0, true), (7.0, true)]
    {
        let shadow = Shadow::of(Arc::clone(&scorer)).share(share).start(|_: &u64| Ok(Score::UNSET));
        let shadow = shadow.unwrap();
        assert!([0, 1, 12, u64::MAX].iter().all(|id| shadow.is_sampled(*id) == sampled), "{share}");
    }
}

#[test]
fn scores_are_compared_and_band_flips_counted() {
    // Both have bands; the challenger's score is the champion's margin, turned round.
    let champion = golden("v1/boosted");
    let names = champion.bands().unwrap().names.clone();
    let of = |margin: f64| {
        let band = champion.bands().unwrap().index(margin);
        Score {
            margin,
            probability: 1.0 / (1.0 + libm::exp(-margin)),
            band: u8::try_from(band).ok(),
        }
    };
    let turned = champion.bands().unwrap().clone();
    let challenger = Arc::clone(&champion);
    let shadow = Shadow::of(challenger)
        .share(1.0)
        // Enough for a busy machine, and for one that is interpreted.
        .budget(Duration::from_secs(60))
        .start(move |margin: &f64| {
            let band = u8::try_from(turned.index(-margin)).ok();
            let probability = 1.0 / (1.0 + libm::exp(*margin));
            Ok(Score { margin: -margin, probability, band })
        })
        .unwrap();
    let margins: Vec<f64> = (-50..=50).map(|n| f64::from(n) / 5.0).collect();
    let (mut same, mut flips) = (0, std::collections::BTreeMap::new());
    let (mut sum, mut largest) = (0.0, 0.0_f64);
    for (id, margin) in (0..).zip(&margins) {
        let (ours, theirs) = (of(*margin), of(-margin));
        // Interpreted, one may meet the challenger's thread at the buffer, which drops it: it comes again.
        let n_before = shadow.counts().n_compared;
        while shadow.settle().n_compared == n_before {
            shadow.offer(id, &champion, ours, || *margin);
        }
        let name = |score: Score| names[usize::from(score.band.unwrap())].clone();
        match (name(ours), name(theirs)) {
            (ours, theirs) if ours == theirs => same += 1,
            pair => *flips.entry(pair).or_insert(0) += 1,
        }
        sum += (theirs.probability - ours.probability).abs();
        largest = largest.max((theirs.probability - ours.probability).abs());
    }
    let counts = shadow.counts();
    assert_eq!((counts.n_compared, counts.n_over_budget, counts.n_failed), (101, 0, 0));
    assert!(counts.n_dropped == 0 || cfg!(miri), "each is scored before the next one comes");
    assert_eq!(counts.n_same_band, same);
    assert!(!flips.is_empty());
    let found: std::collections::BTreeMap<_, _> = counts
        .flips
        .iter()
        .map(|flip| ((flip.champion.clone(), flip.challenger.clone()), flip.count))
        .collect();
    assert_eq!(found, flips);
    assert!(counts.flips.is_sorted_by(|one, other| one.count >= other.count));
    assert!((counts.mean_absolute_difference - sum / 101.0).abs() < 1e-12);
    assert!(counts.mean_difference.abs() < 1e-12, "they cancel out");
    assert!((counts.max_difference.abs() - largest).abs() < 1e-12);
    assert_eq!(counts.agreement(), Some(same as f64 / 101.0));

    // Another champion: what is compared begins anew.
    let other = golden("v1/linear");
    shadow.offer(0, &other, Score::UNSET, || 0.0);
    let counts = shadow.settle();
    assert_eq!((counts.champion, counts.n_compared), (Some(other.id()), 1));
}

#[test]
fn a_challenger_that_fails_is_counted_and_goes_on() {
    let scorer = golden("v1/linear");
    let model = Arc::clone(&scorer);
    let shadow = Shadow::of(Arc::clone(&scorer)).share(1.0).start(move |n: &u64| match n {
        0 => panic!("at night"),
        1 => model.score(&[]),
        _ => {
            model.score_record(Record::new(&[Value::Number(20.0), Value::Text("FR"), Value::Null]))
        }
    });
    let shadow = shadow.unwrap();
    let mut failures = Vec::new();
    for n in 0..3 {
        shadow.offer(n, &scorer, Score::UNSET, || n);
        failures.push(shadow.settle().last_failure.unwrap());
    }
    let counts = shadow.counts();
    assert_eq!((counts.n_failed, counts.n_compared), (2, 1));
    assert_eq!(failures[0], "panicked: at night");
    assert_eq!(failures[1], "expected a row of 3 values, found 0");
}

#[test]
fn a_challenger_that_hangs_costs_the_champion_nothing_but_counts() {
    let scorer = golden("v1/linear");
    let entered = Arc::new(Barrier::new(2));
    let left = Arc::new(Barrier::new(2));
    let (here, there) = (Arc::clone(&entered), Arc::clone(&left));
    let mut first = true;
    let shadow = Shadow::of(Arc::clone(&scorer)).share(1.0).capacity(8).start(move |_: &u64| {
        if std::mem::take(&mut first) {
            here.wait();
            there.wait();
        }
        Ok(Score::UNSET)
    });
    let shadow = shadow.unwrap();
    shadow.offer(0, &scorer, Score::UNSET, || 0);
    entered.wait();
    // It hangs now. The buffer takes eight more; all others are dropped, and the counts can be read.
    for id in 1..=100 {
        shadow.offer(id, &scorer, Score::UNSET, || id);
    }
    let counts = shadow.counts();
    assert_eq!((counts.n_offered, counts.n_dropped, counts.n_compared), (101, 92, 0));
    left.wait();
    let counts = shadow.settle();
    assert_eq!((counts.n_dropped, counts.n_compared + counts.n_over_budget), (92, 9));
}

#[test]
fn over_its_budget_nothing_is_scored() {
    let scorer = golden("v1/linear");
    let asked = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&asked);
    let shadow = Shadow::of(Arc::clone(&scorer)).share(1.0).budget(Duration::ZERO);
    let shadow = shadow.start(move |_: &u64| {
        told.store(true, Ordering::Relaxed);
        Ok(Score::UNSET)
    });
    let shadow = shadow.unwrap();
    shadow.offer(0, &scorer, Score::UNSET, || 0);
    while shadow.counts().n_over_budget == 0 {
        std::thread::yield_now();
    }
    assert!(!asked.load(Ordering::Relaxed));
    assert_eq!(shadow.counts().n_compared, 0);
}
