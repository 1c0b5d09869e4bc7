//! A live payment with many cards in memory: read, fifteen features computed, observed.
//!
//! `online [CARDS] [PAYMENTS]` fills a store with twenty payments of each card, by default of a million, and prints
//! percentiles over so many further ones, by default a million, of nanoseconds: of every other one for each step, of those in
//! between for both, as a clock that is read in the middle waits for all memory asked for by then. What reading the
//! clock takes is off. A million cards take some two gigabytes.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use shroff_benches::payments::{Payments, fifteen};

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse().expect("a number"));
    let (n_cards, n_payments) = (numbers.next().unwrap_or(1_000_000), numbers.next());
    let windows = fifteen();
    let mut payments = Payments::new(n_cards);
    eprintln!("filling");
    let store = payments.observed(&windows);
    let names: Vec<&str> = windows.columns().iter().map(|column| &*column.name).collect();
    let mut values = vec![0.0; windows.n_features()];
    let (mut read, mut asked, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..n_payments.unwrap_or(1_000_000) {
        let payment = payments.draw();
        // As a backend has them, by position.
        let columns: Vec<_> = names.iter().map(|name| payment.value(name)).collect();
        let is_in_steps = number % 2 == 0;
        let start = Instant::now();
        let event = store.event(|at| columns[at]).expect("the values fit");
        let middle = is_in_steps.then(Instant::now);
        store.features_then_observe(black_box(&event), &mut values);
        let end = Instant::now();
        black_box(&values);
        match middle {
            Some(middle) => {
                read.push(middle - start);
                asked.push(end - middle);
            }
            None => both.push(end - start),
        }
    }
    let clock =
        percentile(&mut (0..100_000).map(|_| Instant::now().elapsed()).collect::<Vec<_>>(), 50);
    println!("{:<26}{:>8}{:>8}{:>8}", format!("{} entities, ns", store.len()), "p50", "p90", "p99");
    for (step, times) in
        [("read an event", &mut read), ("15 features, observed", &mut asked), ("both", &mut both)]
    {
        let [p50, p90, p99] =
            [50, 90, 99].map(|percent| percentile(times, percent).saturating_sub(clock).as_nanos());
        println!("{step:<26}{p50:>8}{p90:>8}{p99:>8}");
    }
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    let at = times.len() * percent / 100;
    *times.select_nth_unstable(at).1
}
