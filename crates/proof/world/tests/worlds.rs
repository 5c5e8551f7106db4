//! Many worlds, each of one number. A failure prints its number; `SERIN_WORLDS=5000` plays more of them, and
//! `SERIN_WORLD=17` plays one and tells everything that happens in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicU64, Ordering};

use serin_world::{Plot, play, prove};

/// Worlds played by default: less than a minute on two cores.
const WORLDS: u64 = 100;
/// Worlds without features that found a defect, and which.
const FOUND_PLAIN: [(u64, &str); 6] = [
    (4, "an undo without a router drained a version twice on one status"),
    (18, "a dynamic stable version shrank while no weight was recorded"),
    (88, "draining, with five versions"),
    (1014, "ready pods that were not yet available were drained first"),
    (303, "a dynamic stable version shrank by the recorded weight in the pass that took the weight back"),
    (145, "draining, while the new version had no ready pod"),
];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_world_keeps_the_rules_and_ends_as_its_twin_without_faults() {
    if let Some(one) = number("SERIN_WORLD") {
        let plot = Plot::draw(one);
        println!("{plot:#?}");
        let told = prove(&plot);
        if let Err(broken) = &told {
            println!("{}", broken.trace.join("\n"));
        }
        told.unwrap_or_else(|broken| panic!("world {one}:\n{broken}"));
        return;
    }
    let (worlds, first) =
        (number("SERIN_WORLDS").unwrap_or(WORLDS), number("SERIN_WORLDS_FROM").unwrap_or(0));
    let next = AtomicU64::new(first);
    let broken = parking_lot::Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if first + worlds <= number {
                        return;
                    }
                    if let Err(why) = prove(&Plot::draw(number)) {
                        println!("world {number}: {}", why.rules.join("\n"));
                        broken.lock().push((number, why));
                    }
                }
            });
        }
    });
    let mut broken = broken.into_inner();
    broken.sort_by_key(|(number, _)| *number);
    let numbers: Vec<u64> = broken.iter().map(|(number, _)| *number).collect();
    if let Some((number, why)) = broken.first() {
        panic!("worlds {numbers:?} are broken; the first, {number}:\n{why}");
    }
}

#[test]
fn worlds_that_found_a_defect_find_no_more() {
    for (number, defect) in FOUND_PLAIN {
        prove(&Plot::plain(number))
            .unwrap_or_else(|broken| panic!("world {number} again ({defect}):\n{broken}"));
    }
}

#[test]
fn a_world_is_a_function_of_its_number() {
    for number in 3..9 {
        let plot = Plot::draw(number);
        let (first, second) = (play(&plot), play(&plot));
        let trace = |told: Result<serin_world::Ending, serin_world::Broken>| match told {
            Ok(ending) => ending.trace,
            Err(broken) => broken.trace,
        };
        let (first, second) = (trace(first), trace(second));
        for (one, other) in first.iter().zip(&second) {
            assert_eq!(one, other, "world {number}");
        }
        assert_eq!(first.len(), second.len(), "world {number}");
    }
}
