//! What a look costs: one count metric, a whole service, and a year.
//!
//! The baseline in the same run is the plain loop that the grid replaces: one `ln_1p` and one `exp` for each of 321 points,
//! by the standard library.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serin_gate::{Policy, Shelf};

#[path = "../src/service.rs"]
mod service;

use service::{block, open, policy};

/// Measures looks at `policy` on blocks made beforehand, which are judged over and over: the gate has to be given blocks
/// that rise in time, so each pass begins with a copy of one that has seen an hour.
fn looks(criterion: &mut Criterion, name: &str, policy: &Policy) {
    let Ok(mut gate) = open(policy) else { return };
    let mut shelf = Shelf::default();
    for number in 240..480 {
        gate.look(&block(policy, number, true), &mut shelf);
    }
    let mut number = 480;
    criterion.bench_function(name, |bencher| {
        bencher.iter_batched(
            || {
                number += 1;
                block(policy, number, true)
            },
            |block| black_box(gate.look(&block, &mut shelf)),
            criterion::BatchSize::SmallInput,
        );
    });
}

fn plain_loop(criterion: &mut Criterion) {
    criterion.bench_function("baseline: 321 ln_1p and exp of the standard library", |bencher| {
        bencher.iter(|| {
            let share = black_box(0.1f64);
            (0..321u32).map(|j| (share * f64::from(j)).ln_1p().exp()).sum::<f64>()
        });
    });
}

fn benches(criterion: &mut Criterion) {
    plain_loop(criterion);
    looks(criterion, "a look at one count metric, 33 pods", &policy(1, 0));
    looks(criterion, "a look at 20 counts and 5 histograms of 12 edges, 33 pods", &policy(20, 5));
}

criterion_group!(gate, benches);
criterion_main!(gate);
